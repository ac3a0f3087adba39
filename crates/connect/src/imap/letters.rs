//! Letters to people whose mailboxes these are: fixed words, sent or put into the mailbox itself, each once.
//!
//! Nothing of what an alert or a message says stands in them, so that no sender writes to people through us. A letter has a name
//! of its own that follows from what it is about; by that name it is looked for before it is written and after an answer that
//! was lost.

use super::copies::{Copy, is_hidden, state_of};
use super::link::{Link, Piece, quoted};
use super::smtp::{Door, Sent};
use super::trouble::Trouble;
use adjutant_hand::connector::CallError;
use adjutant_model::act::{Action, State};
use adjutant_model::{Digest, Time};

/// Digits of the name of a letter.
const MARK_CHARS: usize = 32;

/// Name and values of a letter's state.
const LETTER: &str = "letter";
const THERE: &str = "there";

/// The name, in an action, of what the letter is about.
pub(super) const ALERT: &str = "alert";

/// A verb that writes a letter, its subject and its text.
struct Words {
    verb: &'static str,
    subject: &'static str,
    text: &'static str,
}

/// Every letter.
const WORDS: [Words; 3] = [
    Words {
        verb: ACKNOWLEDGE,
        subject: "Your report of a suspicious message has arrived",
        text: "Thank you for reporting a suspicious message. It is being looked at.\r\n\
               \r\n\
               Until you hear from us, please do not open its links or attachments, and do not answer it.\r\n\
               If you clicked on something, entered a password or answered already, tell your security team now:\r\n\
               the sooner, the less can happen.\r\n",
    },
    Words {
        verb: OUTCOME,
        subject: "The message that you reported was harmful",
        text: "Thank you: the message that you reported was harmful, and is being removed from the mailboxes that received\r\n\
               it.\r\n\
               \r\n\
               If you clicked on something in it, entered a password or answered, tell your security team now.\r\n",
    },
    Words {
        verb: WARN,
        subject: "A harmful message was sent to you",
        text: "A message that was sent to you was found to be harmful. It is kept back from your mailbox; nothing else in your\r\n\
               mailbox was touched.\r\n\
               \r\n\
               If you clicked on something in a message that you now cannot find any more, entered a password or answered it,\r\n\
               tell your security team now. If you miss a message that was honest, tell them too: it can be put back.\r\n",
    },
];

/// Tells who reported something that it arrived.
pub(super) const ACKNOWLEDGE: &str = "acknowledge-report";
/// Tells who reported something what came of it.
pub(super) const OUTCOME: &str = "tell-reporter";
/// Warns whoever got a copy.
pub(super) const WARN: &str = "warn-recipient";

/// A letter to somebody.
pub(super) struct Letter {
    pub(super) mailbox: String,
    words: &'static Words,
    name: String,
}

/// The letter that the action writes; none when it writes none.
pub(super) fn of(action: &Action, from: &str) -> Option<Letter> {
    let words = WORDS.iter().find(|words| words.verb == action.verb)?;
    let mailbox = Copy::read(&action.target.id).map_or_else(|| action.target.id.clone(), |copy| copy.mailbox);
    let about = action.with.get(ALERT).map_or("", String::as_str);
    let digest = Digest::of(format!("{}\0{}\0{about}", action.verb, action.target.id).as_bytes()).to_string();
    let mark: String = digest.chars().take(MARK_CHARS).collect();
    let domain = from.rsplit_once('@').map_or("adjutant.invalid", |(_, domain)| domain.trim_end_matches('>'));
    Some(Letter { mailbox, words, name: format!("{mark}.adjutant@{domain}") })
}

/// The address in `NAME <ADDRESS>`.
pub(super) fn address(from: &str) -> &str {
    from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>'))
}

/// Whether the state is that of a letter that was written.
pub(super) fn is_there(state: &State) -> bool {
    state.0.get(LETTER).is_some_and(|values| *values == [THERE])
}

impl Letter {
    /// Whether it is in the mailbox, wherever its reader put it.
    pub(super) fn state(&self, link: &mut Link, quarantine: &str) -> Result<State, Trouble> {
        let name = quoted(&format!("<{}>", self.name))?;
        for folder in link.folders()?.iter().filter(|folder| !is_hidden(quarantine, folder)) {
            link.open_folder(&folder.name, false)?;
            if !link.find(&[Piece::Plain("UID SEARCH HEADER Message-ID"), Piece::Plain(&name)])?.is_empty() {
                return Ok(state_of(LETTER, vec![THERE.to_owned()]));
            }
        }
        Ok(state_of(LETTER, Vec::new()))
    }

    /// Sends it where there is a door for that, or puts it into the inbox.
    pub(super) fn write(&self, link: &mut Link, door: Option<&Door>, from: &str, now: Time) -> Result<(), CallError> {
        let text = self.text(from, now)?;
        if let Some(door) = door {
            return door.send(&Sent { from: address(from), to: &self.mailbox, text: &text });
        }
        link.ask(&[Piece::Plain("APPEND INBOX"), Piece::Literal(text.as_bytes())]).map_err(Trouble::of_changing)?;
        Ok(())
    }

    fn text(&self, from: &str, now: Time) -> Result<String, CallError> {
        let at = jiff::Timestamp::from_microsecond(now.0).map_err(|_| CallError::Permanent("no date can be this".into()))?;
        let Letter { mailbox, words, name } = self;
        Ok(format!(
            "Date: {}\r\nFrom: {from}\r\nTo: {mailbox}\r\nSubject: {}\r\nMessage-ID: <{name}>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\nAuto-Submitted: {}\r\n\r\n{}",
            at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
            words.subject,
            // RFC 3834, 5: no machine answers either.
            if words.verb == ACKNOWLEDGE { "auto-replied" } else { "auto-generated" },
            words.text
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::EntityKind;
    use adjutant_model::act::Target;

    fn action(verb: &str, id: &str, about: &str) -> Action {
        Action {
            verb: verb.into(),
            target: Target { kind: EntityKind::User, id: id.into(), name: id.into() },
            connector: "mail".into(),
            with: [(ALERT.to_owned(), about.to_owned())].into(),
            texts: Default::default(),
        }
    }

    #[test]
    fn a_letter_is_known_by_what_it_is_about_and_says_nothing_of_it() {
        let name = |verb: &str, id: &str, about: &str| of(&action(verb, id, about), "S <s@corp.example>").unwrap().name;
        let first = name(WARN, "ana@corp.example", "1@evil.example");
        assert_eq!(first, name(WARN, "ana@corp.example", "1@evil.example"));
        assert!(first.ends_with(".adjutant@corp.example"), "{first}");
        for other in [
            name(OUTCOME, "ana@corp.example", "1@evil.example"),
            name(WARN, "bo@corp.example", "1@evil.example"),
            name(WARN, "ana@corp.example", "2@evil.example"),
        ] {
            assert_ne!(first, other);
        }
        for words in &WORDS {
            let letter = of(&action(words.verb, "ana@corp.example", "evil\r\nBcc: x"), "s@corp.example").unwrap();
            let text = letter.text("s@corp.example", Time::from_secs(1_772_323_200)).unwrap();
            assert!(!text.contains("evil") && text.contains("Date: Sun, 01 Mar 2026 00:00:00 +0000\r\n"), "{text}");
            assert!(text.is_ascii() && text.lines().all(|line| line.len() < 130), "{text}");
        }
        assert!(of(&action("disable-account", "ana@corp.example", ""), "s@corp.example").is_none());
    }
}
