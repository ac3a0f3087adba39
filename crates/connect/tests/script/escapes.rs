//! Attempts to get out of the sandbox, or to take more of the machine than is given. Each prints what it got; nothing is right.

use crate::{Folder, act, block, can_be_had, now};
use adjutant_hand::connector::{CallError, Connector};
use serde_json::json;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// What an attempt meets outside.
struct Bait {
    dir: tempfile::TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixListener,
}

impl Bait {
    fn lay() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hand.db"), "the hand's own store").unwrap();
        for path in [dir.path().to_path_buf(), dir.path().join("hand.db")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        let unix = UnixListener::bind(dir.path().join("hand.sock")).unwrap();
        std::fs::set_permissions(dir.path().join("hand.sock"), std::fs::Permissions::from_mode(0o777)).unwrap();
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        Self { dir, tcp, udp, unix }
    }

    /// Nobody came, and everything is as it was.
    fn is_untouched(&self) -> bool {
        let entries = std::fs::read_dir(self.dir.path()).unwrap().count();
        let store = std::fs::read_to_string(self.dir.path().join("hand.db")).unwrap();
        self.tcp.accept().is_err()
            && self.udp.recv(&mut [0; 9]).is_err()
            && self.unix.accept().is_err()
            && entries == 2
            && store == "the hand's own store"
    }
}

/// Python that sets `got` to something when it gets it. `BAIT`, `TCP` and `UDP` are put in.
const ATTEMPTS: [(&str, &str); 36] = [
    ("the shadow file", "got = open('/etc/shadow').read()"),
    ("the password file", "got = open('/etc/passwd').read()"),
    ("the hand's store", "got = open('BAIT/hand.db').read()"),
    ("writing the hand's store", "open('BAIT/hand.db', 'w').write('x'); got = 1"),
    ("the hand's folder", "got = os.listdir('BAIT')"),
    ("root's home", "got = os.listdir('/root')"),
    ("homes", "got = os.listdir('/home')"),
    ("the system's log", "got = os.listdir('/var/log')"),
    ("settings of the system", "got = [x for x in os.listdir('/etc') if x not in ('ld.so.cache',)]"),
    ("run-time sockets", "got = os.listdir('/run')"),
    ("writing a script", "open('/script/block-address/act.py', 'a').write('x'); got = 1"),
    ("a new script", "open('/script/new.py', 'w').write('x'); got = 1"),
    ("writing the system", "open('/usr/bin/evil', 'w').write('x'); got = 1"),
    ("writing the root", "open('/evil', 'w').write('x'); got = 1"),
    ("writing devices", "open('/dev/evil', 'w').write('x'); got = 1"),
    ("the network by TCP", "socket.create_connection(('127.0.0.1', TCP), 1); got = 1"),
    ("the network by UDP", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', UDP))"),
    ("another network", "socket.create_connection(('192.0.2.1', 80), 1); got = 1"),
    ("the hand's socket", "s = socket.socket(socket.AF_UNIX); s.connect('BAIT/hand.sock'); got = 1"),
    ("raw packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW); got = 1"),
    ("interfaces", "got = [name for _, name in socket.if_nameindex() if name != 'lo']"),
    ("the environment", "got = {k: v for k, v in os.environ.items() if k not in ('PATH', 'HOME', 'LANG', 'LC_CTYPE', 'PWD')}"),
    (
        "processes outside",
        "got = [p for p in os.listdir('/proc') if p.isdigit() and b'cargo' in open('/proc/' + p + '/cmdline', 'rb').read()]",
    ),
    ("the parent's root", "got = os.listdir('/proc/1/root/root')"),
    ("the parent's memory", "got = open('/proc/1/mem', 'rb').read(1)"),
    ("killing everybody", "os.kill(-1, 0); os.kill(os.getppid(), 9) if os.getppid() > 1 else None"),
    ("becoming root", "os.setuid(0); got = 1"),
    ("another user", "os.setgroups([0]); got = 1"),
    ("a mount", "got = ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0"),
    ("a namespace", "got = ctypes.CDLL(None).unshare(0x10000000) == 0"),
    ("a root of its own", "os.chroot('/tmp'); got = 1"),
    ("a device", "os.mknod('/tmp/sda', 0o600 | 0o060000, os.makedev(8, 0)); got = 1"),
    ("the machine's memory", "got = open('/dev/mem', 'rb').read(1)"),
    ("the kernel's log", "got = open('/dev/kmsg', 'rb').read(1)"),
    ("settings of the kernel", "open('/proc/sys/kernel/hostname', 'w').write('evil'); got = 1"),
    ("a program with rights", "got = os.popen('mount -t tmpfs x /tmp && echo yes').read().strip()"),
];

fn try_it(bait: &Bait, attempt: &str) -> String {
    let port = |address: std::net::SocketAddr| address.port().to_string();
    let attempt = attempt.replace("BAIT", &bait.dir.path().display().to_string());
    let attempt = attempt.replace("TCP", &port(bait.tcp.local_addr().unwrap()));
    let attempt = attempt.replace("UDP", &port(bait.udp.local_addr().unwrap()));
    let program = format!(
        "import os, sys, socket, ctypes\ngot = None\ntry:\n    {attempt}\nexcept BaseException as error:\n    \
         print('stopped: ' + repr(error), file=sys.stderr)\n    sys.exit(65)\n\
         if got:\n    print('GOT ' + repr(got)[:80], file=sys.stderr)\nelse:\n    print('nothing', file=sys.stderr)\nsys.exit(65)\n"
    );
    let folder = Folder::new().with("block-address/act.py", &program).python();
    act(&folder.script(json!({ "seconds": 5 }))).unwrap_err().to_string()
}

#[test]
fn nothing_outside_is_read_written_or_reached() {
    if !can_be_had() {
        return;
    }
    let bait = Bait::lay();
    for (what, attempt) in ATTEMPTS {
        let said = try_it(&bait, attempt);
        assert!(!said.contains("GOT"), "{what}: {said}");
        assert!(
            said.contains("stopped") || said.contains("nothing") || said.contains("was killed") || said.contains("ended"),
            "{what}: {said}"
        );
        assert!(bait.is_untouched(), "{what}");
    }
    // The attempts work where they may: the same program reads what is given to it.
    assert!(try_it(&bait, "got = open('/script/lookup.py').read()").contains("GOT"));
    assert!(try_it(&bait, "open('/tmp/x', 'w').write('x'); got = 1").contains("GOT"));
}

#[test]
fn the_network_is_there_where_it_is_declared() {
    if !can_be_had() {
        return;
    }
    let bait = Bait::lay();
    let port = bait.tcp.local_addr().unwrap().port();
    let program = format!("import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\n");
    let folder = Folder::new().with("block-address/act.py", &program).python();
    act(&folder.script(json!({ "network": true }))).unwrap();
    assert!(bait.tcp.accept().is_ok());
}

/// Runs `program` as the act; says how it ended and after how many seconds.
fn hog(program: &str) -> (String, i64) {
    let folder = Folder::new().with("block-address/act.py", program).python();
    let script = folder.script(json!({ "seconds": 3, "memory_mb": 128, "output_kib": 64 }));
    let began = now();
    let said = act(&script).map_or_else(|error| error.to_string(), |()| "done".to_owned());
    let took = now().since(began).secs();
    assert_eq!(script.probe(&block()).unwrap(), crate::off(), "the next one runs");
    (said, took)
}

#[test]
fn more_of_the_machine_than_is_given_is_not_taken() {
    if !can_be_had() {
        return;
    }
    let (said, took) = hog("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n");
    assert!(said.contains("took too long") && took < 20, "a fork bomb: {said}, {took} s");
    let (said, _) = hog("import sys\nx = []\nwhile True: x.append(bytearray(1 << 20))\n");
    assert!(said.contains("MemoryError") || said.contains("ended with") || said.contains("was killed"), "memory: {said}");
    let fill = |path: &str| {
        format!(
            "n = 0\nwhile True:\n    n += 1\n    f = open('{path}/f%d' % n, 'wb')\n    for _ in range(64): f.write(bytes(1 << 18)); f.flush()\n"
        )
    };
    for path in ["/tmp", "/dev/shm"] {
        let (said, _) = hog(&fill(path));
        assert!(said.contains("ended with") || said.contains("was killed") || said.contains("took too long"), "{path}: {said}");
    }
    for stream in ["stdout", "stderr"] {
        let (said, took) = hog(&format!("import sys\nwhile True: sys.{stream}.write('x' * 4096)\n"));
        assert!(said.contains("said too much") && took < 3, "{stream}: {said}, {took} s");
    }
    let (said, took) = hog("import time\ntime.sleep(60)\n");
    assert!(said.contains("took too long") && took < 10, "{said}, {took} s");
    let (said, took) = hog(
        "import signal, time\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ntime.sleep(60)\n",
    );
    assert!(said.contains("took too long") && took < 10, "signals are ignored: {said}, {took} s");
}

/// Processes of this machine whose command has `word` in it.
fn running(word: &str) -> usize {
    let is_it = |path: &Path| {
        let mut text = Vec::new();
        let _ = std::fs::File::open(path.join("cmdline")).and_then(|mut file| file.read_to_end(&mut text));
        String::from_utf8_lossy(&text).contains(word)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| is_it(&entry.path())).count()
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    if !can_be_had() {
        return;
    }
    let orphan = "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        \
                  os.close(0); os.close(1); os.close(2)\n        os.execv('/usr/bin/sleep', ['sleep', '4242'])\n    os._exit(0)\n";
    for after in ["sys.exit(0)\n", "import time\ntime.sleep(60)\n"] {
        let folder = Folder::new().with("block-address/act.py", &format!("{orphan}{after}")).python();
        let _ = act(&folder.script(json!({ "seconds": 2 })));
        for _ in 0..100 {
            if running("sleep\u{0}4242") == 0 {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert_eq!(running("sleep\u{0}4242"), 0, "{after}");
    }
    let folder = Folder::new().with("block-address/act.py", "import sys\nsys.exit(75)\n").python();
    assert!(matches!(act(&folder.script(json!({}))), Err(CallError::Retry(_))));
}
