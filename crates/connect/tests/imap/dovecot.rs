//! A private Dovecot on this machine: users who own their mailboxes, and a master user for all of them.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The account that may act for everybody.
pub(crate) const HAND: &str = "hand";
pub(crate) const PASSWORD: &str = "the hand's password";
/// Everybody's own password.
pub(crate) const OWN: &str = "own";
/// What takes letters, where it is installed.
const SUBMISSION: &str = "/usr/lib/dovecot/submission";
/// It answers soon after it was started.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// What a server is to be like.
#[derive(Default)]
pub(crate) struct Wanted<'a> {
    /// The mailboxes; any that somebody asks for, when none are named.
    pub(crate) mailboxes: &'a [String],
    /// Nobody but the master user sees what is under `Quarantine`.
    pub(crate) hides: bool,
    /// Certificate and key in PEM, with which it offers STARTTLS.
    pub(crate) tls: Option<(String, String)>,
    /// It takes letters, and delivers them to itself before it answers.
    pub(crate) submits: bool,
}

/// A running server. It ends when it is dropped.
pub(crate) struct Dovecot {
    dir: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
    /// Where it takes mail that was delivered, if it does.
    #[allow(dead_code, reason = "not everybody who starts one delivers to it")]
    pub(crate) lmtp: Option<u16>,
    /// Where it takes letters (RFC 6409), if it does.
    #[allow(dead_code, reason = "not everybody who starts one sends letters")]
    pub(crate) submission: Option<u16>,
}

/// Where Dovecot is, if it is installed.
pub(crate) fn program() -> Option<PathBuf> {
    Some(PathBuf::from("/usr/sbin/dovecot")).filter(|path| path.exists())
}

impl Dovecot {
    /// Starts one.
    pub(crate) fn start(folder: tempfile::TempDir, wanted: &Wanted<'_>) -> io::Result<Self> {
        let program = program().ok_or_else(|| io::Error::other("there is no Dovecot: `cargo xtask setup` gets it"))?;
        let dir = folder.path();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        let me = id("-u")?;
        // Mail is nobody's where everything is root's.
        let (user, group, number) =
            if me == "0" { ("nobody".into(), "nogroup".into(), "65534".into()) } else { (id("-un")?, id("-gn")?, me.clone()) };
        for name in ["mail", "run", "state"] {
            fs::create_dir(dir.join(name))?;
        }
        if me == "0" {
            std::os::unix::fs::chown(dir.join("mail"), Some(65_534), Some(65_534))?;
        }
        let users: String = wanted.mailboxes.iter().map(|mailbox| format!("{mailbox}:{{PLAIN}}{OWN}\n")).collect();
        fs::write(dir.join("users"), users)?;
        fs::write(dir.join("masters"), format!("{HAND}:{{PLAIN}}{PASSWORD}\n"))?;
        fs::write(dir.join("acl"), ACL)?;
        let port = free()?;
        // It changes users to deliver, which root alone can.
        let delivers = me == "0" && Path::new("/usr/lib/dovecot/lmtp").exists();
        let lmtp = if delivers { Some(free()?) } else { None };
        let relay = lmtp.filter(|_| wanted.submits && Path::new(SUBMISSION).exists()).map(relay).transpose()?;
        let submission = if relay.is_some() { Some(free()?) } else { None };
        let more = services(lmtp, submission.zip(relay)) + &tls(dir, wanted)?;
        let text = configuration(dir, port, (&user, &group, &number), wanted);
        fs::write(dir.join("dovecot.conf"), text + &more)?;
        let log = fs::File::create(dir.join("out"))?;
        let mut command = Command::new(program);
        command.arg("-F").arg("-c").arg(dir.join("dovecot.conf")).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut server = Self { child: command.spawn()?, dir: folder, port, lmtp, submission };
        server.answers()?;
        Ok(server)
    }

    #[allow(clippy::disallowed_methods, reason = "waits for a server that says nothing when it is ready")]
    fn answers(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.child.try_wait()?.is_some() || began.elapsed() > STARTS_WITHIN {
                let said = fs::read_to_string(self.dir.path().join("out")).unwrap_or_default();
                return Err(io::Error::other(format!("Dovecot does not start: {said} {}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What it wrote down.
    pub(crate) fn log(&self) -> String {
        self.log_after(0)
    }

    /// What it wrote down after so many bytes.
    pub(crate) fn log_after(&self, bytes: u64) -> String {
        let read = || {
            let mut file = fs::File::open(self.dir.path().join("log"))?;
            file.seek(io::SeekFrom::Start(bytes))?;
            let mut text = String::new();
            file.read_to_string(&mut text).map(|_| text)
        };
        read().unwrap_or_default()
    }

    /// How many bytes it wrote down.
    #[allow(dead_code, reason = "not everybody reads a part of the log")]
    pub(crate) fn logged(&self) -> u64 {
        fs::metadata(self.dir.path().join("log")).map_or(0, |log| log.len())
    }

    /// The owner of a mailbox, logged in.
    pub(crate) fn owner(&self, mailbox: &str) -> io::Result<Client> {
        let mut client = Client::open(self.port)?;
        client.ask(&format!("LOGIN {mailbox} {OWN}"))?;
        Ok(client)
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // It ends its children when it is asked to end, and leaves them when it is killed.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|status| status.success());
        if !asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn id(what: &str) -> io::Result<String> {
    let output = Command::new("id").arg(what).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A connection of a mailbox's owner.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// A message, as its owner sees it: flags, date and bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mail {
    pub(crate) flags: String,
    pub(crate) date: String,
    pub(crate) bytes: Vec<u8>,
}

impl Client {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut client = Self { stream: BufReader::new(stream) };
        client.line()?;
        Ok(client)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line) }
    }

    /// Asks, and gives everything that is answered, if it is not refused.
    pub(crate) fn ask(&mut self, command: &str) -> io::Result<Vec<u8>> {
        self.stream.get_mut().write_all(format!("x {command}\r\n").as_bytes())?;
        self.answered(command)
    }

    fn answered(&mut self, command: &str) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let line = self.line()?;
            if line.starts_with(b"x ") {
                let done = line.starts_with(b"x OK");
                let says = || io::Error::other(format!("{command}: {}", String::from_utf8_lossy(&line)));
                return if done { Ok(all) } else { Err(says()) };
            }
            all.extend_from_slice(&line);
            if let Some(length) = literal(&line) {
                let start = all.len();
                all.resize(start + length, 0);
                self.stream.read_exact(&mut all[start..])?;
            }
        }
    }

    /// Puts a message into a folder.
    pub(crate) fn append(&mut self, folder: &str, flags: &str, date: &str, message: &[u8]) -> io::Result<()> {
        let command = format!("APPEND \"{folder}\" ({flags}) \"{date}\" {{{}}}", message.len());
        self.stream.get_mut().write_all(format!("x {command}\r\n").as_bytes())?;
        while !self.line()?.starts_with(b"+") {}
        self.stream.get_mut().write_all(&[message, b"\r\n"].concat())?;
        self.answered(&command).map(drop)
    }

    /// What a folder holds, in the order of its numbers; nothing when there is no such folder.
    pub(crate) fn mails(&mut self, folder: &str) -> io::Result<Vec<Mail>> {
        if self.ask(&format!("EXAMINE \"{folder}\"")).is_err() {
            return Ok(Vec::new());
        }
        let answer = self.ask("UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])")?;
        let (mut mails, mut rest) = (Vec::new(), answer.as_slice());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if let Some(length) = literal(line) {
                let text = String::from_utf8_lossy(line).into_owned();
                let between = |from: &str, to: &str| {
                    let (_, after) = text.split_once(from).unwrap_or_default();
                    after.split_once(to).unwrap_or_default().0.to_owned()
                };
                let mut flags: Vec<String> = between("FLAGS (", ")").split(' ').map(str::to_owned).collect();
                flags.retain(|flag| flag != "\\Recent");
                flags.sort();
                let (bytes, after) = rest.split_at(length);
                rest = after;
                mails.push(Mail { flags: flags.join(" "), date: between("INTERNALDATE \"", "\""), bytes: bytes.to_vec() });
            }
        }
        Ok(mails)
    }

    /// The folders that are shown.
    pub(crate) fn folders(&mut self) -> io::Result<Vec<String>> {
        let answer = self.ask("LIST \"\" \"*\"")?;
        let lines = String::from_utf8_lossy(&answer).into_owned();
        let name = |line: &str| line.rsplit_once("\"/\" ").map(|(_, name)| name.trim_matches('"').to_owned());
        let mut folders: Vec<String> = lines.lines().filter_map(name).collect();
        folders.sort();
        Ok(folders)
    }
}

fn literal(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.trim_end().strip_suffix('}')?;
    text.rsplit_once('{')?.1.parse().ok()
}

/// Who may do what: under `Quarantine` the master user alone.
const ACL: &str = "\
Quarantine user=hand lrwstipekxa
Quarantine -owner lrwstipekxa
Quarantine/* user=hand lrwstipekxa
Quarantine/* -owner lrwstipekxa
* owner lrwstipekxa
* user=hand lrwstipek
";

/// Nobody is slowed down here for a wrong password.
const SERVICES: &str = "\
service imap {
  service_count = 0
  client_limit = 1
  process_min_avail = 4
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
auth_failure_delay = 0
";

/// A port that nobody listens at.
fn free() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Beside IMAP: where it takes mail that was delivered, and letters that it sends on to the second port.
fn services(lmtp: Option<u16>, submission: Option<(u16, u16)>) -> String {
    let mut text = "protocols = imap".to_owned();
    text.push_str(if lmtp.is_some() { " lmtp" } else { "" });
    text.push_str(if submission.is_some() { " submission\n" } else { "\n" });
    if let Some(port) = lmtp {
        text.push_str(&format!(
            "service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n"
        ));
        text.push_str("service lmtp {\n  process_min_avail = 4\n}\n");
        text.push_str("protocol lmtp {\n  postmaster_address = postmaster@corp.example\n}\n");
    }
    if let Some((port, relay)) = submission {
        text.push_str(&format!(
            "service submission {{\n  service_count = 0\n  client_limit = 1\n  process_min_avail = 4\n}}\n\
             service submission-login {{\n  chroot =\n  service_count = 0\n  process_min_avail = 2\n  inet_listener submission {{\n    port = {port}\n  }}\n}}\n\
             submission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay}\n"
        ));
    }
    text
}

/// Where mail for the server at `port`, which takes what is delivered (LMTP, RFC 2033), is taken over SMTP. For one recipient the
/// two differ in the word that they begin with alone.
fn relay(port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let door = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Either end may hang up.
            std::thread::spawn(move || relayed(client, port).ok());
        }
    });
    Ok(door)
}

fn relayed(client: TcpStream, port: u16) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut back_from, mut back_to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || io::copy(&mut back_from, &mut back_to));
    let (mut client, mut hello) = (BufReader::new(client), Vec::new());
    client.read_until(b'\n', &mut hello)?;
    server.write_all(&[b"LHLO", hello.get(4..).unwrap_or_default()].concat())?;
    io::copy(&mut client, &mut server)?;
    server.shutdown(std::net::Shutdown::Write)
}

/// With a certificate it offers STARTTLS.
fn tls(dir: &Path, wanted: &Wanted<'_>) -> io::Result<String> {
    let Some((certificate, key)) = &wanted.tls else { return Ok("ssl = no\n".to_owned()) };
    fs::write(dir.join("cert.pem"), certificate)?;
    fs::write(dir.join("key.pem"), key)?;
    let dir = dir.display();
    Ok(format!("ssl = yes\nssl_cert = <{dir}/cert.pem\nssl_key = <{dir}/key.pem\n"))
}

fn configuration(dir: &Path, port: u16, (user, group, number): (&str, &str, &str), wanted: &Wanted<'_>) -> String {
    let dir = dir.display();
    let anybody = wanted.mailboxes.is_empty();
    let owners = match anybody {
        true => format!("driver = static\n  args = password={OWN}"),
        false => format!("driver = passwd-file\n  args = username_format=%u {dir}/users"),
    };
    let acl = if wanted.hides {
        format!(
            "mail_plugins = acl\nplugin {{\n  acl = vfile:{dir}/acl\n}}\nprotocol imap {{\n  mail_plugins = acl imap_acl\n}}\n"
        )
    } else {
        "mail_plugins = notify mail_log\nplugin {\n  mail_log_events = save copy\n  mail_log_fields = uid box msgid\n}\n"
            .to_owned()
    };
    format!(
        "base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
listen = 127.0.0.1
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_fsync = never
mail_location = sdbox:{dir}/mail/%u
mail_max_userip_connections = 1000
auth_mechanisms = plain login
auth_master_user_separator = *
passdb {{
  driver = passwd-file
  args = {dir}/masters
  master = yes
  result_success = continue
}}
passdb {{
  {owners}
}}
userdb {{
  driver = static
  args = uid={number} gid={number} home={dir}/mail/%u allow_all_users={}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 2
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{SERVICES}{acl}",
        if anybody { "yes" } else { "no" }
    )
}
