//! Conditions that no row satisfies, because their own comparisons of one field exclude each other.
//!
//! Looks at the parts of the outermost `&&` only: what it finds is certain, what it does not find may exist.

use super::fact::FactExpr;
use super::node::Node;
use super::{Relation, Val};
use adjutant_model::Slot;

impl FactExpr {
    /// A field whose comparisons exclude each other, or nothing when none is found.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let parts: &[Node] = match self.node() {
            Node::And(parts) => parts,
            single => std::slice::from_ref(single),
        };
        if parts.iter().any(|part| matches!(part, Node::Const(Val::Bool(false)))) {
            return Some(Contradiction::Constant);
        }
        let pairs = parts.iter().enumerate().flat_map(|(index, a)| parts.iter().skip(index + 1).map(move |b| (a, b)));
        pairs.filter_map(|(a, b)| excludes(a, b)).map(Contradiction::Field).next()
    }
}

/// Why a condition can never hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A part of it is the constant `false`.
    Constant,
    /// Two comparisons of this field exclude each other.
    Field(Slot),
}

fn excludes(a: &Node, b: &Node) -> Option<Slot> {
    let (slot, excluded) = match (a, b) {
        (Node::SlotNumber(slot, r, at), Node::SlotNumber(other, s, to)) if slot == other => {
            (slot, apart(range(*r, *at)?, range(*s, *to)?))
        }
        (Node::SlotText(slot, text, true), Node::SlotText(other, said, true)) if slot == other => (slot, text != said),
        (Node::SlotText(slot, text, wanted), Node::SlotText(other, said, again)) if slot == other => {
            (slot, text == said && wanted != again)
        }
        (Node::SlotLevels(slot, mask), Node::SlotLevels(other, with)) if slot == other => (slot, mask & with == 0),
        (Node::Slot(slot, _), Node::Not(inner)) | (Node::Not(inner), Node::Slot(slot, _)) => {
            (slot, matches!(**inner, Node::Slot(other, _) if other == *slot))
        }
        _ => return None,
    };
    excluded.then_some(*slot)
}

fn apart(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0.max(b.0) > a.1.min(b.1)
}

/// The whole numbers that satisfy a comparison, both ends included.
fn range(relation: Relation, at: i64) -> Option<(i64, i64)> {
    Some(match relation {
        Relation::Equal => (at, at),
        Relation::Less => (i64::MIN, at.checked_sub(1)?),
        Relation::LessOrEqual => (i64::MIN, at),
        Relation::Greater => (at.checked_add(1)?, i64::MAX),
        Relation::GreaterOrEqual => (at, i64::MAX),
        Relation::NotEqual => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::lang::{Lists, condition};
    use adjutant_model::Schema;

    #[test]
    fn finds_what_excludes_itself_and_nothing_else() {
        let found = |text: &str| condition(text, &Schema::built_in(), &Lists::default()).unwrap().contradiction().is_some();
        for dead in [
            "login.speed > kmh(900) && login.speed < kmh(800)",
            "alert.repeats == 3 && alert.repeats > 3",
            "user.name == 'a' && user.name == 'b'",
            "login.via_vpn && !login.via_vpn",
        ] {
            assert!(found(dead), "{dead}");
        }
        for alive in [
            "login.speed > kmh(800) && login.speed < kmh(900)",
            "user.name == 'a' || user.name == 'b'",
            "alert.severity >= 'low' && alert.severity <= 'high'",
            "login.via_vpn && !src.public",
        ] {
            assert!(!found(alive), "{alive}");
        }
    }
}
