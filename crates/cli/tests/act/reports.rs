//! A report on its way: somebody puts a message into the mailbox for reports of a real Dovecot, the hand reads it, the service
//! decides about it and keeps it as it stands, and whoever reported it is thanked.

use crate::dovecot::{self, Dovecot, Wanted};
use crate::hand;
use crate::served::Served;
use serde_json::Value;

const PHISH: &str = "phish@corp.example";
const DATE: &str = "01-Mar-2026 10:00:00 +0000";
const ATTACK: &[u8] = include_bytes!("../../../../cases/mail/callback-00.eml");
const HONEST: &[u8] = include_bytes!("../../../../cases/mail/legit-account-00.eml");

fn settings(served: &Served, port: u16) -> String {
    format!(
        "[intake]\nurl = '{}'\ntoken = {{ env = 'SOURCE' }}\nplaintext = true\n\n[connectors.mail]\nkind = 'imap'\n\
         url = 'imap://127.0.0.1:{port}'\nplaintext = true\nuser = '{}'\npassword = {{ env = 'MAIL' }}\nmailboxes = ['{PHISH}']\n\
         report = {{ mailbox = '{PHISH}' }}\npoll = {{ every_seconds = 1, first_minutes = 10000000 }}\n",
        served.url,
        dovecot::HAND
    )
}

/// The decision about the message whose raw bytes are these.
fn decision(served: &Served, message: &[u8]) -> Value {
    let rows = served.rows("/v1/decisions", 200);
    let of = |row: &&Value| {
        let path = format!("/v1/decisions/{}/raw", row["decision"].as_str().unwrap());
        served.get(&path).body == message
    };
    rows.iter().find(of).unwrap_or_else(|| panic!("no decision is about these bytes: {rows:?}")).clone()
}

#[test]
fn a_reported_message_is_decided_once_and_kept_as_it_stands() {
    if dovecot::program().is_none() {
        eprintln!("skipped: there is no Dovecot; `cargo xtask setup` gets it");
        return;
    }
    let mail =
        Dovecot::start(tempfile::tempdir().unwrap(), &Wanted { mailboxes: &[PHISH.to_owned()], ..Wanted::default() }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&format!("[hand]\nsocket = '{}/hand.sock'\n", dir.path().display()));
    let mut phish = mail.owner(PHISH).unwrap();
    phish.append("INBOX", "", DATE, ATTACK).unwrap();
    let environment = [("SOURCE", served.source.as_str()), ("MAIL", dovecot::PASSWORD)];
    let reading = hand(dir.path(), &settings(&served, mail.port), &environment);
    served.until_decided(1, || mail.log());
    let attack = decision(&served, ATTACK);
    assert!(attack["outcome"] == "respond" || attack["outcome"] == "escalate", "{attack}");

    // The hand begins again where it was, and what comes meanwhile is waited for.
    drop(reading);
    phish.append("INBOX", "", DATE, HONEST).unwrap();
    let _reading = hand(dir.path(), &settings(&served, mail.port), &environment);
    served.until_decided(2, || mail.log());
    assert_eq!(decision(&served, HONEST)["outcome"], "close");

    // Another report of the same message is an alert of its own, in the same case.
    let again = [b"X-Reported-By: bo@corp.example\r\n", ATTACK].concat();
    phish.append("INBOX", "", DATE, &again).unwrap();
    served.until_decided(3, || mail.log());
    assert_eq!(decision(&served, &again)["case"], attack["case"]);
}

const ANA: &str = "ana@corp.example";
const BO: &str = "bo@corp.example";

/// A report of the attack by whoever `from` is, with these further lines in its head.
fn report(from: &str, more: &str) -> Vec<u8> {
    let head = format!("From: {from}\r\nTo: {PHISH}\r\nSubject: FW: odd\r\nMIME-Version: 1.0\r\n{more}");
    let parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nodd\r\n--b\r\n";
    let inner = String::from_utf8(ATTACK.to_vec()).unwrap();
    format!("{head}{parts}Content-Type: message/rfc822\r\n\r\n{inner}\r\n--b--\r\n").into_bytes()
}

fn thanking(served: &Served, port: u16) -> String {
    let mailboxes = format!("mailboxes = ['{PHISH}']");
    let people = format!("mailboxes = ['{ANA}', '{BO}']\nletters_from = 'Security <security@corp.example>'");
    let act = "[population]\nuser = 100\n\n[[act]]\nplaybook = 'phishing'\nverb = 'acknowledge-report'\n\n";
    act.to_owned() + &settings(served, port).replace(&mailboxes, &people)
}

#[test]
fn whoever_of_ours_reports_something_is_thanked_once_and_nobody_else_ever() {
    if dovecot::program().is_none() {
        eprintln!("skipped: there is no Dovecot; `cargo xtask setup` gets it");
        return;
    }
    let mailboxes = [PHISH, ANA, BO, "eve@evil.example"].map(str::to_owned);
    let wanted = Wanted { mailboxes: &mailboxes, ..Wanted::default() };
    let mail = Dovecot::start(tempfile::tempdir().unwrap(), &wanted).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&format!("[hand]\nsocket = '{}/hand.sock'\n", dir.path().display()));
    let environment = [("SOURCE", served.source.as_str()), ("MAIL", dovecot::PASSWORD)];
    let mut phish = mail.owner(PHISH).unwrap();
    // Beside hers those of a machine and of a stranger, and a message that nobody passed on.
    let (of_machine, of_stranger) = (report(ANA, "Auto-Submitted: auto-replied\r\n"), report("eve@evil.example", ""));
    for message in [&report("Ana <ana@corp.example>", ""), &of_machine, &of_stranger, ATTACK] {
        phish.append("INBOX", "", DATE, message).unwrap();
    }
    let reading = hand(dir.path(), &thanking(&served, mail.port), &environment);
    served.until_decided(4, || mail.log());
    let (mut ana, mut bo) = (mail.owner(ANA).unwrap(), mail.owner(BO).unwrap());
    until(|| !ana.mails("INBOX").unwrap().is_empty(), &mail);
    drop(reading);

    // What was thanked for before is not when the hand begins again; another report is.
    let _reading = hand(dir.path(), &thanking(&served, mail.port), &environment);
    phish.append("INBOX", "", DATE, &report(BO, "X-Nth: 2\r\n")).unwrap();
    until(|| !bo.mails("INBOX").unwrap().is_empty(), &mail);
    let (thanked, other) = (ana.mails("INBOX").unwrap(), bo.mails("INBOX").unwrap());
    assert_eq!((thanked.len(), other.len()), (1, 1));
    let letter = String::from_utf8(thanked[0].bytes.clone()).unwrap();
    assert!(letter.contains("Auto-Submitted: auto-replied\r\n") && letter.contains(&format!("To: {ANA}\r\n")), "{letter}");
    assert!(!letter.contains("odd") && !letter.contains("FW:"), "nothing of what was reported: {letter}");
    assert!(mail.owner("eve@evil.example").unwrap().mails("INBOX").unwrap().is_empty());
    assert_eq!(mail.owner(PHISH).unwrap().mails("INBOX").unwrap().len(), 5, "reports, and no letter");
}

/// Waits until it is so.
fn until(mut is: impl FnMut() -> bool, mail: &Dovecot) {
    for _ in 0..600 {
        if is() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("it did not come to be: {}", mail.log());
}
