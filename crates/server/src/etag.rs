//! Answers only when something changed: ETag and If-None-Match (RFC 9110, 13.1.2).
//!
//! Every answer of a route that reads and needs a token gets a tag: of its bytes, unless the handler knew its version before
//! it made it. What a caller may not see is not in the bytes, so no tag says anything about it.

use crate::problem::{Kind, Problem};
use adjutant_model::Digest;
use axum::body::{Body, HttpBody as _, to_bytes};
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

/// Tags `response` by its bytes, or leaves it out when the client has them; what fails, has a tag or has no end stays as it is.
pub async fn tagged(headers: &HeaderMap, response: Response) -> Response {
    let is_whole = response.body().size_hint().exact().is_some();
    if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) || !is_whole {
        return response;
    }
    let (parts, body) = response.into_parts();
    // Its length is known, and it is in memory already.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::new(Kind::Internal, "the answer broke off").into_response();
    };
    Etag::of([&bytes[..]]).answer(headers, || Response::from_parts(parts, Body::from(bytes)))
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

    #[tokio::test]
    async fn whole_answers_are_tagged_by_their_bytes() {
        let first = tagged(&HeaderMap::new(), "rows".into_response()).await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert!(first.status() == StatusCode::OK && first.headers()["content-type"] == "text/plain; charset=utf-8");
        let again = tagged(&asked(&tag), "rows".into_response()).await;
        assert_eq!((again.status(), again.headers()["etag"].to_str().unwrap()), (StatusCode::NOT_MODIFIED, tag.as_str()));
        assert_eq!(tagged(&asked(&tag), "other rows".into_response()).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_failed_has_a_tag_or_has_no_end_stays() {
        let failed = (StatusCode::NOT_FOUND, "none").into_response();
        let endless = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>()).into_response();
        for response in [failed, endless] {
            assert!(!tagged(&asked("*"), response).await.headers().contains_key("etag"));
        }
        let own = tagged(&asked("*"), ([("etag", "\"7\"")], "rows").into_response()).await;
        assert!(own.status() == StatusCode::OK && own.headers()["etag"] == "\"7\"");
    }
}
