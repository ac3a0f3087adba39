//! A sketch of a message: messages that are nearly the same have nearly the same sketch.
//!
//! Of everything that a campaign keeps from copy to copy (words three by three, words of the subject, where links go, who sends, what
//! is attached) each falls into one of [`PLACES`] places, and each place keeps its least (one-permutation MinHash). The share of
//! places that agree estimates how much of two messages is the same. What changes from copy to copy (numbers, the recipient's
//! name, random tokens) is masked first. Neither subject nor sender alone makes two messages alike.

use crate::content::normalized;
use crate::message::Headers;
use crate::names::{is_random, registered};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Places of a sketch; each takes four hexadecimal digits.
pub const PLACES: usize = 32;

/// Words of the text that are looked at.
const WORDS_MAX: usize = 2_000;

/// A message of fewer features looks like too many others.
const FEATURES_MIN: usize = 8;

/// A place where links go weighs as much as so many triples of words.
const HOST_WEIGHT: u64 = 4;

/// What a sketch is made of.
pub(crate) struct Traits<'m> {
    pub(crate) headers: &'m Headers,
    pub(crate) visible: &'m str,
    pub(crate) hosts: &'m [String],
    pub(crate) sender_domain: &'m str,
    pub(crate) attachment_hashes: &'m [String],
}

/// The sketch, where there is enough to tell it from others.
pub(crate) fn sketch(traits: &Traits<'_>) -> Option<String> {
    let mut places = [u64::MAX; PLACES];
    let mut features = 0;
    let mut add = |kind: u8, parts: &[&str]| {
        let hash = mixed(parts.iter().fold(u64::from(kind), |hash, part| eaten(hash, part.as_bytes())));
        features += 1;
        if let Some(place) = places.get_mut((hash >> 59) as usize) {
            *place = (*place).min(hash);
        }
    };
    let own = names(traits.headers);
    let text = normalized(traits.visible);
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS_MAX).collect();
    let words: Vec<&str> = words.iter().map(|word| masked(word, &own)).collect();
    words.windows(3).for_each(|triple| add(b't', triple));
    let subject = normalized(traits.headers.subject.as_deref().unwrap_or(""));
    subject
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .for_each(|word| add(b's', &[masked(word, &own)]));
    let hosts: BTreeSet<&str> = traits.hosts.iter().map(|host| registered(host)).collect();
    for weight in 0..HOST_WEIGHT {
        let weight = weight.to_string();
        hosts.iter().for_each(|host| add(b'h', &[host, &weight]));
    }
    add(b'd', &[traits.sender_domain]);
    traits.attachment_hashes.iter().for_each(|hash| add(b'a', &[hash]));
    (features >= FEATURES_MIN).then(|| written(&filled(places)))
}

/// Parts of the recipients' addresses, which change from copy to copy.
fn names(headers: &Headers) -> BTreeSet<String> {
    let parts = headers.to.iter().flat_map(|to| to.address.split(|c: char| !c.is_alphanumeric()).chain(to.name.split(' ')));
    parts.filter(|part| part.len() > 1).map(str::to_lowercase).collect()
}

fn masked<'w>(word: &'w str, own: &BTreeSet<String>) -> &'w str {
    const LONG: usize = 24;
    if own.contains(word) {
        return "@";
    }
    if word.contains(|c: char| c.is_ascii_digit()) || word.len() > LONG || is_random(word) { "#" } else { word }
}

/// An empty place takes what the next one has that is not, so that short messages compare, too.
fn filled(places: [u64; PLACES]) -> [u16; PLACES] {
    let mut filled = [0; PLACES];
    for (at, place) in filled.iter_mut().enumerate() {
        let on = places.iter().cycle().skip(at).take(PLACES).enumerate().find(|(_, hash)| **hash != u64::MAX);
        *place = on.map_or(0, |(away, hash)| mixed(hash.wrapping_add(away as u64)) as u16);
    }
    filled
}

fn written(places: &[u16; PLACES]) -> String {
    places.iter().fold(String::with_capacity(PLACES * 4), |mut text, place| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{place:04x}");
        text
    })
}

/// FNV-1a, with an end of each part.
fn eaten(hash: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let start = hash ^ 0xcbf2_9ce4_8422_2325;
    bytes.iter().chain(&[0]).fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Spreads every bit over all (the finaliser of SplitMix64).
const fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use crate::facts;

    const LURE: &str = "your mailbox is almost full and messages will be returned to their senders unless you confirm the account \
        today please use the button below to keep your password and to release the held messages the help desk thanks you";

    fn sketched(from: &str, to: &str, subject: &str, text: &str) -> Option<String> {
        let raw =
            format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\n{text}\r\n");
        facts(raw.as_bytes()).sketch
    }

    /// Places of two sketches that agree, of a hundred.
    fn alike(one: &str, other: &str) -> usize {
        let places = |text: &str| text.as_bytes().chunks(4).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let same = places(one).iter().zip(places(other)).filter(|(one, other)| **one == *other).count();
        same * 100 / super::PLACES
    }

    #[test]
    fn copies_that_differ_in_what_copies_differ_in_are_the_same() {
        let link = "https://confirm.evil.example/a/k3j9d8s7f6";
        let one = sketched(
            "a@evil.example",
            "ana.gray@corp.example",
            "Mailbox of ana.gray 81 % full",
            &format!("Dear Ana,\n{LURE}\n{link}"),
        );
        let other = sketched(
            "b@evil.example",
            "bo.hill@corp.example",
            "Mailbox of bo.hill 97 % full",
            &format!("Dear Bo,\n{LURE}\n{link}x9"),
        );
        assert!(alike(&one.clone().unwrap(), &other.unwrap()) >= 90);
        let varied = sketched(
            "c@evil.example",
            "cy@corp.example",
            "Mailbox of cy 93 % full",
            &format!("Dear Cy,\n{} kindly\n{link}", LURE.replace("today", "now")),
        );
        assert!(alike(&one.unwrap(), &varied.unwrap()) >= 60);
    }

    #[test]
    fn a_subject_and_a_sender_alone_make_nothing_alike() {
        let one = sketched("news@shop.example", "ana@corp.example", "Your weekly news", LURE).unwrap();
        let other = "the quarterly report is attached as agreed in the meeting on monday please have a look at the figures of the \
            second table and tell me until thursday whether the totals are what you expected before it goes to the board";
        let other = sketched("news@shop.example", "ana@corp.example", "Your weekly news", other).unwrap();
        assert!(alike(&one, &other) < 50, "{}", alike(&one, &other));
        assert_eq!(sketched("a@b.example", "c@d.example", "Hi", "ok"), None, "too little to tell it from others");
    }

    #[test]
    fn the_same_bytes_always_give_the_same_sketch() {
        let sketch = sketched("a@evil.example", "ana@corp.example", "x", LURE).unwrap();
        assert_eq!((sketch.len(), sketched("a@evil.example", "ana@corp.example", "x", LURE)), (128, Some(sketch)));
    }
}
