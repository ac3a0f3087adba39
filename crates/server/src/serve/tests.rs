//! Real sockets: what a client sees of bounds, TLS and stopping.

use super::*;
use crate::gate::fixture::World;
use crate::gate::{Endpoint, Open, Routes};
use rustls_pki_types::{CertificateDer, ServerName};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct Site {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
    release: Arc<Notify>,
    entered: Arc<Notify>,
}

impl Site {
    async fn new(certificates: Option<Arc<Certificates>>, bounds: Bounds) -> Self {
        let (release, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (waits, enters) = (Arc::clone(&release), Arc::clone(&entered));
        let held = async move || {
            enters.notify_one();
            waits.notified().await;
            "released"
        };
        let doors = Routes::<()>::new(World::new().gate)
            .add(Endpoint::get("/held", Open), held)
            .add(Endpoint::get("/peer", Open), async |peer: Peer| peer.address().to_string())
            .finish(());
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), certificates, bounds).await.unwrap();
        let (address, (stop, stopped)) = (listener.address(), oneshot::channel());
        let served = tokio::spawn(listener.serve(doors, async { drop(stopped.await) }));
        Self { address, stop, served, release, entered }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks until it is answered: room is made when the service has seen a close; until then it refuses.
    async fn has_room(&self) {
        let answered = async {
            loop {
                let mut stream = self.connect().await;
                let _ = stream.write_all(get("/peer").as_bytes()).await;
                if read_until(&mut stream, "127.0.0.1").await.contains(" 200 ") {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap();
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// Reads until the peer closes, or until what was read ends with `end`.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.ends_with(end) {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&bytes[..count])),
        }
    }
    text
}

#[tokio::test]
async fn a_request_is_answered_and_knows_its_peer() {
    let site = Site::new(None, Bounds::default()).await;
    let mut stream = site.connect().await;
    for _ in 0..2 {
        stream.write_all(get("/peer").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "127.0.0.1").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-content-type-options: nosniff"), "{answer}");
        assert!(!answer.contains("strict-transport-security"));
    }
}

#[tokio::test]
async fn an_open_request_ends_before_the_service_does() {
    let site = Site::new(None, Bounds::default()).await;
    let mut idle = site.connect().await;
    let mut stream = site.connect().await;
    stream.write_all(get("/held").as_bytes()).await.unwrap();
    site.entered.notified().await;
    site.stop.send(()).unwrap();
    assert_eq!(read_until(&mut idle, "\0").await, "", "who asks nothing is let go at once");
    assert!(TcpStream::connect(site.address).await.is_err(), "and nobody new comes in");
    site.release.notify_one();
    assert!(read_until(&mut stream, "released").await.ends_with("released"));
    assert_eq!(site.served.await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn too_many_and_too_long_headers_are_refused() {
    let site = Site::new(None, Bounds::default()).await;
    let many: String = (0..=HEADERS_MAX).map(|nth| format!("x-{nth}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "x".repeat(HEAD_BYTES_MAX));
    for headers in [many, long] {
        let mut stream = site.connect().await;
        let request = format!("GET /peer HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        // The service may refuse and close before it has read all.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = read_until(&mut stream, "\0").await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_only() {
    let site = Site::new(None, Bounds::default()).await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        let mut stream = site.connect().await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(!read_until(&mut stream, "\0").await.contains(" 200 "));
    }
    let mut stream = site.connect().await;
    stream.write_all(get("/peer").as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "127.0.0.1").await.contains(" 200 "));
}

#[tokio::test]
async fn one_address_holds_so_many_connections_and_no_more() {
    let site = Site::new(None, Bounds { connections_max: 10, per_address_max: 2 }).await;
    let (mut one, mut two) = (site.connect().await, site.connect().await);
    for stream in [&mut one, &mut two] {
        stream.write_all(get("/peer").as_bytes()).await.unwrap();
        assert!(read_until(stream, "127.0.0.1").await.contains(" 200 "));
    }
    let mut three = site.connect().await;
    assert_eq!(read_until(&mut three, "\0").await, "");
    drop(one);
    site.has_room().await;
}

#[tokio::test]
async fn whoever_is_gone_while_a_request_is_in_hand_makes_room() {
    let site = Site::new(None, Bounds { connections_max: 10, per_address_max: 1 }).await;
    let mut stream = site.connect().await;
    stream.write_all(get("/held").as_bytes()).await.unwrap();
    site.entered.notified().await;
    drop(stream);
    site.has_room().await;
}

#[tokio::test]
async fn over_all_bounds_the_next_waits_its_turn() {
    let site = Site::new(None, Bounds { connections_max: 1, per_address_max: 10 }).await;
    let mut one = site.connect().await;
    one.write_all(get("/held").as_bytes()).await.unwrap();
    site.entered.notified().await;
    let mut two = site.connect().await;
    two.write_all(get("/peer").as_bytes()).await.unwrap();
    let answered = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&answered);
    let waiting = tokio::spawn(async move {
        let answer = read_until(&mut two, "127.0.0.1").await;
        seen.store(true, Ordering::SeqCst);
        answer
    });
    site.release.notify_one();
    assert!(read_until(&mut one, "released").await.contains(" 200 "));
    assert!(!answered.load(Ordering::SeqCst));
    drop(one);
    assert!(waiting.await.unwrap().contains(" 200 "));
}

/// A clock that stands still but for what the test lets pass, over a stream in memory.
#[tokio::test(start_paused = true)]
async fn who_sends_a_head_byte_by_byte_is_cut_off() {
    let doors = Routes::<()>::new(World::new().gate).add(Endpoint::get("/", Open), async || "").finish(());
    let room = Room::new(Bounds::default());
    let place = room.place(IpAddr::from([127, 0, 0, 1]), Arc::clone(&room.all).try_acquire_owned().unwrap()).unwrap();
    let graceful = GracefulShutdown::new();
    let peer = "127.0.0.1:1".parse().unwrap();
    let connection = Connection { doors, peer, watcher: graceful.watcher(), _place: place };
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let served = tokio::spawn(connection.serve(ours));
    let begun = tokio::time::Instant::now();
    let mut sent = 0;
    for byte in get("/").repeat(10).bytes().filter(|byte| *byte != b'\n') {
        if theirs.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    served.await.unwrap();
    assert!(begun.elapsed() <= HEAD_WAIT * 2, "{sent} bytes");
    assert!(room.held.lock().unwrap().is_empty(), "the place is free again");
}

#[tokio::test]
async fn tls_serves_with_a_certificate_and_nothing_without() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let site = Site::new(Some(Certificates::read(&certificate, &key).unwrap()), Bounds::default()).await;

    let mut stream = connect_tls(&site, made.cert.der()).await.unwrap();
    stream.write_all(get("/peer").as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "127.0.0.1").await;
    assert!(answer.contains(" 200 ") && answer.contains("strict-transport-security: max-age"), "{answer}");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));

    let mut plain = site.connect().await;
    plain.write_all(get("/peer").as_bytes()).await.unwrap();
    assert!(!read_until(&mut plain, "\0").await.contains("HTTP/1.1"));

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    assert!(connect_tls(&site, other.cert.der()).await.is_err(), "the client checks whose certificate it is");
}

async fn connect_tls(site: &Site, trusted: &CertificateDer<'static>) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), site.connect().await).await
}
