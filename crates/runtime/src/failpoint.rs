//! Places where a test ends the process as a power cut would. Without the feature `failpoints` there are none.
//!
//! `FAIL_AT=LABEL:N` (no setting, so not one of ours by name) ends it when `LABEL` is reached for the `N`th time; nothing is flushed, closed or answered.

/// Ends the process here, if a test asked for it.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reach(_label: &str) {}

/// Ends the process here, if a test asked for it.
#[cfg(feature = "failpoints")]
pub fn reach(label: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static REACHED: AtomicU64 = AtomicU64::new(0);
    if let Some((wanted, nth)) = asked().filter(|(wanted, _)| wanted == label)
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        eprintln!("adjutant: ended at `{wanted}`, the time number {nth}");
        std::process::abort();
    }
}

#[cfg(feature = "failpoints")]
fn asked() -> Option<&'static (String, u64)> {
    use std::sync::OnceLock;
    static ASKED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a test says so from outside, where there are no other means")]
    fn read() -> Option<(String, u64)> {
        let text = std::env::var("FAIL_AT").ok()?;
        let (label, nth) = text.split_once(':')?;
        Some((label.to_owned(), nth.parse().ok()?))
    }
    ASKED.get_or_init(read).as_ref()
}
