//! Tests of the bulk interface.
use super::*;
use crate::intake::{Answer, Fate};
use serde_json::{Value, json};

fn cut(body: &str) -> Result<Vec<Item>, Malformed> {
    items(&Bytes::copy_from_slice(body.as_bytes()), None, &Limits::default())
}

/// Each item as `action index/id line: document`, or `! code`.
fn told(body: &str) -> Vec<String> {
    let tell = |item: Item| {
        let name = format!("{} {}/{}", item.action.name(), item.index, item.id.as_deref().unwrap_or("-"));
        match item.piece {
            Piece::Record(record) => format!("{name} {}: {}", record.line, String::from_utf8_lossy(&record.bytes)),
            Piece::Fault(fault) => format!("{name} {}! {}", fault.line, fault.code),
        }
    };
    cut(body).unwrap().into_iter().map(tell).collect()
}

#[test]
fn documents_come_with_their_actions() {
    let body = "{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"x\":1}\r\n\n{\"create\":{\"_id\":17,\"routing\":\"r\"}}\n  {\"x\": {\"y\":2}} \n\
                {\"create\":{\"_index\":\"b\",\"_type\":\"_doc\"}}\n{\"x\":3}";
    assert_eq!(told(body), ["index a/1 2: {\"x\":1}", "create alerts/17 5: {\"x\": {\"y\":2}}", "create b/- 7: {\"x\":3}"]);
}

#[test]
fn the_id_is_a_hint() {
    let items = items(&Bytes::from_static(b"{\"create\":{\"_id\":\"a\\\"b\"}}\n{}\n"), Some("okta"), &Limits::default()).unwrap();
    let Piece::Record(record) = &items[0].piece else { panic!() };
    let beside = record.beside.as_deref().unwrap();
    assert_eq!((beside.id.as_deref(), beside.kind.as_deref()), (Some("a\"b"), Some("okta")));
}

#[test]
fn what_cannot_be_done_is_refused_one_by_one() {
    let long = "x".repeat(ID_BYTES_MAX + 1);
    let body = format!(
        "{{\"delete\":{{\"_id\":\"1\"}}}}\n{{\"update\":{{\"_id\":\"2\"}}}}\n{{\"doc\":{{}}}}\n{{\"index\":{{}}}}\n[1]\n\
         {{\"index\":{{\"_id\":\"\"}}}}\n{{}}\n{{\"index\":{{\"_id\":\"{long}\"}}}}\n{{}}\n{{\"index\":{{}}}}\n{{\"a\":\n{{\"index\":{{}}}}\n{{}}\n{{\"create\":{{}}}}"
    );
    let expect = [
        "delete alerts/1 1! operation-refused".to_owned(),
        "update alerts/2 2! operation-refused".to_owned(),
        "index alerts/- 5! not-an-object".to_owned(),
        "index alerts/ 7! id-invalid".to_owned(),
        format!("index alerts/{long} 9! id-invalid"),
        "index alerts/- 11! not-an-object".to_owned(),
        "index alerts/- 13: {}".to_owned(),
        "create alerts/- 14! document-missing".to_owned(),
    ];
    assert_eq!(told(&body), expect);
}

#[test]
fn a_line_that_is_no_action_refuses_the_whole() {
    for body in [
        "{\"x\":1}\n{}\n",
        "[]\n",
        "no\n",
        "{\"index\":{},\"create\":{}}\n{}\n",
        "{\"index\":1}\n{}\n",
        "\0\n",
        "{\"Index\":{}}\n{}",
    ] {
        assert_eq!(cut(body), Err(Malformed::Action { line: 1 }), "{body}");
    }
    assert_eq!(cut("{\"index\":{}}\n{}\n\n{}\n"), Err(Malformed::Action { line: 4 }));
    for body in ["", "\n\n", " \r\n"] {
        assert_eq!(cut(body), Err(Malformed::Empty));
    }
    let limits = Limits { records_max: 1, ..Limits::default() };
    let two = Bytes::from_static(b"{\"index\":{}}\n{}\n{\"index\":{}}\n{}\n");
    assert_eq!(items(&two, None, &limits), Err(Malformed::TooMany { max: 1 }));
}

fn answered(fates: &[Fate]) -> (u16, Value) {
    let body = "{\"create\":{\"_id\":\"x\"}}\n{}\n".repeat(fates.len());
    let reply = reply(&cut(&body).unwrap(), fates, 7);
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

#[test]
fn each_fate_has_its_status() {
    let answer = Answer { alert: "a1".into(), seq: 5, ..Answer::default() };
    let fates = [
        Fate::Decided(answer.clone()),
        Fate::Known(answer),
        Fate::Failed { code: "broken".into(), detail: "no JSON".into() },
        Fate::Refused { retry_after_s: 3 },
        Fate::Unavailable { detail: "disk full".into() },
    ];
    let (status, body) = answered(&fates);
    assert_eq!((status, &body["took"], &body["errors"]), (200, &json!(7), &json!(true)));
    let statuses: Vec<&Value> = (0..5).map(|number| &body["items"][number]["create"]["status"]).collect();
    assert_eq!(statuses, [201, 200, 400, 429, 503]);
    let created = json!({
        "_index": "alerts", "_id": "x", "_version": 1, "result": "created", "_shards": { "total": 1, "successful": 1, "failed": 0 },
        "_seq_no": 5, "_primary_term": 1, "status": 201
    });
    assert_eq!(body["items"][0]["create"], created);
    let refused = json!({ "type": "es_rejected_execution_exception", "reason": "over capacity; send it again in 3 s" });
    assert_eq!(body["items"][3]["create"]["error"], refused);
    assert_eq!(answered(&fates[..2]).1["errors"], json!(false));
}

#[test]
fn nothing_stored_is_no_success() {
    let unavailable = Fate::Unavailable { detail: "disk full".into() };
    assert_eq!(answered(&[unavailable.clone(), unavailable]).0, 503);
}

#[test]
fn a_single_document() {
    let item = single(&Bytes::from_static(b" {\"a\":1}\n"), Action::Index, "okta", Some("7"));
    let reply = document(&item, &Fate::Decided(Answer { seq: 2, ..Answer::default() }));
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, &body["_id"], &body["result"]), (201, &json!("7"), &json!("created")));
    let reply = document(&item, &Fate::Refused { retry_after_s: 1 });
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, &body["error"]["type"]), (429, &json!("es_rejected_execution_exception")));
    assert!(matches!(single(&Bytes::new(), Action::Index, "okta", None).piece, Piece::Fault(_)));
}

/// However a request is cut off, no document that was complete before is lost, and none appears that was not there.
#[test]
fn a_request_cut_anywhere_keeps_what_was_complete() {
    let body = "{\"index\":{\"_id\":\"1\"}}\n{\"a\":\"}\"}\n{\"create\":{}}\n{\"b\":{}}\n";
    let all = told(body);
    for end in 0..=body.len() {
        let Ok(items) = cut(&body[..end]) else { continue };
        let lines = body[..end].matches('\n').count();
        let whole = items.iter().filter(|item| matches!(item.piece, Piece::Record(_))).count();
        assert!(whole >= lines / 2 && whole <= lines.div_ceil(2), "{end}");
        assert_eq!(told(&body[..end])[..lines / 2], all[..lines / 2], "{end}");
    }
}
