//! Values of a directory as text, and text as parts of a filter.

use ldap3::ldap_escape;
use std::fmt::Write as _;

/// How the values of an attribute are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text.
    Text,
    /// A UUID as text.
    Uuid,
    /// A UUID as sixteen bytes, the first three groups with their least byte first.
    Guid,
    /// A security identifier.
    Sid,
    /// An address with its kind before it, such as `smtp:ana@corp.example`.
    Address,
}

const SMTP: &str = "smtp:";

impl Form {
    /// A value as text; none when it is not of this form.
    pub(super) fn read(self, bytes: &[u8]) -> Option<String> {
        match self {
            Form::Guid => guid(bytes),
            Form::Sid => sid(bytes),
            Form::Text => Some(std::str::from_utf8(bytes).ok()?.to_owned()),
            Form::Uuid => uuid(std::str::from_utf8(bytes).ok()?),
            Form::Address => {
                let text = std::str::from_utf8(bytes).ok()?;
                let kind = text.get(..SMTP.len()).filter(|kind| kind.eq_ignore_ascii_case(SMTP));
                Some(kind.and_then(|_| text.get(SMTP.len()..)).unwrap_or(text).to_owned())
            }
        }
    }

    /// The filter of entries whose `attribute` is `name`; none when `name` cannot be a value of this form.
    pub(super) fn equals(self, attribute: &str, name: &str) -> Option<String> {
        let value = match self {
            Form::Text => ldap_escape(name).into_owned(),
            Form::Uuid => uuid(name)?,
            Form::Guid => escaped(&guid_bytes(&uuid(name)?)?),
            Form::Sid => escaped(&sid_bytes(name)?),
            Form::Address => format!("{SMTP}{}", ldap_escape(name)),
        };
        Some(format!("({attribute}={value})"))
    }
}

/// Every byte as `\xx`.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to text does not fail.
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}

/// The canonical form of a UUID; none when the text is none.
pub(super) fn uuid(text: &str) -> Option<String> {
    let dashes = [8, 13, 18, 23];
    let good = |(at, byte): (usize, u8)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    (text.len() == 36 && text.bytes().enumerate().all(good)).then(|| text.to_ascii_lowercase())
}

/// Where each byte of a GUID as text stands in its sixteen bytes.
const GUID_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let mut text = String::with_capacity(36);
    for (at, place) in GUID_ORDER.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{:02x}", bytes.get(*place)?);
    }
    Some(text)
}

fn guid_bytes(canonical: &str) -> Option<[u8; 16]> {
    let digits: String = canonical.chars().filter(|c| *c != '-').collect();
    let mut bytes = [0; 16];
    for (at, place) in GUID_ORDER.iter().enumerate() {
        *bytes.get_mut(*place)? = u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// `S-1-…`: revision, count, the authority with its greatest byte first, then each part with its least byte first.
fn sid(bytes: &[u8]) -> Option<String> {
    let (&[revision, count, a, b, c, d, e, f], parts) = bytes.split_first_chunk::<8>()?;
    let (parts, rest) = parts.as_chunks::<4>();
    if parts.len() != usize::from(count) || !rest.is_empty() {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    Some(parts.iter().fold(format!("S-{revision}-{authority}"), |text, part| format!("{text}-{}", u32::from_le_bytes(*part))))
}

fn sid_bytes(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.strip_prefix("S-").or_else(|| text.strip_prefix("s-"))?.split('-');
    let revision: u8 = parts.next()?.parse().ok()?;
    let authority: u64 = parts.next()?.parse().ok().filter(|authority| *authority < 1 << 48)?;
    let parts: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let count = u8::try_from(parts.len()).ok().filter(|count| *count <= 15)?;
    let mut bytes = vec![revision, count];
    bytes.extend_from_slice(authority.to_be_bytes().get(2..)?);
    parts.iter().for_each(|part| bytes.extend_from_slice(&part.to_le_bytes()));
    Some(bytes)
}

/// The identifier in the same domain as `sid` with the last part `relative`.
pub(super) fn sibling(sid: &str, relative: &str) -> Option<String> {
    let (domain, _) = sid.rsplit_once('-')?;
    Some(format!("{domain}-{}", relative.parse::<u32>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_as_the_vendor_writes_them() {
        let bytes: Vec<u8> = (0..16).collect();
        let text = "03020100-0504-0706-0809-0a0b0c0d0e0f";
        assert_eq!(Form::Guid.read(&bytes).as_deref(), Some(text));
        let filter = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        assert_eq!(Form::Guid.equals("objectGUID", &text.to_uppercase()), Some(format!("(objectGUID={filter})")));

        let domain_admins = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xa0, 0x65, 0xcf, 0x7e, 0x78, 0x4b, 0x9b, 0x5f, 0xe7, 0x7c, 0x87, 0x70, 0, 2, 0,
            0,
        ];
        let text = "S-1-5-21-2127521184-1604012920-1887927527-512";
        assert_eq!(Form::Sid.read(&domain_admins).as_deref(), Some(text));
        assert_eq!(sid_bytes(text).as_deref(), Some(domain_admins.as_slice()));
        assert_eq!(sibling(text, "513").as_deref(), Some("S-1-5-21-2127521184-1604012920-1887927527-513"));
    }

    #[test]
    fn what_is_no_identifier_is_none() {
        for bytes in [&[][..], &[1, 5, 0], &[1, 2, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0]] {
            assert_eq!((Form::Guid.read(bytes), Form::Sid.read(bytes)), (None, None));
        }
        for text in
            ["", "S-1", "S-1-5-x", "S-1-5-4294967296", "S-1-999999999999999", "S-1-5-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1", "é"]
        {
            assert_eq!(Form::Sid.equals("objectSid", text), None, "{text}");
        }
        for text in ["", "0302010000504-0706-0809-0a0b0c0d0e0f", "03020100-0504-0706-0809-0a0b0c0d0e0*", &"é".repeat(18)] {
            assert_eq!(Form::Uuid.equals("entryUUID", text), None, "{text}");
        }
    }

    #[test]
    fn a_name_stays_a_name_in_a_filter() {
        assert_eq!(Form::Text.equals("uid", "*)(uid=*").as_deref(), Some(r"(uid=\2a\29\28uid=\2a)"));
        assert_eq!(Form::Text.equals("uid", "a\\b\0é").as_deref(), Some(r"(uid=a\5cb\00é)"));
        assert_eq!(Form::Address.equals("proxyAddresses", "a*").as_deref(), Some(r"(proxyAddresses=smtp:a\2a)"));
        assert_eq!(Form::Address.read(b"SMTP:Ana@corp.example").as_deref(), Some("Ana@corp.example"));
        assert_eq!(Form::Address.read(b"x500:/o=Corp").as_deref(), Some("x500:/o=Corp"));
    }
}
