//! The parts of a connector's file that occur in several places: requests, pages, states, classes of errors.

use super::{Fields, Reader};
use crate::http::definition::{
    Cell, Change, Class, ErrorClass, List, Lookup, Method, Next, Pages, Records, Request, States, Statuses, Step, Undo, Wanted,
};
use crate::http::file::{
    RawClass, RawColumn, RawError, RawGroups, RawIs, RawList, RawLookup, RawNext, RawRequest, RawStates, RawSuccess, RawVerb,
};
use crate::http::json::{Conditions, RawWanted};
use crate::http::template::{TOLD, Template};
use adjutant_rules::diagnostic::{Located, Span};
use serde_json::Value;
use std::collections::BTreeSet;

/// More pages than this are a list and no lookup.
const PAGES_MAX: u32 = 100;

/// Headers that the client writes, or that carry a credential.
const OWN_HEADERS: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

/// Which inputs a template may name where it stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) settings: BTreeSet<String>,
    pub(super) with: BTreeSet<String>,
    pub(super) before: BTreeSet<String>,
    pub(super) name: bool,
    pub(super) target: bool,
    pub(super) act: bool,
    pub(super) cursor: bool,
    pub(super) found: bool,
    pub(super) mark: bool,
    pub(super) texts: Vec<&'static str>,
}

impl Known {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.settings.iter().cloned().collect();
        let fixed = [
            (self.name, "name"),
            (self.target, "target.id"),
            (self.target, "target.name"),
            (self.act, "key"),
            (self.cursor, "cursor"),
            (self.cursor, "cursor.minutes"),
            (self.found, "found"),
            (self.mark, "mark"),
        ];
        names.extend(fixed.iter().filter(|(there, _)| *there).map(|(_, name)| (*name).to_owned()));
        names.extend(self.with.iter().map(|name| format!("with.{name}")));
        names.extend(self.before.iter().map(|name| format!("before.{name}")));
        names.extend(self.texts.iter().map(|name| format!("{TOLD}{name}")));
        names
    }
}

impl Reader<'_> {
    pub(super) fn template(&mut self, text: &Located<String>, known: &Known) -> Option<Template> {
        self.template_of(text, text.span, known)
    }

    fn template_of(&mut self, text: &str, span: Span, known: &Known) -> Option<Template> {
        let template = match Template::read(text) {
            Ok(template) => template,
            Err(why) => {
                self.fault("connector-template", span, format!("`{text}` is no template: {why}"), "write inputs as {target.id}");
                return None;
            }
        };
        let names = known.names();
        for input in template.inputs().filter(|input| !names.iter().any(|name| name == input)) {
            let help =
                format!("here can stand {}", names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", "));
            self.fault("connector-input", span, format!("nothing is called `{{{input}}}` here"), &help);
        }
        Some(template)
    }

    pub(super) fn request(&mut self, raw: &Located<RawRequest>, known: &Known) -> Option<Request> {
        let (method, path) = self.method(raw)?;
        // What people are told stands in a body, where it is one text whatever it is.
        let whole = known;
        let known = &Known { texts: Vec::new(), ..known.clone() };
        let path = self.path(path, known);
        let query = raw.query.iter().map(|(name, value)| (name.clone(), self.template(value, known))).collect::<Vec<_>>();
        let headers = raw.headers.iter().map(|(name, value)| {
            self.header_name(&Located::new(name.clone(), value.span));
            (name.clone(), self.template(value, known))
        });
        let headers = headers.collect::<Vec<_>>();
        if let Some(body) = &raw.body {
            self.body(body, body.span, whole);
            if matches!(method, Method::Get | Method::Delete) {
                self.fault("connector-request", body.span, format!("a {} has no body", method.name()), "");
            }
        }
        let all = |pairs: Vec<(String, Option<Template>)>| {
            pairs.into_iter().map(|(name, value)| Some((name, value?))).collect::<Option<Vec<_>>>()
        };
        Some(Request {
            method,
            path: path?,
            query: all(query)?,
            headers: all(headers)?,
            body: raw.body.as_ref().map(|body| body.value.clone()),
            quotes: raw.quotes,
        })
    }

    fn method<'r>(&mut self, raw: &'r Located<RawRequest>) -> Option<(Method, &'r Located<String>)> {
        let methods = [
            (Method::Get, &raw.get),
            (Method::Post, &raw.post),
            (Method::Put, &raw.put),
            (Method::Patch, &raw.patch),
            (Method::Delete, &raw.delete),
        ];
        let mut found = methods.into_iter().filter_map(|(method, path)| Some((method, path.as_ref()?)));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => {
                let help = "write one of get, post, put, patch and delete, with a path";
                self.fault("connector-request", raw.span, "a request has exactly one method", help);
                None
            }
        }
    }

    fn path(&mut self, text: &Located<String>, known: &Known) -> Option<Template> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~=,()':@${}".contains(&byte);
        let elsewhere = text.split('/').skip(1).any(|segment| matches!(segment, "" | "." | ".."));
        if !text.starts_with('/') || elsewhere || !text.bytes().all(plain) {
            let help = "begin with one `/`, below the base URL that the settings give; a query is written under `query`";
            self.fault("connector-path", text.span, format!("`{}` is no path below the base URL", **text), help);
            return None;
        }
        self.template(text, known)
    }

    fn body(&mut self, value: &Value, span: Span, known: &Known) {
        match value {
            Value::String(text) => drop(self.template_of(text, span, known)),
            Value::Array(values) => values.iter().for_each(|value| self.body(value, span, known)),
            Value::Object(fields) => fields.values().for_each(|value| self.body(value, span, known)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn header_name(&mut self, name: &Located<String>) -> String {
        let lower = name.to_ascii_lowercase();
        if OWN_HEADERS.contains(&lower.as_str()) {
            let help = "credentials come from the settings; the client writes the others";
            self.fault("connector-header", name.span, format!("`{}` is not written in a file", **name), help);
        }
        self.auth_header(name)
    }

    pub(super) fn auth_header(&mut self, name: &Located<String>) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            self.fault("connector-header", name.span, format!("`{}` is no name of a header", **name), "");
        }
        name.to_ascii_lowercase()
    }

    /// That a request changes nothing.
    pub(super) fn reads(&mut self, raw: &Located<RawRequest>) {
        if raw.get.is_none() {
            self.fault("connector-request", raw.span, "what only reads is a GET", "");
        }
    }

    /// That a request is about the target, and so about one thing.
    pub(super) fn names_target(&mut self, raw: &Located<RawRequest>, request: Option<&Request>) {
        // What else the verb needs was resolved as the target was.
        let names_one =
            |request: &Request| request.any_input(|input| matches!(input, "target.id" | "found") || input.starts_with("with."));
        if request.is_some_and(|request| !names_one(request) && !request.uses("target.id") && !request.uses("found")) {
            let help = "write {target.id} where the vendor takes what names the one thing that is meant";
            self.fault("connector-target", raw.span, "the request does not say to whom", help);
        }
    }

    pub(super) fn next(&mut self, raw: Option<&Located<RawNext>>, pages: Option<&Located<u32>>) -> Option<(Next, u32)> {
        let Some(raw) = raw else { return Some((Next::None, 1)) };
        let bound = pages.map_or(0, |pages| **pages);
        if !(1..=PAGES_MAX).contains(&bound) {
            let message = format!("pages that follow one another need a bound from 1 to {PAGES_MAX}");
            self.fault("connector-pages", raw.span, message, "write `pages:`");
        }
        let next = match (raw.link, &raw.url, &raw.cursor, &raw.parameter) {
            (true, None, None, None) => Next::Link,
            (false, Some(url), None, None) => Next::Url(url.clone()),
            (false, None, Some(cursor), Some(parameter)) => Next::Cursor(cursor.clone(), parameter.clone()),
            _ => {
                let help = "write `link: true`, `url: PATH`, or `cursor: PATH` with `parameter: NAME`";
                self.fault("connector-pages", raw.span, "the next page is in exactly one place", help);
                return None;
            }
        };
        Some((next, bound))
    }

    pub(super) fn lookup(&mut self, raw: &Located<RawLookup>, known: &Known) -> Option<Lookup> {
        let request = self.asks(&raw.request, known);
        let one = raw.one.as_ref().map(|one| self.asks(one, known));
        if raw.matched.is_empty() {
            let help = "list the fields of which one must be the name; a vendor may answer with more than was asked for";
            self.fault("connector-lookup", raw.matched.span, "nothing says that what was found is what was meant", help);
        }
        let records = match (&raw.records, &raw.record) {
            (Some(list), None) => Some(Records::List(list.clone())),
            (None, Some(one)) => Some(Records::One(one.clone())),
            _ => {
                let help = "write `records: PATH` for a list, or `record: PATH` for one";
                self.fault("connector-lookup", raw.span, "what was found is in exactly one place", help);
                None
            }
        };
        let next = self.next(raw.next.as_ref(), raw.pages.as_ref());
        let groups = raw.groups.as_ref().map(|groups| self.groups(groups, known));
        let (next, pages_max) = next?;
        Some(Lookup {
            list: Pages { request: request?, records: records?, none: raw.none.clone(), next, pages_max },
            one: one.map_or(Some(None), |one| one.map(Some))?,
            id: raw.id.clone(),
            name: raw.name.clone(),
            aliases: raw.aliases.clone(),
            matched: raw.matched.value.clone(),
            facts: raw.facts.clone(),
            groups: groups.map_or(Some(None), |groups| groups.map(Some))?,
        })
    }

    /// Everything of a kind.
    pub(in crate::http) fn list(&mut self, name: &str, raw: &Located<RawList>, known: &Known) -> Option<List> {
        let request = self.request(&raw.request, known);
        self.reads(&raw.request);
        if raw.columns.is_empty() {
            self.fault("connector-list", raw.span, "the list has no columns", "write under `columns` where each cell stands");
        }
        // Whoever reads a list bounds its pages.
        let pages = Located::new(PAGES_MAX, raw.span);
        let (next, pages_max) = self.next(raw.next.as_ref(), Some(&pages))?;
        let columns = raw.columns.iter().map(|(name, column)| (name.clone(), cell(column)));
        let records = Records::List(raw.records.clone());
        Some(List {
            name: name.to_owned(),
            pages: Pages { request: request?, records, none: Conditions::new(), next, pages_max },
            columns: columns.collect(),
        })
    }

    /// A request that asks for a name.
    fn asks(&mut self, raw: &Located<RawRequest>, known: &Known) -> Option<Request> {
        let request = self.request(raw, &Known { name: true, ..known.clone() });
        self.reads(raw);
        if request.as_ref().is_some_and(|request| !request.uses("name")) {
            self.fault("connector-lookup", raw.span, "the request does not ask for the name", "write {name} in it");
        }
        request
    }

    fn groups(&mut self, raw: &Located<RawGroups>, known: &Known) -> Option<(Pages, Vec<crate::http::json::Path>)> {
        let request = self.request(&raw.request, &Known { target: true, ..known.clone() });
        self.reads(&raw.request);
        self.names_target(&raw.request, request.as_ref());
        let (next, pages_max) = self.next(raw.next.as_ref(), raw.pages.as_ref())?;
        let records = Records::List(raw.records.clone());
        Some((Pages { request: request?, records, none: Conditions::new(), next, pages_max }, raw.names.clone()))
    }

    pub(super) fn done(&mut self, raw: &Located<RawVerb>, fields: &Fields, known: &Known) -> Option<Option<States>> {
        match (&raw.done, &raw.repeat) {
            (Some(states), None) if !states.is_empty() => Some(Some(self.states(states, fields, known))),
            (None, Some(reason)) if !reason.trim().is_empty() => Some(None),
            _ => {
                let help = "write the state that the act makes under `done`, or under `repeat` why doing it again is no more than \
                            doing it once, where no state shows that it was done";
                self.fault("connector-done", raw.span, "nothing says when it is done", help);
                None
            }
        }
    }

    pub(super) fn states(&mut self, raw: &RawStates, fields: &Fields, known: &Known) -> States {
        for (name, values) in raw.iter().filter(|(name, _)| !fields.contains_key(*name)) {
            let help = format!("the probe reads {}", fields.keys().cloned().collect::<Vec<_>>().join(", "));
            self.fault("connector-state", values.span, format!("the probe does not read `{name}`"), &help);
        }
        // A state is compared before anything is known of the one before, and without the key of a call.
        let known = Known { act: false, before: BTreeSet::new(), ..known.clone() };
        raw.iter().filter_map(|(name, values)| Some((name.clone(), self.wanted(values, &known)?))).collect()
    }

    fn wanted(&mut self, raw: &Located<RawWanted>, known: &Known) -> Option<Wanted> {
        Some(match &raw.value {
            RawWanted::OneOf(values) => {
                let values = values.0.iter().map(|value| self.template_of(value, raw.span, known));
                Wanted::OneOf(values.collect::<Option<_>>()?)
            }
            RawWanted::Has(value) => Wanted::Has(self.template_of(value, raw.span, known)?),
            RawWanted::Some => Wanted::Some,
        })
    }

    pub(super) fn change(&mut self, raw: &Located<RawRequest>, success: &RawSuccess, known: &Known) -> Option<Change> {
        let request = self.request(raw, known);
        if raw.get.is_some() {
            self.fault("connector-request", raw.span, "a GET changes nothing", "");
        }
        self.names_target(raw, request.as_ref());
        if success.status.iter().any(|status| !(200..300).contains(status)) {
            self.fault("connector-success", raw.span, "only 200 to 299 can be a success", "");
        }
        Some(Change { request: request?, status: success.status.clone(), body: success.body.clone(), made: None })
    }

    pub(super) fn undo(&mut self, raw: &Located<RawVerb>, known: &Known, fields: &Fields) -> Option<Undo> {
        let steps = match (&raw.undo, &raw.irreversible) {
            (Some(steps), None) if !steps.is_empty() => steps,
            (None, Some(reason)) if !reason.trim().is_empty() => return Some(Undo::Irreversible(reason.value.clone())),
            _ => {
                let help =
                    "write the requests that restore the state before under `undo`, or under `irreversible` why nothing can";
                self.fault("connector-undo", raw.span, "an act has either an undo or a reason why nothing takes it back", help);
                return None;
            }
        };
        let mut made = Vec::new();
        for step in steps {
            let (from, to) = (self.states(&step.from, fields, known), self.states(&step.to, fields, known));
            if to.is_empty() && !self.restores(&step.request) {
                let help = "say under `to` to which state it leads, or send {before.…}";
                self.fault("connector-undo", step.span, "the undo does not depend on the state before", help);
            }
            made.push(Step { from, to, change: self.change(&step.request, &step.success, known)? });
        }
        Some(Undo::Steps(made))
    }

    /// Whether a request sends something of the state before.
    fn restores(&self, raw: &RawRequest) -> bool {
        let body = raw.body.as_ref().map(|body| body.value.to_string()).unwrap_or_default();
        let texts = raw.query.values().map(|text| text.value.as_str()).chain([body.as_str()]);
        texts.into_iter().any(|text| text.contains("{before."))
    }

    pub(super) fn errors(&mut self, raw: &[Located<RawError>]) -> Vec<ErrorClass> {
        raw.iter().map(|error| self.error(error)).collect()
    }

    fn error(&mut self, raw: &Located<RawError>) -> ErrorClass {
        let status: Vec<Statuses> = raw.status.0.iter().filter_map(|text| Statuses::read(text)).collect();
        if status.len() != raw.status.0.len() || status.is_empty() {
            self.fault("connector-error", raw.status.span, "a status is a number from 200 to 599, or such as `5xx`", "");
        }
        let class = match raw.is {
            RawClass::Retry => Class::Retry,
            RawClass::Permanent => Class::Permanent,
            RawClass::Unclear => Class::Unclear,
        };
        ErrorClass { status, body: raw.body.clone(), class }
    }
}

fn cell(raw: &RawColumn) -> Cell {
    match raw {
        RawColumn::Path(path) => Cell::Text(path.clone()),
        RawColumn::Is(RawIs { path, is }) => Cell::Is(path.clone(), is.clone()),
    }
}

impl Request {
    /// Whether the input `name` is anywhere in it.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.any_input(|input| input == name)
            || self.body.as_ref().is_some_and(|body| body.to_string().contains(&format!("{{{name}}}")))
    }

    /// Whether an input of its path, query or headers is one of these.
    fn any_input(&self, is: impl Fn(&str) -> bool) -> bool {
        let mut templates = self.query.iter().chain(&self.headers).map(|(_, template)| template).chain([&self.path]);
        templates.any(|template| template.inputs().any(&is))
    }
}
