//! What decides in the fake world: the shipped book, made bolder, twice; and the same without any context.

use adjutant_engine::context::Snapshot;
use adjutant_engine::entities::HashKey;
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{self, Embedded};
use adjutant_runtime::policy::Policy;
use std::sync::{Arc, OnceLock};

/// Who is asked about single accounts: few at a time, so that the bounds are met.
const PEOPLE: &str = r#"
context: people
title: Who is asked about single accounts
owner: iam@corp.example
from: { connector: directory, lookup: user, outcome: close, per_hour: 12, waiting: 4 }
lookup: { user: [user.id, user.email, user.name] }
max_age: 12h
facts:
  privileged: { type: bool, groups: [admins], about: "Whether the account has administrative rights." }
  department: { type: text, about: "The department." }
"#;

/// Questions that wait, and that are put in an hour, at most.
pub const ASKED_MAX: (usize, u32) = (4, 12);

/// Policies to decide under: the first everywhere; the second has another book, the third the first's book and no context.
pub const POLICIES: usize = 3;

/// The `n`-th policy.
///
/// # Panics
/// When the shipped book does not load.
#[must_use]
pub fn policy(n: usize) -> Arc<Policy> {
    static ALL: OnceLock<[Arc<Policy>; POLICIES]> = OnceLock::new();
    Arc::clone(&ALL.get_or_init(all)[n % POLICIES])
}

fn all() -> [Arc<Policy>; POLICIES] {
    let (first, second) = (book(20), book(35));
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    let context = Arc::new(context::load(first.contracts.clone(), &data, None));
    let empty = Arc::new(Snapshot::empty(first.contracts.clone()));
    let made = |book: &Arc<Book>, context: &Arc<Snapshot>| {
        Arc::new(Policy { book: Arc::clone(book), context: Arc::clone(context), key: HashKey([7; 16]), at_arrival: false })
    };
    [made(&first, &context), made(&second, &context), made(&first, &empty)]
}

/// The shipped book where every playbook may do everything by itself, and ordinary logins close below `close_below`.
fn book(close_below: u32) -> Arc<Book> {
    let mut files = book_dir::shipped();
    for (path, text) in &mut files {
        if path.starts_with("playbooks/") && !text.contains("\nceiling:") {
            let line = text.find('\n').map_or(0, |end| end + 1);
            text.insert_str(line, "ceiling: act\n");
        }
        if path.ends_with("ordinary-login.yaml") {
            *text = text.replace("close_below: 20", &format!("close_below: {close_below}"));
        }
    }
    files.insert("context/people.yaml".into(), PEOPLE.into());
    match Book::load(files) {
        Ok(book) => Arc::new(book),
        Err(problems) => panic!("the shipped book does not load: {problems:?}"),
    }
}
