//! Signatures of OpenDKIM and dkimpy, with keys in DNS.

use super::*;
use nsd::txt;
use signers::{Dkimpy, OpenDkim};

fn zone(key: &str) -> String {
    txt("s1._domainkey.signed.example", key) + &txt("_dmarc.signed.example", "v=DMARC1; p=reject")
}

#[test]
fn what_opendkim_signs_holds_until_it_is_changed() {
    let signer = needed!(OpenDkim::new());
    let nsd = needed!(Nsd::start(&zone(&signer.record)));
    for form in ["simple/simple", "relaxed/simple", "simple/relaxed", "relaxed/relaxed"] {
        let settings = format!("Canonicalization {form}\nOversignHeaders From,Subject\nSignatureTTL 86400000");
        let message = signer.sign(LUNCH, &settings);
        let answers = answers(&nsd, &message);
        let of = |message: &str| verified(message, &answers);
        let (good, words) = of(&message);
        assert_eq!(words, [(Word::Pass, "")], "{form}: {message}");
        assert_eq!(
            (good.dkim, good.dmarc, good.signed_by.as_slice()),
            (Word::Pass, Word::Pass, &["signed.example".to_owned()][..])
        );
        assert_eq!(of(&message.replace("\r\n", "\n")).0.dkim, Word::Pass, "{form}: as a file keeps it");
        assert_eq!(of(&message.replace("noon", "once")).1, [(Word::Fail, "the text was changed")], "{form}");
        let header = (Word::Fail, "a header field was changed, or another key signed");
        assert_eq!(of(&message.replace("Subject: Lunch", "Subject: Launch")).1, [header], "{form}");
        assert_eq!(of(&message.replace("From: Ana", "From: x <eve@evil.example>\r\nFrom: Ana")).0.dkim, Word::Fail, "{form}");
        assert_eq!(
            of(&message.replace("Subject: L", "Subject: pay\r\nSubject: L")).0.dkim,
            Word::Fail,
            "{form}: it was signed twice"
        );
        let white = message.replace("Hello  Bo", "Hello Bo").replace("noon? ", "noon?");
        assert_eq!(of(&white).0.dkim == Word::Pass, form.ends_with("relaxed"), "{form}: white space");
    }
}

#[test]
fn what_opendkim_signs_in_part_is_worth_nothing_once_there_is_more() {
    let signer = needed!(OpenDkim::new());
    let nsd = needed!(Nsd::start(&zone(&signer.record)));
    let message = signer.sign(LUNCH, "Canonicalization relaxed/relaxed\nBodyLengthDB LENGTHS");
    assert!(message.contains("l="), "{message}");
    let answers = answers(&nsd, &message);
    assert_eq!(verified(&message, &answers).1, [(Word::Pass, "")]);
    let more = format!("{message}Pay here: http://evil.example/\r\n");
    assert_eq!(verified(&more, &answers).1, [(Word::Neutral, "it does not cover the whole text")]);
    let (from, _) = verified(&message.replace("From: Ana", "From: x <eve@evil.example>\r\nFrom: Ana"), &answers);
    assert_eq!((from.dkim, from.dmarc), (Word::Neutral, Word::Permerror), "OpenDKIM signed one sender, and there are two");
}

#[test]
fn an_expired_signature_does_not_hold() {
    let signer = needed!(OpenDkim::new());
    let nsd = needed!(Nsd::start(&zone(&signer.record)));
    // It signs now, and what expires a second later has expired when the message arrives in a hundred years.
    let message = signer.sign(LUNCH, "Canonicalization relaxed/relaxed\nSignatureTTL 1");
    let mut answers = answers(&nsd, &message);
    assert_eq!(verified(&message, &answers).0.dkim, Word::Pass, "it arrived before it was signed");
    answers.at = "2126-03-02T09:05:00Z".into();
    assert_eq!(verified(&message, &answers).1, [(Word::Neutral, "it had expired")]);
}

#[test]
fn keys_that_are_gone_revoked_or_others() {
    let (signer, other) = (needed!(OpenDkim::new()), needed!(OpenDkim::new()));
    let message = signer.sign(LUNCH, "Canonicalization relaxed/relaxed");
    for (key, wanted) in [
        (None, (Word::Permerror, "there is no key")),
        (Some("v=DKIM1; k=rsa; p=".to_owned()), (Word::Permerror, "its key was revoked")),
        (Some(other.record), (Word::Fail, "a header field was changed, or another key signed")),
        (Some(format!("{}; n={}", signer.record, "x".repeat(20_000))), (Word::Unknown, "DNS did not say")),
    ] {
        let zone = key.map_or_else(|| txt("_dmarc.signed.example", "v=DMARC1; p=none"), |key| zone(&key));
        let nsd = needed!(Nsd::start(&zone));
        let (found, words) = verified(&message, &answers(&nsd, &message));
        assert_eq!(words, [wanted]);
        // Nobody says who sent it, so it may still be the sender's own.
        assert_eq!(found.dmarc, Word::Unknown);
    }
}

#[test]
fn what_dkimpy_signs_with_ed25519_holds() {
    let signer = needed!(Dkimpy::new());
    let nsd = needed!(Nsd::start(&txt("e1._domainkey.signed.example", &signer.ed25519)));
    for form in ["simple/simple", "relaxed/relaxed"] {
        let message = signer.sign(LUNCH, form, false);
        let answers = answers(&nsd, &message);
        assert_eq!(verified(&message, &answers).1, [(Word::Pass, "")], "{form}: {message}");
        assert_eq!(verified(&message.replace("noon", "once"), &answers).0.dkim, Word::Fail);
    }
    let message = signer.sign(LUNCH, "relaxed/relaxed", true);
    let answers = answers(&nsd, &message);
    assert_eq!(verified(&message, &answers).0.dkim, Word::Pass);
    assert_eq!(verified(&format!("{message}more\r\n"), &answers).0.dkim, Word::Neutral);
}
