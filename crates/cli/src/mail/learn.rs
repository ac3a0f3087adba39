//! `adjutant mail learn`: familiarity from past mail, into tables of context.

use crate::args::mail::MailLearn;
use crate::exit::Exit;
use crate::{book, term};
use adjutant_mail::familiar::Own;
use adjutant_runtime::learn::{Judged, Told, learn};
use anyhow::Context as _;
use std::fmt::Write as _;

/// The list of the book that says which mail servers are ours.
const SERVERS: &str = "mail-servers";

pub(super) fn run(args: &MailLearn) -> anyhow::Result<Exit> {
    let book = book::load(args.book.book.as_deref())?;
    let servers = book.lists.get(SERVERS);
    let mut judged = Judged::default();
    for file in &args.not {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        judged.read(&text);
    }
    let domains: Vec<String> = args.own.iter().map(|domain| domain.trim_matches(['.', '@', ' ']).to_lowercase()).collect();
    let server = |host: &str| servers.is_some_and(|servers| servers.contains_text(host));
    let told = learn(&args.paths, &args.to, &Own { domains: &domains, server: &server }, &judged)?;
    term::output(said(&told).as_bytes())?;
    Ok(if told.messages == 0 || told.too_long > 0 { Exit::Problems } else { Exit::Ok })
}

fn said(told: &Told) -> String {
    let Told { messages, counted, known, attacks, skipped, too_long, pairs } = told;
    let mut text = format!("{messages} messages: {counted} learned, {known} known already, {attacks} of them attacks\n");
    // Writing to a text cannot fail.
    for (why, count) in skipped {
        let _ = writeln!(text, "  {count:>8} taught nothing: {}", why.says());
    }
    if *too_long > 0 {
        let _ = writeln!(text, "  {too_long:>8} were longer than a message may be, and were passed over");
    }
    let _ = writeln!(text, "{pairs} pairs of people are known now");
    text
}
