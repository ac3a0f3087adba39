//! `adjutant init`: a working book to edit.

use crate::args::Init;
use crate::exit::Exit;
use adjutant_runtime::book_dir;
use anyhow::Context;

pub(crate) fn run(args: &Init) -> anyhow::Result<Exit> {
    let dir = args.dir.display();
    book_dir::write_shipped(&args.dir).with_context(|| format!("`{dir}` cannot be made into a book"))?;
    eprintln!("made a book in `{dir}`; next:");
    eprintln!("  adjutant check {dir}     every fault, with line and what to do");
    eprintln!("  adjutant test {dir}      its own tests");
    eprintln!("  adjutant triage --book {dir} FILE…");
    Ok(Exit::Ok)
}
