//! Google Cloud audit logs and Google Workspace activities.

use super::{Event, Said, address_of, severity, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Audit<'a> {
    #[serde(borrow)]
    insert_id: Said<'a>,
    log_name: Said<'a>,
    timestamp: Said<'a>,
    severity: Said<'a>,
    proto_payload: Payload<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    authentication_info: Option<Authentication<'a>>,
    request_metadata: Option<Request<'a>>,
    method_name: Said<'a>,
    service_name: Said<'a>,
    resource_name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Authentication<'a> {
    #[serde(borrow)]
    principal_email: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    caller_ip: Said<'a>,
    caller_supplied_user_agent: Said<'a>,
}

impl<'a> From<Audit<'a>> for Option<Event<'a>> {
    fn from(audit: Audit<'a>) -> Self {
        let payload = audit.proto_payload;
        let request = payload.request_metadata.unwrap_or_default();
        Some(Event {
            time: time_of(&audit.timestamp)?,
            severity: severity(&audit.severity),
            source: address_of(&request.caller_ip),
            id: audit.insert_id,
            rule: payload.method_name,
            category: payload.service_name,
            user: payload.authentication_info.and_then(|info| info.principal_email),
            agent: request.caller_supplied_user_agent,
            account: audit.log_name,
            resource: payload.resource_name,
            ..Event::default()
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Workspace<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    actor: Actor<'a>,
    owner_domain: Said<'a>,
    ip_address: Said<'a>,
    events: Change<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Id<'a> {
    #[serde(borrow)]
    time: Said<'a>,
    application_name: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Actor<'a> {
    #[serde(borrow)]
    email: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Change<'a> {
    #[serde(borrow, rename = "type")]
    kind: Said<'a>,
    name: Said<'a>,
}

impl<'a> From<Workspace<'a>> for Option<Event<'a>> {
    fn from(workspace: Workspace<'a>) -> Self {
        Some(Event {
            time: time_of(&workspace.id.time)?,
            login: workspace.id.application_name.as_ref().is_some_and(|name| name.0 == "login"),
            source: address_of(&workspace.ip_address),
            rule: workspace.events.name,
            action: workspace.events.kind,
            category: workspace.id.application_name,
            user: workspace.actor.email,
            account: workspace.owner_domain,
            ..Event::default()
        })
    }
}
