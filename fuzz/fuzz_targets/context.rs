//! One file of context data under a contract of each kind: it becomes facts, or a sentence that says what is wrong.
//!
//! CSV, JSON, JSON Lines, plain and CIDR lists, MISP warning lists (a file and a directory), STIX 2.1, calendars, MaxMind
//! databases and SQLite, under the shipped contracts and under some that ship with none. What was read is asked.
#![no_main]

use adjutant_engine::context::{Scratch, Snapshot};
use adjutant_model::row::Origin;
use adjutant_model::schema::slots as s;
use adjutant_model::{Row, Time, Value, value::Addr};
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{Data, Fault, File, table};
use libfuzzer_sys::fuzz_target;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// Kinds that no shipped contract reads: how, and by what a row is found.
const MORE: [(&str, &str); 5] = [
    ("fuzz_json", "from: { json: p.json, at: data.people }\nas_of: value meta.made\nmax_age: 1d"),
    ("fuzz_rows", "from: { json: p.json }\nas_of: column seen"),
    ("fuzz_jsonl", "from: { jsonl: p.jsonl }\nsanity: { bad_rows: 50%, min_rows: 2, required: [login] }"),
    ("fuzz_csv", "from: { csv: p.csv, delimiter: \";\" }\nvalid: { from: since, until: until }"),
    ("fuzz_sqlite", "from: { sqlite: p.db, table: people }"),
];
const PEOPLE: &str = "title: T
owner: o
keys: [{ kind: user, columns: [login], split: \",\" }]
lookup: { user: [user.name] }
facts:
";
const LISTS: &str = "context: fuzz_lists
title: T
owner: o
from: { warninglists: lists }
lookup: { src: [src.ip], domain: [domain.name] }
facts: { fuzz_cloud: { type: bool, lists: [\"*cloud*\"], absent: false, about: Whether. } }
";

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut files = book_dir::shipped();
    files.insert("context/fuzz_lists.yaml".into(), LISTS.into());
    for (name, from) in MORE {
        let fact = format!("  {name}: {{ type: text, column: department, about: Which. }}\n");
        files.insert(format!("context/{name}.yaml"), format!("context: {name}\n{from}\n{PEOPLE}{fact}"));
    }
    Book::load(files).unwrap_or_else(|faults| panic!("the book loads: {faults:?}"))
});
static FILE: LazyLock<PathBuf> = LazyLock::new(|| adjutant_fuzz::directory("context").join("input"));

/// An alert about what the seeds know.
static ROW: LazyLock<Row> = LazyLock::new(|| {
    let mut row = Row::new(BOOK.schema.len());
    row.set(s::ALERT_TIME, Value::Time(Time::from_secs(1_772_355_600)), Origin::Derived);
    for slot in [s::SRC_IP, s::DST_IP] {
        row.set(slot, Addr::parse("192.0.2.1").map_or(Value::Bool(false), Value::Addr), Origin::Derived);
    }
    let texts = [
        (s::USER_NAME, "ana"),
        (s::USER_EMAIL, "ana@corp.example"),
        (s::HOST_NAME, "web01"),
        (s::DOMAIN_NAME, "a.evil.example"),
        (s::URL_FULL, "https://a.evil.example/login"),
    ];
    texts.into_iter().for_each(|(slot, text)| row.set_text(slot, text, Origin::Derived));
    row
});

/// The input under every name that a contract asks for.
struct Everywhere<'d>(&'d [u8]);

impl Data for Everywhere<'_> {
    fn place(&self) -> String {
        "the input".into()
    }
    fn read(&self, _: &str) -> Result<File<'_>, Fault> {
        Ok(File { bytes: Cow::Borrowed(self.0), modified: Some(Time(0)) })
    }
    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        Ok((path == "lists").then(|| vec!["lists/a.json".into(), "lists/b/list.json".into()]))
    }
    fn local(&self, _: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        std::fs::write(&*FILE, self.0).map_err(|error| Fault::Bad(error.to_string()))?;
        Ok((FILE.clone(), None))
    }
}

fuzz_target!(|data: &[u8]| {
    let rows_before = Some(data.len() as u64 % 3).filter(|rows| *rows > 0);
    // One after the other: threads for inputs this small would be most of the work.
    let tables = BOOK.contracts.iter().map(|contract| table(contract, &Everywhere(data), rows_before)).collect();
    let snapshot = Snapshot::new(Arc::clone(&BOOK.contracts), tables);
    let mut row = ROW.clone();
    snapshot.fill(&mut row, Time::from_secs(1_772_355_600), &mut Scratch::default());
});
