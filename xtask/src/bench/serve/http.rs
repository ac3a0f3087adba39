//! A client of HTTP/1.1 that only knows how to post and to read an answer, because it shares the cores with what it measures.

use anyhow::{Context as _, Result, bail, ensure};
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer answers are refused.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where alerts are sent.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server.
    pub address: SocketAddr,
    /// Whom the alerts come from, if the server asks.
    pub token: Option<String>,
}

impl Target {
    /// Appends a request with `body` to `out`.
    pub fn request(&self, body: &[u8], many: bool, out: &mut Vec<u8>) -> Result<()> {
        let media = if many { "application/x-ndjson" } else { "application/json" };
        write!(out, "POST /v1/alerts/bench HTTP/1.1\r\nhost: {}\r\ncontent-type: {media}\r\n", self.address)?;
        if let Some(token) = &self.token {
            write!(out, "authorization: Bearer {token}\r\n")?;
        }
        write!(out, "content-length: {}\r\n\r\n", body.len())?;
        out.extend_from_slice(body);
        Ok(())
    }
}

/// One connection that stays open.
pub struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Connection {
    /// Connects to `target`.
    pub async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.with_context(|| format!("connect to {}", target.address))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::with_capacity(8 << 10) })
    }

    /// Sends `request` and waits for its answer: the status and the body.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.inbox.clear();
        self.stream.write_all(request).await?;
        loop {
            if let Some((status, body)) = answer(&self.inbox)? {
                return Ok((status, &self.inbox[body]));
            }
            ensure!(self.inbox.len() < ANSWER_BYTES_MAX, "the answer is too long");
            ensure!(self.stream.read_buf(&mut self.inbox).await? > 0, "the server closed the connection");
        }
    }
}

/// The status, and where the body is; none as long as something is missing.
fn answer(bytes: &[u8]) -> Result<Option<(u16, Range<usize>)>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).context("a head of text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let length = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Some((_, length)) = length else { bail!("an answer without content-length") };
    let body = end + 4..end + 4 + length.trim().parse::<usize>()?;
    Ok((bytes.len() >= body.end).then_some((status, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\nok";
        for short in 0..bytes.len() {
            assert!(answer(&bytes[..short]).expect("it is only short").is_none());
        }
        assert_eq!(answer(bytes).expect("an answer"), Some((200, bytes.len() - 2..bytes.len())));
        assert!(answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
