//! A service that runs for one test, and what it took.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two looks at what arrived.
const LOOK: Duration = Duration::from_millis(50);

/// A service that runs, and ends with the test.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    /// Where syslog is taken, in the order of the configuration.
    pub(crate) syslog: Vec<SocketAddr>,
    /// Makes tokens.
    pub(crate) admin: String,
    /// Sends alerts of any source.
    pub(crate) source: String,
    /// Reads everything.
    pub(crate) lead: String,
    agent: ureq::Agent,
    pub(crate) dir: tempfile::TempDir,
    /// Kept open, so that the service can still print.
    _stdout: BufReader<ChildStdout>,
}

/// A process of the service, and what it said when it began.
struct Launched {
    child: Child,
    url: String,
    syslog: Vec<SocketAddr>,
    tokens: Vec<String>,
    stdout: BufReader<ChildStdout>,
}

/// What was answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An alert that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) sender: String,
    pub(crate) raw: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts a service with this configuration.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config, None, &[])
    }

    /// The same in this folder, whose path the configuration may name, and with this environment.
    pub(crate) fn start_at(dir: tempfile::TempDir, config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_in(dir, config, None, environment)
    }

    /// The same with what `prepare` puts into the folder of this test, which says the configuration.
    pub(crate) fn start_prepared(prepare: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = prepare(dir.path());
        Self::start_in(dir, &config, None, &[])
    }

    /// The same behind TLS with a certificate for `localhost` and its address, which is `tls.crt` in the folder.
    pub(crate) fn start_with_tls(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = format!("\n[http.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
        Self::start_in(dir, &format!("{config}{tls}"), Some(made.cert.pem().as_bytes()), &[])
    }

    fn start_in(dir: tempfile::TempDir, config: &str, trusted: Option<&[u8]>, environment: &[(&str, &str)]) -> Self {
        std::fs::write(dir.path().join("adjutant.toml"), config).unwrap();
        let Launched { child, url, syslog, tokens, stdout } = launch(dir.path(), environment, 2);
        let [admin, source] = <[String; 2]>::try_from(tokens).unwrap();
        let agent = agent(trusted);
        let mut served = Self { child, url, syslog, admin, source, lead: String::new(), agent, dir, _stdout: stdout };
        served.lead = served.reader();
        served
    }

    fn reader(&self) -> String {
        self.token(r#"{"name":"reader","role":"lead","days":1}"#)
    }

    /// Asks the service to end, and waits until it did.
    pub(crate) fn stop(&mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Starts the service again in its folder, with this environment.
    pub(crate) fn start_again(&mut self, environment: &[(&str, &str)]) {
        let Launched { child, url, syslog, tokens: _, stdout } = launch(self.dir.path(), environment, 0);
        (self.child, self.url, self.syslog, self._stdout) = (child, url, syslog, stdout);
        // The clock may be another one, and the token at its end.
        self.lead = self.reader();
    }

    /// Begins anew in the folder of one that was stopped, whose data is gone.
    pub(crate) fn start_over(mut before: Self) -> Self {
        let dir = std::mem::replace(&mut before.dir, tempfile::tempdir().unwrap());
        let config = std::fs::read_to_string(dir.path().join("adjutant.toml")).unwrap();
        Self::start_at(dir, &config, &[])
    }

    /// Runs another command of the program in the folder of the service: its exit code, and what it says.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adjutant"));
        command.env_remove("ADJUTANT_CLIENTS").env_remove("ADJUTANT_CONFIG").env("NO_COLOR", "1");
        let output = command.args(arguments).arg("--data").arg(self.path("data")).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// What a command says that succeeds.
    #[track_caller]
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        said
    }

    /// Makes a token for a tool.
    pub(crate) fn token(&self, wanted: &str) -> String {
        let bearer = format!("Bearer {}", self.admin);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let made = self.ask("POST", "/v1/tokens", &headers, wanted.as_bytes());
        made.json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends a request with these headers and nothing else.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder().method(method.clone()).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = if method == Method::GET || method == Method::HEAD {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let (head, mut body) = answered.unwrap_or_else(|error| panic!("{method} {path}: {error}")).into_parts();
        let body = body.with_config().limit(u64::MAX).read_to_vec().unwrap();
        Reply { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Posts with the token of the sources.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.ask("POST", path, &[("authorization", &format!("Bearer {}", self.source))], body.as_ref())
    }

    /// Gets with the token of the lead.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[("authorization", &format!("Bearer {}", self.lead))], &[])
    }

    /// Gets with another token.
    #[track_caller]
    pub(crate) fn get_as(&self, token: &str, path: &str) -> Reply {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], &[])
    }

    /// A number of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.trim().parse().unwrap()
    }

    /// How many alerts were decided.
    pub(crate) fn decided(&self) -> u64 {
        self.metric(r#"adjutant_alerts_total{fate="decided"}"#)
    }

    /// All rows of a listing, page after page of `limit` rows.
    pub(crate) fn rows(&self, path: &str, limit: u32) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit={limit}{cursor}"));
            assert_eq!(page.status, 200, "{}", String::from_utf8_lossy(&page.body));
            let page = page.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit as usize);
            rows.extend(items.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Every alert that was taken, in the order of the decisions.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let taken = |row: Value| {
            let decision = row["decision"].as_str().unwrap();
            let raw = self.get(&format!("/v1/decisions/{decision}/raw"));
            assert_eq!(raw.status, 200);
            Taken { sender: row["sender"].as_str().unwrap().to_owned(), raw: String::from_utf8(raw.body).unwrap() }
        };
        self.decisions().into_iter().map(taken).collect()
    }

    /// What every decision led from and to, in the order of the decisions.
    pub(crate) fn records(&self) -> Vec<Value> {
        let record = |row: Value| self.get(&format!("/v1/decisions/{}", row["decision"].as_str().unwrap())).json();
        self.decisions().into_iter().map(record).collect()
    }

    /// Every decision, in the order in which they were made.
    fn decisions(&self) -> Vec<Value> {
        let mut rows = self.rows("/v1/decisions", 200);
        rows.sort_by_key(|row| row["seq"].as_u64());
        rows
    }

    /// Waits until so many alerts were decided; `said` is shown when that does not happen.
    pub(crate) fn until_decided(&self, count: u64, said: impl Fn() -> String) {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if self.decided() >= count {
                return;
            }
            pause();
        }
        panic!("{} of {count} were decided: {:#?}\n{}", self.decided(), self.taken(), said());
    }

    /// Waits until `done`.
    pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        assert!((0..looks).any(|_| done() || pause()), "{what} did not happen");
    }

    /// A path in the folder of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Starts the service in `dir`, which says so many tokens.
fn launch(dir: &Path, environment: &[(&str, &str)], tokens_said: usize) -> Launched {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjutant"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir.join("data"));
    command.arg("--config").arg(dir.join("adjutant.toml")).envs(environment.iter().copied());
    // Whatever else begins so would be a setting.
    command.env_remove("ADJUTANT_CLIENTS").env_remove("ADJUTANT_CONFIG");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut url, mut syslog, mut tokens) = (String::new(), Vec::new(), Vec::new());
    while url.is_empty() || tokens.len() < tokens_said {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the service ended");
        if let Some(said) = line.trim().strip_prefix("listening on ") {
            url = said.to_owned();
        } else if line.starts_with("syslog over ") {
            syslog.extend(line.trim().rsplit(' ').next().map(|address| address.parse::<SocketAddr>().unwrap()));
        }
        tokens.extend(line.trim().split_once(" token: ").map(|(_, token)| token.to_owned()));
    }
    Launched { child, url, syslog, tokens, stdout }
}

/// Waits a moment for another process; false, so that a search goes on.
#[expect(clippy::disallowed_methods, reason = "another process is waited for; nothing is asserted of how long that takes")]
fn pause() -> bool {
    std::thread::sleep(LOOK);
    false
}

fn agent(trusted: Option<&[u8]>) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    // Who is refused before the body was read loses the connection, which the next request would learn by failing.
    config = config.max_idle_connections(0);
    if let Some(pem) = trusted {
        let roots = RootCerts::new_with_certs(&[Certificate::from_pem(pem).unwrap()]);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    config.build().into()
}
