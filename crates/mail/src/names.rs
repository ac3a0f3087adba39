//! Names of people, domains and brands, and how alike they look.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use unicode_security::skeleton;

/// A mailbox: the name shown and the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) name: String,
    /// In lower case.
    pub(crate) address: String,
}

const NAME_BYTES_MAX: usize = 1 << 10;

impl Mailbox {
    pub(crate) fn new(name: &str, address: &str) -> Self {
        let cut = |text: &str| text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or("").trim().to_owned();
        Self { name: cut(name), address: cut(address.trim().trim_matches(['<', '>'])).to_lowercase() }
    }

    /// What stands after the `@`; empty when nothing does.
    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches('.'))
    }

    /// What stands before the `@`.
    pub(crate) fn local(&self) -> &str {
        self.address.rsplit_once('@').map_or(self.address.as_str(), |(local, _)| local)
    }
}

/// The registered domain of `host`, which is in lower case; the host itself when it has none.
pub(crate) fn registered(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    psl::domain_str(host).unwrap_or(host)
}

/// The registered domain's own label: `example` of `mail.example.co.uk`.
pub(crate) fn own_label(host: &str) -> &str {
    registered(host).split('.').next().unwrap_or("")
}

/// How many labels stand below the registered domain.
pub(crate) fn depth(host: &str) -> usize {
    let below = host.trim_end_matches('.').strip_suffix(registered(host)).unwrap_or("");
    below.split('.').filter(|label| !label.is_empty()).count()
}

/// `host` with its encoded labels decoded.
pub(crate) fn decoded(host: &str) -> String {
    idna::domain_to_unicode(host).0
}

/// What `text` looks like: letters that look alike become the same.
pub(crate) fn looks(text: &str) -> String {
    // Two letters that together look like one are what the table of confusables does not have the other way around.
    skeleton(text).collect::<String>().to_lowercase().replace("vv", "w").replace("cl", "d")
}

/// `text` with letters of other scripts that look like Latin ones as those.
pub(crate) fn looks_ascii(text: &str) -> String {
    let latin = |c: char| {
        let mut shape = skeleton(c.encode_utf8(&mut [0; 4])).collect::<Vec<char>>().into_iter();
        match (shape.next(), shape.next()) {
            (Some(one), None) if one.is_ascii_alphanumeric() => one.to_ascii_lowercase(),
            _ => c,
        }
    };
    text.chars().map(|c| if c.is_ascii() { c } else { latin(c) }).collect()
}

/// Whether `label` is not `real` and looks like it: the same shape, or one letter added, removed, changed or swapped.
pub(crate) fn is_lookalike(label: &str, real: &str, letters_min: usize) -> bool {
    is_alike((label, &looks(label)), (real, &looks(real)), letters_min)
}

/// The same of names with what they look like.
fn is_alike((label, shape): (&str, &str), (real, real_shape): (&str, &str), letters_min: usize) -> bool {
    const LETTERS_MAX: usize = 63;
    let (length, other) = (label.chars().count(), real.chars().count());
    if label == real || other < letters_min || length > LETTERS_MAX || length.abs_diff(other) > 2 {
        return false;
    }
    // One letter apart, two names begin alike or end alike; most do neither, and need no table of distances.
    let near = || label.chars().next() == real.chars().next() || label.chars().next_back() == real.chars().next_back();
    shape == real_shape || length.abs_diff(other) <= 1 && near() && strsim::osa_distance(label, real) == 1
}

/// Whether letters of more than one script that look alike stand in one word.
pub(crate) fn mixes_scripts(word: &str) -> bool {
    let latin = word.chars().any(|c| c.is_ascii_alphabetic());
    let other = word.chars().any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{1d400}'..='\u{1d7ff}'));
    latin && other
}

/// Characters that show nothing.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{180e}' | '\u{e0000}'..='\u{e01ef}')
}

/// Characters that turn the direction of writing around.
pub(crate) const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a name looks made by a program: long runs of consonants, digits between letters, hexadecimal, pairs of letters that
/// no language has, or a part without a vowel.
pub(crate) fn is_random(name: &str) -> bool {
    const SHORT: usize = 7;
    const VOWELLESS: usize = 4;
    let parts = || name.split(['-', '.', '_']);
    let letters: Vec<char> = parts().flat_map(str::chars).map(|c| c.to_ascii_lowercase()).collect();
    if letters.len() < SHORT || !letters.iter().all(char::is_ascii_alphanumeric) {
        return false;
    }
    let digits = letters.iter().filter(|c| c.is_ascii_digit()).count();
    let turns = letters.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit())).count();
    let hexadecimal = letters.len() >= 12 && digits >= 3 && letters.iter().all(char::is_ascii_hexdigit);
    let strange = letters.windows(2).filter(|pair| matches!(pair, [a, b] if is_strange(*a, *b))).count();
    let vowelless = |part: &str| {
        part.len() >= VOWELLESS
            && !ABBREVIATIONS.contains(&part)
            && part.chars().all(|c| c.is_ascii_alphabetic() && is_consonant(c))
    };
    hexadecimal
        || turns >= 4
        || longest_run(&letters) >= 6
        || digits >= 8 && digits < letters.len()
        || strange >= 2
        || parts().any(vowelless)
}

/// Parts without a vowel that people write.
const ABBREVIATIONS: [&str; 12] =
    ["smtp", "smtps", "html", "http", "https", "mgmt", "nntp", "sftp", "mtls", "grpc", "wlan", "ldbv"];

fn is_consonant(c: char) -> bool {
    c.is_ascii_alphabetic() && !matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// Two letters that hardly any language puts side by side: one of the rare ones beside a consonant.
fn is_strange(a: char, b: char) -> bool {
    const ORDINARY: [(char, char); 12] = [
        ('t', 'z'),
        ('n', 'z'),
        ('r', 'z'),
        ('s', 'z'),
        ('c', 'z'),
        ('l', 'z'),
        ('z', 'z'),
        ('z', 'k'),
        ('z', 'n'),
        ('n', 'j'),
        ('d', 'j'),
        ('n', 'x'),
    ];
    let rare = |c: char| matches!(c, 'j' | 'q' | 'x' | 'z');
    (rare(a) || rare(b)) && is_consonant(a) && is_consonant(b) && !ORDINARY.contains(&(a, b))
}

/// The longest run of consonants.
fn longest_run(letters: &[char]) -> usize {
    let (mut longest, mut run) = (0, 0);
    for letter in letters {
        run = if is_consonant(*letter) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A brand that is often imitated.
#[derive(Debug)]
pub(crate) struct Brand {
    /// Its name, in lower case.
    pub(crate) name: &'static str,
    /// Its name without spaces.
    compact: String,
    /// What that looks like.
    looks: String,
    /// Registered domains that are its own.
    domains: HashSet<String>,
    /// Whether the name is a word that also means something else, and only counts in a sender's name.
    common: bool,
}

impl Brand {
    fn read(line: &'static str) -> Option<Self> {
        let (name, domains) = line.split_once(':')?;
        let (name, common) = name.strip_prefix('~').map_or((name, false), |name| (name, true));
        let compact = name.replace(' ', "");
        let mut domains: HashSet<String> = domains.split_whitespace().map(str::to_owned).collect();
        if !common {
            domains.extend(["com", "net", "org"].map(|top| format!("{compact}.{top}")));
        }
        Some(Self { name: name.trim(), looks: looks(&compact), compact, domains, common })
    }

    /// Whether `host` is the brand's own.
    pub(crate) fn owns(&self, host: &str) -> bool {
        self.domains.contains(registered(host))
    }

    /// Whether its name alone says who is meant.
    pub(crate) const fn is_distinct(&self) -> bool {
        !self.common
    }
}

/// Whether two hosts have one registered domain, or belong to one brand.
pub(crate) fn same_owner(host: &str, other: &str) -> bool {
    let (host, other) = (registered(host), registered(other));
    let owners = || OWNERS.get(host).into_iter().flatten();
    host == other || owners().any(|brand| brand.domains.contains(other))
}

/// Every brand of `lists/brands.txt`.
pub(crate) static BRANDS: LazyLock<Vec<Brand>> = LazyLock::new(|| {
    let lines = include_str!("../lists/brands.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(Brand::read).collect()
});

/// The brands that own a registered domain.
static OWNERS: LazyLock<HashMap<&'static str, Vec<&'static Brand>>> = LazyLock::new(|| {
    let mut owners: HashMap<&str, Vec<&Brand>> = HashMap::new();
    for brand in BRANDS.iter() {
        brand.domains.iter().for_each(|domain| owners.entry(domain).or_default().push(brand));
    }
    owners
});

/// Brands by the first letters of their names, for finding them in text.
static BY_WORD: LazyLock<HashMap<&'static str, Vec<&'static Brand>>> = LazyLock::new(|| {
    let mut words: HashMap<&str, Vec<&Brand>> = HashMap::new();
    for brand in BRANDS.iter() {
        if let Some(first) = brand.name.split(' ').next() {
            words.entry(first).or_default().push(brand);
        }
    }
    words
});

/// The brands that `text`, in lower case, names as words of their own.
pub(crate) fn brands_in(text: &str) -> Vec<&'static Brand> {
    let mut found: Vec<&'static Brand> = Vec::new();
    let starts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in starts {
        let Some(brands) = BY_WORD.get(word) else { continue };
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let rest = text.get(at..).unwrap_or("");
        let fits = |brand: &&&Brand| rest.strip_prefix(brand.name).is_some_and(|after| !after.starts_with(char::is_alphanumeric));
        for brand in brands.iter().filter(fits) {
            if !found.iter().any(|known| std::ptr::eq(*known, *brand)) {
                found.push(brand);
            }
        }
    }
    found
}

/// The distinct brand whose name is a part of `label`, between hyphens, digits or ends, or long enough to be no accident.
pub(crate) fn brand_within(label: &str) -> Option<&'static Brand> {
    const LONG: usize = 6;
    let words = || label.split(|c: char| !c.is_ascii_alphabetic());
    let within = |brand: &&Brand| {
        let name = brand.compact.as_str();
        brand.is_distinct() && (words().any(|word| word == name) || name.len() >= LONG && label.contains(name))
    };
    if label.is_empty() { None } else { BRANDS.iter().find(within) }
}

/// The distinct brand that `label` looks like and is not.
pub(crate) fn brand_alike(label: &str) -> Option<&'static Brand> {
    const LETTERS_MIN: usize = 6;
    let shape = looks(label);
    let alike = |brand: &&Brand| is_alike((label, &shape), (&brand.compact, &brand.looks), LETTERS_MIN);
    BRANDS.iter().filter(|brand| brand.is_distinct()).find(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_seen() {
        assert!(is_lookalike("paypa1", "paypal", 6));
        assert!(is_lookalike("rnicrosoft", "microsoft", 6));
        assert!(is_lookalike("g00gle", "google", 6));
        assert!(is_lookalike("micosoft", "microsoft", 6));
        assert!(is_lookalike("p\u{430}ypal", "paypal", 6));
        assert!(!is_lookalike("paypal", "paypal", 6));
        assert!(!is_lookalike("example", "paypal", 6));
        assert_eq!(brand_alike("arnazon").map(|brand| brand.name), Some("amazon"));
        assert!(brand_alike("newsletter").is_none());
    }

    #[test]
    fn a_brand_owns_its_domains_and_no_others() {
        let paypal = BRANDS.iter().find(|brand| brand.name == "paypal").unwrap();
        assert!(paypal.owns("mail.paypal.com") && paypal.owns("paypal.de"));
        assert!(!paypal.owns("paypal-secure.com") && !paypal.owns("paypal.com.evil.example") && !paypal.owns("paypal.xyz"));
        assert_eq!(brand_within("paypal-secure").map(|brand| brand.name), Some("paypal"));
        assert!(brands_in("your paypal account, not a bookingcom").iter().any(|brand| brand.name == "paypal"));
    }

    #[test]
    fn names_made_by_programs() {
        assert!(is_random("a8f3k2j9d1") && is_random("xkcdqwrtz") && is_random("4f1c9e8b7a60"));
        assert!(is_random("wniiqmjvi") && is_random("pzqzhjp") && is_random("newsletters.ljfn"));
        assert!(!is_random("newsletter") && !is_random("christopher") && !is_random("info2024") && !is_random("müller"));
    }
}
