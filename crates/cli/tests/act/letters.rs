//! Approval by letter: a plan that waits is told by mail to those who may approve it, its page takes a signed note of theirs,
//! and nothing less. An answer to a question has such a plan made, and approves nothing.

mod pages;

use super::served::{Reply, Served};
use super::slapd::Slapd;
use super::smtp::MailServer;
use super::{ENTRY, Hand, NADIA, PLAYBOOK, adjutant, approver, hand_of, says, word_after};
use adjutant_engine::autonomy::{Pause, Rung};
use adjutant_model::Autonomy;
use adjutant_runtime::ports::{Commit, Store as _};
use adjutant_store::{Options, Sqlite};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const MORE: &str = "dn: uid=olga,ou=people,dc=corp,dc=example
objectClass: inetOrgPerson
uid: olga
cn: Olga <b>Petrova</b>
sn: Petrova
mail: olga@corp.example
userPassword: olga-secret
";

const CONTACTS: &str = "id,upn,sam,mailbox,phone
1,nadia.rahman@corp.example,nadia,nadia.rahman@corp.example,
2,olga@corp.example,olga,olga@corp.example,
";

/// Everything that runs, and the folder in which the keys are.
struct House {
    served: Served,
    mail: MailServer,
    directory: Slapd,
    root: PathBuf,
    hand: Option<Hand>,
}

fn house(per_hour: u32) -> Option<House> {
    house_with(PLAYBOOK, per_hour)
}

fn house_with(playbook: &str, per_hour: u32) -> Option<House> {
    let directory = Slapd::start()?;
    directory.change(NADIA);
    directory.change(MORE);
    let dir = tempfile::tempdir().unwrap();
    let mail = MailServer::start(dir.path())?;
    let root = dir.path().to_path_buf();
    let book = root.join("book");
    assert!(adjutant(&["init", book.to_str().unwrap()]).output().unwrap().status.success());
    std::fs::write(book.join("playbooks/stolen-account.yaml"), playbook).unwrap();
    std::fs::create_dir(root.join("tables")).unwrap();
    std::fs::write(root.join("tables/contacts.csv"), CONTACTS).unwrap();
    if playbook != PLAYBOOK {
        allow(&root.join("data"));
    }
    let hand = hand_of(&root, &directory, "");
    // Cy has no mailbox.
    for name in ["ana", "bo", "cy"] {
        approver(&root, name);
    }
    let config = format!(
        "book_dir = '{0}'\ncontext_dir = '{1}/tables'\n[hand]\nsocket = '{1}/hand.sock'\n[notify.smtp]\nserver = '127.0.0.1:{2}'\n\
         from = 'adjutant@corp.example'\nto = ['soc@corp.example']\n[letters]\nurl = 'https://adjutant.corp.example'\n\
         per_hour_max = {per_hour}\npeople = [{{ name = 'ana', mail = 'ana@corp.example' }}, {{ name = 'bo', mail = 'bo@corp.example' }}]\n",
        book.display(),
        root.display(),
        mail.port
    );
    let served = Served::start_at(dir, &config, &[]);
    Some(House { served, mail, directory, root, hand: Some(hand) })
}

/// The playbook may ask people by itself, and prepare what it would do, as two people who lead for long said before.
fn allow(data: &Path) {
    let rung = |verb: &str| Rung { playbook: "stolen-account".into(), verb: verb.into(), scope: "*".parse().unwrap() };
    // The guard, not the ladder, is what keeps a claim from having anything done.
    let rungs = ["ask", "force-password-change", "disable-account"].map(|verb| (rung(verb), Autonomy::Act));
    let ladder = json!({ "rungs": rungs, "pause": Pause::None, "paused": {} }).to_string();
    std::fs::create_dir(data).unwrap();
    let mut store = Sqlite::open(data, Options::default()).unwrap();
    store.commit(&Commit { documents: &[("ladder", "current".into(), Some(ladder))], ..Commit::default() }).unwrap();
}

impl House {
    /// A plan about this person: its digest.
    fn plan(&self, user: &str) -> String {
        let alert = format!(r#"{{"id":"{user}","title":"stolen","severity":"high","user":"{user}"}}"#);
        let case = self.served.post("/v1/alerts", alert).json()["case"].as_str().unwrap().to_owned();
        word_after(&says(&self.served, &["plan", &case]), "plan ").to_owned()
    }

    /// Mails about plans to this person.
    fn mails(&self, to: &str) -> Vec<String> {
        let letters = self.mail.letters().into_iter().filter(|letter| letter["to"][0] == format!("{to}@corp.example"));
        letters.map(|letter| letter["body"].as_str().unwrap().replace("\r\n", "\n")).filter(|body| body.contains("/l/")).collect()
    }

    /// The page of the only plan that this person was told of.
    fn path(&self, to: &str) -> String {
        Served::until("a mail", || !self.mails(to).is_empty());
        links(&self.mails(to)[0]).remove(0)
    }

    /// What `adjutant sign` makes of the note of a page.
    fn signed(&self, note: &str, key: &str) -> (bool, String) {
        let key = self.root.join(format!("{key}.key"));
        let mut command = adjutant(&["sign", "-", "--key", key.to_str().unwrap()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(note.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    fn send(&self, path: &str, note: &str) -> Reply {
        // As a browser sends what was pasted: its line ends have two characters.
        let note = note.replace('\n', "\r\n");
        let mut form = String::from("step=sign&note=");
        note.bytes().for_each(|byte| form.push_str(&format!("%{byte:02X}")));
        self.served.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes())
    }

    /// Waits until the ledger has the plan of this page, and that both who have a mailbox were told.
    fn is_told(&self, page: &str) {
        let case = word_after(page, "<dt>case</dt><dd>").split('<').next().unwrap();
        let story = || says(&self.served, &["case", case]).split_whitespace().collect::<Vec<_>>().join(" ");
        let told = ["was made", "ana was told by mail", "bo was told by mail"];
        Served::until("the entries", || told.iter().all(|told| story().contains(told)));
    }

    fn page(&self, path: &str) -> String {
        let page = self.served.ask("GET", path, &[], &[]);
        assert_eq!(page.status, 200, "{}", text(&page));
        text(&page)
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// The paths of all links in a mail.
fn links(mail: &str) -> Vec<String> {
    mail.split_whitespace().filter_map(|word| word.strip_prefix("https://adjutant.corp.example")).map(str::to_owned).collect()
}

/// The note of a page that begins with this verb.
fn note(page: &str, verb: &str) -> String {
    let start = format!("<pre class=\"note\">adjutant {verb}\n");
    let rest = page.split(&start).nth(1).unwrap_or_else(|| panic!("no note to {verb} in {page}"));
    format!("adjutant {verb}\n{}", rest.split("</pre>").next().unwrap())
}

#[test]
fn a_plan_is_approved_on_the_page_of_a_letter_by_a_signed_note_alone() {
    let Some(mut house) = house(10) else { return };
    let digest = house.plan("nadia.rahman@corp.example");
    let (ana, bo) = (house.path("ana"), house.path("bo"));
    let mail = &house.mails("bo")[0];
    for said in ["2 steps on 1 target,", "disable-account nadia", "If nobody answers, nothing is done", &digest[..12]] {
        assert!(mail.contains(said), "{said}: {mail}");
    }
    let page = house.page(&bo);
    assert_eq!(page.matches("<pre").count(), 3);
    assert!(
        page.contains(&digest) && page.contains("<strong>disable-account nadia</strong>") && !page.contains("href"),
        "{page}"
    );
    let entries = || house.served.get("/v1/ledger").json()["size"].as_u64().unwrap();
    house.is_told(&page);

    // Nothing but a note of the person for whom the link is, about this plan, that is signed by a key of theirs.
    let other = house.plan("olga@corp.example");
    Served::until("a second mail", || house.mails("bo").len() == 2);
    let (approve, deny) = (note(&page, "approve"), note(&page, "deny"));
    let of_other = house.page(&links(&house.mails("bo")[1])[0]);
    house.is_told(&of_other);
    let before = entries();
    assert!(of_other.contains(&other) && !of_other.contains("<b>"), "{of_other}");
    let refused = [
        ("approve".to_owned(), "no signed note"),
        (approve.clone(), "no signed note"),
        (house.signed(&approve, "ana").1, "somebody else"),
        (house.signed(&note(&of_other, "approve"), "bo").1, "something else"),
        (house.signed(&approve.replace("adjutant approve", "adjutant undo"), "bo").1, "approved or denied"),
        (house.signed(&approve, "bo").1.replace("adjutant deny", "adjutant approve") + "x", "no signed note"),
    ];
    for (note, why) in refused {
        let said = house.send(&bo, &note);
        assert!(matches!(said.status, 422 | 429) && (said.status == 429 || text(&said).contains(why)), "{why}: {}", text(&said));
    }
    assert_eq!(entries(), before, "what is refused at once is no entry");
    assert!(!house.signed("I owe you a beer\n", "bo").0, "a key signs statements and nothing else");
    assert!(house.directory.lets_in(ENTRY, "nadia-secret"), "nothing was done");

    // A signature that was made of another text is refused by the hand, and the letter waits on.
    let forged = house.signed(&deny, "ana").1.replace("adjutant deny", "adjutant approve");
    let said = house.send(&ana, &forged);
    assert_eq!(said.status, 422, "{}", text(&said));
    let said = house.send(&ana, &house.signed(&note(&house.page(&ana), "approve"), "ana").1);
    assert!(said.status == 200 && text(&said).contains("it is being done"), "{}", text(&said));
    Served::until("both steps", || says(&house.served, &["plan", "--show", &digest[..12]]).matches("  done").count() == 2);
    assert!(!house.directory.lets_in(ENTRY, "nadia-secret"));
    assert_eq!(house.served.ask("GET", &ana, &[], &[]).status, 404, "a link is good for one answer");
    assert!(house.page(&bo).contains("waits no longer"), "others are told");
    // Denied by letter as well.
    let olga = links(&house.mails("ana")[1]).remove(0);
    let said = house.send(&olga, &house.signed(&note(&house.page(&olga), "deny"), "ana").1);
    assert!(said.status == 200 && text(&said).contains("Denied"), "{}", text(&said));
    let said = says(&house.served, &["plan", "--show", &other[..12]]);
    assert!(said.contains("2. disable-account olga  denied"), "{said}");
    assert!(house.directory.lets_in("uid=olga,ou=people,dc=corp,dc=example", "olga-secret"));
    drop(house.hand.take());
    house.served.stop();
    house.served.says(&["audit", "verify"]);
}

#[test]
fn more_plans_than_prompts_are_gathered_in_one_message_later() {
    let Some(mut house) = house(2) else { return };
    house.plan("nadia.rahman@corp.example");
    Served::until("a mail", || house.mails("bo").len() == 1);
    house.plan("olga@corp.example");
    Served::until("a second mail", || house.mails("bo").len() == 2);
    // No prompt is left in this hour, also after a restart.
    house.plan("nadia.rahman@corp.example");
    house.plan("olga@corp.example");
    house.served.stop();
    house.served.start_again(&[]);
    let kept = |house: &House| {
        let db = rusqlite::Connection::open(house.served.path("data/adjutant.db")).unwrap();
        let sql = "SELECT count(*) FROM documents WHERE kind = 'letter' AND body LIKE '%\"who\":\"bo\"%'";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    Served::until("all plans known", || kept(&house) == 4);
    assert_eq!(house.mails("bo").len(), 2);
    // An hour later (its note of when it wrote is an hour older) there is one message for all that waits.
    house.served.stop();
    let db = rusqlite::Connection::open(house.served.path("data/adjutant.db")).unwrap();
    let changed = db.execute("UPDATE documents SET body = '[1]' WHERE kind = 'prompted'", []).unwrap();
    assert_eq!(changed, 2);
    drop(db);
    house.served.start_again(&[]);
    Served::until("a third mail", || house.mails("bo").len() == 3);
    let gathered = house.mails("bo").remove(2);
    assert!(gathered.starts_with("2 plans wait") && links(&gathered).len() == 2, "{gathered}");
    assert!(house.mails("ana").len() <= 3 && house.mails("cy").is_empty());
    for path in links(&gathered) {
        assert!(house.page(&path).contains("A plan waits for you"));
    }
}

/// The playbook of the other tests, which asks first and does something after an answer alone.
fn asking() -> String {
    let respond = "  - do: force-password-change(user)\n  - do: disable-account(user)\n";
    assert!(PLAYBOOK.contains(respond));
    let after = "    after: what-did-you-do(entered)\n";
    let asks = format!(
        "  - ask: what-did-you-do(user)\n  - do: force-password-change(user)\n{after}  - do: disable-account(user)\n{after}"
    );
    PLAYBOOK.replace(respond, &asks) + "ceiling: act\n"
}

impl House {
    /// A case about this person.
    fn case(&self, user: &str) -> String {
        let alert = format!(r#"{{"id":"{user}","title":"stolen","severity":"high","user":"{user}"}}"#);
        self.served.post("/v1/alerts", alert).json()["case"].as_str().unwrap().to_owned()
    }

    /// Answers the question in the letter to this person.
    fn answers(&self, to: &str, choice: &str) {
        Served::until("a question", || !self.mails(to).is_empty());
        let path = links(&self.mails(to)[0]).remove(0);
        let form = |form: &str| self.served.ask("POST", &path, &FORM, form.as_bytes());
        let page = text(&form("step=open"));
        let wording = page.split("name=\"wording\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(form(&format!("step=answer&choice={choice}&wording={wording}")).status, 200);
    }

    fn story(&self, case: &str) -> String {
        says(&self.served, &["case", case]).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until nothing is left to be told or proposed.
    fn is_quiet(&self) {
        let left = || {
            let db = rusqlite::Connection::open(self.served.path("data/adjutant.db")).unwrap();
            db.query_row("SELECT count(*) FROM outbox WHERE message LIKE '%\"plan\"%'", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        Served::until("the outbox", || left() == 0);
    }
}

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

#[test]
fn who_says_that_they_gave_their_password_gets_one_plan_which_people_approve() {
    let Some(mut house) = house_with(&asking(), 10) else { return };
    let (nadia, olga) = (house.case("nadia.rahman@corp.example"), house.case("olga@corp.example"));
    assert_ne!(nadia, olga);
    // Neither who only clicked nor the case itself leads to a plan; people read what to do.
    house.answers("olga", "opened");
    let advised =
        "I opened a link or an attachment, and entered nothing\" (a claim, admits and by mail, of low assurance); look at";
    Served::until("the answer", || house.story(&olga).contains(advised));
    house.is_quiet();
    assert!(!house.story(&olga).contains("was made"), "{}", house.story(&olga));

    // The hand is away when the answer comes, and the service ends before it is back.
    drop(house.hand.take());
    house.answers("nadia.rahman", "entered");
    Served::until("the answer", || house.story(&nadia).contains("a claim, admits"));
    house.served.stop();
    house.hand = Some(hand_of(&house.root, &house.directory, ""));
    house.served.start_again(&[]);
    let ana = house.path("ana");
    let page = house.page(&ana);
    for said in ["nadia.rahman answered what-did-you-do: ", "I entered a password", "a claim by mail, of low assurance; entry "] {
        assert!(page.contains(said) && house.mails("ana")[0].contains(said), "{said}: {page}");
    }
    assert!(page.contains("2 steps on 1 target,") && page.contains("<strong>disable-account nadia</strong>"), "{page}");
    assert!(house.directory.lets_in(ENTRY, "nadia-secret"), "a claim has nothing done, whatever the ladder allows");

    // The same is proposed once, also when it is delivered again.
    house.is_told(&page);
    let entry = word_after(&page, "; entry ").split(')').next().unwrap().to_owned();
    house.served.stop();
    let db = rusqlite::Connection::open(house.served.path("data/adjutant.db")).unwrap();
    let again = json!({ "topic": "plan", "body": format!("{nadia} {entry}"), "attempts": 0, "due": 0 }).to_string();
    db.execute("INSERT INTO outbox (due, message) VALUES (0, ?1)", [again]).unwrap();
    drop(db);
    house.served.start_again(&[]);
    house.is_quiet();
    assert_eq!(house.story(&nadia).matches("was made").count(), 1, "{}", house.story(&nadia));

    // By hand the same plan is made of the same entry, and of no other.
    let said = says(&house.served, &["simulate", &nadia, "--answer", &entry]);
    assert!(said.contains("1. force-password-change nadia") && said.contains("2. disable-account nadia"), "{said}");
    let lead = house.served.lead.clone();
    let mut refused = adjutant(&["plan", &olga, "--answer", &entry]);
    let refused = refused.arg("--url").arg(&house.served.url).env("ADJUTANT_TOKEN", &lead).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no answer about this case"), "{refused:?}");

    let said = house.send(&ana, &house.signed(&note(&page, "approve"), "ana").1);
    assert!(said.status == 200 && text(&said).contains("it is being done"), "{}", text(&said));
    let digest = word_after(&page, "<dt>plan</dt><dd>").split('<').next().unwrap()[..12].to_owned();
    Served::until("both steps", || says(&house.served, &["plan", "--show", &digest]).matches("  done").count() == 2);
    assert!(!house.directory.lets_in(ENTRY, "nadia-secret"));
    assert!(house.directory.lets_in("uid=olga,ou=people,dc=corp,dc=example", "olga-secret"));
    drop(house.hand.take());
    house.served.stop();
    house.served.says(&["audit", "verify"]);
}
