//! Asks an Envoy's admin interface, read only.
