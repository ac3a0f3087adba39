//! What memory knows of a message's campaign: who else got and reported nearly the same.

use super::{Memory, put, space};
use crate::correlate::campaign::{Copy, Seen, credence, read};
use crate::entities::hash;
use adjutant_model::schema::slots as s;
use adjutant_model::{Row, Slot, Time, Value};

impl Memory {
    /// Takes a message into its campaign and writes what is known of that; none when the alert is no message with a sketch.
    pub(super) fn campaign_facts(&mut self, row: &mut Row, time: Time, learn: bool) -> Option<Seen> {
        let sketch = read(row.text(s::MAIL_SKETCH)?)?;
        let recipients: Vec<u64> = row.texts(s::MAIL_TO).map(|address| self.person(address)).collect();
        let number = |slot: Slot| if let Value::Int(number) = row.value(slot) { number } else { 0 };
        let worth = credence(number(s::REPORTER_CONFIRMED), number(s::REPORTER_REFUSED));
        let reporter = row.text(s::MAIL_REPORTER).map(|address| (self.person(address), worth));
        let window = self.cases.policy().campaign;
        let copy = Copy { time, sketch, recipients: &recipients, reporter, counts: learn };
        let seen = self.campaigns.take(&copy, window, self.key);
        let facts = [
            (s::CAMPAIGN_MESSAGES, seen.messages),
            (s::CAMPAIGN_RECIPIENTS, seen.recipients),
            (s::CAMPAIGN_REPORTERS, seen.reporters),
            (s::CAMPAIGN_CREDENCE, seen.credence),
        ];
        for (slot, number) in facts {
            put(row, slot, Value::Int(i64::from(number)));
        }
        Some(seen)
    }

    fn person(&self, address: &str) -> u64 {
        hash(self.key, space::TEXT, address.to_lowercase().as_bytes())
    }
}
