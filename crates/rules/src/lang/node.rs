//! The compiled form of an expression: a tree of nodes whose names are slots, paths and locals.
//!
//! The commonest conditions, a field against a constant, have nodes of their own, so that they touch one
//! cell and nothing else.

use super::functions::Function;
use super::list::{Set, Table};
use super::paths::Keyed;
use super::pattern::Pattern;
use super::syntax::Binary;
use super::{Relation, Val};
use adjutant_model::schema::Levels;
use adjutant_model::{Slot, Why};
use std::sync::Arc;

/// A part of a compiled expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A constant.
    Const(Val<'static>),
    /// A constant of an enumeration.
    Level(u8, Arc<Levels>),
    /// It cannot be told, whatever the row.
    Never(Why),
    /// A field of the row.
    Slot(Slot, Option<Arc<Levels>>),
    /// A path of the record.
    Path(u16),
    /// The variable of a macro: its place on the stack.
    Local(usize),
    /// A number-like field against a constant of its own type.
    SlotNumber(Slot, Relation, i64),
    /// A text field against a constant: whether equal is wanted.
    SlotText(Slot, Box<str>, bool),
    /// Two fields of one type against each other.
    SlotSlot(Slot, Relation, Slot),
    /// Whether a field is one of several levels: one bit each.
    SlotLevels(Slot, u64),
    /// Whether a field is in a set.
    SlotIn(Slot, Arc<Set>),
    /// Whether a field is known.
    Known(Slot),
    /// Whether the record has a path.
    HasPath(u16),
    /// Whether a map has a key.
    HasKey(Box<Node>, Box<str>),
    /// `a.key`
    Select(Box<Node>, Box<str>),
    /// `a[b]`
    Index(Box<[Node; 2]>),
    /// `!a`
    Not(Box<Node>),
    /// `-a`
    Negate(Box<Node>),
    /// `a && b && …`
    And(Box<[Node]>),
    /// `a || b || …`
    Or(Box<[Node]>),
    /// `a ? b : c`
    If(Box<[Node; 3]>),
    /// A comparison.
    Compare(Relation, Box<[Node; 2]>),
    /// `a + b` and the like.
    Arithmetic(Binary, Box<[Node; 2]>),
    /// `a in b`
    In(Box<[Node; 2]>),
    /// `a == "…"`, `a in ["…", "…"]`, or with false that it is none of them.
    TextIn(Box<Node>, Box<[Box<str>]>, bool),
    /// `a in list("…")`, `a in cidr("…")`
    InSet(Box<Node>, Arc<Set>),
    /// `a.contains("…")` and its like with a constant.
    TextHas(Box<Node>, TextTest, Box<str>),
    /// `a.matches("…")`
    Matches(Box<Node>, Pattern),
    /// `extract(a, "…(…)…")`
    Extract(Box<Node>, regex::Regex),
    /// `table("…", a)`
    Table(Arc<Table>, Box<Node>),
    /// `first(a, b, …)`
    First(Box<[Node]>),
    /// A function.
    Call(&'static Function, Box<[Node]>),
    /// `[a, b]`
    List(Box<[Node]>),
    /// `{a: b}`
    Map(Box<[(Node, Node)]>),
    /// `a.all(x, …)` and the like.
    Macro(Box<Macro>),
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    Starts,
    Ends,
}

impl TextTest {
    /// The test that the function `name` is.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "contains" => Self::Contains,
            "startsWith" => Self::Starts,
            "endsWith" => Self::Ends,
            _ => return None,
        })
    }

    pub(super) fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::Contains => text.contains(part),
            Self::Starts => text.starts_with(part),
            Self::Ends => text.ends_with(part),
        }
    }
}

/// A macro over the elements of a list or the keys of a map.
#[derive(Clone, Debug)]
pub(super) struct Macro {
    pub kind: MacroKind,
    pub range: Node,
    /// The condition; for `map` with two arguments it is true.
    pub test: Node,
    /// What `map` makes of an element.
    pub made: Option<Node>,
    /// Which elements can be told to matter before the condition is evaluated, and what is left of the condition for
    /// them; all of it when none.
    pub keyed: Option<(Keyed, Option<Node>)>,
}

/// Which macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl MacroKind {
    /// The macro called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "exists" => Self::Exists,
            "exists_one" | "existsOne" => Self::ExistsOne,
            "filter" => Self::Filter,
            "map" => Self::Map,
            _ => return None,
        })
    }
}
