//! Facts that are looked up, while the service that asks is killed, or the hand that it asks: each alert ends in the decision
//! of an undisturbed run, is told of its answer once, and nobody is asked more than the contract allows.

use super::super::{Counts, HOUSES};
use super::{Desk, Kill, LOOK, PATIENCE, Plot, Target};
use crate::live;
use crate::together::together;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

/// Places of the service while it asks. Each is killed at every time that it is reached.
const LABELS: [&str; 2] = ["lookup.before", "lookup.answered"];

/// Places of the hand while it answers.
const HAND_LABELS: [&str; 2] = ["hand.answer.before", "hand.answer.after"];

/// The hand is asked for its journal all the time: so many of its answers are places enough.
const HAND_NTH_MAX: u64 = 12;

/// One more would be asked about than the contract allows in an hour.
const HOSTS: [&str; 4] = ["asked-board", "asked-lab", "asked-nobody", "asked-late"];
const PER_HOUR: usize = HOSTS.len() - 1;

/// A hand that is killed is asked again, which the contract counts as well.
const PER_HOUR_OF_MANY: usize = 40;

const PLAYBOOK: &str = r#"
playbook: inventory
about: A scene of look-ups.
applies: alert.title == "inventory"
needs: [asset.owner]
signals:
  - id: board
    family: who
    if: asset.owner == "board"
    points: 60
    unknown: 10
    because: "a machine of {asset.owner}"
families: { who: 60 }
decide: { close_below: 5 }
tests:
  - { name: of the board, given: { alert.title: inventory, asset.owner: board }, expect: { outcome: escalate } }
  - { name: of somebody else, given: { alert.title: inventory, asset.owner: lab }, expect: { outcome: close } }
"#;

/// How a trial ended.
struct Looked {
    /// Of each alert: the decision that people see, the fact, and how often it was decided and told of an answer.
    ends: Vec<String>,
    /// Questions that arrived at the system that knows.
    asked: usize,
    killed: bool,
}

/// Kills the service, and then the hand, at each of these places.
pub fn at_labels(plot: &Plot, counts: &Counts) -> Result<()> {
    for (labels, per_hour) in [(LABELS, PER_HOUR), (HAND_LABELS, PER_HOUR_OF_MANY)] {
        let undisturbed = play(plot, per_hour, None)?;
        let asked = per_hour.min(HOSTS.len());
        ensure!(undisturbed.asked == asked, "undisturbed, {} were asked: {:#?}", undisturbed.asked, undisturbed.ends);
        together(HOUSES, labels.to_vec(), |label| {
            for nth in 1.. {
                let kill = Kill::Label { label, nth };
                let looked = play(plot, per_hour, Some(&kill)).with_context(|| format!("{kill:?}"))?;
                if !looked.killed {
                    ensure!(nth > 1, "{label} is never reached");
                    break;
                }
                judge(&kill, &looked, &undisturbed, counts);
                if label.starts_with("hand.") && nth >= HAND_NTH_MAX {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn judge(kill: &Kill, looked: &Looked, undisturbed: &Looked, counts: &Counts) {
    counts.kills.fetch_add(1, Ordering::SeqCst);
    // Only the answer that was under way is asked for again.
    if looked.ends != undisturbed.ends || looked.asked > undisturbed.asked + 1 {
        counts.differs.fetch_add(1, Ordering::SeqCst);
        let (ends, other) = (&looked.ends, &undisturbed.ends);
        println!("after {kill:?}: {ends:#?} with {} asked\ninstead of {other:#?} with {}", looked.asked, undisturbed.asked);
    }
}

/// Sends an alert about each host, and waits until everything that is asked for was answered.
fn play(plot: &Plot, per_hour: usize, kill: Option<&Kill>) -> Result<Looked> {
    let (folder, target) = (tempfile::tempdir()?, Target::start()?);
    let is_of_hand = matches!(kill, Some(Kill::Label { label, .. }) if label.starts_with("hand."));
    let (of_hand, of_service) = if is_of_hand { (kill, None) } else { (None, kill) };
    let book = folder.path().join("book");
    copy(&plot.path("book"), &book)?;
    fs::create_dir(book.join("context"))?;
    fs::write(book.join("context/machines.yaml"), contract(per_hour))?;
    fs::write(book.join("playbooks/inventory.yaml"), PLAYBOOK)?;
    let house = plot.house(folder.path(), &target, of_hand)?;
    let mut desk = Desk::new(plot, folder.path(), &book, house, of_service)?;
    let mut cases = Vec::new();
    desk.greet()?;
    for host in HOSTS {
        let alert = json!({ "id": host, "title": "inventory", "severity": "low", "host": host });
        cases.push(desk.alert(&alert.to_string())?);
    }
    let until = Instant::now() + PATIENCE;
    let ends = loop {
        let ends = cases.iter().map(|case| end(&mut desk, case)).collect::<Result<Option<Vec<_>>>>()?;
        match ends {
            Some(ends) => break ends,
            None => ensure!(Instant::now() < until, "nobody answers: {}", desk.house.said()),
        }
        thread::sleep(LOOK);
    };
    desk.end()?;
    let audited = live::audit(&desk.setting.folder, None)?;
    ensure!(audited.is_ok(), "the ledger: {audited:?}");
    let asked = target.world().asked;
    Ok(Looked { ends, asked, killed: desk.killed || desk.house.was_killed() })
}

/// How a case stands; none while something that was asked for is not answered.
fn end(desk: &mut Desk<'_>, case: &str) -> Result<Option<String>> {
    let whole = desk.send("GET", &format!("/v1/cases/{case}"), 2, "")?.json();
    let decision = whole["decision"].as_str().context("a decision")?;
    let record = desk.send("GET", &format!("/v1/decisions/{decision}"), 2, "")?.json();
    let fact = &record["facts"]["asset.owner"];
    if fact["unknown"] == "asked" {
        return Ok(None);
    }
    let told = |kind: &str| whole["story"].as_array().into_iter().flatten().filter(|moment| moment["kind"] == kind).count();
    let known = if fact["value"].is_null() { &fact["unknown"] } else { &fact["value"] };
    let host = &record["fields"]["host.name"]["value"];
    let (decided, told) = (told("decided"), told("looked-up"));
    Ok(Some(format!("{host} {} {} {known}, decided {decided} times and told {told}", record["outcome"], record["score"])))
}

fn contract(per_hour: usize) -> String {
    let contract = json!({ "context": "machines", "title": "Machines, asked one by one", "owner": "ana@corp.example",
        "from": { "connector": "firewall", "lookup": "host", "per_hour": per_hour }, "lookup": { "asset": ["host.name"] },
        "max_age": "1d", "facts": { "owner": { "type": "text", "about": "Who has it." } } });
    contract.to_string()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let beside = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &beside)? } else { fs::copy(entry.path(), beside).map(drop)? }
    }
    Ok(())
}
