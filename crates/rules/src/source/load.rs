//! Reads and compiles a source's file; every fault with its place.

use super::file::{File, OneOrMany, Pairs, Word};
use super::{Format, Mapping, Needs, Shape, Source, statable};
use crate::diagnostic::{Diagnostic, Located, read_yaml};
use crate::lang::{self, Lists, Paths, RawExpr, Table, Tables, Val};
use adjutant_model::Schema;
use adjutant_model::schema::Kind;
use std::sync::Arc;

/// The most expressions that one field may be read from.
const ALTERNATIVES_MAX: usize = 128;

impl Source {
    /// Compiles the text of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(file: &str, text: &str, schema: &Schema, lists: &Lists) -> Result<Self, Vec<Diagnostic>> {
        let written: File = read_yaml(file, text).map_err(|fault| vec![*fault])?;
        let mut loader = Loader { file, text, lists, tables: Tables::new(), paths: Paths::default(), faults: Vec::new() };
        let source = loader.source(written, schema);
        if loader.faults.is_empty() { Ok(source) } else { Err(loader.faults) }
    }
}

struct Loader<'l> {
    file: &'l str,
    text: &'l str,
    lists: &'l Lists,
    tables: Tables,
    paths: Paths,
    faults: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn source(&mut self, written: File, schema: &Schema) -> Source {
        self.tables = tables(written.tables);
        let format = self.format(&written.format);
        let when = written.when.and_then(|text| self.expression(&text));
        let unwrap = written.unwrap.iter().filter_map(|text| self.expression(text)).collect();
        let mut fields = self.fields(written.fields, schema);
        fields.sort_by_key(|mapping| mapping.slot);
        Source {
            name: written.source.value,
            title: written.title,
            docs: written.docs,
            format,
            keys: written.keys.into_iter().map(|key| key.value).collect(),
            when,
            unwrap,
            needs: Needs::of(&fields, &self.paths),
            fields,
            paths: std::mem::take(&mut self.paths),
        }
    }

    fn format(&mut self, name: &Located<String>) -> Format {
        Format::named(name).unwrap_or_else(|| {
            let names: Vec<_> = Format::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            let fault = Diagnostic::error("unknown-format", self.file, name.span, format!("unknown format `{}`", name.value));
            self.faults.push(fault.with_help(format!("it is one of {}", names.join(", "))));
            Format::Json
        })
    }

    fn fields(&mut self, written: Pairs<Located<OneOrMany>>, schema: &Schema) -> Vec<Mapping> {
        let mut fields = Vec::new();
        for (name, expressions) in written.0 {
            let known = schema.slot(&name).and_then(|slot| Some((slot, schema.field(slot)?)));
            let Some((slot, field)) = known.filter(|(_, field)| field.kind == Kind::Field) else {
                self.unknown_field(&name, &expressions, schema);
                continue;
            };
            fields.push(Mapping { slot, shape: Shape::of(field), first_of: self.first_of(expressions) });
        }
        fields
    }

    fn first_of(&mut self, written: Located<OneOrMany>) -> Vec<RawExpr> {
        let span = written.span;
        let many = match written.value {
            OneOrMany::None => Vec::new(),
            OneOrMany::One(text) => vec![Located::new(text, span)],
            OneOrMany::Many(many) => many,
        };
        if many.len() > ALTERNATIVES_MAX || many.is_empty() {
            let message = format!("a field is read from 1 to {ALTERNATIVES_MAX} expressions");
            self.faults.push(Diagnostic::error("expressions", self.file, span, message));
        }
        many.iter().take(ALTERNATIVES_MAX).filter_map(|text| self.expression(text)).collect()
    }

    fn unknown_field<T>(&mut self, name: &str, at: &Located<T>, schema: &Schema) {
        let what = match schema.slot(name) {
            Some(_) => format!("`{name}` is a fact; a source states fields of the alert only"),
            None => format!("unknown field `{name}`"),
        };
        let help = lang::nearest(name, statable(schema)).map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        // The name stands before its value; the caret belongs under the name.
        let before = self.text.get(..at.span.start).unwrap_or("");
        let span = before.rfind(name).map_or(at.span, |start| crate::diagnostic::Span::new(start, start + name.len()));
        self.faults.push(Diagnostic::error("unknown-field", self.file, span, what).with_help(help));
    }

    fn expression(&mut self, text: &Located<String>) -> Option<RawExpr> {
        match lang::raw(text, &mut self.paths, self.lists, &self.tables) {
            Ok(expression) => Some(expression),
            Err(faults) => {
                self.faults.extend(faults.into_iter().map(|fault| fault.locate(self.file, self.text, text)));
                None
            }
        }
    }
}

fn tables(written: Pairs<Located<Pairs<Word>>>) -> Tables {
    let table = |entries: Pairs<Word>| Table::new(entries.0.into_iter().map(|(key, Word(value))| (key, Val::Text(value.into()))));
    written.0.into_iter().map(|(name, entries)| (name, Arc::new(table(entries.value)))).collect()
}
