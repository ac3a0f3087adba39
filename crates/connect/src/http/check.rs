//! Reads and checks a connector's file: every fault at its place, with what to do about it.
//!
//! What a file cannot say needs no check later: an act without a way back and without a reason for that, a request that
//! names no target, a host made of inputs, a secret.

mod parts;
mod secrets;

use super::definition::{Change, Definition, Doors, Find, Last, Pages, Poll, Probe, Records, Undo, Verb, Verdict};
use super::file::{RawAuth, RawConnector, RawFind, RawPoll, RawProbe, RawStates, RawVerb, RawVerdict};
use super::json::{Conditions, Path, RawWanted};
use super::origin::Origin;
use adjutant_hand::connector::{Idempotency, Offer};
use adjutant_model::{Duration, EntityKind};
use adjutant_rules::diagnostic::{Diagnostic, Located, Severity, Span, read_yaml};
use adjutant_rules::playbook::{TEXTS, VERBS};
use parts::Known;
use std::collections::BTreeMap;

/// Kinds of things that can be looked up and acted on.
const KINDS: [EntityKind; 11] = [
    EntityKind::User,
    EntityKind::Host,
    EntityKind::Address,
    EntityKind::Domain,
    EntityKind::Url,
    EntityKind::File,
    EntityKind::Mailbox,
    EntityKind::Message,
    EntityKind::Resource,
    EntityKind::Device,
    EntityKind::Case,
];

/// Vendors take more, and none of them should be asked as often.
const PER_MINUTE_MAX: u32 = 6000;

/// What comes later than this is fetched by a person.
const OVERLAP_SECONDS_MAX: u32 = 86_400;

impl Definition {
    /// Reads `text`, the content of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(file: &str, text: &str) -> Result<Definition, Vec<Diagnostic>> {
        let (definition, faults) = read(file, text);
        let stops = faults.iter().any(|fault| fault.severity == Severity::Error);
        definition.filter(|_| !stops).ok_or(faults)
    }
}

/// Everything that is wrong with, or doubtful in, `text`, the content of `file`.
pub fn lint(file: &str, text: &str) -> Vec<Diagnostic> {
    read(file, text).1
}

fn read(file: &str, text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
    let raw: RawConnector = match read_yaml(file, text) {
        Ok(raw) => raw,
        Err(fault) => return (None, vec![*fault]),
    };
    let mut reader = Reader { file, faults: Vec::new() };
    secrets::check(text, &mut reader);
    let definition = reader.definition(&raw);
    (definition, reader.faults)
}

/// One file being read.
struct Reader<'a> {
    file: &'a str,
    faults: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn fault(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: &str) {
        self.faults.push(Diagnostic::error(code, self.file, span, message).with_help(help));
    }

    fn definition(&mut self, raw: &RawConnector) -> Option<Definition> {
        self.head(raw);
        let settings: BTreeMap<String, String> =
            raw.settings.iter().map(|(name, says)| (name.clone(), says.value.clone())).collect();
        let known = Known { settings: settings.keys().cloned().collect(), ..Known::default() };
        let key_header = raw.key_header.as_ref().map(|name| self.header_name(name));
        let health = self.request(&raw.health.request, &known);
        let errors = self.errors(&raw.errors);
        let lookups = raw.lookup.iter().map(|(kind, lookup)| (self.kind(kind, lookup.span), self.lookup(lookup, &known)));
        let lookups: Vec<_> = lookups.collect();
        let per_minute = *raw.per_minute;
        let verbs = raw.verbs.iter().map(|(name, verb)| self.offered(name, verb, &known, (key_header.is_some(), per_minute)));
        let verbs: Vec<_> = verbs.collect();
        let poll = raw.poll.as_ref().map(|poll| self.poll(poll, &known));
        let lists: Vec<_> = raw.lists.iter().map(|(name, list)| self.list(name, list, &known)).collect();
        let (verbs, offers) = verbs.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
        Some(Definition {
            name: raw.connector.value.clone(),
            title: raw.title.clone(),
            permissions: raw.permissions.value.clone(),
            settings,
            doors: self.doors(&raw.auth),
            per_minute,
            key_header,
            error_text: raw.error_text.clone(),
            success: raw.success.clone(),
            errors,
            health: health?,
            health_says: raw.health.says.clone(),
            lookups: lookups.into_iter().map(|(kind, lookup)| Some((kind?, lookup?))).collect::<Option<_>>()?,
            verbs,
            offers,
            poll: poll.map_or(Some(None), |poll| poll.map(Some))?,
            lists: lists.into_iter().collect::<Option<_>>()?,
        })
    }

    fn head(&mut self, raw: &RawConnector) {
        let stem = self.file.rsplit('/').next().unwrap_or("").trim_end_matches(".yaml");
        let plain = raw.connector.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if *raw.connector != stem || !plain || raw.connector.is_empty() {
            let help = "name it as its file, in small letters, digits and `-`";
            self.fault("connector-name", raw.connector.span, format!("`{}` is not the name of the file", *raw.connector), help);
        }
        if !raw.docs.starts_with("https://") {
            self.fault(
                "connector-docs",
                raw.docs.span,
                "`docs` is no link",
                "give the page of the vendor that describes this API",
            );
        }
        self.example(&raw.example);
        if raw.permissions.is_empty() {
            let help = "list what must be granted to the credential, and nothing that is not needed";
            self.fault("connector-permissions", raw.permissions.span, "nobody could tell what to grant", help);
        }
        if !(1..=PER_MINUTE_MAX).contains(&*raw.per_minute) {
            let message = format!("`per_minute` is from 1 to {PER_MINUTE_MAX}");
            self.fault(
                "connector-rate",
                raw.per_minute.span,
                message,
                "write what the vendor documents, less a reserve for others",
            );
        }
        for (name, says) in &raw.settings {
            if name.contains('.') || ["name", "key", "cursor", "found", "mark"].contains(&name.as_str()) {
                self.fault("connector-setting", says.span, format!("a setting cannot be called `{name}`"), "choose another name");
            }
        }
    }

    /// The example shows people what to write into the settings; the host itself is never in the file's requests.
    fn example(&mut self, example: &Located<String>) {
        if example.contains(['{', '}']) {
            let help = "the settings hold the base URL as a whole; write an example such as https://acme.okta.com";
            self.fault("connector-host", example.span, "a host is not made of inputs", help);
        } else if let Err(error) = Origin::read(example, false) {
            self.fault("connector-host", example.span, format!("`{}` is no base URL: {error}", **example), "");
        }
    }

    fn doors(&mut self, raw: &Located<RawAuth>) -> Doors {
        let doors = Doors {
            bearer: raw.bearer,
            basic: raw.basic,
            header: raw.header.as_ref().map(|header| (self.auth_header(&header.name), header.prefix.clone())),
            client_credentials: raw.client_credentials,
            token_exchange: raw.token_exchange,
        };
        let any = doors.bearer || doors.basic || doors.header.is_some() || doors.client_credentials || doors.token_exchange;
        if !any {
            let help = "write at least one of bearer, basic, header, client-credentials and token-exchange";
            self.fault("connector-auth", raw.span, "there is no way in", help);
        }
        doors
    }

    fn kind(&mut self, name: &str, span: Span) -> Option<EntityKind> {
        let found = KINDS.into_iter().find(|kind| kind.name() == name);
        if found.is_none() {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
            self.fault(
                "connector-kind",
                span,
                format!("`{name}` is no kind of thing"),
                &format!("write one of {}", names.join(", ")),
            );
        }
        found
    }

    /// A verb, and what the hand is told of it.
    fn offered(&mut self, name: &str, raw: &Located<RawVerb>, known: &Known, vendor: (bool, u32)) -> Option<(Verb, Offer)> {
        let kind = self.kind(&raw.kind, raw.kind.span);
        let with = raw.with.iter().map(|(name, kind)| Some((name.clone(), self.kind(kind, kind.span)?)));
        let with = with.collect::<Vec<_>>();
        let verb = self.verb(name, raw, known);
        let (verb, with) = (verb?, with.into_iter().collect::<Option<Vec<_>>>()?);
        // Read once when the hand starts, for as long as it runs.
        let with: Vec<(&'static str, EntityKind)> =
            with.into_iter().map(|(name, kind)| (&*Box::leak(name.into_boxed_str()), kind)).collect();
        let (takes_key, per_minute) = vendor;
        let offer = Offer {
            verb: verb.name,
            kind: kind?,
            reversible: matches!(verb.undo, Undo::Steps(_)),
            idempotency: match (takes_key, &verb.done) {
                (true, _) => Idempotency::Key,
                (false, Some(_)) => Idempotency::ReadBack,
                (false, None) => Idempotency::Repeat,
            },
            per_minute,
            with: with.leak(),
        };
        Some((verb, offer))
    }

    fn verb(&mut self, name: &str, raw: &Located<RawVerb>, known: &Known) -> Option<Verb> {
        let name = self.verb_name(name, raw.span);
        let known = Known { target: true, with: raw.with.keys().cloned().collect(), ..known.clone() };
        let find = raw.find.as_ref().map(|find| self.find(find, &known));
        let known = Known { found: find.is_some(), mark: true, ..known };
        let Some(probe) = &raw.probe else {
            let help =
                "say which request reads what the act changes; without it nobody can tell what was, or whether it was done";
            self.fault("connector-probe", raw.span, "the act has no probe", help);
            return None;
        };
        let (read, state) = self.probe(probe, &known, compares_mark(raw.done.as_ref()))?;
        let texts: Vec<&'static str> = raw.texts.iter().map(|name| self.text_name(name)).collect();
        let known = Known { act: true, before: state.keys().cloned().collect(), texts: texts.clone(), ..known };
        let done = self.done(raw, &state, &known);
        let from = self.states(&raw.act.from, &state, &known);
        let act = self.change(&raw.act.request, &raw.act.success, &known);
        let act = act.map(|act| Change { made: raw.act.made.clone(), ..act });
        let undo = self.undo(raw, &known, &state);
        Some(Verb {
            name: name?,
            find: find.map_or(Some(None), |find| find.map(Some))?,
            probe: read?,
            texts,
            id: probe.id.clone(),
            state,
            done: done?,
            from,
            act: act?,
            undo: undo?,
            errors: self.errors(&raw.errors),
        })
    }

    /// What reads the state, and its fields.
    fn probe(&mut self, raw: &Located<RawProbe>, known: &Known, marked: bool) -> Option<(Option<Probe>, Fields)> {
        match (&raw.request, &raw.found) {
            (Some(asked), None) => {
                let request = self.request(asked, known);
                self.reads(asked);
                // The mark of the action says to whom as well as the target does.
                if !marked {
                    self.names_target(asked, request.as_ref());
                }
                if raw.state.is_empty() {
                    self.fault("connector-probe", raw.span, "the probe reads nothing", "name the fields that the act changes");
                }
                Some((request.map(Probe::Ask), raw.state.clone()))
            }
            (None, Some(field)) if known.found && raw.state.is_empty() && raw.id.is_none() => {
                Some((Some(Probe::Found(field.value.clone())), Fields::from([(field.value.clone(), Path::default())])))
            }
            _ => {
                let help = "write `request` with `state`, or `found: NAME` alone where there is a `find`";
                self.fault("connector-probe", raw.span, "the probe reads in exactly one way", help);
                None
            }
        }
    }

    fn find(&mut self, raw: &Located<RawFind>, known: &Known) -> Option<Find> {
        let request = self.request(&raw.request, known);
        self.reads(&raw.request);
        self.names_target(&raw.request, request.as_ref());
        let records = raw.records.clone().map_or(Records::One(Path::default()), Records::List);
        Some(Find { request: request?, records, id: raw.id.clone() })
    }

    fn text_name(&mut self, name: &Located<String>) -> &'static str {
        if !TEXTS.contains(&name.as_str()) {
            let help = format!("a plan has the texts {}", TEXTS.join(", "));
            self.fault("connector-text", name.span, format!("nothing is told as `{}`", name.value), &help);
        }
        TEXTS.into_iter().find(|known| *known == name.as_str()).unwrap_or_default()
    }

    fn verb_name(&mut self, name: &str, span: Span) -> Option<&'static str> {
        let found = VERBS.iter().find(|verb| verb.name == name).map(|verb| verb.name);
        if found.is_none() {
            let nearest = adjutant_rules::lang::nearest(name, VERBS.iter().map(|verb| verb.name));
            let help = nearest
                .map_or_else(|| "a connector offers verbs of the book".to_owned(), |name| format!("did you mean `{name}`?"));
            self.fault("connector-verb", span, format!("`{name}` is no verb of the book"), &help);
        }
        found
    }

    /// What the records are.
    fn polled(&mut self, raw: &Located<RawPoll>, known: &Known) -> (String, Option<Verdict>) {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match (&raw.source, &raw.verdict) {
            (Some(source), None) if !source.is_empty() && source.bytes().all(plain) => (source.value.clone(), None),
            (None, Some(verdict)) => {
                if !known.settings.contains(&*verdict.own) {
                    let help = "name the setting that holds our own account there: what it closes is no verdict";
                    self.fault("connector-poll", verdict.own.span, format!("no setting is called `{}`", *verdict.own), help);
                }
                (String::new(), Some(closing(verdict)))
            }
            _ => {
                let span = raw.source.as_ref().map_or(raw.span, |source| source.span);
                let help = "name a source of the book under `source`, or say under `verdict` who closed what";
                self.fault("connector-poll", span, "the records are of no source", help);
                (String::new(), None)
            }
        }
    }

    fn poll(&mut self, raw: &Located<RawPoll>, known: &Known) -> Option<Poll> {
        let known = Known { cursor: true, ..known.clone() };
        let request = self.request(&raw.request, &known);
        self.reads(&raw.request);
        if request.as_ref().is_some_and(|request| !request.uses("cursor") && !request.uses("cursor.minutes")) {
            let help = "write {cursor}, the time from which on, or {cursor.minutes}, how many minutes ago that was, where the vendor takes it";
            self.fault("connector-poll", raw.request.span, "the request does not say since when", help);
        }
        let next = self.next(raw.next.as_ref(), raw.pages.as_ref());
        let (source, verdict) = self.polled(raw, &known);
        if !(1..=OVERLAP_SECONDS_MAX).contains(&*raw.overlap_seconds) {
            let message = format!("`overlap_seconds` is from 1 to {OVERLAP_SECONDS_MAX}");
            let help = "write how late the vendor's records may come";
            self.fault("connector-poll", raw.overlap_seconds.span, message, help);
        }
        let (next, pages_max) = next?;
        let records = Records::List(raw.records.clone());
        Some(Poll {
            source,
            verdict,
            list: Pages { request: request?, records, none: Conditions::new(), next, pages_max },
            cursor: raw.cursor.clone(),
            overlap: Duration::from_secs((*raw.overlap_seconds).into()),
        })
    }
}

fn closing(raw: &RawVerdict) -> Verdict {
    let last = raw.last.as_ref().map(|last| Last {
        of: last.of.clone(),
        place: last.place.clone(),
        is: last.is.clone(),
        at: last.at.clone(),
    });
    Verdict {
        case: raw.case.clone(),
        case_after: raw.case_after.clone(),
        last,
        by: raw.by.clone(),
        id: raw.id.clone(),
        own: raw.own.value.clone(),
    }
}

/// Whether what was done is known by the action's mark.
fn compares_mark(done: Option<&RawStates>) -> bool {
    let has = |wanted: &RawWanted| matches!(wanted, RawWanted::Has(text) if text.contains("{mark}"));
    done.is_some_and(|done| done.values().any(|wanted| has(&wanted.value)))
}

/// Field names of a state.
type Fields = BTreeMap<String, Path>;

#[cfg(test)]
mod tests;
