//! The alerts of the work item "suspicious login", and the tables that they are looked up in.
//!
//! Ten thousand people, fifty thousand blocked addresses and as many different alerts as are asked for. The same number
//! always makes the same alert, so that millions need no memory and every side gets the same.

use super::decide::{BLOCKED, FAR_KM, FAST_KMH, USERS, distance_km, speed_kmh};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

/// People in the directory.
const USERS_COUNT: u64 = 10_000;
/// Addresses on the block list.
const BLOCKED_COUNT: usize = 50_000;
/// 2026-03-01T00:00:00Z: everybody was last seen before, and most alerts happen on the day that follows.
const BASE: i64 = 1_772_323_200;
/// Seconds of a day.
const DAY: i64 = 86_400;
/// An alert as near as this to a limit is made again, because rounding to whole metres might decide it.
const NEAR_KM: f64 = 0.05;
const NEAR_KMH: f64 = 0.5;

const CITIES: [(&str, f64, f64); 16] = [
    ("US", 40.71, -74.0),
    ("US", 37.77, -122.42),
    ("DE", 52.52, 13.4),
    ("GB", 51.5, -0.12),
    ("FR", 48.85, 2.35),
    ("IN", 19.07, 72.87),
    ("JP", 35.68, 139.69),
    ("BR", -23.55, -46.63),
    ("RU", 55.75, 37.62),
    ("CN", 39.9, 116.4),
    ("NG", 6.52, 3.38),
    ("AU", -33.87, 151.2),
    ("CA", 43.65, -79.38),
    ("ES", 40.42, -3.7),
    ("PL", 52.23, 21.01),
    ("ZA", -26.2, 28.04),
];
const DEPARTMENTS: [&str; 8] = ["finance", "engineering", "hr", "sales", "legal", "it", "ops", "exec"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
    "okta-mobile/8.3 (iPhone; iOS 17.5)",
    "python-requests/2.32.3",
];

/// Random numbers that anybody can make again (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 and below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 and below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn seconds(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1) as u64) as i64
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    fn address(&mut self) -> Ipv4Addr {
        let [_, b, c, d, a, ..] = self.next().to_le_bytes();
        Ipv4Addr::new(a % 223 + 1, b, c, d % 254 + 1)
    }

    /// A place at most so many degrees away, to four decimals.
    fn near(&mut self, (lat, lon): (f64, f64), degrees: f64) -> (f64, f64) {
        let mut moved = |at: f64| ((at + (self.share() * 2.0 - 1.0) * degrees) * 1e4).round() / 1e4;
        (moved(lat), moved(lon))
    }
}

struct User {
    privileged: bool,
    department: &'static str,
    country: &'static str,
    place: (f64, f64),
    last_seen: i64,
    devices: u64,
}

impl User {
    fn nth(number: u64) -> Self {
        let mut dice = Dice(number ^ 0x0075_7365_7273);
        let (country, lat, lon) = *dice.one(&CITIES);
        Self {
            privileged: dice.share() < 0.05,
            department: *dice.one(&DEPARTMENTS),
            country,
            place: dice.near((lat, lon), 0.5),
            last_seen: BASE - dice.seconds(600, 5 * DAY),
            devices: 1 + dice.below(4),
        }
    }
}

/// Everybody and everything that alerts are made of.
pub struct World {
    users: Vec<User>,
    blocked: Vec<Ipv4Addr>,
}

impl World {
    /// Makes it; always the same.
    pub fn new() -> Self {
        let mut dice = Dice(20_260_927);
        let mut blocked = BTreeSet::new();
        while blocked.len() < BLOCKED_COUNT {
            blocked.insert(dice.address());
        }
        Self { users: (0..USERS_COUNT).map(User::nth).collect(), blocked: blocked.into_iter().collect() }
    }

    /// Writes the tables into the directory of context.
    pub fn write(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        let mut users = String::from("name,privileged,department,country,last_place,last_seen,devices\n");
        for (number, user) in self.users.iter().enumerate() {
            let User { privileged, department, country, place: (lat, lon), last_seen, devices } = user;
            let devices: Vec<String> = (0..*devices).map(|nth| format!("d{number:05}-{nth}")).collect();
            let devices = devices.join(";");
            writeln!(users, "u{number:05},{privileged},{department},{country},\"{lat:.4},{lon:.4}\",{last_seen},{devices}")?;
        }
        fs::write(dir.join(USERS), users)?;
        let blocked: String = self.blocked.iter().map(|address| format!("{address}\n")).collect();
        Ok(fs::write(dir.join(BLOCKED), blocked)?)
    }

    /// Appends alert number `nth` to `out`, as one line of JSON without its end.
    pub fn alert(&self, nth: u64, out: &mut String) {
        let mut dice = Dice(nth.wrapping_mul(0xd134_2543_de82_ef95));
        let number = dice.below(USERS_COUNT);
        let user = &self.users[number as usize];
        let (country, (lat, lon), time) = trip(user, &mut dice);
        let ghost = dice.share() < 0.01;
        let user_name = spelt(if ghost { format!("ghost{number}") } else { format!("u{number:05}") }, &mut dice);
        let mut severity = String::from(match dice.below(100) {
            0..50 => "low",
            50..80 => "medium",
            80..95 => "high",
            _ => "critical",
        });
        if dice.share() < 0.3 {
            severity.make_ascii_uppercase();
        }
        let device = match dice.share() < 0.7 {
            true => format!("d{number:05}-{}", dice.below(user.devices)),
            false => format!("x{:06}", dice.below(1_000_000)),
        };
        let address = if dice.share() < 0.08 { *dice.one(&self.blocked) } else { dice.address() };
        let agent = dice.one(&AGENTS);
        let time = jiff::Timestamp::from_second(time).unwrap_or_default();
        let _ = write!(
            out,
            r#"{{"id":"a000-{nth:08}","time":"{time}","user":"{user_name}","src_ip":"{address}","device_id":"{device}","country":"{country}","lat":{lat},"lon":{lon},"user_agent":"{agent}","severity":"{severity}"}}"#
        );
    }
}

/// Where and when a login of this person happens: mostly at home on the day after, sometimes far away or soon after.
fn trip(user: &User, dice: &mut Dice) -> (&'static str, (f64, f64), i64) {
    loop {
        let mut time = BASE + dice.seconds(0, DAY);
        let (country, place) = if dice.share() < 0.35 {
            let (country, lat, lon) = *dice.one(&CITIES);
            (country, dice.near((lat, lon), 0.5))
        } else {
            (user.country, dice.near(user.place, 0.3))
        };
        if dice.share() < 0.25 {
            time = user.last_seen + dice.seconds(300, 5_400);
        }
        let km = distance_km(user.place, place);
        let kmh = speed_kmh(km, time - user.last_seen);
        if (km - FAR_KM).abs() > NEAR_KM && (kmh - FAST_KMH).abs() > NEAR_KMH {
            return (country, place, time);
        }
    }
}

/// The name as different tools write it, in JSON.
fn spelt(name: String, dice: &mut Dice) -> String {
    match dice.below(10) {
        0 | 1 => name.to_uppercase(),
        2 => format!("  {name} "),
        3 => format!("CORP\\\\{name}"),
        4 | 5 => format!("{name}@corp.example"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::decide::{Login, Tables};
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn alerts_are_all_different_and_as_often_grave_as_those_of_the_published_figures() {
        let dir = tempfile::tempdir().expect("a directory");
        let world = World::new();
        world.write(dir.path()).expect("tables can be written");
        let tables = Tables::load(dir.path()).expect("tables can be read");
        let (mut ids, mut grave, mut line) = (HashSet::new(), 0, String::new());
        for nth in 0..20_000 {
            line.clear();
            world.alert(nth, &mut line);
            let judged = tables.judge(Login::read(line.as_bytes()).expect("an alert"));
            grave += u32::from(judged.outcome == "escalate");
            ids.insert(judged.id);
        }
        assert_eq!(ids.len(), 20_000);
        assert!((1_283..1_483).contains(&grave), "{grave} of 20,000 go to a person, not about 1,383");
    }
}
