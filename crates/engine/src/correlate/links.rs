//! Links from strong cases to what was unusual elsewhere.
//!
//! A strong case names the unusual cases of other entities within an hour of it, and what those entities did
//! unusually in the two days before. A link is a hint for people: it never changes a count or a score.

use super::{Cases, Open};
use adjutant_model::decision::{Link, Relation};
use adjutant_model::{CaseId, Time};
use serde::{Deserialize, Serialize};

/// Unusual cases that are open for links at a time; the one that grew longest ago goes first.
const ACTIVE_MAX: usize = 256;

/// An unusual case that may still be linked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Active {
    key: u64,
    strong: bool,
}

impl Cases {
    /// Links the unusual case `key`, which just grew, with the others that are active; returns what is new.
    pub(super) fn link(&mut self, key: u64) -> Vec<Link> {
        let Some((time, strong)) = self.open.get(key).map(|case| (case.last, case.is_strong())) else { return Vec::new() };
        self.active.retain(|active| active.key != key);
        self.active.push(Active { key, strong });
        if self.active.len() > ACTIVE_MAX {
            self.active.remove(0);
        }
        let mut made = Vec::new();
        if strong || self.active.iter().any(|active| active.strong) {
            self.forget_inactive(time);
            let others: Vec<Active> = self.active.iter().filter(|other| other.key != key).copied().collect();
            for other in others.iter().filter(|other| strong || other.strong) {
                if strong {
                    self.name(key, other.key, &mut made);
                }
                if other.strong {
                    self.name(other.key, key, &mut made);
                }
            }
        }
        made
    }

    fn forget_inactive(&mut self, time: Time) {
        let near = self.policy.apart.near;
        let open = &self.open;
        self.active.retain(|active| open.get(active.key).is_some_and(|case| time.since(case.last) <= near));
    }

    /// Lets the strong case `strong` name `other`, and what the entity of `other` did before.
    fn name(&mut self, strong: u64, other: u64, made: &mut Vec<Link>) {
        let (Some(from), Some(to)) = (self.open.get(strong), self.open.get(other)) else { return };
        let (Some(evidence), Some(about)) = (&from.unusual, &to.unusual) else { return };
        let apart = &self.policy.apart;
        let near = evidence.near.contains(&other);
        let far = to.last.since(from.last) > apart.near || from.last.since(to.last) > apart.near;
        if evidence.entity == about.entity || !near && (far || evidence.near.len() >= apart.near_max) {
            return;
        }
        let room = apart.before_max.saturating_sub(evidence.before.iter().filter(|key| **key != other).count());
        let before: Vec<u64> = self.past(about.entity, other).filter(|key| self.is_before(*key, from)).take(room).collect();
        if !near {
            self.note(strong, other, Relation::Near, made);
        }
        for key in before {
            self.note(strong, key, Relation::Before, made);
        }
    }

    /// The unusual cases of `entity` that are remembered, without `other`, oldest first.
    fn past(&self, entity: u64, other: u64) -> impl Iterator<Item = u64> + '_ {
        let past = self.places.get(entity).map_or([0; super::PAST], |place| place.cases);
        past.into_iter().filter(move |key| *key != 0 && *key != other)
    }

    /// Whether the case `key` is worth naming as what came before the strong case `from`, which does not name it yet.
    fn is_before(&self, key: u64, from: &Open) -> bool {
        let (Some(case), Some(evidence)) = (self.open.get(key), &from.unusual) else { return false };
        let apart = &self.policy.apart;
        let named = evidence.near.contains(&key) || evidence.before.contains(&key);
        let ended = from.opened.since(case.last);
        let broad = case.unusual.as_ref().is_some_and(|evidence| evidence.counts.rules >= apart.back_rules);
        !named && broad && ended.0 > 0 && ended <= apart.back
    }

    fn note(&mut self, strong: u64, other: u64, relation: Relation, made: &mut Vec<Link>) {
        let Some(to) = self.open.get(other).map(|case| case.id) else { return };
        let Some(from) = self.open.get_mut(strong) else { return };
        let id = from.id;
        let Some(evidence) = &mut from.unusual else { return };
        match relation {
            Relation::Near => {
                evidence.before.retain(|key| *key != other);
                evidence.near.push(other);
            }
            Relation::Before => evidence.before.push(other),
        }
        made.push(Link { strong: CaseId(id), case: CaseId(to), relation });
    }
}
