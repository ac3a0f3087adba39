//! Journeys: when people are away, and how long it takes to get there.
//!
//! Nobody arrives faster than the means allow: 90 km/h by road or rail up to 500 km, else 800 km/h in the
//! air (cruising speed of an airliner is 830 to 900 km/h) and three and a half hours at airports; crews
//! spend one and a half. A login just before leaving and one just after landing are both possible, so real
//! journeys come close to, and never reach, 900 km/h.
//!
//! The company's travel calendar knows of six in ten journeys.

use super::people::{DAYS, Kind, Person, Trip};
use super::places::{CITIES, cities_of, kilometres};
use super::random::Random;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Where crews are sent: hubs two to fourteen hours away.
const HUBS: [usize; 10] = [4, 5, 8, 16, 18, 22, 30, 31, 32, 7];

/// Every journey of `person`, in order and without overlap.
pub fn trips(person: &Person, random: &mut Random) -> Vec<Trip> {
    let mut trips = Vec::new();
    let mut day = random.between(-3, 20);
    let often = random.percent(4);
    let (mean_gap_days, longest_days) = match person.kind {
        Kind::Service | Kind::Kiosk => return trips,
        Kind::Crew => (3, 2),
        _ if often => (11, 4),
        _ => (70, 7),
    };
    loop {
        day += random.between(1, 2 * mean_gap_days - 1);
        if day >= DAYS {
            return trips;
        }
        let Some(city) = destination(person, random) else { continue };
        let trip = trip(person, city, day, random.between(1, longest_days), random);
        day = trip.back.div_euclid(DAY) + 1;
        trips.push(trip);
    }
}

fn destination(person: &Person, random: &mut Random) -> Option<usize> {
    if person.kind == Kind::Crew {
        return Some(*random.pick(&HUBS)).filter(|city| *city != person.city);
    }
    let country = CITIES[person.city].country;
    let inland = cities_of(country).filter(|city| *city != person.city).count() > 0 && random.percent(45);
    let all: Vec<usize> = match inland {
        true => cities_of(country).filter(|city| *city != person.city).collect(),
        false => (0..CITIES.len()).filter(|city| CITIES[*city].country != country).collect(),
    };
    // Most journeys abroad go to another office or to a neighbour.
    let weight = |city: &usize| 1 + CITIES[*city].staff + if kilometres(person.city, *city) < 2_000 { 6 } else { 0 };
    Some(all[random.weighted(all.iter().map(weight))])
}

fn trip(person: &Person, city: usize, day: i64, stay_days: i64, random: &mut Random) -> Trip {
    let takes = travel_time(kilometres(person.city, city), person.kind == Kind::Crew);
    let leave = day * DAY - person.offset() + random.between(5 * HOUR, 20 * HOUR);
    let arrive = leave + takes;
    let depart = arrive + stay_days * DAY + random.between(-6 * HOUR, 6 * HOUR);
    Trip { leave, arrive, depart, back: depart + takes, city, announced: random.percent(60) }
}

/// How many seconds a journey of `km` kilometres takes at least, from door to door.
pub const fn travel_time(km: i64, crew: bool) -> i64 {
    let ground = if crew { 3 * HOUR / 2 } else { 7 * HOUR / 2 };
    if km < 500 { km * HOUR / 90 } else { km * HOUR / 800 + ground }
}

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In the home city.
    Home,
    /// Away, in this city.
    Away(usize),
    /// On the way, for a long flight or not.
    Moving(bool),
}

/// Where `person` is at `time`.
pub fn whereabouts(person: &Person, time: i64) -> Whereabouts {
    let next = person.trips.partition_point(|trip| trip.back <= time);
    match person.trips.get(next) {
        Some(trip) if (trip.arrive..trip.depart).contains(&time) => Whereabouts::Away(trip.city),
        Some(trip) if time >= trip.leave => Whereabouts::Moving(trip.arrive - trip.leave > 6 * HOUR),
        _ => Whereabouts::Home,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_travels_faster_than_an_airliner() {
        for km in [10, 499, 500, 2_000, 9_000, 17_000] {
            assert!(km * HOUR / travel_time(km, true).max(1) < 850, "{km}");
        }
    }

    #[test]
    fn journeys_are_in_order_and_crews_fly_most() {
        let (mut crews, mut others) = ((0, 0), (0, 0));
        for number in 0..4000 {
            let person = Person::new(3, number);
            assert!(person.trips.windows(2).all(|pair| pair[0].back <= pair[1].leave), "{:?}", person.trips);
            assert!(person.trips.iter().all(|trip| trip.leave < trip.arrive && trip.arrive < trip.depart));
            let counts = if person.kind == Kind::Crew { &mut crews } else { &mut others };
            *counts = (counts.0 + person.trips.len(), counts.1 + 1);
        }
        assert!(crews.0 > 20 * crews.1 && others.0 < 5 * others.1, "{crews:?} {others:?}");
    }
}
