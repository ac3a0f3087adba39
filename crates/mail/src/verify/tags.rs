//! Lists of `tag=value;` (RFC 6376, 3.2), as signatures, seals, keys and policies are written.

use crate::limits::VALUE_BYTES_MAX;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 with or without its padding, as found in the wild.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// The tags in their order.
#[derive(Debug, Default)]
pub(crate) struct Tags<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Tags<'t> {
    /// Reads a list; none where it is none, is too long, or says a tag twice.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let mut tags = Vec::new();
        if text.len() > VALUE_BYTES_MAX {
            return None;
        }
        let text = text.trim_ascii();
        for part in text.strip_suffix(';').unwrap_or(text).split(';') {
            let (tag, value) = part.split_once('=')?;
            let tag = tag.trim_ascii();
            let is_tag = tag.starts_with(|c: char| c.is_ascii_alphabetic()) && tag.bytes().all(is_tag_byte);
            if !is_tag || tags.iter().any(|(known, _)| *known == tag) {
                return None;
            }
            tags.push((tag, value.trim_ascii()));
        }
        Some(Self(tags))
    }

    /// The first tag and its value.
    pub(crate) fn first(&self) -> Option<(&'t str, &'t str)> {
        self.0.first().copied()
    }

    pub(crate) fn get(&self, tag: &str) -> Option<&'t str> {
        self.0.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value)
    }

    /// The words of a value that colons part, without white space.
    pub(crate) fn list(&self, tag: &str) -> Option<Vec<&'t str>> {
        self.get(tag).map(|value| value.split(':').map(str::trim_ascii).collect())
    }

    /// The bytes of a value in base64, which may be folded.
    pub(crate) fn bytes(&self, tag: &str) -> Option<Vec<u8>> {
        let plain: Vec<u8> = self.get(tag)?.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(plain).ok()
    }

    /// A number of a value.
    pub(crate) fn number(&self, tag: &str) -> Option<Result<u64, std::num::ParseIntError>> {
        self.get(tag).map(str::parse)
    }
}

const fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `value` of a header field with the value of its tag `b` taken out, as it is signed.
pub(crate) fn without_signature(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for (number, part) in value.split(|byte| *byte == b';').enumerate() {
        if number > 0 {
            out.push(b';');
        }
        let equals = part.iter().position(|byte| *byte == b'=');
        let tag = equals.and_then(|at| part.get(..at)).map(<[u8]>::trim_ascii);
        let kept = if tag == Some(b"b") { equals.and_then(|at| part.get(..=at)) } else { None };
        out.extend_from_slice(kept.unwrap_or(part));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let tags = Tags::read(" v = 1; a=rsa-sha256 ;\r\n\tb= aGk\r\n =; h=From : To;").unwrap();
        assert_eq!(tags.first(), Some(("v", "1")));
        assert_eq!(tags.get("a"), Some("rsa-sha256"));
        assert_eq!(tags.bytes("b").as_deref(), Some(&b"hi"[..]));
        assert_eq!(tags.list("h"), Some(vec!["From", "To"]));
        for bad in ["", "v", "v=1;;a=2", "v=1; v=1", "1=2", "a b=c", &format!("v={}", "x".repeat(VALUE_BYTES_MAX))] {
            assert!(Tags::read(bad).is_none(), "{bad:.20}");
        }
    }

    #[test]
    fn only_the_signature_is_taken_out() {
        let without = |text: &str| String::from_utf8(without_signature(text.as_bytes())).unwrap();
        assert_eq!(without(" a=1; bh=x=;\r\n b =\r\n yz==; c=b=d"), " a=1; bh=x=;\r\n b =; c=b=d");
        assert_eq!(without(" b=x;"), " b=;");
        assert_eq!(without(" b=x\r\n"), " b=");
    }
}
