//! One file of context data under one contract of each kind: it becomes facts, or a sentence that says what is wrong.
#![no_main]

use adjutant_model::{Row, Time};
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{Data, Fault, File, load};
use libfuzzer_sys::fuzz_target;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static BOOK: LazyLock<Book> = LazyLock::new(|| Book::load(book_dir::shipped()).expect("the shipped book loads"));
static FILE: LazyLock<PathBuf> = LazyLock::new(|| adjutant_fuzz::directory("context").join("input"));

/// The input under every name that a contract asks for.
struct Everywhere<'d>(&'d [u8]);

impl Data for Everywhere<'_> {
    fn place(&self) -> String {
        "the input".into()
    }
    fn read(&self, _: &str) -> Result<File<'_>, Fault> {
        Ok(File { bytes: Cow::Borrowed(self.0), modified: Some(Time(0)) })
    }
    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        Ok(path.ends_with('/').then(|| vec![format!("{path}input")]))
    }
    fn local(&self, _: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        std::fs::write(&*FILE, self.0).map_err(|error| Fault::Bad(error.to_string()))?;
        Ok((FILE.clone(), None))
    }
}

fuzz_target!(|data: &[u8]| {
    let before = load(Arc::clone(&BOOK.contracts), &Everywhere(data), None);
    let snapshot = load(Arc::clone(&BOOK.contracts), &Everywhere(data), Some(&before));
    let mut row = Row::new(BOOK.schema.len());
    snapshot.fill(&mut row, Time(0), &mut adjutant_engine::context::Scratch::default());
});
