//! `adjutant mail`: what a message shows, what the book makes of it, and who writes to whom.

mod learn;

use crate::args::mail::{Mail, MailAsk, MailCommand, MailExplain};
use crate::exit::Exit;
use crate::table::painted;
use crate::{book, term};
use adjutant_connect::dns::Resolver;
use adjutant_engine::explain::style::Line;
use adjutant_mail::dns::Answers;
use adjutant_mail::{Answered, Aspect, Facts, Finding, Signature, Verified, facts, facts_verified, is_message};
use adjutant_runtime::alone;
use adjutant_runtime::read::RECORD_BYTES_MAX;
use adjutant_runtime::triage::Options;
use adjutant_server::serve::wall_clock;
use anyhow::Context as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Columns when the output is no terminal.
const WIDTH: usize = 100;

pub(crate) fn run(args: &Mail) -> anyhow::Result<Exit> {
    match &args.command {
        MailCommand::Explain(args) => explain(args),
        MailCommand::Ask(args) => ask(args),
        MailCommand::Learn(args) => learn::run(args),
    }
}

/// Asks a resolver about one message.
fn ask(args: &MailAsk) -> anyhow::Result<Exit> {
    let mut resolver = Resolver::at(&args.resolver)?;
    let bytes = read(&args.file)?;
    let message = Answered::read(&bytes).map_or(bytes, |answered| answered.message);
    anyhow::ensure!(is_message(&message), "`{}` is no message", args.file);
    let answers = resolver.answers(&message, wall_clock()());
    term::output((serde_json::to_string_pretty(&answers)? + "\n").as_bytes())?;
    let silent = answers.answers.iter().any(|answer| answer.failed.is_some());
    if silent {
        eprintln!("adjutant: some questions have no answer; what follows from them is unknown");
    }
    Ok(if silent { Exit::Problems } else { Exit::Ok })
}

fn explain(args: &MailExplain) -> anyhow::Result<Exit> {
    let (book, context) = book::with_context(args.book.book.as_deref(), args.context.as_deref())?;
    let source = book.sources.named("mail").context("the book has no source `mail`; copy the one that is part of adjutant")?;
    let options = Options { book: &book, context: &context, source: Some(source), now: None };
    let answers = args.dns.as_deref().map(answers).transpose()?;
    let mut exit = Exit::Ok;
    for file in &args.files {
        let Some((found, bytes)) = looked_at(read(file)?, answers.as_ref()) else {
            eprintln!("adjutant: `{file}` is no message: it does not begin with header fields such as From, Subject and Date");
            exit = Exit::Problems;
            continue;
        };
        if args.json {
            term::output((found.json() + "\n").as_bytes())?;
            continue;
        }
        let width = term::width().unwrap_or(WIDTH);
        let mut lines = shown(&found, file);
        match alone::decide(options, &bytes, file, width) {
            Ok(alone) => lines.extend(alone.explanation),
            Err(problem) => lines.push(Line::new().plain(problem.to_string())),
        }
        lines.push(Line::new());
        term::output(painted(&lines).as_bytes())?;
    }
    Ok(exit)
}

/// The facts of a message, and the record that holds it with what DNS answered; none when it is no message.
fn looked_at(bytes: Vec<u8>, answers: Option<&Answers>) -> Option<(Facts, Vec<u8>)> {
    let answered = match (Answered::read(&bytes), answers) {
        (Ok(answered), None) => answered,
        (Ok(Answered { message, .. }), Some(answers)) => Answered { message, dns: answers.clone() },
        (Err(_), Some(answers)) if is_message(&bytes) => Answered { message: bytes, dns: answers.clone() },
        (Err(_), _) => return is_message(&bytes).then(|| (facts(&bytes), bytes)),
    };
    Some((facts_verified(&answered.message, &answered.dns), answered.write()))
}

/// What DNS answered, of a file.
fn answers(path: &Path) -> anyhow::Result<Answers> {
    let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` holds no answers of DNS", path.display()))
}

/// The bytes of a message; longer ones than triage takes are an error, as there.
fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    let input: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).with_context(|| format!("cannot open `{path}`"))?),
    };
    let mut bytes = Vec::new();
    let limit = RECORD_BYTES_MAX as u64 + 1;
    input.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read `{file}`"))?;
    anyhow::ensure!(bytes.len() <= RECORD_BYTES_MAX, "`{file}` is longer than {RECORD_BYTES_MAX} bytes");
    Ok(bytes)
}

/// The facts of a message: who it is from, what was found by aspect and where, and what could not be read.
fn shown(facts: &Facts, file: &str) -> Vec<Line> {
    let plain = |text: String| Line::new().plain(term::safe(&text));
    let mut lines = vec![
        plain(format!("{file}: {}", facts.subject.as_deref().unwrap_or("(no subject)"))),
        plain(format!("  from      {} <{}>", facts.from_name, facts.from)),
        plain(format!("  to        {}", facts.to.join(", "))),
        plain(format!("  found as  {}{}", facts.reported, reporter(facts))),
    ];
    lines.extend(facts.results.iter().map(|results| {
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "not said".into());
        plain(format!(
            "  {} says   SPF {}, DKIM {}, DMARC {}",
            results.server,
            of(&results.spf),
            of(&results.dkim),
            of(&results.dmarc)
        ))
    }));
    lines.extend(verified(facts).into_iter().map(plain));
    for aspect in Aspect::ALL {
        lines.extend(of_aspect(facts, aspect));
    }
    if !facts.unread.is_empty() {
        lines.push(Line::new());
        lines.push(plain("  could not be read, so nothing is known of it".into()));
        lines.extend(facts.unread.iter().map(|unread| plain(format!("    {:<22} {}", unread.why, unread.place))));
    }
    lines.push(Line::new());
    lines
}

/// What was verified, and what that rests on.
fn verified(facts: &Facts) -> Vec<String> {
    let of = |verified: &Verified| {
        let Verified { hops, spf, dkim, dmarc, arc, .. } = verified;
        let on = if hops.is_empty() { "signatures".to_owned() } else { format!("signatures and {}", hops.join(", ")) };
        let [spf, dkim, dmarc, arc] = [spf, dkim, dmarc, arc].map(|word| word.name());
        format!("  verified   SPF {spf}, DKIM {dkim}, DMARC {dmarc}, ARC {arc}, by {on}")
    };
    let signature = |one: &Signature| {
        let why = if one.why.is_empty() { String::new() } else { format!(": {}", one.why) };
        format!("  signature  {} of {}  {}{why}", one.selector, one.domain, one.result.name())
    };
    facts.verified.iter().map(of).chain(facts.signatures.iter().map(signature)).collect()
}

fn reporter(facts: &Facts) -> String {
    facts.reporter.as_ref().map_or_else(String::new, |reporter| format!(" in a message from {reporter}"))
}

fn of_aspect(facts: &Facts, aspect: Aspect) -> Vec<Line> {
    let found: Vec<_> = facts.found.iter().filter(|found| found.aspect == aspect).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let line = |found: &&Finding| {
        let text = format!("    {:<22} {}  [{}]", found.name, found.value, found.place);
        Line::new().plain(term::safe(&text))
    };
    let heading = [Line::new(), Line::new().plain(format!("  {aspect:?}"))];
    heading.into_iter().chain(found.iter().map(line)).collect()
}
