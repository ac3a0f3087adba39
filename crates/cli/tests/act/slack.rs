//! Clicks in a channel: what Slack signed denies a plan or brings its letter again, and never approves; what Slack did not sign,
//! signed long ago, or signed for somebody else, does nothing.

use super::served::Served;
use super::slapd::Slapd;
use super::smtp::MailServer;
use super::{Hand, NADIA, PLAYBOOK, adjutant, approver, hand_of, says, word_after};
use crate::receiver::Receiver;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Everything that runs.
struct House {
    served: Served,
    mail: MailServer,
    slack: Receiver,
    root: PathBuf,
    _directory: Slapd,
    _hand: Hand,
}

/// Plans wait for so many minutes.
fn house(minutes: u32) -> Option<House> {
    let directory = Slapd::start()?;
    directory.change(NADIA);
    let dir = tempfile::tempdir().unwrap();
    let mail = MailServer::start(dir.path())?;
    let (slack, root) = (Receiver::start(|_| 200), dir.path().to_path_buf());
    let book = root.join("book");
    assert!(adjutant(&["init", book.to_str().unwrap()]).output().unwrap().status.success());
    std::fs::write(book.join("playbooks/stolen-account.yaml"), PLAYBOOK).unwrap();
    std::fs::write(root.join("slack"), &slack.url).unwrap();
    std::fs::write(root.join("signing"), SECRET).unwrap();
    let hand = hand_of(&root, &directory, &format!("plan_lives_minutes = {minutes}\n"));
    approver(&root, "ana");
    let config = format!(
        "book_dir = '{0}'\n[hand]\nsocket = '{1}/hand.sock'\n[notify.smtp]\nserver = '127.0.0.1:{2}'\nfrom = 'adjutant@corp.example'\n\
         to = ['soc@corp.example']\n[notify.slack]\nurl = {{ file = '{1}/slack' }}\nsigning_secret = {{ file = '{1}/signing' }}\nteam = 'T1'\n\
         people = [{{ name = 'ana', member = 'U1' }}, {{ name = 'dan', member = 'U2' }}]\n[letters]\nurl = 'https://adjutant.corp.example'\n\
         people = [{{ name = 'ana', mail = 'ana@corp.example' }}]\n",
        book.display(),
        root.display(),
        mail.port
    );
    let served = Served::start_at(dir, &config, &[]);
    Some(House { served, mail, slack, root, _directory: directory, _hand: hand })
}

/// RFC 2104, with no code of ours.
fn hmac(key: &str, text: &str) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key.bytes()).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "Slack signs the time on the wall")]
fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// A click as it is sent.
struct Click {
    member: &'static str,
    button: &'static str,
    plan: String,
}

impl House {
    /// A plan about this person: its digest, as the channel was told.
    fn plan(&self, id: &str) -> (String, String) {
        let before = self.told().len();
        let alert = json!({ "id": id, "title": "stolen", "severity": "high", "user": "nadia.rahman@corp.example" }).to_string();
        let case = self.served.post("/v1/alerts", alert).json()["case"].as_str().unwrap().to_owned();
        let digest = word_after(&says(&self.served, &["plan", &case]), "plan ").to_owned();
        Served::until("the channel", || self.told().len() > before);
        let buttons = &self.told()[before]["blocks"][1]["elements"];
        assert_eq!([&buttons[0]["value"], &buttons[1]["value"]], [&json!(digest), &json!(digest)]);
        (digest, case)
    }

    /// Messages with buttons.
    fn told(&self) -> Vec<Value> {
        let all = self.slack.received().into_iter().map(|one| serde_json::from_str::<Value>(&one.body).unwrap());
        all.filter(|message| message["blocks"].is_array()).collect()
    }

    /// Subjects of the mails to ana about this plan.
    fn mails(&self, plan: &str) -> Vec<String> {
        let subject = |letter: &Value| {
            let headers = letter["headers"].as_array().unwrap().iter();
            headers
                .filter(|header| header[0] == "Subject")
                .map(|header| header[1].as_str().unwrap().to_owned())
                .collect::<String>()
        };
        let letters = self.mail.letters().into_iter().filter(|letter| letter["to"][0] == "ana@corp.example");
        letters.map(|letter| subject(&letter)).filter(|subject| subject.contains(&plan[..12])).collect()
    }

    fn click(&self, click: &Click, seconds_ago: i64, secret: &str) -> (u16, String, String) {
        let payload = json!({ "type": "block_actions", "user": { "id": click.member }, "team": { "id": "T1" },
            "response_url": "http://127.0.0.1:1/", "actions": [{ "action_id": click.button, "value": click.plan }] });
        let escaped: String = payload.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (body, at) = (format!("payload={escaped}"), (now() - seconds_ago).to_string());
        let signature = format!("v0={}", hmac(secret, &format!("v0:{at}:{body}")));
        (self.send(&body, &at, &signature), body, at)
    }

    fn send(&self, body: &str, at: &str, signature: &str) -> u16 {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-slack-request-timestamp", at),
            ("x-slack-signature", signature),
        ];
        self.served.ask("POST", "/v1/slack", &headers, body.as_bytes()).status
    }

    /// The stages of a plan's actions, in a line.
    fn shown(&self, plan: &str) -> String {
        says(&self.served, &["plan", "--show", &plan[..12]])
    }
}

#[test]
fn a_click_denies_or_brings_the_letter_again_and_nothing_else() {
    let Some(house) = house(10) else { return };
    let (plan, case) = house.plan("1");
    Served::until("the letter", || house.mails(&plan).len() == 1);
    let click = |member, button, plan: &str| Click { member, button, plan: plan.to_owned() };
    let deny = click("U1", "adjutant-deny", &plan);

    // Another secret; too late; no approver; nobody we know; another digest; a button that there is not.
    let mut other = plan.clone();
    other.replace_range(..1, if plan.starts_with('0') { "1" } else { "0" });
    assert_eq!(house.click(&deny, 0, "another").0, 401);
    assert_eq!(house.click(&deny, 301, SECRET).0, 401);
    assert_eq!(house.click(&click("U2", "adjutant-deny", &plan), 0, SECRET).0, 403);
    assert_eq!(house.click(&click("U3", "adjutant-deny", &plan), 0, SECRET).0, 403);
    assert_eq!(house.click(&click("U1", "adjutant-deny", &other), 0, SECRET).0, 404);
    assert_eq!(house.click(&click("U1", "adjutant-approve", &plan), 0, SECRET).0, 422);
    let shown = house.shown(&plan);
    assert!(shown.contains("planned") && !shown.contains("denied"), "{shown}");

    // The letter comes again, once for a click, and the click once.
    let (status, body, at) = house.click(&click("U1", "adjutant-page", &plan), 0, SECRET);
    assert_eq!(status, 200);
    Served::until("the letter again", || house.mails(&plan).len() == 2);
    let signature = format!("v0={}", hmac(SECRET, &format!("v0:{at}:{body}")));
    assert_eq!(house.send(&body, &at, &signature), 409, "sent again");

    assert_eq!(house.click(&deny, 1, SECRET).0, 200);
    let shown = house.shown(&plan);
    assert!(shown.contains("denied") && !shown.contains("planned"), "{shown}");
    let story = || says(&house.served, &["case", &case]).split_whitespace().collect::<Vec<_>>().join(" ");
    Served::until("the story", || {
        story().contains("ana (U1) clicked adjutant-deny")
            && story().contains("denied by ana, on the service's word and without a")
    });
    let key = house.root.join("ana.key");
    let (code, said) = house.served.run(&["approve", &plan[..12], "--key", key.to_str().unwrap()]);
    assert!(code != Some(0), "what was denied is not approved any more: {said}");
    assert_eq!(house.click(&deny, 2, SECRET).0, 409, "it waits no longer");
    assert_eq!(house.mails(&plan).len(), 2);
}

#[test]
fn who_may_approve_is_reminded_of_a_plan_that_still_waits() {
    let Some(house) = house(1) else { return };
    let (denied, _) = house.plan("1");
    assert_eq!(house.click(&Click { member: "U1", button: "adjutant-deny", plan: denied.clone() }, 0, SECRET).0, 200);
    let (plan, case) = house.plan("2");
    assert_ne!(plan, denied);
    Served::until("the reminder", || house.mails(&plan).len() == 2);
    assert!(house.mails(&plan)[1].starts_with("Reminder: "), "{:?}", house.mails(&plan));
    Served::until("the story", || says(&house.served, &["case", &case]).contains("reminded"));
    assert_eq!((house.mails(&plan).len(), house.mails(&denied).len()), (2, 1), "of nothing that was answered");
}
