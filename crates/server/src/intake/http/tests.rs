//! Tests of the routes, without a socket.
use super::*;
use crate::intake::testing::Memory;
use axum::body::Body as Raw;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW_S: u64 = 1_614_265_330;

struct OneSecret;

impl Secrets for OneSecret {
    fn of(&self, source: &str) -> Vec<Secret> {
        if source == "signed" { vec![Secret::parse(SECRET).unwrap()] } else { Vec::new() }
    }
}

struct Server {
    sink: Arc<Memory>,
    routes: Router,
}

impl Server {
    fn new(sink: Memory) -> Self {
        let sink = Arc::new(sink);
        let intake = Intake {
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            limits: Limits { packed_bytes_max: 1 << 20, ..Limits::default() },
            now_ms: Arc::new(|| NOW_S * 1000),
            secrets: Arc::new(OneSecret),
            deliveries: Arc::new(webhook::Window::new(10)),
        };
        Self { sink, routes: routes(intake) }
    }

    async fn send(&self, request: Request<Raw>) -> (StatusCode, HeaderMap, Value) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Posts as a caller that is known.
    async fn post(&self, path: &str, body: impl Into<Raw>) -> (StatusCode, HeaderMap, Value) {
        self.send(by(Request::post(path), None).body(body.into()).unwrap()).await
    }
}

fn by(request: axum::http::request::Builder, source: Option<&str>) -> axum::http::request::Builder {
    request.extension(Caller { name: "tests".into(), source: source.map(str::to_owned) })
}

#[tokio::test]
async fn one_object_gets_one_answer() {
    let server = Server::new(Memory::default());
    let (status, _, body) = server.post("/v1/alerts/okta", "{\"a\":1}\n").await;
    assert_eq!((status, &body["known"], &body["decision"]), (StatusCode::OK, &json!(false), &json!("d0")));
    let (status, _, body) = server.post("/v1/alerts/okta", "{\"a\":1}").await;
    assert_eq!((status, &body["known"], &body["decision"]), (StatusCode::OK, &json!(true), &json!("d0")));
    let (source, sender, record) = &server.sink.taken()[0];
    assert_eq!((source.as_deref(), sender.as_str(), record.bytes.as_ref()), (Some("okta"), "tests", &b"{\"a\":1}"[..]));
    let (status, _, body) = server.post("/v1/alerts", "{\"a\":").await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("broken-json")));
}

#[tokio::test]
async fn several_records_get_an_answer_each() {
    let server = Server::new(Memory::default());
    server.post("/v1/alerts", "{\"a\":1}").await;
    let (status, _, body) = server.post("/v1/alerts", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n").await;
    assert_eq!(status, StatusCode::OK);
    let counts = ["accepted", "known", "failed", "refused"].map(|name| body[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 0]);
    assert_eq!((&body["items"][0]["known"], &body["items"][2]["decision"]), (&json!(true), &json!("d1")));
    assert_eq!((&body["items"][1]["failed"]["line"], &body["items"][1]["failed"]["code"]), (&json!(2), &json!("broken-json")));
    let (_, _, body) = server.post("/v1/alerts", "[{\"a\":4}]").await;
    assert_eq!(body["accepted"], 1, "a list is answered with a list");
    assert_eq!(server.sink.faults().len(), 1, "what is broken is kept as a problem");
}

#[tokio::test]
async fn over_capacity_says_when_to_come_again() {
    let server = Server::new(Memory::refusing(2));
    for body in ["{\"a\":1}", "[{\"a\":1},{\"a\":2}]"] {
        let (status, headers, _) = server.post("/v1/alerts", body).await;
        assert_eq!((status, headers["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "1"));
    }
    assert_eq!(server.post("/v1/alerts", "{\"a\":1}").await.0, StatusCode::OK);
}

#[tokio::test]
async fn nobody_gets_in_without_a_caller() {
    let server = Server::new(Memory::default());
    let routes = [
        "/v1/alerts",
        "/v1/alerts/okta",
        "/v1/alertmanager",
        "/v1/alertmanager/x",
        "/services/collector",
        "/services/collector/event",
        "/services/collector/raw",
        "/services/collector/ack",
        "/_bulk",
        "/a/_bulk",
        "/a/_doc",
        "/a/_doc/1",
        "/a/_create/1",
    ];
    for path in routes {
        let (status, _, body) = server.send(Request::post(path).body(Raw::from("{\"event\":1}")).unwrap()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {body}");
    }
    assert_eq!(server.send(Request::get("/").body(Raw::empty()).unwrap()).await.0, StatusCode::UNAUTHORIZED);
    assert!(server.sink.taken().is_empty());
}

#[tokio::test]
async fn a_bound_caller_sends_as_its_source_only() {
    let server = Server::new(Memory::default());
    let request = |path| by(Request::post(path), Some("okta")).body(Raw::from("{\"a\":1}")).unwrap();
    assert_eq!(server.send(request("/v1/alerts/github")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(server.send(request("/v1/alerts")).await.0, StatusCode::OK);
    assert_eq!(server.sink.taken()[0].0.as_deref(), Some("okta"));
}

#[tokio::test]
async fn a_signed_delivery_needs_no_caller_and_counts_once() {
    let server = Server::new(Memory::refusing(1));
    let signature = Secret::parse(SECRET).unwrap().sign("msg_1", &NOW_S.to_string(), b"{\"a\":1}");
    let request = |path: &str, body: &'static str| {
        let request = Request::post(path).header("webhook-id", "msg_1").header("webhook-timestamp", NOW_S);
        request.header("webhook-signature", &signature).body(Raw::from(body)).unwrap()
    };
    assert_eq!(server.send(request("/v1/alerts/other", "{\"a\":1}")).await.0, StatusCode::UNAUTHORIZED, "no secret");
    assert_eq!(server.send(request("/v1/alerts", "{\"a\":1}")).await.0, StatusCode::UNAUTHORIZED, "no source");
    assert_eq!(server.send(request("/v1/alerts/signed", "{\"a\":2}")).await.0, StatusCode::UNAUTHORIZED, "another body");
    assert_eq!(server.send(request("/v1/alerts/signed", "{\"a\":1}")).await.0, StatusCode::TOO_MANY_REQUESTS);
    let (status, _, body) = server.send(request("/v1/alerts/signed", "{\"a\":1}")).await;
    assert_eq!((status, &body["known"]), (StatusCode::OK, &json!(false)), "a retry after a refusal is no repetition");
    let (status, _, body) = server.send(request("/v1/alerts/signed", "{\"a\":1}")).await;
    assert_eq!((status, &body["known"]), (StatusCode::OK, &json!(true)));
    assert_eq!(server.sink.taken().len(), 1);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let server = Server::new(Memory::default());
    for path in ["/v1/alerts", "/_bulk", "/v1/alertmanager"] {
        let (status, _, _) = server.post(path, vec![b' '; (1 << 20) + 1]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    let request = by(Request::post("/v1/alerts"), None).header("content-encoding", "br").body(Raw::from("x")).unwrap();
    assert_eq!(server.send(request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn long_and_packed_bodies_are_cut_too() {
    let server = Server::new(Memory::default());
    let lines: String = (0..20_000).map(|number| format!("{{\"a\":{number}}}\n")).collect();
    let packed = zstd::stream::encode_all(lines.as_bytes(), 3).unwrap();
    let request = by(Request::post("/v1/alerts"), None).header("content-encoding", "zstd").body(Raw::from(packed)).unwrap();
    assert_eq!(server.send(request).await.2["accepted"], 20_000);
    assert_eq!(server.post("/v1/alerts", lines).await.2["known"], 20_000);
}

#[tokio::test]
async fn the_event_collector_answers_as_documented() {
    let server = Server::new(Memory::refusing(1));
    let event = r#"{"event":{"a":1},"host":"h"}{"event":"text"}"#;
    let (status, _, body) = server.post("/services/collector/event", event).await;
    assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, json!({ "text": "Server is busy", "code": 9 })));
    let (status, _, body) = server.post("/services/collector", event).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "text": "Success", "code": 0 })));
    assert_eq!(server.sink.texts(), ["{\"a\":1}", "text"]);
    let (_, _, body) = server.post("/services/collector/raw?sourcetype=x", "line").await;
    assert_eq!(body["code"], 0);
    assert_eq!(server.sink.taken()[2].2.hints.as_deref().unwrap().kind.as_deref(), Some("x"));
    let (status, _, body) = server.post("/services/collector?token=abc", event).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!(16)));
    assert_eq!(server.post("/services/collector/ack", "{}").await.2["code"], 14);
    let health = Request::get("/services/collector/health").body(Raw::empty()).unwrap();
    assert_eq!(server.send(health).await.2["code"], 17);
    let request = Request::post("/services/collector").header("authorization", "Splunk unknown").body(Raw::empty()).unwrap();
    assert_eq!(server.send(request).await.2["code"], 4);
}

#[tokio::test]
async fn elastic_clients_are_welcome() {
    let server = Server::new(Memory::default());
    for method in ["GET", "HEAD"] {
        let (status, headers, body) =
            server.send(by(Request::builder().method(method).uri("/"), None).body(Raw::empty()).unwrap()).await;
        assert_eq!((status, headers["x-elastic-product"].to_str().unwrap()), (StatusCode::OK, "Elasticsearch"));
        assert!(method == "HEAD" || body["version"]["number"].as_str().unwrap().starts_with("8."));
    }
    let lines = "{\"create\":{\"_id\":\"1\"}}\n{\"a\":1}\n{\"delete\":{\"_id\":\"2\"}}\n";
    let (status, headers, body) = server.post("/okta/_bulk", lines).await;
    assert_eq!((status, headers["x-elastic-product"].to_str().unwrap()), (StatusCode::OK, "Elasticsearch"));
    assert_eq!((&body["items"][0]["create"]["status"], &body["items"][1]["delete"]["status"]), (&json!(201), &json!(400)));
    assert_eq!(server.post("/okta/_bulk", lines).await.2["items"][0]["create"]["status"], 200);
    assert_eq!(server.post("/_bulk", "nonsense\n").await.0, StatusCode::BAD_REQUEST);
    let (status, _, body) = server.post("/okta/_doc/7", "{\"b\":1}").await;
    assert_eq!((status, &body["_id"]), (StatusCode::CREATED, &json!("7")));
}

#[tokio::test]
async fn notifications_are_taken_apart() {
    let server = Server::new(Memory::refusing(1));
    let body = r#"{"version":"4","receiver":"r","alerts":[{"status":"firing"},{"status":"resolved"}]}"#;
    assert_eq!(server.post("/v1/alertmanager", body).await.0, StatusCode::SERVICE_UNAVAILABLE, "it sends again after 5xx only");
    let (status, _, answer) = server.post("/v1/alertmanager", body).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(2)));
    assert_eq!(server.sink.taken()[0].0.as_deref(), Some("alertmanager"));
    assert_eq!(server.post("/v1/alertmanager", "{}").await.0, StatusCode::BAD_REQUEST);
}
