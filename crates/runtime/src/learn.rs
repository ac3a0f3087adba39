//! Learns who writes to whom from past mail: reads messages from files, mbox files and maildirs, and keeps the tables that the
//! book's contracts look up.
//!
//! What is read is bounded: one message at a time, the table within its limits. The files are replaced together or not at all, so
//! that a run that fails leaves what was there.

mod judged;
mod mailbox;

pub use judged::Judged;
pub use mailbox::{Mailbox, each};

use adjutant_mail::familiar::{Files, Own, Skipped, Table, letter};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where in the directory of context data the tables are.
const FOLDER: &str = "mail";

/// What learning goes on from.
const CORRESPONDENTS: &str = "correspondents.csv";
const COUNTED: &str = "counted.txt";

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be read or written.
    #[error("cannot read or write `{path}`")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there was not written by learning.
    #[error("`{path}`: {fault}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: adjutant_mail::familiar::Fault,
    },
    /// There is more mail than a table holds.
    #[error(
        "there is more mail than a table holds ({} pairs of people); learn from less, and nothing was changed",
        adjutant_mail::familiar::PAIRS_MAX
    )]
    Full,
}

/// What became of the messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Messages that were read.
    pub messages: u64,
    /// That taught something new.
    pub counted: u64,
    /// That were known already.
    pub known: u64,
    /// That count against their senders only.
    pub attacks: u64,
    /// That taught nothing, by why.
    pub skipped: BTreeMap<Skipped, u64>,
    /// Longer than a message may be.
    pub too_long: u64,
    /// Pairs of people that are known now.
    pub pairs: usize,
}

/// Learns from the mail at `paths` into the tables of the context data in `data`; what is `judged` an attack teaches nothing good.
///
/// # Errors
/// Something cannot be read or written, or there is too much; then nothing was changed.
pub fn learn(paths: &[PathBuf], data: &Path, own: &Own<'_>, judged: &Judged) -> Result<Told, Error> {
    let folder = data.join(FOLDER);
    let mut table = read(&folder)?;
    let mut told = Told::default();
    for path in paths {
        each(path, &mut |message| {
            told.messages += 1;
            match message {
                Mailbox::TooLong => told.too_long += 1,
                Mailbox::Message { name, bytes } => take(&mut table, (name, bytes), (own, judged), &mut told)?,
            }
            Ok(())
        })?;
    }
    told.pairs = table.pairs();
    write(&folder, &table.files())?;
    Ok(told)
}

fn take(
    table: &mut Table,
    (name, bytes): (&str, &[u8]),
    (own, judged): (&Own<'_>, &Judged),
    told: &mut Told,
) -> Result<(), Error> {
    use adjutant_mail::familiar::Learned;
    let letter = match letter(bytes, own) {
        Ok(letter) => letter,
        Err(skipped) => {
            *told.skipped.entry(skipped).or_default() += 1;
            return Ok(());
        }
    };
    let attack = judged.is_attack(name, letter.message_id.as_deref(), bytes);
    told.attacks += u64::from(attack);
    match table.learn(&letter, attack) {
        Learned::Counted => told.counted += 1,
        Learned::Known => told.known += 1,
        Learned::Full => return Err(Error::Full),
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Table, Error> {
    let text = |name: &str| match fs::read_to_string(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(failed(&folder.join(name))),
    };
    let (correspondents, counted) = (text(CORRESPONDENTS)?, text(COUNTED)?);
    Table::of_files(&correspondents, &counted).map_err(|fault| Error::Foreign { path: folder.to_owned(), fault })
}

fn write(folder: &Path, files: &Files) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let Files { correspondents, senders, domains, mailboxes, counted } = files;
    // What learning goes on from comes last: until then, learning the same again gives the same.
    let all = [
        ("senders.csv", senders),
        ("domains.csv", domains),
        ("mailboxes.csv", mailboxes),
        (CORRESPONDENTS, correspondents),
        (COUNTED, counted),
    ];
    for (name, text) in all {
        let next = folder.join(format!("{name}.next"));
        fs::write(&next, text).map_err(failed(&next))?;
    }
    all.into_iter().try_for_each(|(name, _)| {
        let path = folder.join(name);
        fs::rename(folder.join(format!("{name}.next")), &path).map_err(failed(&path))
    })
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

#[cfg(test)]
mod tests;
