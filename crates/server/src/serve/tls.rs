//! Certificates: read from files, changed when the files change, kept when the new ones are bad.

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The largest file that can be a certificate chain or a key.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate or its key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {reason}; see its owner and mode")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file holds no certificate.
    #[error("`{0}` holds no certificate in PEM form")]
    NoCertificate(PathBuf),
    /// The file holds no key.
    #[error("`{0}` holds no private key in PEM form")]
    NoKey(PathBuf),
    /// They do not belong together, or the key is of a kind that is not supported.
    #[error("the key in `{key}` does not fit the certificate in `{certificate}`: {reason}")]
    NoPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A certificate and its key, as they are in their files.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

struct Current {
    pair: Arc<CertifiedKey>,
    /// What was read, to see a change; of the key only its digest stays.
    seen: [adjutant_model::Digest; 2],
    fault: Option<BadCertificate>,
}

impl Certificates {
    /// Reads certificate chain and key, both PEM.
    ///
    /// # Errors
    /// They cannot be read or do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Arc<Self>, BadCertificate> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (pair, seen) = read_pair(certificate, key, &provider, None)?.ok_or_else(|| no_pair(certificate, key, "empty"))?;
        let current = RwLock::new(Current { pair, seen, fault: None });
        Ok(Arc::new(Self { certificate: certificate.into(), key: key.into(), provider, current }))
    }

    /// Reads the files again if they changed; whether a new pair is in use. A bad one changes nothing but
    /// [`fault`](Self::fault).
    pub fn reload(&self) -> bool {
        let seen = self.current.read().unwrap_or_else(PoisonError::into_inner).seen;
        let read = read_pair(&self.certificate, &self.key, &self.provider, Some(&seen));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(Some((pair, seen))) => {
                *current = Current { pair, seen, fault: None };
                true
            }
            Ok(None) => {
                current.fault = None;
                false
            }
            Err(fault) => {
                current.fault = Some(fault);
                false
            }
        }
    }

    /// What is wrong with the files as they are now, while an older pair is in use.
    pub fn fault(&self) -> Option<BadCertificate> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// TLS 1.2 and 1.3 with this certificate, whichever it is at the time of the handshake.
    ///
    /// # Errors
    /// The library was built without these versions.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider)).with_safe_default_protocol_versions()?;
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({})", self.certificate.display())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).pair))
    }
}

type Read = (Arc<CertifiedKey>, [adjutant_model::Digest; 2]);

/// The pair in the files, unless they are as they were `seen`.
fn read_pair(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
    seen: Option<&[adjutant_model::Digest; 2]>,
) -> Result<Option<Read>, BadCertificate> {
    let (chain, secret) = (read_file(certificate)?, zeroize::Zeroizing::new(read_file(key)?));
    let digests = [adjutant_model::Digest::of(&chain), adjutant_model::Digest::of(&secret)];
    if seen == Some(&digests) {
        return Ok(None);
    }
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| BadCertificate::NoCertificate(certificate.into()))?;
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| BadCertificate::NoKey(key.into()))?;
    let pair = CertifiedKey::from_der(chain, secret, provider);
    let pair = pair.map_err(|error| no_pair(certificate, key, &error.to_string()))?;
    Ok(Some((Arc::new(pair), digests)))
}

fn no_pair(certificate: &Path, key: &Path, reason: &str) -> BadCertificate {
    BadCertificate::NoPair { certificate: certificate.into(), key: key.into(), reason: reason.to_owned() }
}

fn read_file(path: &Path) -> Result<Vec<u8>, BadCertificate> {
    let unreadable = |reason: String| BadCertificate::Unreadable { path: path.into(), reason };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn new_files_are_used_and_bad_ones_are_reported_and_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        let put = |(chain, secret): (String, String)| {
            fs::write(&certificate, chain).unwrap();
            fs::write(&key, secret).unwrap();
        };
        put(made());
        let certificates = Certificates::read(&certificate, &key).unwrap();
        let leaf = || certificates.current.read().unwrap().pair.cert[0].clone();
        let first = leaf();
        assert!(!certificates.reload());
        put(made());
        assert!(certificates.reload());
        let second = leaf();
        assert_ne!(first, second);
        fs::write(&key, made().1).unwrap();
        assert!(!certificates.reload());
        assert!(matches!(certificates.fault(), Some(BadCertificate::NoPair { .. })));
        fs::write(&certificate, "").unwrap();
        assert!(!certificates.reload());
        assert_eq!(certificates.fault(), Some(BadCertificate::NoCertificate(certificate.clone())));
        assert_eq!(leaf(), second);
        put(made());
        assert!(certificates.reload() && certificates.fault().is_none());
    }

    #[test]
    fn what_is_no_pair_is_refused_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        assert!(matches!(Certificates::read(&certificate, &key), Err(BadCertificate::Unreadable { .. })));
        fs::write(&certificate, made().0).unwrap();
        fs::write(&key, made().0).unwrap();
        assert_eq!(Certificates::read(&certificate, &key).err(), Some(BadCertificate::NoKey(key.clone())));
        fs::write(&key, vec![b'x'; FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(matches!(Certificates::read(&certificate, &key), Err(BadCertificate::Unreadable { .. })));
    }
}
