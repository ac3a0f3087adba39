//! What the organisation knows, from the directory itself: the hand lists everybody, the service decides by it under the
//! table's contract, and what becomes of the directory afterwards is seen by the contract as in any file.

use crate::hand_of;
use crate::served::Served;
use crate::slapd::Slapd;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const MANY: usize = 20;

/// Twenty more people, so that one that comes or goes is no large change; or the end of half of everybody.
fn people(ends: bool) -> String {
    (0..MANY).fold(String::new(), |mut text, nth| {
        let dn = format!("dn: uid=p{nth},ou=people,dc=corp,dc=example\n");
        let more = format!("objectClass: inetOrgPerson\nuid: p{nth}\ncn: p{nth}\nsn: p{nth}\nmail: p{nth}@corp.example\n");
        let _ = writeln!(text, "{dn}{}", if ends { "changetype: delete\n" } else { more.as_str() });
        text
    })
}

fn settings(folder: &Path) -> String {
    format!(
        "tables_dir = '{}'\n\n[tables.identities]\nconnector = 'directory'\nlist = 'people'\nevery_minutes = 60\n\n\
         [connectors.directory.lists.people.columns]\nid = {{ is = 'id' }}\n\
         upn = 'mail'\nsam = 'uid'\ntitle = 'title'\ndepartment = 'departmentNumber'\nactive = {{ is = 'enabled' }}\n\
         manager = {{ is = 'manager' }}\nprivileged = {{ groups = ['admins'] }}\n",
        folder.display()
    )
}

/// Makes the file older than it is.
fn age(path: &Path, hours: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - Duration::from_secs(hours * 3_600)).unwrap();
}

/// Waits until the service says that the table is so.
fn until(served: &Served, condition: &str) {
    Served::until(condition, || {
        let health = served.get("/v1/health").json();
        let context = health["context"].as_array().unwrap();
        context.iter().find(|source| source["name"] == "identities").unwrap()["condition"] == condition
    });
}

/// The fact of a decision about a new alert.
fn fact(served: &Served, user: &str, name: &str) -> Value {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let alert = serde_json::json!({ "id": id, "title": "seen", "severity": "low", "user": user }).to_string();
    let decision = served.post("/v1/alerts", alert).json()["decision"].as_str().unwrap().to_owned();
    let record = served.get(&format!("/v1/decisions/{decision}")).json();
    record["facts"][name].clone()
}

#[test]
fn what_the_directory_knows_decides_until_it_is_stale_or_broken() {
    let Some(directory) = Slapd::start() else { return };
    directory.change(&people(false));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tables");
    std::fs::create_dir(&folder).unwrap();
    let served =
        Served::start(&format!("context_dir = '{}'\n[hand]\nsocket = '{}/hand.sock'\n", folder.display(), dir.path().display()));
    until(&served, "absent");
    let _hand = hand_of(dir.path(), &directory, &settings(&folder));
    until(&served, "good");
    let said = |user: &str, name: &str| fact(&served, user, name);
    assert_eq!(said("ana@corp.example", "user.privileged")["value"], true, "through engineers and core");
    assert_eq!(said("p1@corp.example", "user.privileged")["value"], false);
    assert_eq!(said("ana@corp.example", "user.department")["value"], "Finance");
    assert_eq!(said("chen@corp.example", "user.active")["value"], false, "the account is disabled");
    assert_eq!(said("ana@corp.example", "user.vip").get("value"), None, "the directory does not say it");

    // Somebody gets more: the next list says so.
    let file = folder.join("identities.csv");
    directory.change(
        "dn: cn=admins,ou=groups,dc=corp,dc=example\nchangetype: modify\nadd: member\nmember: uid=p1,ou=people,dc=corp,dc=example\n",
    );
    age(&file, 2);
    Served::until("the change", || said("p1@corp.example", "user.privileged")["value"] == true);

    // Half of everybody is gone: the list is as the directory says, and the contract does not believe it.
    directory.change(&people(true));
    age(&file, 2);
    until(&served, "broken");
    assert_eq!(said("ana@corp.example", "user.privileged").get("value"), None);
    directory.change(&people(false));
    age(&file, 2);
    until(&served, "good");

    // Nobody answers any more: the last list stays, and is too old one day.
    directory.kill();
    age(&file, 2);
    assert_eq!(said("ana@corp.example", "user.privileged")["value"], true);
    age(&file, 24 * 8);
    until(&served, "stale");
    assert_eq!(said("ana@corp.example", "user.privileged").get("value"), None);
}
