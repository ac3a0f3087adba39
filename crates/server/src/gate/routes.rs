//! The table of routes: every route says what it needs, or it does not compile.

use super::doors::Doors;
use super::guarded::Guarded;
use super::{Gate, Permission, Role};
use crate::filter::Field;
use crate::limits::BODY_BYTES_MAX;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::fmt::Write as _;
use std::sync::Arc;

/// Marks a route that anybody may use: health, the API description, login.
#[derive(Clone, Copy, Debug)]
pub struct Open;

/// Marks an intake route whose requests are signed (Standard Webhooks); its path ends in the source.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

/// What a route needs. There is no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// A token with this permission.
    Needs(Permission),
    /// A signature of the source that the path names.
    Signed,
}

impl From<Open> for Access {
    fn from(_: Open) -> Self {
        Access::Open
    }
}

impl From<Signed> for Access {
    fn from(_: Signed) -> Self {
        Access::Signed
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Access::Needs(permission)
    }
}

/// A method that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads.
    Get,
    /// Adds.
    Post,
    /// Sets.
    Put,
    /// Removes.
    Delete,
}

impl Verb {
    /// Its name in an API description, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Put => "put",
            Verb::Delete => "delete",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// Makes the schema of a body.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route: method, path, what it needs, and what it takes and answers.
///
/// ```
/// use adjutant_server::gate::{Endpoint, Open, Permission};
/// let cases = Endpoint::get("/v1/cases/{id}", Permission::ReadCases);
/// let health = Endpoint::get("/healthz", Open);
/// ```
///
/// Without what it needs it does not compile:
///
/// ```compile_fail,E0061
/// use adjutant_server::gate::Endpoint;
/// let cases = Endpoint::get("/v1/cases/{id}");
/// ```
///
/// and there is no other way to a route, for the table does not give its router away:
///
/// ```compile_fail,E0616
/// fn add(routes: adjutant_server::gate::Routes<()>) {
///     let _ = routes.router.route("/v1/all", axum::routing::get(|| async {}));
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The method.
    pub verb: Verb,
    /// The path, with `{name}` for a part that varies.
    pub path: &'static str,
    /// What it needs.
    pub access: Access,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// What the body must be.
    pub takes: Option<SchemaOf>,
    /// The media type of a body that is no JSON.
    pub body_type: Option<&'static str>,
    /// What the answer is.
    pub answers: Option<SchemaOf>,
    /// What a query may filter by.
    pub filters: &'static [Field],
    /// Whether the answer is a page of a listing.
    pub paged: bool,
    /// The media type of the answer.
    pub answer_type: &'static str,
    /// How large the body may be.
    pub body_bytes_max: usize,
}

impl Endpoint {
    fn new(verb: Verb, path: &'static str, access: Access) -> Self {
        Self {
            verb,
            path,
            access,
            summary: "",
            takes: None,
            body_type: None,
            answers: None,
            filters: &[],
            paged: false,
            answer_type: "application/json",
            body_bytes_max: BODY_BYTES_MAX,
        }
    }

    /// Whether its answers have tags, see [`crate::etag`].
    pub fn is_tagged(&self) -> bool {
        self.verb == Verb::Get && matches!(self.access, Access::Needs(_))
    }

    /// A route that reads.
    pub fn get(path: &'static str, access: impl Into<Access>) -> Self {
        Self::new(Verb::Get, path, access.into())
    }

    /// A route that adds.
    pub fn post(path: &'static str, access: impl Into<Access>) -> Self {
        Self::new(Verb::Post, path, access.into())
    }

    /// A route that sets.
    pub fn put(path: &'static str, access: impl Into<Access>) -> Self {
        Self::new(Verb::Put, path, access.into())
    }

    /// A route that removes.
    pub fn delete(path: &'static str, access: impl Into<Access>) -> Self {
        Self::new(Verb::Delete, path, access.into())
    }

    /// Says in a sentence what it does.
    #[must_use]
    pub const fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Says what the body must be.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// Says that the body is no JSON.
    #[must_use]
    pub const fn takes_as(mut self, media_type: &'static str) -> Self {
        self.body_type = Some(media_type);
        self
    }

    /// Says what the answer is.
    #[must_use]
    pub fn answers<T: JsonSchema>(mut self) -> Self {
        self.answers = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// Says that the answer is no JSON.
    #[must_use]
    pub const fn answers_as(mut self, media_type: &'static str) -> Self {
        self.answer_type = media_type;
        self
    }

    /// Says that it lists, page by page, and by what the listing can be filtered.
    #[must_use]
    pub const fn lists(mut self, filters: &'static [Field]) -> Self {
        (self.filters, self.paged) = (filters, true);
        self
    }

    /// Says how large the body may be.
    #[must_use]
    pub const fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }
}

/// Builds the table of routes. `S` is what handlers get as `State`.
pub struct Routes<S> {
    router: axum::Router<S>,
    gate: Arc<Gate>,
    list: Vec<Endpoint>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// An empty table behind this gate.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { router: axum::Router::new(), gate, list: Vec::new() }
    }

    /// Adds a route. Its handler runs after the gate let the caller in, and gets a [`Caller`](super::Caller).
    ///
    /// # Panics
    /// Method and path are there already: a mistake of whoever writes the table, seen at the first start.
    #[must_use]
    pub fn add<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guarded = Guarded { handler, gate: Arc::clone(&self.gate), endpoint };
        self.router = self.router.route(endpoint.path, on(endpoint.verb.filter(), guarded));
        self.list.push(endpoint);
        self
    }

    /// Every route so far.
    pub fn list(&self) -> &[Endpoint] {
        &self.list
    }

    /// Who has access.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Ends the table: what is not in it is not there.
    pub fn finish(self, state: S) -> Doors {
        Doors::new(self.router.with_state(state))
    }
}

/// Who may use which route, as a table in Markdown: rows are routes, columns roles.
pub fn matrix(list: &[Endpoint]) -> String {
    let mut text = String::from("| route | needs |");
    let mut rule = String::from("|---|---|");
    for role in Role::ALL {
        let _ = write!(text, " {} |", role.name());
        rule.push_str("---|");
    }
    let _ = write!(text, "\n{rule}\n");
    let mut list: Vec<&Endpoint> = list.iter().collect();
    list.sort_by_key(|endpoint| (endpoint.path, endpoint.verb));
    for endpoint in list {
        let (needs, may): (&str, &dyn Fn(Role) -> bool) = match &endpoint.access {
            Access::Open => ("nothing", &|_| true),
            Access::Signed => ("signature", &|_| false),
            Access::Needs(permission) => (permission.name(), &|role: Role| role.permissions().contains(permission)),
        };
        let _ = write!(text, "| `{} {}` | {needs} |", endpoint.verb.name().to_uppercase(), endpoint.path);
        for role in Role::ALL {
            text.push_str(if may(role) { " yes |" } else { " |" });
        }
        text.push('\n');
    }
    text
}
