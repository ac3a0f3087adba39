//! `adjutant ask` and `sign`: putting a question to a person, and signing what a page shows.

use super::act::read_key;
use super::{Client, escaped};
use crate::args::act::{Ask, Sign};
use crate::exit::Exit;
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_hand::statement::Statement;
use adjutant_server::letters::ask::Put;
use anyhow::Context;
use serde_json::json;
use std::io::Read as _;

/// Bytes of a note: four lines.
const NOTE_BYTES_MAX: u64 = 4 << 10;

pub(crate) fn ask(args: &Ask) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let wanted = json!({ "question": args.question, "of": args.of, "everybody": args.everybody });
    let body = client.post(&format!("/v1/cases/{}/questions", escaped(&args.case)), &wanted)?;
    client.show(&body, |put: Vec<Put>| put.iter().flat_map(put_lines).collect())
}

fn put_lines(put: &Put) -> Vec<Line> {
    let mut lines = vec![match (&put.to, &put.way) {
        (Some(to), Some(way)) => Line::new().with(Paint::Calm, format!("{to} is asked by {way} about {}", put.of)),
        _ => Line::new().with(Paint::Alarm, format!("nobody can be asked about {}: ask them yourself", put.of)),
    }];
    lines.extend(put.wording.iter().map(|wording| Line::new().plain(format!("  \"{wording}\""))));
    if !put.because.is_empty() {
        lines.push(Line::new().with(Paint::Dim, format!("  {}", put.because)));
    }
    lines
}

/// Signs a statement, and nothing else: a key of an approver is good for no other text.
pub(crate) fn sign(args: &Sign) -> anyhow::Result<Exit> {
    let mut text = String::new();
    let bounded = |text: &mut String, from: &mut dyn std::io::Read| from.take(NOTE_BYTES_MAX).read_to_string(text);
    let read = if args.note.as_os_str() == "-" {
        bounded(&mut text, &mut std::io::stdin().lock())
    } else {
        std::fs::File::open(&args.note).and_then(|mut file| bounded(&mut text, &mut file))
    };
    read.with_context(|| format!("`{}` cannot be read", args.note.display()))?;
    let key = read_key(&args.key)?;
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let statement: Statement = format!("{}\n", lines.join("\n")).parse()?;
    let note = statement.signed(&key)?.to_string();
    term::output(note.as_bytes())?;
    Ok(Exit::Ok)
}
