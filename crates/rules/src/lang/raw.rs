//! Expressions over one parsed record.
//!
//! `raw` is the record. Types are looked at when evaluating: a key that is not there, or a value of another
//! kind than an operation needs, makes the result unknown.

use super::compile::{Compiler, Names};
use super::doc::Doc;
use super::eval::{Machine, Scope};
use super::node::Node;
use super::paths::Paths;
use super::{Fault, Lists, Tables, Truth, Val};

/// A compiled expression over a record.
#[derive(Clone, Debug)]
pub struct RawExpr {
    node: Node,
    paths: Vec<u16>,
    needs: Option<u16>,
}

/// Compiles `text`; its paths are interned into `paths`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn raw(text: &str, paths: &mut Paths, lists: &Lists, tables: &Tables) -> Result<RawExpr, Vec<Fault>> {
    let tree = super::parse::parse(text).map_err(|fault| vec![fault])?;
    let mut compiler = Compiler::new(Names::Record(paths), lists, tables);
    let (node, _) = compiler.expression(&tree);
    let found = compiler.finish()?;
    Ok(RawExpr { needs: needs(&node), node, paths: found.paths })
}

impl RawExpr {
    /// What the expression comes to for `doc`.
    pub fn eval<'d>(&'d self, doc: Doc<'d>) -> Val<'d> {
        match &self.node {
            Node::Path(path) => doc.value(*path).unwrap_or(Val::Unknown(adjutant_model::Why::NotStated)),
            node => Machine::new(Scope::Doc(doc)).eval(node),
        }
    }

    /// Whether the condition holds for `doc`.
    pub fn truth(&self, doc: Doc<'_>) -> Truth {
        Machine::new(Scope::Doc(doc)).truth(&self.node)
    }

    /// The paths that it reads, in the order in which it names them.
    pub fn paths(&self) -> &[u16] {
        &self.paths
    }

    /// A path without which the expression is unknown whatever else the record says: a reason not to evaluate it.
    pub fn needs(&self) -> Option<u16> {
        self.needs
    }

    /// The path, when the expression is nothing but one.
    pub fn path(&self) -> Option<u16> {
        match self.node {
            Node::Path(path) => Some(path),
            _ => None,
        }
    }
}

/// Unknown passes through everything but `&&`, `||`, `has`, `first` and the arms of `? :`.
fn needs(node: &Node) -> Option<u16> {
    match node {
        Node::Path(path) => Some(*path),
        Node::Select(operand, _)
        | Node::Not(operand)
        | Node::Negate(operand)
        | Node::InSet(operand, _)
        | Node::Matches(operand, _)
        | Node::Extract(operand, _)
        | Node::Table(_, operand) => needs(operand),
        Node::Index(both) | Node::Compare(_, both) | Node::Arithmetic(_, both) | Node::In(both) => both.iter().find_map(needs),
        Node::If(parts) => parts.first().and_then(needs),
        Node::Call(_, arguments) => arguments.iter().find_map(needs),
        Node::Macro(of) => needs(&of.range),
        _ => None,
    }
}
