//! Sends one letter over SMTP (RFC 5321), in as few commands as that takes. Until its end is sent nothing is delivered; after
//! that, without an answer, nobody knows.

use super::settings::Checked;
use super::trouble::Trouble;
use super::wire::Wire;
use adjutant_hand::connector::CallError;
use adjutant_model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use zeroize::Zeroizing;

/// How it begins, and how it begins anew after STARTTLS (RFC 3207, 4.2).
const HELLO: &str = "EHLO adjutant.invalid";

/// Lines of one answer.
const LINES_MAX: usize = 100;

/// Characters of a server's own words that are repeated.
const SAYS_CHARS_MAX: usize = 160;

/// Where letters are sent, and as whom.
pub(super) struct Door {
    pub(super) place: Checked,
    pub(super) user: Option<(String, Secret)>,
    pub(super) connect: Duration,
    pub(super) patience: Duration,
}

/// A letter on its way.
pub(super) struct Sent<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) text: &'a str,
}

impl Door {
    /// Sends it.
    pub(super) fn send(&self, letter: &Sent<'_>) -> Result<(), CallError> {
        let mut talk = self.open().map_err(|trouble| trouble.before().of_changing())?;
        let begun = talk.begin(letter).map_err(|trouble| trouble.before().of_changing());
        begun?;
        let mut text = String::with_capacity(letter.text.len() + 8);
        for line in letter.text.lines() {
            // A line that begins with a dot is not the end.
            text.push_str(if line.starts_with('.') { "." } else { "" });
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.push_str(".\r\n");
        talk.wire.begin();
        // The end is in the last bytes: what is cut off before it is not delivered, and that cannot be seen from here.
        let ended = talk.wire.send(text.as_bytes()).and_then(|()| talk.expect(2));
        ended.map_err(|trouble| match trouble {
            // Also a server that gave it to the next one and heard nothing says *later*; the letter may be there (RFC 1047).
            Trouble::NotSent(why) => Trouble::Lost(why).of_changing(),
            other => other.of_changing(),
        })?;
        // It is delivered, whatever is said to the farewell.
        let _ = talk.wire.send(b"QUIT\r\n");
        Ok(())
    }

    fn open(&self) -> Result<Talk, Trouble> {
        let wire = Wire::open(&self.place, self.connect, self.patience, 0)?;
        let mut talk = Talk { wire };
        talk.expect(2)?;
        talk.say(HELLO, 2)?;
        if self.place.starttls {
            talk.say("STARTTLS", 2)?;
            talk.wire.secure(&self.place)?;
            talk.say(HELLO, 2)?;
        }
        if let Some((user, password)) = &self.user {
            let plain = Zeroizing::new(format!("\0{user}\0{}", password.reveal()));
            let command = Zeroizing::new(format!("AUTH PLAIN {}", STANDARD.encode(plain.as_bytes())));
            talk.say(&command, 2)?;
        }
        Ok(talk)
    }
}

struct Talk {
    wire: Wire,
}

impl Talk {
    fn begin(&mut self, letter: &Sent<'_>) -> Result<(), Trouble> {
        self.say(&format!("MAIL FROM:<{}>", letter.from), 2)?;
        self.say(&format!("RCPT TO:<{}>", letter.to), 2)?;
        self.say("DATA", 3)
    }

    fn say(&mut self, command: &str, class: u8) -> Result<(), Trouble> {
        self.wire.begin();
        self.wire.send(Zeroizing::new(format!("{command}\r\n")).as_bytes())?;
        self.expect(class)
    }

    /// The answer, whose first digit must be this.
    fn expect(&mut self, class: u8) -> Result<(), Trouble> {
        for _ in 0..LINES_MAX {
            let line = self.wire.text_line()?;
            let (code, more) = (line.get(..3).unwrap_or_default(), line.get(3) == Some(&b'-'));
            if code.len() != 3 || !code.iter().all(u8::is_ascii_digit) {
                return Err(Trouble::Lost("the mail server's answer is out of form".into()));
            }
            if more {
                continue;
            }
            let says: String = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).take(SAYS_CHARS_MAX).collect();
            return match code.first() {
                Some(first) if *first == b'0' + class => Ok(()),
                // It is not taken now, or never: either way it is not delivered.
                Some(b'4') => Err(Trouble::NotSent(format!("the mail server takes it later: {says}"))),
                Some(b'5') => Err(Trouble::Never(format!("the mail server does not take it: {says}"))),
                _ => Err(Trouble::Lost(format!("the mail server answers what was not asked: {says}"))),
            };
        }
        Err(Trouble::Lost("the mail server says too much".into()))
    }
}

/// What comes of each answer that is waited for, at most so many, in words.
pub(super) fn replies(wire: Wire, most: usize) -> Vec<String> {
    let (mut talk, mut came) = (Talk { wire }, Vec::new());
    while came.len() <= most && !matches!(came.last(), Some(Err(Trouble::Lost(_)))) {
        came.push(talk.expect(2));
    }
    came.iter().map(|came| format!("{came:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    /// Sends a letter to a server that answers so, one after the other; with what the server heard.
    fn sent(answers: &'static [&'static str]) -> (Result<(), CallError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut reader, mut heard) = (BufReader::new(stream.try_clone().unwrap()), Vec::new());
            for answer in answers {
                stream.write_all(answer.as_bytes()).unwrap();
                let ends = if answer.starts_with("354") { ".\r\n" } else { "" };
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap_or(0) > 0 {
                    heard.push(line.clone());
                    if ends.is_empty() || line == ends {
                        break;
                    }
                    line.clear();
                }
            }
            heard
        });
        let place = Checked { host: "127.0.0.1".into(), port, tls: None, starttls: false, allowed: Vec::new() };
        let (connect, patience) = (Duration::from_secs(5), Duration::from_secs(5));
        let user = Some(("hand".to_owned(), Secret::new("x".into())));
        let door = Door { place, user, connect, patience };
        let result =
            door.send(&Sent { from: "s@corp.example", to: "ana@corp.example", text: "Subject: a\r\n\r\n.hidden\r\nend\r\n" });
        (result, server.join().unwrap())
    }

    #[test]
    fn a_letter_is_sent_whole_and_a_dot_ends_it_once() {
        let (result, heard) = sent(&[
            "220 hi\r\n",
            "250-x\r\n250 AUTH PLAIN\r\n",
            "235 in\r\n",
            "250 ok\r\n",
            "250 ok\r\n",
            "354 go\r\n",
            "250 taken\r\n",
        ]);
        assert_eq!(result, Ok(()));
        let text = heard.concat();
        assert!(text.contains("MAIL FROM:<s@corp.example>\r\nRCPT TO:<ana@corp.example>\r\nDATA\r\n"), "{text}");
        assert!(text.contains("\r\n\r\n..hidden\r\nend\r\n.\r\nQUIT\r\n"), "{text}");
    }

    #[test]
    fn before_its_end_nothing_is_delivered_and_after_it_nobody_knows_without_an_answer() {
        let class = |answers: &'static [&'static str]| sent(answers).0.unwrap_err();
        let retry = |error: &CallError| matches!(error, CallError::Retry(_));
        let never = |error: &CallError| matches!(error, CallError::Permanent(_));
        assert!(retry(&class(&[])) && retry(&class(&["220 hi\r\n"])) && retry(&class(&["421 busy\r\n"])));
        assert!(never(&class(&["220 hi\r\n", "250 x\r\n", "535 no\r\n"])));
        assert!(never(&class(&["220 hi\r\n", "250 x\r\n", "235 in\r\n", "250 ok\r\n", "550 nobody\r\n"])));
        assert!(retry(&class(&["220 hi\r\n", "250 x\r\n", "235 in\r\n", "250 ok\r\n", "nonsense\r\n"])));
        const DATA: [&str; 6] = ["220 hi\r\n", "250 x\r\n", "235 in\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
        assert!(matches!(class(&DATA), CallError::Unclear(_)));
        const LATER: [&str; 7] = [DATA[0], DATA[1], DATA[2], DATA[3], DATA[4], DATA[5], "451 later\r\n"];
        assert!(matches!(class(&LATER), CallError::Unclear(_)), "who says later may have given it to the next server");
        const NEVER: [&str; 7] = [DATA[0], DATA[1], DATA[2], DATA[3], DATA[4], DATA[5], "554 no\r\n"];
        assert!(never(&class(&NEVER)));
        const ODD: [&str; 7] = [DATA[0], DATA[1], DATA[2], DATA[3], DATA[4], DATA[5], "xyz\r\n"];
        assert!(matches!(class(&ODD), CallError::Unclear(_)));
    }
}
