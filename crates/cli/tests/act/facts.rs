//! Facts that no table has: a decision that goes to a person asks the directory through the hand, and is made again with the
//! answer; service, hand and directory each its own process, any of which may be away.

use crate::served::Served;
use crate::slapd::Slapd;
use crate::{NADIA, adjutant, hand_of, says};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The pages that say how it is done, whose contracts are used here.
const PAGES: [(&str, &str, &str); 2] = [
    ("people", include_str!("../../../../docs/operate/context.md"), "context: people\n"),
    ("abuseipdb", include_str!("../../../../docs/connect/abuseipdb.md"), "context: abuseipdb\n"),
];

/// That of an administrator is worse, and who it is must be known.
const PLAYBOOK: &str = r#"
playbook: badge
about: A test of look-ups.
applies: alert.title == "badge"
needs: [user.privileged]
signals:
  - id: administrator
    family: who
    if: user.privileged
    points: 60
    unknown: 10
    because: "an administrator of {user.department}"
families: { who: 60 }
decide: { close_below: 5 }
tests:
  - { name: an administrator, given: { alert.title: badge, user.privileged: true, user.department: IT }, expect: { outcome: escalate } }
  - { name: nobody special, given: { alert.title: badge, user.privileged: false, user.department: IT }, expect: { outcome: close } }
"#;

const ALERTS: usize = 10_000;

/// What the contract of the page allows in an hour.
const PER_HOUR: u64 = 60;

struct World {
    dir: tempfile::TempDir,
    served: Served,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let book = dir.path().join("book");
        assert!(adjutant(&["init", book.to_str().unwrap()]).output().unwrap().status.success());
        for (name, page, begins) in PAGES {
            let block = page.split("```yaml\n").find(|block| block.starts_with(begins)).unwrap();
            std::fs::write(book.join(format!("context/{name}.yaml")), block.split("```").next().unwrap()).unwrap();
        }
        std::fs::write(book.join("playbooks/badge.yaml"), PLAYBOOK).unwrap();
        let config = format!("book_dir = '{}'\n[hand]\nsocket = '{}/hand.sock'\n", book.display(), dir.path().display());
        Self { served: Served::start(&config), dir }
    }

    /// Somebody's badge was used; the case.
    fn alert(&self, id: &str, user: &str) -> String {
        let alert = json!({ "id": id, "title": "badge", "severity": "low", "user": user }).to_string();
        self.served.post("/v1/alerts", alert).json()["case"].as_str().unwrap().to_owned()
    }

    /// The decision that people see of a case.
    fn record(&self, case: &str) -> Value {
        let case = self.served.get(&format!("/v1/cases/{case}")).json();
        self.served.get(&format!("/v1/decisions/{}", case["decision"].as_str().unwrap())).json()
    }

    fn privileged(&self, case: &str) -> Value {
        self.record(case)["facts"]["user.privileged"].clone()
    }

    fn looked_up(&self, fate: &str) -> u64 {
        let text = String::from_utf8(self.served.get("/metrics").body).unwrap();
        let line = format!("adjutant_lookups_total{{contract=\"people\",fate=\"{fate}\"}} ");
        text.lines().find_map(|at| at.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
    }

    /// How often something of this kind stands in a case's story.
    fn told(&self, case: &str, kind: &str) -> usize {
        says(&self.served, &["case", case]).lines().filter(|line| line.split_whitespace().nth(2) == Some(kind)).count()
    }
}

#[test]
fn who_is_unknown_is_looked_up_and_the_decision_made_again() {
    let Some(directory) = Slapd::start() else { return };
    directory.change(NADIA);
    let mut world = World::new();
    // Nobody is there to ask: it is decided all the same, and waits for a person.
    let case = world.alert("1", "nadia.rahman@corp.example");
    assert_eq!(world.privileged(&case)["unknown"], "asked");
    assert_eq!(world.record(&case)["outcome"], "escalate");
    Served::until("a try", || world.looked_up("failed") > 0);
    // The service ends with the question unanswered; the next one goes on.
    world.served.stop();
    let _hand = hand_of(world.dir.path(), &directory, "");
    world.served.start_again(&[]);
    Served::until("the answer", || world.privileged(&case)["value"] == false);
    let record = world.record(&case);
    assert_eq!((record["outcome"].as_str(), record["score"].as_i64()), (Some("close"), Some(0)), "{record:#}");
    assert_eq!(record["facts"]["user.privileged"]["from"], "people");
    assert_eq!((world.told(&case, "decided"), world.told(&case, "looked-up")), (2, 1));
    let explained = says(&world.served, &["decisions", record["id"].as_str().unwrap()]);
    assert!(explained.contains("CLOSE"), "{explained}");

    // An administrator, through groups in groups; and somebody whom the directory does not know.
    let (ana, ghost) = (world.alert("2", "ana@corp.example"), world.alert("3", "ghost@corp.example"));
    Served::until("both answers", || world.looked_up("answered") + world.looked_up("nobody") == 3);
    assert_eq!(world.privileged(&ana)["value"], true);
    let explained = says(&world.served, &["decisions", world.record(&ana)["id"].as_str().unwrap()]);
    assert!(explained.contains("an administrator of Finance") && explained.contains("people"), "{explained}");
    assert_eq!(
        (world.privileged(&ghost)["unknown"].as_str(), world.record(&ghost)["outcome"].as_str()),
        (Some("not-found"), Some("escalate"))
    );

    // While the directory is away what is known decides, and what is not stays unknown.
    directory.kill();
    assert_eq!(world.privileged(&world.alert("4", "ana@corp.example"))["value"], true);
    let chen = world.alert("5", "chen@corp.example");
    let failed = world.looked_up("failed");
    Served::until("a try", || world.looked_up("failed") > failed);
    assert_eq!(world.privileged(&chen)["unknown"], "asked");
    directory.start_again();
    Served::until("the answer", || world.privileged(&chen)["value"] == true);
    assert_eq!((world.told(&chen, "decided"), world.told(&chen, "looked-up")), (2, 1), "once, however often it was tried");
    world.served.stop();
    world.served.says(&["audit", "verify"]);
}

#[test]
fn ten_thousand_invented_users_spend_a_budget_and_no_more() {
    let Some(directory) = Slapd::start() else { return };
    let mut world = World::new();
    let _hand = hand_of(world.dir.path(), &directory, "");
    let lines = (0..ALERTS).fold(String::new(), |mut text, id| {
        let user = format!("invented-{id}@corp.example");
        writeln!(text, "{}", json!({ "id": id.to_string(), "title": "badge", "severity": "low", "user": user })).unwrap();
        text
    });
    for part in lines.lines().collect::<Vec<_>>().chunks(1_000) {
        assert!(matches!(world.served.post("/v1/alerts", part.join("\n")).status, 200 | 202 | 207));
    }
    assert_eq!(world.served.decided(), ALERTS as u64, "intake takes all");
    Served::until("the answers", || world.looked_up("nobody") == world.looked_up("asked"));
    let (asked, refused) = (world.looked_up("asked"), world.looked_up("refused"));
    assert!(asked <= PER_HOUR && asked + refused == ALERTS as u64, "{asked} were asked, {refused} were not");
    let hand = world.served.get("/v1/hand").json();
    let calls = hand["connectors"][0]["condition"]["calls"].as_u64();
    assert!(calls.is_some_and(|calls| calls <= PER_HOUR), "{hand:#}");
    world.served.stop();
    world.served.says(&["audit", "verify"]);
}
