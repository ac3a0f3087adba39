//! Who sends and who commands.

use super::{Broken, World, rule};
use crate::Rng;
use crate::far::Far;
use crate::fold::Fold;
use crate::policies::{POLICIES, policy};
use adjutant_engine::autonomy::{CLOSE, Pause, Rung};
use adjutant_engine::desk::Scratch;
use adjutant_engine::step::Verdict;
use adjutant_model::{Autonomy, CaseId, Outcome, Time};
use adjutant_runtime::drive::{Command, Work};
use adjutant_runtime::event::Evidence;
use adjutant_runtime::policy::Incoming;
use adjutant_runtime::ports::{Bus, CallError, Lookup, Outgoing, Question};
use std::sync::Arc;

/// Alerts and commands in one turn at most.
const JOBS_MAX: u64 = 10;

/// Something for the driver to do, which can be done again elsewhere.
#[derive(Clone)]
pub enum Job {
    /// A record came.
    Alert(Incoming),
    /// Somebody wants something.
    Command {
        /// Who.
        by: &'static str,
        /// What.
        command: Command,
    },
    /// The `n`-th policy is to decide.
    Adopt(usize),
}

impl Job {
    /// Whether it is what came of asking.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Job::Command { command: Command::LookedUp { .. }, .. })
    }

    /// Whether it is an answer.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Job::Command { command: Command::LookedUp { answer: Ok(_), .. }, .. })
    }

    /// What the machine itself wants.
    #[must_use]
    pub fn machine(command: Command) -> Self {
        Job::Command { by: "", command }
    }
}

/// `jobs` as work for a driver, and those that were work at all: a record that is none ends before the driver.
pub(super) fn work(jobs: Vec<Job>, number: usize, now: Time) -> (Vec<Work>, Vec<Job>) {
    let (policy, mut scratch, sender) = (policy(number), Scratch::default(), Arc::from("sim"));
    let work = |job: Job| {
        let work = match &job {
            Job::Alert(record) => {
                let prepared = policy.prepare((record.clone(), None), (&sender, now), (&mut scratch, Default::default())).ok()?;
                Work::Alert(prepared)
            }
            Job::Command { by, command } => Work::Command { by: (*by).into(), command: command.clone() },
            Job::Adopt(number) => Work::Command { by: "ana".into(), command: Command::Adopt(crate::policies::policy(*number)) },
        };
        Some((work, job))
    };
    jobs.into_iter().filter_map(work).unzip()
}

/// The policy that decides after `jobs`, if they change it.
pub(super) fn adopted(jobs: &[Job]) -> Option<usize> {
    jobs.iter().rev().find_map(|job| if let Job::Adopt(number) = job { Some(*number) } else { None })
}

/// Delivers `due` and says what came of it. Nothing is told that is not durable.
pub(super) fn delivered(due: &[Outgoing], far: &Far, fold: &Fold) -> Result<Vec<(i64, Option<Outgoing>)>, Broken> {
    let mut results = Vec::new();
    for message in due {
        let name = decision(&message.body);
        rule(fold.names.contains(&name), || format!("the world is told of `{name}`, which was not decided"))?;
        results.push(match far.deliver(message) {
            Ok(()) | Err(CallError::Permanent(_)) => (message.id, None),
            Err(CallError::Retry(_) | CallError::Unclear(_)) => {
                (message.id, Some(Outgoing { attempts: message.attempts + 1, ..message.clone() }))
            }
        });
    }
    Ok(results)
}

/// What comes of asking.
pub(super) fn answered(question: &Question, far: &Far) -> Job {
    let Question { contract, name, .. } = question.clone();
    Job::machine(Command::LookedUp { contract, name, answer: far.ask(question).map_err(|error| error.to_string()) })
}

/// The decision that a message is about.
pub(super) fn decision(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["decision"].as_str().unwrap_or_default().to_owned()
}

impl World {
    /// What comes in one turn.
    pub fn jobs(&mut self) -> Vec<Job> {
        let count = 1 + self.rng.below(JOBS_MAX);
        (0..count).map(|_| if self.rng.percent(80) { Job::Alert(self.records.draw()) } else { self.wish() }).collect()
    }

    /// A new policy for the driver.
    pub fn adoption(&mut self) -> Vec<Job> {
        let number = self.rng.below(POLICIES as u64) as usize;
        self.fold.know(&policy(number).book);
        let mut jobs = self.jobs();
        jobs.insert(self.rng.below(jobs.len() as u64) as usize, Job::Adopt(number));
        jobs
    }

    fn wish(&mut self) -> Job {
        let case = self.some_case();
        let rng = &mut self.rng;
        let by = *rng.pick(&["ana", "bob"]);
        let command = match rng.below(12) {
            0..3 => judge(rng, case),
            3 => Command::Assign { case, to: (*rng.pick(&["", "ana"])).into() },
            4 => Command::Comment { case, text: (*rng.pick(&["", "seen before"])).into() },
            5..9 => set(rng),
            9 => pause(rng),
            10 => Command::Context { source: "directory".into(), condition: "stale".into(), because: vec!["old".into()] },
            _ => reconsider(rng, case),
        };
        Job::Command { by, command }
    }

    fn some_case(&mut self) -> CaseId {
        let latest = self.fold.cases.len().saturating_sub(1) as u64;
        let nth = self.rng.below(latest + 1) as usize;
        self.fold.cases.keys().nth(nth).copied().unwrap_or(CaseId([9; 16]))
    }
}

fn judge(rng: &mut Rng, case: CaseId) -> Command {
    let verdict = *rng.pick(&[Verdict::Close, Verdict::Close, Verdict::Reopen, Verdict::Escalate]);
    let evidence = Evidence { row: "E1".into(), name: "score".into(), says: "…".into() };
    let because = if rng.percent(90) { vec![evidence] } else { Vec::new() };
    Command::Judge { case, verdict, because, note: String::new() }
}

fn set(rng: &mut Rng) -> Command {
    let playbook = *rng.pick(&["ordinary-login", "ordinary-login", "ordinary-login", "suspicious-login", "no-such-playbook"]);
    let scope = *rng.pick(&["*", "*", "*", "severity=low"]);
    let level = *rng.pick(&[Autonomy::Act, Autonomy::Act, Autonomy::Act, Autonomy::Ask, Autonomy::Observe]);
    let rung = Rung { playbook: playbook.into(), verb: CLOSE.into(), scope: scope.parse().unwrap_or_default() };
    Command::SetAutonomy { rung, level, leads_since: None }
}

fn pause(rng: &mut Rng) -> Command {
    let pause = *rng.pick(&[Pause::None, Pause::None, Pause::None, Pause::RecommendOnly, Pause::EnrichmentOnly, Pause::Off]);
    let playbook = rng.percent(40).then(|| "ordinary-login".to_owned());
    Command::Pause { playbook, pause }
}

fn reconsider(rng: &mut Rng, case: CaseId) -> Command {
    let is = *rng.pick(&[Outcome::Close, Outcome::Escalate, Outcome::Respond]);
    Command::Reconsider { review: "r".into(), case, about: 0, was: Outcome::Close, is, score: 1 }
}
