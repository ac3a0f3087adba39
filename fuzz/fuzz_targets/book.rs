//! One file of a book: it loads, or every fault is said with a place inside the file.
#![no_main]

use adjutant_rules::{Book, Files};
use adjutant_runtime::book_dir;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// The least that makes a book.
static BASE: LazyLock<Files> = LazyLock::new(|| {
    let mut files = book_dir::shipped();
    files.retain(|path, _| path == "playbooks/generic.yaml" || path == "sources/generic.yaml");
    files
});

fn folder(text: &str) -> &'static str {
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or("");
    match first.split(':').next() {
        Some("playbook") => "playbooks/input.yaml",
        Some("source") => "sources/input.yaml",
        Some("context") => "context/input.yaml",
        Some("correlate") => "correlate.yaml",
        _ => "lists/input.txt",
    }
}

fuzz_target!(|text: &str| {
    let mut files = BASE.clone();
    files.insert(folder(text).into(), text.into());
    let texts = files.clone();
    if let Err(faults) = Book::load(files) {
        assert!(!faults.is_empty());
        for fault in faults {
            let source = texts.get(&fault.file).map_or("", String::as_str);
            assert!(!fault.render(source, false).is_empty());
            fault.line_and_column(source);
        }
    }
});
