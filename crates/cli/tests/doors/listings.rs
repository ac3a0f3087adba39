//! What is listed: pages, filters, what did not change, and the description of it all.

use super::served::Served;
use std::collections::BTreeSet;

/// As many cases, each about another user and host.
const CASES: usize = 25;

fn sent() -> Served {
    let served = Served::start("");
    let alert = |nth: usize| {
        format!(
            "{{\"id\":\"{nth}\",\"severity\":\"high\",\"title\":\"malware found\",\"user\":\"u{nth}\",\"host\":\"h{nth}\",\
             \"timestamp\":\"2026-03-01T09:14:07Z\"}}\n"
        )
    };
    let lines: String = (0..CASES).map(alert).collect();
    assert_eq!(served.post("/v1/alerts", lines).json()["accepted"], CASES as u64);
    served
}

#[test]
fn pages_lead_through_all_cases_and_each_is_there_once() {
    let served = sent();
    let whole = served.rows("/v1/cases", 200);
    assert!(whole.len() > 10, "{whole:#?}");
    for limit in [1, 7] {
        assert_eq!(served.rows("/v1/cases", limit), whole, "pages of {limit}");
    }
    let ids: BTreeSet<&str> = whole.iter().map(|case| case["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), whole.len());

    let first = served.get("/v1/cases?limit=1").json();
    let next = first["next"].as_str().unwrap();
    for bad in
        ["limit=0".into(), "limit=201".into(), "colour=red".into(), "cursor=x".into(), format!("status=escalated&cursor={next}")]
    {
        assert_eq!(served.get(&format!("/v1/cases?{bad}")).status, 400, "{bad}");
    }
    assert_eq!(served.get("/v1/cases/ffffffffffff").status, 404);
    assert_eq!(served.get("/v1/decisions/ffffffffffff/raw").status, 404);
}

#[test]
fn decisions_come_newest_first_page_by_page_while_others_are_made() {
    let served = sent();
    let whole = served.rows("/v1/decisions", 200);
    assert_eq!(whole.len(), CASES);
    assert!(whole.is_sorted_by(|a, b| a["seq"].as_u64() > b["seq"].as_u64()), "{whole:#?}");
    for limit in [1, 4] {
        assert_eq!(served.rows("/v1/decisions", limit), whole, "pages of {limit}");
    }
    let items = |query: &str| served.get(&format!("/v1/decisions?{query}")).json()["items"].as_array().unwrap().clone();
    let oldest = items("limit=200&oldest_first=true");
    assert!(oldest.iter().eq(whole.iter().rev()), "{oldest:#?}");
    let next = |query: &str| served.get(&format!("/v1/decisions?{query}")).json()["next"].as_str().unwrap().to_owned();
    assert_eq!(items(&format!("limit=3&oldest_first=true&cursor={}", next("limit=2&oldest_first=true"))), oldest[2..5]);
    let outcome = whole[0]["outcome"].as_str().unwrap();
    let same: Vec<_> = whole.iter().filter(|row| row["outcome"] == outcome).cloned().collect();
    assert_eq!(items(&format!("limit=200&outcome={outcome}&since=1h")), same);

    let after = next("limit=5");
    assert_eq!(served.post("/v1/alerts", "{\"id\":\"another\"}").status, 200);
    assert_eq!(items(&format!("limit=5&cursor={after}")), whole[5..10], "what is new moves nothing");
    assert_eq!(items("limit=2")[1], whole[0], "and comes first");
    assert_eq!(items("since=2999-01-01T00:00:00Z"), Vec::<serde_json::Value>::new());
}

#[test]
fn who_has_the_queue_as_it_is_gets_no_body() {
    let served = sent();
    let reader = format!("Bearer {}", served.lead);
    let first = served.get("/v1/cases?limit=3");
    let tag = first.header("etag").to_owned();
    assert!(first.status == 200 && tag.starts_with('"'), "{tag}");
    let held = |path: &str| served.ask("GET", path, &[("authorization", &reader), ("if-none-match", &tag)], b"");
    let same = held("/v1/cases?limit=3");
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, tag.as_str()));
    assert_eq!(held("/v1/cases?limit=4").status, 200, "another page");
    let nobody = served.ask("GET", "/v1/cases?limit=3", &[("if-none-match", &tag)], b"");
    assert_eq!(nobody.status, 401, "a tag is no token");
    assert_eq!(served.post("/v1/alerts", "{\"id\":\"another\"}").status, 200);
    let changed = held("/v1/cases?limit=3");
    assert!(changed.status == 200 && changed.header("etag") != tag);
}

#[test]
fn whatever_is_read_has_a_tag_and_is_left_out_while_it_is_the_same() {
    let served = sent();
    let reader = format!("Bearer {}", served.lead);
    let case = format!("/v1/cases/{}", served.rows("/v1/cases", 1)[0]["id"].as_str().unwrap());
    let decision = format!("/v1/decisions/{}", served.rows("/v1/decisions", 200)[0]["decision"].as_str().unwrap());
    let (explained, raw) = (format!("{decision}/explanation"), format!("{decision}/raw"));
    let same = [&*decision, &explained, &raw, "/v1/autonomy", "/v1/reviews", "/v1/ledger/entries?limit=3", "/v1/me"];
    let changes = [&*case, "/v1/decisions?limit=3", "/v1/cases?limit=3"];
    let tag = |path: &str| served.get(path).header("etag").to_owned();
    let held = |path: &str, tag: &str| served.ask("GET", path, &[("authorization", &reader), ("if-none-match", tag)], b"");
    let tags: Vec<(&str, String)> = same.iter().chain(&changes).map(|path| (*path, tag(path))).collect();
    for (path, tag) in &tags {
        let told = held(path, tag);
        assert_eq!((told.status, told.body.len(), told.header("etag")), (304, 0, tag.as_str()), "{path}");
        assert_eq!(served.ask("GET", path, &[("if-none-match", tag)], b"").status, 401, "{path}: a tag is no token");
    }
    let judge = served.ask(
        "POST",
        &format!("{case}/comments"),
        &[("authorization", &reader), ("content-type", "application/json")],
        br#"{"text":"called the owner"}"#,
    );
    assert_eq!(judge.status, 200);
    assert_eq!(served.post("/v1/alerts", "{\"id\":\"another\"}").status, 200);
    for (path, tag) in &tags {
        assert_eq!(held(path, tag).status, if changes.contains(path) { 200 } else { 304 }, "{path}");
    }
    assert_eq!(served.ask("GET", "/healthz", &[], b"").header("etag"), "", "who is open has no tag");
}

#[test]
fn the_description_names_every_route() {
    let served = Served::start("");
    let document = served.ask("GET", "/openapi.json", &[], b"").json();
    let paths = document["paths"].as_object().unwrap();
    // A path that is not described is not there, and one that is described is: asked with what nobody may do.
    for (path, operations) in paths {
        let asked = path.replace(['{', '}'], "");
        for method in operations.as_object().unwrap().keys() {
            let status = served.ask(&method.to_uppercase(), &asked, &[], b"").status;
            let open = operations[method]["security"].as_array().unwrap().is_empty();
            if path.starts_with("/l/") {
                assert!(
                    [404, 415].contains(&status),
                    "{method} {path}: {status}; whoever has no link has none, or sends no form"
                );
                continue;
            }
            assert!(if open { ![401, 404, 405].contains(&status) } else { status == 401 }, "{method} {path}: {status}");
        }
    }
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/v1/alerts",
        "/v1/alerts/{source}",
        "/v1/mail",
        "/v1/webhooks/{source}",
        "/v1/alertmanager",
        "/services/collector/event",
        "/services/collector/raw",
        "/services/collector/health",
        "/_bulk",
        "/{index}/_bulk",
        "/{index}/_doc/{id}",
        "/v1/cases",
        "/v1/cases/{id}",
        "/v1/cases/{id}/verdict",
        "/v1/decisions",
        "/v1/decisions/{id}/raw",
        "/v1/autonomy",
        "/v1/pause",
        "/v1/resume",
        "/v1/reviews",
        "/v1/ledger",
        "/v1/ledger/entries",
        "/v1/events",
        "/v1/login",
        "/v1/users",
        "/v1/tokens",
        "/v1/me",
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
}
