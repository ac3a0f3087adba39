//! The hand itself: what it is made of, who may have it act, and how it is stopped.

use crate::connector::Connector;
use crate::saga::can_be_taken_back;
use crate::statement::{NotAStatement, SIGNED_FOR_MAX, Statement, Verb};
use crate::store::{Approver, Follows, Kept, Pending, Signed, Store, StoreError, With};
use crate::under_way::Calls;
use adjutant_engine::act::Happened;
use adjutant_engine::autonomy::Pause;
use adjutant_engine::guard::{Asked, Spent};
use adjutant_ledger::{Note, VerifierKey};
use adjutant_model::act::{Answer, Need, Plan, Ruling};
use adjutant_model::{Autonomy, Digest, Duration, EntityKind, Stage, Time};
use adjutant_rules::guardrails::Limits;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[cfg(test)]
use crate::planted::{Bug, is};

/// No store loses more lines of its journal than this and is believed to be the same.
const LINES_AHEAD_MAX: u64 = 10_000_000;

const MINUTE: Duration = Duration(60_000_000);

/// Says what may be done; `adjutant_engine::guard::rule` with the hand's own guardrails.
pub type Rule = Box<dyn Fn(&Asked<'_>, &dyn Spent) -> Ruling + Send + Sync>;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// The connectors by their configured names.
pub type Connectors = BTreeMap<String, Arc<dyn Connector>>;

/// What the hand is told by its own settings, never by the brain.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which connector does a verb, where several offer it.
    pub verbs: BTreeMap<String, String>,
    /// Verbs that a playbook may do by itself: playbook and verb. Without any, people are always asked.
    pub acts: BTreeSet<(String, String)>,
    /// How long a plan waits for its approvals.
    pub plan_lives: Duration,
    /// How long a new approver's key waits before it counts.
    pub key_cools: Duration,
    /// The limits of its guardrails, to show what is left of them: it is the guard that keeps them.
    pub limits: Limits,
    /// How many there are of a kind; of what is not counted here no share can be allowed.
    pub population: BTreeMap<EntityKind, u64>,
    /// For so long it is found out whether something was done, before a person is asked.
    pub unclear_for: Duration,
    /// For so long a target that is read back unchanged after a lost answer may still change.
    pub settles_in: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            verbs: BTreeMap::new(),
            acts: BTreeSet::new(),
            plan_lives: Duration::from_hours(4),
            key_cools: Duration::from_hours(24),
            limits: Limits::default(),
            population: BTreeMap::new(),
            unclear_for: Duration::from_secs(50),
            settles_in: Duration::from_secs(10),
        }
    }
}

/// What the hand is made of.
pub struct Parts {
    /// Its store.
    pub store: Store,
    /// Its connectors.
    pub connectors: Connectors,
    /// Its guard.
    pub rule: Rule,
    /// Its clock.
    pub clock: Clock,
    /// Waits between two looks or calls: [`std::thread::park_timeout`], unless a test has no time.
    pub wait: fn(std::time::Duration),
    /// Its settings.
    pub settings: Settings,
}

/// Why the hand does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What was asked cannot be understood.
    #[error("{0}")]
    Form(String),
    /// The store cannot be used, or has none of it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The note is no note.
    #[error("the signed note cannot be read: {0}")]
    Note(#[from] adjutant_ledger::note::Error),
    /// The note says nothing that is signed for.
    #[error(transparent)]
    Statement(#[from] NotAStatement),
    /// Whoever signed may not.
    #[error("{0}")]
    Signer(String),
    /// The signature's time is over, or too far away.
    #[error("{0}")]
    Time(String),
    /// It cannot be any more, or not yet.
    #[error("{0}")]
    State(String),
}

/// What was heard from a person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "heard", rename_all = "kebab-case")]
pub enum Heard {
    /// Enough people approved the plan: it is being done.
    Approved,
    /// The approval counts; these are missing.
    Waiting {
        /// Who must still approve.
        missing: Vec<Need>,
    },
    /// The plan is denied.
    Denied,
    /// The action is being taken back.
    Undoing,
    /// It acts again.
    Resumed,
}

/// What a note led to, what has to be durable before that is said, and what is then worked.
type Said<'a> = (Heard, Pending<'a, ()>, Option<Job>);

/// What is about to be worked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    /// Do a plan.
    Do(Digest),
    /// Take an action back.
    Undo(String),
}

/// The hand.
pub struct Hand {
    parts: Parts,
    /// Asking the guard and writing the intent is one step: two that ask at once cannot both get the last of a limit.
    pub(crate) gate: Mutex<()>,
    /// Calls that are not answered yet.
    pub(crate) calls: Calls,
    /// Targets that something is being done to.
    pub(crate) busy: (Mutex<HashSet<String>>, Condvar),
    jobs: (Mutex<Jobs>, Condvar),
    /// When each connector was last called to change something, for what its vendor takes in a minute.
    called: Mutex<BTreeMap<String, VecDeque<Time>>>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closed: bool,
}

impl Hand {
    /// Puts it together. Nothing is done before [`Hand::work`].
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn new(parts: Parts) -> Result<Self, StoreError> {
        #[cfg(test)]
        if is(Bug::PauseForgotten) {
            parts.store.set(("pause", ""), "pause", &serde_json::Value::Null, Time(0))?;
        }
        if let Some(restored) = parts.store.restored() {
            parts.store.begin_epoch(restored.line(), &restored.says(), (parts.clock)())?;
        }
        Ok(Self {
            parts,
            gate: Mutex::default(),
            calls: Calls::default(),
            busy: Default::default(),
            jobs: Default::default(),
            called: Mutex::default(),
        })
    }

    /// Begins another epoch: what was planned and approved in the one before is void. Done by itself where the store was
    /// restored from a backup.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn begin_epoch(&self) -> Result<(), StoreError> {
        let _gate = locked(&self.gate);
        self.store().begin_epoch(0, "it was asked for", self.now()).map(drop)
    }

    /// Hears how far the service has copied the journal: what it has and this store does not shows that the store was
    /// restored. Whoever lies about it voids what was approved, and can do no more by that than by a pause.
    pub(crate) fn heard_of(&self, line: u64) -> Result<(), Refused> {
        let _gate = locked(&self.gate);
        let last = self.store().last_line()?;
        if line > last.saturating_add(LINES_AHEAD_MAX) {
            return Err(Refused::Form(format!("the journal ends at line {last}")));
        }
        if line > last {
            let why = format!("the service has line {line} of the journal, and the store ends at {last}");
            self.store().begin_epoch(line, &why, self.now())?;
        }
        Ok(())
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The connectors.
    pub fn connectors(&self) -> &Connectors {
        &self.parts.connectors
    }

    /// The epoch.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn epoch(&self) -> Result<u64, StoreError> {
        self.store().epoch()
    }

    /// Now.
    pub fn now(&self) -> Time {
        (self.parts.clock)()
    }

    pub(crate) fn wait(&self, span: std::time::Duration) {
        (self.parts.wait)(span);
    }

    /// Waits until the connector may be called once more. No vendor is asked to change more in a minute than it takes.
    pub(crate) fn pace(&self, connector: &str, per_minute: u32) {
        while !self.may_call(connector, per_minute) && !self.is_closed() {
            self.wait(std::time::Duration::from_millis(100));
        }
    }

    fn may_call(&self, connector: &str, per_minute: u32) -> bool {
        let now = self.now();
        let mut called = locked(&self.called);
        let times = called.entry(connector.to_owned()).or_default();
        // A clock that was set back must not stop everything: what lies ahead counts as now.
        while times.front().is_some_and(|time| now.since(*time).0.abs() >= MINUTE.0) {
            times.pop_front();
        }
        let may = times.len() < per_minute.max(1) as usize;
        if may {
            times.push_back(now);
        }
        may
    }

    pub(crate) fn rule(&self, asked: &Asked<'_>, spent: &dyn Spent) -> Ruling {
        (self.parts.rule)(asked, spent)
    }

    /// How far `playbook` may go with `verb`: never further than the hand's own settings say, whatever the brain says.
    pub(crate) fn autonomy(&self, playbook: &str, verb: &str, told: Autonomy) -> Autonomy {
        let may = self.parts.settings.acts.contains(&(playbook.to_owned(), verb.to_owned()));
        told.min(if may { Autonomy::Act } else { Autonomy::Ask })
    }

    /// Keeps a plan, with the steps that its ruling refuses marked, and begins one that needs nobody.
    pub(crate) fn kept(&self, plan: &Plan, digest: &Digest) -> Result<(), StoreError> {
        let runs = plan.answer() == Answer::Run;
        let keys: Vec<String> = (0..plan.steps.len()).map(|nth| adjutant_model::Action::key(digest, nth)).collect();
        let mut follows = Vec::new();
        for (key, step) in keys.iter().zip(&plan.steps) {
            let (happened, says) = match step.ruling.answer {
                Answer::Refuse => (Happened::Refused, step.ruling.clauses.first().map_or("", |clause| &clause.says)),
                _ if runs => (Happened::Approved, "the playbook may do this by itself"),
                _ => continue,
            };
            follows.push(((key.as_str(), happened), With { says: says.to_owned(), ..With::default() }));
        }
        self.store().keep(plan, digest, &follows)?;
        if runs {
            self.enter(Job::Do(*digest));
        }
        Ok(())
    }

    /// Hears what a person signed.
    ///
    /// # Errors
    /// It does not count, and why.
    pub fn hear(&self, note: &[u8]) -> Result<Heard, Refused> {
        let note = Note::parse(note)?;
        let statement: Statement = note.text().parse()?;
        let now = self.now();
        if statement.until <= now {
            return Err(Refused::Time("the signature's time is over: sign again".into()));
        }
        if statement.until.since(now) > SIGNED_FOR_MAX {
            return Err(Refused::Time(format!("a signature counts for at most {} minutes", SIGNED_FOR_MAX.0 / 60_000_000)));
        }
        let by = self.signer(&note, now)?;
        let (kind, text) = (statement.verb.name(), note.to_string());
        let signed = Signed { nonce: &statement.nonce, about: &statement.about, by: &by, kind, text: &text };
        let (heard, pending, job) = match statement.verb {
            Verb::Approve => self.approved(&signed),
            Verb::Deny => self.denied(&signed),
            Verb::Undo => self.undo_asked(&signed),
            Verb::Resume => self.resumed(&signed),
        }?;
        pending.durable()?;
        job.into_iter().for_each(|job| self.enter(job));
        Ok(heard)
    }

    /// Whose key signed, if it counts now.
    fn signer(&self, note: &Note, now: Time) -> Result<Approver, Refused> {
        let approvers = self.store().approvers()?;
        let keys: Vec<VerifierKey> = approvers.iter().filter_map(|approver| approver.key.parse().ok()).collect();
        let signed = note.verify(&keys)?;
        let [key] = signed[..] else { return Err(Refused::Signer("one person signs a note, not several".into())) };
        let text = key.to_string();
        let approver = approvers.into_iter().find(|approver| approver.key == text);
        let approver = approver.ok_or_else(|| Refused::Signer("the key is not known".into()))?;
        #[cfg(test)]
        let approver = if is(Bug::RevokedCounts) { Approver { revoked: None, ..approver } } else { approver };
        if approver.revoked.is_some() {
            return Err(Refused::Signer(format!("the key {} was revoked", approver.id)));
        }
        if approver.counts > now {
            let from = jiff::Timestamp::from_microsecond(approver.counts.0).unwrap_or_default();
            return Err(Refused::Signer(format!("the key {} is new and counts from {from:.0} on", approver.id)));
        }
        Ok(approver)
    }

    fn approved(&self, signed: &Signed<'_>) -> Result<Said<'_>, Refused> {
        let _gate = locked(&self.gate);
        let by = signed.by;
        let (digest, plan, waiting) = self.waiting_plan(signed.about)?;
        #[cfg(test)]
        let plan = if is(Bug::OwnApproval) { Plan { by: String::new(), ..plan } } else { plan };
        if plan.by == by.name {
            return Err(Refused::Signer("nobody approves a plan that they asked for".into()));
        }
        let needs = plan.approvals();
        if !needs.iter().any(|need| by.roles.contains(&need.role)) {
            let roles: Vec<&str> = needs.iter().map(|need| need.role.as_str()).collect();
            return Err(Refused::Signer(format!("this plan is approved by: {}; {} is none of them", roles.join(", "), by.name)));
        }
        let mut approvers = self.counting("approve", signed.about)?;
        approvers.push(by.clone());
        let missing = missing(&needs, &approvers);
        if !missing.is_empty() {
            let pending = self.store().spend(signed, &[], &With::default(), self.now())?;
            return Ok((Heard::Waiting { missing }, pending, None));
        }
        let with = With { says: format!("approved, last by {}", by.name), ..With::default() };
        let pending = self.store().spend(signed, &all(&waiting, Happened::Approved), &with, self.now())?;
        Ok((Heard::Approved, pending, Some(Job::Do(digest))))
    }

    /// The approvers who said this and whose keys still count.
    pub(crate) fn counting(&self, kind: &str, about: &str) -> Result<Vec<Approver>, StoreError> {
        let now = self.now();
        let said = self.store().said(kind, about)?;
        Ok(said.into_iter().filter(|approver| approver.revoked.is_none() && approver.counts <= now).collect())
    }

    /// A plan that waits for an answer, and its actions that do.
    pub(crate) fn waiting_plan(&self, about: &str) -> Result<(Digest, Plan, Vec<Kept>), Refused> {
        let digest = about.parse().ok().filter(|digest: &Digest| digest.to_string() == about);
        let digest = digest.ok_or_else(|| Refused::Form("a plan is named by its whole digest, in small letters".into()))?;
        let plan = self.store().plan(&digest)?;
        #[cfg(test)]
        let plan = if is(Bug::LateApproval) { Plan { expires: Time(i64::MAX), ..plan } } else { plan };
        if plan.expires <= self.now() {
            return Err(Refused::State("nobody answered in time: the plan has expired".into()));
        }
        if plan.epoch != self.epoch()? {
            return Err(Refused::State("the hand's store was restored since this plan was made: make another".into()));
        }
        let mut waiting = self.store().actions(&digest)?;
        waiting.retain(|action| action.stage == Stage::Planned);
        if waiting.is_empty() {
            return Err(Refused::State("nothing of this plan waits for an answer".into()));
        }
        Ok((digest, plan, waiting))
    }

    fn denied(&self, signed: &Signed<'_>) -> Result<Said<'_>, Refused> {
        let _gate = locked(&self.gate);
        let (_, _, waiting) = self.waiting_plan(signed.about)?;
        let with = With { says: format!("denied by {}", signed.by.name), ..With::default() };
        let pending = self.store().spend(signed, &all(&waiting, Happened::Denied), &with, self.now())?;
        Ok((Heard::Denied, pending, None))
    }

    fn undo_asked(&self, signed: &Signed<'_>) -> Result<Said<'_>, Refused> {
        let action = self.store().action(signed.about)?;
        if !matches!(action.stage, Stage::Done | Stage::Stuck | Stage::Drifted) {
            return Err(Refused::State(format!("an action that is {} cannot be taken back", action.stage)));
        }
        if !can_be_taken_back(&self.store().plan(&action.plan)?, &action) {
            return Err(Refused::State("nothing takes this back, as the plan says".into()));
        }
        if signed.by.roles.is_empty() {
            return Err(Refused::Signer(format!("{} has no role that may take anything back", signed.by.name)));
        }
        let pending = self.store().spend(signed, &[], &With::default(), self.now())?;
        Ok((Heard::Undoing, pending, Some(Job::Undo(action.key))))
    }

    fn resumed(&self, signed: &Signed<'_>) -> Result<Said<'_>, Refused> {
        let _gate = locked(&self.gate);
        let paused_at = self.store().setting("pause")?;
        let Some(paused_at) = paused_at.filter(|pause| !pause.is_empty()) else {
            return Err(Refused::State("nothing is paused".into()));
        };
        if signed.about != paused_at {
            return Err(Refused::State(format!("sign to resume this pause: {paused_at}")));
        }
        let pending = self.store().spend(signed, &[], &With::default(), self.now())?;
        let people: BTreeSet<String> = self.counting("resume", &paused_at)?.into_iter().map(|approver| approver.name).collect();
        if people.len() < 2 {
            let missing = vec![Need { people: 1, role: "another person".into() }];
            return Ok((Heard::Waiting { missing }, pending, None));
        }
        let body = serde_json::json!({ "pause": "", "by": signed.by.name });
        pending.durable()?;
        let pending = self.store().set_soon(("pause", ""), "pause", &body, self.now())?;
        Ok((Heard::Resumed, pending, None))
    }

    /// Stops: when this returns nothing more is begun, also after a restart, until two people resume, and what had begun was
    /// answered; how many calls were not, where that takes too long. What was begun is read back, so that it is known what
    /// became of it. Returns the name of the pause also.
    ///
    /// # Errors
    /// The store cannot be used; it stops all the same, until it restarts.
    pub fn pause(&self, by: &str) -> Result<(String, usize), StoreError> {
        let name = self.set_pause(by)?;
        Ok((name, self.calls.ended()))
    }

    fn set_pause(&self, by: &str) -> Result<String, StoreError> {
        let _gate = locked(&self.gate);
        if let Some(pause) = self.paused()? {
            return Ok(pause);
        }
        let now = self.now();
        let name = format!("pause-{}", now.0);
        self.store().set(("pause", &name), "pause", &serde_json::json!({ "pause": name, "by": by }), now)?;
        Ok(name)
    }

    /// The pause in force, by its name.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn paused(&self) -> Result<Option<String>, StoreError> {
        Ok(self.store().setting("pause")?.filter(|pause| !pause.is_empty()))
    }

    /// Adds an approver's key. It counts at once while the hand was never asked for a plan, and else after it cooled off.
    ///
    /// # Errors
    /// The key is none, or is there already.
    pub fn add_key(&self, key: &str, roles: Vec<String>) -> Result<Approver, Refused> {
        let verifier: VerifierKey = key.parse().map_err(|error: adjutant_ledger::key::Error| Refused::Form(error.to_string()))?;
        let now = self.now();
        let id = format!("{}+{}", verifier.name(), verifier.id());
        if self.store().approvers()?.iter().any(|known| known.id == id) {
            return Err(Refused::State(format!("the key {id} is known already")));
        }
        let counts = if self.store().was_used()? { now.plus(self.settings().key_cools) } else { now };
        let name = verifier.name().to_owned();
        let approver = Approver { id, name, key: verifier.to_string(), roles, added: now, counts, revoked: None };
        self.store().put_approver(&approver, now)?;
        Ok(approver)
    }

    /// Revokes a key at once. What it approved and was not begun needs another approval.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke_key(&self, id: &str) -> Result<Approver, Refused> {
        let known = self.store().approvers()?.into_iter().find(|known| known.id == id);
        let mut approver = known.ok_or_else(|| StoreError::None(format!("key {id}")))?;
        let now = self.now();
        approver.revoked.get_or_insert(now);
        self.store().put_approver(&approver, now)?;
        Ok(approver)
    }

    pub(crate) fn enter(&self, job: Job) {
        let mut jobs = locked(&self.jobs.0);
        if !jobs.waiting.contains(&job) {
            jobs.waiting.push_back(job);
        }
        self.jobs.1.notify_one();
    }

    /// The next job; none when the hand is to end.
    pub(crate) fn next_job(&self) -> Option<Job> {
        let jobs = locked(&self.jobs.0);
        let waits = |jobs: &mut Jobs| jobs.waiting.is_empty() && !jobs.closed;
        let mut jobs = self.jobs.1.wait_while(jobs, waits).unwrap_or_else(PoisonError::into_inner);
        if jobs.closed { None } else { jobs.waiting.pop_front() }
    }

    /// The next job, if one waits.
    #[cfg(test)]
    pub(crate) fn job_now(&self) -> Option<Job> {
        locked(&self.jobs.0).waiting.pop_front()
    }

    /// Ends [`Hand::work`] after what is being done.
    pub fn close(&self) {
        locked(&self.jobs.0).closed = true;
        self.jobs.1.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        locked(&self.jobs.0).closed
    }
}

impl Spent for Hand {
    fn count(&self, verb: Option<&str>, since: Time) -> u64 {
        // What cannot be counted counts as too many.
        self.store().begun(verb, since).unwrap_or(u64::MAX)
    }

    fn population(&self, kind: EntityKind) -> Option<u64> {
        self.settings().population.get(&kind).copied()
    }

    fn pause(&self, _: &str) -> Pause {
        match self.paused() {
            Ok(None) => Pause::None,
            Ok(Some(_)) | Err(_) => Pause::RecommendOnly,
        }
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for each of these actions.
pub(crate) fn all(actions: &[Kept], happened: Happened) -> Vec<Follows<'_>> {
    actions.iter().map(|action| (action.key.as_str(), happened)).collect()
}

/// What of `needs` these people leave open: each person counts for one need.
pub(crate) fn missing(needs: &[Need], approvers: &[Approver]) -> Vec<Need> {
    let mut seats: Vec<&str> =
        needs.iter().flat_map(|need| std::iter::repeat_n(need.role.as_str(), usize::from(need.people))).collect();
    let mut people: Vec<(&str, Vec<&str>)> = Vec::new();
    for approver in approvers {
        let roles = approver.roles.iter().map(String::as_str);
        match people.iter_mut().find(|(name, _)| *name == approver.name) {
            Some((_, known)) => known.extend(roles),
            None => people.push((&approver.name, roles.collect())),
        }
    }
    // Whoever has fewer roles that are asked for sits first, so that nobody takes the only seat of another.
    people.sort_by_key(|(_, roles)| seats.iter().filter(|seat| roles.contains(*seat)).count());
    for (_, roles) in &people {
        if let Some(seat) = seats.iter().position(|seat| roles.contains(seat)) {
            seats.remove(seat);
        }
    }
    let mut open: BTreeMap<&str, u8> = BTreeMap::new();
    seats.into_iter().for_each(|role| *open.entry(role).or_default() += 1);
    open.into_iter().map(|(role, people)| Need { people, role: role.to_owned() }).collect()
}
