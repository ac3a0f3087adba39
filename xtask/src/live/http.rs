//! A client that knows no more of HTTP/1.1 than it needs, so that every byte and every failure is seen as it is.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer is no longer than this.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// One connection, kept open.
pub struct Connection {
    write: TcpStream,
    read: BufReader<TcpStream>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// The service closes the connection after it.
    pub last: bool,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Connection {
    pub fn open(address: SocketAddr, patience: Duration) -> Result<Self> {
        let write = TcpStream::connect_timeout(&address, patience)?;
        write.set_nodelay(true)?;
        write.set_read_timeout(Some(patience))?;
        write.set_write_timeout(Some(patience))?;
        Ok(Self { read: BufReader::new(write.try_clone()?), write })
    }

    /// The same connection twice, for whoever sends and whoever reads.
    pub fn split(self) -> Result<(Self, Self)> {
        let other = self.write.try_clone()?;
        let write = Self { read: BufReader::new(other.try_clone()?), write: other };
        Ok((write, self))
    }

    /// Sends a request without waiting for its answer.
    pub fn send(&mut self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<()> {
        let mut bytes = format!(
            "{method} {path} HTTP/1.1\r\nhost: adjutant\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Ok(self.write.write_all(&bytes)?)
    }

    /// The next answer.
    pub fn receive(&mut self) -> Result<Answer> {
        let mut line = String::new();
        ensure!(self.read.read_line(&mut line)? > 0, "the connection was closed");
        let status: u16 = line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let (mut len, mut last) = (0_usize, false);
        loop {
            line.clear();
            ensure!(self.read.read_line(&mut line)? > 0, "the connection was closed in a head");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => len = value.trim().parse()?,
                "connection" => last = value.trim().eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        ensure!(len <= ANSWER_BYTES_MAX, "an answer of {len} bytes");
        let mut body = vec![0; len];
        self.read.read_exact(&mut body)?;
        Ok(Answer { status, body, last })
    }

    pub fn ask(&mut self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<Answer> {
        self.send(method, path, token, body)?;
        self.receive()
    }
}
