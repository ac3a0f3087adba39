//! The one connection that writes.

use crate::error::{damaged, from_sqlite};
use crate::forget::Part;
use crate::pack::{self, Packer};
use crate::queue;
use crate::read::{self, Reader};
use crate::recent::{KEY, RECENT_KEYS, Recent, Sweep, Tree};
use crate::schema;
use crate::settle::{Durable, Log};
use crate::snapshot::{self, Keeping};
use adjutant_model::{CaseId, Time};
use adjutant_runtime::failpoint::reach;
#[cfg(feature = "planted")]
use adjutant_runtime::planted::{Bug, is};
use adjutant_runtime::ports::{Commit, Kept, Known, Outgoing, Read, Settle, Snapshot, Store, StoreError, Stretch, Writing, key};
use rusqlite::{Connection, OpenFlags, params};
use std::fs;
use std::path::{Path, PathBuf};

/// What syncs the log at a path.
pub type LogOf = fn(&str) -> Box<dyn Settle>;

/// How the file is used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The VFS of SQLite, where a simulation replaces the disk.
    pub vfs: Option<String>,
    /// Nobody else reads: the whole is one connection's. A VFS without shared memory needs it.
    pub alone: bool,
    /// The log is written back into the file after so many pages; [`LOG_PAGES`] when none.
    pub log_pages: Option<u32>,
    /// A commit returns before the disk confirmed it; [`Store::settler`] waits for that.
    pub apart: bool,
    /// What syncs the log of a simulated disk, by its path.
    pub log_of: Option<LogOf>,
    /// New keys are kept beside their trees up to so many; [`RECENT_KEYS`] when none.
    pub recent_keys: Option<usize>,
}

/// Pages of the cache, as negative KiB: enough that the upper levels of every tree stay in memory.
const CACHE_KIB: i64 = -6 * 1024;

/// The log is written back into the file after so many pages (of 4 KiB).
pub const LOG_PAGES: u32 = 4_000;

/// A lock of another connection, such as a backup's, is waited for so long.
const BUSY_MS: u64 = 5_000;

/// The file in the folder that holds the store.
pub const FILE: &str = "adjutant.db";

/// The store in one folder.
pub struct Sqlite {
    connection: Connection,
    folder: PathBuf,
    options: Options,
    packer: Packer,
    raw: Packer,
    known: Recent,
    named: Recent,
    /// Cases from this entry on have not joined the queue of open cases, and do when there are so many new entries.
    listed_to: u64,
    new_max: u64,
    /// The last snapshot of memory, which may not be durable yet.
    keeping: Option<Keeping>,
}

impl Sqlite {
    /// Opens the store in `folder`, which is made when it is not there, with the file readable by its owner alone.
    ///
    /// # Errors
    /// It cannot be opened, is damaged, or a newer release wrote it.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let file = folder.join(FILE);
        if options.vfs.is_none() {
            made(folder).map_err(|error| io(&error, folder))?;
            private(&file)?;
        }
        let mut connection = connect(&file, &options, OpenFlags::default())?;
        settings(&connection, &options)?;
        write_back(&connection)?;
        schema::migrate(&mut connection)?;
        let recent = |tree| -> Result<Recent, StoreError> {
            let mut recent = Recent::new(tree, options.recent_keys.unwrap_or(RECENT_KEYS));
            recent.refresh(&connection)?;
            recent.watch(&connection).map(|()| recent)
        };
        let (known, named) = (recent(Tree::Known)?, recent(Tree::Named)?);
        let listed_to = queue::listed_to(&connection)?;
        let new_max = options.recent_keys.map_or(queue::NEW_MAX, |max| queue::NEW_MAX.min(max as u64));
        let (packer, raw) = (Packer::new(pack::ENTRIES)?, Packer::new(pack::ALERTS)?);
        Ok(Self { connection, folder: folder.into(), options, packer, raw, known, named, listed_to, new_max, keeping: None })
    }

    /// Begins a transaction if none is open: whatever is looked up for a commit is read in the commit's own transaction, which
    /// spares a lock for each question. Nobody else writes, so what it sees does not grow old.
    fn begin(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() { self.tell("BEGIN") } else { Ok(()) }
    }

    /// Ends a transaction in which nothing is to be written.
    fn end(&self) {
        if !self.connection.is_autocommit() {
            // It can only fail where nothing is open any more.
            let _ = self.tell("ROLLBACK");
        }
    }

    fn tell(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(|_| ()).map_err(from_sqlite)
    }

    fn write(&mut self, commit: &Commit<'_>) -> Result<Late, StoreError> {
        let Self { connection, packer, raw, known, named, .. } = self;
        if commit.known.iter().any(|(key, _)| known.contains(key.cast_signed())) {
            return Err(StoreError::Unavailable("an alert is known already by this key".into()));
        }
        append(connection, commit, packer, raw)?;
        reach("commit.inside");
        let late = Late {
            known: known.sweep(commit.known.len()),
            named: named.sweep(new_cases(commit).count()),
            listed_to: if commit.first >= self.listed_to + self.new_max { commit.first } else { self.listed_to },
        };
        known.write(connection, &late.known)?;
        named.write(connection, &late.named)?;
        if late.listed_to > self.listed_to {
            queue::list(connection, self.listed_to, late.listed_to)?;
        }
        cases(connection, commit.cases, late.listed_to)?;
        documents(connection, commit)?;
        outbox(connection, commit)?;
        reach("commit.written");
        self.tell("COMMIT")?;
        Ok(late)
    }

    /// Waits for the last snapshot of memory; one that was not written to its end is left aside.
    fn kept(&mut self) -> Result<(), StoreError> {
        let Some(keeping) = self.keeping.take_if(|keeping| keeping.is_whole()) else {
            self.keeping = None;
            return Ok(());
        };
        keeping.end().map_err(|error| self.not_kept(&error))
    }

    fn not_kept(&self, error: &std::io::Error) -> StoreError {
        io(error, &self.folder.join(snapshot::MEMORY))
    }

    /// Takes over what was committed.
    fn committed(&mut self, Late { known, named, listed_to }: Late, commit: &Commit<'_>) {
        self.listed_to = listed_to;
        let entries = commit.first + commit.leaves.len() as u64;
        let new = commit.known.iter().map(|(key, known)| (key.cast_signed(), known.seq));
        self.known.swept(known, new, entries);
        self.named.swept(named, new_cases(commit).map(|case| (key(case.id), case.first)), entries);
    }
}

/// What a commit writes of those before it.
struct Late {
    known: Sweep,
    named: Sweep,
    listed_to: u64,
}

/// Cases that this commit opens.
fn new_cases<'c>(commit: &'c Commit<'_>) -> impl Iterator<Item = &'c Kept> {
    commit.cases.iter().filter(|case| case.first >= commit.first)
}

/// Makes the folder, and its name durable: SQLite syncs the folder and not what the folder is in.
fn made(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) if cfg!(unix) => fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner can read, if there is none.
fn private(file: &Path) -> Result<(), StoreError> {
    let mut open = fs::OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(file).map(|_| ()).map_err(|error| io(&error, file))
}

pub(crate) fn connect(file: &Path, options: &Options, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = match &options.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(file, flags, vfs.as_str()),
        None => Connection::open_with_flags(file, flags),
    };
    let connection = connection.map_err(from_sqlite)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS)).map_err(from_sqlite)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn settings(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    if options.alone {
        ask(connection, "PRAGMA locking_mode = EXCLUSIVE")?;
    }
    ask(connection, "PRAGMA journal_mode = WAL")?;
    let mode = ask(connection, "PRAGMA journal_mode")?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("SQLite does not take WAL mode here, only {mode}")));
    }
    let set = |name: &str, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value).map_err(from_sqlite);
    set("synchronous", &synchronous(options.apart))?;
    set("cache_size", &CACHE_KIB)?;
    set("wal_autocheckpoint", &options.log_pages.unwrap_or(LOG_PAGES))
}

/// Writes the log that is there back into the file, and syncs that. Whoever wrote it may have ended before its last sync: what
/// is read now is told to people, and must not go with the power.
fn write_back(connection: &Connection) -> Result<(), StoreError> {
    #[cfg(feature = "planted")]
    if is(Bug::LogTrusted) {
        return Ok(());
    }
    checkpoint(connection)
}

/// Writes back as much of the log as nobody uses.
pub(crate) fn checkpoint(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").map_err(from_sqlite)?;
    let rows = statement.query_map([], |_| Ok(())).map_err(from_sqlite)?;
    rows.collect::<Result<Vec<()>, _>>().map(|_| ()).map_err(from_sqlite)
}

fn synchronous(apart: bool) -> &'static str {
    #[cfg(feature = "planted")]
    if is(Bug::NothingSynced) {
        return "OFF";
    }
    if apart { "NORMAL" } else { "FULL" }
}

/// The one value that a pragma answers with. Reads to the end: whoever stops after the row never hears of an error that comes
/// after it, such as that of the commit which switches to WAL.
fn ask(connection: &Connection, pragma: &str) -> Result<String, StoreError> {
    let mut statement = connection.prepare(pragma).map_err(from_sqlite)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(from_sqlite)?;
    let answers: Vec<String> = rows.collect::<Result<_, _>>().map_err(from_sqlite)?;
    answers.into_iter().next().ok_or_else(|| StoreError::Unavailable(format!("SQLite does not answer `{pragma}`")))
}

fn io(error: &std::io::Error, path: &Path) -> StoreError {
    let text = format!("`{}`: {error}", path.display());
    if error.kind() == std::io::ErrorKind::StorageFull { StoreError::Full(text) } else { StoreError::Unavailable(text) }
}

impl Store for Sqlite {
    fn entries(&mut self) -> Result<u64, StoreError> {
        read::len(&self.connection)
    }

    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError> {
        self.begin()?;
        match self.known.find(&self.connection, key.cast_signed())? {
            Some(seq) => read::known_at(&self.connection, key, seq),
            None => Ok(None),
        }
    }

    fn case(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        self.begin()?;
        match self.named.find(&self.connection, key(id))? {
            Some(first) => Ok(read::case_at(&self.connection, first)?.filter(|case| case.id == id)),
            None => Ok(None),
        }
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), StoreError> {
        self.begin()?;
        let written = self.write(commit);
        if written.is_err() {
            self.end();
        }
        let late = written?;
        self.committed(late, commit);
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Read>, StoreError> {
        Ok(Box::new(Reader::open_as(&self.folder.join(FILE), &self.options)?))
    }

    fn settler(&self) -> Result<Box<dyn Settle>, StoreError> {
        #[cfg(feature = "planted")]
        if [Bug::NothingSynced, Bug::NotSettled].into_iter().any(is) {
            return Ok(Box::new(Durable));
        }
        match (self.options.apart, self.options.log_of) {
            (false, _) => Ok(Box::new(Durable)),
            (true, Some(log_of)) => Ok(log_of(&format!("{}-wal", self.folder.join(FILE).display()))),
            (true, None) => Ok(Box::new(Log::open(&self.folder).map_err(|error| io(&error, &self.folder))?)),
        }
    }

    fn keep_memory(&mut self, stretch: Stretch, write: &mut Writing<'_>) -> Result<(), StoreError> {
        if self.options.vfs.is_some() {
            return Ok(()); // A simulated disk has no folder; memory is then read again from the entries.
        }
        if stretch == Stretch::First {
            self.kept()?;
            let begun = Keeping::begin(self.folder.clone(), self.settler()?);
            self.keeping = Some(begun.map_err(|error| self.not_kept(&error))?);
        }
        let unbegun = || StoreError::Unavailable("a snapshot of memory begins with its first stretch".into());
        let keeping = self.keeping.as_mut().ok_or_else(unbegun)?;
        let written = keeping.stretch(write).and_then(|()| if stretch == Stretch::Last { keeping.last() } else { Ok(()) });
        written.map_err(|error| {
            self.keeping = None;
            self.not_kept(&error)
        })
    }

    fn memory(&mut self) -> Result<Option<Snapshot>, StoreError> {
        if self.options.vfs.is_some() {
            return Ok(None);
        }
        // One that could not be kept leaves the one before it.
        drop(self.keeping.take());
        snapshot::read(&self.folder).map_err(|error| io(&error, &self.folder.join(snapshot::MEMORY)))
    }

    fn forgettable(&mut self, raw_before: Time, entries_before: Time) -> Result<u64, StoreError> {
        self.end();
        let raw = Part::Alerts.is_there(&self.connection, raw_before.max(entries_before))?;
        let entries = Part::Entries.is_there(&self.connection, entries_before)?;
        Ok(u64::from(raw) + u64::from(entries))
    }

    fn forget(&mut self, raw_before: Time, entries_before: Time, blocks_max: u32) -> Result<u64, StoreError> {
        self.end();
        let transaction = self.connection.transaction().map_err(from_sqlite)?;
        let raw = Part::Alerts.remove(&transaction, raw_before.max(entries_before), blocks_max)?;
        let entries = Part::Entries.remove(&transaction, entries_before, blocks_max)?;
        transaction.commit().map_err(from_sqlite)?;
        Ok((raw + entries) as u64)
    }

    fn backup(&mut self, to: &Path) -> Result<(), StoreError> {
        self.end();
        copy_of(&self.connection, to)
    }
}

/// Copies the store in the file `from` to the new file `to`, also while another process writes to it.
///
/// # Errors
/// `from` is no store, `to` is there already, or cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let connection = connect(from, &Options::default(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    schema::check(&connection)?;
    copy_of(&connection, to)
}

/// Writes a copy that is durable when this returns, or none.
fn copy_of(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::Unavailable(format!("`{}` is there already; name a new file", to.display())));
    }
    private(to)?;
    let name = to.to_str().ok_or_else(|| damaged("the name of the backup"))?;
    let copied = connection.execute("VACUUM INTO ?1", [name]).map_err(from_sqlite);
    // SQLite does not sync what it writes there.
    let synced = copied.and_then(|_| sync(to).map_err(|error| io(&error, to)));
    if synced.is_err() {
        // Half a copy would look like one; when it cannot be removed, the error before says enough.
        let _ = fs::remove_file(to);
    }
    synced
}

/// Makes a new file and its name durable.
fn sync(file: &Path) -> std::io::Result<()> {
    fs::File::open(file)?.sync_all()?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

fn append(connection: &Connection, commit: &Commit<'_>, packer: &mut Packer, raw: &mut Packer) -> Result<(), StoreError> {
    if commit.leaves.is_empty() {
        return Ok(());
    }
    let first = commit.first.cast_signed();
    let leaves = commit.leaves.iter().map(|leaf| leaf.0).collect::<Vec<_>>().into_flattened();
    let ids = commit.ids.as_flattened();
    let keys = keys(commit);
    let entries = packer.pack(commit.entries)?;
    let alerts = if commit.raw.is_empty() { None } else { Some(raw.pack(commit.raw)?) };
    let sql = "INSERT INTO commits (first, at, leaves, ids, keys, entries, alerts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    statement.execute(params![first, commit.at.0, leaves, ids, keys, entries, alerts]).map(|_| ()).map_err(from_sqlite)
}

/// What each entry's alert is known by, as `commits.keys` has it.
fn keys(commit: &Commit<'_>) -> Vec<u8> {
    let mut keys = vec![0; KEY * commit.leaves.len()];
    let (pairs, _) = keys.as_chunks_mut::<KEY>();
    for (key, Known { seq, content }) in commit.known {
        let nth = seq.checked_sub(commit.first).and_then(|nth| usize::try_from(nth).ok());
        if let Some(pair) = nth.and_then(|nth| pairs.get_mut(nth)) {
            let (left, right) = pair.split_at_mut(KEY / 2);
            left.copy_from_slice(&key.to_le_bytes());
            right.copy_from_slice(&content.to_le_bytes());
        }
    }
    keys
}

/// Writes cases; those that were opened before the entry `listed_to` are in the queue.
fn cases(connection: &Connection, cases: &[Kept], listed_to: u64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(read::PUT_CASE).map_err(from_sqlite)?;
    for case in cases {
        if case.first < listed_to {
            queue::go_along(connection, case)?;
        }
        let values = params![
            case.first.cast_signed(),
            case.id.0.as_slice(),
            case.status as u8,
            case.outcome as u8,
            case.score,
            case.severity,
            case.alerts,
            case.opened.0,
            case.updated.0,
            case.last.cast_signed(),
            case.worst.cast_signed(),
            case.playbook,
            case.subject,
            case.title,
            case.assignee,
            case.sampled,
            case.review,
            case.rank(),
        ];
        statement.execute(values).map_err(from_sqlite)?;
    }
    Ok(())
}

fn documents(connection: &Connection, commit: &Commit<'_>) -> Result<(), StoreError> {
    for (kind, id, body) in commit.documents {
        let done = match body {
            Some(body) => connection
                .prepare_cached("INSERT OR REPLACE INTO documents (kind, id, body) VALUES (?1, ?2, ?3)")
                .and_then(|mut statement| statement.execute(params![kind, id, body])),
            None => connection
                .prepare_cached("DELETE FROM documents WHERE kind = ?1 AND id = ?2")
                .and_then(|mut statement| statement.execute(params![kind, id])),
        };
        done.map_err(from_sqlite)?;
    }
    Ok(())
}

fn outbox(connection: &Connection, commit: &Commit<'_>) -> Result<(), StoreError> {
    let put = |id: Option<i64>, message: &Outgoing| {
        let text = serde_json::to_string(message).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let sql = "INSERT OR REPLACE INTO outbox (id, due, message) VALUES (?1, ?2, ?3)";
        let values = params![id, message.due.0, text];
        connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(from_sqlite)
    };
    for message in commit.outbox {
        put(None, message)?;
    }
    for (id, again) in commit.delivered {
        match again {
            Some(message) => put(Some(*id), message)?,
            None => connection.execute("DELETE FROM outbox WHERE id = ?1", [id]).map_err(from_sqlite)?,
        };
    }
    Ok(())
}
