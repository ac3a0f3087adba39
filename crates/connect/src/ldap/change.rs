//! What makes an account disabled or change its password: read, made so, and made as it was.
//!
//! Each change names the values that it replaces, so that a server refuses it when somebody else changed them since.

use super::flavour::Mark;
use super::link::{Change, Entry, values};
use adjutant_hand::connector::CallError;
use adjutant_model::act::State;
use ldap3::{Mod, ldap_escape};
use std::collections::BTreeMap;

/// Changes, and the part of a filter that must hold of the entry for them.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) changes: Vec<Change>,
    pub(super) if_so: String,
}

const SET: &str = "set";
const CLEAR: &str = "clear";

/// What the mark says of the entry.
pub(super) fn read(mark: &Mark, entry: &Entry) -> Result<State, CallError> {
    let found = raw(mark, entry)?;
    let state = match mark {
        Mark::Value { .. } => found,
        Mark::Bits { bits, .. } => vec![if number(mark, &found)? & bits == *bits { SET } else { CLEAR }.to_owned()],
        Mark::Switch { set, .. } => vec![if only(mark, &found)? == *set { SET } else { CLEAR }.to_owned()],
    };
    Ok(State(BTreeMap::from([(mark.attribute().to_owned(), state)])))
}

/// Whether the state is as the mark makes it.
pub(super) fn is_set(mark: &Mark, state: &State) -> bool {
    let found = state.0.get(mark.attribute()).map_or(&[][..], Vec::as_slice);
    found.len() == 1 && found.first().is_some_and(|found| found == wanted(mark))
}

/// The state that the mark makes.
fn wanted(mark: &Mark) -> &str {
    match mark {
        Mark::Value { value, .. } => value,
        Mark::Bits { .. } | Mark::Switch { .. } => SET,
    }
}

/// What makes the entry, which is in the state `before`, as the mark says; none when it is so.
pub(super) fn set(mark: &Mark, entry: &Entry, before: &State) -> Result<Option<Edit>, CallError> {
    let now = read(mark, entry)?;
    if is_set(mark, &now) {
        return Ok(None);
    }
    if now != *before {
        return Err(CallError::Permanent(format!("`{}` is not as it was read before", mark.attribute())));
    }
    let found = raw(mark, entry)?;
    Ok(Some(match mark {
        Mark::Value { value, .. } => replaced(mark, &found, &[value.as_ref().to_owned()]),
        Mark::Bits { bits, .. } => replaced(mark, &found, &[(number(mark, &found)? | bits).to_string()]),
        Mark::Switch { set, .. } => switched(mark, &found, set),
    }))
}

/// What restores the state `before` of an entry that is as the mark says; none when it is restored.
pub(super) fn restore(mark: &Mark, entry: &Entry, before: &State) -> Result<Option<Edit>, CallError> {
    let now = read(mark, entry)?;
    if now == *before {
        return Ok(None);
    }
    if !is_set(mark, &now) {
        return Err(CallError::Permanent(format!("somebody else changed `{}` since", mark.attribute())));
    }
    let found = raw(mark, entry)?;
    Ok(Some(match mark {
        Mark::Value { attribute, .. } => replaced(mark, &found, before.0.get(attribute.as_ref()).map_or(&[][..], Vec::as_slice)),
        Mark::Bits { bits, .. } => replaced(mark, &found, &[(number(mark, &found)? & !bits).to_string()]),
        Mark::Switch { clear, .. } => switched(mark, &found, clear),
    }))
}

/// The values of the mark's attribute, sorted.
fn raw(mark: &Mark, entry: &Entry) -> Result<Vec<String>, CallError> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec());
    let mut found: Vec<String> = entry
        .values(mark.attribute())
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|_| CallError::Permanent(format!("`{}` holds what is no text", mark.attribute())))?;
    found.sort_unstable();
    Ok(found)
}

/// The one value of an attribute that every account has.
fn only<'a>(mark: &Mark, found: &'a [String]) -> Result<&'a str, CallError> {
    match found {
        [one] => Ok(one),
        _ => Err(CallError::Permanent(format!("`{}` cannot be read", mark.attribute()))),
    }
}

/// The bits of an attribute that is written as a signed number.
fn number(mark: &Mark, found: &[String]) -> Result<u32, CallError> {
    let text = only(mark, found)?;
    let signed: i32 = text.parse().map_err(|_| CallError::Permanent(format!("`{}` is no number", mark.attribute())))?;
    Ok(signed.cast_unsigned())
}

/// Takes the values `from` away, which must all be there, and puts `to` in their place.
fn replaced(mark: &Mark, from: &[String], to: &[String]) -> Edit {
    let name = mark.attribute();
    let attribute = || name.as_bytes().to_vec();
    let mut changes = Vec::new();
    if !from.is_empty() {
        changes.push(Mod::Delete(attribute(), values(from)));
    }
    if !to.is_empty() {
        changes.push(Mod::Add(attribute(), values(to)));
    }
    Edit { changes, if_so: as_found(name, from) }
}

/// Sets what the server turns into a value of its own choice, and what it does not compare.
fn switched(mark: &Mark, from: &[String], to: &str) -> Edit {
    let change = Mod::Replace(mark.attribute().as_bytes().to_vec(), values(&[to]));
    Edit { changes: vec![change], if_so: as_found(mark.attribute(), from) }
}

/// The filter of what has these values of the attribute.
fn as_found(attribute: &str, found: &[String]) -> String {
    if found.is_empty() {
        return format!("(!({attribute}=*))");
    }
    found.iter().map(|value| format!("({attribute}={})", ldap_escape(value.as_str()))).collect()
}
