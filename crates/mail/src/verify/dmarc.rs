//! What a domain wants done with mail that is not its own (RFC 7489), and whether a signature or server speaks for it.

use super::Word;
use super::tags::Tags;
use crate::dns::{Kind, Unknown, Zone};
use crate::names::registered;
use serde::Serialize;

/// What a domain wants done with mail that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// Nothing.
    None,
    /// Out of sight.
    Quarantine,
    /// Refused.
    Reject,
}

/// A domain's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) wish: Wish,
    strict_dkim: bool,
    strict_spf: bool,
}

/// Finds the policy for mail from `domain`: its own, or else that of its organisation.
pub(super) fn policy(zone: &mut Zone<'_>, domain: &str) -> Result<Option<Policy>, Unknown> {
    let organisation = registered(domain);
    let own = records(zone, domain);
    // Both are asked for at once, and the second counts only where the first is not there.
    let of_all = if organisation == domain { Ok(&[][..]) } else { records(zone, organisation) };
    if let Some(text) = sole(own?) {
        return Ok(text.and_then(|text| read(text, false)));
    }
    Ok(sole(of_all?).flatten().and_then(|text| read(text, true)))
}

fn records<'a>(zone: &mut Zone<'a>, domain: &str) -> Result<&'a [String], Unknown> {
    zone.ask(Kind::Txt, &format!("_dmarc.{domain}"))
}

/// The policy among texts: none when there is none, and nothing that counts when there are several (RFC 7489, 6.6.3).
fn sole(texts: &[String]) -> Option<Option<&str>> {
    let is_policy = |text: &&String| {
        let first = text.split(';').next().and_then(|first| first.split_once('='));
        first.is_some_and(|(tag, version)| tag.trim() == "v" && version.trim() == "DMARC1")
    };
    let mut all = texts.iter().filter(is_policy);
    let first = all.next()?;
    Some(all.next().is_none().then_some(first))
}

fn read(text: &str, below: bool) -> Option<Policy> {
    let tags = Tags::read(text)?;
    let wish = |tag: &str| match tags.get(tag)?.to_ascii_lowercase().as_str() {
        "none" => Some(Wish::None),
        "quarantine" => Some(Wish::Quarantine),
        "reject" => Some(Wish::Reject),
        _ => None,
    };
    // A policy that says no wish that can be read, and where to report to, wishes nothing (RFC 7489, 6.6.3).
    let all = wish("p").or_else(|| tags.get("rua").map(|_| Wish::None))?;
    let strict = |tag| tags.get(tag).is_some_and(|mode| mode.eq_ignore_ascii_case("s"));
    let wish = if below { wish("sp").unwrap_or(all) } else { all };
    Some(Policy { wish, strict_dkim: strict("adkim"), strict_spf: strict("aspf") })
}

/// A domain that was found to speak for the message, or about which nobody knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'s> {
    pub(super) domain: &'s str,
    pub(super) word: Word,
}

impl Policy {
    /// What DMARC is for mail from `domain`: `signed` as signatures, `sent` as SPF found; `sent` is none when nobody knows who sent it.
    pub(super) fn judge(&self, domain: &str, signed: &[Speaker<'_>], sent: Option<Speaker<'_>>) -> Word {
        let signs = |word| signed.iter().any(|one| one.word == word && aligned(one.domain, domain, self.strict_dkim));
        let sends = |word| sent.is_some_and(|one| one.word == word && aligned(one.domain, domain, self.strict_spf));
        match () {
            () if signs(Word::Pass) || sends(Word::Pass) => Word::Pass,
            () if sent.is_none() || signs(Word::Unknown) || sends(Word::Unknown) => Word::Unknown,
            () => Word::Fail,
        }
    }
}

/// Whether `speaker` may speak for `domain`: the same, or of the same organisation where that is enough (RFC 7489, 3.1).
fn aligned(speaker: &str, domain: &str, strict: bool) -> bool {
    let is_same = speaker.eq_ignore_ascii_case(domain);
    // What only a registry has speaks for nobody.
    is_same || !strict && registered(speaker) == registered(domain) && psl::domain_str(domain).is_some()
}
