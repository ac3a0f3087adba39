//! The static types of expressions, and what may be done with what.
//!
//! In raw scope most things are *dynamic* and are looked at when evaluating; in fact scope every type is
//! known, so that comparing kilometres per hour with a bare number is a fault of the book and not a surprise at night.

use super::Relation;
use super::syntax::Binary;
use adjutant_model::Type;
use adjutant_model::schema::Levels;
use std::fmt;
use std::sync::Arc;

/// What an expression comes to, as far as that is known when the book is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// Anything: known only when evaluating.
    Dyn,
    /// `null`
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is never negative.
    Uint,
    /// A number with a fraction.
    Double,
    /// Text.
    Text,
    /// An instant.
    Time,
    /// A span of time.
    Duration,
    /// A distance.
    Distance,
    /// A speed.
    Speed,
    /// A place.
    Geo,
    /// An IP address.
    Addr,
    /// One of a declared set of values.
    Level(Arc<Levels>),
    /// A list.
    List(Box<Ty>),
    /// A map.
    Map,
}

impl From<&Type> for Ty {
    fn from(ty: &Type) -> Self {
        match ty {
            Type::Bool => Ty::Bool,
            Type::Int => Ty::Int,
            Type::Time => Ty::Time,
            Type::Duration => Ty::Duration,
            Type::Distance => Ty::Distance,
            Type::Speed => Ty::Speed,
            Type::Geo => Ty::Geo,
            Type::Addr => Ty::Addr,
            Type::Text => Ty::Text,
            Type::Texts => Ty::List(Box::new(Ty::Text)),
            Type::Level(levels) => Ty::Level(Arc::clone(levels)),
        }
    }
}

impl fmt::Display for Ty {
    /// With an article, as messages write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Dyn => f.write_str("anything"),
            Ty::Null => f.write_str("null"),
            Ty::Bool => f.write_str("true or false"),
            Ty::Int => f.write_str("a whole number"),
            Ty::Uint => f.write_str("an unsigned number"),
            Ty::Double => f.write_str("a number with a fraction"),
            Ty::Text => f.write_str("text"),
            Ty::Time => f.write_str("a time"),
            Ty::Duration => f.write_str("a duration"),
            Ty::Distance => f.write_str("a distance"),
            Ty::Speed => f.write_str("a speed"),
            Ty::Geo => f.write_str("a place"),
            Ty::Addr => f.write_str("an address"),
            Ty::Level(levels) => write!(f, "a {}", levels.name),
            Ty::List(_) => f.write_str("a list"),
            Ty::Map => f.write_str("a map"),
        }
    }
}

impl Ty {
    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Ty::Int | Ty::Uint | Ty::Double)
    }

    /// Whether values of the two types can be equal.
    pub(super) fn meets(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::Dyn | Ty::Null, _) | (_, Ty::Dyn | Ty::Null) => true,
            (Ty::List(a), Ty::List(b)) => a.meets(b),
            _ => self == other || (self.is_number() && other.is_number()),
        }
    }

    /// Whether values of this type have an order.
    pub(super) fn is_ordered(&self) -> bool {
        match self {
            Ty::Level(levels) => levels.ordered,
            Ty::Null | Ty::Geo | Ty::List(_) | Ty::Map => false,
            _ => true,
        }
    }

    /// The type that holds both.
    pub(super) fn join(self, other: &Ty) -> Ty {
        if &self == other { self } else { Ty::Dyn }
    }

    /// What elements of this type a macro visits.
    pub(super) fn element(&self) -> Option<Ty> {
        match self {
            Ty::List(element) => Some(element.as_ref().clone()),
            Ty::Map | Ty::Dyn => Some(Ty::Dyn),
            _ => None,
        }
    }

    /// How a constant of this type is written.
    pub(super) fn written(&self) -> &'static str {
        match self {
            Ty::Speed => "`kmh(900)`",
            Ty::Distance => "`km(50)` or `m(500)`",
            Ty::Duration => "`duration(\"10m\")`",
            Ty::Time => "`timestamp(\"2026-03-01T00:00:00Z\")`",
            Ty::Bool => "`true` or `false`",
            Ty::Int => "`10`",
            Ty::Text => "`\"text\"`",
            Ty::Addr => "`\"192.0.2.1\"`, or `in cidr(\"192.0.2.0/24\")`",
            Ty::List(_) => "`[\"a\", \"b\"]`; to look into a list, write `list.exists(x, x == \"a\")` or `\"a\" in list`",
            _ => "",
        }
    }
}

/// What `a op b` comes to, for arithmetic.
pub(super) fn arithmetic(op: Binary, a: &Ty, b: &Ty) -> Option<Ty> {
    use Ty::{Distance, Double, Duration, Dyn, Int, List, Speed, Text, Time, Uint};
    if matches!((a, b), (Dyn, _) | (_, Dyn)) {
        return Some(Dyn);
    }
    match (op, a, b) {
        (Binary::Modulo, Double, Double) => None,
        (_, Int, Int) => Some(Int),
        (_, Uint, Uint) => Some(Uint),
        (_, Double, Double) => Some(Double),
        (Binary::Add, Text, Text) => Some(Text),
        (Binary::Add, List(x), List(y)) => Some(List(Box::new(x.as_ref().clone().join(y)))),
        (Binary::Add, Time, Duration) | (Binary::Add, Duration, Time) | (Binary::Subtract, Time, Duration) => Some(Time),
        (Binary::Subtract, Time, Time) => Some(Duration),
        (Binary::Add | Binary::Subtract, Duration, Duration) => Some(Duration),
        (Binary::Add | Binary::Subtract, Distance, Distance) => Some(Distance),
        (Binary::Add | Binary::Subtract, Speed, Speed) => Some(Speed),
        _ => None,
    }
}

/// Why `a relation b` makes no sense, and what to write instead; `None` when it does.
pub(super) fn comparison_fault(relation: Relation, a: &Ty, b: &Ty) -> Option<(String, String)> {
    if !a.meets(b) {
        let (wanted, other) = if b.written().is_empty() || a.is_number() { (b, a) } else { (a, b) };
        let _ = other;
        let help = if wanted.written().is_empty() { String::new() } else { format!("{wanted} is written {}", wanted.written()) };
        return Some((format!("{a} cannot be compared with {b}"), help));
    }
    let unordered = [a, b].into_iter().find(|ty| !ty.is_ordered())?;
    relation.is_order().then(|| (format!("{unordered} has no order"), "compare with `==`, `!=` or `in [..]`".to_owned()))
}
