//! The store that is tampered with: alerts one by one and together, and everything that people do with cases.

use crate::live::http::Connection;
use crate::live::process::Setting;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Alerts that are sent one by one, and together.
const ALONE: usize = 12;
const TOGETHER: usize = 18;

/// An answer comes within this.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn write(binary: &Path, data: &Path) -> Result<()> {
    let served = Setting::new(binary, data).start()?.context("the service does not start")?;
    let (admin, source) = (served.tokens[0].clone(), served.tokens[1].clone());
    let mut open = Connection::open(served.address, PATIENCE)?;
    let mut ask = |method: &str, path: &str, token: &str, body: String| -> Result<serde_json::Value> {
        let answer = open.ask(method, path, token, body.as_bytes())?;
        ensure!(answer.status == 200, "{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(answer.json())
    };
    let text = std::fs::read_to_string(sh::root().join("crates/cli/demo/corp.jsonl"))?;
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().take(ALONE) {
        ask("POST", "/v1/alerts", &source, (*line).to_owned())?;
    }
    let together: Vec<&str> = lines.iter().skip(ALONE).take(TOGETHER).copied().collect();
    ask("POST", "/v1/alerts", &source, together.join("\n"))?;
    let lead = ask("POST", "/v1/tokens", &admin, json!({ "name": "judge", "role": "lead" }).to_string())?;
    let lead = lead["token"].as_str().context("a token")?.to_owned();
    let cases = ask("GET", "/v1/cases", &lead, String::new())?;
    let ids: Vec<String> =
        cases["items"].as_array().into_iter().flatten().filter_map(|case| Some(case["id"].as_str()?.into())).collect();
    ensure!(ids.len() >= 4, "only {} cases", ids.len());
    let judged = |verdict: &str| json!({ "verdict": verdict, "because": ["E1"], "note": "seen" }).to_string();
    ask("POST", &format!("/v1/cases/{}/verdict", ids[0]), &lead, judged("escalate"))?;
    ask("POST", &format!("/v1/cases/{}/verdict", ids[1]), &lead, judged("close"))?;
    ask("POST", &format!("/v1/cases/{}/verdict", ids[1]), &lead, judged("reopen"))?;
    ask("POST", &format!("/v1/cases/{}/verdict", ids[2]), &lead, judged("close"))?;
    ask("POST", &format!("/v1/cases/{}/assignee", ids[3]), &lead, json!({ "to": "" }).to_string())?;
    ask("POST", &format!("/v1/cases/{}/comments", ids[3]), &lead, json!({ "text": "looking" }).to_string())?;
    ask("POST", "/v1/pause", &lead, json!({ "pause": "recommend-only" }).to_string())?;
    ensure!(served.stop()?.success(), "the service does not end well");
    Ok(())
}
