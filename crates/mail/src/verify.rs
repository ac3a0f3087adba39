//! Verifies for ourselves who sent a message: DKIM, ARC, SPF and DMARC, from its bytes and the answers of DNS.
//!
//! Pure: the answers are data ([`dns`](crate::dns)), and time is when the message arrived. What is not answered is unknown,
//! and an unknown never makes anything pass.
//!
//! INVARIANT: SPF, and what DMARC makes of it, rests on what hosts wrote, which are named in [`Verified::hops`]; it may be
//! believed only if every one of them is. What rests on signatures alone names none.

mod arc;
mod canonical;
mod dkim;
mod dmarc;
mod fields;
mod key;
mod route;
mod spf;
mod tags;

use crate::dns::{Answers, Question, Zone};
use crate::finding::Notes;
use crate::message::{self, Kind, Opened};
use crate::structure;
pub use dkim::Signature;
use dmarc::Speaker;
pub use dmarc::Wish;
use fields::Parts;
use serde::Serialize;

/// What is verified as such, and names no server.
const OURSELVES: &str = "adjutant";

/// A mail may be on its way for five days (RFC 5321, 4.5.4.1). Later a domain may have changed its keys and servers: what
/// holds all the same holds, and what does not says nothing any more.
const LATE_SECONDS: i64 = 5 * 24 * 3600;

/// Clocks may differ by this much: answers from longer before the message came are older than it.
const EARLY_SECONDS: i64 = 24 * 3600;

/// What came of a verification; as RFC 8601 names it, but for `unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It probably does not hold.
    Softfail,
    /// It says nothing either way.
    Neutral,
    /// There is nothing to verify.
    None,
    /// There is something, and it is faulty.
    Permerror,
    /// Nobody knows: an answer is missing, failed, or too old.
    #[default]
    Unknown,
}

impl Word {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Word::Pass => "pass",
            Word::Fail => "fail",
            Word::Softfail => "softfail",
            Word::Neutral => "neutral",
            Word::None => "none",
            Word::Permerror => "permerror",
            Word::Unknown => "unknown",
        }
    }
}

/// A word and why it is not a better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    word: Word,
    why: &'static str,
}

impl Judged {
    const fn new(word: Word, why: &'static str) -> Self {
        Self { word, why }
    }

    const fn unknown() -> Self {
        Self::new(Word::Unknown, "DNS did not say")
    }
}

/// What was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Who verified it: always `adjutant`.
    pub by: &'static str,
    /// The hosts whose word this rests on; none when it rests on signatures alone.
    pub hops: Vec<String>,
    /// SPF.
    pub spf: Word,
    /// DKIM: the best of the signatures.
    pub dkim: Word,
    /// Domains whose signatures hold.
    pub signed_by: Vec<String>,
    /// DMARC.
    pub dmarc: Word,
    /// What the sender's domain wants done with mail that fails DMARC, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// The chain of seals (ARC).
    pub arc: Word,
    /// Who sealed, from the first forwarder on.
    pub sealed_by: Vec<String>,
    /// What the first forwarder found about DMARC; empty when nothing, or when the chain does not hold.
    pub sealed_dmarc: String,
}

/// All that was found out.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What rests on hosts before what rests on signatures alone.
    pub(crate) verified: Vec<Verified>,
    pub(crate) signatures: Vec<Signature>,
    wanted: Vec<Question>,
}

/// What DNS must be asked about `raw` for it to be verified, beyond what `answers` holds. With the new answers there may be
/// more; when there is none, everything is known that can be.
pub fn questions(raw: &[u8], answers: &Answers) -> Vec<Question> {
    let mut notes = Notes::default();
    let parsed = message::parse(raw, &mut notes).filter(|_| notes.unread.is_empty());
    parsed.map(|parsed| verify(&message::open(&parsed, &mut notes), answers).wanted).unwrap_or_default()
}

/// Verifies the message that a report is about. One that was forwarded inside a text is not there to be verified.
pub(crate) fn verify(opened: &Opened<'_>, answers: &Answers) -> Found {
    let level = opened.innermost().filter(|level| level.kind != Kind::Inline);
    let Some((level, parts)) = level.and_then(|level| Some((level, fields::split(opened.raw)?))) else { return Found::default() };
    let (asked, arrived) = (answers.seconds(), structure::arrival(level).map(|at| at.to_timestamp()));
    let Some(asked) = asked else { return Found::default() };
    let now = arrived.filter(|at| *at <= asked).unwrap_or(asked);
    let early = arrived.is_some_and(|at| at.saturating_sub(asked) > EARLY_SECONDS);
    let domains: Vec<String> = level.headers.from.iter().map(|from| from.domain().to_owned()).collect();
    let known = if early { &[] } else { answers.answers.as_slice() };
    let mut found = of(&parts, &domains, known, now);
    if asked.saturating_sub(now) > LATE_SECONDS {
        found.verified.iter_mut().for_each(keep_what_holds);
    }
    found
}

/// What does not hold so late says nothing.
fn keep_what_holds(verified: &mut Verified) {
    let Verified { spf, dkim, dmarc, arc, .. } = verified;
    [spf, dkim, dmarc, arc]
        .into_iter()
        .filter(|word| !matches!(word, Word::Pass | Word::None))
        .for_each(|word| *word = Word::Unknown);
}

fn of(parts: &Parts<'_>, from: &[String], answers: &[crate::dns::Answer], now: i64) -> Found {
    let mut zone = Zone::new(answers);
    let signatures = dkim::verify(parts, &mut zone, now);
    let chain = arc::verify(parts, &mut zone, now);
    let holds = chain.judged.word == Word::Pass;
    let alone = Verified {
        by: OURSELVES,
        dkim: dkim::together(&signatures),
        signed_by: signatures.iter().filter(|one| one.result == Word::Pass).map(|one| one.domain.clone()).collect(),
        arc: chain.judged.word,
        sealed_dmarc: if holds { chain.dmarc } else { String::new() },
        sealed_by: chain.sealed_by,
        ..Verified::default()
    };
    let sent = sent(parts, &mut zone);
    let signed: Vec<Speaker<'_>> = signatures.iter().map(|one| Speaker { domain: &one.domain, word: one.result }).collect();
    let mut by_signatures = alone.clone();
    domain_says(&mut by_signatures, (parts, from), &signed, None, &mut zone);
    let by_hosts = sent.map(|(hops, domain, spf)| {
        let mut verified = Verified { hops, spf, ..alone };
        let speaker = Speaker { domain: &domain, word: spf };
        domain_says(&mut verified, (parts, from), &signed, Some(speaker), &mut zone);
        verified
    });
    let verified = by_hosts.into_iter().chain([by_signatures]).collect();
    Found { verified, signatures, wanted: zone.wanted() }
}

/// SPF: the hosts that it rests on, the domain that it is about, and what it is.
fn sent(parts: &Parts<'_>, zone: &mut Zone<'_>) -> Option<(Vec<String>, String, Word)> {
    let route = route::route(parts)?;
    let postmaster = format!("postmaster@{}", route.helo);
    let sender = if route.mail_from.is_empty() { &postmaster } else { &route.mail_from };
    let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let domain = idna::domain_to_ascii(domain).unwrap_or_default();
    let client = spf::Client { address: route.client, sender, helo: &route.helo };
    let judged = spf::verify(&client, &domain, zone);
    Some((route.hops, domain, judged.word))
}

/// DMARC. Of a message with several senders nobody can say whose policy counts (RFC 7489, 6.6.1).
fn domain_says(
    verified: &mut Verified,
    (parts, from): (&Parts<'_>, &[String]),
    signed: &[Speaker<'_>],
    sent: Option<Speaker<'_>>,
    zone: &mut Zone<'_>,
) {
    let sole = match from {
        [first, others @ ..] if others.iter().all(|other| other == first) => idna::domain_to_ascii(first).ok(),
        _ => None,
    };
    let Some(domain) = sole.filter(|domain| !domain.is_empty() && parts.all("from").count() == 1) else {
        verified.dmarc = Word::Permerror;
        return;
    };
    (verified.dmarc, verified.wish) = match dmarc::policy(zone, &domain) {
        Ok(Some(policy)) => (policy.judge(&domain, signed, sent), Some(policy.wish)),
        Ok(None) => (Word::None, None),
        Err(_) => (Word::Unknown, None),
    };
}

#[cfg(test)]
mod tests;
