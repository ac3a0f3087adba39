//! One connection to one mailbox: opened, logged in as whom it may act for, and told one command at a time.

use super::answer::{Answer, Fetched, Status, read};
use super::settings::{Checked, Settings};
use super::trouble::Trouble;
use super::wire::Wire;
use adjutant_model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use zeroize::Zeroizing;

/// Answers to one command.
const ANSWERS_MAX: usize = 200_000;

/// Folders of one mailbox.
const FOLDERS_MAX: usize = 2_000;

/// What a server must be able to do: move in one step, and say what it moved.
const NEEDED: [&str; 2] = ["MOVE", "UIDPLUS"];

/// What a command consists of.
pub(super) enum Piece<'a> {
    /// As it stands.
    Plain(&'a str),
    /// Any bytes.
    Literal(&'a [u8]),
}

/// A folder of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) name: String,
    pub(super) separator: Option<char>,
}

/// What came of a command.
pub(super) struct Done {
    /// The codes in brackets that came with it.
    pub(super) codes: Vec<String>,
    answers: Vec<Answer>,
}

impl Done {
    /// The first code of this name, with what follows it.
    pub(super) fn code(&self, name: &str) -> Option<&str> {
        let found = self.codes.iter().find_map(|code| code.strip_prefix(name));
        found.map(str::trim)
    }

    /// The messages that were fetched.
    pub(super) fn messages(self) -> impl Iterator<Item = Fetched> {
        self.answers.into_iter().filter_map(|answer| match answer {
            Answer::Message(fetched) => Some(fetched),
            _ => None,
        })
    }
}

/// A connection that is logged in.
pub(super) struct Link {
    wire: Wire,
    said: u32,
    broken: bool,
}

impl Link {
    /// Connects, and logs in for `mailbox`.
    pub(super) fn open(place: &Checked, settings: &Settings, password: &Secret, mailbox: &str) -> Result<Self, Trouble> {
        let seconds = Duration::from_secs;
        let literal_max = usize::try_from(settings.message_bytes_max).unwrap_or(usize::MAX);
        let wire = Wire::open(place, seconds(settings.connect_seconds), seconds(settings.request_seconds), literal_max)?;
        let mut link = Self::over(wire);
        link.greeted().map_err(Trouble::before)?;
        if place.starttls {
            link.secure(place).map_err(Trouble::before)?;
        }
        link.log_in(settings, password, mailbox).map_err(Trouble::before)?;
        link.learn().map_err(Trouble::before)?;
        Ok(link)
    }

    /// One that nothing was said over yet.
    pub(super) const fn over(wire: Wire) -> Self {
        Self { wire, said: 0, broken: false }
    }

    pub(super) fn greeted(&mut self) -> Result<(), Trouble> {
        match self.next()? {
            Answer::Status { status: Status::Ok, .. } => Ok(()),
            Answer::Status { status: Status::Bye, says, .. } => Err(Trouble::NotSent(format!("the mail server says: {says}"))),
            _ => Err(Trouble::Lost("the mail server's greeting is out of form".into())),
        }
    }

    /// Nothing that the server said before counts afterwards, and nothing else is said to it before.
    fn secure(&mut self, place: &Checked) -> Result<(), Trouble> {
        self.ask(&[Piece::Plain("STARTTLS")]).map_err(|trouble| match trouble {
            Trouble::No { says, .. } | Trouble::Bad(says) => Trouble::Never(format!("there is no STARTTLS: {says}")),
            other => other,
        })?;
        self.wire.secure(place)
    }

    fn log_in(&mut self, settings: &Settings, password: &Secret, mailbox: &str) -> Result<(), Trouble> {
        let (acts_for, user) = match &settings.separator {
            None => (mailbox.to_owned(), settings.user.clone()),
            Some(separator) => (String::new(), format!("{mailbox}{separator}{}", settings.user)),
        };
        let plain = Zeroizing::new(format!("{acts_for}\0{user}\0{}", password.reveal()));
        let encoded = Zeroizing::new(STANDARD.encode(plain.as_bytes()));
        let tag = self.tag();
        self.wire.begin();
        self.wire.send(format!("{tag} AUTHENTICATE PLAIN\r\n").as_bytes())?;
        match self.next()? {
            Answer::Continue => {}
            Answer::Status { status: Status::No | Status::Bad, says, .. } => return Err(Trouble::Never(says)),
            _ => return Err(Trouble::Lost("the mail server does not let us log in".into())),
        }
        self.wire.send(Zeroizing::new(format!("{}\r\n", encoded.as_str())).as_bytes())?;
        let refused = |says: &str| format!("the mail server does not let `{}` act for `{mailbox}`: {says}", settings.user);
        self.ended(&tag).map(drop).map_err(|trouble| match trouble {
            Trouble::No { code, says } if code.starts_with("UNAVAILABLE") || code.starts_with("INUSE") => {
                Trouble::NotSent(refused(&says))
            }
            Trouble::No { says, .. } | Trouble::Bad(says) => Trouble::Never(refused(&says)),
            other => other,
        })
    }

    pub(super) fn learn(&mut self) -> Result<(), Trouble> {
        let done = self.ask(&[Piece::Plain("CAPABILITY")])?;
        let known: Vec<&String> = done
            .answers
            .iter()
            .filter_map(|answer| if let Answer::Capabilities(known) = answer { Some(known) } else { None })
            .flatten()
            .collect();
        match NEEDED.iter().find(|needed| !known.iter().any(|known| known.eq_ignore_ascii_case(needed))) {
            None => Ok(()),
            Some(missing) => Err(Trouble::Never(format!("the mail server lacks {missing}: nothing is moved without it"))),
        }
    }

    fn tag(&mut self) -> String {
        self.said = self.said.wrapping_add(1);
        format!("a{}", self.said)
    }

    fn next(&mut self) -> Result<Answer, Trouble> {
        let raw = self.wire.answer()?;
        read(raw).ok_or_else(|| Trouble::Lost("the mail server's answer is out of form".into()))
    }

    /// Whether the connection is of no more use.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Tells one command, and hears what comes of it.
    pub(super) fn ask(&mut self, pieces: &[Piece<'_>]) -> Result<Done, Trouble> {
        let done = self.told(pieces);
        self.broken |= done.as_ref().err().is_some_and(|trouble| !trouble.leaves_connection());
        done
    }

    fn told(&mut self, pieces: &[Piece<'_>]) -> Result<Done, Trouble> {
        let tag = self.tag();
        self.wire.begin();
        let mut line = tag.clone().into_bytes();
        for piece in pieces {
            match piece {
                Piece::Plain(text) => {
                    line.push(b' ');
                    line.extend_from_slice(text.as_bytes());
                }
                Piece::Literal(bytes) => {
                    line.extend_from_slice(format!(" {{{}}}\r\n", bytes.len()).as_bytes());
                    self.wire.send(&line)?;
                    self.waits_for_more(&tag)?;
                    line = bytes.to_vec();
                }
            }
        }
        line.extend_from_slice(b"\r\n");
        self.wire.send(&line)?;
        self.ended(&tag)
    }

    fn waits_for_more(&mut self, own: &str) -> Result<(), Trouble> {
        for _ in 0..ANSWERS_MAX {
            match self.next()? {
                Answer::Continue => return Ok(()),
                Answer::Status { tag, status, code, says } if tag == own => return Err(refused(status, code, says)),
                Answer::Status { status: Status::Bye, says, .. } => return Err(Trouble::Lost(says)),
                _ => {}
            }
        }
        Err(Trouble::Lost("the mail server says too much".into()))
    }

    /// Hears until the command with this tag has ended.
    fn ended(&mut self, own: &str) -> Result<Done, Trouble> {
        let mut done = Done { codes: Vec::new(), answers: Vec::new() };
        for _ in 0..ANSWERS_MAX {
            match self.next()? {
                Answer::Status { tag, status, code, says } if tag == own => {
                    done.codes.push(code.clone());
                    return if status == Status::Ok { Ok(done) } else { Err(refused(status, code, says)) };
                }
                Answer::Status { status: Status::Bye, says, .. } => {
                    return Err(Trouble::Lost(format!("the mail server ended it: {says}")));
                }
                Answer::Status { tag, code, .. } if tag == "*" => done.codes.push(code),
                Answer::Status { .. } | Answer::Continue => {
                    return Err(Trouble::Lost("the mail server answers what was not asked".into()));
                }
                Answer::Exists | Answer::Other => {}
                answer => done.answers.push(answer),
            }
        }
        Err(Trouble::Lost("the mail server says too much".into()))
    }

    /// The folders that messages can be in.
    pub(super) fn folders(&mut self) -> Result<Vec<Folder>, Trouble> {
        let done = self.ask(&[Piece::Plain("LIST \"\" \"*\"")])?;
        let mut folders = Vec::new();
        for answer in done.answers {
            if let Answer::Folder { name, separator, selectable: true } = answer {
                folders.push(Folder { name, separator });
            }
        }
        if folders.len() > FOLDERS_MAX {
            return Err(Trouble::Never(format!("a mailbox has more than {FOLDERS_MAX} folders")));
        }
        Ok(folders)
    }

    /// Opens a folder; what it says is the folder's UIDVALIDITY, under which numbers of messages mean something.
    pub(super) fn open_folder(&mut self, name: &str, to_change: bool) -> Result<u32, Trouble> {
        let verb = if to_change { "SELECT" } else { "EXAMINE" };
        let done = self.ask(&[Piece::Plain(verb), Piece::Plain(&quoted(name)?)])?;
        let validity = done.code("UIDVALIDITY").and_then(|number| number.parse().ok());
        validity.ok_or_else(|| {
            self.broken = true;
            Trouble::Lost("the mail server does not say under which numbers messages are".into())
        })
    }

    /// Numbers of the messages that a search finds, ascending.
    pub(super) fn find(&mut self, pieces: &[Piece<'_>]) -> Result<Vec<u32>, Trouble> {
        let done = self.ask(pieces)?;
        let mut found: Vec<u32> = Vec::new();
        for answer in done.answers {
            if let Answer::Found(numbers) = answer {
                found.extend(numbers);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// One message: what is asked for of it; none when it is not there.
    pub(super) fn message(&mut self, uid: u32, what: &str) -> Result<Option<Fetched>, Trouble> {
        let done = self.ask(&[Piece::Plain(&format!("UID FETCH {uid} ({what})"))])?;
        // Remarks about other messages, or about flags alone, may come in between.
        let mut whole = Fetched::default();
        for fetched in done.messages().filter(|fetched| fetched.uid == Some(uid)) {
            whole.uid = fetched.uid;
            whole.size = whole.size.or(fetched.size);
            whole.date = whole.date.or(fetched.date);
            whole.body = whole.body.or(fetched.body);
            whole.flags = fetched.flags;
        }
        Ok(whole.uid.is_some().then_some(whole))
    }

    /// Begins to wait for news of the folder that is open.
    pub(super) fn idle(&mut self) -> Result<String, Trouble> {
        let tag = self.tag();
        self.wire.begin();
        self.wire.send(format!("{tag} IDLE\r\n").as_bytes())?;
        self.waits_for_more(&tag)?;
        Ok(tag)
    }

    /// Whether something came to the open folder within `span`, while it waits for news.
    pub(super) fn news_within(&mut self, span: Duration) -> Result<bool, Trouble> {
        if !self.wire.comes_within(span)? {
            return Ok(false);
        }
        self.wire.begin();
        match self.next()? {
            Answer::Exists => Ok(true),
            Answer::Status { status: Status::Bye, says, .. } => Err(Trouble::Lost(says)),
            Answer::Status { tag, .. } if tag != "*" => Err(Trouble::Lost("the mail server waits no more".into())),
            _ => Ok(false),
        }
    }

    /// Ends the waiting.
    pub(super) fn rouse(&mut self, tag: &str) -> Result<(), Trouble> {
        self.wire.begin();
        self.wire.send(b"DONE\r\n")?;
        self.ended(tag).map(drop)
    }
}

fn refused(status: Status, code: String, says: String) -> Trouble {
    match status {
        Status::No => Trouble::No { code, says },
        _ => Trouble::Bad(format!("the mail server does not take the command: {says}")),
    }
}

/// A text in quotes, as a command has it.
pub(super) fn quoted(text: &str) -> Result<String, Trouble> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Trouble::Never("a name has characters that cannot be sent".into()));
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}
