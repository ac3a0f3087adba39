//! Polling as a connector's file describes it, and the service's intake that takes the records.

use super::client::{Client, Failure, Names, Sent, SystemNames};
use super::connector::{Does, HttpConnector, target, unfit};
use super::definition::Poll;
use super::origin::Origin;
use super::settings::{Checked, Fault, certificates};
use adjutant_hand::connector::CallError;
use adjutant_hand::poll::{self, Page, Polls};
use adjutant_hand::secret_ref::SecretRef;
use adjutant_model::{Secret, Time};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

impl HttpConnector {
    pub(super) fn polled(&self) -> Option<Polls> {
        let poll = self.definition.poll.as_ref()?;
        Some(Polls { source: poll.source.clone(), overlap: poll.overlap })
    }

    pub(super) fn page(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        let none = || CallError::Permanent(format!("{} polls nothing", self.definition.title));
        let Poll { list, cursor, .. } = self.definition.poll.as_ref().ok_or_else(none)?;
        let inputs = |name: &str| if name == "cursor" { Some(since.to_string()) } else { self.setting(name) };
        let first = target(&list.request, &inputs).map_err(|error| unfit(&error))?;
        let answer = self.send_to(&list.request, next.unwrap_or(&first), &inputs, (None, Does::Read))?;
        let mut body = self.read(&answer, None)?;
        let next = self.next(list, &answer, &body, &first)?;
        let records = self.listed(&list.records, &mut body)?;
        // Okta names a next page for ever; a page without records is the last one.
        let next = next.filter(|_| !records.is_empty());
        let timed = |record: Value| Some((cursor.text(&record).unwrap_or_default(), record));
        Ok(Page { records: records.into_iter().filter_map(timed).collect(), next })
    }
}

/// Where the service takes alerts, as the hand's settings say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeSettings {
    /// The service, such as `https://adjutant.corp.example`.
    pub url: String,
    /// A token that sends alerts and may do nothing else.
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

/// The service's intake, with a token that sends alerts and may do nothing else.
pub struct Intake {
    door: Origin,
    client: Client,
    token: Secret,
}

impl Intake {
    /// The one that `settings` name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &IntakeSettings, token: Secret) -> Result<Self, Fault> {
        Self::with_names(settings, token, Arc::new(SystemNames))
    }

    fn with_names(settings: &IntakeSettings, token: Secret, names: Arc<dyn Names>) -> Result<Self, Fault> {
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
        Ok(Self { door, client: Client::new(&checked, names), token })
    }
}

impl poll::Intake for Intake {
    fn take(&self, source: &str, records: &[&Value]) -> Result<(), CallError> {
        let unwritten = |_| CallError::Permanent("the records cannot be written".to_owned());
        let body = Zeroizing::new(serde_json::to_vec(records).map_err(unwritten)?);
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.reveal()));
        let place = format!("/v1/alerts/{source}");
        let headers = [("authorization".to_owned(), bearer)];
        let sent = Sent { method: "POST", target: &place, headers: &headers, body: Some(("application/json", body)) };
        let retry = |why: String| Err(CallError::Retry(format!("the service does not take alerts: {why}")));
        match self.client.send(&self.door, sent) {
            // Whoever gets the same again knows it: an answer that was lost does no harm.
            Err(Failure::NotSent(why) | Failure::Lost(why) | Failure::Refused(why)) => retry(why),
            Ok(answer) => match answer.status {
                200 => Ok(()),
                400 | 413 | 422 => Err(CallError::Permanent(format!("the service answered {}", answer.status))),
                401 | 403 => retry(format!("it answered {}: its token may not send alerts of `{source}`", answer.status)),
                404 => retry(format!("it answered 404: its book has no source `{source}`")),
                status => retry(format!("it answered {status}")),
            },
        }
    }
}
