//! Who signs and seals for real: OpenDKIM, and dkimpy for what OpenDKIM cannot.

use crate::tools::{Tool, tool};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// OpenDKIM with a key of its own.
pub(crate) struct OpenDkim {
    signer: Tool,
    dir: tempfile::TempDir,
    /// Its public key, as DNS should have it.
    pub(crate) record: String,
}

/// What OpenDKIM signs as.
pub(crate) const DOMAIN: &str = "signed.example";
pub(crate) const SELECTOR: &str = "s1";

impl OpenDkim {
    /// One with a new key; none where it is not to be had.
    pub(crate) fn new() -> Option<Self> {
        let (signer, maker) = (tool("opendkim", "usr/sbin/opendkim")?, tool("opendkim", "usr/sbin/opendkim-genkey")?);
        let dir = tempfile::tempdir().unwrap();
        let mut made = maker.command();
        made.args(["-b", "2048", "-d", DOMAIN, "-s", SELECTOR, "-D"]).arg(dir.path());
        said(&mut made, b"");
        let text = fs::read_to_string(dir.path().join("s1.txt")).unwrap();
        let record = text.split('"').skip(1).step_by(2).collect::<String>();
        Some(Self { signer, dir, record })
    }

    /// `message` with its signature above it, under these further settings.
    pub(crate) fn sign(&self, message: &str, settings: &str) -> String {
        let (dir, plain) = (self.dir.path(), self.dir.path().display());
        fs::write(dir.join("lengths"), "*\n").unwrap();
        let text = format!(
            "Mode s\nDomain {DOMAIN}\nSelector {SELECTOR}\nKeyFile {plain}/s1.private\nSignatureAlgorithm rsa-sha256\n\
             InternalHosts 0.0.0.0/0\nRequireSafeKeys no\nSyslog no\n{}\n",
            settings.replace("LENGTHS", &format!("refile:{plain}/lengths"))
        );
        fs::write(dir.join("conf"), text).unwrap();
        fs::write(dir.join("message"), message).unwrap();
        let mut command = self.signer.command();
        command.arg("-x").arg(dir.join("conf")).arg("-t").arg(dir.join("message")).arg("-vv");
        let output = said(&mut command, b"");
        let value = output.split_once("hname='DKIM-Signature' hvalue='").and_then(|(_, rest)| rest.split_once('\''));
        let (value, _) = value.unwrap_or_else(|| panic!("OpenDKIM signs nothing: {output}"));
        format!("DKIM-Signature: {}\r\n{message}", value.replace("\r\n", "\n").replace('\n', "\r\n"))
    }
}

/// dkimpy with a key for signing with Ed25519 and one for sealing.
pub(crate) struct Dkimpy {
    tool: Tool,
    dir: tempfile::TempDir,
    pub(crate) ed25519: String,
    pub(crate) rsa: String,
}

impl Dkimpy {
    /// One with new keys; none where it is not to be had.
    pub(crate) fn new() -> Option<Self> {
        let tool = tool("dkimpy", "usr/lib/python3/dist-packages/dkim")?;
        let dir = tempfile::tempdir().unwrap();
        let key = |kind: &str| {
            let script = "import sys, dkim.dknewkey as d; d.main()";
            let mut command = tool.python();
            command.args(["-c", script, "--ktype", kind, kind]).current_dir(dir.path());
            said(&mut command, b"");
            fs::read_to_string(dir.path().join(format!("{kind}.dns"))).unwrap().trim().to_owned()
        };
        let (ed25519, rsa) = (key("ed25519"), key("rsa"));
        Some(Self { tool, dir, ed25519, rsa })
    }

    fn run(&self, script: &str, message: &str, arguments: &[&str]) -> String {
        let path = self.dir.path().join("script.py");
        fs::write(&path, format!("import sys, dkim\nmessage = sys.stdin.buffer.read()\n{script}")).unwrap();
        let mut command = self.tool.python();
        said(command.arg(&path).args(arguments).current_dir(self.dir.path()), message.as_bytes())
    }

    /// `message` signed with Ed25519 in this form, such as `relaxed/simple`; with the length of the text where asked.
    pub(crate) fn sign(&self, message: &str, form: &str, length: bool) -> String {
        const SCRIPT: &str = "forms = tuple(sys.argv[1].encode().split(b'/'))\n\
            signed = dkim.sign(message, b'e1', b'signed.example', open('ed25519.key', 'rb').read(), canonicalize=forms,\n    \
            signature_algorithm=b'ed25519-sha256', length=len(sys.argv) > 2)\n\
            sys.stdout.buffer.write(signed + message)";
        let arguments = if length { vec![form, "length"] } else { vec![form] };
        self.run(SCRIPT, message, &arguments)
    }

    /// `message` sealed by `domain`, whose server had found `results`.
    pub(crate) fn seal(&self, message: &str, domain: &str, results: &str) -> String {
        const SCRIPT: &str = "domain, results, key = (word.encode() for word in sys.argv[1:4])\n\
            answer = lambda name, timeout=5: key\n\
            dkim.get_txt = answer\n\
            message = b'Authentication-Results: ' + domain + b'; ' + results + b'\\r\\n' + message\n\
            sealer = dkim.ARC(message)\n\
            sealer.verify_sig_asn1 = None\n\
            real = sealer.verify\n\
            sealer.verify = lambda dnsfunc=answer: real(dnsfunc=answer)\n\
            sealed = sealer.sign(b'a1', domain, open('rsa.key', 'rb').read(), domain)\n\
            sys.stdout.buffer.write(b''.join(sealed) + message)";
        self.run(SCRIPT, message, &[domain, results, &self.rsa])
    }

    /// What dkimpy itself makes of the chain of `message`.
    pub(crate) fn chain(&self, message: &str) -> String {
        const SCRIPT: &str = "key = sys.argv[1].encode()\n\
            print(dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: key)[0].decode())";
        self.run(SCRIPT, message, &[&self.rsa]).trim().to_owned()
    }
}

/// What a program says to this input; it must succeed.
fn said(command: &mut Command, input: &[u8]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let program = Path::new(command.get_program()).display().to_string();
    assert!(output.status.success(), "{program}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
