//! What servers may say, without a server: hostile bytes go the whole way from the wire to what is understood of them.
//!
//! For whoever tries such bytes on it, the fuzz target first of all; nothing else uses it.

use super::link::{Link, Piece};
use super::smtp;
use super::trouble::Trouble;
use super::wire::Wire;

/// The longest literal of a session.
const LITERAL_MAX: usize = 4 << 10;

/// A mail server says these bytes, whatever it is asked, until they are at their end. What came of each command, in words.
pub fn session(says: &[u8]) -> Vec<String> {
    let mut link = Link::over(Wire::of(says.to_vec(), LITERAL_MAX));
    let mut came = vec![format!("{:?}", link.greeted())];
    while !link.is_broken() {
        let step: Result<String, Trouble> = match came.len() % 6 {
            0 => link.folders().map(|folders| format!("{folders:?}")),
            1 => link.learn().map(|()| String::new()),
            2 => link.open_folder("INBOX", true).map(|validity| validity.to_string()),
            3 => link.find(&[Piece::Plain("UID SEARCH"), Piece::Literal(b"x")]).map(|uids| format!("{uids:?}")),
            4 => link.message(1, "UID").map(|fetched| format!("{fetched:?}")),
            _ => link.idle().and_then(|tag| link.rouse(&tag)).map(|()| String::new()),
        };
        came.push(format!("{step:?}"));
        // Each command takes an answer at least, or ends it.
        if came.len() > says.len() + 2 {
            break;
        }
    }
    came
}

/// A server that takes letters says these bytes. What came of each answer that was waited for, in words.
pub fn replies(says: &[u8]) -> Vec<String> {
    smtp::replies(Wire::of(says.to_vec(), 0), says.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_on_until_the_server_breaks_it() {
        let says = b"* OK hi\r\n* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\na1 OK\r\n* OK [UIDVALIDITY 7] x\r\na2 OK\r\n+ go\r\n* SEARCH 4\r\n\
                     a3 OK\r\n* 1 FETCH (UID 1 BODY[] {2}\r\n)\n)\r\na4 OK\r\nnonsense";
        let came = session(says);
        assert_eq!(came.len(), 7, "{came:?}");
        assert!(came[2].contains("7") && came[3].contains("[4]") && came[4].contains("uid: Some(1)"), "{came:?}");
        assert!(came[5].starts_with("Err(Lost("), "{came:?}");
    }

    #[test]
    fn replies_are_read_to_the_one_that_breaks_off() {
        let came = replies(b"220 hi\r\n250-a\r\n250 b\r\n451 later\r\n25");
        assert_eq!(came.len(), 4, "{came:?}");
        assert!(came[1] == "Ok(())" && came[2].contains("later") && came[3].starts_with("Err(Lost("), "{came:?}");
    }
}
