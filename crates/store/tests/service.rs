//! The service over a real store: what was acknowledged is there after a restart, once, and in the same words.

use adjutant_engine::autonomy::{CLOSE, Pause, Rung};
use adjutant_engine::entities::HashKey;
use adjutant_engine::step::{Status, Verdict};
use adjutant_model::{Autonomy, Duration, Outcome, Time};
use adjutant_rules::Book;
use adjutant_rules::question::{Choice, Meaning, Way};
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{self, Embedded};
use adjutant_runtime::drive::{Answer, Command, Refused, Reply, Settings};
use adjutant_runtime::event::{self, Answered, AskedAbout, Assurance, Evidence, Kind, What};
use adjutant_runtime::policy::{Incoming, Policy};
use adjutant_runtime::ports::{Bus, CallError, Change, Clock, Outgoing, PLAN, Parts as Wants, Wanted};
use adjutant_runtime::queue;
use adjutant_runtime::service::{Failed, Fate, Parts, Service, Turn};
use adjutant_store::{Options, Sqlite};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Time {
        Time(self.0.fetch_add(1000, Ordering::Relaxed))
    }
}

struct Nobody;

impl Bus for Nobody {
    fn changed(&self, _: Change) {}
    fn deliver(&self, _: &Outgoing) -> Result<(), CallError> {
        Ok(())
    }
}

fn policy() -> Arc<Policy> {
    static BOOK: OnceLock<Arc<Book>> = OnceLock::new();
    let book = BOOK.get_or_init(|| {
        let mut files = book_dir::shipped();
        // The shipped book lets nothing close by itself; this one may.
        let playbook = files.get_mut("playbooks/ordinary-login.yaml").unwrap();
        playbook.insert_str(playbook.find('\n').unwrap() + 1, "ceiling: act\n");
        Arc::new(Book::load(files).unwrap())
    });
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    let context = Arc::new(context::load(book.contracts.clone(), &data, None));
    Arc::new(Policy { book: Arc::clone(book), context, key: HashKey([7; 16]), at_arrival: false })
}

fn start(folder: &Path) -> (Service, JoinHandle<()>) {
    start_with(folder, Settings::default())
}

fn start_with(folder: &Path, settings: Settings) -> (Service, JoinHandle<()>) {
    let folder: PathBuf = folder.into();
    Service::start(Parts {
        open: Box::new(move || Ok(Box::new(Sqlite::open(&folder, Options::default())?))),
        policy: policy(),
        settings,
        limits: queue::Limits::default(),
        turn: Turn::default(),
        clock: Arc::new(Ticks(AtomicI64::new(1_800_000_000_000_000))),
        bus: Arc::new(Nobody),
        fatal: Box::new(|why| panic!("{why}")),
    })
    .unwrap()
}

fn stop((service, thread): (Service, JoinHandle<()>)) {
    service.stop();
    drop(service);
    thread.join().unwrap();
}

fn lines() -> Vec<Incoming> {
    let demo = include_str!("../../cli/demo/corp.jsonl");
    demo.lines().zip(1..).map(|(text, line)| Incoming::new(Bytes::from_static(text.as_bytes()), line)).collect()
}

fn offer(service: &Service, records: Vec<Incoming>) -> Vec<Fate> {
    service.offer(None, &"test".into(), records).fates_blocking()
}

fn decided(fates: &[Fate]) -> Vec<Answer> {
    let answer = |fate: &Fate| match fate {
        Fate::Decided(answer) => *answer,
        other => panic!("{other:?}"),
    };
    fates.iter().map(answer).collect()
}

#[test]
fn what_was_acknowledged_is_there_once_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let records = lines();
    let first = decided(&offer(&running.0, records[..60].to_vec()));
    let head = running.0.head();
    stop(running);

    let running = start(folder.path());
    assert_eq!(running.0.head(), head, "the tree is the same");
    let again = offer(&running.0, records[..60].to_vec());
    for (was, is) in first.iter().zip(&again) {
        assert!(matches!(is, Fate::Known(answer) if answer == was), "{is:?}");
    }
    assert_eq!(running.0.head(), head, "nothing was decided twice");
    let rest = decided(&offer(&running.0, records[60..].to_vec()));
    let kept = all(&running.0);
    stop(running);

    // Without an interruption everything is decided in the same words.
    let other = tempfile::tempdir().unwrap();
    let whole = start(other.path());
    // In the same two parts: within what waits together, the grave go first.
    let parts = [records[..60].to_vec(), records[60..].to_vec()];
    let at_once: Vec<Answer> = parts.into_iter().flat_map(|part| decided(&offer(&whole.0, part))).collect();
    let names = |answers: &[Answer]| answers.iter().map(|a| (a.decision, a.case, a.revision, a.score)).collect::<Vec<_>>();
    assert_eq!(names(&at_once), names(&[first, rest].concat()));
    assert_eq!(kept, all(&whole.0));
    stop(whole);
}

/// The decisions of all entries, in words.
fn all(service: &Service) -> Vec<String> {
    let mut all = Vec::new();
    let collect = |reader: &mut dyn adjutant_runtime::ports::Read| {
        reader.blocks(0, Wants::Entries, &mut |block| {
            for entry in event::pieces(&block.entries) {
                if let Ok(Kind::Decided(head, sender, _)) = event::kind(entry.unwrap()) {
                    all.push(format!("{sender} {:?}", event::Head { at: Time(0), previous: 0, ..head }));
                }
            }
            Ok(true)
        })
    };
    service.read(collect).unwrap();
    // How much of what was offered waits when the driver looks is chance, and within that the grave go first.
    all.sort();
    all
}

#[test]
fn a_decision_to_respond_asks_for_a_plan_in_the_same_commit() {
    for plans in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let running = start_with(folder.path(), Settings { plans, ..Settings::default() });
        let responded = decided(&offer(&running.0, lines())).into_iter().filter(|answer| answer.outcome == Outcome::Respond);
        let cases: BTreeSet<String> = responded.map(|answer| answer.case.to_string()).collect();
        let due = running.0.read(|reader| reader.due(Time(i64::MAX), 1_000)).unwrap();
        stop(running);
        assert!(!cases.is_empty(), "the demonstration holds a login that is worth a response");
        assert!(due.iter().all(|message| message.topic == PLAN));
        let asked: BTreeSet<String> = due.into_iter().map(|message| message.body).collect();
        assert_eq!(asked, if plans { cases } else { BTreeSet::new() });
    }
}

#[test]
fn an_answer_asks_for_a_plan_in_the_same_commit_and_opens_a_closed_case_only_if_it_says_so() {
    for (plans, means) in [(true, Meaning::Admits), (true, Meaning::Claims), (false, Meaning::Admits)] {
        let folder = tempfile::tempdir().unwrap();
        let running = start_with(folder.path(), Settings { plans, ..Settings::default() });
        let service = &running.0;
        let decided = decided(&offer(service, lines().drain(..1).collect()))[0];
        let evidence = Evidence { row: "E1".into(), name: "score".into(), says: "…".into() };
        let (case, because) = (decided.case, vec![evidence]);
        let close = Command::Judge { case, verdict: Verdict::Close, because, note: String::new() };
        service.command_blocking("ana", close).unwrap();
        let said = Answered {
            letter: "l".into(),
            question: "what-did-you-do".into(),
            about: Some(AskedAbout { entry: decided.seq, role: "user".into() }),
            of: "bo".into(),
            to: "bo".into(),
            way: Way::Mail,
            assurance: Assurance::Low,
            wording: String::new(),
            choice: Choice { id: "one".into(), says: "…".into(), means, advice: Some("call them".into()) },
        };
        let what = What::Answered(Box::new(said));
        let about = Command::About { case: Some(case), what: what.clone(), documents: Vec::new() };
        let Ok(Reply::Done(entry)) = service.command_blocking("letter l", about) else { panic!("it is not noted") };
        assert_eq!(service.noted(entry).unwrap().map(|noted| noted.what), Some(what));
        assert_eq!(service.noted(decided.seq).unwrap(), None, "a decision is nothing noted");
        let digits: String = case.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let kept = service.read(|reader| reader.case_named(&digits, 1)).unwrap().remove(0);
        let is = if means == Meaning::Admits { Status::Open } else { Status::ClosedByPerson };
        assert_eq!(kept.status, is, "{means:?}");
        let due = service.read(|reader| reader.due(Time(i64::MAX), 1_000)).unwrap();
        let after: Vec<String> = due.into_iter().filter(|one| one.topic == PLAN).map(|one| one.body).collect();
        assert_eq!(after.iter().filter(|body| **body == format!("{case} {entry}")).count(), usize::from(plans), "{after:?}");
        stop(running);
    }
}

#[test]
fn one_batch_may_hold_an_alert_twice() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let record = lines().remove(0);
    let fates = offer(&running.0, vec![record.clone(), record]);
    assert!(matches!((&fates[0], &fates[1]), (Fate::Decided(one), Fate::Known(other)) if one == other), "{fates:?}");
    stop(running);
}

#[test]
fn another_content_under_an_identifier_is_another_revision() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let record = lines().remove(0);
    let text = String::from_utf8(record.bytes.to_vec()).unwrap();
    let other = Incoming::new(Bytes::from(text.replacen('{', "{\"note\":1,", 1)), 1);
    let first = decided(&offer(&running.0, vec![record.clone()]))[0];
    let second = decided(&offer(&running.0, vec![other.clone()]))[0];
    assert_ne!(first.seq, second.seq);
    assert_eq!(first.case, second.case);
    let again = offer(&running.0, vec![record, other]);
    assert!(matches!(&again[..], [Fate::Known(a), Fate::Known(b)] if (*a, *b) == (first, second)), "{again:?}");
    stop(running);
}

#[test]
fn who_leads_for_less_than_a_day_is_none_of_the_two_who_raise() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let service = &running.0;
    let rung = Rung { playbook: "ordinary-login".into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
    let set = |by: &str, level, leads_since| {
        service.command_blocking(by, Command::SetAutonomy { rung: rung.clone(), level, leads_since })
    };
    let now = service.clock().now();
    let hours = |hours: i64| Some(now.plus(Duration::from_hours(-hours)));
    assert!(matches!(set("ana", Autonomy::Act, hours(25)), Ok(Reply::Asked(_))));
    let refused = set("new", Autonomy::Act, hours(1));
    let until = now.plus(Duration::from_hours(23));
    assert!(matches!(&refused, Err(Failed::Refused(Refused::New(from))) if *from == until), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains(&until.to_string()));
    assert_eq!(service.ladder().level(&rung), Autonomy::Recommend);
    assert!(matches!(set("bob", Autonomy::Act, hours(24)), Ok(Reply::Done(_))), "the wish still stands");
    assert!(matches!(set("new", Autonomy::Recommend, hours(1)), Ok(Reply::Done(_))), "whoever leads may lower");

    assert!(matches!(set("new", Autonomy::Act, hours(1)), Err(Failed::Refused(Refused::New(_)))), "nor asks first");
    assert!(matches!(set("ana", Autonomy::Act, None), Ok(Reply::Asked(_))));
    assert!(matches!(set("new", Autonomy::Act, hours(24)), Ok(Reply::Done(_))), "a day later");
    assert_eq!(service.ladder().level(&rung), Autonomy::Act);
    stop(running);
}

#[test]
fn verdicts_cite_evidence_and_the_ladder_takes_two() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let service = &running.0;
    let answer = decided(&offer(service, lines()[..1].to_vec()))[0];
    let judge = |because| Command::Judge { case: answer.case, verdict: Verdict::Close, because, note: "known".into() };
    let refused = service.command_blocking("ana", judge(vec![]));
    assert!(matches!(refused, Err(Failed::Refused(Refused::NoEvidence))), "{refused:?}");
    let evidence = Evidence { row: "E1".into(), name: "new-device".into(), says: "…".into() };
    assert!(matches!(service.command_blocking("ana", judge(vec![evidence.clone()])), Ok(Reply::Done(_))));
    let again = service.command_blocking("ana", judge(vec![evidence]));
    assert!(matches!(again, Err(Failed::Refused(Refused::AlreadySo(_)))), "{again:?}");
    let wanted = Wanted { status: Some(Status::ClosedByPerson), limit: 10, ..Wanted::default() };
    assert_eq!(service.read(|reader| reader.cases(&wanted)).unwrap()[0].id, answer.case);

    let rung = Rung { playbook: "ordinary-login".into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
    let raise = Command::SetAutonomy { rung: rung.clone(), level: Autonomy::Act, leads_since: None };
    assert!(matches!(service.command_blocking("ana", raise.clone()), Ok(Reply::Asked(_))));
    assert!(matches!(service.command_blocking("ana", raise.clone()), Ok(Reply::Asked(_))), "not by the same person");
    assert_eq!(service.ladder().level(&rung), Autonomy::Recommend);
    assert!(matches!(service.command_blocking("bob", raise), Ok(Reply::Done(_))));
    assert_eq!(service.ladder().level(&rung), Autonomy::Act);
    let pause = Command::Pause { playbook: None, pause: Pause::RecommendOnly };
    assert!(matches!(service.command_blocking("ana", pause), Ok(Reply::Done(_))));
    stop(running);
    let running = start(folder.path());
    assert_eq!((running.0.ladder().level(&rung), running.0.ladder().pause), (Autonomy::Act, Pause::RecommendOnly));
    stop(running);
}
