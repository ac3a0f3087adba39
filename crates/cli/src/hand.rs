//! `adjutant hand` and the part of `adjutant key` that is done on its machine.

mod poll;
pub(crate) mod settings;
mod tables;

use crate::args::act::{Hand as Args, KeyCommand};
use crate::exit::Exit;
use crate::{interrupt, isolation, keys, term};
use adjutant_hand::hello::{End, Identity};
use adjutant_hand::socket::own_user;
use adjutant_hand::store::Store;
use adjutant_hand::thanks::Thanks;
use adjutant_hand::{Clock, Connectors, Hand, Parts, Rule, Settings, socket};
use adjutant_ledger::SigningKey;
use adjutant_runtime::failpoint::reach;
use adjutant_server::serve::wall_clock;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked whether the process is to end.
const STEP: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    isolation::begin(&args.launched)?;
    let file = settings::load(&args.config)?;
    let stop = interrupt::flag()?;
    let connectors = settings::connectors(&file)?;
    let mut pollers = settings::pollers(&file, &connectors)?;
    let tables = tables::of(&file, &connectors)?;
    let (rule, limits, book) = settings::guard(&file)?;
    let hand = Arc::new(open(&file.data_dir, connectors, rule, Settings { limits, ..settings::of(&file) })?);
    reach("hand.opened");
    if let Some(playbook) = settings::thanks(&file) {
        for (poller, _) in &mut pollers {
            let waits = poller.file.with_extension("thanks");
            let of = || format!("`{}` cannot be read", waits.display());
            poller.thanks = Some(Thanks::new(Arc::clone(&hand), (playbook.to_owned(), book), waits.clone()).with_context(of)?);
        }
    }
    let threads = hand.work()?;
    let path = file.socket.clone();
    let ending = on_stop(&hand, &path, &stop)?;
    let polls = pollers.into_iter().map(|(poller, every)| poll::start(poller, every, &stop));
    let mut polls = polls.collect::<std::io::Result<Vec<_>>>()?;
    for table in tables {
        polls.push(tables::start(table, &stop)?);
    }
    let own = keys::own(&file.data_dir, End::Hand)?;
    let public = own.verifier().to_string();
    let users = settings::users(&file, args.brain_user_id);
    let identity = settings::brain_key(&file, args.brain_key.as_deref())?.map(|other| Identity { own, other });
    if identity.is_none() && users.contains(&own_user()) {
        eprintln!(
            "adjutant: every process of this user is heard: name `brain_key` or other users, or start both with `adjutant run`"
        );
    }
    term::output(format!("the hand listens at {}\nits key is {public}\n", path.display()).as_bytes())?;
    socket::serve(&hand, &path, &users, identity).with_context(|| format!("`{}` cannot be listened at", path.display()))?;
    stop.store(true, Ordering::SeqCst);
    for thread in threads.into_iter().chain(polls).chain([ending]) {
        // One that panicked has said so; what it was doing is taken up at the next start.
        let _ = thread.join();
    }
    let _ = std::fs::remove_file(&path);
    Ok(Exit::Ok)
}

fn open(folder: &Path, connectors: Connectors, rule: Rule, settings: Settings) -> anyhow::Result<Hand> {
    let store = Store::open(folder).with_context(|| format!("`{}`", folder.display()))?.ending(reach);
    Ok(Hand::new(Parts { store, connectors, rule, clock: clock(), wait: std::thread::park_timeout, settings })?)
}

fn clock() -> Clock {
    let wall = wall_clock();
    Arc::new(move || wall())
}

fn on_stop(hand: &Arc<Hand>, path: &Path, stop: &Arc<AtomicBool>) -> std::io::Result<std::thread::JoinHandle<()>> {
    let (hand, path, stop) = (Arc::clone(hand), path.to_path_buf(), Arc::clone(stop));
    std::thread::Builder::new().name("stop".into()).spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            std::thread::sleep(STEP);
        }
        hand.close();
        socket::wake(&path);
    })
}

/// `adjutant key new`, `add` and `revoke`.
pub(crate) fn key(command: &KeyCommand) -> anyhow::Result<Exit> {
    let said = match command {
        KeyCommand::New { file, name } => new_key(file, name)?,
        KeyCommand::Add { key, role, hand } => {
            let approver = keeper(hand)?.add_key(key.trim(), role.clone())?;
            let counts =
                if approver.counts == approver.added { "at once".into() } else { format!("from {} on", approver.counts) };
            format!("{} may approve as {}; it counts {counts}\n", approver.id, approver.roles.join(", "))
        }
        KeyCommand::Revoke { id, hand } => format!("{} counts no more\n", keeper(hand)?.revoke_key(id)?.id),
        KeyCommand::List { remote } => return crate::client::act::keys(remote),
    };
    term::output(said.as_bytes())?;
    Ok(Exit::Ok)
}

/// The hand's store, for what is done to its keys.
fn keeper(folder: &Path) -> anyhow::Result<Hand> {
    if !folder.join(adjutant_hand::store::FILE).exists() {
        anyhow::bail!("`{}` is no folder of a hand: start `adjutant hand` once, or name another", folder.display());
    }
    open(folder, Connectors::new(), Box::new(|_, _| settings::nothing()), Settings::default())
}

fn new_key(file: &Path, name: &str) -> anyhow::Result<String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system has no random numbers")?;
    let key = SigningKey::from_seed(name, &seed)?;
    let public = file.with_added_extension("pub");
    keys::write_new(file, &key.to_secret_text(), 0o600)?;
    keys::write_new(&public, &key.verifier().to_string(), 0o644)?;
    Ok(format!("{}\nthe private half is in `{}`: nobody but {name} needs it\n", key.verifier(), file.display()))
}
