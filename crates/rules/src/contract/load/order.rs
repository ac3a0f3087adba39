//! The order in which contracts are filled: one that looks up by another's fact comes after it.

use super::super::Contract;
use super::Declared;
use crate::diagnostic::{Diagnostic, Span};
use adjutant_model::schema::Kind;
use adjutant_model::{Schema, Slot};
use std::collections::BTreeMap;

/// The contracts in that order; those that look each other up are a fault.
pub(super) fn order(declared: Vec<Declared>, schema: &Schema, faults: &mut Vec<Diagnostic>) -> Vec<Contract> {
    let provides = |one: &Contract, slot: Slot| {
        let context = schema.field(slot).is_some_and(|field| field.kind == Kind::Context);
        context && one.subjects.iter().any(|subject| subject.slots.contains(&slot))
    };
    let needs = |one: &Contract, other: &Contract| {
        one.subjects.iter().flat_map(|subject| &subject.lookup).any(|(slot, _)| provides(other, *slot))
    };
    let mut waiting: Vec<(usize, Contract)> = declared.into_iter().map(|one| one.contract).enumerate().collect();
    let mut ordered: Vec<(usize, Contract)> = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting
            .iter()
            .position(|(number, one)| waiting.iter().all(|(other_number, other)| number == other_number || !needs(one, other)));
        if ready.is_none() {
            let names: Vec<&str> = waiting.iter().map(|(_, one)| one.name.as_str()).collect();
            let message = format!("these contracts look each other up: {}", names.join(", "));
            let path = waiting.first().map_or("", |(_, one)| one.path.as_str());
            faults.push(Diagnostic::error("context-cycle", path, Span::default(), message));
        }
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    renumber(ordered)
}

/// Makes agreements point at the contracts' new places.
fn renumber(ordered: Vec<(usize, Contract)>) -> Vec<Contract> {
    let places: BTreeMap<usize, usize> = ordered.iter().enumerate().map(|(new, (old, _))| (*old, new)).collect();
    let mut contracts: Vec<Contract> = ordered.into_iter().map(|(_, contract)| contract).collect();
    for fact in contracts.iter_mut().flat_map(|contract| &mut contract.facts) {
        fact.agrees_with = fact.agrees_with.and_then(|(contract, index)| Some((*places.get(&contract)?, index)));
    }
    contracts
}
