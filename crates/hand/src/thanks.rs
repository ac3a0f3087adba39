//! Thanks people for what they report: by a letter of fixed words, once for each report, without asking anybody.
//!
//! It is done as anything else is: by a plan, with the guard's leave, and read back. Only that where the guard would ask a person or
//! refuse, nothing is done and nobody is bothered. What only a limit holds up waits for a while, also through a restart: who waits is
//! written down before the place in the mailbox moves on. Who was thanked right before the process ended may be tried once more;
//! the letter is looked for before it is written.

use crate::draft::{Alone, Draft, Wish};
use crate::hand::{Hand, Refused};
use crate::poll::{Taken, keep};
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, Digest, Duration, EntityKind, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The verb of the book.
pub const VERB: &str = "acknowledge-report";

/// What the letter is about, in an action.
const ABOUT: &str = "alert";

/// Reports that wait for thanks; those beyond get none.
const WAITING_MAX: usize = 1_000;

/// After this nobody is thanked any more.
const WAITS_MAX: Duration = Duration::from_hours(1);

/// Thanks to one person in an hour: whoever writes under their name cannot fill their mailbox.
const PER_PERSON_HOUR_MAX: usize = 10;

/// A report whose reporter is not thanked yet.
#[derive(Serialize, Deserialize)]
struct Report {
    reporter: String,
    digest: Digest,
    taken: Taken,
    came: Time,
}

#[derive(Default, Serialize, Deserialize)]
struct State {
    waiting: VecDeque<Report>,
    /// Who was thanked in this hour, and when.
    thanked: VecDeque<(String, Time)>,
    /// Why somebody was not.
    #[serde(skip)]
    says: String,
    /// The file does not say this yet.
    #[serde(skip)]
    changed: bool,
}

/// Thanks.
pub struct Thanks {
    hand: Arc<Hand>,
    playbook: String,
    book: Digest,
    file: PathBuf,
    state: Mutex<State>,
}

impl Thanks {
    /// On behalf of this playbook, which the hand's settings let do it by itself. `file` says who waits.
    ///
    /// # Errors
    /// The file is there and cannot be read. One that is damaged holds nobody up: it is begun anew.
    pub fn new(hand: Arc<Hand>, (playbook, book): (String, Digest), file: PathBuf) -> io::Result<Self> {
        let state = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { hand, playbook, book, file, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the last who was not thanked was not; empty when nobody was left out.
    pub fn says(&self) -> String {
        self.state().says.clone()
    }

    /// Somebody of ours reported this message, and the service has it.
    pub(crate) fn owe(&self, reporter: &str, digest: Digest, taken: Taken) {
        let mut state = self.state();
        // The same message is fetched again where its place could not be kept.
        let is_new = !state.waiting.iter().any(|report| report.digest == digest);
        if is_new && state.waiting.len() < WAITING_MAX {
            state.waiting.push_back(Report { reporter: reporter.to_owned(), digest, taken, came: self.hand.now() });
            state.changed = true;
        }
    }

    /// Writes down who waits, where that changed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.changed {
            keep(&self.file, &serde_json::to_string(&*state)?)?;
            state.changed = false;
        }
        Ok(())
    }

    /// Thanks whoever waits for it, as far as that may be now.
    ///
    /// # Errors
    /// The hand's store cannot be used; those who wait go on waiting.
    pub(crate) fn send(&self) -> Result<(), Refused> {
        let mut state = self.state();
        let hour_ago = self.hand.now().plus(Duration(-WAITS_MAX.0));
        let before = (state.waiting.len(), state.thanked.len());
        state.thanked.retain(|(_, at)| *at > hour_ago);
        state.waiting.retain(|report| report.came > hour_ago);
        state.changed |= before != (state.waiting.len(), state.thanked.len());
        for _ in 0..state.waiting.len() {
            let Some(report) = state.waiting.pop_front() else { break };
            let had = state.thanked.iter().filter(|(who, _)| *who == report.reporter).count();
            let became = if had < PER_PERSON_HOUR_MAX { self.hand.alone(self.draft(&report)) } else { Ok(Alone::Later) };
            match became {
                Ok(Alone::Begun(_)) => {
                    state.changed = true;
                    state.says.clear();
                    state.thanked.push_back((report.reporter, self.hand.now()));
                }
                Ok(Alone::Never(says)) => {
                    state.changed = true;
                    state.says = format!("{} is not thanked for a report: {says}", report.reporter);
                }
                Ok(Alone::Later) => state.waiting.push_back(report),
                Err(refused) => {
                    state.waiting.push_back(report);
                    return Err(refused);
                }
            }
        }
        Ok(())
    }

    /// The report is named by its own bytes: each is another, whatever its sender calls it.
    fn draft(&self, report: &Report) -> Draft {
        let with = BTreeMap::from([(ABOUT.to_owned(), report.digest.to_string())]);
        let step = Wish {
            verb: VERB.to_owned(),
            kind: EntityKind::User,
            name: report.reporter.clone(),
            with,
            texts: BTreeMap::new(),
            undo: None,
            lasts: None,
        };
        Draft {
            case: report.taken.case.clone(),
            by: String::new(),
            decision: report.taken.decision.clone(),
            evidence: report.digest,
            book: self.book,
            playbook: self.playbook.clone(),
            autonomy: Autonomy::Act,
            steps: vec![step],
            held_for: None,
            because: String::new(),
            on_failure: OnFailure::Stop,
        }
    }
}
