//! Who sent a message, verified with real parts: OpenDKIM and dkimpy sign and seal, NSD is the whole of DNS. Without them the tests
//! are skipped, and say so; `cargo xtask setup` gets them.

mod chains;
mod hostile;
mod nsd;
mod senders;
mod signatures;
mod signers;
mod tools;

use adjutant_connect::dns::Resolver;
use adjutant_mail::dns::Answers;
use adjutant_mail::{Verified, Word, facts_verified};
use adjutant_model::Time;
use nsd::Nsd;
use std::time::Duration;

/// When all of this is asked: five minutes after the messages arrived.
const NOW: Time = Time::from_secs(1_772_442_300);

/// A message that arrived on 2026-03-02 at nine.
const LUNCH: &str = "From: Ana <ana@signed.example>\r\nTo: bo@corp.example\r\nSubject: Lunch\r\n\
    Date: Mon, 02 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@signed.example>\r\n\r\nHello  Bo,\r\n\r\nlunch at noon? \r\n\r\n";

/// How our server wrote down that it came.
const CAME: &str = "Return-Path: <bounce@signed.example>\r\n\
    Received: from out.signed.example (out.signed.example [192.0.2.9])\r\n\tby mx.corp.example (Postfix) with ESMTPS id 1;\r\n\
    \tMon, 02 Mar 2026 09:00:00 +0000\r\n";

fn answers(nsd: &Nsd, message: &str) -> Answers {
    let mut resolver = Resolver::at(&nsd.address.to_string()).unwrap().with_patience(Duration::from_secs(5));
    resolver.answers(message.as_bytes(), NOW)
}

/// What is verified of `message`, of what rests on hosts where something does; and the words of its signatures.
fn verified(message: &str, answers: &Answers) -> (Verified, Vec<(Word, &'static str)>) {
    let facts = facts_verified(message.as_bytes(), answers);
    let words = facts.signatures.iter().map(|one| (one.result, one.why)).collect();
    (facts.verified.into_iter().next().unwrap(), words)
}

/// The value, or the end of the test where it is not to be had.
macro_rules! needed {
    ($what:expr) => {
        match $what {
            Some(there) => there,
            None => return,
        }
    };
}
use needed;
