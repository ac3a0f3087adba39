//! What a table says of mail that was read in any order, twice, forged, and as copies.

use super::*;

fn raw(from: &str, to: &str, id: &str, day: u32, more: &str) -> String {
    format!(
        "{more}From: {from}\r\nTo: {to}\r\nSubject: Hello\r\nMessage-ID: <{id}>\r\nDate: {day:02} Mar 2026 09:00:00 +0000\r\n\r\nHi.\r\n"
    )
}

const RECEIVED: &str = "Received: from out.partner.example by mx.corp.example; Sun, 15 Mar 2026 10:00:00 +0000\r\n";

fn read(raw: &str) -> Result<Letter, Skipped> {
    let domains = ["corp.example".to_owned()];
    letter(raw.as_bytes(), &Own { domains: &domains, server: &|host| host == "mx.corp.example" })
}

fn learned(all: &[String]) -> Table {
    let mut table = Table::default();
    all.iter().for_each(|raw| {
        table.learn(&read(raw).unwrap(), false);
    });
    table
}

fn between(table: &Table, other: &str) -> Row {
    *table.between("ana@corp.example", other).unwrap()
}

#[test]
fn who_wrote_first_since_when_and_how_often() {
    let ours = raw("ana@corp.example", "bo@partner.example", "1", 1, "");
    let theirs: Vec<String> =
        (2..=12).map(|day| raw("Bo <BO@Partner.example>", "ana@corp.example", &format!("b{day}"), day, "")).collect();
    let table = learned(&[&[ours], &theirs[..]].concat());
    let row = between(&table, "bo@partner.example");
    assert!(row.solicited() && row.prevalence() == Prevalence::Common && (row.messages, row.wrote) == (11, 1));
    assert_eq!(row.came.map(|(first, last)| last.since(first)), Some(Duration::from_hours(240)));
    let late =
        learned(&[raw("cy@new.example", "ana@corp.example", "c", 1, ""), raw("ana@corp.example", "cy@new.example", "d", 2, "")]);
    let row = between(&late, "cy@new.example");
    assert!(!row.solicited() && row.prevalence() == Prevalence::Outlier, "an answer solicits nothing that came before");
}

#[test]
fn the_same_mail_in_any_order_and_in_any_steps_is_the_same_file() {
    let mail: Vec<String> = (1..=20)
        .map(|n| match n % 4 {
            0 => raw("ana@corp.example", "bo@partner.example, eve@other.example", &n.to_string(), n, ""),
            1 => raw("bo@partner.example", "ana@corp.example", &n.to_string(), n, ""),
            2 => raw("ana@corp.example", "dan@corp.example", &n.to_string(), n, ""),
            _ => raw("eve@other.example", "list@lists.example", &n.to_string(), n, "Delivered-To: ana@corp.example\r\n"),
        })
        .collect();
    let files = learned(&mail).files();
    let backwards: Vec<String> = mail.iter().rev().cloned().collect();
    assert_eq!(learned(&backwards).files(), files);
    // A copy of each message, as another mailbox has it, counts nothing twice.
    assert_eq!(learned(&[&mail[..], &backwards[..]].concat()).files(), files);
    let half = learned(&mail[..9]).files();
    let mut on = Table::of_files(&half.correspondents, &half.counted).unwrap();
    mail[5..].iter().for_each(|raw| {
        on.learn(&read(raw).unwrap(), false);
    });
    assert_eq!(on.files(), files, "learned in two steps that overlap");
    assert!(files.mailboxes.contains("\ndan@corp.example,") && !files.senders.contains("\nlist@"));
}

#[test]
fn copies_that_arrive_later_widen_the_time_and_count_once() {
    let sent = raw("bo@partner.example", "ana@corp.example", "1", 1, "");
    let arrived = raw("bo@partner.example", "ana@corp.example", "1", 1, RECEIVED);
    let one = learned(&[sent.clone(), arrived.clone()]);
    assert_eq!(one.files(), learned(&[arrived, sent]).files());
    let row = between(&one, "bo@partner.example");
    assert_eq!((row.messages, row.came.map(|(first, last)| last > first)), (1, Some(true)));
}

#[test]
fn what_is_forged_teaches_nothing() {
    let verdict = |dmarc: &str| format!("Authentication-Results: mx.corp.example; dmarc={dmarc}\r\n{RECEIVED}");
    let forged = raw("bo@partner.example", "ana@corp.example", "1", 1, &verdict("fail"));
    assert_eq!(read(&forged), Err(Skipped::Forged));
    assert!(read(&raw("bo@partner.example", "ana@corp.example", "1", 1, &verdict("pass"))).is_ok());
    // What somebody else's server says, or says beside ours, is nobody's word.
    let others = format!("{RECEIVED}Authentication-Results: mx.evil.example; dmarc=fail\r\n");
    assert!(read(&raw("bo@partner.example", "ana@corp.example", "1", 1, &others)).is_ok());
    // Mail from our own domain that came from outside says nothing about whom ours write to.
    let outside = raw("ana@corp.example", "dan@corp.example, evil@evil.example", "1", 1, RECEIVED);
    let table = learned(&[outside]);
    assert!(table.between("ana@corp.example", "evil@evil.example").is_none());
    assert!(table.between("dan@corp.example", "ana@corp.example").is_some());
    assert_eq!(read(&raw("a@x.example", "b@y.example", "1", 1, "")), Err(Skipped::Foreign));
    assert_eq!(read("Subject: x\r\nTo: y\r\nDate: z\r\n\r\n"), Err(Skipped::NoMessage));
    let named = raw("ana@notcorp.example", "x@corp.example.evil.example", "1", 1, "");
    assert_eq!(read(&named), Err(Skipped::Foreign), "a domain is ours whole or not at all");
}

#[test]
fn an_attack_counts_against_its_sender_alone() {
    let mut table = Table::default();
    let attack = read(&raw("eve@evil.example", "ana@corp.example", "1", 1, RECEIVED)).unwrap();
    assert_eq!(table.learn(&attack, true), Learned::Counted);
    assert_eq!(table.learn(&attack, true), Learned::Known);
    let row = between(&table, "eve@evil.example");
    assert_eq!((row.bad, row.messages, row.prevalence()), (1, 0, Prevalence::New));
    assert!(table.files().senders.contains("eve@evil.example,new,,,0,0,,false,1"));
}

#[test]
fn a_file_that_learning_did_not_write_is_refused() {
    assert_eq!(Table::of_files("pair\nnonsense\n", ""), Err(Fault { line: 2 }));
    assert_eq!(Table::of_files("", "xyz\n"), Err(Fault { line: 1 }));
    assert_eq!(Table::of_files("", ""), Ok(Table::default()));
}
