//! `adjutant run`: both processes, kept apart, started again, and ended in order. By root as two users, by anybody else as one
//! that closes the hand's paths to the service.

use super::adjutant;
use adjutant_hand::protocol::{Reply, Request};
use adjutant_hand::socket::Client;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(180);

const SECRET: &str = "hand-correct-horse";

/// A launcher with its two processes.
struct House {
    child: Child,
    lines: Receiver<String>,
    dir: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        // In order, so that nobody is left.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether other users can run the program under test at all.
fn is_reachable() -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_adjutant"));
    program.ancestors().all(|path| fs::metadata(path).is_ok_and(|of| of.permissions().mode() & 0o001 != 0))
}

impl House {
    fn start(prefix: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o777)).unwrap();
        let (config, hand, secret) = (root.join("adjutant.toml"), root.join("settings/hand.toml"), root.join("settings/secret"));
        fs::create_dir(root.join("settings")).unwrap();
        fs::write(&config, format!("data_dir = '{}/brain'\n[http]\nlisten = ['127.0.0.1:0']\n", root.display())).unwrap();
        fs::write(&secret, SECRET).unwrap();
        let text = format!(
            "data_dir = '{0}/hand'\nsocket = '{0}/run/s'\nbrain_user = 'nobody'\nhand_user = 'daemon'\npass = ['LEFT']\n\n\
             [connectors.firewall]\nkind = 'http'\nfile = 'webhook'\nbase_url = 'http://127.0.0.1:9'\nplaintext = true\n\
             auth = {{ kind = 'bearer', token = {{ file = '{1}' }} }}\n",
            root.display(),
            secret.display()
        );
        fs::write(&hand, text).unwrap();
        if !prefix.is_empty() {
            // Somebody else's, all of it.
            for path in [&root, &root.join("settings"), &hand, &secret] {
                chown(path, Some(65534), Some(65534)).unwrap();
            }
        } else if is_root() {
            [&hand, &secret].iter().for_each(|path| chown(path, Some(1), Some(1)).unwrap());
        }
        if !is_root() || !prefix.is_empty() {
            fs::create_dir(root.join("run")).unwrap();
            fs::set_permissions(root.join("run"), Permissions::from_mode(0o777)).unwrap();
        }
        [&hand, &secret].iter().for_each(|path| fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap());
        let run = adjutant(&["run", "--config", config.to_str().unwrap(), "--hand", hand.to_str().unwrap()]);
        let mut words: Vec<&std::ffi::OsStr> = prefix.iter().map(std::ffi::OsStr::new).collect();
        words.extend(std::iter::once(run.get_program()).chain(run.get_args()));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_remove("ADJUTANT_CONFIG").env("SECRET", SECRET).env("LEFT", "left").stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, lines, dir }
    }

    /// Waits for lines that begin so, in any order. Returns them.
    fn lines(&self, begin: &[&str]) -> Vec<String> {
        let mut found = BTreeMap::new();
        while found.len() < begin.len() {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if let Some(nth) = begin.iter().position(|begin| line.trim_start().starts_with(begin)) {
                found.insert(nth, line.trim().to_owned());
            }
        }
        found.into_values().collect()
    }

    /// The numbers of the processes, by their command.
    fn processes(&self) -> BTreeMap<String, u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let command = |id: &u32| {
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.split('\0').nth(1).unwrap_or_default().to_owned()
        };
        children.split_whitespace().map(|id| id.parse().unwrap()).map(|id| (command(&id), id)).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn doctor(&self) -> String {
        let [data, hand] = ["brain", "hand"].map(|name| self.path(name).display().to_string());
        let output = adjutant(&["doctor", "--data", &data, "--hand", &hand]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// What both modes share; `user` is that of the service.
    fn holds(mut self, user: u32) {
        let said = self.lines(&["the hand listens", "listening on ", "admin token: "]);
        let (url, admin) = (said[1].split_at(13).1.to_owned(), said[2].split_at(13).1.to_owned());
        let mut made = adjutant(&["token", "create", "--name", "reader", "--role", "lead", "--url", &url]);
        let made = made.env("ADJUTANT_TOKEN", &admin).output().unwrap();
        let made = String::from_utf8([made.stdout, made.stderr].concat()).unwrap();
        let token = made.split_whitespace().find(|word| word.starts_with("adj_")).unwrap_or_else(|| panic!("{made}")).to_owned();
        let connect = || {
            let output = adjutant(&["connect", "list", "--url", &url]).env("ADJUTANT_TOKEN", &token).output().unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert!(connect().contains("block-address"), "the service reaches its hand: {}", connect());
        let stranger = Client::new(self.path("run/s"), vec![fs::metadata(self.path("hand")).unwrap().uid()]);
        match stranger.ask(&Request::Keys) {
            Ok(Reply::Refused { why, .. }) => assert!(why.contains("by its key"), "{why}"),
            Ok(other) => panic!("a stranger is heard: {other:?}"),
            Err(_) => {} // Another user, who is not even answered.
        }
        let processes = self.processes();
        let brain = processes["serve"];
        let own = |name: &str| fs::read(format!("/proc/{brain}/{name}"));
        match own("environ") {
            Ok(environment) => {
                let text = String::from_utf8_lossy(&environment).into_owned();
                assert!(!text.contains(SECRET) && text.contains("LEFT=left"), "{text}");
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "only root looks into it"),
        }
        assert_eq!(fs::metadata(self.path("brain")).unwrap().uid(), user);
        // It ends, and is there again, and goes on with the same hand.
        assert!(Command::new("kill").args(["-9", &brain.to_string()]).status().unwrap().success());
        let again = self.lines(&["listening on "]);
        let url = again[0].split_at(13).1.to_owned();
        let output = adjutant(&["connect", "list", "--url", &url]).env("ADJUTANT_TOKEN", &token).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(self.processes()["hand"], processes["hand"]);
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let left = |id: u32| fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("adjutant"));
        assert!(!processes.values().any(|id| left(*id)), "nobody is left");
    }
}

#[test]
fn what_is_closed_to_the_service_is_closed_whoever_it_runs_as() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().canonicalize().unwrap().join("data");
    fs::create_dir(&data).unwrap();
    let data = data.to_str().unwrap();
    let serve = adjutant(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--close", data]);
    // A kernel without Landlock lets it start.
    let mut command = Command::new("timeout");
    let output = command.arg("30").arg(serve.get_program()).args(serve.get_args()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(0) || String::from_utf8_lossy(&output.stdout).contains("listening on ") {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    assert!(said.contains("Permission denied"), "{said}");
}

#[test]
fn root_starts_two_users() {
    if !is_root() || !is_reachable() {
        println!("skipped: only root starts processes as others, and they must reach the program");
        return;
    }
    let house = House::start(&[]);
    house.lines(&["the hand listens", "listening on "]);
    let said = house.doctor();
    assert!(said.contains("two users: the service was 65534, and its hand has to be 1"), "{said}");
    assert!(said.contains("prove their keys"), "{said}");
    drop(house);
    House::start(&[]).holds(65534);
}

#[test]
fn anybody_else_closes_the_hands_paths_to_the_service() {
    let prefix: &[&str] = if is_root() { &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] } else { &[] };
    let has_setpriv = || Command::new("setpriv").arg("--version").output().is_ok();
    if is_root() && !(is_reachable() && has_setpriv()) {
        println!("skipped: root needs `setpriv`, and others must reach the program");
        return;
    }
    let user = if is_root() { 65534 } else { fs::metadata("/proc/self").unwrap().uid() };
    let house = House::start(prefix);
    house.lines(&["the hand listens", "listening on "]);
    let said = house.doctor();
    let closed = said.contains("keeps the service from the hand's files");
    assert!(closed || said.contains("nothing keeps the service"), "the doctor says which: {said}");
    assert!(said.contains("prove their keys"), "{said}");
    drop(house);
    House::start(prefix).holds(user);
}
