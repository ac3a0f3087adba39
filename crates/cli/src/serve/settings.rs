//! The configuration of this run: a file, the environment, flags, each over the one before.

use crate::args::service::{ConfigCommand, DecideAt, Serve};
use crate::exit::Exit;
use crate::term;
use adjutant_server::config::{self, Config, Layers};
use anyhow::Context;
use std::fs;
use std::path::Path;

/// The environment's name of the file.
const FILE: &str = "ADJUTANT_CONFIG";

pub(super) fn load(args: &Serve) -> anyhow::Result<Config> {
    let from_environment = std::env::var_os(FILE).map(std::path::PathBuf::from);
    let file = args.config.clone().or(from_environment);
    read(file.as_deref(), &flags(args))
}

/// The settings of a service that is started with this file and nothing else.
pub(crate) fn of_file(file: Option<&Path>) -> anyhow::Result<Config> {
    let from_environment = std::env::var_os(FILE).map(std::path::PathBuf::from);
    read(file.or(from_environment.as_deref()), &[])
}

fn read(file: Option<&Path>, flags: &[(String, String)]) -> anyhow::Result<Config> {
    let text = file.map(|file| fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display())));
    let text = text.transpose()?;
    let name = file.map(|file| file.display().to_string());
    let environment: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| !matches!(name.as_str(), "ADJUTANT_URL" | "ADJUTANT_TOKEN")).collect();
    let layers = Layers { file: name.as_deref().zip(text.as_deref()), environment: &environment, flags };
    Ok(Config::load(&layers)?)
}

fn flags(args: &Serve) -> Vec<(String, String)> {
    let path = |path: &Path| path.display().to_string();
    let addresses = args.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let flags = [
        ("data_dir", args.data.as_deref().map(path)),
        ("http.listen", (!addresses.is_empty()).then_some(addresses)),
        ("book_dir", args.book.book.as_deref().map(path)),
        ("context_dir", args.context.as_deref().map(path)),
        (
            "decide_at",
            args.decide_at.map(|at| match at {
                DecideAt::Arrival => "arrival".to_owned(),
                DecideAt::Alert => "alert".to_owned(),
            }),
        ),
    ];
    flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `adjutant config`.
pub(crate) fn check(command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Check { file } => {
            read(Some(file), &[])?;
            term::output(format!("{} is sound\n", file.display()).as_bytes())?;
        }
        ConfigCommand::Schema => {
            let text = serde_json::to_string_pretty(&config::schema())? + "\n";
            term::output(text.as_bytes())?;
        }
        ConfigCommand::Environment => {
            let lines: String = config::environment_names().iter().map(|(name, path)| format!("{name:<48} {path}\n")).collect();
            term::output(lines.as_bytes())?;
        }
    }
    Ok(Exit::Ok)
}
