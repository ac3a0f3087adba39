//! Checkpoints that go elsewhere: to a file, to a service, to a syslog server; what they prove afterwards, and that a new key follows.

use super::receiver::Receiver;
use super::served::Served;
use super::webhook::grave;
use std::net::UdpSocket;
use std::path::Path;

/// A place for checkpoints to a file of `dir`, and a configuration that says so.
fn to_file(dir: &Path) -> String {
    format!("[checkpoints]\nevery_seconds = 1\nfile = {:?}\n", dir.join("kept"))
}

/// How many entries the last checkpoint in a text counts; zero where there is none.
fn counted(text: &str) -> u64 {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).filter(|pair| pair[0] == "adjutant").filter_map(|pair| pair[1].parse().ok()).next_back().unwrap_or(0)
}

fn entries(served: &Served) -> u64 {
    served.metric("adjutant_ledger_entries ")
}

/// Waits until `text` has a checkpoint of everything.
fn until_all(served: &Served, text: impl Fn() -> String) {
    let all = entries(served);
    Served::until("a checkpoint of everything", || counted(&text()) >= all);
}

fn kept(served: &Served) -> String {
    std::fs::read_to_string(served.path("kept")).unwrap_or_default()
}

fn started() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let config = to_file(dir.path());
    let served = Served::start_at(dir, &config, &[]);
    assert_eq!(served.post("/v1/alerts", grave("web-1")).status, 200);
    until_all(&served, || kept(&served));
    served
}

#[track_caller]
fn verify(served: &Served, file: &str, code: i32) -> String {
    let (ended, said) = served.run(&["audit", "verify", "--checkpoint", served.path(file).to_str().unwrap()]);
    assert_eq!(ended, Some(code), "{said}");
    said
}

#[test]
fn a_file_keeps_every_checkpoint_and_finds_what_was_rewritten_with_the_key() {
    let mut served = started();
    assert_eq!(served.post("/v1/alerts", grave("web-2")).status, 200);
    until_all(&served, || kept(&served));
    served.stop();
    let before = kept(&served);
    let signatures = before.matches("\u{2014} adjutant ").count();
    assert!(signatures >= 2, "{before}");
    let said = verify(&served, "kept", 0);
    assert!(said.contains(&format!("and {signatures} kept elsewhere")), "{said}");

    // Whoever has the key lets another history be stored and sealed, longer than the one before.
    let data = served.path("data");
    for file in std::fs::read_dir(&data).unwrap().flatten() {
        if !file.file_name().to_str().unwrap().starts_with("ledger.") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let mut forged = Served::start_over(served);
    for host in ["db-1", "db-2", "db-3", "db-4"] {
        assert_eq!(forged.post("/v1/alerts", grave(host)).status, 200);
    }
    until_all(&forged, || kept(&forged).strip_prefix(&before).unwrap().to_owned());
    forged.stop();
    forged.says(&["audit", "verify"]);
    let said = verify(&forged, "kept", 1);
    assert!(said.contains("the log was forked"), "{said}");
    std::fs::write(forged.path("before"), before).unwrap();
    let said = verify(&forged, "before", 1);
    assert!(said.contains("first bad entry"), "{said}");
}

#[test]
fn a_place_that_fails_is_said_and_gets_the_checkpoint_later() {
    let (dir, udp) = (tempfile::tempdir().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let gone = dir.path().join("not-yet");
    let mut answers = [500, 302].into_iter();
    let receiver = Receiver::start(move |_| answers.next().unwrap_or(204));
    let config = format!(
        "[checkpoints]\nevery_seconds = 1\nfile = {:?}\nurl = \"{}\"\nsyslog = \"{}\"\n",
        gone.join("kept"),
        receiver.url,
        udp.local_addr().unwrap()
    );
    let served = Served::start_at(dir, &config, &[]);
    let mut buffer = [0; 2048];
    let length = udp.recv(&mut buffer).unwrap();
    let line = String::from_utf8(buffer[..length].to_vec()).unwrap();
    assert!(line.starts_with("<109>1 - - adjutant - checkpoint - adjutant | ") && !line.contains('\n'), "{line}");
    std::fs::write(served.path("syslog"), format!("Nov 29 12:00:00 gateway {line}\n")).unwrap();
    verify(&served, "syslog", 0);

    // Nothing new is sealed meanwhile: it is the same checkpoint that goes there again.
    Served::until("the third request", || receiver.received().len() >= 3);
    let posted = receiver.received();
    assert!(posted.iter().all(|one| one.method == "POST" && one.body.starts_with("adjutant\n")), "{posted:#?}");
    std::fs::write(served.path("posted"), &posted[2].body).unwrap();
    verify(&served, "posted", 0);
    let health = || String::from_utf8(served.get("/v1/health").body).unwrap();
    Served::until("a word about the file", || health().contains("a checkpoint failed: `"));
    std::fs::create_dir(served.path("not-yet")).unwrap();
    let in_file = || std::fs::read_to_string(served.path("not-yet/kept")).unwrap_or_default();
    Served::until("the file", || counted(&in_file()) > 0);
    Served::until("no more words", || !health().contains("a checkpoint failed"));
    verify(&served, "not-yet/kept", 0);
}

#[test]
fn a_new_key_follows_and_old_checkpoints_stay_valid() {
    let mut served = started();
    let (code, said) = served.run(&["audit", "rotate"]);
    assert_ne!(code, Some(0), "not while it runs: {said}");
    served.stop();
    std::fs::copy(served.path("kept"), served.path("old")).unwrap();
    let old_key = std::fs::read(served.path("data/ledger.key")).unwrap();
    assert!(served.says(&["audit", "rotate"]).contains("follows key"));
    assert_ne!(std::fs::read(served.path("data/ledger.key")).unwrap(), old_key);
    verify(&served, "old", 0);
    served.start_again(&[]);
    assert_eq!(served.post("/v1/alerts", grave("web-2")).status, 200);
    until_all(&served, || kept(&served));
    served.stop();
    let all = kept(&served);
    std::fs::write(served.path("new"), all.strip_prefix(&std::fs::read_to_string(served.path("old")).unwrap()).unwrap()).unwrap();
    for file in ["old", "new", "kept"] {
        let said = verify(&served, file, 0);
        assert!(said.contains("signed by key"), "{said}");
    }
    // And once more, so that the chain of keys has two links.
    served.says(&["audit", "rotate"]);
    served.start_again(&[]);
    until_all(&served, || kept(&served));
    served.stop();
    verify(&served, "kept", 0);
    // The service does not start with a key that was followed: its checkpoints would be refused.
    std::fs::write(served.path("data/ledger.key"), old_key).unwrap();
    let said = served.run(&["serve", "--listen", "127.0.0.1:0"]).1;
    assert!(said.contains("another key follows"), "{said}");
}

#[test]
fn a_change_of_the_key_that_was_interrupted_is_finished_at_the_next_start() {
    let mut served = started();
    served.stop();
    let (key, public, next) = ("data/ledger.key", "data/ledger.pub", "data/ledger.key.next");
    let read = |name: &str| std::fs::read(served.path(name)).unwrap();
    let (old_key, old_public) = (read(key), read(public));
    served.says(&["audit", "rotate"]);
    let (new_key, new_public) = (read(key), read(public));
    // As it is after the ledger holds the change, and before or after the new public half is written.
    for public_now in [&old_public, &new_public] {
        std::fs::copy(served.path(key), served.path(next)).unwrap();
        std::fs::write(served.path(key), &old_key).unwrap();
        std::fs::write(served.path(public), public_now).unwrap();
        served.start_again(&[]);
        until_all(&served, || kept(&served));
        served.stop();
        assert!(std::fs::read(served.path(key)).unwrap() == new_key && !served.path(next).exists());
        assert_eq!(std::fs::read(served.path(public)).unwrap(), new_public);
        verify(&served, "kept", 0);
    }
}
