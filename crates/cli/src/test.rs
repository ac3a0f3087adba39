//! `adjutant test`: the tests that a book carries.

use crate::args::{Test, TestFormat};
use crate::book;
use crate::exit::Exit;
use crate::term::output;
use adjutant_engine::book_test::{self, Tested};
use adjutant_engine::explain::style::escape;
use std::fmt::Write as _;

pub(crate) fn run(args: &Test) -> anyhow::Result<Exit> {
    let book = book::load(args.dir.as_deref())?;
    let tested = book_test::run(&book);
    let failed = tested.iter().filter(|test| !test.failures.is_empty()).count();
    let text = match args.format {
        TestFormat::Text => text(&tested, failed),
        TestFormat::Junit => junit(&tested, failed),
    };
    output(text.as_bytes())?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Problems })
}

fn text(tested: &[Tested], failed: usize) -> String {
    let mut text = String::new();
    for test in tested.iter().filter(|test| !test.failures.is_empty()) {
        let _ = writeln!(text, "FAILED {} · {}", test.playbook, test.name);
        for failure in &test.failures {
            let _ = writeln!(text, "  {failure}");
        }
    }
    let _ = writeln!(text, "{} tests passed, {failed} failed", tested.len() - failed);
    text
}

fn junit(tested: &[Tested], failed: usize) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuite name=\"adjutant\" tests=\"{}\" failures=\"{failed}\">", tested.len());
    for test in tested {
        let _ = write!(text, "  <testcase classname=\"{}\" name=\"{}\"", escape(&test.playbook), escape(&test.name));
        if test.failures.is_empty() {
            text.push_str("/>\n");
        } else {
            let why = escape(&test.failures.join("\n"));
            let _ = writeln!(text, "><failure message=\"{why}\"/></testcase>");
        }
    }
    text.push_str("</testsuite>\n");
    text
}
