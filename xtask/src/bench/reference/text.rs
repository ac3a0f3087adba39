//! Check Point's log exporter by hand: `<134>1 TIME HOST CheckPoint PID - [key:"value"; …]`.

use super::records::{Event, Text, address, time};
use std::borrow::Cow;

/// The event in a line; none when it is not Check Point's.
pub(super) fn parse(line: &[u8]) -> Option<Event<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let (head, mut rest) = line.split_once('[')?;
    let mut event = Event { time: time(head.split(' ').nth(1)?)?, ..Event::default() };
    while let Some((key, after)) = rest.split_once(":\"") {
        let end = after.find("\";").or_else(|| after.find("\"]")).unwrap_or(after.len());
        let value = after.get(..end)?;
        field(&mut event, key.trim_start_matches([';', ' ']), value);
        rest = after.get(end + 1..).unwrap_or("");
    }
    Some(event)
}

fn field<'a>(event: &mut Event<'a>, key: &str, value: &'a str) {
    let text = || Some(Text(Cow::Borrowed(value)));
    match key {
        "loguid" => event.id = text(),
        "src" | "client_ip" => event.source = address(value),
        "dst" => event.destination = address(value),
        "s_port" => event.source_port = value.parse().unwrap_or(0),
        "service" => event.destination_port = value.parse().unwrap_or(0),
        "administrator" | "src_user_name" | "user" => event.user = text(),
        "machine" | "src_machine_name" => event.host = text(),
        "attack" | "protection_name" | "rule_name" | "subject" => event.rule = text(),
        "product" => event.category = text(),
        "action" => event.action = text(),
        "resource" => event.url = text(),
        "dst_domain_name" => event.domain = text(),
        "file_name" => event.file = text(),
        "file_sha256" => event.hash = text(),
        "operation" => event.login = value == "Log In",
        "severity" => event.severity = value.bytes().next().map_or(0, |digit| digit.saturating_sub(b'0')),
        _ => {}
    }
}
