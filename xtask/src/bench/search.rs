//! How long a search for a campaign takes through 50 mailboxes of a real Dovecot that hold 20,000 messages together.

use crate::acting::clock::Clock;
use crate::acting::mailboxes::dovecot::{Dovecot, PASSWORD, Wanted};
use crate::acting::mailboxes::settings;
use crate::figures::Figures;
use crate::sh;
use adjutant_connect::imap::{Imap, Query};
use adjutant_model::Secret;
use anyhow::{Context as _, Result, ensure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The bar.
const SECONDS_MAX: f64 = 5.0;

const MAILBOXES: usize = 50;
const MESSAGES: usize = 20_000;
/// One in so many is of the campaign.
const CAMPAIGN_ONE_IN: usize = 500;
/// Owners that deliver at a time.
const DELIVERERS: usize = 4;

const SENDER: &str = "billing@campaign-sender.example";
const SUBJECT: &str = "Your parcel 7312 waits";
const LINK: &str = "login.campaign-host.example/p/7312";

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Measures, on the messages of `all` over and over; false over the bar.
pub fn run(all: &[Vec<u8>], figures: &mut Figures) -> Result<bool> {
    ensure!(!all.is_empty(), "there are no messages");
    let mailboxes: Vec<String> = (0..MAILBOXES).map(|nth| format!("u{nth}@corp.example")).collect();
    std::fs::create_dir_all(sh::target())?;
    let server = Dovecot::start(tempfile::tempdir_in(sh::target())?, &Wanted { mailboxes: &mailboxes, ..Wanted::default() })?;
    let began = Instant::now();
    let bytes = deliver(&server, &mailboxes, all)?;
    println!("{MESSAGES} messages, {} MB, delivered in {:.0} s", bytes >> 20, began.elapsed().as_secs_f64());
    let mut settings = settings(server.port, &mailboxes)?;
    settings.request_seconds = 60;
    let imap = Imap::new(settings, Secret::new(PASSWORD.to_owned()), None, Clock::new().told())?;
    let expected = MESSAGES / CAMPAIGN_ONE_IN;
    let queries = [
        ("identifier", Query { message_id: some("campaign-7312."), ..Query::default() }),
        ("sender", Query { sender: some(SENDER), ..Query::default() }),
        ("subject", Query { subject: some(SUBJECT), ..Query::default() }),
        ("sender and link", Query { sender: some(SENDER), link: some(LINK), ..Query::default() }),
        ("link alone", Query { link: some(LINK), ..Query::default() }),
    ];
    let mut slowest = 0.0_f64;
    for (what, query) in queries {
        let began = Instant::now();
        let hits = imap.search(&query)?;
        let seconds = began.elapsed().as_secs_f64();
        ensure!(
            hits.total == expected && hits.unread_count == 0,
            "{what}: {} of {expected} found, {:?}",
            hits.total,
            hits.unread
        );
        println!("  {seconds:>6.2} s by {what}: {} messages in {} mailboxes", hits.total, hits.counts.len());
        slowest = slowest.max(seconds);
    }
    let says = format!(
        "s of the slowest search for a campaign, {MAILBOXES} mailboxes × {MESSAGES} messages in all; bar < {SECONDS_MAX}"
    );
    figures.add("search_s", slowest, says);
    Ok(slowest < SECONDS_MAX)
}

fn deliver(server: &Dovecot, mailboxes: &[String], all: &[Vec<u8>]) -> Result<usize> {
    let (next, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> Result<()> {
        while let Some((own, mailbox)) =
            Some(next.fetch_add(1, Ordering::SeqCst)).and_then(|own| Some((own, mailboxes.get(own)?)))
        {
            let mut owner = server.owner(mailbox)?;
            // Each mailbox gets every so-manieth message.
            for nth in (own..MESSAGES).step_by(MAILBOXES) {
                let message = message(nth, &all[nth % all.len()]);
                bytes.fetch_add(message.len(), Ordering::SeqCst);
                owner.append("INBOX", "", "01-Mar-2026 10:00:00 +0000", &message)?;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..DELIVERERS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread ended")?)
    })?;
    Ok(bytes.into_inner())
}

/// One message: of the campaign, or another under an identifier of its own.
fn message(nth: usize, raw: &[u8]) -> Vec<u8> {
    if nth % CAMPAIGN_ONE_IN != CAMPAIGN_ONE_IN / 2 + nth / CAMPAIGN_ONE_IN {
        let head = format!("X-Number: {nth}\r\nMessage-ID: <bench-{nth}@corp.example>\r\n");
        return [head.as_bytes(), raw].concat();
    }
    format!(
        "From: Parcels <{SENDER}>\r\nSubject: {SUBJECT}\r\nMessage-ID: <campaign-7312.{nth}@x>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hello {nth}</p><a =\r\n\
         href=3D\"https://{LINK}\">here</a>\r\n"
    )
    .into_bytes()
}
