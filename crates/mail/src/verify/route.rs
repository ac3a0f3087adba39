//! By which server, and from which address, a message came in: what SPF is about.
//!
//! Only a server knows who connected to it, and anybody can write a `Received` below its own. So this goes down from the top
//! over hops inside, and stops at the first that came from outside. Whether the hosts that wrote these are ours is the book's
//! to say; what is not clear to the letter is no route.

use super::fields::{Field, Parts};
use crate::authentication::received_by;
use crate::limits::RESULTS_MAX;
use std::net::IpAddr;

/// How a message came in from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The hosts that this rests on: each that received the message since, from the top, and the one that it came in by.
    pub(super) hops: Vec<String>,
    /// Who connected.
    pub(super) client: IpAddr,
    /// What it called itself.
    pub(super) helo: String,
    /// Where bounces go; empty when nowhere.
    pub(super) mail_from: String,
}

/// The route of a message; none when it is not clear.
pub(super) fn route(parts: &Parts<'_>) -> Option<Route> {
    let mut hops = Vec::new();
    let mut mail_from = None;
    for field in &parts.fields {
        if field.is("return-path") && mail_from.is_none() {
            mail_from = Some(path(field)?);
        }
        if !field.is("received") {
            continue;
        }
        let value = field.text()?;
        hops.push(received_by(&value)?);
        match came(&value)? {
            Came::Inside if hops.len() < RESULTS_MAX => {}
            Came::Inside => return None,
            // What stands below this was there before the message came in, a Return-Path too.
            Came::From(client, helo) => return Some(Route { hops, client, helo, mail_from: mail_from? }),
        }
    }
    None
}

/// The address of a Return-Path, in lower case.
fn path(field: &Field<'_>) -> Option<String> {
    let value = std::str::from_utf8(field.value).ok()?.trim();
    let address = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(value);
    let plain = address.is_empty() || address.rsplit_once('@').is_some_and(|(_, domain)| !domain.is_empty());
    (plain && !address.contains(char::is_whitespace)).then(|| address.to_lowercase())
}

enum Came {
    /// From our own network, or from another program of the same machine.
    Inside,
    /// From this address, which called itself so.
    From(IpAddr, String),
}

/// Where the message came from at a hop; none when the hop does not say it clearly.
fn came(received: &str) -> Option<Came> {
    let (stamp, _) = received.rsplit_once(';')?;
    let words: Vec<&str> = stamp.split_whitespace().collect();
    let by = words.iter().position(|word| *word == "by")?;
    let with = words.iter().position(|word| *word == "with").and_then(|at| words.get(at + 1));
    let (from, _) = words.split_at_checked(by)?;
    let Some(("from", from)) = from.split_first().map(|(first, rest)| (*first, rest)) else {
        return from.is_empty().then_some(Came::Inside);
    };
    let said = from.join(" ");
    let (name, comment) = said.split_once('(').unwrap_or((&said, ""));
    let mut addresses: Vec<IpAddr> = comment.split(['(', ')', '[', ']', ' ']).filter_map(address).collect();
    addresses.dedup();
    match (addresses.as_slice(), with) {
        ([client], _) if is_inside(*client) => Some(Came::Inside),
        ([client], _) => Some(Came::From(*client, helo(name, comment))),
        // A mailbox takes what its own server hands it.
        ([], Some(protocol)) if protocol.starts_with("LMTP") => Some(Came::Inside),
        _ => None,
    }
}

fn address(word: &str) -> Option<IpAddr> {
    let plain = word.strip_prefix("IPv6:").unwrap_or(word);
    plain.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// What the client called itself: Exim and qmail write it into the comment, others before it.
fn helo(name: &str, comment: &str) -> String {
    let told = comment.split(['(', ')', ' ']).find_map(|word| word.strip_prefix("helo="));
    let qmail = comment.strip_prefix("HELO ").and_then(|rest| rest.split(')').next());
    told.or(qmail).unwrap_or(name).trim().to_lowercase()
}

/// Addresses that nobody outside has (RFC 1918, RFC 6598, RFC 4193, and those of the machine and its links).
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, second, ..] if second & 0xc0 == 64);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::split;
    use super::*;

    fn of(text: &str) -> Option<Route> {
        route(&split(format!("{text}\r\nFrom: a@b.example\r\n\r\n").as_bytes()).unwrap())
    }

    const MX: &str =
        "Received: from mail.b.example (out.b.example [192.0.2.9])\r\n\tby mx.corp.example (Postfix) with ESMTPS id 1; Mon";

    #[test]
    fn the_hop_from_outside_is_found() {
        let wanted = Route {
            hops: vec!["mx.corp.example".into()],
            client: "192.0.2.9".parse().unwrap(),
            helo: "mail.b.example".into(),
            mail_from: "x@b.example".into(),
        };
        assert_eq!(of(&format!("Return-Path: <X@b.example>\r\n{MX}")), Some(wanted.clone()));
        let inside = "Received: from mx.corp.example by box.corp.example with LMTP id 2; Mon\r\n\
                      Received: from mx (mx [10.0.0.7]) by scan.corp.example with ESMTP; Mon\r\n\
                      Received: by mx.corp.example (filter, from userid 8); Mon";
        let hops = ["box.corp.example", "scan.corp.example", "mx.corp.example", "mx.corp.example"].map(String::from).to_vec();
        assert_eq!(of(&format!("Return-Path: <x@b.example>\r\n{inside}\r\n{MX}")), Some(Route { hops, ..wanted }));
        for (received, client, helo) in [
            ("from out.b.example ([192.0.2.9] helo=me.b.example) by a; M", "192.0.2.9", "me.b.example"),
            ("from unknown (HELO me.b.example) (192.0.2.9) by a; M", "192.0.2.9", "me.b.example"),
            ("from me.b.example (x. [IPv6:2001:db8::9]) by a; M", "2001:db8::9", "me.b.example"),
            ("from me.b.example ([::ffff:192.0.2.9]) by a; M", "192.0.2.9", "me.b.example"),
        ] {
            let found = of(&format!("Return-Path: <>\r\nReceived: {received}")).unwrap();
            assert_eq!((found.client.to_string().as_str(), found.helo.as_str(), found.mail_from.as_str()), (client, helo, ""));
        }
    }

    #[test]
    fn what_is_not_clear_is_no_route() {
        for received in [
            "from a by mx.corp.example; Mon",
            "from a (b [192.0.2.9]) by mx.corp.example",
            "from a (b [192.0.2.9]) (c [192.0.2.8]) by mx.corp.example; Mon",
            "from [192.0.2.9] by mx.corp.example with SMTP; Mon",
            "something else; Mon",
        ] {
            // The one below would be clear, and may be forged.
            let text = format!("Return-Path: <x@b.example>\r\nReceived: {received}\r\n{MX}");
            assert_eq!(of(&text), None, "{received}");
        }
        assert_eq!(of(MX), None, "nobody says where bounces go");
        assert_eq!(of(&format!("{MX}\r\nReturn-Path: <x@b.example>")), None, "whoever sent it wrote that");
        assert_eq!(of(&format!("Return-Path: nonsense\r\n{MX}")), None);
    }
}
