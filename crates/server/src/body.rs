//! What handlers take: JSON of a declared shape, and an answer that never quotes a value when it is not.

use crate::problem::{Kind, Problem, tame};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// A JSON body. Declare its type with `deny_unknown_fields`, so that nobody sets a field that was not meant to be set.
#[derive(Clone, Copy, Debug)]
pub struct Input<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(explain(&rejection)),
        }
    }
}

fn explain(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(Kind::MediaType, "the body is not declared as JSON"),
        JsonRejection::JsonSyntaxError(_) => Problem::new(Kind::Malformed, "the body is not JSON"),
        JsonRejection::JsonDataError(error) => Problem::new(Kind::Invalid, what_is_wrong(&source_text(error))),
        other => Problem::new(Kind::of_status(other.status()), "the body cannot be read"),
    }
}

/// The innermost text of an error, which is the parser's own: `path: what is wrong at line 1 column 2`.
fn source_text(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The parser's text when it names a field; else it may quote a value, and a value may be a secret.
fn what_is_wrong(text: &str) -> String {
    const NAMED: [&str; 4] = ["unknown field", "missing field", "duplicate field", "unknown variant"];
    let rest = text.split_once(": ").map_or(text, |(_, rest)| rest);
    if let Some(fit) = [text, rest].into_iter().find(|text| NAMED.iter().any(|named| text.starts_with(named))) {
        return tame(fit);
    }
    let place = text.rfind(" at line ").and_then(|at| text.get(at..)).unwrap_or_default();
    tame(&format!("a value is of the wrong type{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use axum::body::Body;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Login {
        #[expect(dead_code, reason = "only read")]
        name: String,
        #[expect(dead_code, reason = "only read")]
        password: Secret,
    }

    async fn read(kind: &str, body: &str) -> (Kind, String) {
        let request = Request::post("/").header("content-type", kind).body(Body::from(body.to_owned())).unwrap();
        let problem = Input::<Login>::from_request(request, &()).await.unwrap_err();
        (problem.kind(), problem.detail().to_owned())
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_without_the_value() {
        let json = "application/json";
        assert_eq!(read("text/plain", "{}").await.0, Kind::MediaType);
        assert_eq!(read(json, "{").await, (Kind::Malformed, "the body is not JSON".into()));
        let unknown = read(json, r#"{"name":"ann","admin":true}"#).await;
        assert!(unknown.1.starts_with("unknown field `admin`, expected `name` or `password`"), "{unknown:?}");
        assert!(read(json, r#"{"name":"ann"}"#).await.1.starts_with("missing field `password`"));
        let wrong = read(json, r#"{"name":["hunter2"],"password":"hunter2"}"#).await;
        assert_eq!(wrong, (Kind::Invalid, "a value is of the wrong type at line 1 column 8".into()));
        assert!(!read(json, r#"{"name":"ann","password":12345678}"#).await.1.contains("123"));
        let sly = read(json, r#"{"name":"ann","password":{"x: unknown field":1}}"#).await;
        assert_eq!(sly.1, "a value is of the wrong type at line 1 column 25");
    }
}
