//! rspamd, with the configuration of its package and a folder of its own beside it that takes the network away. It listens on this
//! machine alone, as nobody where everything is root's, and ends with what it was asked for.

use super::{Filter, Verdict};
use crate::acting::bench::quick_folder;
use crate::live::http::Connection;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `add_header` of its default actions: mail that is marked as spam. It rejects from 15.
const THRESHOLD: f64 = 6.0;

/// It answers soon after it was started, and judges a message sooner.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(60);

/// Modules that are there to ask somebody, or to verify by what the network says.
const NETWORK: [&str; 11] =
    ["arc", "asn", "dkim", "dkim_signing", "dmarc", "fuzzy_check", "mx_check", "rbl", "spf", "surbl", "url_redirector"];

/// Workers that are not needed.
const WORKERS: [&str; 3] = ["controller", "fuzzy", "proxy"];

/// Rules that here only say that no name server was asked, or that the message is not of today.
const CIRCUMSTANCES: [&str; 4] = ["HFILTER_HOSTNAME_UNKNOWN", "HFILTER_FROMHOST_NORES_A_OR_MX", "RDNS_NONE", "DATE_IN_PAST"];

/// The number of nobody, and of its group.
const NOBODY: u32 = 65_534;

/// What it makes of these messages, with and without the rules that only say how it is asked.
pub(super) fn judge(messages: &[&[u8]]) -> Result<Vec<Filter>> {
    let server = Rspamd::start()?;
    let all = super::parts(messages, |part| part.iter().map(|raw| server.verdict(raw)).collect())?;
    let version = version()?;
    let without = all.iter().map(|verdict| verdict.without(&CIRCUMSTANCES)).collect();
    let filter = |name, verdicts| Filter { name, threshold: THRESHOLD, verdicts };
    Ok(vec![filter(version.clone(), without), filter(format!("{version}, all rules"), all)])
}

fn version() -> Result<String> {
    let output = Command::new("rspamd").arg("--version").output().context("cannot run rspamd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(format!("rspamd {}", text.split_whitespace().last().unwrap_or_default()))
}

/// A running server. It ends when it is dropped.
struct Rspamd {
    dir: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

impl Rspamd {
    fn start() -> Result<Self> {
        let dir = quick_folder()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        configure(dir.path(), address)?;
        let mut command = Command::new("rspamd");
        command.args(["--no-fork", "--config", "/etc/rspamd/rspamd.conf"]);
        for (name, folder) in [("LOCAL_CONFDIR", "."), ("RUNDIR", "run"), ("DBDIR", "run"), ("LOGDIR", "run")] {
            command.arg(format!("--var={name}={}", dir.path().join(folder).display()));
        }
        if fs::metadata(dir.path())?.uid() == 0 {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
            chown(dir.path().join("run"), Some(NOBODY), Some(NOBODY))?;
            command.args(["--user", "nobody", "--group", "nogroup"]);
        }
        let log = fs::File::create(dir.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("cannot run rspamd")?;
        let mut server = Self { dir, child, address };
        server.answers()?;
        Ok(server)
    }

    fn answers(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait()?.is_some() || began.elapsed() > STARTS_WITHIN {
                bail!("rspamd does not start: {}", fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn verdict(&self, raw: &[u8]) -> Result<Verdict> {
        let answer = Connection::open(self.address, PATIENCE)?.ask("POST", "/checkv2", "", raw)?;
        ensure!(answer.status == 200, "rspamd answers {}", answer.status);
        read(&answer.json())
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        // It ends its workers when it is asked to end, and leaves them when it is killed.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// What stands in front of the package's own settings.
fn configure(dir: &Path, address: SocketAddr) -> Result<()> {
    let own = dir.join("override.d");
    for folder in [dir.join("local.d"), own.clone(), dir.join("run")] {
        fs::create_dir(folder)?;
    }
    // Nobody answers there, and at once.
    let options = "dns { nameserver = [\"127.0.0.1:1:1\"]; timeout = 0.05s; retransmits = 0; }\n";
    fs::write(own.join("options.inc"), format!("{options}tempdir = \"{}\";\n", dir.join("run").display()))?;
    fs::write(own.join("worker-normal.inc"), format!("bind_socket = \"{address}\";\n"))?;
    fs::write(own.join("logging.inc"), "type = \"console\";\nlevel = \"error\";\n")?;
    fs::write(own.join("phishing.conf"), "openphish_enabled = false;\nphishtank_enabled = false;\n")?;
    for worker in WORKERS {
        fs::write(own.join(format!("worker-{worker}.inc")), "count = -1;\nenabled = false;\n")?;
    }
    for module in NETWORK {
        fs::write(own.join(format!("{module}.conf")), "enabled = false;\n")?;
    }
    Ok(())
}

fn read(answer: &Value) -> Result<Verdict> {
    let score = answer["score"].as_f64().with_context(|| format!("no score in {answer}"))?;
    let symbols = answer["symbols"].as_object().into_iter().flatten();
    Ok(Verdict { score, fired: symbols.filter_map(|(name, symbol)| Some((name.clone(), symbol["score"].as_f64()?))).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_score_and_symbols() {
        let answer =
            serde_json::json!({ "score": 1.5, "action": "no action", "symbols": { "A": { "name": "A", "score": 1.5 } } });
        assert_eq!(read(&answer).unwrap(), Verdict { score: 1.5, fired: vec![("A".into(), 1.5)] });
        assert!(read(&serde_json::json!({ "error": "no" })).is_err());
    }

    #[test]
    fn it_is_configured_to_ask_nobody() {
        let dir = tempfile::tempdir().unwrap();
        configure(dir.path(), "127.0.0.1:9".parse().unwrap()).unwrap();
        let file = |name: &str| fs::read_to_string(dir.path().join("override.d").join(name)).unwrap();
        assert!(file("rbl.conf").contains("enabled = false") && file("options.inc").contains("127.0.0.1:1:1"));
        assert!(file("worker-normal.inc").contains("127.0.0.1:9"));
    }
}
