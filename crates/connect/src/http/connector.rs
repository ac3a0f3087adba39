//! A connector made of a file: the file says what to ask, this asks it and reads the answers.

use super::auth::Entry;
use super::client::{Answer, Client, Failure, Names, Sent, SystemNames, wait_until};
use super::definition::{Change, Class, Definition, ErrorClass, Find, Probe, Records, Request, States, Undo, Verb, Wanted};
use super::json::{Path, Texts, holds, is_one_of};
use super::origin::Origin;
use super::settings::{Auth, Checked, Fault, Settings};
use super::template::{Inputs, TOLD, Template, Unfit, escape};
use adjutant_hand::connector::{CallError, Connector, Found, Offer, Permit};
use adjutant_hand::poll::{Page, Polls};
use adjutant_hand::table::{List, Rows};
use adjutant_model::act::{Action, State};
use adjutant_model::{Digest, Duration, EntityKind, Secret, Time};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use ureq::unversioned::transport;
use zeroize::Zeroizing;

/// Characters of a vendor's own words that are shown.
const WORDS_MAX: usize = 160;

/// For so long what was made is known without being found: vendors' indexes lag behind.
const MADE_FOR: Duration = Duration(600_000_000);

/// Digits of an action's mark.
const MARK_CHARS: usize = 24;

/// So many of them are known at once.
const MADE_MAX: usize = 1_000;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// A vendor behind an HTTP API that a file of the book describes.
pub struct HttpConnector {
    pub(super) definition: Definition,
    pub(super) base: Origin,
    values: BTreeMap<String, String>,
    entry: Entry,
    client: Client,
    clock: Clock,
    pace: Mutex<Pace>,
    made: Mutex<VecDeque<Made>>,
}

/// What an act made, and for which target.
struct Made {
    of: String,
    id: String,
    at: Time,
}

/// One call that changes something.
struct Call<'a> {
    before: &'a State,
    key: &'a str,
    found: Option<String>,
}

/// How often the vendor is asked.
#[derive(Default)]
struct Pace {
    /// Nothing is asked before this: the vendor said so.
    not_before: Time,
    /// When the minute began that is counted.
    minute: Time,
    /// Requests since then.
    asked: u32,
}

/// Whether a call that fails may have changed something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Read,
    Change,
}

impl HttpConnector {
    /// The connector that `definition` describes, as `settings` say, let in by `auth`: the settings' own, with the secrets.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(definition: Definition, settings: &Settings, auth: Auth<Secret>, clock: Clock) -> Result<Self, Fault> {
        Self::with_names(definition, settings, auth, clock, Arc::new(SystemNames))
    }

    /// The same with another resolver of names.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn with_names(
        definition: Definition,
        settings: &Settings,
        auth: Auth<Secret>,
        clock: Clock,
        names: Arc<dyn Names>,
    ) -> Result<Self, Fault> {
        let checked = settings.check(&definition)?;
        let client = Client::new(&checked, names);
        Self::over(definition, checked, auth, clock, client)
    }

    /// The same over another way to connect, which sees the addresses that are called.
    pub(super) fn over_connector<C: transport::Connector<()>>(
        definition: Definition,
        settings: &Settings,
        auth: Auth<Secret>,
        names: Arc<dyn Names>,
        connector: C,
    ) -> Result<Self, Fault> {
        let checked = settings.check(&definition)?;
        let client = Client::with_connector(&checked, names, connector);
        Self::over(definition, checked, auth, Arc::new(|| Time(0)), client)
    }

    fn over(definition: Definition, checked: Checked, auth: Auth<Secret>, clock: Clock, client: Client) -> Result<Self, Fault> {
        let entry = Entry::new(auth, &definition.doors, checked.tokens)?;
        let (base, values) = (checked.base, checked.values);
        Ok(Self { definition, base, values, entry, client, clock, pace: Mutex::default(), made: Mutex::default() })
    }

    /// The connector's file.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Now.
    pub(super) fn now(&self) -> Time {
        (self.clock)()
    }

    fn verb(&self, action: &Action) -> Result<&Verb, CallError> {
        let found = self.definition.verbs.iter().find(|verb| verb.name == action.verb);
        found.ok_or_else(|| CallError::Permanent(format!("{} has no verb `{}`", self.definition.title, action.verb)))
    }

    /// The value of an input that is the same in every request.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// Sends `request`, filled in with `inputs`.
    pub(super) fn send(
        &self,
        request: &Request,
        inputs: &Inputs<'_>,
        key: Option<&str>,
        does: Does,
    ) -> Result<Answer, CallError> {
        let target = target(request, inputs).map_err(|error| unfit(&error))?;
        self.send_to(request, &target, inputs, (key, does))
    }

    /// Sends `request` to `target`, a path and query below the base URL.
    pub(super) fn send_to(
        &self,
        request: &Request,
        target: &str,
        inputs: &Inputs<'_>,
        (key, does): (Option<&str>, Does),
    ) -> Result<Answer, CallError> {
        let now = (self.clock)();
        self.may_ask(now)?;
        let mut headers = vec![("accept".to_owned(), Zeroizing::new("application/json".to_owned()))];
        for (name, template) in &request.headers {
            headers.push((name.clone(), Zeroizing::new(template.header(inputs).map_err(|error| unfit(&error))?)));
        }
        if let (Some(name), Some(key)) = (&self.definition.key_header, key) {
            headers.push((name.clone(), Zeroizing::new(key.to_owned())));
        }
        let body = request.body.as_ref().map(|body| filled(body, inputs)).transpose().map_err(|error| unfit(&error))?;
        let body = body.map(|body| ("application/json", Zeroizing::new(body.to_string().into_bytes())));
        headers.push(self.entry.header(&self.client, now)?);
        let sent = Sent { method: request.method.name(), target, headers: &headers, body };
        self.client.send(&self.base, sent).map_err(|failure| self.failed(failure, does))
    }

    fn may_ask(&self, now: Time) -> Result<(), CallError> {
        let (title, most) = (&self.definition.title, self.definition.per_minute);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.not_before > now {
            let seconds = pace.not_before.since(now).secs() + 1;
            return Err(CallError::Retry(format!("{title} asked to be left alone for another {seconds} s")));
        }
        // A clock that goes back begins another minute.
        if !(0..60).contains(&now.since(pace.minute).secs()) {
            (pace.minute, pace.asked) = (now, 0);
        }
        if pace.asked >= most {
            return Err(CallError::Retry(format!("{title} is asked {most} times a minute at most")));
        }
        pace.asked += 1;
        Ok(())
    }

    fn failed(&self, failure: Failure, does: Does) -> CallError {
        let title = &self.definition.title;
        match (failure, does) {
            (Failure::Refused(why), _) => CallError::Permanent(why),
            (Failure::NotSent(why), _) => CallError::Retry(format!("{title} cannot be reached: {why}")),
            (Failure::Lost(why), Does::Read) => CallError::Retry(format!("{title} did not answer: {why}")),
            (Failure::Lost(why), Does::Change) => CallError::Unclear(format!("{title} did not answer: {why}")),
        }
    }

    /// What an answer that is no success means.
    pub(super) fn error(&self, answer: &Answer, verb: Option<&Verb>, does: Does) -> CallError {
        let now = (self.clock)();
        if let Some(until) = matches!(answer.status, 429 | 503).then(|| wait_until(answer, now)).flatten() {
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).not_before = until;
        }
        let body = answer.json().unwrap_or_default();
        let said = format!("{} answered {}{}", self.definition.title, answer.status, self.words(&body));
        let of_verb = verb.map_or([].as_slice(), |verb| verb.errors.as_slice());
        let fits = |error: &&ErrorClass| error.status.iter().any(|status| status.has(answer.status)) && holds(&error.body, &body);
        let declared = of_verb.iter().chain(&self.definition.errors).find(fits).map(|error| error.class);
        match declared.unwrap_or_else(|| self.usual(answer.status, does)) {
            Class::Retry => CallError::Retry(said),
            Class::Permanent => CallError::Permanent(said),
            // A read that is unclear changed nothing.
            Class::Unclear if does == Does::Read => CallError::Retry(said),
            Class::Unclear => CallError::Unclear(said),
        }
    }

    fn usual(&self, status: u16, does: Does) -> Class {
        match (status, does) {
            (401, _) if self.entry.was_refused() => Class::Retry,
            (425 | 429, _) | (408 | 500.., Does::Read) => Class::Retry,
            (300..=399 | 408 | 500.. | ..=299, Does::Change) => Class::Unclear,
            (..=299, Does::Read) => Class::Retry,
            (300..=499, _) => Class::Permanent,
        }
    }

    /// The vendor's own words, short, plain and without what lets us in.
    fn words(&self, body: &Value) -> String {
        let found = self.definition.error_text.as_ref().and_then(|path| path.text(body));
        let Some(text) = found else { return String::new() };
        let text = self.entry.without_secrets(&text);
        let tame = |c: char| if c.is_ascii_graphic() || c.is_alphanumeric() { c } else { ' ' };
        format!(": {}", text.chars().take(WORDS_MAX).map(tame).collect::<String>())
    }

    /// The body of an answer to a read.
    pub(super) fn read(&self, answer: &Answer, verb: Option<&Verb>) -> Result<Value, CallError> {
        if answer.status != 200 {
            return Err(self.error(answer, verb, Does::Read));
        }
        let unread = |why: String| CallError::Retry(format!("what {} answered cannot be read: {why}", self.definition.title));
        let body = answer.json().map_err(unread)?;
        if holds(&self.definition.success, &body) { Ok(body) } else { Err(self.error(answer, verb, Does::Read)) }
    }

    /// What at the vendor belongs to the target.
    fn find(&self, find: &Find, verb: &Verb, action: &Action) -> Result<Vec<String>, CallError> {
        let answer = self.send(&find.request, &|name: &str| self.of_action(action, name), None, Does::Read)?;
        let body = self.read(&answer, Some(verb))?;
        let lacks = |path: &Path| CallError::Retry(format!("what {} answered lacks `{path}`", self.definition.title));
        let records: Vec<&Value> = match &find.records {
            Records::List(path) => path.find(&body).and_then(Value::as_array).ok_or_else(|| lacks(path))?.iter().collect(),
            Records::One(path) => vec![path.find(&body).ok_or_else(|| lacks(path))?],
        };
        let ids = records.into_iter().map(|record| find.id.text(record).ok_or_else(|| lacks(&find.id)));
        let mut ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        ids.extend(self.made_lately(&action.target.id));
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    fn made_lately(&self, of: &str) -> Vec<String> {
        let now = (self.clock)();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|made| now.since(made.at).0.abs() < MADE_FOR.0);
        made.iter().filter(|made| made.of == of).map(|made| made.id.clone()).collect()
    }

    fn remember(&self, of: &str, id: String) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MADE_MAX {
            made.pop_front();
        }
        made.push_back(Made { of: of.to_owned(), id, at: (self.clock)() });
    }

    /// The state, with what at the vendor belongs to the target where a verb has to find that.
    fn state(&self, verb: &Verb, action: &Action) -> Result<(State, Option<String>), CallError> {
        let found = verb.find.as_ref().map(|find| self.find(find, verb, action)).transpose()?;
        let request = match &verb.probe {
            Probe::Ask(request) => request,
            Probe::Found(field) => return Ok((State(BTreeMap::from([(field.clone(), found.unwrap_or_default())])), None)),
        };
        let found = found.map(|found| self.one_found(found, action)).transpose()?;
        let inputs = |name: &str| if name == "found" { found.clone() } else { self.of_action(action, name) };
        let answer = self.send(request, &inputs, None, Does::Read)?;
        let body = self.read(&answer, Some(verb))?;
        let title = &self.definition.title;
        let is_other = |id: &Path| id.text(&body).is_none_or(|id| id != action.target.id);
        if verb.id.as_ref().is_some_and(is_other) {
            return Err(CallError::Permanent(format!("{title} answered about something else than `{}`", action.target.id)));
        }
        let mut state = BTreeMap::new();
        for (name, path) in &verb.state {
            let lacks = || CallError::Retry(format!("what {title} answered lacks `{path}`"));
            let mut texts = path.texts(&body).ok_or_else(lacks)?;
            texts.sort();
            state.insert(name.clone(), texts);
        }
        Ok((State(state), found))
    }

    fn one_found(&self, mut found: Vec<String>, action: &Action) -> Result<String, CallError> {
        let (title, name) = (&self.definition.title, &action.target.name);
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(_), false) => Err(CallError::Permanent(format!("{title} has more than one that belongs to `{name}`"))),
            (None, _) => Err(CallError::Permanent(format!("{title} has none that belongs to `{name}`"))),
        }
    }

    fn is_in(&self, action: &Action, state: &State, wanted: &States) -> bool {
        let text = |template: &Template| template.text(&|name: &str| self.of_action(action, name)).ok();
        wanted.iter().all(|(field, wanted)| {
            let Some(found) = state.0.get(field) else { return false };
            match wanted {
                Wanted::OneOf(values) => is_one_of(found, &Texts(values.iter().filter_map(text).collect())),
                // Some vendors add a line break to what they keep.
                Wanted::Has(value) => text(value).is_some_and(|value| found.iter().any(|found| found.trim() == value.trim())),
                Wanted::Some => !found.is_empty(),
            }
        })
    }

    fn of_action(&self, action: &Action, name: &str) -> Option<String> {
        match name {
            "target.id" => Some(action.target.id.clone()),
            "target.name" => Some(action.target.name.clone()),
            "mark" => Some(mark(action)),
            _ => match (name.strip_prefix("with."), name.strip_prefix(TOLD)) {
                (Some(with), _) => action.with.get(with).cloned(),
                (None, Some(text)) => action.texts.get(text).cloned(),
                (None, None) => self.setting(name),
            },
        }
    }

    /// Sends what changes something.
    fn change(&self, change: &Change, verb: &Verb, action: &Action, call: &Call<'_>) -> Result<(), CallError> {
        let inputs = |name: &str| match name.strip_prefix("before.") {
            Some(field) => call.before.0.get(field).filter(|texts| texts.len() == 1).and_then(|texts| texts.first().cloned()),
            None if name == "key" => Some(call.key.to_owned()),
            None if name == "found" => call.found.clone(),
            None => self.of_action(action, name),
        };
        let answer = self.send(&change.request, &inputs, Some(call.key), Does::Change)?;
        let status = answer.status;
        let fits = if change.status.is_empty() { (200..300).contains(&status) } else { change.status.contains(&status) };
        if !fits {
            return Err(self.error(&answer, Some(verb), Does::Change));
        }
        if change.body.is_empty() && self.definition.success.is_empty() && change.made.is_none() {
            return Ok(());
        }
        let body = answer.json().unwrap_or_default();
        if !holds(&change.body, &body) || !holds(&self.definition.success, &body) {
            return Err(self.error(&answer, Some(verb), Does::Change));
        }
        if let Some(id) = change.made.as_ref().and_then(|path| path.text(&body)) {
            self.remember(&action.target.id, id);
        }
        Ok(())
    }

    /// The key of an undo begins with that of what it takes back.
    fn for_this_call(permit: &Permit, key: &str) -> Result<(), CallError> {
        if key.starts_with(permit.key()) {
            Ok(())
        } else {
            Err(CallError::Permanent("the permit is for another call".to_owned()))
        }
    }
}

impl Connector for HttpConnector {
    fn verbs(&self) -> &[Offer] {
        self.definition.offers()
    }

    fn texts(&self, verb: &str) -> &[&'static str] {
        self.definition.verbs.iter().find(|known| known.name == verb).map_or(&[], |verb| verb.texts.as_slice())
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        self.found(kind, name)
    }

    fn polls(&self) -> Option<Polls> {
        self.polled()
    }

    fn poll(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        self.page(since, next)
    }

    fn lists(&self) -> Vec<List> {
        self.listed_names()
    }

    fn list(&self, name: &str, next: Option<&str>) -> Result<Rows, CallError> {
        self.rows(name, next)
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        Ok(self.state(self.verb(action)?, action)?.0)
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        let done = self.verb(action).ok().and_then(|verb| verb.done.as_ref());
        done.is_some_and(|done| self.is_in(action, state, done))
    }

    /// Reads first: what is so already is not done again, and what is not any more as it was before is not overwritten.
    fn act(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        Self::for_this_call(&permit, key)?;
        let verb = self.verb(action)?;
        let (now, found) = self.state(verb, action)?;
        if let Some(done) = &verb.done {
            if self.is_in(action, &now, done) {
                return Ok(());
            }
            if now != *before {
                return Err(CallError::Retry(format!("`{}` changed since it was read", action.target.name)));
            }
        }
        if !self.is_in(action, &now, &verb.from) {
            return Err(CallError::Permanent(format!(
                "`{}` is {}, from where it cannot be done",
                action.target.name,
                shown(&now)
            )));
        }
        self.change(&verb.act, verb, action, &Call { before, key, found })
    }

    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        Self::for_this_call(&permit, key)?;
        let verb = self.verb(action)?;
        let steps = match &verb.undo {
            Undo::Steps(steps) => steps,
            Undo::Irreversible(reason) => return Err(CallError::Permanent(format!("nothing takes it back: {reason}"))),
        };
        let (now, found) = self.state(verb, action)?;
        if now == *before {
            return Ok(());
        }
        let fits = |from: &States, to: &States| self.is_in(action, &now, from) && self.is_in(action, before, to);
        let step = steps.iter().find(|step| fits(&step.from, &step.to));
        let none = || CallError::Permanent(format!("no way leads from {} back to {}", shown(&now), shown(before)));
        self.change(&step.ok_or_else(none)?.change, verb, action, &Call { before, key, found })
    }

    fn health(&self) -> Result<String, CallError> {
        let inputs = |name: &str| self.setting(name);
        let answer = self.send(&self.definition.health, &inputs, None, Does::Read)?;
        let body = self.read(&answer, None)?;
        let says = self.definition.health_says.as_ref().and_then(|path| path.text(&body));
        let tame = |text: String| text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect::<String>();
        let says = says.map(|text| format!(": {}", tame(text))).unwrap_or_default();
        Ok(format!("{} answers at {}{says}", self.definition.title, self.base))
    }
}

/// What tells one action from every other, whenever it is asked for: the same words about the same case are the same.
fn mark(action: &Action) -> String {
    // Text keys and plain values alone: writing them cannot fail.
    Digest::of(&serde_json::to_vec(action).unwrap_or_default()).to_string().chars().take(MARK_CHARS).collect()
}

fn shown(state: &State) -> String {
    let field = |(name, texts): (&String, &Vec<String>)| format!("{name} {}", texts.join(" "));
    format!("`{}`", state.0.iter().map(field).collect::<Vec<_>>().join(", "))
}

pub(super) fn unfit(error: &Unfit) -> CallError {
    CallError::Permanent(format!("the request cannot be written: {error}"))
}

/// The path and query of a request.
pub(super) fn target(request: &Request, inputs: &Inputs<'_>) -> Result<String, Unfit> {
    let mut target = request.path.path(inputs)?;
    for (nth, (name, template)) in request.query.iter().enumerate() {
        target.push(if nth == 0 { '?' } else { '&' });
        escape(name, &mut target);
        target.push('=');
        target.push_str(&template.query(inputs, request.quotes)?);
    }
    Ok(target)
}

/// A body with its inputs.
fn filled(body: &Value, inputs: &Inputs<'_>) -> Result<Value, Unfit> {
    Ok(match body {
        // Checked when the file was read.
        Value::String(text) => match super::template::Template::read(text) {
            Ok(template) => Value::String(template.text(inputs)?),
            Err(_) => return Err(Unfit::Missing(text.clone())),
        },
        Value::Array(values) => Value::Array(values.iter().map(|value| filled(value, inputs)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), filled(value, inputs)?)));
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => body.clone(),
    })
}
