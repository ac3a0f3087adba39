//! Puts the service together: store, book, context, gate, watchers.

use super::folder::{Folder, ORIGIN};
use super::teller::{Teller, secret};
use super::traces::Traces;
use super::watchers::{self, Watchers};
use crate::{book, keys};
use adjutant_engine::entities::HashKey;
use adjutant_hand::hello::{End, Identity};
use adjutant_hand::socket::{Client, own_user};
use adjutant_model::Time;
use adjutant_runtime::drive::{Settings, remembering};
use adjutant_runtime::failpoint::reach;
use adjutant_runtime::policy::Policy;
use adjutant_runtime::ports::{Bus, Clock, Commit, Store, StoreError};
use adjutant_runtime::seal::{CHECKPOINT, LATEST, Seal};
use adjutant_runtime::service::{Parts, Service, Turn};
use adjutant_runtime::{queue, watch};
use adjutant_server::app::{App, Ledgered};
use adjutant_server::config::{Config, DecideAt};
use adjutant_server::events::Events;
use adjutant_server::gate::{Gate, SigningKey};
use adjutant_server::intake::body;
use adjutant_server::letters::Letters;
use adjutant_server::serve::wall_clock;
use adjutant_server::slack::Clicks;
use adjutant_store::{Options, Sqlite};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A service that runs.
pub(crate) struct Started {
    pub(crate) app: App,
    service: Service,
    driver: JoinHandle<()>,
    watchers: Watchers,
    broken: Arc<AtomicBool>,
    traces: Option<Traces>,
}

/// The kind of the document that holds the secret of memory's keys.
const SECRET: &str = "secret";

/// The clock on the wall.
struct Wall(adjutant_server::gate::Clock);

impl Clock for Wall {
    fn now(&self) -> Time {
        (self.0)()
    }
}

pub(crate) fn start(folder: &Folder, config: &Config, stop: &Arc<AtomicBool>) -> anyhow::Result<Started> {
    let (book_dir, context_dir) = (config.book_dir.as_deref(), config.context_dir.as_deref());
    let watch = watch::Watch::new(context_dir.map(Path::to_path_buf).into_iter().collect(), loader(book_dir, context_dir));
    let (book, context) = book::with_context(book_dir, context_dir)?;
    let key = memory_key(&folder.path)?;
    let at_arrival = config.decide_at == DecideAt::Arrival;
    let policy = Arc::new(Policy { book: Arc::new(book), context: Arc::new(context), key, at_arrival });
    let events = Arc::new(Events::default());
    let traces = Traces::start(config)?;
    let teller = Teller::new(config, Arc::clone(&events), wall_clock(), traces.is_some())?;
    let broken = Arc::new(AtomicBool::new(false));
    let settings = Settings {
        sampled_ppm: ppm(config.blind_sample_percent),
        notify: teller.tells(),
        plans: config.hand.socket.is_some(),
        memory: remembering(config.limits.remembered_max as usize),
        ..Settings::default()
    };
    let limits = queue::Limits { alerts_max: config.limits.queue_alerts_max as usize, ..queue::Limits::default() };
    let turn = Turn {
        alerts_max: config.commit.alerts_max as usize,
        gather_max: Duration::from_millis(config.commit.wait_ms_max.into()),
    };
    let teller = Arc::new(teller);
    let bus: Arc<dyn Bus> = teller.clone();
    let (service, driver) = run(folder, policy, (settings, limits, turn), &bus, (stop, &broken))?;
    reach("start.opened");
    let app = App {
        service: service.clone(),
        gate: Arc::new(gate(&service, config)?),
        limits: body::Limits { packed_bytes_max: config.limits.body_bytes_max as usize, ..body::Limits::default() },
        heard: Arc::default(),
        events,
        hand: hand(folder, config)?.map(Arc::new),
        letters: Arc::new(Letters::new(config)),
        slack: clicks(config)?.map(Arc::new),
        hand_health: Arc::default(),
        notices: Arc::default(),
    };
    if let Some(latest) = service.read(|reader| reader.document(CHECKPOINT, LATEST))? {
        folder.finish_turn(&latest)?;
    }
    let seal = Seal::new(folder.key()?, ORIGIN.into());
    let watchers = watchers::spawn(&app, config, (watch, seal, bus, teller), stop)?;
    Ok(Started { app, service, driver, watchers, broken, traces })
}

/// Who may click in a channel of Slack, if anybody.
fn clicks(config: &Config) -> anyhow::Result<Option<Clicks>> {
    let Some(slack) = &config.notify.slack else { return Ok(None) };
    let Some(signing) = &slack.signing_secret else { return Ok(None) };
    let people = slack.people.iter().map(|person| (person.member.clone(), person.name.clone())).collect();
    Ok(Some(Clicks::new(secret(signing)?, slack.team.clone(), people)))
}

/// The way to the hand, if there is one.
fn hand(folder: &Folder, config: &Config) -> anyhow::Result<Option<Client>> {
    let Some(socket) = config.hand.socket.clone() else { return Ok(None) };
    let client = Client::new(socket, vec![config.hand.user_id.unwrap_or_else(own_user)]);
    let own = keys::own(&folder.path, End::Brain)?;
    let Some(key) = &config.hand.key else { return Ok(Some(client)) };
    let other = key.parse().context("`hand.key` is not the public half of a key: `adjutant hand` says it when it starts")?;
    Ok(Some(client.known(Identity { own, other })))
}

fn run(
    folder: &Folder,
    policy: Arc<Policy>,
    (settings, limits, turn): (Settings, queue::Limits, Turn),
    bus: &Arc<dyn Bus>,
    (stop, broken): (&Arc<AtomicBool>, &Arc<AtomicBool>),
) -> Result<(Service, JoinHandle<()>), StoreError> {
    let path: PathBuf = folder.path.clone();
    let (stop, broken) = (Arc::clone(stop), Arc::clone(broken));
    Service::start(Parts {
        open: Box::new(move || Ok(Box::new(Sqlite::open(&path, Options { apart: true, ..Options::default() })?))),
        policy,
        settings,
        limits,
        turn,
        clock: Arc::new(Wall(wall_clock())),
        bus: Arc::clone(bus),
        fatal: Box::new(move |why| {
            eprintln!("adjutant: {why}");
            broken.store(true, Ordering::SeqCst);
            stop.store(true, Ordering::SeqCst);
        }),
    })
}

fn gate(service: &Service, config: &Config) -> anyhow::Result<Gate> {
    let mut gate = Gate::open(Arc::new(Ledgered(service.clone())), wall_clock())?;
    for webhook in &config.webhooks {
        gate = gate.with_signer(&webhook.source, SigningKey::read(&secret(&webhook.secret)?)?);
    }
    Ok(gate)
}

/// Parts in a million; the configuration refuses less than a tenth of a percent.
fn ppm(percent: f64) -> u32 {
    (percent.clamp(0.1, 100.0) * 10_000.0) as u32
}

fn loader(book_dir: Option<&Path>, context_dir: Option<&Path>) -> Box<watch::Load> {
    let (book_dir, context_dir) = (book_dir.map(Path::to_path_buf), context_dir.map(Path::to_path_buf));
    Box::new(move |policy_book, previous| {
        // A folder that went away leaves every source of it broken, which is what people are then told.
        book::context_again(policy_book.contracts.clone(), book_dir.as_deref(), context_dir.as_deref(), previous)
    })
}

/// The secret that memory's keys are made with: drawn once, and kept with what was made with it.
fn memory_key(folder: &Path) -> anyhow::Result<HashKey> {
    let mut store = Sqlite::open(folder, Options::default())?;
    let stored = store.reader()?.document(SECRET, "memory")?;
    let text = match stored {
        Some(text) => text,
        None => {
            let mut key = [0_u8; 16];
            getrandom::fill(&mut key).map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let text = serde_json::to_string(&HashKey(key))?;
            reach("start.secret");
            store.commit(&Commit { documents: &[(SECRET, "memory".into(), Some(text.clone()))], ..Commit::default() })?;
            text
        }
    };
    Ok(serde_json::from_str(&text)?)
}

impl Started {
    /// Whether the service ended because the disk did not confirm a write.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Whether somebody collects traces.
    pub(crate) fn is_traced(&self) -> bool {
        self.traces.is_some()
    }

    /// Lets what waits be decided, and ends.
    pub(crate) fn end(self) {
        // The last checkpoint is made before nothing can be written any more.
        self.watchers.end();
        self.service.stop();
        // A driver that panicked has said so; there is nothing more to save.
        let _ = self.driver.join();
    }
}
