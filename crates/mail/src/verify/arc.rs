//! Chains of seals (RFC 8617): what forwarders found before they changed a message, and whether their words are theirs.

use super::canonical::{self, Form};
use super::dkim::{Claim, own_field};
use super::fields::{Field, Parts};
use super::key::{self, Algorithm};
use super::tags::Tags;
use super::{Judged, Word};
use crate::authentication;
use crate::dns::Zone;
use crate::limits::SIGNED_BYTES_MAX;

/// Most sets of a chain (RFC 8617, 4.2.1).
const SETS_MAX: usize = 50;

/// What a chain is worth.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) judged: Judged,
    /// Who sealed, from the first on.
    pub(super) sealed_by: Vec<String>,
    /// What the first of them found about DMARC.
    pub(super) dmarc: String,
}

/// What one forwarder wrote.
struct Set<'p, 'm> {
    results: &'p Field<'m>,
    signature: &'p Field<'m>,
    seal: &'p Field<'m>,
}

/// Verifies the chain as of `now`.
pub(super) fn verify(parts: &Parts<'_>, zone: &mut Zone<'_>, now: i64) -> Chain {
    let none = |word, why| Chain { judged: Judged::new(word, why), sealed_by: Vec::new(), dmarc: String::new() };
    let sets = match sets(parts) {
        Ok(sets) if sets.is_empty() => return none(Word::None, ""),
        Ok(sets) => sets,
        Err(why) => return none(Word::Fail, why),
    };
    let mut sealed_by = Vec::new();
    let judged = chain(&sets, parts, (zone, now), &mut sealed_by).err().unwrap_or(Judged::new(Word::Pass, ""));
    let first = sets.first().and_then(|set| set.results.text());
    let words = first.as_deref().and_then(|value| value.split_once(';')).map_or("", |(_, words)| words);
    let dmarc = authentication::read(words, String::new()).dmarc.unwrap_or_default();
    Chain { judged, sealed_by, dmarc }
}

/// The sets in their order, each whole and there once.
fn sets<'p, 'm>(parts: &'p Parts<'m>) -> Result<Vec<Set<'p, 'm>>, &'static str> {
    let kind = |name| numbered(parts, name);
    let (results, signatures, seals) = (kind("arc-authentication-results")?, kind("arc-message-signature")?, kind("arc-seal")?);
    if results.len() != seals.len() || signatures.len() != seals.len() {
        return Err("a set of the chain is not whole");
    }
    let together = results.into_iter().zip(signatures).zip(seals);
    Ok(together.map(|((results, signature), seal)| Set { results, signature, seal }).collect())
}

/// The fields called `name` by their instance, which runs from 1 on without a gap.
fn numbered<'p, 'm>(parts: &'p Parts<'m>, name: &'p str) -> Result<Vec<&'p Field<'m>>, &'static str> {
    let mut all = Vec::new();
    for field in parts.all(name) {
        let instance = instance(field).filter(|instance| (1..=SETS_MAX).contains(instance));
        all.push((instance.ok_or("a part of the chain has no place in it")?, field));
        if all.len() > SETS_MAX {
            return Err("the chain is too long");
        }
    }
    all.sort_by_key(|(instance, _)| *instance);
    let in_order = all.iter().zip(1..).all(|((instance, _), wanted)| *instance == wanted);
    if in_order {
        Ok(all.into_iter().map(|(_, field)| field).collect())
    } else {
        Err("a set of the chain is missing, or there twice")
    }
}

/// Results begin with it; signatures and seals have it anywhere.
fn instance(field: &Field<'_>) -> Option<usize> {
    let text = field.text()?;
    let find =
        |part: &str| part.split_once('=').filter(|(tag, _)| tag.trim() == "i").and_then(|(_, value)| value.trim().parse().ok());
    text.split(';').find_map(find)
}

fn chain(
    sets: &[Set<'_, '_>],
    parts: &Parts<'_>,
    (zone, now): (&mut Zone<'_>, i64),
    sealed_by: &mut Vec<String>,
) -> Result<(), Judged> {
    let fail = |why| Judged::new(Word::Fail, why);
    let texts: Vec<String> = sets.iter().map(|set| set.seal.text().unwrap_or_default().into_owned()).collect();
    let seals: Option<Vec<Tags<'_>>> = texts.iter().map(|text| Tags::read(text)).collect();
    let seals = seals.ok_or(fail("a seal cannot be read"))?;
    for (number, seal) in seals.iter().enumerate() {
        let wanted = if number == 0 { "none" } else { "pass" };
        if !seal.get("cv").is_some_and(|cv| cv.eq_ignore_ascii_case(wanted)) || seal.get("h").is_some() {
            return Err(fail("a seal says that the chain was broken, or cannot say so"));
        }
        sealed_by.push(seal.get("d").unwrap_or("").to_ascii_lowercase());
    }
    if let Some(newest) = sets.last() {
        newest_holds(newest, parts, zone, now)?;
    }
    // Every key is asked for before one that is unknown ends it.
    let judged: Vec<Result<(), Judged>> =
        seals.iter().enumerate().map(|(number, seal)| seal_holds(sets.get(..=number).unwrap_or(sets), seal, zone)).collect();
    let worst = |word| judged.iter().find_map(|one| one.err().filter(|judged| judged.word == word));
    worst(Word::Fail).or_else(|| worst(Word::Unknown)).map_or(Ok(()), Err)
}

/// Whether the message is what the newest forwarder signed.
fn newest_holds(set: &Set<'_, '_>, parts: &Parts<'_>, zone: &mut Zone<'_>, now: i64) -> Result<(), Judged> {
    let text = set.signature.text().unwrap_or_default();
    let tags = Tags::read(&text).filter(|tags| tags.get("v").is_none());
    let claim = tags.ok_or("the newest signature cannot be read").and_then(|tags| Claim::read(&tags));
    let claim = claim.map_err(|why| Judged::new(Word::Fail, why))?;
    claim.holds(parts, set.signature, zone, now).map(|_| ()).map_err(as_broken)
}

/// There is no half of a chain: what does not hold breaks it, and what nobody knows leaves it unknown.
fn as_broken(judged: Judged) -> Judged {
    if judged.word == Word::Unknown { judged } else { Judged::new(Word::Fail, judged.why) }
}

/// Whether the newest seal of `sets` covers all of them.
fn seal_holds(sets: &[Set<'_, '_>], tags: &Tags<'_>, zone: &mut Zone<'_>) -> Result<(), Judged> {
    let fail = |why| Judged::new(Word::Fail, why);
    let algorithm = tags.get("a").and_then(Algorithm::named).ok_or(fail("a seal is made in an unknown way"))?;
    let lacks = || fail("a seal lacks something");
    let (domain, selector) = (tags.get("d").ok_or_else(lacks)?, tags.get("s").ok_or_else(lacks)?);
    let signature = tags.bytes("b").ok_or_else(lacks)?;
    let key = key::key(zone, selector, domain).map_err(as_broken)?;
    let mut data = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        let length: usize = [set.results, set.signature, set.seal].iter().map(|field| field.raw.len()).sum();
        if data.len().saturating_add(length) > SIGNED_BYTES_MAX {
            return Err(Judged::new(Word::Unknown, "the chain covers too much"));
        }
        canonical::header(Form::Relaxed, set.results, &mut data);
        canonical::header(Form::Relaxed, set.signature, &mut data);
        if number + 1 == sets.len() {
            own_field(Form::Relaxed, set.seal, &mut data);
        } else {
            canonical::header(Form::Relaxed, set.seal, &mut data);
        }
    }
    match key.holds(algorithm, &data, &signature) {
        Ok(true) => Ok(()),
        _ => Err(fail("a seal does not hold")),
    }
}
