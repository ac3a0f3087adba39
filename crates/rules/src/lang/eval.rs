//! Evaluates compiled expressions.
//!
//! Total: every node and every input come to a value. Bounded: the elements that macros, membership and
//! equality visit are counted, and past [`VISITS_MAX`] the rest is unknown. Conditions are told by
//! [`Machine::truth`], which builds no values where it need not.

mod condition;

use super::collection::{List, Map};
use super::doc::Doc;
use super::functions;
use super::node::{Macro, MacroKind, Node};
use super::pattern::{Hash, Pattern};
use super::{Relation, Truth, Val};
use adjutant_model::schema::Levels;
use adjutant_model::{Row, Slot, Value, Why};
use std::borrow::Cow;
use std::sync::Arc;

/// How many elements one evaluation may visit, in all its macros together.
pub const VISITS_MAX: u32 = 10_000;

/// What an expression reads.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// The fields and facts of an alert.
    Row(&'a Row),
    /// A record.
    Doc(Doc<'a>),
    /// Nothing: constants only.
    Nothing,
}

/// Evaluates one expression after another in one scope.
pub(super) struct Machine<'a> {
    scope: Scope<'a>,
    locals: Vec<Val<'a>>,
    /// The text that a pattern was looked for in last, with its hash: the next pattern mostly asks of the same.
    hashed: Option<(&'a str, Option<Hash>)>,
    /// Visits left.
    pub(super) visits: u32,
}

impl<'a> Machine<'a> {
    pub(super) fn new(scope: Scope<'a>) -> Self {
        Self { scope, locals: Vec::new(), hashed: None, visits: VISITS_MAX }
    }

    /// Ready for the next expression, with a budget of its own.
    pub(super) fn again(&mut self) -> &mut Self {
        self.locals.clear();
        self.visits = VISITS_MAX;
        self
    }

    #[cfg(test)]
    pub(super) fn with_locals(locals: Vec<Val<'a>>) -> Self {
        Self { locals, ..Self::new(Scope::Nothing) }
    }

    fn slot(&self, slot: Slot) -> Value {
        match self.scope {
            Scope::Row(row) => row.value(slot),
            _ => Value::Unknown(Why::Error),
        }
    }

    fn text(&self, range: adjutant_model::Range) -> &'a str {
        match self.scope {
            Scope::Row(row) => row.text_at(range),
            _ => "",
        }
    }

    /// Spends one visit; false when there are none left.
    fn visit(&mut self) -> bool {
        self.visits = self.visits.saturating_sub(1);
        self.visits > 0
    }

    /// What `node` comes to.
    pub(super) fn eval(&mut self, node: &'a Node) -> Val<'a> {
        match node {
            Node::Const(value) => value.lend(),
            Node::Level(index, levels) => Val::Level(*index, levels),
            Node::Never(why) => Val::Unknown(*why),
            Node::Slot(slot, levels) => self.cell(*slot, levels.as_ref()),
            Node::Path(path) => match self.scope {
                Scope::Doc(doc) => doc.value(*path).unwrap_or(Val::Unknown(Why::NotStated)),
                _ => Val::ERROR,
            },
            Node::Local(place) => self.locals.get(*place).cloned().unwrap_or(Val::ERROR),
            Node::HasKey(operand, key) => match operand.as_ref() {
                Node::Local(place) => self.locals.get(*place).map_or(Val::ERROR, |operand| has_key(operand, key)),
                operand => has_key(&self.eval(operand), key),
            },
            Node::Select(operand, key) => match operand.as_ref() {
                Node::Local(place) => self.locals.get(*place).map_or(Val::ERROR, |operand| select(operand, key)),
                operand => select(&self.eval(operand), key),
            },
            Node::Index(parts) => self.element_at(parts),
            Node::Negate(inner) => negate(&self.eval(inner)),
            Node::If(parts) => self.choose(parts),
            Node::Arithmetic(op, sides) => {
                let [a, b] = sides.as_ref();
                let (a, b) = (self.eval(a), self.eval(b));
                functions::arithmetic(*op, a, b, &mut self.visits)
            }
            Node::InSet(inner, set) => member(&self.eval(inner), set),
            Node::Matches(inner, pattern) => self.matches(inner, pattern),
            Node::Extract(inner, regex) => self.extract(inner, regex),
            Node::Table(table, key) => {
                let key = self.eval(key);
                table.get(&key)
            }
            Node::First(parts) => self.first(parts),
            Node::Call(function, args) => self.call(function, args),
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Macro(made) => self.run(made),
            Node::SlotNumber(..)
            | Node::SlotText(..)
            | Node::SlotSlot(..)
            | Node::TextHas(..)
            | Node::SlotLevels(..)
            | Node::SlotIn(..)
            | Node::Known(_)
            | Node::HasPath(_)
            | Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Compare(..)
            | Node::TextIn(..)
            | Node::In(_) => match self.truth(node) {
                Truth::True => Val::Bool(true),
                Truth::False => Val::Bool(false),
                Truth::Unknown(why) => Val::Unknown(why),
            },
        }
    }

    fn cell(&self, slot: Slot, levels: Option<&'a Arc<Levels>>) -> Val<'a> {
        match self.scope {
            Scope::Row(row) => Val::from_row(row.value(slot), row, levels.map(Arc::as_ref)),
            _ => Val::ERROR,
        }
    }

    /// `a[b]`; of `a.filter(…)[n]` no list is made.
    fn element_at(&mut self, parts: &'a [Node; 2]) -> Val<'a> {
        let [operand, index] = parts;
        if let (Node::Macro(made), Node::Const(Val::Int(place))) = (operand, index)
            && made.kind == MacroKind::Filter
        {
            let Ok(place) = usize::try_from(*place) else { return Val::ERROR };
            return match self.gather(made, Some(place)) {
                Ok(state) => state.kept_one(),
                Err(why) => Val::Unknown(why),
            };
        }
        let operand = self.eval(operand);
        index_of(&operand, self.eval(index))
    }

    fn choose(&mut self, parts: &'a [Node; 3]) -> Val<'a> {
        let [test, yes, no] = parts;
        match self.truth(test) {
            Truth::True => self.eval(yes),
            Truth::False => self.eval(no),
            Truth::Unknown(why) => Val::Unknown(why),
        }
    }

    fn is_in(&mut self, item: &Val<'a>, holder: &Val<'a>) -> Truth {
        match (item, holder) {
            (Val::Unknown(why), _) | (_, Val::Unknown(why)) => Truth::Unknown(*why),
            (_, Val::List(list)) => {
                let List::Made(items) = list else { return self.is_any_of(item, list.iter()) };
                self.is_any_of(item, items.iter().map(Val::lend))
            }
            (_, Val::Map(map)) => {
                self.visits = self.visits.saturating_sub(u32::try_from(map.len()).unwrap_or(u32::MAX));
                if self.visits == 0 { Truth::Unknown(Why::Error) } else { Truth::from(map.get(item).is_some()) }
            }
            _ => Truth::Unknown(Why::Error),
        }
    }

    fn is_any_of<'i>(&mut self, item: &Val<'a>, elements: impl Iterator<Item = Val<'i>>) -> Truth {
        let mut any = Truth::False;
        for element in elements {
            if !self.visit() {
                return Truth::Unknown(Why::Error);
            }
            any = any.or(item.equals(&element, &mut self.visits, 0));
            if any == Truth::True {
                break;
            }
        }
        any
    }

    fn matches(&mut self, inner: &'a Node, pattern: &Pattern) -> Val<'a> {
        match self.eval(inner) {
            Val::Text(text) => {
                functions::spend(&mut self.visits, text.len());
                let hash = self.hash(&text);
                Val::Bool(pattern.is_found(&text, hash))
            }
            Val::Unknown(why) => Val::Unknown(why),
            _ => Val::ERROR,
        }
    }

    #[expect(clippy::ptr_arg, reason = "only what is borrowed lives as long as the row")]
    fn hash(&mut self, text: &Cow<'a, str>) -> Option<Hash> {
        let Cow::Borrowed(text) = *text else { return Hash::of(text) };
        match self.hashed {
            Some((known, hash)) if std::ptr::eq(known, text) => hash,
            _ => self.hashed.insert((text, Hash::of(text))).1,
        }
    }

    fn extract(&mut self, inner: &'a Node, regex: &regex::Regex) -> Val<'a> {
        let text = match self.eval(inner) {
            Val::Text(text) => text,
            Val::Unknown(why) => return Val::Unknown(why),
            _ => return Val::ERROR,
        };
        functions::spend(&mut self.visits, text.len());
        let range = regex.captures(&text).and_then(|found| found.get(1).or(found.get(0)).map(|group| group.range()));
        match range {
            Some(range) => functions::cut(text, range),
            None => Val::Unknown(Why::NotStated),
        }
    }

    fn first(&mut self, parts: &'a [Node]) -> Val<'a> {
        let mut why = None;
        for part in parts {
            match self.eval(part) {
                Val::Unknown(reason) => why = why.or(Some(reason)),
                blank if blank.is_blank() => {}
                value => return value,
            }
        }
        Val::Unknown(why.unwrap_or(Why::NotStated))
    }

    fn call(&mut self, function: &'static functions::Function, nodes: &'a [Node]) -> Val<'a> {
        let mut args = functions::NO_ARGS;
        for (place, node) in args.iter_mut().zip(nodes) {
            *place = self.eval(node);
            if let Val::Unknown(why) = place {
                return Val::Unknown(*why);
            }
        }
        (function.run)(args, &mut self.visits)
    }

    fn list(&mut self, nodes: &'a [Node]) -> Val<'a> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            match self.eval(node) {
                Val::Unknown(why) => return Val::Unknown(why),
                item => items.push(item),
            }
        }
        Val::List(List::of(items))
    }

    fn map(&mut self, nodes: &'a [(Node, Node)]) -> Val<'a> {
        let mut entries: Vec<(Val<'a>, Val<'a>)> = Vec::with_capacity(nodes.len());
        for (key, value) in nodes {
            let (key, value) = (self.eval(key), self.eval(value));
            match (&key, &value) {
                (Val::Unknown(why), _) | (_, Val::Unknown(why)) => return Val::Unknown(*why),
                (Val::Bool(_) | Val::Int(_) | Val::Uint(_) | Val::Text(_), _) => {}
                _ => return Val::ERROR,
            }
            if entries.iter().any(|(known, _)| known.order(&key) == Some(std::cmp::Ordering::Equal)) {
                return Val::ERROR;
            }
            entries.push((key, value));
        }
        Val::Map(Map::of(entries))
    }

    fn run(&mut self, made: &'a Macro) -> Val<'a> {
        match self.gather(made, None) {
            Ok(state) => state.result(made.kind),
            Err(why) => Val::Unknown(why),
        }
    }

    /// Runs a macro over its elements; of a filter's list, keeps only what is at `only`.
    fn gather(&mut self, made: &'a Macro, only: Option<usize>) -> Result<MacroState<'a>, Why> {
        let state = MacroState::new(made.kind, only);
        let test = &made.test;
        if let (Some((keyed, left)), Scope::Doc(doc)) = (&made.keyed, self.scope)
            && let Some(elements) = doc.elements_with(keyed)
        {
            return self.over((made, left.as_ref().unwrap_or(test)), elements, state);
        }
        match self.eval(&made.range) {
            Val::List(list) => self.over((made, test), list.iter(), state),
            Val::Map(map) => self.over((made, test), map.entries().map(|(key, _)| key), state),
            Val::Unknown(why) => Err(why),
            _ => Err(Why::Error),
        }
    }

    fn over(
        &mut self,
        (made, test): (&'a Macro, &'a Node),
        items: impl Iterator<Item = Val<'a>>,
        mut state: MacroState<'a>,
    ) -> Result<MacroState<'a>, Why> {
        for item in items {
            if !self.visit() {
                return Err(Why::Error);
            }
            self.locals.push(item);
            let go_on = self.element(made, test, &mut state);
            self.locals.pop();
            if !go_on {
                break;
            }
        }
        Ok(state)
    }

    /// One element of a macro; false when the rest cannot matter.
    fn element(&mut self, made: &'a Macro, test: &'a Node, state: &mut MacroState<'a>) -> bool {
        let test = self.truth(test);
        match (made.kind, test) {
            (MacroKind::All, _) => state.folded = state.folded.and(test),
            (MacroKind::Exists, _) => state.folded = state.folded.or(test),
            (_, Truth::Unknown(why)) => state.folded = Truth::Unknown(why),
            (MacroKind::ExistsOne, _) => state.count += usize::from(test == Truth::True),
            (MacroKind::Filter | MacroKind::Map, Truth::False) => {}
            (MacroKind::Filter, Truth::True) => state.keep(self.locals.last()),
            (MacroKind::Map, Truth::True) => match made.made.as_ref().map_or(Val::ERROR, |node| self.eval(node)) {
                Val::Unknown(why) => state.folded = Truth::Unknown(why),
                value => state.kept.push(value),
            },
        }
        match made.kind {
            MacroKind::All => state.folded != Truth::False,
            MacroKind::Exists => state.folded != Truth::True,
            _ => !matches!(state.folded, Truth::Unknown(_)),
        }
    }
}

/// What a macro has gathered so far.
struct MacroState<'a> {
    folded: Truth,
    count: usize,
    /// The only place of a filter's list that is asked for.
    only: Option<usize>,
    one: Option<Val<'a>>,
    kept: Vec<Val<'a>>,
}

impl<'a> MacroState<'a> {
    fn new(kind: MacroKind, only: Option<usize>) -> Self {
        Self { folded: Truth::from(kind == MacroKind::All), count: 0, only, one: None, kept: Vec::new() }
    }

    /// Takes an element into a filter's list.
    fn keep(&mut self, element: Option<&Val<'a>>) {
        match self.only {
            None => self.kept.extend(element.cloned()),
            Some(place) if place == self.count => self.one = element.cloned(),
            Some(_) => {}
        }
        self.count += 1;
    }

    /// The only element that was asked for.
    fn kept_one(self) -> Val<'a> {
        match self.folded {
            Truth::Unknown(why) => Val::Unknown(why),
            _ => self.one.unwrap_or(Val::Unknown(Why::NotStated)),
        }
    }

    fn result(self, kind: MacroKind) -> Val<'a> {
        match (self.folded, kind) {
            (Truth::Unknown(why), _) => Val::Unknown(why),
            (folded, MacroKind::All | MacroKind::Exists) => Val::Bool(folded == Truth::True),
            (_, MacroKind::ExistsOne) => Val::Bool(self.count == 1),
            (_, MacroKind::Filter | MacroKind::Map) => Val::List(List::of(self.kept)),
        }
    }
}

/// The number of a value that is ordered like one.
fn ordinal(value: Value) -> Result<i64, Why> {
    match value {
        Value::Int(number) => Ok(number),
        Value::Speed(speed) => Ok(speed.0),
        Value::Duration(span) => Ok(span.0),
        Value::Distance(distance) => Ok(distance.0),
        Value::Time(time) => Ok(time.0),
        Value::Level(index) => Ok(i64::from(index)),
        Value::Bool(value) => Ok(i64::from(value)),
        other => Err(why_not(other)),
    }
}

/// Why `value`, which is of no use here, is of no use.
const fn why_not(value: Value) -> Why {
    match value {
        Value::Unknown(why) => why,
        _ => Why::Error,
    }
}

fn compare(relation: Relation, a: &Val<'_>, b: &Val<'_>, visits: &mut u32) -> Truth {
    match (a, b) {
        (Val::Unknown(why), _) | (_, Val::Unknown(why)) => Truth::Unknown(*why),
        _ if relation == Relation::Equal => a.equals(b, visits, 0),
        _ if relation == Relation::NotEqual => a.equals(b, visits, 0).negate(),
        _ => match a.order(b) {
            Some(order) => Truth::from(relation.holds(order)),
            // Not-a-number is a number that no order holds for.
            None if a.is_number() && b.is_number() && (a.is_nan() || b.is_nan()) => Truth::False,
            None => Truth::Unknown(Why::Error),
        },
    }
}

fn member(value: &Val<'_>, set: &super::Set) -> Val<'static> {
    match (value, set.contains(value)) {
        (Val::Unknown(why), _) => Val::Unknown(*why),
        (Val::Null, _) => Val::Unknown(Why::NotStated),
        (_, Some(found)) => Val::Bool(found),
        (_, None) => Val::ERROR,
    }
}

fn has_key(operand: &Val<'_>, key: &str) -> Val<'static> {
    match operand {
        Val::Map(map) => Val::Bool(map.field(key).is_some()),
        Val::Unknown(why) => Val::Unknown(*why),
        Val::Null => Val::Unknown(Why::NotStated),
        _ => Val::ERROR,
    }
}

fn select<'a>(operand: &Val<'a>, key: &str) -> Val<'a> {
    match operand {
        Val::Map(map) => map.field(key).unwrap_or(Val::Unknown(Why::NotStated)),
        Val::Unknown(why) => Val::Unknown(*why),
        Val::Null => Val::Unknown(Why::NotStated),
        _ => Val::ERROR,
    }
}

fn index_of<'a>(operand: &Val<'a>, index: Val<'a>) -> Val<'a> {
    let place = match &index {
        Val::Unknown(why) => return Val::Unknown(*why),
        Val::Int(place) => usize::try_from(*place).ok(),
        Val::Uint(place) => usize::try_from(*place).ok(),
        // JSON has one kind of number: 1.0 is an index, 1.5 is none.
        Val::Double(place) if place.fract() == 0.0 && *place >= 0.0 && *place < 4e9 => Some(*place as usize),
        _ => None,
    };
    match (operand, place) {
        (Val::Unknown(why), _) => Val::Unknown(*why),
        (Val::Null, _) => Val::Unknown(Why::NotStated),
        (Val::Map(map), _) => map.get(&index).unwrap_or(Val::Unknown(Why::NotStated)),
        (Val::List(list), Some(place)) => list.get(place).unwrap_or(Val::Unknown(Why::NotStated)),
        _ => Val::ERROR,
    }
}

fn negate(value: &Val<'_>) -> Val<'static> {
    match value {
        Val::Int(number) => number.checked_neg().map_or(Val::ERROR, Val::Int),
        Val::Double(number) => Val::Double(-number),
        Val::Duration(span) => span.0.checked_neg().map_or(Val::ERROR, |span| Val::Duration(adjutant_model::Duration(span))),
        Val::Unknown(why) => Val::Unknown(*why),
        _ => Val::ERROR,
    }
}
