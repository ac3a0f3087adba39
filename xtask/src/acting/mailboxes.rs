//! A real Dovecot whose log is the record of what was done, and for each trial a mailbox and a proxy before it that breaks what
//! passes. Letters go over IMAP, or over SMTP to the same server, which delivers them to itself before it answers.

#[path = "../../../crates/connect/tests/imap/dovecot.rs"]
pub mod dovecot;
mod imap;
#[path = "../../../crates/connect/tests/imap/pipe.rs"]
mod pipe;
mod smtp;

use super::auditor::Effect;
use super::clock::Clock;
use super::fault::Fault;
use super::proxy::Proxy;
use super::{Servers, Verb, World};
use adjutant_connect::imap::{Imap, Settings};
use adjutant_hand::connector::Connector;
use adjutant_model::{EntityKind, Secret};
use anyhow::{Context as _, Result};
use dovecot::{Client, Dovecot, HAND, OWN, PASSWORD, Wanted};
use pipe::Pipe;
use rusqlite::Connection;
use serde_json::json;
use smtp::Smtp;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A verb, what it is done to, and whether it can be taken back. What cannot is a letter.
const VERBS: [(&str, EntityKind, bool); 4] = [
    ("quarantine-message", EntityKind::Message, true),
    ("warn-recipient", EntityKind::Message, false),
    ("acknowledge-report", EntityKind::User, false),
    ("tell-reporter", EntityKind::User, false),
];

/// The other way of a letter.
const BY_SMTP: &str = "by SMTP";

/// Who sends letters over SMTP.
const SENDER: &str = "security@corp.example";

/// When the messages of a trial came.
const DATE: &str = "01-Feb-2020 10:00:00 +0000";

/// The server's log is written by a process of its own, soon.
const LOG_WITHIN: Duration = Duration::from_secs(5);

/// The mail server.
pub struct Mailboxes(Arc<Dovecot>);

impl Mailboxes {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let server = Dovecot::start(super::bench::quick_folder()?, &Wanted { submits: true, ..Wanted::default() })?;
        if server.submission.is_none() {
            println!("letters are not tried over SMTP: Dovecot delivers as root alone");
        }
        Ok(Self(Arc::new(server)))
    }
}

/// The settings of a connector to the server at `port`.
pub fn settings(port: u16, mailboxes: &[String]) -> Result<Settings> {
    let settings = json!({ "url": format!("imap://127.0.0.1:{port}"), "plaintext": true, "user": HAND, "password": { "env": "P" },
        "mailboxes": mailboxes, "letters_from": "Security <security@corp.example>", "connect_seconds": 1, "request_seconds": 1 });
    Ok(serde_json::from_value(settings)?)
}

/// A message with this identifier.
fn message(id: &str) -> Vec<u8> {
    format!("From: bank@evil.example\r\nSubject: your account\r\nMessage-ID: <{id}>\r\n\r\nGo to https://evil.example/\r\n")
        .into()
}

impl Servers for Mailboxes {
    fn verbs(&self) -> Vec<Verb> {
        let one = |(verb, kind, reversible), variant| Verb { connector: "imap", verb, kind, reversible, shows: true, variant };
        let letters = VERBS.into_iter().filter(|(.., reversible)| !reversible && self.0.submission.is_some());
        VERBS.into_iter().map(|verb| one(verb, "")).chain(letters.map(|verb| one(verb, BY_SMTP))).collect()
    }

    fn world(&self, verb: &Verb, nth: usize, clock: &Clock) -> Result<Box<dyn World>> {
        let logged = self.0.logged();
        let (mailbox, id) = (format!("t{nth}@corp.example"), format!("m{nth}@evil.example"));
        let mut owner = self.0.owner(&mailbox)?;
        owner.append("INBOX", "\\Seen $work", DATE, &message(&id))?;
        owner.append("INBOX", "", DATE, &message("honest@corp.example"))?;
        let (mut proxy, imap, submission) = (Proxy::new(clock), self.0.port, self.0.submission.unwrap_or_default());
        let door = proxy.before(move |client| Pipe::new(client, imap))?;
        let letters = proxy.before(move |client| Smtp::new(client, submission))?;
        let connector = |port| -> Result<Imap> {
            let mut settings = settings(port, std::slice::from_ref(&mailbox))?;
            let mut password = None;
            if verb.variant == BY_SMTP {
                let smtp =
                    json!({ "url": format!("smtp://{letters}"), "plaintext": true, "user": SENDER, "password": { "env": "P" } });
                (settings.smtp, password) = (serde_json::from_value(smtp)?, Some(Secret::new(OWN.to_owned())));
            }
            Ok(Imap::new(settings, Secret::new(PASSWORD.to_owned()), password, clock.told())?)
        };
        let name = if verb.kind == EntityKind::User { mailbox.clone() } else { id.clone() };
        let found = connector(self.0.port)?.lookup(verb.kind, &name)?.pop().context("the target is not found")?;
        let connector = Arc::new(connector(door.port())?);
        let server = Arc::clone(&self.0);
        Ok(Box::new(Place { server, proxy, connector, mailbox, about: id, name, id: found.target.id, verb: *verb, logged }))
    }
}

/// A mailbox with a message to act on and one to leave alone.
struct Place {
    server: Arc<Dovecot>,
    proxy: Proxy,
    connector: Arc<Imap>,
    mailbox: String,
    about: String,
    name: String,
    id: String,
    verb: Verb,
    /// Bytes of the server's log before any of this: what many trials wrote is not read for each of them.
    logged: u64,
}

impl Place {
    fn owner(&self) -> Result<Client> {
        self.server.owner(&self.mailbox).with_context(|| format!("the owner of {}", self.mailbox))
    }

    /// What the log says of this mailbox that the hand did: whether it took something back, and the line. Its owner never moves
    /// anything between these folders, and writes no letters.
    fn done(&self) -> Vec<(bool, String)> {
        let log = self.server.log_after(self.logged);
        // Over IMAP, or delivered to it.
        let own = [format!("imap({})", self.mailbox), format!("lmtp({})", self.mailbox)];
        let of_own = |line: &'_ str| own.iter().any(|own| line.contains(own));
        let lines = log.lines().filter(|line| of_own(line)).filter_map(|line| line.split_once(": Info: ")).map(|(_, says)| says);
        let one = |says: &str| match says {
            _ if says.starts_with("copy from INBOX: box=Quarantine/INBOX,") => Some((false, says.to_owned())),
            _ if says.starts_with("copy from Quarantine/INBOX: box=INBOX,") => Some((true, says.to_owned())),
            _ if says.starts_with("save: box=INBOX,") && says.contains(".adjutant@corp.example") => {
                Some((false, says.to_owned()))
            }
            _ => None,
        };
        lines.filter_map(one).collect()
    }
}

impl World for Place {
    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn with(&self) -> Vec<(String, String)> {
        if self.verb.kind == EntityKind::User { vec![("alert".into(), self.about.clone())] } else { Vec::new() }
    }

    fn witness(&self, file: Connection) {
        self.proxy.witness(file);
    }

    fn break_down(&self, faults: Vec<Fault>) {
        self.proxy.break_down(faults);
    }

    /// What the log has; what the hand's file said then is known by the proxy, which passed the changes on in this order.
    fn effects(&self) -> Result<Vec<Effect>> {
        let (seen, began) = (self.proxy.seen(), Instant::now());
        let mut done = self.done();
        while done.len() < seen.len() && began.elapsed() < LOG_WITHIN {
            std::thread::sleep(Duration::from_millis(2));
            done = self.done();
        }
        let mut seen = seen.into_iter();
        let effect = |(undoes, says)| Effect { target: self.id.clone(), undoes, says, seen: seen.next().unwrap_or(0) };
        Ok(done.into_iter().map(effect).collect())
    }

    fn state(&self) -> Result<String> {
        let mut owner = self.owner()?;
        let mut lines = Vec::new();
        for folder in owner.folders()? {
            for mail in owner.mails(&folder)? {
                let text = String::from_utf8_lossy(&mail.bytes).into_owned();
                lines.push(format!("{folder} ({}) {} {text:?}", mail.flags, mail.date));
            }
        }
        lines.sort();
        Ok(lines.join("\n"))
    }

    fn meddle(&self, beside: bool) -> Result<()> {
        let mut owner = self.owner()?;
        let (folder, which) = if beside { ("INBOX", "HEADER Message-ID honest") } else { ("Quarantine/INBOX", "ALL") };
        owner.ask(&format!("SELECT {folder}"))?;
        let was = owner.ask(&format!("UID SEARCH ANSWERED {which}"))?;
        let is = String::from_utf8_lossy(&was).trim_end() != "* SEARCH";
        let found = owner.ask(&format!("UID SEARCH {which}"))?;
        let uid = String::from_utf8_lossy(&found).split_whitespace().nth(2).context("nothing to meddle with")?.to_owned();
        owner.ask(&format!("UID STORE {uid} {}FLAGS (\\Answered)", if is { '-' } else { '+' }))?;
        Ok(())
    }
}
