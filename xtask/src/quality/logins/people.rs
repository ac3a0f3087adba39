//! The company: who works there, with what, from where.
//!
//! Shares are guesses at an international company of office and remote workers, written down here so that
//! they can be argued with:
//! - 45 % work in an office, 35 % in office and home by turns, 20 % remote, most through the company's VPN;
//! - 3 % share kiosks at their site, 1 % fly (crews), 4 % travel two or three times a month, everybody else
//!   every ten weeks or so; 1.5 % of all accounts are programs;
//! - 2.5 % are privileged, most of them in IT; 3 % are hired during the time and start without history;
//! - 7 % of the users of Safari browse through a relay, 2 % of all have a private VPN;
//! - 4 % have no second factor; of the rest 45 % confirm a push, 25 % type a code, 10 % get a text message and
//!   the others hold a security key or a registered device;
//! - the directory is wrong as directories are: 1.2 % of the rows are stale (a quarter of those wrong as
//!   well), 0.4 % are missing and 0.4 % do not say whether the account is privileged.

use super::device::{Browser, Device};
use super::network::provider;
use super::places::{CITIES, COUNTRIES, Provider};
use super::random::Random;

/// Days of generated time.
pub const DAYS: i64 = 182;

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Works mostly in an office.
    Office,
    /// In the office and at home by turns.
    Hybrid,
    /// At home.
    Remote,
    /// At shared devices of a site.
    Kiosk,
    /// Flies.
    Crew,
    /// A program.
    Service,
}

/// What hides the address of a person's logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hiding {
    /// Nothing.
    Nothing,
    /// The company's VPN.
    Corporate,
    /// A relay of the browser's maker.
    Relay,
    /// A commercial VPN, now and then.
    Vpn,
}

/// The second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// None is enrolled.
    None,
    /// A push message to confirm.
    Push,
    /// A code of an authenticator.
    Code,
    /// A code by text message.
    Message,
    /// A security key or passkey; cannot be phished.
    Key,
    /// A key of the registered device; cannot be phished.
    DeviceKey,
}

/// What is wrong with the person's row in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Nothing.
    Sound,
    /// Not refreshed for months, but right.
    Stale,
    /// Not refreshed for months, and its role is no longer right.
    StaleAndWrong,
    /// There is no row.
    Missing,
    /// The row does not say whether the account is privileged.
    NoRole,
}

/// A journey: not at home from leaving to coming back.
#[derive(Clone, Copy, Debug)]
pub struct Trip {
    /// When the person leaves, in seconds of generated time.
    pub leave: i64,
    /// When the person arrives there.
    pub arrive: i64,
    /// When the person leaves there.
    pub depart: i64,
    /// When the person is back.
    pub back: i64,
    /// The city.
    pub city: usize,
    /// Whether the out-of-office calendar says so.
    pub announced: bool,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Person {
    /// Its number.
    pub number: u32,
    /// What kind it is.
    pub kind: Kind,
    /// Department.
    pub department: &'static str,
    /// Whether it may change the directory or the cloud.
    pub privileged: bool,
    /// What is wrong with its row in the directory.
    pub defect: Defect,
    /// Home city.
    pub city: usize,
    /// Provider at home.
    pub home: Provider,
    /// First of the 32 /24s that the home's addresses come from, and number of the home.
    pub home_pool: (u64, u64),
    /// Provider of the phone.
    pub carrier: Provider,
    /// Devices, the main one first.
    pub devices: Vec<Device>,
    /// What hides its addresses.
    pub hiding: Hiding,
    /// Second factor.
    pub factor: Factor,
    /// First and last day at work.
    pub days: (i64, i64),
    /// Minutes by which its working hours are shifted.
    pub shift_min: i64,
    /// Journeys, in order.
    pub trips: Vec<Trip>,
}

const DEPARTMENTS: [&str; 6] = ["Sales", "Engineering", "Finance", "Operations", "Human Resources", "Legal"];

impl Person {
    /// Person `number` of the world of `seed`.
    pub fn new(seed: u64, number: u32) -> Self {
        let mut random = Random::of(seed, &[1, u64::from(number)]);
        let kind = draw_kind(&mut random);
        let city = random.weighted(CITIES.iter().map(|city| city.staff));
        let country = &COUNTRIES[CITIES[city].country];
        let it = kind != Kind::Kiosk && random.percent(6);
        let privileged = match kind {
            Kind::Service => random.percent(15),
            Kind::Kiosk | Kind::Crew => false,
            _ if it => random.percent(34),
            _ => random.ppm(4_000),
        };
        let department = match kind {
            Kind::Crew => "Flight Operations",
            Kind::Kiosk => "Logistics",
            _ if it => "IT",
            _ => random.pick(&DEPARTMENTS),
        };
        let devices = devices(kind, &mut random);
        let mut person = Self {
            number,
            kind,
            department,
            privileged,
            defect: draw_defect(&mut random),
            city,
            home: provider(country.fixed, &mut random),
            home_pool: (random.below(2016), random.next() >> 20),
            carrier: provider(country.mobile, &mut random),
            hiding: draw_hiding(kind, &devices, &mut random),
            factor: draw_factor(kind, &devices, &mut random),
            devices,
            days: employed(kind, &mut random),
            shift_min: random.between(-90, 90) + random.between(-60, 60),
            trips: Vec::new(),
        };
        person.trips = super::travel::trips(&person, &mut random);
        person
    }

    /// The login name.
    pub fn login(&self) -> String {
        match self.kind {
            Kind::Service => format!("svc-{:05}@corp.example", self.number),
            _ => format!("user-{:05}@corp.example", self.number),
        }
    }

    /// The directory's identifier.
    pub fn id(&self) -> String {
        format!("00u{:017}", self.number)
    }

    /// Offset of the home city's clocks from UTC, in seconds.
    pub fn offset(&self) -> i64 {
        CITIES[self.city].offset_min * 60
    }
}

fn draw_kind(random: &mut Random) -> Kind {
    match random.below(1000) {
        0..425 => Kind::Office,
        425..756 => Kind::Hybrid,
        756..945 => Kind::Remote,
        945..975 => Kind::Kiosk,
        975..985 => Kind::Crew,
        _ => Kind::Service,
    }
}

fn draw_defect(random: &mut Random) -> Defect {
    match random.below(1000) {
        0..9 => Defect::Stale,
        9..12 => Defect::StaleAndWrong,
        12..16 => Defect::Missing,
        16..20 => Defect::NoRole,
        _ => Defect::Sound,
    }
}

fn devices(kind: Kind, random: &mut Random) -> Vec<Device> {
    let mut devices = match kind {
        Kind::Service => return vec![Device::program(random)],
        Kind::Kiosk => Vec::new(),
        _ => vec![Device::computer(random)],
    };
    if kind == Kind::Kiosk || random.percent(70) {
        devices.push(Device::phone(random));
    }
    if random.percent(20) {
        devices.push(Device::own(random));
    }
    devices
}

fn draw_hiding(kind: Kind, devices: &[Device], random: &mut Random) -> Hiding {
    let safari = devices.iter().any(|device| device.browser == Browser::Safari);
    match kind {
        Kind::Service | Kind::Kiosk => Hiding::Nothing,
        Kind::Remote if random.percent(55) => Hiding::Corporate,
        Kind::Hybrid | Kind::Office if random.percent(20) => Hiding::Corporate,
        _ if safari && random.percent(7) => Hiding::Relay,
        _ if random.percent(2) => Hiding::Vpn,
        _ => Hiding::Nothing,
    }
}

fn draw_factor(kind: Kind, devices: &[Device], random: &mut Random) -> Factor {
    let registered = devices.iter().any(|device| device.registered.is_some());
    match random.below(100) {
        _ if kind == Kind::Service => Factor::None,
        0..4 => Factor::None,
        4..47 => Factor::Push,
        47..71 => Factor::Code,
        71..80 => Factor::Message,
        80..86 => Factor::Key,
        _ if registered => Factor::DeviceKey,
        _ => Factor::Push,
    }
}

fn employed(kind: Kind, random: &mut Random) -> (i64, i64) {
    match random.below(100) {
        0..3 if kind != Kind::Service => (random.between(10, 170), DAYS),
        3..6 if kind != Kind::Service => (0, random.between(20, DAYS)),
        _ => (0, DAYS),
    }
}
