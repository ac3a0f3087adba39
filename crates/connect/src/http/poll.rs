//! Polling as a connector's file describes it, and the service's intake that takes the records.

use super::client::{Answer, Client, Failure, Sent, SystemNames};
use super::connector::{Does, HttpConnector, target, unfit};
use super::definition::{Last, Poll, Verdict};
use super::origin::Origin;
use super::settings::{Checked, Fault, certificates};
use adjutant_hand::connector::CallError;
use adjutant_hand::poll::{self, Page, Polls};
use adjutant_hand::secret_ref::SecretRef;
use adjutant_model::{Secret, Time};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Characters of a time up to its seconds: `2026-03-01T09:14:07`.
const SECONDS_CHARS: usize = 19;

/// Characters of whoever closed a ticket.
const NAME_CHARS_MAX: usize = 80;

impl HttpConnector {
    pub(super) fn polled(&self) -> Option<Polls> {
        let poll = self.definition.poll.as_ref()?;
        Some(Polls { source: poll.source.clone(), verdicts: poll.verdict.is_some(), overlap: poll.overlap, marks: false })
    }

    pub(super) fn page(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        let none = || CallError::Permanent(format!("{} polls nothing", self.definition.title));
        let Poll { list, cursor, verdict, .. } = self.definition.poll.as_ref().ok_or_else(none)?;
        // Whole seconds: not every vendor reads parts of them.
        let minutes = self.minutes_since(since);
        let since = Time::from_secs(since.secs()).to_string();
        let inputs = |name: &str| match name {
            "cursor" => Some(since.clone()),
            "cursor.minutes" => Some(minutes.to_string()),
            name => self.setting(name),
        };
        let first = target(&list.request, &inputs).map_err(|error| unfit(&error))?;
        let answer = self.send_to(&list.request, next.unwrap_or(&first), &inputs, (None, Does::Read))?;
        let mut body = self.read(&answer, None)?;
        let next = self.next(list, &answer, &body, &first)?;
        let records = self.listed(&list.records, &mut body)?;
        // Okta names a next page for ever; a page without records is the last one.
        let next = next.filter(|_| !records.is_empty());
        let timed = |record: Value| {
            let at = cursor.text(&record).unwrap_or_default();
            match verdict {
                Some(verdict) => (at.clone(), self.closed(verdict, &record, &at).unwrap_or_default()),
                None => (at, record),
            }
        };
        Ok(Page { records: records.into_iter().map(timed).collect(), next, ..Page::default() })
    }

    /// Whole minutes since then, and one more: whoever reads minutes alone cuts off seconds.
    fn minutes_since(&self, since: Time) -> i64 {
        self.now().since(since).secs().max(0) / 60 + 2
    }

    /// Who closed which case; none where it was ourselves, or no case can be told.
    fn closed(&self, verdict: &Verdict, record: &Value, at: &str) -> Option<Value> {
        let (closing, at) = match &verdict.last {
            None => (record, poll::time(at)?),
            Some(last) => last.found(record)?,
        };
        let by = verdict.by.text(closing)?;
        if self.setting(&verdict.own).is_none_or(|own| own.eq_ignore_ascii_case(&by)) {
            return None;
        }
        let cases = verdict.case.texts(record)?;
        let mut cases = cases.iter().filter_map(|text| crate::case(text.strip_prefix(&verdict.case_after)?));
        let (Some(case), None) = (cases.next(), cases.next()) else { return None };
        Some(json!({ "case": case.target.id, "by": by, "id": verdict.id.text(record)?, "at": at.to_string() }))
    }
}

impl Last {
    /// The last one, and when it happened; none where that cannot be told.
    fn found<'r>(&self, record: &'r Value) -> Option<(&'r Value, Time)> {
        let all = self.of.find(record)?.as_array()?;
        let is_one = |one: &&Value| self.place.texts(one).is_some_and(|texts| texts.contains(&self.is));
        let timed = all.iter().filter(is_one).filter_map(|one| Some((one, poll::time(&self.at.text(one)?)?)));
        timed.max_by_key(|(_, at)| *at)
    }
}

/// Where the service takes what is polled, as the hand's settings say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeSettings {
    /// The service, such as `https://adjutant.corp.example`.
    pub url: String,
    /// Its token: one that sends alerts and may do nothing else, or for verdicts one of an analyst.
    pub token: SecretRef,
    /// Allows `http://`, to this machine alone.
    #[serde(default)]
    pub plaintext: bool,
    /// Ranges of addresses inside that may be called.
    #[serde(default)]
    pub allow: Vec<String>,
    /// A file with the certificates of whoever vouches for the service.
    pub ca: Option<PathBuf>,
}

/// A place of the service, and a token that lets in there.
struct Door {
    at: Origin,
    client: Client,
    token: Secret,
}

impl Door {
    /// The one that `settings` name.
    ///
    /// # Errors
    /// What is wrong with them.
    fn new(settings: &IntakeSettings, token: Secret) -> Result<Self, Fault> {
        let url = |error: super::origin::NoOrigin| Fault::Url { name: "url", text: settings.url.clone(), why: error.0 };
        let door = Origin::read(&settings.url, settings.plaintext).map_err(url)?;
        let range = |text: &String| text.parse::<IpNet>().map_err(|_| Fault::Range(text.clone()));
        let checked = Checked {
            base: door.clone(),
            tokens: None,
            values: BTreeMap::new(),
            allowed: settings.allow.iter().map(range).collect::<Result<_, _>>()?,
            connect: Duration::from_secs(5),
            call: Duration::from_secs(60),
            roots: settings.ca.as_deref().map(certificates).transpose()?,
        };
        if !token.reveal().bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
            return Err(Fault::Secret);
        }
        Ok(Self { at: door, client: Client::new(&checked, Arc::new(SystemNames)), token })
    }

    /// What the service answers; whoever gets the same again knows it, so that a lost answer does no harm.
    fn ask(&self, method: &'static str, place: &str, body: Option<Zeroizing<Vec<u8>>>) -> Result<Answer, CallError> {
        self.ask_with(method, place, body.map(|body| ("application/json", body)))
    }

    fn ask_with(&self, method: &'static str, place: &str, body: Option<Body>) -> Result<Answer, CallError> {
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.reveal()));
        let headers = [("authorization".to_owned(), bearer)];
        let answered = self.client.send(&self.at, Sent { method, target: place, headers: &headers, body });
        answered.map_err(|failure| match failure {
            Failure::NotSent(why) | Failure::Lost(why) | Failure::Refused(why) => {
                CallError::Retry(format!("the service does not answer: {why}"))
            }
        })
    }
}

/// What is sent, and of what kind it is.
type Body = (&'static str, Zeroizing<Vec<u8>>);

/// The service's intake, with a token that sends alerts and may do nothing else.
pub struct Intake(Door);

impl Intake {
    /// What an answer to alerts of `source` means.
    fn taken(source: &str, status: u16) -> Result<(), CallError> {
        let retry = |why: String| Err(CallError::Retry(format!("the service does not take alerts: {why}")));
        match status {
            200 => Ok(()),
            400 | 413 | 422 => Err(CallError::Permanent(format!("the service answered {status}"))),
            401 | 403 => retry(format!("it answered {status}: its token may not send alerts of `{source}`")),
            404 => retry(format!("it answered 404: its book has no source `{source}`")),
            status => retry(format!("it answered {status}")),
        }
    }

    /// The one that `settings` name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &IntakeSettings, token: Secret) -> Result<Self, Fault> {
        Door::new(settings, token).map(Self)
    }
}

/// Where the service takes verdicts, with a token of an analyst.
pub struct Verdicts(Door);

impl Verdicts {
    /// The one that `settings` name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &IntakeSettings, token: Secret) -> Result<Self, Fault> {
        Door::new(settings, token).map(Self)
    }

    /// Closes the case of one record, unless it is closed, or something happened to it since.
    fn close(&self, closed: &Closed) -> Result<(), CallError> {
        let place = format!("/v1/cases/{}", closed.case);
        let retry = |status: u16| CallError::Retry(format!("the service answered {status} about case {}", closed.case));
        let answer = self.0.ask("GET", &place, None)?;
        match answer.status {
            200 => {}
            404 => return Ok(()),
            status => return Err(retry(status)),
        }
        let case = answer.json().map_err(|_| retry(200))?;
        let open = matches!(case["status"].as_str(), Some("open" | "escalated"));
        let seconds = |at: &str| at.get(..SECONDS_CHARS).unwrap_or(at).to_owned();
        let told = case["story"].as_array().into_iter().flatten();
        let changed = told.filter(|told| matches!(told["kind"].as_str(), Some("decided" | "verdict")));
        let since = changed.filter_map(|told| told["at"].as_str()).any(|at| seconds(at) > seconds(&closed.at));
        if !open || since {
            return Ok(());
        }
        let tame: String = closed.by.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let note =
            format!("closed by {tame} in ticket {}", closed.id.chars().filter(|c| !c.is_control()).take(40).collect::<String>());
        // A verdict cites evidence; a tracker says none, and the last row is the score.
        let row = case["evidence"].as_array().and_then(|rows| rows.last()).map(|row| row["row"].clone());
        let body = json!({ "verdict": "close", "because": [row], "note": note }).to_string().into_bytes();
        match self.0.ask("POST", &format!("{place}/verdict"), Some(Zeroizing::new(body)))?.status {
            // It was closed meanwhile, or removed.
            200 | 404 | 409 => Ok(()),
            400 | 422 => Err(CallError::Permanent("the service takes no such verdict".to_owned())),
            status => Err(retry(status)),
        }
    }
}

/// Who closed which case.
#[derive(Deserialize)]
struct Closed {
    case: String,
    by: String,
    id: String,
    at: String,
}

impl poll::Intake for Verdicts {
    fn take(&self, _: &str, records: &[&Value]) -> Result<(), CallError> {
        for record in records {
            let closed = Closed::deserialize(*record).map_err(|_| CallError::Permanent("it is no verdict".to_owned()))?;
            self.close(&closed)?;
        }
        Ok(())
    }
}

impl poll::Intake for Intake {
    fn take(&self, source: &str, records: &[&Value]) -> Result<(), CallError> {
        let unwritten = |_| CallError::Permanent("the records cannot be written".to_owned());
        let body = Zeroizing::new(serde_json::to_vec(records).map_err(unwritten)?);
        Self::taken(source, self.0.ask("POST", &format!("/v1/alerts/{source}"), Some(body))?.status)
    }

    fn take_message(&self, message: &[u8]) -> Result<poll::Taken, CallError> {
        let kind = if adjutant_mail::is_answered(message) { "application/json" } else { "message/rfc822" };
        let body = (kind, Zeroizing::new(message.to_vec()));
        let answer = self.0.ask_with("POST", "/v1/mail", Some(body))?;
        Self::taken("mail", answer.status)?;
        // It is taken, whatever else is said.
        Ok(answer.json().ok().and_then(|said| poll::Taken::deserialize(said).ok()).unwrap_or_default())
    }
}
