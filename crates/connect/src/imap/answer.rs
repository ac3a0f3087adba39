//! What a server says, taken apart: the few kinds of answers that are asked for here, and nothing else.
//!
//! An answer is read in one pass without recursion, whatever it nests, so that a hostile server costs no more than the bytes
//! that it may send. Libraries for this protocol read its whole grammar; of that six kinds of answers are needed.

/// An answer as it came: its text, in which each literal is announced by its length, and the literals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) text: Vec<u8>,
    pub(super) literals: Vec<Vec<u8>>,
}

/// How a command ended, or a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    PreAuth,
    Bye,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The end of the command with this tag, or a remark without one (`*`).
    Status { tag: String, status: Status, code: String, says: String },
    /// The server waits for the rest of a command.
    Continue,
    /// What the server can do.
    Capabilities(Vec<String>),
    /// A folder.
    Folder { name: String, separator: Option<char>, selectable: bool },
    /// Numbers of messages.
    Found(Vec<u32>),
    /// A message.
    Message(Fetched),
    /// So many messages are in the folder.
    Exists,
    /// What is not needed here.
    Other,
}

/// What was fetched of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    /// Sorted, without `\Recent`, which is the server's own.
    pub(super) flags: Vec<String>,
    /// Seconds since 1970.
    pub(super) date: Option<i64>,
    pub(super) size: Option<u64>,
    /// The section that was asked for.
    pub(super) body: Option<Vec<u8>>,
}

/// Characters of a server's own words that are repeated.
const SAYS_CHARS_MAX: usize = 160;

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Word(&'a [u8]),
    Text(Vec<u8>),
}

struct Tokens<'a> {
    rest: &'a [u8],
    literals: std::vec::IntoIter<Vec<u8>>,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_ascii_start();
        let (&first, after) = self.rest.split_first()?;
        match first {
            b'(' | b')' => {
                self.rest = after;
                Some(if first == b'(' { Token::Open } else { Token::Close })
            }
            b'"' => self.quoted(after),
            b'{' => {
                let end = after.iter().position(|byte| *byte == b'}')?;
                self.rest = after.get(end + 1..)?;
                self.literals.next().map(Token::Text)
            }
            _ => self.word(),
        }
    }

    fn quoted(&mut self, text: &'a [u8]) -> Option<Token<'a>> {
        let (mut read, mut bytes) = (Vec::new(), text.iter().enumerate());
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = text.get(at + 1..)?;
                    return Some(Token::Text(read));
                }
                b'\\' => read.push(*bytes.next()?.1),
                _ => read.push(*byte),
            }
        }
        None
    }

    /// A word; what stands in brackets belongs to it, whatever it is.
    fn word(&mut self) -> Option<Token<'a>> {
        let mut within = false;
        let end = self.rest.iter().position(|byte| {
            match byte {
                b'[' => within = true,
                b']' => within = false,
                _ => {}
            }
            !within && matches!(byte, b' ' | b'(' | b')' | b'"')
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!word.is_empty()).then_some(Token::Word(word))
    }

    /// The next word or text, as text.
    fn text(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => plain(word),
            Token::Text(text) => plain(&text),
            Token::Open | Token::Close => None,
        }
    }

    /// The words of a list, and of lists within it.
    fn list(&mut self) -> Option<Vec<String>> {
        let (mut depth, mut words) = (0_usize, Vec::new());
        loop {
            match self.next()? {
                Token::Open => depth += 1,
                Token::Close => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(words);
                    }
                }
                Token::Word(word) => words.push(plain(word)?),
                Token::Text(text) => words.push(plain(&text)?),
            }
            if depth == 0 {
                return None;
            }
        }
    }

    /// Goes over one value.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1)?,
                Token::Word(_) | Token::Text(_) => {}
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Text of ASCII alone, as the protocol has it.
fn plain(bytes: &[u8]) -> Option<String> {
    bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// Takes an answer apart; none when it is out of form.
pub(super) fn read(raw: Raw) -> Option<Answer> {
    if raw.text.starts_with(b"+") {
        return Some(Answer::Continue);
    }
    let mut tokens = Tokens { rest: &raw.text, literals: raw.literals.into_iter() };
    let tag = tokens.text()?;
    let word = tokens.text()?;
    if let Some(status) = status(&word) {
        return Some(remark(tag, status, tokens.rest));
    }
    if tag != "*" {
        return None;
    }
    match word.to_ascii_uppercase().as_str() {
        "CAPABILITY" => Some(Answer::Capabilities(words(tokens.rest)?)),
        "LIST" => folder(&mut tokens),
        "SEARCH" => {
            let numbers: Option<Vec<u32>> = words(tokens.rest)?.iter().map(|word| word.parse().ok()).collect();
            Some(Answer::Found(numbers?))
        }
        _ if word.parse::<u32>().is_ok() => match tokens.text()?.to_ascii_uppercase().as_str() {
            "FETCH" => message(&mut tokens).map(Answer::Message),
            "EXISTS" => Some(Answer::Exists),
            _ => Some(Answer::Other),
        },
        _ => Some(Answer::Other),
    }
}

fn status(word: &str) -> Option<Status> {
    let all = [("OK", Status::Ok), ("NO", Status::No), ("BAD", Status::Bad), ("PREAUTH", Status::PreAuth), ("BYE", Status::Bye)];
    all.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, status)| status)
}

fn remark(tag: String, status: Status, rest: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(rest.trim_ascii()).into_owned();
    let (code, says) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((code, says)) => (code.to_owned(), says.trim().to_owned()),
        None => (String::new(), text),
    };
    let tame = |text: String, most| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
    Answer::Status { tag, status, code: tame(code, 4 * SAYS_CHARS_MAX), says: tame(says, SAYS_CHARS_MAX) }
}

fn words(rest: &[u8]) -> Option<Vec<String>> {
    let words = rest.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    words.map(plain).collect()
}

fn folder(tokens: &mut Tokens<'_>) -> Option<Answer> {
    let marks = tokens.list()?;
    let separator = tokens.text()?;
    let separator = if separator.eq_ignore_ascii_case("NIL") { None } else { separator.chars().next() };
    let name = tokens.text()?;
    let is = |mark: &String| mark.eq_ignore_ascii_case("\\Noselect") || mark.eq_ignore_ascii_case("\\NonExistent");
    Some(Answer::Folder { name, separator, selectable: !marks.iter().any(is) })
}

fn message(tokens: &mut Tokens<'_>) -> Option<Fetched> {
    let mut fetched = Fetched::default();
    if tokens.next()? != Token::Open {
        return None;
    }
    loop {
        let name = match tokens.next()? {
            Token::Close => return Some(fetched),
            Token::Word(word) => plain(word)?.to_ascii_uppercase(),
            Token::Open | Token::Text(_) => return None,
        };
        match name.as_str() {
            "UID" => fetched.uid = Some(tokens.text()?.parse().ok()?),
            "RFC822.SIZE" => fetched.size = Some(tokens.text()?.parse().ok()?),
            "INTERNALDATE" => fetched.date = Some(date(&tokens.text()?)?),
            "FLAGS" => fetched.flags = flags(tokens.list()?),
            _ if name.starts_with("BODY[") => {
                fetched.body = match tokens.next()? {
                    Token::Text(text) => Some(text),
                    Token::Word(word) if word.eq_ignore_ascii_case(b"NIL") => None,
                    _ => return None,
                }
            }
            _ => tokens.skip()?,
        }
    }
}

fn flags(mut flags: Vec<String>) -> Vec<String> {
    flags.retain(|flag| !flag.eq_ignore_ascii_case("\\Recent"));
    flags.sort();
    flags
}

/// Seconds since 1970 of ` 1-Feb-2020 10:00:00 +0000`.
fn date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    parsed.to_timestamp().ok().map(|at| at.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str, literals: &[&[u8]]) -> Raw {
        Raw { text: text.as_bytes().to_vec(), literals: literals.iter().map(|literal| literal.to_vec()).collect() }
    }

    #[test]
    fn a_message_is_read_whatever_stands_around_it() {
        let text = "* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent $x) ENVELOPE ((\"a\\\"b\" NIL) ({2})) INTERNALDATE \" 1-Feb-2020 10:00:00 \
                    +0200\" RFC822.SIZE 4 BODY[HEADER.FIELDS (SUBJECT)] {4})";
        let Some(Answer::Message(fetched)) = read(raw(text, &[b"()", b")\"\r\n"])) else { panic!() };
        let flags = vec!["$x".to_owned(), "\\Seen".to_owned()];
        let date = Some(1_580_544_000);
        assert_eq!(fetched, Fetched { uid: Some(7), flags, date, size: Some(4), body: Some(b")\"\r\n".to_vec()) });
    }

    #[test]
    fn remarks_folders_and_numbers_are_read() {
        let status = read(raw("a1 NO [TRYCREATE] no \u{1b}[2J such folder", &[]));
        let (tag, code, says) = ("a1".into(), "TRYCREATE".into(), "no [2J such folder".into());
        assert_eq!(status, Some(Answer::Status { tag, status: Status::No, code, says }));
        let folder = read(raw("* LIST (\\HasNoChildren) \"/\" \"a \\\"b\\\" c\"", &[]));
        assert_eq!(folder, Some(Answer::Folder { name: "a \"b\" c".into(), separator: Some('/'), selectable: true }));
        let folder = read(raw("* LIST (\\NoSelect) NIL {3}", &[b"x y"]));
        assert_eq!(folder, Some(Answer::Folder { name: "x y".into(), separator: None, selectable: false }));
        assert_eq!(read(raw("* SEARCH 4 2", &[])), Some(Answer::Found(vec![4, 2])));
        assert_eq!(read(raw("* SEARCH", &[])), Some(Answer::Found(Vec::new())));
        assert_eq!(read(raw("+ idling", &[])), Some(Answer::Continue));
    }

    #[test]
    fn what_is_out_of_form_is_nothing_and_no_panic() {
        for text in [
            "",
            "*",
            "* 1 FETCH",
            "* 1 FETCH (UID",
            "* 1 FETCH (UID x)",
            "* 1 FETCH (BODY[] {4})",
            "* 1 FETCH UID 1",
            "* 1 FETCH )",
            "* SEARCH x",
            "* SEARCH 99999999999",
            "* LIST",
            "* LIST () \"/\"",
            "* LIST \"/\" x",
            "x 1 FETCH (UID 1)",
            "* 1 FETCH (INTERNALDATE \"yesterday\")",
            "* LIST () \"",
        ] {
            assert_eq!(read(raw(text, &[])), None, "{text}");
        }
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(200_000));
        assert_eq!(read(raw(&deep, &[])), None);
    }
}
