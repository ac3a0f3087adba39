//! Finds the token in a request's headers, however the sender's tool writes it.
//!
//! `Bearer TOKEN` (everybody), `Splunk TOKEN` (HTTP Event Collector), and `ApiKey` or `Basic` with `anything:TOKEN` in
//! base64 (Elastic's shippers). A token in a URL is not looked for: URLs end in logs.

use crate::accounts::token_digest;
use adjutant_model::Digest;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest header value that can hold a token: a scheme and base64 of a name and a token.
const SHOWN_BYTES_MAX: usize = 256;

/// The digest of the token that the headers show; none unless exactly one does.
pub(super) fn digest(headers: &HeaderMap) -> Option<Digest> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let value = value.as_bytes();
    if value.len() > SHOWN_BYTES_MAX {
        return None;
    }
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, shown) = (value.get(..space)?, value.get(space + 1..)?);
    let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
    if is(b"bearer") || is(b"splunk") {
        token_digest(shown)
    } else if is(b"apikey") || is(b"basic") {
        pair(shown)
    } else {
        None
    }
}

fn pair(shown: &[u8]) -> Option<Digest> {
    let mut room = zeroize::Zeroizing::new([0; SHOWN_BYTES_MAX]);
    let length = STANDARD.decode_slice(shown, room.as_mut_slice()).ok()?;
    let text = room.get(..length)?;
    let colon = text.iter().position(|byte| *byte == b':')?;
    token_digest(text.get(colon + 1..)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::draw;
    use axum::http::HeaderValue;

    fn headers(values: &[String]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn each_way_of_writing_finds_the_same_token() {
        let drawn = draw().unwrap();
        let token = drawn.text.reveal();
        let pair = STANDARD.encode(format!("any:{token}"));
        for value in [
            format!("Bearer {token}"),
            format!("bearer {token}"),
            format!("Splunk {token}"),
            format!("ApiKey {pair}"),
            format!("Basic {pair}"),
        ] {
            assert_eq!(digest(&headers(std::slice::from_ref(&value))), Some(drawn.hash), "{value}");
        }
    }

    #[test]
    fn what_is_malformed_doubled_or_oversized_finds_none() {
        let drawn = draw().unwrap();
        let token = drawn.text.reveal();
        let good = format!("Bearer {token}");
        assert_eq!(digest(&headers(&[])), None);
        assert_eq!(digest(&headers(&[good.clone(), good.clone()])), None);
        for bad in [
            token.to_owned(),
            format!("Bearer  {token}"),
            format!("Bearer {token} "),
            format!("Bearer,{token}"),
            format!("Token {token}"),
            "Bearer".to_owned(),
            "Basic".to_owned(),
            "Basic ????".to_owned(),
            format!("Basic {}", STANDARD.encode(token)),
            format!("Basic {}", STANDARD.encode("x".repeat(4000))),
            format!("Bearer {}", "x".repeat(60_000)),
        ] {
            assert_eq!(digest(&headers(std::slice::from_ref(&bad))), None, "{bad}");
        }
    }
}
