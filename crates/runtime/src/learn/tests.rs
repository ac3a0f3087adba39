//! The same mail from files, mbox and maildir; again; with attacks in it; and beside what somebody else wrote.

use super::*;

const OWN: &str = "corp.example";

fn message(from: &str, id: u32) -> String {
    format!("From: {from}\nTo: ana@{OWN}\nSubject: s\nMessage-ID: <{id}@x>\nDate: Mon, 02 Mar 2026 09:00:{id:02} +0000\n\nhi\n")
}

fn run(paths: &[PathBuf], data: &Path, judged: &Judged) -> Result<Told, Error> {
    learn(paths, data, &Own { domains: &[OWN.to_owned()], server: &|_| false }, judged)
}

fn files(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(data.join(FOLDER)).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_file_an_mbox_and_a_maildir_of_the_same_mail_give_the_same_tables() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<String> = (1..=5).map(|id| message("bo@partner.example", id)).collect();
    let (maildir, mbox, loose) = (dir.path().join("maildir"), dir.path().join("mbox"), dir.path().join("loose"));
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    fs::create_dir(&loose).unwrap();
    let mut joined = String::new();
    for (number, text) in all.iter().enumerate() {
        fs::write(maildir.join(["cur", "new"][number % 2]).join(number.to_string()), text).unwrap();
        fs::write(loose.join(format!("{number}.eml")), text).unwrap();
        joined += &format!("From bo@partner.example Mon Mar  2 09:00:00 2026\n{text}>From here\nFrom the middle\n\n");
    }
    fs::write(maildir.join("tmp/half"), message("half@partner.example", 9)).unwrap();
    fs::write(&mbox, joined).unwrap();
    let tables: Vec<_> = [maildir, mbox, loose]
        .into_iter()
        .map(|path| {
            let data = tempfile::tempdir().unwrap();
            let told = run(&[path], data.path(), &Judged::default()).unwrap();
            assert_eq!((told.messages, told.counted, told.pairs), (5, 5, 1));
            files(data.path())
        })
        .collect();
    assert!(tables[0] == tables[1] && tables[1] == tables[2]);
    assert_eq!(tables[0].len(), 5, "no unfinished file is left");
}

#[test]
fn learning_again_counts_nothing_twice_and_goes_on() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |id: u32| dir.path().join(format!("{id}.eml"));
    (1..=3).for_each(|id| fs::write(path(id), message("bo@partner.example", id)).unwrap());
    run(&[path(1), path(2)], data.path(), &Judged::default()).unwrap();
    let told = run(&[dir.path().to_owned()], data.path(), &Judged::default()).unwrap();
    assert_eq!((told.messages, told.counted, told.known), (3, 1, 2));
    let once = tempfile::tempdir().unwrap();
    run(&[dir.path().to_owned()], once.path(), &Judged::default()).unwrap();
    assert_eq!(files(data.path()), files(once.path()));
}

#[test]
fn what_was_decided_to_be_an_attack_is_not_learned() {
    let dir = tempfile::tempdir().unwrap();
    let eve = message("eve@evil.example", 1);
    fs::write(dir.path().join("a.eml"), &eve).unwrap();
    fs::write(dir.path().join("b.eml"), message("bo@partner.example", 2)).unwrap();
    let digest = adjutant_model::Digest::of(eve.as_bytes());
    let decision = r#"{"outcome":"escalate","alert":{},"fields":{"mail.message_id":{"value":"1@x"}}}"#.to_owned();
    let closed = r#"{"outcome":"close","fields":{"mail.message_id":{"value":"2@x"}}}"#;
    for list in
        [decision.clone() + "\n" + closed, "a.eml,phishing\nb.eml,legit\n".into(), format!("# seen\n{digest}\n"), "<1@X>".into()]
    {
        let (data, mut judged) = (tempfile::tempdir().unwrap(), Judged::default());
        assert_eq!(judged.read(&list), 1, "{list}");
        let told = run(&[dir.path().to_owned()], data.path(), &judged).unwrap();
        assert_eq!((told.messages, told.attacks), (2, 1), "{list}");
        let senders = String::from_utf8(files(data.path()).remove("senders.csv").unwrap()).unwrap();
        assert!(senders.contains("\neve@evil.example,new,,,0,0,,false,1\n"), "{senders}");
        assert!(senders.contains("\nbo@partner.example,outlier,"), "{senders}");
    }
}

#[test]
fn a_table_that_somebody_else_wrote_is_refused_and_stays() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("a.eml"), message("bo@partner.example", 1)).unwrap();
    fs::create_dir(data.path().join(FOLDER)).unwrap();
    fs::write(data.path().join("mail/correspondents.csv"), "who,whom\n1,2\n").unwrap();
    assert!(matches!(run(&[dir.path().to_owned()], data.path(), &Judged::default()), Err(Error::Foreign { .. })));
    assert_eq!(files(data.path()).len(), 1);
}

#[test]
fn what_is_too_long_is_passed_over_and_the_next_is_read() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let long = message("bo@partner.example", 1) + &"x".repeat(crate::read::RECORD_BYTES_MAX);
    let mbox = format!("From a\n{long}\n\nFrom b\n{}", message("bo@partner.example", 2));
    fs::write(dir.path().join("mbox"), mbox).unwrap();
    let told = run(&[dir.path().to_owned()], data.path(), &Judged::default()).unwrap();
    assert_eq!((told.messages, told.too_long, told.counted), (2, 1, 1));
}
