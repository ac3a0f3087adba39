//! GuardDuty findings, CloudTrail events, Security Hub findings.

use super::{Event, Said, Text, address_of, severity, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Finding<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    account_id: Said<'a>,
    region: Said<'a>,
    #[serde(rename = "type")]
    kind: Said<'a>,
    title: Said<'a>,
    severity: f64,
    created_at: Said<'a>,
    updated_at: Said<'a>,
    resource: Resource<'a>,
    service: Service<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(borrow)]
    resource_type: Said<'a>,
    instance_details: Option<Instance<'a>>,
    access_key_details: Option<AccessKey<'a>>,
    kubernetes_details: Option<Kubernetes<'a>>,
    rds_db_user_details: Option<DatabaseUser<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Instance<'a> {
    #[serde(borrow)]
    instance_id: Said<'a>,
    network_interfaces: Vec<Interface<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Interface<'a> {
    #[serde(borrow)]
    private_ip_address: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AccessKey<'a> {
    #[serde(borrow)]
    user_name: Said<'a>,
    access_key_id: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Kubernetes<'a> {
    #[serde(borrow)]
    kubernetes_user_details: Named<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    username: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DatabaseUser<'a> {
    #[serde(borrow)]
    user: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Service<'a> {
    #[serde(borrow)]
    service_name: Said<'a>,
    event_last_seen: Said<'a>,
    count: u64,
    action: Action<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Action<'a> {
    #[serde(borrow)]
    action_type: Said<'a>,
    network_connection_action: Option<Call<'a>>,
    aws_api_call_action: Option<Call<'a>>,
    kubernetes_api_call_action: Option<Call<'a>>,
    rds_login_attempt_action: Option<Call<'a>>,
    dns_request_action: Option<Request<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Call<'a> {
    #[serde(borrow)]
    remote_ip_details: Remote<'a>,
    connection_direction: Said<'a>,
    user_agent: Said<'a>,
    request_uri: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Remote<'a> {
    #[serde(borrow)]
    ip_address_v4: Said<'a>,
    country: Country<'a>,
    city: City<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Country<'a> {
    #[serde(borrow)]
    country_name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct City<'a> {
    #[serde(borrow)]
    city_name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    domain: Said<'a>,
}

impl<'a> From<Finding<'a>> for Option<Event<'a>> {
    fn from(finding: Finding<'a>) -> Self {
        let (resource, service) = (finding.resource, finding.service);
        let action = service.action;
        let call = action.aws_api_call_action.or(action.kubernetes_api_call_action).or(action.rds_login_attempt_action);
        let call = call.or(action.network_connection_action).unwrap_or_default();
        let inbound = call.connection_direction.as_ref().is_none_or(|direction| direction.0 == "INBOUND");
        let remote = address_of(&call.remote_ip_details.ip_address_v4);
        let instance = resource.instance_details.unwrap_or_default();
        let local = instance.network_interfaces.first().and_then(|interface| address_of(&interface.private_ip_address));
        let key = resource.access_key_details.unwrap_or_default();
        let kubernetes = resource.kubernetes_details.and_then(|details| details.kubernetes_user_details.username);
        Some(Event {
            time: time_of(&finding.updated_at)
                .or_else(|| time_of(&service.event_last_seen))
                .or_else(|| time_of(&finding.created_at))?,
            severity: (finding.severity / 2.25) as u8,
            login: false,
            source: if inbound { remote } else { local },
            destination: if inbound { local } else { remote },
            id: finding.id,
            rule: finding.kind,
            title: finding.title,
            category: service.service_name,
            action: action.action_type,
            user: key.user_name.or(kubernetes).or(resource.rds_db_user_details.and_then(|user| user.user)),
            host: instance.instance_id,
            country: call.remote_ip_details.country.country_name,
            city: call.remote_ip_details.city.city_name,
            agent: call.user_agent,
            domain: action.dns_request_action.and_then(|request| request.domain),
            url: call.request_uri,
            account: finding.account_id,
            region: finding.region,
            resource: resource.resource_type.or(key.access_key_id),
            destination_port: service.count.min(1) as u16,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Trail<'a> {
    #[serde(borrow)]
    user_identity: Identity<'a>,
    event_time: Said<'a>,
    event_source: Said<'a>,
    event_name: Said<'a>,
    aws_region: Said<'a>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Said<'a>,
    user_agent: Said<'a>,
    error_code: Said<'a>,
    #[serde(rename = "eventID")]
    event_id: Said<'a>,
    event_type: Said<'a>,
    recipient_account_id: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow)]
    user_name: Said<'a>,
    arn: Said<'a>,
    access_key_id: Said<'a>,
    session_context: Option<Session<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Session<'a> {
    #[serde(borrow)]
    session_issuer: Option<Issuer<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Issuer<'a> {
    #[serde(borrow)]
    user_name: Said<'a>,
}

impl<'a> From<Trail<'a>> for Option<Event<'a>> {
    fn from(trail: Trail<'a>) -> Self {
        let identity = trail.user_identity;
        let issuer = identity.session_context.and_then(|session| session.session_issuer).and_then(|issuer| issuer.user_name);
        Some(Event {
            time: time_of(&trail.event_time)?,
            severity: u8::from(trail.error_code.is_some()),
            login: trail.event_name.as_ref().is_some_and(|name: &Text<'_>| name.0 == "ConsoleLogin"),
            source: address_of(&trail.source_ip_address),
            id: trail.event_id,
            rule: trail.event_name,
            category: trail.event_source,
            action: trail.event_type,
            user: identity.user_name.or(issuer).or(identity.arn),
            agent: trail.user_agent,
            account: trail.recipient_account_id,
            region: trail.aws_region,
            resource: identity.access_key_id,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Hub<'a> {
    #[serde(borrow)]
    id: Said<'a>,
    generator_id: Said<'a>,
    title: Said<'a>,
    types: Vec<Text<'a>>,
    aws_account_id: Said<'a>,
    region: Said<'a>,
    updated_at: Said<'a>,
    created_at: Said<'a>,
    severity: Level<'a>,
    network: Option<Network<'a>>,
    process: Option<Process<'a>>,
    malware: Vec<Malware<'a>>,
    resources: Vec<HubResource<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Level<'a> {
    #[serde(borrow)]
    label: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Network<'a> {
    #[serde(borrow)]
    source_ip_v4: Said<'a>,
    destination_ip_v4: Said<'a>,
    destination_domain: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Process<'a> {
    #[serde(borrow)]
    path: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Malware<'a> {
    #[serde(borrow)]
    path: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HubResource<'a> {
    #[serde(borrow)]
    id: Said<'a>,
}

impl<'a> From<Hub<'a>> for Option<Event<'a>> {
    fn from(hub: Hub<'a>) -> Self {
        let network = hub.network.unwrap_or_default();
        Some(Event {
            time: time_of(&hub.updated_at).or_else(|| time_of(&hub.created_at))?,
            severity: severity(&hub.severity.label),
            source: address_of(&network.source_ip_v4),
            destination: address_of(&network.destination_ip_v4),
            id: hub.id,
            rule: hub.generator_id,
            title: hub.title,
            category: hub.types.into_iter().next(),
            command: hub.process.and_then(|process| process.path),
            file: hub.malware.into_iter().next().and_then(|malware| malware.path),
            domain: network.destination_domain,
            account: hub.aws_account_id,
            region: hub.region,
            resource: hub.resources.into_iter().next().and_then(|resource| resource.id),
            ..Event::default()
        })
    }
}
