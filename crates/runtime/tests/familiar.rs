//! What was learned from past mail and what was reported before, through the real path: tables, context, book, memory.

use adjutant_engine::context::Snapshot;
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::memory::{Limits, Memory};
use adjutant_engine::record::{Parts, Record};
use adjutant_mail::familiar::Own;
use adjutant_model::{Alert, Decision, Place, RawAlert};
use adjutant_rules::Book;
use adjutant_runtime::context::{self, Directory};
use adjutant_runtime::learn::{Judged, learn};
use adjutant_runtime::{alone, book_dir};
use std::fmt::Write as _;
use std::path::Path;

const GATE: &str = "mx.google.com";

/// A message to Ana as a server of ours took it.
fn message(from: &str, (day, id): (&str, &str), dmarc: &str, body: &str) -> String {
    format!(
        "Received: from out.example by {GATE}; {day} 2026 10:00:00 +0000\r\nAuthentication-Results: {GATE}; spf=pass; dkim=pass; \
         dmarc={dmarc}\r\nFrom: {from}\r\nTo: Ana Gray <ana.gray@corp.example>\r\nSubject: About the account\r\nMessage-ID: \
         <{id}@mail.example>\r\nDate: {day} 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
         charset=utf-8\r\n\r\n{body}\r\n"
    )
}

const WANTS: &str =
    "Dear Ana,\r\n\r\nplease verify your account and confirm your password, so that we can go on.\r\n\r\nRegards\r\nBo";

/// Past mail: Bo writes now and then, Dee once and was an attack, Eve wrote once last week, and Ana wrote to Fay first.
fn past(dir: &Path) -> std::path::PathBuf {
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    for (number, day) in ["Mon, 05 Jan", "Mon, 19 Jan", "Mon, 02 Feb", "Mon, 16 Feb"].iter().enumerate() {
        write(
            &format!("bo{number}.eml"),
            message("bo@partner.example", (day, &format!("bo{number}")), "pass", "The weekly list is attached."),
        );
    }
    write("dee.eml", message("dee@attack.example", ("Mon, 02 Feb", "dee"), "pass", WANTS));
    write("eve.eml", message("eve@young.example", ("Sat, 28 Feb", "eve"), "pass", "Hello."));
    write("forged.eml", message("gus@forged.example", ("Mon, 02 Feb", "gus"), "fail", "Hello."));
    let sent = "From: ana.gray@corp.example\r\nTo: fay@asked.example\r\nSubject: Offer\r\nMessage-ID: <f@corp.example>\r\nDate: Mon, 02 Feb 2026 08:00:00 +0000\r\n\r\nMay I ask for an offer?\r\n";
    write("sent.eml", sent.to_owned());
    dir.to_owned()
}

fn learned(book: &Book) -> Snapshot {
    let (mail, data, mut judged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Judged::default());
    judged.read("dee.eml,phishing\n");
    let own = Own { domains: &["corp.example".to_owned()], server: &|host| host == GATE };
    let told = learn(&[past(mail.path())], data.path(), &own, &judged).unwrap();
    assert_eq!((told.messages, told.counted, told.attacks), (8, 7, 1));
    context::load(book.contracts.clone(), &Directory(data.path().into()), None)
}

fn decided(book: &Book, context: &Snapshot, raw: &str) -> Record {
    let options = Options { book, context, source: None, now: None };
    alone::decide(options, raw.as_bytes(), "m.eml", 100).unwrap().record
}

/// Score and the signals of history that fired, were silent, or are unknown.
fn told(record: &Record) -> String {
    let history = record.signals.iter().filter(|signal| signal.family == "history");
    let fired: Vec<&str> = history.filter(|signal| signal.points > 0).map(|signal| signal.id.as_str()).collect();
    format!("{} {} {}", record.outcome, record.score, fired.join(" ")).trim().to_owned()
}

#[test]
fn what_is_new_raises_and_what_is_familiar_lowers_nothing() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let (nothing, known) = (Snapshot::empty(book.contracts.clone()), learned(&book));
    let day = ("Tue, 03 Mar", "now");
    let cases = [
        // Never seen, and it wants something: worse than where nobody learned anything.
        ("zoe@stranger.example", "pass", "escalate 24 first-time-sender", "close 15"),
        // Known for four days, and for weeks.
        ("eve@young.example", "pass", "close 19 little-known-sender", "close 15"),
        ("bo@partner.example", "pass", "close 15", "close 15"),
        // Somebody forges whom we know well: nothing is lowered, and it is worse than a stranger's failure.
        ("bo@partner.example", "fail", "escalate 34 familiar-sender-forged", "escalate 24"),
        // Ana wrote first.
        ("fay@asked.example", "pass", "close 15", "close 15"),
        // All that ever came from there were attacks.
        ("dee@attack.example", "pass", "escalate 33 first-time-sender malicious-before domain-malicious-before", "close 15"),
        // A message that failed DMARC taught nothing.
        ("gus@forged.example", "pass", "escalate 24 first-time-sender", "close 15"),
    ];
    let (mut text, mut expect) = (String::new(), String::new());
    for (from, dmarc, with, without) in cases {
        let raw = message(from, day, dmarc, WANTS);
        writeln!(expect, "{from} {dmarc}: {with} | {without}").unwrap();
        let (with, without) = (told(&decided(&book, &known, &raw)), told(&decided(&book, &nothing, &raw)));
        writeln!(text, "{from} {dmarc}: {with} | {without}").unwrap();
    }
    assert_eq!(text, expect);
}

#[test]
fn where_nothing_was_learned_nothing_is_new() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let raw = message("zoe@stranger.example", ("Tue, 03 Mar", "now"), "pass", WANTS);
    let elsewhere = raw.replace("ana.gray@corp.example", "new.hire@corp.example");
    assert_eq!(told(&decided(&book, &learned(&book), &elsewhere)), "close 15", "a mailbox that was not learned");
    let empty = decided(&book, &Snapshot::empty(book.contracts.clone()), &raw);
    let unknown = empty.signals.iter().find(|signal| signal.id == "first-time-sender").unwrap();
    assert_eq!(unknown.state, "unknown", "and not clean");
}

/// Reads messages one after another, as the service does.
struct Stream<'b> {
    desk: Desk<'b>,
    memory: Memory,
}

impl<'b> Stream<'b> {
    fn new(book: &'b Book, context: &'b Snapshot) -> Self {
        let desk = Desk::new(Options { book, context, source: None, now: None });
        Self { desk, memory: desk.memory(Limits::default()) }
    }

    fn take(&mut self, raw: &str) -> Record {
        let (mut alert, mut problems) = (Alert::default(), Vec::new());
        let raw = RawAlert { bytes: raw.as_bytes(), place: Place { input: 0, line: 1 } };
        let (keys, _) = self.desk.read(&raw, &mut Scratch::default(), &mut alert, &mut problems).unwrap();
        let seen = self.memory.observe(&mut alert, &keys);
        let decision = self.desk.decide(&mut alert, &seen.joined, Decision::undecided(self.desk.book().digest));
        let duplicate = seen.duplicate;
        Record::new(Parts {
            decision: &decision,
            alert: &alert,
            problems: &problems,
            input: "m",
            duplicate,
            book: self.desk.book(),
        })
    }
}

/// A report by `reporter` of the copy that they got of a message.
fn report(reporter: &str, copy: &str) -> String {
    format!(
        "From: {reporter}@corp.example\r\nTo: report@corp.example\r\nSubject: Suspicious\r\nMessage-ID: <r-{reporter}@corp.example>\r\nDate: \
         Tue, 03 Mar 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
         text/plain\r\n\r\nIs this real?\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{copy}\r\n--b--\r\n"
    )
}

/// The copy of a lure that somebody got: other names, other numbers, another token.
fn copy(to: &str, number: u32) -> String {
    format!(
        "From: Help Desk <desk{number}@mail-quota.example>\r\nTo: {to}@corp.example\r\nSubject: Mailbox of {to} is {number} % full\r\nMessage-ID: \
         <{number}@mail-quota.example>\r\nDate: Tue, 03 Mar 2026 11:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nDear {to},\r\n\r\nyour mailbox \
         is almost full and incoming messages are held. Please verify your account today, or it will be suspended and the messages \
         returned to their senders. Use the page below to keep your password.\r\n\r\nhttps://quota.evil-pages.example/a/{number}x{number}\r\n\r\nHelp \
         Desk\r\n"
    )
}

const PEOPLE: [&str; 7] = ["ana", "ben", "cleo", "dora", "emil", "fritz", "greta"];

#[test]
fn seven_reports_of_one_campaign_are_one_case_and_enough_with_other_evidence() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    let mut stream = Stream::new(&book, &context);
    let records: Vec<Record> =
        PEOPLE.iter().zip(31..).map(|(person, number)| stream.take(&report(person, &copy(person, number)))).collect();
    assert!(records.iter().all(|record| record.case.id == records[0].case.id), "one campaign is one case");
    let fired = |record: &Record, id: &str| record.signals.iter().any(|signal| signal.id == id && signal.points > 0);
    assert!(!records.iter().take(5).any(|record| fired(record, "reported-by-many")), "five are not more than five");
    assert!(fired(&records[5], "reported-by-many") && fired(&records[6], "reported-by-many"));
    assert_eq!(
        records[6].outcome,
        "respond",
        "{:#?}",
        records[6].signals.iter().filter(|s| s.points > 0).map(|s| &s.id).collect::<Vec<_>>()
    );
    assert_ne!(records[0].outcome, "respond");
}

#[test]
fn one_person_who_reports_seven_times_is_one_reporter() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    let mut stream = Stream::new(&book, &context);
    let last = (31..38).map(|number| stream.take(&report("ana", &copy("ana", number)))).last().unwrap();
    let fact = |name: &str| last.facts[name].value.clone().unwrap();
    assert_eq!([fact("campaign.messages"), fact("campaign.reporters"), fact("campaign.recipients")], [7, 1, 1]);
    assert!(!last.signals.iter().any(|signal| signal.id.starts_with("reported") && signal.points > 0));
}

#[test]
fn different_messages_that_one_person_reports_are_different_cases() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    let mut stream = Stream::new(&book, &context);
    let first = stream.take(&report("ana", &copy("ana", 31)));
    let body = "Hello Ana,\r\n\r\nthe agenda of Thursday's meeting is below: budget, hiring, the move to the new office, questions of the \
        staff. Please tell me by Wednesday what is missing, and whether you bring the projector.\r\n\r\nBo";
    let second = stream.take(&report("ana", &message("bo@partner.example", ("Tue, 03 Mar", "bo"), "pass", body)));
    assert_ne!(first.case.id, second.case.id);
}

#[test]
fn a_newsletter_to_many_is_a_campaign_that_nobody_reported() {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    let mut stream = Stream::new(&book, &context);
    let raw =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/mail/legit-newsletter-03.eml")).unwrap();
    let alone = stream.take(&raw);
    let copies = (0..20).map(|number| raw.replacen("Message-ID: <", &format!("X-Copy: {number}\nMessage-ID: <{number}"), 1));
    let last = copies.map(|raw| stream.take(&raw)).last().unwrap();
    assert_eq!((&last.outcome, last.score), (&alone.outcome, alone.score), "being sent to many is no evidence");
    assert_eq!((last.facts["campaign.messages"].value.clone(), &last.case.id), (Some(21.into()), &alone.case.id));
}
