//! What a call says when the connection drops at any of its commands, and that nothing is ever done twice or to another.

use super::proxy::{Cut, Proxy};
use super::*;

const M1: &str = "m1@evil.example";

/// A connection takes fewer commands than this.
const COMMANDS_MAX: usize = 40;

/// What the error says of whether it was done must be so.
fn judge(result: &Result<(), CallError>, done: bool, what: &str) {
    match result {
        Ok(()) => assert!(done, "{what}: it says that it is done"),
        Err(CallError::Unclear(_)) => {}
        Err(error) => assert!(!done, "{what}: it says {error}"),
    }
}

#[test]
fn a_connection_that_drops_at_any_command_leaves_one_message_and_the_truth() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    ana.append("INBOX", "\\Seen $work", DATE, &message(M1, "your account")).unwrap();
    ana.append("INBOX", "", DATE, &message("honest@corp.example", "lunch")).unwrap();
    let proxy = Proxy::before(server.port);
    let direct = connector(server.port, "");
    let action = action("quarantine-message", &one(&direct, M1));
    let before = direct.probe(&action).unwrap();
    let (mut moves, mut unclear) = (0, 0);
    for cut in [Cut::Before, Cut::After, Cut::Within] {
        for nth in 0..COMMANDS_MAX {
            for undoes in [false, true] {
                // Each time over a connection of its own.
                let imap = connector(proxy.port(), "");
                proxy.cut_after(nth, cut);
                let result = if undoes { undo(&imap, &action, &before) } else { act(&imap, &action, &before) };
                moves += proxy.pass().iter().filter(|verb| *verb == "UID MOVE").count();
                unclear += usize::from(matches!(result, Err(CallError::Unclear(_))));
                let hidden = direct.is_done(&action, &direct.probe(&action).unwrap());
                judge(&result, hidden != undoes, &format!("{cut:?} at {nth}, undo {undoes}"));
                let (inbox, quarantine) = (ana.mails("INBOX").unwrap(), ana.mails("Quarantine/INBOX").unwrap());
                assert_eq!(inbox.len() + quarantine.len(), 2, "{cut:?} at {nth}");
                assert!(inbox.iter().any(|mail| mail.bytes == message("honest@corp.example", "lunch")));
                if !undoes && !hidden {
                    act(&direct, &action, &before).unwrap();
                }
                if undoes && hidden {
                    undo(&direct, &action, &before).unwrap();
                }
            }
            assert_eq!(direct.probe(&action).unwrap(), before);
            let imap = connector(proxy.port(), "");
            proxy.cut_after(nth, cut);
            if imap.probe(&action).is_ok() && act(&imap, &action, &before).is_ok() && proxy.is_armed() {
                undo(&direct, &action, &before).unwrap();
                break;
            }
            if direct.is_done(&action, &direct.probe(&action).unwrap()) {
                undo(&direct, &action, &before).unwrap();
            }
        }
    }
    assert!(moves > 20 && unclear >= 5, "{moves} moves and {unclear} lost answers: the cuts did not reach them");
}

#[test]
fn a_letter_is_there_once_wherever_the_connection_drops() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    let proxy = Proxy::before(server.port);
    let direct = connector(server.port, "");
    let user = direct.lookup(EntityKind::User, ANA).unwrap().remove(0);
    let mut letters = 0;
    for cut in [Cut::Before, Cut::After] {
        for nth in 0..COMMANDS_MAX {
            let mut action = action("acknowledge-report", &user);
            action.with.insert("alert".into(), format!("{cut:?}{nth}@evil.example"));
            let before = direct.probe(&action).unwrap();
            let imap = connector(proxy.port(), "");
            proxy.cut_after(nth, cut);
            let result = act(&imap, &action, &before);
            let reached = !proxy.is_armed();
            proxy.pass();
            let done = direct.is_done(&action, &direct.probe(&action).unwrap());
            judge(&result, done, &format!("{cut:?} at {nth}"));
            act(&direct, &action, &before).unwrap();
            letters += 1;
            assert_eq!(ana.mails("INBOX").unwrap().len(), letters, "{cut:?} at {nth}");
            if !reached {
                break;
            }
        }
    }
    assert!(letters > 8, "{letters}");
}
