//! The work item "suspicious login" as an engineer would write it by hand: read, look up, score, decide.
//!
//! The bare handler answers by it, and every answer of every side is compared with it. It shares nothing with the product.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

/// The file with everybody, in the directory of context.
pub const USERS: &str = "users.csv";
/// The file with the addresses that are blocked.
pub const BLOCKED: &str = "blocklist.txt";

/// A score from here goes to a person.
const ESCALATE_FROM: i32 = 50;
/// Longer texts are refused.
const TEXT_BYTES_MAX: usize = 256;
/// Mean radius of the Earth.
const RADIUS_KM: f64 = 6371.0;
/// Nearer places are no travel.
pub const FAR_KM: f64 = 100.0;
/// Nobody travels faster.
pub const FAST_KMH: f64 = 900.0;

/// What is known of one account.
#[derive(Debug)]
pub struct User {
    privileged: bool,
    department: String,
    place: (f64, f64),
    last_seen: i64,
    devices: Vec<String>,
}

/// Everything that is looked up.
#[derive(Debug)]
pub struct Tables {
    users: HashMap<String, User>,
    blocked: HashSet<Ipv4Addr>,
}

#[derive(Deserialize)]
struct UserRow {
    name: String,
    privileged: bool,
    department: String,
    last_place: String,
    last_seen: i64,
    devices: String,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    src_ip: Cow<'a, str>,
    #[serde(borrow)]
    device_id: Cow<'a, str>,
    lat: f64,
    lon: f64,
    #[serde(borrow)]
    severity: Cow<'a, str>,
}

/// One alert, validated.
#[derive(Debug)]
pub struct Login {
    id: String,
    time: i64,
    user: String,
    src_ip: Ipv4Addr,
    device: String,
    place: (f64, f64),
    severity: (&'static str, i32),
}

/// What was decided, and why.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// The alert.
    pub id: String,
    /// `close` or `escalate`.
    pub outcome: &'static str,
    /// The points together.
    pub score: i32,
    /// The facts that gave them.
    pub evidence: Evidence,
}

/// The facts behind a score.
#[derive(Debug, Serialize)]
pub struct Evidence {
    user: String,
    src_ip: Ipv4Addr,
    severity: &'static str,
    ip_blocked: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
}

#[derive(Debug, Serialize)]
struct Account {
    distance_km: f64,
    hours: f64,
    speed_kmh: f64,
    impossible_travel: bool,
    new_device: bool,
    privileged: bool,
    department: String,
}

impl Login {
    /// Reads one alert.
    pub fn read(body: &[u8]) -> Result<Self> {
        let raw: Raw<'_> = serde_json::from_slice(body)?;
        for text in [&raw.id, &raw.time, &raw.user, &raw.src_ip, &raw.device_id, &raw.severity] {
            anyhow::ensure!(!text.is_empty() && text.len() <= TEXT_BYTES_MAX, "a text is empty or too long");
        }
        anyhow::ensure!((-90.0..=90.0).contains(&raw.lat) && (-180.0..=180.0).contains(&raw.lon), "no place on the globe");
        Ok(Self {
            time: raw.time.parse::<jiff::Timestamp>()?.as_second(),
            user: account_name(&raw.user),
            src_ip: raw.src_ip.trim().parse()?,
            device: raw.device_id.trim().to_owned(),
            place: (raw.lat, raw.lon),
            severity: severity(&raw.severity).context("no severity")?,
            id: raw.id.into_owned(),
        })
    }
}

/// `CORP\ana`, `ana@corp.example` and ` ANA ` are `ana`.
fn account_name(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let local = text.split_once('\\').map_or(text.as_str(), |(_, local)| local);
    local.split_once('@').map_or(local, |(local, _)| local).to_owned()
}

fn severity(text: &str) -> Option<(&'static str, i32)> {
    const POINTS: [(&str, i32); 4] = [("low", 0), ("medium", 5), ("high", 10), ("critical", 20)];
    POINTS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
}

/// The great circle between two places.
pub fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lon = ((b.1 - a.1).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
    2.0 * RADIUS_KM * h.sqrt().min(1.0).asin()
}

/// The speed of a trip, in kilometres an hour.
pub fn speed_kmh(km: f64, seconds: i64) -> f64 {
    km / (seconds.max(1) as f64 / 3600.0)
}

impl Tables {
    /// Reads the tables in the directory of context.
    pub fn load(dir: &Path) -> Result<Self> {
        let mut users = HashMap::new();
        let path = dir.join(USERS);
        for row in csv::Reader::from_path(&path).with_context(|| format!("read {}", path.display()))?.deserialize() {
            let row: UserRow = row?;
            let (lat, lon) = row.last_place.split_once(',').context("a place has two numbers")?;
            let user = User {
                privileged: row.privileged,
                department: row.department,
                place: (lat.parse()?, lon.parse()?),
                last_seen: row.last_seen,
                devices: row.devices.split(';').map(str::to_owned).collect(),
            };
            users.insert(row.name, user);
        }
        let path = dir.join(BLOCKED);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let blocked = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { users, blocked })
    }

    /// Decides about one alert.
    pub fn judge(&self, login: Login) -> Judged {
        let ip_blocked = self.blocked.contains(&login.src_ip);
        let account = self.users.get(&login.user).map(|user| account(user, &login));
        let (severity, points) = login.severity;
        let of_account = account.as_ref().map_or(20, |account| {
            [(account.impossible_travel, 35), (account.new_device, 15), (account.privileged, 10)]
                .map(|(holds, points)| if holds { points } else { 0 })
                .iter()
                .sum()
        });
        let score = points + if ip_blocked { 40 } else { 0 } + of_account;
        let outcome = if score >= ESCALATE_FROM { "escalate" } else { "close" };
        let evidence = Evidence { user: login.user, src_ip: login.src_ip, severity, ip_blocked, account };
        Judged { id: login.id, outcome, score, evidence }
    }
}

fn account(user: &User, login: &Login) -> Account {
    let seconds = login.time - user.last_seen;
    let distance_km = distance_km(user.place, login.place);
    let speed_kmh = speed_kmh(distance_km, seconds);
    Account {
        distance_km,
        hours: seconds.max(1) as f64 / 3600.0,
        speed_kmh,
        impossible_travel: distance_km > FAR_KM && speed_kmh > FAST_KMH,
        new_device: !user.devices.contains(&login.device),
        privileged: user.privileged,
        department: user.department.clone(),
    }
}
