//! A search through all mailboxes.

use super::*;
use adjutant_connect::imap::{Hits, Query};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_campaign_is_found_everywhere_and_counted() {
    let server = server!();
    let (mut ana, mut bo) = (server.owner(ANA).unwrap(), server.owner(BO).unwrap());
    ana.ask("CREATE Archive").unwrap();
    for (nth, folder) in ["INBOX", "INBOX", "Archive"].into_iter().enumerate() {
        ana.append(folder, "", DATE, &message(&format!("c{nth}@evil.example"), "Your account \"x\\y\"")).unwrap();
    }
    bo.append("INBOX", "", "03-Mar-2026 10:00:00 +0000", &message("c3@evil.example", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=")).unwrap();
    let honest = b"From: Cy <cy@partner.example>\r\nSubject: lunch\r\nMessage-ID: <h@partner.example>\r\n\r\nhi\r\n";
    bo.append("INBOX", "", DATE, honest).unwrap();
    let imap = connector(server.port, "");
    let search = |query: Query| imap.search(&query).unwrap();
    let counts = |hits: &Hits| hits.counts.iter().map(|(mailbox, count)| (mailbox.clone(), *count)).collect::<Vec<_>>();
    let both = [(ANA.to_owned(), 3), (BO.to_owned(), 1)];
    let by_sender = search(Query { sender: some("bank@evil.example"), ..Query::default() });
    assert_eq!(counts(&by_sender), both);
    assert_eq!((by_sender.total, by_sender.searched, by_sender.unread_count, by_sender.found.len()), (4, 2, 0, 4));
    assert!(by_sender.found.iter().any(|hit| hit.mailbox == ANA && hit.folder == "Archive" && hit.uid == 1));
    assert_eq!(counts(&search(Query { link: some("login.evil.example/x"), ..Query::default() })), both);
    let subject = Query { subject: some("account \"x\\y\""), ..Query::default() };
    assert_eq!(counts(&search(subject)), [(ANA.to_owned(), 3)]);
    assert_eq!(counts(&search(Query { subject: some("Grüße"), ..Query::default() })), [(BO.to_owned(), 1)]);
    assert_eq!(counts(&search(Query { message_id: some("c1@evil.example"), ..Query::default() })), [(ANA.to_owned(), 1)]);
    let late = Query { sender: some("evil.example"), since: Some(1_700_000_000), ..Query::default() };
    assert_eq!(counts(&search(late)), [(BO.to_owned(), 1)]);
    let all = Query { sender: some("evil"), link: some("evil.example/x"), subject: some("Grüße"), ..Query::default() };
    assert_eq!(counts(&search(all)), [(BO.to_owned(), 1)]);
    assert_eq!(search(Query { sender: some("nobody@at.all"), ..Query::default() }).total, 0);
    assert_eq!(ana.mails("INBOX").unwrap()[0].flags, "", "looking changes nothing");
    // What a person may ask, nothing that acts is told.
    let age = adjutant_model::Duration(0);
    let (rows, _) = imap.recall(EntityKind::Message, "from:evil.example", age).unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.target.id.as_str(), row.facts["messages"].as_str())).collect::<Vec<_>>(),
        [(ANA, "3"), (BO, "1")]
    );
    assert!(rows[0].facts["places"].contains("Archive "), "{rows:?}");
    assert_eq!(
        imap.recall(EntityKind::Message, "c1@evil.example", age).unwrap().0,
        imap.lookup(EntityKind::Message, "c1@evil.example").unwrap()
    );
    for name in ["from:evil.example", "subject:account", "link:evil.example", "id:evil"] {
        assert!(imap.lookup(EntityKind::Message, name).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_what_is_no_search_is_refused() {
    let server = server!();
    let mut ana = server.owner(ANA).unwrap();
    ana.append("INBOX", "", DATE, &message("c@evil.example", "x")).unwrap();
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "# people\nana@corp.example\n\ngone@corp.example # left\n").unwrap();
    let imap = connector(server.port, &format!("mailboxes_file = '{}'", list.path().display()));
    let hits = imap.search(&Query { sender: some("evil"), ..Query::default() }).unwrap();
    assert_eq!((hits.total, hits.searched, hits.unread_count), (1, 2, 1));
    assert!(hits.unread.contains_key("gone@corp.example"), "{hits:?}");
    let found = one(&imap, "c@evil.example");
    assert_eq!(found.facts["mailboxes_unread"], "1");
    for query in [
        Query::default(),
        Query { since: Some(1), ..Query::default() },
        Query { subject: some(""), ..Query::default() },
        Query { subject: some("a\r\nx LOGOUT"), ..Query::default() },
        Query { link: some(&"x".repeat(300)), ..Query::default() },
    ] {
        assert!(matches!(imap.search(&query), Err(CallError::Permanent(_))), "{query:?}");
    }
    let nobody = connector(server.port, "").search(&Query { sender: some("evil"), ..Query::default() });
    assert!(nobody.is_ok());
    drop(server);
    assert!(matches!(imap.search(&Query { sender: some("evil"), ..Query::default() }), Err(CallError::Retry(_))));
}
