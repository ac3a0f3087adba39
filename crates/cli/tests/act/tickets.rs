//! A ticket about a case, and what a vendor saw, each through the real processes: the service, the hand, and at the other end a
//! Request Tracker of its own and a server that speaks as Okta does.

use crate::tracker::Tracker;
use crate::{adjutant, approver, hand, says, served, tracker, word_after};
use served::Served;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

const PLAYBOOK: &str = r#"
playbook: needs-a-ticket
about: A test of telling.
applies: alert.title == "told"
signals:
  - id: told
    family: word
    if: alert.title == "told"
    points: 60
    because: "somebody has to know"
families: { word: 60 }
decide: { close_below: 20, respond_from: 50, respond_families: 1 }
respond:
  - do: open-ticket(case)
  - do: comment-ticket(case)
tests:
  - { name: it responds, given: { alert.title: told }, expect: { outcome: respond } }
  - { name: nothing else, given: { alert.title: other }, expect: { outcome: escalate } }
"#;

/// A book with the test's playbook.
fn book(dir: &Path) -> std::path::PathBuf {
    let book = dir.join("book");
    assert!(adjutant(&["init", book.to_str().unwrap()]).output().unwrap().status.success());
    std::fs::write(book.join("playbooks/needs-a-ticket.yaml"), PLAYBOOK).unwrap();
    book
}

#[test]
fn a_case_gets_one_ticket_with_its_evidence() {
    let Some(tracker) = Tracker::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_path_buf();
    let book = book(&root);
    let connector = format!(
        "\n[connectors.tickets]\nkind = 'http'\nfile = 'rt'\nbase_url = 'http://127.0.0.1:{}/REST/2.0'\nplaintext = true\n\
         auth = {{ kind = 'basic', user = 'adjutant', password = {{ env = 'RT' }} }}\nvalues = {{ queue = 'General', account = 'adjutant' }}\n",
        tracker.port
    );
    let _hand = hand(&root, &connector, &[("RT", "adjutant-correct-horse")]);
    let served = Served::start(&format!("book_dir = '{}'\n[hand]\nsocket = '{}/hand.sock'\n", book.display(), root.display()));
    let key = approver(&root, "bo");
    let key = key.to_str().unwrap();
    let listed = says(&served, &["connect", "test", "tickets"]);
    assert!(listed.contains("open-ticket") && listed.contains("5.0"), "{listed}");

    let alert = r#"{"id":"1","title":"told","severity":"high","user":"nadia.rahman@corp.example"}"#;
    let case = served.post("/v1/alerts", alert).json()["case"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let plan = says(&served, &["plan", &case]);
        assert!(plan.contains("1. open-ticket") && plan.contains("somebody has to know"), "{plan}");
        let digest = word_after(&plan, "plan ").to_owned();
        says(&served, &["approve", &digest[..12], "--key", key]);
        let ended = |plan: &str| plan.matches("  done").count() + plan.matches("  already-so").count();
        Served::until("both steps", || ended(&says(&served, &["plan", "--show", &digest[..12]])) == 2);
    }
    let found = tracker.get(&format!("/tickets?query=CF.AdjutantCase%3D'{case}'&fields=Subject"));
    assert_eq!(found["total"], 1, "{found}");
    let subject = found["items"][0]["Subject"].as_str().unwrap();
    assert!(subject.starts_with("needs-a-ticket: nadia.rahman@corp.example (respond, score 60)"), "{subject}");
    let id = found["items"][0]["id"].as_str().unwrap();
    let texts = tracker.get(&format!("/ticket/{id}/attachments?fields=Content"));
    let texts = texts["items"].as_array().unwrap();
    assert_eq!(texts.len(), 2, "the ticket, and one comment: {texts:?}");
    assert!(texts.iter().all(|text| text["Content"].as_str().unwrap().contains("somebody has to know")));
    comes_back(&served, (&root, &connector), &tracker, (&case, id));
}

/// A person's close in the tracker is a verdict, once: whoever opens the case again is not overruled, and nothing goes round.
fn comes_back(served: &Served, (root, connector): (&Path, &str), tracker: &Tracker, (case, ticket): (&str, &str)) {
    let status = || served.get(&format!("/v1/cases/{case}")).json()["status"].as_str().unwrap().to_owned();
    let verdicts = || {
        says(served, &["case", case]).split_whitespace().collect::<Vec<_>>().join(" ").matches("closed by ana in ticket").count()
    };
    assert_eq!(status(), "open");
    let body = br#"{"Status": "resolved"}"#;
    let put = ("PUT", &*format!("/REST/2.0/ticket/{ticket}"));
    assert_eq!(tracker::ask(tracker.port, put, tracker::ANA, ("application/json", body)).0, 200);
    let second = root.join("second");
    std::fs::create_dir(&second).unwrap();
    let settings = format!(
        "\n[verdicts]\nurl = '{}'\ntoken = {{ env = 'ANALYST' }}\nplaintext = true\n{connector}poll = {{ every_seconds = 1 }}\n",
        served.url
    );
    let analyst = served.token(r#"{"name":"tickets","role":"analyst","days":1}"#);
    let environment = [("RT", "adjutant-correct-horse"), ("ANALYST", analyst.as_str())];
    let polls = hand(&second, &settings, &environment);
    Served::until("the verdict", || status() == "closed-by-person");
    assert_eq!(verdicts(), 1);
    std::thread::park_timeout(std::time::Duration::from_secs(2));
    let reopened = served.ask(
        "POST",
        &format!("/v1/cases/{case}/verdict"),
        &[("authorization", &format!("Bearer {}", served.lead)), ("content-type", "application/json")],
        br#"{"verdict": "reopen", "because": ["E1"], "note": "it was none of that"}"#,
    );
    assert_eq!(reopened.status, 200);
    // Another process sees the same close within the overlap.
    drop(polls);
    let _polls = hand(&second, &settings, &environment);
    std::thread::park_timeout(std::time::Duration::from_secs(4));
    assert_eq!((status().as_str(), verdicts()), ("open", 1));
    // What the hand closes itself is no verdict.
    let own = ("PUT", &*format!("/REST/2.0/ticket/{ticket}"));
    for status in ["open", "resolved"] {
        let body = format!("{{\"Status\": \"{status}\"}}");
        assert_eq!(tracker::ask(tracker.port, own, tracker::ADJUTANT, ("application/json", body.as_bytes())).0, 200);
    }
    std::thread::park_timeout(std::time::Duration::from_secs(4));
    assert_eq!((status().as_str(), verdicts()), ("open", 1));
}

/// A server that answers every request with one page of a log, and the end of it after that.
fn log(records: Arc<Mutex<String>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &records.lock().unwrap())));
    port
}

fn answer(mut stream: TcpStream, body: &str) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head);
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

#[test]
fn what_a_vendor_saw_is_triaged_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let served = Served::start(&format!("[hand]\nsocket = '{}/hand.sock'\n", root.display()));
    let event = |id: &str| {
        format!(
            r#"{{"uuid":"{id}","published":"2026-03-01T09:14:07.000Z","eventType":"user.session.start","severity":"INFO","outcome":{{"result":"SUCCESS"}},"actor":{{"alternateId":"ana@corp.example","type":"User"}}}}"#
        )
    };
    let records = Arc::new(Mutex::new(format!("[{}]", event("one"))));
    let vendor = log(records.clone());
    let settings = format!(
        "\n[intake]\nurl = '{}'\ntoken = {{ env = 'SOURCE' }}\nplaintext = true\n\n[connectors.log]\nkind = 'http'\nfile = 'okta-log'\n\
         base_url = 'http://127.0.0.1:{vendor}'\nplaintext = true\nauth = {{ kind = 'bearer', token = {{ env = 'OKTA' }} }}\n\
         poll = {{ every_seconds = 1, first_minutes = 60 }}\n",
        served.url
    );
    let environment = [("SOURCE", served.source.clone()), ("OKTA", "token-of-a-test".to_owned())];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let hand_one = hand(root, &settings, &environment);
    Served::until("the first", || served.decided() == 1);
    drop(hand_one);
    *records.lock().unwrap() = format!("[{},{}]", event("one"), event("two"));
    let _hand = hand(root, &settings, &environment);
    Served::until("the second", || served.decided() == 2);
    let listed = says(&served, &["connect", "list"]);
    assert!(listed.contains("log") && listed.contains("looks up"), "{listed}");
    std::thread::park_timeout(std::time::Duration::from_secs(3));
    assert_eq!(served.decided(), 2, "what comes twice is one alert");
}
