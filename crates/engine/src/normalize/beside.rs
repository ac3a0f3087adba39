//! What a sender says about a record beside it: it fills what the record itself leaves open, and never overrides it.

use super::coerce::{Coerced, coerce};
use super::{TIME_MISSING, time};
use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Alert, Problem, Value};
use adjutant_rules::lang::Val;
use adjutant_rules::source::Shape;

/// What collectors put around a record, such as the metadata of an event of Splunk's collector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// When it happened, as written.
    pub time: Option<&'a str>,
    /// The machine that it is about or comes from.
    pub host: Option<&'a str>,
}

impl Beside<'_> {
    /// Fills time and host of `alert` where its record says nothing readable about them.
    pub fn fill(self, alert: &mut Alert, problems: &mut Vec<Problem>) {
        let row = &mut alert.row;
        let instant = self.time.and_then(|text| time::read(text, None));
        if let Some(reading) = instant.filter(|_| !row.value(slots::ALERT_TIME).is_known()) {
            row.set(slots::ALERT_TIME, Value::Time(reading.time), Origin::Inferred);
            problems.retain(|problem| problem.code != TIME_MISSING);
        }
        let named = [slots::HOST_NAME, slots::HOST_ID, slots::HOST_IP].iter().any(|slot| row.value(*slot).is_known());
        let Some(host) = self.host.filter(|_| !named) else { return };
        for (slot, shape) in [(slots::HOST_IP, Shape::Addr), (slots::HOST_NAME, Shape::Name)] {
            if let Coerced::Value(value) = coerce(&Val::Text(host.into()), &shape, row, None) {
                return row.set(slot, value, Origin::Inferred);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(beside: Beside<'_>, time: bool, host: bool) -> (Alert, Vec<Problem>) {
        let mut alert = Alert::default();
        alert.row.clear(adjutant_model::Schema::built_in().len());
        let mut problems = vec![crate::normalize::problem(TIME_MISSING, "alert.time", "")];
        if time {
            alert.row.set(slots::ALERT_TIME, Value::Time(adjutant_model::Time(7)), Origin::Raw(0));
        }
        if host {
            alert.row.set_text(slots::HOST_ID, "h-1", Origin::Raw(0));
        }
        beside.fill(&mut alert, &mut problems);
        (alert, problems)
    }

    #[test]
    fn what_is_open_is_filled() {
        let (alert, problems) = filled(Beside { time: Some("1433188255.500"), host: Some("Web-1.corp.example") }, false, false);
        let time = alert.row.cell(slots::ALERT_TIME);
        assert_eq!((time.value, time.origin), (Value::Time(adjutant_model::Time(1_433_188_255_500_000)), Origin::Inferred));
        assert_eq!(alert.row.text(slots::HOST_NAME), Some("Web-1.corp.example"), "as it was written");
        assert!(problems.is_empty());
        let (alert, _) = filled(Beside { time: None, host: Some("192.0.2.7") }, false, false);
        assert!(alert.row.value(slots::HOST_IP).is_known() && !alert.row.value(slots::HOST_NAME).is_known());
    }

    #[test]
    fn what_the_record_states_stays() {
        let (alert, problems) = filled(Beside { time: Some("1433188255"), host: Some("web-1") }, true, true);
        assert_eq!(alert.row.value(slots::ALERT_TIME), Value::Time(adjutant_model::Time(7)));
        assert!(!alert.row.value(slots::HOST_NAME).is_known());
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn nothing_readable_fills_nothing() {
        let (alert, problems) = filled(Beside { time: Some("yesterday"), host: Some("-") }, false, false);
        assert!(!alert.row.value(slots::ALERT_TIME).is_known() && !alert.row.value(slots::HOST_NAME).is_known());
        assert_eq!(problems.len(), 1);
    }
}
