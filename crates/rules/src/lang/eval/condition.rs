//! Tells whether conditions hold, without making values where none are needed.

use super::super::collection::{Map, field_of};
use super::super::node::Node;
use super::super::{Relation, Truth, Val, functions};
use super::{Machine, Scope, compare, ordinal, why_not};
use adjutant_model::{Value, Why};

impl<'a> Machine<'a> {
    /// `node` as a condition.
    #[inline]
    pub(in crate::lang) fn truth(&mut self, node: &'a Node) -> Truth {
        match self.field(node) {
            Some(truth) => truth,
            None => self.beyond_fields(node),
        }
    }

    /// A condition on fields alone, as most are; none for any other. Small, so that it is part of those who ask.
    #[inline]
    fn field(&self, node: &'a Node) -> Option<Truth> {
        Some(match node {
            Node::Slot(slot, _) => match self.slot(*slot) {
                Value::Bool(value) => Truth::from(value),
                Value::Unknown(why) => Truth::Unknown(why),
                _ => Truth::Unknown(Why::Error),
            },
            Node::SlotNumber(slot, relation, wanted) => match ordinal(self.slot(*slot)) {
                Ok(number) => Truth::from(relation.holds(number.cmp(wanted))),
                Err(why) => Truth::Unknown(why),
            },
            Node::SlotText(slot, wanted, equal) => match self.slot(*slot) {
                Value::Text(range) => Truth::from((self.text(range) == wanted.as_ref()) == *equal),
                other => Truth::Unknown(why_not(other)),
            },
            Node::SlotLevels(slot, wanted) => match self.slot(*slot) {
                Value::Level(index) => Truth::from(wanted.checked_shr(u32::from(index)).unwrap_or(0) & 1 == 1),
                other => Truth::Unknown(why_not(other)),
            },
            Node::Known(slot) => Truth::from(self.slot(*slot).is_known()),
            _ => return None,
        })
    }

    #[inline(never)]
    fn beyond_fields(&mut self, node: &'a Node) -> Truth {
        match node {
            Node::And(parts) => self.and(parts),
            Node::Or(parts) => self.or(parts),
            Node::Not(inner) => self.truth(inner).negate(),
            Node::HasPath(path) => match self.scope {
                Scope::Doc(doc) => Truth::from(doc.has(*path)),
                _ => Truth::Unknown(Why::Error),
            },
            Node::SlotIn(slot, set) => match self.slot(*slot) {
                Value::Addr(addr) => Truth::from(set.contains_addr(addr)),
                Value::Text(range) => Truth::from(set.contains_text(self.text(range))),
                other => Truth::Unknown(why_not(other)),
            },
            Node::SlotSlot(a, relation, b) => self.slots(self.slot(*a), *relation, self.slot(*b)),
            Node::TextHas(inner, test, part) => match self.look(inner, |text| test.holds(text, part)) {
                Looked::Text(holds) => Truth::from(holds),
                Looked::Unknown(why) => Truth::Unknown(why),
                Looked::Other => Truth::Unknown(Why::Error),
            },
            Node::TextIn(inner, texts, wanted) => match self.look(inner, |text| texts.iter().any(|known| **known == *text)) {
                Looked::Text(is_one) => Truth::from(is_one == *wanted),
                Looked::Unknown(why) => Truth::Unknown(why),
                Looked::Other => Truth::from(!wanted),
            },
            Node::Compare(relation, sides) => {
                let [a, b] = sides.as_ref();
                let a = self.eval(a);
                self.beside(b, |machine, b| compare(*relation, &a, b, &mut machine.visits))
            }
            Node::In(sides) => {
                let [a, b] = sides.as_ref();
                let a = self.eval(a);
                self.beside(b, |machine, b| machine.is_in(&a, b))
            }
            other => self.eval(other).truth(),
        }
    }

    /// What `test` says of `node`'s value; a constant, as most are, is not copied for it.
    fn beside(&mut self, node: &'a Node, test: impl FnOnce(&mut Self, &Val<'a>) -> Truth) -> Truth {
        match node {
            Node::Const(value) => test(self, value),
            node => {
                let value = self.eval(node);
                test(self, &value)
            }
        }
    }

    /// Two fields of one type.
    fn slots(&self, a: Value, relation: Relation, b: Value) -> Truth {
        let order = match (a, b) {
            (Value::Text(a), Value::Text(b)) => self.text(a).cmp(self.text(b)),
            (Value::Addr(a), Value::Addr(b)) => a.cmp(&b),
            (a, b) => match (ordinal(a), ordinal(b)) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Err(why), _) | (_, Err(why)) => return Truth::Unknown(why),
            },
        };
        Truth::from(relation.holds(order))
    }

    /// What `test` says of the text that `node` comes to. The places where most texts stand are looked at without
    /// making a value of them.
    fn look<T>(&mut self, node: &'a Node, test: impl FnOnce(&str) -> T) -> Looked<T> {
        match (node, self.scope) {
            (Node::Slot(slot, _), Scope::Row(row)) => match row.value(*slot) {
                Value::Text(range) => Looked::Text(test(row.text_at(range))),
                Value::Unknown(why) => Looked::Unknown(why),
                _ => Looked::Other,
            },
            (Node::Path(path), Scope::Doc(doc)) => of_tape(doc.node(*path), &mut self.visits, test),
            (Node::Local(place), _) => match self.locals.get(*place) {
                Some(value) => of_value(value, &mut self.visits, test),
                None => Looked::Unknown(Why::Error),
            },
            (Node::Select(of, key), _) => match self.tape_of(of) {
                Some(tape) => of_tape(field_of(tape, key).and_then(|at| tape.get(at)), &mut self.visits, test),
                None => of_value(&self.eval(node), &mut self.visits, test),
            },
            _ => of_value(&self.eval(node), &mut self.visits, test),
        }
    }

    /// The record's part that a variable stands for, when that is an object.
    fn tape_of(&self, node: &Node) -> Option<&'a [simd_json::Node<'a>]> {
        match node {
            Node::Local(place) => match self.locals.get(*place)? {
                Val::Map(Map::Tape(tape)) => Some(tape),
                _ => None,
            },
            _ => None,
        }
    }

    fn and(&mut self, parts: &'a [Node]) -> Truth {
        let mut all = Truth::True;
        for part in parts {
            all = all.and(self.truth(part));
            if all == Truth::False {
                break;
            }
        }
        all
    }

    fn or(&mut self, parts: &'a [Node]) -> Truth {
        let mut any = Truth::False;
        for part in parts {
            any = any.or(self.truth(part));
            if any == Truth::True {
                break;
            }
        }
        any
    }
}

/// What came of looking at a value as text.
enum Looked<T> {
    Text(T),
    Unknown(Why),
    /// It is no text.
    Other,
}

fn of_tape<T>(node: Option<&simd_json::Node<'_>>, visits: &mut u32, test: impl FnOnce(&str) -> T) -> Looked<T> {
    match node {
        Some(simd_json::Node::String(text)) => of_text(text, visits, test),
        Some(_) => Looked::Other,
        None => Looked::Unknown(Why::NotStated),
    }
}

fn of_value<T>(value: &Val<'_>, visits: &mut u32, test: impl FnOnce(&str) -> T) -> Looked<T> {
    match value {
        Val::Text(text) => of_text(text, visits, test),
        Val::Unknown(why) => Looked::Unknown(*why),
        _ => Looked::Other,
    }
}

/// Goes through a text, and pays for it.
fn of_text<T>(text: &str, visits: &mut u32, test: impl FnOnce(&str) -> T) -> Looked<T> {
    functions::spend(visits, text.len());
    Looked::Text(test(text))
}
