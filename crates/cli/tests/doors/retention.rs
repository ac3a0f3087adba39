//! Retention, with the clock that the system shows to the service (libfaketime, see [`super::clients`]): what was stored weeks
//! ago is removed when the service starts, the ledger still verifies, and whoever asks is told.

use super::clients::below;
use super::running::clients;
use super::served::{Reply, Served};
use super::webhook::grave;
use serde_json::{Value, json};

/// Alerts of the first day: more commits than are removed at a time.
const FIRST: usize = 1_200;

/// Runs the service so many days ago, in the environment that this gives.
fn days_ago(library: &str, days: u32) -> [(&'static str, String); 2] {
    [("LD_PRELOAD", library.to_owned()), ("FAKETIME", format!("-{days}d"))]
}

fn borrowed<'a>(environment: &'a [(&'static str, String); 2]) -> [(&'static str, &'a str); 2] {
    environment.each_ref().map(|(name, value)| (*name, value.as_str()))
}

#[track_caller]
fn taken(served: &Served, host: &str) -> Value {
    let answer = served.post("/v1/alerts", grave(host));
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn id<'v>(answer: &'v Value, name: &str) -> &'v str {
    answer[name].as_str().unwrap()
}

#[track_caller]
fn assert_gone(reply: &Reply) {
    let said = String::from_utf8_lossy(&reply.body);
    assert!(reply.status == 404 && said.contains("removed by retention"), "{} {said}", reply.status);
}

/// How many commits still have their entries, and how many their raw alerts.
fn stored(served: &Served) -> (i64, i64) {
    let db = rusqlite::Connection::open(served.path("data/adjutant.db")).unwrap();
    db.query_row("SELECT count(entries), count(alerts) FROM commits", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn what_retention_removes_is_gone_and_the_ledger_holds() {
    let Some(clients) = clients() else { return };
    let library = below(&clients.join("faketime/usr/lib"), "faketime").join("libfaketimeMT.so.1");
    let library = library.to_str().unwrap();
    let config = "[retention]\nraw_days = 7\ndecisions_days = 14\n[commit]\nwait_ms_max = 0\nalerts_max = 1\n";
    let weeks = days_ago(library, 20);
    let mut served = Served::start_at(tempfile::tempdir().unwrap(), config, &borrowed(&weeks));
    let old = taken(&served, "old");
    let records: Vec<String> = (0..FIRST).map(|n| json!({ "id": n, "severity": "low", "host": "many" }).to_string()).collect();
    assert_eq!(served.post("/v1/alerts", records.join("\n")).status, 200);
    served.stop();
    served.start_again(&borrowed(&days_ago(library, 10)));
    let middle = taken(&served, "middle");
    served.stop();
    served.says(&["audit", "verify"]);
    let before = stored(&served);
    assert!(before.0 > FIRST as i64 && before.1 <= 2, "decisions are kept longer than raw alerts: {before:?}");
    served.start_again(&[]);
    let new = taken(&served, "new");
    Served::until("the removal of all", || stored(&served).0 < before.0 - FIRST as i64);
    asked(&served, &old, &middle, &new);
    again(&served, &old);
    served.stop();
    let said = served.says(&["audit", "verify"]);
    assert!(!said.contains("\n      0 entries are known by their leaf alone"), "{said}");
    served.start_again(&[]);
    assert_eq!(served.get(&format!("/v1/decisions/{}", id(&new, "decision"))).status, 200);
}

/// What is told of an alert whose entry is gone, of one whose bytes are gone, and of one that is all there.
fn asked(served: &Served, old: &Value, middle: &Value, new: &Value) {
    for end in ["", "/explanation", "/raw"] {
        let of = |answer: &Value| served.get(&format!("/v1/decisions/{}{end}", id(answer, "decision")));
        assert_gone(&of(old));
        assert_eq!(of(new).status, 200);
        match end {
            "/raw" => assert_gone(&of(middle)),
            _ => assert_eq!(of(middle).status, 200),
        }
    }
    for list in ["/v1/decisions", "/v1/cases", "/v1/ledger/entries"] {
        assert_eq!(served.get(list).status, 200, "{list}");
    }
    let path = format!("/v1/cases/{}", id(old, "case"));
    let case = served.get(&path);
    assert_eq!(case.status, 200);
    assert!(String::from_utf8(case.body).unwrap().contains("retention removed the decision"));
    let headers = [("authorization", &*format!("Bearer {}", served.lead)), ("content-type", "application/json")];
    let verdict = br#"{"verdict":"close","because":["E1"],"note":"long past"}"#;
    let judged = served.ask("POST", &format!("{path}/verdict"), &headers, verdict);
    assert_eq!(judged.status, 200, "{}", judged.json());
}

/// An alert that comes again after its decision is gone is decided again, once.
fn again(served: &Served, old: &Value) {
    let answer = taken(served, "old");
    assert_eq!(answer["known"], false, "{answer}");
    assert_ne!(answer["decision"], old["decision"]);
    let once_more = taken(served, "old");
    assert_eq!((&once_more["known"], &once_more["decision"]), (&json!(true), &answer["decision"]));
}
