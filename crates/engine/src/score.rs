//! Scores a row under a playbook: the sum of the points of the signals that fired.
//!
//! Every signal ends in one of four states, and the score is exactly the sum of what the reasons and the
//! families' caps say. A signal never takes points away: what makes an alert harmless is part of a
//! condition, or an exception that is shown.

use adjutant_model::decision::Reason;
use adjutant_model::{SignalState, Time};
use adjutant_rules::lang::{Judging, Truth};
use adjutant_rules::playbook::{Effect, Playbook, Signal};

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

/// Scores a row; exceptions that expired before `now` do not apply. Reasons and caps are made in the memory given.
pub fn score<'r>(
    playbook: &'r Playbook,
    judging: &mut Judging<'r>,
    now: Time,
    (mut reasons, caps): (Vec<Reason>, Vec<(u16, i32)>),
) -> Score {
    reasons.clear();
    reasons.extend(playbook.signals.iter().enumerate().map(|(index, signal)| judged(playbook, index, signal, judging, now)));
    total(playbook, reasons, caps)
}

/// The score that `reasons`, one for each signal, come to.
pub(crate) fn total(playbook: &Playbook, reasons: Vec<Reason>, mut caps: Vec<(u16, i32)>) -> Score {
    // First what each family adds, then only what its cap takes off.
    sums(playbook, &reasons, &mut caps);
    let (mut points, mut families) = (0_i32, 0);
    caps.retain_mut(|(family, sum)| {
        let cap = playbook.families.get(usize::from(*family)).map_or(*sum, |family| family.cap);
        let given = cap.min(*sum);
        points = points.saturating_add(given);
        families += u32::from(given > 0);
        *sum = given.saturating_sub(*sum);
        *sum < 0
    });
    Score { points, reasons, caps, families }
}

/// What the signals of each family add together, in the order of the families.
fn sums(playbook: &Playbook, reasons: &[Reason], sums: &mut Vec<(u16, i32)>) {
    sums.clear();
    let points = playbook.signals.iter().zip(reasons).filter(|(_, reason)| reason.points != 0);
    for (family, points) in points.map(|(signal, reason)| (signal.family, reason.points)) {
        match sums.iter_mut().find(|(known, _)| *known == family) {
            Some((_, sum)) => *sum = sum.saturating_add(points),
            None => sums.push((family, points)),
        }
    }
    sums.sort_unstable();
}

/// What the signal with this number says.
pub(crate) fn judged<'r>(
    playbook: &'r Playbook,
    index: usize,
    signal: &'r Signal,
    judging: &mut Judging<'r>,
    now: Time,
) -> Reason {
    match judging.truth(&signal.when) {
        Truth::False => Reason { state: SignalState::Silent, points: 0, muted_by: None },
        Truth::True => reason(playbook, index, judging, now, (SignalState::Fired, signal.points)),
        Truth::Unknown(_) => reason(playbook, index, judging, now, (SignalState::Unknown, signal.unknown)),
    }
}

/// What a signal that is not silent adds, unless an exception mutes it.
fn reason<'r>(
    playbook: &'r Playbook,
    index: usize,
    judging: &mut Judging<'r>,
    now: Time,
    (state, points): (SignalState, i32),
) -> Reason {
    let mutes = |effect: &Effect| matches!(effect, Effect::Mute(muted) if usize::from(*muted) == index);
    match exception(playbook, judging, now, mutes) {
        Some(exception) => Reason { state: SignalState::Muted, points: 0, muted_by: Some(exception) },
        None => Reason { state, points, muted_by: None },
    }
}

/// The first exception in force whose effect is `wanted`.
pub(crate) fn exception<'r>(
    playbook: &'r Playbook,
    judging: &mut Judging<'r>,
    now: Time,
    wanted: impl Fn(&Effect) -> bool,
) -> Option<u16> {
    let mut in_force = |exception: &'r adjutant_rules::playbook::Exception| {
        wanted(&exception.effect) && now < exception.expires && judging.truth(&exception.when) == Truth::True
    };
    playbook.exceptions.iter().position(&mut in_force).map(|index| index as u16)
}
