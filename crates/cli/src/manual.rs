//! `adjutant completions` and `adjutant man`: made from the command line itself, so that they cannot disagree.

use crate::args::{Cli, Completions, Man};
use crate::exit::Exit;
use crate::term::output;
use anyhow::Context;
use clap::CommandFactory;

pub(crate) fn completions(args: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "adjutant", &mut script);
    output(&script)?;
    Ok(Exit::Ok)
}

pub(crate) fn man(args: &Man) -> anyhow::Result<Exit> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("`{}` cannot be made", dir.display()))?;
            clap_mangen::generate_to(Cli::command(), dir).with_context(|| format!("`{}` cannot be written to", dir.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output(&page)?;
        }
    }
    Ok(Exit::Ok)
}
