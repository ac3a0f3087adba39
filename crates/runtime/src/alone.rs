//! Decides about one record alone, as if it were the first that Adjutant ever saw.
//!
//! The same desk as in bulk and in the service, with a memory that is empty: for explaining a single record and for measuring.

use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::explain::explain;
use adjutant_engine::explain::style::Line;
use adjutant_engine::flip;
use adjutant_engine::memory::Limits;
use adjutant_engine::record::{Parts, Record};
use adjutant_model::{Alert, Decision, Place, Problem, RawAlert};

/// A record with what was decided about it.
#[derive(Debug)]
pub struct Alone {
    /// The record as kept, with all that led to the decision.
    pub record: Record,
    /// Why, for people.
    pub explanation: Vec<Line>,
}

/// Decides about `bytes`, called `name`; the explanation is at most `width` wide.
///
/// # Errors
/// The bytes are no record at all.
pub fn decide(options: Options<'_>, bytes: &[u8], name: &str, width: usize) -> Result<Alone, Problem> {
    let desk = Desk::new(options);
    let few = Limits { users_max: 16, addresses_max: 16, entities_max: 16, rules_max: 16, pairs_max: 16, duplicates_max: 16 };
    let mut memory = desk.memory(few);
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    let raw = RawAlert { bytes, place: Place { input: 0, line: 1 } };
    let (keys, _) = desk.read(&raw, &mut Scratch::default(), &mut alert, &mut problems)?;
    let seen = memory.observe(&mut alert, &keys);
    let decision = desk.decide(&mut alert, &seen.joined, Decision::undecided(desk.book().digest));
    let book = desk.book();
    let record =
        Record::new(Parts { decision: &decision, alert: &alert, problems: &problems, input: name, duplicate: false, book });
    let flips = flip::flips(&decision, &alert.row, desk.now(&alert), book);
    Ok(Alone { explanation: explain(&record, &flips, width), record })
}
