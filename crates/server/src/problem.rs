//! What an error answer looks like: a problem document (RFC 9457) with a stable type and what to do.
//!
//! INVARIANT: a problem never repeats a secret or a control character. Text from outside passes [`tame`] first.

use crate::limits::DETAIL_CHARS_MAX;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write as _;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, from a closed list: its name is the stable part of an error answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be read.
    Malformed,
    /// The request can be read and asks for what cannot be.
    Invalid,
    /// No valid token.
    Unauthenticated,
    /// A valid token without the permission.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The thing changed meanwhile, or is there already.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body is of a type that is not read here.
    MediaType,
    /// Too many requests or attempts.
    TooMany,
    /// The request took too long.
    Timeout,
    /// A fault of the service.
    Internal,
    /// The service cannot do this now.
    Unavailable,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 13] = [
        Kind::Malformed,
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::MediaType,
        Kind::TooMany,
        Kind::Timeout,
        Kind::Internal,
        Kind::Unavailable,
    ];

    /// Stable type, title, status and what to do.
    const fn row(self) -> (&'static str, &'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Kind::Malformed => ("urn:adjutant:malformed", "The request cannot be read", S::BAD_REQUEST, "correct the request"),
            Kind::Invalid => {
                ("urn:adjutant:invalid", "The request cannot be done", S::UNPROCESSABLE_ENTITY, "correct the request")
            }
            Kind::Unauthenticated => (
                "urn:adjutant:unauthenticated",
                "A valid token is needed",
                S::UNAUTHORIZED,
                "send `Authorization: Bearer TOKEN` with a token that is neither expired nor revoked",
            ),
            Kind::Forbidden => (
                "urn:adjutant:forbidden",
                "The token does not allow this",
                S::FORBIDDEN,
                "ask an administrator for a token with this permission",
            ),
            Kind::NotFound => ("urn:adjutant:not-found", "There is no such thing", S::NOT_FOUND, "see /openapi.json for what is"),
            Kind::MethodNotAllowed => (
                "urn:adjutant:method-not-allowed",
                "This method is not for this path",
                S::METHOD_NOT_ALLOWED,
                "see /openapi.json for the methods of the path",
            ),
            Kind::Conflict => {
                ("urn:adjutant:conflict", "The thing is not as expected", S::CONFLICT, "read it again, then decide")
            }
            Kind::TooLarge => ("urn:adjutant:too-large", "The body is too large", S::PAYLOAD_TOO_LARGE, "send it in parts"),
            Kind::MediaType => (
                "urn:adjutant:media-type",
                "The body is of an unknown type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "send `Content-Type: application/json`",
            ),
            Kind::TooMany => ("urn:adjutant:too-many", "Too many at a time", S::TOO_MANY_REQUESTS, "wait, then send it again"),
            Kind::Timeout => {
                ("urn:adjutant:timeout", "It took too long", S::SERVICE_UNAVAILABLE, "send it again; once is enough")
            }
            Kind::Internal => (
                "urn:adjutant:internal",
                "The service has a fault",
                S::INTERNAL_SERVER_ERROR,
                "look into the service's log and report it",
            ),
            Kind::Unavailable => (
                "urn:adjutant:unavailable",
                "The service cannot do this now",
                S::SERVICE_UNAVAILABLE,
                "see /readyz for the reason, then send it again",
            ),
        }
    }

    /// The stable name, a URN.
    pub const fn urn(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        self.row().2
    }

    /// The kind that a bare status stands for.
    pub fn of_status(status: StatusCode) -> Self {
        let same = |kind: &Kind| kind.status() == status;
        let fallback = if status.is_server_error() { Kind::Internal } else { Kind::Malformed };
        Kind::ALL.into_iter().find(same).unwrap_or(fallback)
    }
}

/// An error answer. Handlers return it as their error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    what_to_do: Option<&'static str>,
    retry_after_s: Option<u32>,
}

/// A problem as it is sent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemView<'a> {
    /// Stable name of the kind of problem, a URN.
    #[serde(rename = "type")]
    kind: &'a str,
    /// What the kind means, for people.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened here.
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    /// What to do about it.
    what_to_do: &'a str,
    /// When to try again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened, and is made harmless here.
    pub fn new(kind: Kind, detail: impl AsRef<str>) -> Self {
        Self { kind, detail: tame(detail.as_ref()), what_to_do: None, retry_after_s: None }
    }

    /// The same with other advice than the kind's own.
    #[must_use]
    pub fn advise(mut self, what_to_do: &'static str) -> Self {
        self.what_to_do = Some(what_to_do);
        self
    }

    /// The same, saying when to try again (at least in a second).
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What happened, made harmless.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (urn, title, status, what_to_do) = self.kind.row();
        let view = ProblemView {
            kind: urn,
            title,
            status: status.as_u16(),
            detail: &self.detail,
            what_to_do: self.what_to_do.unwrap_or(what_to_do),
            retry_after_s: self.retry_after_s,
        };
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"adjutant\""));
        }
        response
    }
}

/// What every one of our tokens begins with, so that it can be found where it should not be.
pub const TOKEN_PREFIX: &str = "adj_";

/// Text from outside, fit to be repeated: tokens blotted out, control characters shown as escapes, cut at a bound.
pub fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(DETAIL_CHARS_MAX));
    let (mut rest, mut room) = (text, DETAIL_CHARS_MAX);
    while let Some(next) = rest.chars().next() {
        if room == 0 {
            out.push('…');
            break;
        }
        room -= 1;
        if let Some(secret) = rest.strip_prefix(TOKEN_PREFIX) {
            out.push_str("adj_***");
            rest = secret.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            continue;
        }
        if is_unfit(next) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(next));
        } else {
            out.push(next);
        }
        rest = rest.get(next.len_utf8()..).unwrap_or("");
    }
    out
}

/// Characters that act on a terminal or on the order of a line instead of being seen.
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[test]
    fn every_kind_is_told_apart_by_its_name_and_is_an_error() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.urn()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
            assert!(kind.urn().starts_with("urn:adjutant:"));
        }
    }

    #[test]
    fn a_status_leads_to_its_kind() {
        assert_eq!(Kind::of_status(StatusCode::NOT_FOUND), Kind::NotFound);
        assert_eq!(Kind::of_status(StatusCode::IM_A_TEAPOT), Kind::Malformed);
        assert_eq!(Kind::of_status(StatusCode::BAD_GATEWAY), Kind::Internal);
    }

    #[tokio::test]
    async fn a_problem_says_type_title_status_detail_and_what_to_do() {
        let response = Problem::new(Kind::TooMany, "the queue is full").retry_after_s(0).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
        assert_eq!(response.headers()["retry-after"], "1");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:adjutant:too-many");
        assert_eq!((&body["status"], &body["detail"]), (&429.into(), &"the queue is full".into()));
        assert_eq!(body["what_to_do"], "wait, then send it again");
    }

    #[test]
    fn secrets_and_control_characters_are_not_repeated() {
        let token = "adj_AbC-1_23xyz";
        let tame = tame(&format!("no user `{token}`\n\u{1b}[31m\u{202e}x"));
        assert_eq!(tame, "no user `adj_***`\\u{a}\\u{1b}[31m\\u{202e}x");
    }

    #[test]
    fn a_detail_is_bounded() {
        assert_eq!(tame(&"é".repeat(100_000)).chars().count(), DETAIL_CHARS_MAX + 1);
        assert!(tame(&"\0".repeat(100_000)).len() < 8 * DETAIL_CHARS_MAX);
    }

    #[test]
    fn who_is_not_known_is_told_how_to_be() {
        assert!(Problem::new(Kind::Unauthenticated, "").into_response().headers().contains_key("www-authenticate"));
    }
}
