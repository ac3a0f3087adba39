//! The senders that people have, against our doors: rsyslog, syslog-ng, Alertmanager and Elastic's Python client.
//!
//! They run as ordinary processes on ports and folders of their own, out of the folder that `ADJUTANT_CLIENTS` names and
//! `cargo xtask test --only clients` fills. Without it every test here says so and does nothing.

use adjutant_server::intake::body::Limits;
use adjutant_server::intake::http::{Caller, Intake, Secrets, routes};
use adjutant_server::intake::syslog::{Door, tcp, udp};
use adjutant_server::intake::webhook::{Secret, Window};
use adjutant_server::intake::{Answer, Fate, Fault, Hints, Incoming, Pending, Sink, hec};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::{Next, from_fn};
use base64::Engine as _;
use bytes::Bytes;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use testing::Memory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;

#[path = "../src/intake/testing.rs"]
mod testing;

const TOKEN: &str = "0f4a9e7c-test-token";

/// What is sent: text with everything that framing could trip over, CEF, and JSON.
const MESSAGES: [&str; 4] = [
    "10 failed logins for root from 198.51.100.7",
    "CEF:0|Vendor|Product|1.0|100|Brute force|8|src=198.51.100.7 duser=root",
    r#"{"event":"login","user":"zoë","ok":false}"#,
    "a line with \"quotes\" and \\ backslashes",
];

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of the clients, or a word about it.
#[expect(clippy::disallowed_methods, reason = "a test that needs programs of other people is told where they are")]
fn clients() -> Option<PathBuf> {
    let dir = std::env::var_os("ADJUTANT_CLIENTS").map(PathBuf::from);
    if dir.is_none() {
        eprintln!("skipped: ADJUTANT_CLIENTS is not set; run `cargo xtask test --only clients`");
    }
    dir
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn of(&self, _: &str) -> Vec<Secret> {
        Vec::new()
    }
}

/// A client at work; ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Our doors, and a folder for the client.
struct House {
    clients: PathBuf,
    dir: tempfile::TempDir,
    sink: Arc<Memory>,
    stop: watch::Sender<bool>,
}

impl House {
    fn new(sink: Memory) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        Some(Self { clients: clients()?, dir, sink: Arc::new(sink), stop: watch::channel(false).0 })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.dir.path().join(name), text).unwrap();
        self.path(name)
    }

    fn door(&self) -> Door {
        Door::new(Arc::clone(&self.sink) as Arc<dyn Sink>, None)
    }

    /// Serves HTTP; callers are known by [`TOKEN`], however it comes.
    async fn http(&self) -> SocketAddr {
        let intake = Intake {
            sink: Arc::clone(&self.sink) as Arc<dyn Sink>,
            limits: Limits::default(),
            now_ms: Arc::new(|| 0),
            secrets: Arc::new(NoSecrets),
            deliveries: Arc::new(Window::new(1)),
        };
        let app = routes(intake).layer(from_fn(gate));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        address
    }

    async fn tcp(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(tcp(listener, self.door(), |stream| async { Ok(stream) }, self.stop.subscribe()));
        address
    }

    async fn udp(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(udp(socket, self.door(), self.stop.subscribe()));
        address
    }

    /// Starts a program out of the folder of the clients or with an absolute path, with libraries from beside it.
    fn start(&self, program: &str, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let mut command = Command::new(self.clients.join(program));
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("LD_LIBRARY_PATH", self.clients.join("syslog-ng/usr/lib/syslog-ng"));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")))
    }

    /// Waits for `done`; what the client said is shown when that does not happen.
    async fn until(&self, done: impl Fn(&Memory) -> bool) {
        let wait = async {
            while !done(&self.sink) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            panic!("taken: {:#?}\nfaults: {:#?}\nthe client says:\n{log}", self.sink.taken(), self.sink.faults());
        }
    }

    /// What was taken ends with each of the messages, in order.
    fn assert_messages(&self) {
        let texts = self.sink.texts();
        assert_eq!(texts.len(), MESSAGES.len(), "{texts:#?}");
        for (text, message) in texts.iter().zip(MESSAGES) {
            assert!(text.ends_with(message), "{text}");
        }
        assert_eq!(self.sink.faults(), []);
    }
}

/// Knows a caller by its token: Splunk, Basic or Bearer.
async fn gate(mut request: Request, next: Next) -> axum::response::Response {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = value.and_then(|value| value.strip_prefix("Bearer "));
    let token = bearer.map(Into::into).or_else(|| hec::token(value, None).ok());
    if token.is_some_and(|token| token == TOKEN) {
        request.extensions_mut().insert(Caller { name: "client".into(), source: None });
    }
    next.run(request).await
}

/// The first folder in `dir` whose path ends with `end`, such as the one that holds rsyslog's modules on this architecture.
fn below(dir: &Path, end: &str) -> PathBuf {
    let mut entries = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path().join(end));
    entries.find(|path| path.is_dir()).unwrap_or_else(|| panic!("no {end} in {}", dir.display()))
}

/// Starts rsyslog, which reads our messages from a file and sends them with `action`.
fn rsyslog(house: &House, action: &str) -> Running {
    let input = house.write("in.log", &format!("{}\n", MESSAGES.join("\n")));
    let modules = below(&house.clients.join("rsyslog/usr/lib"), "rsyslog");
    let work = house.path("");
    let config = format!(
        r#"global(workDirectory="{work}" maxMessageSize="64k")
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

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_over_udp() {
    let Some(house) = House::new(Memory::default()) else { return };
    let port = house.udp().await.port();
    let action =
        format!(r#"action(type="omfwd" target="127.0.0.1" port="{port}" protocol="udp" template="RSYSLOG_ForwardFormat")"#);
    let _client = rsyslog(&house, &action);
    house.until(|sink| sink.texts().len() >= MESSAGES.len()).await;
    house.assert_messages();
    assert_eq!(house.sink.taken()[0].1, "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_over_tcp_in_both_framings() {
    for framing in ["traditional", "octet-counted"] {
        let Some(house) = House::new(Memory::refusing(1)) else { return };
        let port = house.tcp().await.port();
        let action = format!(
            r#"action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="{framing}" template="RSYSLOG_SyslogProtocol23Format")"#
        );
        let _client = rsyslog(&house, &action);
        house.until(|sink| sink.texts().len() >= MESSAGES.len()).await;
        house.assert_messages();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_over_bulk() {
    let Some(house) = House::new(Memory::default()) else { return };
    let port = house.http().await.port();
    let action = format!(
        r#"action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" uid="client" pwd="{TOKEN}" template="json"
            searchIndex="linux" searchType="" bulkmode="on" errorFile="{}")"#,
        house.path("errors")
    );
    let _client = rsyslog(&house, &action);
    house.until(|sink| sink.texts().len() >= MESSAGES.len()).await;
    let texts = house.sink.texts();
    let said = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap()["message"].as_str().unwrap().to_owned();
    let messages: Vec<String> = texts.iter().map(|text| said(text).trim().to_owned()).collect();
    assert_eq!(messages, MESSAGES);
    assert_eq!(house.sink.taken()[0].2.hints.as_deref().and_then(|hints| hints.kind.as_deref()), Some("linux"));
    assert!(!Path::new(&house.path("errors")).exists(), "the client has no complaint");
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_ng_over_the_event_collector() {
    let Some(house) = House::new(Memory::refusing(1)) else { return };
    let port = house.http().await.port();
    let input = house.write("in.log", &format!("{}\n", MESSAGES.join("\n")));
    let config = format!(
        r#"@version: 3.38
        options {{ stats-freq(0); time-reopen(1); }};
        source s {{ file("{input}" flags(no-parse) follow-freq(1)); }};
        destination d {{ http(
            url("http://127.0.0.1:{port}/services/collector/event") method("POST")
            headers("Authorization: Splunk {TOKEN}")
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
    house.until(|sink| sink.texts().len() >= MESSAGES.len()).await;
    let texts = house.sink.texts();
    let said = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap()["message"].as_str().unwrap().to_owned();
    assert_eq!(texts.iter().map(said).collect::<Vec<String>>(), MESSAGES, "although it was busy once");
    let hints = Hints { host: Some("gateway".into()), kind: Some("app".into()), ..Hints::default() };
    assert_eq!(house.sink.taken()[0].2.hints.as_deref(), Some(&hints));
}

/// A port that nobody listened on a moment ago.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Posts JSON; whether that was taken.
async fn post(port: u16, path: &str, body: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_fires_and_resolves() {
    let Some(house) = House::new(Memory::refusing(1)) else { return };
    let port = house.http().await.port();
    let config = format!(
        "global:\n  resolve_timeout: 2s\nroute:\n  receiver: adjutant\n  group_by: [alertname]\n  group_wait: 100ms\n  group_interval: 1s\n\
         receivers:\n- name: adjutant\n  webhook_configs:\n  - url: http://127.0.0.1:{port}/v1/alertmanager\n    send_resolved: true\n    \
         http_config:\n      authorization:\n        credentials: {TOKEN}\n"
    );
    let config = format!("--config.file={}", house.write("alertmanager.yml", &config));
    let (own, storage) = (free_port().await, format!("--storage.path={}", house.path("data")));
    let listen = format!("--web.listen-address=127.0.0.1:{own}");
    let _client = house.start("/usr/bin/prometheus-alertmanager", &[&config, &storage, &listen, "--cluster.listen-address="]);
    let alert = r#"[{"labels":{"alertname":"HostDown","severity":"critical","instance":"web-1"},"annotations":{"summary":"web-1 is down"}}]"#;
    let fired = async {
        while !post(own, "/api/v2/alerts", alert).await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, fired).await.is_ok(), "Alertmanager does not start");
    let has =
        |sink: &Memory, status: &str| sink.texts().iter().any(|text| text.contains(&format!(r#""alert":{{"status":"{status}""#)));
    house.until(|sink| has(sink, "firing") && has(sink, "resolved")).await;
    let record: serde_json::Value = serde_json::from_str(&house.sink.texts()[0]).unwrap();
    assert_eq!(record["alertmanager"]["receiver"], "adjutant");
    assert_eq!(record["alert"]["labels"]["instance"], "web-1");
    assert_eq!(house.sink.taken()[0].0.as_deref(), Some("alertmanager"));
}

const PYTHON: &str = r#"
import sys
from elasticsearch import Elasticsearch, helpers

client = Elasticsearch(sys.argv[1], basic_auth=("client", sys.argv[2]), http_compress=True)
assert client.info()["tagline"] == "You Know, for Search"
actions = [{"_op_type": "create", "_index": "okta", "_id": str(n), "_source": {"n": n}} for n in range(500)]
told = [ok for ok, _ in helpers.streaming_bulk(client, actions, chunk_size=100, max_retries=3, initial_backoff=0, raise_on_error=False)]
assert len(told) == 500 and all(told), "what was refused with 429 came again"
count, errors = helpers.bulk(client, actions[:10], raise_on_error=False)
assert (count, errors) == (10, []), "known documents are fine"
count, errors = helpers.bulk(client, [{"_op_type": "delete", "_index": "okta", "_id": "1"}], raise_on_error=False)
assert count == 0 and errors[0]["delete"]["status"] == 400, errors
assert client.index(index="okta", id="x", document={"single": True})["result"] == "created"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn elastics_python_client() {
    let Some(house) = House::new(Memory::refusing(2)) else { return };
    let address = format!("http://{}", house.http().await);
    let script = house.write("client.py", PYTHON);
    let mut client = house.start("python/bin/python", &[&script, &address, TOKEN]);
    let status = tokio::task::spawn_blocking(move || client.0.wait().unwrap()).await.unwrap();
    let log = std::fs::read_to_string(house.dir.path().join("log")).unwrap();
    assert!(status.success(), "{log}");
    assert_eq!(house.sink.texts().len(), 501);
    let ids = house.sink.taken().iter().filter_map(|(_, _, record)| record.hints.as_ref()?.id.clone()).collect::<Vec<String>>();
    assert_eq!(ids.iter().filter(|id| *id == "499").count(), 1);
}

#[test]
fn a_token_is_known_however_it_comes() {
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("client:{TOKEN}")));
    assert_eq!(hec::token(Some(&basic), None).unwrap(), TOKEN);
}
