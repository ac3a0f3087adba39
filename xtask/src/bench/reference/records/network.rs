//! Suricata's EVE and Wazuh's alerts.

use super::{Event, Said, address_of, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Eve<'a> {
    #[serde(borrow)]
    timestamp: Said<'a>,
    event_type: Said<'a>,
    src_ip: Said<'a>,
    src_port: u16,
    dest_ip: Said<'a>,
    dest_port: u16,
    proto: Said<'a>,
    alert: Signature<'a>,
    http: Option<Http<'a>>,
    tls: Option<Tls<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Signature<'a> {
    #[serde(borrow)]
    signature: Said<'a>,
    category: Said<'a>,
    action: Said<'a>,
    signature_id: u64,
    severity: u8,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http<'a> {
    #[serde(borrow)]
    hostname: Said<'a>,
    url: Said<'a>,
    http_user_agent: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls<'a> {
    #[serde(borrow)]
    sni: Said<'a>,
}

impl<'a> From<Eve<'a>> for Option<Event<'a>> {
    fn from(eve: Eve<'a>) -> Self {
        let http = eve.http.unwrap_or_default();
        Some(Event {
            time: time_of(&eve.timestamp)?,
            severity: 4_u8.saturating_sub(eve.alert.severity) + u8::from(eve.alert.signature_id == 0),
            source: address_of(&eve.src_ip),
            destination: address_of(&eve.dest_ip),
            source_port: eve.src_port,
            destination_port: eve.dest_port,
            rule: eve.alert.signature,
            category: eve.alert.category,
            action: eve.alert.action.or(eve.event_type),
            domain: http.hostname.or(eve.tls.and_then(|tls| tls.sni)),
            url: http.url,
            agent: http.http_user_agent,
            resource: eve.proto,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wazuh<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    timestamp: Said<'a>,
    rule: Rule<'a>,
    agent: Agent<'a>,
    data: Option<Data<'a>>,
    location: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    description: Said<'a>,
    level: u8,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Agent<'a> {
    #[serde(borrow)]
    name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    srcip: Said<'a>,
    dstip: Said<'a>,
    srcuser: Said<'a>,
    dstuser: Said<'a>,
    url: Said<'a>,
}

impl<'a> From<Wazuh<'a>> for Option<Event<'a>> {
    fn from(alert: Wazuh<'a>) -> Self {
        let data = alert.data.unwrap_or_default();
        Some(Event {
            time: time_of(&alert.timestamp)?,
            severity: alert.rule.level / 4,
            source: address_of(&data.srcip),
            destination: address_of(&data.dstip),
            id: alert.id,
            rule: alert.rule.id,
            title: alert.rule.description,
            user: data.srcuser.or(data.dstuser),
            host: alert.agent.name,
            url: data.url,
            resource: alert.location,
            ..Event::default()
        })
    }
}
