//! A regular expression that remembers its latest answers.
//!
//! The same few names of rules, actions and groups come again and again, and a book asks dozens of patterns of each.
//! An answer is found again by a hash of 126 bits, so one text never gets another's. Safe to share: an entry that is
//! read while it is written fits no text.

use regex::Regex;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How large a compiled regular expression may become.
pub(super) const REGEX_BYTES_MAX: usize = 1 << 20;

/// Answers that one pattern remembers.
const ANSWERS: usize = 1024;

/// Of longer texts no answer is remembered. Scripts come again, too, where a tool runs the same one everywhere, and taking
/// the hash costs about as much as looking for two of a dozen patterns.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// A compiled pattern of a condition. Clones share what is remembered.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    answers: Arc<[Answer]>,
}

/// The hash of a text, of which the last bit is the answer. Zero until something is remembered.
#[derive(Debug, Default)]
struct Answer {
    high: AtomicU64,
    low: AtomicU64,
}

/// What a text is found again by; its last bit is left for the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash {
    high: u64,
    low: u64,
}

impl Hash {
    /// The hash of `text`; none of a long one.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut hasher = SipHasher13::new();
        hasher.write(text.as_bytes());
        let hash = hasher.finish128();
        Some(Self { high: hash.h1 | 1, low: hash.h2 & !1 })
    }
}

impl Pattern {
    pub(super) fn new(regex: Regex) -> Self {
        Self { regex, answers: (0..ANSWERS).map(|_| Answer::default()).collect() }
    }

    /// The pattern that is found where either is; `None` when it would be too large.
    pub(super) fn or(&self, other: &Self) -> Option<Self> {
        let either = format!("(?:{})|(?:{})", self.regex.as_str(), other.regex.as_str());
        regex::RegexBuilder::new(&either).size_limit(REGEX_BYTES_MAX).build().ok().map(Self::new)
    }

    /// Whether the pattern is found in `text`.
    #[cfg(test)]
    fn is_match(&self, text: &str) -> bool {
        self.is_found(text, Hash::of(text))
    }

    /// Whether the pattern is found in `text`, which has this hash.
    pub(super) fn is_found(&self, text: &str, hash: Option<Hash>) -> bool {
        let Some(Hash { high, low }) = hash else { return self.regex.is_match(text) };
        let Some(answer) = self.answers.get((high >> 32) as usize % ANSWERS) else { return self.regex.is_match(text) };
        let remembered = answer.low.load(Relaxed);
        if answer.high.load(Relaxed) == high && remembered & !1 == low {
            return remembered & 1 == 1;
        }
        let found = self.regex.is_match(text);
        answer.high.store(high, Relaxed);
        answer.low.store(low | u64::from(found), Relaxed);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_is_found_where_one_is() {
        let pattern = |text: &str| Pattern::new(Regex::new(text).expect("a pattern"));
        let either = pattern("(?i)^delete").or(&pattern("a|b$")).expect("small enough");
        for text in ["DELETE x", "xDelete", "xa", "xb", "bx", "A", ""] {
            let one = pattern("(?i)^delete").is_match(text) || pattern("a|b$").is_match(text);
            assert_eq!(either.is_match(text), one, "{text}");
        }
    }

    #[test]
    fn answers_the_same_whatever_came_before() {
        let regex = Regex::new("(?i)delet|^a[0-9]*7$").expect("a pattern");
        let pattern = Pattern::new(regex.clone());
        let long = "x".repeat(TEXT_BYTES_MAX);
        for round in 0..3 {
            for number in 0..5_000 {
                let text = format!("a{}", number * (round + 1));
                assert_eq!(pattern.is_match(&text), regex.is_match(&text), "{text}");
            }
            for text in ["", "DeleteTrail", "a7", &long, &format!("{long}delete")] {
                assert_eq!(pattern.is_match(text), regex.is_match(text), "{text}");
            }
        }
    }
}
