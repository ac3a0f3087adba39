//! Entries of the ledger: what happened, as the bytes that its leaf is the hash of.
//!
//! A decision is binary, because there are thousands a second; everything else, mostly what people do, is JSON. The
//! layout is part of the product (docs/ledger.md): an auditor reads it without our code.

use crate::archive::bytes::{Damaged, Put, Take};
use crate::archive::entry::{Entry, Keep, put_entry, skip_entry, take_entry};
use crate::archive::row::SlotMap;
use adjutant_engine::autonomy::{Pause, Rung};
use adjutant_engine::context::Said;
use adjutant_engine::record::id_bytes;
use adjutant_engine::step::{Status, Verdict};
use adjutant_model::{Autonomy, CaseId, Digest, EntityKind, Outcome, Revision, Time};
use adjutant_rules::question::{Meaning, Way};
use serde::{Deserialize, Serialize};

mod asked;

pub use asked::{Answered, AskedAbout, Assurance, Questioned};

/// The first byte of an entry that is a decision.
pub const DECIDED: u8 = 1;

/// The first byte of an entry that is JSON.
pub const NOTED: u8 = 2;

/// Bytes of a decision's entry before the name of the sender.
const HEAD_BYTES: usize = 128;

/// What a decision's entry begins with; all numbers are little-endian, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// When it was accepted and decided, microseconds since 1970.
    pub at: Time,
    /// The entry before of the same case, plus one; zero for the first.
    pub previous: u64,
    /// The book that decided.
    pub book: Digest,
    /// The decision's name.
    pub decision: [u8; 8],
    /// SHA-256 of the raw alert.
    pub alert: Digest,
    /// The case that the alert joined.
    pub case: CaseId,
    /// Which revision of the case.
    pub revision: Revision,
    /// [`Outcome`] and [`Autonomy`], each as its code.
    pub outcome: u8,
    /// See `outcome`.
    pub autonomy: u8,
    /// The score.
    pub score: i32,
    /// See [`flag`].
    pub flags: u8,
    /// How many of a million such closes go to people, where the ladder let this one happen by itself; else zero.
    pub sampled_ppm: u32,
    /// What the alert is known by: a keyed hash of source and identifier, or of source and digest.
    pub key: u64,
}

/// Bits of [`Head::flags`].
pub mod flag {
    /// The case was drawn for the blind sample.
    pub const SAMPLED: u8 = 1;
    /// The case was closed by itself.
    pub const CLOSED: u8 = 2;
    /// The source sent something else under this identifier before.
    pub const REVISED: u8 = 4;
    /// Context that should have spoken could not.
    pub const TOUCHED: u8 = 8;
    /// The alert was decided before, without what was looked up since; nothing new arrived.
    pub const AGAIN: u8 = 16;
}

/// Something that happened, other than a decision about an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// When, RFC 3339.
    pub at: String,
    /// Who; empty when nobody asked for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The case that it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub case: String,
    /// The entry before of the same case, plus one; zero when there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub previous: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// This book decides from here on.
    Book {
        /// Its digest.
        book: String,
    },
    /// A person judged a case.
    Verdict {
        /// What they said.
        verdict: Verdict,
        /// The evidence that they cite.
        because: Vec<Evidence>,
        /// What else they said.
        note: String,
        /// The entry with the decision that they judged.
        about: u64,
        /// The case was in the blind sample.
        #[serde(default)]
        sampled: bool,
    },
    /// A case was given to a person.
    Assigned {
        /// To whom; empty to take it back.
        to: String,
    },
    /// Somebody said something about a case.
    Commented {
        /// What.
        text: String,
    },
    /// One person wants a rung raised; another one has to agree.
    Asked {
        /// The rung.
        rung: Rung,
        /// To what.
        level: Autonomy,
    },
    /// A rung was set.
    Autonomy {
        /// The rung.
        rung: Rung,
        /// What it was.
        from: Autonomy,
        /// What it is.
        level: Autonomy,
        /// Who asked for it first, where two were needed.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        asked_by: String,
    },
    /// The whole, or a playbook, was paused or resumed.
    Paused {
        /// The playbook; none for the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        playbook: Option<String>,
        /// How much of it runs from here on.
        pause: Pause,
    },
    /// A context source can or cannot be used from here on.
    Context {
        /// Which.
        source: String,
        /// `good`, `absent`, `stale` or `broken`.
        condition: String,
        /// What broke it.
        because: Vec<String>,
    },
    /// Past decisions that used a source are decided again.
    Review {
        /// The review's name.
        review: String,
        /// The source.
        source: String,
        /// From when on.
        from: String,
        /// Until when.
        to: String,
        /// How many decisions used the source.
        used: u64,
        /// How many come out differently.
        flipped: u64,
    },
    /// A decision would come out differently with what is known now.
    Reconsidered {
        /// The review.
        review: String,
        /// The entry with the decision.
        about: u64,
        /// What was decided.
        was: Outcome,
        /// What would be.
        is: Outcome,
        /// The score now.
        score: i32,
    },
    /// Users and tokens changed.
    Account {
        /// How; never a secret.
        change: serde_json::Value,
    },
    /// Raw alerts and entries are removed, as retention says. Their leaves stay.
    Forgot {
        /// Raw alerts from before.
        raw_before: String,
        /// Entries from before.
        entries_before: String,
        /// The first entry whose raw alert stays: a number, because the times of commits are outside the tree.
        #[serde(default)]
        raw_to: u64,
        /// The first entry that stays.
        #[serde(default)]
        entries_to: u64,
    },
    /// A person signed something for the hand. Noted before the hand hears it: nothing is done that is not here.
    Signed {
        /// The note: what it says, about what, for one use, until when; and the signature.
        note: String,
    },
    /// A line of the hand's journal: a plan, an approval, what became of an action.
    Hand {
        /// The number of the line.
        line: u64,
        /// What kind of line.
        says: String,
        /// What it says.
        body: serde_json::Value,
    },
    /// A connector was asked about a subject of the case, and this came of it.
    LookedUp(Box<LookedUp>),
    /// A person was asked a question.
    Questioned(Box<Questioned>),
    /// Nobody can be asked a question: a person looks at the case instead.
    Unasked {
        /// The question's name in the book.
        question: String,
        /// Whom it is about.
        of: String,
        /// Why nobody is asked.
        why: String,
    },
    /// The person had the question shown.
    Opened {
        /// The letter.
        letter: String,
    },
    /// The person answered. It is a claim of whoever held the link, and lowers nothing.
    Answered(Box<Answered>),
    /// Nobody answered in time.
    Silent {
        /// The letter.
        letter: String,
        /// The question's name in the book.
        question: String,
        /// Who was asked.
        to: String,
    },
    /// Somebody who may approve was told of a plan that waits.
    Prompted {
        /// The letter.
        letter: String,
        /// The plan's digest.
        plan: String,
        /// Who.
        to: String,
        /// On which way.
        way: Way,
    },
    /// Somebody whose letter waits for an answer was reminded of it, once.
    Reminded {
        /// The letter.
        letter: String,
        /// What it is about: a question's name, or a plan's digest.
        about: String,
        /// Who.
        to: String,
        /// On which way.
        way: Way,
    },
    /// Somebody clicked below a message in a channel. It is the channel's word, and no signature.
    Clicked {
        /// Whose click it is, by the name of their key.
        who: String,
        /// Who they are there.
        member: String,
        /// Which button.
        button: String,
        /// The plan's digest.
        plan: String,
    },
    /// A letter could not be brought to a person.
    Undelivered {
        /// What it was about: a question's name, or a plan's digest.
        about: String,
        /// To whom.
        to: String,
        /// Why not.
        why: String,
    },
    /// The store was restored from a backup.
    Restored {
        /// How many entries the backup held.
        entries: u64,
    },
}

/// What a connector was asked, and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// The context contract that asks.
    pub contract: String,
    /// The connector.
    pub connector: String,
    /// What kind of thing it was asked about.
    pub of: EntityKind,
    /// Its name.
    pub name: String,
    /// What it answered; none when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl What {
    /// Whether a case with this status is to be looked at by a person when this is said of it, whatever was decided: a *no*, and
    /// that somebody did what was wanted of them, always is; silence, and that nobody could be asked, undo no verdict of a person.
    pub fn raises(&self, status: Status) -> bool {
        match self {
            What::Answered(answered) => matches!(answered.choice.means, Meaning::Denies | Meaning::Admits),
            What::Silent { .. } | What::Unasked { .. } => status != Status::ClosedByPerson,
            _ => false,
        }
    }
}

/// One piece of evidence that a person cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How the case shows it: `E1`, `E2` …
    pub row: String,
    /// The signal or fact.
    pub name: String,
    /// What it said.
    pub says: String,
}

/// A decision's entry, read back.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What it begins with.
    pub head: Head,
    /// Who sent the alert.
    pub sender: String,
    /// The decision with everything that led to it.
    pub entry: Entry,
}

/// Appends the entry of a decision.
pub fn put_decided(out: &mut Vec<u8>, head: &Head, sender: &str, keep: &Keep<'_>, raw: u32) {
    out.put_byte(DECIDED);
    out.put_slice(&head.at.0.to_le_bytes());
    out.put_slice(&head.previous.to_le_bytes());
    out.put_slice(&head.book.0);
    out.put_slice(&head.decision);
    out.put_slice(&head.alert.0);
    out.put_slice(&head.case.0);
    out.put_slice(&head.revision.0.to_le_bytes());
    out.put_byte(head.outcome);
    out.put_byte(head.autonomy);
    out.put_slice(&head.score.to_le_bytes());
    out.put_byte(head.flags);
    out.put_slice(&head.sampled_ppm.to_le_bytes());
    out.put_slice(&head.key.to_le_bytes());
    out.put_bytes(sender.as_bytes());
    put_entry(out, keep, raw);
}

impl Head {
    /// What the entry of `keep` begins with.
    pub fn of(keep: &Keep<'_>, at: Time, previous: u64, key: u64) -> Self {
        let decision = keep.decision;
        Self {
            at,
            previous,
            book: decision.book,
            decision: id_bytes(decision),
            alert: keep.alert.digest,
            case: decision.case,
            revision: decision.revision,
            outcome: decision.outcome as u8,
            autonomy: decision.autonomy as u8,
            score: decision.score,
            key,
            ..Self::default()
        }
    }

    /// What was decided.
    pub fn outcome(&self) -> Outcome {
        Outcome::from_code(self.outcome).unwrap_or(Outcome::Escalate)
    }
}

/// The entry is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored entry is damaged")]
pub struct Broken;

impl From<Damaged> for Broken {
    fn from(_: Damaged) -> Self {
        Broken
    }
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// A decision: its head, the sender, and the rest for [`decided`].
    Decided(Head, &'a str, &'a [u8]),
    /// Something else.
    Noted(Box<Noted>),
    /// A new key of the ledger follows the old one, signed by both (see `adjutant_ledger`).
    Handover,
}

/// Looks what `entry` is.
///
/// # Errors
/// It is [`Broken`].
pub fn kind(entry: &[u8]) -> Result<Kind<'_>, Broken> {
    match entry.split_first() {
        Some((&DECIDED, _)) => {
            let (head, mut rest) = head(entry)?;
            let sender = rest.text()?;
            Ok(Kind::Decided(head, sender, skip_entry(&mut rest)?))
        }
        Some(_) if adjutant_ledger::Handover::is_claimed_by(entry) => Ok(Kind::Handover),
        Some((&NOTED, json)) => Ok(Kind::Noted(serde_json::from_slice(json).map_err(|_| Broken)?)),
        _ => Err(Broken),
    }
}

fn head(entry: &[u8]) -> Result<(Head, Take<'_>), Broken> {
    let mut from = Take(entry);
    from.byte()?;
    let head = Head {
        at: Time(i64::from_le_bytes(from.array()?)),
        previous: u64::from_le_bytes(from.array()?),
        book: Digest(from.array()?),
        decision: from.array()?,
        alert: Digest(from.array()?),
        case: CaseId(from.array()?),
        revision: Revision(u32::from_le_bytes(from.array()?)),
        outcome: from.byte()?,
        autonomy: from.byte()?,
        score: i32::from_le_bytes(from.array()?),
        flags: from.byte()?,
        sampled_ppm: u32::from_le_bytes(from.array()?),
        key: u64::from_le_bytes(from.array()?),
    };
    debug_assert_eq!(entry.len() - from.0.len(), HEAD_BYTES);
    Ok((head, from))
}

/// Takes the rest of a decision's entry into `entry`, its facts in the slots that `map` says.
///
/// # Errors
/// It is [`Broken`].
pub fn decided(head: &Head, rest: &[u8], map: &Slots, entry: &mut Entry) -> Result<(), Broken> {
    take_entry(rest, head.book, &map.0, entry)?;
    Ok(())
}

/// Where the facts of a book's decisions are in another book's rows.
#[derive(Clone, Debug)]
pub struct Slots(pub(crate) SlotMap);

impl Slots {
    /// Where they are in the rows of the book itself.
    pub fn of(book: &adjutant_rules::Book) -> Self {
        Self(SlotMap::new(&crate::archive::row::names(&book.schema), &book.schema))
    }
}

/// The entry of something that was noted.
pub fn noted(noted: &Noted) -> Vec<u8> {
    let mut out = vec![NOTED];
    // A `Noted` has only text keys and plain values, so writing it cannot fail.
    out.extend(serde_json::to_vec(noted).unwrap_or_default());
    out
}

/// The pieces that were written one after another, each preceded by its length.
///
/// # Errors
/// They are [`Broken`].
pub fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], Broken>> {
    std::iter::from_fn(move || {
        let (len, rest) = match bytes.split_first_chunk::<4>() {
            Some(split) => split,
            None if bytes.is_empty() => return None,
            None => return Some(Err(std::mem::take(&mut bytes)).map_err(|_: &[u8]| Broken)),
        };
        match rest.split_at_checked(u32::from_le_bytes(*len) as usize) {
            Some((piece, rest)) => {
                bytes = rest;
                Some(Ok(piece))
            }
            None => {
                bytes = &[];
                Some(Err(Broken))
            }
        }
    })
}

/// Appends what `write` writes, preceded by its length.
pub fn put_piece(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}
