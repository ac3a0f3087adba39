//! One decision as bytes: the alert with its facts, what was decided, and where its raw bytes are.

use super::bytes::{Damaged, Put, Take};
use super::row::{SlotMap, put_row, take_row};
use adjutant_model::decision::{Guard, Link, Reason, Relation};
use adjutant_model::{
    Alert, Autonomy, CaseId, Decision, Digest, Outcome, Place, Problem, Revision, Row, SignalState, Slot, SourceId,
};

/// One decision with everything that led to it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The alert, its row filled with the facts as they were.
    pub alert: Alert,
    /// What was decided.
    pub decision: Decision,
    /// What could not be read of the alert.
    pub problems: Vec<Problem>,
    /// The number of its raw record in the block of raw records that was written with it.
    pub raw: u32,
    /// Whether the same bytes arrived before.
    pub duplicate: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Self { alert: Alert::default(), decision: no_decision(), problems: Vec::new(), raw: 0, duplicate: false }
    }
}

fn no_decision() -> Decision {
    Decision::undecided(Digest::default())
}

/// A decision to keep, with the bytes that its alert was read from.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// The alert as it came.
    pub raw: &'a [u8],
    /// The alert, its row filled with the facts.
    pub alert: &'a Alert,
    /// What was decided.
    pub decision: &'a Decision,
    /// What could not be read of the alert.
    pub problems: &'a [Problem],
    /// Whether the same bytes arrived before.
    pub duplicate: bool,
}

/// Bits of the byte before a decision: the same bytes arrived before, and it was decided before, so often as the next number
/// says.
const DUPLICATE: u8 = 1;
const AGAIN: u8 = 2;

/// Appends one entry to `out`, preceded by its length. The book is said once for all by whoever keeps the entries.
pub(crate) fn put_entry(out: &mut Vec<u8>, keep: &Keep<'_>, raw: u32) {
    let Keep { alert, decision, problems, .. } = keep;
    let start = out.len();
    out.put_slice(&[0; 4]);
    put_alert(out, alert, raw);
    let again = decision.again > 0;
    out.put_byte(u8::from(keep.duplicate) | if again { AGAIN } else { 0 });
    if again {
        out.put_uint(decision.again.into());
    }
    put_decision(out, decision);
    out.put_uint(problems.len() as u64);
    for text in problems.iter().flat_map(|problem| [&problem.code, &problem.field, &problem.detail]) {
        out.put_bytes(text.as_bytes());
    }
    put_row(out, &alert.row);
    let len = u32::try_from(out.len() - start - 4).expect("an entry is smaller than 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

fn put_alert(out: &mut Vec<u8>, alert: &Alert, raw: u32) {
    out.put_slice(&alert.digest.0);
    out.put_uint(alert.source.0.into());
    out.put_uint(alert.place.input.into());
    out.put_uint(alert.place.line);
    out.put_uint(raw.into());
}

fn put_decision(out: &mut Vec<u8>, decision: &Decision) {
    out.put_slice(&decision.case.0);
    out.put_uint(decision.revision.0.into());
    out.put_uint(decision.playbook.into());
    out.put_byte(decision.outcome as u8);
    out.put_byte(decision.autonomy as u8);
    out.put_int(decision.score.into());
    out.put_option(decision.held_by);
    out.put_uint(decision.links.len() as u64);
    for Link { strong, case, relation } in &decision.links {
        out.put_slice(&strong.0);
        out.put_slice(&case.0);
        out.put_byte(*relation as u8);
    }
    out.put_uint(decision.reasons.len() as u64);
    for reason in &decision.reasons {
        out.put_byte(reason.state as u8);
        out.put_int(reason.points.into());
        out.put_option(reason.muted_by);
    }
    out.put_uint(decision.caps.len() as u64);
    for (family, points) in &decision.caps {
        out.put_uint((*family).into());
        out.put_int((*points).into());
    }
    out.put_uint(decision.guards.len() as u64);
    for guard in &decision.guards {
        match guard {
            Guard::NeverClose => out.put_byte(0),
            Guard::NeverCloseUnknown => out.put_byte(1),
            Guard::NeedUnknown(slot) => {
                out.put_byte(2);
                out.put_uint(slot.index() as u64);
            }
        }
    }
}

/// Passes over one entry; returns its bytes.
pub(crate) fn skip_entry<'a>(from: &mut Take<'a>) -> Result<&'a [u8], Damaged> {
    let len = u32::from_le_bytes(from.array()?);
    from.slice(len as usize)
}

/// Takes one entry into `entry`, its row in the slots that `map` says, decided by `book`.
pub(crate) fn take_entry(bytes: &[u8], book: Digest, map: &SlotMap, entry: &mut Entry) -> Result<(), Damaged> {
    let mut from = take_decided(bytes, book, entry)?;
    entry.problems.clear();
    for _ in 0..from.count()? {
        let (code, field, detail) = (from.text()?.into(), from.text()?.into(), from.text()?.into());
        entry.problems.push(Problem { code, field, detail });
    }
    take_row(&mut from, map, &mut entry.alert.row)
}

/// Takes the decision into `entry`, and leaves the problems and facts of its alert; returns those.
pub(crate) fn take_decided<'a>(bytes: &'a [u8], book: Digest, entry: &mut Entry) -> Result<Take<'a>, Damaged> {
    let mut from = Take(bytes);
    take_alert(&mut from, entry)?;
    let marks = from.byte()?;
    entry.duplicate = marks & DUPLICATE != 0;
    entry.decision.again = if marks & AGAIN == 0 { 0 } else { from.small()? };
    take_decision(&mut from, &mut entry.decision)?;
    entry.decision.alert = entry.alert.id();
    entry.decision.book = book;
    Ok(from)
}

/// Takes the facts that [`take_decided`] left into `row`.
pub(crate) fn take_facts(mut from: Take<'_>, map: &SlotMap, row: &mut Row) -> Result<(), Damaged> {
    for _ in 0..from.count()? {
        (0..3).try_for_each(|_| from.bytes().map(|_| ()))?;
    }
    take_row(&mut from, map, row)
}

fn take_alert(from: &mut Take<'_>, entry: &mut Entry) -> Result<(), Damaged> {
    entry.alert.digest = Digest(from.array()?);
    entry.alert.source = SourceId(from.small()?);
    entry.alert.place = Place { input: from.small()?, line: from.uint()? };
    entry.raw = from.small()?;
    Ok(())
}

fn take_decision(from: &mut Take<'_>, decision: &mut Decision) -> Result<(), Damaged> {
    decision.case = CaseId(from.array()?);
    decision.revision = Revision(from.small()?);
    decision.playbook = from.small()?;
    decision.outcome = Outcome::from_code(from.byte()?).ok_or(Damaged)?;
    decision.autonomy = autonomy(from.byte()?)?;
    decision.score = points(from)?;
    decision.held_by = from.option()?;
    decision.links.clear();
    for _ in 0..from.count()? {
        let (strong, case) = (CaseId(from.array()?), CaseId(from.array()?));
        decision.links.push(Link { strong, case, relation: relation(from.byte()?)? });
    }
    decision.reasons.clear();
    for _ in 0..from.count()? {
        decision.reasons.push(Reason { state: state(from.byte()?)?, points: points(from)?, muted_by: from.option()? });
    }
    decision.caps.clear();
    for _ in 0..from.count()? {
        decision.caps.push((from.small()?, points(from)?));
    }
    decision.guards.clear();
    for _ in 0..from.count()? {
        decision.guards.push(match from.byte()? {
            0 => Guard::NeverClose,
            1 => Guard::NeverCloseUnknown,
            2 => Guard::NeedUnknown(Slot::new(from.small()?)),
            _ => return Err(Damaged),
        });
    }
    Ok(())
}

fn points(from: &mut Take<'_>) -> Result<i32, Damaged> {
    i32::try_from(from.int()?).map_err(|_| Damaged)
}

fn relation(code: u8) -> Result<Relation, Damaged> {
    const ALL: [Relation; 2] = [Relation::Near, Relation::Before];
    ALL.get(usize::from(code)).copied().ok_or(Damaged)
}

fn autonomy(code: u8) -> Result<Autonomy, Damaged> {
    const ALL: [Autonomy; 4] = [Autonomy::Observe, Autonomy::Recommend, Autonomy::Ask, Autonomy::Act];
    ALL.get(usize::from(code)).copied().ok_or(Damaged)
}

fn state(code: u8) -> Result<SignalState, Damaged> {
    const ALL: [SignalState; 4] = [SignalState::Fired, SignalState::Silent, SignalState::Unknown, SignalState::Muted];
    ALL.get(usize::from(code)).copied().ok_or(Damaged)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::archive::row::names;
    use adjutant_model::schema::slots;
    use adjutant_model::{Origin, Row, Schema};

    /// An entry that has a little of everything; `number` makes it different from others.
    pub(in crate::archive) fn sample(schema: &Schema, number: u64) -> Entry {
        let mut row = Row::new(schema.len());
        row.set_text(slots::USER_NAME, &format!("user-{number}"), Origin::Raw(3));
        let digest = Digest::of(&number.to_le_bytes());
        let alert = Alert { digest, source: SourceId(2), place: Place { input: 1, line: number }, row };
        let reason = |state, points, muted_by| Reason { state, points, muted_by };
        let decision = Decision {
            alert: alert.id(),
            case: CaseId(Digest::of(b"case").prefix()),
            revision: Revision(4),
            again: u32::from(number == 5),
            links: [Relation::Near, Relation::Before]
                .map(|relation| Link { strong: CaseId(Digest::of(b"case").prefix()), case: CaseId::default(), relation })
                .into(),
            playbook: 300,
            outcome: Outcome::Respond,
            score: -7,
            reasons: vec![
                reason(SignalState::Fired, 30, None),
                reason(SignalState::Muted, -1, Some(0)),
                reason(SignalState::Unknown, 5, None),
            ],
            caps: vec![(1, -10)],
            guards: vec![Guard::NeverClose, Guard::NeverCloseUnknown, Guard::NeedUnknown(slots::SRC_GEO)],
            held_by: Some(9),
            autonomy: Autonomy::Ask,
            ..no_decision()
        };
        let problem = Problem { code: "time-inferred".into(), field: "alert.time".into(), detail: "no year".into() };
        Entry { alert, decision, problems: vec![problem], raw: 17, duplicate: true }
    }

    pub(in crate::archive) fn keep<'a>(entry: &'a Entry, raw: &'a [u8]) -> Keep<'a> {
        Keep { raw, alert: &entry.alert, decision: &entry.decision, problems: &entry.problems, duplicate: entry.duplicate }
    }

    #[test]
    fn an_entry_comes_back() {
        let schema = Schema::built_in();
        let entry = sample(&schema, 5);
        let mut bytes = Vec::new();
        put_entry(&mut bytes, &keep(&entry, b""), entry.raw);
        let map = SlotMap::new(&names(&schema), &schema);
        let mut back = Entry::default();
        let body = skip_entry(&mut Take(&bytes)).unwrap();
        assert_eq!(take_entry(body, Digest::default(), &map, &mut back), Ok(()));
        assert_eq!(format!("{back:?}"), format!("{entry:?}"));
        for len in 0..body.len() {
            assert_eq!(take_entry(&body[..len], Digest::default(), &map, &mut back), Err(Damaged), "cut to {len}");
        }
    }
}
