//! A connector's file, checked: what is asked of a vendor, and how its answers are read.

use super::json::{Conditions, Path, Texts};
use super::template::{Quotes, Template};
use adjutant_hand::connector::Offer;
use adjutant_model::{Duration, EntityKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// A connector's file that was found in order.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// What people call the vendor.
    pub title: String,
    /// What must be granted to the credential.
    pub permissions: Vec<String>,
    /// The names of its settings beside the base URL, each with what it is.
    pub settings: BTreeMap<String, String>,
    /// How the vendor lets us in.
    pub doors: Doors,
    pub(super) per_minute: u32,
    pub(super) key_header: Option<String>,
    pub(super) error_text: Option<Path>,
    pub(super) success: Conditions,
    pub(super) errors: Vec<ErrorClass>,
    pub(super) health: Request,
    pub(super) health_says: Option<Path>,
    pub(super) lookups: Vec<(EntityKind, Lookup)>,
    pub(super) verbs: Vec<Verb>,
    pub(super) offers: Vec<Offer>,
    pub(super) poll: Option<Poll>,
    pub(super) lists: Vec<List>,
}

impl Definition {
    /// What it can do.
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Why a verb that nothing takes back may be offered all the same: the verb and the reason.
    pub fn waivers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.verbs.iter().filter_map(|verb| match &verb.undo {
            Undo::Irreversible(reason) => Some((verb.name, reason.as_str())),
            Undo::Steps(_) => None,
        })
    }
}

/// The ways in which a vendor lets us in.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// `Authorization: Bearer TOKEN`.
    pub bearer: bool,
    /// `Authorization: Basic …`.
    pub basic: bool,
    /// A header of the vendor's own: its name, and what stands before the secret.
    pub header: Option<(String, String)>,
    /// OAuth 2.0 client credentials.
    pub client_credentials: bool,
    /// OAuth 2.0 token exchange (RFC 8693).
    pub token_exchange: bool,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Template,
    pub(super) query: Vec<(String, Template)>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Option<Value>,
    pub(super) quotes: Quotes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// What is fetched again and again.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    pub(super) source: String,
    pub(super) verdict: Option<Verdict>,
    pub(super) list: Pages,
    pub(super) cursor: Path,
    pub(super) overlap: Duration,
}

/// Everything of a kind.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) pages: Pages,
    pub(super) columns: Vec<(String, Cell)>,
}

/// Where a cell stands in a record.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// There, as it is.
    Text(Path),
    /// Whether what stands there is one of these.
    Is(Path, Texts),
}

/// How a record says that somebody closed what belongs to a case.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) case: Path,
    pub(super) case_after: String,
    pub(super) last: Option<Last>,
    pub(super) by: Path,
    pub(super) id: Path,
    pub(super) own: String,
}

/// The last of what happened to a record that is of one kind.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) of: Path,
    pub(super) place: Path,
    pub(super) is: String,
    pub(super) at: Path,
}

/// Where the next page is.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// There is none.
    None,
    /// In the `Link` header.
    Link,
    /// A URL in the body.
    Url(Path),
    /// A value in the body for this parameter.
    Cursor(Path, String),
}

/// A list over several pages.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    pub(super) request: Request,
    pub(super) records: Records,
    /// What an answer says that found nobody; nothing, when it says so by an empty list.
    pub(super) none: Conditions,
    pub(super) next: Next,
    pub(super) pages_max: u32,
}

/// What was found, in an answer.
#[derive(Clone, Debug)]
pub(super) enum Records {
    /// A list of records.
    List(Path),
    /// One record.
    One(Path),
}

#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) list: Pages,
    /// Asked when the list has nobody of the name: its answer is one record, or 404.
    pub(super) one: Option<Request>,
    pub(super) id: Path,
    pub(super) name: Path,
    pub(super) aliases: Vec<Path>,
    pub(super) matched: Vec<Path>,
    pub(super) facts: BTreeMap<String, Path>,
    pub(super) groups: Option<(Pages, Vec<Path>)>,
}

/// What fields of a state must be.
pub(super) type States = BTreeMap<String, Wanted>;

/// What a field of a state must be.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One of these; nothing, when there are none.
    OneOf(Vec<Template>),
    /// A list that has this.
    Has(Template),
    /// Anything but nothing.
    Some,
}

/// What at the vendor belongs to the target.
#[derive(Clone, Debug)]
pub(super) struct Find {
    pub(super) request: Request,
    pub(super) records: Records,
    pub(super) id: Path,
}

/// What reads a state.
#[derive(Clone, Debug)]
pub(super) enum Probe {
    /// A request.
    Ask(Request),
    /// What was found is the state, under this name.
    Found(String),
}

#[derive(Clone, Debug)]
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) find: Option<Find>,
    pub(super) probe: Probe,
    pub(super) texts: Vec<&'static str>,
    pub(super) id: Option<Path>,
    pub(super) state: BTreeMap<String, Path>,
    /// None: no state shows that it was done.
    pub(super) done: Option<States>,
    /// From other states it cannot be done.
    pub(super) from: States,
    pub(super) act: Change,
    pub(super) undo: Undo,
    pub(super) errors: Vec<ErrorClass>,
}

/// A request that changes something, and what says that it did.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) request: Request,
    pub(super) status: Vec<u16>,
    pub(super) body: Conditions,
    pub(super) made: Option<Path>,
}

#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// The first whose states fit is sent.
    Steps(Vec<Step>),
    /// Nothing takes it back, because …
    Irreversible(String),
}

/// One way back.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// How it is now.
    pub(super) from: States,
    /// How it was before.
    pub(super) to: States,
    pub(super) change: Change,
}

/// What an answer that is no success means.
#[derive(Clone, Debug)]
pub(super) struct ErrorClass {
    pub(super) status: Vec<Statuses>,
    pub(super) body: Conditions,
    pub(super) class: Class,
}

/// One status, or all of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statuses {
    One(u16),
    Hundred(u16),
}

impl Statuses {
    /// Reads `403` or `5xx`; also a success, where the body says that it is none.
    pub(super) fn read(text: &str) -> Option<Statuses> {
        let hundred = text.strip_suffix("xx").and_then(|digit| digit.parse().ok()).filter(|digit| (2..=5).contains(digit));
        let one = || text.parse().ok().filter(|status| (200..=599).contains(status));
        hundred.map(Statuses::Hundred).or_else(|| one().map(Statuses::One))
    }

    pub(super) const fn has(self, status: u16) -> bool {
        match self {
            Statuses::One(one) => one == status,
            Statuses::Hundred(digit) => status / 100 == digit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Retry,
    Permanent,
    Unclear,
}
