//! A mail server of other people (aiosmtpd), and what it was given.

use super::running::{Running, clients};
use super::served::Served;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Takes mail on a free port, whose number it writes to the first file, and writes each letter as a line of the second one,
/// read by Python's own parser. It refuses whoever is called `nobody`, and is busy the first time for whoever is called `busy`.
const PROGRAM: &str = r#"
import asyncio, email, email.policy, json, os, sys
from aiosmtpd.smtp import SMTP

class Handler:
    tried = 0
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("busy"):
            Handler.tried += 1
            if Handler.tried == 1:
                return "451 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        said = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "headers": [[k, str(v)] for k, v in letter.items()], "body": letter.get_content()}
        with open(sys.argv[2], "a") as out:
            out.write(json.dumps(said) + "\n")
        return "250 OK"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="mail.corp.example"), "127.0.0.1", 0)
    with open(sys.argv[1] + ".new", "w") as out:
        out.write(str(server.sockets[0].getsockname()[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    await server.serve_forever()

asyncio.run(main())
"#;

/// A mail server that runs, and ends with the test.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    letters: PathBuf,
    _running: Running,
}

impl MailServer {
    /// Starts one that keeps its letters in `dir`; none, with a word about it, where it is not to be had.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        let clients = clients()?;
        let path = |name: &str| dir.join(name);
        std::fs::write(path("server.py"), PROGRAM).unwrap();
        let arguments = ["server.py", "port", "letters"].map(|name| path(name).display().to_string());
        let running = Running::start(&clients.join("python/bin/python"), &arguments);
        Served::until("the mail server", || path("port").exists());
        let port = std::fs::read_to_string(path("port")).unwrap().parse().unwrap();
        Some(Self { port, letters: path("letters"), _running: running })
    }

    /// Every letter so far.
    pub(crate) fn letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.letters).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect()
    }
}
