//! Bytes that are said to be one message of mail: the record that a file of the same bytes gives, or why it is none.
//!
//! The one place where a raw message becomes a record, whoever brings it: a request, or a mailbox that is read.

use super::{Fault, RECORD_BYTES_MAX, Record};
use adjutant_mail::{is_answered, is_message};

/// Takes all of `bytes` as one message, with what DNS answered about it or without. They stay as they are: its name is the digest
/// of every byte.
///
/// # Errors
/// There is nothing, more than [`RECORD_BYTES_MAX`], or something that does not begin like a message.
pub fn message(bytes: &[u8]) -> Result<Record, Fault> {
    let fault = |code, detail: String| Err(Fault { line: 1, code, detail, before: 0 });
    if bytes.len() > RECORD_BYTES_MAX {
        return fault("too-long", format!("a message is longer than {RECORD_BYTES_MAX} bytes, as a record may be"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return fault("input-empty", "there is nothing in it".into());
    }
    if !is_message(bytes) && !is_answered(bytes) {
        let detail = "this does not begin as a message (RFC 5322) does, with three header fields such as From, Subject and Date";
        return fault("no-message", detail.into());
    }
    Ok(Record::new(0, bytes.len(), 1))
}

#[cfg(test)]
mod tests {
    use super::super::cut;
    use super::*;

    const MESSAGE: &[u8] = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: {\"a\":1}\r\n\r\n{\"a\":1}\r\n\x00\xff\r\n";

    #[test]
    fn a_message_is_the_record_that_a_file_of_it_gives() {
        let record = message(MESSAGE).unwrap();
        assert_eq!(record.range(), 0..MESSAGE.len());
        assert_eq!(cut(MESSAGE, None, 9).records(), [record]);
    }

    #[test]
    fn what_is_none_says_why() {
        let why = |bytes: &[u8]| message(bytes).unwrap_err().code;
        assert_eq!(why(b""), "input-empty");
        assert_eq!(why(b" \r\n"), "input-empty");
        assert_eq!(why(b"{\"from\":\"a\",\"to\":\"b\"}"), "no-message");
        assert_eq!(why(b"From: a@b.example\r\n\r\nhello"), "no-message");
        let mut long = MESSAGE.to_vec();
        long.resize(RECORD_BYTES_MAX, b'a');
        assert!(message(&long).is_ok());
        long.push(b'a');
        assert_eq!(why(&long), "too-long");
    }
}
