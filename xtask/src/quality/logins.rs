//! Triage of logins, measured on a generated company under three kinds of attacker.
//!
//! Nobody publishes half a year of a company's logins with the truth about them, so one is generated: every
//! assumption is written down beside the code that makes it (`people`, `life`, `travel`, `network`, `device`),
//! what counts as an alert is decided by a model of the identity provider's own detection that knows no
//! playbook (`upstream`), and the attackers are those of Wiefling et al. 2022 (`attack`). The records are the
//! vendors' (`okta`, `microsoft`) and go through the product like any other; the truth stays beside them.
//!
//! What the figures say, and what not: they hold for a company like this one. They show that the facts which
//! the product makes of a login separate people from intruders, and that what must never be closed is not.

mod attack;
mod company;
mod device;
mod directory;
mod event;
mod life;
mod measure;
mod microsoft;
mod network;
mod okta;
mod people;
mod places;
mod random;
mod report;
mod travel;
mod upstream;

use anyhow::{Context, Result};
use company::Company;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What `quality logins` is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What the company is drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many accounts it has.
    #[arg(long, default_value_t = 10_000)]
    pub users: u32,
    /// Writes the records, the truth and the context files into this directory instead of measuring.
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// Writes the figures as one flat JSON object into this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Arguments {
    /// Attacks of each attacker: nobody is attacked twice, and most people never.
    const fn attacks_each(&self) -> u32 {
        self.users * 15 / 100
    }
}

/// Runs `quality logins`; false when a bar is missed.
///
/// # Errors
/// When the book has faults or a file cannot be written.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let company = Company::new(arguments.seed, arguments.users, arguments.attacks_each());
    match &arguments.write {
        Some(directory) => write(company, directory).map(|()| true),
        None => measure::measure(company)?.report(arguments.json.as_deref()),
    }
}

/// Writes the company into `directory`: `records.jsonl`, `truth.csv` line by line, and `context/`.
fn write(company: Company, directory: &Path) -> Result<()> {
    let context = directory.join("context");
    fs::create_dir_all(&context).with_context(|| format!("cannot make {}", context.display()))?;
    fs::write(context.join("identities.csv"), directory::identities(&company, people::DAYS))?;
    fs::create_dir_all(context.join("networks"))?;
    fs::write(context.join("networks/corporate.txt"), directory::own_networks(company.network()))?;
    let mut records = BufWriter::new(File::create(directory.join("records.jsonl"))?);
    let mut truths = BufWriter::new(File::create(directory.join("truth.csv"))?);
    writeln!(truths, "person,act,cause,alert,attacker,attack,afterwards,privileged,unreliable,counted")?;
    company.run(|event, text, truth| -> Result<()> {
        writeln!(records, "{text}")?;
        let (attacker, number, afterwards) = truth
            .attack
            .map_or((String::new(), String::new(), false), |a| (format!("{:?}", a.attacker), a.number.to_string(), a.afterwards));
        writeln!(
            truths,
            "{},{:?},{:?},{},{attacker},{number},{afterwards},{},{},{}",
            truth.person, event.act, truth.cause, truth.alert, truth.privileged, truth.unreliable, truth.counted
        )?;
        Ok(())
    })?;
    records.flush().and_then(|()| truths.flush()).context("cannot write the records")
}
