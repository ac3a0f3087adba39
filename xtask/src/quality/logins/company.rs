//! The company as a stream of records in time order.
//!
//! People live their local days, which begin at different hours, so events wait until no later day can bring
//! an earlier one. The upstream detection then sees them in order, and each becomes one vendor record. The
//! same seed gives the same bytes on every machine.

use super::attack::{Planned, carry_out};
use super::event::{Act, Attack, Attacker, Cause, Event};
use super::life::Life;
use super::network::{Known, Network};
use super::people::{DAYS, Defect, Kind, Person};
use super::random::Random;
use super::upstream::{Behaviours, Profile, alerts};
use super::{microsoft, okta};

/// Days whose records only teach: a new installation begins with a backfill.
pub const BACKFILL_DAYS: i64 = 30;

/// Hours by which the last clock of the map is ahead of the first.
const AHEAD_MS: i64 = 16 * 3_600_000;

/// The truth about one record.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    /// Who it is about.
    pub person: u32,
    /// What happened.
    pub act: Act,
    /// Why it looks as it does.
    pub cause: Cause,
    /// Whether the upstream detection raised it.
    pub alert: bool,
    /// The attack that it is part of.
    pub attack: Option<Attack>,
    /// Whether the account is privileged.
    pub privileged: bool,
    /// Whether the directory's row is stale, missing or silent, or it is a login from nobody knows where.
    pub unreliable: bool,
    /// Whether it is after the backfill.
    pub counted: bool,
}

/// A generated company.
pub struct Company {
    seed: u64,
    network: Network,
    lives: Vec<Life>,
    attacks: Vec<Planned>,
}

impl Company {
    /// The company of `seed` with `users` accounts and `attacks` attacks of each attacker.
    pub fn new(seed: u64, users: u32, attacks: u32) -> Self {
        let lives: Vec<Life> = (0..users).map(|number| Life::new(Person::new(seed, number))).collect();
        let attacks = plan(seed, &lives, attacks);
        Self { seed, network: Network::new(seed), lives, attacks }
    }

    /// The addresses of its world.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Everybody.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.lives.iter().map(|life| &life.person)
    }

    /// The attacks that will be carried out.
    pub fn attacks(&self) -> &[Planned] {
        &self.attacks
    }

    /// Lives through the time, handing every record to `take` in time order with its truth.
    ///
    /// # Errors
    /// The first error of `take` ends it.
    pub fn run<E>(mut self, mut take: impl FnMut(&Event, &str, Truth) -> Result<(), E>) -> Result<(), E> {
        let mut profiles = vec![Profile::default(); self.lives.len()];
        let (mut waiting, mut ready, mut text) = (Vec::new(), Vec::new(), String::new());
        let mut random = Random::of(self.seed, &[8]);
        for day in 0..DAYS {
            for life in &mut self.lives {
                life.live(self.network, self.seed, day, &mut waiting);
            }
            for planned in self.attacks.iter().filter(|planned| planned.day == day) {
                carry_out(planned, &self.lives[planned.victim as usize], self.network, &mut random, &mut waiting);
            }
            let last = day + 1 == DAYS;
            let until = if last { i64::MAX } else { (day + 1) * 86_400_000 - AHEAD_MS };
            ready.extend(waiting.extract_if(.., |event: &mut Event| event.time_ms < until));
            ready.sort_by_key(|event| (event.time_ms, event.person));
            for event in ready.drain(..) {
                let (behaviours, truth) = self.judge(&event, &mut profiles);
                text.clear();
                self.write(&event, behaviours, &mut text);
                take(&event, &text, truth)?;
            }
        }
        Ok(())
    }

    fn judge(&self, event: &Event, profiles: &mut [Profile]) -> (Behaviours, Truth) {
        let login = matches!(event.act, Act::SignIn(_));
        let behaviours = if login { profiles[event.person as usize].look(event) } else { Behaviours::default() };
        let person = &self.lives[event.person as usize].person;
        let truth = Truth {
            person: event.person,
            act: event.act,
            cause: event.cause,
            alert: alerts(event.act, behaviours),
            attack: event.attack,
            privileged: person.privileged,
            unreliable: person.defect != Defect::Sound || login && event.origin.known != Known::Place,
            counted: event.day() >= BACKFILL_DAYS,
        };
        (behaviours, truth)
    }

    fn write(&self, event: &Event, behaviours: Behaviours, text: &mut String) {
        let person = &self.lives[event.person as usize].person;
        match event.act {
            Act::InboxRule(_) | Act::Consented(_) => microsoft::write(event, person, text),
            Act::Granted(number) => {
                let target = self.lives.get(number as usize).map(|life| &life.person);
                okta::write(event, person, behaviours, target, text);
            }
            _ => okta::write(event, person, behaviours, None, text),
        }
    }
}

/// Chooses victims, each attacked once, and days.
fn plan(seed: u64, lives: &[Life], each: u32) -> Vec<Planned> {
    let mut random = Random::of(seed, &[7]);
    let mut victims: Vec<u32> =
        lives.iter().filter(|life| life.person.kind != Kind::Service).map(|life| life.person.number).collect();
    let mut planned = Vec::new();
    let attackers = [Attacker::Remote, Attacker::Targeted, Attacker::VeryTargeted];
    for number in 0..each * 3 {
        if victims.is_empty() {
            break;
        }
        let victim = victims.swap_remove(random.below(victims.len() as u64) as usize);
        let (first, last) = lives[victim as usize].person.days;
        let day = random.between((first + 3).max(BACKFILL_DAYS + 1), DAYS - 2);
        if day >= last {
            continue;
        }
        let attacker = attackers[(number % 3) as usize];
        let followed = attacker == Attacker::VeryTargeted && random.percent(50);
        planned.push(Planned { attack: Attack { number, attacker, afterwards: false }, victim, day, followed });
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::super::random::hash;
    use super::*;
    use std::collections::HashMap;

    fn digest(seed: u64) -> (u64, usize, HashMap<Cause, (u32, u32)>) {
        let (mut digest, mut last, mut records) = (0, i64::MIN, 0);
        let mut causes: HashMap<Cause, (u32, u32)> = HashMap::new();
        let ran = Company::new(seed, 300, 20).run(|event, text, truth| {
            assert!(event.time_ms >= last, "records come in time order");
            last = event.time_ms;
            records += 1;
            let record: serde_json::Value = serde_json::from_str(text)?;
            for word in ["attack", "cause", "alert", "unreliable"] {
                assert!(record.get(word).is_none(), "the truth leaks: {text}");
            }
            digest = text.bytes().fold(digest, |digest, byte| hash(digest, &[u64::from(byte)]));
            let counts = causes.entry(truth.cause).or_default();
            *counts = (counts.0 + 1, counts.1 + u32::from(truth.alert));
            Ok::<(), serde_json::Error>(())
        });
        assert!(ran.is_ok(), "{ran:?}");
        (digest, records, causes)
    }

    #[test]
    fn a_seed_is_one_company() {
        let (first, records, causes) = digest(1);
        assert_eq!(first, digest(1).0);
        assert_ne!(first, digest(2).0);
        assert!(records > 300 * 100, "{records} records");
        for cause in
            [Cause::PrivateWindow, Cause::Journey, Cause::Roaming, Cause::Relay, Cause::NewMachine, Cause::Attack, Cause::Kiosk]
        {
            assert!(causes.get(&cause).is_some_and(|counts| counts.1 > 0), "{cause:?} never alerts: {causes:?}");
        }
    }
}
