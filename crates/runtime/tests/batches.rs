//! What a worker makes of a chunk does not depend on the chunks before it: its memory is used again for good records,
//! failing ones and fewer of them.
#![allow(clippy::disallowed_methods, reason = "a test writes into a directory of its own")]

mod story;

use adjutant_engine::context::Snapshot;
use adjutant_runtime::pipeline;
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{Decided, Failed, Options, Output, Triage};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::Arc;

/// Everything that is told, in order, as text.
struct Told;

impl Output for Told {
    type Batch = Vec<String>;
    type Sink = Vec<String>;

    fn batch(&self) -> Vec<String> {
        Vec::new()
    }
    fn clear(&self, batch: &mut Vec<String>) {
        batch.clear();
    }
    fn decided(&self, batch: &mut Vec<String>, decided: &Decided<'_>) {
        let Decided { raw, alert, decision, problems, observed, .. } = decided;
        assert_eq!(adjutant_model::Digest::of(raw), alert.digest);
        batch.push(format!("{:?} {:?} {decision:?} {problems:?} {observed:?}", alert.place, alert.row));
    }
    fn failed(&self, batch: &mut Vec<String>, failed: &Failed<'_>) {
        batch.push(format!("{failed:?}"));
    }
    fn finish(&self, _: &mut Vec<String>) {}
    fn emit(&self, sink: &mut Vec<String>, batch: &mut Vec<String>) -> io::Result<()> {
        sink.append(batch);
        Ok(())
    }
}

/// Alerts of several vendors among lines that are none.
fn lines() -> String {
    let demo = include_str!("../../cli/demo/alerts.jsonl");
    let mut text = String::new();
    for (number, line) in demo.lines().enumerate() {
        let _ = match number % 7 {
            1 => writeln!(text, "{}", line.get(..line.len() / 2).unwrap_or("{\"cut\": ")),
            3 => writeln!(text, "\u{1}\u{2}\u{3}\u{4}\u{5}"),
            5 => writeln!(text, "\n[1, 2]\n"),
            _ => writeln!(text, "{line}"),
        };
        let _ = writeln!(text, "{line}");
    }
    text
}

#[test]
fn nothing_is_left_of_the_chunk_before() {
    let book = story::shipped();
    let context = Snapshot::empty(book.contracts.clone());
    let path = std::env::temp_dir().join(format!("adjutant-batches-{}", std::process::id()));
    fs::write(&path, lines()).unwrap();
    let told = |chunk_bytes: usize, workers: usize| {
        let triage = Triage::new(Options { book: &book, context: &context, source: None, now: None }, Told);
        let reader = Reader::new(vec![Input::Path(path.clone())], Arc::default()).with_chunk_bytes(chunk_bytes);
        pipeline::run(&triage, reader, triage.memory(), Vec::new(), workers).unwrap().1
    };
    let at_once = told(1 << 30, 1);
    assert!(at_once.iter().filter(|line| line.starts_with("Failed")).count() > 20);
    assert!(at_once.iter().filter(|line| line.starts_with("Place")).count() > 200);
    for (chunk_bytes, workers) in [(1, 1), (3_000, 1), (20_000, 3), (3_000, 5)] {
        let in_pieces = told(chunk_bytes, workers);
        assert_eq!(in_pieces.len(), at_once.len());
        let differs = in_pieces.iter().zip(&at_once).find(|(a, b)| a != b);
        assert_eq!(differs, None, "chunks of {chunk_bytes} bytes on {workers} workers");
    }
    fs::remove_file(&path).unwrap();
}
