//! Our own intake: one alert, lines, a list, packed; tokens, signatures, limits.

use super::served::{Reply, Served};
use adjutant_server::gate::SigningKey;
use adjutant_server::secret::Secret;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn counts(answer: &Value) -> [u64; 4] {
    ["accepted", "known", "failed", "refused"].map(|name| answer[name].as_u64().unwrap())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Posts a packed body.
fn packed(served: &Served, encoding: &str, body: &[u8]) -> Reply {
    let token = format!("Bearer {}", served.source);
    served.ask("POST", "/v1/alerts", &[("authorization", &token), ("content-encoding", encoding)], body)
}

#[test]
fn one_alert_gets_one_answer_and_several_a_list() {
    let served = Served::start("");
    let first = served.post("/v1/alerts/generic", "{\"a\":1}\n");
    let answer = first.json();
    assert_eq!((first.status, &answer["known"]), (200, &json!(false)));
    let again = served.post("/v1/alerts/generic", "{\"a\":1}").json();
    assert_eq!((&again["known"], &again["decision"]), (&json!(true), &answer["decision"]));

    let body = "{\"a\":1}\n{\"a\":\n{\"a\":3}\n";
    let several = served.post("/v1/alerts/generic", body);
    let answer = several.json();
    assert_eq!((several.status, counts(&answer)), (200, [1, 1, 1, 0]));
    assert_eq!((&answer["items"][0]["known"], &answer["items"][2]["known"]), (&json!(true), &json!(false)));
    assert_eq!((&answer["items"][1]["line"], &answer["items"][1]["status"]), (&json!(2), &json!(400)));
    let list = served.post("/v1/alerts/generic", "[{\"a\":4}]").json();
    assert_eq!(counts(&list), [1, 0, 0, 0], "a list is answered with a list");
    let list = served.post("/v1/alerts/generic", " [{\"a\":5}, {\"a\":6}]").json();
    assert_eq!(counts(&list), [2, 0, 0, 0]);

    let raw: Vec<String> = served.taken().into_iter().map(|taken| taken.raw).collect();
    assert_eq!(raw, ["{\"a\":1}", "{\"a\":3}", "{\"a\":4}", "{\"a\":5}", "{\"a\":6}"], "neighbours of what is broken are kept");
}

#[test]
fn what_is_no_record_is_told_and_counted() {
    let served = Served::start("");
    for (body, failed) in [("{\"a\":", 1), ("", 2), ("{\"a\":]\n{\"b\":]\n", 4)] {
        let refused = served.post("/v1/alerts", body);
        assert_eq!(refused.status, 400, "{body}: {}", String::from_utf8_lossy(&refused.body));
        assert_eq!(
            served.metric(r#"adjutant_alerts_total{fate="failed"}"#),
            failed,
            "{}",
            String::from_utf8_lossy(&refused.body)
        );
    }
    assert_eq!(served.decided(), 0);
    let token = format!("Bearer {}", served.source);
    let several = [("authorization", token.as_str()), ("content-encoding", "gzip"), ("content-encoding", "gzip")];
    assert_eq!(served.ask("POST", "/v1/alerts", &several, b"{}").status, 415);
    assert_eq!(packed(&served, "br", b"{}").status, 415);
    assert_eq!(packed(&served, "gzip", b"{\"a\":1}").status, 400);
    assert_eq!(served.decided(), 0);
}

#[test]
fn packed_bodies_are_unpacked_within_their_limits() {
    let served = Served::start("[limits]\nbody_bytes_max = 1048576\n");
    let lines: String = (0..500).map(|number| format!("{{\"a\":{number}}}\n")).collect();
    let zstd = zstd::stream::encode_all(lines.as_bytes(), 3).unwrap();
    assert_eq!(counts(&packed(&served, "zstd", &zstd).json()), [500, 0, 0, 0]);
    assert_eq!(counts(&packed(&served, "gzip", &gzip(lines.as_bytes())).json()), [0, 500, 0, 0]);
    assert_eq!(counts(&served.post("/v1/alerts", gzip(lines.as_bytes())).json()), [0, 500, 0, 0], "known by its first bytes");
    assert_eq!(packed(&served, "gzip", &gzip(b"{\"a\":1}")).json()["known"], true, "one, packed, is still one");

    let blanks = gzip(&vec![b' '; 2 << 20]);
    let (token, large) = (format!("Bearer {}", served.source), vec![b' '; (1 << 20) + 1]);
    for path in ["/v1/alerts", "/services/collector/raw", "/_bulk", "/v1/alertmanager"] {
        let bomb = [("authorization", token.as_str()), ("content-encoding", "gzip")];
        assert_eq!(served.ask("POST", path, &bomb, &blanks).status, 413, "{path}");
        // It is refused before it is sent.
        let waits = [("authorization", token.as_str()), ("expect", "100-continue")];
        assert_eq!(served.ask("POST", path, &waits, &large).status, 413, "{path}");
    }
    assert_eq!(served.decided(), 500);
}

/// Sends `lines` until each was taken; how often some found no room.
fn sent_until_taken(served: &Served, mut waiting: Vec<String>) -> u32 {
    let mut refusals = 0;
    while !waiting.is_empty() {
        let told = served.post("/v1/alerts", format!("[{}]", waiting.join(",")));
        let answer = told.json();
        let items = answer["items"].as_array().unwrap();
        assert!(items.iter().all(|item| [200, 429].contains(&item["status"].as_u64().unwrap())), "{answer}");
        let is_full = items.iter().any(|item| item["status"] == 429);
        assert_eq!((told.status, told.header("retry-after")), if is_full { (429, "1") } else { (200, "") });
        refusals += u32::from(is_full);
        let mut items = items.iter();
        waiting.retain(|_| items.next().unwrap()["status"] == 429);
    }
    refusals
}

#[test]
fn over_capacity_says_when_to_come_again_and_loses_nothing() {
    const SENDERS: usize = 8;
    let served = Served::start("[limits]\nqueue_alerts_max = 1\n");
    let mut lines: Vec<String> = (0..SENDERS * 20).map(|number| format!("{{\"a\":{number}}}")).collect();
    let refusals: u32 = std::thread::scope(|scope| {
        let sent = |part: &[String]| {
            scope.spawn({
                let (served, part) = (&served, part.to_vec());
                move || sent_until_taken(served, part)
            })
        };
        let senders: Vec<_> = lines.chunks(20).map(sent).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert!(refusals > 0, "{SENDERS} senders at once found room for one each time");
    let mut raw: Vec<String> = served.taken().into_iter().map(|taken| taken.raw).collect();
    raw.sort();
    lines.sort();
    assert_eq!(raw, lines);
}

#[test]
fn who_repeats_a_request_larger_than_the_queue_gets_to_the_end() {
    const WAIT_MAX: usize = 8;
    const REPEATS_MAX: usize = 20;
    let served = Served::start(&format!("[limits]\nqueue_alerts_max = {WAIT_MAX}\n"));
    let many = |door: &str, form: fn(&str) -> String, between: &str| {
        let records = (0..3 * WAIT_MAX).map(|number| form(&format!("{{\"{door}\":{number}}}")));
        records.collect::<Vec<_>>().join(between)
    };
    let plain: fn(&str) -> String = str::to_owned;
    let requests = [
        ("/v1/alerts", many("lines", plain, "\n")),
        ("/v1/alerts", format!("[{}]", many("array", plain, ","))),
        ("/services/collector", many("events", |record| format!("{{\"event\":{record}}}"), "")),
        ("/_bulk", many("bulk", |record| format!("{{\"index\":{{}}}}\n{record}\n"), "")),
        ("/v1/alertmanager", format!(r#"{{"version":"4","alerts":[{}]}}"#, many("group", plain, ","))),
    ];
    for (nth, (path, body)) in requests.iter().enumerate() {
        let all = |told: &Reply| told.status == 200 && told.json()["errors"] != true;
        assert!((0..REPEATS_MAX).any(|_| all(&served.post(path, body))), "{path}");
        assert_eq!(served.decided(), (3 * WAIT_MAX * (nth + 1)) as u64, "{path}");
    }
}

#[test]
fn a_token_of_one_source_sends_as_that_source_only() {
    let served = Served::start("");
    let bound = format!("Bearer {}", served.token(r#"{"name":"okta","role":"source","source":"okta","days":1}"#));
    let send = |path: &str, body: &str| served.ask("POST", path, &[("authorization", &bound)], body.as_bytes());
    for path in ["/v1/alerts/github", "/v1/alertmanager", "/v1/alertmanager/github"] {
        assert_eq!(send(path, "{\"a\":1}").status, 403, "{path}");
    }
    assert_eq!(served.decided(), 0);
    assert_eq!(send("/v1/alerts/okta", "{\"a\":1}").status, 200);
    assert_eq!(send("/v1/alerts", "{\"a\":1}").json()["known"], true, "it is bound to it even when it does not say so");
    assert_eq!(served.taken()[0].sender, "okta");
}

fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the service compares the time of a signature with the clock on the wall")]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn a_signed_delivery_needs_no_token_and_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let served = Served::start(&format!("[[webhooks]]\nsource = \"signed\"\nsecret = {{ file = {file:?} }}\n"));
    let key = SigningKey::read(&Secret::new(KEY.into())).unwrap();
    let send = |source: &str, (id, seconds): (&str, i64), signature: &str, body: &str| {
        let seconds = seconds.to_string();
        let headers = [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", signature)];
        served.ask("POST", &format!("/v1/webhooks/{source}"), &headers, body.as_bytes())
    };
    let (body, now) = ("{\"a\":1}", now());
    let good = key.sign("msg_1", now, body.as_bytes());
    assert_eq!(send("other", ("msg_1", now), &good, body).status, 401, "no such source");
    assert_eq!(send("signed", ("msg_1", now), &good, "{\"a\":2}").status, 401, "another body");
    assert_eq!(send("signed", ("msg_2", now), &good, body).status, 401, "another id");
    assert_eq!(send("signed", ("msg_1", now), "v1,AAAA", body).status, 401, "forged");
    let old = now - 3_600;
    assert_eq!(send("signed", ("msg_1", old), &key.sign("msg_1", old, body.as_bytes()), body).status, 401, "expired");
    assert_eq!(served.decided(), 0);
    let taken = send("signed", ("msg_1", now), &good, body);
    assert_eq!((taken.status, &taken.json()["known"]), (200, &json!(false)));
    let replayed = send("signed", ("msg_1", now), &good, body);
    assert_eq!((replayed.status, &replayed.json()["known"]), (200, &json!(true)));
    assert_eq!((served.decided(), served.taken()[0].sender.as_str()), (1, "signed"));
}
