//! HTTPS to a vendor inside: only when the settings allow its address, and only when somebody vouches for it.

use crate::{action, clock, settings, shipped, state};
use adjutant_connect::http::{Auth, HttpConnector, Names, Settings};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_model::Secret;
use rustls::pki_types::PrivateKeyDer;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A server that answers everything with one user; its certificate is for `host`.
fn start(host: &str, dir: &tempfile::TempDir) -> (SocketAddr, PathBuf) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let ca = dir.path().join(format!("{host}.pem"));
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok_and(|read| read > 0) {
                let body = r#"{"id": "00u1", "status": "ACTIVE"}"#;
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (address, ca)
}

/// Every name is this machine.
struct Here;

impl Names for Here {
    fn resolve(&self, _: &str, port: u16, _: Duration) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    }
}

fn probe(port: u16, change: impl FnOnce(&mut Settings)) -> Result<adjutant_model::act::State, CallError> {
    let base_url = format!("https://vendor.example:{port}");
    let mut settings = settings(&base_url, r#"{"kind": "bearer", "token": {"env": "X"}}"#, &[]);
    settings.plaintext = false;
    change(&mut settings);
    let auth = Auth::Bearer { token: Secret::new("token".to_owned()) };
    let okta = HttpConnector::with_names(shipped("okta"), &settings, auth, clock().0, Arc::new(Here)).unwrap();
    okta.probe(&action("disable-account", "00u1"))
}

#[test]
fn a_vendor_inside_is_called_when_it_is_allowed_and_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    let (address, ca) = start("vendor.example", &dir);
    let allow = || vec!["127.0.0.0/8".to_owned()];
    let read = probe(address.port(), |settings| (settings.allow, settings.ca) = (allow(), Some(ca.clone())));
    assert_eq!(read, Ok(state("status", "ACTIVE")));
    let told = probe(address.port(), |settings| settings.ca = Some(ca)).unwrap_err();
    assert!(matches!(&told, CallError::Permanent(why) if why.contains("this machine")), "{told}");
    let told = probe(address.port(), |settings| settings.allow = allow()).unwrap_err();
    assert!(matches!(told, CallError::Retry(_)), "nobody vouches for it: {told}");
}

#[test]
fn a_certificate_for_another_name_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let (address, ca) = start("other.example", &dir);
    let allow = vec!["127.0.0.0/8".to_owned()];
    let told = probe(address.port(), |settings| (settings.allow, settings.ca) = (allow, Some(ca))).unwrap_err();
    assert!(matches!(told, CallError::Retry(_)), "{told}");
}

#[test]
fn a_file_without_certificates_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let mut settings = settings("https://vendor.example", r#"{"kind": "bearer", "token": {"env": "X"}}"#, &[]);
    for (path, why) in [(empty, "it has no certificate in PEM"), (dir.path().join("none"), "No such file")] {
        settings.ca = Some(path);
        let auth = Auth::Bearer { token: Secret::new("token".to_owned()) };
        let fault = HttpConnector::new(shipped("okta"), &settings, auth, clock().0).err().unwrap().to_string();
        assert!(fault.contains(why), "{fault}");
    }
}
