//! One copy of a message in one mailbox: what names it for ever, where it is now, and how it is moved.
//!
//! A copy is known by its bytes and the date that the server gave it, beside the place where it was found. So it is never
//! mistaken for another, whatever a user or another program moves, and whatever numbers the server gives out anew.

use super::answer::Fetched;
use super::link::{Folder, Link, Piece, quoted};
use super::settings::address;
use super::trouble::Trouble;
use adjutant_hand::connector::CallError;
use adjutant_model::Digest;
use adjutant_model::act::State;
use std::collections::BTreeMap;
use std::fmt;

/// Messages of the same day and length in one folder that are looked at.
const ALIKE_MAX: usize = 50;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is fetched of a message.
pub(super) const WHOLE: &str = "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]";

/// Names in a state.
const FOLDER: &str = "folder";
const FLAGS: &str = "flags";

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Copy {
    pub(super) mailbox: String,
    /// The folder that it belongs to.
    pub(super) folder: String,
    /// Under which numbers, and under which one of them, it was found.
    pub(super) validity: u32,
    pub(super) uid: u32,
    /// When the server got it, in seconds since 1970.
    pub(super) date: i64,
    pub(super) size: u64,
    /// Of all its bytes.
    pub(super) digest: Digest,
}

/// Where a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) folder: String,
    pub(super) uid: u32,
    pub(super) flags: Vec<String>,
}

/// What names it for ever.
impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Copy { mailbox, folder, validity, uid, date, size, digest } = self;
        write!(f, "{mailbox}/{validity}.{uid}/{date}/{size}/{digest}/{folder}")
    }
}

impl Copy {
    /// Reads what names one; none when it is no such name.
    pub(super) fn read(id: &str) -> Option<Copy> {
        let mut parts = id.splitn(6, '/');
        let mailbox = parts.next().filter(|text| address(text).as_deref() == Some(*text))?.to_owned();
        let (validity, uid) = parts.next()?.split_once('.')?;
        let (date, size) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let digest = parts.next()?.parse().ok()?;
        let folder = parts.next().filter(|folder| !folder.is_empty())?.to_owned();
        Some(Copy { mailbox, folder, validity: validity.parse().ok()?, uid: uid.parse().ok()?, date, size, digest })
    }

    /// The copy that was fetched from `folder`.
    pub(super) fn of(mailbox: &str, folder: &str, validity: u32, fetched: &Fetched) -> Option<Copy> {
        let body = fetched.body.as_ref()?;
        Some(Copy {
            mailbox: mailbox.to_owned(),
            folder: folder.to_owned(),
            validity,
            uid: fetched.uid?,
            date: fetched.date?,
            size: fetched.size?,
            digest: Digest::of(body),
        })
    }

    fn is(&self, fetched: &Fetched) -> bool {
        let same = |body: &Vec<u8>| Digest::of(body) == self.digest;
        fetched.date == Some(self.date) && fetched.body.as_ref().is_some_and(same)
    }

    /// Where it is among the messages of `folder`, which is opened for that: the very one that was found, or else all that
    /// are it to the byte.
    fn within(&self, link: &mut Link, folder: &str, to_change: bool) -> Result<(Vec<Seen>, bool), Trouble> {
        let validity = link.open_folder(folder, to_change)?;
        let seen = |fetched: Fetched| Some(Seen { folder: folder.to_owned(), uid: fetched.uid?, flags: fetched.flags });
        if folder == self.folder
            && validity == self.validity
            && let Some(fetched) = link.message(self.uid, WHOLE)?.filter(|fetched| self.is(fetched))
        {
            return Ok((seen(fetched).into_iter().collect(), true));
        }
        let (since, before) = (day(self.date - DAY)?, day(self.date + 2 * DAY)?);
        let (above, below) = (self.size.saturating_sub(1), self.size.saturating_add(1));
        let search = format!("UID SEARCH SINCE {since} BEFORE {before} LARGER {above} SMALLER {below}");
        let alike = link.find(&[Piece::Plain(&search)])?;
        if alike.len() > ALIKE_MAX {
            return Err(Trouble::Never(format!("more than {ALIKE_MAX} messages in a folder are of the same day and length")));
        }
        let mut found = Vec::new();
        for uid in alike {
            found.extend(link.message(uid, WHOLE)?.filter(|fetched| self.is(fetched)).and_then(seen));
        }
        Ok((found, false))
    }

    /// Where it is; empty when it is nowhere in its mailbox. In its own folder it is the very one that was found, before what
    /// is quarantined, before what only equals it.
    pub(super) fn places(&self, link: &mut Link, quarantine: &str) -> Result<Vec<Seen>, Trouble> {
        let folders = link.folders()?;
        let hidden = hidden(quarantine, &self.folder, &folders);
        let has = |name: &str| folders.iter().any(|folder| folder.name == name);
        let mut own = Vec::new();
        if has(&self.folder) {
            let (found, exact) = self.within(link, &self.folder, false)?;
            if exact {
                return Ok(found);
            }
            own = found;
        }
        if has(&hidden) {
            let (found, _) = self.within(link, &hidden, false)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        if !own.is_empty() {
            return Ok(own);
        }
        let mut elsewhere = Vec::new();
        for folder in folders.iter().filter(|folder| folder.name != self.folder && !is_hidden(quarantine, folder)) {
            elsewhere.extend(self.within(link, &folder.name, false)?.0);
        }
        Ok(elsewhere)
    }

    /// The state as the hand keeps it.
    pub(super) fn state(&self, link: &mut Link, quarantine: &str) -> Result<State, Trouble> {
        let places = self.places(link, quarantine)?;
        let mut folders: Vec<String> = places.iter().map(|seen| seen.folder.clone()).collect();
        folders.sort();
        folders.dedup();
        // Of several that equal it, the one that came last is the one that was put back.
        let flags = places.into_iter().max_by_key(|seen| seen.uid).map(|seen| seen.flags).unwrap_or_default();
        let (date, content) = (self.date.to_string(), self.digest.to_string());
        let fields = [(FOLDER, folders), (FLAGS, flags), ("date", vec![date]), ("content", vec![content])];
        Ok(State(fields.map(|(name, values)| (name.to_owned(), values)).into()))
    }

    /// Moves it out of sight, if it is as `before` says.
    pub(super) fn hide(&self, link: &mut Link, quarantine: &str, before: &State) -> Result<(), CallError> {
        if before.0.get(FOLDER).is_none_or(|folders| *folders != [self.folder.as_str()]) {
            return Err(CallError::Permanent(format!("it is not in `{}` any more, where it was found", self.folder)));
        }
        let folders = link.folders().map_err(|trouble| trouble.before().of_changing())?;
        let hidden = hidden(quarantine, &self.folder, &folders);
        if !folders.iter().any(|folder| folder.name == hidden) {
            make(link, &hidden)?;
        }
        let seen = self.one(link, &self.folder, before)?;
        if flags_of(before) != seen.flags.as_slice() {
            return Err(CallError::Retry("its flags changed since it was read".into()));
        }
        moved(link, seen.uid, &hidden)
    }

    /// Moves it back to where it belongs, with the flags that it had.
    pub(super) fn restore(&self, link: &mut Link, quarantine: &str, before: &State) -> Result<(), CallError> {
        let folders = link.folders().map_err(|trouble| trouble.before().of_changing())?;
        let hidden = hidden(quarantine, &self.folder, &folders);
        if !folders.iter().any(|folder| folder.name == hidden) {
            return Err(CallError::Permanent("it is not in quarantine any more".into()));
        }
        let seen = self.one(link, &hidden, before)?;
        if flags_of(before) != seen.flags.as_slice() {
            let flags = format!("UID STORE {} FLAGS ({})", seen.uid, flags_of(before).join(" "));
            link.ask(&[Piece::Plain(&flags)]).map_err(Trouble::of_changing)?;
        }
        moved(link, seen.uid, &self.folder)
    }

    /// The one in `folder`, which stays open to change it; among several that equal it, one with the flags of before.
    fn one(&self, link: &mut Link, folder: &str, before: &State) -> Result<Seen, CallError> {
        let (mut found, _) = self.within(link, folder, true).map_err(|trouble| trouble.before().of_changing())?;
        found.sort_by_key(|seen| (seen.flags.as_slice() != flags_of(before), seen.uid));
        let gone = || CallError::Permanent(format!("it is not in `{folder}` any more"));
        found.into_iter().next().ok_or_else(gone)
    }

    /// Whether the state is that of a copy that was moved out of sight.
    pub(super) fn is_hidden_in(&self, quarantine: &str, state: &State) -> bool {
        let folder = state.0.get(FOLDER).map(Vec::as_slice);
        matches!(folder, Some([folder]) if belongs(quarantine, folder).is_some_and(|own| own == self.folder))
    }
}

fn flags_of(state: &State) -> &[String] {
    state.0.get(FLAGS).map_or(&[], Vec::as_slice)
}

/// The one command that moves. Without the server's word on what it moved, it moved nothing.
fn moved(link: &mut Link, uid: u32, to: &str) -> Result<(), CallError> {
    let to = quoted(to).map_err(Trouble::of_changing)?;
    let done = link.ask(&[Piece::Plain(&format!("UID MOVE {uid} {to}"))]).map_err(Trouble::of_changing)?;
    match done.code("COPYUID") {
        Some(_) => Ok(()),
        None => Err(CallError::Retry("somebody else moved it meanwhile".into())),
    }
}

/// Makes a folder. Nobody is told of it: it is not subscribed to.
fn make(link: &mut Link, name: &str) -> Result<(), CallError> {
    let quoted = quoted(name).map_err(Trouble::of_changing)?;
    match link.ask(&[Piece::Plain("CREATE"), Piece::Plain(&quoted)]) {
        Ok(_) => Ok(()),
        // Somebody else made it at the same time.
        Err(Trouble::No { code, .. }) if code.starts_with("ALREADYEXISTS") => Ok(()),
        // An empty folder more or less changes nothing of a message.
        Err(trouble) => Err(trouble.before().of_changing()),
    }
}

/// The folder in which what belongs to `folder` is out of sight.
fn hidden(quarantine: &str, folder: &str, folders: &[Folder]) -> String {
    let separator = folders.iter().find_map(|folder| folder.separator).unwrap_or('/');
    format!("{quarantine}{separator}{folder}")
}

/// Whether what is in it is out of sight.
pub(super) fn is_hidden(quarantine: &str, folder: &Folder) -> bool {
    folder.name == quarantine || belongs(quarantine, &folder.name).is_some()
}

/// The folder to which belongs what is in the folder `name` under the quarantine; none when it is not there.
pub(super) fn belongs<'a>(quarantine: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(quarantine)?;
    let separator = rest.chars().next().filter(|c| !c.is_ascii_alphanumeric() && *c != ' ' && *c != '-')?;
    rest.get(separator.len_utf8()..).filter(|own| !own.is_empty())
}

/// The day of a time, as a search has it.
pub(super) fn day(seconds: i64) -> Result<String, Trouble> {
    let at = jiff::Timestamp::from_second(seconds).map_err(|_| Trouble::Never("a date is out of bounds".into()))?;
    Ok(at.strftime("%d-%b-%Y").to_string())
}

/// What two copies of one message have in common, whoever got them: sender, subject, date and everything below the headers.
pub(super) fn likeness(raw: &[u8]) -> Digest {
    let (head, body) = halves(raw);
    let mut text = Vec::new();
    for name in ["from", "subject", "date"] {
        text.extend_from_slice(field(head, name).unwrap_or_default().as_bytes());
        text.push(0);
    }
    text.extend_from_slice(body);
    Digest::of(&text)
}

/// The field of the header with this name, unfolded.
pub(super) fn field(head: &[u8], name: &str) -> Option<String> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is = |line: &&[u8]| {
        line.iter()
            .position(|byte| *byte == b':')
            .and_then(|at| line.get(..at))
            .is_some_and(|own| own.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
    };
    let first = lines.find(is)?;
    let mut value = first.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default().to_vec();
    for more in lines.take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
        value.extend_from_slice(more);
    }
    Some(String::from_utf8_lossy(value.trim_ascii()).into_owned())
}

/// Headers, and what is below them.
pub(super) fn halves(raw: &[u8]) -> (&[u8], &[u8]) {
    let crlf = raw.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = raw.windows(2).position(|two| two == b"\n\n").map(|at| (at, at + 2));
    let (end, start) = [crlf, lf].into_iter().flatten().min().unwrap_or((raw.len(), raw.len()));
    (raw.get(..end).unwrap_or_default(), raw.get(start..).unwrap_or_default())
}

/// A state of names and values.
pub(super) fn state_of(name: &str, values: Vec<String>) -> State {
    State(BTreeMap::from([(name.to_owned(), values)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> Copy {
        Copy {
            mailbox: "ana@corp.example".into(),
            folder: "Archive/2026 x".into(),
            validity: 7,
            uid: 9,
            date: 1_580_544_000,
            size: 40,
            digest: Digest::of(b"x"),
        }
    }

    #[test]
    fn a_name_is_read_as_it_was_written_and_nothing_else_is_one() {
        let id = copy().to_string();
        assert_eq!(Copy::read(&id), Some(copy()));
        for id in [
            "",
            "a@b",
            "<x@y>",
            &id.replace("ana@", "Ana@"),
            &id.replace("7.9", "7"),
            &id.replace('7', "-"),
            id.rsplit_once("Archive").unwrap().0,
        ] {
            assert_eq!(Copy::read(id), None, "{id}");
        }
    }

    #[test]
    fn what_is_out_of_sight_belongs_to_a_folder() {
        assert_eq!(belongs("Quarantine", "Quarantine/INBOX"), Some("INBOX"));
        assert_eq!(belongs("Quarantine", "Quarantine.a.b"), Some("a.b"));
        for name in ["Quarantine", "Quarantine/", "Quarantines", "Quarantine 2", "Quarantine-old", "INBOX"] {
            assert_eq!(belongs("Quarantine", name), None, "{name}");
        }
    }

    #[test]
    fn copies_are_alike_whatever_servers_wrote_above_and_unlike_when_somebody_borrowed_an_identifier() {
        let likeness = |text: &str| likeness(text.as_bytes());
        let one = "Received: a\r\nFrom: a@x\r\nSubject: s\r\n t\r\nDate: d\r\n\r\nhello\r\n";
        assert_eq!(likeness(one), likeness(&one.replace("Received: a", "Received: b\r\nDelivered-To: c")));
        for (from, to) in [("a@x", "b@x"), ("s\r\n t", "s"), ("hello", "hullo"), ("Date: d", "Date: e")] {
            assert_ne!(likeness(one), likeness(&one.replace(from, to)), "{from}");
        }
        assert_eq!(field(b"Message-ID :\r\n <x@y>\r\nX: 1", "message-id").as_deref(), Some("<x@y>"));
        assert_eq!(halves(b"a: b\n\nbody"), (b"a: b".as_slice(), b"body".as_slice()));
        assert_eq!(halves(b"no end"), (b"no end".as_slice(), b"".as_slice()));
    }

    #[test]
    fn days_are_written_as_the_protocol_has_them() {
        assert_eq!(day(1_580_544_000).as_deref(), Ok("01-Feb-2020"));
        assert!(day(i64::MAX).is_err());
    }
}
