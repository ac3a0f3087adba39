//! Threads that look after the service while it runs: context, checkpoints, messages, retention, and what is worth a look.

use super::export::Export;
use super::hand;
use super::teller::Teller;
use adjutant_model::{Duration as Span, Time};
use adjutant_runtime::drive::{Command, Reply};
use adjutant_runtime::failpoint::reach;
use adjutant_runtime::lookups;
use adjutant_runtime::ports::{Bus, CallError, Outgoing, PLAN};
use adjutant_runtime::seal::Seal;
use adjutant_runtime::service::{Service, State};
use adjutant_runtime::watch::Watch;
use adjutant_server::app::App;
use adjutant_server::config::{Config, Retention};
use adjutant_server::letters::post::tend;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const CONTEXT_EVERY: Duration = Duration::from_secs(5);
const POST_EVERY: Duration = Duration::from_secs(1);
const HAND_EVERY: Duration = Duration::from_millis(300);
/// At every so many turns the hand is asked how it is, for the metrics.
const HAND_HEALTH_TURNS: u32 = 10;
const RETAIN_EVERY: Duration = Duration::from_secs(3600);

/// How often a watcher looks whether it is to end.
const STEP: Duration = Duration::from_millis(100);

/// Messages delivered at a time.
const POSTED_MAX: usize = 50;

/// Commits that retention clears at a time, so that intake does not wait long.
const FORGOT_MAX: u32 = 500;

/// A message that could not be delivered is tried again after some seconds, then twice as long each time, at most six hours.
const AGAIN_SECONDS: i64 = 5;
const AGAIN_DOUBLED_MAX: u32 = 13;

/// After so many attempts, which are three days, nobody waits for a message any more: the queue says the same.
const ATTEMPTS_MAX: u32 = 24;

/// A queue fuller than this, in percent, is worth a look.
const FULL_PERCENT: usize = 80;

/// A token that ends within so many days is worth a look.
const EXPIRES_DAYS: i64 = 7;

pub(crate) struct Watchers(Vec<JoinHandle<()>>);

pub(super) fn spawn(
    app: &App,
    config: &Config,
    (mut watch, mut seal, bus, teller): (Watch, Seal, Arc<dyn Bus>, Arc<Teller>),
    stop: &Arc<AtomicBool>,
) -> std::io::Result<Watchers> {
    let sealed: Arc<Mutex<Option<String>>> = Arc::default();
    let posted: Arc<Mutex<Option<String>>> = Arc::default();
    let (looked, minutes, faults) = (app.clone(), config.silent_source_minutes, [Arc::clone(&sealed), Arc::clone(&posted)]);
    let mut told = BTreeSet::new();
    let context = every("context", CONTEXT_EVERY, stop, move |_| {
        // What cannot be written down now is said again at the next look.
        let qualities = watch.look(&looked.service).unwrap_or_default();
        let faults = faults.iter().filter_map(|fault| fault.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let notices = notices(&looked, &qualities, minutes).into_iter().chain(faults);
        tell(&looked, notices.collect(), &mut told);
    })?;
    let (service, mut export) = (app.service.clone(), Export::new(&config.checkpoints));
    let every_seal = Duration::from_secs(config.checkpoints.every_seconds.into());
    // The first is made before anybody is answered: a store without one was tampered with.
    let mut first = Some(seal.seal(&service).map_err(std::io::Error::other)?);
    let sealing = every("seal", every_seal, stop, move |_| {
        let checkpoint = first.take().map_or_else(|| seal.seal(&service), Ok);
        let fault = checkpoint
            .map_err(anyhow::Error::from)
            .and_then(|made| export.hand_on(made))
            .err()
            .map(|error| format!("a checkpoint failed: {error:#}"));
        *sealed.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    })?;
    let (posts, stopping) = (app.clone(), Arc::clone(stop));
    let posting = every("post", POST_EVERY, stop, move |_| post(&posts, &*bus, &posted, &stopping))?;
    let (service, retention, stopping) = (app.service.clone(), config.retention.clone(), Arc::clone(stop));
    let retaining = every("retain", RETAIN_EVERY, stop, move |_| retain(&service, &retention, &stopping))?;
    let tended = app.clone();
    // What could not be done now is done at the next look.
    let letters = every("letters", POST_EVERY, stop, move |_| drop(tend(&tended, &*teller)))?;
    let mut watchers = vec![context, sealing, posting, retaining, letters];
    if let Some(client) = app.hand.clone() {
        let (service, asks, stopping) = (app.service.clone(), Arc::clone(&client), Arc::clone(stop));
        // What cannot be read now is asked at the next look.
        watchers.push(every("look up", HAND_EVERY, stop, move |_| {
            drop(lookups::tend(&service, &hand::Asks(&asks), &|| stopping.load(Ordering::SeqCst)));
        })?);
        let service = app.service.clone();
        // A hand that does not answer is looked for again; `adjutant connect list` says so meanwhile.
        let asked = app.clone();
        let mut turns = (0..HAND_HEALTH_TURNS).cycle();
        watchers.push(every("hand", HAND_EVERY, stop, move |_| {
            drop(hand::copy(&service, &client));
            if turns.next() == Some(0) {
                hand::look_at(&asked, &client);
            }
        })?);
    }
    Ok(Watchers(watchers))
}

/// Does `what` every so often until it is to stop, and then once more.
fn every(
    name: &str,
    period: Duration,
    stop: &Arc<AtomicBool>,
    mut what: impl FnMut(bool) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name(name.into()).spawn(move || {
        loop {
            let last = stop.load(Ordering::SeqCst);
            what(last);
            if last {
                return;
            }
            let mut waited = Duration::ZERO;
            while waited < period && !stop.load(Ordering::SeqCst) {
                std::thread::sleep(STEP);
                waited += STEP;
            }
        }
    })
}

impl Watchers {
    pub(crate) fn end(self) {
        for thread in self.0 {
            // A watcher that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What is worth a look, in a sentence each.
fn notices(app: &App, qualities: &[adjutant_engine::context::Quality], silent_minutes: u32) -> Vec<String> {
    use adjutant_engine::context::Condition;
    let now = app.service.clock().now();
    let mut notices = Vec::new();
    for quality in qualities.iter().filter(|quality| matches!(quality.condition, Condition::Broken | Condition::Stale)) {
        let how = adjutant_runtime::watch::name(quality.condition);
        notices.push(format!("context `{}` is {how}: what depends on it is enrichment-only", quality.name));
    }
    for (source, last) in app.heard.sources() {
        if now.since(Time(last)) > Span::from_secs(i64::from(silent_minutes) * 60) {
            notices.push(format!("source `{source}` is silent for more than {silent_minutes} minutes"));
        }
    }
    let ((waiting, _), limits) = (app.service.waiting(), app.service.limits());
    if waiting * 100 > limits.alerts_max * FULL_PERCENT {
        notices.push(format!("the queue is more than {FULL_PERCENT} % full"));
    }
    let soon = now.plus(Span::from_hours(24 * EXPIRES_DAYS));
    let accounts = app.gate.accounts();
    for token in accounts.tokens().filter(|token| token.user.is_none() && token.revoked.is_none()) {
        if token.expires > now && token.expires < soon {
            notices.push(format!("token `{}` ({}) ends within {EXPIRES_DAYS} days", token.id, token.name));
        }
    }
    if app.service.state() != State::Running {
        notices.push(format!("nothing can be stored: {}", app.service.why()));
    }
    notices
}

/// Shows what is worth a look, and tells people of what is new.
fn tell(app: &App, notices: Vec<String>, told: &mut BTreeSet<String>) {
    let now: BTreeSet<String> = notices.iter().cloned().collect();
    for notice in now.difference(told) {
        let body = serde_json::json!({ "notice": notice, "at": app.service.clock().now().to_string() }).to_string();
        let message = Outgoing { id: 0, topic: "health".into(), body, attempts: 0, due: Time(0) };
        // While nothing can be stored, this cannot either; the page of health says it all the same.
        let _ = app.service.command_blocking("", Command::Tell(message));
        app.events.tell(adjutant_server::events::Topic::Health);
    }
    *told = now;
    *app.notices.lock().unwrap_or_else(PoisonError::into_inner) = notices;
}

/// Delivers what is due. What was delivered and could not be noted is delivered again: its name tells who receives it.
fn post(app: &App, bus: &dyn Bus, fault: &Mutex<Option<String>>, stop: &AtomicBool) {
    let service = &app.service;
    let now = service.clock().now();
    let Ok(due) = service.read(|reader| reader.due(now, POSTED_MAX)) else { return };
    let mut delivered = Vec::new();
    for message in due {
        // Whoever does not answer must not hold up the end; what is left is stored, and delivered after the next start.
        if stop.load(Ordering::SeqCst) {
            break;
        }
        reach("outbox.before");
        let delivering = if message.topic == PLAN { hand::propose(app, &message.body) } else { bus.deliver(&message) };
        let (why, again) = match delivering {
            Ok(()) => (None, None),
            Err(CallError::Retry(why) | CallError::Unclear(why)) => {
                let seconds = AGAIN_SECONDS << message.attempts.min(AGAIN_DOUBLED_MAX);
                let due = now.plus(Span::from_secs(seconds.min(6 * 3600)));
                let again = Outgoing { attempts: message.attempts + 1, due, ..message.clone() };
                (Some(why), Some(again).filter(|again| again.attempts < ATTEMPTS_MAX))
            }
            Err(CallError::Permanent(why)) => (Some(why), None),
        };
        reach("outbox.delivered");
        say(fault, &message, why, again.is_some());
        delivered.push((message.id, again));
    }
    if !delivered.is_empty() {
        // Not noted is delivered again, under the same name.
        let _ = service.command_blocking("", Command::Delivered(delivered));
    }
}

/// Says in the log why a message does not arrive, and keeps for the page of health that this is so.
fn say(fault: &Mutex<Option<String>>, message: &Outgoing, why: Option<String>, again: bool) {
    if let Some(why) = &why {
        let then = if again { "it is tried again" } else { "it is given up" };
        eprintln!("adjutant: message {} was not delivered, {then}: {why}", message.id);
    }
    // Always the same words: each other sentence would be one more message.
    let is = why.map(|_| "messages to people do not arrive: the service's log says why".to_owned());
    *fault.lock().unwrap_or_else(PoisonError::into_inner) = is;
}

/// Removes what retention says, some commits at a time, and notes how far it went before it does.
fn retain(service: &Service, days: &Retention, stop: &AtomicBool) {
    let before = |days: u32| service.clock().now().plus(Span::from_hours(-24 * i64::from(days)));
    let (raw, entries) = (before(days.raw_days), before(days.decisions_days));
    while !stop.load(Ordering::SeqCst) {
        let command = Command::Forget { raw_before: raw, entries_before: entries, blocks_max: FORGOT_MAX };
        // What was not removed now is at the next hour.
        if !matches!(service.command_blocking("", command), Ok(Reply::Done(_))) {
            return;
        }
    }
}
