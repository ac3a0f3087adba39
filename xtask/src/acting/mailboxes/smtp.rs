//! What passes between the connector and the server that takes its letters (RFC 5321): a text, to its end, is one request with the
//! command before it.

use super::super::fault::Kind;
use super::super::proxy::{Talk, Word};
use adjutant_model::Duration;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

/// No letter of a trial is longer.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A command, with the text that follows it.
pub struct Letter {
    command: Vec<u8>,
    text: Vec<u8>,
}

/// Both ends.
pub struct Smtp {
    client: BufReader<TcpStream>,
    server: BufReader<TcpStream>,
}

impl Smtp {
    /// One between `client` and the server at `port`, whose greeting is handed on.
    pub fn new(client: TcpStream, port: u16) -> io::Result<Self> {
        let server = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
        let mut smtp = Self { client: BufReader::new(client), server };
        let greeting = reply(&mut smtp.server)?;
        smtp.client.get_mut().write_all(&greeting)?;
        Ok(smtp)
    }
}

impl Talk for Smtp {
    type Asked = Letter;
    const TAKES: Duration = Duration(10_000);
    const NONSENSE: &'static [u8] = b"\x1b[2J sign in!\r\n";

    fn asked(&mut self) -> io::Result<Letter> {
        let command = line(&mut self.client)?;
        let mut text = Vec::new();
        if is_text(&command) {
            self.client.get_mut().write_all(b"354 go on\r\n")?;
            while text != b".\r\n" && !text.ends_with(b"\r\n.\r\n") {
                text.extend(line(&mut self.client)?);
                if text.len() > TEXT_BYTES_MAX {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        Ok(Letter { command, text })
    }

    fn kind(asked: &Letter) -> Option<Kind> {
        match asked.command.first()? {
            _ if is_text(&asked.command) => Some(Kind::Change),
            b'Q' => None,
            _ => Some(Kind::Read),
        }
    }

    fn answer(&mut self, asked: &Letter) -> io::Result<Vec<u8>> {
        self.server.get_mut().write_all(&asked.command)?;
        let said = reply(&mut self.server)?;
        if asked.text.is_empty() || !said.starts_with(b"3") {
            return Ok(said);
        }
        self.server.get_mut().write_all(&asked.text)?;
        reply(&mut self.server)
    }

    /// What is taken is delivered at once.
    fn recorded(answer: &[u8]) -> bool {
        answer.starts_with(b"2")
    }

    fn word(_: &Letter, word: Word) -> Vec<u8> {
        let says = match word {
            Word::Done => "250 2.0.0 done\r\n",
            Word::Busy => "452 4.3.1 too much\r\n",
            Word::Unavailable => "451 4.3.0 it does not work\r\n",
            Word::Unwilling => "554 5.7.1 no\r\n",
        };
        says.into()
    }

    fn client(&mut self) -> &mut TcpStream {
        self.client.get_mut()
    }
}

fn is_text(command: &[u8]) -> bool {
    command.eq_ignore_ascii_case(b"DATA\r\n")
}

fn line(from: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A reply, to its last line.
fn reply(from: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    loop {
        let line = line(from)?;
        reply.extend_from_slice(&line);
        if line.get(3) != Some(&b'-') {
            return Ok(reply);
        }
    }
}
