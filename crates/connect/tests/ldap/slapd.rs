//! A private OpenLDAP: its own directory, its own socket, loaded with a small company, and gone with the test.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

const COMPANY: &str = include_str!("company.ldif");
const FOREST: &str = include_str!("forest.ldif");
const FOREST_SCHEMA: &str = include_str!("forest.schema");
const ADMIN: &str = "cn=admin,dc=corp,dc=example";
const ADMIN_PASSWORD: &str = "the admin's password";

/// OpenLDAP's programs, as they were installed or unpacked.
struct Programs {
    root: PathBuf,
}

/// A running server.
pub(crate) struct Slapd {
    programs: Programs,
    dir: Option<tempfile::TempDir>,
    child: Mutex<Child>,
    /// Port of `ldap://127.0.0.1`, and of `ldaps://127.0.0.1`.
    pub(crate) ports: Option<(u16, u16)>,
}

impl Programs {
    /// Where `cargo xtask setup` unpacks them, or where the system has them; none when they are nowhere.
    fn find() -> Option<Self> {
        let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../clients/openldap");
        let roots = [unpacked, PathBuf::from("/")];
        roots.into_iter().map(|root| Self { root }).find(|programs| programs.root.join("usr/sbin/slapd").exists())
    }

    fn command(&self, program: &str) -> Command {
        // The clients start nothing, and may be installed while the server is unpacked.
        let unpacked = self.root.join(program);
        let mut command = Command::new(if unpacked.exists() { unpacked } else { Path::new("/").join(program) });
        let libraries = fs::read_dir(self.root.join("usr/lib")).into_iter().flatten().flatten().map(|entry| entry.path());
        let libraries: Vec<String> = libraries
            .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
            .map(|path| path.display().to_string())
            .collect();
        command.env("LD_LIBRARY_PATH", libraries.join(":")).env("LDAPNOINIT", "1").stdin(Stdio::null());
        command
    }
}

impl Slapd {
    /// Starts one; none, with a message, where OpenLDAP is not to be had.
    pub(crate) fn start() -> Option<Self> {
        Self::with(None, "")
    }

    /// One that holds accounts as Active Directory writes them.
    pub(crate) fn forest() -> Option<Self> {
        let slapd = Self::with(None, FOREST_SCHEMA)?;
        slapd.change(FOREST);
        Some(slapd)
    }

    /// One that answers TLS also, with the certificate and key in these PEM texts.
    pub(crate) fn with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::with(Some((certificate, key)), "")
    }

    fn with(tls: Option<(&str, &str)>, schema: &str) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            println!("skipped: there is no slapd; `cargo xtask setup` gets it");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("db")).unwrap();
        fs::write(dir.path().join("more.schema"), schema).unwrap();
        let mut settings = configuration(&programs.root, dir.path());
        if let Some((certificate, key)) = tls {
            fs::write(dir.path().join("server.pem"), certificate).unwrap();
            fs::write(dir.path().join("server.key"), key).unwrap();
            let path = dir.path().display();
            let more = format!("TLSCertificateFile {path}/server.pem\nTLSCertificateKeyFile {path}/server.key\n");
            settings.insert_str(0, &more);
        }
        fs::write(dir.path().join("slapd.conf"), settings).unwrap();
        let ports = tls.map(|_| (free_port(), free_port()));
        let child = run(&programs, dir.path(), ports);
        let slapd = Self { programs, dir: Some(dir), child: Mutex::new(child), ports };
        slapd.change(COMPANY);
        Some(slapd)
    }

    fn path(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("ldapi")
    }

    /// The URL of its socket.
    pub(crate) fn url(&self) -> String {
        socket_url(self.path())
    }

    /// Adds, modifies, renames or deletes what the LDIF says, as the directory's administrator.
    pub(crate) fn change(&self, ldif: &str) {
        let output = self.asked("usr/bin/ldapmodify", &["-a"], ldif, (ADMIN, ADMIN_PASSWORD));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether somebody can log in.
    pub(crate) fn lets_in(&self, dn: &str, password: &str) -> bool {
        self.asked("usr/bin/ldapwhoami", &[], "", (dn, password)).status.success()
    }

    fn asked(&self, program: &str, more: &[&str], input: &str, (who, password): (&str, &str)) -> Output {
        let mut command = self.programs.command(program);
        command.args(["-x", "-H", &self.url(), "-D", who, "-w", password]).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Everything that the server keeps of an entry, but who changed it last and when, sorted.
    pub(crate) fn entry(&self, dn: &str) -> Vec<String> {
        let mut command = self.programs.command("usr/sbin/slapcat");
        let output = command
            .arg("-f")
            .arg(self.path().join("slapd.conf"))
            .args(["-o", "ldif-wrap=no", "-H", &format!("ldap:///{dn}??base")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let stamps = ["modifyTimestamp:", "modifiersName:", "entryCSN:"];
        let kept = text.lines().filter(|line| !stamps.iter().any(|stamp| line.starts_with(stamp)));
        let mut lines: Vec<String> = kept.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, with what it kept.
    pub(crate) fn start_again(&self) {
        let _ = fs::remove_file(self.socket());
        *self.child.lock().unwrap() = run(&self.programs, self.path(), self.ports);
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        if std::thread::panicking() {
            let kept = self.dir.take().map(tempfile::TempDir::keep);
            eprintln!("the server's files and its log are kept in {kept:?}");
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn socket_url(dir: &Path) -> String {
    format!("ldapi://{}", dir.join("ldapi").display().to_string().replace('/', "%2F"))
}

/// Runs it until its socket answers, soon after it says that it is starting. What else it says goes to its log.
fn run(programs: &Programs, dir: &Path, ports: Option<(u16, u16)>) -> Child {
    let mut urls = socket_url(dir);
    if let Some((plain, tls)) = ports {
        write!(urls, " ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}").unwrap();
    }
    let mut command = programs.command("usr/sbin/slapd");
    command.arg("-f").arg(dir.join("slapd.conf")).args(["-h", &urls, "-d", "stats"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = File::options().create(true).append(true).open(dir.join("slapd.log")).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).split(b'\n').map_while(Result::ok);
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = String::from_utf8_lossy(&line).into_owned();
        writeln!(said, "{line}").unwrap();
        if line.contains("slapd starting") {
            break;
        }
    }
    assert!(said.contains("slapd starting"), "slapd does not start: {said}");
    while UnixStream::connect(dir.join("ldapi")).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "slapd does not start: {said}");
        std::thread::yield_now();
    }
    std::thread::spawn(move || lines.for_each(|line| drop(log.write_all(&[line, vec![b'\n']].concat()))));
    child
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
include {dir}/more.schema
modulepath {root}/usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
pidfile {dir}/slapd.pid
sizelimit 200

database mdb
suffix "dc=corp,dc=example"
rootdn "{ADMIN}"
rootpw "{ADMIN_PASSWORD}"
directory {dir}/db
maxsize 33554432
dbnosync
limits dn.exact="cn=hand,ou=service,dc=corp,dc=example" size.prtotal=unlimited
index objectClass,entryUUID,uid,mail,cn,member,uniqueMember eq

access to attrs=userPassword
    by anonymous auth
    by * none
access to dn.subtree="ou=people,dc=corp,dc=example" attrs=pwdAccountLockedTime,pwdReset,loginShell
    by dn.exact="cn=hand,ou=service,dc=corp,dc=example" write
    by dn.exact="cn=reader,ou=service,dc=corp,dc=example" read
    by * none
access to dn.subtree="ou=groups,dc=corp,dc=example" attrs=member,uniqueMember
    by dn.exact="cn=hand,ou=service,dc=corp,dc=example" write
    by dn.exact="cn=blind,ou=service,dc=corp,dc=example" none
    by users read
access to dn.subtree="ou=groups,dc=corp,dc=example"
    by dn.exact="cn=blind,ou=service,dc=corp,dc=example" none
    by users read
access to *
    by users read
    by anonymous auth

overlay memberof
memberof-refint FALSE
overlay refint
refint_attributes member uniqueMember manager
overlay ppolicy
ppolicy_default "cn=default,ou=policies,dc=corp,dc=example"
"#
    )
}
