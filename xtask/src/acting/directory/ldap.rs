//! What passes between the connector and its directory: messages, taken apart as far as their length, number and kind (RFC 4511).

use super::super::fault::Kind;
use super::super::proxy::{Talk, Word};
use adjutant_model::Duration;
use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// No message of a trial is longer.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

const UNBIND: u8 = 0x42;
const ABANDON: u8 = 0x50;
const SEARCH: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const MODIFY: u8 = 0x66;
const MODIFIED: u8 = 0x67;

const SUCCESS: u8 = 0;
const BUSY: u8 = 51;
const UNAVAILABLE: u8 = 52;
const UNWILLING: u8 = 53;

/// A message: its bytes, and where its number and its operation stand.
pub struct Message {
    bytes: Vec<u8>,
    number: Vec<u8>,
    kind: u8,
}

/// Both ends.
pub struct Pipe {
    pub client: TcpStream,
    pub server: UnixStream,
}

impl Talk for Pipe {
    type Asked = Message;
    const TAKES: Duration = Duration(20_000);
    const NONSENSE: &'static [u8] = b"\x30\x0c\x02\x01\x01sign in!";

    fn asked(&mut self) -> io::Result<Message> {
        read(&mut self.client)
    }

    fn kind(asked: &Message) -> Option<Kind> {
        match asked.kind {
            MODIFY => Some(Kind::Change),
            SEARCH => Some(Kind::Read),
            _ => None,
        }
    }

    fn answer(&mut self, asked: &Message) -> io::Result<Vec<u8>> {
        self.server.write_all(&asked.bytes)?;
        let mut bytes = Vec::new();
        if matches!(asked.kind, UNBIND | ABANDON) {
            return Ok(bytes);
        }
        loop {
            let answer = read(&mut self.server)?;
            bytes.extend(&answer.bytes);
            if answer.kind != SEARCH_ENTRY {
                return Ok(bytes);
            }
        }
    }

    /// The access log also has what failed.
    fn recorded(_: &[u8]) -> bool {
        true
    }

    /// A result without words.
    fn word(asked: &Message, word: Word) -> Vec<u8> {
        let code = match word {
            Word::Done => SUCCESS,
            Word::Busy => BUSY,
            Word::Unavailable => UNAVAILABLE,
            Word::Unwilling => UNWILLING,
        };
        let kind = if asked.kind == MODIFY { MODIFIED } else { SEARCH_DONE };
        let result = [0x0a, 1, code, 4, 0, 4, 0];
        let inner = [asked.number.as_slice(), &[kind, result.len() as u8], &result].concat();
        [&[0x30, inner.len() as u8], inner.as_slice()].concat()
    }

    fn client(&mut self) -> &mut TcpStream {
        &mut self.client
    }
}

fn read(from: &mut impl Read) -> io::Result<Message> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let mut bytes = head.to_vec();
    let length = if head[1] < 0x80 {
        usize::from(head[1])
    } else {
        let mut more = vec![0; usize::from(head[1] & 0x7f)];
        from.read_exact(&mut more)?;
        bytes.extend(&more);
        more.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
    };
    if length > MESSAGE_BYTES_MAX {
        return Err(bad());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let number_ends = 2 + usize::from(*body.get(1).ok_or_else(bad)?);
    let number = body.get(..number_ends).ok_or_else(bad)?.to_vec();
    let kind = *body.get(number_ends).ok_or_else(bad)?;
    bytes.extend(&body);
    Ok(Message { bytes, number, kind })
}
