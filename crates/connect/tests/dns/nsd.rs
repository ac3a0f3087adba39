//! A private NSD on this machine, which knows one zone: the whole of DNS, as a test wrote it.

use crate::tools::{Tool, tool};
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It answers soon after it was started.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A running server. It ends when it is dropped.
pub(crate) struct Nsd {
    dir: tempfile::TempDir,
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Nsd {
    /// Starts one with these lines of a zone file; none where there is no NSD.
    pub(crate) fn start(zone: &str) -> Option<Self> {
        let tool = tool("nsd", "usr/sbin/nsd")?;
        Some(Self::started(&tool, zone).unwrap_or_else(|error| panic!("{error}")))
    }

    fn started(tool: &Tool, zone: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let start = "$TTL 60\n. IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60\n. IN NS ns.invalid.\n";
        fs::write(dir.join("root.zone"), format!("{start}{zone}"))?;
        fs::write(dir.join("nsd.conf"), configuration(&dir.display().to_string(), address))?;
        let log = fs::File::create(dir.join("out"))?;
        let mut command = tool.command();
        command.arg("-d").arg("-c").arg(dir.join("nsd.conf")).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut server = Self { child: command.spawn()?, dir: folder, address };
        server.answers()?;
        Ok(server)
    }

    #[allow(clippy::disallowed_methods, reason = "waits for a server that says nothing when it is ready")]
    fn answers(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait()?.is_some() || began.elapsed() > STARTS_WITHIN {
                let said = fs::read_to_string(self.dir.path().join("out")).unwrap_or_default();
                return Err(io::Error::other(format!("NSD does not start: {said}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // It ends its children when it is asked to end, and leaves them when it is killed.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn configuration(dir: &str, address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "server:\n ip-address: {ip}@{port}\n do-ip6: no\n username: \"\"\n chroot: \"\"\n zonesdir: \"{dir}\"\n database: \"\"\n \
         pidfile: \"{dir}/pid\"\n xfrdfile: \"{dir}/xfrd\"\n zonelistfile: \"{dir}/zonelist\"\n xfrdir: \"{dir}\"\n server-count: 1\n\
         remote-control:\n control-enable: no\nzone:\n name: \".\"\n zonefile: \"root.zone\"\n"
    )
}

/// A text record, cut into strings as a zone file must.
pub(crate) fn txt(name: &str, text: &str) -> String {
    let strings: Vec<String> = text.as_bytes().chunks(200).map(|part| format!("\"{}\"", String::from_utf8_lossy(part))).collect();
    format!("{name}. IN TXT {}\n", strings.join(" ").replace(';', "\\;"))
}
