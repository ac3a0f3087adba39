//! A report on its way: somebody puts a message into the mailbox for reports of a real Dovecot, the hand reads it, the service
//! decides about it and keeps it as it stands.

use crate::dovecot::{self, Dovecot};
use crate::served::Served;
use crate::tickets::hand;
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
    let mail = Dovecot::start(tempfile::tempdir().unwrap(), &[PHISH.to_owned()], false).unwrap();
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
