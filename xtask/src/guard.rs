//! `cargo xtask guard-diff` and `cargo xtask protected`: the guard beside a second one, and against every name of what is protected.
//!
//! Both ask it about random requests whose names are written as directories, sensors and jokers write them. They run on all
//! cores; a trial is the same for the same seed however many cores there are.

mod naive;
pub mod world;

use crate::dice::Dice;
use crate::figures::Figures;
use adjutant_engine::autonomy::Pause;
use adjutant_model::act::{Answer, Ruling};
use adjutant_model::{Autonomy, EntityKind};
use adjutant_rules::guardrails::Guardrails;
use anyhow::Result;
use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::thread;
use world::{ACCOUNTS, DOMAINS, HOSTS, Policy, Request};

/// Requests under one book.
const PER_BOOK: u64 = 500;
/// Shown of what was found.
const SHOWN_MAX: usize = 3;

#[derive(clap::Args)]
pub struct Arguments {
    /// Requests
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    trials: u64,
    /// Another seed is another sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of some trials.
#[derive(Default)]
struct Tally {
    refused: u64,
    asked: u64,
    run: u64,
    wrong: u64,
    says: Vec<String>,
}

impl Tally {
    fn saw(&mut self, answer: Answer) {
        *match answer {
            Answer::Refuse => &mut self.refused,
            Answer::Ask => &mut self.asked,
            Answer::Run => &mut self.run,
        } += 1;
    }

    fn wrong(&mut self, says: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.says.len() < SHOWN_MAX {
            self.says.push(says());
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.asked += other.asked;
        self.run += other.run;
        self.wrong += other.wrong;
        self.says.extend(other.says);
    }
}

/// `cargo xtask guard-diff`; false when the two guards differ.
pub fn diff(arguments: &Arguments) -> Result<bool> {
    let tally = tried(arguments, |dice, trials, tally| {
        let (guardrails, policy) = world::book(dice);
        (0..trials).for_each(|_| compare(&guardrails, policy, dice, tally));
    });
    tally.says.iter().take(SHOWN_MAX).for_each(|says| println!("{says}\n"));
    let mut figures = Figures::default();
    println!("{} refused, {} left to people, {} let run", tally.refused, tally.asked, tally.run);
    figures.add("trials", arguments.trials as f64, "random requests to both guards");
    figures.add("differences", tally.wrong as f64, "where the two guards differ; bar 0");
    figures.report(arguments.json.as_deref())?;
    Ok(tally.wrong == 0)
}

/// `cargo xtask protected`; false when anything acted on what is protected.
pub fn protected(arguments: &Arguments) -> Result<bool> {
    let tally = tried(arguments, |dice, trials, tally| {
        let (guardrails, secret) = everything_but_the_protected(dice);
        (0..trials).for_each(|_| attack(&guardrails, &secret, dice, tally));
    });
    tally.says.iter().take(SHOWN_MAX).for_each(|says| println!("{says}\n"));
    let mut figures = Figures::default();
    figures.add("trials", arguments.trials as f64, "requests to act on what is protected, under random names");
    figures.add("acted", tally.wrong as f64, "that were not refused, or ran where that is not known; bar 0");
    figures.report(arguments.json.as_deref())?;
    Ok(tally.wrong == 0)
}

/// Runs every trial, [`PER_BOOK`] a time, on all cores.
fn tried(arguments: &Arguments, batch: impl Fn(&mut Dice, u64, &mut Tally) + Sync) -> Tally {
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let batches = arguments.trials.div_ceil(PER_BOOK);
    let work = |first: u64| {
        let mut tally = Tally::default();
        for number in (first..batches).step_by(cores as usize) {
            let mut dice = Dice(arguments.seed.wrapping_mul(1 << 40).wrapping_add(number));
            let trials = PER_BOOK.min(arguments.trials - number * PER_BOOK);
            batch(&mut dice, trials, &mut tally);
        }
        tally
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|first| scope.spawn(move || work(first))).collect();
        let mut sum = Tally::default();
        for worker in workers {
            sum += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        sum
    })
}

fn compare(guardrails: &Guardrails, policy: Policy, dice: &mut Dice, tally: &mut Tally) {
    let request = world::request(dice);
    let real = request.ruled(guardrails);
    let naive = naive::rule(&request, guardrails, policy);
    tally.saw(real.answer);
    if said(&real) != naive {
        tally.wrong(|| format!("{request:#?}\nthe guard: {real:#?}\nthe other: {naive:#?}"));
    }
}

/// A ruling as the second guard says it: which clauses, but of what is protected not which entry.
fn said(ruling: &Ruling) -> naive::Said {
    let plain = |name: &str| match name.strip_prefix("protected.") {
        Some(rest) if !rest.starts_with("facts") => "protected".to_owned(),
        _ => name.to_owned(),
    };
    let names: BTreeSet<String> = ruling.clauses.iter().map(|clause| plain(&clause.name)).collect();
    (ruling.answer, names, ruling.approvals.iter().map(|need| (need.role.clone(), need.people)).collect())
}

/// Who is protected.
struct Secret {
    account: &'static str,
    host: &'static str,
    domain: &'static str,
}

/// Guardrails that allow everything but what is protected: one of each kind, each under a random name.
fn everything_but_the_protected(dice: &mut Dice) -> (Guardrails, Secret) {
    let secret = Secret { account: dice.one(&ACCOUNTS), host: dice.one(&HOSTS[..3]), domain: dice.one(&DOMAINS[..2]) };
    let entry = |name: &str| {
        let quoted = name.replace('\\', "\\\\").replace('\u{200b}', "\\u200b");
        format!("[{{ name: \"{quoted}\", owner: o, reason: r }}]")
    };
    let text = format!(
        "people: {}\ngroups: {}\nhosts: {}\nsubnets: {}\ndomains: {}\n",
        entry(&world::spelled_account(secret.account, dice)),
        entry(&world::spelled_account("Tier Zero", dice)),
        entry(&world::spelled_host(secret.host, dice)),
        entry("10.9.0.0/16"),
        entry(secret.domain),
    );
    let all = "permit (principal, action, resource);".to_owned();
    (world::loaded(vec![("protected.yaml", text), ("a.cedar", all)]), secret)
}

/// How it is known that the target is protected.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// It is.
    Yes,
    /// Nobody can tell.
    Perhaps,
}

/// Asks for an act on something protected; it must be refused, and where nobody can tell, it must not run.
fn attack(guardrails: &Guardrails, secret: &Secret, dice: &mut Dice, tally: &mut Tally) {
    let (request, known) = attacking(secret, dice);
    let ruling = request.ruled(guardrails);
    tally.saw(ruling.answer);
    let acted = match known {
        Known::Yes => ruling.answer > Answer::Refuse,
        Known::Perhaps => ruling.answer == Answer::Run,
    };
    if acted {
        tally.wrong(|| format!("{known:?}\n{request:#?}\nthe guard: {ruling:#?}"));
    }
}

fn attacking(secret: &Secret, dice: &mut Dice) -> (Request, Known) {
    let mut request = world::request(dice);
    request.undo = false;
    request.pause = Pause::None;
    request.done.clear();
    request.population = Some(1_000_000);
    request.by = ("asker".into(), dice.once_in(2).then_some(Autonomy::Act));
    request.with.clear();
    request.facts = ["vip", "privileged"].map(|fact| (fact.to_owned(), "no".to_owned())).into();
    request.groups = Some(vec!["Staff".into()]);
    let accounts = [EntityKind::User, EntityKind::Mailbox, EntityKind::Resource];
    let (kind, how) = match dice.below(7) {
        0 => (dice.one(&accounts), "account"),
        1 => (EntityKind::Host, "host"),
        2 => (EntityKind::Address, "address"),
        3 => (dice.one(&[EntityKind::Domain, EntityKind::Url]), "domain"),
        4 => (EntityKind::User, "member"),
        5 => (EntityKind::User, "fact"),
        _ => (EntityKind::User, "unknown"),
    };
    request.target.kind = kind;
    if matches!(how, "member" | "unknown") && request.verb == world::LETTER {
        // A group protects what its members may do, which a letter to them takes from nobody; their names protect from it, too.
        request.verb = "disable-account".into();
    }
    // Names that are nobody's, of which one becomes the protected thing's.
    let fresh = |dice: &mut Dice| match kind {
        EntityKind::Address => format!("203.0.113.{}", dice.below(250)),
        _ => format!("x{:x}", dice.roll()),
    };
    (request.target.id, request.target.name) = (fresh(dice), fresh(dice));
    request.aliases = (0..dice.below(4)).map(|_| fresh(dice)).collect();
    let known = match how {
        "member" => {
            request.groups = Some(vec!["Staff".into(), world::spelled_group(dice.one(&["Tier Zero", "Domain Admins"]), dice)]);
            Known::Yes
        }
        "fact" => {
            let value = dice.one(&["yes", "TRUE", "1", "unknown", "stale", "perhaps", ""]);
            request.facts.insert("privileged".into(), value.into());
            if matches!(value, "yes" | "TRUE" | "1") { Known::Yes } else { Known::Perhaps }
        }
        "unknown" => {
            request.groups = None;
            Known::Perhaps
        }
        how => {
            let name = written(secret, how, dice);
            hide(&mut request, &name, dice);
            Known::Yes
        }
    };
    (request, known)
}

/// A name of what the book protects, as somebody else writes it.
fn written(secret: &Secret, how: &str, dice: &mut Dice) -> String {
    match how {
        "account" => world::spelled_account(secret.account, dice),
        "host" => world::spelled_host(secret.host, dice),
        "address" => world::spelled_address(dice.one(&["10.9.1.1", "10.9.0.0", "10.9.255.255", "10.9.77.3"]), dice),
        _ => world::spelled_domain(secret.domain, dice),
    }
}

fn hide(request: &mut Request, name: &str, dice: &mut Dice) {
    match dice.below(3) {
        0 => request.target.id = name.into(),
        1 => request.target.name = name.into(),
        _ => request.aliases.push(name.into()),
    }
}
