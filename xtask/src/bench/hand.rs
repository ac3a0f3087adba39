//! How long it takes from the last signature to the connector's call, and what plans that wait cost: the real hand over its
//! real store and the shipped guardrails, with a connector that answers at once.

use crate::figures::Figures;
use adjutant_engine::guard::{self, Asked, Spent};
use adjutant_hand::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_hand::statement::{Statement, Verb};
use adjutant_hand::store::Store;
use adjutant_hand::{Clock, Draft, Hand, Heard, Parts, Settings, Wish};
use adjutant_ledger::SigningKey;
use adjutant_model::act::{Action, Answer, Need, OnFailure, Ruling, State, Target};
use adjutant_model::{Autonomy, Digest, Duration as Span, EntityKind, Time};
use adjutant_rules::guardrails::Guardrails;
use adjutant_server::serve::wall_clock;
use anyhow::{Context as _, Result, ensure};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Plans that are approved in a second, and for how long.
const PER_SECOND: u32 = 100;
const SECONDS: u32 = 10;

/// Milliseconds from decision to call, in the median.
const DECISION_TO_CALL_MS_MAX: f64 = 50.0;

/// Plans that wait, and the megabytes that they may cost.
const WAITING: usize = 10_000;
const WAITING_MB_MAX: f64 = 100.0;

/// Whoever asks and signs at the same time.
const PEOPLE: usize = 16;

const OFFERS: [Offer; 1] = [Offer {
    verb: "disable-account",
    kind: EntityKind::User,
    reversible: true,
    idempotency: Idempotency::ReadBack,
    per_minute: u32::MAX,
    with: &[],
}];

/// Accounts without end that can be disabled, and when each first was.
#[derive(Default)]
struct Directory {
    called: Mutex<HashMap<String, Instant>>,
}

impl Directory {
    fn called(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for Directory {
    fn verbs(&self) -> &[Offer] {
        &OFFERS
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        let target = Target { kind, id: name.to_owned(), name: name.to_owned() };
        Ok(vec![Found { target, aliases: Vec::new(), groups: Some(Vec::new()), facts: BTreeMap::new() }])
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        let enabled = !self.called().contains_key(&action.target.id);
        Ok(State(BTreeMap::from([("enabled".to_owned(), vec![enabled.to_string()])])))
    }

    fn is_done(&self, _: &Action, state: &State) -> bool {
        state.0.get("enabled").is_some_and(|values| values.iter().eq(["false"]))
    }

    fn act(&self, action: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        self.called().entry(action.target.id.clone()).or_insert_with(Instant::now);
        Ok(())
    }

    fn undo(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        Err(CallError::Permanent("nobody asks for it here".to_owned()))
    }

    fn health(&self) -> Result<String, CallError> {
        Ok("it answers".to_owned())
    }
}

/// Measures both; false when a bar is missed.
pub fn measure(guardrails: &Arc<Guardrails>, figures: &mut Figures) -> Result<bool> {
    let folder = tempfile::tempdir_in(crate::sh::target())?;
    let (median, p99) = decision_to_call(&folder.path().join("acting"), guardrails)?;
    let says = format!("ms from the last signature to the first call, at {PER_SECOND} plans/s; p99 {p99:.1}; bar ≤ 50");
    figures.add("decision_to_call_ms", median, says);
    let waiting = waiting(&folder.path().join("waiting"), guardrails)?;
    figures.add("waiting_plans_mb", waiting, "MB of memory for 10,000 plans that wait; bar < 100");
    Ok(median <= DECISION_TO_CALL_MS_MAX && waiting < WAITING_MB_MAX)
}

fn hand(folder: &Path, guardrails: &Arc<Guardrails>, directory: &Arc<Directory>) -> Result<Arc<Hand>> {
    let (wall, guardrails) = (wall_clock(), Arc::clone(guardrails));
    let clock: Clock = Arc::new(move || wall());
    let parts = Parts {
        store: Store::open(folder)?,
        connectors: BTreeMap::from([("directory".to_owned(), Arc::clone(directory) as Arc<dyn Connector>)]),
        rule: Box::new(move |asked, spent| ruled(&guardrails, asked, spent)),
        clock,
        wait: thread::park_timeout,
        settings: Settings::default(),
    };
    Ok(Arc::new(Hand::new(parts)?))
}

/// The guard takes the time that it takes, with the hand's own counts; but its limits, which no bench may lift, would end this
/// after twenty plans.
fn ruled(guardrails: &Guardrails, asked: &Asked<'_>, spent: &dyn Spent) -> Ruling {
    let ruling = guard::rule(asked, guardrails, spent);
    Ruling { answer: Answer::Ask, clauses: ruling.clauses, approvals: vec![Need { people: 1, role: "lead".to_owned() }] }
}

fn draft(nth: usize) -> Draft {
    let name = format!("user{nth}@corp.example");
    let wish = Wish {
        verb: "disable-account".into(),
        kind: EntityKind::User,
        name,
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
        undo: None,
        lasts: None,
    };
    Draft {
        case: format!("{nth:032x}"),
        by: "ana".into(),
        decision: "d1".into(),
        evidence: Digest::of(b"evidence"),
        book: Digest::of(b"book"),
        playbook: "suspicious-login".into(),
        autonomy: Autonomy::Ask,
        steps: vec![wish],
        held_for: None,
        because: String::new(),
        on_failure: OnFailure::Stop,
    }
}

/// Makes so many plans, several at a time.
fn planned(hand: &Hand, count: usize) -> Result<Vec<Digest>> {
    let each = |first: usize| (first..count).step_by(PEOPLE).map(|nth| Ok((nth, hand.plan(draft(nth))?.0))).collect();
    let mut plans: Vec<(usize, Digest)> = thread::scope(|scope| {
        let makers: Vec<_> = (0..PEOPLE).map(|first| scope.spawn(move || each(first))).collect::<Vec<_>>();
        let made: Result<Vec<Vec<_>>> = makers.into_iter().map(|maker| maker.join().ok().context("a maker stopped")?).collect();
        made.map(|made| made.into_iter().flatten().collect())
    })?;
    plans.sort_unstable_by_key(|(nth, _)| *nth);
    Ok(plans.into_iter().map(|(_, digest)| digest).collect())
}

/// Milliseconds from the last signature to the first call: median, and 99th in a hundred.
fn decision_to_call(folder: &Path, guardrails: &Arc<Guardrails>) -> Result<(f64, f64)> {
    let directory = Arc::new(Directory::default());
    let hand = hand(folder, guardrails, &directory)?;
    let key = SigningKey::from_seed("bo", &Digest::of(b"bo").0)?;
    hand.add_key(&key.verifier().to_string(), vec!["lead".to_owned()])?;
    let plans = planned(&hand, (PER_SECOND * SECONDS) as usize)?;
    let workers = hand.work()?;
    let began = Instant::now();
    let mut decided: Vec<(usize, Instant)> = thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|first| {
                scope.spawn({
                    let (hand, key, plans) = (&hand, &key, &plans);
                    move || {
                        (first..plans.len())
                            .step_by(PEOPLE)
                            .map(|nth| approve(hand, key, (nth, &plans[nth]), began))
                            .collect::<Result<Vec<_>>>()
                    }
                })
            })
            .collect();
        let approved: Result<Vec<Vec<_>>> =
            people.into_iter().map(|person| person.join().ok().context("a person stopped")?).collect();
        approved.map(|approved| approved.into_iter().flatten().collect())
    })?;
    let until = Instant::now() + Duration::from_secs(60);
    while directory.called().len() < decided.len() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    hand.close();
    workers.into_iter().for_each(|worker| drop(worker.join()));
    decided.sort_unstable();
    let called = directory.called();
    let mut took = Vec::new();
    for (nth, at) in decided {
        let call = called.get(&format!("user{nth}@corp.example")).context("a plan was not begun")?;
        took.push(call.duration_since(at).as_secs_f64() * 1e3);
    }
    took.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| took.get((took.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    Ok((at(0.5), at(0.99)))
}

/// Signs and sends in its time, whatever became of the ones before. Returns when that was.
fn approve(hand: &Hand, key: &SigningKey, (nth, plan): (usize, &Digest), began: Instant) -> Result<(usize, Instant)> {
    let at = began + Duration::from_secs(1) / PER_SECOND * nth as u32;
    let until = Time::from_secs(hand.now().plus(Span::from_secs(600)).secs());
    let note = Statement::new(Verb::Approve, &plan.to_string(), until)?.signed(key)?.to_string();
    thread::sleep(at.saturating_duration_since(Instant::now()));
    ensure!(hand.hear(note.as_bytes())? == Heard::Approved, "an approval does not count");
    // From when it was due: whoever comes late because the one before took long has waited, too.
    Ok((nth, at))
}

/// Megabytes that plans cost while they wait, for the hand that took them and for one that starts with them.
fn waiting(folder: &Path, guardrails: &Arc<Guardrails>) -> Result<f64> {
    let before = resident_mb()?;
    let directory = Arc::new(Directory::default());
    let hand = hand(folder, guardrails, &directory)?;
    let plans: HashSet<Digest> = planned(&hand, WAITING)?.into_iter().collect();
    ensure!(plans.len() == WAITING, "{} plans wait", plans.len());
    let with = resident_mb()?;
    drop(hand);
    let hand = self::hand(folder, guardrails, &directory)?;
    let workers = hand.work()?;
    thread::sleep(Duration::from_secs(1));
    let again = resident_mb()?;
    hand.close();
    workers.into_iter().for_each(|worker| drop(worker.join()));
    Ok((with.max(again) - before).max(0.0))
}

/// Megabytes of memory of this process.
fn resident_mb() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().next().context("a number")?.parse::<f64>()? / 1024.0)
}
