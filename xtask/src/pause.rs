//! `cargo xtask pause`: pauses a hand that has more to do than it can, through its socket, and reads in the connector's own
//! record whether anything began after the answer.

use crate::acting::accounts::{Account, Accounts, VERBS};
use crate::acting::bench::{self, Bench, LEADS};
use crate::acting::clock::Clock;
use crate::approvals::until;
use crate::dice::Dice;
use crate::figures::Figures;
use adjutant_hand::Settings;
use adjutant_hand::protocol::{Reply, Request};
use adjutant_hand::socket::{Client, own_user};
use adjutant_hand::statement::Verb;
use adjutant_model::{Digest, Duration, EntityKind, Stage};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Plans that are waiting for their turn when it is paused.
const PLANS: usize = 24;
/// So wide that a limit holds nothing of that.
const LIMITS: &str = "per_hour: 200\ndefault: { targets: 50, share: 5%, window: 10 min }\nverbs: []\n";
/// How long a call takes, in microseconds.
const CALL_TAKES: u64 = 1_500;
/// Pauses of one installation.
const PER_BENCH: u64 = 25;
/// Of a pause, in so many a new process must keep it.
const RESTARTS_ONE_IN: usize = 5;

#[derive(clap::Args)]
pub struct Arguments {
    /// Pauses
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    trials: u64,
    /// Another seed is another sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of some pauses.
#[derive(Default)]
struct Tally {
    begun_after: u64,
    /// Plans that were held by a pause, and plans that were not.
    held: u64,
    done: u64,
    /// How long answers took.
    took: Vec<std::time::Duration>,
}

/// `cargo xtask pause`; false when anything began after an answer.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut tally = Tally::default();
    let mut left = arguments.trials;
    while left > 0 {
        let mut dice = Dice(arguments.seed.wrapping_mul(1 << 40).wrapping_add(left));
        tried(left.min(PER_BENCH), &mut dice, &mut tally)?;
        left = left.saturating_sub(PER_BENCH);
    }
    tally.took.sort();
    let percentile = tally.took.get(tally.took.len() * 99 / 100).copied().unwrap_or_default();
    println!("{} plans were done, {} held; the 99th percentile of an answer is {percentile:?}", tally.done, tally.held);
    ensure!(tally.held > 0 && tally.done > 0, "the pauses came before or after everything: nothing was tried");
    let mut figures = Figures::default();
    figures.add("trials", arguments.trials as f64, "pauses of a hand under load");
    figures.add("begun_after", tally.begun_after as f64, "calls that began after the answer; bar 0");
    figures.report(arguments.json.as_deref())?;
    Ok(tally.begun_after == 0)
}

fn tried(trials: u64, dice: &mut Dice, tally: &mut Tally) -> Result<()> {
    let clock = Clock::new();
    let accounts = Accounts::new(&clock, std::time::Duration::from_micros(CALL_TAKES));
    let guardrails = Arc::new(bench::guardrails_with(&[("limits.yaml", LIMITS)])?);
    let settings = Settings { population: BTreeMap::from([(EntityKind::User, 100_000)]), ..Settings::default() };
    let mut bench = Bench::under(guardrails, settings, ("directory", Arc::new(accounts.clone())), &clock)?;
    let socket = bench.listen()?;
    for trial in 0..trials {
        let plans = planned(&bench, &accounts, trial)?;
        let client = Client::new(socket.clone(), vec![own_user()]);
        let after = std::time::Duration::from_micros(dice.below(40_000) as u64);
        let (reply, asked, answered) = std::thread::scope(|scope| {
            // People go on approving while it is paused.
            scope.spawn(|| plans.iter().for_each(|plan| drop(bench.say(LEADS[0], Verb::Approve, &plan.to_string()))));
            std::thread::sleep(after);
            let asked = Instant::now();
            let reply = client.ask(&Request::Pause { by: "somebody".into() });
            (reply, asked, Instant::now())
        });
        let reply = reply.context("the pause")?;
        tally.took.push(answered - asked);
        let Reply::Paused { pause, .. } = reply else { bail!("it is not paused: {reply:?}") };
        if dice.once_in(RESTARTS_ONE_IN) {
            bench.start_again()?;
        }
        let at_rest = || bench.actions(&plans).is_ok_and(|actions| actions.iter().all(|action| is_at_rest(action.stage)));
        until(at_rest, "a plan does not come to rest under a pause")?;
        let actions = bench.actions(&plans)?;
        tally.done += actions.iter().filter(|action| action.stage == Stage::Done).count() as u64;
        tally.held += actions.iter().filter(|action| action.stage != Stage::Done).count() as u64;
        tally.begun_after += accounts.take_calls().iter().filter(|call| call.came > answered).count() as u64;
        for lead in LEADS {
            bench.say(lead, Verb::Resume, &pause)?;
        }
        // What was done lately is not so any more, and the limits are free again.
        clock.pass(Duration::from_hours(2));
    }
    Ok(())
}

/// Plans that wait for approval.
fn planned(bench: &Bench, accounts: &Accounts, trial: u64) -> Result<Vec<Digest>> {
    let mut plans = Vec::new();
    for nth in 0..PLANS {
        let id = format!("u{trial}-{nth}");
        accounts.put(&id, Account::default());
        plans.push(bench.hand().plan(bench::draft(VERBS[0], EntityKind::User, &id, BTreeMap::new()))?.0);
    }
    Ok(plans)
}

fn is_at_rest(stage: Stage) -> bool {
    !matches!(stage, Stage::Planned | Stage::Approved | Stage::Intended | Stage::Unclear | Stage::Undoing)
}
