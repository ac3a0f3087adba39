//! What an alert is about, in as few words as a line of a queue has room for.

use adjutant_model::schema::slots as s;
use adjutant_model::{Row, Slot, Value};

/// What a person would call the thing that an alert is about, the best first.
const SUBJECTS: [Slot; 10] = [
    s::HOST_NAME,
    s::USER_EMAIL,
    s::USER_NAME,
    s::USER_ID,
    s::HOST_ID,
    s::CLOUD_RESOURCE,
    s::FILE_SHA256,
    s::DOMAIN_NAME,
    s::SRC_HOST,
    s::TARGET_NAME,
];
const ADDRESSES: [Slot; 3] = [s::SRC_IP, s::HOST_IP, s::DST_IP];
const TITLES: [Slot; 3] = [s::ALERT_RULE, s::ALERT_TITLE, s::ALERT_RULE_ID];

/// Every field that [`subject`] and [`title`] read.
pub fn reads() -> impl Iterator<Item = Slot> {
    SUBJECTS.into_iter().chain(ADDRESSES).chain(TITLES)
}

/// Who or what the alert is about.
pub fn subject(row: &Row) -> String {
    named(row, &SUBJECTS).or_else(|| address(row)).unwrap_or_else(|| "(names nobody)".into())
}

/// What happened; empty when the alert does not say.
pub fn title(row: &Row) -> String {
    named(row, &TITLES).unwrap_or_default()
}

fn named(row: &Row, slots: &[Slot]) -> Option<String> {
    slots.iter().find_map(|slot| row.text(*slot)).map(str::to_owned)
}

fn address(row: &Row) -> Option<String> {
    ADDRESSES.iter().find_map(|slot| match row.value(*slot) {
        Value::Unknown(_) => None,
        Value::Addr(addr) => Some(addr.to_string()),
        _ => Some(String::new()),
    })
}
