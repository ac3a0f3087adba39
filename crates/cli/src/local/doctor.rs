//! `adjutant doctor`: what is in a folder, whether it is sound, and what to do.

mod hand;

use super::{KEY, LOCK, PUBLIC, audit, open, public, under, verdict};
use crate::args::service::Doctor;
use crate::exit::Exit;
use crate::table::painted;
use crate::term;
use adjutant_engine::explain::style::Line;
use adjutant_ledger::{Checkpoint, Note};
use adjutant_model::quantity::Grouped;
use adjutant_runtime::drive::kind;
use adjutant_runtime::ports::{Parts, Read};
use adjutant_runtime::seal::{CHECKPOINT, LATEST};
use adjutant_server::serve::wall_clock;
use adjutant_store::{FILE, Reader};
use anyhow::Context;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Faults of the file that are shown.
const FAULTS_MAX: u32 = 5;

/// Messages that wait, counted up to this.
const WAITING_MAX: usize = 1_000;

/// What was found so far.
#[derive(Default)]
struct Found {
    lines: Vec<Line>,
    looks: u32,
}

impl Found {
    fn ok(&mut self, text: impl AsRef<str>) {
        self.lines.push(verdict(true, text.as_ref()));
    }

    fn look(&mut self, text: impl AsRef<str>, what_to_do: &str) {
        self.looks += 1;
        self.lines.extend([verdict(false, text.as_ref()), under(what_to_do)]);
    }
}

pub(crate) fn run(args: &Doctor) -> anyhow::Result<Exit> {
    let folder = &args.data.data;
    let mut reader = open(folder)?;
    let mut found = Found::default();
    let running = lock(folder, &mut found)?;
    permissions(folder, &mut found)?;
    hand::apart(folder, &mut found)?;
    file(&mut reader, &mut found)?;
    let (well, lines) = audit::verified(&mut reader, &[], public(&folder.join(PUBLIC))?.as_ref())?;
    found.looks += u32::from(!well);
    found.lines.extend(lines);
    checkpoint(&mut reader, running, &mut found)?;
    contents(&mut reader, &mut found)?;
    context(&mut reader, &mut found)?;
    if let Some(folder) = &args.hand {
        hand::folder(folder, &mut found)?;
    }
    let last = match found.looks {
        0 => "all is well".into(),
        looks => format!("{looks} to look at"),
    };
    found.lines.extend([Line::new(), Line::new().plain(last)]);
    term::output(painted(&found.lines).as_bytes())?;
    Ok(if found.looks == 0 { Exit::Ok } else { Exit::Problems })
}

/// Whether a service runs in the folder.
fn lock(folder: &Path, found: &mut Found) -> anyhow::Result<bool> {
    let path = folder.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            found.ok("no service ever ran here");
            return Ok(false);
        }
        Err(error) => return Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
    };
    // A shared lock is let go at the end of this function.
    let running = match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("`{}`", path.display())),
    };
    found.ok(if running { "a service runs here" } else { "no service runs here" });
    Ok(running)
}

fn permissions(folder: &Path, found: &mut Found) -> anyhow::Result<()> {
    let mut open = Vec::new();
    for path in [folder.to_path_buf(), folder.join(FILE), folder.join(KEY)] {
        match fs::metadata(&path) {
            Ok(of) if of.permissions().mode() & 0o077 != 0 => open.push(path.display().to_string()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
        }
    }
    if open.is_empty() {
        found.ok("only the owner can read the folder, its store and its key");
    } else {
        let names = open.join(", ");
        found.look(format!("others can get at {names}"), "take it from them: chmod -R go= on the folder");
    }
    if !folder.join(KEY).exists() {
        found.look(format!("there is no {KEY}"), "put it back, or the next start makes a new one");
    }
    Ok(())
}

fn file(reader: &mut Reader, found: &mut Found) -> anyhow::Result<()> {
    match reader.format()? {
        (format, newest) if format == newest => found.ok(format!("format {format}, the newest of this release")),
        (format, newest) => {
            found.look(
                format!("format {format}, and this release writes {newest}"),
                "make a backup; the next start brings it up to date",
            );
        }
    }
    let faults = reader.faults(FAULTS_MAX)?;
    if faults.is_empty() {
        found.ok("SQLite finds no fault in the file");
    } else {
        let what = "keep this folder as it is, and restore the latest backup into a new one";
        found.look(format!("SQLite finds faults in the file: {}", faults.join("; ")), what);
    }
    Ok(())
}

/// How old the latest checkpoint is.
fn checkpoint(reader: &mut Reader, running: bool, found: &mut Found) -> anyhow::Result<()> {
    let Some(text) = reader.document(CHECKPOINT, LATEST)? else {
        found.look("there is no checkpoint", "start the service: it makes one at once");
        return Ok(());
    };
    // That it can be read was verified before; here it is of no more use when not.
    let parsed = Note::parse(text.as_bytes()).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
    let size = parsed.map_or(0, |checkpoint| checkpoint.size());
    let (mut len, mut first) = (size, None);
    reader.blocks(size, Parts::Leaves, &mut |block| {
        len = block.first + block.leaves.len() as u64;
        first = first.or(Some(block.at));
        Ok(true)
    })?;
    let since = len.saturating_sub(size);
    match first.filter(|_| since > 0) {
        None => found.ok("the latest checkpoint counts every entry"),
        Some(at) => {
            let age = format!("{since} entries came since the latest checkpoint, the first {}", ago(wall_clock()().since(at).0));
            if running { found.ok(age) } else { found.look(age, "start the service: it makes one at once") }
        }
    }
    Ok(())
}

/// So many microseconds ago, as people say it.
fn ago(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

fn contents(reader: &mut Reader, found: &mut Found) -> anyhow::Result<()> {
    let counts = reader.count()?;
    let all: u64 = counts.iter().map(|(.., count)| count).sum();
    let open: u64 = counts.iter().filter(|(status, ..)| status.to_string() == "open").map(|(.., count)| count).sum();
    let number = |number: u64| Grouped(number.cast_signed()).to_string();
    let (all, open, kib) = (number(all), number(open), number(reader.bytes()? / 1024));
    found.ok(format!("{all} cases, {open} of them open; {kib} KiB"));
    let waiting = reader.due(wall_clock()(), WAITING_MAX)?;
    let tried = waiting.iter().filter(|message| message.attempts > 0).count();
    if tried > 0 {
        found.look(format!("{tried} messages could not be delivered yet"), "look at where they go; they are tried again");
    }
    Ok(())
}

/// How context was when it last changed. What is well, or was never there, has no document.
fn context(reader: &mut Reader, found: &mut Found) -> anyhow::Result<()> {
    let conditions = reader.documents(kind::CONTEXT)?;
    let bad: Vec<String> = conditions
        .iter()
        .filter(|(_, condition)| matches!(condition.as_str(), "broken" | "stale"))
        .map(|(source, condition)| format!("{source} is {condition}"))
        .collect();
    if bad.is_empty() {
        found.ok("no source of context was broken or stale when the service last looked");
    } else {
        found.look(format!("context: {}", bad.join(", ")), "see why with `adjutant metrics`, and bring its data up to date");
    }
    Ok(())
}
