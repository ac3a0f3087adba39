//! Questions to people, as they run: who is asked on which way, what the page takes, and what becomes of the case.

mod pages;

use super::receiver::Receiver;
use super::served::{Reply, Served};
use super::smtp::MailServer;
use adjutant_engine::autonomy::{Pause, Rung};
use adjutant_model::Autonomy;
use adjutant_runtime::book_dir;
use adjutant_runtime::ports::{Commit, Store as _};
use adjutant_store::{Options, Sqlite};
use serde_json::{Value, json};
use std::path::Path;

const PLAYBOOK: &str = r#"
playbook: stolen-account
about: A test of asking.
applies: alert.title == "stolen"
signals:
  - { id: stolen, family: word, if: alert.title == "stolen", points: 60, because: "somebody says that it was stolen" }
families: { word: 60 }
decide: { close_below: 20, respond_from: 50, respond_families: 1 }
respond:
  - ask: was-this-you(user)
  - do: revoke-sessions(user)
tests:
  - { name: it responds, given: { alert.title: stolen }, expect: { outcome: respond } }
"#;

/// Nadia has a telephone, Karl a mailbox and a manager, Nobody neither; the last one's name is markup.
const CONTACTS: &str = "id,upn,sam,mailbox,phone
1,nadia@corp.example,nadia,nadia@corp.example,+49 89 1234567
2,karl@corp.example,karl,karl@corp.example,
3,vera@corp.example,vera,vera@corp.example,
4,lone@corp.example,lone,lone@corp.example,
5,x<b>@corp.example,x<b>,x@corp.example,
6,jörg.großmann@corp.example,jörg.großmann,joerg@corp.example,
";

const IDENTITIES: &str = "id,upn,sam,privileged,vip,service_account,active,on_leave,travel,country,department,unit,title,manager
2,karl@corp.example,karl,false,false,false,true,false,,DE,Sales,Sales,Seller,vera@corp.example
5,x<b>@corp.example,x<b>,false,false,false,true,false,,DE,Sales,Sales,Seller,vera@corp.example
6,jörg.großmann@corp.example,jörg.großmann,false,false,false,true,false,,DE,Sales,Sales,Seller,vera@corp.example
";

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The service, a mail server, and a receiver that brings messages to telephones.
struct House {
    served: Served,
    mail: MailServer,
    phones: Receiver,
    slack: Receiver,
}

/// `within` is how long answers are waited for; `alone` is whether the playbook may ask by itself.
fn house(within: &str, alone: bool, per_hour: u32) -> Option<House> {
    let dir = tempfile::tempdir().unwrap();
    let mail = MailServer::start(dir.path())?;
    let (phones, slack) = (Receiver::start(|_| 204), Receiver::start(|_| 200));
    let (book, tables) = (dir.path().join("book"), dir.path().join("tables"));
    book_dir::write_shipped(&book).unwrap();
    std::fs::write(book.join("playbooks/stolen-account.yaml"), PLAYBOOK).unwrap();
    let questions = std::fs::read_to_string(book.join("questions.yaml")).unwrap();
    std::fs::write(book.join("questions.yaml"), questions.replace("within: 4 h", &format!("within: {within}"))).unwrap();
    std::fs::create_dir(&tables).unwrap();
    std::fs::write(tables.join("contacts.csv"), CONTACTS).unwrap();
    std::fs::write(tables.join("identities.csv"), IDENTITIES).unwrap();
    std::fs::write(dir.path().join("key"), KEY).unwrap();
    std::fs::write(dir.path().join("slack"), &slack.url).unwrap();
    if alone {
        allow(&dir.path().join("data"));
    }
    let config = format!(
        "book_dir = {book:?}\ncontext_dir = {tables:?}\n[notify.smtp]\nserver = \"127.0.0.1:{}\"\nfrom = \"adjutant@corp.example\"\n\
         to = [\"soc@corp.example\"]\n[notify.webhook]\nurl = \"{}\"\nsecret = {{ file = {:?} }}\n[notify.slack]\nurl = {{ file = {:?} }}\n[letters]\n\
         url = \"https://adjutant.corp.example/\"\nwebhook = \"phone\"\nper_hour_max = {per_hour}\n",
        mail.port,
        phones.url,
        dir.path().join("key"),
        dir.path().join("slack"),
    );
    Some(House { served: Served::start_at(dir, &config, &[]), mail, phones, slack })
}

/// The playbook may ask by itself, as two people who lead for long said before.
fn allow(data: &Path) {
    let rung = Rung { playbook: "stolen-account".into(), verb: "ask".into(), scope: "*".parse().unwrap() };
    let ladder = json!({ "rungs": [(rung, Autonomy::Act)], "pause": Pause::None, "paused": {} }).to_string();
    std::fs::create_dir(data).unwrap();
    let mut store = Sqlite::open(data, Options::default()).unwrap();
    store.commit(&Commit { documents: &[("ladder", "current".into(), Some(ladder))], ..Commit::default() }).unwrap();
}

impl House {
    /// A case about this person.
    fn case(&self, user: &str) -> String {
        // Each from an address of their own, or they would be one case.
        let last = if user.contains("nadia") { 7 } else { 20 + user.bytes().map(u32::from).sum::<u32>() % 200 };
        let from = format!("198.51.100.{last}");
        let alert = json!({ "id": user, "title": "stolen", "severity": "high", "user": user, "src_ip": from });
        self.served.post("/v1/alerts", alert.to_string()).json()["case"].as_str().unwrap().to_owned()
    }

    fn asks(&self, case: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {}", self.served.lead);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.served.ask("POST", &format!("/v1/cases/{case}/questions"), &headers, body.as_bytes())
    }

    /// Messages to telephones.
    fn messages(&self) -> Vec<Value> {
        let received = self.phones.received().into_iter().map(|one| serde_json::from_str::<Value>(&one.body).unwrap());
        received.map(|body| body["letter"].clone()).filter(|letter| !letter.is_null()).collect()
    }

    /// Mails with a link to a page.
    fn mails(&self) -> Vec<Value> {
        self.mail.letters().into_iter().filter(|letter| letter["body"].as_str().unwrap().contains("/l/")).collect()
    }

    /// The only message to a telephone, and the path of its page.
    fn path(&self) -> String {
        Served::until("a message", || !self.messages().is_empty());
        link(self.messages()[0]["text"].as_str().unwrap())
    }

    fn form(&self, path: &str, form: &str) -> Reply {
        self.served.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes())
    }

    fn entries(&self) -> u64 {
        self.served.get("/v1/ledger").json()["size"].as_u64().unwrap()
    }

    fn whole(&self, case: &str) -> Value {
        self.served.get(&format!("/v1/cases/{case}")).json()
    }

    fn story(&self, case: &str) -> Vec<(String, String)> {
        let story = self.whole(case)["story"].as_array().unwrap().clone();
        let text = |moment: &Value, name: &str| moment[name].as_str().unwrap().to_owned();
        story.iter().map(|moment| (text(moment, "kind"), text(moment, "text"))).collect()
    }
}

/// The path of the only link in a message.
fn link(text: &str) -> String {
    let link = text.split_whitespace().find_map(|word| word.strip_prefix("https://adjutant.corp.example/l/"));
    format!("/l/{}", link.unwrap_or_else(|| panic!("no link in {text}")))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// The hidden field with the digest of the words that were shown.
fn wording(page: &Reply) -> String {
    let page = text(page);
    page.split("name=\"wording\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn a_no_brings_the_case_before_people_and_is_heard_once() {
    let Some(house) = house("4 h", false, 10) else { return };
    let case = house.case("CORP\\nadia");
    let put = house.asks(&case, "{}").json();
    assert_eq!((&put[0]["to"], &put[0]["way"]), (&json!("nadia"), &json!("phone")), "{put}");
    assert_eq!(house.asks(&case, "{}").status, 409, "a question is put once");
    let path = house.path();
    let message = &house.messages()[0];
    assert_eq!((&message["way"], &message["to"]), (&json!("phone"), &json!("+49 89 1234567")));
    assert!(house.mails().is_empty(), "the mailbox is under suspicion");
    Served::until("the entry", || house.story(&case)[0].0 == "questioned");

    // Whoever opens the link, and however often, changes nothing.
    let before = house.entries();
    let page = house.served.ask("GET", &path, &[], &[]);
    assert_eq!((page.status, page.header("cache-control"), page.header("referrer-policy")), (200, "no-store", "no-referrer"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.ends_with("sandbox allow-forms"), "{policy}");
    assert!(text(&page).contains("Read the question") && !text(&page).contains("198.51.100.7"), "{}", text(&page));
    assert!(!text(&page).contains("<script") && !text(&page).contains("href"), "{}", text(&page));
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(house.served.ask(method, &path, &[], &[]).status, 200);
    }
    assert_eq!(house.entries(), before);

    // What no page sends is not taken.
    assert_eq!(house.form(&path, "step=answer&choice=me").status, 422, "nobody answers what they did not read");
    assert_eq!(house.served.ask("POST", &path, &[("content-type", "application/json")], b"{}").status, 415);
    for forged in ["step=open&step=answer", "step=open&admin=1"] {
        assert_eq!(house.form(&path, forged).status, 415, "{forged}");
    }
    assert_eq!(house.entries(), before);
    let question = house.form(&path, "step=open");
    assert!(text(&question).contains("from the network address 198.51.100.7. Time (UTC): "), "{}", text(&question));
    assert_eq!(house.form(&path, "step=open").status, 200);
    let digest = wording(&question);
    assert_eq!(house.form(&path, &format!("step=answer&choice=admin&wording={digest}")).status, 422);
    assert_eq!(house.form(&path, &format!("step=answer&choice=me&wording={}", "0".repeat(64))).status, 422);
    assert_eq!(house.entries(), before + 1, "opened, once");
    let before = house.whole(&case);
    assert_eq!(house.form(&path, &format!("step=answer&choice=not-me&wording={digest}")).status, 200);
    assert_eq!(house.form(&path, &format!("step=answer&choice=me&wording={digest}")).status, 404, "one answer");
    assert_eq!(house.served.ask("GET", &path, &[], &[]).status, 404);
    let story = house.story(&case);
    assert_eq!((story[0].0.as_str(), story[1].0.as_str()), ("answered", "opened"), "{story:?}");
    assert!(story[0].1.contains("\"No, it was not\" (a claim, denies and by phone, of medium assurance)"), "{story:?}");
    assert_eq!(house.whole(&case)["score"], before["score"], "an answer is no score");

    // Guessing is slowed down, whatever is guessed.
    let guess = |nth: u32| house.served.ask("GET", &format!("/l/adj_{nth:0>43}"), &[], &[]).status;
    assert!((0..12).map(guess).any(|status| status == 429));
    let House { mut served, .. } = house;
    served.stop();
    served.says(&["audit", "verify"]);
}

#[test]
fn the_manager_is_asked_where_no_way_is_free_of_suspicion_and_names_are_text() {
    let Some(house) = house("4 h", false, 10) else { return };
    let case = house.case("karl@corp.example");
    let put = house.asks(&case, r#"{"question":"was-this-you"}"#).json();
    assert_eq!((&put[0]["to"], &put[0]["of"], &put[0]["way"]), (&json!("vera"), &json!("karl"), &json!("mail")), "{put}");
    assert!(put[0]["because"].as_str().unwrap().contains("not by mail: whoever signed in reads this mailbox"), "{put}");
    Served::until("a mail", || house.mails().len() == 1);
    let mail = &house.mails()[0];
    assert_eq!(mail["to"], json!(["vera@corp.example"]));
    let path = link(mail["body"].as_str().unwrap());
    let question = house.form(&path, "step=open");
    assert!(text(&question).contains("It is about <strong>karl</strong>"), "{}", text(&question));
    // A yes is evidence for people and nothing else.
    let before = house.whole(&case);
    assert_eq!(house.form(&path, &format!("step=answer&choice=me&wording={}", wording(&question))).status, 200);
    let after = house.whole(&case);
    assert_eq!((&after["score"], &after["status"], &after["outcome"]), (&before["score"], &before["status"], &before["outcome"]));
    assert!(house.story(&case)[0].1.contains("(a claim, claims and by mail, of low assurance)"));

    let marked = house.case("x<b>@corp.example");
    house.asks(&marked, "{}");
    Served::until("another mail", || house.mails().len() == 2);
    let mail = house.mails()[1]["body"].as_str().unwrap().to_owned();
    let page = text(&house.form(&link(&mail), "step=open"));
    assert!(!mail.contains("<b>") && !page.contains("<b>") && page.contains("<strong>x\u{fffd}b\u{fffd}</strong>"), "{page}");

    // Nobody is asked whom our directory does not know, whatever the alert says of them; a person looks instead.
    for nobody in ["lone@corp.example", "\"><script>alert(1)</script>@evil.example", "evil@evil.example"] {
        let case = house.case(nobody);
        let put = house.asks(&case, "{}").json();
        assert!(put[0]["to"].is_null() && !put[0]["because"].as_str().unwrap().is_empty(), "{put}");
        assert_eq!(house.story(&case)[0].0, "unasked");
    }
    assert_eq!((house.mails().len(), house.messages().len()), (2, 0));
    let analyst = house.served.token(r#"{"name":"auditor","role":"auditor","days":1}"#);
    let bearer = format!("Bearer {analyst}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(house.served.ask("POST", &format!("/v1/cases/{case}/questions"), &headers, b"{}").status, 403);
}

#[test]
fn silence_is_noted_by_a_timer_that_outlives_the_process() {
    let Some(mut house) = house("16 s", true, 10) else { return };
    // The playbook responds, and may ask by itself.
    let case = house.case("nadia@corp.example");
    let path = house.path();
    Served::until("the entry", || house.story(&case)[0].0 == "questioned");
    house.served.stop();
    house.served.start_again(&[]);
    Served::until("silence", || house.story(&case)[0].0 == "silent");
    assert_eq!(house.served.ask("GET", &path, &[], &[]).status, 404, "its time is over");
    assert_eq!(house.form(&path, "step=open").status, 404);
    assert_eq!(house.whole(&case)["status"], "open");
    // Half of the time before she was reminded, once.
    let subjects: Vec<Value> = house.messages().iter().map(|message| message["subject"].clone()).collect();
    let question = "A question from your security team";
    assert_eq!(subjects, [json!(question), json!(format!("Reminder: {question}"))]);
    let kinds: Vec<String> = house.story(&case).into_iter().map(|(kind, _)| kind).take(3).collect();
    assert_eq!(kinds, ["silent", "reminded", "questioned"]);
    // A channel hears that there is a case, and nothing of what alerts say.
    let lines: Vec<String> = house.slack.received().into_iter().map(|one| one.body).collect();
    let said = lines.iter().find(|line| line.contains(&case[..12])).unwrap_or_else(|| panic!("no case in {lines:?}"));
    assert!(said.contains("respond by stolen-account") && !said.contains("nadia") && !said.contains("http"), "{said}");
    house.served.stop();
    house.served.says(&["audit", "verify"]);
}

#[test]
fn nobody_gets_more_letters_than_they_may() {
    let Some(house) = house("4 h", false, 1) else { return };
    for user in ["karl@corp.example", "x<b>@corp.example"] {
        assert_eq!(house.asks(&house.case(user), "{}").status, 200);
    }
    Served::until("a mail", || house.mails().len() == 1);
    // What another person gets shows that the looks went on meanwhile.
    assert_eq!(house.asks(&house.case("nadia@corp.example"), "{}").status, 200);
    Served::until("a message", || house.messages().len() == 1);
    assert_eq!(house.mails().len(), 1);
}

#[test]
fn each_person_of_a_case_is_asked_once_and_of_strangers_it_is_noted_once() {
    let Some(house) = house("4 h", true, 10) else { return };
    // One address makes one case of them.
    let about = |user: &str, nth: u32| {
        let id = format!("{user} {nth}");
        let alert = json!({ "id": id, "title": "stolen", "severity": "high", "user": user, "src_ip": "198.51.100.7" });
        house.served.post("/v1/alerts", alert.to_string()).json()["case"].as_str().unwrap().to_owned()
    };
    let case = about("nadia@corp.example", 1);
    let count = |kind: &str| house.story(&case).iter().filter(|(told, _)| told == kind).count();
    Served::until("a message", || house.messages().len() == 1);
    for user in ["nadia@corp.example", "one@evil.example", "karl@corp.example", "two@evil.example"] {
        assert_eq!(about(user, 2), case, "{user}");
    }
    // Who reports to somebody is known by them; strangers are nobody, however many an alert names.
    Served::until("a mail", || house.mails().len() == 1);
    assert_eq!(house.mails()[0]["to"], json!(["vera@corp.example"]));
    Served::until("the entries", || count("questioned") == 2 && count("unasked") == 1);
    assert_eq!(about("nadia@corp.example", 3), case);
    assert_eq!(house.asks(&case, r#"{"everybody":true}"#).status, 409, "nobody is left");
    // A case that a person closed asks nobody more, and this person is new to it.
    let bearer = format!("Bearer {}", house.served.lead);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let verdict = json!({ "verdict": "close", "because": ["E1"], "note": "a test" }).to_string();
    let closed = house.served.ask("POST", &format!("/v1/cases/{case}/verdict"), &headers, verdict.as_bytes());
    assert_eq!(closed.status, 200, "{}", text(&closed));
    assert_eq!(about("x<b>@corp.example", 1), case);
    let put = house.asks(&case, r#"{"everybody":true}"#).json();
    assert_eq!(put.as_array().map(Vec::len), Some(1), "by hand everybody can be asked: {put}");
    Served::until("another mail", || house.mails().len() == 2);
    assert_eq!((house.messages().len(), count("unasked")), (1, 1));
}
