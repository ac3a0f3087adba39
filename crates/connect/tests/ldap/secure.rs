//! Encrypted connections, and servers whose certificate nobody vouches for.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority's certificate, and a server's certificate and key, as PEM.
fn certificates() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), server.pem(), key.serialize_pem())
}

#[test]
fn a_server_is_believed_only_with_a_certificate_that_somebody_vouches_for() {
    let (authority, certificate, key) = certificates();
    let Some(server) = Slapd::with_tls(&certificate, &key) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (dir.path().join("ours.pem"), dir.path().join("other.pem"));
    std::fs::write(&ours, authority).unwrap();
    std::fs::write(&other, certificates().0).unwrap();
    let (plain, tls) = server.ports.unwrap();
    let ways = [
        (format!("ldaps://localhost:{tls}"), ""),
        (format!("ldaps://127.0.0.1:{tls}"), ""),
        (format!("ldap://localhost:{plain}"), "starttls = true"),
    ];
    for (url, more) in ways {
        let trusting = |file: &std::path::Path| connector(&url, "hand", &format!("{more}\nca_file = '{}'", file.display()));
        assert_eq!(one(&trusting(&ours), EntityKind::User, "ana").target.name, "ana", "{url}");
        for refused in [trusting(&other), connector(&url, "hand", more)] {
            let refused = refused.lookup(EntityKind::User, "ana");
            assert!(matches!(&refused, Err(CallError::Permanent(says)) if says.contains("certificate")), "{url}: {refused:?}");
        }
    }
    let missing = Settings { ca_file: Some(dir.path().join("none.pem")), ..settings("ldaps://localhost", "hand", "") };
    assert!(Ldap::new(missing, Secret::new("x".into())).is_err());
}
