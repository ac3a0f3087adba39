//! The detection upstream: what makes a login an *alert* before Adjutant sees it.
//!
//! It is modelled on the identity provider's own behaviour detection with its defaults and knows nothing of
//! playbooks: a behaviour is positive when the login differs from the last 20 of this user (device by the
//! browser's token, country, place beyond 20 km), from the last 50 addresses, or would need more than
//! 805 km/h from the login before. The first login of all is compared with nothing and counts as new.
//!
//! An alert is a successful login with a new device, a new country or too high a speed, or from an address
//! that the provider suspects; a push message that the user denied; and the changes that audit rules watch:
//! a new factor, a rule that deletes or forwards, an application that may read mail, a privilege. Everything
//! else is an ordinary record, which is ingested like the alerts and teaches the history.

use super::device::{Device, System};
use super::event::{Act, Event, Rule};
use super::network::{Known, Origin};
use super::places::{CITIES, kilometres};
use std::collections::VecDeque;

const LOGINS: usize = 20;
const ADDRESSES: usize = 50;
const SPEED_MAX_KMH: i64 = 805;
const NEAR_KM: i64 = 20;

/// What the provider says of a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behaviours {
    /// The browser's token is new.
    pub device: bool,
    /// The address is new.
    pub address: bool,
    /// The country is new.
    pub country: bool,
    /// The place is new.
    pub place: bool,
    /// The speed is too high.
    pub velocity: bool,
    /// The address is suspected.
    pub suspected: bool,
}

/// What the provider remembers of one user.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    tokens: VecDeque<u64>,
    places: VecDeque<(usize, bool)>,
    addresses: VecDeque<u32>,
    last: Option<(i64, usize, (f64, f64))>,
}

impl Profile {
    /// Looks at a login, and remembers it when it succeeded.
    pub fn look(&mut self, event: &Event) -> Behaviours {
        let Event { origin, device, .. } = event;
        let program = device.system == System::Program;
        let behaviours = Behaviours {
            device: !program && !self.tokens.contains(&device.token),
            address: !self.addresses.contains(&origin.ip),
            country: origin.known != Known::Nothing && !self.places.iter().any(|(city, _)| same_country(*city, origin.city)),
            place: origin.known == Known::Place && !self.places.iter().any(|(city, placed)| *placed && *city == origin.city),
            velocity: self.velocity(event.time_ms, origin),
            suspected: origin.suspected,
        };
        if matches!(event.act, Act::SignIn(_)) {
            self.remember(event.time_ms, origin, device);
        }
        behaviours
    }

    fn velocity(&self, time_ms: i64, origin: &Origin) -> bool {
        let Some((before_ms, city, place)) = self.last.filter(|_| origin.known == Known::Place) else { return false };
        let km = kilometres(city, origin.city).max(nearby(place, origin.coordinates()));
        let seconds = ((time_ms - before_ms) / 1000).max(1);
        km > NEAR_KM && km * 3600 / seconds > SPEED_MAX_KMH
    }

    fn remember(&mut self, time_ms: i64, origin: &Origin, device: &Device) {
        push(&mut self.tokens, device.token, LOGINS);
        push(&mut self.addresses, origin.ip, ADDRESSES);
        if origin.known != Known::Nothing {
            push(&mut self.places, (origin.city, origin.known == Known::Place), LOGINS);
        }
        if origin.known == Known::Place {
            self.last = Some((time_ms, origin.city, origin.coordinates()));
        }
    }
}

impl Behaviours {
    /// Whether a login with these is an alert.
    pub const fn alert(self) -> bool {
        self.device || self.country || self.velocity || self.suspected
    }

    /// The provider's level of risk.
    pub const fn risk(self) -> &'static str {
        let points =
            self.device as u8 + 2 * self.country as u8 + self.place as u8 + 2 * self.velocity as u8 + 2 * self.suspected as u8;
        match points {
            0..2 => "LOW",
            2..4 => "MEDIUM",
            _ => "HIGH",
        }
    }
}

/// Whether `act`, with `behaviours` where it is a login, is an alert.
pub const fn alerts(act: Act, behaviours: Behaviours) -> bool {
    match act {
        Act::SignIn(_) => behaviours.alert(),
        Act::PushDenied | Act::FactorAdded | Act::Granted(_) => true,
        Act::InboxRule(rule) => !matches!(rule, Rule::Files),
        Act::Consented(mail) => mail,
        Act::WrongPassword | Act::FactorFailed => false,
    }
}

fn same_country(a: usize, b: usize) -> bool {
    CITIES[a].country == CITIES[b].country
}

/// Kilometres between two coordinates of one city, flat.
fn nearby(a: (f64, f64), b: (f64, f64)) -> i64 {
    let (lat, lon) = ((a.0 - b.0) * 111.0, (a.1 - b.1) * 111.0 * a.0.to_radians().cos());
    lat.hypot(lon) as i64
}

fn push<T: PartialEq>(items: &mut VecDeque<T>, item: T, most: usize) {
    if items.len() == most {
        items.pop_front();
    }
    items.push_back(item);
}
