//! A real browser (Chromium), told what to do over WebDriver (W3C): as wide as a telephone, and with the scripts of pages
//! switched off.

use super::running::Running;
use super::served::Served;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;

const PROGRAMS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromedriver"];

/// A telephone, in CSS pixels.
const TELEPHONE: (u32, u32) = (360, 740);

/// How WebDriver names the keys.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// What is wrong with how a page looks: text without contrast (WCAG 2.2, 1.4.3), what is wider than the screen (1.4.10), what a
/// finger does not hit.
const FAULTS: &str = r#"
const numbers = color => color.match(/[\d.]+/g).map(Number);
const light = color => {
  const part = value => { const v = value / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const [r, g, b] = numbers(color).map(part);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor, part = numbers(color);
    if (part.length < 4 || part[3] > 0) return color;
  }
  return "rgb(255, 255, 255)";
};
const faults = [], width = document.documentElement.clientWidth;
for (const element of document.body.querySelectorAll("*")) {
  const box = element.getBoundingClientRect(), style = getComputedStyle(element), name = element.tagName.toLowerCase();
  const says = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) || name === "textarea";
  const [one, other] = [light(style.color), light(ground(element))].sort((a, b) => b - a);
  const contrast = (one + 0.05) / (other + 0.05);
  if (says && contrast < 4.5) faults.push(`pale ${name} ${contrast.toFixed(1)}`);
  if (box.right > width + 0.5 || element.scrollWidth > element.clientWidth + 1 && style.display !== "inline")
    faults.push(`wide ${name}`);
  if (["button", "textarea"].includes(name) && box.height < 44) faults.push(`small ${name}`);
}
if (document.documentElement.scrollWidth > width) faults.push("wide page");
return faults;
"#;

/// A browser with one window. It ends when it is dropped.
pub(crate) struct Browser {
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
    _driver: Running,
}

impl Browser {
    /// Starts one; none, with a word about it, where there is none.
    pub(crate) fn start() -> Option<Self> {
        let [chromium, driver] = PROGRAMS.map(Path::new);
        if !chromium.exists() || !driver.exists() {
            println!("skipped: there is no Chromium with its driver; `cargo xtask setup` gets it");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let log = profile.path().join("driver.log");
        let driver = Running::start(driver, &["--port=0".to_owned(), format!("--log-path={}", log.display())]);
        // Its port is the system's to give, and the first thing that it writes down.
        let port = || {
            let said = std::fs::read_to_string(&log).ok()?;
            said.split_once("successfully on port ")?.1.split_once('\n')?.0.trim_end_matches('.').parse().ok()
        };
        Served::until("the driver", || port().is_some());
        let port: u16 = port().unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut browser = Self { agent, session: format!("http://127.0.0.1:{port}/session"), _profile: profile, _driver: driver };
        browser.begin();
        Some(browser)
    }

    fn begin(&mut self) {
        // Its own sandbox is not for those who are root, and what it is shown here is ours.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
        let profile = format!("--user-data-dir={}", self._profile.path().join("profile").display());
        let arguments: Vec<&str> = arguments.into_iter().chain([profile.as_str()]).collect();
        let options = json!({ "binary": PROGRAMS[0], "args": arguments, "prefs": { "profile.managed_default_content_settings.javascript": 2 } });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let begun = self.says("POST", "", &wanted);
        self.session = format!("{}/{}", self.session, begun["sessionId"].as_str().unwrap());
        let (width, height) = TELEPHONE;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
        self.command("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// What the driver answers, which must be no error.
    #[track_caller]
    fn says(&self, method: &str, path: &str, body: &Value) -> Value {
        self.tries(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn tries(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let answered = match method {
            "GET" => self.agent.get(&url).call(),
            _ => self.agent.post(&url).content_type("application/json").send(body.to_string()),
        };
        let mut answered = answered.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answered.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let value = serde_json::from_str::<Value>(&text).unwrap()["value"].take();
        if answered.status().is_success() { Ok(value) } else { Err(value["message"].to_string()) }
    }

    #[track_caller]
    fn get(&self, path: &str) -> String {
        self.says("GET", path, &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// A command of Chromium's own protocol.
    fn command(&self, name: &str, parameters: &Value) -> Value {
        self.says("POST", "/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    /// Opens a page.
    pub(crate) fn open(&self, url: &str) {
        self.says("POST", "/url", &json!({ "url": url }));
    }

    pub(crate) fn title(&self) -> String {
        self.get("/title")
    }

    /// The text of the page, as it is seen; empty while another page comes.
    pub(crate) fn text(&self) -> String {
        let body = self.all("body").pop().unwrap_or_default();
        let text = self.tries("GET", &format!("/element/{body}/text"), &Value::Null).unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The text of an element, as it is seen.
    #[allow(dead_code, reason = "nothing is copied from questions")]
    pub(crate) fn words(&self, element: &str) -> String {
        self.get(&format!("/element/{element}/text"))
    }

    /// Everything that a selector finds.
    pub(crate) fn all(&self, selector: &str) -> Vec<String> {
        let found = self.says("POST", "/elements", &json!({ "using": "css selector", "value": selector }));
        found.as_array().unwrap().iter().map(element).collect()
    }

    /// What assistive technology reads aloud for an element.
    pub(crate) fn label(&self, element: &str) -> String {
        self.get(&format!("/element/{element}/computedlabel"))
    }

    /// What has the focus: its kind, and its label.
    pub(crate) fn focus(&self) -> (String, String) {
        let active = element(&self.says("GET", "/element/active", &Value::Null));
        (self.get(&format!("/element/{active}/name")), self.label(&active))
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })));
        let strokes: Vec<Value> = strokes.collect();
        self.says("POST", "/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// Presses the tabulator until the focus is on what has this label, as whoever has no mouse does.
    #[track_caller]
    pub(crate) fn tab_to(&self, label: &str) {
        let reached = (0..20).any(|_| {
            self.press(TAB);
            self.focus().1 == label
        });
        assert!(reached, "nobody gets to {label:?} by keys: {}", self.text());
    }

    /// Puts text where the focus is, as somebody who pastes it does.
    #[allow(dead_code, reason = "questions are answered without a word")]
    pub(crate) fn paste(&self, text: &str) {
        self.command("Input.insertText", &json!({ "text": text }));
    }

    /// What is wrong with how the page looks, in light and dark.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for scheme in ["light", "dark"] {
            self.scheme(scheme);
            let found = self.says("POST", "/execute/sync", &json!({ "script": FAULTS, "args": [] }));
            faults.extend(found.as_array().unwrap().iter().map(|fault| format!("{scheme}: {}", fault.as_str().unwrap())));
        }
        let nameless =
            self.all("button, textarea, input:not([type=hidden])").into_iter().filter(|one| self.label(one).is_empty());
        faults.extend(nameless.map(|_| "a field without a label".to_owned()));
        faults
    }

    fn scheme(&self, name: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": name }] });
        self.command("Emulation.setEmulatedMedia", &features);
    }

    /// Keeps a picture of the whole page, light and dark, for whoever wants to look at it: `target/tmp/pages`.
    pub(crate) fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&folder).unwrap();
        for scheme in ["light", "dark"] {
            self.scheme(scheme);
            let taken = self.command("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }));
            let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
            std::fs::write(folder.join(format!("{name}-{scheme}.png")), bytes).unwrap();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session; it may be gone already.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn element(found: &Value) -> String {
    found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
}
