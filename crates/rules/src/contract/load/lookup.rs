//! Contracts without a table: who is asked about single subjects, and how much.

use super::super::{Contract, From, KeyKind, Lookup, Sanity};
use super::{RawFrom, Reader};
use crate::diagnostic::{Located, Span};
use adjutant_model::Outcome;

/// Questions in an hour, and that wait, when a contract does not say: a shift's worth of escalations, and a vendor's patience.
const PER_HOUR: u32 = 60;
const WAITING: u32 = 100;

/// Nobody asks more than this: beyond, a table says the same for less.
const PER_HOUR_MAX: u32 = 10_000;
const WAITING_MAX: u32 = 1_000;

/// Reads who is asked.
pub(super) fn read(raw: &RawFrom, connector: &Located<String>, reader: &mut Reader<'_>) -> Option<Lookup> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name(connector) {
        let message = format!("`{}` is no name of a connector", **connector);
        reader.fault("context-from", connector.span, message, "write the name that it has in the hand's settings");
    }
    let kind = match raw.lookup.as_ref().map(|kind| (KeyKind::named(kind), kind)) {
        Some((Some(KeyKind::Entity(kind)), _)) => kind,
        Some((_, text)) => {
            reader.fault(
                "context-from",
                text.span,
                format!("nothing of kind `{}` is looked up", **text),
                "write user, host, address …",
            );
            return None;
        }
        None => {
            let message = "nothing says what the connector is asked about".into();
            reader.fault("context-from", connector.span, message, "add `lookup: user`, or host, address …");
            return None;
        }
    };
    let mut bounded = |given: &Option<Located<u32>>, default: u32, max: u32| {
        let Some(given) = given else { return default };
        if !(1..=max).contains(&given.value) {
            let help = format!("write a number from 1 to {max}");
            reader.fault("context-from", given.span, format!("`{}` is no bound", given.value), &help);
        }
        given.value.clamp(1, max)
    };
    Some(Lookup {
        connector: connector.value.clone(),
        kind,
        outcome: raw.outcome.as_ref().map_or(Outcome::Escalate, |outcome| outcome.value),
        per_hour: bounded(&raw.per_hour, PER_HOUR, PER_HOUR_MAX),
        waiting_max: bounded(&raw.waiting, WAITING, WAITING_MAX),
    })
}

/// Finds what only a table can promise: where it says what agrees, and when it was true, and the rest.
pub(super) fn check(contract: &Contract, span: Span, (agrees, as_of): (Option<Span>, Option<Span>), reader: &mut Reader<'_>) {
    if !matches!(contract.from, From::Lookup(_)) {
        return;
    }
    if contract.max_age.is_none() {
        let message = "nothing says for how long an answer counts".into();
        reader.fault("context-max-age", span, message, "add `max_age: 12h`");
    }
    if contract.keys.iter().any(|key| !key.columns.is_empty()) {
        reader.fault("context-key", span, "who is asked finds the subject itself".into(), "leave `keys:` out");
    }
    if let Some(as_of) = as_of {
        reader.fault("context-as-of", as_of, "an answer is as old as it is".into(), "leave `as_of:` out");
    }
    if let Some(other) = agrees {
        reader.fault("context-agree", other, "a single answer is compared with no second source".into(), "");
    }
    let of_a_table = Sanity { required: contract.sanity.required.clone(), ..Sanity::default() };
    if contract.sanity != of_a_table || contract.valid.from.is_some() || contract.valid.until.is_some() {
        let message = "a single answer has no rows to count, and counts from when it came".into();
        reader.fault("context-sanity", span, message, "keep `required:`, and leave the rest of `sanity:` and `valid:` out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::{EntityKind, Schema};

    const PEOPLE: &str = "
context: people
title: The directory, asked one by one
owner: iam@corp.example
from: { connector: directory, lookup: user }
lookup: { user: [user.email, user.name] }
max_age: 12h
facts:
  privileged: { type: bool, groups: [admins], about: Rights. }
";

    /// The contract where `from` reads `to`, or the codes of its faults.
    fn load(from: &str, to: &str) -> Result<Contract, Vec<String>> {
        assert!(PEOPLE.contains(from), "{from}");
        let (text, mut faults) = (PEOPLE.replacen(from, to, 1), Vec::new());
        let loaded = super::super::load([("context/people.yaml", text.as_str())], &mut Schema::built_in(), &mut faults);
        let codes: Vec<String> = faults.iter().map(|fault| fault.code.to_string()).collect();
        if codes.is_empty() { Ok(loaded.into_iter().next().unwrap()) } else { Err(codes) }
    }

    #[test]
    fn a_contract_says_who_is_asked_and_how_much() {
        let given = load("lookup: user }", "lookup: user, outcome: close, per_hour: 7, waiting: 3 }").unwrap();
        let expected = |outcome, per_hour, waiting_max| Lookup {
            connector: "directory".into(),
            kind: EntityKind::User,
            outcome,
            per_hour,
            waiting_max,
        };
        assert_eq!(given.lookup(), Some(&expected(Outcome::Close, 7, 3)));
        let default = load("", "").unwrap();
        assert_eq!(default.lookup(), Some(&expected(Outcome::Escalate, 60, 100)));
        assert_eq!(default.columns(), ["groups"], "rights are read in groups");
        let table = load("{ connector: directory, lookup: user }", "{ csv: people.csv }\nkeys: [{ kind: user, columns: [a] }]");
        assert_eq!(table.map(|contract| contract.name), Err(vec!["context-fact".to_owned()]), "a table has no groups");
    }

    #[test]
    fn what_only_a_table_can_promise_is_a_fault() {
        for (from, to, code) in [
            ("max_age: 12h", "", "context-max-age"),
            ("max_age: 12h", "max_age: 12h\nkeys: [{ kind: user, columns: [mail] }]", "context-key"),
            ("max_age: 12h", "max_age: 12h\nas_of: file", "context-as-of"),
            ("max_age: 12h", "max_age: 12h\nsanity: { min_rows: 5 }", "context-sanity"),
            ("max_age: 12h", "max_age: 12h\nvalid: { from: hired }", "context-sanity"),
            ("lookup: user }", "lookup: word }", "context-from"),
            ("lookup: user }", "lookup: person }", "context-from"),
            (", lookup: user }", " }", "context-from"),
            ("connector: directory", "connector: ../directory", "context-from"),
            ("connector: directory", "connector: directory, csv: people.csv", "context-from"),
            ("lookup: user }", "lookup: user, per_hour: 0 }", "context-from"),
            ("lookup: user }", "lookup: user, waiting: 100000 }", "context-from"),
            ("groups: [admins]", "groups: [admins], column: x", "context-fact"),
            ("type: bool, groups", "type: text, groups", "context-fact"),
        ] {
            let found = load(from, to).map(|contract| contract.name);
            assert!(matches!(&found, Err(codes) if codes.iter().any(|found| found == code)), "{to}: {found:?}");
        }
    }
}
