//! Three attackers who hold a victim's valid password, after Wiefling et al. 2022 (and their words:
//! naive, VPN and targeted attackers grow into *remote*, *targeted* and *very targeted* here).
//!
//! | | remote | targeted | very targeted |
//! |---|---|---|---|
//! | place | another country | the victim's country | the victim's city (90 %) or country |
//! | network | hosting or VPN 40 %, residential proxy 45 %, phone 10 %, Tor 5 % | hosting or VPN 35 %, residential proxy 55 %, phone 10 % | residential 85 % (the victim's own provider in 60 % of those), phone 15 % (own carrier 60 %) |
//! | browser | the attacker's own | the victim's, exactly | the victim's, exactly |
//! | device | the attacker's own | the attacker's own | same make, system and browser; in 30 % with the browser's stolen cookie |
//! | hour | any | the victim's local day 50 %, any 50 % | the victim's hours 80 %, any 20 % |
//!
//! The second factor, for all three: where none is enrolled, none is asked. A victim with a phishable factor
//! is talked into it: by a proxied login page (45 %), by up to eight push messages of which the last is
//! confirmed (35 %, others than push fall to the page), or a policy gap asks for none (20 %). A factor that
//! cannot be phished leaves the policy gap (60 %) or a weaker one that was reset by the help desk (40 %).
//! Attacks that fail are not generated: those that succeed are the hard ones.
//!
//! After half of the logins of the very targeted, one to three things follow within two hours, mostly from
//! the same address: a new factor, a rule of the mailbox that forwards or deletes, an application's
//! consent to read mail, and, where the victim is an administrator, a privilege for somebody else.

use super::device::Device;
use super::event::{Act, Attack, Attacker, Cause, Event, Rule};
use super::life::Life;
use super::network::{Network, Origin, Pool, provider};
use super::people::Factor;
use super::places::{CITIES, COUNTRIES, cities_of};
use super::random::Random;

const DAY: i64 = 86_400;

/// An attack that will be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Its number and attacker.
    pub attack: Attack,
    /// The number of the victim.
    pub victim: u32,
    /// The local day.
    pub day: i64,
    /// Whether something follows the login.
    pub followed: bool,
}

/// Carries out an attack against `victim`.
pub fn carry_out(planned: &Planned, victim: &Life, network: Network, random: &mut Random, out: &mut Vec<Event>) {
    let attacker = planned.attack.attacker;
    let device = device(attacker, victim, random);
    let origin = origin(attacker, victim, network, random);
    let time_ms = moment(attacker, victim, planned.day, random) * 1000 + random.between(0, 999);
    let (factor, pushes) = factor(victim.person.factor, random);
    let login = Event {
        time_ms,
        person: planned.victim,
        act: Act::SignIn(factor),
        device,
        origin,
        cause: Cause::Attack,
        attack: Some(planned.attack),
    };
    let mut before = time_ms;
    for _ in 0..pushes {
        before -= random.between(20_000, 180_000);
        let act = if random.percent(50) { Act::PushDenied } else { Act::FactorFailed };
        out.push(Event { time_ms: before, act, ..login });
    }
    out.push(login);
    if planned.followed {
        follow(&login, victim, network, random, out);
    }
}

fn device(attacker: Attacker, victim: &Life, random: &mut Random) -> Device {
    let own = if random.percent(80) { Device::computer(random) } else { Device::phone(random) };
    let own = Device { registered: None, managed: false, ..own };
    let used = victim.person.devices.first().copied().unwrap_or(own);
    match attacker {
        Attacker::Remote => own,
        Attacker::Targeted => Device { model: own.model, ..used.look_alike(random) },
        Attacker::VeryTargeted if random.percent(30) => Device { token: used.token, ..used.look_alike(random) },
        Attacker::VeryTargeted => used.look_alike(random),
    }
}

fn origin(attacker: Attacker, victim: &Life, network: Network, random: &mut Random) -> Origin {
    let home = CITIES[victim.person.city].country;
    let roll = random.below(100);
    match attacker {
        Attacker::Remote => {
            let abroad: Vec<usize> = (0..CITIES.len()).filter(|city| CITIES[*city].country != home).collect();
            let city = *random.pick(&abroad);
            match roll {
                0..5 => network.anywhere(Pool::Tor, city, random),
                5..45 => rented(network, city, random),
                _ => local(network, city, roll < 90, random),
            }
        }
        Attacker::Targeted => {
            let inland: Vec<usize> = cities_of(home).collect();
            let city = *random.pick(&inland);
            if roll < 35 { rented(network, city, random) } else { local(network, city, roll < 90, random) }
        }
        Attacker::VeryTargeted => near(victim, network, roll < 85, random),
    }
}

fn rented(network: Network, city: usize, random: &mut Random) -> Origin {
    let pool = if random.percent(65) { Pool::Hosting } else { Pool::Vpn };
    network.anywhere(pool, city, random)
}

fn local(network: Network, city: usize, residential: bool, random: &mut Random) -> Origin {
    let country = &COUNTRIES[CITIES[city].country];
    if residential {
        network.stranger(provider(country.fixed, random), city, random)
    } else {
        network.phone(provider(country.mobile, random), city, random)
    }
}

fn near(victim: &Life, network: Network, residential: bool, random: &mut Random) -> Origin {
    let person = &victim.person;
    let inland: Vec<usize> = cities_of(CITIES[person.city].country).collect();
    let city = if random.percent(90) { person.city } else { *random.pick(&inland) };
    match (random.percent(60), residential) {
        (true, true) => network.stranger(person.home, city, random),
        (true, false) => network.phone(person.carrier, city, random),
        (false, _) => local(network, city, residential, random),
    }
}

fn moment(attacker: Attacker, victim: &Life, day: i64, random: &mut Random) -> i64 {
    let any = day * DAY + random.between(0, DAY - 1);
    match attacker {
        Attacker::Remote => any,
        Attacker::Targeted if random.percent(50) => day * DAY - victim.person.offset() + random.between(7 * 3600, 22 * 3600),
        Attacker::VeryTargeted if random.percent(80) => victim.draw_time(day, random),
        _ => any,
    }
}

/// The factor that the login shows, and the push messages before it.
fn factor(enrolled: Factor, random: &mut Random) -> (Option<Factor>, i64) {
    let roll = random.below(100);
    match enrolled {
        Factor::None => (None, 0),
        Factor::Key | Factor::DeviceKey if roll < 60 => (None, 0),
        Factor::Key | Factor::DeviceKey => (Some(Factor::Message), 0),
        _ if roll < 20 => (None, 0),
        Factor::Push if roll < 55 => (Some(Factor::Push), random.between(1, 8)),
        factor => (Some(factor), 0),
    }
}

/// What follows an intruder's login.
fn follow(login: &Event, victim: &Life, network: Network, random: &mut Random, out: &mut Vec<Event>) {
    let afterwards = login.attack.map(|attack| Attack { afterwards: true, ..attack });
    let elsewhere = near(victim, network, true, random);
    let origin = if random.percent(85) { login.origin } else { elsewhere };
    let mut acts = vec![
        Act::FactorAdded,
        Act::InboxRule(if random.percent(60) { Rule::Forwards } else { Rule::Deletes }),
        Act::Consented(true),
    ];
    if victim.person.privileged {
        acts.push(Act::Granted(random.below(100) as u32));
    }
    let mut time_ms = login.time_ms;
    for _ in 0..random.between(1, 3) {
        time_ms += random.between(60_000, 40 * 60_000);
        let act = acts.swap_remove(random.below(acts.len() as u64) as usize);
        out.push(Event { time_ms, act, origin, attack: afterwards, ..*login });
    }
}
