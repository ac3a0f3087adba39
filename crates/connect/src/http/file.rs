//! The file of a connector as it is written. [`super::definition`] is what it becomes.

use super::json::{Conditions, Path, RawWanted, Texts};
use super::template::Quotes;
use adjutant_rules::diagnostic::Located;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Fields of a state, each with the values that it may have.
pub(super) type RawStates = BTreeMap<String, Located<RawWanted>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnector {
    pub(super) connector: Located<String>,
    pub(super) title: String,
    pub(super) docs: Located<String>,
    pub(super) example: Located<String>,
    pub(super) permissions: Located<Vec<String>>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Located<String>>,
    pub(super) auth: Located<RawAuth>,
    pub(super) per_minute: Located<u32>,
    pub(super) key_header: Option<Located<String>>,
    pub(super) error_text: Option<Path>,
    /// What the body of every answer must say that is a success, beside its status.
    #[serde(default)]
    pub(super) success: Conditions,
    #[serde(default)]
    pub(super) errors: Vec<Located<RawError>>,
    pub(super) health: RawHealth,
    #[serde(default)]
    pub(super) lookup: BTreeMap<String, Located<RawLookup>>,
    #[serde(default)]
    pub(super) verbs: BTreeMap<String, Located<RawVerb>>,
    pub(super) poll: Option<Located<RawPoll>>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, Located<RawList>>,
}

/// The ways in which the vendor lets us in; the settings choose one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawAuth {
    #[serde(default)]
    pub(super) bearer: bool,
    #[serde(default)]
    pub(super) basic: bool,
    pub(super) header: Option<RawHeaderAuth>,
    #[serde(default)]
    pub(super) client_credentials: bool,
    #[serde(default)]
    pub(super) token_exchange: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHeaderAuth {
    pub(super) name: Located<String>,
    #[serde(default)]
    pub(super) prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawError {
    pub(super) status: Located<Texts>,
    #[serde(default)]
    pub(super) body: Conditions,
    pub(super) is: RawClass,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawClass {
    Retry,
    Permanent,
    Unclear,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequest {
    pub(super) get: Option<Located<String>>,
    pub(super) post: Option<Located<String>>,
    pub(super) put: Option<Located<String>>,
    pub(super) patch: Option<Located<String>>,
    pub(super) delete: Option<Located<String>>,
    #[serde(default)]
    pub(super) query: BTreeMap<String, Located<String>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Located<String>>,
    pub(super) body: Option<Located<serde_json::Value>>,
    #[serde(default)]
    pub(super) quotes: Quotes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealth {
    pub(super) request: Located<RawRequest>,
    pub(super) says: Option<Path>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLookup {
    pub(super) request: Located<RawRequest>,
    /// Where the list of what was found is …
    pub(super) records: Option<Path>,
    /// … or the one record.
    pub(super) record: Option<Path>,
    /// What an answer says that found nobody.
    #[serde(default)]
    pub(super) none: Conditions,
    pub(super) next: Option<Located<RawNext>>,
    pub(super) pages: Option<Located<u32>>,
    /// Asked when the list has nobody of the name: its answer is one record, or 404.
    pub(super) one: Option<Located<RawRequest>>,
    pub(super) id: Path,
    pub(super) name: Path,
    #[serde(default)]
    pub(super) aliases: Vec<Path>,
    #[serde(rename = "match")]
    pub(super) matched: Located<Vec<Path>>,
    #[serde(default)]
    pub(super) facts: BTreeMap<String, Path>,
    pub(super) groups: Option<Located<RawGroups>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroups {
    pub(super) request: Located<RawRequest>,
    pub(super) records: Path,
    pub(super) next: Option<Located<RawNext>>,
    pub(super) pages: Option<Located<u32>>,
    pub(super) names: Vec<Path>,
}

/// Where the next page is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNext {
    /// In a `Link` header, `rel="next"`.
    #[serde(default)]
    pub(super) link: bool,
    /// A URL in the body.
    pub(super) url: Option<Path>,
    /// A value in the body …
    pub(super) cursor: Option<Path>,
    /// … for this parameter of the query.
    pub(super) parameter: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerb {
    pub(super) kind: Located<String>,
    #[serde(default)]
    pub(super) with: BTreeMap<String, Located<String>>,
    /// Names of what people are told.
    #[serde(default)]
    pub(super) texts: Vec<Located<String>>,
    pub(super) find: Option<Located<RawFind>>,
    pub(super) probe: Option<Located<RawProbe>>,
    pub(super) done: Option<RawStates>,
    pub(super) repeat: Option<Located<String>>,
    pub(super) act: Located<RawAct>,
    pub(super) undo: Option<Vec<Located<RawUndo>>>,
    pub(super) irreversible: Option<Located<String>>,
    #[serde(default)]
    pub(super) errors: Vec<Located<RawError>>,
}

/// What at the vendor belongs to the target, such as the ticket of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFind {
    pub(super) request: Located<RawRequest>,
    /// Where the list of what was found is; the whole answer is the one record when there is none.
    pub(super) records: Option<Path>,
    pub(super) id: Path,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProbe {
    pub(super) request: Option<Located<RawRequest>>,
    /// The state is what `find` found, under this name.
    pub(super) found: Option<Located<String>>,
    pub(super) id: Option<Path>,
    #[serde(default)]
    pub(super) state: BTreeMap<String, Path>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAct {
    #[serde(default)]
    pub(super) from: RawStates,
    pub(super) request: Located<RawRequest>,
    #[serde(default)]
    pub(super) success: RawSuccess,
    /// Where the answer names what was made, which `find` finds later.
    pub(super) made: Option<Path>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUndo {
    #[serde(default)]
    pub(super) from: RawStates,
    #[serde(default)]
    pub(super) to: RawStates,
    pub(super) request: Located<RawRequest>,
    #[serde(default)]
    pub(super) success: RawSuccess,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuccess {
    #[serde(default)]
    pub(super) status: Vec<u16>,
    #[serde(default)]
    pub(super) body: Conditions,
}

/// How records are fetched again and again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPoll {
    /// Of which source of the book the records are …
    pub(super) source: Option<Located<String>>,
    /// … or how they say which cases people closed.
    pub(super) verdict: Option<Located<RawVerdict>>,
    pub(super) request: Located<RawRequest>,
    pub(super) records: Path,
    pub(super) next: Option<Located<RawNext>>,
    pub(super) pages: Option<Located<u32>>,
    /// The time that the vendor sorts by, in a record.
    pub(super) cursor: Path,
    /// How far each look goes back before what was taken already.
    pub(super) overlap_seconds: Located<u32>,
}

/// A record that says that somebody closed what belongs to a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerdict {
    /// The case; in a list, the one text that is the identifier of a case.
    pub(super) case: Path,
    /// What stands before it there.
    #[serde(default)]
    pub(super) case_after: String,
    /// Where a record keeps what happened to it: who closed it, and when, stand in the last that closed it.
    pub(super) last: Option<RawLast>,
    /// Who closed it.
    pub(super) by: Path,
    /// What was closed.
    pub(super) id: Path,
    /// The setting that holds our own account there: what it closes is no verdict.
    pub(super) own: Located<String>,
}

/// The last of what happened to a record that is of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLast {
    /// The list.
    pub(super) of: Path,
    /// What says of which kind one is, …
    #[serde(rename = "where")]
    pub(super) place: Path,
    /// … and must be, or have, this.
    pub(super) is: String,
    /// When it happened.
    pub(super) at: Path,
}

/// Everything of a kind, for tables of context.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawList {
    pub(super) request: Located<RawRequest>,
    pub(super) records: Path,
    pub(super) next: Option<Located<RawNext>>,
    pub(super) columns: BTreeMap<String, RawColumn>,
}

/// Where a cell stands in a record.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawColumn {
    /// There, as it is.
    Path(Path),
    /// Whether what stands there is one of these.
    Is(RawIs),
}

/// `{ path: status, is: [ACTIVE] }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIs {
    pub(super) path: Path,
    pub(super) is: Texts,
}
