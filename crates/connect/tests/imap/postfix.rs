//! A private Postfix before the Dovecot of a test: mail that really was delivered, and letters that really are sent. It runs as
//! root alone, and the tests are skipped where that or Postfix is not to be had. `cargo xtask setup` does not install it: an
//! installed one is the system's `sendmail`, by which other programs under test would begin to send mail.

use super::*;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Mail is delivered soon.
const LOOKS_MAX: usize = 600;

struct Postfix {
    dir: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    /// One that delivers to the server; none, and a word, where it cannot be had.
    fn before(server: &Dovecot) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let is_root = dir.path().metadata().unwrap().uid() == 0;
        let Some(lmtp) = server.lmtp.filter(|_| is_root && Path::new("/usr/sbin/postfix").exists()) else {
            eprintln!("skipped: there is no Postfix, or this is not root");
            return None;
        };
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["queue", "data", "etc"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        assert!(Command::new("chown").arg("postfix").arg(dir.path().join("data")).status().unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(dir.path().join("etc/main.cf"), main(dir.path(), lmtp)).unwrap();
        fs::write(dir.path().join("etc/master.cf"), MASTER.replace("PORT", &port.to_string())).unwrap();
        let postfix = Self { dir, port };
        assert!(postfix.does("start"), "{}", postfix.log());
        for _ in 0..LOOKS_MAX {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(postfix);
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("Postfix does not start: {}", postfix.log());
    }

    fn does(&self, what: &str) -> bool {
        Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.dir.path().join("etc"))
            .arg(what)
            .output()
            .is_ok_and(|output| output.status.success())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Hands a message in, as anybody's mail server does.
    fn send(&self, to: &[&str], message: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut hear = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with('2') || line.starts_with('3'), "{line}");
        };
        hear();
        let mut commands = vec!["HELO evil.example".to_owned(), "MAIL FROM:<bank@evil.example>".to_owned()];
        commands.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        commands.push("DATA".to_owned());
        for command in commands {
            stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
            hear();
        }
        let text = String::from_utf8(message.to_vec()).unwrap().replace("\r\n.", "\r\n..");
        stream.write_all(format!("{text}.\r\n").as_bytes()).unwrap();
        hear();
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.does("abort");
    }
}

fn main(dir: &Path, lmtp: u16) -> String {
    let dir = dir.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
mail_owner = postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.corp.example
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = corp.example
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
lmtp_destination_recipient_limit = 1
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
"
    )
}

const MASTER: &str = "\
127.0.0.1:PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
";

/// Waits until it is so.
fn soon(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("{what} did not come to be");
}

#[test]
fn what_was_delivered_to_many_is_one_message_whose_copies_go_and_come_back_to_the_byte() {
    let server = server!();
    let Some(postfix) = Postfix::before(&server) else { return };
    let (mut ana, mut bo) = (server.owner(ANA).unwrap(), server.owner(BO).unwrap());
    postfix.send(&[ANA, BO], &message("m1@evil.example", "your account"));
    soon("the mail", || !ana.mails("INBOX").unwrap().is_empty() && !bo.mails("INBOX").unwrap().is_empty());
    ana.ask("SELECT INBOX").unwrap();
    ana.ask("STORE 1 FLAGS (\\Seen $mine)").unwrap();
    let untouched = [all(&mut ana), all(&mut bo)];
    assert_ne!(untouched[0]["INBOX"][0].bytes, untouched[1]["INBOX"][0].bytes, "each has headers of its own");
    let imap = connector(server.port, "");
    let found = imap.lookup(EntityKind::Message, "m1@evil.example").unwrap();
    assert_eq!(found.len(), 2);
    let mut done = Vec::new();
    for found in &found {
        let action = action("quarantine-message", found);
        let before = imap.probe(&action).unwrap();
        act(&imap, &action, &before).unwrap();
        done.push((action, before));
    }
    assert!(ana.mails("INBOX").unwrap().is_empty() && bo.mails("INBOX").unwrap().is_empty());
    for (action, before) in &done {
        undo(&imap, action, before).unwrap();
    }
    assert_eq!([all(&mut ana), all(&mut bo)], untouched);
}

#[test]
fn a_report_that_was_sent_says_which_message_it_is_about_and_who_reported_it() {
    let server = server!();
    let Some(postfix) = Postfix::before(&server) else { return };
    let inner = String::from_utf8(message("m1@evil.example", "your account")).unwrap();
    let report = format!(
        "From: Ana <{ANA}>\r\nTo: {PHISH}\r\nSubject: FW: your account\r\nMessage-ID: <r1@corp.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nodd\r\n--b\r\nContent-Type: \
         message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    );
    postfix.send(&[PHISH], report.as_bytes());
    let imap = connector(server.port, "");
    let since = Time(0);
    soon("the report", || !imap.poll(since, None).unwrap().records.is_empty());
    let page = imap.poll(since, None).unwrap();
    let [(_, record)] = page.records.as_slice() else { panic!("{page:?}") };
    assert_eq!((&record["message_id"], &record["reporter"]), (&"m1@evil.example".into(), &ANA.into()), "{record}");
    assert_eq!(imap.poll(since, page.next.as_deref()).unwrap().records, []);
}

#[test]
fn a_letter_that_is_sent_is_read_back_where_it_was_delivered_and_not_sent_again() {
    let server = server!();
    let Some(postfix) = Postfix::before(&server) else { return };
    let mut ana = server.owner(ANA).unwrap();
    let imap = connector(server.port, &format!("smtp = {{ url = 'smtp://127.0.0.1:{}', plaintext = true }}", postfix.port));
    let user = imap.lookup(EntityKind::User, ANA).unwrap().remove(0);
    let action = action("acknowledge-report", &user);
    let before = imap.probe(&action).unwrap();
    act(&imap, &action, &before).unwrap();
    soon("the letter", || imap.is_done(&action, &imap.probe(&action).unwrap()));
    act(&imap, &action, &before).unwrap();
    let inbox = ana.mails("INBOX").unwrap();
    let text = String::from_utf8_lossy(&inbox[0].bytes).into_owned();
    assert!(
        inbox.len() == 1 && text.contains("Return-Path: <security@corp.example>") && text.contains("Auto-Submitted"),
        "{text}"
    );
}
