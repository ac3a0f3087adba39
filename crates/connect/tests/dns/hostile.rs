//! Resolvers that are not there, lie, or send too much.

use super::*;
use adjutant_mail::dns::Kind;
use nsd::txt;
use std::net::UdpSocket;

#[test]
fn without_a_resolver_everything_is_unknown() {
    let nsd = needed!(Nsd::start(&txt("signed.example", "v=spf1 -all")));
    let message = format!("{CAME}DKIM-Signature: v=1; a=rsa-sha256; d=signed.example; s=s1; h=from; bh=AA==; b=AA==\r\n{LUNCH}");
    let address = nsd.address.to_string();
    drop(nsd);
    let answers = Resolver::at(&address).unwrap().answers(message.as_bytes(), NOW);
    assert!(answers.answers.len() > 2 && answers.answers.iter().all(|answer| answer.failed.is_some()), "{answers:?}");
    let (found, words) = verified(&message, &answers);
    assert_eq!((found.spf, found.dkim, found.dmarc), (Word::Unknown, Word::Unknown, Word::Unknown));
    assert_eq!(words, [(Word::Unknown, "DNS did not say")]);
}

/// What comes of asking a resolver that answers each question so.
fn asked(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> (Word, Answers) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            answer(&buffer[..length]).iter().for_each(|packet| drop(server.send_to(packet, from)));
        }
    });
    let message = format!("{CAME}{LUNCH}");
    let mut resolver = Resolver::at(&address).unwrap().with_patience(Duration::from_millis(100));
    let answers = resolver.answers(message.as_bytes(), NOW);
    (verified(&message, &answers).0.spf, answers)
}

/// An answer to `query` with this code of the response and these records, each as it stands on the wire behind the name.
fn reply(query: &[u8], code: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let question_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut packet = query[..question_end].to_vec();
    packet[2] |= 0x80;
    packet[3] = 0x80 | code;
    packet[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    packet[8..12].fill(0);
    records.iter().for_each(|record| packet.extend([&[0xc0, 12], record.as_slice()].concat()));
    packet
}

fn text(words: &str) -> Vec<u8> {
    let length = words.len() as u8;
    [&[0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length][..], words.as_bytes()].concat()
}

#[test]
fn an_honest_answer_counts_and_others_do_not() {
    let good = |query: &[u8]| reply(query, 0, &[text("v=spf1 ip4:192.0.2.9 -all")]);
    assert_eq!(asked(move |query| vec![good(query)]).0, Word::Pass);
    // Somebody who cannot see the question guesses its number, or answers another one.
    let forged = |query: &[u8]| reply(query, 0, &[text("v=spf1 +all")]);
    let stray = move |query: &[u8]| {
        let (mut number, mut name) = (forged(query), forged(query));
        number[0] ^= 1;
        name[13] ^= 1;
        vec![number, name, vec![], vec![1], reply(query, 0, &[text("v=spf1 -all")])]
    };
    assert_eq!(asked(stray).0, Word::Fail);
    assert_eq!(asked(|query| vec![reply(query, 3, &[])]).0, Word::None, "there is no such name");
    for refused in [1, 2, 5] {
        let (spf, answers) = asked(move |query| vec![reply(query, refused, &[text("v=spf1 +all")])]);
        assert_eq!(spf, Word::Unknown);
        assert!(answers.answers.iter().all(|answer| answer.failed.is_some()));
    }
}

#[test]
fn broken_and_endless_answers_are_unknown() {
    assert_eq!(asked(|_| Vec::new()).0, Word::Unknown, "silence");
    assert_eq!(asked(|query| vec![reply(query, 0, &[vec![0, 16, 0, 1, 0, 0, 0, 60, 255, 255, 9]])]).0, Word::Unknown);
    // A name that points at itself.
    assert_eq!(asked(|query| vec![reply(query, 0, &[vec![0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 44]])]).0, Word::Unknown);
    let noise = |query: &[u8]| {
        let mut packet = reply(query, 0, &[]);
        packet[0] ^= 1;
        vec![packet; 500]
    };
    assert_eq!(asked(noise).0, Word::Unknown);
    // Cut, and nobody there over TCP.
    let cut = |query: &[u8]| {
        let mut packet = reply(query, 0, &[text("v=spf1 +all")]);
        packet[2] |= 2;
        vec![packet]
    };
    assert_eq!(asked(cut).0, Word::Unknown);
}

#[test]
fn long_and_many_records_come_over_tcp() {
    let strings = |count: usize| (0..count).map(|n| format!("\"{n:0>200}\"")).collect::<Vec<_>>().join(" ");
    let zone = format!("signed.example. IN TXT \"v=spf1 ip4:192.0.2.9 -all\"\nsigned.example. IN TXT {}\n", strings(30));
    let nsd = needed!(Nsd::start(&zone));
    let message = format!("{CAME}{LUNCH}");
    let found = answers(&nsd, &message);
    let lengths: Vec<usize> =
        found.answers.iter().filter(|one| one.kind == Kind::Txt).flat_map(|one| &one.records).map(String::len).collect();
    assert!(lengths.contains(&6_000), "{lengths:?}");
    assert_eq!(verified(&message, &found).0.spf, Word::Pass);
    // Three hundred records, and one record of twenty thousand bytes: nobody can say what that means.
    let many: String = (0..300).map(|n| format!("signed.example. IN TXT \"v={n}\"\n")).collect();
    let long = format!("signed.example. IN TXT {}\n", strings(100));
    for more in [many, long] {
        let nsd = needed!(Nsd::start(&format!("{zone}{more}")));
        let found = answers(&nsd, &message);
        assert_eq!(verified(&message, &found).0.spf, Word::Unknown);
    }
}
