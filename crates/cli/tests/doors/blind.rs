//! The blind sample: who judges does not see what the machine made of a case that it drew, until it is judged.

use super::served::Served;
use adjutant_engine::autonomy::{CLOSE, Pause, Rung};
use adjutant_model::Autonomy;
use adjutant_runtime::book_dir;
use adjutant_runtime::ports::{Commit, Store as _};
use adjutant_store::{Options, Sqlite};
use serde_json::{Value, json};
use std::path::Path;

const ALERTS: &str = include_str!("../../demo/corp.jsonl");

/// Everything may close by itself, and people get all of it.
fn everything_closes(dir: &Path) -> String {
    let (book, data) = (dir.join("book"), dir.join("data"));
    book_dir::write_shipped(&book).unwrap();
    let mut rungs = Vec::new();
    for (name, text) in book_dir::shipped() {
        if let Some(playbook) = name.strip_prefix("playbooks/").and_then(|name| name.strip_suffix(".yaml")) {
            std::fs::write(book.join(&name), text.replace("\nceiling: ask\n", "\n").replacen('\n', "\nceiling: act\n", 1))
                .unwrap();
            let rung = Rung { playbook: playbook.into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
            rungs.push((rung, Autonomy::Act));
        } else if name.starts_with("context/") {
            // What is stale would lower everything, and the shipped data ages.
            let ageless =
                |line: &str| if line.starts_with("max_age:") { "max_age: 36500d\n".into() } else { format!("{line}\n") };
            std::fs::write(book.join(&name), text.lines().map(ageless).collect::<String>()).unwrap();
        }
    }
    std::fs::create_dir(&data).unwrap();
    let ladder = json!({ "rungs": rungs, "pause": Pause::None, "paused": {} }).to_string();
    let mut store = Sqlite::open(&data, Options::default()).unwrap();
    store.commit(&Commit { documents: &[("ladder", "current".into(), Some(ladder))], ..Commit::default() }).unwrap();
    format!("blind_sample_percent = 100.0\nbook_dir = {book:?}\n")
}

/// Everything that these eyes are shown of a case and its decision: list, case, decisions, decision, explanation.
fn shown(served: &Served, token: &str, (case, decision): (&str, &str)) -> [Value; 5] {
    let json = |path: &str| {
        let told = served.get_as(token, path);
        assert_eq!(told.status, 200, "{path}");
        told.json()
    };
    let row = |path: &str, member: &str, id: &str| {
        let page = json(path);
        page["items"].as_array().unwrap().iter().find(|row| row[member] == id).cloned().unwrap_or_default()
    };
    let explained = served.get_as(token, &format!("/v1/decisions/{decision}/explanation"));
    [
        row("/v1/cases?limit=200", "id", case),
        json(&format!("/v1/cases/{case}")),
        row("/v1/decisions?limit=200", "decision", decision),
        json(&format!("/v1/decisions/{decision}")),
        String::from_utf8(explained.body).unwrap().into(),
    ]
}

/// What people get anyway looks the same to who judges: a gap that only drawn cases have would mark them.
fn assert_unmarked(served: &Served, auditor: &str, analyst: &str, ids: (&str, &str)) {
    let open = served.get_as(auditor, "/v1/cases?limit=200&status=open").json();
    let others = served.get_as(auditor, "/v1/decisions?limit=200&outcome=escalate").json();
    let is_open = |row: &&Value| open["items"].as_array().unwrap().iter().any(|case| case["id"] == row["case"]);
    let other = others["items"].as_array().unwrap().iter().find(is_open).unwrap_or_else(|| panic!("{others:#}"));
    let others = (other["case"].as_str().unwrap(), other["decision"].as_str().unwrap());
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (drawn, other) in shown(served, analyst, ids).iter().zip(&shown(served, analyst, others)).take(4) {
        assert_eq!((members(drawn), &drawn["outcome"], &drawn["score"]), (members(other), &other["outcome"], &other["score"]));
    }
}

#[test]
fn who_judges_sees_what_the_machine_made_of_a_sampled_case_after_the_verdict() {
    let served = Served::start_prepared(everything_closes);
    let token = |role: &str| served.token(&format!(r#"{{"name":"{role}","role":"{role}","days":1}}"#));
    let (analyst, lead, auditor) = (token("analyst"), served.lead.clone(), token("auditor"));
    let alerts: String = ALERTS.lines().take(60).map(|line| format!("{line}\n")).collect();
    assert_eq!(served.post("/v1/alerts", alerts).status, 200);

    let closes = served.get_as(&auditor, "/v1/decisions?limit=200&outcome=close").json();
    // What came again of a case stands on its latest decision; this one is the only one of its case.
    let alone =
        |row: &&Value| served.get_as(&auditor, &format!("/v1/cases/{}", row["case"].as_str().unwrap())).json()["alerts"] == 1;
    let drawn = closes["items"].as_array().unwrap().iter().find(alone).unwrap_or_else(|| panic!("{closes:#}"));
    assert_eq!(drawn["closed"], false, "all are drawn");
    let ids = (drawn["case"].as_str().unwrap(), drawn["decision"].as_str().unwrap());
    let score = drawn["score"].as_i64().unwrap();

    let [_, case, _, decision, explained] = shown(&served, &auditor, ids);
    assert_eq!(
        (&case["outcome"], case["score"].as_i64()),
        (&json!("escalate"), Some(score)),
        "the queue is unmarked: {decision:#}"
    );
    assert_eq!((&decision["outcome"], decision["score"].as_i64()), (&json!("close"), Some(score)));
    assert!(explained.as_str().unwrap().starts_with("CLOSE ") && explained.as_str().unwrap().contains(&format!("score {score}")));

    for eyes in [&analyst, &lead] {
        let [row, case, listed, decision, explained] = shown(&served, eyes, ids);
        for told in [&row, &case, &listed] {
            assert_eq!((&told["outcome"], &told["score"]), (&json!("escalate"), &Value::Null), "{told:#}");
        }
        assert!(case["story"][0]["text"].as_str().unwrap().starts_with("decided (revision "), "{case:#}");
        let says = |row: &Value| row["says"].as_str().unwrap().to_owned();
        let evidence: Vec<String> = case["evidence"].as_array().unwrap().iter().map(says).collect();
        assert!(evidence.iter().all(|says| !says.contains("score") && !says.starts_with(['+', '-'])), "{evidence:?}");
        for telling in ["outcome", "score", "autonomy", "close_below", "respond_from", "caps", "guards"] {
            assert_eq!(decision.get(telling), None, "{telling}");
        }
        assert!(decision["signals"].as_array().unwrap().iter().all(|signal| signal.get("points").is_none()));
        assert_eq!(decision["id"], ids.1);
        let explained = explained.as_str().unwrap().to_lowercase();
        assert!(!explained.contains("close ") && !explained.contains(&format!("score {score}")), "{explained}");
        assert!(explained.contains("e1 ") && explained.contains("once the case is judged"), "{explained}");
        let asked = |outcome: &str| {
            let page = served.get_as(eyes, &format!("/v1/decisions?limit=200&outcome={outcome}")).json();
            let cases = served.get_as(eyes, &format!("/v1/cases?limit=200&outcome={outcome}")).json();
            let has =
                |page: &Value, member: &str, id: &str| page["items"].as_array().unwrap().iter().any(|row| row[member] == id);
            (has(&page, "decision", ids.1), has(&cases, "id", ids.0))
        };
        assert_eq!((asked("close"), asked("escalate")), ((false, false), (true, true)), "nor does a filter tell");
    }

    assert_unmarked(&served, &auditor, &analyst, ids);

    let verdict = r#"{"verdict":"close","because":["E1"]}"#;
    let headers = [("authorization", &*format!("Bearer {analyst}")), ("content-type", "application/json")];
    assert_eq!(served.ask("POST", &format!("/v1/cases/{}/verdict", ids.0), &headers, verdict.as_bytes()).status, 200);
    let [_, case, listed, decision, explained] = shown(&served, &analyst, ids);
    assert_eq!((case["score"].as_i64(), listed["score"].as_i64()), (Some(score), Some(score)));
    assert_eq!((&decision["outcome"], decision["score"].as_i64()), (&json!("close"), Some(score)));
    assert!(explained.as_str().unwrap().starts_with("CLOSE "));
}
