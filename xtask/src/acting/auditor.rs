//! Judges from outside what a hand did: by what the servers wrote down and by the file that the hand left, `hand.db`.
//!
//! It shares nothing with the hand but the format of that file and of signed notes. Each effect must have been preceded by an
//! intent that was durable already; that intent by a ruling and by approvals of the same plan, under keys that the auditor was
//! given and did not read in the file. No effect may happen twice, and nobody may be left without knowing.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

/// For so long it may be unknown what became of an action, in microseconds.
pub const UNCLEAR_MAX: i64 = 60 * 1_000_000;

/// Something that a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// To what, as the server names it.
    pub target: String,
    /// It took something back.
    pub undoes: bool,
    /// What, in the server's own words.
    pub says: String,
    /// The last line of the hand's journal that was durable when it was done.
    pub seen: u64,
}

/// Whose signatures count.
#[derive(Clone)]
pub struct Signer {
    /// The name in the note.
    pub name: String,
    /// The public key.
    pub key: VerifyingKey,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Effects of an action that had its effect already.
    pub second_effects: u64,
    /// Effects without an earlier intent, ruling and approval of the same plan.
    pub without_permit: u64,
    /// Actions of which nobody knew for longer than [`UNCLEAR_MAX`], or knows yet, what became of them.
    pub unclear_left: u64,
    /// Each of them, for people.
    pub says: Vec<String>,
}

/// A line of the journal.
struct Line {
    seq: u64,
    at: i64,
    kind: String,
    body: Value,
}

/// An action, as the file has it.
struct Row {
    key: String,
    plan: String,
    nth: usize,
    target: String,
    body: Value,
}

/// What the hand left.
struct Left {
    lines: Vec<Line>,
    actions: Vec<Row>,
    plans: BTreeMap<String, String>,
}

/// The last line of the journal in `file` that is durable; 0 when there is none.
pub fn last_line(file: &Connection) -> u64 {
    let last = file.prepare_cached("SELECT max(seq) FROM journal").and_then(|mut last| last.query_row([], |row| row.get(0)));
    last.unwrap_or(None::<i64>).unwrap_or(0).cast_unsigned()
}

/// Opens the file that a hand in `folder` keeps, for reading.
pub fn opened(folder: &Path) -> Result<Connection> {
    let file = folder.join("hand.db");
    Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).with_context(|| format!("open {}", file.display()))
}

/// Judges.
pub fn audit(folder: &Path, effects: &[Effect], signers: &[Signer]) -> Result<Findings> {
    let left = read(&opened(folder)?)?;
    let mut findings = Findings::default();
    let mut had: HashSet<(&str, bool)> = HashSet::new();
    for effect in effects {
        let of_target: Vec<&Row> = left.actions.iter().filter(|row| row.target == effect.target).collect();
        let begun: Vec<&Row> =
            of_target.into_iter().filter(|row| left.begun(row, effect.undoes).is_some_and(|seq| seq <= effect.seen)).collect();
        let Some(row) = begun.iter().find(|row| !had.contains(&(row.key.as_str(), effect.undoes))) else {
            let (count, what) = match begun.is_empty() {
                true => (&mut findings.without_permit, "without an intent"),
                false => (&mut findings.second_effects, "for the second time"),
            };
            *count += 1;
            findings.says.push(format!("`{}` was done {what}", effect.says));
            continue;
        };
        had.insert((row.key.as_str(), effect.undoes));
        if let Err(why) = left.permitted(row, effect.undoes, signers) {
            findings.without_permit += 1;
            findings.says.push(format!("`{}` was done without leave: {why}", effect.says));
        }
    }
    for row in &left.actions {
        if let Some(why) = left.unclear(row) {
            findings.unclear_left += 1;
            findings.says.push(format!("action {}: {why}", row.key));
        }
    }
    Ok(findings)
}

fn read(file: &Connection) -> Result<Left> {
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let mut ask = file.prepare("SELECT seq, at, kind, body FROM journal ORDER BY seq")?;
    let lines = ask.query_map([], |row| {
        let seq = row.get::<_, i64>(0)?.cast_unsigned();
        Ok(Line { seq, at: row.get(1)?, kind: row.get(2)?, body: json(row.get(3)?) })
    })?;
    let lines = lines.collect::<rusqlite::Result<_>>()?;
    let mut ask = file.prepare("SELECT key, plan, nth, target, body FROM action ORDER BY plan, nth")?;
    let actions = ask.query_map([], |row| {
        let nth = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(usize::MAX);
        Ok(Row { key: row.get(0)?, plan: row.get(1)?, nth, target: row.get(3)?, body: json(row.get(4)?) })
    })?;
    let actions = actions.collect::<rusqlite::Result<_>>()?;
    let mut ask = file.prepare("SELECT digest, body FROM plan")?;
    let plans = ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    Ok(Left { lines, actions, plans })
}

impl Left {
    /// The changes of an action's stage.
    fn stages<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (&'a Line, &'a str)> {
        let of_it = self.lines.iter().filter(|line| line.kind == "stage" && line.body["action"] == row.key.as_str());
        of_it.map(|line| (line, line.body["is"].as_str().unwrap_or_default()))
    }

    /// The line that says that it is about to be done, or taken back: the first.
    fn intent<'a>(&'a self, row: &'a Row, undoes: bool) -> Option<&'a Line> {
        let stage = if undoes { "undoing" } else { "intended" };
        self.stages(row).find(|(_, is)| *is == stage).map(|(line, _)| line)
    }

    fn begun(&self, row: &Row, undoes: bool) -> Option<u64> {
        self.intent(row, undoes).map(|line| line.seq)
    }

    /// Whether what was intended had been ruled on and approved, all under the digest of one plan.
    fn permitted(&self, row: &Row, undoes: bool, signers: &[Signer]) -> Result<()> {
        let intent = self.intent(row, undoes).context("there is no intent")?;
        let text = self.plans.get(&row.plan).context("there is no plan")?;
        ensure!(hex(&Sha256::digest(text.as_bytes())) == row.plan, "the plan is not the one of its digest");
        let plan: Value = serde_json::from_str(text)?;
        let step = &plan["steps"][row.nth];
        ensure!(step["action"] == row.body, "the action is not the plan's");
        ensure!(matches!(step["ruling"]["answer"].as_str(), Some("run" | "ask")), "the guard refused it");
        if undoes {
            ensure!(!self.said("undo", &row.key, intent, signers).is_empty(), "nobody signed that it is taken back");
            return Ok(());
        }
        ensure!(intent.body["before"].is_object(), "the intent lacks the state before");
        ensure!(intent.body["says"].as_str().is_some_and(|says| !says.is_empty()), "the intent lacks the guard's reasons");
        let people =
            step["ruling"]["approvals"].as_array().into_iter().flatten().filter_map(|need| need["people"].as_u64()).max();
        let mut approved = self.said("approve", &row.plan, intent, signers);
        approved.remove(plan["by"].as_str().unwrap_or_default());
        ensure!(approved.len() as u64 >= people.unwrap_or(1), "{} people approved it", approved.len());
        Ok(())
    }

    /// The people who signed that, and whose note the journal had before `intent`.
    fn said(&self, verb: &str, about: &str, intent: &Line, signers: &[Signer]) -> BTreeSet<String> {
        let before = self.lines.iter().filter(|line| line.kind == verb && line.seq < intent.seq);
        let notes = before.filter_map(|line| Some((line, line.body["note"].as_str()?)));
        notes.filter_map(|(line, note)| signed(note, signers).filter(|_| says(note, verb, about, line.at))).collect()
    }

    /// Why it is, or was for too long, not known what became of an action.
    fn unclear(&self, row: &Row) -> Option<String> {
        let mut since = None;
        let mut last = "planned";
        for (line, is) in self.stages(row) {
            if let Some(since) = since.filter(|since| line.at - since > UNCLEAR_MAX) {
                return Some(format!("nobody knew for {} s whether it was done", (line.at - since) / 1_000_000));
            }
            since = (is == "unclear").then_some(line.at);
            last = is;
        }
        matches!(last, "approved" | "intended" | "unclear" | "undoing").then(|| format!("it is left {last}"))
    }
}

/// Who signed the note, if it is one of `signers` and the signature is right.
fn signed(note: &str, signers: &[Signer]) -> Option<String> {
    let (text, lines) = note.rsplit_once("\n\n")?;
    let text = format!("{text}\n");
    let (name, signature) = lines.strip_suffix('\n')?.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let signature = Signature::from_slice(bytes.get(4..)?).ok()?;
    let right = |signer: &&Signer| signer.name == name && signer.key.verify_strict(text.as_bytes(), &signature).is_ok();
    signers.iter().find(right).map(|signer| signer.name.clone())
}

/// Whether the note says exactly that, and did not run out before `at`.
fn says(note: &str, verb: &str, about: &str, at: i64) -> bool {
    let lines: Vec<&str> = note.lines().take(4).collect();
    let until = lines.get(3).and_then(|line| line.strip_prefix("until ")).and_then(|until| until.parse::<jiff::Timestamp>().ok());
    lines.first() == Some(&format!("adjutant {verb}").as_str())
        && lines.get(1) == Some(&about)
        && until.is_some_and(|until| until.as_microsecond() > at)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
