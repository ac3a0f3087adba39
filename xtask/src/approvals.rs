//! `cargo xtask approvals`: signatures that must not count, each through the hand's own door. None is executed, and the same that
//! nobody tampered with is.

use crate::acting::accounts::{Account, Accounts, VERBS};
use crate::acting::bench::{self, ASKS, Bench, LEADS, key};
use crate::acting::clock::Clock;
use crate::dice::Dice;
use crate::figures::Figures;
use adjutant_hand::statement::{Statement, Verb};
use adjutant_hand::{Hand, Heard};
use adjutant_ledger::{Note, SigningKey};
use adjutant_model::{Digest, Duration, EntityKind, Stage};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

/// Whose key has no role that may approve, was revoked, lost its role, is too new, and is not known at all.
const OTHERS: [&str; 5] = ["analyst", "revoked", "demoted", "newcomer", "stranger"];
/// Shown of what was found.
const SHOWN_MAX: usize = 5;
/// Ways to forge.
const WAYS: usize = 20;

#[derive(clap::Args)]
pub struct Arguments {
    /// Forged approvals
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    trials: u64,
    /// Another seed is another sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// `cargo xtask approvals`; false when any was executed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = |nth: u64| arguments.trials / cores + u64::from(nth < arguments.trials % cores);
    let tried = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|nth| {
                scope.spawn(move || tried(share(nth), &mut Dice(arguments.seed.wrapping_mul(1 << 40).wrapping_add(nth << 32))))
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<Vec<String>>>>()
    })?;
    let executed: Vec<String> = tried.into_iter().flatten().collect();
    executed.iter().take(SHOWN_MAX).for_each(|what| println!("{what}"));
    let mut figures = Figures::default();
    figures.add("forged", arguments.trials as f64, "forged, replayed, expired and changed approvals");
    figures.add("executed", executed.len() as f64, "of them counted for anything; bar 0");
    figures.report(arguments.json.as_deref())?;
    Ok(executed.is_empty())
}

/// What a forger finds: an installation with a plan that waits, and everything else that was ever signed there.
pub struct Scene {
    /// The installation.
    pub bench: Bench,
    accounts: Accounts,
    /// The plan that waits.
    pub good: Digest,
    /// Another that waits.
    pub other: Digest,
    /// One that nobody answered in time.
    expired: Digest,
    /// A note that counted for another plan, and its nonce.
    spent: (String, String),
}

impl Scene {
    /// Sets it up.
    pub fn new() -> Result<Self> {
        let clock = Clock::new();
        let accounts = Accounts::new(&clock, std::time::Duration::ZERO);
        ["u0", "u1", "u2", "u3"].iter().for_each(|id| accounts.put(id, Account::default()));
        let bench = Bench::new("directory", Arc::new(accounts.clone()), &clock)?;
        let hand = bench.hand();
        for (name, role) in [(ASKS, "lead"), ("analyst", "analyst"), ("revoked", "lead"), ("demoted", "lead")] {
            hand.add_key(&key(name).verifier().to_string(), vec![role.into()])?;
        }
        hand.revoke_key(&format!("revoked+{}", key("revoked").verifier().id()))?;
        let plan = |name: &str| {
            let (digest, _) = hand.plan(bench::draft(VERBS[0], EntityKind::User, name, BTreeMap::new()))?;
            anyhow::Ok(digest)
        };
        let (expired, done) = (plan("u2")?, plan("u3")?);
        for mut approver in hand.store().approvers()?.into_iter().filter(|approver| approver.name == "demoted") {
            approver.roles.clear();
            hand.store().put_approver(&approver, hand.now())?;
        }
        let statement = Statement::new(Verb::Approve, &done.to_string(), hand.now().plus(Duration::from_secs(600)))?;
        let note = statement.signed(&key(LEADS[0]))?.to_string();
        ensure!(hand.hear(note.as_bytes())? == Heard::Approved, "a plan in order is not approved");
        let spent = (note, statement.nonce);
        until(|| accounts.take_calls().len() == 1, "the plan that was approved is not done")?;
        clock.pass(hand.settings().plan_lives);
        hand.add_key(&key("newcomer").verifier().to_string(), vec!["lead".into()])?;
        let (good, other) = (plan("u0")?, plan("u1")?);
        Ok(Self { bench, accounts, good, other, expired, spent })
    }

    /// An approval that must not count, and what is wrong with it.
    pub fn forged(&self, dice: &mut Dice) -> (Vec<u8>, &'static str) {
        let way = dice.below(WAYS);
        let now = self.bench.hand().now();
        let soon = now.plus(Duration::from_secs(300));
        let nonce = format!("{:016x}{:016x}", dice.roll(), dice.roll());
        let sign = |name: &str, verb, about: &str, until| sign(&key(name), verb, (about, &nonce), until);
        let (bo, plan) = (LEADS[0], self.good.to_string());
        let good = || sign(bo, Verb::Approve, &plan, soon);
        let (text, what) = match way {
            0..=4 => (sign(OTHERS[way], Verb::Approve, &plan, soon), OTHERS[way]),
            5 => (sign(ASKS, Verb::Approve, &plan, soon), "by who asked for it"),
            6 => (sign(bo, Verb::Approve, &plan, now.plus(Duration(-1 - dice.below(1 << 40) as i64))), "late"),
            7 => (sign(bo, Verb::Approve, &plan, soon.plus(Duration::from_hours(1 + dice.below(999) as i64))), "for too long"),
            8 => {
                let other = self.other.to_string();
                (sign(bo, Verb::Approve, &other, soon).replace(&other, &plan), "of another plan")
            }
            9 => (sign(bo, Verb::Approve, &plan.to_uppercase(), soon), "of a plan in capitals"),
            10 => (sign(bo, Verb::Approve, &plan[..dice.below(64)], soon), "of a part of the digest"),
            11 => (sign(bo, Verb::Deny, &plan, soon).replacen("deny", "approve", 1), "of a denial"),
            12 => (good().replace(bo, dice.one(&[LEADS[1], ASKS, "nobody"])), "under another name"),
            13 => (self.spent.0.clone(), "replayed"),
            14 => (sign_with(bo, &plan, &self.spent.1, soon), "with a nonce that was used"),
            15 => (sign(bo, Verb::Approve, &self.expired.to_string(), soon), "of a plan whose time is over"),
            16 => (several(&plan, &nonce, soon), "by several on one note"),
            17 => (again(&good(), dice), "written otherwise"),
            18 => (sign(bo, dice.one(&[Verb::Undo, Verb::Resume]), &plan, soon), "of something else"),
            _ => return (flipped(good(), dice), "with one bit changed"),
        };
        (text.into_bytes(), what)
    }
}

fn sign(key: &SigningKey, verb: Verb, (about, nonce): (&str, &str), until: adjutant_model::Time) -> String {
    let statement = Statement { verb, about: about.to_owned(), nonce: nonce.to_owned(), until };
    statement.signed(key).map(|note| note.to_string()).unwrap_or_default()
}

fn sign_with(name: &str, plan: &str, nonce: &str, until: adjutant_model::Time) -> String {
    sign(&key(name), Verb::Approve, (plan, nonce), until)
}

/// Two people who may approve sign one note.
fn several(plan: &str, nonce: &str, until: adjutant_model::Time) -> String {
    let statement = Statement { verb: Verb::Approve, about: plan.to_owned(), nonce: nonce.to_owned(), until };
    let keys = LEADS.map(key);
    Note::sign(&statement.to_string(), &keys.each_ref()).map(|note| note.to_string()).unwrap_or_default()
}

/// The same note in bytes that are not the note's own.
fn again(note: &str, dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => note.replace('\n', "\r\n"),
        1 => note.replace('\u{2014}', "-"),
        2 => format!("{note}\n"),
        3 => note.trim_end().to_owned(),
        4 => note.replacen("\n\n", "\n \n", 1),
        5 => format!("\u{feff}{note}"),
        6 => note.replace("Z\n", "+00:00\n"),
        _ => note.trim_end().trim_end_matches('=').to_owned() + "\n",
    }
}

fn flipped(note: String, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = note.into_bytes();
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(8);
    bytes
}

/// What counted, of so many.
fn tried(trials: u64, dice: &mut Dice) -> Result<Vec<String>> {
    let scene = Scene::new()?;
    let mut counted = Vec::new();
    for _ in 0..trials {
        let (note, what) = scene.forged(dice);
        if counts(scene.bench.hand(), &note) {
            counted.push(format!("{what}: {}", String::from_utf8_lossy(&note)));
        }
    }
    let waits = |plan: &Digest| scene.bench.actions(&[*plan]).map(|actions| actions[0].stage == Stage::Planned);
    if !waits(&scene.good)? || !waits(&scene.other)? || !scene.accounts.take_calls().is_empty() {
        counted.push("a plan that nobody approved does not wait any more".into());
    }
    // What was refused was refused for what was wrong with it.
    if counted.is_empty() {
        let heard = scene.bench.say(LEADS[0], Verb::Approve, &scene.good.to_string())?;
        ensure!(heard == Heard::Approved, "an approval in order does not count");
        until(|| scene.accounts.take_calls().len() == 1, "what was approved is not done")?;
    }
    Ok(counted)
}

/// Whether a note counts as an approval.
fn counts(hand: &Hand, note: &[u8]) -> bool {
    matches!(hand.hear(note), Ok(Heard::Approved | Heard::Waiting { .. } | Heard::Undoing | Heard::Resumed))
}

/// Waits until it is so.
pub fn until(mut is: impl FnMut() -> bool, what: &str) -> Result<()> {
    let began = std::time::Instant::now();
    while !is() {
        ensure!(began.elapsed() < std::time::Duration::from_secs(30), "{what}");
        thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_forged_approval_counts_and_one_in_order_does() {
        assert_eq!(tried(2_000, &mut Dice(1)).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_counts_is_found() {
        let scene = Scene::new().unwrap();
        let until = scene.bench.hand().now().plus(Duration::from_secs(300));
        let note = sign_with(LEADS[1], &scene.good.to_string(), &"ab".repeat(16), until);
        assert!(counts(scene.bench.hand(), note.as_bytes()));
        assert!(!counts(scene.bench.hand(), note.as_bytes()));
    }
}
