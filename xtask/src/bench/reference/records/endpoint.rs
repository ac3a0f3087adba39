//! CrowdStrike Falcon event streams and SentinelOne alerts.

use super::{Event, Said, Text, address_of, severity, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Falcon<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    event: Body<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    event_type: Said<'a>,
    event_creation_time: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    detect_id: Said<'a>,
    detect_name: Said<'a>,
    detect_description: Said<'a>,
    operation_name: Said<'a>,
    severity_name: Said<'a>,
    user_name: Said<'a>,
    user_id: Said<'a>,
    user_ip: Said<'a>,
    computer_name: Said<'a>,
    #[serde(rename = "LocalIP")]
    local_ip: Said<'a>,
    remote_address: Said<'a>,
    file_name: Said<'a>,
    #[serde(rename = "SHA256String")]
    sha256: Said<'a>,
    command_line: Said<'a>,
    technique: Said<'a>,
    falcon_host_link: Said<'a>,
}

impl<'a> From<Falcon<'a>> for Option<Event<'a>> {
    fn from(record: Falcon<'a>) -> Self {
        let event = record.event;
        Some(Event {
            time: record.metadata.event_creation_time * 1000,
            severity: severity(&event.severity_name),
            login: record.metadata.event_type.as_ref().is_some_and(|kind: &Text<'_>| kind.0.starts_with("Auth")),
            source: address_of(&event.user_ip).or_else(|| address_of(&event.local_ip)),
            destination: address_of(&event.remote_address),
            id: event.detect_id,
            rule: event.detect_name.or(event.operation_name),
            title: event.detect_description,
            category: record.metadata.event_type,
            user: event.user_name.or(event.user_id),
            host: event.computer_name,
            url: event.falcon_host_link,
            file: event.file_name,
            hash: event.sha256,
            command: event.command_line,
            technique: event.technique,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SentinelOne<'a> {
    #[serde(borrow)]
    alert_info: Info<'a>,
    rule_info: Rule<'a>,
    agent_detection_info: Agent<'a>,
    source_process_info: Process<'a>,
    target_process_info: Target<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Info<'a> {
    #[serde(borrow)]
    alert_id: Said<'a>,
    created_at: Said<'a>,
    event_type: Said<'a>,
    src_ip: Said<'a>,
    dst_ip: Said<'a>,
    dns_request: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule<'a> {
    #[serde(borrow)]
    name: Said<'a>,
    severity: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Agent<'a> {
    #[serde(borrow)]
    name: Said<'a>,
    account_id: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Process<'a> {
    #[serde(borrow)]
    user: Said<'a>,
    commandline: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target<'a> {
    #[serde(borrow)]
    tgt_file_path: Said<'a>,
    tgt_file_hash_sha256: Said<'a>,
}

impl<'a> From<SentinelOne<'a>> for Option<Event<'a>> {
    fn from(alert: SentinelOne<'a>) -> Self {
        let info = alert.alert_info;
        Some(Event {
            time: time_of(&info.created_at)?,
            severity: severity(&alert.rule_info.severity),
            source: address_of(&info.src_ip),
            destination: address_of(&info.dst_ip),
            id: info.alert_id,
            rule: alert.rule_info.name,
            category: info.event_type,
            user: alert.source_process_info.user,
            host: alert.agent_detection_info.name,
            domain: info.dns_request,
            file: alert.target_process_info.tgt_file_path,
            hash: alert.target_process_info.tgt_file_hash_sha256,
            command: alert.source_process_info.commandline,
            account: alert.agent_detection_info.account_id,
            ..Event::default()
        })
    }
}
