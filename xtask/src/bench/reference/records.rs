//! The vendors' records as structs, and what they have in common.

use serde::Deserialize;
use std::borrow::Cow;
use std::net::IpAddr;

/// Text that borrows where nothing is escaped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

type Said<'a> = Option<Text<'a>>;

/// What every record is made into.
#[derive(Debug, Default)]
pub struct Event<'a> {
    /// Microseconds since 1970.
    pub time: i64,
    /// 0 to 4.
    pub severity: u8,
    /// Whether somebody signed in.
    pub login: bool,
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    pub source_port: u16,
    pub destination_port: u16,
    pub id: Said<'a>,
    pub rule: Said<'a>,
    pub title: Said<'a>,
    pub category: Said<'a>,
    pub action: Said<'a>,
    pub user: Said<'a>,
    pub host: Said<'a>,
    pub country: Said<'a>,
    pub city: Said<'a>,
    pub agent: Said<'a>,
    pub domain: Said<'a>,
    pub url: Said<'a>,
    pub file: Said<'a>,
    pub hash: Said<'a>,
    pub command: Said<'a>,
    pub technique: Said<'a>,
    pub account: Said<'a>,
    pub region: Said<'a>,
    pub resource: Said<'a>,
}

impl Event<'_> {
    /// Every text that the record stated.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        let texts = [
            &self.id,
            &self.rule,
            &self.title,
            &self.category,
            &self.action,
            &self.user,
            &self.host,
            &self.country,
            &self.city,
            &self.agent,
            &self.domain,
            &self.url,
            &self.file,
            &self.hash,
            &self.command,
            &self.technique,
            &self.account,
            &self.region,
            &self.resource,
        ];
        texts.into_iter().flatten().map(|text| &*text.0)
    }
}

/// Parses one line of any vendor; none when it is not understood.
pub fn parse(line: &[u8]) -> Option<Event<'_>> {
    macro_rules! as_ {
        ($record:path) => {
            serde_json::from_slice::<$record>(line).ok().and_then(Into::into)
        };
    }
    match first_key(line) {
        b"schemaVersion" => as_!(aws::Finding<'_>),
        b"eventVersion" => as_!(aws::Trail<'_>),
        b"SchemaVersion" | b"ProductArn" | b"Action" => as_!(aws::Hub<'_>),
        b"insertId" | b"protoPayload" | b"logName" => as_!(google::Audit<'_>),
        b"kind" => as_!(google::Workspace<'_>),
        b"TenantId" => as_!(microsoft::SecurityAlert<'_>),
        b"metadata" => as_!(endpoint::Falcon<'_>),
        b"targetProcessInfo" | b"alertInfo" | b"agentDetectionInfo" => as_!(endpoint::SentinelOne<'_>),
        _ if line.first() != Some(&b'{') => super::text::parse(line),
        _ if has(line, b"\"event_type\"") => as_!(network::Eve<'_>),
        _ if has(line, b"\"decoder\"") => as_!(network::Wazuh<'_>),
        _ if has(line, b"\"CreationTime\"") => as_!(microsoft::Audit<'_>),
        _ if has(line, b"\"legacyEventType\"") => as_!(okta::Log<'_>),
        _ if has(line, b"\"detectionSource\"") => as_!(microsoft::Defender<'_>),
        _ if has(line, b"\"resourceId\"") => as_!(microsoft::SignIn<'_>),
        _ => None,
    }
}

fn has(line: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(line, text).is_some()
}

fn first_key(line: &[u8]) -> &[u8] {
    let mut parts = line.splitn(3, |byte| *byte == b'"');
    parts.nth(1).unwrap_or(b"")
}

/// RFC 3339 in microseconds; without a zone it is UTC.
pub(super) fn time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_microsecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// An address, with or without a port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

fn address_of(text: &Said<'_>) -> Option<IpAddr> {
    text.as_ref().and_then(|text| address(&text.0))
}

fn time_of(text: &Said<'_>) -> Option<i64> {
    text.as_ref().and_then(|text| time(&text.0))
}

/// `low`, `medium` … as 0 to 4.
fn severity(text: &Said<'_>) -> u8 {
    let Some(text) = text else { return 0 };
    let names: [&[&str]; 4] = [&["low", "warn", "warning"], &["medium"], &["high", "error"], &["critical", "alert", "emergency"]];
    names.iter().position(|names| names.iter().any(|name| text.0.eq_ignore_ascii_case(name))).map_or(0, |at| at as u8 + 1)
}

mod aws;
mod endpoint;
mod google;
mod microsoft;
mod network;
mod okta;
