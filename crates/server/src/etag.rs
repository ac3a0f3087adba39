//! Answers only when something changed: ETag and If-None-Match (RFC 9110, 13.1.2).

use adjutant_model::Digest;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The version of what is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// The tag of what these parts determine, such as a path, a revision and the caller's rights.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut text = Digest::of_parts(parts).to_string();
        text.truncate(32);
        Self(format!("\"{text}\""))
    }

    /// Whether the client says that it has this version.
    pub fn is_held(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }

    /// `304 Not Modified` when the client has this version, else what `answer` makes, with its tag.
    pub fn answer(&self, headers: &HeaderMap, answer: impl FnOnce() -> Response) -> Response {
        let mut response = if self.is_held(headers) { StatusCode::NOT_MODIFIED.into_response() } else { answer() };
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn who_has_the_version_gets_no_body() {
        let tag = Etag::of([&b"/v1/queue"[..], b"812"]);
        for held in [tag.0.clone(), format!("W/{}", tag.0), format!("\"x\", {}", tag.0), "*".into()] {
            let response = tag.answer(&asked(&held), || "rows".into_response());
            assert_eq!(response.status(), 304, "{held}");
            assert_eq!(response.headers()["etag"], tag.0.as_str());
        }
    }

    #[test]
    fn who_has_another_or_none_gets_the_answer() {
        let tag = Etag::of([&b"/v1/queue"[..], b"812"]);
        let other = Etag::of([&b"/v1/queue8"[..], b"12"]);
        for headers in [HeaderMap::new(), asked(&other.0), asked(tag.0.trim_matches('"')), asked(&",".repeat(5000))] {
            assert_eq!(tag.answer(&headers, || "rows".into_response()).status(), 200);
        }
    }
}
