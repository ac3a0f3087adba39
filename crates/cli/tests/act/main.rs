//! Acting, from an alert to a real directory and back: the service, the hand and an OpenLDAP, each its own process, and people
//! with keys of their own.

#[path = "../doors/browser.rs"]
mod browser;
#[path = "../../../connect/tests/imap/dovecot.rs"]
#[expect(dead_code, reason = "the connector's own tests need more of it")]
mod dovecot;
mod facts;
mod launch;
mod letters;
#[path = "../doors/receiver.rs"]
#[expect(dead_code, reason = "the doors need more of it")]
mod receiver;
mod reports;
#[path = "../doors/running.rs"]
mod running;
#[path = "../doors/served.rs"]
#[expect(dead_code, reason = "the doors need more of it")]
mod served;
mod slack;
#[path = "../../../connect/tests/ldap/slapd.rs"]
#[expect(dead_code, reason = "the connector's own tests need more of it")]
mod slapd;
#[path = "../doors/smtp.rs"]
mod smtp;
mod tables;
mod tickets;
#[path = "../../../connect/tests/http/tracker.rs"]
mod tracker;

use serde_json::json;
use served::Served;
use slapd::Slapd;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The account that the alert is about.
const ENTRY: &str = "uid=nadia,ou=people,dc=corp,dc=example";

const NADIA: &str = "dn: uid=nadia,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: nadia
cn: Nadia Rahman
sn: Rahman
mail: nadia.rahman@corp.example
userPassword: nadia-secret
";

/// A playbook that responds to any alert of its kind, so that this test is not one of scores.
const PLAYBOOK: &str = r#"
playbook: stolen-account
about: A test of acting.
applies: alert.title == "stolen"
signals:
  - id: stolen
    family: word
    if: alert.title == "stolen"
    points: 60
    because: "somebody says that it was stolen"
  - id: rule
    family: word
    if: alert.rule != "stolen"
    points: 5
    because: "the rule is {alert.rule}"
families: { word: 60 }
decide: { close_below: 20, respond_from: 50, respond_families: 1 }
respond:
  - do: force-password-change(user)
  - do: disable-account(user)
tests:
  - { name: it responds, given: { alert.title: stolen }, expect: { outcome: respond } }
  - { name: nothing else, given: { alert.title: lost }, expect: { outcome: escalate } }
"#;

/// The hand's process.
struct Hand(Child);

impl Drop for Hand {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn adjutant(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjutant"));
    command.env_remove("ADJUTANT_CONFIG").env("NO_COLOR", "1").args(arguments).stdin(Stdio::null());
    command
}

/// A hand in `dir` with these settings, once it listens.
fn hand(dir: &Path, settings: &str, environment: &[(&str, &str)]) -> Hand {
    let text = format!("data_dir = '{0}/hand'\nsocket = '{0}/hand.sock'\n{settings}", dir.display());
    let config = dir.join("hand.toml");
    std::fs::write(&config, text).unwrap();
    let mut command = adjutant(&["hand", "--config", config.to_str().unwrap()]);
    let mut child = command.envs(environment.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listens"), "{line}");
    Hand(child)
}

/// The same over a directory, and with these settings before it.
fn hand_of(dir: &Path, directory: &Slapd, settings: &str) -> Hand {
    let settings = format!(
        "{settings}\n[connectors.directory]\nkind = 'ldap'\nurl = '{}'\nbind_dn = 'cn=hand,ou=service,dc=corp,dc=example'\n\
         password = {{ env = 'HAND_PASSWORD' }}\nflavour = 'openldap'\nusers = 'ou=people,dc=corp,dc=example'\n\
         groups = 'ou=groups,dc=corp,dc=example'\n",
        directory.url()
    );
    hand(dir, &settings, &[("HAND_PASSWORD", "hand-correct-horse")])
}

/// Makes a key for somebody who may approve as a lead in the hand of this folder, and says where it is.
fn approver(root: &Path, name: &str) -> PathBuf {
    let key = root.join(format!("{name}.key"));
    let made = adjutant(&["key", "new", key.to_str().unwrap(), "--name", name]).output().unwrap();
    let public = String::from_utf8(made.stdout).unwrap();
    let store = root.join("hand");
    let mut adds = adjutant(&["key", "add", public.lines().next().unwrap(), "--role", "lead", "--hand", store.to_str().unwrap()]);
    let added = adds.output().unwrap();
    assert!(String::from_utf8_lossy(&added.stdout).contains("at once"), "{added:?}");
    key
}

/// What a command of a person says, with the token of a lead.
#[track_caller]
fn says(served: &Served, arguments: &[&str]) -> String {
    let output = adjutant(arguments).arg("--url").arg(&served.url).env("ADJUTANT_TOKEN", &served.lead).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn word_after<'t>(text: &'t str, before: &str) -> &'t str {
    text.split(before).nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_else(|| panic!("{before}: {text}"))
}

#[test]
fn a_plan_is_approved_done_in_the_directory_and_taken_back() {
    let Some(directory) = Slapd::start() else { return };
    directory.change(NADIA);
    let untouched = directory.entry(ENTRY);
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_path_buf();
    let book = root.join("book");
    assert!(adjutant(&["init", book.to_str().unwrap()]).output().unwrap().status.success());
    std::fs::write(book.join("playbooks/stolen-account.yaml"), PLAYBOOK).unwrap();
    let hand = hand_of(&root, &directory, "");
    let config = format!("book_dir = '{}'\n[hand]\nsocket = '{}/hand.sock'\n", book.display(), root.display());
    let mut served = Served::start(&config);

    let key = approver(&root, "bo");
    let key = key.to_str().unwrap();

    let alert = r#"{"id":"1","title":"stolen","severity":"high","user":"nadia.rahman@corp.example"}"#;
    let answer = served.post("/v1/alerts", alert).json();
    let case = answer["case"].as_str().unwrap().to_owned();
    let plan = says(&served, &["plan", &case]);
    assert!(plan.contains("2. disable-account nadia") && plan.contains("waits for 1 × lead"), "{plan}");
    assert!(directory.lets_in(ENTRY, "nadia-secret"), "nothing is done before it is approved");
    let looked_up = says(&served, &["connect", "lookup", "Nadia.Rahman@corp.example", "--age", "15"]);
    assert!(looked_up.contains("directory") && looked_up.contains("nadia ("), "{looked_up}");
    assert!(says(&served, &["connect", "lookup", "nobody@corp.example"]).contains("nobody of this name"));
    let digest = word_after(&plan, "plan ").to_owned();
    let said = says(&served, &["approve", &digest[..12], "--key", key]);
    assert!(said.contains("approved: it is being done"), "{said}");
    Served::until("both steps", || says(&served, &["plan", "--show", &digest[..12]]).matches("  done").count() == 2);
    assert!(!directory.lets_in(ENTRY, "nadia-secret"), "the account is disabled");

    let story = || says(&served, &["case", &case]).split_whitespace().collect::<Vec<_>>().join(" ");
    Served::until("the story", || story().matches("read back: it is done").count() == 2);
    // The hand and the service end, and go on where they were.
    drop(hand);
    served.stop();
    let _hand = hand_of(&root, &directory, "");
    served.start_again(&[]);
    let said = says(&served, &["undo", "--case", &case, "--key", key]);
    assert_eq!(said.matches("it is being taken back").count(), 2, "{said}");
    Served::until("both undone", || says(&served, &["plan", "--show", &digest[..12]]).matches("  undone").count() == 2);
    assert_eq!(directory.entry(ENTRY), untouched, "the entry is as it was, to the byte");
    assert!(directory.lets_in(ENTRY, "nadia-secret"));
    let story = || says(&served, &["case", &case]).split_whitespace().collect::<Vec<_>>().join(" ");
    Served::until("the story", || story().matches("read back: as before").count() == 2);
    let contained = served.get("/v1/containment").json();
    let row = &contained["rows"][0];
    assert_eq!([&row["playbook"], &row["legitimate"]], [&json!("stolen-account"), &json!(0)], "{contained}");
    assert_eq!([&row["cases"], &row["acts"], &row["restored"]], [1, 2, 2].map(|count| json!(count)).each_ref(), "{contained}");
    assert_eq!(served.get("/v1/containment?since=soon").status, 422, "a time that is none is refused");
    assert!(says(&served, &["metrics"]).contains("stolen-account"));
    served.stop();
    served.says(&["audit", "verify"]);
}
