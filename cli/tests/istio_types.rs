//! Manifests for Istio go through Istio's own types and come back whole.
use istio_api_rs as _;
use k8s_openapi as _;
