//! One installation of a hand, whose processes come and go, and the people who sign for it.

use super::auditor::Signer;
use super::clock::{self, Clock};
use crate::sh;
use adjutant_hand::connector::Connector;
use adjutant_hand::statement::{Statement, Verb};
use adjutant_hand::store::{Kept, Store};
use adjutant_hand::{Connectors, Draft, Hand, Heard, Parts, Refused, Rule, Settings, Wish, socket};
use adjutant_ledger::SigningKey;
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, Digest, Duration, EntityKind};
use adjutant_rules::guardrails::Guardrails;
use adjutant_runtime::book_dir;
use anyhow::{Context as _, Result, anyhow};
use ed25519_dalek::VerifyingKey;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;

/// Who asks for what is tried.
pub const ASKS: &str = "ana";

/// Who approves.
pub const LEADS: [&str; 2] = ["bo", "cy"];

/// The shipped guardrails.
static GUARDRAILS: LazyLock<Arc<Guardrails>> =
    LazyLock::new(|| Arc::new(guardrails_with(&[]).unwrap_or_else(|why| panic!("{why:#}"))));

fn guard(guardrails: &Arc<Guardrails>) -> Rule {
    let guardrails = Arc::clone(guardrails);
    Box::new(move |asked, spent| adjutant_engine::guard::rule(asked, &guardrails, spent))
}

/// The shipped guardrails with these files instead of theirs.
pub fn guardrails_with(files: &[(&str, &str)]) -> Result<Guardrails> {
    let mut all = book_dir::read(&sh::root().join("book")).context("the shipped book")?;
    for (name, text) in files {
        all.insert(format!("guardrails/{name}"), (*text).to_owned());
    }
    Guardrails::load(&all).map_err(|faults| anyhow!("guardrails: {faults:?}"))
}

/// A folder in memory where the system has one: a sync is then quick.
pub fn quick_folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// The key of somebody, the same each time.
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(name, &Digest::of(name.as_bytes()).0).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The public half, as the auditor takes it.
pub fn signer(name: &str) -> Signer {
    let secret = ed25519_dalek::SigningKey::from_bytes(&Digest::of(name.as_bytes()).0);
    Signer { name: name.to_owned(), key: VerifyingKey::from(&secret) }
}

/// Wishes one verb to one target.
pub fn draft(verb: &str, kind: EntityKind, name: &str, with: BTreeMap<String, String>) -> Draft {
    Draft {
        case: "trial".into(),
        by: ASKS.into(),
        decision: "d1".into(),
        evidence: Digest::of(b"evidence"),
        book: Digest::of(b"book"),
        playbook: "suspicious-login".into(),
        autonomy: Autonomy::Recommend,
        steps: vec![Wish { verb: verb.into(), kind, name: name.into(), with, texts: texts(), undo: None, lasts: None }],
        held_for: None,
        because: String::new(),
        on_failure: OnFailure::Stop,
    }
}

/// What a plan tells people: hostile where text can be.
fn texts() -> BTreeMap<String, String> {
    let texts = [
        ("summary", "a login that is \"odd\" {x} {{y}} \u{e9}\\"),
        ("evidence", "line one\n[link|http://evil.example] @channel {code}"),
        ("brief", "was this you? <!channel> <http://evil.example|here>"),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// An installation.
pub struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    connectors: Connectors,
    guardrails: Arc<Guardrails>,
    settings: Settings,
    /// It listens at its socket.
    listens: bool,
    process: Option<(Arc<Hand>, Vec<JoinHandle<()>>)>,
}

impl Bench {
    /// One with this connector, whose first process runs.
    pub fn new(name: &str, connector: Arc<dyn Connector>, clock: &Clock) -> Result<Self> {
        Self::under(Arc::clone(&GUARDRAILS), Settings::default(), (name, connector), clock)
    }

    /// One under other guardrails and settings.
    pub fn under(
        guardrails: Arc<Guardrails>,
        settings: Settings,
        (name, connector): (&str, Arc<dyn Connector>),
        clock: &Clock,
    ) -> Result<Self> {
        let connectors = BTreeMap::from([(name.to_owned(), connector)]);
        let (folder, clock) = (quick_folder()?, clock.clone());
        let mut bench = Self { folder, clock, connectors, guardrails, settings, listens: false, process: None };
        bench.start()?;
        for lead in LEADS {
            bench.hand().add_key(&key(lead).verifier().to_string(), vec!["lead".into()])?;
        }
        Ok(bench)
    }

    /// Where it keeps its file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn start(&mut self) -> Result<()> {
        let parts = Parts {
            store: Store::open(self.folder.path())?,
            connectors: self.connectors.clone(),
            rule: guard(&self.guardrails),
            clock: self.clock.told(),
            wait: clock::wait,
            settings: self.settings.clone(),
        };
        let hand = Arc::new(Hand::new(parts)?);
        let mut threads = hand.work()?;
        if self.listens {
            threads.push(self.serve(&hand));
        }
        self.process = Some((hand, threads));
        Ok(())
    }

    /// Where it listens, from now on.
    pub fn listen(&mut self) -> Result<PathBuf> {
        self.listens = true;
        self.start_again()?;
        Ok(self.socket())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("hand.sock")
    }

    fn serve(&self, hand: &Arc<Hand>) -> JoinHandle<()> {
        let (hand, path) = (Arc::clone(hand), self.socket());
        let ready = path.clone();
        let serving = std::thread::spawn(move || {
            // Whoever attacks holds the brain's key as well, so that none is asked for.
            socket::serve(&hand, &path, &[socket::own_user()], None).unwrap_or_else(|why| eprintln!("{}: {why}", path.display()));
        });
        while UnixStream::connect(&ready).is_err() && !serving.is_finished() {
            std::thread::yield_now();
        }
        serving
    }

    /// Ends the process: what it is doing it leaves where it is.
    pub fn stop(&mut self) {
        if let Some((hand, threads)) = self.process.take() {
            hand.close();
            if self.listens {
                socket::wake(&self.socket());
            }
            // One that ended as planned has unwound.
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
    }

    /// Ends the process and starts another over what it left.
    pub fn start_again(&mut self) -> Result<()> {
        self.stop();
        self.start()
    }

    /// The process that runs.
    pub fn hand(&self) -> &Hand {
        match &self.process {
            Some((hand, _)) => hand,
            None => panic!("no process runs"),
        }
    }

    /// Somebody signs.
    pub fn say(&self, name: &str, verb: Verb, about: &str) -> Result<Heard, Refused> {
        let until = self.hand().now().plus(Duration::from_secs(300));
        let statement = Statement::new(verb, about, until).map_err(|why| Refused::Form(why.to_string()))?;
        self.hand().hear(statement.signed(&key(name))?.to_string().as_bytes())
    }

    /// Everybody who may approves a plan.
    pub fn approve(&self, plan: &Digest) -> Vec<Result<Heard, Refused>> {
        LEADS.iter().map(|lead| self.say(lead, Verb::Approve, &plan.to_string())).collect()
    }

    /// The actions of these plans.
    pub fn actions(&self, plans: &[Digest]) -> Result<Vec<Kept>> {
        let mut actions = Vec::new();
        for plan in plans {
            actions.extend(self.hand().store().actions(plan)?);
        }
        Ok(actions)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}
