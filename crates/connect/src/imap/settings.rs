//! How the mail server is reached, who asks it, and whose mail it may be asked about.

use crate::dns::Resolver;
use crate::http::origin::Origin;
use crate::trust;
use adjutant_hand::secret_ref::SecretRef;
use ipnet::IpNet;
use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A protocol, and its ports: over TLS, with STARTTLS, and in the clear.
struct Protocol(&'static str, u16, u16, u16);

/// RFC 8314 and RFC 9051.
const IMAP: Protocol = Protocol("imap", 993, 143, 143);
/// RFC 8314, RFC 6409 and RFC 5321.
const SMTP: Protocol = Protocol("smtp", 465, 587, 25);

/// The longest file of addresses.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A mail server that answers IMAP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it answers: `imaps://HOST`, `imap://HOST` with `starttls`, or that on this machine with `plaintext`. A port may follow.
    pub url: String,
    /// An `imap://` connection is encrypted before anything else is said. Where the server does not do that, nothing is said.
    #[serde(default)]
    pub starttls: bool,
    /// Allows `imap://` unencrypted, to this machine alone.
    #[serde(default)]
    pub plaintext: bool,
    /// PEM file of the authorities that may vouch for the server; without it those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Ranges of addresses inside that may be called, such as `10.1.0.0/16`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Who asks: an account that may act for every mailbox, such as a Dovecot master user.
    pub user: String,
    /// Where its password stands.
    pub password: SecretRef,
    /// What stands between a mailbox and `user` in a login name, where the server knows no other way; without it, the mailbox is
    /// asked for as SASL PLAIN's authorization identity.
    #[serde(default)]
    pub separator: Option<String>,
    /// The mailboxes, by address.
    #[serde(default)]
    pub mailboxes: Vec<String>,
    /// A file with one address on each line; `#` begins a remark. Read again for each search.
    #[serde(default)]
    pub mailboxes_file: Option<PathBuf>,
    /// The folder under which what is quarantined stands, in each mailbox.
    #[serde(default = "quarantine")]
    pub quarantine: String,
    /// Whom the letters come from, such as `Security <security@corp.example>`; without it none is written.
    #[serde(default)]
    pub letters_from: Option<String>,
    /// Where letters are sent; without it they are put into the mailbox over IMAP.
    #[serde(default)]
    pub smtp: Option<Smtp>,
    /// Where people send what they report.
    #[serde(default)]
    pub report: Option<Report>,
    /// After how many seconds without a connection a call fails.
    #[serde(default = "connect_seconds")]
    #[schemars(range(min = 1, max = 120))]
    pub connect_seconds: u64,
    /// After how many seconds without its whole answer a command fails.
    #[serde(default = "request_seconds")]
    #[schemars(range(min = 1, max = 600))]
    pub request_seconds: u64,
    /// Connections at a time, for a search through all mailboxes.
    #[serde(default = "connections")]
    #[schemars(range(min = 1, max = 64))]
    pub connections: u16,
    /// The longest message that is read. A longer one is not quarantined, and of a longer report the beginning is read.
    #[serde(default = "message_bytes_max")]
    #[schemars(range(min = 65_536, max = 268_435_456))]
    pub message_bytes_max: u64,
    /// How many calls a minute the server is asked to do at most.
    #[serde(default = "calls_per_minute")]
    #[schemars(range(min = 1, max = 6000))]
    pub calls_per_minute: u32,
}

/// A mail server that takes letters for the mailboxes, and delivers them at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// `smtps://HOST`, `smtp://HOST` with `starttls`, or that on this machine with `plaintext`. A port may follow.
    pub url: String,
    /// An `smtp://` connection is encrypted before anything else is said. Where the server does not do that, nothing is sent.
    #[serde(default)]
    pub starttls: bool,
    /// Allows `smtp://` unencrypted, to this machine alone.
    #[serde(default)]
    pub plaintext: bool,
    /// Who sends, where the server asks.
    #[serde(default)]
    pub user: Option<String>,
    /// Where the password of `user` stands.
    #[serde(default)]
    pub password: Option<SecretRef>,
}

/// Where people send what they report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The mailbox, by address. It is never searched and nothing in it is quarantined.
    pub mailbox: String,
    /// The folder in it.
    #[serde(default = "inbox")]
    pub folder: String,
    /// The resolver that is asked who sent what is reported: an IP address, with a port or without. Without it nobody is asked, and
    /// what no server of ours checked is unknown.
    #[serde(default)]
    pub resolver: Option<String>,
}

/// What is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no place of a mail server.
    #[error("`url` names no mail server: {0}")]
    Url(String),
    /// STARTTLS is for a connection that begins in the clear and must not stay so.
    #[error("`starttls` is for `{0}://` alone, and not beside `plaintext`")]
    Starttls(&'static str),
    /// It is no range of addresses.
    #[error("`allow` has no range of addresses in `{0}`")]
    Range(String),
    /// A setting is empty, or has characters that it cannot have.
    #[error("`{0}` is empty, too long, or has a character that it cannot have")]
    Text(&'static str),
    /// It is no address of a mailbox.
    #[error("`{0}` is no address of a mailbox")]
    Mailbox(String),
    /// Nobody's mail could be looked at.
    #[error("there are no `mailboxes` and no `mailboxes_file`")]
    Nobody,
    /// A number is outside of its bounds.
    #[error("`{name}` is {is}, and must be {min} to {max}")]
    Bounds {
        /// The setting.
        name: &'static str,
        /// What it is.
        is: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        reason: String,
    },
}

fn quarantine() -> String {
    "Quarantine".into()
}

fn inbox() -> String {
    "INBOX".into()
}

const fn connect_seconds() -> u64 {
    5
}

const fn request_seconds() -> u64 {
    15
}

const fn connections() -> u16 {
    8
}

const fn message_bytes_max() -> u64 {
    50 << 20
}

const fn calls_per_minute() -> u32 {
    600
}

/// What the settings come to.
pub(super) struct Checked {
    pub(super) host: String,
    pub(super) port: u16,
    /// None on this machine alone.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// TLS begins after a command, and not with the connection.
    pub(super) starttls: bool,
    pub(super) allowed: Vec<IpNet>,
}

impl Settings {
    /// Everything that can be seen to be wrong without asking anybody.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        self.checked().map(drop)
    }

    pub(super) fn checked(&self) -> Result<Checked, Fault> {
        let numbers = [
            ("connect_seconds", self.connect_seconds, 1, 120),
            ("request_seconds", self.request_seconds, 1, 600),
            ("connections", u64::from(self.connections), 1, 64),
            ("message_bytes_max", self.message_bytes_max, 64 << 10, 256 << 20),
            ("calls_per_minute", u64::from(self.calls_per_minute), 1, 6000),
        ];
        if let Some(&(name, is, min, max)) = numbers.iter().find(|(_, is, min, max)| !(min..=max).contains(&is)) {
            return Err(Fault::Bounds { name, is, min, max });
        }
        let texts = [("user", Some(&self.user)), ("quarantine", Some(&self.quarantine)), ("separator", self.separator.as_ref())];
        if let Some((name, _)) = texts.iter().find(|(_, text)| text.is_some_and(|text| !is_text(text))) {
            return Err(Fault::Text(name));
        }
        if self.quarantine.eq_ignore_ascii_case("INBOX") || self.quarantine.contains(['*', '%']) {
            return Err(Fault::Text("quarantine"));
        }
        if let Some(report) = &self.report {
            address(&report.mailbox).ok_or_else(|| Fault::Mailbox(report.mailbox.clone()))?;
            is_text(&report.folder).then_some(()).ok_or(Fault::Text("report.folder"))?;
            report.resolver.as_deref().map(Resolver::at).transpose().map_err(|_| Fault::Text("report.resolver"))?;
        }
        if self.mailboxes.is_empty() && self.mailboxes_file.is_none() {
            return Err(Fault::Nobody);
        }
        self.all_mailboxes()?;
        self.place(&self.url, self.starttls, self.plaintext, &IMAP)
    }

    /// Where letters are sent, if that is somewhere else.
    pub(super) fn checked_smtp(&self) -> Result<Option<Checked>, Fault> {
        let Some(smtp) = &self.smtp else { return Ok(None) };
        if smtp.user.as_ref().is_some_and(|user| !is_text(user)) || smtp.user.is_some() != smtp.password.is_some() {
            return Err(Fault::Text("smtp.user"));
        }
        self.place(&smtp.url, smtp.starttls, smtp.plaintext, &SMTP).map(Some)
    }

    fn place(&self, url: &str, starttls: bool, plaintext: bool, protocol: &Protocol) -> Result<Checked, Fault> {
        let Protocol(scheme, tls, upgraded, clear) = protocol;
        let text = url.replacen(scheme, "http", 1);
        let (begins_clear, begins_tls) = (url.starts_with(&format!("{scheme}://")), url.starts_with(&format!("{scheme}s://")));
        let wrong = |why: &str| Fault::Url(format!("`{url}`: {why}"));
        if starttls && (plaintext || begins_tls) {
            return Err(Fault::Starttls(scheme));
        }
        if !begins_tls && !(begins_clear && (starttls || plaintext)) {
            let but = "`starttls = true` encrypts it all the same, `plaintext = true` allows it on this machine";
            return Err(wrong(&format!("it must begin with `{scheme}s://`, or with `{scheme}://`: {but}")));
        }
        let origin = Origin::read(&text, begins_clear).map_err(|error| wrong(&error.0.replace("http", scheme)))?;
        if !origin.path.is_empty() {
            return Err(wrong("nothing may follow the host"));
        }
        let named = text.trim_end_matches('/').ends_with(&format!(":{}", origin.port));
        let port = match (named, starttls, plaintext && begins_clear) {
            (true, ..) => origin.port,
            (false, true, _) => *upgraded,
            (false, _, true) => *clear,
            (false, _, false) => *tls,
        };
        let range = |text: &String| text.parse::<IpNet>().map_err(|_| Fault::Range(text.clone()));
        let trust = || trust::trust(self.ca_file.as_deref()).map_err(|no| Fault::File { path: no.path, reason: no.reason });
        let tls = if begins_tls || starttls { Some(trust()?) } else { None };
        let allowed = self.allow.iter().map(range).collect::<Result<_, _>>()?;
        Ok(Checked { host: origin.host, port, tls, starttls, allowed })
    }

    /// Every mailbox, but the one where reports are sent.
    pub(super) fn all_mailboxes(&self) -> Result<BTreeSet<String>, Fault> {
        let mut all = BTreeSet::new();
        let mut add = |text: &str| {
            let address = address(text).ok_or_else(|| Fault::Mailbox(text.chars().take(80).collect()))?;
            all.insert(address);
            Ok::<_, Fault>(())
        };
        self.mailboxes.iter().try_for_each(|text| add(text))?;
        if let Some(path) = &self.mailboxes_file {
            let fault = |reason: String| Fault::File { path: path.display().to_string(), reason };
            let length = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
            if length > FILE_BYTES_MAX {
                return Err(fault(format!("it is longer than {FILE_BYTES_MAX} bytes")));
            }
            let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
            lines.filter(|line| !line.is_empty()).try_for_each(&mut add)?;
        }
        if let Some(report) = self.report.as_ref().and_then(|report| address(&report.mailbox)) {
            all.remove(&report);
        }
        Ok(all)
    }
}

/// Plain text of one line.
fn is_text(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text
}

/// An address in the one form in which mailboxes are compared here; none when it could be read in two ways.
pub(super) fn address(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'@' | b'=' | b'\'');
    let sound = text.len() <= 254 && text.bytes().all(plain) && text.bytes().filter(|byte| *byte == b'@').count() <= 1;
    (sound && !text.is_empty() && !text.starts_with('@') && !text.ends_with('@')).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, more: &str) -> Settings {
        let text = format!("url = '{url}'\nuser = 'hand'\npassword = {{ env = 'P' }}\nmailboxes = ['ana@corp.example']\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_password_is_not_sent_in_the_open_and_only_to_one_place() {
        let checked = settings("imaps://mail.example", "").checked().unwrap();
        assert_eq!((checked.host.as_str(), checked.port, checked.tls.is_some()), ("mail.example", 993, true));
        assert_eq!(settings("imaps://mail.example:9993/", "").checked().unwrap().port, 9993);
        assert_eq!(settings("imaps://mail.example:443", "").checked().unwrap().port, 443);
        assert_eq!(settings("imap://127.0.0.1", "plaintext = true").checked().unwrap().port, 143);
        for url in
            ["imap://mail.example", "https://mail.example", "mail.example", "imaps://", "imaps://u@h", "imaps://h/x", "imaps://1"]
        {
            assert!(matches!(settings(url, "").check(), Err(Fault::Url(_))), "{url}");
        }
    }

    #[test]
    fn starttls_is_for_what_begins_in_the_clear_and_must_not_stay_so() {
        let checked = settings("imap://mail.example", "starttls = true").checked().unwrap();
        assert_eq!((checked.port, checked.tls.is_some(), checked.starttls), (143, true, true));
        let smtp = "smtp = { url = 'smtp://mail.example', starttls = true }";
        let checked = settings("imaps://mail.example", smtp).checked_smtp().unwrap().unwrap();
        assert_eq!((checked.port, checked.tls.is_some(), checked.starttls), (587, true, true));
        let refused = [
            settings("imaps://mail.example", "starttls = true").check(),
            settings("imap://127.0.0.1", "starttls = true\nplaintext = true").check(),
            settings("imaps://mail.example", "smtp = { url = 'smtps://mail.example', starttls = true }").checked_smtp().map(drop),
        ];
        assert_eq!(refused, ["imap", "imap", "smtp"].map(|scheme| Err(Fault::Starttls(scheme))));
    }

    #[test]
    fn strange_names_and_numbers_are_refused() {
        let check = |more: &str| settings("imaps://h.example", more).check();
        assert!(matches!(check("connections = 0"), Err(Fault::Bounds { name: "connections", .. })));
        assert_eq!(check("quarantine = \"a\\nb\""), Err(Fault::Text("quarantine")));
        assert_eq!(check("quarantine = 'inbox'"), Err(Fault::Text("quarantine")));
        assert!(matches!(check("allow = ['10.0.0.0']\n"), Err(Fault::Range(_))));
        assert!(matches!(check("mailboxes_file = '/nowhere/at/all'"), Err(Fault::File { .. })));
        for text in ["", "a b@c", "a@b@c", "@x", "ana\u{e9}@x", "a/b@x", "a\n@x", "a*b@x"] {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address("Ana.B+x@Corp.example").as_deref(), Some("ana.b+x@corp.example"));
    }

    #[test]
    fn letters_go_to_one_place_too() {
        let smtp = |text: &str| settings("imaps://h.example", &format!("smtp = {{ {text} }}")).checked_smtp();
        assert_eq!(smtp("url = 'smtps://mail.example'").unwrap().unwrap().port, 465);
        assert_eq!(smtp("url = 'smtp://127.0.0.1', plaintext = true").unwrap().unwrap().port, 25);
        for text in [
            "url = 'smtp://mail.example'",
            "url = 'imaps://mail.example'",
            "url = 'smtps://h', user = 'x'",
            "url = 'smtps://h', user = ''",
        ] {
            assert!(smtp(text).is_err(), "{text}");
        }
        assert!(settings("imaps://h.example", "").checked_smtp().unwrap().is_none());
    }

    #[test]
    fn the_report_mailbox_is_nobodys() {
        let more = "report = { mailbox = 'Phish@corp.example' }";
        let mut both = settings("imaps://h.example", more);
        both.mailboxes.push("phish@corp.example".into());
        assert_eq!(both.all_mailboxes().unwrap().into_iter().collect::<Vec<_>>(), ["ana@corp.example"]);
    }
}
