//! Chains of seals that dkimpy made, whole and broken.

use super::*;
use nsd::txt;
use signers::Dkimpy;

fn zone(key: &str) -> String {
    ["list.example", "relay.example"].map(|domain| txt(&format!("a1._domainkey.{domain}"), key)).concat()
}

#[test]
fn a_chain_holds_until_it_is_broken() {
    let sealer = needed!(Dkimpy::new());
    let nsd = needed!(Nsd::start(&zone(&sealer.rsa)));
    let once = sealer.seal(LUNCH, "list.example", "dmarc=pass header.from=signed.example");
    // The list changes the message and seals what it made of it, and a relay seals again.
    let twice = sealer.seal(&once, "relay.example", "arc=pass; dmarc=fail");
    for (message, by) in [(&once, vec!["list.example"]), (&twice, vec!["list.example", "relay.example"])] {
        let answers = answers(&nsd, message);
        let (found, _) = verified(message, &answers);
        assert_eq!(
            (found.arc, found.sealed_dmarc.as_str(), found.sealed_by.clone()),
            (Word::Pass, "pass", by.iter().map(|by| (*by).to_owned()).collect()),
            "{message}"
        );
        assert_eq!(sealer.chain(message), "pass");
        for (what, to) in
            [("noon", "once"), ("dmarc=pass", "dmarc=none"), ("Subject: Lunch", "Subject: Pay"), ("cv=none", "cv=pass")]
        {
            let broken = message.replace(what, to);
            assert_ne!(&broken, message, "{what}");
            let (found, _) = verified(&broken, &answers);
            assert_eq!((found.arc, found.sealed_dmarc.as_str()), (Word::Fail, ""), "{what}");
            assert_eq!(sealer.chain(&broken), "fail", "{what}: dkimpy finds the same");
        }
    }
    let answers = answers(&nsd, &twice);
    let without = |name: &str| {
        let at = twice.find(name).unwrap();
        let end = at
            + twice[at..]
                .match_indices("\r\n")
                .map(|(end, _)| end + 2)
                .find(|end| !matches!(twice.as_bytes()[at + end], b' ' | b'\t'))
                .unwrap();
        format!("{}{}", &twice[..at], &twice[end..])
    };
    for name in ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"] {
        assert_eq!(verified(&without(name), &answers).0.arc, Word::Fail, "without the newest {name}");
    }
}

#[test]
fn a_chain_without_its_keys_is_unknown_or_broken() {
    let sealer = needed!(Dkimpy::new());
    let message = sealer.seal(LUNCH, "list.example", "dmarc=pass");
    let none = Answers { at: NOW.to_string(), answers: Vec::new() };
    assert_eq!(verified(&message, &none).0.arc, Word::Unknown);
    let nsd = needed!(Nsd::start(""));
    let (found, _) = verified(&message, &answers(&nsd, &message));
    assert_eq!((found.arc, found.sealed_dmarc.as_str()), (Word::Fail, ""), "there is no key");
}
