//! Signatures of domains (RFC 6376, RFC 8301, RFC 8463): does the message still say what a domain signed?

use super::canonical::{self, Form, Hashed};
use super::fields::{Field, Parts};
use super::key::{self, Algorithm};
use super::tags::{Tags, without_signature};
use super::{Judged, Word};
use crate::dns::Zone;
use crate::limits::{SIGNATURES_MAX, SIGNED_BYTES_MAX, SIGNED_FIELDS_MAX};
use serde::Serialize;
use std::collections::BTreeMap;

/// A signature, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The domain that signed; empty where it does not say.
    pub domain: String,
    /// Under which name its key stands.
    pub selector: String,
    /// What it is worth.
    pub result: Word,
    /// Why it is not worth more; empty when it holds.
    pub why: &'static str,
}

/// Fields that a message has once (RFC 5322, 3.6). Of two, a reader may be shown the one that nobody signed (RFC 6376, 8.15).
const ONCE: [&str; 8] = ["from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id"];

/// Longest name that DNS has (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// What a signature says of itself.
pub(super) struct Claim {
    algorithm: Algorithm,
    pub(super) domain: String,
    pub(super) selector: String,
    names: Vec<String>,
    header_form: Form,
    body_form: Form,
    body_hash: Vec<u8>,
    signature: Vec<u8>,
    length: Option<u64>,
    signed_at: Option<u64>,
    expires: Option<u64>,
}

/// Verifies all signatures as of `now`, from the top.
pub(super) fn verify(parts: &Parts<'_>, zone: &mut Zone<'_>, now: i64) -> Vec<Signature> {
    let found = parts.all("dkim-signature").take(SIGNATURES_MAX + 1);
    let one = |(number, field): (usize, &Field<'_>)| {
        let (domain, selector, judged) = match number {
            SIGNATURES_MAX => (String::new(), String::new(), Judged::new(Word::Unknown, "there are too many signatures")),
            _ => signature(parts, field, zone, now),
        };
        Signature { domain, selector, result: judged.word, why: judged.why }
    };
    found.enumerate().map(one).collect()
}

/// What all of them together are worth: one that holds is enough, and one of which nobody knows might be it.
pub(super) fn together(signatures: &[Signature]) -> Word {
    const BEST: [Word; 5] = [Word::Pass, Word::Unknown, Word::Fail, Word::Permerror, Word::Neutral];
    let has = |word: &Word| signatures.iter().any(|signature| signature.result == *word);
    BEST.into_iter().find(has).unwrap_or(Word::None)
}

fn signature(parts: &Parts<'_>, field: &Field<'_>, zone: &mut Zone<'_>, now: i64) -> (String, String, Judged) {
    let text = field.text().unwrap_or_default();
    let claim = match Tags::read(&text).ok_or("it cannot be read").and_then(|tags| claim(&tags)) {
        Ok(claim) => claim,
        Err(why) => return (String::new(), String::new(), Judged::new(Word::Permerror, why)),
    };
    let judged = checked(parts, field, &claim, zone, now).err().unwrap_or(Judged::new(Word::Pass, ""));
    (claim.domain, claim.selector, judged)
}

/// Reads what only a DKIM-Signature says, and the rest.
fn claim(tags: &Tags<'_>) -> Result<Claim, &'static str> {
    if tags.get("v") != Some("1") {
        return Err("it is of another version");
    }
    if tags.list("q").is_some_and(|list| !list.contains(&"dns/txt")) {
        return Err("its key is kept in an unknown way");
    }
    let claim = Claim::read(tags)?;
    let agent = tags.get("i").map(|agent| agent.rsplit_once('@').map_or(agent, |(_, domain)| domain).to_ascii_lowercase());
    match agent {
        Some(agent) if !is_within(&agent, &claim.domain) => Err("it signs for another domain than its own"),
        _ if !claim.names.iter().any(|name| name == "from") => Err("it does not cover the sender"),
        _ => Ok(claim),
    }
}

fn is_within(domain: &str, of: &str) -> bool {
    domain.strip_suffix(of).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

impl Claim {
    /// Reads what a DKIM-Signature and an ARC-Message-Signature have in common.
    pub(super) fn read(tags: &Tags<'_>) -> Result<Self, &'static str> {
        let missing = "it lacks something";
        let text = |tag| tags.get(tag).filter(|value| (1..=NAME_BYTES_MAX).contains(&value.len())).ok_or(missing);
        let number = |tag| tags.number(tag).transpose().map_err(|_| "it has a number that is none");
        let names: Vec<String> = tags.list("h").ok_or(missing)?.iter().map(|name| name.to_ascii_lowercase()).collect();
        if names.len() > SIGNED_FIELDS_MAX {
            return Err("it covers too many fields");
        }
        let (header_form, body_form) = forms(tags.get("c").unwrap_or("simple"))?;
        Ok(Self {
            algorithm: Algorithm::named(text("a")?).ok_or("it is made in a way that counts no more, or not yet")?,
            domain: text("d")?.trim_end_matches('.').to_ascii_lowercase(),
            selector: text("s")?.to_ascii_lowercase(),
            names,
            header_form,
            body_form,
            body_hash: tags.bytes("bh").ok_or(missing)?,
            signature: tags.bytes("b").filter(|bytes| !bytes.is_empty()).ok_or(missing)?,
            length: number("l")?,
            signed_at: number("t")?,
            expires: number("x")?,
        })
    }
}

fn forms(text: &str) -> Result<(Form, Form), &'static str> {
    let form = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "simple" => Ok(Form::Simple),
        "relaxed" => Ok(Form::Relaxed),
        _ => Err("it is in an unknown form"),
    };
    let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
    Ok((form(header)?, form(body)?))
}

/// Verifies a DKIM-Signature; the error says why it is not worth a pass.
fn checked(parts: &Parts<'_>, field: &Field<'_>, claim: &Claim, zone: &mut Zone<'_>, now: i64) -> Result<(), Judged> {
    let key = claim.holds(parts, field, zone, now)?;
    let text = field.text().unwrap_or_default();
    let agent =
        Tags::read(&text).and_then(|tags| tags.get("i").and_then(|agent| agent.rsplit_once('@')).map(|(_, domain)| domain));
    if key.exact && agent.is_some_and(|agent| !agent.eq_ignore_ascii_case(&claim.domain)) {
        return Err(Judged::new(Word::Permerror, "its key is for the very domain alone"));
    }
    Ok(())
}

impl Claim {
    /// Whether the message is what this signature covers: its key when it is.
    pub(super) fn holds(&self, parts: &Parts<'_>, field: &Field<'_>, zone: &mut Zone<'_>, now: i64) -> Result<key::Key, Judged> {
        self.in_time(now)?;
        let key = key::key(zone, &self.selector, &self.domain)?;
        // A signature that a domain only tries out is none when it does not hold (RFC 6376, 3.6.1).
        let fail = |why| Judged::new(if key.testing { Word::Neutral } else { Word::Fail }, why);
        let hashed = canonical::body(self.body_form, parts.body, self.length);
        if hashed.digest.as_ref() != self.body_hash {
            return Err(fail("the text was changed"));
        }
        let data = self.data(parts, field)?;
        match key.holds(self.algorithm, &data, &self.signature) {
            Ok(true) => self.covers(parts, &hashed).map(|()| key),
            Ok(false) => Err(fail("a header field was changed, or another key signed")),
            Err(why) => Err(Judged::new(Word::Permerror, why)),
        }
    }

    fn in_time(&self, now: i64) -> Result<(), Judged> {
        let past = |at: u64| i64::try_from(at).is_ok_and(|at| at <= now);
        match (self.signed_at, self.expires) {
            (Some(signed), Some(expires)) if expires < signed => {
                Err(Judged::new(Word::Permerror, "it expired before it was made"))
            }
            (_, Some(expires)) if past(expires) => Err(Judged::new(Word::Neutral, "it had expired")),
            _ => Ok(()),
        }
    }

    /// A signature that holds and leaves out what a reader sees is worth nothing.
    fn covers(&self, parts: &Parts<'_>, hashed: &Hashed) -> Result<(), Judged> {
        match self.length {
            Some(length) if length > hashed.length => {
                return Err(Judged::new(Word::Permerror, "the text is shorter than it says"));
            }
            Some(length) if length < hashed.length => return Err(Judged::new(Word::Neutral, "it does not cover the whole text")),
            _ => {}
        }
        let signed = |name: &str| self.names.iter().filter(|known| *known == name).count();
        let twice = ONCE.iter().any(|name| parts.all(name).count() > 1.max(signed(name)));
        if twice { Err(Judged::new(Word::Neutral, "a field stands there twice, and it covers one")) } else { Ok(()) }
    }

    /// What was signed: the fields that it names, each time the next one from the bottom, and its own without the signature.
    pub(super) fn data(&self, parts: &Parts<'_>, own: &Field<'_>) -> Result<Vec<u8>, Judged> {
        let mut left: BTreeMap<String, Vec<&Field<'_>>> = BTreeMap::new();
        parts.fields.iter().for_each(|field| left.entry(field.name.to_ascii_lowercase()).or_default().push(field));
        let mut data = Vec::new();
        for name in &self.names {
            let Some(field) = left.get_mut(name).and_then(Vec::pop) else { continue };
            if data.len().saturating_add(field.raw.len()) > SIGNED_BYTES_MAX {
                return Err(Judged::new(Word::Unknown, "it covers too much"));
            }
            canonical::header(self.header_form, field, &mut data);
        }
        own_field(self.header_form, own, &mut data);
        Ok(data)
    }
}

/// Writes the field of a signature or seal as it is signed: without the signature, and without a line end.
pub(super) fn own_field(form: Form, own: &Field<'_>, data: &mut Vec<u8>) {
    let value = without_signature(own.value);
    let before = own.raw.len() - own.value.len();
    let raw = [own.raw.get(..before).unwrap_or(&[]), &value].concat();
    canonical::header(form, &Field { raw: &raw, name: own.name, value: &value }, data);
    data.truncate(data.len() - 2);
}
