//! The senders that people have (rsyslog, syslog-ng, Alertmanager, Elastic's Python client), a mail server (aiosmtpd) and another
//! clock (libfaketime), for the tests of our doors.
//!
//! The packages of rsyslog and syslog-ng exclude each other and would start as services; so they are unpacked under the target
//! directory, and only the libraries that they need are installed. Alertmanager runs from where it is installed only.

use crate::count::Count;
use crate::gate::Ending;
use crate::{setup, sh};
use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A sender.
struct Client {
    /// Its folder.
    name: &'static str,
    from: From,
    /// A command, in that folder unless its path is absolute, that succeeds when it is there.
    probe: &'static [&'static str],
}

enum From {
    /// Debian packages to unpack, and libraries to install.
    Debian(&'static [&'static str], &'static [&'static str]),
    /// Debian packages to install.
    Installed(&'static [&'static str]),
    /// Python packages.
    Pypi(&'static [&'static str]),
}

const CLIENTS: [Client; 5] = [
    Client {
        name: "rsyslog",
        from: From::Debian(&["rsyslog", "rsyslog-elasticsearch", "rsyslog-gnutls"], &["libestr0", "libfastjson4", "libcurl4"]),
        probe: &["/bin/sh", "-c", "usr/sbin/rsyslogd -v && ls usr/lib/*/rsyslog/lmnsd_gtls.so"],
    },
    Client {
        name: "syslog-ng",
        from: From::Debian(
            &["syslog-ng-core", "syslog-ng-mod-http"],
            &["libcap2", "libglib2.0-0", "libivykis0", "libjson-c5", "libnet1", "libpcre3", "libwrap0", "libcurl4"],
        ),
        probe: &["usr/sbin/syslog-ng", "--version"],
    },
    Client {
        name: "alertmanager",
        from: From::Installed(&["prometheus-alertmanager"]),
        probe: &["/usr/bin/prometheus-alertmanager", "--version"],
    },
    Client {
        name: "python",
        from: From::Pypi(&["elasticsearch", "aiosmtpd"]),
        probe: &["bin/python", "-c", "import elasticsearch, aiosmtpd"],
    },
    Client {
        name: "faketime",
        from: From::Debian(&["libfaketime"], &[]),
        probe: &["/bin/sh", "-c", "ls usr/lib/*/faketime/libfaketimeMT.so.1"],
    },
];

/// Runs the tests against all clients, or says which cannot be had here.
pub fn step() -> Result<Ending> {
    for client in &CLIENTS {
        if !client.is_there() {
            // Why it failed, the log says; whether it worked, the probe.
            let _ = client.get();
        }
        if !client.is_there() {
            return Ok(Ending::Skipped(client.advice()));
        }
    }
    let mut command = sh::cargo(&["test", "--quiet", "--package", "adjutant", "--test", "doors", "--test", "act", "--"]);
    command.args(["clients::", "mail::", "retention::", "letters::", "slack::"]);
    command.env("ADJUTANT_CLIENTS", dir());
    let (passed, text) = sh::captured(command, "clients")?;
    if !passed {
        println!("{}", text.trim_end());
    }
    let mut count = Count::read(&text);
    if !passed && count.failed == 0 {
        count += Count::one(false);
    }
    Ok(Ending::Done(count))
}

fn dir() -> PathBuf {
    sh::target().join("clients")
}

/// Where the program of this name is unpacked.
pub fn folder(name: &str) -> PathBuf {
    dir().join(name)
}

/// Whether `program`, in the folder of this name unless its path is absolute, succeeds.
pub fn works_in(name: &str, program: &str, arguments: &[&str]) -> bool {
    let folder = folder(name);
    let mut command = Command::new(folder.join(program));
    command.args(arguments).env("LD_LIBRARY_PATH", folder.join("usr/lib/syslog-ng"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Packages that are never unpacked beside the system's own: the language itself, mail servers that somebody else configures.
const SYSTEM: [&str; 6] = ["perl_", "perl-base", "perl-modules", "libperl5", "exim4", "fonts-"];

/// The Debian packages that these need and that are not installed, with these.
pub fn needed(packages: &[&str]) -> Vec<String> {
    let mut command = Command::new("apt-get");
    command.args(["install", "--simulate", "--no-install-recommends", "-qq"]).args(packages);
    let said = command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let name = |line: &str| line.strip_prefix("Inst ")?.split_whitespace().next().map(str::to_owned);
    let is_system = |name: &String| SYSTEM.iter().any(|known| format!("{name}_").starts_with(known));
    said.lines().filter_map(name).filter(|name| !is_system(name)).collect()
}

/// Unpacks Debian packages into the folder of this name, and installs the libraries that they need.
pub fn unpack(name: &str, packages: &[&str], libraries: &[&str]) -> Result<()> {
    let debs = dir().join("packages").join(name);
    fs::create_dir_all(&debs)?;
    let download = || {
        let mut command = Command::new("apt-get");
        command.args(["download", "-qq"]).args(packages).current_dir(&debs);
        run(name, command)
    };
    if download().is_err() {
        setup::apt("update", &[]);
        download()?;
    }
    for deb in fs::read_dir(&debs)?.flatten() {
        let mut command = Command::new("dpkg");
        command.arg("-x").arg(deb.path()).arg(folder(name));
        run(name, command)?;
    }
    // They may be there already, or this may not be allowed; the probe tells.
    setup::apt("install", libraries);
    Ok(())
}

fn run(name: &str, command: Command) -> Result<()> {
    let (worked, text) = sh::captured(command, &format!("client-{name}"))?;
    if !worked {
        bail!("{name}: {}", text.trim_end());
    }
    Ok(())
}

impl Client {
    fn is_there(&self) -> bool {
        self.probe.split_first().is_some_and(|(program, arguments)| works_in(self.name, program, arguments))
    }

    fn advice(&self) -> String {
        let (log, name) = (sh::target().join("xtask"), self.name);
        match self.from {
            From::Debian(packages, libraries) => format!(
                "{name} cannot be had: `apt-get download {}` or installing {} fails; see {}",
                packages.join(" "),
                libraries.join(" "),
                log.display()
            ),
            From::Installed(packages) => format!("`apt-get install {}` is needed", packages.join(" ")),
            From::Pypi(packages) => {
                format!("`pip install {}` fails here (python3-venv is needed); see {}", packages.join(" "), log.display())
            }
        }
    }

    fn get(&self) -> Result<()> {
        fs::create_dir_all(folder(self.name))?;
        match self.from {
            From::Debian(packages, libraries) => unpack(self.name, packages, libraries),
            From::Installed(packages) => {
                if !setup::apt("install", packages) && setup::apt("update", &[]) {
                    setup::apt("install", packages);
                }
                Ok(())
            }
            From::Pypi(packages) => {
                let mut venv = sh::program("python3", &["-m", "venv"]);
                venv.arg(folder(self.name));
                run(self.name, venv)?;
                let mut pip = Command::new(folder(self.name).join("bin/python"));
                pip.args(["-m", "pip", "install", "--quiet"]).args(packages);
                run(self.name, pip)
            }
        }
    }
}
