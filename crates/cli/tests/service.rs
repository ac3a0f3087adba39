//! The service as people run it: alerts in, cases judged, accounts, pauses across restarts, and a ledger that can be verified.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const DEMO: &str = include_str!("../demo/alerts.jsonl");

/// Alerts that each test sends.
const ALERTS: usize = 30;

const PASSWORD: &str = "a sentence nobody guesses\n";

/// A service that runs, and is killed with the test.
struct Served {
    child: Child,
    url: String,
    /// As printed at the first start.
    tokens: Vec<String>,
    /// Kept open, so that the service can still print.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts the service; at a first start it says two tokens.
    fn start(data: &Path, first: bool) -> Self {
        let args = ["serve", "--listen", "127.0.0.1:0", "--data", path(data)];
        let mut child = adjutant().args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut url, mut tokens) = (String::new(), Vec::new());
        while url.is_empty() || (first && tokens.len() < 2) {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the service ended");
            if let Some(said) = line.trim().strip_prefix("listening on ") {
                url = said.to_owned();
            }
            tokens.extend(line.trim().split_once(" token: ").map(|(_, token)| token.to_owned()));
        }
        Self { child, url, tokens, _stdout: stdout }
    }

    /// Asks it to end, and waits until it did.
    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    fn ask(&self, token: &str, args: &[&str]) -> Output {
        adjutant().args(args).env("ADJUTANT_URL", &self.url).env("ADJUTANT_TOKEN", token).output().unwrap()
    }

    /// Standard output of a command that succeeds.
    #[track_caller]
    fn says(&self, token: &str, args: &[&str]) -> String {
        let output = self.ask(token, args);
        expect(&output, 0);
        text(&output.stdout)
    }

    /// Standard error of a command that the service refuses.
    #[track_caller]
    fn refuses(&self, token: &str, args: &[&str]) -> String {
        let output = self.ask(token, args);
        expect(&output, 3);
        text(&output.stderr)
    }

    #[track_caller]
    fn json(&self, token: &str, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.says(token, &[args, &["--format", "json"]].concat())).unwrap()
    }

    /// Makes a user, who then logs in.
    fn user(&self, name: &str, role: &str) -> String {
        let with_password = |args: &[&str]| {
            let mut command = adjutant();
            let command = command.args(args).env("ADJUTANT_URL", &self.url).env("ADJUTANT_TOKEN", &self.tokens[0]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            expect(&output, 0);
            text(&output.stdout)
        };
        with_password(&["user", "create", name, "--role", role]);
        with_password(&["user", "login", name]).trim().to_owned()
    }

    /// Status and body of a request without any of our client.
    fn raw(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, serde_json::Value) {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Sends alerts of the demonstration with the source's token.
    fn send(&self) {
        let body: String = DEMO.lines().take(ALERTS).map(|line| format!("{line}\n")).collect();
        let (status, answer) = self.raw("POST", "/v1/alerts", &self.tokens[1], &body);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["items"].as_array().unwrap().len(), ALERTS);
        assert_eq!(answer["accepted"].as_u64().unwrap() + answer["known"].as_u64().unwrap(), ALERTS as u64, "{answer}");
    }
}

fn adjutant() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjutant"));
    command.env_remove("NO_COLOR").env_remove("COLUMNS").env_remove("ADJUTANT_URL").env_remove("ADJUTANT_TOKEN");
    command
}

fn run(args: &[&str]) -> Output {
    adjutant().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory of this test's own.
fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("service-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn people_work_through_the_queue_and_stop_the_machine() {
    let data = dir("people").join("data");
    let served = Served::start(&data, true);
    served.send();
    let (ana, leo, lea) = (served.user("ana", "analyst"), served.user("leo", "lead"), served.user("lea", "lead"));
    judge(&served, &ana, &leo);
    decisions(&served, &ana);
    agree(&served, [&ana, &leo, &lea]);
    revoke(&served);
    assert!(served.says(&leo, &["metrics"]).starts_with("running\n"));

    assert!(served.says(&ana, &["pause"]).starts_with("done"));
    served.stop();
    let served = Served::start(&data, false);
    assert!(served.says(&leo, &["autonomy", "show"]).starts_with("paused: recommend-only\n"));
    assert!(served.refuses(&ana, &["resume"]).contains("resume"));
    served.says(&leo, &["resume"]);
    assert!(served.says(&leo, &["autonomy", "show"]).starts_with("paused: none\n"));
}

fn judge(served: &Served, ana: &str, leo: &str) {
    let queue = served.json(ana, &["queue"]);
    let first = &queue["items"][0];
    let (id, title) = (first["id"].as_str().unwrap(), first["title"].as_str().unwrap());
    let shown = served.says(ana, &["queue", "--limit", "1"]);
    assert_eq!(shown.lines().count(), 3, "a head, a case, and that there are more:\n{shown}");
    assert!(shown.contains(&id[..8]) && shown.contains(title), "{shown}");
    let case = served.says(ana, &["case", &id[..8]]);
    assert!(case.contains("\nevidence\n  E1 ") && case.contains("story"), "{case}");

    expect(&served.ask(ana, &["verdict", id, "close"]), 64);
    let bare = served.raw("POST", &format!("/v1/cases/{id}/verdict"), ana, r#"{"verdict":"close","because":[]}"#);
    assert_eq!((bare.0, &bare.1["type"]), (422, &"urn:adjutant:invalid".into()));
    assert!(served.refuses(ana, &["verdict", id, "close", "--because", "E999"]).contains("`E999`"));
    assert!(served.says(ana, &["verdict", id, "close", "--because", "E1", "--note", "travel, announced"]).starts_with("done"));
    served.refuses(ana, &["verdict", id, "close", "--because", "E1"]);

    served.says(ana, &["comment", id, "called \u{1b}[31mthe owner"]);
    assert!(served.refuses(ana, &["assign", id, "leo"]).contains("assign"));
    served.says(leo, &["assign", id, "ana"]);
    let case = served.says(ana, &["case", id]);
    assert!(case.contains("travel, announced") && case.contains("called \\u{1b}[31mthe owner"), "{case}");
    assert!(case.contains("assignee  ana\n") && !case.contains('\u{1b}'), "{case}");
}

fn decisions(served: &Served, ana: &str) {
    let listed = served.json(ana, &["decisions", "--limit", "5"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    let id = listed["items"][0]["decision"].as_str().unwrap();
    assert!(served.says(ana, &["decisions", "--since", "1h"]).contains(&id[..8]));
    let explained = served.says(ana, &["decisions", &id[..8]]);
    assert!(explained.contains(&id[..8]) && explained.lines().count() > 5, "{explained}");
    assert!(served.json(ana, &["decisions", &id[..8]])["id"] == id);
    assert!(served.refuses(ana, &["decisions", "../users"]).contains("is no id"));
}

/// Raising a rung needs two people who lead, and not since today only.
fn agree(served: &Served, [ana, leo, lea]: [&str; 3]) {
    let ladder = served.json(leo, &["autonomy", "show"]);
    let rungs = ladder["rungs"].as_array().unwrap();
    let playbook = rungs[0]["playbook"].as_str().unwrap();
    let set = ["autonomy", "set", playbook, "close", "severity=low", "recommend"];
    assert!(served.refuses(ana, &set).contains("change-autonomy"));
    assert!(served.says(leo, &["autonomy", "set", playbook, "close", "severity=low", "observe"]).starts_with("done"));
    for new in [leo, lea] {
        assert!(served.refuses(new, &set).contains("two people who lead for a day at least"));
    }
    assert!(served.says(leo, &["autonomy", "show"]).contains("severity=low  observe"));
}

fn revoke(served: &Served) {
    let admin = &served.tokens[0];
    let made = served.json(admin, &["token", "create", "--role", "analyst"]);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    served.says(token, &["queue"]);
    assert!(served.says(admin, &["token", "list"]).contains(id));
    served.says(admin, &["token", "revoke", id]);
    assert!(served.refuses(token, &["queue"]).contains("neither expired nor revoked"));
    assert_eq!(served.raw("GET", "/v1/cases", token, "").0, 401);
    assert!(!served.says(admin, &["token", "list"]).contains(id));
    assert!(served.refuses("", &["queue"]).contains("--token-file"));
}

#[test]
fn the_ledger_is_verified_backed_up_and_restored() {
    let dir = dir("ledger");
    let (data, copy, again) = (dir.join("data"), dir.join("copy.db"), dir.join("again"));
    let served = Served::start(&data, true);
    served.send();
    expect(&run(&["audit", "verify", "--data", path(&data)]), 0);
    expect(&run(&["backup", path(&copy), "--data", path(&data)]), 0);
    expect(&run(&["backup", path(&copy), "--data", path(&data)]), 3);
    served.stop();

    let verified = run(&["audit", "verify", "--data", path(&data)]);
    expect(&verified, 0);
    let said = text(&verified.stdout);
    assert!(said.contains("signed by key") && said.contains(&format!("{ALERTS} raw alerts and ")), "{said}");
    sound(&data);
    export(&data);
    checkpoints(&dir, &data);

    expect(&run(&["restore", path(&copy), "--data", path(&data)]), 3);
    expect(&run(&["restore", path(&copy), "--data", path(&again)]), 0);
    expect(&run(&["audit", "verify", "--data", path(&again)]), 0);
    std::fs::copy(data.join("ledger.key"), again.join("ledger.key")).unwrap();
    Served::start(&again, false).stop();
    sound(&again);

    flip(&copy);
    expect(&run(&["restore", path(&copy), "--data", path(&dir.join("never"))]), 1);
    let seq = flip(&data.join("adjutant.db"));
    let found = run(&["audit", "verify", "--data", path(&data)]);
    expect(&found, 1);
    assert!(text(&found.stdout).contains(&format!("first bad entry: {seq}\n")), "{}", text(&found.stdout));
    expect(&run(&["doctor", "--data", path(&data)]), 1);
    expect(&run(&["backup", path(&dir.join("bad.db")), "--data", path(&data)]), 1);
    assert!(!dir.join("bad.db").exists());
}

/// The doctor finds nothing, except that the lists in the shipped book grow old.
fn sound(data: &Path) {
    let looked = text(&run(&["doctor", "--data", path(data)]).stdout);
    let looks: Vec<&str> = looked.lines().filter(|line| line.starts_with("look")).collect();
    assert!(looks.iter().all(|line| line.starts_with("look  context: ")), "{looked}");
    assert!(looked.contains("the latest checkpoint counts every entry") && looked.contains("no service runs here"), "{looked}");
}

/// What is exported is what other people's programs read: an entry a line, each with the leaf of its bytes.
fn export(data: &Path) {
    let exported = run(&["audit", "export", "--data", path(data)]);
    expect(&exported, 0);
    for (seq, line) in text(&exported.stdout).lines().enumerate() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["seq"], seq);
        assert!(entry["leaf"].as_str().unwrap().len() == 64 && entry["entry"].is_string(), "{line}");
    }
    assert!(text(&exported.stdout).lines().count() > ALERTS);
}

/// A checkpoint that was kept elsewhere agrees; one of another ledger does not.
fn checkpoints(dir: &Path, data: &Path) {
    let db = rusqlite::Connection::open(data.join("adjutant.db")).unwrap();
    let sql = "SELECT body FROM documents WHERE kind = 'checkpoint'";
    let kept: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    let (good, bad) = (dir.join("good.txt"), dir.join("bad.txt"));
    std::fs::write(&good, &kept).unwrap();
    let root = kept.lines().nth(2).unwrap();
    std::fs::write(&bad, kept.replacen(root, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", 1)).unwrap();
    expect(&run(&["audit", "verify", "--data", path(data), "--checkpoint", path(&good)]), 0);
    expect(&run(&["audit", "verify", "--data", path(data), "--checkpoint", path(&bad)]), 1);
}

/// Changes a byte of an entry that was committed alone; returns the number of the entry.
fn flip(file: &Path) -> i64 {
    let db = rusqlite::Connection::open(file).unwrap();
    let sql = "SELECT first, entries FROM commits WHERE length(leaves) = 32 ORDER BY first DESC LIMIT 1";
    let (first, mut entries): (i64, Vec<u8>) = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    *entries.last_mut().unwrap() ^= 1;
    db.execute("UPDATE commits SET entries = ?2 WHERE first = ?1", rusqlite::params![first, entries]).unwrap();
    first
}
