//! What lets a call in: a header made of a secret, or of a token that was made for a short while.

use super::client::{Answer, Client, Failure, Sent};
use super::definition::Doors;
use super::origin::Origin;
use super::settings::{Auth, Fault};
use super::template::escape;
use adjutant_hand::connector::CallError;
use adjutant_model::{Duration, Secret, Time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// A token whose maker does not say how long it lives.
const LIFE_UNSAID: Duration = Duration::from_secs(300);

/// No token is kept for longer, however long it lives.
const LIFE_MAX: Duration = Duration::from_secs(3_600);

/// A token is not used any more so long before it ends: clocks differ, and calls take time.
const MARGIN_MIN: Duration = Duration::from_secs(60);

/// One header with a credential.
pub(super) type Header = (String, Zeroizing<String>);

/// How one connector is let in.
pub(super) struct Entry {
    auth: Auth<Secret>,
    /// The header, and what stands before the secret.
    header: (String, String),
    tokens: Option<Origin>,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: Zeroizing<String>,
    until: Time,
}

impl Entry {
    pub(super) fn new(auth: Auth<Secret>, doors: &Doors, tokens: Option<Origin>) -> Result<Self, Fault> {
        let bearer = || ("authorization".to_owned(), "Bearer ".to_owned());
        let header = match (&auth, &doors.header) {
            (Auth::Header { .. }, Some(header)) => header.clone(),
            (Auth::Basic { .. }, _) => ("authorization".to_owned(), "Basic ".to_owned()),
            _ => bearer(),
        };
        let entry = Self { auth, header, tokens, token: Mutex::default() };
        let plain = |secret: &Secret| secret.reveal().bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match &entry.auth {
            Auth::Bearer { token: secret } | Auth::Header { secret } if !plain(secret) => Err(Fault::Secret),
            _ => Ok(entry),
        }
    }

    /// The header for a call at `now`, with a new token when there is none that still lives.
    pub(super) fn header(&self, client: &Client, now: Time) -> Result<Header, CallError> {
        let text = match &self.auth {
            Auth::Bearer { token: secret } | Auth::Header { secret } => Zeroizing::new(secret.reveal().to_owned()),
            Auth::Basic { user, password } => {
                let pair = Zeroizing::new(format!("{user}:{}", password.reveal()));
                Zeroizing::new(STANDARD.encode(pair.as_bytes()))
            }
            Auth::ClientCredentials { .. } | Auth::TokenExchange { .. } => self.token(client, now)?,
        };
        Ok((self.header.0.clone(), Zeroizing::new(format!("{}{}", self.header.1, text.as_str()))))
    }

    /// The vendor did not let us in. True when a new token may.
    pub(super) fn was_refused(&self) -> bool {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// `text` without what lets us in, should somebody have said it back.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &self.auth {
            Auth::Bearer { token: secret } | Auth::Header { secret } | Auth::Basic { password: secret, .. } => Some(secret),
            Auth::ClientCredentials { client_secret, .. } => Some(client_secret),
            Auth::TokenExchange { subject_token, .. } => Some(subject_token),
        };
        let secrets = kept.map(Secret::reveal).into_iter().chain(token.as_ref().map(|token| token.text.as_str()));
        secrets.filter(|secret| secret.len() >= 4).fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    fn token(&self, client: &Client, now: Time) -> Result<Zeroizing<String>, CallError> {
        // Held while one is made: the others wait for it instead of making their own.
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.as_ref().filter(|token| token.until > now) {
            return Ok(token.text.clone());
        }
        *kept = None;
        let Some(tokens) = &self.tokens else { return Err(CallError::Permanent("there is no place that makes tokens".into())) };
        let body = self.ask();
        let sent = Sent {
            method: "POST",
            target: "",
            headers: &[("accept".to_owned(), Zeroizing::new("application/json".to_owned()))],
            body: Some(("application/x-www-form-urlencoded", body)),
        };
        let token = made(client.send(tokens, sent), now)?;
        let text = token.text.clone();
        *kept = (token.until > now).then_some(token);
        Ok(text)
    }

    /// The form that asks for a token.
    fn ask(&self) -> Zeroizing<Vec<u8>> {
        let mut form = Form::default();
        match &self.auth {
            Auth::ClientCredentials { client_id, client_secret, scope, .. } => {
                form.add("grant_type", "client_credentials");
                form.add("client_id", client_id);
                form.add("client_secret", client_secret.reveal());
                form.maybe("scope", scope.as_deref());
            }
            Auth::TokenExchange { subject_token, subject_token_type, audience, scope, client_id, client_secret, .. } => {
                form.add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
                form.add("subject_token", subject_token.reveal());
                form.add("subject_token_type", subject_token_type);
                form.maybe("audience", audience.as_deref());
                form.maybe("scope", scope.as_deref());
                form.maybe("client_id", client_id.as_deref());
                form.maybe("client_secret", client_secret.as_ref().map(Secret::reveal));
            }
            Auth::Bearer { .. } | Auth::Basic { .. } | Auth::Header { .. } => {}
        }
        Zeroizing::new(form.0.as_bytes().to_vec())
    }
}

/// A form, wiped when it goes.
#[derive(Default)]
struct Form(Zeroizing<String>);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        escape(value, &mut self.0);
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

fn made(answered: Result<Answer, Failure>, now: Time) -> Result<Token, CallError> {
    let retry = |why: String| CallError::Retry(format!("no token was made: {why}"));
    let answer = match answered {
        Ok(answer) => answer,
        Err(Failure::Refused(why)) => return Err(CallError::Permanent(format!("no token was made: {why}"))),
        Err(Failure::NotSent(why) | Failure::Lost(why)) => return Err(retry(why)),
    };
    match answer.status {
        200 => {}
        status @ (408 | 425 | 429 | 500..) => return Err(retry(format!("its maker answered {status}"))),
        status => return Err(CallError::Permanent(format!("no token was made: its maker answered {status}"))),
    }
    let body = answer.json().map_err(|why| retry(format!("what its maker answered cannot be read: {why}")))?;
    let text = body.get("access_token").and_then(|text| text.as_str()).filter(|text| is_token(text));
    let text = text.ok_or_else(|| retry("its maker's answer has no token".to_owned()))?;
    let kind = body.get("token_type").and_then(|kind| kind.as_str()).unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(CallError::Permanent("the token is of another kind than `Bearer`".to_owned()));
    }
    let life = match body.get("expires_in") {
        Some(said) => Duration::from_secs(said.as_i64().or_else(|| said.as_str()?.parse().ok()).unwrap_or(0)),
        None => LIFE_UNSAID,
    };
    Ok(Token { text: Zeroizing::new(text.to_owned()), until: Time(now.0.saturating_add(useful(life).0)) })
}

fn is_token(text: &str) -> bool {
    (1..=16_384).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
}

/// How long a token that lives for `life` is used.
fn useful(life: Duration) -> Duration {
    let life = life.min(LIFE_MAX);
    Duration(life.0.saturating_sub(MARGIN_MIN.max(Duration(life.0 / 10)).0).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_less_than_it_lives() {
        assert_eq!(useful(Duration::from_secs(3_600)), Duration::from_secs(3_240));
        assert_eq!(useful(Duration::from_secs(300)), Duration::from_secs(240));
        assert_eq!(useful(Duration::from_secs(60)), Duration::from_secs(0));
        assert_eq!(useful(Duration::from_secs(-5)), Duration::from_secs(0));
        assert_eq!(useful(Duration::from_secs(i64::MAX / 2_000_000)), Duration::from_secs(3_240));
    }
}
