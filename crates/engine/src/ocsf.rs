//! A decision record as an OCSF Detection Finding (class 2004), for tools that read that.
//!
//! What OCSF has no place for goes, as it is in the record, under `unmapped`. Nothing is invented: an attribute
//! that the record does not state is absent.

use crate::record::{Fact, Record};
use serde_json::{Map, Value, json};

/// The version of OCSF that findings are written in.
pub const VERSION: &str = "1.4.0";

/// Field of ours, attribute of theirs inside `evidences`.
const EVIDENCE: [(&str, &str, &str); 16] = [
    ("user.name", "actor.user", "name"),
    ("user.id", "actor.user", "uid"),
    ("user.email", "actor.user", "email_addr"),
    ("src.ip", "src_endpoint", "ip"),
    ("src.port", "src_endpoint", "port"),
    ("src.host", "src_endpoint", "hostname"),
    ("dst.ip", "dst_endpoint", "ip"),
    ("dst.port", "dst_endpoint", "port"),
    ("dst.host", "dst_endpoint", "hostname"),
    ("host.name", "device", "hostname"),
    ("host.ip", "device", "ip"),
    ("process.name", "process", "name"),
    ("process.command_line", "process", "cmd_line"),
    ("file.name", "file", "name"),
    ("file.path", "file", "path"),
    ("url.full", "url", "url_string"),
];

/// Kind of entity of ours, type of observable of theirs.
const OBSERVABLES: [(&str, i64, &str); 7] = [
    ("host", 1, "Hostname"),
    ("address", 2, "IP Address"),
    ("user", 4, "User Name"),
    ("mailbox", 5, "Email Address"),
    ("url", 6, "URL String"),
    ("file", 8, "Hash"),
    ("resource", 10, "Resource UID"),
];

/// The finding that `record` is.
pub fn finding(record: &Record) -> Value {
    let mut finding = json!({
        "activity_id": 1, "activity_name": "Create",
        "category_uid": 2, "category_name": "Findings",
        "class_uid": 2004, "class_name": "Detection Finding",
        "type_uid": 200_401, "type_name": "Detection Finding: Create",
        "severity_id": severity(record),
        "status_id": 1, "status": "New",
        "is_alert": record.outcome != "close",
        "risk_score": record.score,
        "metadata": { "version": VERSION, "uid": record.id, "product": { "name": "Adjutant", "vendor_name": "Adjutant" } },
        "finding_info": info(record),
        "evidences": [evidence(record)],
        "observables": observables(record),
        "unmapped": {
            "outcome": record.outcome, "playbook": record.playbook, "autonomy": record.autonomy, "book": record.book,
            "case": record.case, "source": record.alert.source,
        },
    });
    if let (Some(time), Some(finding)) = (millis(&record.time), finding.as_object_mut()) {
        finding.insert("time".into(), time.into());
    }
    finding
}

fn info(record: &Record) -> Value {
    let title = text(record, "alert.title").or_else(|| text(record, "alert.rule")).unwrap_or("alert");
    let reasons: Vec<&str> = record.signals.iter().filter(|s| s.state == "fired").map(|s| s.because.as_str()).collect();
    let techniques = record.fields.get("alert.technique").and_then(|fact| fact.value.as_ref()?.as_array());
    let attack = |technique: &Value| json!({ "technique": { "uid": technique } });
    let mut info = json!({ "uid": record.alert.id, "title": title, "desc": reasons.join("; ") });
    if let (Some(techniques), Some(info)) = (techniques, info.as_object_mut()) {
        info.insert("attacks".into(), techniques.iter().map(attack).collect());
    }
    info
}

fn evidence(record: &Record) -> Value {
    let mut evidence = Map::new();
    for (field, object, attribute) in EVIDENCE {
        if let Some(value) = record.fields.get(field).and_then(|fact| fact.value.clone()) {
            let inside = object.split('.').try_fold(&mut evidence, |inside, name| {
                inside.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
            });
            inside.map(|inside| inside.insert(attribute.into(), value));
        }
    }
    Value::Object(evidence)
}

fn observables(record: &Record) -> Vec<Value> {
    let observable = |entity: &crate::record::Entity| {
        let (_, id, name) = OBSERVABLES.iter().find(|(kind, _, _)| *kind == entity.kind)?;
        Some(json!({ "name": entity.role, "type_id": id, "type": name, "value": entity.name }))
    };
    record.entities.iter().filter_map(observable).collect()
}

/// Unknown 0, Informational 1, Low 2, Medium 3, High 4, Critical 5: the source's own word.
fn severity(record: &Record) -> i64 {
    const NAMES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
    let stated = text(record, "alert.severity").and_then(|name| NAMES.iter().position(|known| *known == name));
    stated.and_then(|index| i64::try_from(index).ok()).map_or(0, |index| index.saturating_add(1))
}

fn text<'r>(record: &'r Record, field: &str) -> Option<&'r str> {
    record.fields.get(field).and_then(|fact: &Fact| fact.value.as_ref()?.as_str())
}

fn millis(time: &str) -> Option<i64> {
    crate::normalize::time::read(time, None).map(|reading| reading.time.0.div_euclid(1000))
}
