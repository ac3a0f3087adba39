//! Until when an answer is waited for.

use std::time::{Duration, Instant};

/// The time so long from now.
#[expect(clippy::disallowed_methods, reason = "how long an answer takes in all; nothing that decides sees it")]
pub(crate) fn from_now(span: Duration) -> Instant {
    Instant::now() + span
}

/// How long it is until then; zero when that has passed.
#[expect(clippy::disallowed_methods, reason = "how long an answer takes in all; nothing that decides sees it")]
pub(crate) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
