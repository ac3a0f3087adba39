//! The same scene through the service, which is killed instead: from an alert to what the ledger says of every act.

pub mod looks;

use super::Kill;
use super::house::{House, Played, Plot, outcome};
use super::people::{self, Ask, LOOK, PATIENCE};
use super::target::Target;
use crate::live::http::{Answer, Connection};
use crate::live::process::{Served, Setting};
use adjutant_hand::protocol::{Reply, Request};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

/// A playbook that responds to one kind of alert, so that this is not one of scores.
const PLAYBOOK: &str = r#"
playbook: malware-host
about: A scene.
applies: alert.title == "beacon"
signals:
  - id: beacon
    family: word
    if: alert.title == "beacon"
    points: 60
    because: "somebody says so"
families: { word: 60 }
decide: { close_below: 20, respond_from: 50, respond_families: 1 }
respond:
  - do: block-address(destination)
  - do: block-domain(domain)
  - do: isolate-host(host)
tests:
  - { name: it responds, given: { alert.title: beacon }, expect: { outcome: respond } }
  - { name: nothing else, given: { alert.title: lost }, expect: { outcome: escalate } }
"#;

const ALERT: &str =
    r#"{"id":"1","title":"beacon","severity":"high","host":"lap-0417","dest_ip":"203.0.113.7","domain":"evil.example"}"#;

/// Makes the book small: what is not of this scene takes long to read, at each start.
pub fn trim(book: &Path) -> Result<()> {
    for part in ["lists", "context"] {
        fs::remove_dir_all(book.join(part))?;
    }
    for (part, kept) in [("sources", &["generic.yaml", "text.yaml"][..]), ("playbooks", &["generic.yaml"])] {
        for entry in fs::read_dir(book.join(part))? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Some(name) if kept.contains(&name) => {}
                _ if entry.file_type()?.is_dir() => fs::remove_dir_all(entry.path())?,
                _ => fs::remove_file(entry.path())?,
            }
        }
    }
    Ok(fs::write(book.join("playbooks/malware-host.yaml"), PLAYBOOK)?)
}

/// The service between people and hand.
struct Desk<'a> {
    house: House<'a>,
    setting: Setting,
    served: Option<Served>,
    kill: Option<&'a Kill>,
    killed: bool,
    /// The tokens of administrator, source and lead.
    tokens: [String; 3],
    case: String,
}

/// Plays the scene through the service.
pub fn play(plot: &Plot, kill: Option<&Kill>) -> Result<Played> {
    let folder = tempfile::tempdir()?;
    let target = Target::start()?;
    let house = plot.house(folder.path(), &target, None)?;
    let mut desk = Desk::new(plot, folder.path(), &plot.path("book"), house, kill)?;
    let began = Instant::now();
    let said = |desk: &Desk<'_>| fs::read_to_string(&desk.setting.log).unwrap_or_default();
    let plan = people::act(&mut desk, plot.keys()).with_context(|| format!("{kill:?}: {}", said(&desk)))?;
    let took = began.elapsed();
    desk.end()?;
    let mut outcome = outcome(&target, folder.path(), &plan)?;
    outcome.unintended.extend(untold(plot, &desk.setting.folder, folder.path())?);
    Ok(Played { outcome, killed: desk.killed, took })
}

/// Lines of the hand's journal that do not stand in the ledger exactly once, and what is wrong with the ledger.
fn untold(plot: &Plot, data: &Path, folder: &Path) -> Result<Vec<String>> {
    let command = |words: [&str; 3]| Command::new(plot.binary()).args(words).arg(data).output();
    let verified = command(["audit", "verify", "--data"])?;
    let mut wrong = Vec::new();
    if !verified.status.success() {
        wrong.push(String::from_utf8_lossy(&verified.stdout).into_owned());
    }
    let exported = command(["audit", "export", "--data"])?;
    let entries = String::from_utf8(exported.stdout)?;
    let lines = entries.lines().filter_map(line_of);
    let mut lines: Vec<u64> = lines.collect();
    lines.sort_unstable();
    let db = rusqlite::Connection::open(folder.join("hand/hand.db"))?;
    let journal = db
        .prepare("SELECT seq FROM journal ORDER BY seq")?
        .query_map([], |row| row.get::<_, i64>(0))?
        .map(|seq| seq.map(i64::cast_unsigned))
        .collect::<rusqlite::Result<Vec<u64>>>()?;
    if lines != journal {
        wrong.push(format!("the ledger has the lines {lines:?} of {journal:?}"));
    }
    Ok(wrong)
}

/// The number of the hand's line that an exported entry holds.
fn line_of(exported: &str) -> Option<u64> {
    use base64::Engine as _;
    let exported: Value = serde_json::from_str(exported).ok()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(exported["entry"].as_str()?).ok()?;
    // After one byte for the kind of entry (docs/store.md).
    let entry: Value = serde_json::from_slice(bytes.get(1..)?).ok()?;
    entry["line"].as_u64().filter(|_| entry["kind"] == "hand")
}

impl<'a> Desk<'a> {
    /// A service under this book, beside the hand of a house.
    fn new(plot: &Plot, folder: &Path, book: &Path, house: House<'a>, kill: Option<&'a Kill>) -> Result<Self> {
        let config = folder.join("adjutant.toml");
        let text = format!(
            "book_dir = '{}'\n[hand]\nsocket = '{}'\n[checkpoints]\nevery_seconds = 1\n",
            book.display(),
            folder.join("s").display()
        );
        fs::write(&config, text)?;
        let setting = Setting::new(plot.binary(), &folder.join("brain")).with("ADJUTANT_CONFIG", &config.display().to_string());
        Ok(Desk { house, setting, served: None, kill, killed: false, tokens: Default::default(), case: String::new() })
    }

    /// Ends service and hand in order. The kill may come only now.
    fn end(&mut self) -> Result<()> {
        loop {
            self.alive()?;
            if self.served.take().context("a service")?.stop()?.success() {
                break;
            }
            self.killed = true;
        }
        self.house.stop()
    }

    /// Sees to it that a service runs. Only the first is to be killed.
    fn alive(&mut self) -> Result<()> {
        self.house.alive()?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(served) = &mut self.served {
                if served.wait(std::time::Duration::ZERO)?.is_none() {
                    return Ok(());
                }
                (self.served, self.killed) = (None, true);
            }
            let environment = self.setting.environment.clone();
            let kill = self.kill.take();
            if let Some(Kill::Label { label, nth }) = kill {
                self.setting.environment.push(("FAIL_AT".into(), format!("{label}:{nth}")));
            }
            self.served = self.setting.start()?;
            self.setting.environment = environment;
            self.killed |= self.served.is_none();
            if let (Some(Kill::Random { after }), Some(served)) = (kill, &self.served) {
                let (id, after) = (served.id().to_string(), *after);
                thread::spawn(move || {
                    thread::sleep(after);
                    // The first service: nobody else has its number before somebody looked whether it ended.
                    Command::new("kill").args(["-9", &id]).stderr(std::process::Stdio::null()).status()
                });
            }
            if let Some([admin, source, ..]) = self.served.as_ref().map(|served| served.tokens.as_slice()) {
                self.tokens = [admin.clone(), source.clone(), String::new()];
            }
        }
        bail!("the service does not start: {}", fs::read_to_string(&self.setting.log).unwrap_or_default())
    }

    /// Sends until there is an answer that is one.
    fn send(&mut self, method: &str, path: &str, token: usize, body: &str) -> Result<Answer> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.alive()?;
            let address = self.served.as_ref().context("a service")?.address;
            let answer = Connection::open(address, PATIENCE)
                .and_then(|mut connection| connection.ask(method, path, &self.tokens[token], body.as_bytes()));
            match answer {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) if Instant::now() > until => bail!("{path}: {}", String::from_utf8_lossy(&answer.body)),
                Err(error) if Instant::now() > until => return Err(error),
                _ => thread::sleep(LOOK),
            }
        }
    }

    /// A person who asks.
    fn greet(&mut self) -> Result<()> {
        while self.tokens[2].is_empty() {
            let made = self.send("POST", "/v1/tokens", 0, &json!({ "name": "judge", "role": "lead" }).to_string())?;
            self.tokens[2] = made.json()["token"].as_str().unwrap_or_default().to_owned();
        }
        Ok(())
    }

    /// Sends an alert; its case.
    fn alert(&mut self, alert: &str) -> Result<String> {
        loop {
            let answer = self.send("POST", "/v1/alerts", 1, alert)?;
            ensure!(answer.status < 300, "the alert is not taken: {}", answer.json());
            if let Some(case) = answer.json()["case"].as_str().filter(|case| !case.is_empty()) {
                return Ok(case.to_owned());
            }
        }
    }
}

impl Ask for Desk<'_> {
    fn ask(&mut self, request: &Request) -> Result<Reply> {
        self.greet()?;
        if self.case.is_empty() {
            self.case = self.alert(ALERT)?;
        }
        let answer = match request {
            Request::Plan { .. } => self.send("POST", &format!("/v1/cases/{}/plan", self.case), 2, "{}"),
            Request::Show { plan } => self.send("GET", &format!("/v1/plans/{plan}"), 2, ""),
            Request::Hear { note } => self.send("POST", "/v1/signed", 2, &json!({ "note": note }).to_string()),
            other => bail!("nobody asks for {other:?} here"),
        }?;
        match answer.status {
            // What was signed is sent again, and was used before.
            409 => Ok(Reply::Refused { why: answer.json()["detail"].to_string(), none: false }),
            200..300 => Ok(serde_json::from_slice(&answer.body)?),
            status => bail!("{status}: {}", answer.json()),
        }
    }
}
