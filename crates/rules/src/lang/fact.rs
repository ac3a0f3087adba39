//! Expressions over the fields and facts of an alert.
//!
//! They are typed when the book is loaded. What they read and what they compare it with can be asked for, so
//! that `check` can find conditions that never hold and `explain` can find the smallest change that flips one.

use super::compile::{Compiler, Names};
use super::eval::{Machine, Scope};
use super::node::Node;
use super::types::Ty;
use super::{Fault, Lists, Relation, Tables, Truth, Val};
use crate::diagnostic::Span;
use adjutant_model::{Row, Schema, Slot};

/// A compiled expression over a row.
#[derive(Clone, Debug)]
pub struct FactExpr {
    text: Box<str>,
    node: Node,
    ty: Ty,
    slots: Vec<Slot>,
    probes: Vec<Probe>,
}

/// A constant that an expression compares a field with.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The field.
    pub slot: Slot,
    /// How it is compared. Membership and text functions count as equality: the value is one that satisfies them.
    pub relation: Relation,
    /// The constant; of an enumeration, the value's name. [`Probe::set`] puts it into a row.
    pub value: Val<'static>,
    /// The constant's number in its enumeration.
    pub(super) level: Option<u8>,
}

impl Probe {
    /// Puts the constant into its field of `row`.
    pub fn set(&self, row: &mut Row) {
        let value = match self.level {
            Some(index) => adjutant_model::Value::Level(index),
            None => self.value.store(row),
        };
        row.set(self.slot, value, adjutant_model::Origin::Derived);
    }
}

/// Compiles `text` over the names of `schema`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn fact(text: &str, schema: &Schema, lists: &Lists) -> Result<FactExpr, Vec<Fault>> {
    let tables = Tables::new();
    let tree = super::parse::parse(text).map_err(|fault| vec![fault])?;
    let mut compiler = Compiler::new(Names::Facts(schema), lists, &tables);
    let (node, ty) = compiler.expression(&tree);
    let found = compiler.finish()?;
    Ok(FactExpr { text: text.into(), node, ty, slots: found.slots, probes: found.probes })
}

/// Compiles `text` as [`fact`] does, and demands that it is true or false.
///
/// # Errors
/// Everything that is wrong with it.
pub fn condition(text: &str, schema: &Schema, lists: &Lists) -> Result<FactExpr, Vec<Fault>> {
    let found = fact(text, schema, lists)?;
    match found.ty {
        Ty::Bool | Ty::Dyn => Ok(found),
        ref other => {
            let message = format!("a condition is true or false, and this is {other}");
            let help = if other.written().is_empty() { "compare it with something" } else { "compare it with a constant" };
            let help = format!("{help}, or ask `has(…)` whether it is known");
            Err(vec![Fault::new(Span::new(0, text.len()), message, help).coded("type")])
        }
    }
}

/// One row about which conditions are asked one after another.
pub struct Judging<'r>(Machine<'r>);

impl<'r> Judging<'r> {
    /// The row.
    pub fn new(row: &'r Row) -> Self {
        Self(Machine::new(Scope::Row(row)))
    }

    /// Whether `condition` holds.
    pub fn truth(&mut self, condition: &'r FactExpr) -> Truth {
        self.0.again().truth(&condition.node)
    }
}

impl FactExpr {
    /// The expression as the book writes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// What it comes to, by type.
    pub fn ty(&self) -> &Ty {
        &self.ty
    }

    /// Whether the condition holds for `row`.
    pub fn truth(&self, row: &Row) -> Truth {
        Machine::new(Scope::Row(row)).truth(&self.node)
    }

    /// What the expression comes to for `row`.
    pub fn eval<'r>(&'r self, row: &'r Row) -> Val<'r> {
        Machine::new(Scope::Row(row)).eval(&self.node)
    }

    /// Every field and fact that it reads, each once, ascending.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The constants that it compares fields with.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }
}
