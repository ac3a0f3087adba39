//! Servers that answer what no server should: each call ends, with an error and within bounds.

use super::*;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

/// A server that lets everybody in and answers each later command by `says`, with its tag for `TAG`.
fn server(says: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever has heard enough hangs up.
            std::thread::spawn(move || talk(stream, says).ok());
        }
    });
    port
}

fn talk(mut stream: TcpStream, says: &[u8]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.write_all(b"* OK hello\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let tag = line.split(' ').next().unwrap_or_default().to_owned();
        match line.split_whitespace().nth(1).unwrap_or_default() {
            "AUTHENTICATE" => {
                stream.write_all(b"+ \r\n")?;
                reader.read_line(&mut line)?;
                stream.write_all(format!("{tag} OK in\r\n").as_bytes())?;
            }
            "CAPABILITY" => stream.write_all(format!("* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\n{tag} OK\r\n").as_bytes())?,
            "LIST" if !says.starts_with(b"* LIST") => {
                stream.write_all(format!("* LIST () \"/\" INBOX\r\n{tag} OK\r\n").as_bytes())?;
            }
            "EXAMINE" | "SELECT" if says.starts_with(b"* SEARCH") || says.starts_with(b"* 1 FETCH") => {
                stream.write_all(format!("* OK [UIDVALIDITY 1] x\r\n{tag} OK\r\n").as_bytes())?;
            }
            "UID" if says.starts_with(b"* 1 FETCH") && line.contains("SEARCH") => {
                stream.write_all(format!("* SEARCH 1\r\n{tag} OK\r\n").as_bytes())?;
            }
            _ => {
                let at = says.windows(3).position(|three| three == b"TAG");
                let (head, tail) = at.map_or((says, &b""[..]), |at| (&says[..at], &says[at + 3..]));
                stream.write_all(&[head, if at.is_some() { tag.as_bytes() } else { b"" }, tail].concat())?;
            }
        }
    }
}

/// Answers that are no answers.
fn answers() -> Vec<&'static [u8]> {
    let leak = |bytes: Vec<u8>| -> &'static [u8] { Box::leak(bytes.into_boxed_slice()) };
    vec![
        b"nonsense\r\n",
        b"\r\n",
        b"* \r\n",
        b"TAG\r\n",
        b"* BYE sorry\r\n",
        b"other OK done\r\n",
        b"+ more?\r\n",
        b"TAG OK [UIDVALIDITY x] opened\r\nTAG OK\r\n",
        b"\xff\xfe\x00 \x1b[2J\r\n",
        b"* LIST (\\x\r\nTAG OK\r\n",
        b"* LIST () \"/\" {99999999999}\r\n",
        b"* SEARCH 1 2 x\r\nTAG OK\r\n",
        b"* SEARCH 4294967296\r\nTAG OK\r\n",
        b"* 1 FETCH (UID 1 BODY[] {104857600}\r\n",
        b"* 1 FETCH (UID 1 BODY[] {5}\r\nab)\r\nTAG OK\r\n",
        b"* 1 FETCH (UID 1 FLAGS ((((\r\nTAG OK\r\n",
        b"* 1 FETCH (UID 1 INTERNALDATE \"never\")\r\nTAG OK\r\n",
        leak([b"* 1 FETCH (UID 1 ".as_slice(), &b"(".repeat(900_000), b"\r\n"].concat()),
        leak([b"* LIST () \"/\" \"".as_slice(), &b"a".repeat(3 << 20), b"\"\r\n"].concat()),
        leak([b"* SEARCH".as_slice(), &b" 1".repeat(1 << 20), b"\r\nTAG OK\r\n"].concat()),
        leak(b"* OK again\r\n".repeat(300_000)),
    ]
}

#[test]
fn whatever_a_server_answers_a_look_fails_and_a_change_is_at_most_unclear() {
    let id = format!("{ANA}/1.1/1580551200/40/{}/INBOX", adjutant_model::Digest::of(b"x"));
    for says in answers() {
        let imap = connector(server(says), "connect_seconds = 2\nmessage_bytes_max = 65536");
        let found = imap.lookup(EntityKind::Message, &id).unwrap().remove(0);
        let action = action("quarantine-message", &found);
        let what = String::from_utf8_lossy(&says[..says.len().min(60)]).into_owned();
        let fails = |error: CallError| {
            let text = error.to_string();
            assert!(!text.contains('\u{1b}') && text.len() < 1000, "{what}: {text}");
            !matches!(error, CallError::Unclear(_))
        };
        assert!(imap.probe(&action).is_err_and(fails), "{what}");
        assert!(imap.lookup(EntityKind::Message, "m1@evil.example").is_err_and(fails), "{what}");
        let before = State([("folder".into(), vec!["INBOX".into()])].into());
        assert!(act(&imap, &action, &before).is_err_and(fails), "{what}: nothing was changed yet");
    }
}

#[test]
fn a_server_that_lacks_what_is_needed_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut reader = BufReader::new(stream.try_clone()?);
        stream.write_all(b"* OK hello\r\n")?;
        for says in ["+ \r\n", "a1 OK in\r\n", "* CAPABILITY IMAP4rev1 UIDPLUS\r\na2 OK\r\n"] {
            reader.read_line(&mut String::new())?;
            stream.write_all(says.as_bytes())?;
        }
        Ok(())
    });
    let refused = connector(port, "").health();
    assert!(matches!(&refused, Err(CallError::Permanent(why)) if why.contains("lacks MOVE")), "{refused:?}");
}
