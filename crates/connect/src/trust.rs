//! Whom a server's certificate is believed from.

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::path::Path;
use std::sync::Arc;

/// The authorities cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the authorities in `{path}`: {reason}")]
pub(crate) struct NoTrust {
    /// Where they should be.
    pub(crate) path: String,
    /// Why not.
    pub(crate) reason: String,
}

/// The authorities of the PEM file, or those of the system where there is none.
pub(crate) fn trust(file: Option<&Path>) -> Result<Arc<ClientConfig>, NoTrust> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let fault = |reason: String| NoTrust { path: path.display().to_string(), reason };
            let found = CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| fault(error.to_string()))?;
                roots.add(certificate).map_err(|error| fault(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(fault("there is no certificate in it".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| NoTrust { path: "ring".to_owned(), reason: error.to_string() })?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
