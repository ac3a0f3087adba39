//! Notification by mail, through aiosmtpd (see [`super::clients`]): what a person reads, and that no alert writes headers.

use super::receiver::Receiver;
use super::served::Served;
use super::smtp::MailServer;
use serde_json::{Value, json};

/// The service with a mail server beside it.
struct Post {
    served: Served,
    server: MailServer,
}

fn start(to: &str) -> Option<Post> {
    start_with(to, "")
}

/// The same with more in the configuration.
fn start_with(to: &str, more: &str) -> Option<Post> {
    let dir = tempfile::tempdir().unwrap();
    let server = MailServer::start(dir.path())?;
    let port = server.port;
    let config = format!(
        "[notify.smtp]\nserver = \"127.0.0.1:{port}\"\nfrom = \"adjutant@corp.example\"\nto = [\"{to}@corp.example\", \"boss@corp.example\"]\n{more}"
    );
    Some(Post { served: Served::start_at(dir, &config, &[]), server })
}

impl Post {
    /// Letters about cases; what is worth a look comes in between.
    fn letters(&self) -> Vec<Value> {
        let letters = self.server.letters().into_iter();
        letters.filter(|letter| letter["body"].as_str().unwrap().contains("\"case\"")).collect()
    }

    fn send(&self, title: &str, host: &str) {
        let record = json!({ "title": title, "severity": "critical", "host": host }).to_string();
        assert_eq!(self.served.post("/v1/alerts", record).status, 200);
    }
}

/// The values of a header, in whatever case its name is written.
fn headers(letter: &Value, name: &str) -> Vec<String> {
    let all = letter["headers"].as_array().unwrap().iter();
    let named = all.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
    named.map(|header| header[1].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_case_that_needs_people_is_a_letter() {
    let Some(post) = start("soc") else { return };
    post.send("Ransomware läuft", "web-1");
    Served::until("a letter", || post.letters().len() == 1);
    let letter = &post.letters()[0];
    assert_eq!(letter["from"], "adjutant@corp.example");
    assert_eq!(letter["to"], json!(["soc@corp.example", "boss@corp.example"]));
    assert_eq!(headers(letter, "subject"), ["Adjutant: escalate web-1"]);
    assert_eq!(headers(letter, "from"), ["adjutant@corp.example"]);
    assert_eq!(headers(letter, "mime-version"), ["1.0"]);
    assert!(headers(letter, "message-id")[0].ends_with("@corp.example>"));
    let body: Value = serde_json::from_str(letter["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["title"], &body["outcome"]), (&json!("Ransomware läuft"), &json!("escalate")));
    let decision = body["decision"].as_str().unwrap();
    assert_eq!(post.served.get(&format!("/v1/decisions/{decision}")).status, 200);
}

#[test]
fn what_an_alert_says_writes_no_header() {
    const EVIL: [&str; 4] = [
        "web-1\r\nBcc: evil@evil.example\r\n\r\nPay here",
        "web-2\nX-Evil: yes",
        "web-3\r\n.\r\nMAIL FROM:<evil@evil.example>",
        "web-4\u{85}\u{2028}X-Evil: yes\u{202e}\u{0}\u{1b}[31m",
    ];
    let Some(post) = start("soc") else { return };
    EVIL.iter().for_each(|host| post.send(host, host));
    Served::until("all letters", || post.letters().len() == EVIL.len());
    for letter in post.letters() {
        let mut names: Vec<String> =
            letter["headers"].as_array().unwrap().iter().map(|header| header[0].as_str().unwrap().to_ascii_lowercase()).collect();
        names.sort();
        let expected =
            ["content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"];
        let known = names.iter().all(|name| expected.contains(&name.as_str()));
        assert!(known && names.windows(2).all(|two| two[0] != two[1]), "{letter:#}");
        assert_eq!(letter["to"], json!(["soc@corp.example", "boss@corp.example"]));
        let (subject, body) = (headers(&letter, "subject").remove(0), letter["body"].as_str().unwrap().replace("\r\n", "\n"));
        assert!(subject.starts_with("Adjutant: escalate web-"), "{letter:#}");
        let acts = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
        assert!(!subject.contains(acts) && !body.contains(|c| c != '\n' && acts(c)), "{letter:#}");
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(said["outcome"], "escalate");
    }
}

#[test]
fn a_busy_server_is_asked_again_and_a_refusal_is_not() {
    let Some(post) = start("busy") else { return };
    post.send("Ransomware", "web-1");
    let about = |host: &str| post.letters().iter().filter(|letter| headers(letter, "subject")[0].ends_with(host)).count();
    Served::until("the letter at the second try", || about("web-1") == 1);
    let Some(post) = start("nobody") else { return };
    post.send("Ransomware", "web-1");
    let health = || String::from_utf8(post.served.get("/v1/health").body).unwrap();
    Served::until("a word about it", || health().contains("messages to people do not arrive"));
    let db = rusqlite::Connection::open(post.served.path("data/adjutant.db")).unwrap();
    let waiting = || db.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, i64>(0)).unwrap();
    Served::until("nothing left to send", || waiting() == 0);
}

#[test]
fn a_webhook_that_fails_neither_holds_up_nor_repeats_a_letter() {
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for refusal in [410, 503] {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), KEY).unwrap();
        let receiver = Receiver::start(move |_| refusal);
        let more = format!("[notify.webhook]\nurl = \"{}\"\nsecret = {{ file = {:?} }}\n", receiver.url, secret.path());
        let Some(post) = start_with("soc", &more) else { return };
        post.send("Ransomware", "web-1");
        Served::until("a letter", || post.letters().len() == 1);
        let tries = || receiver.received().iter().filter(|one| one.body.contains("\"case\"")).count();
        Served::until("the webhook's tries", || tries() >= if refusal == 410 { 1 } else { 3 });
        assert_eq!((post.letters().len(), refusal == 410 && tries() > 1), (1, false));
    }
}
