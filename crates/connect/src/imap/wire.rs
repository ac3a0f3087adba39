//! Bytes to and from a mail server: to an address that was checked, over TLS, each answer within its time and its length.

use super::answer::Raw;
use super::settings::Checked;
use super::trouble::Trouble;
use crate::deadline::{from_now, left};
use crate::http::address::may_be_called;
use crate::http::{Names, SystemNames};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest text of one answer, without its literals: numbers of 100,000 messages fit.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Literals of one answer.
const LITERALS_MAX: usize = 64;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 16 << 10;

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What says everything at once has said it in this.
const NOT_LONG: Duration = Duration::from_secs(60);

/// A server that says what it has to say and hears nothing.
struct Says(io::Cursor<Vec<u8>>);

impl Read for Says {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Says {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// The same connection, to say how long is waited; none where nothing has to be waited for.
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    start: usize,
    patience: Duration,
    until: Instant,
    literal_max: usize,
}

impl Wire {
    /// Connects. Literals are at most so long.
    pub(super) fn open(place: &Checked, connect: Duration, patience: Duration, literal_max: usize) -> Result<Self, Trouble> {
        let unreachable = |error: io::Error| Trouble::NotSent(format!("`{}` cannot be reached: {error}", place.host));
        let mut socket = Err(io::Error::from(ErrorKind::AddrNotAvailable));
        for address in addresses(place, connect)? {
            socket = TcpStream::connect_timeout(&address, connect);
            if socket.is_ok() {
                break;
            }
        }
        let socket = socket.map_err(unreachable)?;
        socket.set_nodelay(true).map_err(unreachable)?;
        let kept = socket.try_clone().map_err(unreachable)?;
        let stream: Box<dyn Stream> = match &place.tls {
            Some(tls) if !place.starttls => encrypted(place, tls, socket)?,
            _ => Box::new(socket),
        };
        let until = from_now(patience);
        let (buffer, start) = (Vec::new(), 0);
        Ok(Self { stream, socket: Some(kept), buffer, start, patience, until, literal_max })
    }

    /// One to a server that says this and hears nothing.
    pub(super) fn of(says: Vec<u8>, literal_max: usize) -> Self {
        let (patience, until) = (NOT_LONG, from_now(NOT_LONG));
        Self {
            stream: Box::new(Says(io::Cursor::new(says))),
            socket: None,
            buffer: Vec::new(),
            start: 0,
            patience,
            until,
            literal_max,
        }
    }

    /// Goes on over TLS, after both sides agreed on that.
    ///
    /// What came before and is not read yet would be taken for something that was said under TLS, whoever said it. So it ends
    /// the connection: a server that waits for TLS has nothing to say. What comes later is no TLS, and ends it too.
    pub(super) fn secure(&mut self, place: &Checked) -> Result<(), Trouble> {
        if self.start < self.buffer.len() {
            return Err(Trouble::Never("the mail server, or somebody in between, says more before TLS than was asked".into()));
        }
        let tls = place.tls.as_ref().ok_or_else(|| Trouble::Never(format!("there is no TLS to `{}`", place.host)))?;
        let socket = self.socket.as_ref().map_or_else(|| Err(ErrorKind::NotConnected.into()), TcpStream::try_clone);
        self.stream = encrypted(place, tls, socket.map_err(|error| lost(&error))?)?;
        Ok(())
    }

    /// Begins to count the time of an answer anew.
    pub(super) fn begin(&mut self) {
        self.until = from_now(self.patience);
    }

    /// Sends all of it.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.pace()?;
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        sent.map_err(|error| lost(&error))
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> Result<Raw, Trouble> {
        let mut raw = Raw::default();
        loop {
            let line = self.line(TEXT_BYTES_MAX.saturating_sub(raw.text.len()))?;
            raw.text.extend_from_slice(&line);
            let Some(length) = announced(&line) else { return Ok(raw) };
            if length > self.literal_max || raw.literals.len() >= LITERALS_MAX {
                return Err(Trouble::Lost("the mail server's answer is longer than it may be".into()));
            }
            raw.literals.push(self.exactly(length)?);
        }
    }

    /// The next line.
    pub(super) fn text_line(&mut self) -> Result<Vec<u8>, Trouble> {
        self.line(TEXT_BYTES_MAX)
    }

    /// Whether something came within `span`; false when nothing did.
    pub(super) fn comes_within(&mut self, span: Duration) -> Result<bool, Trouble> {
        if self.start < self.buffer.len() {
            return Ok(true);
        }
        self.until = from_now(span);
        match self.fill() {
            Ok(()) => Ok(true),
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(lost(&error)),
        }
    }

    fn line(&mut self, most: usize) -> Result<Vec<u8>, Trouble> {
        let mut looked = 0;
        loop {
            let held = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(end) = held.get(looked..).and_then(|new| new.iter().position(|byte| *byte == b'\n')) {
                let line = held.get(..looked + end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.start += looked + end + 1;
                return Ok(line);
            }
            looked = held.len();
            if looked > most {
                return Err(Trouble::Lost("the mail server's answer is longer than it may be".into()));
            }
            self.fill().map_err(|error| lost(&error))?;
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Trouble> {
        while self.buffer.len() - self.start < length {
            self.fill().map_err(|error| lost(&error))?;
        }
        let bytes = self.buffer.get(self.start..self.start + length).unwrap_or_default().to_vec();
        self.start += length;
        Ok(bytes)
    }

    /// Reads what comes next.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.pace().map_err(|_| io::Error::from(ErrorKind::TimedOut))?;
        let held = self.buffer.len();
        self.buffer.resize(held + PIECE_BYTES, 0);
        let read = self.stream.read(self.buffer.get_mut(held..).unwrap_or_default());
        self.buffer.truncate(held + read.as_ref().copied().unwrap_or(0));
        match read? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Nothing waits for longer than is left.
    fn pace(&self) -> Result<(), Trouble> {
        let left = left(self.until);
        if left.is_zero() {
            return Err(lost(&ErrorKind::TimedOut.into()));
        }
        let Some(socket) = &self.socket else { return Ok(()) };
        let set = socket.set_read_timeout(Some(left)).and_then(|()| socket.set_write_timeout(Some(left)));
        set.map_err(|error| lost(&error))
    }
}

/// The connection under TLS, to the server of that name. Nothing is said yet.
fn encrypted(place: &Checked, tls: &Arc<ClientConfig>, socket: TcpStream) -> Result<Box<dyn Stream>, Trouble> {
    let bare = place.host.trim_start_matches('[').trim_end_matches(']');
    let never = |why: String| Trouble::Never(format!("no TLS to `{}`: {why}", place.host));
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| never(error.to_string()))?;
    let session = ClientConnection::new(tls.clone(), name).map_err(|error| never(error.to_string()))?;
    Ok(Box::new(StreamOwned::new(session, socket)))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn lost(error: &io::Error) -> Trouble {
    if let Some(rustls::Error::InvalidCertificate(why)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Trouble::Never(format!("the mail server's certificate is not accepted: {why}"));
    }
    Trouble::Lost(match error.kind() {
        _ if is_timeout(error) => "the mail server did not answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "the mail server closed the connection".to_owned(),
        _ => format!("the connection to the mail server fails: {error}"),
    })
}

/// The length of the literal that follows the line, if one does.
fn announced(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}")?;
    let digits = line.get(line.iter().rposition(|byte| *byte == b'{')? + 1..)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX))
}

/// The addresses of the server, each of which may be called.
fn addresses(place: &Checked, patience: Duration) -> Result<Vec<SocketAddr>, Trouble> {
    let bare = place.host.trim_start_matches('[').trim_end_matches(']');
    let found = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, place.port)],
        Err(_) => SystemNames
            .resolve(&place.host, place.port, patience)
            .map_err(|error| Trouble::NotSent(format!("`{}` cannot be found: {error}", place.host)))?,
    };
    // One bad address among good ones is a trick, and not a choice.
    for address in &found {
        let never = |why: String| Trouble::Never(format!("`{}` is {}, which is not called: {why}", place.host, address.ip()));
        match place.tls {
            None if !address.ip().is_loopback() => return Err(never("only this machine is called in the clear".into())),
            None => {}
            Some(_) => may_be_called(address.ip(), &place.allowed).map_err(|refused| {
                let hint = if refused.always { "" } else { "; `allow` in the settings can name its range" };
                never(format!("{refused}{hint}"))
            })?,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn hearing(says: &'static [u8]) -> Result<Raw, Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Whoever has read enough closes first.
            let _ = stream.write_all(says);
        });
        let place = Checked { host: "127.0.0.1".into(), port, tls: None, starttls: false, allowed: Vec::new() };
        let mut wire = Wire::open(&place, Duration::from_secs(5), Duration::from_secs(5), 1000).unwrap();
        let answer = wire.answer();
        drop(wire);
        server.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_is_a_line_with_its_literals() {
        let raw = hearing(b"* 1 FETCH (BODY[] {4}\r\n\r\n)(X {0}\r\n)\r\n* next").unwrap();
        assert_eq!(raw.text, b"* 1 FETCH (BODY[] {4}X {0})");
        assert_eq!(raw.literals, [b"\r\n)(".to_vec(), Vec::new()]);
    }

    #[test]
    fn what_is_longer_than_it_may_be_is_not_read() {
        let too_long = |says: &'static [u8]| match hearing(says) {
            Err(Trouble::Lost(why)) => why.contains("longer than it may be"),
            other => panic!("{other:?}"),
        };
        assert!(too_long(b"* 1 FETCH (BODY[] {1001}\r\n"));
        assert!(too_long(b"* 1 FETCH (BODY[] {99999999999999999999999999}\r\n"));
        let line: &'static [u8] = Box::leak(vec![b'x'; TEXT_BYTES_MAX + 3 * PIECE_BYTES].into_boxed_slice());
        assert!(too_long(line));
        let literals: &'static [u8] = Box::leak(b"{1}\r\nx".repeat(LITERALS_MAX + 1).into_boxed_slice());
        assert!(too_long(literals));
    }

    #[test]
    fn an_answer_that_breaks_off_is_lost() {
        for says in [b"".as_slice(), b"* OK", b"* 1 FETCH (BODY[] {4}\r\nab"] {
            assert!(matches!(hearing(says), Err(Trouble::Lost(_))));
        }
    }

    #[test]
    fn an_address_inside_is_called_only_where_it_is_allowed_and_none_but_ours_in_the_clear() {
        let place = |host: &str, tls: bool, allowed: &[&str]| Checked {
            host: host.into(),
            port: 1,
            tls: tls.then(|| crate::trust::trust(None).unwrap()),
            starttls: false,
            allowed: allowed.iter().map(|range| range.parse().unwrap()).collect(),
        };
        let may = |place: &Checked| addresses(place, Duration::from_secs(1)).is_ok();
        assert!(may(&place("127.0.0.1", false, &[])) && !may(&place("10.0.0.1", false, &["10.0.0.0/8"])));
        assert!(!may(&place("10.0.0.1", true, &[])) && may(&place("10.0.0.1", true, &["10.0.0.0/8"])));
        assert!(!may(&place("169.254.169.254", true, &["0.0.0.0/0"])) && may(&place("[2606:4700::1]", true, &[])));
    }
}
