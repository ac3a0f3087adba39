//! A second, simple implementation of what a playbook says about a row, and random playbooks to compare it on.
#![allow(dead_code, reason = "each test uses its part")]

use adjutant_model::{Decision, Origin, Outcome, Row, SignalState, Value, Why};
use adjutant_rules::Book;
use std::fmt::Write as _;

/// The facts that random conditions read: name and how many values from 0; two values are false and true.
pub(crate) const FIELDS: [(&str, i64); 6] = [
    ("malware.blocked", 2),
    ("device.managed", 2),
    ("login.legacy", 2),
    ("alert.repeats", 9),
    ("case.rules", 9),
    ("rule.confirmed", 9),
];

/// The sequence is the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub(crate) fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as i64 % bound
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

/// A condition as a tree.
#[derive(Clone, Debug)]
enum When {
    /// The field is at least the number; a field of two values: is true.
    AtLeast(usize, i64),
    /// The field is the number.
    Is(usize, i64),
    Not(Box<When>),
    Both(Box<When>, Box<When>),
    Either(Box<When>, Box<When>),
}

impl When {
    fn new(random: &mut Random, depth: i64) -> Self {
        let inner = |random: &mut Random| Box::new(When::new(random, depth - 1));
        match random.below(if depth > 0 { 7 } else { 3 }) {
            2 => {
                let numbers = FIELDS.iter().position(|(_, values)| *values > 2).unwrap_or(0);
                let field = numbers + random.below((FIELDS.len() - numbers) as i64) as usize;
                When::Is(field, random.below(FIELDS[field].1))
            }
            0 | 1 | 6 => {
                let field = random.below(FIELDS.len() as i64) as usize;
                When::AtLeast(field, 1 + random.below(FIELDS[field].1 - 1))
            }
            3 => When::Not(inner(random)),
            4 => When::Both(inner(random), inner(random)),
            _ => When::Either(inner(random), inner(random)),
        }
    }

    fn text(&self) -> String {
        match self {
            When::AtLeast(field, _) if FIELDS[*field].1 == 2 => FIELDS[*field].0.to_owned(),
            When::AtLeast(field, number) => format!("{} >= {number}", FIELDS[*field].0),
            When::Is(field, number) => format!("{} == {number}", FIELDS[*field].0),
            When::Not(inner) => format!("!({})", inner.text()),
            When::Both(a, b) => format!("({}) && ({})", a.text(), b.text()),
            When::Either(a, b) => format!("({}) || ({})", a.text(), b.text()),
        }
    }

    fn truth(&self, facts: &Facts) -> Truth {
        match self {
            When::AtLeast(field, number) => match facts[*field] {
                None => Truth::Unknown,
                Some(value) if value >= *number => Truth::True,
                Some(_) => Truth::False,
            },
            When::Is(field, number) => match facts[*field] {
                None => Truth::Unknown,
                Some(value) if value == *number => Truth::True,
                Some(_) => Truth::False,
            },
            When::Not(inner) => match inner.truth(facts) {
                Truth::False => Truth::True,
                Truth::Unknown => Truth::Unknown,
                Truth::True => Truth::False,
            },
            When::Both(a, b) => {
                let (a, b) = (a.truth(facts) as u8, b.truth(facts) as u8);
                [Truth::False, Truth::Unknown, Truth::True][usize::from(a.min(b))]
            }
            When::Either(a, b) => {
                let (a, b) = (a.truth(facts) as u8, b.truth(facts) as u8);
                [Truth::False, Truth::Unknown, Truth::True][usize::from(a.max(b))]
            }
        }
    }

    /// Every number that a field is compared with.
    fn constants(&self, found: &mut Vec<(usize, i64)>) {
        match self {
            When::AtLeast(field, number) | When::Is(field, number) => found.push((*field, *number)),
            When::Not(inner) => inner.constants(found),
            When::Both(a, b) | When::Either(a, b) => {
                a.constants(found);
                b.constants(found);
            }
        }
    }
}

/// A value for each field; none when unknown.
type Facts = [Option<i64>; 6];

#[derive(Clone, Debug)]
pub(crate) struct Signal {
    family: usize,
    when: When,
    points: i32,
    unknown: i32,
}

/// A random playbook and what is known.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) signals: Vec<Signal>,
    caps: [i32; 3],
    close_below: i32,
    respond_from: i32,
    never_close: When,
    /// Which signal is muted, and when.
    mute: (usize, When),
    needs: usize,
    facts: Facts,
}

impl Case {
    pub(crate) fn new(random: &mut Random) -> Self {
        let signal = |random: &mut Random, family: usize| {
            let points = 1 + random.below(30) as i32;
            Signal { family, when: When::new(random, 2), points, unknown: random.below(i64::from(points) + 1) as i32 }
        };
        let signals: Vec<Signal> = (0..3 + random.below(5) as usize).map(|index| signal(random, index % 3)).collect();
        let close_below = 10 + random.below(20) as i32;
        Self {
            mute: (random.below(signals.len() as i64) as usize, When::new(random, 1)),
            signals,
            caps: [0; 3].map(|_| 10 + random.below(40) as i32),
            close_below,
            respond_from: close_below + random.below(30) as i32,
            never_close: When::new(random, 1),
            needs: random.below(6) as usize,
            facts: FIELDS.map(|(_, values)| (random.below(4) > 0).then(|| random.below(values))),
        }
    }

    /// The same with something else in up to three places.
    pub(crate) fn edited(&self, random: &mut Random) -> Self {
        let mut edited = self.clone();
        let other = Case::new(random);
        for _ in 0..=random.below(3) {
            let at = random.below(edited.signals.len() as i64) as usize;
            let others = &other.signals[random.below(other.signals.len() as i64) as usize];
            match random.below(10) {
                0 => edited.signals[at].points += 1,
                1 => edited.signals[at].unknown = random.below(i64::from(edited.signals[at].points) + 1) as i32,
                2 => edited.signals[at].when = others.when.clone(),
                3 => edited.signals.push(others.clone()),
                4 => edited.signals.swap(0, at),
                5 => edited.caps = other.caps,
                6 => edited.close_below += random.below(15) as i32 - 7,
                7 => edited.never_close = other.never_close.clone(),
                8 => edited.mute = (at, other.mute.1.clone()),
                _ => edited.needs = other.needs,
            }
            edited.respond_from = edited.respond_from.max(edited.close_below);
        }
        edited
    }

    /// The playbook as a book has it.
    pub(crate) fn playbook(&self) -> String {
        let mut text = format!("playbook: p\nneeds: [{}]\nfamilies: {{", FIELDS[self.needs].0);
        for (family, cap) in self.caps.iter().enumerate() {
            let _ = write!(text, " f{family}: {cap},");
        }
        text.push_str(" }\nsignals:\n");
        for (index, Signal { family, when, points, unknown }) in self.signals.iter().enumerate() {
            let when = when.text();
            let _ = writeln!(
                text,
                "  - {{ id: s{index}, family: f{family}, if: '{when}', points: {points}, unknown: {unknown}, because: x }}"
            );
        }
        let (close, from, never) = (self.close_below, self.respond_from, self.never_close.text());
        let _ = writeln!(
            text,
            "decide: {{ close_below: {close}, respond_from: {from}, respond_families: 2, never_close: '{never}' }}"
        );
        let (muted, when) = (self.mute.0, self.mute.1.text());
        let _ = writeln!(
            text,
            "exceptions:\n  - {{ id: e, if: '{when}', mute: s{muted}, owner: o, expires: 2030-01-01, reason: r }}"
        );
        text
    }

    pub(crate) fn row(&self, book: &Book) -> Row {
        let mut row = Row::new(book.schema.len());
        for ((name, values), fact) in FIELDS.iter().zip(self.facts) {
            let slot = book.schema.slot(name).unwrap();
            match fact {
                Some(value) if *values == 2 => row.set(slot, Value::Bool(value == 1), Origin::History),
                Some(value) => row.set(slot, Value::Int(value), Origin::History),
                None => row.set_unknown(slot, Why::NotStated, Origin::History),
            }
        }
        row
    }

    /// The same playbook about what `row` holds.
    pub(crate) fn about(&self, row: &Row, book: &Book) -> Self {
        let fact = |(name, _): (&str, i64)| match row.value(book.schema.slot(name)?) {
            Value::Bool(value) => Some(i64::from(value)),
            Value::Int(value) => Some(value),
            _ => None,
        };
        Self { facts: FIELDS.map(fact), ..self.clone() }
    }

    pub(crate) fn truth_of(&self, signal: usize) -> Truth {
        self.signals[signal].when.truth(&self.facts)
    }

    fn state(&self, signal: usize) -> SignalState {
        match self.truth_of(signal) {
            Truth::False => SignalState::Silent,
            _ if self.mute.0 == signal && self.mute.1.truth(&self.facts) == Truth::True => SignalState::Muted,
            Truth::True => SignalState::Fired,
            Truth::Unknown => SignalState::Unknown,
        }
    }

    fn sum(&self, states: &[SignalState]) -> (Outcome, i32) {
        let mut families = [0; 3];
        for (signal, state) in self.signals.iter().zip(states) {
            families[signal.family] += match state {
                SignalState::Fired => signal.points,
                SignalState::Unknown => signal.unknown,
                SignalState::Silent | SignalState::Muted => 0,
            };
        }
        let given: Vec<i32> = families.iter().zip(self.caps).map(|(sum, cap)| (*sum).min(cap)).collect();
        let score: i32 = given.iter().sum();
        let safe = self.never_close.truth(&self.facts) == Truth::False && self.facts[self.needs].is_some();
        let outcome = if score < self.close_below && safe {
            Outcome::Close
        } else if score >= self.respond_from && given.iter().filter(|points| **points > 0).count() >= 2 {
            Outcome::Respond
        } else {
            Outcome::Escalate
        };
        (outcome, score)
    }

    /// What should come of it.
    pub(crate) fn judge(&self) -> (Outcome, i32, Vec<SignalState>) {
        let states: Vec<SignalState> = (0..self.signals.len()).map(|signal| self.state(signal)).collect();
        let (outcome, score) = self.sum(&states);
        (outcome, score, states)
    }

    /// What comes of it when one signal ends otherwise.
    pub(crate) fn with_state(&self, signal: usize, state: SignalState) -> (Outcome, i32) {
        let mut states = self.judge().2;
        states[signal] = state;
        self.sum(&states)
    }

    /// Adds a signal that fires on this row.
    pub(crate) fn add_fired(&mut self, random: &mut Random) {
        let Some(known) = self.facts.iter().position(Option::is_some) else { return };
        let when = When::AtLeast(known, 1);
        let when = if when.truth(&self.facts) == Truth::True { when } else { When::Not(Box::new(when)) };
        self.signals.push(Signal { family: random.below(3) as usize, when, points: 1 + random.below(30) as i32, unknown: 0 });
    }

    /// The other outcomes that a change of one fact leads to, over the constants that conditions name.
    pub(crate) fn reached_by_one(&self) -> Vec<Outcome> {
        let mut constants = Vec::new();
        self.signals.iter().for_each(|signal| signal.when.constants(&mut constants));
        self.never_close.constants(&mut constants);
        self.mute.1.constants(&mut constants);
        let now = self.judge().0;
        let mut reached = Vec::new();
        for (field, number) in constants {
            let values = if FIELDS[field].1 == 2 { vec![0, 1] } else { vec![number - 1, number, number + 1] };
            for value in values {
                let mut other = self.clone();
                other.facts[field] = Some(value);
                let outcome = other.judge().0;
                if outcome != now && !reached.contains(&outcome) {
                    reached.push(outcome);
                }
            }
        }
        reached
    }
}

/// A decision before anything was judged.
pub(crate) fn blank(book: &Book) -> Decision {
    Decision::undecided(book.digest)
}
