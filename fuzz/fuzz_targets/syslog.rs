//! Framing of syslog connections: how the bytes arrive changes nothing, and memory stays bounded.
#![no_main]

use adjutant_server::intake::Piece;
use adjutant_server::intake::syslog::{Framer, datagram};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;

const LONGEST: usize = 200;

fn frame(stream: &[u8], size: usize) -> Vec<Piece> {
    let (mut framer, mut buffer, mut told) = (Framer::new(LONGEST), BytesMut::new(), Vec::new());
    let mut pieces = stream.chunks(size).peekable();
    loop {
        buffer.extend_from_slice(pieces.next().unwrap_or(&[]));
        let ended = pieces.peek().is_none();
        while let Some(piece) = framer.next(&mut buffer, ended) {
            if let Piece::Record(record) = &piece {
                assert!(!record.bytes.is_empty() && record.bytes.len() <= LONGEST);
            }
            told.push(piece);
        }
        assert!(buffer.len() <= LONGEST + 16 + size, "what is kept is bounded");
        if ended {
            return told;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let whole = frame(data, data.len().max(1));
    for size in [1, 2, 7, 1 + data.len() % 61] {
        assert_eq!(frame(data, size), whole, "in pieces of {size}");
    }
    let _ = datagram(Bytes::copy_from_slice(data));
});
