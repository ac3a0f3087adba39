//! Compiles an expression's tree: names become slots, paths or locals, and types are checked.
//!
//! Every fault is gathered, so that a book's author sees all of them at once; where one was found, compiling
//! goes on with a part that is dynamic and never known.

mod call;
mod compare;
mod name;

use super::eval::{Machine, Scope};
use super::fact::Probe;
use super::node::Node;
use super::paths::Paths;
use super::syntax::{Expr, Kind, Literal};
use super::types::{self, Ty};
use super::{Fault, Lists, Tables, Val};
use crate::diagnostic::Span;
use adjutant_model::{Schema, Slot, Why};

/// What names mean.
pub(super) enum Names<'s> {
    /// Fields and facts.
    Facts(&'s Schema),
    /// `raw`, the record.
    Record(&'s mut Paths),
    /// Nothing but the variables given.
    #[cfg(test)]
    Nothing,
}

/// A compiled part and its type.
pub(super) type Typed = (Node, Ty);

pub(super) struct Compiler<'s> {
    names: Names<'s>,
    lists: &'s Lists,
    tables: &'s Tables,
    /// The variables of the macros around.
    pub(super) variables: Vec<(String, Ty)>,
    faults: Vec<Fault>,
    found: Reads,
    /// Whether a constant part that cannot be computed is a fault.
    pub(super) strict: bool,
}

/// What an expression reads.
#[derive(Default)]
pub(super) struct Reads {
    pub slots: Vec<Slot>,
    pub paths: Vec<u16>,
    pub probes: Vec<Probe>,
}

impl<'s> Compiler<'s> {
    pub(super) fn new(names: Names<'s>, lists: &'s Lists, tables: &'s Tables) -> Self {
        let (variables, faults, found) = (Vec::new(), Vec::new(), Reads::default());
        Self { names, lists, tables, variables, faults, found, strict: true }
    }

    /// What the expression reads.
    pub(super) fn finish(mut self) -> Result<Reads, Vec<Fault>> {
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.span);
            return Err(self.faults);
        }
        self.found.slots.sort_unstable();
        self.found.slots.dedup();
        Ok(self.found)
    }

    /// Reports a fault and goes on with something that fits everywhere.
    fn fail(&mut self, fault: Fault) -> Typed {
        self.faults.push(fault);
        (Node::Never(Why::Error), Ty::Dyn)
    }

    fn type_fault(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Typed {
        self.fail(Fault::new(span, message, help).coded("type"))
    }

    pub(super) fn expression(&mut self, expr: &Expr) -> Typed {
        match &expr.kind {
            Kind::Literal(literal) => constant(literal),
            Kind::Ident(_) | Kind::Select { .. } | Kind::Index { .. } => self.name_or_part(expr),
            Kind::Call(call) => self.call(expr.span, call),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Not(inner) => {
                let node = self.condition(inner);
                (Node::Not(Box::new(node)), Ty::Bool)
            }
            Kind::Negate(inner) => self.negate(expr.span, inner),
            Kind::And(parts) => {
                let parts = parts.iter().map(|part| self.condition(part)).collect();
                (Node::And(parts), Ty::Bool)
            }
            Kind::Or(parts) => {
                let parts: Vec<Node> = parts.iter().map(|part| self.condition(part)).collect();
                (either(parts), Ty::Bool)
            }
            Kind::If(parts) => self.choice(expr.span, parts),
            Kind::Binary(super::syntax::Binary::Compare(relation), a, b) => self.compare(expr.span, *relation, a, b),
            Kind::Binary(super::syntax::Binary::In, a, b) => self.membership(expr.span, a, b),
            Kind::Binary(op, a, b) => {
                let ((a_node, a_ty), (b_node, b_ty)) = (self.expression(a), self.expression(b));
                let Some(ty) = types::arithmetic(*op, &a_ty, &b_ty) else {
                    let help = [&a_ty, &b_ty].into_iter().find(|ty| !ty.is_number()).map_or("", |ty| ty.written());
                    let help = if help.is_empty() { String::new() } else { format!("a constant is written {help}") };
                    return self.type_fault(expr.span, format!("{a_ty} and {b_ty} do not combine so"), help);
                };
                let node = Node::Arithmetic(*op, Box::new([a_node, b_node]));
                (self.folded(expr.span, node), ty)
            }
        }
    }

    /// `expr`, which must be true or false.
    fn condition(&mut self, expr: &Expr) -> Node {
        let (node, ty) = self.expression(expr);
        if matches!(ty, Ty::Bool | Ty::Dyn) {
            return node;
        }
        let help = if ty.written().is_empty() { "compare it with something" } else { "compare it with a constant" };
        self.type_fault(expr.span, format!("this must be true or false, and is {ty}"), help).0
    }

    fn negate(&mut self, span: Span, inner: &Expr) -> Typed {
        let (node, ty) = self.expression(inner);
        if !matches!(ty, Ty::Int | Ty::Double | Ty::Duration | Ty::Dyn) {
            return self.type_fault(span, format!("{ty} has no negative"), if ty == Ty::Bool { "write `!`" } else { "" });
        }
        let node = Node::Negate(Box::new(node));
        (self.folded(span, node), ty)
    }

    fn choice(&mut self, span: Span, parts: &[Expr; 3]) -> Typed {
        let [test, yes, no] = parts;
        let test = self.condition(test);
        let ((yes, yes_ty), (no, no_ty)) = (self.expression(yes), self.expression(no));
        let fits = yes_ty.meets(&no_ty);
        if !fits && self.is_facts() {
            return self.type_fault(span, format!("the two branches differ: {yes_ty} and {no_ty}"), "");
        }
        let ty = if yes_ty == Ty::Null { Ty::Dyn } else { yes_ty.join(&no_ty) };
        (Node::If(Box::new([test, yes, no])), ty)
    }

    fn list(&mut self, items: &[Expr]) -> Typed {
        let (mut nodes, mut ty) = (Vec::with_capacity(items.len()), None);
        for item in items {
            let (node, item_ty) = self.expression(item);
            nodes.push(node);
            ty = Some(ty.map_or(item_ty.clone(), |ty: Ty| ty.join(&item_ty)));
        }
        let ty = Ty::List(Box::new(ty.unwrap_or(Ty::Dyn)));
        (fold(Node::List(nodes.into())), ty)
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) -> Typed {
        let nodes = entries.iter().map(|(key, value)| (self.expression(key).0, self.expression(value).0)).collect();
        (fold(Node::Map(nodes)), Ty::Map)
    }

    fn is_facts(&self) -> bool {
        matches!(self.names, Names::Facts(_))
    }

    /// `node`, computed now where it reads nothing. A constant that cannot be computed is a fault.
    fn folded(&mut self, span: Span, node: Node) -> Node {
        match fold(node) {
            Node::Never(Why::Error)
                if self.strict
                    && !self.faults.iter().any(|fault| span.start <= fault.span.start && fault.span.end <= span.end) =>
            {
                self.fail(Fault::new(span, "this can never be computed", "").coded("constant")).0
            }
            node => node,
        }
    }
}

fn constant(literal: &Literal) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Val::Null, Ty::Null),
        Literal::Bool(value) => (Val::Bool(*value), Ty::Bool),
        Literal::Int(value) => (Val::Int(*value), Ty::Int),
        Literal::Uint(value) => (Val::Uint(*value), Ty::Uint),
        Literal::Double(value) => (Val::Double(*value), Ty::Double),
        Literal::Text(value) => (Val::Text(value.clone().into()), Ty::Text),
    };
    (Node::Const(value), ty)
}

/// `a || b || …`; neighbours that match one field against patterns become one pattern, which looks at the text once.
fn either(parts: Vec<Node>) -> Node {
    let mut kept: Vec<Node> = Vec::with_capacity(parts.len());
    for part in parts {
        let joined = match (kept.last(), &part) {
            (Some(Node::Matches(a, first)), Node::Matches(b, second)) => match (a.as_ref(), b.as_ref()) {
                (Node::Slot(a, _), Node::Slot(b, _)) if a == b => first.or(second),
                _ => None,
            },
            _ => None,
        };
        match (joined, kept.last_mut()) {
            (Some(joined), Some(Node::Matches(_, pattern))) => *pattern = joined,
            _ => kept.push(part),
        }
    }
    match kept.len() {
        1 => kept.pop().unwrap_or(Node::Never(Why::Error)),
        _ => Node::Or(kept.into()),
    }
}

/// Computes a node whose parts are all constants.
fn fold(node: Node) -> Node {
    let is_const = |node: &Node| matches!(node, Node::Const(_));
    let constant = match &node {
        Node::Call(_, parts) | Node::List(parts) => parts.iter().all(is_const),
        Node::Arithmetic(_, parts) => parts.iter().all(is_const),
        Node::Map(entries) => entries.iter().all(|(key, value)| is_const(key) && is_const(value)),
        Node::Negate(inner) => is_const(inner),
        _ => false,
    };
    if !constant {
        return node;
    }
    let value = Machine::new(Scope::Nothing).eval(&node).into_owned();
    match value {
        Val::Unknown(why) => Node::Never(why),
        value => Node::Const(value),
    }
}
