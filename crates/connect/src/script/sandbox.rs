//! Runs one program in bubblewrap: with a file system of its own that it cannot write, no network unless that is declared, no
//! environment, a user without rights, and bounds on time, memory, processes, files and output. When it ends, everything that it
//! started ends.

use adjutant_hand::Clock;
use adjutant_model::Duration;
use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

const BUBBLEWRAP: &str = "/usr/bin/bwrap";
const PRLIMIT: &str = "/usr/bin/prlimit";
const SETPRIV: &str = "/usr/bin/setpriv";

/// Where the scripts are seen inside.
const INSIDE: &str = "/script";

/// The user `nobody`, inside.
const NOBODY: &str = "65534";

/// Outside, where the hand is root, each run has a user of its own, from here on: the system counts processes by user, and one
/// program's must not be another's.
const USERS_FROM: u32 = 2_000_000_000;

/// So many runs of one process have users of their own before the first is used again.
const USERS: u32 = 1_000;

/// Processes and threads of one run.
const PROCESSES_MAX: u32 = 100;

/// Bytes that `/tmp` holds, and any one file.
const FILES_BYTES_MAX: u64 = 16 << 20;

/// Runs of this process, over all connectors.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Open files of a process.
const OPEN_FILES_MAX: u32 = 128;

/// Characters of a program's own words that are shown.
const WORDS_BYTES_MAX: u64 = 4 << 10;

/// How often it is looked whether a program has ended.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(5);

/// What a program may use.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) network: bool,
    pub(super) time: Duration,
    /// Bytes of a process's memory; none where the interpreter reserves more than it uses.
    pub(super) memory: Option<u64>,
    pub(super) output: u64,
    /// Folders of the system beside `/usr` that the interpreter needs.
    pub(super) also: Vec<&'static str>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// It was killed, or killed itself.
    Killed,
    /// It took too long.
    TooLong,
    /// It said too much.
    TooMuch,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) ended: Ended,
    pub(super) output: Vec<u8>,
    pub(super) words: Vec<u8>,
}

/// Runs programs of one folder.
pub(super) struct Sandbox {
    folder: PathBuf,
    bounds: Bounds,
    clock: Clock,
    is_root: bool,
}

impl Sandbox {
    /// One for `folder`.
    ///
    /// # Errors
    /// There is no bubblewrap, or it may not do here what it must.
    pub(super) fn new(folder: &Path, bounds: Bounds, clock: Clock) -> Result<Self, String> {
        for program in [BUBBLEWRAP, PRLIMIT, SETPRIV] {
            if !Path::new(program).exists() {
                return Err(format!(
                    "scripts run in a sandbox alone, and there is no `{program}`: install bubblewrap and util-linux"
                ));
            }
        }
        let is_root = adjutant_hand::socket::own_user() == 0;
        let sandbox = Self { folder: folder.to_path_buf(), bounds, clock, is_root };
        let tried = sandbox.run(&["/usr/bin/true".into()], b"").map_err(|error| error.to_string())?;
        match tried.ended {
            Ended::Code(0) => Ok(sandbox),
            _ => Err(format!("bubblewrap cannot make a sandbox here: {}", String::from_utf8_lossy(&tried.words).trim())),
        }
    }

    /// Where a file of the folder is inside.
    pub(super) fn inside(&self, file: &str) -> OsString {
        Path::new(INSIDE).join(file).into_os_string()
    }

    /// Runs `program` with `input`.
    ///
    /// # Errors
    /// It could not be started: nothing was done.
    pub(super) fn run(&self, program: &[OsString], input: &[u8]) -> io::Result<Ran> {
        let mut command = self.command(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (said, says) = channel();
        let missing = || io::Error::other("no pipe");
        let (mut stdin, stdout) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let input = zeroize::Zeroizing::new(input.to_vec());
        // Whoever does not read what it is told ends all the same.
        std::thread::spawn(move || stdin.write_all(&input));
        let output = listen(stdout, self.bounds.output, said.clone());
        let words = listen(stderr, WORDS_BYTES_MAX, said);
        let ended = self.wait(&mut child, &says)?;
        let gone = || io::Error::other("what it said was lost");
        Ok(Ran { ended, output: output.recv().map_err(|_| gone())?, words: words.recv().map_err(|_| gone())? })
    }

    fn wait(&self, child: &mut Child, too_much: &Receiver<()>) -> io::Result<Ended> {
        let began = (self.clock)();
        // A clock that is set back does not make the time longer than this many looks.
        let looks_max = self.bounds.time.0 / 1_000 * 2;
        for look in 0.. {
            if let Some(status) = child.try_wait()? {
                let said_too_much = too_much.try_recv().is_ok();
                return Ok(match status.code() {
                    _ if said_too_much => Ended::TooMuch,
                    Some(code) => Ended::Code(code),
                    None => Ended::Killed,
                });
            }
            let over = (self.clock)().since(began).0 >= self.bounds.time.0 || look > looks_max;
            let ended = if over { Ended::TooLong } else { Ended::TooMuch };
            if over || too_much.try_recv().is_ok() {
                child.kill()?;
                child.wait()?;
                return Ok(ended);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        Ok(Ended::TooLong)
    }

    /// Each of these becomes the next; the last makes the sandbox and starts the program there.
    fn command(&self, program: &[OsString]) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if self.is_root {
            // Root has no bound on processes, and would be root outside.
            let run = RUNS.fetch_add(1, Ordering::Relaxed) % USERS;
            let user = (USERS_FROM + std::process::id() % 100_000 * USERS + run).to_string();
            let drop = [SETPRIV, "--reuid", &user, "--regid", &user, "--clear-groups", "--no-new-privs"];
            words.extend(drop.iter().map(OsString::from));
        }
        words.extend(self.limits().into_iter().map(OsString::from));
        words.extend(self.walls());
        words.extend(program.iter().cloned());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().current_dir("/");
        command
    }

    fn limits(&self) -> Vec<String> {
        let seconds = self.bounds.time.secs() + 1;
        let mut limits = vec![
            PRLIMIT.to_owned(),
            format!("--nproc={PROCESSES_MAX}"),
            format!("--fsize={FILES_BYTES_MAX}"),
            format!("--nofile={OPEN_FILES_MAX}"),
            format!("--cpu={seconds}"),
            "--core=0".to_owned(),
        ];
        limits.extend(self.bounds.memory.map(|bytes| format!("--as={bytes}")));
        limits
    }

    fn walls(&self) -> Vec<OsString> {
        let files = FILES_BYTES_MAX.to_string();
        let mut walls: Vec<OsString> =
            [BUBBLEWRAP, "--unshare-all", "--unshare-user", "--disable-userns"].map(OsString::from).into();
        let mut add = |words: &[&str]| walls.extend(words.iter().map(OsString::from));
        if self.bounds.network {
            add(&["--share-net"]);
        }
        add(&["--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL", "--hostname", "sandbox"]);
        add(&["--die-with-parent", "--new-session", "--clearenv"]);
        add(&["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"]);
        add(&["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"]);
        add(&["--symlink", "usr/lib64", "/lib64", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]);
        if self.bounds.network {
            for path in ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/ca-certificates"] {
                add(&["--ro-bind-try", path, path]);
            }
        }
        for path in &self.bounds.also {
            add(&["--ro-bind-try", path, path]);
        }
        add(&["--dev", "/dev", "--remount-ro", "/dev", "--proc", "/proc", "--size", &files, "--tmpfs", "/tmp"]);
        walls.extend(["--ro-bind".into(), self.folder.clone().into_os_string(), INSIDE.into()]);
        walls.extend(["--chdir", INSIDE, "--remount-ro", "/", "--"].map(OsString::from));
        walls
    }
}

/// Reads up to `most` bytes, and says so when there are more.
fn listen(mut from: impl Read + Send + 'static, most: u64, too_much: std::sync::mpsc::Sender<()>) -> Receiver<Vec<u8>> {
    let (give, given) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What broke off is what there is.
        let _ = from.by_ref().take(most + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > most {
            bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            let _ = too_much.send(());
        }
        let _ = give.send(bytes);
    });
    given
}
