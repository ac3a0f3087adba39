//! A world for tests: accounts that can be disabled, sessions that can be ended, everything that can go wrong with a call, and
//! a record of what really happened that knows nothing of the hand's own.

use crate::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_model::EntityKind;
use adjutant_model::act::{Action, State, Target};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What can go wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is refused, and nothing is done.
    Refused,
    /// There are too many calls, and nothing is done.
    Busy,
    /// There is no answer, and nothing is done.
    LostBefore,
    /// It is done, and there is no answer.
    LostAfter,
    /// It is answered as if it were done, and nothing is done.
    Lies,
    /// It is done, and shows only after so many looks.
    Late(u32),
    /// The process ends before it is done.
    CrashBefore,
    /// The process ends after it is done.
    CrashAfter,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 9] = [
        Fault::None,
        Fault::Refused,
        Fault::Busy,
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::Lies,
        Fault::Late(3),
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Finds.
    Lookup,
    /// Reads.
    Probe,
    /// Does.
    Act,
    /// Takes back.
    Undo,
}

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How it is called.
    pub name: String,
    /// How it is called elsewhere.
    pub aliases: Vec<String>,
    /// The groups that it is in; none when they cannot be read.
    pub groups: Option<Vec<String>>,
    /// Whether it can sign in.
    pub enabled: bool,
    /// Sessions that are open.
    pub sessions: u32,
}

/// What really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Under which key.
    pub key: String,
    /// What.
    pub verb: String,
    /// To whom.
    pub target: String,
    /// It was taken back.
    pub undo: bool,
}

/// Accounts, what goes wrong, and what happened.
#[derive(Default)]
pub struct World {
    /// By identifier.
    pub accounts: BTreeMap<String, Account>,
    /// What happened, in order.
    pub effects: Vec<Effect>,
    /// What goes wrong with the next calls of a kind.
    pub faults: HashMap<Call, VecDeque<Fault>>,
    /// Looks until a change shows, and the state that shows until then.
    late: Option<(u32, BTreeMap<String, Account>)>,
    /// How many calls there were.
    pub calls: u64,
}

/// The connector to that world.
#[derive(Clone, Default)]
pub struct Fake {
    world: Arc<Mutex<World>>,
    /// Calls that change something wait for this.
    gate: Arc<Mutex<()>>,
    /// One waits.
    held: Arc<AtomicBool>,
    /// Nothing shows what was done.
    repeats: Arc<AtomicBool>,
}

const REPEAT: [Offer; 1] = [Offer { idempotency: Idempotency::Repeat, ..OFFERS[0] }];

const OFFERS: [Offer; 3] = [
    Offer {
        verb: "disable-account",
        kind: EntityKind::User,
        reversible: true,
        idempotency: Idempotency::ReadBack,
        per_minute: 600,
        with: &[],
    },
    Offer {
        verb: "revoke-sessions",
        kind: EntityKind::User,
        reversible: false,
        idempotency: Idempotency::ReadBack,
        per_minute: 600,
        with: &[],
    },
    // Here a letter is an account without sessions.
    Offer {
        verb: "acknowledge-report",
        kind: EntityKind::User,
        reversible: false,
        idempotency: Idempotency::ReadBack,
        per_minute: 600,
        with: &[],
    },
];

impl Fake {
    /// A world of `count` enabled accounts, `u0` called `user0@corp.example` and so on.
    pub fn with(count: usize) -> Self {
        let fake = Self::default();
        for nth in 0..count {
            let name = format!("user{nth}@corp.example");
            let account = Account { name, groups: Some(Vec::new()), enabled: true, sessions: 2, ..Account::default() };
            fake.world().accounts.insert(format!("u{nth}"), account);
        }
        fake
    }

    /// The world.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets calls that change something wait until this is dropped.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether such a call came.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// From now on nothing shows what was done, and doing it again is no more than doing it once.
    pub fn repeats(&self, repeats: bool) {
        self.repeats.store(repeats, Ordering::SeqCst);
    }

    /// Lets the next call of this kind go wrong, after `before` that do not.
    pub fn fail(&self, call: Call, before: usize, fault: Fault) {
        let mut world = self.world();
        let faults = world.faults.entry(call).or_default();
        faults.extend(std::iter::repeat_n(Fault::None, before));
        faults.push_back(fault);
    }

    fn fault(&self, call: Call) -> Fault {
        let mut world = self.world();
        world.calls += 1;
        world.faults.get_mut(&call).and_then(VecDeque::pop_front).unwrap_or(Fault::None)
    }

    /// Reads, as what goes wrong lets it.
    fn read<T>(&self, call: Call, read: impl Fn(&BTreeMap<String, Account>) -> T) -> Result<T, CallError> {
        match self.fault(call) {
            Fault::Refused => return Err(CallError::Permanent("403 forbidden".into())),
            Fault::Busy | Fault::LostBefore | Fault::LostAfter => return Err(CallError::Retry("no answer".into())),
            Fault::CrashBefore | Fault::CrashAfter => panic!("the process ends at a {call:?}"),
            Fault::None | Fault::Lies | Fault::Late(_) => {}
        }
        let mut world = self.world();
        let World { accounts, late, .. } = &mut *world;
        match late {
            Some((looks, shown)) if *looks > 0 => {
                *looks -= u32::from(call == Call::Probe);
                Ok(read(shown))
            }
            _ => Ok(read(accounts)),
        }
    }

    fn change(&self, call: Call, (action, key): (&Action, &str), change: impl Fn(&mut Account)) -> Result<(), CallError> {
        self.held.store(true, Ordering::SeqCst);
        drop(self.gate.lock());
        let fault = self.fault(call);
        match fault {
            Fault::Refused => return Err(CallError::Permanent("403 forbidden".into())),
            Fault::Busy => return Err(CallError::Retry("429 too many requests".into())),
            Fault::LostBefore => return Err(CallError::Unclear("no answer".into())),
            Fault::Lies => return Ok(()),
            Fault::CrashBefore => panic!("the process ends before a {call:?}"),
            Fault::None | Fault::LostAfter | Fault::Late(_) | Fault::CrashAfter => {}
        }
        let mut world = self.world();
        if let Fault::Late(looks) = fault {
            world.late = Some((looks, world.accounts.clone()));
        }
        let gone = || CallError::Permanent("404 no such account".into());
        change(world.accounts.get_mut(&action.target.id).ok_or_else(gone)?);
        let effect =
            Effect { key: key.to_owned(), verb: action.verb.clone(), target: action.target.id.clone(), undo: call == Call::Undo };
        world.effects.push(effect);
        drop(world);
        match fault {
            Fault::LostAfter => Err(CallError::Unclear("no answer".into())),
            Fault::CrashAfter => panic!("the process ends after a {call:?}"),
            _ => Ok(()),
        }
    }
}

impl Connector for Fake {
    fn verbs(&self) -> &[Offer] {
        if self.repeats.load(Ordering::SeqCst) { &REPEAT } else { &OFFERS }
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        self.read(Call::Lookup, |accounts| {
            let called = |(id, account): &(&String, &Account)| {
                *id == name || account.name.eq_ignore_ascii_case(name) || account.aliases.iter().any(|alias| alias == name)
            };
            let found = accounts.iter().filter(called).filter(|_| kind == EntityKind::User);
            let found = found.map(|(id, account)| Found {
                target: Target { kind, id: id.clone(), name: account.name.clone() },
                aliases: account.aliases.clone(),
                groups: account.groups.clone(),
                facts: BTreeMap::new(),
            });
            found.take(2).collect()
        })
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        self.read(Call::Probe, |accounts| accounts.get(&action.target.id).map(|account| state(action, account)))?
            .ok_or_else(|| CallError::Permanent("404 no such account".into()))
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        if self.repeats.load(Ordering::SeqCst) {
            return false;
        }
        let wanted = if action.verb == "disable-account" { ("enabled", "false") } else { ("sessions", "0") };
        state.0.get(wanted.0).is_some_and(|values| values.iter().eq([wanted.1]))
    }

    fn act(&self, action: &Action, _: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        assert_eq!(permit.key(), key, "a permit is for one call");
        self.change(Call::Act, (action, key), |account| match action.verb.as_str() {
            "disable-account" => account.enabled = false,
            _ => account.sessions = 0,
        })
    }

    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        assert!(key.starts_with(permit.key()), "a permit is for one call");
        let enabled = before.0.get("enabled").is_some_and(|values| values.iter().eq(["true"]));
        self.change(Call::Undo, (action, key), |account| account.enabled = enabled)
    }

    fn health(&self) -> Result<String, CallError> {
        self.read(Call::Lookup, |accounts| format!("{} accounts answer", accounts.len()))
    }
}

fn state(action: &Action, account: &Account) -> State {
    let (name, value) = match action.verb.as_str() {
        "disable-account" => ("enabled", account.enabled.to_string()),
        _ => ("sessions", account.sessions.to_string()),
    };
    State(BTreeMap::from([(name.to_owned(), vec![value])]))
}
