//! The context that a company brings: directory, travel calendar, own addresses, as files.
//!
//! The directory is exported anew every week. Rows that are stale were last confirmed 200 days before the
//! time begins; a quarter of them no longer say the truth. Some accounts have no row and some rows do not say
//! whether the account is privileged: see `people` for how many.

use super::company::Company;
use super::event::START;
use super::network::Network;
use super::people::{Defect, Kind};
use super::places::{CITIES, COUNTRIES};
use super::random::Random;
use std::fmt::Write as _;

const DAY: i64 = 86_400;

/// The directory as exported on `day` of the generated time.
pub fn identities(company: &Company, day: i64) -> String {
    let mut out = String::from("id,login,email,name,department,kind,status,privileged,updated_at\n");
    for person in company.people().filter(|person| person.defect != Defect::Missing) {
        let privileged = match person.defect {
            Defect::NoRole => "",
            Defect::StaleAndWrong => word(!person.privileged),
            _ => word(person.privileged),
        };
        let stale = matches!(person.defect, Defect::Stale | Defect::StaleAndWrong);
        let updated = if stale { -200 } else { day };
        let kind = if person.kind == Kind::Service { "service" } else { "person" };
        let status = if (person.days.0..person.days.1).contains(&day) { "active" } else { "inactive" };
        let _ = writeln!(
            out,
            "{},{login},{login},Person {:05},{},{kind},{status},{privileged},{}",
            person.id(),
            person.number,
            person.department,
            date(updated),
            login = person.login(),
        );
    }
    out
}

/// Journeys that the travel calendar knows of.
pub fn travel(company: &Company) -> String {
    let mut out = String::from("login,from,until,city,country\n");
    for (person, trip) in company.people().flat_map(|person| person.trips.iter().map(move |trip| (person, trip))) {
        if trip.announced {
            let city = &CITIES[trip.city];
            let country = COUNTRIES[city.country].name;
            let (from, until) = (date(trip.leave.div_euclid(DAY)), date(trip.back.div_euclid(DAY) + 1));
            let _ = writeln!(out, "{},{from},{until},{},{country}", person.login(), city.name);
        }
    }
    out
}

/// The list of addresses that the company itself leaves the Internet from: VPN gateways and offices.
pub fn own_addresses(network: Network) -> String {
    let mut random = Random::new(0);
    let mut out = String::from("# VPN gateways and offices\n");
    for (index, city) in CITIES.iter().enumerate().filter(|(_, city)| city.staff > 0) {
        for origin in [network.office(index, &mut random), network.corporate_vpn(index, &mut random)] {
            let _ = writeln!(out, "{}/24  # {}", std::net::Ipv4Addr::from(origin.ip & !0xff), city.name);
        }
    }
    out
}

const fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

/// The date of `day` of the generated time.
fn date(day: i64) -> String {
    let text = adjutant_model::Time::from_secs(START + day * DAY).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_has_the_defects_that_directories_have() {
        let company = Company::new(3, 3000, 0);
        let text = identities(&company, 70);
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let missing = 3000 - rows.len();
        let stale = rows.iter().filter(|row| row[8] == "2025-06-19").count();
        let silent = rows.iter().filter(|row| row[7].is_empty()).count();
        assert!(rows.iter().all(|row| row.len() == 9 && (row[8] == "2025-06-19" || row[8] == "2026-03-16")));
        assert!(
            (4..30).contains(&missing) && (15..70).contains(&stale) && (4..30).contains(&silent),
            "{missing} {stale} {silent}"
        );
        let share = company.people().filter(|person| person.privileged).count();
        assert!((50..110).contains(&share), "{share} of 3000 privileged");
    }
}
