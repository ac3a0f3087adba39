//! A connection that begins in the clear: nothing is said to a server that does not go over to TLS, and what anybody said before
//! that counts for nothing.

use super::*;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;

/// The kind of record that TLS begins with (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// A certificate for this machine with its key, and a file that vouches for it.
pub(crate) struct Vouched {
    _dir: tempfile::TempDir,
    pub(crate) file: PathBuf,
    pub(crate) pem: (String, String),
}

pub(crate) fn vouched() -> Vouched {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    Vouched { _dir: dir, file, pem: (made.cert.pem(), made.signing_key.serialize_pem()) }
}

/// A connector that goes over to TLS, and believes whom the file vouches for.
fn over_tls(port: u16, vouched: &Vouched, more: &str) -> Imap {
    let file = vouched.file.display();
    let mut settings = settings(port, &format!("ca_file = '{file}'\nallow = ['127.0.0.0/8']\nstarttls = true\n{more}"));
    settings.plaintext = false;
    Imap::new(settings, Secret::new(PASSWORD.to_owned()), None, Arc::new(|| Time(0))).unwrap()
}

/// Somebody between client and server, who passes everything on, and with the answer to STARTTLS also `adds`. With everything
/// that the client said in the clear.
pub(crate) fn between(server: u16, adds: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&heard);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let noted = Arc::clone(&noted);
            // Whoever is refused hangs up.
            std::thread::spawn(move || passes(client, server, adds, &noted).ok());
        }
    });
    (port, heard)
}

fn passes(client: TcpStream, server: u16, adds: &str, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server))?;
    let (mut from_client, mut from_server) = (BufReader::new(client.try_clone()?), BufReader::new(server.try_clone()?));
    let (mut to_client, mut to_server) = (client, server);
    let mut line = Vec::new();
    from_server.read_until(b'\n', &mut line)?;
    to_client.write_all(&line)?;
    loop {
        let mut asked = String::new();
        if from_client.read_line(&mut asked)? == 0 {
            return Ok(());
        }
        heard.lock().unwrap().push(asked.trim_end().to_owned());
        to_server.write_all(asked.as_bytes())?;
        let ends = |line: &[u8]| !line.starts_with(b"* ") && line.get(3) != Some(&b'-');
        loop {
            line.clear();
            from_server.read_until(b'\n', &mut line)?;
            if asked.contains("STARTTLS") && ends(&line) {
                line.extend_from_slice(adds.as_bytes());
            }
            to_client.write_all(&line)?;
            if line.is_empty() || ends(&line) {
                break;
            }
        }
        if asked.contains("STARTTLS") {
            break;
        }
    }
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    if from_client.fill_buf()?.first().is_some_and(|kind| *kind != HANDSHAKE) {
        heard.lock().unwrap().push("more in the clear".into());
    }
    std::io::copy(&mut from_client, &mut to_server).map(drop)
}

#[test]
fn what_begins_in_the_clear_goes_on_over_tls_before_anybody_logs_in() {
    let vouched = vouched();
    let Some(server) = wanted(Wanted { tls: Some(vouched.pem.clone()), ..Wanted::default() }) else { return };
    server.owner(ANA).unwrap().append("INBOX", "", DATE, &message("m1@evil.example", "x")).unwrap();
    let (port, heard) = between(server.port, "");
    let imap = over_tls(port, &vouched, "");
    assert_eq!(imap.lookup(EntityKind::Message, "m1@evil.example").unwrap().len(), 1);
    assert_eq!(*heard.lock().unwrap(), ["a1 STARTTLS"; 2], "nothing else is said in the clear, for each of two mailboxes");
    // Nobody whom somebody else vouches for.
    let stranger = over_tls(server.port, &self::vouched(), "");
    let refused = stranger.health();
    assert!(matches!(&refused, Err(CallError::Permanent(why)) if why.contains("certificate")), "{refused:?}");
}

#[test]
fn a_server_without_starttls_hears_nothing_else() {
    let (server, vouched) = (server!(), vouched());
    let (port, heard) = between(server.port, "");
    let refused = over_tls(port, &vouched, "").health();
    assert!(matches!(&refused, Err(CallError::Permanent(why)) if why.contains("no STARTTLS")), "{refused:?}");
    assert_eq!(*heard.lock().unwrap(), ["a1 STARTTLS"]);
}

#[test]
fn what_was_said_before_tls_counts_for_nothing() {
    let vouched = vouched();
    let Some(server) = wanted(Wanted { tls: Some(vouched.pem.clone()), ..Wanted::default() }) else { return };
    // As if the server had said under TLS that whoever logs in is in.
    for adds in ["a2 OK in\r\n", "* PREAUTH welcome\r\n", "+ \r\n", "x"] {
        let (port, heard) = between(server.port, adds);
        let refused = over_tls(port, &vouched, "").health();
        assert!(matches!(&refused, Err(CallError::Permanent(why)) if why.contains("before TLS")), "{adds:?}: {refused:?}");
        assert_eq!(*heard.lock().unwrap(), ["a1 STARTTLS"], "{adds:?}");
    }
}

#[test]
fn a_greeting_that_lets_everybody_in_is_no_way_around_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"* PREAUTH welcome\r\n").unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        said
    });
    assert!(over_tls(port, &vouched(), "").health().is_err());
    assert_eq!(said.join().unwrap(), b"");
}
