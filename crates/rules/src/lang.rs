//! The one expression language of the book: CEL syntax, compiled to slots and paths, three-valued.
//!
//! Two scopes share one grammar, one set of functions and one evaluator:
//!
//! * **facts** (playbooks, sentences): a dotted name is a declared field and becomes a [`Slot`](adjutant_model::Slot); types are
//!   checked when the book is loaded. [`condition`] and [`fact()`] compile, [`FactExpr::truth`] and [`FactExpr::eval`] evaluate
//!   against a [`Row`](adjutant_model::Row); a [`Sentence`] is text with such expressions in braces.
//! * **raw** (sources): `raw.a.b[0]["x-y"]` reads one parsed record; types are looked at when evaluating. [`raw()`] compiles and
//!   interns every path into the source's [`Paths`]; [`Found::fill`] finds them all in one walk over the record's tape; a [`Doc`] is
//!   both together and what [`RawExpr::eval`] reads.
//!
//! Evaluating never panics, always ends, and allocates nothing for comparisons, membership and logic. Where nothing is unknown it
//! agrees with the CEL specification (`docs/expressions.md` lists what is left out); what CEL calls an error is
//! [`Val::Unknown`].
//!
//! ```
//! use adjutant_model::{Row, Schema, Speed, Value, schema::slots, row::Origin};
//! use adjutant_rules::lang::{self, Lists, Truth};
//! let schema = Schema::built_in();
//! let fast = lang::condition("login.speed > kmh(900) && !login.via_vpn", &schema, &Lists::default()).unwrap();
//! let mut row = Row::new(schema.len());
//! row.set(slots::LOGIN_SPEED, Value::Speed(Speed::from_kmh(9585)), Origin::Derived);
//! assert!(matches!(fast.truth(&row), Truth::Unknown(_)));
//! row.set(slots::LOGIN_VIA_VPN, Value::Bool(false), Origin::Derived);
//! assert_eq!(fast.truth(&row), Truth::True);
//! ```

mod cidr;
mod collection;
mod compile;
mod contradiction;
mod doc;
mod eval;
mod fact;
mod functions;
mod keys;
mod lex;
mod list;
mod node;
mod parse;
mod paths;
mod pattern;
mod raw;
mod sentence;
mod syntax;
mod types;
mod val;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

pub use cidr::{Cidrs, parse_net};
pub use collection::{List, Map};
pub use contradiction::Contradiction;
pub use doc::{Doc, Found, top_keys};
pub use eval::VISITS_MAX;
pub use fact::{FactExpr, Judging, Probe, condition, fact};
pub use functions::{TEXT_MADE_BYTES_MAX, edit_distance, names as function_names, registered_domain, time_of};
pub(crate) use keys::Index;
pub use list::{ENTRY_BYTES_MAX, Lists, Set, Table, Tables};
pub use parse::{NESTING_MAX, TEXT_BYTES_MAX};
pub use paths::{PATHS_MAX, Paths, Step};
pub use raw::{Evaluating, RawExpr, raw};
pub use sentence::Sentence;
pub use types::Ty;
pub use val::Val;

use crate::diagnostic::Span;
use adjutant_model::Why;

/// What is wrong with an expression: which of its bytes, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the expression's text.
    pub span: Span,
    /// A stable code, such as `unknown-field`.
    pub code: &'static str,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub help: String,
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, code: "expression", message: message.into(), help: help.into() }
    }

    pub(crate) fn coded(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// The fault as a diagnostic of the file `file` with the text `source`, in which the expression is the value `text`.
    pub fn locate<T: AsRef<str>>(
        self,
        file: &str,
        source: &str,
        text: &crate::diagnostic::Located<T>,
    ) -> crate::diagnostic::Diagnostic {
        let span = text.span_of(self.span, source);
        crate::diagnostic::Diagnostic::error(self.code, file, span, self.message).with_help(self.help)
    }
}

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told, because …
    Unknown(Why),
}

impl Truth {
    /// CEL's `&&`: false if either is false, else unknown if either is unknown. The first reason stays.
    #[must_use]
    pub const fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::Unknown(why), _) | (_, Truth::Unknown(why)) => Truth::Unknown(why),
            (Truth::True, Truth::True) => Truth::True,
        }
    }

    /// CEL's `||`: true if either is true, else unknown if either is unknown. The first reason stays.
    #[must_use]
    pub const fn or(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::True, _) | (_, Truth::True) => Truth::True,
            (Truth::Unknown(why), _) | (_, Truth::Unknown(why)) => Truth::Unknown(why),
            (Truth::False, Truth::False) => Truth::False,
        }
    }

    /// CEL's `!`.
    #[must_use]
    pub const fn negate(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            unknown => unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::True } else { Truth::False }
    }
}

/// How a comparison relates its two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Relation {
    /// Whether two sides in this order satisfy the relation.
    pub const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The relation with its sides swapped.
    pub const fn swapped(self) -> Self {
        match self {
            Relation::Less => Relation::Greater,
            Relation::LessOrEqual => Relation::GreaterOrEqual,
            Relation::Greater => Relation::Less,
            Relation::GreaterOrEqual => Relation::LessOrEqual,
            same => same,
        }
    }

    /// Whether it needs an order, and not equality alone.
    pub const fn is_order(self) -> bool {
        !matches!(self, Relation::Equal | Relation::NotEqual)
    }
}

/// Which of `names` is nearest to `wrong`, when one is near enough to be what was meant.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Names are short; what is not need not be compared.
    let wrong = wrong.get(..wrong.floor_char_boundary(64)).unwrap_or("");
    let allowed = (wrong.chars().count() / 3).max(2);
    let distances = names.into_iter().filter(|name| name.len() <= 64).map(|name| (strsim::osa_distance(wrong, name), name));
    let tail = |name: &str| name.rsplit('.').next().is_some_and(|tail| tail == wrong);
    let best = distances.map(|(distance, name)| (if tail(name) { 1 } else { distance }, name)).min();
    best.filter(|(distance, _)| *distance <= allowed).map(|(_, name)| name)
}
