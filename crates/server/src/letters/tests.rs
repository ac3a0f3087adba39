//! Letters, links and forms, without a service.

use super::ask::Ask;
use super::*;
use crate::config::{Approver, Carries, NotifyWebhook, SecretRef, Smtp};

fn letters(carries: Option<Carries>) -> Letters {
    let mut config = Config::default();
    let secret: SecretRef = serde_json::from_str(r#"{"env":"KEY"}"#).unwrap();
    config.letters.url = Some("https://adjutant.corp.example/".into());
    config.letters.webhook = carries;
    config.letters.people = vec![Approver { name: "ana".into(), mail: "ana@corp.example".into() }];
    config.notify.webhook = carries.map(|_| NotifyWebhook { url: "https://sms.corp.example".into(), secret });
    let (server, from) = ("localhost".to_owned(), "adjutant@corp.example".to_owned());
    config.notify.smtp = Some(Smtp { server, from, to: vec!["soc@corp.example".into()], user: None, password: None });
    Letters::new(&config)
}

fn letter() -> Letter {
    let to = Addressee { who: "ana".into(), way: Way::Mail, address: "ana@corp.example".into() };
    Letter::new(("", &"0".repeat(32)), to, About::Plan("ab".repeat(32)), (Time(0), Time(1))).unwrap()
}

#[test]
fn letters_are_written_where_people_can_come_and_a_way_leads_to_them() {
    assert!(letters(None).are_written() && !Letters::default().are_written());
    assert_eq!(letters(None).ways, BTreeSet::from([Way::Mail]));
    assert_eq!(letters(Some(Carries::Phone)).ways, BTreeSet::from([Way::Phone, Way::Mail]));
    assert_eq!(letters(Some(Carries::Chat)).ways, BTreeSet::from([Way::Chat, Way::Mail]));
}

#[test]
fn of_a_link_only_its_digest_is_kept() {
    let mut letter = letter();
    let (url, (kind, digest, id)) = letter.link(&letters(None)).unwrap();
    let secret = url.strip_prefix("https://adjutant.corp.example/l/").unwrap();
    assert_eq!((kind, id.as_deref()), (kind::LINK, Some(letter.id.as_str())));
    assert_eq!(token_digest(secret.as_bytes()).unwrap().to_string(), digest);
    let body = letter.kept().2.unwrap();
    assert!(body.contains(&digest) && !body.contains(secret));
    let (other, _) = letter.link(&letters(None)).unwrap();
    assert_ne!(url, other);
    assert_eq!(letter.gone().len(), 3, "the letter and both of its links");
    assert_eq!(serde_json::from_str::<Letter>(&letter.kept().2.unwrap()).unwrap(), letter);
}

#[test]
fn a_form_is_ours_or_none() {
    let form = Form::read(b"step=answer&choice=not-me&wording=ab").unwrap();
    assert_eq!((form.step.as_str(), form.choice.as_str(), form.wording.as_str()), ("answer", "not-me", "ab"));
    assert_eq!(Form::read(b"step=sign&note=a%0D%0Ab+c").unwrap().note, "a\r\nb c");
    for bad in ["step=open&step=open", "step=open&other=1", "choice=a&choice=b", "\u{0}=1"] {
        assert_eq!(Form::read(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn what_is_asked_is_declared() {
    assert!(serde_json::from_str::<Ask>("{}").is_ok());
    assert!(serde_json::from_str::<Ask>(r#"{"question":"was-this-you","to":"evil@evil.example"}"#).is_err());
}

#[test]
fn names_from_elsewhere_are_characters_that_do_nothing() {
    let shown = page::plain("Ana <b>\u{202e}\"Petrova\"\r\nBcc: x\u{1b}[0m");
    assert!(!shown.contains(['<', '>', '"', '\r', '\n', '\u{202e}', '\u{1b}', '&', ';']), "{shown}");
    assert_eq!(page::plain(&"a".repeat(500)).len(), 100);
}
