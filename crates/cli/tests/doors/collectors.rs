//! The doors that other products' senders know, and what they answer in the words of each.

use super::served::{Reply, Served};
use serde_json::{Value, json};

#[test]
fn the_event_collector_answers_as_documented() {
    let served = Served::start("");
    let splunk = format!("Splunk {}", served.source);
    let send = |path: &str, body: &str| served.ask("POST", path, &[("authorization", &splunk)], body.as_bytes());
    let event = r#"{"event":{"a":1},"host":"h"}{"event":"text"}"#;
    for path in ["/services/collector", "/services/collector/event", "/services/collector/event/1.0"] {
        let taken = send(path, event);
        assert_eq!((taken.status, taken.json()), (200, json!({ "text": "Success", "code": 0 })), "{path}");
    }
    assert_eq!(send("/services/collector/raw?sourcetype=x", "a line").json()["code"], 0);
    assert_eq!(send("/services/collector/raw/1.0?sourcetype=x", "a line").json()["code"], 0);
    let raw: Vec<String> = served.taken().into_iter().map(|taken| taken.raw).collect();
    assert_eq!(raw, ["{\"a\":1}", "text", "a line"], "what came again is known");

    let broken = send("/services/collector", r#"{"event":"before"}{"event":""}{"event":"after"}"#);
    assert_eq!((broken.status, &broken.json()["code"], &broken.json()["invalid-event-number"]), (400, &json!(13), &json!(1)));
    assert_eq!(served.decided(), 5, "its neighbours are kept");
    assert_eq!(send("/services/collector", "").json()["code"], 5);
    let in_url = send(&format!("/services/collector?token={}", served.source), event);
    assert_eq!((in_url.status, &in_url.json()["code"]), (400, &json!(16)));
    assert_eq!(send("/services/collector/ack", "{}").json()["code"], 14);
    for path in ["/services/collector/health", "/services/collector/health/1.0"] {
        let healthy = served.ask("GET", path, &[], b"");
        assert_eq!((healthy.status, &healthy.json()["code"]), (200, &json!(17)));
    }
    for wrong in [&[][..], &[("authorization", "Splunk unknown")], &[("authorization", splunk.trim_start_matches("Splunk "))]] {
        assert_eq!(served.ask("POST", "/services/collector", wrong, event.as_bytes()).status, 401);
    }
    assert_eq!(served.decided(), 5);
}

#[test]
fn the_same_text_at_another_time_or_from_another_host_is_another_event() {
    let served = Served::start("");
    let events = [
        r#"{"time":1772356447.1,"host":"web-1","event":"10 failed logins for root"}"#,
        r#"{"time":1772356999.2,"host":"web-1","event":"10 failed logins for root"}"#,
        r#"{"time":1772356999.2,"host":"web-2","event":"10 failed logins for root"}"#,
    ];
    for _ in 0..2 {
        assert_eq!(served.post("/services/collector", events.concat()).json()["code"], 0);
    }
    assert_eq!((served.decided(), served.metric(r#"adjutant_alerts_total{fate="known"}"#)), (3, 3));
}

/// What a decision says of a field, and where that came from.
fn field(record: &Value, name: &str) -> (Value, Value) {
    let fact = &record["fields"][name];
    (fact["value"].clone(), fact["from"].clone())
}

#[test]
fn what_stands_beside_an_event_fills_what_the_event_leaves_open() {
    let served = Served::start("");
    let events = [
        r#"{"time":1772356447.5,"host":"web-1","event":"10 failed logins for root"}"#,
        r#"{"time":"1772356447","host":"198.51.100.7","event":{"id":"a","title":"malware found"}}"#,
        r#"{"time":1772356447,"host":"web-1","event":{"id":"b","timestamp":"2026-03-01T10:00:00Z","host":"db-7"}}"#,
    ];
    // One after the other, since the graver would be decided first.
    events.iter().for_each(|event| assert_eq!(served.post("/services/collector", event).json()["code"], 0));
    assert_eq!(served.post("/services/collector/raw?host=web-2&time=1772356447", "a line").json()["code"], 0);
    let told = |record: &Value, name: &str| field(record, name).0;
    let records = served.records();
    let [text, open, stated, raw] = &records[..] else { panic!("{records:#?}") };
    assert_eq!(field(text, "alert.time"), (json!("2026-03-01T09:14:07.5Z"), json!("inferred")));
    assert_eq!(field(text, "host.name"), (json!("web-1"), json!("inferred")));
    assert_eq!((told(open, "host.ip"), told(open, "host.name")), (json!("198.51.100.7"), Value::Null));
    assert_eq!((told(stated, "host.name"), told(stated, "alert.time")), (json!("db-7"), json!("2026-03-01T10:00:00Z")));
    assert_eq!((told(raw, "host.name"), &raw["time"]), (json!("web-2"), &json!("2026-03-01T09:14:07Z")));
    assert!(records.iter().all(|record| record["problems"].as_array().unwrap().is_empty()), "{records:#?}");
}

#[test]
fn the_source_of_the_book_that_a_sender_names_reads_the_record() {
    let served = Served::start("");
    // By its content alone nobody would know it.
    let record = |id: &str| format!(r#"{{"uuid":"{id}","actor":{{"alternateId":"homer@corp.example"}}}}"#);
    let event = |kind: &str, event: &str| format!(r#"{{"sourcetype":"{kind}","event":{event}}}"#);
    let own = r#"{"eventType":"user.session.start","published":"2026-03-01T10:00:00Z","actor":{},"uuid":"e"}"#;
    let bound = format!("Splunk {}", served.token(r#"{"name":"gateway","role":"source","source":"gateway","days":1}"#));
    for sent in
        [event("okta", &record("a")), event("another", &record("b")), event("okta", "\"a line of text\""), event("another", own)]
    {
        assert_eq!(served.post("/services/collector", sent).json()["code"], 0);
    }
    let sent = event("okta", &record("c"));
    let taken = served.ask("POST", "/services/collector", &[("authorization", &bound)], sent.as_bytes());
    assert_eq!(taken.json()["code"], 0);
    assert_eq!(served.post("/okta/_bulk", format!("{{\"index\":{{}}}}\n{}\n", record("d"))).json()["errors"], false);
    let records = served.records();
    let sources: Vec<&str> = records.iter().map(|record| record["alert"]["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["okta", "generic", "text", "okta", "okta", "okta"]);
    for record in [&records[0], &records[4], &records[5]] {
        assert_eq!(field(record, "user.email"), (json!("homer@corp.example"), json!("actor.alternateId")));
    }
}

#[test]
fn whoever_speaks_to_elastic_is_welcome() {
    let served = Served::start("");
    let token = format!("Bearer {}", served.source);
    let ask = |method: &str, path: &str, body: &str| served.ask(method, path, &[("authorization", &token)], body.as_bytes());
    let is_elastic = |reply: &Reply| reply.header("x-elastic-product") == "Elasticsearch";
    for method in ["GET", "HEAD"] {
        let welcome = ask(method, "/", "");
        assert!(welcome.status == 200 && is_elastic(&welcome), "{method}");
        assert!(method == "HEAD" || welcome.json()["version"]["number"].as_str().unwrap().starts_with("8."));
    }
    let lines = "{\"create\":{\"_id\":\"1\"}}\n{\"a\":1}\n{\"delete\":{\"_id\":\"2\"}}\n{\"index\":{}}\n{\"b\":\n{\"index\":{}}\n{\"c\":1}\n";
    let told = ask("POST", "/okta/_bulk", lines);
    let answer = told.json();
    assert!(told.status == 200 && is_elastic(&told) && answer["errors"] == true, "{answer}");
    let statuses = |answer: &Value| -> Vec<u64> {
        let items = answer["items"].as_array().unwrap().iter();
        items.map(|item| item.as_object().unwrap().values().next().unwrap()["status"].as_u64().unwrap()).collect()
    };
    assert_eq!(statuses(&answer), [201, 400, 400, 201]);
    assert_eq!(statuses(&ask("PUT", "/okta/_bulk", lines).json()), [200, 400, 400, 200], "known documents are fine");
    assert_eq!(ask("POST", "/_bulk", "nonsense\n").status, 400);
    let one = ask("POST", "/okta/_doc/7", "{\"b\":1}");
    assert_eq!((one.status, &one.json()["_id"]), (201, &json!("7")));
    assert_eq!(ask("PUT", "/okta/_create/8", "{\"b\":2}").status, 201);
    assert_eq!(ask("PUT", "/okta/_doc/9", "{\"b\":").status, 400);
    let raw: Vec<String> = served.taken().into_iter().map(|taken| taken.raw).collect();
    assert_eq!(raw, ["{\"a\":1}", "{\"c\":1}", "{\"b\":1}", "{\"b\":2}"]);
}

#[test]
fn notifications_are_taken_apart() {
    let served = Served::start("");
    let body = r#"{"version":"4","receiver":"r","alerts":[{"status":"firing"},7,{"status":"resolved"}]}"#;
    let told = served.post("/v1/alertmanager", body);
    assert_eq!((told.status, told.json()), (200, json!({ "accepted": 2, "failed": 1 })));
    assert_eq!(served.post("/v1/alertmanager", body).json()["accepted"], 2, "the same again is known");
    let taken = served.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[1].raw, r#"{"alertmanager":{"version":"4","receiver":"r"},"alert":{"status":"resolved"}}"#);
    for bad in ["{}", r#"{"version":"3","alerts":[]}"#, ""] {
        assert_eq!(served.post("/v1/alertmanager", bad).status, 400, "{bad}");
    }
}

#[test]
fn nobody_gets_in_without_a_token() {
    let served = Served::start("");
    let routes = [
        "/v1/alerts",
        "/v1/alerts/okta",
        "/v1/webhooks/okta",
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
    let reader = format!("Bearer {}", served.lead);
    for path in routes {
        let refused = served.ask("POST", path, &[], b"{\"event\":1}");
        assert_eq!((refused.status, refused.header("content-type")), (401, "application/problem+json"), "{path}");
        if path != "/v1/webhooks/okta" {
            let reads_only = served.ask("POST", path, &[("authorization", &reader)], b"{\"event\":1}");
            assert_eq!(reads_only.status, 403, "{path}");
        }
    }
    assert_eq!(served.ask("GET", "/", &[], b"").status, 401);
    assert_eq!(served.decided(), 0);
}
