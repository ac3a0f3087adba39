//! Puts the service together: store, book, context, gate, watchers.

use super::folder::Folder;
use super::watchers::{self, Watchers};
use crate::book;
use adjutant_engine::entities::HashKey;
use adjutant_model::Time;
use adjutant_runtime::drive::Settings;
use adjutant_runtime::policy::Policy;
use adjutant_runtime::ports::{Bus, CallError, Change, Clock, Commit, Outgoing, Store, StoreError};
use adjutant_runtime::seal::Seal;
use adjutant_runtime::service::{Parts, Service};
use adjutant_runtime::{queue, watch};
use adjutant_server::app::{App, Ledgered};
use adjutant_server::events::{Events, Topic};
use adjutant_server::gate::Gate;
use adjutant_server::intake::body;
use adjutant_server::serve::wall_clock;
use adjutant_store::{Options, Sqlite};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A service that runs.
pub(crate) struct Started {
    pub(crate) app: App,
    service: Service,
    driver: JoinHandle<()>,
    watchers: Watchers,
}

/// The kind of the document that holds the secret of memory's keys.
const SECRET: &str = "secret";

/// The clock on the wall, which never goes back here.
struct Wall(adjutant_server::gate::Clock);

impl Clock for Wall {
    fn now(&self) -> Time {
        (self.0)()
    }
}

/// Tells readers that something changed, and the world what it is to know.
struct Teller {
    events: Arc<Events>,
}

impl Bus for Teller {
    fn changed(&self, what: Change) {
        self.events.tell(match what {
            Change::Queue => Topic::Queue,
            Change::Health => Topic::Health,
        });
    }

    fn deliver(&self, message: &Outgoing) -> Result<(), CallError> {
        Err(CallError::Permanent(format!("nobody is to be told of `{}`", message.topic)))
    }
}

pub(crate) fn start(
    folder: &Folder,
    (book_dir, context_dir): (Option<&Path>, Option<&Path>),
    at_arrival: bool,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Started> {
    let (book, context) = book::with_context(book_dir, context_dir)?;
    let key = memory_key(&folder.path)?;
    let policy = Arc::new(Policy { book: Arc::new(book), context: Arc::new(context), key, at_arrival });
    let events = Arc::new(Events::default());
    let (path, fatal): (PathBuf, Arc<AtomicBool>) = (folder.path.clone(), Arc::clone(stop));
    let (service, driver) = Service::start(Parts {
        open: Box::new(move || Ok(Box::new(Sqlite::open(&path, Options::default())?))),
        policy,
        settings: Settings::default(),
        limits: queue::Limits::default(),
        clock: Arc::new(Wall(wall_clock())),
        bus: Arc::new(Teller { events: Arc::clone(&events) }),
        fatal: Box::new(move |why| {
            eprintln!("adjutant: {why}");
            fatal.store(true, Ordering::SeqCst);
        }),
    })?;
    let gate = Arc::new(Gate::open(Arc::new(Ledgered(service.clone())), wall_clock())?);
    let app = App {
        service: service.clone(),
        gate,
        limits: body::Limits::default(),
        heard: Arc::default(),
        events,
        notices: Arc::default(),
    };
    let watch = watch::Watch::new(context_dir.map(Path::to_path_buf).into_iter().collect(), loader(book_dir, context_dir));
    let seal = Seal::new(folder.key()?, "adjutant".into());
    let watchers = watchers::spawn(&app, watch, seal, Arc::clone(stop))?;
    Ok(Started { app, service, driver, watchers })
}

fn loader(book_dir: Option<&Path>, context_dir: Option<&Path>) -> Box<watch::Load> {
    let (book_dir, context_dir) = (book_dir.map(Path::to_path_buf), context_dir.map(Path::to_path_buf));
    Box::new(move |policy_book, previous| {
        let contracts = policy_book.contracts.clone();
        // A folder that went away leaves every source broken, which is what people are then told.
        let empty = adjutant_engine::context::Snapshot::empty(contracts.clone());
        book::context(contracts, book_dir.as_deref(), context_dir.as_deref(), previous).unwrap_or(empty)
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
            store.commit(&Commit { documents: &[(SECRET, "memory".into(), Some(text.clone()))], ..Commit::default() })?;
            text
        }
    };
    Ok(serde_json::from_str(&text)?)
}

impl Started {
    /// Lets what waits be decided, and ends.
    pub(crate) fn end(self) {
        // The last checkpoint is made before nothing can be written any more.
        self.watchers.end();
        self.service.stop();
        // A driver that panicked has said so; there is nothing more to save.
        let _ = self.driver.join();
    }
}
