//! Watches what the organisation knows: reloads context when its files change, and says when a source breaks or is well again.
//!
//! What depends on a broken or stale source is enrichment-only by itself: its facts are unknown, and nothing of it is done
//! without a person (see the engine's `step`).

use crate::drive::{Command, kind};
use crate::policy::Policy;
use crate::service::{Failed, Service};
use adjutant_engine::context::{Condition, Quality, Snapshot, Tally};
use adjutant_rules::Book;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Files looked at in one folder of context, at most.
const FILES_MAX: usize = 10_000;

/// Loads a book's context, given the one before.
pub type Load = dyn Fn(&Arc<Book>, Option<&Snapshot>) -> Snapshot + Send + Sync;

/// Watches context.
pub struct Watch {
    folders: Vec<PathBuf>,
    load: Box<Load>,
    seen: Stamp,
    /// How each source was when it last changed; none before the first look.
    conditions: Option<BTreeMap<String, String>>,
}

/// When the files of some folders changed, and how large they are.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

impl Watch {
    /// Watches `folders`; `load` reads what is in them. Made before they are read for the first time, so that no change
    /// after that is missed.
    pub fn new(folders: Vec<PathBuf>, load: Box<Load>) -> Self {
        Self { seen: stamp(&folders), folders, load, conditions: None }
    }

    /// Looks once: takes over what changed, and says what broke or is well again. Returns how every source is.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn look(&mut self, service: &Service) -> Result<Vec<Quality>, Failed> {
        if self.conditions.is_none() {
            let known = service.read(|reader| reader.documents(kind::CONTEXT)).unwrap_or_default();
            self.conditions = Some(known.into_iter().collect());
        }
        let stamp = stamp(&self.folders);
        if self.seen != stamp {
            let policy = service.policy();
            let context = Arc::new((self.load)(&policy.book, Some(&policy.context)));
            service.command_blocking("", Command::Adopt(Arc::new(Policy { context, ..Policy::clone(&policy) })))?;
        }
        self.seen = stamp;
        let qualities = service.policy().context.quality(service.clock().now(), &Tally::default());
        for quality in &qualities {
            self.tell(service, quality)?;
        }
        Ok(qualities)
    }

    fn tell(&mut self, service: &Service, quality: &Quality) -> Result<(), Failed> {
        let condition = name(quality.condition);
        let conditions = self.conditions.get_or_insert_default();
        let was = conditions.get(&quality.name);
        // That a source is well, or not there, from the beginning is no news.
        let is_news = match was {
            Some(was) => was != condition,
            None => matches!(quality.condition, Condition::Broken | Condition::Stale),
        };
        if is_news {
            let (source, because) = (quality.name.clone(), quality.breaches.clone());
            service.command_blocking("", Command::Context { source, condition: condition.into(), because })?;
        }
        conditions.insert(quality.name.clone(), condition.into());
        Ok(())
    }
}

/// A condition in one word.
pub const fn name(condition: Condition) -> &'static str {
    match condition {
        Condition::Good => "good",
        Condition::Absent => "absent",
        Condition::Stale => "stale",
        Condition::Broken => "broken",
    }
}

fn stamp(folders: &[PathBuf]) -> Stamp {
    let mut stamp = Stamp::new();
    folders.iter().for_each(|folder| walk(folder, &mut stamp));
    stamp.sort();
    stamp
}

fn walk(folder: &Path, stamp: &mut Stamp) {
    // A folder that cannot be read holds no files: its sources break by themselves, and say why.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if stamp.len() >= FILES_MAX {
            return;
        }
        // What a link leads to changes without the link; a folder behind one could lead back, and is not entered.
        match (entry.file_type(), fs::metadata(entry.path())) {
            (Ok(kind), _) if kind.is_dir() => walk(&entry.path(), stamp),
            (_, Ok(data)) => stamp.push((entry.path(), data.modified().ok(), data.len())),
            _ => {}
        }
    }
}
