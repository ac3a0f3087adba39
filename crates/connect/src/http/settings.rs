//! What the configuration says of one connector: where it calls, and how it is let in. Never in the book, never from an
//! input: whoever changes where a credential is sent changes the configuration, which is under review.

use super::definition::{Definition, Doors};
use super::origin::Origin;
use adjutant_hand::secret_ref::{NoSecret, SecretPlaces, SecretRef};
use adjutant_model::Secret;
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// The configuration of one HTTP connector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the vendor's API is, such as `https://acme.okta.com`.
    pub base_url: String,
    /// How the vendor lets us in.
    pub auth: Auth<SecretRef>,
    /// Whatever else the connector's file asks for.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Allows `http://`, to this machine alone.
    #[serde(default)]
    pub plaintext: bool,
    /// Ranges of addresses inside that may be called, such as `10.20.0.0/16`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// A file with the certificates, in PEM, of whoever vouches for a vendor inside; nobody else is believed then.
    pub ca: Option<PathBuf>,
    /// Seconds within which a connection must be made.
    #[serde(default = "connect_seconds")]
    pub connect_seconds: u16,
    /// Seconds within which a call must have been answered.
    #[serde(default = "call_seconds")]
    pub call_seconds: u16,
}

const fn connect_seconds() -> u16 {
    5
}

const fn call_seconds() -> u16 {
    30
}

/// How a vendor lets us in: with references to secrets in the configuration, with secrets in the hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Auth<S> {
    /// `Authorization: Bearer TOKEN`.
    Bearer {
        /// The token.
        token: S,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: S,
    },
    /// The header that the connector's file names.
    Header {
        /// What stands in it.
        secret: S,
    },
    /// OAuth 2.0 client credentials (RFC 6749, section 4.4).
    ClientCredentials {
        /// Where tokens are made.
        token_url: String,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: S,
        /// What is asked for.
        scope: Option<String>,
    },
    /// OAuth 2.0 token exchange (RFC 8693).
    TokenExchange {
        /// Where tokens are made.
        token_url: String,
        /// The token that is exchanged.
        subject_token: S,
        /// What kind of token that is.
        #[serde(default = "access_token")]
        subject_token_type: String,
        /// For whom the new token is.
        audience: Option<String>,
        /// What is asked for.
        scope: Option<String>,
        /// The client, where the token's maker wants to know it.
        client_id: Option<String>,
        /// Its secret.
        client_secret: Option<S>,
    },
}

fn access_token() -> String {
    "urn:ietf:params:oauth:token-type:access_token".to_owned()
}

/// What is wrong with the settings of a connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A URL.
    #[error("`{name}` is `{text}`: {why}")]
    Url {
        /// The setting.
        name: &'static str,
        /// What it says.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A range.
    #[error("`{0}` in `allow` is no range of addresses: write one such as 10.20.0.0/16")]
    Range(String),
    /// A way in that the vendor does not have.
    #[error("{title} does not let in by `{kind}`")]
    Auth {
        /// The vendor.
        title: String,
        /// What the settings say.
        kind: &'static str,
    },
    /// A value that the file asks for and the settings do not give.
    #[error("`values` lacks `{0}`: {1}")]
    Missing(String, String),
    /// A value that the file does not ask for.
    #[error("nothing asks for `{0}` in `values`")]
    Unknown(String),
    /// A time of no length.
    #[error("`{0}` must be at least 1")]
    Seconds(&'static str),
    /// The certificates of `ca`.
    #[error("`ca` in `{path}`: {why}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A secret that cannot be sent.
    #[error("a secret has characters that no header takes")]
    Secret,
}

impl<S> Auth<S> {
    /// Its name in the settings.
    pub const fn kind(&self) -> &'static str {
        match self {
            Auth::Bearer { .. } => "bearer",
            Auth::Basic { .. } => "basic",
            Auth::Header { .. } => "header",
            Auth::ClientCredentials { .. } => "client-credentials",
            Auth::TokenExchange { .. } => "token-exchange",
        }
    }

    /// Where its tokens are made, if they are.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Auth::ClientCredentials { token_url, .. } | Auth::TokenExchange { token_url, .. } => Some(token_url),
            Auth::Bearer { .. } | Auth::Basic { .. } | Auth::Header { .. } => None,
        }
    }

    fn fits(&self, doors: &Doors) -> bool {
        match self {
            Auth::Bearer { .. } => doors.bearer,
            Auth::Basic { .. } => doors.basic,
            Auth::Header { .. } => doors.header.is_some(),
            Auth::ClientCredentials { .. } => doors.client_credentials,
            Auth::TokenExchange { .. } => doors.token_exchange,
        }
    }
}

impl Auth<SecretRef> {
    /// The same with the secrets themselves.
    ///
    /// # Errors
    /// A secret is not where it should be.
    pub fn resolve(&self, places: &SecretPlaces<'_>) -> Result<Auth<Secret>, NoSecret> {
        let secret = |reference: &SecretRef| reference.resolve(places);
        Ok(match self {
            Auth::Bearer { token } => Auth::Bearer { token: secret(token)? },
            Auth::Basic { user, password } => Auth::Basic { user: user.clone(), password: secret(password)? },
            Auth::Header { secret: reference } => Auth::Header { secret: secret(reference)? },
            Auth::ClientCredentials { token_url, client_id, client_secret, scope } => Auth::ClientCredentials {
                token_url: token_url.clone(),
                client_id: client_id.clone(),
                client_secret: secret(client_secret)?,
                scope: scope.clone(),
            },
            Auth::TokenExchange { token_url, subject_token, subject_token_type, audience, scope, client_id, client_secret } => {
                Auth::TokenExchange {
                    token_url: token_url.clone(),
                    subject_token: secret(subject_token)?,
                    subject_token_type: subject_token_type.clone(),
                    audience: audience.clone(),
                    scope: scope.clone(),
                    client_id: client_id.clone(),
                    client_secret: client_secret.as_ref().map(secret).transpose()?,
                }
            }
        })
    }
}

/// Settings that were found in order.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) base: Origin,
    pub(super) tokens: Option<Origin>,
    pub(super) values: BTreeMap<String, String>,
    pub(super) allowed: Vec<IpNet>,
    pub(super) connect: Duration,
    pub(super) call: Duration,
    pub(super) roots: Option<Vec<Certificate<'static>>>,
}

/// Certificates are a few kilobytes each.
const CA_BYTES_MAX: usize = 1 << 20;

pub(super) fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Fault> {
    let fault = |why: String| Fault::Ca { path: path.into(), why };
    let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let found = parse_pem(bytes.get(..CA_BYTES_MAX).unwrap_or(&bytes)).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<Certificate<'static>> = found.collect();
    if found.is_empty() { Err(fault("it has no certificate in PEM".to_owned())) } else { Ok(found) }
}

impl Settings {
    /// Checks them against what `definition` asks for.
    pub(super) fn check(&self, definition: &Definition) -> Result<Checked, Fault> {
        let url = |name, text: &str| {
            Origin::read(text, self.plaintext).map_err(|error| Fault::Url { name, text: text.to_owned(), why: error.0 })
        };
        if !self.auth.fits(&definition.doors) {
            return Err(Fault::Auth { title: definition.title.clone(), kind: self.auth.kind() });
        }
        if let Some((name, says)) = definition.settings.iter().find(|(name, _)| !self.values.contains_key(*name)) {
            return Err(Fault::Missing(name.clone(), says.clone()));
        }
        if let Some(name) = self.values.keys().find(|name| !definition.settings.contains_key(*name)) {
            return Err(Fault::Unknown(name.clone()));
        }
        let seconds = [("connect_seconds", self.connect_seconds), ("call_seconds", self.call_seconds)];
        if let Some((name, _)) = seconds.into_iter().find(|(_, seconds)| *seconds == 0) {
            return Err(Fault::Seconds(name));
        }
        let range = |text: &String| text.parse::<IpNet>().map_err(|_| Fault::Range(text.clone()));
        Ok(Checked {
            base: url("base_url", &self.base_url)?,
            tokens: self.auth.token_url().map(|text| url("token_url", text)).transpose()?,
            values: self.values.clone(),
            allowed: self.allow.iter().map(range).collect::<Result<_, _>>()?,
            connect: Duration::from_secs(self.connect_seconds.into()),
            call: Duration::from_secs(self.call_seconds.into()),
            roots: self.ca.as_deref().map(certificates).transpose()?,
        })
    }
}
