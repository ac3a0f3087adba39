//! How long normalizing takes: `normalize SOURCES FILE [ROUNDS]`, FILE with one record a line.
//!
//! Prints nanoseconds for each record, best of several rounds, for all lines together and apart.
#![expect(clippy::disallowed_methods, reason = "measuring reads the clock")]

use adjutant_engine::normalize::{Hints, Scratch, Terms, normalize_into};
use adjutant_model::{Alert, Place, RawAlert, Schema};
use adjutant_rules::lang::Lists;
use adjutant_rules::source::{Source, Sources};
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (folder, file) = (args.get(1).expect("SOURCES"), args.get(2).expect("FILE"));
    let rounds = args.get(3).and_then(|rounds| rounds.parse().ok()).unwrap_or(20_000_u32);
    let schema = Schema::built_in();
    let sources = sources(folder, &schema);
    let text = std::fs::read_to_string(file).expect("FILE is readable");
    let terms = Terms { sources: &sources, slots: schema.len(), hints: Hints::default() };
    let (mut scratch, mut alert, mut problems) = (Scratch::default(), Alert::default(), Vec::new());
    for line in text.lines().take(8) {
        let record = RawAlert { bytes: line.as_bytes(), place: Place::default() };
        let mut best = u128::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            for _ in 0..rounds {
                problems.clear();
                normalize_into(&record, terms, &mut scratch, &mut alert, &mut problems).expect("a record");
            }
            best = best.min(start.elapsed().as_nanos() / u128::from(rounds));
        }
        let name = sources.get(alert.source).map_or("?", |source| source.name.as_str());
        let known = alert.row.cells().filter(|(_, cell)| cell.value.is_known()).count();
        println!("{name}: {} bytes, {known} fields, {} problems: {best} ns", line.len(), problems.len());
    }
}

fn sources(folder: &str, schema: &Schema) -> Sources {
    let mut loaded = Vec::new();
    for entry in std::fs::read_dir(folder).expect("SOURCES is a folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(entry.path()).expect("a source is readable");
            let name = entry.path().display().to_string();
            match Source::load(&name, &text, schema, &Lists::default()) {
                Ok(source) => loaded.push((name, source)),
                Err(_) => eprintln!("{name}: left out, it asks a list of the book"),
            }
        }
    }
    Sources::new(loaded).expect("sources that can be told apart")
}
