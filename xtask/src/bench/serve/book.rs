//! The book that decides as the work item does, as files in the product's own format.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// Every file of it.
const FILES: [(&str, &str); 5] = [
    ("sources/bench.yaml", include_str!("book/sources/bench.yaml")),
    ("context/users.yaml", include_str!("book/context/users.yaml")),
    ("context/blocked.yaml", include_str!("book/context/blocked.yaml")),
    ("playbooks/suspicious-login.yaml", include_str!("book/playbooks/suspicious-login.yaml")),
    ("playbooks/generic.yaml", include_str!("book/playbooks/generic.yaml")),
];

/// Writes the book into `dir`.
pub fn write(dir: &Path) -> Result<()> {
    for (name, text) in FILES {
        let path = dir.join(name);
        let parent = path.parent().context("a file of the book is in a directory")?;
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::decide::{Login, Tables};
    use super::super::item::World;
    use super::FILES;
    use adjutant_engine::book_test;
    use adjutant_engine::desk::{Desk, Options, Scratch};
    use adjutant_engine::memory::Limits;
    use adjutant_model::{Alert, Decision, Place, RawAlert};
    use adjutant_rules::Book;
    use adjutant_runtime::context;

    fn book() -> Book {
        let files = FILES.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Book::load(files).expect("the book of the bench loads")
    }

    #[test]
    fn the_book_passes_its_own_tests() {
        let tested = book_test::run(&book());
        let failed: Vec<_> = tested.iter().filter(|tested| !tested.failures.is_empty()).collect();
        assert!(tested.len() >= 7 && failed.is_empty(), "{failed:?}");
    }

    #[test]
    fn the_book_decides_as_the_reference() {
        let dir = tempfile::tempdir().expect("a directory");
        let world = World::new();
        world.write(dir.path()).expect("tables can be written");
        let tables = Tables::load(dir.path()).expect("tables can be read");
        let book = book();
        let snapshot = context::load(book.contracts.clone(), &context::Directory(dir.path().to_owned()), None);
        let desk = Desk::new(Options { book: &book, context: &snapshot, source: None, now: None });
        let (mut memory, mut scratch) = (desk.memory(Limits::default()), Scratch::default());
        let (mut alert, mut problems, mut line) = (Alert::default(), Vec::new(), String::new());
        for nth in 0..3_000 {
            line.clear();
            world.alert(nth, &mut line);
            let raw = RawAlert { bytes: line.as_bytes(), place: Place::default() };
            let (keys, _) = desk.read(&raw, &mut scratch, &mut alert, &mut problems).expect("a record");
            let joined = memory.observe(&mut alert, &keys).joined;
            let decision = desk.decide(&mut alert, &joined, Decision::undecided(book.digest));
            let expected = tables.judge(Login::read(line.as_bytes()).expect("an alert"));
            assert_eq!((decision.outcome.to_string().as_str(), decision.score), (expected.outcome, expected.score), "{line}");
        }
    }
}
