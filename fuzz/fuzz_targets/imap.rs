//! What a mail server says, over IMAP and where letters are sent: whatever it is, the connection ends, and the same way twice.
#![no_main]

use adjutant_connect::imap::heard::{replies, session};
use libfuzzer_sys::fuzz_target;

/// What each command comes to is said within this, whatever a server says.
const WORDS_BYTES_PER_BYTE: usize = 64;

fuzz_target!(|says: &[u8]| {
    for read in [session as fn(&[u8]) -> Vec<String>, replies] {
        let came = read(says);
        assert_eq!(came, read(says));
        let last = came.last().expect("something comes of a greeting");
        assert!(last.starts_with("Err("), "it ends: {last}");
        let words: usize = came.iter().map(String::len).sum();
        assert!(words <= 1024 + WORDS_BYTES_PER_BYTE * (says.len() + came.len()), "{words} bytes of {}", says.len());
    }
});
