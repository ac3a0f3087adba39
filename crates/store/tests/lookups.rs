//! Facts that no table has, over a real store: what is asked, how much, and what an answer does to a case.

use adjutant_engine::autonomy::{CLOSE, Pause, Rung};
use adjutant_engine::context::{Said, Snapshot, Thing};
use adjutant_engine::entities::HashKey;
use adjutant_engine::step::{Status, Verdict};
use adjutant_model::{Autonomy, Duration, Outcome, Time};
use adjutant_rules::Book;
use adjutant_runtime::audit::{self, audit};
use adjutant_runtime::book_dir;
use adjutant_runtime::drive::{Answer, Command, Settings, asking};
use adjutant_runtime::event::{Evidence, flag};
use adjutant_runtime::lookups::tend;
use adjutant_runtime::policy::{Incoming, Policy};
use adjutant_runtime::ports::{Bus, CallError, Change, Clock, Kept, Lookup, Outgoing, Question};
use adjutant_runtime::queue;
use adjutant_runtime::review::{self, review};
use adjutant_runtime::service::{Fate, Parts, Service, Turn};
use adjutant_runtime::view::Decision;
use adjutant_store::{Options, Sqlite};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

/// Two who are asked: about accounts, and about addresses, where nothing known means something.
const CONTRACTS: [(&str, &str); 2] = [
    (
        "context/people.yaml",
        "
context: people
title: The directory, asked one by one
owner: iam@corp.example
from: { connector: directory, lookup: user, per_hour: 20, waiting: 5 }
lookup: { user: [user.email, user.name] }
max_age: 1h
facts:
  privileged: { type: bool, groups: [Domain Admins], about: \"Whether the account holds administrative rights.\" }
  department: { type: text, about: \"The department.\" }
",
    ),
    (
        "context/reputation.yaml",
        "
context: reputation
title: What others saw of an address
owner: soc@corp.example
from: { connector: intel, lookup: address, per_hour: 20 }
lookup: { src: [src.ip] }
max_age: 1d
facts:
  bad: { type: bool, column: bad, absent: false, about: \"Whether others saw attacks from it.\" }
",
    ),
];

/// That of an administrator is worse, and who it is must be known; where from counts if it is bad.
const PLAYBOOK: &str = r#"
playbook: badge
about: A test of look-ups.
applies: alert.title == "badge"
ceiling: act
needs: [user.privileged]
signals:
  - id: administrator
    family: who
    if: user.privileged
    points: 60
    unknown: 10
    because: "an administrator of {user.department}"
  - id: bad-address
    family: from
    if: src.bad
    points: 30
    because: "others saw attacks from {src.ip}"
families: { who: 60, from: 30 }
decide: { close_below: 5 }
tests:
  - { name: an administrator, given: { alert.title: badge, user.privileged: true, user.department: IT }, expect: { outcome: escalate } }
  - { name: from there, given: { alert.title: badge, user.privileged: false, user.department: IT, src.bad: true, src.ip: 192.0.2.1 }, expect: { outcome: escalate } }
  - { name: nobody special, given: { alert.title: badge, user.privileged: false, user.department: IT }, expect: { outcome: close } }
"#;

/// A clock that stands unless it is moved.
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }
}

struct Nobody;

impl Bus for Nobody {
    fn changed(&self, _: Change) {}
    fn deliver(&self, _: &Outgoing) -> Result<(), CallError> {
        Ok(())
    }
}

/// Who is asked.
#[derive(Default)]
struct Directory {
    asked: Mutex<Vec<String>>,
    away: Mutex<bool>,
    clock: OnceLock<Arc<Ticks>>,
}

impl Lookup for Directory {
    fn ask(&self, question: &Question) -> Result<Said, CallError> {
        self.asked.lock().unwrap().push(question.name.clone());
        if *self.away.lock().unwrap() {
            return Err(CallError::Retry("nobody is there".into()));
        }
        let facts = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let groups = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let found = match question.name.as_str() {
            "ana@corp.example" => vec![Thing {
                id: "1".into(),
                name: "ana".into(),
                groups: groups(&["staff"]),
                facts: facts("department", "Finance"),
                ..Thing::default()
            }],
            "root@corp.example" => vec![Thing {
                id: "2".into(),
                name: "root".into(),
                groups: groups(&["DOMAIN ADMINS"]),
                facts: facts("department", "IT"),
                ..Thing::default()
            }],
            "two@corp.example" => vec![Thing::default(), Thing::default()],
            "203.0.113.9" => vec![Thing { facts: facts("bad", "yes"), ..Thing::default() }],
            _ => Vec::new(),
        };
        Ok(Said { at: self.clock.get().unwrap().now(), found })
    }
}

struct World {
    service: Service,
    thread: Option<JoinHandle<()>>,
    clock: Arc<Ticks>,
    directory: Directory,
    folder: Arc<tempfile::TempDir>,
}

fn policy() -> Arc<Policy> {
    static POLICY: OnceLock<Arc<Policy>> = OnceLock::new();
    Arc::clone(POLICY.get_or_init(|| policy_where("directory", "directory")))
}

/// The policy whose contracts say `to` for `from`.
fn policy_where(from: &str, to: &str) -> Arc<Policy> {
    let book = {
        let mut files = book_dir::shipped();
        files.extend(CONTRACTS.map(|(path, text)| (path.to_owned(), text.replace(from, to))));
        files.insert("playbooks/badge.yaml".into(), PLAYBOOK.into());
        Arc::new(Book::load(files).unwrap_or_else(|faults| panic!("{faults:?}")))
    };
    // Without tables nothing is stale, however late it is.
    let context = Arc::new(Snapshot::empty(book.contracts.clone()));
    Arc::new(Policy { book, context, key: HashKey([7; 16]), at_arrival: true })
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let (folder, clock) = (Arc::new(tempfile::tempdir().unwrap()), Arc::new(Ticks(AtomicI64::new(1_800_000_000_000_000))));
        let (service, thread) = start(folder.path(), settings, &clock);
        let directory = Directory::default();
        directory.clock.set(Arc::clone(&clock)).ok().unwrap();
        Self { service, thread: Some(thread), clock, directory, folder }
    }

    fn again(mut self) -> Self {
        self.stop();
        let (service, thread) = start(self.folder.path(), Settings::default(), &self.clock);
        (self.service, self.thread) = (service, Some(thread));
        self
    }

    fn stop(&mut self) {
        self.service.stop();
        self.thread.take().unwrap().join().unwrap();
    }

    fn later(&self, by: Duration) {
        self.clock.0.fetch_add(by.0, Ordering::SeqCst);
    }

    /// Somebody's badge was used from somewhere.
    fn alert(&self, id: u32, user: &str, from: &str) -> Answer {
        let text = serde_json::json!({ "id": id.to_string(), "title": "badge", "severity": "low", "user": user, "src_ip": from });
        let record = Incoming::new(Bytes::from(text.to_string()), 1);
        match self.service.offer(None, &"test".into(), vec![record]).fates_blocking().remove(0) {
            Fate::Decided(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Puts what is due, and says whom that was about.
    fn tend(&self) -> Vec<String> {
        tend(&self.service, &self.directory, &|| false).unwrap();
        std::mem::take(&mut self.directory.asked.lock().unwrap())
    }

    fn case(&self, of: &Answer) -> Kept {
        let digits = format!("{:032x}", u128::from_be_bytes(of.case.0));
        self.service.read(|reader| reader.case_named(&digits, 1)).unwrap().remove(0)
    }

    /// The decision that people see of a case.
    fn shown(&self, of: &Answer) -> Decision {
        self.service.decision(self.case(of).worst).unwrap().unwrap()
    }

    fn decision(&self, answer: &Answer) -> Decision {
        self.service.decision(answer.seq).unwrap().unwrap()
    }

    /// What a decision knew of something, or why it did not.
    fn fact(&self, decision: &Decision, name: &str) -> String {
        let record = serde_json::to_value(decision.record()).unwrap();
        let fact = &record["facts"][name];
        fact.get("value").map_or_else(|| fact["unknown"].as_str().unwrap_or_default().to_owned(), ToString::to_string)
    }

    fn waiting(&self) -> usize {
        self.service.read(asking).unwrap().len()
    }

    fn raise_closing(&self) {
        let rung = Rung { playbook: "badge".into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
        for by in ["bo", "cy"] {
            let command = Command::SetAutonomy { rung: rung.clone(), level: Autonomy::Act, leads_since: None };
            self.service.command_blocking(by, command).unwrap();
        }
    }

    /// Everything that is stored is what the entries say.
    fn audited(&self) {
        let audited = self.service.read(|reader| Ok(audit(reader, &[]))).unwrap();
        assert!(matches!(audited, Err(audit::Error::Unsealed)), "{audited:?}");
    }
}

fn start(folder: &Path, settings: Settings, clock: &Arc<Ticks>) -> (Service, JoinHandle<()>) {
    let folder = folder.to_path_buf();
    Service::start(Parts {
        open: Box::new(move || Ok(Box::new(Sqlite::open(&folder, Options::default())?))),
        policy: policy(),
        settings,
        limits: queue::Limits::default(),
        turn: Turn::default(),
        clock: clock.clone(),
        bus: Arc::new(Nobody),
        fatal: Box::new(|why| panic!("{why}")),
    })
    .unwrap()
}

#[test]
fn what_was_asked_is_a_fact_and_the_decision_is_made_again() {
    let world = World::new();
    let first = world.alert(1, "root@corp.example", "203.0.113.9");
    let was = world.shown(&first);
    assert_eq!((first.outcome, first.score), (Outcome::Escalate, 10));
    assert_eq!([world.fact(&was, "user.privileged"), world.fact(&was, "src.bad")], ["asked", "asked"]);
    assert_eq!(world.tend(), ["root@corp.example", "203.0.113.9"], "each is asked once");
    let now = world.shown(&first);
    assert_eq!((now.head.outcome(), now.head.score, now.head.revision.0), (Outcome::Escalate, 90, 1));
    assert!(now.head.flags & flag::AGAIN != 0 && now.id() != was.id() && now.entry.decision.again == 2, "once with each answer");
    let known = ["user.privileged", "user.department", "src.bad"].map(|name| world.fact(&now, name));
    assert_eq!(known, ["true", "\"IT\"", "true"]);
    assert_eq!(world.fact(&was, "user.privileged"), "asked", "what was decided stays");
    assert_eq!(world.tend(), [""; 0]);
    let (story, _) = world.service.story(world.case(&first).last, 10, false).unwrap();
    let kinds: Vec<&str> = story.iter().map(|moment| moment.kind.as_str()).collect();
    assert_eq!(kinds, ["decided", "looked-up", "decided", "looked-up", "decided"]);
    assert!(story[3].text.starts_with("directory knows user root@corp.example as root: department IT"), "{}", story[3].text);

    // Whoever comes next is decided with the answer, until it is too old.
    let second = world.alert(2, "ROOT@corp.example", "203.0.113.9");
    assert_eq!((second.score, world.tend().len()), (90, 0));
    world.later(Duration::from_hours(2));
    let third = world.alert(3, "root@corp.example", "203.0.113.9");
    assert_eq!((third.score, world.tend()), (40, vec!["root@corp.example".to_owned()]), "of the address it is known for a day");
    let counts = world.service.lookups();
    assert_eq!([counts["people"].asked, counts["people"].answered, counts["people"].remembered], [2, 2, 1]);
    assert_eq!([counts["reputation"].asked, counts["reputation"].remembered], [1, 2]);
    world.audited();
    // A process that begins anew knows what was answered.
    let world = world.again();
    assert_eq!((world.alert(4, "root@corp.example", "203.0.113.9").score, world.tend().len()), (90, 0));
    world.audited();
}

#[test]
fn nothing_known_is_no_answer_but_where_the_contract_says_so() {
    let world = World::new();
    let nobody = world.alert(1, "ghost@corp.example", "192.0.2.7");
    let several = world.alert(2, "two@corp.example", "192.0.2.8");
    assert_eq!(world.tend().len(), 4);
    let shown = world.shown(&nobody);
    assert_eq!([world.fact(&shown, "user.privileged"), world.fact(&shown, "src.bad")], ["not-found", "false"]);
    assert_eq!(
        (shown.head.outcome(), world.fact(&world.shown(&several), "user.privileged")),
        (Outcome::Escalate, "disputed".into())
    );
    assert_eq!(world.service.lookups()["people"].nobody, 2);
    // Nor is somebody with another domain, or a name without one, our Ana.
    world.alert(3, "ana@partner.example", "192.0.2.8");
    world.alert(4, "ana", "192.0.2.7");
    assert_eq!(world.tend(), ["ana", "ana@partner.example"]);
    // Whom an alert cannot name, nobody is asked about.
    world.alert(5, &"x".repeat(400), "192.0.2.7");
    world.alert(6, "a\u{7}na", "192.0.2.7");
    world.alert(7, "n/a", "192.0.2.7");
    assert_eq!((world.tend(), world.waiting()), (Vec::<String>::new(), 0));
    world.audited();
}

#[test]
fn an_answer_closes_only_what_nobody_touched_and_as_the_ladder_lets() {
    // Nobody raised anything: it is proposed.
    let world = World::new();
    let proposed = world.alert(1, "ana@corp.example", "192.0.2.7");
    world.tend();
    let case = world.case(&proposed);
    assert_eq!((case.status, case.outcome, case.score), (Status::Open, Outcome::Close, 0));

    for (sampled_ppm, status) in [(0, Status::ClosedItself), (1_000_000, Status::Open)] {
        let world = World::with(Settings { sampled_ppm, ..Settings::default() });
        world.raise_closing();
        let closed = world.alert(1, "ana@corp.example", "192.0.2.7");
        assert_eq!(
            (closed.outcome, world.case(&closed).status),
            (Outcome::Escalate, Status::Open),
            "it waits for a person meanwhile"
        );
        world.tend();
        let case = world.case(&closed);
        assert_eq!((case.status, case.outcome, case.sampled), (status, Outcome::Close, sampled_ppm > 0));
        world.audited();
    }

    let (world, evidence) = (World::new(), Evidence { row: "E1".into(), name: "score".into(), says: "…".into() });
    world.raise_closing();
    let judge = |case, verdict| Command::Judge { case, verdict, because: vec![evidence.clone()], note: String::new() };
    let touched = [
        (|_, case| Command::Assign { case, to: "ana".into() })
            as fn(&dyn Fn(adjutant_model::CaseId, Verdict) -> Command, _) -> Command,
        |_, case| Command::Comment { case, text: "seen".into() },
        |judge, case| judge(case, Verdict::Escalate),
        |judge, case| judge(case, Verdict::Close),
    ];
    for (id, touch) in (10..).zip(touched) {
        // Each in a case of its own.
        world.later(Duration::from_hours(24 * 7));
        let answer = world.alert(id, "ana@corp.example", "192.0.2.7");
        world.service.command_blocking("bo", touch(&judge, answer.case)).unwrap();
        let before = world.case(&answer);
        assert!(!world.tend().is_empty());
        let after = world.case(&answer);
        let of = |case: &Kept| (case.status, case.outcome, case.score, case.assignee.clone());
        assert_eq!(of(&after), of(&before), "{id}: what a person touched stays as it is");
        let latest = world.service.decision(after.last - 1).unwrap().unwrap();
        assert_eq!(world.fact(&latest, "user.privileged"), "false", "{id}: and the facts are there");
    }
    world.audited();
}

#[test]
fn an_answer_about_one_of_several_alerts_lowers_nothing() {
    let world = World::new();
    world.raise_closing();
    *world.directory.away.lock().unwrap() = true;
    let first = world.alert(1, "ana@corp.example", "192.0.2.7");
    let second = world.alert(2, "ana@corp.example", "192.0.2.7");
    assert_eq!((first.case, second.revision), (second.case, 2));
    world.tend();
    *world.directory.away.lock().unwrap() = false;
    world.later(Duration::from_secs(5));
    assert_eq!(world.tend(), ["ana@corp.example", "192.0.2.7"], "one name, one question");
    let case = world.case(&first);
    assert_eq!((case.status, case.outcome, case.alerts), (Status::Open, Outcome::Escalate, 2));
    let latest = world.service.decision(case.last - 1).unwrap().unwrap();
    assert_eq!((latest.head.revision.0, latest.head.outcome()), (2, Outcome::Close), "the latest alert is decided again");
    world.audited();
}

#[test]
fn however_many_come_the_budget_holds() {
    let world = World::new();
    let invented = |id: u32| world.alert(id, &format!("u{id}@corp.example"), "192.0.2.7");
    let answers: Vec<Answer> = (0..50).map(invented).collect();
    let people = || world.service.lookups()["people"];
    assert_eq!((people().asked, people().refused, world.waiting()), (5, 45, 6), "five wait, and the address");
    assert_eq!(world.fact(&world.decision(&answers[49]), "user.privileged"), "budget");
    for id in 100..150 {
        invented(id);
        world.tend();
    }
    assert_eq!((people().asked, world.waiting()), (20, 0), "twenty in an hour");
    // What was not asked for then is asked for when the budget is there and another alert wants it.
    world.later(Duration::from_hours(1));
    world.alert(200, "u49@corp.example", "192.0.2.7");
    assert_eq!(world.tend(), ["u49@corp.example"]);
    world.audited();
}

#[test]
fn who_is_away_is_asked_again_and_what_it_says_counts_once() {
    let world = World::new();
    *world.directory.away.lock().unwrap() = true;
    let answer = world.alert(1, "ana@corp.example", "192.0.2.7");
    assert_eq!(world.tend().len(), 2);
    assert_eq!(world.tend().len(), 0, "not at once");
    world.later(Duration::from_secs(5));
    assert_eq!(world.tend().len(), 2);
    world.later(Duration::from_secs(5));
    assert_eq!(world.tend().len(), 0, "the second time later");
    assert_eq!(world.fact(&world.shown(&answer), "user.privileged"), "asked", "and meanwhile it is unknown");
    // The process ends; the next one goes on.
    let world = world.again();
    assert_eq!(world.waiting(), 2);
    *world.directory.away.lock().unwrap() = false;
    world.later(Duration::from_secs(5));
    assert_eq!(world.tend().len(), 2);
    assert_eq!(world.case(&answer).outcome, Outcome::Close);
    // An answer that was not heard to be stored comes again.
    let head = world.service.head();
    let said = Said { at: world.clock.now(), found: Vec::new() };
    let (contract, name) = ("people".into(), "ana@corp.example".into());
    world.service.command_blocking("", Command::LookedUp { contract, name, answer: Ok(said) }).unwrap();
    assert_eq!((world.service.head(), world.waiting()), (head, 0));

    // Trying again is spent from the budget as well, and nobody waits for ever.
    *world.directory.away.lock().unwrap() = true;
    let lost = world.alert(2, "lost@corp.example", "192.0.2.7");
    let (mut tries, mut hours) = (0, 0);
    while world.waiting() > 0 {
        let of_hour: usize = (0..60)
            .map(|_| {
                world.later(Duration::from_secs(60));
                world.tend().len()
            })
            .sum();
        assert!(of_hour <= 20, "{of_hour} in an hour");
        (tries, hours) = (tries + of_hour, hours + 1);
    }
    assert!((140..=150).contains(&tries) && (24..48).contains(&hours), "{tries} in {hours} h");
    assert_eq!(world.service.lookups()["people"].given_up, 1);
    let (story, _) = world.service.story(world.case(&lost).last, 1, false).unwrap();
    assert!(story[0].text.contains("nobody is there"), "{}", story[0].text);
    world.audited();
}

#[test]
fn while_everything_is_off_nobody_is_asked() {
    let world = World::new();
    let pause = |pause| world.service.command_blocking("bo", Command::Pause { playbook: None, pause }).unwrap();
    pause(Pause::Off);
    world.alert(1, "ana@corp.example", "192.0.2.7");
    assert_eq!((world.tend().len(), world.waiting()), (0, 0));
    pause(Pause::EnrichmentOnly);
    let shown = world.alert(2, "ana@corp.example", "192.0.2.7");
    assert_eq!(world.waiting(), 2);
    pause(Pause::Off);
    assert_eq!(world.tend().len(), 0, "not even what waits");
    pause(Pause::EnrichmentOnly);
    assert_eq!(world.tend().len(), 2);
    let case = world.case(&shown);
    assert_eq!((case.outcome, case.status), (Outcome::Escalate, Status::Open), "it only shows facts");
    world.audited();
}

#[test]
fn a_review_finds_what_an_answer_decided() {
    let world = World::new();
    let answer = world.alert(1, "ana@corp.example", "192.0.2.7");
    world.tend();
    let now = world.clock.now();
    let question =
        |source: &str| review::Question { source: source.into(), from: Time(0), to: now.plus(Duration::from_hours(1)) };
    let found = review(&world.service, "bo", &question("people")).unwrap();
    assert!(found.used >= 2 && found.flips.is_empty(), "nothing else was answered since: {found:?}");
    // The directory says something else when it is asked the next time.
    world.later(Duration::from_hours(2));
    world.alert(2, "ana@corp.example", "198.51.100.4");
    let found =
        Said { at: world.clock.now(), found: vec![Thing { groups: Some(vec!["domain admins".into()]), ..Thing::default() }] };
    let (contract, name) = ("people".into(), "ana@corp.example".into());
    world.service.command_blocking("", Command::LookedUp { contract, name, answer: Ok(found) }).unwrap();
    let found = review(&world.service, "bo", &question("people")).unwrap();
    let was_closed =
        found.flips.iter().any(|flip| flip.case == answer.case && flip.was == Outcome::Close && flip.is == Outcome::Escalate);
    assert!(was_closed, "{found:?}");
    world.audited();
}

#[test]
fn another_book_takes_answers_over_as_far_as_it_asks_the_same() {
    let world = World::new();
    let known = world.alert(1, "root@corp.example", "192.0.2.7");
    world.tend();
    assert_eq!(world.shown(&known).head.score, 60);
    let waits = world.alert(2, "ana@corp.example", "192.0.2.7");
    // The facts have other names, the same is asked of the same: the answer is read anew, and what waits is decided by the new book.
    world.service.command_blocking("bo", Command::Adopt(policy_where("department: {", "office: {"))).unwrap();
    let again = world.alert(3, "root@corp.example", "192.0.2.7");
    assert_eq!(again.score, 60);
    assert_eq!(world.fact(&world.decision(&again), "user.office"), "not-stated", "the directory does not say it");
    assert_eq!(world.tend(), ["ana@corp.example"]);
    let latest = world.service.decision(world.case(&waits).last - 1).unwrap().unwrap();
    assert_eq!((world.fact(&latest, "user.privileged"), latest.head.book), ("false".into(), world.service.policy().book.digest));
    // Another connector knows other things.
    world.alert(4, "ghost@corp.example", "192.0.2.7");
    world.service.command_blocking("bo", Command::Adopt(policy_where("connector: directory", "connector: elsewhere"))).unwrap();
    assert_eq!((world.tend().len(), world.waiting()), (0, 0), "what the book asks no more, nobody is asked");
    let anew = world.alert(5, "root@corp.example", "192.0.2.7");
    assert_eq!((anew.score, world.tend()), (10, vec!["root@corp.example".to_owned()]));
    world.audited();
    let world = world.again();
    assert_eq!(world.service.policy().context.answers().count("people"), 0, "a start takes what its own book asks");
    world.audited();
}
