//! Syslog as it comes over each kind of socket, without any sender but this test.

use super::served::Served;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};

/// The listeners of a service that takes syslog in the clear.
pub(crate) const PLAIN: &str = r#"
[[syslog]]
protocol = "udp"
listen = "127.0.0.1:0"
source = "lines"

[[syslog]]
protocol = "tcp"
listen = "127.0.0.1:0"
source = "lines"
"#;

#[test]
fn datagrams_and_streams_arrive_as_they_were_sent() {
    let served = Served::start(PLAIN);
    let [udp, tcp] = served.syslog[..] else { panic!("{:?}", served.syslog) };
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to("<34>1 - - app - - - by datagram é\n".as_bytes(), udp).unwrap();
    served.until_decided(1, String::new);
    let mut stream = TcpStream::connect(tcp).unwrap();
    stream.write_all(b"<34>by line\n18 <34>counted\nin two30 <34>cut").unwrap();
    drop(stream);
    served.until_decided(3, String::new);
    let raw: Vec<String> = served.taken().into_iter().map(|taken| taken.raw).collect();
    assert_eq!(raw, ["<34>1 - - app - - - by datagram é", "<34>by line", "<34>counted\nin two"]);
    assert_eq!(served.taken()[0].sender, "127.0.0.1");
    Served::until("the truncated message", || served.metric(r#"adjutant_alerts_total{fate="failed"}"#) == 1);
}

#[test]
fn who_may_not_send_is_not_heard() {
    let foreign = PLAIN.replace("source = ", "senders = [\"192.0.2.0/24\"]\nsource = ");
    let served = Served::start(&foreign);
    let [udp, tcp] = served.syslog[..] else { panic!("{:?}", served.syslog) };
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"<34>by datagram", udp).unwrap();
    // It may be closed before anything is written.
    let _ = TcpStream::connect(tcp).unwrap().write_all(b"<34>by line\n");
    Served::until("a report of both", || served.metric(r#"adjutant_alerts_total{fate="failed"}"#) == 2);
    assert_eq!(served.decided(), 0);
}
