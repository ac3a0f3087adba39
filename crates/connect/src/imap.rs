//! Mailboxes that answer IMAP: one account that may act for each of them searches all, moves harmful messages out of sight, puts
//! them back, writes letters, and reads what people report.
//!
//! Nothing is ever deleted, and no flag of a message is changed by looking at it. What is moved is one copy in one mailbox, known
//! by its bytes ([`copies`]). Calls wait for an answer, and are not for threads that drive an asynchronous runtime.

mod answer;
mod copies;
#[doc(hidden)]
pub mod heard;
mod letters;
mod link;
mod report;
mod search;
mod settings;
mod smtp;
mod trouble;
mod wire;

pub use search::{HITS_MAX, Hit, Hits, Query};
pub use settings::{Fault, Report, Settings, Smtp};

use adjutant_hand::Clock;
use adjutant_hand::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_hand::poll::{Page, Polls};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{Digest, Duration, EntityKind, Secret, Time};
use copies::{Copy, WHOLE, belongs, field, halves, likeness};
use letters::{ACKNOWLEDGE, ALERT, OUTCOME, WARN};
use link::{Link, Piece, quoted};
use settings::{Checked, address};
use smtp::Door;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trouble::Trouble;

const QUARANTINE: &str = "quarantine-message";

/// Copies of one message that are told apart at once.
const COPIES_MAX: usize = 500;

/// Connections that are kept while nobody asks.
const KEPT_MAX: usize = 16;

/// Characters of a Message-ID.
const ID_CHARS_MAX: usize = 250;

/// Digits of a digest that people read.
const SHORT_CHARS: usize = 12;

/// The longest message.
const MESSAGE_CHARS_MAX: usize = 600;

/// A mail server.
pub struct Imap {
    settings: Settings,
    place: Checked,
    password: Secret,
    /// Where letters are sent.
    door: Option<Door>,
    offers: Vec<Offer>,
    clock: Clock,
    kept: Mutex<Vec<(String, Link)>>,
    waiting: Mutex<Option<report::Waiting>>,
}

/// A message that a search for its identifier found.
struct Hitherto {
    copy: Copy,
    likeness: Digest,
}

impl Imap {
    /// A mail server with these settings, whose `password`, and that for SMTP where there is one, were looked up where they stand.
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// A [`Fault`] of the settings.
    pub fn new(settings: Settings, password: Secret, smtp: Option<Secret>, clock: Clock) -> Result<Self, Fault> {
        let place = settings.checked()?;
        let seconds = std::time::Duration::from_secs;
        let door = settings.checked_smtp()?.map(|place| Door {
            place,
            user: settings.smtp.as_ref().and_then(|smtp| smtp.user.clone()).zip(smtp),
            connect: seconds(settings.connect_seconds),
            patience: seconds(settings.request_seconds),
        });
        if password.is_empty() || password.reveal().contains('\0') {
            return Err(Fault::Text("password"));
        }
        let letters = settings.letters_from.as_ref();
        if letters.is_some_and(|from| !from.contains('@') || from.len() > 200 || from.chars().any(|c| !matches!(c, ' '..='~'))) {
            return Err(Fault::Text("letters_from"));
        }
        let offers = offers(settings.calls_per_minute, letters.is_some());
        Ok(Self { settings, place, password, door, offers, clock, kept: Mutex::default(), waiting: Mutex::default() })
    }

    fn link(&self, mailbox: &str) -> Result<Link, CallError> {
        let opened = Link::open(&self.place, &self.settings, &self.password, mailbox);
        opened.map_err(|trouble| self.clean(trouble.of_reading()))
    }

    /// Does `work` over a connection to the mailbox, opening it where there is none.
    fn over<T>(&self, mailbox: &str, work: impl FnOnce(&mut Link) -> Result<T, CallError>) -> Result<T, CallError> {
        let kept = {
            let mut all = locked(&self.kept);
            let at = all.iter().position(|(own, _)| own == mailbox);
            at.map(|at| all.swap_remove(at).1)
        };
        let alive = kept.and_then(|mut link| link.ask(&[Piece::Plain("NOOP")]).is_ok().then_some(link));
        let mut link = alive.map_or_else(|| self.link(mailbox), Ok)?;
        let done = work(&mut link).map_err(|error| self.clean(error));
        self.keep(mailbox, link);
        done
    }

    fn keep(&self, mailbox: &str, link: Link) {
        let mut all = locked(&self.kept);
        if !link.is_broken() {
            if all.len() >= KEPT_MAX {
                all.remove(0);
            }
            all.push((mailbox.to_owned(), link));
        }
    }

    /// The error without control characters, and without the password, should the server repeat it.
    fn clean(&self, error: CallError) -> CallError {
        let text = |text: String| clean_text(&text.replace(self.password.reveal(), "***"));
        match error {
            CallError::Retry(says) => CallError::Retry(text(says)),
            CallError::Permanent(says) => CallError::Permanent(text(says)),
            CallError::Unclear(says) => CallError::Unclear(text(says)),
        }
    }

    fn is_ours(&self, mailbox: &str) -> Result<bool, CallError> {
        let all = self.settings.all_mailboxes().map_err(|fault| CallError::Permanent(fault.to_string()))?;
        Ok(all.contains(mailbox))
    }

    /// The copy that the action is about.
    fn copy(&self, action: &Action) -> Result<Copy, CallError> {
        let none = || CallError::Permanent(format!("`{}` is no message", action.target.name));
        let copy = Copy::read(&action.target.id).ok_or_else(none)?;
        if self.is_ours(&copy.mailbox)? && belongs(&self.settings.quarantine, &copy.folder).is_none() {
            return Ok(copy);
        }
        Err(CallError::Permanent(format!("`{}` is none of our mailboxes", copy.mailbox)))
    }

    fn letter(&self, action: &Action) -> Result<Option<(letters::Letter, &str)>, CallError> {
        let Some(from) = self.settings.letters_from.as_deref() else { return Ok(None) };
        let Some(letter) = letters::of(action, from) else { return Ok(None) };
        if self.is_ours(&letter.mailbox)? {
            return Ok(Some((letter, from)));
        }
        Err(CallError::Permanent(format!("`{}` is none of our mailboxes", letter.mailbox)))
    }

    /// Every copy of the message with this identifier, in every mailbox.
    fn copies(&self, id: &str) -> Result<(Vec<Hitherto>, usize), CallError> {
        let quoted = quoted(id).map_err(Trouble::of_reading)?;
        let came = self.everywhere(|mailbox, link| self.copies_in(mailbox, link, id, &quoted))?;
        let unread = came.values().filter(|found| found.is_err()).count();
        let found: Vec<Hitherto> = came.into_values().flatten().flatten().collect();
        if found.len() > COPIES_MAX {
            return Err(CallError::Permanent(format!("there are more than {COPIES_MAX} copies of it")));
        }
        // Whoever sends a message chooses its identifier, and may borrow that of another.
        let kinds: BTreeSet<Digest> = found.iter().map(|one| one.likeness).collect();
        if kinds.len() > 1 {
            let says = format!("{} different messages carry the identifier `{id}`: a person must tell them apart", kinds.len());
            return Err(CallError::Permanent(says));
        }
        Ok((found, unread))
    }

    fn copies_in(&self, mailbox: &str, link: &mut Link, id: &str, quoted: &str) -> Result<Vec<Hitherto>, Trouble> {
        let mut copies = Vec::new();
        for folder in link.folders()? {
            let validity = link.open_folder(&folder.name, false)?;
            let uids = link.find(&[Piece::Plain("UID SEARCH HEADER Message-ID"), Piece::Plain(quoted)])?;
            let own = belongs(&self.settings.quarantine, &folder.name).unwrap_or(&folder.name);
            for uid in uids.into_iter().take(COPIES_MAX + 1) {
                let Some(fetched) = link.message(uid, WHOLE)? else { continue };
                let raw = fetched.body.as_deref().unwrap_or_default();
                let known = field(halves(raw).0, "message-id").unwrap_or_default();
                // The server also finds what only contains it.
                if bare(&known).eq_ignore_ascii_case(id)
                    && let Some(copy) = Copy::of(mailbox, own, validity, &fetched)
                {
                    copies.push(Hitherto { copy, likeness: likeness(raw) });
                }
            }
        }
        Ok(copies)
    }

    fn messages(&self, name: &str) -> Result<Vec<Found>, CallError> {
        if let Some(copy) = Copy::read(name) {
            return Ok(if self.is_ours(&copy.mailbox)? { vec![found(&copy, 0)] } else { Vec::new() });
        }
        let id = bare(name);
        if id.len() < 3 || id.len() > ID_CHARS_MAX || !id.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
            return Ok(Vec::new());
        }
        let (copies, unread) = self.copies(id)?;
        Ok(copies.iter().map(|one| found(&one.copy, unread)).collect())
    }

    fn change(&self, action: &Action, before: &State, undo: bool) -> Result<(), CallError> {
        let quarantine = &self.settings.quarantine;
        if action.verb == QUARANTINE {
            let copy = self.copy(action)?;
            return self.over(&copy.mailbox, |link| match undo {
                false => copy.hide(link, quarantine, before),
                true => copy.restore(link, quarantine, before),
            });
        }
        let none = || CallError::Permanent(format!("a mail server does not do `{}`", action.verb));
        let (letter, from) = self.letter(action)?.filter(|_| !undo).ok_or_else(none)?;
        self.over(&letter.mailbox, |link| {
            let state = letter.state(link, quarantine).map_err(|trouble| trouble.before().of_changing())?;
            if letters::is_there(&state) { Ok(()) } else { letter.write(link, self.door.as_ref(), from, (self.clock)()) }
        })
    }
}

fn offers(per_minute: u32, letters: bool) -> Vec<Offer> {
    const ABOUT: &[(&str, EntityKind)] = &[(ALERT, EntityKind::Resource)];
    let offer =
        |verb, kind, reversible, with| Offer { verb, kind, reversible, idempotency: Idempotency::ReadBack, per_minute, with };
    let mut offers = vec![offer(QUARANTINE, EntityKind::Message, true, &[])];
    if letters {
        offers.push(offer(WARN, EntityKind::Message, false, &[]));
        offers.push(offer(ACKNOWLEDGE, EntityKind::User, false, ABOUT));
        offers.push(offer(OUTCOME, EntityKind::User, false, ABOUT));
    }
    offers
}

fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

/// A copy as the hand knows it. Its name follows from what names it for ever, and is for people: it has a space, which no
/// identifier has, so that nothing is found by it.
fn found(copy: &Copy, unread: usize) -> Found {
    let Copy { mailbox, folder, digest, .. } = copy;
    let short: String = digest.to_string().chars().take(SHORT_CHARS).collect();
    let name = format!("message {short} in {mailbox}, {folder}");
    let mut facts = BTreeMap::from([("mailbox".to_owned(), mailbox.clone()), ("folder".to_owned(), folder.clone())]);
    if unread > 0 {
        facts.insert("mailboxes_unread".to_owned(), unread.to_string());
    }
    let target = Target { kind: EntityKind::Message, id: copy.to_string(), name };
    Found { target, aliases: vec![mailbox.clone()], groups: None, facts }
}

fn named(kind: EntityKind, id: String) -> Found {
    let target = Target { kind, name: id.clone(), id };
    Found { target, aliases: Vec::new(), groups: None, facts: BTreeMap::new() }
}

/// Without control characters, and short.
fn clean_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connector for Imap {
    fn verbs(&self) -> &[Offer] {
        &self.offers
    }

    fn is_for_each(&self, verb: &str) -> bool {
        matches!(verb, QUARANTINE | WARN)
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        match kind {
            EntityKind::Message => self.messages(name),
            EntityKind::User | EntityKind::Mailbox => {
                let Some(address) = address(name) else { return Ok(Vec::new()) };
                Ok(if self.is_ours(&address)? { vec![named(kind, address)] } else { Vec::new() })
            }
            // What a letter is about is told from everything else by its identifier, and is not looked for.
            EntityKind::Resource => {
                let id = bare(name);
                let plain = !id.is_empty() && id.chars().count() <= ID_CHARS_MAX && !id.chars().any(char::is_control);
                Ok(plain.then(|| named(kind, id.to_owned())).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn recall(&self, kind: EntityKind, name: &str, _age_max: Duration) -> Result<(Vec<Found>, Time), CallError> {
        if kind == EntityKind::Message
            && let Some(query) = Query::read(name)
        {
            return Ok((self.search(&query)?.by_mailbox(), Time(0)));
        }
        Ok((self.lookup(kind, name)?, Time(0)))
    }

    fn polls(&self) -> Option<Polls> {
        self.settings.report.as_ref()?;
        Some(Polls { source: "mail".to_owned(), verdicts: false, overlap: Duration(0), marks: true })
    }

    fn poll(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        self.reported(since, next)
    }

    fn news(&self, within: std::time::Duration) -> Option<bool> {
        self.news_of_reports(within)
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        let quarantine = &self.settings.quarantine;
        if action.verb == QUARANTINE {
            let copy = self.copy(action)?;
            return self.over(&copy.mailbox, |link| copy.state(link, quarantine).map_err(Trouble::of_reading));
        }
        let none = || CallError::Permanent(format!("a mail server does not do `{}`", action.verb));
        let (letter, _) = self.letter(action)?.ok_or_else(none)?;
        self.over(&letter.mailbox, |link| letter.state(link, quarantine).map_err(Trouble::of_reading))
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        if action.verb == QUARANTINE {
            return Copy::read(&action.target.id).is_some_and(|copy| copy.is_hidden_in(&self.settings.quarantine, state));
        }
        letters::is_there(state)
    }

    fn act(&self, action: &Action, before: &State, _permit: Permit, _key: &str) -> Result<(), CallError> {
        self.change(action, before, false)
    }

    fn undo(&self, action: &Action, before: &State, _permit: Permit, _key: &str) -> Result<(), CallError> {
        self.change(action, before, true)
    }

    fn health(&self) -> Result<String, CallError> {
        let all = self.settings.all_mailboxes().map_err(|fault| CallError::Permanent(fault.to_string()))?;
        let report = self.settings.report.as_ref().and_then(|report| address(&report.mailbox));
        let first = report.or_else(|| all.first().cloned()).ok_or_else(|| CallError::Permanent("there is no mailbox".into()))?;
        let folders = self.over(&first, |link| link.folders().map_err(Trouble::of_reading))?.len();
        let Settings { url, user, .. } = &self.settings;
        Ok(format!("`{url}` lets `{user}` act for `{first}`, which has {folders} folders; {} mailboxes are searched", all.len()))
    }
}
