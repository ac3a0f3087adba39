//! A private Request Tracker: its own SQLite database, its own port, gone with the test.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a tracker has to have for the connector: a custom field for the case, and an account with its rights.
const DATA: &str = "
@CustomFields = ({ Name => 'AdjutantCase', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => 0 });
@Users = map({ { Name => $_, EmailAddress => \"$_\\@corp.example\", Password => \"$_-correct-horse\", Privileged => 1 } } qw(adjutant ana));
@ACL = map({ my $user = $_; map({ { UserId => $user, Right => $_ } } qw(SeeQueue ShowTicket SeeCustomField CreateTicket
    ModifyCustomField CommentOnTicket ShowTicketComments ModifyTicket)) } qw(adjutant ana));
1;
";

/// The header of the person.
pub(crate) const ANA: &str = "Basic YW5hOmFuYS1jb3JyZWN0LWhvcnNl";

/// The header of the connector's own account.
pub(crate) const ADJUTANT: &str = "Basic YWRqdXRhbnQ6YWRqdXRhbnQtY29ycmVjdC1ob3JzZQ==";

/// A running tracker.
pub(crate) struct Tracker {
    _dir: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `cargo xtask setup` unpacks it, or where the system has it.
fn root() -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../clients/rt");
    let roots = [unpacked, PathBuf::from("/")];
    roots.into_iter().find(|root| root.join("usr/share/request-tracker5/libexec/rt-server").exists())
}

impl Tracker {
    /// Starts one; none, with a message, where Request Tracker is not to be had.
    pub(crate) fn start() -> Option<Self> {
        let Some(root) = root().and_then(|root| root.canonicalize().ok()) else {
            println!("skipped: there is no Request Tracker; `cargo xtask setup` gets it");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        prepare(&root, dir.path(), port);
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new("/usr/bin/perl");
            command.arg(root.join(program)).args(arguments);
            command.env("PERL5LIB", libraries(&root, dir.path())).env("LD_LIBRARY_PATH", shared(&root));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(dir.path().join("log")).unwrap());
            command
        };
        let data = dir.path().join("data.pl");
        for arguments in [vec!["--action", "init"], vec!["--action", "insert", "--datafile", data.to_str().unwrap()]] {
            let mut setup = run("usr/sbin/rt-setup-database-5", &[arguments.as_slice(), &["--skip-create"]].concat());
            assert!(setup.status().unwrap().success(), "{}", fs::read_to_string(dir.path().join("log")).unwrap());
        }
        let port_text = port.to_string();
        let mut server = run("usr/share/request-tracker5/libexec/rt-server", &["--server", "Standalone", "--port", &port_text]);
        let child = server.spawn().unwrap();
        let tracker = Self { _dir: dir, child, port };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(tracker);
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("the tracker does not listen");
    }

    /// What a person reads there.
    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let (status, body) = ask(self.port, ("GET", &format!("/REST/2.0{path}")), ANA, ("", b""));
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

/// One request to a tracker, as a person who may read.
pub(crate) fn ask(port: u16, (method, path): (&str, &str), authorization: &str, (kind, body): (&str, &[u8])) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1\r\nauthorization: {authorization}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap(), answer[end + 4..].to_vec())
}

fn libraries(root: &Path, dir: &Path) -> String {
    let perl = format!("usr/lib/{}-linux-gnu/perl5/5.36", std::env::consts::ARCH);
    let inside = ["usr/share/request-tracker5/lib", "usr/share/perl5", &perl];
    let paths = inside.iter().map(|path| root.join(path).display().to_string());
    std::iter::once(dir.display().to_string()).chain(paths).collect::<Vec<_>>().join(":")
}

fn shared(root: &Path) -> String {
    root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH)).display().to_string()
}

/// Writes what says to the tracker where everything of it is, and its settings.
fn prepare(root: &Path, dir: &Path, port: u16) {
    for folder in ["RT", "etc", "var", "mason", "session"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let of = |path: &str| root.join(path).display().to_string();
    let own = |path: &str| dir.join(path).display().to_string();
    let rt = "usr/share/request-tracker5";
    let paths = [
        ("BasePath", of(rt)),
        ("EtcPath", of(&format!("{rt}/etc"))),
        ("BinPath", of("usr/bin")),
        ("SbinPath", of("usr/sbin")),
        ("VarPath", own("var")),
        ("FontPath", of(&format!("{rt}/fonts"))),
        ("LexiconPath", of(&format!("{rt}/po"))),
        ("StaticPath", of(&format!("{rt}/static"))),
        ("PluginPath", of(&format!("{rt}/plugins"))),
        ("LocalPath", own("local")),
        ("LocalEtcPath", own("etc")),
        ("LocalLibPath", own("local/lib")),
        ("LocalLexiconPath", own("local/po")),
        ("LocalStaticPath", own("local/static")),
        ("LocalPluginPath", own("local/plugins")),
        ("MasonComponentRoot", of(&format!("{rt}/html"))),
        ("MasonLocalComponentRoot", own("local/html")),
        ("MasonDataDir", own("mason")),
        ("MasonSessionDir", own("session")),
    ];
    let version = "package RT; use warnings; use strict; our $VERSION = '5.0.3';\n\
                   our ($MAJOR_VERSION, $MINOR_VERSION, $REVISION) = (5, 0, 3);\n";
    let lines = paths.iter().map(|(name, path)| format!("our ${name} = '{path}';\n")).collect::<String>();
    fs::write(dir.join("RT/Generated.pm"), format!("{version}{lines}1;\n")).unwrap();
    let settings = format!(
        "Set($rtname, 'test'); Set($Organization, 'corp.example'); Set($WebDomain, '127.0.0.1'); Set($WebPort, {port});\n\
         Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{}'); Set($MailCommand, 'testfile');\n\
         Set($LogToSyslog, undef); Set($LogToSTDERR, 'error'); Set($DisableGD, 1); Set($DisableGraphViz, 1);\n\
         Set(%GnuPG, Enable => 0); Set(%SMIME, Enable => 0);\n1;\n",
        own("var/rt.sqlite")
    );
    fs::write(dir.join("etc/RT_SiteConfig.pm"), settings).unwrap();
    fs::write(dir.join("data.pl"), DATA).unwrap();
}
