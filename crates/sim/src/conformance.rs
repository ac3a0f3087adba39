//! What every store must do, written against the port alone, so that each further implementer joins by one line.
//!
//! [`all`] is every check with its name; each is given a way to open one and the same store, empty at first. A check panics
//! where the store does otherwise.

use adjutant_engine::step::Status;
use adjutant_ledger::{Hash, leaf};
use adjutant_model::{CaseId, Outcome, Time};
use adjutant_runtime::event::{pieces, put_piece};
use adjutant_runtime::ports::{Block, Commit, Kept, Known, Outgoing, Parts, Read, Store, StoreError, Wanted};

/// Opens the store, again with every call.
pub type Open<'o> = dyn Fn() -> Box<dyn Store> + 'o;

/// A check.
pub type Check = fn(&Open<'_>);

/// Every check with its name.
#[must_use]
pub fn all() -> Vec<(&'static str, Check)> {
    vec![
        ("an empty store holds nothing", empty),
        ("what was committed is read back, by this and by another opening", read_back),
        ("reading begins with the commit that holds an entry", begins),
        ("reading ends when it is told to", ends),
        ("a reader may be read while it is being read with another", nested),
        ("all of a commit or nothing", atomic),
        ("a key is known by what was accepted first", known_once),
        ("the queue is worst first and goes on where it stopped", queue),
        ("cases are filtered", filtered),
        ("names are found by their first digits", named),
        ("cases are found by their first digits", case_named),
        ("cases are counted", counted),
        ("documents are written, replaced and removed", documents),
        ("messages wait until they are delivered", outbox),
        ("an identifier of a message is never given twice", identifiers),
        ("the first entry since a time", since),
        ("retention removes what is old and keeps the leaves", forgets),
        ("a reader sees what was committed after it was made", sees_later),
    ]
}

/// What a commit of these checks holds.
#[derive(Clone, Default)]
struct Made {
    leaves: Vec<Hash>,
    ids: Vec<[u8; 8]>,
    entries: Vec<u8>,
    raw: Vec<u8>,
}

/// Entries with these numbers, each with a raw alert.
fn made(first: u64, count: u64) -> Made {
    let mut made = Made::default();
    for seq in first..first + count {
        let entry = format!("entry {seq} {}", "x".repeat(seq as usize * 97 % 900));
        made.leaves.push(leaf(entry.as_bytes()));
        made.ids.push((seq + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        put_piece(&mut made.entries, |out| out.extend_from_slice(entry.as_bytes()));
        put_piece(&mut made.raw, |out| out.extend_from_slice(format!("raw {seq}").as_bytes()));
    }
    made
}

impl Made {
    fn commit(&self, first: u64, at: i64) -> Commit<'_> {
        let Self { leaves, ids, entries, raw } = self;
        Commit { first, at: Time(at), leaves, ids, entries, raw, ..Commit::default() }
    }
}

/// Commits of these many entries, one second after another.
fn fill(store: &mut dyn Store, counts: &[u64]) {
    let mut first = store.entries().expect("the store has a length");
    for count in counts {
        let made = made(first, *count);
        store.commit(&made.commit(first, first as i64 * 1_000)).expect("a commit is written");
        first += count;
    }
}

fn reader(store: &dyn Store) -> Box<dyn Read> {
    store.reader().expect("there is a reader")
}

fn blocks(reader: &mut dyn Read, from: u64, parts: Parts) -> Vec<Block> {
    let mut blocks = Vec::new();
    let read = reader.blocks(from, parts, &mut |block| {
        blocks.push(block.clone());
        Ok(true)
    });
    read.expect("what was committed can be read");
    blocks
}

fn case(byte: u8, score: i32) -> Kept {
    Kept {
        id: CaseId([byte; 16]),
        first: u64::from(byte),
        status: Status::Open,
        outcome: Outcome::Escalate,
        score,
        severity: 3,
        alerts: 1,
        opened: Time(1),
        updated: Time(2),
        last: 1,
        worst: 0,
        playbook: "generic".into(),
        subject: "müller'; --".into(),
        title: "\u{0}".into(),
        assignee: String::new(),
        sampled: false,
        review: false,
    }
}

fn put(store: &mut dyn Store, cases: &[Kept]) {
    store.commit(&Commit { cases, ..Commit::default() }).expect("cases are written");
}

fn message(body: &str, due: i64) -> Outgoing {
    Outgoing { id: 0, topic: "case".into(), body: body.into(), attempts: 0, due: Time(due) }
}

fn empty(open: &Open<'_>) {
    let mut store = open();
    assert_eq!(store.entries().expect("a length"), 0);
    assert_eq!(store.known(7).expect("an answer"), None);
    assert_eq!(store.case(CaseId([1; 16])).expect("an answer"), None);
    let mut reader = reader(&*store);
    assert!(blocks(&mut *reader, 0, Parts::Raw).is_empty());
    assert!(blocks(&mut *reader, 5, Parts::Raw).is_empty());
    assert!(reader.find("00", 10).expect("an answer").is_empty());
    assert_eq!(reader.since(Time(5)).expect("an answer"), 0);
    assert!(reader.due(Time(i64::MAX), 10).expect("an answer").is_empty());
    assert_eq!(reader.document("k", "i").expect("an answer"), None);
    assert!(reader.count().expect("an answer").is_empty());
}

fn read_back(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[3, 1, 40]);
    let check = |store: &mut dyn Store| {
        assert_eq!(store.entries().expect("a length"), 44);
        let blocks = blocks(&mut *reader(store), 0, Parts::Raw);
        let expected = [(0, 3), (3, 1), (4, 40)].map(|(first, count)| {
            let Made { leaves, ids, entries, raw, .. } = made(first, count);
            Block { first, at: Time(first as i64 * 1_000), keys: vec![(0, 0); leaves.len()], leaves, ids, entries, raw }
        });
        assert_eq!(blocks, expected);
    };
    check(&mut *store);
    drop(store);
    check(&mut *open());
}

fn begins(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[3, 2, 4]);
    let mut reader = reader(&*store);
    for (from, first) in [(0, Some(0)), (2, Some(0)), (3, Some(3)), (4, Some(3)), (8, Some(5)), (9, None), (u64::MAX >> 1, None)]
    {
        let found = blocks(&mut *reader, from, Parts::Leaves).first().map(|block| block.first);
        assert_eq!(found, first, "from {from}");
    }
    let leaves = blocks(&mut *reader, 0, Parts::Leaves);
    assert!(leaves.iter().all(|block| block.entries.is_empty() && block.raw.is_empty() && !block.leaves.is_empty()));
    assert!(blocks(&mut *reader, 0, Parts::Entries).iter().all(|block| block.raw.is_empty() && !block.entries.is_empty()));
}

fn ends(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[1, 1, 1]);
    let mut reader = reader(&*store);
    let mut seen = 0;
    let read = reader.blocks(0, Parts::Leaves, &mut |_| {
        seen += 1;
        Ok(seen < 2)
    });
    assert!(read.is_ok() && seen == 2);
    let failed = reader.blocks(0, Parts::Leaves, &mut |_| Err(StoreError::Damaged("mine".into())));
    assert!(matches!(failed, Err(StoreError::Damaged(why)) if why == "mine"));
    assert_eq!(blocks(&mut *reader, 0, Parts::Leaves).len(), 3, "and it can be read again");
}

fn nested(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[2, 2]);
    let (mut outer, mut inner) = (reader(&*store), reader(&*store));
    let mut seen = 0;
    let read = outer.blocks(0, Parts::Entries, &mut |block| {
        seen += 1;
        assert_eq!(blocks(&mut *inner, block.first, Parts::Entries)[0], *block);
        store.commit(&Commit { documents: &[("k", "i".into(), Some("b".into()))], ..Commit::default() })?;
        Ok(true)
    });
    assert!(read.is_ok() && seen == 2, "{read:?}");
}

fn atomic(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[2]);
    let known = [(9, Known { seq: 2, content: 1 })];
    let documents = [("k", "i".to_owned(), Some("b".to_owned()))];
    // It begins where another commit does, so it cannot be written.
    let wrong = made(0, 1);
    let cases = [case(4, 1)];
    let outbox = [message("m", 0)];
    let commit = Commit { known: &known, documents: &documents, cases: &cases, outbox: &outbox, ..wrong.commit(0, 9) };
    let refused = store.commit(&commit);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let check = |store: &mut dyn Store| {
        assert_eq!(store.entries().expect("a length"), 2);
        assert_eq!(store.known(9).expect("an answer"), None);
        assert_eq!(store.case(cases[0].id).expect("an answer"), None);
        let mut reader = reader(store);
        assert_eq!(reader.document("k", "i").expect("an answer"), None);
        assert!(reader.due(Time(i64::MAX), 9).expect("an answer").is_empty());
    };
    check(&mut *store);
    fill(&mut *store, &[1]);
    assert_eq!(store.entries().expect("a length"), 3, "and it goes on");
}

fn known_once(open: &Open<'_>) {
    let mut store = open();
    let known = [(u64::MAX, Known { seq: 0, content: u64::MAX }), (0, Known { seq: 1, content: 0 })];
    let first = made(0, 2);
    store.commit(&Commit { known: &known, ..first.commit(0, 1) }).expect("it is written");
    for (key, known) in known {
        assert_eq!(store.known(key).expect("an answer"), Some(known));
    }
    let second = made(2, 1);
    let again = [(0, Known { seq: 2, content: 5 })];
    assert!(store.commit(&Commit { known: &again, ..second.commit(2, 2) }).is_err(), "a key is never taken over");
    assert_eq!(store.known(0).expect("an answer"), Some(known[1].1));
    assert_eq!(open().known(u64::MAX).expect("an answer"), Some(known[0].1));
}

fn queue(open: &Open<'_>) {
    let mut store = open();
    let close = Kept { outcome: Outcome::Close, ..case(200, 900) };
    let respond = Kept { outcome: Outcome::Respond, ..case(1, -5) };
    let grave = Kept { severity: 5, ..case(3, 10) };
    let cases = [close.clone(), case(2, 10), respond.clone(), grave.clone(), case(130, 10), case(5, 11)];
    put(&mut *store, &cases);
    let mut reader = reader(&*store);
    let all = reader.cases(&Wanted { limit: 100, ..Wanted::default() }).expect("cases");
    let order: Vec<u8> = all.iter().map(|kept| kept.id.0[0]).collect();
    // Of two that are alike, the one that was opened later comes first.
    assert_eq!(order, [1, 5, 3, 130, 2, 200]);
    let (mut pages, mut after) = (Vec::new(), None);
    while let Some(last) = {
        let page = reader.cases(&Wanted { limit: 2, after, status: Some(Status::Open), ..Wanted::default() }).expect("a page");
        let last = page.last().map(Kept::position);
        pages.extend(page);
        last
    } {
        after = Some(last);
    }
    assert_eq!(pages, all);
    assert!(reader.cases(&Wanted { limit: 0, ..Wanted::default() }).expect("none").is_empty());
}

fn filtered(open: &Open<'_>) {
    let mut store = open();
    let cases = [
        case(1, 1),
        Kept { status: Status::ClosedByPerson, ..case(2, 2) },
        Kept { outcome: Outcome::Respond, assignee: "ana".into(), ..case(3, 3) },
        Kept { playbook: "other".into(), review: true, sampled: true, ..case(4, 4) },
    ];
    put(&mut *store, &cases);
    let mut reader = reader(&*store);
    let mut of = |wanted: Wanted| -> Vec<u8> {
        let cases = reader.cases(&Wanted { limit: 10, ..wanted }).expect("cases");
        let mut names: Vec<u8> = cases.iter().map(|kept| kept.id.0[0]).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(of(Wanted { status: Some(Status::Open), ..Wanted::default() }), [1, 3, 4]);
    assert_eq!(of(Wanted { status: Some(Status::ClosedByPerson), ..Wanted::default() }), [2]);
    assert_eq!(of(Wanted { outcome: Some(Outcome::Respond), ..Wanted::default() }), [3]);
    assert_eq!(of(Wanted { playbook: Some("other".into()), ..Wanted::default() }), [4]);
    assert_eq!(of(Wanted { assignee: Some("ana".into()), ..Wanted::default() }), [3]);
    assert_eq!(of(Wanted { review: true, ..Wanted::default() }), [4]);
    // The latest state of a case replaces the one before, with all its fields.
    let changed = Kept { status: Status::Escalated, alerts: u32::MAX, last: 77, title: "now".into(), ..cases[0].clone() };
    put(&mut *store, std::slice::from_ref(&changed));
    assert_eq!(store.case(changed.id).expect("an answer"), Some(changed));
}

fn named(open: &Open<'_>) {
    let mut store = open();
    let mut made = made(0, 4);
    made.ids = vec![[0xab, 0xcd, 0, 0, 0, 0, 0, 1], [0; 8], [0xab, 0xce, 0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0, 3]];
    store.commit(&made.commit(0, 1)).expect("it is written");
    let mut reader = reader(&*store);
    for (digits, expected) in [
        ("ab", vec![2, 0]),
        ("ABC", vec![2, 0]),
        ("abcd", vec![0]),
        ("abcd000000000001", vec![0]),
        ("abcd00000000000100000000", vec![0]),
        ("0", vec![3]),
        ("f", vec![]),
        ("xyz", vec![]),
        ("", vec![]),
        ("+ab", vec![]),
    ] {
        assert_eq!(reader.find(digits, 10).expect("an answer"), expected, "{digits}");
    }
    assert_eq!(reader.find("ab", 1).expect("an answer"), [2]);
}

fn case_named(open: &Open<'_>) {
    let mut store = open();
    put(&mut *store, &[case(0xab, 1), case(0xa1, 1), case(0x0a, 1)]);
    let mut reader = reader(&*store);
    let mut names = |digits: &str, limit| -> Vec<u8> {
        let mut names: Vec<u8> = reader.case_named(digits, limit).expect("an answer").iter().map(|kept| kept.id.0[0]).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("a", 10), [0xa1, 0xab]);
    assert_eq!(names("AB", 10), [0xab]);
    assert_eq!(names(&"ab".repeat(16), 10), [0xab]);
    assert_eq!(names("ac", 10), [0_u8; 0]);
    assert_eq!(names("zz", 10), [0_u8; 0]);
    assert_eq!(names("a", 1).len(), 1);
}

fn counted(open: &Open<'_>) {
    let mut store = open();
    put(&mut *store, &[case(1, 1), case(2, 1), Kept { status: Status::Escalated, ..case(3, 1) }]);
    let mut counts = reader(&*store).count().expect("counts");
    counts.sort_unstable();
    assert_eq!(counts, [(Status::Open, Outcome::Escalate, 2), (Status::Escalated, Outcome::Escalate, 1)]);
}

fn documents(open: &Open<'_>) {
    let mut store = open();
    let write = |store: &mut dyn Store, documents: &[(&'static str, String, Option<String>)]| {
        store.commit(&Commit { documents, ..Commit::default() }).expect("documents are written");
    };
    let document = |kind, id: &str, body: Option<&str>| (kind, id.to_owned(), body.map(str::to_owned));
    write(&mut *store, &[document("k", "b", Some("1")), document("k", "a", Some("2")), document("l", "a", Some("3"))]);
    write(&mut *store, &[document("k", "a", Some("4")), document("k", "a", Some("")), document("k", "none", None)]);
    let mut reader = reader(&*store);
    let pair = |id: &str, body: &str| (id.to_owned(), body.to_owned());
    assert_eq!(reader.documents("k").expect("documents"), [pair("a", ""), pair("b", "1")]);
    write(&mut *store, &[document("k", "b", Some("5")), document("k", "b", None)]);
    assert_eq!(reader.document("k", "b").expect("an answer"), None);
    assert_eq!(reader.document("l", "a").expect("an answer").as_deref(), Some("3"));
    assert_eq!(store.entries().expect("a length"), 0);
}

fn outbox(open: &Open<'_>) {
    let mut store = open();
    let outbox = [message("late", 20), message("early", 10), message("never", 900)];
    store.commit(&Commit { outbox: &outbox, ..Commit::default() }).expect("it is written");
    let mut reader = reader(&*store);
    let bodies = |due: &[Outgoing]| due.iter().map(|message| message.body.clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&reader.due(Time(9), 9).expect("due")), [""; 0]);
    assert_eq!(bodies(&reader.due(Time(10), 9).expect("due")), ["early"]);
    let due = reader.due(Time(20), 9).expect("due");
    assert_eq!(bodies(&due), ["early", "late"]);
    assert_eq!(reader.due(Time(20), 1).expect("due").len(), 1);
    let again = Outgoing { attempts: 3, due: Time(50), ..due[0].clone() };
    let delivered = [(due[0].id, Some(again.clone())), (due[1].id, None)];
    store.commit(&Commit { delivered: &delivered, ..Commit::default() }).expect("it is written");
    assert!(reader.due(Time(49), 9).expect("due").is_empty());
    assert_eq!(reader.due(Time(50), 9).expect("due"), [again]);
}

fn identifiers(open: &Open<'_>) {
    let mut store = open();
    let mut seen = Vec::new();
    for round in 0..4 {
        let outbox = [message(&format!("message {round}"), 0)];
        store.commit(&Commit { outbox: &outbox, ..Commit::default() }).expect("it is written");
        let due = reader(&*store).due(Time(0), 9).expect("due");
        assert!(due.len() == 1 && !seen.contains(&due[0].id), "{due:?} after {seen:?}");
        seen.push(due[0].id);
        let delivered = [(due[0].id, None)];
        store.commit(&Commit { delivered: &delivered, ..Commit::default() }).expect("it is written");
        store = open();
    }
}

fn since(open: &Open<'_>) {
    let mut store = open();
    for (first, count, at) in [(0, 2, 10), (2, 3, 10), (5, 1, 20), (6, 4, 30)] {
        store.commit(&made(first, count).commit(first, at)).expect("it is written");
    }
    let mut reader = reader(&*store);
    for (at, expected) in [(0, 0), (10, 0), (11, 5), (20, 5), (21, 6), (30, 6), (31, 10), (i64::MAX, 10)] {
        assert_eq!(reader.since(Time(at)).expect("an answer"), expected, "since {at}");
    }
}

fn forgets(open: &Open<'_>) {
    let mut store = open();
    fill(&mut *store, &[1, 1, 1, 1]);
    let left = |store: &dyn Store| -> Vec<(bool, bool)> {
        let blocks = blocks(&mut *reader(store), 0, Parts::Raw);
        assert!(blocks.iter().all(|block| block.leaves.len() == 1));
        blocks.iter().map(|block| (pieces(&block.entries).count() == 1, pieces(&block.raw).count() == 1)).collect()
    };
    assert_eq!(store.forget(Time(2_000), Time(0), 1).expect("cleared"), 1);
    assert_eq!(left(&*store), [(true, false), (true, true), (true, true), (true, true)]);
    assert_eq!(store.forget(Time(2_000), Time(0), 9).expect("cleared"), 1);
    assert_eq!(store.forget(Time(2_000), Time(0), 9).expect("cleared"), 0, "nothing is cleared twice");
    // Entries that go take their raw alerts along.
    store.forget(Time(0), Time(3_000), 9).expect("cleared");
    assert_eq!(left(&*store), [(false, false), (false, false), (false, false), (true, true)]);
    assert_eq!(store.entries().expect("a length"), 4);
}

fn sees_later(open: &Open<'_>) {
    let mut store = open();
    let mut reader = reader(&*store);
    assert!(blocks(&mut *reader, 0, Parts::Leaves).is_empty());
    fill(&mut *store, &[2]);
    assert_eq!(blocks(&mut *reader, 0, Parts::Leaves).len(), 1);
}
