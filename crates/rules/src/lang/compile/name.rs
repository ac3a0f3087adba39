//! What names mean: variables of macros, declared fields, paths of the record.

use super::{Compiler, Names, Typed};
use crate::lang::node::Node;
use crate::lang::paths::{PATHS_MAX, Step};
use crate::lang::syntax::{Expr, Kind, Literal};
use crate::lang::types::Ty;
use crate::lang::{Fault, nearest};
use adjutant_model::Slot;
use std::sync::Arc;

impl Compiler<'_> {
    /// A name, a selection or an index.
    pub(super) fn name_or_part(&mut self, expr: &Expr) -> Typed {
        let root = expr.root().unwrap_or_default();
        let is_variable = self.variable(root).is_some();
        if !is_variable {
            if let Some(path) = self.record_path(expr) {
                return (Node::Path(path), Ty::Dyn);
            }
            if let Some(field) = self.field(expr) {
                return field;
            }
        }
        match &expr.kind {
            Kind::Ident(name) => self.identifier(expr, name),
            Kind::Select { operand, field, .. } => {
                if !is_variable && expr.dotted().is_some() && self.is_facts() {
                    return self.unknown_field(expr);
                }
                let (node, ty) = self.expression(operand);
                match ty {
                    Ty::Dyn | Ty::Map => (Node::Select(Box::new(node), field.as_str().into()), Ty::Dyn),
                    other => self.type_fault(expr.span, format!("{other} has no fields"), ""),
                }
            }
            Kind::Index { operand, index } => self.index(operand, index),
            _ => self.expression(expr),
        }
    }

    fn variable(&self, name: &str) -> Option<usize> {
        self.variables.iter().rposition(|(known, _)| known == name)
    }

    fn identifier(&mut self, expr: &Expr, name: &str) -> Typed {
        if let Some(place) = self.variable(name) {
            let ty = self.variables.get(place).map_or(Ty::Dyn, |(_, ty)| ty.clone());
            return (Node::Local(place), ty);
        }
        match &mut self.names {
            Names::Facts(_) => self.unknown_field(expr),
            Names::Record(_) => {
                let help = format!("the record is `raw`: write `raw.{name}`, or put text between quotes");
                self.fail(Fault::new(expr.span, format!("unknown name `{name}`"), help).coded("unknown-name"))
            }
            #[cfg(test)]
            Names::Nothing => self.fail(Fault::new(expr.span, format!("unknown name `{name}`"), "")),
        }
    }

    fn index(&mut self, operand: &Expr, index: &Expr) -> Typed {
        let ((node, ty), (place, place_ty)) = (self.expression(operand), self.expression(index));
        let element = match (&ty, &place_ty) {
            (Ty::List(element), Ty::Int | Ty::Uint | Ty::Double | Ty::Dyn) => element.as_ref().clone(),
            (Ty::Dyn | Ty::Map, _) => Ty::Dyn,
            (Ty::List(_), other) => {
                return self.type_fault(
                    index.span,
                    format!("an element of a list is named by a whole number, not by {other}"),
                    "",
                );
            }
            (other, _) => return self.type_fault(operand.span, format!("{other} has no elements"), ""),
        };
        (Node::Index(Box::new([node, place])), element)
    }

    /// The declared field that `expr` spells.
    fn field(&mut self, expr: &Expr) -> Option<Typed> {
        let (slot, ty) = self.slot_of(expr)?;
        self.found.slots.push(slot);
        let levels = match &ty {
            Ty::Level(levels) => Some(Arc::clone(levels)),
            _ => None,
        };
        Some((Node::Slot(slot, levels), ty))
    }

    /// The slot and type of the declared field that `expr` spells.
    pub(super) fn slot_of(&self, expr: &Expr) -> Option<(Slot, Ty)> {
        let Names::Facts(schema) = &self.names else { return None };
        let slot = schema.slot(&expr.dotted()?)?;
        Some((slot, Ty::from(&schema.field(slot)?.ty)))
    }

    fn unknown_field(&mut self, expr: &Expr) -> Typed {
        let name = expr.dotted().unwrap_or_default();
        let Names::Facts(schema) = &self.names else { return self.fail(Fault::new(expr.span, "unknown name", "")) };
        let help = match nearest(&name, schema.fields().map(|(_, field)| field.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`adjutant schema` lists every field; text goes between quotes".to_owned(),
        };
        self.fail(Fault::new(expr.span, format!("unknown field `{name}`"), help).coded("unknown-field"))
    }

    /// The interned path that `expr` spells, when it is `raw` followed by constant steps.
    pub(super) fn record_path(&mut self, expr: &Expr) -> Option<u16> {
        let Names::Record(paths) = &mut self.names else { return None };
        let steps = steps_of(expr)?;
        let path = paths.intern(&steps);
        if let Some(path) = path {
            if !self.found.paths.contains(&path) {
                self.found.paths.push(path);
            }
            return Some(path);
        }
        self.fail(Fault::new(expr.span, format!("this source reads more than {PATHS_MAX} paths"), "split the source"));
        None
    }
}

/// The steps of `raw.a[0]["b"]`.
fn steps_of(expr: &Expr) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut at = expr;
    loop {
        match &at.kind {
            Kind::Ident(name) => {
                steps.reverse();
                return (name == "raw").then_some(steps);
            }
            Kind::Select { operand, field, .. } => {
                steps.push(Step::Key(field.clone()));
                at = operand;
            }
            Kind::Index { operand, index } => {
                steps.push(match &index.kind {
                    Kind::Literal(Literal::Text(key)) => Step::Key(key.clone()),
                    Kind::Literal(Literal::Int(place)) => Step::Index(u32::try_from(*place).ok()?),
                    _ => return None,
                });
                at = operand;
            }
            _ => return None,
        }
    }
}
