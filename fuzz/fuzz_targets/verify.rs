//! Who sent a message: the first byte chooses what the rest is put into. Whatever signatures, seals, keys, policies and hops say, the
//! answer is bounded and the same twice, asking comes to an end, and nothing holds without an answer of DNS.
#![no_main]

use adjutant_mail::dns::{Answer, Answers};
use adjutant_mail::limits::{ANSWERS_MAX, QUESTIONS_MAX, SIGNATURES_MAX};
use adjutant_mail::{Answered, Word, facts_verified, is_answered, questions};
use libfuzzer_sys::fuzz_target;

const BEFORE: &[u8] = b"Return-Path: <bo@b.example>\r\n\
    Received: from out.b.example (out.b.example [192.0.2.9]) by mx.corp.example with ESMTP; Mon, 02 Mar 2026 09:00:00 +0000\r\n";
const AFTER: &[u8] =
    b"From: Bo <bo@b.example>\r\nTo: ana@corp.example\r\nSubject: x\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\nx\r\n";
const SIGNATURE: &[u8] = b"DKIM-Signature: v=1; a=rsa-sha256; d=b.example; s=k; h=from; bh=AA==; b=AA==\r\n";
const CHAIN: &[u8] =
    b"ARC-Authentication-Results: i=1; b.example; dmarc=pass\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=b.example; s=k; \
    h=from; bh=AA==; b=AA==\r\nARC-Seal: i=1; a=rsa-sha256; cv=none; d=b.example; s=k; b=AA==\r\n";
const AT: &str = "2026-03-02T09:05:00Z";

/// The rest as part of a message.
fn message(part: u8, data: &[u8]) -> Vec<u8> {
    let (before, after): (&[u8], &[u8]) = match part % 6 {
        0 => (b"DKIM-Signature: ", b"\r\n"),
        1 => (b"DKIM-Signature: v=1; a=ed25519-sha256; d=b.example; s=k; h=from; bh=AA==; b=AA==; ", b"\r\n"),
        2 => (CHAIN, b"\r\n"),
        3 => (b"ARC-Seal: i=1; cv=none; d=b.example; s=k; a=rsa-sha256; ", b"\r\n"),
        4 => (b"Return-Path: <>\r\nReceived: ", b"; Mon, 02 Mar 2026 09:00:00 +0000\r\n"),
        _ => (SIGNATURE, b""),
    };
    [before, data, after, BEFORE, AFTER].concat()
}

/// Answers every question with `text`, until there is none: asking ends by itself, well before everything that may be asked.
fn asked(raw: &[u8], text: &str) -> Answers {
    let mut answers = Answers { at: AT.to_owned(), answers: Vec::new() };
    for _ in 0..QUESTIONS_MAX {
        let wanted = questions(raw, &answers);
        assert!(wanted.len() <= QUESTIONS_MAX);
        if wanted.is_empty() || answers.answers.len() >= ANSWERS_MAX {
            return answers;
        }
        let given =
            wanted.into_iter().map(|one| Answer { name: one.name, kind: one.kind, records: vec![text.to_owned()], failed: None });
        answers.answers.extend(given);
    }
    panic!("asking has no end");
}

fn check(raw: &[u8], answers: &Answers) {
    let found = facts_verified(raw, answers);
    assert_eq!(found.json(), facts_verified(raw, answers).json());
    assert!(found.verified.len() <= 2 && found.signatures.len() <= SIGNATURES_MAX + 1);
    let none = facts_verified(raw, &Answers { at: AT.to_owned(), answers: Vec::new() });
    assert!(none.verified.iter().all(|one| [one.spf, one.dkim, one.dmarc, one.arc].iter().all(|word| *word != Word::Pass)));
}

fuzz_target!(|data: &[u8]| {
    if is_answered(data)
        && let Ok(answered) = Answered::read(data)
    {
        assert_eq!(Answered::read(&answered.write()).as_ref(), Ok(&answered));
        check(&answered.message, &answered.dns);
    }
    let Some((part, rest)) = data.split_first() else { return };
    let of_message = message(*part, rest);
    check(&of_message, &asked(&of_message, "v=spf1 include:%{l}.%{d} a mx ptr -all"));
    let known = [SIGNATURE, CHAIN, BEFORE, AFTER].concat();
    check(&known, &asked(&known, &String::from_utf8_lossy(rest)));
});
