//! Policies, what they take, and where they end.

use super::*;
use crate::dns::Answer;

fn answer(kind: Kind, name: &str, records: &[&str]) -> Answer {
    Answer { name: name.into(), kind, records: records.iter().map(|text| (*text).to_owned()).collect(), failed: None }
}

fn of(answers: &[Answer], address: &str) -> Judged {
    let client = Client { address: address.parse().unwrap(), sender: "bo@b.example", helo: "out.b.example" };
    verify(&client, "b.example", &mut Zone::new(answers))
}

fn word(policy: &str, more: &[Answer], address: &str) -> Word {
    let mut answers = vec![answer(Kind::Txt, "b.example", &["google-site-verification=x", policy])];
    answers.extend_from_slice(more);
    of(&answers, address).word
}

const IN: &str = "192.0.2.9";

#[test]
fn a_policy_says_who_may_send() {
    for (policy, wanted) in [
        ("v=spf1 ip4:192.0.2.0/24 -all", Word::Pass),
        ("v=spf1 ip4:192.0.2.8/31 -all", Word::Pass),
        ("v=spf1 ip4:192.0.2.0/29 -all", Word::Fail),
        ("v=spf1 ip4:192.0.2.8 ~all", Word::Softfail),
        ("v=spf1 ip6:::/0 ?all", Word::Neutral),
        ("v=spf1 -ip4:0.0.0.0/0 +all", Word::Fail),
        ("v=spf1", Word::Neutral),
        ("v=spf2 -all", Word::None),
        ("v=spf1 ip4:192.0.2.9 moo", Word::Permerror),
    ] {
        assert_eq!(word(policy, &[], IN), wanted, "{policy}");
    }
    assert_eq!(word("v=spf1 ip6:2001:db8::/32 -all", &[], "2001:db8::9"), Word::Pass);
    let two = [answer(Kind::Txt, "b.example", &["v=spf1 +all", "v=spf1 -all"])];
    assert_eq!(of(&two, IN).word, Word::Permerror);
    assert_eq!(of(&[], IN), Judged::unknown());
}

#[test]
fn a_policy_may_ask_for_more() {
    let more = [
        answer(Kind::A, "b.example", &["192.0.2.1"]),
        answer(Kind::Aaaa, "b.example", &["2001:db8::1"]),
        answer(Kind::Mx, "b.example", &["10 mx1.b.example", "20 mx2.b.example"]),
        answer(Kind::A, "mx1.b.example", &[]),
        answer(Kind::A, "mx2.b.example", &["192.0.2.9"]),
        answer(Kind::Txt, "_spf.b.example", &["v=spf1 ip4:192.0.2.9 -all"]),
        answer(Kind::Txt, "closed.b.example", &["v=spf1 -all"]),
        answer(Kind::Txt, "none.b.example", &[]),
        answer(Kind::A, "9.2.0.192.bo.b.example", &["127.0.0.2"]),
        answer(Kind::Ptr, "9.2.0.192.in-addr.arpa", &["other.example", "out.b.example"]),
        answer(Kind::A, "out.b.example", &["192.0.2.9"]),
    ];
    for (policy, wanted) in [
        ("v=spf1 a -all", Word::Fail),
        ("v=spf1 a/28 -all", Word::Pass),
        ("v=spf1 mx -all", Word::Pass),
        ("v=spf1 include:_spf.%{d} -all", Word::Pass),
        ("v=spf1 include:closed.b.example ~all", Word::Softfail),
        ("v=spf1 include:none.b.example ~all", Word::Permerror),
        ("v=spf1 redirect=_spf.b.example", Word::Pass),
        ("v=spf1 redirect=closed.b.example", Word::Fail),
        ("v=spf1 redirect=none.b.example", Word::Permerror),
        ("v=spf1 redirect=closed.b.example ?all", Word::Neutral),
        ("v=spf1 exists:%{ir}.%{l}.b.example -all", Word::Pass),
        ("v=spf1 exists:none.b.example -all", Word::Unknown),
        ("v=spf1 ptr -all", Word::Pass),
        ("v=spf1 ptr:third.example -all", Word::Fail),
        ("v=spf1 a:%{x}.b.example -all", Word::Permerror),
    ] {
        assert_eq!(word(policy, &more, IN), wanted, "{policy}");
    }
    assert_eq!(word("v=spf1 a//64 -all", &more, "2001:db8::9"), Word::Pass);
}

#[test]
fn a_policy_ends() {
    let chain: Vec<Answer> = (0..20)
        .map(|n| answer(Kind::Txt, &format!("s{n}.example"), &[&format!("v=spf1 include:s{}.example -all", n + 1)]))
        .collect();
    assert_eq!(word("v=spf1 include:s0.example -all", &chain, IN), Word::Permerror);
    let ten: Vec<Answer> = (0..10).map(|n| answer(Kind::A, &format!("a{n}.example"), &["203.0.113.1"])).collect();
    let terms = |count: usize| (0..count).map(|n| format!("a:a{}.example ", n % 10)).collect::<String>();
    assert_eq!(word(&format!("v=spf1 {}ip4:192.0.2.9 -all", terms(10)), &ten, IN), Word::Pass);
    assert_eq!(word(&format!("v=spf1 {}ip4:192.0.2.9 -all", terms(11)), &ten, IN), Word::Permerror);
    let itself = [answer(Kind::Txt, "b.example", &["v=spf1 include:b.example redirect=b.example"])];
    assert_eq!(of(&itself, IN).word, Word::Permerror);
    let void: Vec<Answer> = (0..3).map(|n| answer(Kind::A, &format!("v{n}.example"), &[])).collect();
    assert_eq!(word("v=spf1 a:v0.example a:v1.example ~all", &void, IN), Word::Softfail);
    assert_eq!(word("v=spf1 a:v0.example a:v1.example a:v2.example ~all", &void, IN), Word::Permerror);
    let many: Vec<String> = (0..11).map(|n| format!("10 mx{n}.example")).collect();
    let many = answer(Kind::Mx, "b.example", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(word("v=spf1 mx -all", &[many], IN), Word::Permerror);
}
