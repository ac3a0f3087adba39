//! What passes between the connector and its mailboxes (RFC 9051).

use super::super::fault::Kind;
use super::super::proxy::{Talk, Word};
use super::pipe::{Command, Pipe};
use adjutant_model::Duration;
use std::io;
use std::net::TcpStream;

impl Talk for Pipe {
    type Asked = Command;
    const TAKES: Duration = Duration(10_000);
    const NONSENSE: &'static [u8] = b"* 1 FETCH (\x1b[2J sign in!\r\n";

    fn asked(&mut self) -> io::Result<Command> {
        self.command()
    }

    /// A folder that is made changes no message.
    fn kind(asked: &Command) -> Option<Kind> {
        match asked.verb.as_str() {
            "UID MOVE" | "UID STORE" | "APPEND" => Some(Kind::Change),
            "LIST" | "SELECT" | "EXAMINE" | "CREATE" | "UID SEARCH" | "UID FETCH" => Some(Kind::Read),
            _ => None,
        }
    }

    fn answer(&mut self, asked: &Command) -> io::Result<Vec<u8>> {
        Pipe::answer(self, asked)
    }

    /// By its own word it moved or took something.
    fn recorded(answer: &[u8]) -> bool {
        let says = String::from_utf8_lossy(answer);
        says.contains("[COPYUID ") || says.contains("[APPENDUID ")
    }

    fn word(asked: &Command, word: Word) -> Vec<u8> {
        let tag = &asked.tag;
        let no = |code: &str| format!("{tag} NO [{code}] no\r\n");
        let says = match word {
            Word::Done => format!("* OK [COPYUID 1 1 1] done\r\n{tag} OK [APPENDUID 1 1] done\r\n"),
            Word::Busy => no("INUSE"),
            Word::Unavailable => no("UNAVAILABLE"),
            Word::Unwilling => no("NOPERM"),
        };
        says.into_bytes()
    }

    fn client(&mut self) -> &mut TcpStream {
        self.client.get_mut()
    }
}
