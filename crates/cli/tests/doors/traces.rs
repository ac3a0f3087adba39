//! Traces, as a collector gets them.

use super::served::Served;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// A collector on a port of this machine: its URL, and the bodies that it gets.
fn collector() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut len = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    len = text.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; len];
            stream.read_exact(&mut body).unwrap();
            let answer = ExportTraceServiceResponse::default().encode_to_vec();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.get_mut().write_all(&[head.as_bytes(), &answer].concat()).unwrap();
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

#[test]
fn a_request_belongs_to_its_callers_trace_and_says_nothing_of_its_content() {
    let (url, bodies) = collector();
    let served = Served::start(&format!("[traces]\nurl = {url:?}\nsampled_percent = 100\n"));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let token = format!("Bearer {}", served.source);
    let headers = [
        ("authorization", token.as_str()),
        ("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")),
        ("content-type", "application/json"),
    ];
    let sent = served.ask("POST", "/v1/alerts?secret-in-query", &headers, br#"{"message":"secret-in-alert"}"#);
    assert_eq!(sent.status, 200);
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    let wanted = |spans: &[Span], name: &str| spans.iter().any(|span| span.name == name);
    while !(wanted(&seen, "POST /v1/alerts") && wanted(&seen, "commit")) {
        let body = bodies.recv().unwrap();
        seen.extend(spans(&body));
        all.extend(body);
    }
    let of_trace: Vec<&Span> = seen.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    assert_eq!(of_trace.len(), 1);
    let span = of_trace[0];
    assert_eq!((span.name.as_str(), hex(&span.parent_span_id).as_str()), ("POST /v1/alerts", "00f067aa0ba902b7"));
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    for secret in ["secret-in-query", "secret-in-alert", served.source.as_str(), served.lead.as_str()] {
        assert!(!all.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
