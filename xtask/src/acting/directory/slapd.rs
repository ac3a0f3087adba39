//! A private OpenLDAP with an access log, and its administrator.

use crate::clients;
use anyhow::{Context as _, Result, bail, ensure};
use ldap3::{Ldap, LdapConnAsync, Mod, Scope, SearchEntry};
use std::collections::HashSet;
use std::fs;
use std::future::Future;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

pub const BASE: &str = "dc=corp,dc=example";
pub const PEOPLE: &str = "ou=people,dc=corp,dc=example";
pub const GROUPS: &str = "ou=groups,dc=corp,dc=example";
/// The hand's own account.
pub const HAND: &str = "cn=hand,dc=corp,dc=example";
pub const PASSWORD: &str = "the hand's password";
const ADMIN: &str = "cn=admin,dc=corp,dc=example";
const ADMIN_PASSWORD: &str = "the admin's password";
const LOG: &str = "cn=accesslog";
/// It answers soon after it was started.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// What a server writes by itself about who changed an entry last.
const STAMPS: [&str; 3] = ["modifyTimestamp", "modifiersName", "entryCSN"];
/// What it derives from the members of groups, by a write of its own after the one that was asked for. It leaves that out for good
/// when the connection breaks in between, though the member is in the group: in 24 of 184 changes that were cut off so.
const DERIVED: &str = "memberOf";

/// A running server. It ends when it is dropped.
pub struct Slapd {
    dir: tempfile::TempDir,
    child: Child,
}

/// OpenLDAP's programs, as they were unpacked or installed.
fn root() -> Result<PathBuf> {
    let roots = [clients::folder("openldap"), PathBuf::from("/")];
    let found = roots.into_iter().find(|root| root.join("usr/sbin/slapd").exists());
    found.context("there is no slapd: `cargo xtask setup` gets it")
}

impl Slapd {
    /// Starts one, with nobody in it but the hand.
    pub fn start() -> Result<Self> {
        let (root, dir) = (root()?, super::super::bench::quick_folder()?);
        for folder in ["db", "log"] {
            fs::create_dir(dir.path().join(folder))?;
        }
        fs::write(dir.path().join("slapd.conf"), configuration(&root, dir.path()))?;
        let libraries = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten().map(|entry| entry.path());
        let libraries =
            libraries.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).map(|path| path.display().to_string());
        let mut command = Command::new(root.join("usr/sbin/slapd"));
        command.env("LD_LIBRARY_PATH", libraries.collect::<Vec<_>>().join(":")).env("LDAPNOINIT", "1");
        command.arg("-f").arg(dir.path().join("slapd.conf")).args(["-h", &url(dir.path()), "-d", "0"]);
        let log = fs::File::create(dir.path().join("slapd.log"))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut slapd = Self { dir, child };
        slapd.answers()?;
        slapd.admin()?.found_company()?;
        Ok(slapd)
    }

    fn answers(&mut self) -> Result<()> {
        let began = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            if self.child.try_wait()?.is_some() || began.elapsed() > STARTS_WITHIN {
                bail!("slapd does not start: {}", fs::read_to_string(self.dir.path().join("slapd.log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("ldapi")
    }

    /// A connection of its administrator.
    pub fn admin(&self) -> Result<Admin> {
        let room = Builder::new_current_thread().enable_all().build()?;
        let ldap = room.block_on(async {
            let (connection, mut ldap) = LdapConnAsync::new(&url(self.dir.path())).await?;
            tokio::spawn(connection.drive());
            ldap.simple_bind(ADMIN, ADMIN_PASSWORD).await?.success()?;
            anyhow::Ok(ldap)
        })?;
        Ok(Admin { room, ldap })
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url(dir: &Path) -> String {
    format!("ldapi://{}", dir.join("ldapi").display().to_string().replace('/', "%2F"))
}

/// The administrator.
pub struct Admin {
    room: Runtime,
    ldap: Ldap,
}

/// An attribute with its values.
type Values<'a> = (&'a str, HashSet<&'a str>);

impl Admin {
    fn done(&mut self, work: impl AsyncFnOnce(&mut Ldap) -> ldap3::result::Result<ldap3::LdapResult>) -> Result<()> {
        let Self { room, ldap } = self;
        run(room, work(ldap))?.success()?;
        Ok(())
    }

    fn add(&mut self, dn: &str, values: Vec<Values<'_>>) -> Result<()> {
        self.done(async |ldap| ldap.add(dn, values).await).with_context(|| format!("add {dn}"))
    }

    fn found_company(&mut self) -> Result<()> {
        self.add(BASE, vec![("objectClass", ["domain"].into()), ("dc", ["corp"].into())])?;
        for (dn, name) in [(PEOPLE, "people"), (GROUPS, "groups")] {
            self.add(dn, vec![("objectClass", ["organizationalUnit"].into()), ("ou", [name].into())])?;
        }
        let classes = ["applicationProcess", "simpleSecurityObject"].into();
        self.add(HAND, vec![("objectClass", classes), ("cn", ["hand"].into()), ("userPassword", [PASSWORD].into())])?;
        let classes = ["device", "pwdPolicy"].into();
        let policy = format!("cn=default,{BASE}");
        self.add(
            &policy,
            vec![
                ("objectClass", classes),
                ("cn", ["default"].into()),
                ("pwdAttribute", ["userPassword"].into()),
                ("pwdLockout", ["TRUE"].into()),
                ("pwdMustChange", ["TRUE"].into()),
            ],
        )
    }

    /// Adds a user who can log in.
    pub fn add_person(&mut self, name: &str) -> Result<()> {
        let dn = format!("uid={name},{PEOPLE}");
        let (mail, home) = (format!("{name}@corp.example"), format!("/srv/{name}"));
        self.add(
            &dn,
            vec![
                ("objectClass", ["inetOrgPerson", "posixAccount"].into()),
                ("uid", [name].into()),
                ("cn", ["Some Body"].into()),
                ("sn", ["Body"].into()),
                ("mail", [mail.as_str()].into()),
                ("uidNumber", ["1000"].into()),
                ("gidNumber", ["100"].into()),
                ("homeDirectory", [home.as_str()].into()),
                ("loginShell", ["/bin/zsh"].into()),
                ("userPassword", ["secret"].into()),
            ],
        )
    }

    /// Adds a group of the user and somebody else.
    pub fn add_group(&mut self, name: &str, user: &str) -> Result<()> {
        let (dn, member) = (format!("cn={name},{GROUPS}"), format!("uid={user},{PEOPLE}"));
        self.add(
            &dn,
            vec![("objectClass", ["groupOfNames"].into()), ("cn", [name].into()), ("member", [member.as_str(), HAND].into())],
        )
    }

    fn found(&mut self, base: &str, scope: Scope, filter: &str, attributes: &[&str]) -> Result<Vec<SearchEntry>> {
        let Self { room, ldap } = self;
        let (entries, _) = run(room, ldap.search(base, scope, filter, attributes.to_vec()))?.success()?;
        Ok(entries.into_iter().map(SearchEntry::construct).collect())
    }

    /// What names an entry for ever.
    pub fn id(&mut self, dn: &str) -> Result<String> {
        let found = self.found(dn, Scope::Base, "(objectClass=*)", &["entryUUID"])?;
        let id = found.first().and_then(|entry| entry.attrs.get("entryUUID")).and_then(|values| values.first());
        id.cloned().context("an entry without an identifier")
    }

    /// Everything that the server keeps of these entries, but who changed them last and when, and what it derives.
    pub fn entries(&mut self, dns: &[String]) -> Result<String> {
        let mut lines = Vec::new();
        for dn in dns {
            for entry in self.found(dn, Scope::Base, "(objectClass=*)", &["*", "+"])? {
                ensure!(entry.bin_attrs.is_empty(), "{dn} has values that are no text");
                let kept = entry.attrs.into_iter().filter(|(name, _)| !STAMPS.contains(&name.as_str()) && name != DERIVED);
                lines
                    .extend(kept.flat_map(|(name, values)| values.into_iter().map(move |value| format!("{dn} {name}: {value}"))));
            }
        }
        lines.sort();
        Ok(lines.join("\n"))
    }

    /// What the hand asked to be changed of these entries, in its order: the result and the changes.
    pub fn changes(&mut self, dns: &[String]) -> Result<Vec<(u32, String)>> {
        let of: String = dns.iter().map(|dn| format!("(reqDN={dn})")).collect();
        let filter = format!("(&(objectClass=auditModify)(reqAuthzID={HAND})(|{of}))");
        let mut found = self.found(LOG, Scope::OneLevel, &filter, &["reqStart", "reqMod", "reqResult"])?;
        let one = |entry: &SearchEntry, name: &str| {
            entry.attrs.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
        };
        found.sort_by_key(|entry| one(entry, "reqStart"));
        // What follows in an entry from a change of another is none of the hand's.
        let own = |line: &&String| !line.starts_with(DERIVED) && !STAMPS.iter().any(|stamp| line.starts_with(stamp));
        let says = |entry: &SearchEntry| entry.attrs.get("reqMod").into_iter().flatten().filter(own).cloned().collect::<Vec<_>>();
        let changes = found.iter().map(|entry| (one(entry, "reqResult").parse().unwrap_or(u32::MAX), says(entry)));
        Ok(changes.filter(|(_, says)| !says.is_empty()).map(|(code, says)| (code, says.join(", "))).collect())
    }

    /// Gives an attribute this one value.
    pub fn set(&mut self, dn: &str, attribute: &str, value: &str) -> Result<()> {
        let change = vec![Mod::Replace(attribute, HashSet::from([value]))];
        self.done(async |ldap| ldap.modify(dn, change).await).with_context(|| format!("set {attribute} of {dn}"))
    }

    /// Adds a value, or takes it away when it is there.
    pub fn toggle(&mut self, dn: &str, attribute: &str, value: &str) -> Result<()> {
        let there = !self.found(dn, Scope::Base, &format!("({attribute}={value})"), &["1.1"])?.is_empty();
        let values = HashSet::from([value]);
        let change = vec![if there { Mod::Delete(attribute, values) } else { Mod::Add(attribute, values) }];
        self.done(async |ldap| ldap.modify(dn, change).await).with_context(|| format!("change {attribute} of {dn}"))
    }
}

fn run<T>(room: &Runtime, work: impl Future<Output = ldap3::result::Result<T>>) -> Result<T> {
    Ok(room.block_on(work)?)
}

fn configuration(root: &Path, dir: &Path) -> String {
    let (root, dir) = (root.display().to_string(), dir.display());
    let root = root.trim_end_matches('/');
    format!(
        r#"
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/nis.schema
include {root}/etc/ldap/schema/inetorgperson.schema
modulepath {root}/usr/lib/ldap
moduleload back_mdb
moduleload accesslog
moduleload memberof
moduleload ppolicy
pidfile {dir}/slapd.pid
sizelimit unlimited
threads 8

database mdb
suffix "{LOG}"
rootdn "{ADMIN}"
directory {dir}/log
maxsize 1073741824
dbnosync
index reqDN,reqStart,objectClass eq
access to * by * none

database mdb
suffix "{BASE}"
rootdn "{ADMIN}"
rootpw "{ADMIN_PASSWORD}"
directory {dir}/db
maxsize 1073741824
dbnosync
index objectClass,entryUUID,uid,mail,cn,member,uniqueMember eq

access to attrs=userPassword
    by anonymous auth
    by * none
access to dn.subtree="{PEOPLE}" attrs=pwdAccountLockedTime,pwdReset,loginShell
    by dn.exact="{HAND}" write
    by * none
access to dn.subtree="{GROUPS}" attrs=member,uniqueMember
    by dn.exact="{HAND}" write
    by users read
access to *
    by users read
    by anonymous auth

overlay accesslog
logdb "{LOG}"
logops writes
logsuccess FALSE
overlay memberof
memberof-refint FALSE
overlay ppolicy
ppolicy_default "cn=default,{BASE}"
"#
    )
}
