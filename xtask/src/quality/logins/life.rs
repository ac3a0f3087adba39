//! Ordinary days: who signs in when, with what, from where, and what goes wrong on the way.
//!
//! - On a working day 88 of 100 people work, at weekends 7; each starts one to four sessions, most in the
//!   first hours of the morning, by the clock of the home city.
//! - 3 % of the logins are preceded by a mistyped password; 2 % of the second factors fail or time out once,
//!   and one push in 700 is denied by mistake.
//! - A login in a private window (1 %), with cleared cookies (0.4 %) or from another browser (0.1 %) shows a
//!   new device; phones are replaced every 30 months, computers every 40.
//! - A second factor is asked of a new browser, after seven days, and of privileged accounts always.
//! - Every tenth of a year or so people file their mail by rules, let applications in or enrol a factor.

use super::device::{Browser, Device};
use super::event::{Act, Cause, Event, Rule};
use super::network::{Network, Origin, Pool, provider};
use super::people::{Factor, Hiding, Kind, Person};
use super::places::{CITIES, COUNTRIES, Lease, cities_of};
use super::random::{Random, hash};
use super::travel::{Whereabouts, whereabouts};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// How likely a session starts in each hour of the local day.
const HOURS: [u64; 24] = [1, 1, 1, 1, 2, 6, 22, 90, 170, 130, 70, 45, 40, 65, 55, 40, 30, 22, 18, 16, 15, 12, 7, 3];

/// Where the company's VPN gateways stand.
const GATEWAYS: [usize; 3] = [0, 4, 16];

/// A person with what their browsers remember.
#[derive(Debug)]
pub struct Life {
    /// Who.
    pub person: Person,
    /// When each browser was last asked for a second factor.
    asked: Vec<(u64, i64)>,
}

/// One sign-in while it is put together.
struct SignIn {
    time: i64,
    device: Device,
    origin: Origin,
    cause: Cause,
}

impl Life {
    /// The life of `person`.
    pub const fn new(person: Person) -> Self {
        Self { person, asked: Vec::new() }
    }

    /// Everything that the person does on local day `day`.
    pub fn live(&mut self, network: Network, seed: u64, day: i64, out: &mut Vec<Event>) {
        let mut random = Random::of(seed, &[2, u64::from(self.person.number), day as u64]);
        if !(self.person.days.0..self.person.days.1).contains(&day) {
            return;
        }
        if self.person.kind == Kind::Service {
            return self.run_program(network, seed, day, &mut random, out);
        }
        let replaced = self.replace(&mut random);
        let hired = day == self.person.days.0 && day > 0;
        let works = random.percent(if day % 7 < 5 { 88 } else { 7 }) || hired || replaced.is_some();
        if !works {
            return;
        }
        let sessions = 1 + [25, 8, 2].into_iter().filter(|percent| random.percent(*percent)).count();
        let mut times: Vec<i64> = (0..sessions).map(|_| self.draw_time(day, &mut random)).collect();
        times.sort_unstable(); // browsers remember in the order of time
        let mut first = None;
        for (session, time) in times.into_iter().enumerate() {
            let device = if session == 0 { replaced.unwrap_or(0) } else { self.draw_device(&mut random) };
            let cause = if session == 0 && replaced.is_some() { Cause::NewMachine } else { Cause::Ordinary };
            if let Some(sign_in) = self.sign_in(network, device, time, cause, &mut random) {
                first.get_or_insert(self.report(sign_in, &mut random, out));
            }
        }
        if let Some(event) = first {
            self.change(&event, hired || replaced.is_some(), &mut random, out);
        }
    }

    /// A moment of local day `day` at which this person may sign in.
    pub fn draw_time(&self, day: i64, random: &mut Random) -> i64 {
        let hour = random.weighted(HOURS.into_iter()) as i64;
        day * DAY - self.person.offset() + hour * HOUR + random.between(0, HOUR - 1) + self.person.shift_min * 60
    }

    fn draw_device(&self, random: &mut Random) -> usize {
        let count = self.person.devices.len();
        let main = if self.person.kind == Kind::Kiosk { 85 } else { 60 };
        if count == 1 || random.percent(main) { 0 } else { 1 + random.below(count as u64 - 1) as usize }
    }

    /// Replaces a machine that is at its end; answers which.
    fn replace(&mut self, random: &mut Random) -> Option<usize> {
        let index = random.below(self.person.devices.len() as u64) as usize;
        let old = self.person.devices[index];
        if !random.ppm(if old.is_phone() { 1_100 } else { 830 }) {
            return None;
        }
        let drawn = if old.is_phone() { Device::phone(random) } else { Device::computer(random) };
        let same_make = random.percent(85);
        let (system, browser, model) =
            if same_make { (old.system, old.browser, old.model) } else { (drawn.system, drawn.browser, drawn.model) };
        let registered = old.registered.map(|_| random.next());
        self.person.devices[index] = Device { system, browser, model, registered, managed: old.managed, ..drawn };
        Some(index)
    }

    fn sign_in(&mut self, network: Network, index: usize, time: i64, cause: Cause, random: &mut Random) -> Option<SignIn> {
        let kiosk = self.person.kind == Kind::Kiosk && index == 0;
        let (device, browsing) = if kiosk { (self.kiosk(time, random), Cause::Kiosk) } else { self.browse(index, random) };
        let (origin, place) = if kiosk {
            (network.office(self.person.city, random), Cause::Kiosk)
        } else {
            self.come_from(network, &device, time, random)?
        };
        let new = time / DAY - self.person.days.0 < 5 && self.person.days.0 > 0;
        let causes = [cause, if new { Cause::NewHire } else { Cause::Ordinary }, browsing, place];
        let cause = causes.into_iter().find(|cause| *cause != Cause::Ordinary).unwrap_or(Cause::Ordinary);
        Some(SignIn { time, device, origin, cause })
    }

    /// The browser used on machine `index`: its usual one, or a new one.
    fn browse(&mut self, index: usize, random: &mut Random) -> (Device, Cause) {
        let device = self.person.devices[index];
        match random.below(1000) {
            0..10 => (Device { token: random.next(), ..device }, Cause::PrivateWindow),
            10..14 => {
                self.person.devices[index].token = random.next();
                (self.person.devices[index], Cause::ClearedCookies)
            }
            14 if !device.is_phone() => {
                let browser = *random.pick(&[Browser::Chrome, Browser::Firefox]);
                let device = Device { token: random.next(), browser, ..device };
                self.person.devices[index] = if random.percent(40) { device } else { self.person.devices[index] };
                (device, Cause::AnotherBrowser)
            }
            _ => (device, Cause::Ordinary),
        }
    }

    /// One of the four shared devices of the person's site, which are set up anew every 60 days.
    fn kiosk(&self, time: i64, random: &mut Random) -> Device {
        let site = hash(9, &[self.person.city as u64, u64::from(self.person.number % 12)]);
        let which = if random.percent(70) { u64::from(self.person.number / 12 % 4) } else { random.below(4) };
        let mut fixed = Random::new(hash(site, &[which, (time / (60 * DAY)) as u64]));
        let token = fixed.next();
        Device {
            system: super::device::System::Windows,
            browser: Browser::Chrome,
            model: "OptiPlex Micro",
            registered: None,
            managed: true,
            token,
            late_days: 7,
        }
    }

    fn come_from(&self, network: Network, device: &Device, time: i64, random: &mut Random) -> Option<(Origin, Cause)> {
        let person = &self.person;
        let (city, (origin, cause), office) = match whereabouts(person, time) {
            Whereabouts::Home => {
                let (origin, office) = self.at_home(network, device, time, random);
                (person.city, (origin, Cause::Ordinary), office)
            }
            Whereabouts::Away(city) => {
                let office = !device.is_phone() && CITIES[city].staff > 0 && random.percent(45);
                (city, away(network, person, city, (device.is_phone(), office), random), office)
            }
            Whereabouts::Moving(true) if random.percent(4) => {
                let ground_station = *random.pick(&[4, 8]);
                return Some((network.anywhere(Pool::Aircraft, ground_station, random), Cause::Aircraft));
            }
            Whereabouts::Moving(_) => return None,
        };
        Some(if office { (origin, cause) } else { self.hide(network, device, city, (origin, cause), random) })
    }

    fn at_home(&self, network: Network, device: &Device, time: i64, random: &mut Random) -> (Origin, bool) {
        let person = &self.person;
        let (office, phone, guest) = match person.kind {
            _ if device.is_phone() => (10, 45, 3),
            Kind::Office => (92, 1, 1),
            Kind::Hybrid => (50, 2, 2),
            _ => (2, 2, 4),
        };
        match random.below(100) {
            roll if roll < office => (network.office(person.city, random), true),
            roll if roll < office + phone => (network.phone(person.carrier, person.city, random), false),
            roll if roll < office + phone + guest => (network.guest(person.city, random), false),
            _ => (home(network, person, time.div_euclid(DAY)), false),
        }
    }

    fn hide(
        &self,
        network: Network,
        device: &Device,
        city: usize,
        seen: (Origin, Cause),
        random: &mut Random,
    ) -> (Origin, Cause) {
        match self.person.hiding {
            Hiding::Corporate if !device.is_phone() && random.percent(75) => {
                (network.corporate_vpn(gateway(city), random), Cause::CorporateVpn)
            }
            Hiding::Relay if device.browser == Browser::Safari && random.percent(85) => {
                let others: Vec<usize> = cities_of(CITIES[city].country).collect();
                let shown = if random.percent(90) { city } else { *random.pick(&others) };
                (network.anywhere(Pool::Relay, shown, random), Cause::Relay)
            }
            Hiding::Vpn if random.percent(25) => {
                let inland: Vec<usize> = cities_of(CITIES[city].country).collect();
                let exit = if random.percent(60) { *random.pick(&inland) } else { random.below(24) as usize };
                (network.anywhere(Pool::Vpn, exit, random), Cause::PrivateVpn)
            }
            _ => seen,
        }
    }

    /// What the second factor was, when one is asked for.
    fn factor(&mut self, device: &Device, time: i64) -> Option<Factor> {
        let known = self.asked.iter().position(|(token, _)| *token == device.token);
        let recent = known.is_some_and(|index| time - self.asked[index].1 < 7 * DAY);
        let factor = match self.person.factor {
            Factor::None => return None,
            Factor::DeviceKey if device.registered.is_none() => Factor::Push,
            factor => factor,
        };
        if recent && !self.person.privileged && factor != Factor::DeviceKey {
            return None;
        }
        match known {
            Some(index) => self.asked[index].1 = time,
            None => self.asked.push((device.token, time)),
        }
        Some(factor)
    }

    /// Writes a sign-in with what went wrong before it; answers the sign-in itself.
    fn report(&mut self, sign_in: SignIn, random: &mut Random, out: &mut Vec<Event>) -> Event {
        let SignIn { time, device, origin, cause } = sign_in;
        let factor = self.factor(&device, time);
        let time_ms = time * 1000 + random.between(0, 999);
        let event = Event { time_ms, person: self.person.number, act: Act::SignIn(factor), device, origin, cause, attack: None };
        let before = |seconds: i64, act| Event { time_ms: time_ms - seconds * 1000, act, ..event };
        if random.percent(3) {
            out.push(before(random.between(40, 90), Act::WrongPassword));
        }
        if factor.is_some() && random.percent(2) {
            out.push(before(random.between(10, 40), Act::FactorFailed));
        } else if factor == Some(Factor::Push) && random.ppm(1_400) {
            out.push(before(random.between(10, 40), Act::PushDenied));
        }
        out.push(event);
        event
    }

    /// What people change after they signed in.
    fn change(&self, first: &Event, new_machine: bool, random: &mut Random, out: &mut Vec<Event>) {
        let mut after = |minutes: (i64, i64), act| {
            let time_ms = first.time_ms + random.between(minutes.0 * 60_000, minutes.1 * 60_000);
            out.push(Event { time_ms, act, ..*first });
        };
        let mut dice = Random::of(first.time_ms as u64, &[3, u64::from(first.person)]);
        if dice.ppm(if new_machine { 700_000 } else { 500 }) {
            after((1, 40), Act::FactorAdded);
        }
        if dice.ppm(3_200) {
            let rule = match dice.below(100) {
                0..2 => Rule::Forwards,
                2..8 => Rule::Deletes,
                _ => Rule::Files,
            };
            after((2, 300), Act::InboxRule(rule));
        }
        if dice.ppm(2_400) {
            after((2, 300), Act::Consented(dice.percent(20)));
        }
        if self.person.privileged && dice.ppm(13_000) {
            after((5, 300), Act::Granted(dice.below(u64::from(self.person.number) + 100) as u32));
        }
    }

    fn run_program(&self, network: Network, seed: u64, day: i64, random: &mut Random, out: &mut Vec<Event>) {
        let person = &self.person;
        let moved = (day + i64::from(person.number)) / 200;
        let mut place = Random::of(seed, &[5, u64::from(person.number), moved as u64]);
        let owner = network.anywhere(Pool::Cloud, person.city, &mut place);
        for run in 0..4 {
            let ip = (owner.ip & !0xff) | (8 + random.below(4)) as u32;
            let time_ms = (day * DAY + run * 6 * HOUR + random.between(0, 600)) * 1000 + i64::from(person.number % 1000);
            let origin = Origin { ip, ..owner };
            let (device, cause) = (person.devices[0], Cause::Program);
            out.push(Event { time_ms, person: person.number, act: Act::SignIn(None), device, origin, cause, attack: None });
        }
    }
}

/// The home's address on `day`.
fn home(network: Network, person: &Person, day: i64) -> Origin {
    let (first, number) = person.home_pool;
    let epoch = match person.home.lease {
        Lease::Daily => day,
        Lease::Sticky => (day + i64::from(person.number)) / 120,
    };
    let key = hash(number, &[epoch as u64]);
    let moves = if person.home.lease == Lease::Daily || key % 100 < 30 { key >> 8 } else { number };
    network.address(Pool::Home, (person.home.asn, person.home.name), person.city, first + moves % 32, key >> 32)
}

fn away(network: Network, person: &Person, city: usize, (phone, office): (bool, bool), random: &mut Random) -> (Origin, Cause) {
    if office {
        return (network.office(city, random), Cause::Journey);
    }
    if !phone || random.percent(60) {
        return (network.guest(city, random), Cause::Journey);
    }
    let abroad = CITIES[city].country != CITIES[person.city].country;
    if abroad && random.percent(70) {
        return (network.phone(person.carrier, person.city, random), Cause::Roaming);
    }
    let carrier = if abroad { provider(COUNTRIES[CITIES[city].country].mobile, random) } else { person.carrier };
    (network.phone(carrier, city, random), Cause::Journey)
}

/// The company's VPN gateway that serves `city`.
fn gateway(city: usize) -> usize {
    let east = CITIES[city].lon > 60.0;
    let west = CITIES[city].lon < -30.0;
    GATEWAYS[if east { 2 } else { usize::from(west) }]
}
