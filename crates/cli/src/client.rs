//! Talks to the service: one request at a time, answers of bounded size, and errors that say what to do.
//!
//! What the service answers holds text from alerts, so nothing of it reaches a terminal unless it was made harmless.

pub(crate) mod accounts;
pub(crate) mod act;
pub(crate) mod autonomy;
pub(crate) mod cases;
pub(crate) mod letters;
mod rows;

use crate::args::service::{Remote, Shape};
use crate::exit::Exit;
use crate::table::painted;
use crate::term::{self, safe};
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_server::api::Done;
use anyhow::Context;
use rows::Rows;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::time::Duration;
use ureq::http::{Method, Request, Response, header};
use ureq::{Agent, Body};

/// Where the service is when nobody says.
const URL: &str = "http://127.0.0.1:8080";

/// A connection is waited for so long.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// An answer is waited for so long: a review reads years of decisions.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// A longer answer is none of ours.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A longer token is none of ours.
const TOKEN_BYTES_MAX: usize = 1024;

/// Rows of a listing that the service answers at once.
const PAGE_ROWS_MAX: u32 = 200;

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("`{0}` is no URL of a service; write it as {URL}")]
    Url(String),
    #[error("there is no token; put one into $ADJUTANT_TOKEN, or name a file that holds one with --token-file")]
    NoToken,
    #[error("the token is none of this service's: it has characters that none has; look at --token-file or $ADJUTANT_TOKEN")]
    Token,
    #[error("the service at {0} cannot be reached: {1}; start it with `adjutant serve`, or name another with --url")]
    Unreached(String, String),
    #[error("{0} did not answer to the end: {1}; whether it was done is not known, so look before you try again")]
    Unclear(String, String),
    #[error("{0}")]
    Refused(String),
    #[error("{0} answered {1}, but not as this service does; look whether --url names another program, or another release")]
    Strange(String, u16),
}

/// An error answer (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    what_to_do: String,
    #[serde(default)]
    retry_after_s: Option<u32>,
}

/// A page of a listing.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// Sends requests to one service with one token.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
    shape: Shape,
}

impl Client {
    /// As the options and the environment say, with a token.
    pub(crate) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let client = Self::without_token(remote)?;
        let text = match &remote.token_file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?,
            None => std::env::var("ADJUTANT_TOKEN").unwrap_or_default(),
        };
        let token = text.trim();
        if token.is_empty() {
            return Err(Error::NoToken.into());
        }
        if token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Token.into());
        }
        Ok(Self { token: Some(token.to_owned()), ..client })
    }

    /// As the options and the environment say, for what needs no token.
    fn without_token(remote: &Remote) -> anyhow::Result<Self> {
        let said = remote.url.clone().or_else(|| std::env::var("ADJUTANT_URL").ok().filter(|url| !url.is_empty()));
        let url = said.as_deref().unwrap_or(URL).trim_end_matches('/').to_owned();
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if rest.is_none_or(|rest| rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Error::Url(safe(&url)).into());
        }
        // A redirection or a proxy would be shown the token.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_recv_response(Some(ANSWER_MAX))
            .timeout_recv_body(Some(ANSWER_MAX));
        Ok(Self { agent: config.build().into(), url, token: None, shape: remote.format })
    }

    fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.send(&Method::GET, path, None)
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Vec<u8>> {
        self.send(&Method::POST, path, Some(body.to_string()))
    }

    fn delete(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.send(&Method::DELETE, path, None)
    }

    /// The answer's body, when the service did what was asked.
    fn send(&self, method: &Method, path: &str, body: Option<String>) -> anyhow::Result<Vec<u8>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let wrong = |_| Error::Url(safe(&self.url));
        let answer = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json").body(body).map_err(wrong)?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).map_err(wrong)?),
        };
        let answer = answer.map_err(|error| self.failed(method, &error))?;
        self.read(method, answer)
    }

    fn read(&self, method: &Method, mut answer: Response<Body>) -> anyhow::Result<Vec<u8>> {
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| self.failed(method, &error))?;
        if status.is_success() {
            return Ok(body);
        }
        let problem = serde_json::from_slice(&body).map_err(|_| Error::Strange(self.url.clone(), status.as_u16()))?;
        Err(Error::Refused(told(&problem)).into())
    }

    fn failed(&self, method: &Method, error: &ureq::Error) -> Error {
        let refused = |io: &std::io::Error| io.kind() == std::io::ErrorKind::ConnectionRefused;
        let unsent = match error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Tls(_) => true,
            ureq::Error::Timeout(timeout) => matches!(timeout, ureq::Timeout::Connect | ureq::Timeout::Resolve),
            ureq::Error::Io(io) => refused(io),
            _ => false,
        };
        let (url, why) = (self.url.clone(), safe(&error.to_string()));
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Error::Url(safe(&url)),
            _ if unsent || *method == Method::GET => Error::Unreached(url, why),
            _ => Error::Unclear(url, why),
        }
    }

    /// Prints an answer: as it came, or as lines that `lines` makes of it.
    fn show<T: DeserializeOwned>(&self, body: &[u8], lines: impl FnOnce(T) -> Vec<Line>) -> anyhow::Result<Exit> {
        let text = match self.shape {
            Shape::Json => plain_json(body),
            Shape::Text => painted(&lines(self.parse(body)?)),
        };
        term::output(text.as_bytes())?;
        Ok(Exit::Ok)
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(body).map_err(|_| Error::Strange(self.url.clone(), 200))?)
    }

    /// Posts a change and says what it came to.
    fn change(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Exit> {
        let answer = self.post(path, body)?;
        self.show(&answer, |done: Done| vec![came_to(&done)])
    }

    /// At most `rows` rows of a listing, page after page; whether there are more.
    fn list<T: DeserializeOwned>(&self, path: &str, query: &str, rows: u32) -> anyhow::Result<(Vec<u8>, Vec<T>, bool)> {
        let (mut all, mut items, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let left = rows.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX)).clamp(1, PAGE_ROWS_MAX);
            let body = self.get(&format!("{path}?limit={left}{query}{cursor}"))?;
            let page: Page<T> = self.parse(&body)?;
            let empty = page.items.is_empty();
            all.extend_from_slice(&body);
            all.push(b'\n');
            items.extend(page.items);
            match page.next {
                Some(next) if items.len() < rows as usize && !empty => cursor = format!("&cursor={}", escaped(&next)),
                next => return Ok((all, items, next.is_some())),
            }
        }
    }

    /// Prints a listing: its pages as they came, or as lines.
    fn show_list<T: DeserializeOwned>(
        &self,
        (path, query): (&str, &str),
        rows: u32,
        lines: impl FnOnce(Vec<T>, bool) -> Vec<Line>,
    ) -> anyhow::Result<Exit> {
        let (body, items, more) = self.list(path, query, rows)?;
        let text = match self.shape {
            Shape::Json => plain_json(&body),
            Shape::Text => painted(&lines(items, more)),
        };
        term::output(text.as_bytes())?;
        Ok(Exit::Ok)
    }
}

/// What a change came to, in words.
fn came_to(done: &Done) -> Line {
    let entry = done.seq.map_or_else(String::new, |seq| format!(" (entry {seq})"));
    match done.result.as_str() {
        "asked" => {
            Line::new().with(Paint::Strong, "asked").plain(format!(": a second person must say the same within a day{entry}"))
        }
        result => Line::new().plain(result).plain(entry),
    }
}

fn told(problem: &Problem) -> String {
    let mut text = safe(if problem.detail.is_empty() { &problem.title } else { &problem.detail });
    if !problem.what_to_do.is_empty() {
        let _ = write!(text, "; {}", safe(&problem.what_to_do));
    }
    if let Some(seconds) = problem.retry_after_s {
        let _ = write!(text, " (in {seconds} s)");
    }
    text
}

/// JSON whose strings have every character that acts on a terminal as its escape, which means the same to a parser.
fn plain_json(body: &[u8]) -> String {
    let mut out = String::with_capacity(body.len() + 1);
    for c in String::from_utf8_lossy(body).chars() {
        if term::is_hostile(c) && !matches!(c, '\n' | '\r' | '\t') {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// `text` as a part of a path or query: everything but unreserved characters (RFC 3986) percent-encoded.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The filters that were given, as a query goes on.
fn filters(given: &[(&str, Option<&str>)]) -> String {
    let given = given.iter().filter_map(|(name, value)| value.map(|value| format!("&{name}={}", escaped(value))));
    given.collect()
}

/// Date, hours and minutes of a time (RFC 3339).
fn minutes(time: &str) -> String {
    time.replacen('T', " ", 1).chars().take(16).collect()
}

/// What is said instead of an empty table.
fn nothing(what: &str) -> Vec<Line> {
    vec![Line::new().with(Paint::Dim, what)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_means_the_same() {
        let value = serde_json::json!({ "title": "a\u{9b}31m\u{202e}b\u{feff}" });
        let shown = plain_json(value.to_string().as_bytes());
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(
            !told(&Problem { title: "\u{1b}[2J".into(), detail: String::new(), what_to_do: "x\ny".into(), retry_after_s: None })
                .contains(char::is_control)
        );
    }

    #[test]
    fn a_part_of_a_path_stays_one() {
        assert_eq!(escaped("../é?a=b&c d#"), "..%2F%C3%A9%3Fa%3Db%26c%20d%23");
        assert_eq!(filters(&[("a", Some("x&y=z")), ("b", None)]), "&a=x%26y%3Dz");
    }

    #[test]
    fn what_is_no_url_is_refused_before_anything_is_sent() {
        for wrong in ["", "http://", "ftp://x", "localhost:8080", "http://a b", "http://a\nb"] {
            let remote = Remote { url: Some(wrong.into()), token_file: None, format: Shape::Text };
            assert!(Client::without_token(&remote).is_err(), "{wrong:?}");
        }
    }
}
