//! Certificates of clients, and a listener that asks for them.
//!
//! Invariant: an authority signs for one test and is forgotten with it; nothing is written to a disk.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The server's name.
const SERVER: &str = "harness.test";

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a client shows, with its key, and whom it trusts.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<ClientConfig>);

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "harness");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn sign(&self, name: &str) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.0)?, key))
    }

    /// A certificate of the client with this name.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn client(&self, name: &str) -> anyhow::Result<Certificate> {
        let (certificate, key) = self.sign(name)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone())?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config =
            ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key)?;
        Ok(Certificate(Arc::new(config)))
    }

    /// Envoy's transport socket that asks every client for a certificate of this authority.
    ///
    /// # Errors
    /// If the server's own cannot be made.
    pub fn socket(&self) -> anyhow::Result<Value> {
        let (certificate, key) = self.sign(SERVER)?;
        let inline = |text: String| json!({ "inline_string": text });
        Ok(json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": true,
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": inline(certificate.pem()),
                        "private_key": inline(key.serialize_pem()),
                    }],
                    "validation_context": { "trusted_ca": inline(self.0.pem()) },
                },
            },
        }))
    }
}

impl Certificate {
    pub(crate) fn configuration(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    pub(crate) fn server_name() -> anyhow::Result<ServerName<'static>> {
        Ok(ServerName::try_from(SERVER)?)
    }
}
