//! The threads of the hand that refresh tables of context, and what the settings say of them.

use super::settings::File;
use super::{STEP, clock};
use crate::book;
use adjutant_hand::Connectors;
use adjutant_hand::table::Table;
use adjutant_model::Duration;
use adjutant_rules::Book;
use adjutant_rules::contract::{Contract, From};
use anyhow::Context;
use serde::Deserialize;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// How often it is looked whether a table is due.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// A table that could not be refreshed is tried again after this.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(300);

/// What is refreshed, and from whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableSettings {
    /// Who lists it.
    connector: String,
    /// The name of the list there.
    list: String,
    /// How old it may become.
    every_minutes: u32,
}

/// The tables.
pub(super) fn of(file: &File, connectors: &Connectors) -> anyhow::Result<Vec<Table>> {
    if file.tables.is_empty() {
        return Ok(Vec::new());
    }
    let folder = file.tables_dir.as_deref().context("`tables` needs `tables_dir`, the folder that they are written to")?;
    if !folder.is_dir() {
        anyhow::bail!("`tables_dir` is no folder: {}", folder.display());
    }
    let contracts = Book::contracts(&book::files(file.book_dir.as_deref())?);
    let made = file.tables.iter().map(|(name, settings)| {
        let contract = contracts.iter().find(|contract| contract.name == *name);
        let contract = contract.with_context(|| format!("the book has no context `{name}`"));
        contract.and_then(|contract| table(contract, settings, connectors, folder)).with_context(|| format!("table `{name}`"))
    });
    made.collect()
}

fn table(contract: &Contract, settings: &TableSettings, connectors: &Connectors, folder: &Path) -> anyhow::Result<Table> {
    let From::Csv { path, delimiter } = &contract.from else {
        anyhow::bail!("its contract reads no CSV, and a list becomes one");
    };
    let connector = connectors.get(&settings.connector);
    let connector = connector.with_context(|| format!("there is no connector `{}`", settings.connector))?;
    let lists = connector.lists();
    let named = lists.iter().find(|list| list.name == settings.list);
    let list = named.with_context(|| format!("`{}` has no list `{}`", settings.connector, settings.list))?;
    let has = |column: &String| list.columns.contains(column);
    if let Some(missing) = contract.sanity.required.iter().find(|column| !has(column)) {
        anyhow::bail!("its contract requires `{missing}`, and the list has no such column");
    }
    if !contract.keys.iter().flat_map(|key| &key.columns).any(has) {
        anyhow::bail!("the list has none of the columns that identify a row");
    }
    Ok(Table {
        name: contract.name.clone(),
        connector: Arc::clone(connector),
        list: settings.list.clone(),
        file: folder.join(path),
        columns: contract.columns().into_iter().map(str::to_owned).collect(),
        delimiter: *delimiter,
        every: Duration::from_secs(i64::from(settings.every_minutes.max(1)) * 60),
        clock: clock(),
        wait: std::thread::park_timeout,
    })
}

/// Refreshes the table until the process is to end.
pub(super) fn start(table: Table, stop: &Arc<AtomicBool>) -> io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name(format!("table {}", table.name)).spawn(move || {
        let is_over = || stop.load(Ordering::SeqCst);
        let mut said = String::new();
        while !is_over() {
            let mut waits = LOOK;
            if table.is_due() {
                let refreshed = table.refresh(&is_over);
                let says = refreshed.as_ref().err().map(ToString::to_string).unwrap_or_default();
                // What goes on is said once.
                if says != said {
                    let says = if says.is_empty() { "is refreshed again" } else { &says };
                    eprintln!("adjutant: table {}: {says}", table.name);
                }
                waits = if refreshed.is_err() { AGAIN } else { LOOK };
                said = says;
            }
            rest(waits, &is_over);
        }
    })
}

fn rest(span: std::time::Duration, is_over: &dyn Fn() -> bool) {
    for _ in 0..span.as_millis() / STEP.as_millis() {
        if is_over() {
            return;
        }
        std::thread::park_timeout(STEP);
    }
}
