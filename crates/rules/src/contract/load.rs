//! Reads context contracts from YAML, declares their facts and resolves what they look up.
//!
//! Every fault is a [`Diagnostic`] at its place; a contract with a fault is left out, the others still load.
//! Contracts come out in the order in which they must be filled: one that looks up by another's fact is after it.

use super::known::{Known, duration, share, time};
use super::{AsOf, CONTRACTS_MAX, Contract, Fact, From, Key, KeyKind, Reading, Sanity, Subject, Validity, levels};
use crate::diagnostic::{Diagnostic, Located, Span, read_yaml};
use crate::lang::nearest;
use adjutant_model::schema::{Field, Kind};
use adjutant_model::{Outcome, Schema, Slot, Type};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::fmt;

mod lookup;
mod order;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContract {
    context: Located<String>,
    title: String,
    owner: Located<String>,
    from: Located<RawFrom>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    keys: Vec<Located<RawKey>>,
    lookup: BTreeMap<String, Located<Vec<Located<String>>>>,
    facts: BTreeMap<String, Located<RawFact>>,
    as_of: Option<Located<String>>,
    max_age: Option<Located<String>>,
    #[serde(default)]
    valid: RawValid,
    #[serde(default)]
    sanity: RawSanity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFrom {
    csv: Option<String>,
    json: Option<String>,
    jsonl: Option<String>,
    sqlite: Option<String>,
    mmdb: Option<String>,
    list: Option<String>,
    warninglists: Option<String>,
    stix: Option<String>,
    calendar: Option<String>,
    connector: Option<Located<String>>,
    lookup: Option<Located<String>>,
    outcome: Option<Located<Outcome>>,
    per_hour: Option<Located<u32>>,
    waiting: Option<Located<u32>>,
    delimiter: Option<Located<String>>,
    at: Option<String>,
    table: Option<String>,
    query: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    kind: Located<String>,
    columns: Vec<String>,
    split: Option<Located<String>>,
    #[serde(default)]
    below: bool,
    #[serde(default)]
    ipv4_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    #[serde(rename = "type")]
    ty: Located<String>,
    about: String,
    column: Option<Located<String>>,
    #[serde(rename = "value")]
    constant: Option<Located<Scalar>>,
    lists: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    absent: Option<Located<Scalar>>,
    #[serde(default)]
    words: BTreeMap<String, Located<Scalar>>,
    range: Option<(i64, i64)>,
    agrees_with: Option<Located<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawValid {
    from: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSanity {
    min_rows: Option<u64>,
    max_change: Option<Located<String>>,
    bad_rows: Option<Located<String>>,
    disagree: Option<Located<String>>,
    required: Vec<String>,
}

/// A scalar as text, whatever YAML takes it for.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl de::Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A contract whose references to others are not resolved yet.
struct Declared {
    contract: Contract,
    lookups: Vec<Vec<Located<String>>>,
    agreements: Vec<(usize, Located<String>)>,
}

/// One file being read.
struct Reader<'a> {
    file: &'a str,
    faults: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn fault(&mut self, code: &'static str, span: Span, message: String, help: &str) {
        self.faults.push(Diagnostic::error(code, self.file, span, message).with_help(help));
    }
}

/// Reads the contracts in `files` (path and text), adds their facts to `schema` and their faults to `faults`.
pub fn load<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
    schema: &mut Schema,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Contract> {
    let mut declared: Vec<Declared> = Vec::new();
    for (file, text) in files {
        let before = faults.len();
        let raw: RawContract = match read_yaml(file, text) {
            Ok(raw) => raw,
            Err(fault) => {
                faults.push(*fault);
                continue;
            }
        };
        let mut reader = Reader { file, faults };
        if declared.iter().any(|other| other.contract.name == *raw.context) {
            reader.fault("context-name", raw.context.span, format!("two contracts are called `{}`", *raw.context), "");
        }
        if declared.len() >= CONTRACTS_MAX {
            reader.fault("context-count", raw.context.span, format!("a book holds at most {CONTRACTS_MAX} contracts"), "");
        }
        let made = declare(raw, schema, &mut reader);
        if faults.len() == before {
            declared.extend(made);
        }
    }
    resolve(declared, schema, faults)
}

fn declare(raw: RawContract, schema: &mut Schema, reader: &mut Reader<'_>) -> Option<Declared> {
    if raw.owner.trim().is_empty() {
        reader.fault(
            "context-owner",
            raw.owner.span,
            "the contract has no owner".into(),
            "name the team that answers for this data",
        );
    }
    let from = from(&raw.from, reader)?;
    let keys: Vec<Key> = raw.keys.iter().filter_map(|key| read_key(key, reader)).collect();
    let keys = if raw.keys.is_empty() { default_keys(&from) } else { keys };
    if keys.is_empty() && !matches!(from, From::Calendar { .. }) {
        reader.fault(
            "context-key",
            raw.from.span,
            "nothing identifies a row".into(),
            "add `keys: [{kind: user, columns: [email]}]`",
        );
    }
    let mut agreements = Vec::new();
    let mut facts = Vec::new();
    for (name, fact) in &raw.facts {
        if let Some(made) = read_fact(name, fact, &from, reader) {
            agreements.extend(fact.agrees_with.clone().map(|other| (facts.len(), other)));
            facts.push(made);
        }
    }
    let subjects = raw.lookup.iter().map(|(name, fields)| declare_subject(name, fields, &facts, schema, reader)).collect();
    let contract = Contract {
        name: raw.context.value.clone(),
        title: raw.title,
        owner: raw.owner.value.clone(),
        path: reader.file.into(),
        as_of: raw.as_of.as_ref().map_or(Some(AsOf::File), |text| as_of(text, &from, reader))?,
        max_age: raw.max_age.as_ref().and_then(|text| span_of_time(text, reader)),
        valid: validity(raw.valid, &from),
        sanity: sanity(raw.sanity, reader),
        optional: raw.optional,
        from,
        keys,
        subjects,
        facts,
    };
    let lookups = raw.lookup.into_values().map(|fields| fields.value).collect();
    check_columns(&contract, raw.from.span, reader);
    let agrees = agreements.first().map(|(_, other)| other.span);
    lookup::check(&contract, raw.from.span, (agrees, raw.as_of.as_ref().map(|text| text.span)), reader);
    Some(Declared { contract, lookups, agreements })
}

fn from(raw: &Located<RawFrom>, reader: &mut Reader<'_>) -> Option<From> {
    let delimiter = match raw.delimiter.as_ref().map(|text| (text.as_bytes(), text.span)) {
        None => b',',
        Some(([byte], _)) => *byte,
        Some((b"\\t" | b"tab", _)) => b'\t',
        Some((_, span)) => {
            reader.fault("context-from", span, "a delimiter is one ASCII character".into(), "write `delimiter: \";\"`");
            b','
        }
    };
    let at = || raw.at.as_deref().map(keys_of).unwrap_or_default();
    let query = || match (&raw.query, &raw.table) {
        (Some(query), _) => Some(query.clone()),
        (None, Some(table)) => Some(format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""))),
        (None, None) => None,
    };
    let mut found = Vec::new();
    found.extend(raw.csv.clone().map(|path| From::Csv { path, delimiter }));
    found.extend(raw.json.clone().map(|path| From::Json { path, at: at() }));
    found.extend(raw.jsonl.clone().map(|path| From::JsonLines { path }));
    found.extend(raw.sqlite.clone().map(|path| From::Sqlite { path, query: query().unwrap_or_default() }));
    found.extend(raw.mmdb.clone().map(|path| From::Mmdb { path }));
    found.extend(raw.list.clone().map(|path| From::List { path }));
    found.extend(raw.warninglists.clone().map(|path| From::Warninglists { path }));
    found.extend(raw.stix.clone().map(|path| From::Stix { path }));
    found.extend(raw.calendar.clone().map(|path| From::Calendar { path }));
    found.extend(raw.connector.as_ref().and_then(|connector| lookup::read(raw, connector, reader)).map(From::Lookup));
    let several = found.len() != 1;
    let from = found.pop();
    if several {
        let help =
            "write one of csv, json, jsonl, sqlite, mmdb, list, warninglists, stix or calendar, with a path, or a connector";
        reader.fault("context-from", raw.span, "the contract must name exactly one kind of data".into(), help);
        return None;
    }
    let from = from?;
    if matches!(&from, From::Sqlite { query, .. } if query.is_empty()) {
        reader.fault("context-from", raw.span, "nothing says what to read from the database".into(), "add `table:` or `query:`");
    }
    if matches!(from, From::Lookup(_)) {
        return Some(from);
    }
    let outside = from.path().starts_with('/') || from.path().split(['/', '\\']).any(|part| part == "..");
    if outside || from.path().is_empty() {
        let message = format!("`{}` leaves the directory of context data", from.path());
        reader.fault("context-from", raw.span, message, "give a path inside that directory; a link may lead elsewhere");
    }
    Some(from)
}

fn keys_of(path: &str) -> Vec<String> {
    path.split('.').filter(|part| !part.is_empty()).map(String::from).collect()
}

/// What identifies a row where the kind of data says it.
fn default_keys(from: &From) -> Vec<Key> {
    use adjutant_model::EntityKind::{Address, Domain, File, Mailbox, Url};
    let key = |kind, column: &str| Key {
        kind: KeyKind::Entity(kind),
        columns: vec![column.into()],
        split: None,
        suffix: kind == Domain,
        ipv4_only: false,
    };
    let column = |kind| Key { columns: Vec::new(), ..key(kind, "") };
    match from {
        From::Mmdb { .. } => vec![column(Address)],
        From::Warninglists { .. } => vec![column(Address), column(Domain)],
        From::Stix { .. } => {
            vec![key(Address, "address"), key(Domain, "domain"), key(Url, "url"), key(File, "file"), key(Mailbox, "mailbox")]
        }
        From::Lookup(lookup) => vec![column(lookup.kind)],
        _ => Vec::new(),
    }
}

fn read_key(raw: &Located<RawKey>, reader: &mut Reader<'_>) -> Option<Key> {
    let Some(kind) = KeyKind::named(&raw.kind) else {
        let names: Vec<&str> = super::KINDS.iter().map(|kind| kind.name()).collect();
        let help = format!("write one of {}", names.join(", "));
        reader.fault("context-key", raw.kind.span, format!("`{}` is no kind of key", *raw.kind), &help);
        return None;
    };
    let split = raw.split.as_ref().and_then(|text| {
        let mut characters = text.chars();
        let one = characters.next().filter(|_| characters.next().is_none());
        if one.is_none() {
            reader.fault("context-key", text.span, "`split` is one character".into(), "");
        }
        one
    });
    Some(Key { kind, columns: raw.columns.clone(), split, suffix: raw.below, ipv4_only: raw.ipv4_only })
}

fn read_fact(name: &str, raw: &Located<RawFact>, from: &From, reader: &mut Reader<'_>) -> Option<Fact> {
    let ty = read_type(name, &raw.ty, reader)?;
    let known = |scalar: &Located<Scalar>, reader: &mut Reader<'_>| {
        let known = Known::read(&ty, &scalar.0);
        if known.is_none() {
            reader.fault("context-value", scalar.span, format!("`{}` is not a {}", scalar.0, ty.name()), "");
        }
        known
    };
    let reading = match (&raw.column, &raw.constant, &raw.lists, &raw.groups) {
        (Some(column), None, None, None) => Reading::Column(column.value.clone()),
        (None, Some(value), None, None) => Reading::Constant(known(value, reader)?),
        (None, None, Some(patterns), None) if matches!(from, From::Warninglists { .. }) => Reading::Lists(patterns.clone()),
        (None, None, None, Some(names)) if matches!(from, From::Lookup(_)) && ty == Type::Bool => Reading::Groups(names.clone()),
        (None, None, None, Some(_)) => {
            let message = "only yes or no of what a connector is asked is read in `groups`".into();
            reader.fault("context-fact", raw.span, message, "");
            return None;
        }
        (None, None, Some(_), None) => {
            reader.fault("context-fact", raw.span, "only warning lists have `lists`".into(), "");
            return None;
        }
        (None, None, None, None) => Reading::Column(name.into()),
        _ => {
            reader.fault(
                "context-fact",
                raw.span,
                format!("`{name}` is read in two ways"),
                "keep one of `column`, `value`, `lists` and `groups`",
            );
            return None;
        }
    };
    let absent = raw.absent.as_ref().and_then(|scalar| known(scalar, reader));
    let words = raw.words.iter().filter_map(|(word, scalar)| Some((word.clone(), known(scalar, reader)?))).collect();
    if raw.range.is_some_and(|(low, high)| ty != Type::Int || low > high) {
        reader.fault("context-fact", raw.span, "a range is [smallest, largest] of a whole number".into(), "");
    }
    Some(Fact { name: name.into(), ty, about: raw.about.clone(), reading, absent, words, range: raw.range, agrees_with: None })
}

/// Reads a type: a name, `a | b` (an enumeration) or `a < b` (an ordered one).
fn read_type(name: &str, text: &Located<String>, reader: &mut Reader<'_>) -> Option<Type> {
    for (separator, ordered) in [('<', true), ('|', false)] {
        if text.contains(separator) {
            let names: Vec<String> = text.split(separator).map(|word| word.trim().to_owned()).collect();
            if names.len() > 255 || names.iter().any(|word| word.is_empty() || word.contains(['<', '|'])) {
                reader.fault(
                    "context-type",
                    text.span,
                    "an enumeration is `a | b | c`, or `a < b < c` when it is ordered".into(),
                    "",
                );
                return None;
            }
            return Some(levels(name, &names, ordered));
        }
    }
    const TYPES: [(&str, Type); 8] = [
        ("bool", Type::Bool),
        ("int", Type::Int),
        ("time", Type::Time),
        ("duration", Type::Duration),
        ("place", Type::Geo),
        ("address", Type::Addr),
        ("text", Type::Text),
        ("texts", Type::Texts),
    ];
    let found = TYPES.into_iter().find(|(name, _)| *name == text.trim());
    if found.is_none() {
        let help = "write bool, int, time, duration, place, address, text, texts, `a | b` or `a < b`";
        reader.fault("context-type", text.span, format!("`{}` is no type of fact", **text), help);
    }
    found.map(|(_, ty)| ty)
}

fn declare_subject(
    name: &str,
    fields: &Located<Vec<Located<String>>>,
    facts: &[Fact],
    schema: &mut Schema,
    reader: &mut Reader<'_>,
) -> Subject {
    let mut slots = Vec::new();
    for fact in facts {
        let full = format!("{name}.{}", fact.name);
        let field = Field { name: full.clone(), ty: fact.ty.clone(), kind: Kind::Context, about: fact.about.clone() };
        match schema.add(field) {
            Ok(slot) => slots.push(slot),
            Err(known) => {
                let message = format!("`{full}` is declared as {} and this says {}", known.ty.name(), fact.ty.name());
                reader.fault("context-type", fields.span, message, "give the fact another name, or the same type");
            }
        }
    }
    Subject { name: name.into(), lookup: Vec::new(), slots }
}

fn as_of(text: &Located<String>, from: &From, reader: &mut Reader<'_>) -> Option<AsOf> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let has_values = matches!(from, From::Json { .. } | From::Mmdb { .. });
    match (word, rest.trim()) {
        ("file", "") => Some(AsOf::File),
        ("column", column) if !column.is_empty() => Some(AsOf::Column(column.into())),
        ("value", path) if !path.is_empty() && has_values => Some(AsOf::Value(keys_of(path))),
        _ => match time(text) {
            Some(instant) => Some(AsOf::Given(instant)),
            None => {
                let help = "write `file`, `column NAME`, `value PATH` (JSON and MMDB) or an instant such as 2026-03-01";
                reader.fault("context-as-of", text.span, format!("`{}` does not say when the data was true", **text), help);
                None
            }
        },
    }
}

fn span_of_time(text: &Located<String>, reader: &mut Reader<'_>) -> Option<adjutant_model::Duration> {
    let found = duration(text);
    if found.is_none() {
        reader.fault("context-max-age", text.span, format!("`{}` is no span of time", **text), "write `12h`, `7d` or `1d12h`");
    }
    found
}

fn validity(raw: RawValid, from: &From) -> Validity {
    match from {
        From::Stix { .. } => Validity { from: Some("valid_from".into()), until: Some("valid_until".into()) },
        _ => Validity { from: raw.from, until: raw.until },
    }
}

fn sanity(raw: RawSanity, reader: &mut Reader<'_>) -> Sanity {
    let default = Sanity::default();
    let mut read = |text: &Option<Located<String>>| {
        let text = text.as_ref()?;
        let found = share(text);
        if found.is_none() {
            reader.fault("context-sanity", text.span, format!("`{}` is no share", **text), "write `5%` or `0.5%`");
        }
        found
    };
    Sanity {
        min_rows: raw.min_rows.unwrap_or(default.min_rows),
        max_change: read(&raw.max_change),
        bad_rows_max: read(&raw.bad_rows).unwrap_or(default.bad_rows_max),
        disagree_max: read(&raw.disagree).unwrap_or(default.disagree_max),
        required: raw.required,
    }
}

/// Finds columns that this kind of data does not have.
fn check_columns(contract: &Contract, span: Span, reader: &mut Reader<'_>) {
    let Some(known) = contract.from.columns() else { return };
    for column in contract.columns() {
        if !known.contains(&column) {
            let help = nearest(column, known.iter().copied())
                .map_or_else(|| format!("it has {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            reader.fault("context-column", span, format!("such data has no column `{column}`"), &help);
        }
    }
}

/// Resolves what contracts look up and agree with, and orders them so that each comes after those whose facts it looks up by.
fn resolve(mut declared: Vec<Declared>, schema: &Schema, faults: &mut Vec<Diagnostic>) -> Vec<Contract> {
    for one in &mut declared {
        let path = one.contract.path.clone();
        let mut reader = Reader { file: &path, faults };
        let keys: Vec<KeyKind> = one.contract.keys.iter().map(|key| key.kind).collect();
        let kinds: Vec<KeyKind> = if keys.is_empty() { vec![KeyKind::Word] } else { keys };
        for (subject, fields) in one.contract.subjects.iter_mut().zip(&one.lookups) {
            subject.lookup = fields.iter().flat_map(|field| steps(field, &kinds, schema, &mut reader)).collect();
        }
    }
    agree(&mut declared, faults);
    order::order(declared, schema, faults)
}

/// How the field called `name` looks up a table whose keys are of `kinds`.
fn steps(name: &Located<String>, kinds: &[KeyKind], schema: &Schema, reader: &mut Reader<'_>) -> Vec<(Slot, KeyKind)> {
    use adjutant_model::EntityKind::{Address, Domain, Host, Mailbox, Url};
    let Some((slot, field)) = schema.slot(name).and_then(|slot| Some((slot, schema.field(slot)?))) else {
        let near = nearest(name, schema.fields().map(|(_, field)| field.name.as_str()));
        let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        reader.fault("context-lookup", name.span, format!("no field is called `{}`", **name), &help);
        return Vec::new();
    };
    if !matches!(field.ty, Type::Text | Type::Texts | Type::Addr) {
        let message = format!("`{}` is a {}, and only text and addresses look up a table", **name, field.ty.name());
        reader.fault("context-lookup", name.span, message, "");
        return Vec::new();
    }
    let natural = KeyKind::of_field(name);
    let holds_domain = [Url, Mailbox, Host].map(KeyKind::Entity).contains(&natural);
    let wanted = [Some(natural), holds_domain.then_some(KeyKind::Entity(Domain))];
    let mut found: Vec<KeyKind> = wanted.into_iter().flatten().filter(|kind| kinds.contains(kind)).collect();
    let texts: Vec<KeyKind> = kinds.iter().filter(|kind| **kind != KeyKind::Entity(Address)).copied().collect();
    if found.is_empty() {
        let holds_address = field.ty == Type::Addr || natural == KeyKind::Entity(Host);
        let address = holds_address && kinds.contains(&KeyKind::Entity(Address));
        found = if address { vec![KeyKind::Entity(Address)] } else { texts.into_iter().take(1).collect() };
    }
    if found.is_empty() || (field.ty == Type::Addr && !kinds.iter().any(|kind| matches!(kind, KeyKind::Entity(Address | Host)))) {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let message = format!("`{}` cannot be looked up among keys of kind {}", **name, kinds.join(", "));
        reader.fault("context-lookup", name.span, message, "");
    }
    found.into_iter().map(|kind| (slot, kind)).collect()
}

fn agree(declared: &mut [Declared], faults: &mut Vec<Diagnostic>) {
    let names: Vec<(String, Vec<(String, Type)>)> = declared
        .iter()
        .map(|one| {
            (one.contract.name.clone(), one.contract.facts.iter().map(|fact| (fact.name.clone(), fact.ty.clone())).collect())
        })
        .collect();
    for one in declared {
        for (index, other) in std::mem::take(&mut one.agreements) {
            let ty = one.contract.facts.get(index).map(|fact| fact.ty.clone());
            let found = other.rsplit_once('.').and_then(|(contract, fact)| {
                let place = names.iter().position(|(name, _)| name == contract)?;
                let facts = names.get(place).map(|(_, facts)| facts)?;
                Some((place, facts.iter().position(|(name, known)| name == fact && Some(known) == ty.as_ref())?))
            });
            if found.is_none() {
                let message = format!("no contract has a fact `{}` of this type", *other);
                let help = "write `CONTRACT.FACT`, such as `hr.active`";
                faults.push(Diagnostic::error("context-agree", &one.contract.path, other.span, message).with_help(help));
            }
            if let Some(fact) = one.contract.facts.get_mut(index) {
                fact.agrees_with = found;
            }
        }
    }
}
