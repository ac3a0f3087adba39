//! Context that changes while the service runs: what was allowed to close by itself waits for people as long as a table is
//! broken, stale or gone, which is said wherever somebody looks, and goes on by itself afterwards.

use super::served::Served;
use adjutant_engine::autonomy::{CLOSE, Pause, Rung};
use adjutant_model::Autonomy;
use adjutant_runtime::ports::{Commit, Store as _};
use adjutant_store::{Options, Sqlite};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A book of one playbook that may close by itself, and knows machines by a table.
const BOOK: [(&str, &str); 3] = [
    (
        "sources/probe.yaml",
        "source: probe\ntitle: Probes\nformat: json\nkeys: []\nfields:\n  alert.id: [raw.id]\n  alert.severity: [raw.severity]\n  \
         host.name: [raw.host]\n",
    ),
    (
        "context/machines.yaml",
        "context: machines\ntitle: Machines\nowner: the inventory\nfrom: { csv: machines.csv }\noptional: true\n\
         keys:\n  - { kind: host, columns: [name] }\nlookup:\n  machine: [host.name]\nas_of: file\nmax_age: 7d\n\
         sanity:\n  required: [name, test]\nfacts:\n  test: { type: bool, about: \"Whether nobody needs it.\" }\n",
    ),
    (
        "playbooks/probes.yaml",
        "playbook: probes\nabout: Takes every probe.\nceiling: act\nfamilies: { machine: 60 }\nsignals:\n  - id: needed\n    \
         family: machine\n    if: \"!machine.test\"\n    points: 40\n    because: \"{host.name} is needed\"\n\
         decide:\n  close_below: 20\nrecommend:\n  - do: \"look at {host.name}\"\n",
    ),
];

const TABLE: &str = "name,test\nlab-1,true\nlab-2,true\n";

fn started() -> Served {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in BOOK {
        let path = dir.path().join("book").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tables = dir.path().join("tables");
    std::fs::create_dir(&tables).unwrap();
    std::fs::write(tables.join("machines.csv"), TABLE).unwrap();
    allow(&dir.path().join("data"));
    let config = format!("book_dir = {:?}\ncontext_dir = {tables:?}\nblind_sample_percent = 0.1\n", dir.path().join("book"));
    Served::start_at(dir, &config, &[])
}

/// The playbook may close by itself, as two people who lead for long said before.
fn allow(data: &Path) {
    let rung = Rung { playbook: "probes".into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
    let ladder = json!({ "rungs": [(rung, Autonomy::Act)], "pause": Pause::None, "paused": {} }).to_string();
    std::fs::create_dir(data).unwrap();
    let mut store = Sqlite::open(data, Options::default()).unwrap();
    store.commit(&Commit { documents: &[("ladder", "current".into(), Some(ladder))], ..Commit::default() }).unwrap();
}

/// Sends an alert about a machine that nobody needs; whether its decision may act, and its case closed itself.
fn closes(served: &Served, host: &str) -> bool {
    let answer = served.post("/v1/alerts/probe", json!({ "id": host, "severity": "low", "host": host }).to_string()).json();
    let (decision, case) = (answer["decision"].as_str().unwrap(), answer["case"].as_str().unwrap());
    let record = served.get(&format!("/v1/decisions/{decision}")).json();
    let status = served.get(&format!("/v1/cases/{case}")).json()["status"].clone();
    let acts = record["autonomy"] == "act" && record["outcome"] == "close";
    assert_eq!(acts, status == "closed-itself", "{record:#} {status}");
    acts
}

fn machines(health: &Value) -> Value {
    let context = health["context"].as_array().unwrap();
    context.iter().find(|source| source["name"] == "machines").unwrap()["condition"].clone()
}

/// Waits until the service says that the table is so, everywhere.
fn until(served: &Served, condition: &str) {
    let notice = format!("context `machines` is {condition}: what depends on it is enrichment-only");
    let is_well = condition == "good";
    Served::until(condition, || {
        let health = served.get("/v1/health").json();
        let notices = health["notices"].as_array().unwrap();
        let said = if is_well {
            !notices.iter().any(|one| one.as_str().unwrap().starts_with("context `machines`"))
        } else {
            notices.contains(&json!(notice))
        };
        machines(&health) == condition && said
    });
    assert_eq!(served.metric("adjutant_context_unusable{source=\"machines\"}"), u64::from(!is_well));
}

/// What the ledger says of the table, in order.
fn in_ledger(served: &Served) -> Vec<String> {
    let exported = served.says(&["audit", "export"]);
    let entry = |line: &str| {
        use base64::Engine as _;
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(line["entry"].as_str().unwrap()).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let at = text.find("\"condition\":\"")? + "\"condition\":\"".len();
        text.contains("\"machines\"").then(|| text[at..].split('"').next().unwrap().to_owned())
    };
    exported.lines().filter_map(entry).collect()
}

fn age(path: &Path, days: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - Duration::from_secs(days * 86_400)).unwrap();
}

#[test]
fn what_depends_on_a_table_waits_for_people_while_it_is_broken_stale_or_gone() {
    let served = started();
    let (folder, table) = (served.path("tables"), served.path("tables/machines.csv"));
    assert!(closes(&served, "lab-1"), "all is well");
    let well = |n: u32| {
        std::fs::write(&table, format!("{TABLE}lab-new-{n},true\n")).unwrap();
        until(&served, "good");
        assert!(closes(&served, &format!("lab-new-{n}")), "it goes on by itself, with the new row");
    };
    std::fs::write(&table, "no,such\ncolumns,here\n").unwrap();
    until(&served, "broken");
    assert!(!closes(&served, "lab-2"), "broken");
    well(1);
    age(&table, 30);
    until(&served, "stale");
    assert!(!closes(&served, "lab-2b"), "stale");
    well(2);
    std::fs::remove_file(&table).unwrap();
    until(&served, "broken");
    assert!(!closes(&served, "lab-2c"), "gone");
    // Another file that changes makes no difference.
    std::fs::write(folder.join("other.csv"), "name\n").unwrap();
    well(3);
    std::fs::rename(&folder, served.path("elsewhere")).unwrap();
    until(&served, "broken");
    assert!(!closes(&served, "lab-2d"), "the whole folder is gone");
    std::fs::rename(served.path("elsewhere"), &folder).unwrap();
    well(4);
    // A link, whose target changes.
    std::fs::rename(&table, served.path("target.csv")).unwrap();
    std::os::unix::fs::symlink(served.path("target.csv"), &table).unwrap();
    until(&served, "good");
    std::fs::write(served.path("target.csv"), "no,such\n").unwrap();
    until(&served, "broken");
    let said = in_ledger(&served);
    assert!(
        said.starts_with(&["broken", "good", "stale", "good", "broken", "good", "broken", "good"].map(String::from)),
        "{said:?}"
    );
    assert_eq!(said.last().unwrap(), "broken");
}
