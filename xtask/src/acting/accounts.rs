//! A directory in memory that is quick, and writes down each call with when it came.

use adjutant_hand::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{EntityKind, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A verb of which people are asked, and one that a playbook may be let do.
pub const VERBS: [&str; 2] = ["disable-account", "revoke-sessions"];

const OFFERS: [Offer; 2] = [offer(VERBS[0], true), offer(VERBS[1], false)];

const fn offer(verb: &'static str, reversible: bool) -> Offer {
    let (kind, idempotency) = (EntityKind::User, Idempotency::ReadBack);
    Offer { verb, kind, reversible, idempotency, per_minute: 1_000_000, with: &[] }
}

/// One account.
#[derive(Clone, Default)]
pub struct Account {
    /// How it is called elsewhere.
    pub aliases: Vec<String>,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// Which of the verbs was done to it.
    pub done: [bool; 2],
}

/// A call that changed something.
#[derive(Clone, Debug)]
pub struct Call {
    /// The key under which it came.
    pub key: String,
    /// The verb.
    pub verb: String,
    /// To whom.
    pub target: String,
    /// It took something back.
    pub undo: bool,
    /// When it came, by the wall.
    pub came: Instant,
    /// When it came, by the installation's clock.
    pub at: Time,
}

#[derive(Default)]
struct Inside {
    accounts: BTreeMap<String, Account>,
    calls: Vec<Call>,
}

/// The directory.
#[derive(Clone)]
pub struct Accounts {
    inside: Arc<Mutex<Inside>>,
    clock: super::clock::Clock,
    /// How long a call takes.
    takes: Duration,
}

impl Accounts {
    /// An empty one, in which a call takes so long.
    pub fn new(clock: &super::clock::Clock, takes: Duration) -> Self {
        Self { inside: Arc::default(), clock: clock.clone(), takes }
    }

    /// Adds or replaces an account; it is called `NAME@corp.example` also.
    pub fn put(&self, id: &str, account: Account) {
        self.lock().accounts.insert(id.to_owned(), account);
    }

    /// What came since this was last asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, action: &Action, key: &str, undo: bool) -> Result<(), CallError> {
        let call = Call {
            key: key.to_owned(),
            verb: action.verb.clone(),
            target: action.target.id.clone(),
            undo,
            came: Instant::now(),
            at: self.clock.now(),
        };
        std::thread::sleep(self.takes);
        let mut inside = self.lock();
        inside.calls.push(call);
        let gone = || CallError::Permanent("there is no such account".into());
        let account = inside.accounts.get_mut(&action.target.id).ok_or_else(gone)?;
        account.done[nth(&action.verb)] = !undo;
        Ok(())
    }
}

fn nth(verb: &str) -> usize {
    usize::from(verb == VERBS[1])
}

impl Connector for Accounts {
    fn verbs(&self) -> &[Offer] {
        &OFFERS
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        let inside = self.lock();
        let is = |id: &str, account: &Account| {
            let name = name.to_lowercase();
            id == name || format!("{id}@corp.example") == name || account.aliases.iter().any(|alias| alias.to_lowercase() == name)
        };
        let found = inside.accounts.iter().filter(|(id, account)| kind == EntityKind::User && is(id, account));
        let found = found.map(|(id, account)| Found {
            target: Target { kind, id: id.clone(), name: format!("{id}@corp.example") },
            aliases: account.aliases.clone(),
            groups: Some(account.groups.clone()),
            facts: BTreeMap::new(),
        });
        Ok(found.take(2).collect())
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        let inside = self.lock();
        let account = inside.accounts.get(&action.target.id).ok_or_else(|| CallError::Permanent("nobody".into()))?;
        Ok(State(BTreeMap::from([("done".into(), vec![account.done[nth(&action.verb)].to_string()])])))
    }

    fn is_done(&self, _: &Action, state: &State) -> bool {
        state.0.get("done").is_some_and(|values| values.iter().eq(["true"]))
    }

    fn act(&self, action: &Action, _: &State, _: Permit, key: &str) -> Result<(), CallError> {
        self.change(action, key, false)
    }

    fn undo(&self, action: &Action, _: &State, _: Permit, key: &str) -> Result<(), CallError> {
        self.change(action, key, true)
    }

    fn health(&self) -> Result<String, CallError> {
        Ok("it answers".into())
    }
}
