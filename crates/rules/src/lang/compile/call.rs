//! Calls: macros, what is part of the language, and functions of values.

use super::{Compiler, Names, Typed};
use crate::diagnostic::Span;
use crate::lang::functions::{ARGS_MAX, FUNCTIONS, Function, Style};
use crate::lang::node::{Macro, MacroKind, Node, TextTest};
use crate::lang::paths::Keyed;
use crate::lang::pattern::{Pattern, REGEX_BYTES_MAX};
use crate::lang::syntax::{Call, Expr, Kind, Literal};
use crate::lang::types::Ty;
use crate::lang::{Fault, Relation, Val, function_names, nearest};
use std::sync::Arc;

/// A key of the variable, and the texts without one of which under it `test` is false.
fn wanted(test: &Node, variable: usize) -> Option<(&str, Vec<Box<str>>)> {
    match test {
        Node::And(parts) => {
            let (guard, parts) = guarded(parts, variable);
            wanted(parts.first()?, variable).filter(|(key, _)| guard.is_none_or(|guard| guard == *key))
        }
        Node::Or(parts) => {
            let mut all = parts.iter().map(|part| wanted(part, variable));
            let (key, mut texts) = all.next()??;
            for more in all {
                let (other, more) = more?;
                texts.extend((other == key).then_some(more)?);
            }
            Some((key, texts))
        }
        Node::TextIn(of, texts, true) => match of.as_ref() {
            Node::Select(of, key) if matches!(of.as_ref(), Node::Local(place) if *place == variable) => {
                Some((key, texts.to_vec()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What is left to ask of an element that has one of the texts [`wanted`]: the parts behind that question.
fn left(test: &Node, variable: usize) -> Option<Node> {
    match test {
        Node::TextIn(..) => Some(Node::Const(Val::Bool(true))),
        Node::And(parts) => match guarded(parts, variable).1 {
            [Node::TextIn(..)] => Some(Node::Const(Val::Bool(true))),
            [Node::TextIn(..), last] => Some(last.clone()),
            [Node::TextIn(..), rest @ ..] => Some(Node::And(rest.into())),
            _ => None,
        },
        _ => None,
    }
}

/// The key of a `has(variable.key)` that comes first, and the parts behind it.
fn guarded(parts: &[Node], variable: usize) -> (Option<&str>, &[Node]) {
    match parts {
        [guard, rest @ ..] if !rest.is_empty() && asks_for(guard, variable).is_some() => (asks_for(guard, variable), rest),
        parts => (None, parts),
    }
}

/// The key in `has(variable.key)`.
fn asks_for(test: &Node, variable: usize) -> Option<&str> {
    match test {
        Node::HasKey(of, key) if matches!(of.as_ref(), Node::Local(place) if *place == variable) => Some(key),
        _ => None,
    }
}

impl Compiler<'_> {
    pub(super) fn call(&mut self, span: Span, call: &Call) -> Typed {
        if let (Some(range), Some(kind)) = (&call.target, MacroKind::named(&call.name))
            && let Some(Kind::Ident(variable)) = call.args.first().map(|arg| &arg.kind)
        {
            let (node, ty) = self.expression(range);
            let Some(element) = ty.element() else {
                return self.type_fault(range.span, format!("{ty} has no elements to visit"), "");
            };
            self.variables.push((variable.clone(), element));
            let made = self.comprehension(span, kind, (node, ty), &call.args);
            self.variables.pop();
            return made;
        }
        match (&call.target, call.name.as_str()) {
            (None, "has") => self.has(span, &call.args),
            (None, "first") => self.first(span, &call.args),
            (None, "table") => self.table(span, &call.args),
            (None, name @ ("list" | "cidr")) => {
                let help = format!("write `x in {name}(\"…\")`");
                self.fail(Fault::new(span, format!("`{name}` stands on the right side of `in` only"), help))
            }
            (None, "extract") => self.regex(span, &call.args, |inner, regex| (Node::Extract(inner, regex), Ty::Text)),
            (target, "matches") => {
                let all: Vec<Expr> = target.iter().chain(&call.args).cloned().collect();
                self.regex(span, &all, |inner, regex| (Node::Matches(inner, Pattern::new(regex)), Ty::Bool))
            }
            _ => self.function(span, call),
        }
    }

    /// A macro over `range`, whose variable is declared.
    fn comprehension(&mut self, span: Span, kind: MacroKind, range: Typed, args: &[Expr]) -> Typed {
        let (test, made) = match (kind, args) {
            (MacroKind::Map, [_, made]) => (None, Some(made)),
            (MacroKind::Map, [_, test, made]) => (Some(test), Some(made)),
            (MacroKind::Map, _) | (_, [] | [_] | [_, _, _, ..]) => {
                return self.fail(Fault::new(
                    span,
                    "this macro takes a name and a condition",
                    "write `list.exists(x, x == \"a\")`",
                ));
            }
            (_, [_, test]) => (Some(test), None),
        };
        let test = test.map_or(Node::Const(Val::Bool(true)), |test| self.condition(test));
        let made = made.map(|made| self.expression(made));
        let (range, range_ty) = range;
        let ty = match (kind, &made) {
            (MacroKind::Filter, _) => range_ty,
            (MacroKind::Map, Some((_, ty))) => Ty::List(Box::new(ty.clone())),
            _ => Ty::Bool,
        };
        let made = made.map(|(node, _)| node);
        let keyed = if kind == MacroKind::All { None } else { self.keyed(&range, &test) };
        (Node::Macro(Box::new(Macro { kind, range, test, made, keyed })), ty)
    }

    /// The key by which `test` tells the elements of `range` apart, when it is a list of the record, and what is left to
    /// ask of those that it picks.
    fn keyed(&mut self, range: &Node, test: &Node) -> Option<(Keyed, Option<Node>)> {
        let variable = self.variables.len().checked_sub(1)?;
        let (Node::Path(path), Names::Record(paths)) = (range, &mut self.names) else { return None };
        let (key, wanted) = wanted(test, variable)?;
        let guarded = matches!(test, Node::And(parts) if guarded(parts, variable).0.is_some());
        Some((Keyed { list: paths.keyed_list(*path, key)?, wanted: wanted.into(), guarded }, left(test, variable)))
    }

    fn has(&mut self, span: Span, args: &[Expr]) -> Typed {
        let wrong = || Fault::new(span, "`has` takes one field", "write `has(user.manager)` or `has(raw.actor.id)`");
        let [arg] = args else { return self.fail(wrong()) };
        let is_variable = arg.root().is_some_and(|root| self.variables.iter().any(|(name, _)| name == root));
        if !is_variable {
            if let Some((slot, _)) = self.slot_of(arg) {
                self.found.slots.push(slot);
                return (Node::Known(slot), Ty::Bool);
            }
            if matches!(arg.kind, Kind::Select { .. } | Kind::Index { .. })
                && let Some(path) = self.record_path(arg)
            {
                return (Node::HasPath(path), Ty::Bool);
            }
        }
        match &arg.kind {
            Kind::Select { operand, field, .. } if is_variable || !self.is_facts() => {
                let (node, _) = self.expression(operand);
                (Node::HasKey(Box::new(node), field.as_str().into()), Ty::Bool)
            }
            _ if self.is_facts() && arg.dotted().is_some() && !is_variable => self.expression(arg),
            _ => self.fail(wrong()),
        }
    }

    fn first(&mut self, span: Span, args: &[Expr]) -> Typed {
        if args.is_empty() {
            return self.fail(Fault::new(span, "`first` takes at least one value", "write `first(raw.user.name, raw.user.id)`"));
        }
        let (mut nodes, mut ty) = (Vec::with_capacity(args.len()), None::<Ty>);
        for arg in args {
            let (node, arg_ty) = self.expression(arg);
            if let Some(known) = ty.as_ref().filter(|known| self.is_facts() && !known.meets(&arg_ty)) {
                let message = format!("the values differ: {known} and {arg_ty}");
                return self.type_fault(arg.span, message, "");
            }
            nodes.push(node);
            ty = Some(ty.map_or(arg_ty.clone(), |ty| ty.join(&arg_ty)));
        }
        (Node::First(nodes.into()), ty.unwrap_or(Ty::Dyn))
    }

    fn table(&mut self, span: Span, args: &[Expr]) -> Typed {
        let [Expr { kind: Kind::Literal(Literal::Text(name)), span: name_span }, key] = args else {
            return self.fail(Fault::new(
                span,
                "`table` takes a table's name and a value",
                "write `table(\"severity\", raw.severity)`",
            ));
        };
        let (key, _) = self.expression(key);
        let Some(table) = self.tables.get(name) else {
            let help = match nearest(name, self.tables.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare `{name}` under `tables:` of this source"),
            };
            return self.fail(Fault::new(*name_span, format!("there is no table `{name}`"), help).coded("unknown-table"));
        };
        (Node::Table(Arc::clone(table), Box::new(key)), Ty::Dyn)
    }

    fn regex(&mut self, span: Span, args: &[Expr], make: impl Fn(Box<Node>, regex::Regex) -> Typed) -> Typed {
        let [text, pattern] = args else {
            return self.fail(Fault::new(span, "this takes a text and a pattern", "write `text.matches(\"^a+$\")`"));
        };
        let Kind::Literal(Literal::Text(source)) = &pattern.kind else {
            let help = "patterns are compiled once, when the book is loaded";
            return self.fail(Fault::new(pattern.span, "a pattern must be a constant", help));
        };
        let (node, ty) = self.expression(text);
        if !matches!(ty, Ty::Text | Ty::Dyn) {
            return self.type_fault(text.span, format!("a pattern is matched against text, not {ty}"), "");
        }
        match regex::RegexBuilder::new(source).size_limit(REGEX_BYTES_MAX).build() {
            Ok(regex) => make(Box::new(node), regex),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
                let help = "patterns are those of the Rust regex crate (RE2's without look-around)";
                self.fail(Fault::new(pattern.span, format!("this pattern cannot be used: {reason}"), help).coded("pattern"))
            }
        }
    }

    fn function(&mut self, span: Span, call: &Call) -> Typed {
        let name = call.name.as_str();
        let overloads = || FUNCTIONS.iter().filter(|function| function.name == name);
        if overloads().next().is_none() {
            return self.unknown_function(name, call.name_span);
        }
        let (mut nodes, mut types) = (Vec::new(), Vec::new());
        for arg in call.target.iter().chain(&call.args).take(ARGS_MAX + 1) {
            let (node, ty) = self.expression(arg);
            nodes.push(node);
            types.push(ty);
        }
        let style_fits = |f: &&Function| f.style == Style::Both || (f.style == Style::Method) == call.target.is_some();
        let Some(function) = overloads().filter(style_fits).find(|function| takes(function, &types)) else {
            let given = types.iter().map(Ty::to_string).collect::<Vec<_>>().join(", ");
            let shown: Vec<String> = overloads().map(signature).collect();
            let message = format!("`{name}` does not take ({given})");
            return self.type_fault(span, message, format!("write {}", shown.join(" or ")));
        };
        self.probe_text(function, &nodes);
        let ty = if function.name == "dyn" { Ty::Dyn } else { function.result.ty() };
        if let (Some(test), [_, Node::Const(Val::Text(part))]) = (TextTest::named(name), nodes.as_slice()) {
            let part = part.as_ref().into();
            return (Node::TextHas(Box::new(nodes.swap_remove(0)), test, part), ty);
        }
        let node = Node::Call(function, nodes.into());
        (self.folded(span, node), ty)
    }

    /// A text that satisfies `startsWith` and its like is the constant itself.
    fn probe_text(&mut self, function: &Function, nodes: &[Node]) {
        if let ("contains" | "startsWith" | "endsWith", [Node::Slot(slot, _), constant]) = (function.name, nodes) {
            self.probe(*slot, Relation::Equal, constant);
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span) -> Typed {
        let help = match nearest(name, function_names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/expressions.md lists every function".to_owned(),
        };
        let message = match &self.names {
            Names::Facts(_) | Names::Record(_) => format!("unknown function `{name}`"),
            #[cfg(test)]
            Names::Nothing => format!("unknown function `{name}`"),
        };
        self.fail(Fault::new(span, message, help).coded("unknown-function"))
    }
}

fn takes(function: &Function, types: &[Ty]) -> bool {
    let fits = |(kinds, ty): (&&[crate::lang::functions::Kind], &Ty)| kinds.iter().any(|kind| kind.accepts(ty));
    function.params.len() == types.len() && function.params.iter().zip(types).all(fits)
}

/// `text.replace(text, text)`
fn signature(function: &Function) -> String {
    let kinds = |kinds: &&[crate::lang::functions::Kind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("|");
    let params: Vec<String> = function.params.iter().map(kinds).collect();
    match (function.style, params.split_first()) {
        (Style::Method, Some((target, rest))) => format!("`{target}.{}({})`", function.name, rest.join(", ")),
        _ => format!("`{}({})`", function.name, params.join(", ")),
    }
}
