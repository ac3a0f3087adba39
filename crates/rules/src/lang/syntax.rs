//! The tree of an expression as it was written: CEL's abstract syntax, each part with its place.
//!
//! Macros are calls like any other here; what a name means is decided by the compiler.

use crate::diagnostic::Span;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    /// Where it is in the text.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a part of an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A constant.
    Literal(Literal),
    /// A name.
    Ident(String),
    /// `operand.field`
    Select { operand: Box<Expr>, field: String, field_span: Span },
    /// `operand[index]`
    Index { operand: Box<Expr>, index: Box<Expr> },
    /// `name(args)` or `target.name(args)`
    Call(Box<Call>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{k: v}`
    Map(Vec<(Expr, Expr)>),
    /// `!a`
    Not(Box<Expr>),
    /// `-a`
    Negate(Box<Expr>),
    /// `a && b && …`
    And(Vec<Expr>),
    /// `a || b || …`
    Or(Vec<Expr>),
    /// `a + b` and the like
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `a ? b : c`
    If(Box<[Expr; 3]>),
}

/// A call as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// What stands before the dot.
    pub target: Option<Expr>,
    /// What is called.
    pub name: String,
    /// Where its name is.
    pub name_span: Span,
    /// What stands between the brackets.
    pub args: Vec<Expr>,
}

/// A constant as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.5`
    Double(f64),
    /// `"a"`
    Text(String),
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// A comparison.
    Compare(super::Relation),
    /// Membership.
    In,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl Expr {
    /// The dotted name that this part spells, such as `user.name`.
    pub(super) fn dotted(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.clone()),
            Kind::Select { operand, field, .. } => operand.dotted().map(|name| format!("{name}.{field}")),
            _ => None,
        }
    }

    /// The name at the root of a chain of selections and constant indices.
    pub(super) fn root(&self) -> Option<&str> {
        let mut at = self;
        loop {
            match &at.kind {
                Kind::Ident(name) => return Some(name),
                Kind::Select { operand, .. } | Kind::Index { operand, .. } => at = operand,
                _ => return None,
            }
        }
    }
}
