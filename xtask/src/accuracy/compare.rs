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
//! | domain | `domain.name`, `dst.host` | `dns.question.name`, `url.domain`, `destination.domain` | equal |
//! | hash | `file.sha256`, `file.sha1`, `file.md5` | `file.hash.*`, `process.hash.*` of that kind | equal |
//! | technique | `alert.technique` | `threat.technique.id`, `threat.technique.subtechnique.id` | theirs are among ours |
//! | severity | `alert.severity` | a leaf `severity`, `severity.value`, `severity.label`, `severity_name` in words | same level |
//!
//! Letters' case does not count, for the reference lowers some names. Where the reference has several values, one of
//! them will do. A value that does not occur in the record is not stated and does not count, nor does a time
//! that no part of the record reads as. `0.0.0.0` and `::` are no address, and what is not hexadecimal of the right
//! length is no hash.

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
    /// Where we have it.
    ours: &'static [Slot],
    /// Where the reference has it: of these groups the first that it fills.
    theirs: &'static [&'static [&'static str]],
    /// Which values are the same.
    how: How,
}

/// Which values are the same.
enum How {
    /// One of ours is one of theirs.
    Any(fn(&str, &str) -> bool),
    /// The same millisecond.
    Time,
    /// All of theirs are among ours.
    Techniques,
    /// The same level, whatever it is called.
    Severity,
}

const fn field(name: &'static str, ours: &'static [Slot], theirs: &'static [&'static [&'static str]], how: How) -> Field {
    Field { name, ours, theirs, how }
}

/// Every field that is compared.
pub(crate) const FIELDS: &[Field] = &[
    field("time", &[slots::ALERT_TIME], &[&["@timestamp"]], How::Time),
    field("rule", &[slots::ALERT_RULE, slots::ALERT_TITLE], &[&["rule.name"]], How::Any(same)),
    field(
        "user",
        &[slots::USER_NAME, slots::USER_EMAIL, slots::USER_ID],
        &[&["user.name"], &["user.email"]],
        How::Any(same_user),
    ),
    field("host", &[slots::HOST_NAME], &[&["host.name", "host.hostname"]], How::Any(same)),
    field("source", &[slots::SRC_IP], &[&["source.ip", "client.ip"]], How::Any(same_address)),
    field("destination", &[slots::DST_IP], &[&["destination.ip", "server.ip"]], How::Any(same_address)),
    field("url", &[slots::URL_FULL], &[&["url.full"], &["url.original"]], How::Any(same)),
    field(
        "domain",
        &[slots::DOMAIN_NAME, slots::DST_HOST],
        &[&["dns.question.name", "url.domain", "destination.domain"]],
        How::Any(same),
    ),
    field("sha256", &[slots::FILE_SHA256], &[&["file.hash.sha256", "process.hash.sha256"]], How::Any(same)),
    field("sha1", &[slots::FILE_SHA1], &[&["file.hash.sha1", "process.hash.sha1"]], How::Any(same)),
    field("md5", &[slots::FILE_MD5], &[&["file.hash.md5", "process.hash.md5"]], How::Any(same)),
    field(
        "technique",
        &[slots::ALERT_TECHNIQUE],
        &[&["threat.technique.id", "threat.technique.subtechnique.id"]],
        How::Techniques,
    ),
    field("severity", &[slots::ALERT_SEVERITY], &[], How::Severity),
];

impl Field {
    /// Compares it in one record.
    pub(crate) fn compare(&self, row: &Row, schema: &Schema, doc: &Value, stated: &Stated) -> Verdict {
        if let How::Time = self.how {
            return compare_time(row, doc, stated);
        }
        let theirs = self.stated(doc, stated);
        if theirs.is_empty() {
            return Verdict::NotStated;
        }
        let ours = ours(row, schema, self.ours);
        let has = |theirs: &String| ours.iter().any(|ours| same(ours, theirs) || ours.starts_with(&format!("{theirs}.")));
        let right = match self.how {
            How::Any(same) => ours.iter().any(|ours| theirs.iter().any(|theirs| same(ours, theirs))),
            How::Techniques => theirs.iter().all(has),
            How::Severity => theirs.iter().any(|theirs| ours.contains(&level(theirs))),
            How::Time => false,
        };
        verdict(right, &ours, &theirs)
    }

    /// The reference's values that the record states.
    fn stated(&self, doc: &Value, stated: &Stated) -> Vec<String> {
        let mut theirs = match self.how {
            How::Severity => severities(doc),
            _ => self.theirs.iter().map(|paths| texts_at(doc, paths)).find(|theirs| !theirs.is_empty()).unwrap_or_default(),
        };
        let digits = match self.name {
            "sha256" => Some(64),
            "sha1" => Some(40),
            "md5" => Some(32),
            _ => None,
        };
        let is_hash = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        theirs.retain(|text| {
            stated.says(text) && !NO_ADDRESS.contains(&text.as_str()) && digits.is_none_or(|digits| is_hash(text, digits))
        });
        theirs
    }
}

/// What stands for no address.
const NO_ADDRESS: [&str; 3] = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"];

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

fn compare_time(row: &Row, doc: &Value, stated: &Stated) -> Verdict {
    let theirs = doc.get("@timestamp").and_then(Value::as_str).and_then(|text| time::read(text, None));
    let Some(theirs) = theirs.filter(|theirs| stated.says_time(theirs.time)) else { return Verdict::NotStated };
    let ours = row.time(slots::ALERT_TIME);
    let right = ours.is_some_and(|ours| millis(ours) == millis(theirs.time));
    let shown: Vec<String> = ours.iter().map(Time::to_string).collect();
    verdict(right, &shown, &[theirs.time.to_string()])
}

fn level(word: &str) -> String {
    if word.to_lowercase().starts_with("info") { "info".to_owned() } else { word.to_lowercase() }
}

/// Every severity in words anywhere in the reference's document.
fn severities(doc: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_severities(doc, "", "", &mut found);
    found
}

fn collect_severities(value: &Value, before: &str, last: &str, found: &mut Vec<String>) {
    const WORDS: [&str; 7] = ["informational", "information", "info", "low", "medium", "high", "critical"];
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| collect_severities(value, last, key, found)),
        Value::Array(list) => list.iter().for_each(|value| collect_severities(value, before, last, found)),
        Value::String(text) if WORDS.contains(&text.to_lowercase().as_str()) => {
            let inside = before == "severity" && matches!(last, "value" | "label" | "name");
            if matches!(last, "severity" | "severity_name") || inside {
                found.push(text.clone());
            }
        }
        _ => {}
    }
}
