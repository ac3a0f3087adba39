//! What a message asks for, by lists of words that anybody can read: `lists/cues.txt`.
//!
//! A cue is a fact with its words and language, not a verdict. Honest mail uses most of these words, too; what they are
//! worth beside a sender and a link is the book's to say.

use crate::finding::{Aspect, KNOWN, Notes};
use crate::message::Headers;
use crate::names::{brands_in, is_invisible, looks_ascii, mixes_scripts};
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A phrase with what it stands for.
struct Cue {
    topic: &'static str,
    language: &'static str,
}

struct Cues {
    phrases: AhoCorasick,
    cues: Vec<Cue>,
}

static CUES: LazyLock<Option<Cues>> = LazyLock::new(|| {
    let (mut phrases, mut cues, mut topic, mut language) = (Vec::new(), Vec::new(), "", "");
    for line in include_str!("../lists/cues.txt").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(heading) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let (named, spoken) = heading.split_once(' ').unwrap_or((heading, ""));
            topic = KNOWN.iter().find(|known| known.0 == Aspect::Content && known.1 == named).map_or("", |known| known.1);
            language = spoken;
        } else {
            phrases.push(line);
            cues.push(Cue { topic, language });
        }
    }
    let phrases = AhoCorasick::builder().match_kind(MatchKind::Standard).build(phrases).ok()?;
    Some(Cues { phrases, cues })
});

/// The words found, by topic: each different phrase once, with its language.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found(BTreeMap<&'static str, Vec<String>>);

impl Found {
    /// How many different phrases of `topic` were found.
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.0.get(topic).map_or(0, Vec::len)
    }

    /// Topics of which several different phrases were found.
    pub(crate) fn insists(&self) -> Vec<&'static str> {
        self.0.iter().filter(|(_, words)| words.len() > 1).map(|(topic, _)| *topic).collect()
    }
}

/// Text as cues are looked for in it: lower case, one space between words, no invisible characters, and look-alike
/// letters as what they look like.
pub(crate) fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        if word.is_ascii() {
            out.extend(word.chars().map(|c| c.to_ascii_lowercase()));
            continue;
        }
        let plain: String = word.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).map(straight).collect();
        out.push_str(&if mixes_scripts(&plain) { looks_ascii(&plain) } else { plain });
    }
    out
}

/// A typographic apostrophe or hyphen as the one on a keyboard.
const fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{b4}' => '\'',
        '\u{2010}'..='\u{2014}' => '-',
        other => other,
    }
}

/// Finds the cues in `text`, which is [`normalized`].
pub(crate) fn cues(text: &str) -> Found {
    let mut found = Found::default();
    let Some(cues) = CUES.as_ref() else { return found };
    for matched in cues.phrases.find_overlapping_iter(text) {
        let whole = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        let before = text.get(..matched.start()).and_then(|text| text.chars().next_back());
        let after = text.get(matched.end()..).and_then(|text| text.chars().next());
        let Some(cue) = cues.cues.get(matched.pattern().as_usize()).filter(|_| whole(before) && whole(after)) else { continue };
        let phrase = text.get(matched.range()).unwrap_or("");
        let words = found.0.entry(cue.topic).or_default();
        let told = format!("{phrase} ({})", cue.language);
        if words.len() < 20 && !words.iter().any(|known| known.starts_with(phrase)) {
            words.push(told);
        }
    }
    found
}

/// Notes what the text and the subject ask for.
pub(crate) fn find(found: &Found, subject: &Found, place: &str, notes: &mut Notes) {
    for (topic, words) in found.0.iter().chain(&subject.0) {
        notes.find(Aspect::Content, topic, &words.join(", "), place);
    }
    const LURES: [&str; 10] =
        ["credential", "threat", "prize", "delivery", "mailbox", "document", "payment", "refund", "subscription", "invoice"];
    if let Some(lure) = LURES.iter().find(|lure| subject.count(lure) > 0) {
        notes.find(Aspect::Content, "lure-subject", lure, "subject");
    }
}

/// What stands in the subject beside its words.
pub(crate) fn subject(headers: &Headers, notes: &mut Notes) {
    let Some(subject) = headers.subject.as_deref().map(str::trim) else { return };
    let mut note = |name, value: &str| notes.find(Aspect::Content, name, value, "subject");
    if let Some(token) = subject.split_whitespace().next_back().filter(|word| is_token(word)) {
        note("subject-token", token);
    }
    let lower = subject.to_lowercase();
    if headers.to.iter().any(|to| to.address.contains('@') && lower.contains(&to.address)) {
        note("subject-recipient", subject);
    }
    let symbols = subject.chars().filter(|c| is_symbol(*c)).count();
    let spaced = subject.split(' ').filter(|word| word.chars().count() == 1).count() >= 6;
    if symbols >= 1 || spaced {
        note("subject-decorated", subject);
    }
}

/// A word that is a number or code: at least two digits and six characters, such as `#8F21-A93`.
fn is_token(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = inner.chars().filter(char::is_ascii_digit).count();
    let plain = inner.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    plain && inner.len() >= 6 && digits >= 2 && crate::names::is_random(inner) || inner.len() >= 8 && digits == inner.len()
}

/// Pictures and bold or circled letters, which honest senders rarely put into a subject.
const fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2460}'..='\u{24ff}' | '\u{2190}'..='\u{21ff}' | '\u{2580}'..='\u{25ff}')
}

/// Brands that the beginning of the text or the subject speaks of, and that are not the sender's.
pub(crate) fn brands(text: &str, subject: &str, sender: &str, notes: &mut Notes) {
    const BEGINNING: usize = 2_000;
    let beginning = text.get(..text.floor_char_boundary(BEGINNING)).unwrap_or("");
    for (part, place) in [(subject, "subject"), (beginning, "text")] {
        let named = brands_in(part);
        if named.iter().any(|brand| brand.owns(sender)) {
            continue;
        }
        for brand in named.iter().filter(|brand| brand.is_distinct()).take(5) {
            notes.find(Aspect::Content, "brand", brand.name, place);
        }
    }
}

/// A telephone number, or a wallet's address.
pub(crate) fn numbers(text: &str, has_links: bool, notes: &mut Notes) {
    if let Some(number) = telephone(text).filter(|_| !has_links) {
        notes.find(Aspect::Content, "phone", &number, "text");
    }
    if let Some(wallet) = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_wallet(word)) {
        notes.find(Aspect::Content, "wallet", wallet, "text");
    }
}

/// The first run of nine to fifteen digits that is written like a telephone number.
fn telephone(text: &str) -> Option<String> {
    const SEPARATORS: [char; 7] = [' ', '-', '.', '(', ')', '/', '_'];
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_digit() || (c == '+' && run.is_empty()) || (!run.is_empty() && SEPARATORS.contains(&c)) {
            run.push(c);
            continue;
        }
        let digits = run.chars().filter(char::is_ascii_digit).count();
        let grouped = run.trim_end().contains(SEPARATORS) || run.starts_with('+');
        if (9..=15).contains(&digits) && grouped {
            return Some(run.trim().to_owned());
        }
        run.clear();
    }
    None
}

/// A Bitcoin or Ethereum address by its form; text is in lower case by then, so only form counts.
fn is_wallet(word: &str) -> bool {
    let bech32 = word.starts_with("bc1") && (39..=62).contains(&word.len());
    let legacy = (word.starts_with('1') || word.starts_with('3'))
        && (30..=35).contains(&word.len())
        && !word.bytes().all(|byte| byte.is_ascii_digit())
        && !word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ether =
        word.strip_prefix("0x").is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    bech32 || legacy || ether
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_of_the_list_is_known() {
        let cues = CUES.as_ref().unwrap();
        assert!(cues.cues.len() > 500 && cues.cues.iter().all(|cue| !cue.topic.is_empty() && cue.language.len() == 2));
    }

    #[test]
    fn phrases_count_as_whole_words() {
        let found = cues(&normalized("Please  VERIFY your\n account, or it w\u{200b}ill be deleted. Urgently."));
        assert_eq!((found.count("credential"), found.count("threat"), found.count("urgency")), (1, 1, 1));
        assert_eq!(cues("an unverified verify your accounting").count("credential"), 0);
    }

    #[test]
    fn numbers_to_call() {
        assert_eq!(telephone("call +1 (888) 555-0142 now").as_deref(), Some("+1 (888) 555-0142"));
        assert_eq!(telephone("order 123456789012345678"), None);
        assert_eq!(telephone("on 2024-01-02"), None);
    }
}
