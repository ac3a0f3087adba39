//! The mail connector against a real Dovecot, which each test starts for itself. Without Dovecot the tests are skipped, and say
//! so; `cargo xtask setup` gets it.

mod broken;
mod delivered;
mod dovecot;
mod hostile;
mod pipe;
mod proxy;
mod reports;
mod search;
mod starttls;
mod verbs;
mod whole;

use adjutant_connect::imap::{Imap, Settings};
use adjutant_hand::connector::{CallError, Connector as _, Found, Permit};
use adjutant_model::act::{Action, State};
use adjutant_model::{EntityKind, Secret, Time};
use dovecot::{Client, Dovecot, HAND, Mail, OWN, PASSWORD, Wanted};
use std::collections::BTreeMap;
use std::sync::Arc;

const ANA: &str = "ana@corp.example";
const BO: &str = "bo@corp.example";
const PHISH: &str = "phish@corp.example";
const DATE: &str = "01-Feb-2020 10:00:00 +0000";

/// A server with the mailboxes of ana, bo and the reports; none, and a word, where there is no Dovecot.
fn started(hides: bool) -> Option<Dovecot> {
    wanted(Wanted { hides, ..Wanted::default() })
}

fn wanted(wanted: Wanted<'_>) -> Option<Dovecot> {
    if dovecot::program().is_none() {
        eprintln!("skipped: there is no Dovecot; `cargo xtask setup` gets it");
        return None;
    }
    let mailboxes = [ANA, BO, PHISH].map(str::to_owned);
    let wanted = Wanted { mailboxes: &mailboxes, ..wanted };
    let start = || Dovecot::start(tempfile::tempdir().unwrap(), &wanted);
    // A port that was free may be somebody else's by the time that the server listens.
    Some(start().or_else(|_| start()).unwrap())
}

fn settings(port: u16, more: &str) -> Settings {
    let text = format!(
        "url = 'imap://127.0.0.1:{port}'\nplaintext = true\nuser = '{HAND}'\npassword = {{ env = 'P' }}\n\
         mailboxes = ['{ANA}', '{BO}']\nletters_from = 'Security <security@corp.example>'\nrequest_seconds = 5\n\
         report = {{ mailbox = '{PHISH}' }}\n{more}\n"
    );
    toml::from_str(&text).unwrap()
}

fn connector(port: u16, more: &str) -> Imap {
    let clock = Arc::new(|| Time::from_secs(1_772_323_200));
    Imap::new(settings(port, more), Secret::new(PASSWORD.to_owned()), None, clock).unwrap()
}

/// A message with this identifier.
fn message(id: &str, subject: &str) -> Vec<u8> {
    format!(
        "Received: by mx.corp.example\r\nFrom: Bank <bank@evil.example>\r\nTo: all\r\nSubject: {subject}\r\nDate: Sat, 1 Feb 2020 \
         10:00:00 +0000\r\nMessage-ID: <{id}>\r\n\r\nGo to https://login.evil.example/x?y=1 now\r\n.\r\n"
    )
    .into_bytes()
}

/// The one copy that `name` means.
fn one(imap: &Imap, name: &str) -> Found {
    let mut found = imap.lookup(EntityKind::Message, name).unwrap();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

fn action(verb: &str, found: &Found) -> Action {
    let (with, texts) = (BTreeMap::from([("alert".to_owned(), "m1@evil.example".to_owned())]), BTreeMap::new());
    Action { verb: verb.to_owned(), target: found.target.clone(), connector: "mail".to_owned(), with, texts }
}

fn act(imap: &Imap, action: &Action, before: &State) -> Result<(), CallError> {
    imap.act(action, before, Permit::of_a_test("key"), "key")
}

fn undo(imap: &Imap, action: &Action, before: &State) -> Result<(), CallError> {
    imap.undo(action, before, Permit::of_a_test("key"), "key")
}

/// Everything that the owner of a mailbox has, by folder.
fn all(owner: &mut Client) -> BTreeMap<String, Vec<Mail>> {
    let folders = owner.folders().unwrap();
    let mails = folders.into_iter().map(|folder| (folder.clone(), owner.mails(&folder).unwrap()));
    mails.filter(|(_, mails)| !mails.is_empty()).collect()
}

/// Moves each copy that `name` means out of sight; what was done, to take it back.
fn hide_each(imap: &Imap, name: &str) -> Vec<(Action, State)> {
    let hidden = imap.lookup(EntityKind::Message, name).unwrap().into_iter().map(|found| {
        let action = action("quarantine-message", &found);
        let before = imap.probe(&action).unwrap();
        act(imap, &action, &before).unwrap();
        (action, before)
    });
    hidden.collect()
}

/// Takes that back, and sees that it is as it was.
fn take_back(imap: &Imap, done: &[(Action, State)]) {
    for (action, before) in done {
        undo(imap, action, before).unwrap();
        assert_eq!(imap.probe(action).unwrap(), *before);
    }
}

/// Everything that the owner of a mailbox has, whatever its order: what comes back has a new number.
fn all_sorted(owner: &mut Client) -> BTreeMap<String, Vec<Mail>> {
    let mut all = all(owner);
    all.values_mut().for_each(|mails| mails.sort());
    all
}

/// A running server, or the end of the test where there is none to be had.
macro_rules! server {
    () => {
        match crate::started(false) {
            Some(server) => server,
            None => return,
        }
    };
}
use server;
