//! Installs what the tests need, from the system's packages and rustup; where it may not, says exactly what is missing.
//!
//! It never builds a tool from source and never changes anything outside of package managers and the target directory.

use crate::{clients, sh};
use anyhow::Result;
use std::process::Command;

/// Something that the tests need.
pub struct Need {
    /// What it is, for people.
    pub what: &'static str,
    /// What needs it.
    pub why: &'static str,
    /// A command that succeeds when it is there.
    probe: &'static [&'static str],
    /// How to get it.
    from: From,
}

enum From {
    Apt(&'static [&'static str]),
    /// A folder, Debian packages to unpack there because they would start as services, and packages to install.
    Unpacked(&'static str, &'static [&'static str], &'static [&'static str]),
    /// The same with everything that the packages need and that is not installed.
    Whole(&'static str, &'static [&'static str], &'static [&'static str]),
    Rustup(&'static str),
}

/// Needed by `cargo xtask test`.
pub const TESTS: &[Need] = &[
    Need {
        what: "a C and C++ compiler",
        why: "SQLite, zstd, libFuzzer",
        probe: &["c++", "--version"],
        from: From::Apt(&["build-essential"]),
    },
    Need {
        what: "libclang",
        why: "the fake disk under SQLite (bindgen)",
        probe: &["sh", "-c", "ls /usr/lib*/llvm*/lib*/libclang.so /usr/lib*/libclang.so 2>/dev/null | grep -q ."],
        from: From::Apt(&["libclang-dev"]),
    },
    Need { what: "zstd", why: "unpacking measuring data", probe: &["zstd", "--version"], from: From::Apt(&["zstd"]) },
    Need {
        what: "OpenLDAP",
        why: "the LDAP connector",
        probe: &["/bin/sh", "-c", "LD_LIBRARY_PATH=$(echo usr/lib/*-linux-gnu) usr/sbin/slapd -VV && ldapmodify -VV"],
        from: From::Unpacked("openldap", &["slapd"], &["ldap-utils", "libltdl7"]),
    },
    Need {
        what: "Dovecot",
        why: "the mail connector",
        probe: &[
            "/bin/sh",
            "-c",
            "/usr/sbin/dovecot --version && test -e /usr/lib/dovecot/lmtp && test -e /usr/lib/dovecot/submission",
        ],
        from: From::Apt(&["dovecot-imapd", "dovecot-lmtpd", "dovecot-submissiond"]),
    },
    Need {
        what: "bubblewrap",
        why: "connectors that are scripts",
        probe: &["bwrap", "--version"],
        from: From::Apt(&["bubblewrap"]),
    },
    Need {
        what: "Request Tracker",
        why: "the connectors for tickets",
        probe: &["/bin/sh", "-c", "test -e usr/share/request-tracker5/libexec/rt-server && test -e usr/share/perl5/Plack.pm"],
        from: From::Whole("rt", &["request-tracker5", "rt5-db-sqlite", "rt5-standalone"], &["perl"]),
    },
    Need {
        what: "NSD",
        why: "DNS that says who sent a message",
        probe: &["/bin/sh", "-c", "LD_LIBRARY_PATH=$(echo usr/lib/*-linux-gnu) usr/sbin/nsd -v"],
        from: From::Whole("nsd", &["nsd"], &["openssl"]),
    },
    Need {
        what: "OpenDKIM",
        why: "signatures of mail",
        probe: &["/bin/sh", "-c", "LD_LIBRARY_PATH=$(echo usr/lib/*-linux-gnu):usr/lib usr/sbin/opendkim -V"],
        from: From::Whole("opendkim", &["opendkim", "opendkim-tools"], &["perl", "openssl"]),
    },
    Need {
        what: "dkimpy",
        why: "seals and Ed25519 signatures of mail",
        probe: &[
            "/bin/sh",
            "-c",
            "PYTHONPATH=usr/lib/python3/dist-packages /usr/bin/python3 -c 'import authres, dkim, dns, nacl.signing'",
        ],
        from: From::Whole("dkimpy", &["python3-dkim", "python3-authres"], &["python3"]),
    },
    Need {
        what: "Chromium",
        why: "the pages of letters",
        probe: &["/bin/sh", "-c", "test -x /usr/bin/chromium && /usr/bin/chromedriver --version"],
        from: From::Apt(&["chromium", "chromium-driver"]),
    },
    Need { what: "rustfmt", why: "the format check", probe: &["cargo", "fmt", "--version"], from: From::Rustup("rustfmt") },
    Need { what: "clippy", why: "the lints", probe: &["cargo", "clippy", "--version"], from: From::Rustup("clippy") },
];

/// Needed by `cargo xtask bench --instructions`.
pub const VALGRIND: &[Need] =
    &[Need { what: "valgrind", why: "counting instructions", probe: &["valgrind", "--version"], from: From::Apt(&["valgrind"]) }];

/// Needed by `cargo xtask quality mail --beside`, which says what is missing and installs nothing: the packages start as services.
pub const FILTERS: &[Need] = &[
    Need {
        what: "SpamAssassin",
        why: "judging the same mail",
        probe: &["perl", "-MMail::SpamAssassin", "-e", "1"],
        from: From::Apt(&["spamassassin"]),
    },
    Need { what: "rspamd", why: "judging the same mail", probe: &["rspamd", "--version"], from: From::Apt(&["rspamd"]) },
];

/// `cargo xtask setup`.
pub fn run() -> Result<bool> {
    let missing = ensure(TESTS);
    for need in TESTS {
        println!("{}  {:<22} for {}", if need.is_there() { "ok     " } else { "missing" }, need.what, need.why);
    }
    missing.iter().for_each(|line| println!("{line}"));
    Ok(missing.is_empty())
}

/// Installs what is not there; says of each need that remains how to get it.
pub fn ensure(needs: &[Need]) -> Vec<String> {
    let absent: Vec<&Need> = needs.iter().filter(|need| !need.is_there()).collect();
    install(&absent);
    absent.into_iter().filter(|need| !need.is_there()).map(Need::advice).collect()
}

impl Need {
    /// Whether it is there.
    pub fn is_there(&self) -> bool {
        let Some((name, arguments)) = self.probe.split_first() else { return false };
        match self.from {
            From::Unpacked(folder, ..) | From::Whole(folder, ..) => clients::works_in(folder, name, arguments),
            _ => sh::works(name, arguments),
        }
    }

    /// How to get it, where it is missing.
    pub fn advice(&self) -> String {
        let how = match &self.from {
            From::Apt(packages) => format!("apt-get install {}", packages.join(" ")),
            From::Unpacked(folder, unpacked, installed) | From::Whole(folder, unpacked, installed) => format!(
                "apt-get install {}; apt-get download {}; dpkg -x {}_*.deb {}",
                installed.join(" "),
                unpacked.join(" "),
                unpacked.join(" "),
                clients::folder(folder).display()
            ),
            From::Rustup(component) => format!("rustup component add {component}"),
        };
        format!("missing: {} (for {}); install it with `{how}`", self.what, self.why)
    }
}

fn install(absent: &[&Need]) {
    let mut packages = Vec::new();
    for need in absent {
        match &need.from {
            From::Apt(names) => packages.extend_from_slice(names),
            From::Unpacked(folder, unpacked, installed) => {
                // The probe tells whether it worked, the log why not.
                let _ = clients::unpack(folder, unpacked, installed);
            }
            From::Whole(folder, unpacked, installed) => {
                let needed = clients::needed(unpacked);
                let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
                let _ = clients::unpack(folder, &needed, installed);
            }
            From::Rustup(component) => {
                sh::works("rustup", &["component", "add", component]);
            }
        }
    }
    if !packages.is_empty() && !apt("install", &packages) && apt("update", &[]) {
        apt("install", &packages);
    }
}

/// `apt-get` as root or without a password; false where neither may be.
pub fn apt(verb: &str, packages: &[&str]) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let base = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", verb, "-qq", "-y", "--no-install-recommends"];
    let mut words = if root { Vec::new() } else { vec!["sudo", "-n"] };
    words.extend(base);
    words.extend_from_slice(packages);
    words.split_first().is_some_and(|(name, arguments)| sh::works(name, arguments))
}
