//! The project's own tools: `cargo xtask accuracy` and others.

mod accuracy;

use anyhow::bail;
use std::path::{Path, PathBuf};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("accuracy") => accuracy_command(&args),
        _ => bail!("usage: cargo xtask accuracy DIR [--json FILE] [--examples]"),
    }
}

fn accuracy_command(args: &[String]) -> anyhow::Result<()> {
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).map(PathBuf::from);
    let Some(dir) = args.get(1) else { bail!("accuracy needs the directory of the data") };
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/sources");
    accuracy::run(Path::new(dir), &book, after("--json").as_deref(), args.iter().any(|arg| arg == "--examples"))?;
    Ok(())
}
