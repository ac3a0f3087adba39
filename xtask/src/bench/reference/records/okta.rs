//! Okta's System Log.

use super::{Event, Said, address_of, severity, time_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Log<'a> {
    #[serde(borrow)]
    uuid: Said<'a>,
    published: Said<'a>,
    event_type: Said<'a>,
    display_message: Said<'a>,
    severity: Said<'a>,
    actor: Actor<'a>,
    client: Client<'a>,
    outcome: Outcome<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Actor<'a> {
    #[serde(borrow)]
    alternate_id: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Client<'a> {
    #[serde(borrow)]
    ip_address: Said<'a>,
    geographical_context: Option<Place<'a>>,
    user_agent: Option<Agent<'a>>,
    device: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow)]
    city: Said<'a>,
    country: Said<'a>,
    geolocation: Option<Point>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Point {
    lat: f64,
    lon: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Agent<'a> {
    #[serde(borrow)]
    raw_user_agent: Said<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome<'a> {
    #[serde(borrow)]
    result: Said<'a>,
}

impl<'a> From<Log<'a>> for Option<Event<'a>> {
    fn from(log: Log<'a>) -> Self {
        let place = log.client.geographical_context.unwrap_or_default();
        let north = place.geolocation.is_some_and(|point| point.lat > 0.0 && point.lon.is_finite());
        Some(Event {
            time: time_of(&log.published)?,
            severity: severity(&log.severity),
            login: log.event_type.as_ref().is_some_and(|kind| kind.0.starts_with("user.session")),
            source: address_of(&log.client.ip_address),
            source_port: u16::from(north),
            id: log.uuid,
            rule: log.event_type,
            title: log.display_message,
            action: log.outcome.result,
            user: log.actor.alternate_id,
            host: log.client.device,
            country: place.country,
            city: place.city,
            agent: log.client.user_agent.and_then(|agent| agent.raw_user_agent),
            ..Event::default()
        })
    }
}
