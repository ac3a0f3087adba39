//! The mailbox where people report: what comes is handed on once, in order, whatever its dates.

use super::*;
use adjutant_hand::poll::{self, Between, Intake, Poller};
use serde_json::Value;
use std::sync::Mutex;
use std::time::Duration;

/// Keeps what it takes, or refuses everything.
#[derive(Default)]
struct Taken {
    subjects: Mutex<Vec<String>>,
    refuses: Mutex<bool>,
}

impl Intake for Taken {
    fn take(&self, _: &str, records: &[&Value]) -> Result<(), CallError> {
        panic!("these were messages: {records:?}")
    }

    fn take_message(&self, message: &[u8]) -> Result<poll::Taken, CallError> {
        if *self.refuses.lock().unwrap() {
            return Err(CallError::Retry("full".into()));
        }
        let text = std::str::from_utf8(message).unwrap();
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        let nth = subject.strip_prefix("report ").unwrap();
        assert_eq!(message, sent(nth), "as it stands");
        self.subjects.lock().unwrap().push(subject.to_owned());
        Ok(poll::Taken::default())
    }
}

fn sent(nth: &str) -> Vec<u8> {
    super::message(&format!("r{nth}@evil.example"), &format!("report {nth}"))
}

struct World {
    phish: Client,
    taken: Arc<Taken>,
    folder: tempfile::TempDir,
    imap: Arc<Imap>,
    server: Dovecot,
}

impl World {
    fn new(server: Dovecot) -> Self {
        let (phish, folder) = (server.owner(PHISH).unwrap(), tempfile::tempdir().unwrap());
        let imap = Arc::new(connector(server.port, ""));
        Self { phish, taken: Arc::default(), folder, imap, server }
    }

    fn report(&mut self, nth: usize, date: &str) {
        self.phish.append("INBOX", "", date, &sent(&nth.to_string())).unwrap();
    }

    /// Looks as a process does that was just started.
    fn look(&self) -> Result<u64, CallError> {
        let poller = Poller {
            name: "mail".into(),
            connector: self.imap.clone(),
            intake: self.taken.clone(),
            file: self.folder.path().join("mail.polled"),
            first: adjutant_model::Duration::from_hours(24 * 366 * 10),
            clock: Arc::new(|| Time::from_secs(1_772_323_200)),
            thanks: None,
        };
        poller.look(&mut Between::default()).map(|looked| looked.taken)
    }

    fn subjects(&self) -> Vec<String> {
        std::mem::take(&mut *self.taken.subjects.lock().unwrap())
    }
}

fn reports(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|nth| format!("report {nth}")).collect()
}

#[test]
fn each_report_is_handed_on_once_whatever_its_date_and_none_is_lost() {
    let mut world = World::new(server!());
    (0..45).for_each(|nth| world.report(nth, DATE));
    assert_eq!(world.look(), Ok(45));
    assert_eq!(world.subjects(), reports(0..45));
    assert_eq!(world.look(), Ok(0), "nothing twice");
    // Somebody moves an old message there.
    world.report(45, "01-Jan-2001 10:00:00 +0000");
    *world.taken.refuses.lock().unwrap() = true;
    assert!(world.look().is_err());
    *world.taken.refuses.lock().unwrap() = false;
    world.report(46, DATE);
    assert_eq!(world.look(), Ok(2), "what was not taken comes again");
    assert_eq!(world.subjects(), reports(45..47));
    world.phish.ask("SELECT INBOX").unwrap();
    world.phish.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)").unwrap();
    world.phish.ask("EXPUNGE").unwrap();
    assert_eq!(world.look(), Ok(0));
    world.report(47, DATE);
    assert_eq!(world.look(), Ok(1));
    assert_eq!(world.subjects(), reports([47]));
    assert_eq!(world.phish.mails("INBOX").unwrap()[0].flags, "", "reading leaves it unread");
}

#[test]
fn a_folder_whose_numbers_were_given_out_anew_is_handed_on_from_its_beginning() {
    let mut world = World::new(server!());
    (0..3).for_each(|nth| world.report(nth, DATE));
    assert_eq!(world.look(), Ok(3));
    let file = world.folder.path().join("mail.polled");
    let mark = std::fs::read_to_string(&file).unwrap();
    let (_, uid) = mark.trim().split_once(' ').unwrap();
    std::fs::write(&file, format!("1 {uid}\n")).unwrap();
    assert_eq!(world.look(), Ok(3));
    assert_eq!(world.subjects(), [reports(0..3), reports(0..3)].concat());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mark);
}

#[test]
fn who_waits_is_told_when_a_report_comes_and_reads_on_over_the_same_connection() {
    let mut world = World::new(server!());
    assert_eq!(world.look(), Ok(0));
    assert_eq!(world.imap.news(Duration::from_millis(50)), Some(false));
    world.report(0, DATE);
    let told = (0..100).any(|_| world.imap.news(Duration::from_millis(100)) == Some(true));
    assert!(told, "{}", world.server.log());
    assert_eq!(world.look(), Ok(1));
    assert_eq!(world.subjects(), reports([0]));
    assert_eq!(world.imap.news(Duration::from_millis(10)), Some(false));
}

/// Keeps the records that it takes.
#[derive(Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Intake for Kept {
    fn take(&self, _: &str, records: &[&Value]) -> Result<(), CallError> {
        panic!("these were messages: {records:?}")
    }

    fn take_message(&self, message: &[u8]) -> Result<poll::Taken, CallError> {
        self.0.lock().unwrap().push(message.to_vec());
        Ok(poll::Taken::default())
    }
}

#[test]
fn a_report_goes_on_with_what_dns_says_though_nobody_answers() {
    let mut world = World::new(server!());
    let raw =
        [b"DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=k; h=from; bh=AA==; b=AA==\r\n".to_vec(), sent("0")].concat();
    world.phish.append("INBOX", "", DATE, &raw).unwrap();
    // Nobody is at this port any more.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(world.server.port, "");
    settings.report.as_mut().unwrap().resolver = Some(nobody.to_string());
    let clock = Arc::new(|| Time::from_secs(1_772_323_200));
    let imap = Imap::new(settings, Secret::new(PASSWORD.to_owned()), None, clock.clone()).unwrap();
    let kept = Arc::new(Kept::default());
    let poller = Poller {
        name: "mail".into(),
        connector: Arc::new(imap),
        intake: kept.clone(),
        file: world.folder.path().join("mail.polled"),
        first: adjutant_model::Duration::from_hours(24 * 366 * 10),
        clock,
        thanks: None,
    };
    assert_eq!(poller.look(&mut Between::default()).map(|looked| looked.taken), Ok(1));
    let records = kept.0.lock().unwrap();
    let answered = adjutant_mail::Answered::read(&records[0]).unwrap();
    assert_eq!((answered.message, answered.dns.at.as_str()), (raw, "2026-03-01T00:00:00Z"));
    let asked: Vec<&str> = answered.dns.answers.iter().map(|answer| answer.name.as_str()).collect();
    assert_eq!(asked, ["_dmarc.evil.example", "k._domainkey.evil.example"]);
    assert!(answered.dns.answers.iter().all(|answer| answer.failed.is_some() && answer.records.is_empty()));
}
