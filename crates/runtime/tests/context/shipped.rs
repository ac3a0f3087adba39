//! The shipped contracts with their data, and the organisation of the demonstration.

use super::world::{at, compile};
use adjutant_engine::context::{Condition, Scratch, Snapshot};
use adjutant_model::{Origin, Row, Schema, Value, value::Addr};
use adjutant_runtime::context::{Data, Directory, Layers, load};
use std::path::PathBuf;
use std::sync::Arc;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn data() -> Directory {
    Directory(root().join("book/context/data"))
}

/// The shipped database of countries.
pub(super) fn country_database() -> Vec<u8> {
    data().read("geo/country.mmdb").unwrap().bytes.into_owned()
}

fn contracts() -> (Schema, Vec<adjutant_rules::contract::Contract>) {
    let mut files: Vec<(String, String)> = std::fs::read_dir(root().join("book/context"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    compile(&files)
}

fn snapshot(layers: &dyn Data) -> (Schema, Snapshot) {
    let (schema, contracts) = contracts();
    let snapshot = load(Arc::from(contracts), layers, None);
    (schema, snapshot)
}

fn fill(schema: &Schema, snapshot: &Snapshot, fields: &[(&str, &str)], now: &str) -> Row {
    let mut row = Row::new(schema.len());
    for (name, text) in fields {
        let slot = schema.slot(name).unwrap();
        match Addr::parse(text).filter(|_| name.ends_with(".ip")) {
            Some(addr) => row.set(slot, Value::Addr(addr), Origin::Raw(0)),
            None => row.set_text(slot, text, Origin::Raw(0)),
        }
    }
    snapshot.fill(&mut row, at(now), &mut Scratch::default());
    row
}

#[test]
fn shipped_data_keeps_the_shipped_contracts() {
    let (schema, snapshot) = snapshot(&data());
    let report = snapshot.quality(at("2026-09-01"), &Default::default());
    for source in &report {
        assert!(matches!(source.condition, Condition::Good | Condition::Absent), "{source:#?}");
    }
    assert!(report.iter().filter(|source| source.condition == Condition::Good).count() >= 5);
    let row = fill(&schema, &snapshot, &[("src.ip", "71.6.135.131"), ("mail.from", "x@mailinator.com")], "2026-09-01");
    let value = |name: &str| row.value(schema.slot(name).unwrap());
    assert_eq!(row.text(schema.slot("src.country").unwrap()), Some("US"));
    assert_eq!(value("src.scanner"), Value::Bool(true));
    assert_eq!(value("sender.disposable"), Value::Bool(true));
    assert!(matches!(value("src.block_lists"), Value::Int(_)));
    assert_eq!(value("user.privileged"), Value::Unknown(adjutant_model::Why::NoSource));
}

#[test]
fn the_demonstration_has_an_organisation() {
    let demo = Directory(root().join("crates/cli/demo/context"));
    let shipped = data();
    let (schema, snapshot) = snapshot(&Layers(vec![&demo, &shipped]));
    for source in snapshot.quality(at("2026-09-01"), &Default::default()) {
        assert!(matches!(source.condition, Condition::Good | Condition::Absent), "{source:#?}");
    }
    let fields = [("user.name", "goran.petrov@corp.example"), ("host.name", "dc01"), ("src.ip", "203.0.113.7")];
    let row = fill(&schema, &snapshot, &fields, "2026-09-01T10:00:00Z");
    let value = |name: &str| row.value(schema.slot(name).unwrap());
    assert_eq!(value("user.privileged"), Value::Bool(true));
    assert_eq!(value("asset.criticality"), Value::Level(3));
    assert_eq!(value("src.corporate"), Value::Bool(true));
    assert_eq!(value("calendar.working_hours"), Value::Bool(true));
    assert_eq!(row.text(schema.slot("unit.head").unwrap()), Some("goran.petrov@corp.example"));
}
