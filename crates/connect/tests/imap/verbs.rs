//! What each verb does to a mailbox, what takes it back, and what happens when the mailbox changes meanwhile.

use super::*;

const M1: &str = "m1@evil.example";

/// A server where ana has the message with flags of her own, beside an honest one.
fn with_message(server: &Dovecot) -> (Client, Imap, Action) {
    let mut ana = server.owner(ANA).unwrap();
    ana.append("INBOX", "\\Seen \\Flagged $work", DATE, &message(M1, "your account")).unwrap();
    ana.append("INBOX", "", DATE, &message("honest@corp.example", "lunch")).unwrap();
    let imap = connector(server.port, "");
    let action = action("quarantine-message", &one(&imap, M1));
    (ana, imap, action)
}

fn folder(state: &State) -> &[String] {
    &state.0["folder"]
}

#[test]
fn a_message_goes_out_of_sight_and_comes_back_to_the_byte() {
    let server = server!();
    let (mut ana, imap, action) = with_message(&server);
    let (untouched, sorted) = (all(&mut ana), all_sorted(&mut ana));
    let before = imap.probe(&action).unwrap();
    assert_eq!(before.0["flags"], ["$work", "\\Flagged", "\\Seen"]);
    assert!(!imap.is_done(&action, &before) && all(&mut ana) == untouched, "looking changes nothing");
    act(&imap, &action, &before).unwrap();
    let after = imap.probe(&action).unwrap();
    assert!(imap.is_done(&action, &after) && after != before, "{after:?}");
    let inbox = ana.mails("INBOX").unwrap();
    assert_eq!(inbox, [untouched["INBOX"][1].clone()]);
    assert_eq!(ana.mails("Quarantine/INBOX").unwrap(), [untouched["INBOX"][0].clone()]);
    // The same name still finds it.
    assert_eq!(one(&imap, &action.target.id).target, action.target);
    assert!(matches!(act(&imap, &action, &before), Err(CallError::Permanent(_))), "there is nothing left to do it to");
    undo(&imap, &action, &before).unwrap();
    assert_eq!(imap.probe(&action).unwrap(), before);
    assert_eq!(all_sorted(&mut ana), sorted);
    assert!(undo(&imap, &action, &before).is_err());
    // And again, under its new number.
    act(&imap, &action, &before).unwrap();
    undo(&imap, &action, &before).unwrap();
    assert_eq!(imap.probe(&action).unwrap(), before);
}

#[test]
fn a_message_of_a_folder_goes_back_to_that_folder() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    for folder in ["Work/a b", "Archive"] {
        ana.ask(&format!("CREATE \"{folder}\"")).unwrap();
        ana.append(folder, "", DATE, &message(M1, "x")).unwrap();
    }
    let (imap, untouched) = (connector(server.port, ""), all(&mut ana));
    let done = hide_each(&imap, M1);
    assert_eq!(done.len(), 2, "equal copies in two folders are two: {done:?}");
    assert_eq!(all(&mut ana).keys().collect::<Vec<_>>(), ["Quarantine/Archive", "Quarantine/Work/a b"]);
    take_back(&imap, &done);
    assert_eq!(all(&mut ana), untouched);
}

#[test]
fn what_its_owner_moved_deleted_or_flagged_meanwhile_is_left_alone() {
    let server = server!();
    let (mut ana, imap, action) = with_message(&server);
    let before = imap.probe(&action).unwrap();
    ana.ask("SELECT INBOX").unwrap();
    ana.ask("UID STORE 1 +FLAGS (\\Answered)").unwrap();
    let untouched = all(&mut ana);
    assert!(matches!(act(&imap, &action, &before), Err(CallError::Retry(_))), "its flags are others than were read");
    ana.ask("SELECT INBOX").unwrap();
    ana.ask("UID STORE 1 -FLAGS (\\Answered)").unwrap();
    ana.ask("CREATE Later").unwrap();
    ana.ask("UID MOVE 1 Later").unwrap();
    let state = imap.probe(&action).unwrap();
    assert_eq!(folder(&state), ["Later"]);
    assert!(state != before && !imap.is_done(&action, &state));
    assert!(matches!(act(&imap, &action, &before), Err(CallError::Permanent(_))));
    assert!(matches!(act(&imap, &action, &state), Err(CallError::Permanent(_))), "it is where nobody approved");
    assert!(matches!(undo(&imap, &action, &before), Err(CallError::Permanent(_))));
    ana.ask("SELECT Later").unwrap();
    ana.ask("UID STORE 1:* +FLAGS.SILENT (\\Deleted)").unwrap();
    ana.ask("EXPUNGE").unwrap();
    let state = imap.probe(&action).unwrap();
    assert!(folder(&state).is_empty() && !imap.is_done(&action, &state));
    assert!(matches!(act(&imap, &action, &before), Err(CallError::Permanent(_))));
    assert_eq!(ana.mails("INBOX").unwrap()[0], untouched["INBOX"][1], "the honest one is not touched");
}

#[test]
fn what_was_taken_out_of_quarantine_is_drift() {
    let server = server!();
    let (mut ana, imap, action) = with_message(&server);
    let before = imap.probe(&action).unwrap();
    act(&imap, &action, &before).unwrap();
    let after = imap.probe(&action).unwrap();
    ana.ask("SELECT Quarantine/INBOX").unwrap();
    ana.ask("UID STORE 1 FLAGS (\\Answered)").unwrap();
    let state = imap.probe(&action).unwrap();
    assert!(state != after && state != before, "the hand takes nothing back over that: {state:?}");
    // Whoever takes it back all the same gets the flags of before.
    undo(&imap, &action, &before).unwrap();
    assert_eq!(imap.probe(&action).unwrap(), before);
}

#[test]
fn numbers_that_were_given_out_anew_lead_to_no_other_message() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    ana.ask("CREATE Work").unwrap();
    ana.append("Work", "\\Seen", DATE, &message(M1, "your account")).unwrap();
    let imap = connector(server.port, "");
    let action = action("quarantine-message", &one(&imap, M1));
    let before = imap.probe(&action).unwrap();
    ana.ask("DELETE Work").unwrap();
    ana.ask("CREATE Work").unwrap();
    // Under the same number, of the same day and length, and another message.
    ana.append("Work", "\\Seen", DATE, &message("m2@evil.example", "your account")).unwrap();
    let state = imap.probe(&action).unwrap();
    assert!(folder(&state).is_empty(), "{state:?}");
    assert!(matches!(act(&imap, &action, &before), Err(CallError::Permanent(_))));
    ana.append("Work", "\\Seen", DATE, &message(M1, "your account")).unwrap();
    assert_eq!(imap.probe(&action).unwrap(), before, "the same bytes, date and folder: the same");
    act(&imap, &action, &before).unwrap();
    let work = ana.mails("Work").unwrap();
    assert!(work.len() == 1 && work[0].bytes == message("m2@evil.example", "your account"), "{work:?}");
    undo(&imap, &action, &before).unwrap();
    assert_eq!(imap.probe(&action).unwrap(), before);
}

#[test]
fn equal_copies_in_one_folder_are_two_and_each_comes_back() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    for flags in ["\\Seen", "\\Flagged"] {
        ana.append("INBOX", flags, DATE, &message(M1, "x")).unwrap();
    }
    let (imap, untouched) = (connector(server.port, ""), all_sorted(&mut ana));
    let done = hide_each(&imap, M1);
    assert_eq!(ana.mails("Quarantine/INBOX").unwrap().len(), 2);
    done.iter().rev().for_each(|(action, before)| undo(&imap, action, before).unwrap());
    assert_eq!(all_sorted(&mut ana), untouched);
}

#[test]
fn whose_mail_it_is_not_is_nobody() {
    let server = server!();
    let (mut ana, imap, action) = with_message(&server);
    let mut phish = server.owner(PHISH).unwrap();
    phish.append("INBOX", "", DATE, &message("report@corp.example", "FW")).unwrap();
    assert!(imap.lookup(EntityKind::Message, "report@corp.example").unwrap().is_empty(), "reports are not searched");
    for name in [
        "",
        "x",
        "<>",
        "not-there@evil.example",
        // Parts of identifiers, and names that are for people.
        "1@evil.example",
        &action.target.name,
        &action.target.id.replace(ANA, PHISH),
        &action.target.id.replace(ANA, "eve@corp.example"),
    ] {
        assert_eq!(imap.lookup(EntityKind::Message, name).unwrap(), [], "{name}");
    }
    for id in [action.target.id.replace(ANA, PHISH), action.target.id.replace("/INBOX", "/Quarantine/INBOX"), "x".to_owned()] {
        let mut other = action.clone();
        other.target.id = id;
        assert!(matches!(imap.probe(&other), Err(CallError::Permanent(_))));
        assert!(act(&imap, &other, &State::default()).is_err());
    }
    assert!(imap.lookup(EntityKind::Message, "<M1@EVIL.example>").unwrap().len() == 1, "compared without case");
    assert_eq!(imap.lookup(EntityKind::User, "Ana@Corp.Example").unwrap()[0].target.id, ANA);
    assert!(imap.lookup(EntityKind::User, "eve@corp.example").unwrap().is_empty());
    assert_eq!(all(&mut ana)["INBOX"].len(), 2);
}

#[test]
fn an_identifier_that_somebody_borrowed_names_nothing() {
    let server = server!();
    let (mut ana, imap, _) = with_message(&server);
    let mut bo = server.owner(BO).unwrap();
    let delivered = String::from_utf8(message(M1, "your account")).unwrap().replace("mx.corp", "mx2.corp").into_bytes();
    bo.append("INBOX", "", DATE, &delivered).unwrap();
    assert_eq!(imap.lookup(EntityKind::Message, M1).unwrap().len(), 2, "two copies of one message");
    bo.append("INBOX", "", DATE, &message(M1, "the real one")).unwrap();
    let refused = imap.lookup(EntityKind::Message, M1);
    assert!(matches!(&refused, Err(CallError::Permanent(why)) if why.contains("2 different messages")), "{refused:?}");
    assert_eq!(all(&mut ana)["INBOX"].len(), 2);
}

#[test]
fn letters_are_written_once_and_say_nothing_of_the_message() {
    let server = server!();
    let (mut ana, imap, _) = with_message(&server);
    let user = imap.lookup(EntityKind::User, ANA).unwrap().remove(0);
    for (nth, (verb, found)) in
        [("acknowledge-report", &user), ("tell-reporter", &user), ("warn-recipient", &one(&imap, M1))].into_iter().enumerate()
    {
        let action = action(verb, found);
        let before = imap.probe(&action).unwrap();
        assert!(!imap.is_done(&action, &before));
        act(&imap, &action, &before).unwrap();
        act(&imap, &action, &before).unwrap();
        assert!(imap.is_done(&action, &imap.probe(&action).unwrap()));
        let inbox = ana.mails("INBOX").unwrap();
        assert_eq!(inbox.len(), 3 + nth, "once");
        let letter = String::from_utf8(inbox.last().unwrap().bytes.clone()).unwrap();
        assert!(letter.contains("From: Security <security@corp.example>\r\nTo: ana@corp.example\r\n"), "{letter}");
        assert!(!letter.contains("evil") && inbox.last().unwrap().flags.is_empty());
        // Its reader puts it elsewhere.
        ana.ask("SELECT INBOX").unwrap();
        let _ = ana.ask("CREATE Read");
        ana.ask(&format!("COPY {} Read", 3 + nth)).unwrap();
        assert!(imap.is_done(&action, &imap.probe(&action).unwrap()));
        assert!(matches!(undo(&imap, &action, &before), Err(CallError::Permanent(_))));
    }
}

#[test]
fn what_is_in_quarantine_its_owner_neither_sees_nor_opens() {
    let Some(server) = started(true) else { return };
    let (mut ana, imap, action) = with_message(&server);
    let untouched = all_sorted(&mut ana);
    let before = imap.probe(&action).unwrap();
    act(&imap, &action, &before).unwrap();
    assert!(imap.is_done(&action, &imap.probe(&action).unwrap()));
    assert_eq!(ana.folders().unwrap(), ["INBOX"]);
    assert!(ana.ask("SELECT Quarantine/INBOX").is_err() && ana.mails("INBOX").unwrap().len() == 1);
    take_back(&imap, &[(action, before)]);
    assert_eq!(all_sorted(&mut ana), untouched);
}

#[test]
fn the_other_way_to_act_for_somebody_works_too_and_a_wrong_password_says_so() {
    let server = server!();
    let (_, _, action) = with_message(&server);
    let imap = connector(server.port, "separator = '*'");
    let before = imap.probe(&action).unwrap();
    act(&imap, &action, &before).unwrap();
    assert!(imap.health().unwrap().contains("2 mailboxes are searched"));
    let wrong = Imap::new(settings(server.port, ""), Secret::new("wrong-one".into()), None, Arc::new(|| Time(0))).unwrap();
    let refused = wrong.health();
    assert!(
        matches!(&refused, Err(CallError::Permanent(why)) if why.contains("does not let") && !why.contains("wrong-one")),
        "{refused:?}"
    );
}
