//! Scores a row under a playbook: the sum of the points of the signals that fired.
//!
//! Every signal ends in one of four states, and the score is exactly the sum of what the reasons and the
//! families' caps say. A signal never takes points away: what makes an alert harmless is part of a
//! condition, or an exception that is shown.

use adjutant_model::decision::Reason;
use adjutant_model::{Row, SignalState, Time};
use adjutant_rules::lang::Truth;
use adjutant_rules::playbook::{Effect, Playbook};

/// A playbook's score of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// The sum.
    pub points: i32,
    /// Every signal, in the playbook's order.
    pub reasons: Vec<Reason>,
    /// What the families' caps took off: (family, points, negative).
    pub caps: Vec<(u16, i32)>,
    /// How many families gave points.
    pub families: u32,
}

/// Scores `row`; exceptions that expired before `now` do not apply.
pub fn score(playbook: &Playbook, row: &Row, now: Time) -> Score {
    let reasons: Vec<Reason> = playbook.signals.iter().enumerate().map(|(index, _)| reason(playbook, index, row, now)).collect();
    let mut score = Score { reasons, ..Score::default() };
    for (index, family) in playbook.families.iter().enumerate() {
        let sum: i32 = members(playbook, &score.reasons, index).fold(0, i32::saturating_add);
        let given = sum.min(family.cap);
        if given < sum {
            score.caps.push((index as u16, given - sum));
        }
        score.points = score.points.saturating_add(given);
        score.families += u32::from(given > 0);
    }
    score
}

fn members<'a>(playbook: &'a Playbook, reasons: &'a [Reason], family: usize) -> impl Iterator<Item = i32> + 'a {
    let of_family = move |signal: &adjutant_rules::playbook::Signal| usize::from(signal.family) == family;
    playbook.signals.iter().zip(reasons).filter(move |(signal, _)| of_family(signal)).map(|(_, reason)| reason.points)
}

fn reason(playbook: &Playbook, index: usize, row: &Row, now: Time) -> Reason {
    let Some(signal) = playbook.signals.get(index) else {
        return Reason { state: SignalState::Silent, points: 0, muted_by: None };
    };
    let (state, points) = match signal.when.truth(row) {
        Truth::False => return Reason { state: SignalState::Silent, points: 0, muted_by: None },
        Truth::True => (SignalState::Fired, signal.points),
        Truth::Unknown(_) => (SignalState::Unknown, signal.unknown),
    };
    match muted_by(playbook, index, row, now) {
        Some(exception) => Reason { state: SignalState::Muted, points: 0, muted_by: Some(exception) },
        None => Reason { state, points, muted_by: None },
    }
}

fn muted_by(playbook: &Playbook, signal: usize, row: &Row, now: Time) -> Option<u16> {
    let mutes = |effect: &Effect| matches!(effect, Effect::Mute(muted) if usize::from(*muted) == signal);
    exception(playbook, row, now, mutes)
}

/// The first exception in force whose effect is `wanted`.
pub(crate) fn exception(playbook: &Playbook, row: &Row, now: Time, wanted: impl Fn(&Effect) -> bool) -> Option<u16> {
    let in_force = |exception: &adjutant_rules::playbook::Exception| {
        wanted(&exception.effect) && now < exception.expires && exception.when.truth(row) == Truth::True
    };
    playbook.exceptions.iter().position(in_force).map(|index| index as u16)
}
