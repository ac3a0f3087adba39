//! The terminal: colour, width, and writing without panicking when nobody reads.

use crate::args::Color;
use adjutant_engine::explain::style::{Line, plain};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static COLOR: AtomicBool = AtomicBool::new(false);

/// Columns when nobody says how many there are.
const WIDTH: usize = 100;

/// The output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written")]
pub(crate) struct OutputFailed(#[from] pub(crate) io::Error);

/// Decides once whether to use colour: as asked, else as `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and the terminal say.
pub(crate) fn choose_color(asked: Color) {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let chosen = match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto => set("CLICOLOR_FORCE") || (io::stdout().is_terminal() && !dumb),
    };
    COLOR.store(chosen, Ordering::Relaxed);
}

/// Whether to use colour.
pub(crate) fn color() -> bool {
    COLOR.load(Ordering::Relaxed)
}

/// How wide the output may be: the terminal's width; without a terminal as `COLUMNS` says, or none.
pub(crate) fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    if io::stdout().is_terminal() { Some(said.or_else(terminal_width).unwrap_or(WIDTH)) } else { said }
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| columns.into())
}

/// Writes to standard output.
pub(crate) fn output(bytes: &[u8]) -> Result<(), OutputFailed> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// `text` as one line in which nothing acts on a terminal: control and direction-changing characters become visible.
pub(crate) fn safe(text: &str) -> String {
    plain(&[Line::new().plain(text)]).trim_end().to_owned()
}

/// Whether a character acts on a terminal, or on the order of a line, instead of being seen.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
