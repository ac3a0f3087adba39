//! Stands between a client and its mail server, and hands over whole commands and whole answers.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// No command and no answer of a test is longer.
const BYTES_MAX: usize = 64 << 20;

/// A command, taken from the client to its end.
pub(crate) struct Command {
    pub(crate) tag: String,
    /// Its first word, or `UID` with the second.
    pub(crate) verb: String,
    /// What the server gets, after each of which it says that it waits for the next.
    pieces: Vec<Vec<u8>>,
}

/// Both ends.
pub(crate) struct Pipe {
    pub(crate) client: BufReader<TcpStream>,
    server: BufReader<TcpStream>,
}

impl Pipe {
    /// One between `client` and the server at `port`, whose greeting is handed on.
    pub(crate) fn new(client: TcpStream, port: u16) -> io::Result<Self> {
        let server = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
        let mut pipe = Self { client: BufReader::new(client), server };
        let greeting = line(&mut pipe.server)?;
        pipe.say(&greeting)?;
        Ok(pipe)
    }

    /// Says something to the client.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client.get_mut().write_all(bytes)
    }

    /// The client's next command.
    pub(crate) fn command(&mut self) -> io::Result<Command> {
        let mut piece = line(&mut self.client)?;
        let text = String::from_utf8_lossy(&piece).to_ascii_uppercase();
        let mut words = text.split_whitespace().map(str::to_owned);
        let (_, first) = (words.next(), words.next().unwrap_or_default());
        let tag = String::from_utf8_lossy(&piece).split(' ').next().unwrap_or_default().to_owned();
        let verb = if first == "UID" { format!("UID {}", words.next().unwrap_or_default()) } else { first };
        let mut pieces = Vec::new();
        if verb == "AUTHENTICATE" {
            self.say(b"+ \r\n")?;
            pieces.push(std::mem::replace(&mut piece, line(&mut self.client)?));
        }
        while let Some(length) = literal(&piece) {
            self.say(b"+ go on\r\n")?;
            let mut next = vec![0; length];
            self.client.read_exact(&mut next)?;
            next.extend(line(&mut self.client)?);
            pieces.push(std::mem::replace(&mut piece, next));
        }
        pieces.push(piece);
        Ok(Command { tag, verb, pieces })
    }

    /// What the server answers, to the end of the answer.
    pub(crate) fn answer(&mut self, command: &Command) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for piece in &command.pieces {
            self.server.get_mut().write_all(piece)?;
            loop {
                let said = line(&mut self.server)?;
                if said.starts_with(b"+") {
                    break;
                }
                let ends = said.starts_with(format!("{} ", command.tag).as_bytes());
                let follows = literal(&said);
                all.extend(said);
                if ends {
                    return Ok(all);
                }
                if let Some(length) = follows {
                    let start = all.len();
                    all.resize(start + length, 0);
                    self.server.read_exact(&mut all[start..])?;
                }
                if all.len() > BYTES_MAX {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        Ok(all)
    }
}

fn line(from: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn literal(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.trim_end().strip_suffix('}')?;
    text.rsplit_once('{')?.1.parse().ok().filter(|length| *length <= BYTES_MAX)
}
