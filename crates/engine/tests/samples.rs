//! The samples beside the shipped sources: `UPDATE_EXPECT=1` writes what comes out, for a person to review.
#![allow(clippy::disallowed_methods, reason = "a test reads the book and its environment")]

use adjutant_engine::normalize::samples;
use adjutant_model::Schema;
use adjutant_rules::Files;
use adjutant_rules::lang::Lists;
use adjutant_rules::source::{Source, Sources};
use std::path::{Path, PathBuf};

fn book_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book")
}

fn files(folder: &Path, below: &str, found: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            found.insert(name, text);
        }
    }
}

fn load() -> (Files, Sources, Schema) {
    let mut found = Files::new();
    files(&book_folder().join("sources"), "sources/", &mut found);
    let schema = Schema::built_in();
    let yaml = found.iter().filter(|(path, _)| path.ends_with(".yaml") && path.matches('/').count() == 1);
    let mut lists = Lists::default();
    let mut listed = Files::new();
    files(&book_folder().join("lists"), "", &mut listed);
    listed
        .iter()
        .filter_map(|(name, text)| Some((name.strip_suffix(".txt")?, text)))
        .for_each(|(name, text)| lists.add(name, text));
    let load = |(path, text): (&String, &String)| match Source::load(path, text, &schema, &lists) {
        Ok(source) => (path.clone(), source),
        Err(faults) => panic!("{}", faults.iter().map(|fault| fault.render(text, false)).collect::<String>()),
    };
    let sources = Sources::new(yaml.map(load).collect()).expect("sources that can be told apart");
    (found, sources, schema)
}

#[test]
fn every_sample_comes_out_as_expected() {
    let (files, sources, schema) = load();
    let mut failures = Vec::new();
    for sample in samples::all(&files) {
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let text = samples::expect_text(&samples::stated(&sources, &schema, &sample));
            std::fs::write(book_folder().join(&sample.expect), text).unwrap();
            continue;
        }
        let found = samples::failures(&files, &sources, &schema, &sample);
        failures.extend(found.into_iter().map(|failure| format!("{}/{}: {failure}", sample.source, sample.case)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_source_has_a_sample_that_it_reads() {
    let (files, sources, schema) = load();
    let read: Vec<String> =
        samples::all(&files).iter().filter_map(|sample| samples::stated(&sources, &schema, sample).remove("source")).collect();
    for (_, source) in sources.iter() {
        assert!(read.contains(&source.name), "no sample is read by `{}`", source.name);
    }
}
