//! Tells people outside: by a signed request (Standard Webhooks), and by mail.

use adjutant_runtime::ports::{Bus, CallError, Change, Outgoing};
use adjutant_server::config::{Config, SecretPlaces, Smtp};
use adjutant_server::events::{Events, Topic};
use adjutant_server::gate::SigningKey;
use adjutant_server::secret::Secret;
use adjutant_server::traces::took;
use anyhow::Context;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message, SmtpTransport, Transport};
use opentelemetry::KeyValue;
use std::sync::Arc;
use std::time::Duration;

/// A call may take so long.
const CALL: Duration = Duration::from_secs(10);

/// Tells readers that something changed, and the world what it is to know.
pub(super) struct Teller {
    events: Arc<Events>,
    webhook: Option<(String, SigningKey)>,
    mail: Option<(SmtpTransport, Mailbox, Vec<Mailbox>)>,
    agent: ureq::Agent,
    clock: adjutant_server::gate::Clock,
    /// Somebody collects traces.
    traced: bool,
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
        Ok(Self { events, webhook: webhook.transpose()?, mail, agent: agent(), clock, traced })
    }

    /// Whether anybody is told.
    pub(super) fn tells(&self) -> bool {
        self.webhook.is_some() || self.mail.is_some()
    }

    fn by_webhook(&self, message: &Outgoing) -> Result<(), CallError> {
        let Some((url, key)) = &self.webhook else { return Ok(()) };
        let (id, seconds) = (format!("msg_{}", message.id), (self.clock)().0 / 1_000_000);
        let sent = self
            .agent
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &seconds.to_string())
            .header("webhook-signature", &key.sign(&id, seconds, message.body.as_bytes()))
            .send(message.body.as_bytes());
        match sent.map(|answer| answer.status().as_u16()) {
            Ok(200..=299) => Ok(()),
            Ok(status @ (408 | 425 | 429 | 500..)) => Err(CallError::Retry(format!("the webhook answered {status}"))),
            Ok(status) => Err(CallError::Permanent(format!("the webhook answered {status}"))),
            Err(error) => Err(CallError::Retry(error.to_string())),
        }
    }

    fn by_mail(&self, message: &Outgoing) -> Result<(), CallError> {
        let Some((transport, from, to)) = &self.mail else { return Ok(()) };
        let text: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let says = |name: &str| text.get(name).and_then(|value| value.as_str()).unwrap_or("").chars().filter(|c| !c.is_control());
        let subject: String = match message.topic.as_str() {
            "case" => "Adjutant: ".chars().chain(says("outcome")).chain(" ".chars()).chain(says("subject")).take(120).collect(),
            _ => "Adjutant: ".chars().chain(says("notice")).take(120).collect(),
        };
        let mut letter = Message::builder().from(from.clone()).subject(subject).header(ContentType::TEXT_PLAIN);
        for one in to {
            letter = letter.to(one.clone());
        }
        let body = serde_json::to_string_pretty(&text).unwrap_or_default();
        let letter = letter.body(body).map_err(|error| CallError::Permanent(error.to_string()))?;
        match transport.send(&letter) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(CallError::Permanent(error.to_string())),
            Err(error) => Err(CallError::Retry(error.to_string())),
        }
    }
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
        let delivered = self.by_webhook(message).and_then(|()| self.by_mail(message));
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
