//! One record through the shipped book: decode, recognise, normalize, look up, observe, decide, what would flip it.
#![no_main]

use adjutant_engine::context::Snapshot;
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::flip;
use adjutant_engine::memory::Limits;
use adjutant_model::{Alert, Decision, Outcome, Place, RawAlert};
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{Embedded, load};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

const LIMITS: Limits = Limits { users_max: 8, addresses_max: 8, entities_max: 8, rules_max: 8, pairs_max: 8, duplicates_max: 8 };

static BOOK: LazyLock<Book> = LazyLock::new(|| Book::load(book_dir::shipped()).expect("the shipped book loads"));
static CONTEXT: LazyLock<Snapshot> = LazyLock::new(|| {
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    load(Arc::clone(&BOOK.contracts), &data, None)
});

fuzz_target!(|data: &[u8]| {
    let desk = Desk::new(Options { book: &BOOK, context: &CONTEXT, source: None, now: None });
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    let raw = RawAlert { bytes: data, place: Place { input: 0, line: 1 } };
    let Ok((keys, _)) = desk.read(&raw, &mut Scratch::default(), &mut alert, &mut problems) else { return };
    let observed = desk.memory(LIMITS).observe(&mut alert, &keys);
    let decision = desk.decide(&mut alert, &observed.joined, Decision::undecided(BOOK.digest));
    let given: i32 = decision.reasons.iter().map(|reason| reason.points).chain(decision.caps.iter().map(|cap| cap.1)).sum();
    assert_eq!(decision.score, given, "the score is the sum of its reasons");
    assert!(decision.outcome != Outcome::Close || decision.guards.is_empty(), "a guard stands in the way of closing");
    flip::flips(&decision, &alert.row, desk.now(&alert), &BOOK);
});
