//! The senders that people have, against the service as it runs: rsyslog, syslog-ng, Alertmanager and Elastic's Python client.
//!
//! They run as ordinary processes on ports and folders of their own, out of the folder that `ADJUTANT_CLIENTS` names and
//! `cargo xtask test --only clients` fills. Without it every test here says so and does nothing.

use super::running::{Running, clients};
use super::served::Served;
use super::syslog::PLAIN;
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is sent: text with everything that framing could trip over, CEF, and JSON.
const MESSAGES: [&str; 4] = [
    "10 failed logins for root from 198.51.100.7",
    "CEF:0|Vendor|Product|1.0|100|Brute force|8|src=198.51.100.7 duser=root",
    r#"{"event":"login","user":"zoë","ok":false}"#,
    "a line with \"quotes\" and \\ backslashes",
];

/// A queue that is always full: senders have to come again.
const BUSY: &str = "\n[limits]\nqueue_alerts_max = 1\n";

/// The service, and where the clients are.
struct House {
    clients: PathBuf,
    served: Served,
}

impl House {
    fn new(start: impl FnOnce() -> Served) -> Option<Self> {
        clients().map(|clients| Self { clients, served: start() })
    }

    /// Where HTTP is spoken.
    fn port(&self) -> &str {
        self.served.url.rsplit(':').next().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.served.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.served.path(name), text).unwrap();
        self.path(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.served.path("log")).unwrap_or_default()
    }

    /// Starts a program out of the folder of the clients or with an absolute path, with libraries from beside it.
    fn start(&self, program: &str, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(self.served.path("log")).unwrap();
        let mut command = Command::new(self.clients.join(program));
        command.args(arguments).current_dir(self.served.dir.path()).stdin(Stdio::null());
        command.env("LD_LIBRARY_PATH", self.clients.join("syslog-ng/usr/lib/syslog-ng"));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")))
    }

    /// Waits for so many alerts, and returns them as they came.
    fn arrived(&self, count: usize) -> Vec<String> {
        self.served.until_decided(count as u64, || format!("the client says:\n{}", self.log()));
        self.served.taken().into_iter().map(|taken| taken.raw).collect()
    }

    /// What arrives ends with each of the messages, once; what is graver may have overtaken the others.
    fn assert_messages(&self) {
        let texts = self.arrived(MESSAGES.len());
        assert_eq!(texts.len(), MESSAGES.len(), "{texts:#?}");
        for message in MESSAGES {
            let arrived = texts.iter().filter(|text| text.starts_with('<') && text.ends_with(message)).count();
            assert_eq!(arrived, 1, "{message}: {texts:#?}");
        }
        self.assert_all_read();
        assert!(self.served.taken().iter().all(|taken| taken.sender == "127.0.0.1"));
    }

    /// Nothing came that could not be read.
    fn assert_all_read(&self) {
        assert_eq!(self.served.metric(r#"adjutant_alerts_total{fate="failed"}"#), 0);
    }
}

/// The first folder in `dir` whose path ends with `end`, such as the one that holds rsyslog's modules on this architecture.
pub(crate) fn below(dir: &Path, end: &str) -> PathBuf {
    let mut entries = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path().join(end));
    entries.find(|path| path.is_dir()).unwrap_or_else(|| panic!("no {end} in {}", dir.display()))
}

/// Starts rsyslog, which reads our messages from a file and sends them with `action`.
fn rsyslog(house: &House, global: &str, action: &str) -> Running {
    let input = house.write("in.log", &format!("{}\n", MESSAGES.join("\n")));
    let modules = below(&house.clients.join("rsyslog/usr/lib"), "rsyslog");
    let work = house.path("");
    let config = format!(
        r#"global(workDirectory="{work}" maxMessageSize="64k" {global})
        module(load="imfile" mode="polling" pollingInterval="1")
        module(load="omelasticsearch")
        template(name="json" type="list") {{
            constant(value="{{\"message\":\"") property(name="msg" format="json") constant(value="\"}}")
        }}
        input(type="imfile" file="{input}" tag="app:" ruleset="out")
        ruleset(name="out") {{ {action} }}
        "#
    );
    let config = house.write("rsyslog.conf", &config);
    let pid = house.path("pid");
    house.start("rsyslog/usr/sbin/rsyslogd", &["-n", "-f", &config, "-i", &pid, "-M", &modules.display().to_string()])
}

#[test]
fn rsyslog_over_udp() {
    let Some(house) = House::new(|| Served::start(PLAIN)) else { return };
    let port = house.served.syslog[0].port();
    let action =
        format!(r#"action(type="omfwd" target="127.0.0.1" port="{port}" protocol="udp" template="RSYSLOG_ForwardFormat")"#);
    let _client = rsyslog(&house, "", &action);
    house.assert_messages();
}

#[test]
fn rsyslog_over_tcp_in_both_framings() {
    for framing in ["traditional", "octet-counted"] {
        let Some(house) = House::new(|| Served::start(&format!("{PLAIN}{BUSY}"))) else { return };
        let port = house.served.syslog[1].port();
        let action = format!(
            r#"action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="{framing}" template="RSYSLOG_SyslogProtocol23Format")"#
        );
        let _client = rsyslog(&house, "", &action);
        house.assert_messages();
    }
}

#[test]
fn rsyslog_over_tls() {
    const TLS: &str = "[[syslog]]\nprotocol = \"tls\"\nlisten = \"127.0.0.1:0\"\nsource = \"lines\"\n";
    let Some(house) = House::new(|| Served::start_with_tls(TLS)) else { return };
    let (port, certificate) = (house.served.syslog[0].port(), house.path("tls.crt"));
    let global = format!(r#"defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{certificate}""#);
    let action = format!(
        r#"action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
            StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"
            template="RSYSLOG_SyslogProtocol23Format")"#
    );
    let _client = rsyslog(&house, &global, &action);
    house.assert_messages();
}

/// Each message is once inside the JSON that a client makes of it.
fn assert_messages_in(texts: &[String]) {
    let said = |text: &String| serde_json::from_str::<Value>(text).unwrap()["message"].as_str().unwrap().trim().to_owned();
    let (mut arrived, mut sent) = (texts.iter().map(said).collect::<Vec<String>>(), MESSAGES);
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent);
}

#[test]
fn rsyslog_over_bulk() {
    let Some(house) = House::new(|| Served::start("")) else { return };
    let (port, token, errors) = (house.port(), &house.served.source, house.path("errors"));
    let action = format!(
        r#"action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" uid="client" pwd="{token}" template="json"
            searchIndex="linux" searchType="" bulkmode="on" errorFile="{errors}")"#
    );
    let _client = rsyslog(&house, "", &action);
    assert_messages_in(&house.arrived(MESSAGES.len()));
    house.assert_all_read();
    assert!(!Path::new(&errors).exists(), "the client has no complaint");
}

#[test]
fn syslog_ng_over_the_event_collector() {
    let Some(house) = House::new(|| Served::start("")) else { return };
    let (port, token) = (house.port(), &house.served.source);
    let input = house.write("in.log", &format!("{}\n", MESSAGES.join("\n")));
    let config = format!(
        r#"@version: 3.38
        options {{ stats-freq(0); time-reopen(1); }};
        source s {{ file("{input}" flags(no-parse) follow-freq(1)); }};
        destination d {{ http(
            url("http://127.0.0.1:{port}/services/collector/event") method("POST")
            headers("Authorization: Splunk {token}")
            body('{{"host":"gateway","sourcetype":"app","event":$(format-json message=$MESSAGE)}}')
            batch-lines(4) batch-timeout(200) delimiter("\n")
        ); }};
        log {{ source(s); destination(d); }};
        "#
    );
    let config = house.write("syslog-ng.conf", &config);
    let (state, pid, control) = (house.path("state"), house.path("pid"), house.path("control"));
    let modules = below(&house.clients.join("syslog-ng/usr/lib/syslog-ng"), "").display().to_string();
    let modules = format!("--module-path={modules}");
    let arguments = ["-F", "--stderr", "--no-caps", "-f", &config, "-R", &state, "-p", &pid, "-c", &control, &modules];
    let _client = house.start("syslog-ng/usr/sbin/syslog-ng", &arguments);
    assert_messages_in(&house.arrived(MESSAGES.len()));
    house.assert_all_read();
}

/// A port that nobody listened on a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn alertmanager_fires_and_resolves() {
    let Some(house) = House::new(|| Served::start("")) else { return };
    let (url, token) = (&house.served.url, &house.served.source);
    let config = format!(
        "global:\n  resolve_timeout: 2s\nroute:\n  receiver: adjutant\n  group_by: [alertname]\n  group_wait: 100ms\n  group_interval: 1s\n\
         receivers:\n- name: adjutant\n  webhook_configs:\n  - url: {url}/v1/alertmanager\n    send_resolved: true\n    \
         http_config:\n      authorization:\n        credentials: {token}\n"
    );
    let config = format!("--config.file={}", house.write("alertmanager.yml", &config));
    let (own, storage) = (free_port(), format!("--storage.path={}", house.path("data-of-alertmanager")));
    let listen = format!("--web.listen-address=127.0.0.1:{own}");
    let _client = house.start("/usr/bin/prometheus-alertmanager", &[&config, &storage, &listen, "--cluster.listen-address="]);
    let alert = r#"[{"labels":{"alertname":"HostDown","severity":"critical","instance":"web-1"},"annotations":{"summary":"web-1 is down"}}]"#;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let fire = || {
        let fired = agent.post(format!("http://127.0.0.1:{own}/api/v2/alerts")).content_type("application/json").send(alert);
        fired.is_ok_and(|answer| answer.status() == 200)
    };
    Served::until("Alertmanager's start", fire);
    let texts = house.arrived(2);
    assert_eq!(texts.len(), 2, "{texts:#?}");
    for (text, status) in texts.iter().zip(["firing", "resolved"]) {
        let record: Value = serde_json::from_str(text).unwrap();
        assert_eq!(record["alertmanager"]["receiver"], "adjutant");
        assert_eq!((&record["alert"]["labels"]["instance"], &record["alert"]["status"]), (&"web-1".into(), &status.into()));
    }
    house.assert_all_read();
}

const PYTHON: &str = r#"
import sys
from elasticsearch import Elasticsearch, helpers

client = Elasticsearch(sys.argv[1], basic_auth=("client", sys.argv[2]), http_compress=True, request_timeout=60)
assert client.info()["tagline"] == "You Know, for Search"
actions = [{"_op_type": "create", "_index": "okta", "_id": str(n), "_source": {"n": n}} for n in range(100)]
told = [ok for ok, _ in helpers.streaming_bulk(client, actions, chunk_size=25, max_retries=200, initial_backoff=0, raise_on_error=False)]
assert len(told) == 100 and all(told), "what was refused with 429 came again"
count, errors = helpers.bulk(client, actions[:1], raise_on_error=False)
assert (count, errors) == (1, []), "known documents are fine"
count, errors = helpers.bulk(client, [{"_op_type": "delete", "_index": "okta", "_id": "1"}], raise_on_error=False)
assert count == 0 and errors[0]["delete"]["status"] == 400, errors
assert client.index(index="okta", id="x", document={"single": True})["result"] == "created"
"#;

#[test]
fn elastics_python_client() {
    let Some(house) = House::new(|| Served::start(BUSY)) else { return };
    let script = house.write("client.py", PYTHON);
    let mut client = house.start("python/bin/python", &[&script, &house.served.url, &house.served.source]);
    let status = client.0.wait().unwrap();
    assert!(status.success(), "{}", house.log());
    let mut numbers: Vec<Option<u64>> =
        house.arrived(101).iter().map(|text| serde_json::from_str::<Value>(text).unwrap()["n"].as_u64()).collect();
    numbers.sort_unstable();
    let sent: Vec<Option<u64>> = std::iter::once(None).chain((0..100).map(Some)).collect();
    assert_eq!(numbers, sent);
}
