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
    paths: Box<[u16]>,
    first: Option<u16>,
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
    Ok(RawExpr { needs: needs(&node), node, first: found.paths.first().copied(), paths: found.paths.into() })
}

/// One record in which expressions are evaluated one after another.
pub struct Evaluating<'d> {
    doc: Doc<'d>,
    machine: Machine<'d>,
}

impl<'d> Evaluating<'d> {
    /// The record `doc`.
    pub fn new(doc: Doc<'d>) -> Self {
        Self { doc, machine: Machine::new(Scope::Doc(doc)) }
    }

    /// The record.
    pub fn doc(&self) -> Doc<'d> {
        self.doc
    }

    /// What `expression` comes to.
    pub fn eval(&mut self, expression: &'d RawExpr) -> Val<'d> {
        match &expression.node {
            Node::Path(path) => self.doc.value(*path).unwrap_or(Val::Unknown(adjutant_model::Why::NotStated)),
            node => self.machine.again().eval(node),
        }
    }
}

impl RawExpr {
    /// What the expression comes to for `doc`.
    pub fn eval<'d>(&'d self, doc: Doc<'d>) -> Val<'d> {
        Evaluating::new(doc).eval(self)
    }

    /// Whether the condition holds for `doc`.
    pub fn truth(&self, doc: Doc<'_>) -> Truth {
        Machine::new(Scope::Doc(doc)).truth(&self.node)
    }

    /// The paths that it reads, in the order in which it names them.
    pub fn paths(&self) -> &[u16] {
        &self.paths
    }

    /// The path that it names first.
    pub fn first_path(&self) -> Option<u16> {
        self.first
    }

    /// A path without which the expression is unknown whatever else the record says: a reason not to evaluate it.
    pub fn needs(&self) -> Option<u16> {
        self.needs
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
        | Node::TextIn(operand, ..)
        | Node::TextHas(operand, ..)
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
