//! Sentinel alerts, Microsoft 365 audit, Entra sign-ins, Defender for Endpoint.

use super::{Event, Said, address_of, severity, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct SecurityAlert<'a> {
    #[serde(borrow)]
    system_alert_id: Said<'a>,
    tenant_id: Said<'a>,
    time_generated: Said<'a>,
    end_time: Said<'a>,
    end_time_utc: Said<'a>,
    alert_name: Said<'a>,
    display_name: Said<'a>,
    alert_type: Said<'a>,
    alert_severity: Said<'a>,
    severity: Said<'a>,
    tactics: Said<'a>,
    provider_name: Said<'a>,
    compromised_entity: Said<'a>,
    alert_link: Said<'a>,
    entities: Vec<Entity<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Entity<'a> {
    #[serde(borrow, rename = "Type")]
    kind: Said<'a>,
    name: Said<'a>,
    host_name: Said<'a>,
    address: Said<'a>,
    url: Said<'a>,
    command_line: Said<'a>,
    value: Said<'a>,
}

impl<'a> From<SecurityAlert<'a>> for Option<Event<'a>> {
    fn from(alert: SecurityAlert<'a>) -> Self {
        let mut event = Event {
            time: time_of(&alert.end_time).or_else(|| time_of(&alert.end_time_utc)).or_else(|| time_of(&alert.time_generated))?,
            severity: severity(&alert.alert_severity).max(severity(&alert.severity)),
            id: alert.system_alert_id,
            rule: alert.alert_name,
            title: alert.display_name,
            category: alert.alert_type,
            action: alert.tactics,
            url: alert.alert_link,
            account: alert.tenant_id,
            resource: alert.provider_name,
            ..Event::default()
        };
        for entity in alert.entities {
            match entity.kind.as_ref().map_or("", |kind| &*kind.0) {
                "account" => event.user = event.user.or(entity.name),
                "host" => event.host = event.host.or(entity.host_name),
                "ip" => event.source = event.source.or_else(|| address_of(&entity.address)),
                "url" => event.url = event.url.or(entity.url),
                "file" => event.file = event.file.or(entity.name),
                "filehash" => event.hash = event.hash.or(entity.value),
                "process" => event.command = event.command.or(entity.command_line),
                _ => {}
            }
        }
        event.host = event.host.or(alert.compromised_entity);
        Some(event)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Audit<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    creation_time: Said<'a>,
    operation: Said<'a>,
    workload: Said<'a>,
    result_status: Said<'a>,
    user_id: Said<'a>,
    #[serde(rename = "ClientIP")]
    client_ip: Said<'a>,
    actor_ip_address: Said<'a>,
    object_id: Said<'a>,
    organization_id: Said<'a>,
    user_agent: Said<'a>,
    source_file_name: Said<'a>,
    site_url: Said<'a>,
}

impl<'a> From<Audit<'a>> for Option<Event<'a>> {
    fn from(audit: Audit<'a>) -> Self {
        Some(Event {
            time: time_of(&audit.creation_time)?,
            login: audit.operation.as_ref().is_some_and(|operation| operation.0.starts_with("UserLog")),
            source: address_of(&audit.client_ip).or_else(|| address_of(&audit.actor_ip_address)),
            id: audit.id,
            rule: audit.operation,
            category: audit.workload,
            action: audit.result_status,
            user: audit.user_id,
            agent: audit.user_agent,
            url: audit.site_url,
            file: audit.source_file_name,
            account: audit.organization_id,
            resource: audit.object_id,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SignIn<'a> {
    #[serde(borrow)]
    time: Said<'a>,
    operation_name: Said<'a>,
    category: Said<'a>,
    tenant_id: Said<'a>,
    identity: Said<'a>,
    caller_ip_address: Said<'a>,
    properties: Properties<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    created_date_time: Said<'a>,
    user_principal_name: Said<'a>,
    ip_address: Said<'a>,
    user_agent: Said<'a>,
    app_display_name: Said<'a>,
    risk_level_during_sign_in: Said<'a>,
    location: Option<Place<'a>>,
    device_detail: Option<Device<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Place<'a> {
    #[serde(borrow)]
    city: Said<'a>,
    country_or_region: Said<'a>,
    geo_coordinates: Option<Point>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Point {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Device<'a> {
    #[serde(borrow)]
    device_id: Said<'a>,
    browser: Said<'a>,
}

impl<'a> From<SignIn<'a>> for Option<Event<'a>> {
    fn from(sign_in: SignIn<'a>) -> Self {
        let properties = sign_in.properties;
        let place = properties.location.unwrap_or_default();
        let device = properties.device_detail.unwrap_or_default();
        let placed = place.geo_coordinates.is_some_and(|point| point.latitude.is_some() && point.longitude.is_some());
        Some(Event {
            time: time_of(&properties.created_date_time).or_else(|| time_of(&sign_in.time))?,
            severity: severity(&properties.risk_level_during_sign_in),
            login: true,
            source: address_of(&properties.ip_address).or_else(|| address_of(&sign_in.caller_ip_address)),
            source_port: u16::from(placed),
            id: properties.id,
            rule: sign_in.operation_name,
            category: sign_in.category,
            user: properties.user_principal_name.or(sign_in.identity),
            host: device.device_id,
            country: place.country_or_region,
            city: place.city,
            agent: properties.user_agent.or(device.browser),
            account: sign_in.tenant_id,
            resource: properties.app_display_name,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Defender<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    alert_creation_time: Said<'a>,
    title: Said<'a>,
    category: Said<'a>,
    severity: Said<'a>,
    detection_source: Said<'a>,
    computer_dns_name: Said<'a>,
    aad_tenant_id: Said<'a>,
    related_user: Option<RelatedUser<'a>>,
    evidence: Option<Evidence<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RelatedUser<'a> {
    #[serde(borrow)]
    user_name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Evidence<'a> {
    #[serde(borrow)]
    file_name: Said<'a>,
    sha256: Said<'a>,
    process_command_line: Said<'a>,
    ip_address: Said<'a>,
    url: Said<'a>,
    account_name: Said<'a>,
}

impl<'a> From<Defender<'a>> for Option<Event<'a>> {
    fn from(alert: Defender<'a>) -> Self {
        let evidence = alert.evidence.unwrap_or_default();
        Some(Event {
            time: time_of(&alert.alert_creation_time)?,
            severity: severity(&alert.severity),
            source: address_of(&evidence.ip_address),
            id: alert.id,
            rule: alert.title,
            category: alert.category,
            action: alert.detection_source,
            user: alert.related_user.and_then(|user| user.user_name).or(evidence.account_name),
            host: alert.computer_dns_name,
            url: evidence.url,
            file: evidence.file_name,
            hash: evidence.sha256,
            command: evidence.process_command_line,
            account: alert.aad_tenant_id,
            ..Event::default()
        })
    }
}
