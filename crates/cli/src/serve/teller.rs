//! Tells people outside: by a signed request (Standard Webhooks), and by mail.

use crate::term::is_hostile;
use adjutant_model::Digest;
use adjutant_rules::question;
use adjutant_runtime::ports::{Bus, CallError, Change, Outgoing};
use adjutant_server::config::{Config, SecretPlaces, Smtp};
use adjutant_server::events::{Events, Topic};
use adjutant_server::gate::SigningKey;
use adjutant_server::letters::post::{self, Carrier};
use adjutant_server::secret::Secret;
use adjutant_server::slack;
use adjutant_server::traces::took;
use anyhow::Context;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message, SmtpTransport, Transport};
use opentelemetry::KeyValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A call may take so long.
const CALL: Duration = Duration::from_secs(10);

/// Ways that are remembered as settled while another one of the same message is tried again.
const SETTLED_MAX: usize = 10_000;

/// Characters of a line in a channel.
const SLACK_CHARS_MAX: usize = 300;

/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 120;

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Webhook,
    Mail,
    Slack,
}

impl Way {
    const ALL: [Way; 3] = [Way::Webhook, Way::Mail, Way::Slack];
}

/// Tells readers that something changed, and the world what it is to know.
pub(super) struct Teller {
    events: Arc<Events>,
    webhook: Option<(String, SigningKey)>,
    mail: Option<(SmtpTransport, Mailbox, Vec<Mailbox>)>,
    /// The URL, which is a secret.
    slack: Option<Secret>,
    /// Whether clicks are heard.
    clicks: bool,
    agent: ureq::Agent,
    clock: adjutant_server::gate::Clock,
    /// Somebody collects traces.
    traced: bool,
    /// Ways on which a message arrived, or was refused for ever (why), while another way is still to be tried again: one
    /// that fails must neither hold back nor repeat the other. Lost with the process, which then repeats.
    settled: Mutex<BTreeMap<(i64, Way), Option<String>>>,
}

/// What tells a message from every other. Numbers alone begin anew with a store, and go back with a restored one: who
/// drops what came before would drop news.
fn name(message: &Outgoing) -> String {
    let digest = Digest::of(message.body.as_bytes()).to_string();
    format!("msg_{}_{}", message.id, digest.get(..16).unwrap_or(&digest))
}

/// A secret where the configuration says that it stands.
pub(super) fn secret(reference: &adjutant_server::config::SecretRef) -> anyhow::Result<Secret> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(std::path::PathBuf::from);
    let places = SecretPlaces { environment: &|name| std::env::var(name).ok(), credentials: credentials.as_deref() };
    Ok(reference.resolve(&places)?)
}

/// A client that follows nothing and waits for nobody long.
pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(CALL)).max_redirects(0).http_status_as_error(false).build().into()
}

impl Teller {
    pub(super) fn new(
        config: &Config,
        events: Arc<Events>,
        clock: adjutant_server::gate::Clock,
        traced: bool,
    ) -> anyhow::Result<Self> {
        let webhook = config
            .notify
            .webhook
            .as_ref()
            .map(|webhook| -> anyhow::Result<_> { Ok((webhook.url.clone(), SigningKey::read(&secret(&webhook.secret)?)?)) });
        let mail = config.notify.smtp.as_ref().map(mail).transpose()?;
        let slack = config.notify.slack.as_ref().map(|slack| slack_url(&slack.url)).transpose()?;
        let clicks = config.notify.slack.as_ref().is_some_and(|slack| slack.signing_secret.is_some());
        let settled = Mutex::default();
        Ok(Self { events, webhook: webhook.transpose()?, mail, slack, clicks, agent: agent(), clock, traced, settled })
    }

    /// Whether anybody is told.
    pub(super) fn tells(&self) -> bool {
        self.webhook.is_some() || self.mail.is_some() || self.slack.is_some()
    }

    fn by_webhook(&self, message: &Outgoing) -> Result<(), CallError> {
        let Some((url, key)) = &self.webhook else { return Ok(()) };
        self.post((url.as_str(), key), &name(message), &message.body)
    }

    fn post(&self, (url, key): (&str, &SigningKey), id: &str, body: &str) -> Result<(), CallError> {
        let seconds = (self.clock)().0 / 1_000_000;
        let sent = self
            .agent
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &seconds.to_string())
            .header("webhook-signature", &key.sign(id, seconds, body.as_bytes()))
            .send(body.as_bytes());
        match sent {
            Ok(answer) => told("the webhook", answer.status().as_u16()),
            Err(error) => Err(CallError::Retry(error.to_string())),
        }
    }

    /// Says in a channel that there is something to look at. Nothing of what alerts say goes there, nor any link.
    fn by_slack(&self, message: &Outgoing) -> Result<(), CallError> {
        let Some(url) = &self.slack else { return Ok(()) };
        let text: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let says = |name: &str| text.get(name).and_then(|value| value.as_str()).unwrap_or("");
        let line = match message.topic.as_str() {
            "case" => format!("case {}: {} by {}", says("case"), says("outcome"), says("playbook")),
            _ => says("notice").to_owned(),
        };
        let line: String = line.chars().map(|c| if is_hostile(c) { ' ' } else { c }).take(SLACK_CHARS_MAX).collect();
        let line = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut body = serde_json::json!({ "text": format!("Adjutant: {line}"), "mrkdwn": false, "unfurl_links": false });
        if self.clicks && message.topic == "waits" {
            body["blocks"] = buttons(&line, says("plan"));
        }
        let sent = self.agent.post(url.reveal()).header("content-type", "application/json").send(body.to_string().as_bytes());
        // What the client says of an error may hold the URL.
        sent.map_or_else(
            |_| Err(CallError::Retry("Slack cannot be reached".into())),
            |answer| told("Slack", answer.status().as_u16()),
        )
    }

    fn by_mail(&self, message: &Outgoing) -> Result<(), CallError> {
        let Some((transport, from, to)) = &self.mail else { return Ok(()) };
        let text: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let says = |name: &str| text.get(name).and_then(|value| value.as_str()).unwrap_or("");
        let subject = match message.topic.as_str() {
            "case" => format!("Adjutant: {} {}", says("outcome"), says("subject")),
            _ => format!("Adjutant: {}", says("notice")),
        };
        // What an alert says must neither begin another header nor turn the line around.
        let tame = |c: char| if is_hostile(c) { ' ' } else { c };
        let subject: String = subject.chars().map(tame).take(SUBJECT_CHARS_MAX).collect();
        // In JSON a control character is an escape; the others that act instead of being seen are not.
        let body = serde_json::to_string_pretty(&text).unwrap_or_default();
        let body: String = body.chars().filter(|c| *c == '\n' || !is_hostile(*c)).collect();
        mailed((transport, from), to, (&name(message), subject, body))
    }
}

/// What can be clicked below a plan that waits: to deny it, and to get one's letter again. What approves is a signature.
fn buttons(line: &str, plan: &str) -> serde_json::Value {
    let button = |id: &str, says: &str, style: Option<&str>| {
        let mut button = serde_json::json!({ "type": "button", "action_id": id, "value": plan, "text": { "type": "plain_text", "text": says } });
        if let Some(style) = style {
            button["style"] = style.into();
        }
        button
    };
    let actions = [button(slack::PAGE, "Send me its page", None), button(slack::DENY, "Deny", Some("danger"))];
    serde_json::json!([
        { "type": "section", "text": { "type": "plain_text", "text": format!("Adjutant: {line}") } },
        { "type": "actions", "elements": actions },
    ])
}

/// Sends one mail of plain text.
fn mailed(
    (transport, from): (&SmtpTransport, &Mailbox),
    to: &[Mailbox],
    (name, subject, body): (&str, String, String),
) -> Result<(), CallError> {
    let id = format!("<{name}@{}>", from.email.domain());
    let mut letter = Message::builder().from(from.clone()).subject(subject).message_id(Some(id));
    letter = letter.header(MIME_VERSION_1_0).header(ContentType::TEXT_PLAIN);
    for one in to {
        letter = letter.to(one.clone());
    }
    let letter = letter.body(body).map_err(|error| CallError::Permanent(error.to_string()))?;
    match transport.send(&letter) {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(CallError::Permanent(error.to_string())),
        Err(error) => Err(CallError::Retry(error.to_string())),
    }
}

impl Carrier for Teller {
    fn carry(&self, letter: &post::Message) -> Result<(), CallError> {
        let id = format!("letter_{}", letter.id);
        match (letter.to.way, &self.mail, &self.webhook) {
            (question::Way::Mail, Some((transport, from, _)), _) => {
                let to = letter.to.address.parse::<Mailbox>().map_err(|error| CallError::Permanent(error.to_string()))?;
                mailed((transport, from), &[to], (&id, letter.subject.clone(), letter.text.clone()))
            }
            (way @ (question::Way::Phone | question::Way::Chat), _, Some((url, key))) => {
                let body = serde_json::json!({
                    "letter": { "way": way.name(), "to": letter.to.address, "subject": letter.subject, "text": letter.text },
                });
                self.post((url.as_str(), key), &id, &body.to_string())
            }
            _ => Err(CallError::Permanent(format!("there is no way by {}", letter.to.way.name()))),
        }
    }
}

/// What an answer means: it arrived, it is to be sent again, or it never will arrive.
fn told(who: &str, status: u16) -> Result<(), CallError> {
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500.. => Err(CallError::Retry(format!("{who} answered {status}"))),
        _ => Err(CallError::Permanent(format!("{who} answered {status}"))),
    }
}

fn slack_url(reference: &adjutant_server::config::SecretRef) -> anyhow::Result<Secret> {
    let url = secret(reference)?;
    let fits = url.reveal().starts_with("https://") || url.reveal().starts_with("http://127.0.0.1:");
    anyhow::ensure!(fits, "`notify.slack.url` is no https URL of an incoming webhook");
    Ok(url)
}

fn mail(smtp: &Smtp) -> anyhow::Result<(SmtpTransport, Mailbox, Vec<Mailbox>)> {
    let mailbox = |text: &String| text.parse::<Mailbox>().with_context(|| format!("`{text}` is no mail address"));
    let (host, port) =
        smtp.server.rsplit_once(':').map_or((smtp.server.as_str(), None), |(host, port)| (host, port.parse().ok()));
    // A mail server on this machine is talked to in the clear; any other one over TLS.
    let local = matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]");
    let builder = if local { SmtpTransport::builder_dangerous(host) } else { SmtpTransport::starttls_relay(host)? };
    let builder = port.map_or(builder.clone(), |port| builder.port(port)).timeout(Some(CALL));
    let builder = match (&smtp.user, &smtp.password) {
        (Some(user), Some(password)) => {
            builder.credentials(Credentials::new(user.clone(), secret(password)?.reveal().to_owned()))
        }
        _ => builder,
    };
    Ok((builder.build(), mailbox(&smtp.from)?, smtp.to.iter().map(mailbox).collect::<Result<_, _>>()?))
}

impl Bus for Teller {
    fn changed(&self, what: Change) {
        self.events.tell(match what {
            Change::Queue => Topic::Queue,
            Change::Health => Topic::Health,
        });
    }

    fn settled(&self, micros: u64, pieces: usize) {
        if self.traced {
            took(
                "commit",
                (self.clock)(),
                micros,
                vec![KeyValue::new("adjutant.pieces", i64::try_from(pieces).unwrap_or(i64::MAX))],
            );
        }
    }

    fn deliver(&self, message: &Outgoing) -> Result<(), CallError> {
        let began = (self.clock)();
        let delivered = self.by_all_ways(message);
        if self.traced {
            let attributes = vec![
                KeyValue::new("adjutant.topic", message.topic.clone()),
                KeyValue::new("adjutant.attempt", i64::from(message.attempts)),
                KeyValue::new("adjutant.delivered", delivered.is_ok()),
            ];
            let ended = (self.clock)();
            took("deliver", ended, ended.since(began).0.max(0).cast_unsigned(), attributes);
        }
        delivered
    }
}

impl Teller {
    fn by_all_ways(&self, message: &Outgoing) -> Result<(), CallError> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if settled.len() > SETTLED_MAX {
            settled.clear();
        }
        let mut again = None;
        for way in Way::ALL {
            if settled.contains_key(&(message.id, way)) {
                continue;
            }
            let sent = match way {
                Way::Webhook => self.by_webhook(message),
                Way::Mail => self.by_mail(message),
                Way::Slack => self.by_slack(message),
            };
            match sent {
                Ok(()) => drop(settled.insert((message.id, way), None)),
                Err(CallError::Permanent(why)) => drop(settled.insert((message.id, way), Some(why))),
                Err(error) => again = Some(error),
            }
        }
        if let Some(error) = again {
            return Err(error);
        }
        let ways = Way::ALL.into_iter();
        let refused: Vec<String> = ways.filter_map(|way| settled.remove(&(message.id, way)).flatten()).collect();
        if refused.is_empty() { Ok(()) } else { Err(CallError::Permanent(refused.join("; "))) }
    }
}
