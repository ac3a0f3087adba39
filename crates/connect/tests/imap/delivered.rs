//! Mail that really was delivered, and letters that really are sent: to a Dovecot that takes them over SMTP and delivers them to
//! itself. It delivers as root alone, and elsewhere these tests are skipped.

use super::*;
use crate::starttls::{Vouched, vouched};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

/// A server that takes letters; none, and a word, where it cannot.
fn taking(vouched: &Vouched) -> Option<Dovecot> {
    let server = wanted(Wanted { tls: Some(vouched.pem.clone()), submits: true, ..Wanted::default() })?;
    if server.submission.is_none() {
        eprintln!("skipped: this is not root, or Dovecot takes no letters; `cargo xtask setup` gets it");
    }
    server.submission.is_some().then_some(server)
}

/// Hands a message in for each, as a mail server does.
fn deliver(server: &Dovecot, to: &[&str], message: &[u8]) {
    for to in to {
        let mut stream = TcpStream::connect(("127.0.0.1", server.lmtp.unwrap())).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut hear = || {
            let mut line = String::from("250-");
            while line.get(3..4) == Some("-") {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            assert!(line.starts_with('2') || line.starts_with('3'), "{line}");
        };
        hear();
        for command in ["LHLO mx.corp.example", "MAIL FROM:<bank@evil.example>", &format!("RCPT TO:<{to}>"), "DATA"] {
            stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
            hear();
        }
        let text = String::from_utf8(message.to_vec()).unwrap().replace("\r\n.", "\r\n..");
        stream.write_all(format!("{text}.\r\n").as_bytes()).unwrap();
        hear();
    }
}

#[test]
fn what_was_delivered_to_many_is_one_message_whose_copies_go_and_come_back_to_the_byte() {
    let Some(server) = taking(&vouched()) else { return };
    let (mut ana, mut bo) = (server.owner(ANA).unwrap(), server.owner(BO).unwrap());
    deliver(&server, &[ANA, BO], &message("m1@evil.example", "your account"));
    ana.ask("SELECT INBOX").unwrap();
    ana.ask("STORE 1 FLAGS (\\Seen $mine)").unwrap();
    let untouched = [all(&mut ana), all(&mut bo)];
    assert_ne!(untouched[0]["INBOX"][0].bytes, untouched[1]["INBOX"][0].bytes, "each has headers of its own");
    let imap = connector(server.port, "");
    let done = hide_each(&imap, "m1@evil.example");
    assert_eq!(done.len(), 2);
    assert!(ana.mails("INBOX").unwrap().is_empty() && bo.mails("INBOX").unwrap().is_empty());
    take_back(&imap, &done);
    assert_eq!([all(&mut ana), all(&mut bo)], untouched);
}

#[test]
fn a_report_that_was_delivered_is_handed_on_with_whoever_is_to_be_thanked() {
    let Some(server) = taking(&vouched()) else { return };
    let inner = String::from_utf8(message("m1@evil.example", "your account")).unwrap();
    let report = format!(
        "From: Ana <{ANA}>\r\nTo: {PHISH}\r\nSubject: FW: your account\r\nMessage-ID: <r1@corp.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nodd\r\n--b\r\nContent-Type: \
         message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    );
    deliver(&server, &[PHISH], report.as_bytes());
    let imap = connector(server.port, "");
    let page = imap.poll(Time(0), None).unwrap();
    let [reported] = page.messages.as_slice() else { panic!("{page:?}") };
    assert!(String::from_utf8_lossy(&reported.raw).contains(&inner));
    assert_eq!(reported.thanks.as_ref().map(|(who, _)| who.as_str()), Some(ANA));
    assert_eq!(imap.poll(Time(0), page.next.as_deref()).unwrap().messages, []);
}

/// A connector that sends letters, and believes whom the file vouches for.
fn sending(server: &Dovecot, vouched: &Vouched, port: u16, how: &str) -> Imap {
    let (file, user) = (vouched.file.display(), format!("user = '{ANA}', password = {{ env = 'S' }}"));
    let smtp = format!("smtp = {{ url = 'smtp://127.0.0.1:{port}', {how}, {user} }}");
    let settings = settings(server.port, &format!("ca_file = '{file}'\nallow = ['127.0.0.0/8']\n{smtp}"));
    let clock = Arc::new(|| Time::from_secs(1_772_323_200));
    Imap::new(settings, Secret::new(PASSWORD.to_owned()), Some(Secret::new(OWN.to_owned())), clock).unwrap()
}

#[test]
fn a_letter_that_is_sent_is_read_back_where_it_was_delivered_and_not_sent_again() {
    let vouched = vouched();
    let Some(server) = taking(&vouched) else { return };
    let mut ana = server.owner(ANA).unwrap();
    for (nth, how) in ["plaintext = true", "starttls = true"].into_iter().enumerate() {
        let imap = sending(&server, &vouched, server.submission.unwrap(), how);
        let user = imap.lookup(EntityKind::User, ANA).unwrap().remove(0);
        let mut action = action("acknowledge-report", &user);
        action.with.insert("alert".into(), how.into());
        let before = imap.probe(&action).unwrap();
        act(&imap, &action, &before).unwrap();
        assert!(imap.is_done(&action, &imap.probe(&action).unwrap()), "{how}");
        act(&imap, &action, &before).unwrap();
        let inbox = ana.mails("INBOX").unwrap();
        let text = String::from_utf8_lossy(&inbox[nth].bytes).into_owned();
        assert_eq!(inbox.len(), nth + 1, "once");
        assert!(text.contains("Return-Path: <security@corp.example>") && text.contains("Auto-Submitted: auto-replied"), "{text}");
    }
}

#[test]
fn no_letter_goes_out_in_the_clear_and_what_was_said_before_tls_counts_for_nothing() {
    let vouched = vouched();
    let Some(server) = taking(&vouched) else { return };
    // One that offers no TLS, and ones to whose answer somebody adds a login and a delivery.
    let without = wanted(Wanted { submits: true, ..Wanted::default() }).unwrap();
    let (port, adds) =
        (server.submission.unwrap(), ["235 in\r\n", "250 x\r\n235 in\r\n250 a\r\n250 b\r\n354 go\r\n250 taken\r\n"]);
    for (port, adds, why) in
        [(without.submission.unwrap(), "", "does not take it"), (port, adds[0], "before TLS"), (port, adds[1], "before TLS")]
    {
        let (port, heard) = starttls::between(port, adds);
        let imap = sending(&server, &vouched, port, "starttls = true");
        let action = action("acknowledge-report", &imap.lookup(EntityKind::User, ANA).unwrap().remove(0));
        let refused = act(&imap, &action, &State::default());
        assert!(matches!(&refused, Err(CallError::Permanent(says)) if says.contains(why)), "{adds:?}: {refused:?}");
        assert_eq!(*heard.lock().unwrap(), ["EHLO adjutant.invalid", "STARTTLS"], "{adds:?}");
    }
    assert!(server.owner(ANA).unwrap().mails("INBOX").unwrap().is_empty());
}
