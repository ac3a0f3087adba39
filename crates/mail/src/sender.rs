//! Who a message says it is from, and what does not fit together in it.
//!
//! Nothing here knows whether the sender is familiar: that is history's to say.

use crate::finding::{Aspect, Notes};
use crate::message::{Headers, Kind, Level};
use crate::names::{
    Mailbox, brand_alike, brand_within, brands_in, decoded, depth, is_invisible, is_lookalike, is_random, mixes_scripts,
    own_label, registered, same_owner, turns,
};

/// Looks at the sender of one level.
pub(crate) fn find(level: &Level, notes: &mut Notes) {
    let headers = &level.headers;
    let place = format!("headers of the {}", level.kind.name());
    let Some(from) = headers.from.first().filter(|from| !from.address.is_empty()) else {
        return notes.find(Aspect::Identity, "no-sender", "", &place);
    };
    if headers.malformed_from {
        notes.find(Aspect::Identity, "malformed-sender", &from.name, &place);
    }
    if headers.from.len() > 1 {
        notes.find(Aspect::Identity, "several-senders", &from.address, &place);
    }
    name(from, headers, &place, notes);
    domain(from, headers, &place, notes);
    beside(from, headers, &place, notes);
    if level.kind != Kind::Inline {
        identifiers(from, headers, &place, notes);
    }
}

/// The name shown.
fn name(from: &Mailbox, headers: &Headers, place: &str, notes: &mut Notes) {
    let lower = from.name.to_lowercase();
    let mut note = |name, value: &str| notes.find(Aspect::Identity, name, value, place);
    if from.name.chars().any(|c| is_invisible(c) || turns(c)) || from.name.split_whitespace().any(mixes_scripts) {
        note("name-disguised", &from.name);
    }
    let shown = lower
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '"' | ','))
        .find(|word| word.contains('@'));
    let shown = shown.map(|word| registered(word.rsplit_once('@').map_or("", |(_, domain)| domain)));
    if shown.is_some_and(|shown| shown.contains('.') && shown != registered(from.domain())) {
        note("name-has-address", &from.name);
    }
    let plain: String = lower.chars().filter(|c| !is_invisible(*c)).collect();
    // Letters that look alike count as what they look like, so that a disguised brand is still named.
    let plain = if plain.is_ascii() { plain } else { crate::names::looks_ascii(&plain) };
    let brand = brands_in(&plain).into_iter().find(|brand| !brand.owns(from.domain()));
    if let Some(brand) =
        brand.filter(|brand| !brands_in(&plain).iter().any(|other| other.owns(from.domain()) && !std::ptr::eq(*other, *brand)))
    {
        note("name-is-brand", &format!("{} for {}", from.name, brand.name));
    }
    if is_role(&plain) {
        note("name-is-role", &from.name);
    }
    let of_recipient = |to: &Mailbox| {
        let label = own_label(to.domain());
        let foreign = registered(to.domain()) != registered(from.domain());
        foreign && label.len() > 3 && plain.split(|c: char| !c.is_alphanumeric()).any(|word| word == label)
    };
    if headers.to.iter().any(of_recipient) {
        note("name-is-recipient", &from.name);
    }
}

/// Offices that a name may be, in several languages.
fn is_role(name: &str) -> bool {
    const ROLES: &str = include_str!("../lists/roles.txt");
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    ROLES.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).any(|role| words.contains(&role))
}

fn domain(from: &Mailbox, headers: &Headers, place: &str, notes: &mut Notes) {
    const DEEP: usize = 3;
    let domain = from.domain();
    let mut note = |name, value: &str| notes.find(Aspect::Identity, name, value, place);
    if domain.is_empty() || idna::domain_to_ascii(domain).is_err() || !domain.contains('.') {
        return note("bad-domain", &from.address);
    }
    let unicode = if domain.contains("xn--") { decoded(domain) } else { domain.to_owned() };
    if unicode != domain || !domain.is_ascii() {
        note("encoded-domain", &unicode);
    }
    if headers.to.iter().any(|to| to.domain() == domain || registered(to.domain()) == registered(domain)) {
        note("own-domain", domain);
    }
    let label = own_label(&unicode);
    if let Some(brand) = brand_alike(label).filter(|brand| !brand.owns(domain)) {
        note("lookalike", &format!("{domain} for {}", brand.name));
    } else if let Some(to) = headers.to.iter().find(|to| is_own_lookalike(domain, label, to)) {
        note("lookalike", &format!("{domain} for {}", to.domain()));
    }
    let below = unicode.strip_suffix(registered(&unicode)).unwrap_or("");
    let within = brand_within(label).or_else(|| brand_within(below)).or_else(|| brand_within(from.local()));
    if let Some(brand) = within.filter(|brand| !brand.owns(domain)) {
        note("brand-in-address", &format!("{} for {}", from.address, brand.name));
    }
    if is_random(label) || below.split('.').any(is_random) {
        note("random-domain", domain);
    }
    if is_random(from.local()) {
        note("random-address", &from.address);
    }
    if depth(domain) >= DEEP {
        note("deep-domain", domain);
    }
}

fn is_own_lookalike(domain: &str, label: &str, to: &Mailbox) -> bool {
    const LETTERS_MIN: usize = 4;
    registered(to.domain()) != registered(domain) && is_lookalike(label, own_label(to.domain()), LETTERS_MIN)
}

/// Other addresses beside the sender's.
fn beside(from: &Mailbox, headers: &Headers, place: &str, notes: &mut Notes) {
    let elsewhere = |other: &&Mailbox| !other.domain().is_empty() && !same_owner(other.domain(), from.domain());
    let all = [
        (&headers.reply_to, "reply-elsewhere"),
        (&headers.return_path, "returns-elsewhere"),
        (&headers.sender, "sender-elsewhere"),
    ];
    for (other, name) in all {
        if let Some(other) = other.as_ref().filter(elsewhere) {
            notes.find(Aspect::Identity, name, &other.address, place);
        }
    }
    if let Some(path) = headers.return_path.as_ref().filter(|path| is_random(own_label(path.domain()))) {
        notes.find(Aspect::Identity, "returns-random", &path.address, place);
    }
}

fn identifiers(from: &Mailbox, headers: &Headers, place: &str, notes: &mut Notes) {
    if let Some(id) = &headers.message_id {
        match id.rsplit_once('@').map(|(_, domain)| domain.trim_matches(['<', '>', ' ']).to_lowercase()) {
            Some(domain) if domain.contains('.') => {
                if !same_owner(&domain, from.domain()) {
                    notes.find(Aspect::Identity, "id-elsewhere", &domain, place);
                }
            }
            _ => notes.find(Aspect::Identity, "id-without-domain", id, place),
        }
    }
    // The lowest hop with a client is the one that handed the message in.
    let helo = headers.all("received").filter_map(helo).last();
    if let Some(helo) = helo.filter(|helo| !helo.contains('.') && *helo != "localhost" && !helo.starts_with('[')) {
        notes.find(Aspect::Identity, "helo-unnamed", helo, place);
    }
}

/// What the client called itself, in a `Received` header.
fn helo(received: &str) -> Option<&str> {
    received.trim_start().strip_prefix("from ")?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(from: (&str, &str), to: &str) -> Vec<&'static str> {
        let headers = Headers { from: vec![Mailbox::new(from.0, from.1)], to: vec![Mailbox::new("", to)], ..Headers::default() };
        let mut notes = Notes::default();
        find(&Level { kind: Kind::Arrived, headers }, &mut notes);
        notes.found.iter().map(|found| found.name).collect()
    }

    #[test]
    fn senders_that_do_not_fit() {
        let to = "ana@corp.example";
        assert_eq!(names(("PayPal", "x@evil.example"), to), ["name-is-brand"]);
        assert_eq!(names(("P\u{430}yPal", "x@evil.example"), to), ["name-disguised", "name-is-brand"]);
        assert_eq!(names(("ceo@corp.example", "x@evil.example"), to), ["name-has-address", "name-is-recipient"]);
        assert_eq!(names(("", "x@c0rp.example"), to), ["lookalike"]);
        assert_eq!(names(("", "service@paypal-secure.com"), to), ["brand-in-address"]);
        assert_eq!(names(("PayPal", "service@mail.paypal.com"), to), Vec::<&str>::new());
        assert_eq!(names(("Ana Lind", "ana.lind@partner.example"), to), Vec::<&str>::new());
        assert_eq!(names(("", ""), to), ["no-sender"]);
        assert_eq!(names(("", "x@xn--zz--.."), to).first(), Some(&"bad-domain"));
    }
}
