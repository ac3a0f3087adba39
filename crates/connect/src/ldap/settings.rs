//! How a directory is reached, who asks it, and what in it means what.

use super::flavour::{ACTIVE_DIRECTORY, Map, Mark, OPENLDAP};
use super::list::People;
use adjutant_hand::secret_ref::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// A directory that answers LDAP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it answers: `ldaps://HOST`, `ldap://HOST` with `starttls`, or `ldapi://PATH` with `/` written as `%2F`. A port
    /// may follow the host.
    pub url: String,
    /// Whether an `ldap://` connection is encrypted before anything else is said.
    #[serde(default)]
    pub starttls: bool,
    /// Whether an `ldap://` connection to another machine may stay unencrypted. Everybody on the way then reads the password.
    #[serde(default)]
    pub plaintext: bool,
    /// PEM file of the authorities that may vouch for the server; without it those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Who asks.
    pub bind_dn: String,
    /// Where the password of `bind_dn` stands.
    pub password: SecretRef,
    /// What the directory is.
    pub flavour: Flavour,
    /// The entry under which all users are. Nobody outside of it is found or changed.
    pub users: String,
    /// The entry under which all groups are. None outside of it is found or changed.
    pub groups: String,
    /// NetBIOS names of the domain: `CORP\ana` is looked up as `ana` when `CORP` is among them, and else is nobody.
    #[serde(default)]
    pub domains: Vec<String>,
    /// What makes an account disabled, where it is not what the flavour says.
    #[serde(default)]
    pub disabled: Option<Marking>,
    /// What makes an account change its password at the next login, where it is not what the flavour says.
    #[serde(default)]
    pub password_change: Option<Marking>,
    /// What the directory lists as a whole, for tables of context.
    #[serde(default)]
    pub lists: BTreeMap<String, People>,
    /// After how many seconds without a connection a call fails.
    #[serde(default = "connect_seconds")]
    #[schemars(range(min = 1, max = 120))]
    pub connect_seconds: u64,
    /// After how many seconds without its whole answer a request fails.
    #[serde(default = "request_seconds")]
    #[schemars(range(min = 1, max = 120))]
    pub request_seconds: u64,
    /// Of how many groups somebody may be, through others too; who is of more has unknown groups.
    #[serde(default = "groups_max")]
    #[schemars(range(min = 1, max = 10_000))]
    pub groups_max: u16,
    /// How many calls a minute the directory is asked to do at most.
    #[serde(default = "calls_per_minute")]
    #[schemars(range(min = 1, max = 6000))]
    pub calls_per_minute: u32,
}

/// What a directory is, and with that how its attributes are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// OpenLDAP and what keeps its names: `uid`, `entryUUID`, `member`, and the password policy's attributes.
    Openldap,
    /// Active Directory Domain Services.
    ActiveDirectory,
}

/// One value of one attribute that means something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Marking {
    /// The attribute, such as `loginShell`. All its values are replaced.
    pub attribute: String,
    /// The value, such as `/usr/sbin/nologin`.
    pub value: String,
}

/// What is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no URL of a directory.
    #[error("`url` is no `ldaps://HOST`, `ldap://HOST` or `ldapi://PATH`: `{0}`")]
    Url(String),
    /// The password would be readable on the way.
    #[error("`{0}` is not encrypted: use `ldaps://`, set `starttls`, or set `plaintext` if the network is trusted")]
    Plaintext(String),
    /// StartTLS is for `ldap://` alone.
    #[error("`starttls` is for `ldap://` only, not for `{0}`")]
    Starttls(String),
    /// A setting is empty, and must not be. An empty name or password is taken as nobody's by directories, and succeeds.
    #[error("`{0}` is empty")]
    Empty(&'static str),
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
    /// It is no name of an attribute.
    #[error("`{0}` is no name of an attribute")]
    Attribute(String),
    /// The authorities cannot be read.
    #[error("cannot read the authorities in `{path}`: {reason}")]
    Authorities {
        /// Where they should be.
        path: String,
        /// Why not.
        reason: String,
    },
}

const fn connect_seconds() -> u64 {
    5
}

const fn request_seconds() -> u64 {
    15
}

const fn groups_max() -> u16 {
    1000
}

const fn calls_per_minute() -> u32 {
    60
}

impl Settings {
    /// Everything that can be seen to be wrong without asking anybody.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        self.check_url()?;
        let texts = [("bind_dn", &self.bind_dn), ("users", &self.users), ("groups", &self.groups)];
        if let Some((name, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(Fault::Empty(name));
        }
        let numbers = [
            ("connect_seconds", self.connect_seconds, 120),
            ("request_seconds", self.request_seconds, 120),
            ("groups_max", u64::from(self.groups_max), 10_000),
            ("calls_per_minute", u64::from(self.calls_per_minute), 6000),
        ];
        if let Some(&(name, is, max)) = numbers.iter().find(|(_, is, max)| !(1..=*max).contains(is)) {
            return Err(Fault::Bounds { name, is, min: 1, max });
        }
        let marks = self.disabled.iter().chain(&self.password_change).map(|marking| &marking.attribute);
        let attributes = marks.chain(self.lists.values().flat_map(People::attributes));
        let wrong = |name: &&String| !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(of_a_name);
        attributes.into_iter().find(wrong).map_or(Ok(()), |name| Err(Fault::Attribute(name.clone())))
    }

    fn check_url(&self) -> Result<(), Fault> {
        let wrong = || Fault::Url(self.url.clone());
        let (scheme, rest) = self.url.split_once("://").ok_or_else(wrong)?;
        let host = host(rest).ok_or_else(wrong)?;
        match scheme {
            "ldaps" | "ldapi" if self.starttls => Err(Fault::Starttls(self.url.clone())),
            "ldaps" | "ldapi" => Ok(()),
            "ldap" if self.starttls || self.plaintext || is_loopback(host) => Ok(()),
            "ldap" => Err(Fault::Plaintext(self.url.clone())),
            _ => Err(wrong()),
        }
    }

    /// What means what, with what these settings say differently.
    pub(super) fn map(&self) -> Map {
        let mut map = match self.flavour {
            Flavour::Openldap => OPENLDAP,
            Flavour::ActiveDirectory => ACTIVE_DIRECTORY,
        };
        let mark = |marking: &Marking| Mark::Value {
            attribute: Cow::Owned(marking.attribute.clone()),
            value: Cow::Owned(marking.value.clone()),
        };
        map.disabled = self.disabled.as_ref().map_or(map.disabled, mark);
        map.password_change = self.password_change.as_ref().map_or(map.password_change, mark);
        map
    }
}

fn of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// The host of what follows the scheme, which is nothing but host and port.
fn host(rest: &str) -> Option<&str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => port.parse::<u16>().ok().map(|_| host)?,
        _ => rest,
    };
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '@');
    (!host.is_empty() && !host.contains(strange)).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, more: &str) -> Settings {
        let text = format!(
            "url = '{url}'\nbind_dn = 'cn=hand'\npassword = {{ env = 'P' }}\nflavour = 'openldap'\nusers = 'ou=p'\ngroups = 'ou=g'\n{more}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_password_is_not_sent_in_the_open_unless_somebody_says_so() {
        for url in [
            "ldaps://dc.example",
            "ldaps://[2001:db8::1]:636",
            "ldapi://%2Frun%2Fslapd",
            "ldap://127.0.0.1:389",
            "ldap://[::1]",
            "ldap://localhost/",
        ] {
            assert_eq!(settings(url, "").check(), Ok(()), "{url}");
        }
        for url in ["ldap://dc.example", "ldap://192.0.2.1:389", "ldap://localhost.evil.example", "ldap://127.0.0.1.example"] {
            assert_eq!(settings(url, "").check(), Err(Fault::Plaintext(url.into())), "{url}");
            assert_eq!(settings(url, "starttls = true").check(), Ok(()), "{url}");
            assert_eq!(settings(url, "plaintext = true").check(), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_directory_is_refused() {
        for url in [
            "",
            "dc.example",
            "http://dc.example",
            "ldaps://",
            "ldaps://a b",
            "ldaps://h:port",
            "ldaps://h/dc=x?uid",
            "ldap://127.0.0.1@evil.example",
        ] {
            assert_eq!(settings(url, "").check(), Err(Fault::Url(url.into())), "{url}");
        }
        assert!(matches!(settings("ldaps://h", "starttls = true").check(), Err(Fault::Starttls(_))));
    }

    #[test]
    fn empty_names_numbers_out_of_bounds_and_strange_attributes_are_refused() {
        let mut wrong = settings("ldaps://h", "");
        wrong.bind_dn = " ".into();
        assert_eq!(wrong.check(), Err(Fault::Empty("bind_dn")));
        assert!(matches!(
            settings("ldaps://h", "request_seconds = 0").check(),
            Err(Fault::Bounds { name: "request_seconds", .. })
        ));
        let marking = settings("ldaps://h", "disabled = { attribute = 'a)(b', value = 'x' }");
        assert_eq!(marking.check(), Err(Fault::Attribute("a)(b".into())));
        assert!(toml::from_str::<Settings>("url = 'ldaps://h'\nurll = ''").is_err());
    }
}
