//! What the entries of a ledger come to, worked out from the entries alone: the yardstick for everything else that is stored.
//!
//! It shares with the driver what is pure (how an entry is read, what the ladder allows for a row) and nothing else: cases,
//! the ladder, who asked for what and what the world is to be told are folded anew. Each rule that does not hold is said in a
//! sentence.

use crate::policies::policy;
use adjutant_engine::autonomy::{self, CLOSE, Ladder, Pause, Rung};
use adjutant_engine::record;
use adjutant_engine::step::{Status, Verdict};
use adjutant_ledger::{Hash, Tree, leaf};
use adjutant_model::{Autonomy, CaseId, Digest, Outcome, Time};
use adjutant_rules::Book;
use adjutant_runtime::archive::Entry;
use adjutant_runtime::drive::Answer;
use adjutant_runtime::event::{self, Head, Kind, Noted, Slots, What, flag};
use adjutant_runtime::ports::{Block, Kept, Known};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What one person's wish is good for: a day.
const AGREE_WITHIN_MICROSECONDS: i64 = 24 * 3_600 * 1_000_000;

/// What the entries come to so far.
pub struct Fold {
    sampled_ppm: u32,
    books: HashMap<Digest, (Arc<Book>, Slots)>,
    tree: Tree,
    /// When the latest entry was written.
    pub at: Time,
    /// The ladder.
    pub ladder: Ladder,
    asked: BTreeMap<String, (String, Autonomy, Time)>,
    /// Every case, without subject and title.
    pub cases: BTreeMap<CaseId, Kept>,
    /// What was decided, by the digest of the raw alert.
    pub decided: HashMap<Digest, Answer>,
    /// What must be known, by key.
    pub known: BTreeMap<u64, Known>,
    /// Decisions that people are to be told of, by their full names.
    pub told: BTreeSet<String>,
    /// Every decision's name.
    pub names: BTreeSet<String>,
    /// Decisions that were made again with what was looked up.
    pub again: u64,
    /// Cases of one alert of which nobody but who was asked about it has said anything.
    alone: BTreeSet<CaseId>,
    /// Cases that were closed by themselves, and that the sample drew.
    pub closed: u64,
    /// See `closed`.
    pub sampled: u64,
}

/// What an entry did to its case.
struct How {
    again: bool,
    stands: bool,
    rises: bool,
    sampled: bool,
    closed: bool,
}

fn holds(holds: bool, says: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(says()) }
}

impl Fold {
    /// Nothing yet.
    #[must_use]
    pub fn new(sampled_ppm: u32) -> Self {
        Self {
            sampled_ppm,
            books: HashMap::new(),
            tree: Tree::new(),
            at: Time(i64::MIN),
            ladder: Ladder::default(),
            asked: BTreeMap::new(),
            cases: BTreeMap::new(),
            decided: HashMap::new(),
            known: BTreeMap::new(),
            told: BTreeSet::new(),
            names: BTreeSet::new(),
            again: 0,
            alone: BTreeSet::new(),
            closed: 0,
            sampled: 0,
        }
    }

    /// Knows `book`, under which decisions may come.
    pub fn know(&mut self, book: &Arc<Book>) {
        self.books.entry(book.digest).or_insert_with(|| (Arc::clone(book), Slots::of(book)));
    }

    /// Number and root of the entries.
    #[must_use]
    pub fn head(&self) -> (u64, Hash) {
        (self.tree.len(), self.tree.root())
    }

    /// Takes in the next commit.
    ///
    /// # Errors
    /// What does not hold.
    pub fn feed(&mut self, block: &Block) -> Result<(), String> {
        holds(block.first == self.tree.len(), || format!("the commit at {} does not follow {}", block.first, self.tree.len()))?;
        holds(block.at >= self.at, || format!("the commit at {} is from before the one before it", block.first))?;
        self.at = block.at;
        let (mut entries, mut raw) = (event::pieces(&block.entries), event::pieces(&block.raw));
        for (seq, stored) in (block.first..).zip(&block.leaves) {
            let entry = entries.next().and_then(Result::ok).ok_or_else(|| format!("entry {seq} is missing"))?;
            holds(leaf(entry) == *stored, || format!("the leaf of entry {seq} is not that of its bytes"))?;
            self.tree.append_all(&[*stored]);
            match event::kind(entry).map_err(|_| format!("entry {seq} cannot be read"))? {
                Kind::Decided(head, _, rest) => {
                    let raw = raw.next().and_then(Result::ok).ok_or_else(|| format!("entry {seq} has no raw alert"))?;
                    holds(Digest::of(raw) == head.alert, || format!("entry {seq} has another raw alert"))?;
                    self.decided(seq, &head, rest)?;
                }
                Kind::Noted(noted) => self.noted(seq, *noted)?,
                Kind::Handover => return Err(format!("entry {seq} is a handover, and nobody made one")),
            }
        }
        holds(entries.next().is_none() && raw.next().is_none(), || format!("the commit at {} holds more", block.first))
    }

    fn decided(&mut self, seq: u64, head: &Head, rest: &[u8]) -> Result<(), String> {
        let (book, slots) = self.books.get(&head.book).cloned().ok_or_else(|| format!("entry {seq}: a book nobody adopted"))?;
        let mut entry = Entry::default();
        event::decided(head, rest, &slots, &mut entry).map_err(|_| format!("entry {seq} cannot be read"))?;
        self.scored(seq, head, &entry)?;
        let in_force = self.allowed(seq, head, &entry, &book)?;
        let case = self.case(seq, head);
        let again = head.flags & flag::AGAIN != 0;
        let open = case.status == Status::Open && !case.sampled;
        let (rises, by_itself, stands) = {
            let before = (head.revision.0 > 1 || again).then_some(case.outcome);
            let rises = before < Some(head.outcome());
            let stands = again && !rises && open && self.alone.contains(&head.case);
            let closes =
                if again { stands } else { open } && before.filter(|_| !stands).max(Some(head.outcome())) == Some(Outcome::Close);
            (rises, in_force == Autonomy::Act && closes, stands)
        };
        holds(case.last == head.previous, || format!("entry {seq} does not follow {} of its case", case.last))?;
        let follows = if again { head.revision.0 <= case.alerts } else { case.alerts + 1 == head.revision.0 };
        holds(follows, || format!("entry {seq} is revision {} after {}", head.revision.0, case.alerts))?;
        let (sampled, closed) = self.chance(seq, head, by_itself)?;
        let playbook = book.playbooks.get(usize::from(entry.decision.playbook)).map_or("", |playbook| &playbook.name);
        let severity = autonomy::severity(&entry.alert.row).unwrap_or(0);
        self.kept(seq, head, (playbook, severity), &How { again, stands, rises, sampled, closed });
        let name = record::id(&entry.decision);
        let taken = again && matches!(case.status, Status::ClosedByPerson | Status::Escalated);
        if rises && !taken && head.outcome() != Outcome::Close {
            self.told.insert(name.clone());
        }
        self.names.insert(name);
        let content = u64::from_be_bytes(*head.alert.0.first_chunk().unwrap_or(&[0; 8]));
        self.known.insert(head.key, Known { seq, content });
        if again {
            self.again += 1;
            return holds(self.decided.contains_key(&head.alert), || format!("entry {seq} decides again what nobody decided"));
        }
        let answer = Answer {
            seq,
            decision: head.decision,
            alert: head.alert,
            case: head.case,
            revision: head.revision.0,
            outcome: head.outcome(),
            score: head.score,
        };
        let twice = self.decided.insert(head.alert, answer);
        holds(twice.is_none(), || format!("entry {seq} decides again what entry {} decided", twice.map_or(0, |was| was.seq)))
    }

    fn scored(&self, seq: u64, head: &Head, entry: &Entry) -> Result<(), String> {
        let decision = &entry.decision;
        let reasons: i32 = decision.reasons.iter().map(|reason| reason.points).sum();
        let caps: i32 = decision.caps.iter().map(|(_, points)| *points).sum();
        holds(reasons + caps == decision.score, || {
            format!("entry {seq}: score {} is not the sum of its reasons", decision.score)
        })?;
        let same = (decision.score, decision.outcome, decision.case, decision.revision, decision.autonomy as u8)
            == (head.score, head.outcome(), head.case, head.revision, head.autonomy);
        holds(same && record::id_bytes(decision) == head.decision, || format!("entry {seq}: head and decision disagree"))
    }

    /// The autonomy that must have been in force.
    fn allowed(&self, seq: u64, head: &Head, entry: &Entry, book: &Book) -> Result<Autonomy, String> {
        let Some(playbook) = book.playbooks.get(usize::from(entry.decision.playbook)) else {
            return Err(format!("entry {seq}: no such playbook"));
        };
        let told = self.ladder.in_force(playbook, CLOSE, &entry.alert.row, book);
        let touched = head.flags & flag::TOUCHED != 0;
        let in_force = if touched { told.min(Autonomy::Recommend) } else { told };
        holds(in_force as u8 == head.autonomy, || format!("entry {seq}: autonomy {} and not {in_force:?}", head.autonomy))?;
        let paused = self.ladder.paused(&playbook.name) <= Pause::EnrichmentOnly;
        holds(!paused || head.outcome() >= Outcome::Escalate, || format!("entry {seq} proposes to close while paused"))?;
        Ok(in_force)
    }

    /// Whether the sample drew the case, and whether it closed by itself.
    fn chance(&self, seq: u64, head: &Head, by_itself: bool) -> Result<(bool, bool), String> {
        let (sampled, closed) = (head.flags & flag::SAMPLED != 0, head.flags & flag::CLOSED != 0);
        let about = u64::from_be_bytes(*head.case.0.first_chunk().unwrap_or(&[0; 8])) ^ u64::from(head.revision.0);
        let drawn = policy(0).draw(about.to_be_bytes()) < self.sampled_ppm;
        let right = (sampled, closed) == (by_itself && drawn, by_itself && !drawn);
        holds(right, || format!("entry {seq}: sampled {sampled}, closed {closed}; by itself {by_itself}, drawn {drawn}"))?;
        let weight = if by_itself { self.sampled_ppm } else { 0 };
        holds(head.sampled_ppm == weight, || format!("entry {seq}: the weight of the sample is {}", head.sampled_ppm))?;
        Ok((sampled, closed))
    }

    fn case(&self, seq: u64, head: &Head) -> Kept {
        self.cases.get(&head.case).cloned().unwrap_or_else(|| Kept {
            id: head.case,
            first: seq,
            status: Status::Open,
            outcome: Outcome::Close,
            score: 0,
            severity: 0,
            alerts: 0,
            opened: self.at,
            updated: self.at,
            last: 0,
            worst: seq,
            playbook: String::new(),
            subject: String::new(),
            title: String::new(),
            assignee: String::new(),
            sampled: false,
            review: false,
        })
    }

    fn kept(&mut self, seq: u64, head: &Head, (playbook, severity): (&str, u8), how: &How) {
        let How { again, stands, rises, sampled, closed } = *how;
        let mut kept = self.case(seq, head);
        let (is, was) = ((head.outcome(), head.score), (kept.outcome, kept.score));
        let is_alone = if again { stands } else { kept.alerts == 0 };
        let _ = if is_alone { self.alone.insert(head.case) } else { self.alone.remove(&head.case) };
        if kept.alerts == 0 || is > was || stands || (again && is == was) {
            (kept.worst, kept.playbook) = (seq, playbook.to_owned());
        }
        if closed {
            kept.status = Status::ClosedItself;
        } else if rises && (kept.status == Status::ClosedItself || (kept.status == Status::ClosedByPerson && !again)) {
            kept.status = Status::Open;
        }
        self.closed += u64::from(closed);
        self.sampled += u64::from(sampled);
        (kept.outcome, kept.score) = if stands { is } else { (was.0.max(is.0), was.1.max(is.1)) };
        kept.severity = kept.severity.max(severity);
        kept.sampled |= sampled;
        (kept.alerts, kept.updated, kept.last) = (kept.alerts.max(head.revision.0), self.at, seq + 1);
        self.cases.insert(head.case, kept);
    }

    fn noted(&mut self, seq: u64, noted: Noted) -> Result<(), String> {
        let Noted { by, case, previous, what, .. } = noted;
        if !case.is_empty() {
            let at = self.at;
            let of_case = self.cases.values_mut().find(|kept| kept.id.to_string() == case || hex(&kept.id.0) == case);
            let kept = of_case.ok_or_else(|| format!("entry {seq} is about a case that is not there"))?;
            holds(kept.last == previous, || format!("entry {seq} does not follow {} of its case", kept.last))?;
            (kept.last, kept.updated) = (seq + 1, at);
            if !matches!(&what, What::LookedUp(looked) if looked.said.is_some()) {
                self.alone.remove(&kept.id);
            }
            return about_case(kept, what);
        }
        match what {
            What::Asked { rung, level } => {
                self.asked.insert(named(&rung), (by, level, self.at));
            }
            What::Autonomy { rung, from, level, asked_by } => self.set(seq, &by, (rung, from, level), &asked_by)?,
            What::Paused { playbook: None, pause } => self.ladder.pause = pause,
            What::Paused { playbook: Some(name), pause: Pause::None } => {
                self.ladder.paused.remove(&name);
            }
            What::Paused { playbook: Some(name), pause } => {
                self.ladder.paused.insert(name, pause);
            }
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, seq: u64, by: &str, (rung, from, level): (Rung, Autonomy, Autonomy), asked_by: &str) -> Result<(), String> {
        holds(self.ladder.level(&rung) == from, || format!("entry {seq}: the rung was not {from:?}"))?;
        let asked = self.asked.remove(&named(&rung));
        if level > from {
            let agreed = asked.is_some_and(|(other, wanted, at)| {
                other == asked_by && other != by && wanted == level && self.at.0 - at.0 <= AGREE_WITHIN_MICROSECONDS
            });
            holds(agreed, || format!("entry {seq}: one person alone raised a rung"))?;
        }
        self.ladder.set(rung, level);
        Ok(())
    }
}

fn named(rung: &Rung) -> String {
    format!("{} {} {}", rung.playbook, rung.verb, rung.scope)
}

fn about_case(kept: &mut Kept, what: What) -> Result<(), String> {
    match what {
        What::Verdict { verdict, about, sampled, .. } => {
            holds((about, sampled) == (kept.worst, kept.sampled), || format!("a verdict on entry {about}, not the worst"))?;
            kept.review = false;
            kept.status = match verdict {
                Verdict::Close => Status::ClosedByPerson,
                Verdict::Reopen => Status::Open,
                Verdict::Escalate => Status::Escalated,
            };
        }
        What::Assigned { to } => kept.assignee = to,
        What::Reconsidered { is, .. } => {
            kept.outcome = kept.outcome.max(is);
            kept.review = true;
            if matches!(kept.status, Status::ClosedItself | Status::ClosedByPerson) {
                kept.status = Status::Open;
            }
        }
        what if what.raises(kept.status) => {
            kept.outcome = kept.outcome.max(Outcome::Escalate);
            if matches!(kept.status, Status::ClosedItself | Status::ClosedByPerson) {
                kept.status = Status::Open;
            }
        }
        _ => {}
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
