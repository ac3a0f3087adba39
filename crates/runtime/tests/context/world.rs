//! What the tests of context share: a contract in YAML, files in a directory, one alert, and what it became.

use adjutant_engine::context::{Scratch, Snapshot, Touched};
use adjutant_model::{Origin, Row, Schema, Time, Type, Value, value::Addr};
use adjutant_rules::contract::{Contract, known, load};
use adjutant_runtime::context::{self, Directory};
use std::path::Path;
use std::sync::Arc;

pub(super) struct World {
    pub(super) schema: Schema,
    pub(super) contracts: Arc<[Contract]>,
    pub(super) dir: tempfile::TempDir,
}

/// The contracts and their schema; panics on a fault, showing it.
pub(super) fn compile(contracts: &[(&str, &str)]) -> (Schema, Vec<Contract>) {
    let (mut schema, mut faults) = (Schema::built_in(), Vec::new());
    let loaded = load::load(contracts.iter().copied(), &mut schema, &mut faults);
    assert!(faults.is_empty(), "{}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>());
    (schema, loaded)
}

/// The faults of one contract, one line each.
pub(super) fn faults(contract: &str) -> Vec<String> {
    let (mut schema, mut faults) = (Schema::built_in(), Vec::new());
    load::load([("context/a.yaml", contract)], &mut schema, &mut faults);
    faults.iter().map(|fault| format!("{}:{}", fault.line_and_column(contract).0, fault)).collect()
}

impl World {
    pub(super) fn new(contracts: &[&str], files: &[(&str, &[u8])]) -> Self {
        let named: Vec<(&str, &str)> = contracts.iter().map(|text| ("context/x.yaml", *text)).collect();
        let (schema, contracts) = compile(&named);
        let world = Self { schema, contracts: contracts.into(), dir: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, bytes)| world.write(path, bytes));
        world
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let full = self.dir.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(full, bytes).unwrap();
    }

    pub(super) fn load(&self) -> Snapshot {
        self.reload(None)
    }

    pub(super) fn reload(&self, previous: Option<&Snapshot>) -> Snapshot {
        context::load(Arc::clone(&self.contracts), &Directory(self.dir.path().into()), previous)
    }

    /// The row of an alert with these fields.
    pub(super) fn row(&self, fields: &[(&str, &str)]) -> Row {
        let mut row = Row::new(self.schema.len());
        for (name, text) in fields {
            let slot = self.schema.slot(name).unwrap_or_else(|| panic!("no field {name}"));
            match self.schema.field(slot).map(|field| &field.ty) {
                Some(Type::Addr) => row.set(slot, Value::Addr(Addr::parse(text).unwrap()), Origin::Raw(0)),
                _ => row.set_text(slot, text, Origin::Raw(0)),
            }
        }
        row
    }

    pub(super) fn filled(&self, snapshot: &Snapshot, fields: &[(&str, &str)], now: &str) -> (Row, Touched) {
        let mut row = self.row(fields);
        let touched = snapshot.fill(&mut row, at(now), &mut Scratch::default());
        (row, touched)
    }

    /// What `fact` becomes for an alert with these fields, as text.
    pub(super) fn fact(&self, snapshot: &Snapshot, fields: &[(&str, &str)], fact: &str) -> String {
        self.fact_at(snapshot, fields, fact, "2026-03-01")
    }

    pub(super) fn fact_at(&self, snapshot: &Snapshot, fields: &[(&str, &str)], fact: &str, now: &str) -> String {
        let (row, _) = self.filled(snapshot, fields, now);
        let slot = self.schema.slot(fact).unwrap_or_else(|| panic!("no fact {fact}"));
        let levels = match self.schema.field(slot).map(|field| &field.ty) {
            Some(Type::Level(levels)) => Some(Arc::clone(levels)),
            _ => None,
        };
        match row.value(slot) {
            Value::Unknown(why) => format!("unknown: {why:?}"),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Time(value) => value.to_string(),
            Value::Geo(value) => value.to_string(),
            Value::Text(range) => row.text_at(range).to_owned(),
            Value::List(_) => row.texts(slot).collect::<Vec<_>>().join(" + "),
            Value::Level(index) => levels.map_or("?".into(), |levels| levels.name_of(index).to_owned()),
            other => format!("{other:?}"),
        }
    }
}

pub(super) fn at(text: &str) -> Time {
    known::time(text).unwrap_or_else(|| panic!("no time: {text}"))
}

/// Everything that the report says is wrong, or worth knowing, about the first source.
pub(super) fn said(snapshot: &Snapshot) -> String {
    let report = snapshot.quality(at("2026-03-01"), &Default::default());
    let first = report.first().unwrap();
    format!("{:?}: {}", first.condition, first.breaches.iter().chain(&first.notes).cloned().collect::<Vec<_>>().join(" · "))
}
