//! Context contracts: what a table of the organisation promises, so that its facts may be believed.
//!
//! A contract says who owns the table, where it comes from, which alert fields look it up, which facts it
//! provides and what must hold: freshness, size, change, agreement with a second source. Data that breaks the
//! contract makes its facts *unknown*; it never makes them false, and it never stops triage.
//!
//! This module holds the types. [`load`](crate::contract::load) reads them from YAML and declares their facts.

pub mod known;
pub mod load;

use adjutant_model::schema::Levels;
use adjutant_model::{Duration, EntityKind, Outcome, Slot, Time, Type};
use known::Known;
use std::sync::Arc;

/// More contracts than this in one book are a fault; the number of a contract fits a bit of a `u64`.
pub const CONTRACTS_MAX: usize = 64;

/// One context contract.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Its name, which explanations show as the origin of a fact.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Who answers for the data: a team or an address.
    pub owner: String,
    /// Where in the book it is written.
    pub path: String,
    /// Where the data comes from.
    pub from: From,
    /// Whether the data may be absent: its facts are then unknown for want of a source, and nothing is broken.
    pub optional: bool,
    /// What identifies a row. Any of these finds it.
    pub keys: Vec<Key>,
    /// Whom the facts are about, each found by its own fields of the alert.
    pub subjects: Vec<Subject>,
    /// What the table tells about a subject.
    pub facts: Vec<Fact>,
    /// When the data was true.
    pub as_of: AsOf,
    /// How old the data may be; none: it does not age.
    pub max_age: Option<Duration>,
    /// Between which instants a row counts: the columns that say so.
    pub valid: Validity,
    /// What must hold for the data to be believed at all.
    pub sanity: Sanity,
}

/// Where a table comes from. Paths are relative to the directory of context data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Comma-separated values with a header line (RFC 4180).
    Csv {
        /// The file.
        path: String,
        /// What separates two cells.
        delimiter: u8,
    },
    /// A JSON array of objects, or an object of objects.
    Json {
        /// The file.
        path: String,
        /// The keys that lead to the array; empty: the whole document.
        at: Vec<String>,
    },
    /// One JSON object a line.
    JsonLines {
        /// The file.
        path: String,
    },
    /// A query on an SQLite database, opened for reading only.
    Sqlite {
        /// The file.
        path: String,
        /// What to ask; `SELECT * FROM "table"` when the contract names a table.
        query: String,
    },
    /// A MaxMind DB, looked up by address.
    Mmdb {
        /// The file.
        path: String,
    },
    /// One entry a line; `#` begins a comment. The only column is `entry`; after white space `note`.
    List {
        /// The file.
        path: String,
    },
    /// A directory of MISP warning lists. The columns are `lists` and `count`.
    Warninglists {
        /// The directory.
        path: String,
    },
    /// A STIX 2.1 bundle; its indicators are the rows.
    Stix {
        /// The file.
        path: String,
    },
    /// Working hours, holidays and change freezes; see [`calendar_columns`].
    Calendar {
        /// The file.
        path: String,
    },
    /// No table: a connector of the hand is asked about one subject at a time.
    Lookup(Lookup),
}

/// Who is asked about single subjects, when, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The connector's name in the hand's settings.
    pub connector: String,
    /// What kind of thing it is asked about.
    pub kind: EntityKind,
    /// Of a decision that goes to a person, the least outcome for which it is asked.
    pub outcome: Outcome,
    /// Questions put in an hour.
    pub per_hour: u32,
    /// Questions that wait for an answer.
    pub waiting_max: u32,
}

/// What a connector says of whatever it knows; beside it are the facts that it knows by their own names.
pub const LOOKUP_COLUMNS: [&str; 4] = ["id", "name", "aliases", "groups"];

/// What a key is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An entity, by its canonical form.
    Entity(EntityKind),
    /// Any other word, by its lower-case form: a business unit, a project.
    Word,
}

/// Columns whose cells identify a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What the cells are compared as.
    pub kind: KeyKind,
    /// The columns, each of which identifies the row.
    pub columns: Vec<String>,
    /// What separates several keys in one cell.
    pub split: Option<char>,
    /// For domains: whether `a.b.example` is found under `b.example`.
    pub suffix: bool,
    /// For addresses: whether the table knows IPv4 only, so that it says nothing about IPv6.
    pub ipv4_only: bool,
}

/// Whom the facts are about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The first part of the facts' names, such as `user` or `src`.
    pub name: String,
    /// Which fields find the row, in order, and as what each is compared.
    pub lookup: Vec<(Slot, KeyKind)>,
    /// The slots of the contract's facts, in the order of [`Contract::facts`].
    pub slots: Vec<Slot>,
}

/// One fact that a table provides.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The last part of its name: `privileged` of `user.privileged`.
    pub name: String,
    /// What it holds.
    pub ty: Type,
    /// One sentence for people.
    pub about: String,
    /// Where in a row it is read.
    pub reading: Reading,
    /// What it is when the table does not know the subject; none: unknown.
    pub absent: Option<Known>,
    /// The data's own words for values: `P1` for `critical`.
    pub words: Vec<(String, Known)>,
    /// The smallest and the largest number that can be right.
    pub range: Option<(i64, i64)>,
    /// The contract and the fact of it that must say the same.
    pub agrees_with: Option<(usize, usize)>,
}

/// Where in a row a fact is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// In this column (a dotted path, where rows are nested).
    Column(String),
    /// Nowhere: every row says this.
    Constant(Known),
    /// In the names of the lists that hold the subject: true when one matches one of these patterns (`*` is any text),
    /// else what it is when the table does not know the subject.
    Lists(Vec<String>),
    /// In the names of the groups that the subject is in: true when one of them is one of these, without case (`*` is any text).
    Groups(Vec<String>),
}

/// When a table's data was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// When the file was last written.
    File,
    /// In each row, in this column.
    Column(String),
    /// At these keys of the JSON document, or in the metadata of the database (`build_epoch`).
    Value(Vec<String>),
    /// At this instant, which the contract gives.
    Given(Time),
}

/// The columns that say when a row begins and ends to count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// The column with the first instant.
    pub from: Option<String>,
    /// The column with the last instant.
    pub until: Option<String>,
}

/// What must hold for a table to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanity {
    /// Fewer rows are a breach.
    pub min_rows: u64,
    /// A larger change of the number of rows since the last load, in thousandths, is a breach.
    pub max_change: Option<u32>,
    /// A larger share of bad rows, in thousandths, is a breach.
    pub bad_rows_max: u32,
    /// A larger share of rows that disagree with the second source, in thousandths, is a breach.
    pub disagree_max: u32,
    /// Columns that must not be empty; a row where one is, is bad.
    pub required: Vec<String>,
}

impl Default for Sanity {
    fn default() -> Self {
        Self { min_rows: 1, max_change: None, bad_rows_max: 10, disagree_max: 50, required: Vec::new() }
    }
}

impl From {
    /// The file or directory, relative to the directory of context data; the connector that is asked instead of a table.
    pub fn path(&self) -> &str {
        match self {
            From::Csv { path, .. }
            | From::Json { path, .. }
            | From::JsonLines { path }
            | From::Sqlite { path, .. }
            | From::Mmdb { path }
            | From::List { path }
            | From::Warninglists { path }
            | From::Stix { path }
            | From::Calendar { path } => path,
            From::Lookup(lookup) => &lookup.connector,
        }
    }

    /// The columns that such a source always has; none when the data decides.
    pub fn columns(&self) -> Option<&'static [&'static str]> {
        match self {
            From::Csv { .. } | From::Json { .. } | From::JsonLines { .. } | From::Sqlite { .. } | From::Mmdb { .. } => None,
            From::Lookup(_) => None,
            From::List { .. } => Some(&["entry", "note"]),
            From::Warninglists { .. } => Some(&["lists", "count"]),
            From::Stix { .. } => Some(&STIX_COLUMNS),
            From::Calendar { .. } => Some(calendar_columns()),
        }
    }
}

/// The columns of a STIX bundle: one indicator is one row.
pub const STIX_COLUMNS: [&str; 11] =
    ["address", "domain", "url", "file", "mailbox", "name", "labels", "confidence", "valid_from", "valid_until", "modified"];

/// What a calendar tells about an instant and a unit.
pub const fn calendar_columns() -> &'static [&'static str] {
    &["working_hours", "holiday", "freeze", "event"]
}

impl Contract {
    /// Who is asked about single subjects; none where a table says it.
    pub fn lookup(&self) -> Option<&Lookup> {
        match &self.from {
            From::Lookup(lookup) => Some(lookup),
            _ => None,
        }
    }

    /// The columns that rows must have, each once, in a fixed order.
    pub fn columns(&self) -> Vec<&str> {
        let keys = self.keys.iter().flat_map(|key| key.columns.iter().map(String::as_str));
        let facts = self.facts.iter().filter_map(|fact| match &fact.reading {
            Reading::Column(column) => Some(column.as_str()),
            Reading::Groups(_) => Some("groups"),
            Reading::Constant(_) | Reading::Lists(_) => None,
        });
        let as_of = match &self.as_of {
            AsOf::Column(column) => Some(column.as_str()),
            AsOf::File | AsOf::Value(_) | AsOf::Given(_) => None,
        };
        let named = self.valid.from.iter().chain(&self.valid.until).chain(&self.sanity.required).map(String::as_str);
        let mut columns: Vec<&str> = Vec::new();
        for column in keys.chain(facts).chain(as_of).chain(named) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }
}

impl Fact {
    /// The fact's value that the data writes as `text`; none when it cannot be read.
    pub fn read(&self, text: &str) -> Option<Known> {
        let word = self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
        let known = match word {
            Some((_, known)) => known.clone(),
            None => Known::read(&self.ty, text)?,
        };
        match (&known, self.range) {
            (Known::Int(number), Some((low, high))) if !(low..=high).contains(number) => None,
            _ => Some(known),
        }
    }

    /// What the fact may be, for the end of "`x` is not …".
    pub fn expected(&self) -> String {
        match (&self.ty, self.range) {
            (Type::Level(levels), _) => format!("one of {}", levels.names.join(", ")),
            (Type::Int, Some((low, high))) => format!("a whole number from {low} to {high}"),
            (Type::Bool, _) => "yes or no".into(),
            (ty, _) => format!("a {}", ty.name()),
        }
    }
}

impl KeyKind {
    /// Writes the canonical form of `text` to `out`; returns false when `text` names nobody.
    pub fn canonical(self, text: &str, out: &mut String) -> bool {
        match self {
            KeyKind::Entity(EntityKind::Domain) => !known::says_nothing(text) && EntityKind::Domain.canonical(host_of(text), out),
            KeyKind::Entity(kind) => kind.canonical(text, out),
            KeyKind::Word => EntityKind::Device.canonical(text, out),
        }
    }

    /// The kind's name in contracts and messages.
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::Entity(kind) => kind.name(),
            KeyKind::Word => "word",
        }
    }

    /// The kind called `name`.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|kind| kind.name() == name).copied()
    }

    /// What the field called `name` naturally is.
    pub fn of_field(name: &str) -> Self {
        use EntityKind::{Address, Device, Domain, File, Host, Mailbox, Message, Resource, Url, User};
        KeyKind::Entity(match name {
            "src.ip" | "dst.ip" | "host.ip" | "previous.ip" => Address,
            "host.name" | "host.id" | "src.host" | "dst.host" => Host,
            "user.name" | "user.id" | "user.email" | "target.name" | "target.id" | "target.email" => User,
            "file.sha256" | "file.sha1" | "file.md5" => File,
            "url.full" => Url,
            "domain.name" => Domain,
            "mail.from" | "mail.to" => Mailbox,
            "mail.message_id" => Message,
            "device.id" | "device.name" => Device,
            "cloud.resource" | "cloud.account" | "cloud.access_key" => Resource,
            _ => return KeyKind::Word,
        })
    }
}

/// Every kind of key.
pub const KINDS: [KeyKind; 11] = [
    KeyKind::Entity(EntityKind::User),
    KeyKind::Entity(EntityKind::Host),
    KeyKind::Entity(EntityKind::Address),
    KeyKind::Entity(EntityKind::Domain),
    KeyKind::Entity(EntityKind::Url),
    KeyKind::Entity(EntityKind::File),
    KeyKind::Entity(EntityKind::Mailbox),
    KeyKind::Entity(EntityKind::Message),
    KeyKind::Entity(EntityKind::Resource),
    KeyKind::Entity(EntityKind::Device),
    KeyKind::Word,
];

/// The domain that a URL, a mail address or a name with port is about.
fn host_of(text: &str) -> &str {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or(text);
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host).trim_end_matches('>');
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    }
}

/// The levels `names`, under the name that messages use.
pub fn levels(name: &str, names: &[String], ordered: bool) -> Type {
    Type::Level(Arc::new(Levels { name: name.into(), names: names.to_vec(), ordered }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_found_in_whatever_holds_one() {
        let domain = |text: &str| {
            let mut out = String::new();
            KeyKind::Entity(EntityKind::Domain).canonical(text, &mut out).then_some(out)
        };
        for text in [
            "https://u:p@Evil.Example:8443/a@b?c#d",
            "ana@EVIL.example",
            "evil.example.",
            "evil.example:53",
            "Ana <a@evil.example>",
        ] {
            assert_eq!(domain(text).as_deref(), Some("evil.example"), "{text}");
        }
        assert_eq!(domain("n/a"), None);
    }

    #[test]
    fn kinds_have_names() {
        for kind in KINDS {
            assert_eq!(KeyKind::named(kind.name()), Some(kind));
        }
        assert_eq!(KeyKind::named("computer"), None);
    }
}
