//! One verb, one target, one fault point: done, taken back, and judged by the servers' own records.

use super::auditor::{self, Findings};
use super::bench::{self, Bench, LEADS};
use super::clock::Clock;
use super::fault::Scene;
use super::watched::Watched;
use super::{Servers, Verb, World};
use adjutant_hand::statement::Verb as Says;
use adjutant_hand::store::Kept;
use adjutant_model::{Digest, Stage, Time};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Nothing takes so long; what does is left.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a hand, at first and after a while.
const LOOK_MIN: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(50);

/// What came of a trial.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What the auditor found, and ends that are not true.
    pub findings: Findings,
    /// States that differ after what was taken back.
    pub undo_differs: u64,
    /// Actions that were put before a person.
    pub stuck: u64,
    /// Answers that were not true, where nothing else shows what was done.
    pub believed: u64,
}

struct Trial<'a> {
    verb: &'a Verb,
    scene: &'a Scene,
    world: Box<dyn World>,
    watched: Watched,
    bench: Bench,
    plans: Vec<Digest>,
    outcome: Outcome,
}

/// Tries.
pub fn run(servers: &dyn Servers, verb: &Verb, scene: &Scene, nth: usize) -> Result<Outcome> {
    let clock = Clock::new();
    let world = servers.world(verb, nth, &clock)?;
    let watched = Watched::over(world.connector());
    let bench = Bench::new(verb.connector, std::sync::Arc::new(watched.clone()), &clock)?;
    world.witness(auditor::opened(bench.folder())?);
    let untouched = world.state()?;
    let mut trial = Trial { verb, scene, world, watched, bench, plans: Vec::new(), outcome: Outcome::default() };
    trial.do_it()?;
    if verb.reversible {
        trial.take_it_back(&untouched)?;
    }
    trial.world.break_down(Vec::new());
    trial.bench.stop();
    let signers: Vec<_> = LEADS.iter().map(|lead| bench::signer(lead)).collect();
    let found = auditor::audit(trial.bench.folder(), &trial.world.effects()?, &signers)?;
    let Findings { second_effects, without_permit, unclear_left, says } = found;
    let mut outcome = trial.outcome;
    outcome.findings.second_effects += second_effects;
    outcome.findings.without_permit += without_permit;
    outcome.findings.unclear_left += unclear_left;
    outcome.findings.says.extend(says);
    Ok(outcome)
}

impl Trial<'_> {
    fn do_it(&mut self) -> Result<()> {
        for _ in 0..=usize::from(self.scene.twice) {
            let with = self.world.with().into_iter().collect();
            let draft = bench::draft(self.verb.verb, self.verb.kind, &self.world.name(), with);
            let (plan, made) = self.bench.hand().plan(draft)?;
            ensure!(made.answer() == adjutant_model::act::Answer::Ask, "the plan is not put before people: {made:?}");
            self.plans.push(plan);
        }
        self.world.break_down(self.scene.act.clone());
        self.watched.end_at(self.scene.crash);
        for _ in 0..=usize::from(self.scene.twice) {
            self.plans.clone().iter().for_each(|plan| drop(self.bench.approve(plan)));
        }
        let actions = self.settled(None)?;
        let effects = self.world.effects()?;
        let done = effects.iter().any(|effect| !effect.undoes);
        for action in &actions {
            self.outcome.stuck += u64::from(action.stage == Stage::Stuck);
            let lies = match action.stage {
                Stage::Done if !self.verb.shows && self.scene.lies() => {
                    self.outcome.believed += u64::from(!done);
                    false
                }
                Stage::Done => !done,
                Stage::AlreadySo => !done,
                Stage::Stuck => false,
                _ => done && actions.len() == 1,
            };
            self.wrong(lies, format!("it says {} ({}), and the server {effects:?}", action.stage, action.says));
        }
        let whole = actions.iter().any(|action| action.stage == Stage::Done);
        self.wrong(self.scene.whole && !whole, format!("nothing went wrong, and it is not done: {actions:?}"));
        Ok(())
    }

    fn wrong(&mut self, is: bool, says: String) {
        if is {
            self.outcome.findings.unclear_left += 1;
            self.outcome.findings.says.push(says);
        }
    }

    fn take_it_back(&mut self, untouched: &str) -> Result<()> {
        let actions = self.bench.actions(&self.plans)?;
        let Some(action) = actions.iter().find(|action| matches!(action.stage, Stage::Done | Stage::Stuck)) else {
            return Ok(());
        };
        if action.stage == Stage::Stuck {
            // Whoever was still finding out is not mistaken for whoever takes it back.
            self.bench.start_again()?;
        }
        self.world.break_down(self.scene.undo.clone());
        if let Some(beside) = self.scene.meddle {
            self.world.meddle(beside)?;
        }
        let meddled = self.world.state()?;
        self.watched.end_at(self.scene.undo_crash);
        let asked = self.bench.hand().now();
        self.bench.say(LEADS[0], Says::Undo, &action.key)?;
        if self.scene.undo_twice {
            let _ = self.bench.say(LEADS[1], Says::Undo, &action.key);
        }
        let ended = self.settled(Some((&action.key, asked)))?.into_iter().find(|ended| ended.key == action.key);
        if self.scene.undo_twice {
            let again = self.bench.say(LEADS[1], Says::Undo, &action.key);
            self.wrong(again.is_ok(), "what was taken back can be taken back again".into());
        }
        let Some(ended) = ended else { return Ok(()) };
        self.judge_undo(&ended, untouched, &meddled)
    }

    fn judge_undo(&mut self, ended: &Kept, untouched: &str, meddled: &str) -> Result<()> {
        self.outcome.stuck += u64::from(ended.stage == Stage::Stuck);
        if self.scene.meddle == Some(true) {
            self.world.meddle(true)?;
        }
        let state = self.world.state()?;
        let right = match (self.scene.meddle, ended.stage) {
            // What somebody else set is not touched.
            (Some(false), _) => state == meddled,
            (_, Stage::Undone) => state == untouched,
            // A person was told that it is not.
            (_, Stage::Stuck) => !self.must_succeed(),
            _ => false,
        };
        if !right {
            self.outcome.undo_differs += 1;
            let differs = differing(untouched, &state);
            self.outcome.findings.says.push(format!("it says {} ({}): {differs}", ended.stage, ended.says));
        }
        Ok(())
    }

    /// Nothing went wrong while it was taken back, but that its process may have ended.
    fn must_succeed(&self) -> bool {
        self.scene.undo.is_empty() && self.scene.meddle.is_none()
    }

    /// Waits until nothing of the plans moves any more, and something became of `asked` since, over as many processes as it
    /// takes.
    fn settled(&mut self, asked: Option<(&str, Time)>) -> Result<Vec<Kept>> {
        let began = Instant::now();
        loop {
            if self.watched.has_ended() {
                self.bench.start_again()?;
            }
            let actions = self.bench.actions(&self.plans)?;
            let moves = |action: &Kept| {
                matches!(action.stage, Stage::Planned | Stage::Approved | Stage::Intended | Stage::Unclear | Stage::Undoing)
                    || asked
                        .is_some_and(|(key, since)| action.key == key && (action.changed < since || action.stage == Stage::Done))
            };
            if !actions.iter().any(moves) || began.elapsed() > PATIENCE {
                return Ok(actions);
            }
            // The longer it takes, the less often it is looked at: many trials share a few processors.
            std::thread::sleep((began.elapsed() / 8).clamp(LOOK_MIN, LOOK_MAX));
        }
    }
}

/// The lines that only one of two states has: `-` was there, `+` is there now.
fn differing(was: &str, is: &str) -> String {
    let (had, has): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
    let gone = had.iter().filter(|line| !has.contains(line)).map(|line| format!("- {line}"));
    let new = has.iter().filter(|line| !had.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect::<Vec<_>>().join("\n")
}

/// Whether the point says anything about the verb.
pub fn fits(verb: &Verb, about_undo: bool) -> bool {
    verb.reversible || !about_undo
}
