//! Which of our fields stands for which of the reference's.
//!
//! | field | ours | the reference's | the same when |
//! |---|---|---|---|
//! | time | `alert.time` | `@timestamp` | equal to the millisecond |
//! | rule | `alert.rule`, `alert.title` | `rule.name` | equal |
//! | user | `user.name`, `user.email`, `user.id` | `user.name`, else `user.email` | equal, or equal without domain |
//! | host | `host.name` | `host.name`, `host.hostname` | equal |
//! | source | `src.ip` | `source.ip`, `client.ip` | the same address |
//! | destination | `dst.ip` | `destination.ip`, `server.ip` | the same address |
//! | url | `url.full` | `url.full`, else `url.original` | equal |
//! | domain | `domain.name`, `dst.host` | `dns.question.name`, else `url.domain`, `destination.domain` | equal |
//! | hash | `file.sha256`, `file.sha1`, `file.md5` | `file.hash.*`, `process.hash.*` of that kind | equal |
//! | technique | `alert.technique` | `threat.technique.id`, `threat.technique.subtechnique.id`, else names | theirs are among ours |
//! | severity | `alert.severity` | a leaf `severity`, `severity.value`, `severity.label`, `severity_name` in words | same level |
//!
//! Letters' case does not count, for the reference lowers some names. Where the reference has several values, one of
//! them will do. A value that does not occur in the record is not stated and does not count, nor does a time
//! that no part of the record reads as.

use adjutant_engine::normalize::time;
use adjutant_model::schema::slots;
use adjutant_model::{Addr, Row, Schema, Slot, Time, Value as Cell};
use serde_json::Value;

/// What comparing one field of one record came to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The reference or the record does not state it.
    NotStated,
    /// The same.
    Right,
    /// Different; both sides as text.
    Wrong {
        /// What we made of it.
        ours: String,
        /// What the reference made of it.
        theirs: String,
    },
}

/// How one field is compared.
pub(crate) struct Field {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// Compares it.
    pub(crate) compare: fn(&Row, &Schema, &Value, &Stated) -> Verdict,
}

/// Every field that is compared.
pub(crate) const FIELDS: &[Field] = &[
    Field { name: "time", compare: compare_time },
    Field {
        name: "rule",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::ALERT_RULE, slots::ALERT_TITLE], &[&["rule.name"]], same)
        },
    },
    Field {
        name: "user",
        compare: |row, schema, doc, stated| {
            texts(
                row,
                schema,
                doc,
                stated,
                &[slots::USER_NAME, slots::USER_EMAIL, slots::USER_ID],
                &[&["user.name"], &["user.email"]],
                same_user,
            )
        },
    },
    Field {
        name: "host",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::HOST_NAME], &[&["host.name", "host.hostname"]], same)
        },
    },
    Field {
        name: "source",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::SRC_IP], &[&["source.ip", "client.ip"]], same_address)
        },
    },
    Field {
        name: "destination",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::DST_IP], &[&["destination.ip", "server.ip"]], same_address)
        },
    },
    Field {
        name: "url",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::URL_FULL], &[&["url.full"], &["url.original"]], same)
        },
    },
    Field {
        name: "domain",
        compare: |row, schema, doc, stated| {
            texts(
                row,
                schema,
                doc,
                stated,
                &[slots::DOMAIN_NAME, slots::DST_HOST],
                &[&["dns.question.name"], &["url.domain"], &["destination.domain"]],
                same,
            )
        },
    },
    Field {
        name: "sha256",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::FILE_SHA256], &[&["file.hash.sha256", "process.hash.sha256"]], same)
        },
    },
    Field {
        name: "sha1",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::FILE_SHA1], &[&["file.hash.sha1", "process.hash.sha1"]], same)
        },
    },
    Field {
        name: "md5",
        compare: |row, schema, doc, stated| {
            texts(row, schema, doc, stated, &[slots::FILE_MD5], &[&["file.hash.md5", "process.hash.md5"]], same)
        },
    },
    Field { name: "technique", compare: compare_technique },
    Field { name: "severity", compare: compare_severity },
];

/// What a record states: all its text, and all instants in it.
pub(crate) struct Stated {
    text: String,
    times: Vec<Time>,
}

impl Stated {
    /// What `raw` states.
    pub(crate) fn of(raw: &str) -> Self {
        let mut stated = Self { text: String::new(), times: Vec::new() };
        match serde_json::from_str::<Value>(raw) {
            Ok(value @ Value::Object(_)) => stated.leaves(&value),
            _ => stated.text = raw.to_lowercase(),
        }
        stated
    }

    fn leaves(&mut self, value: &Value) {
        match value {
            Value::Object(map) => map.values().for_each(|value| self.leaves(value)),
            Value::Array(list) => list.iter().for_each(|value| self.leaves(value)),
            Value::Number(number) => {
                let instant = number.as_i64().and_then(time::epoch).or_else(|| number.as_f64().and_then(time::epoch_f64));
                self.times.extend(instant);
                self.text.push_str(&number.to_string());
                self.text.push('\n');
            }
            Value::String(text) => {
                self.times.extend(time::read(text, None).map(|reading| reading.time));
                self.text.push_str(&text.to_lowercase());
                self.text.push('\n');
                if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                    self.leaves(&inner);
                }
            }
            _ => {}
        }
    }

    fn says(&self, text: &str) -> bool {
        self.text.contains(&text.to_lowercase())
    }

    /// Whether the record states this instant, date and year included.
    fn says_time(&self, time: Time) -> bool {
        let text = time.to_string();
        let clock = text.get(11..19).unwrap_or("?");
        let in_text =
            self.says(&time.secs().to_string()) || (self.says(clock) && text.get(..4).is_some_and(|year| self.says(year)));
        self.times.iter().any(|stated| millis(*stated) == millis(time)) || (self.times.is_empty() && in_text)
    }
}

fn millis(time: Time) -> i64 {
    time.0.div_euclid(1000)
}

/// Every value of the reference at `path`, through lists.
fn theirs<'v>(doc: &'v Value, path: &str, found: &mut Vec<&'v Value>) {
    let Some((key, rest)) = path.split_once('.') else {
        if let Some(value) = doc.get(path) {
            match value {
                Value::Array(list) => found.extend(list),
                value => found.push(value),
            }
        }
        return;
    };
    match doc.get(key) {
        Some(Value::Array(list)) => list.iter().for_each(|item| theirs(item, rest, found)),
        Some(value) => theirs(value, rest, found),
        None => {}
    }
}

fn texts_at(doc: &Value, paths: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    paths.iter().for_each(|path| theirs(doc, path, &mut found));
    let text = |value: &&Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    found.iter().filter_map(text).filter(|text| !text.is_empty()).collect()
}

/// What we have in `slots`, as text.
fn ours(row: &Row, schema: &Schema, slots: &[Slot]) -> Vec<String> {
    let mut found = Vec::new();
    for slot in slots {
        match row.value(*slot) {
            Cell::Addr(addr) => found.push(addr.to_string()),
            Cell::Level(level) => {
                if let Some(adjutant_model::Type::Level(levels)) = schema.field(*slot).map(|field| &field.ty) {
                    found.push(levels.name_of(level).to_owned());
                }
            }
            _ => found.extend(row.texts(*slot).map(str::to_owned)),
        }
    }
    found
}

#[allow(clippy::too_many_arguments, reason = "a comparison has two sides, their places and its rule")]
fn texts(
    row: &Row,
    schema: &Schema,
    doc: &Value,
    stated: &Stated,
    slots: &[Slot],
    paths: &[&[&str]],
    same: fn(&str, &str) -> bool,
) -> Verdict {
    let theirs = paths.iter().map(|paths| texts_at(doc, paths)).find(|theirs| !theirs.is_empty()).unwrap_or_default();
    let theirs: Vec<String> = theirs.into_iter().filter(|text| stated.says(text)).collect();
    if theirs.is_empty() {
        return Verdict::NotStated;
    }
    let ours = ours(row, schema, slots);
    let right = ours.iter().any(|ours| theirs.iter().any(|theirs| same(ours, theirs)));
    verdict(right, &ours, &theirs)
}

fn verdict(right: bool, ours: &[String], theirs: &[String]) -> Verdict {
    if right {
        return Verdict::Right;
    }
    let shown = |texts: &[String]| if texts.is_empty() { "-".to_owned() } else { texts.join(" | ") };
    Verdict::Wrong { ours: shown(ours), theirs: shown(theirs) }
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.trim().to_lowercase() == theirs.trim().to_lowercase()
}

fn same_user(ours: &str, theirs: &str) -> bool {
    let local = ours.rsplit('\\').next().unwrap_or(ours).split('@').next().unwrap_or(ours);
    same(ours, theirs) || same(local, theirs)
}

fn same_address(ours: &str, theirs: &str) -> bool {
    same(ours, theirs) || Addr::parse(ours).zip(Addr::parse(theirs)).is_some_and(|(a, b)| a == b)
}

fn compare_time(row: &Row, _: &Schema, doc: &Value, stated: &Stated) -> Verdict {
    let theirs = doc.get("@timestamp").and_then(Value::as_str).and_then(|text| time::read(text, None));
    let Some(theirs) = theirs.filter(|theirs| stated.says_time(theirs.time)) else { return Verdict::NotStated };
    let ours = row.time(slots::ALERT_TIME);
    let right = ours.is_some_and(|ours| millis(ours) == millis(theirs.time));
    let shown: Vec<String> = ours.iter().map(Time::to_string).collect();
    verdict(right, &shown, &[theirs.time.to_string()])
}

fn compare_technique(row: &Row, schema: &Schema, doc: &Value, stated: &Stated) -> Verdict {
    let ids = texts_at(doc, &["threat.technique.id", "threat.technique.subtechnique.id"]);
    let theirs = if ids.is_empty() { texts_at(doc, &["threat.technique.name"]) } else { ids };
    let theirs: Vec<String> = theirs.into_iter().filter(|text| stated.says(text)).collect();
    if theirs.is_empty() {
        return Verdict::NotStated;
    }
    let ours = ours(row, schema, &[slots::ALERT_TECHNIQUE]);
    let has = |theirs: &String| ours.iter().any(|ours| same(ours, theirs) || ours.starts_with(&format!("{theirs}.")));
    verdict(theirs.iter().all(has), &ours, &theirs)
}

fn compare_severity(row: &Row, schema: &Schema, doc: &Value, stated: &Stated) -> Verdict {
    let Some(theirs) = severity(doc, &mut Vec::new()).filter(|word| stated.says(word)) else { return Verdict::NotStated };
    let ours = ours(row, schema, &[slots::ALERT_SEVERITY]);
    let level = match theirs.to_lowercase().as_str() {
        "informational" | "information" => "info".to_owned(),
        word => word.to_owned(),
    };
    verdict(ours.iter().any(|ours| same(ours, &level)), &ours, &[theirs])
}

/// The first severity in words anywhere in the reference's document.
fn severity(value: &Value, path: &mut Vec<String>) -> Option<String> {
    const WORDS: [&str; 7] = ["informational", "information", "info", "low", "medium", "high", "critical"];
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            path.push(key.clone());
            let found = severity(value, path);
            path.pop();
            found
        }),
        Value::Array(list) => list.iter().find_map(|value| severity(value, path)),
        Value::String(text) if WORDS.contains(&text.to_lowercase().as_str()) => {
            let last = path.last().map_or("", String::as_str);
            let before = path.len().checked_sub(2).and_then(|at| path.get(at)).map_or("", String::as_str);
            let here = matches!(last, "severity" | "severity_name")
                || (before == "severity" && matches!(last, "value" | "label" | "name"));
            here.then(|| text.clone())
        }
        _ => None,
    }
}
