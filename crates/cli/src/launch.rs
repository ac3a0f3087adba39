//! `adjutant run`: brain and hand as two processes of this binary, kept apart as well as the system can, and kept running.
//!
//! Root starts them as two users. Anybody else starts both as themself; the brain then gets an environment without what is
//! not its own, and closes itself the hand's paths before it reads anything (see [`crate::isolation`]). Each knows the other by
//! a key that is made at the first start.

mod users;

use crate::args::act::Run;
use crate::exit::Exit;
use crate::hand::settings::{self as hand, File};
use crate::isolation;
use crate::{interrupt, keys, serve};
use adjutant_hand::hello::End;
use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use users::User;

/// Between two looks at the processes.
const STEP: Duration = Duration::from_millis(100);

/// A process that lived so long has started well.
const STARTED: Duration = Duration::from_secs(10);

/// Before a process is started again; twice as long each time, until one has started well.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_DOUBLED_MAX: u32 = 5;

/// A process that is asked to end has so long.
const END: Duration = Duration::from_secs(60);

/// Variables that the brain keeps, beside its settings (`ADJUTANT_…`) and what `pass` names.
const KEPT: [&str; 11] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_MESSAGES",
    "TZ",
    "TMPDIR",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

pub(crate) fn run(args: &Run) -> anyhow::Result<Exit> {
    isolation::undumpable()?;
    let file = hand::load(&args.hand)?;
    let config = serve::settings_of(args.config.as_deref())?;
    let stop = interrupt::flag()?;
    let house = House::prepare(args, &file, &config.data_dir)?;
    let (mut hand, mut brain) = (Side::new("hand"), Side::new("brain"));
    let ended = loop {
        if stop.load(Ordering::SeqCst) {
            break Exit::Ok;
        }
        if let Some(exit) = hand.look(|| house.hand())?.or(brain.look(|| house.brain())?) {
            break exit;
        }
        std::thread::sleep(STEP);
    };
    // What decides ends first: it may still be asking.
    brain.end()?;
    hand.end()?;
    Ok(ended)
}

/// Where everything is, and who runs as whom.
struct House<'a> {
    args: &'a Run,
    socket: PathBuf,
    pass: Vec<String>,
    /// None where both run as whoever started this.
    users: Option<[User; 2]>,
    /// The public halves of both keys.
    keys: [String; 2],
    /// What the brain closes itself.
    closed: Vec<PathBuf>,
}

impl<'a> House<'a> {
    fn prepare(args: &'a Run, file: &File, data: &Path) -> anyhow::Result<Self> {
        let users = users(file)?;
        let [of_brain, of_hand] = [0, 1].map(|nth| users.as_ref().map(|users| &users[nth]));
        folder(data, of_brain)?;
        folder(&file.data_dir, of_hand)?;
        if let (Some(hand), Some(brain), Some(above)) = (of_hand, of_brain, file.socket.parent())
            && !above.exists()
        {
            // Whatever is made in it belongs to the brain's group, which may connect to it.
            fs::create_dir_all(above).with_context(|| format!("`{}`", above.display()))?;
            chown(above, Some(hand.id), Some(brain.group))?;
            fs::set_permissions(above, Permissions::from_mode(0o2750))?;
        }
        let key = |folder: &Path, end, user: Option<&User>| -> anyhow::Result<String> {
            let key = keys::own(folder, end)?;
            if let Some(user) = user {
                keys::give(folder, user.id, user.group)?;
            }
            Ok(key.verifier().to_string())
        };
        let keys = [key(data, End::Brain, of_brain)?, key(&file.data_dir, End::Hand, of_hand)?];
        let mut closed = hand::secret_places(file);
        closed.extend([args.hand.clone(), file.data_dir.clone()]);
        let whole =
            |path: &PathBuf| path.canonicalize().with_context(|| format!("`{}` is the hand's, and is not there", path.display()));
        let closed = closed.iter().map(whole).collect::<anyhow::Result<_>>()?;
        let socket = std::path::absolute(&file.socket)?;
        Ok(Self { args, socket, pass: hand::passed(file), users, keys, closed })
    }

    fn hand(&self) -> anyhow::Result<Command> {
        let mut command = self.process("hand", 1)?;
        command.arg("--config").arg(&self.args.hand).args(["--brain-key", &self.keys[0]]);
        if let Some([brain, _]) = &self.users {
            command.args(["--brain-user-id", &brain.id.to_string()]);
        }
        Ok(command)
    }

    fn brain(&self) -> anyhow::Result<Command> {
        let mut command = self.process("serve", 0)?;
        let is_setting = |name: &str| name.starts_with("ADJUTANT_") && name != "ADJUTANT_TOKEN";
        let is_kept = |name: &str| KEPT.contains(&name) || is_setting(name) || self.pass.iter().any(|kept| kept == name);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(&is_kept)));
        command.env("ADJUTANT_HAND_SOCKET", &self.socket).env("ADJUTANT_HAND_KEY", &self.keys[1]);
        if let Some([_, hand]) = &self.users {
            command.env("ADJUTANT_HAND_USER_ID", hand.id.to_string());
        }
        if let Some(config) = &self.args.config {
            command.arg("--config").arg(config);
        }
        for path in &self.closed {
            command.arg("--close").arg(path);
        }
        Ok(command)
    }

    /// This binary with another command, in a group of its own: an interrupt at the terminal is ours to pass on.
    fn process(&self, name: &str, user: usize) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
        command.args([name, "--launched"]).process_group(0);
        if let Some(user) = self.users.as_ref().map(|users| &users[user]) {
            command.uid(user.id).gid(user.group);
        }
        Ok(command)
    }
}

/// The users of brain and hand, where root asks.
fn users(file: &File) -> anyhow::Result<Option<[User; 2]>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let [brain, hand] = hand::user_names(file);
    let (Some(brain), Some(hand)) = (brain, hand) else {
        anyhow::bail!(
            "root starts brain and hand as two users: name them in the hand's settings, as `brain_user` and `hand_user`"
        )
    };
    let users = [User::named(brain)?, User::named(hand)?];
    if users[0].id == users[1].id || users.iter().any(|user| user.id == 0) {
        anyhow::bail!("`brain_user` and `hand_user` must be two users, and neither of them root");
    }
    Ok(Some(users))
}

/// Makes a folder that one user alone can use, or sees that it is one.
fn folder(path: &Path, user: Option<&User>) -> anyhow::Result<()> {
    let place = || format!("`{}`", path.display());
    if !path.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(place)?;
        if let Some(user) = user {
            chown(path, Some(user.id), Some(user.group)).with_context(place)?;
        }
    }
    let owner = fs::metadata(path).with_context(place)?.uid();
    match user {
        Some(user) if user.id != owner => {
            anyhow::bail!("{} belongs to user {owner}, and {} has to use it: chown -R {} it", place(), user.name, user.name)
        }
        _ => Ok(()),
    }
}

/// One of the two processes.
struct Side {
    name: &'static str,
    child: Option<Child>,
    since: Instant,
    /// How often it ended since it last started well, and whether it ever did.
    failures: u32,
    was_well: bool,
}

impl Side {
    fn new(name: &'static str) -> Self {
        Self { name, child: None, since: Instant::now(), failures: 0, was_well: false }
    }

    /// Starts it when it does not run and its time has come. An exit when all has to end with it.
    fn look(&mut self, command: impl Fn() -> anyhow::Result<Command>) -> anyhow::Result<Option<Exit>> {
        if let Some(child) = &mut self.child {
            let lives = self.since.elapsed();
            if lives >= STARTED {
                (self.failures, self.was_well) = (0, true);
            }
            let Some(status) = child.try_wait()? else { return Ok(None) };
            (self.child, self.since) = (None, Instant::now());
            self.failures += 1;
            return Ok(self.ended(status));
        }
        let again = AGAIN * 2_u32.pow(self.failures.saturating_sub(1).min(AGAIN_DOUBLED_MAX));
        if self.failures == 0 || self.since.elapsed() >= again {
            let child = command()?.spawn().with_context(|| format!("the {} cannot be started", self.name))?;
            (self.child, self.since) = (Some(child), Instant::now());
        }
        Ok(None)
    }

    /// What follows from an end: a disk that does not confirm what is written, and settings that never were sound, are for a
    /// person; everything else is started again.
    fn ended(&self, status: ExitStatus) -> Option<Exit> {
        let code = status.code().and_then(Exit::of_code);
        let final_one = match code {
            Some(Exit::Output) => true,
            Some(Exit::Usage | Exit::Faulty) => !self.was_well,
            _ => false,
        };
        let then = if final_one { "all ends with it" } else { "it is started again" };
        eprintln!("adjutant: the {} ended ({status}): {then}", self.name);
        code.filter(|_| final_one)
    }

    /// Asks it to end, and waits.
    fn end(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let began = Instant::now();
        while child.try_wait()?.is_none() {
            if began.elapsed() > END {
                eprintln!("adjutant: the {} does not end, and is killed", self.name);
                child.kill()?;
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}
