//! The context that a company brings: its directory and its own networks, as files.
//!
//! The directory is exported anew every week. Rows that are stale were last confirmed 200 days before the
//! time begins; a quarter of them no longer say the truth. Some accounts have no row and some rows do not say
//! whether the account is privileged: see `people` for how many. Journeys that were announced stand in the
//! row of the traveller while they last.

use super::company::Company;
use super::event::START;
use super::network::Network;
use super::people::{Defect, Kind, Person};
use super::places::{CITIES, COUNTRIES};
use super::random::Random;
use std::fmt::Write as _;

const DAY: i64 = 86_400;

/// How often the directory is exported, in days.
pub const EXPORT_DAYS: i64 = 7;

/// The directory as exported on `day` of the generated time.
pub fn identities(company: &Company, day: i64) -> String {
    let mut out = String::from(
        "id,upn,sam,privileged,vip,service_account,active,on_leave,travel,country,department,unit,title,manager,updated_at\n",
    );
    for person in company.people().filter(|person| person.defect != Defect::Missing) {
        let privileged = match person.defect {
            Defect::NoRole => "",
            Defect::StaleAndWrong => word(!person.privileged),
            _ => word(person.privileged),
        };
        let stale = matches!(person.defect, Defect::Stale | Defect::StaleAndWrong);
        let login = person.login();
        let _ = writeln!(
            out,
            "{},{login},{},{privileged},false,{},{},false,{},{},{},corp,,,{}",
            person.id(),
            login.split('@').next().unwrap_or_default(),
            word(person.kind == Kind::Service),
            word((person.days.0..person.days.1).contains(&day)),
            travel(person, day),
            COUNTRIES[CITIES[person.city].country].code,
            person.department,
            date(if stale { -200 } else { day }),
        );
    }
    out
}

/// Where the person is known to travel to in the week after `day`, as ISO codes.
fn travel(person: &Person, day: i64) -> String {
    let week = (day * DAY, (day + EXPORT_DAYS) * DAY);
    let during = person.trips.iter().filter(|trip| trip.announced && trip.leave < week.1 && trip.back > week.0);
    let codes: Vec<&str> = during.map(|trip| COUNTRIES[CITIES[trip.city].country].code).collect();
    codes.join(";")
}

/// The networks that the company itself leaves the Internet from: offices and VPN gateways.
pub fn own_networks(network: Network) -> String {
    let mut random = Random::new(0);
    let mut out = String::from("# offices and VPN gateways\n");
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
        let stale = rows.iter().filter(|row| row[14] == "2025-06-19").count();
        let silent = rows.iter().filter(|row| row[3].is_empty()).count();
        let away = rows.iter().filter(|row| !row[8].is_empty()).count();
        assert!(rows.iter().all(|row| row.len() == 15 && (row[14] == "2025-06-19" || row[14] == "2026-03-16")));
        assert!(
            (4..30).contains(&missing) && (15..70).contains(&stale) && (4..30).contains(&silent),
            "{missing} {stale} {silent}"
        );
        assert!((20..400).contains(&away), "{away} of 3000 away");
        let share = company.people().filter(|person| person.privileged).count();
        assert!((50..110).contains(&share), "{share} of 3000 privileged");
    }
}
