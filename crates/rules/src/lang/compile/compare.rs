//! Comparisons and membership: constants take the type of what they are compared with.

use super::{Compiler, Typed};
use crate::lang::fact::Probe;
use crate::lang::list::Set;
use crate::lang::node::Node;
use crate::lang::syntax::{Expr, Kind, Literal};
use crate::lang::types::{self, Ty};
use crate::lang::{Fault, Relation, Val, nearest, parse_net};
use adjutant_model::schema::Levels;
use adjutant_model::{Addr, Slot};
use std::sync::Arc;

impl Compiler<'_> {
    pub(super) fn compare(&mut self, span: crate::diagnostic::Span, relation: Relation, a: &Expr, b: &Expr) -> Typed {
        let ((a_node, a_ty), (b_node, b_ty)) = (self.expression(a), self.expression(b));
        let (a_node, a_ty) = self.adapted(a, (a_node, a_ty), &b_ty);
        let (b_node, b_ty) = self.adapted(b, (b_node, b_ty), &a_ty);
        if self.strict
            && let Some((message, help)) = types::comparison_fault(relation, &a_ty, &b_ty)
        {
            return self.type_fault(span, message, help);
        }
        let node = match (a_node, b_node) {
            (Node::Slot(slot, levels), value) if is_constant(&value) => self.slot_against(slot, levels, relation, value),
            (value, Node::Slot(slot, levels)) if is_constant(&value) => {
                self.slot_against(slot, levels, relation.swapped(), value)
            }
            (Node::Slot(a, _), Node::Slot(b, _)) if a_ty == b_ty && has_plain_order(&a_ty) => Node::SlotSlot(a, relation, b),
            (value, Node::Const(Val::Text(text))) | (Node::Const(Val::Text(text)), value)
                if !relation.is_order() && !is_constant(&value) =>
            {
                Node::TextIn(Box::new(value), [Box::from(&*text)].into(), relation == Relation::Equal)
            }
            (a, b) => Node::Compare(relation, Box::new([a, b])),
        };
        (node, Ty::Bool)
    }

    /// A text constant beside a level or an address becomes one.
    fn adapted(&mut self, expr: &Expr, typed: Typed, beside: &Ty) -> Typed {
        let Kind::Literal(Literal::Text(text)) = &expr.kind else { return typed };
        match beside {
            Ty::Level(levels) => match self.level(expr, text, levels) {
                Some(node) => (node, beside.clone()),
                None => typed_never(),
            },
            Ty::Addr => match Addr::parse(text) {
                Some(addr) => (Node::Const(Val::Addr(addr)), Ty::Addr),
                None => {
                    let help = if text.contains('/') { format!("write `in cidr(\"{text}\")`") } else { String::new() };
                    self.type_fault(expr.span, format!("`{text}` is no address"), help)
                }
            },
            _ => typed,
        }
    }

    fn level(&mut self, expr: &Expr, text: &str, levels: &Arc<Levels>) -> Option<Node> {
        if let Some(index) = levels.index_of(text) {
            return Some(Node::Level(index, Arc::clone(levels)));
        }
        let known = || levels.names.iter().map(String::as_str);
        let help = match nearest(text, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{text}` is no {}", levels.name);
        self.fail(Fault::new(expr.span, message, help).coded("unknown-level"));
        None
    }

    /// A field against a constant, in the quickest form that there is.
    fn slot_against(&mut self, slot: Slot, levels: Option<Arc<Levels>>, relation: Relation, value: Node) -> Node {
        self.probe(slot, relation, &value);
        match &value {
            Node::Level(index, _) if relation == Relation::Equal && *index < 64 => Node::SlotLevels(slot, bit(*index)),
            Node::Level(index, _) => Node::SlotNumber(slot, relation, i64::from(*index)),
            Node::Const(Val::Text(text)) if !relation.is_order() => {
                Node::SlotText(slot, text.as_ref().into(), relation == Relation::Equal)
            }
            Node::Const(Val::Int(number)) => Node::SlotNumber(slot, relation, *number),
            Node::Const(Val::Bool(wanted)) if relation == Relation::Equal && *wanted => Node::Slot(slot, levels),
            Node::Const(constant) if constant.ordinal().is_some() => {
                Node::SlotNumber(slot, relation, constant.ordinal().unwrap_or_default())
            }
            _ => Node::Compare(relation, Box::new([Node::Slot(slot, levels), value])),
        }
    }

    /// Remembers that `slot` is compared with the constant `value`.
    pub(super) fn probe(&mut self, slot: Slot, relation: Relation, value: &Node) {
        let (value, level) = match value {
            Node::Const(value) => (value.clone(), None),
            Node::Level(index, levels) => (Val::Text(levels.name_of(*index).to_owned().into()), Some(*index)),
            _ => return,
        };
        self.found.probes.push(Probe { slot, relation, value, level });
    }

    pub(super) fn membership(&mut self, span: crate::diagnostic::Span, item: &Expr, holder: &Expr) -> Typed {
        let item_typed = self.expression(item);
        if let Kind::Call(call) = &holder.kind
            && call.target.is_none()
        {
            let args = &call.args;
            let set = match call.name.as_str() {
                "list" => Some(self.named_list(holder, args)),
                "cidr" => Some(self.networks(holder, args)),
                _ => None,
            };
            if let Some(set) = set {
                return set.map_or_else(typed_never, |set| self.in_set(item, item_typed, set));
            }
        }
        if let (Kind::List(items), Ty::Level(_) | Ty::Addr) = (&holder.kind, &item_typed.1) {
            return self.in_constants(item_typed, items);
        }
        let (holder_node, holder_ty) = self.expression(holder);
        let fits = match &holder_ty {
            Ty::List(element) => !self.strict || element.meets(&item_typed.1),
            Ty::Map | Ty::Dyn => true,
            _ => false,
        };
        if !fits {
            return self.not_in(span, &item_typed.1, &holder_ty);
        }
        if let (Node::Slot(slot, _), Node::Const(Val::List(list))) = (&item_typed.0, &holder_node) {
            for value in list.iter() {
                self.probe(*slot, Relation::Equal, &Node::Const(value));
            }
        }
        let node = match (item_typed.0, texts(&holder_node)) {
            (item, Some(texts)) if !is_constant(&item) => Node::TextIn(Box::new(item), texts, true),
            (item, _) => Node::In(Box::new([item, holder_node])),
        };
        (node, Ty::Bool)
    }

    fn not_in(&mut self, span: crate::diagnostic::Span, item: &Ty, holder: &Ty) -> Typed {
        let help = match (item, holder) {
            (_, Ty::Text) => "to look into text, write `text.contains(\"part\")`",
            (_, Ty::List(_)) => "the elements of the list are of another kind",
            _ => "write `in [..]`, `in list(\"name\")` or `in cidr(\"10.0.0.0/8\")`",
        };
        self.type_fault(span, format!("{item} cannot be in {holder}"), help)
    }

    /// A level or an address among constants.
    fn in_constants(&mut self, (node, ty): Typed, items: &[Expr]) -> Typed {
        let mut parts = Vec::with_capacity(items.len());
        let mut bits = 0;
        for item in items {
            let typed = self.expression(item);
            let (value, value_ty) = self.adapted(item, typed, &ty);
            if let Some((message, help)) = types::comparison_fault(Relation::Equal, &ty, &value_ty) {
                self.type_fault(item.span, message, help);
            }
            if let Node::Slot(slot, _) = &node {
                self.probe(*slot, Relation::Equal, &value);
            }
            if let Node::Level(index, _) = &value {
                bits |= bit(*index);
            }
            parts.push(value);
        }
        let all_levels = parts.iter().all(|part| matches!(part, Node::Level(index, _) if *index < 64));
        let node = match node {
            Node::Slot(slot, _) if all_levels => Node::SlotLevels(slot, bits),
            node => Node::In(Box::new([node, Node::List(parts.into())])),
        };
        (node, Ty::Bool)
    }

    fn in_set(&mut self, item: &Expr, (node, ty): Typed, set: Arc<Set>) -> Typed {
        match (node, ty) {
            (Node::Slot(slot, _), ref ty @ (Ty::Text | Ty::Addr)) => {
                let (text, addr) = set.examples();
                let example = match ty {
                    Ty::Addr => addr.map(Val::Addr),
                    _ => {
                        text.map(|text| Val::Text(text.to_owned().into())).or(addr.map(|addr| Val::Text(addr.to_string().into())))
                    }
                };
                if let Some(example) = example {
                    self.probe(slot, Relation::Equal, &Node::Const(example));
                }
                (Node::SlotIn(slot, set), Ty::Bool)
            }
            (node, Ty::Text | Ty::Addr | Ty::Dyn) => (Node::InSet(Box::new(node), set), Ty::Bool),
            (_, Ty::List(_)) => {
                let name = item.dotted().unwrap_or_else(|| "values".to_owned());
                let help = format!("say which elements: `{name}.exists(x, x in list(…))`");
                self.type_fault(item.span, "a list cannot be in a named list", help)
            }
            (_, other) => self.type_fault(item.span, format!("named lists hold texts and addresses, not {other}"), ""),
        }
    }

    fn named_list(&mut self, holder: &Expr, args: &[Expr]) -> Option<Arc<Set>> {
        let [Expr { kind: Kind::Literal(Literal::Text(name)), span }] = args else {
            self.fail(Fault::new(holder.span, "`list` takes the name of one list", "write `list(\"name\")`"));
            return None;
        };
        if let Some(set) = self.lists.get(name) {
            return Some(Arc::clone(set));
        }
        let help = match nearest(name, self.lists.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("put its entries into `lists/{name}.txt`, one a line"),
        };
        self.fail(Fault::new(*span, format!("there is no list `{name}`"), help).coded("unknown-list"));
        None
    }

    fn networks(&mut self, holder: &Expr, args: &[Expr]) -> Option<Arc<Set>> {
        let mut networks = Vec::with_capacity(args.len());
        for arg in args {
            let text = match &arg.kind {
                Kind::Literal(Literal::Text(text)) => text.as_str(),
                _ => "",
            };
            match parse_net(text) {
                Some(net) => networks.push(net),
                None => {
                    self.fail(Fault::new(arg.span, "this is no network", "write `cidr(\"10.0.0.0/8\", \"2001:db8::/32\")`"));
                    return None;
                }
            }
        }
        if networks.is_empty() {
            self.fail(Fault::new(holder.span, "`cidr` takes at least one network", "write `cidr(\"10.0.0.0/8\")`"));
            return None;
        }
        Some(Arc::new(Set::of_networks(networks)))
    }
}

fn typed_never() -> Typed {
    (Node::Never(adjutant_model::Why::Error), Ty::Dyn)
}

/// The texts of a constant list of nothing else.
fn texts(node: &Node) -> Option<Box<[Box<str>]>> {
    let Node::Const(Val::List(list)) = node else { return None };
    list.iter().map(|item| item.as_text().map(Box::from)).collect()
}

/// Whether two values of this type compare by their text, address or number alone.
const fn has_plain_order(ty: &Ty) -> bool {
    !matches!(ty, Ty::Geo | Ty::List(_) | Ty::Map | Ty::Dyn | Ty::Null)
}

fn is_constant(node: &Node) -> bool {
    matches!(node, Node::Const(_) | Node::Level(..))
}

/// The bit of a level; those past the first 64 have none.
const fn bit(index: u8) -> u64 {
    match 1_u64.checked_shl(index as u32) {
        Some(bit) => bit,
        None => 0,
    }
}
