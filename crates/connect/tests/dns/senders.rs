//! Which servers may send, and what the sender's domain makes of that.

use super::*;
use nsd::txt;

/// What SPF and DMARC are for a message with these records in DNS, and how much was asked.
fn of(zone: &str) -> Option<(Word, Word, usize)> {
    let nsd = Nsd::start(zone)?;
    let message = format!("{CAME}{LUNCH}");
    let answers = answers(&nsd, &message);
    let (found, _) = verified(&message, &answers);
    assert_eq!(found.hops, ["mx.corp.example"]);
    Some((found.spf, found.dmarc, answers.answers.len()))
}

#[test]
fn servers_that_may_send_and_such_that_may_not() {
    let reject = txt("_dmarc.signed.example", "v=DMARC1; p=reject");
    for (policy, spf, dmarc) in [
        ("v=spf1 ip4:192.0.2.0/24 -all", Word::Pass, Word::Pass),
        ("v=spf1 a:out.signed.example -all", Word::Pass, Word::Pass),
        ("v=spf1 mx -all", Word::Pass, Word::Pass),
        ("v=spf1 include:one.example -all", Word::Pass, Word::Pass),
        ("v=spf1 ptr -all", Word::Pass, Word::Pass),
        ("v=spf1 exists:%{i}.allowed.example -all", Word::Pass, Word::Pass),
        ("v=spf1 redirect=one.example", Word::Pass, Word::Pass),
        ("v=spf1 -all", Word::Fail, Word::Fail),
        ("v=spf1 a:gone.example ~all", Word::Softfail, Word::Fail),
        ("v=spf1 ?all", Word::Neutral, Word::Fail),
        ("v=spf1 include:gone.example -all", Word::Permerror, Word::Fail),
        ("v=spf1 include:loop.example -all", Word::Permerror, Word::Fail),
    ] {
        let zone = [
            txt("signed.example", policy),
            txt("one.example", "v=spf1 include:two.example ~all"),
            txt("two.example", "v=spf1 ip4:192.0.2.9 -all"),
            txt("loop.example", "v=spf1 include:loop.example -all"),
            "signed.example. IN MX 10 mx.signed.example.\nmx.signed.example. IN CNAME out.signed.example.\n\
             out.signed.example. IN A 192.0.2.9\n9.2.0.192.in-addr.arpa. IN PTR out.signed.example.\n\
             192.0.2.9.allowed.example. IN A 127.0.0.1\n"
                .to_owned(),
            reject.clone(),
        ];
        let (found, policy_of_domain, _) = needed!(of(&zone.concat()));
        assert_eq!((found, policy_of_domain), (spf, dmarc), "{policy}");
    }
}

#[test]
fn a_policy_that_takes_too_much_is_an_error() {
    let chain = |links: usize| {
        let one = |n: usize| txt(&format!("s{n}.example"), &format!("v=spf1 include:s{}.example -all", n + 1));
        (0..links).map(one).collect::<String>() + &txt(&format!("s{links}.example"), "v=spf1 ip4:192.0.2.9 -all")
    };
    let first = txt("signed.example", "v=spf1 include:s0.example -all");
    let (spf, dmarc, _) = needed!(of(&format!("{first}{}", chain(9))));
    assert_eq!((spf, dmarc), (Word::Pass, Word::None), "ten look-ups, and no policy of DMARC");
    let (spf, _, asked) = needed!(of(&format!("{first}{}", chain(30))));
    assert_eq!(spf, Word::Permerror);
    assert!(asked <= 14, "no more than it takes: {asked}");
}

#[test]
fn whose_policy_counts_and_who_speaks_for_it() {
    let spf = txt("signed.example", "v=spf1 ip4:192.0.2.9 -all");
    let below = LUNCH.replace("ana@signed.example", "ana@news.signed.example");
    for (policies, wanted) in [
        (txt("_dmarc.signed.example", "v=DMARC1; p=none; sp=reject"), Word::Pass),
        (txt("_dmarc.signed.example", "v=DMARC1; p=reject; aspf=s"), Word::Fail),
        (
            txt("_dmarc.news.signed.example", "v=DMARC1; p=reject") + &txt("_dmarc.signed.example", "v=DMARC1; p=reject; aspf=s"),
            Word::Pass,
        ),
        (String::new(), Word::None),
    ] {
        let nsd = needed!(Nsd::start(&format!("{spf}{policies}")));
        let message = format!("{CAME}{below}");
        let (found, _) = verified(&message, &answers(&nsd, &message));
        assert_eq!((found.spf, found.dmarc), (Word::Pass, wanted), "{policies}");
    }
}
