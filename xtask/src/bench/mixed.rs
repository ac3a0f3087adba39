//! The file that is triaged: real records of many vendors in equal shares, repeated with other times, ids and people.

use super::vary::{PEOPLE, Template};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Vendor formats with a source of their own, and where their records are.
pub const PRODUCTS: &[&str] = &[
    "guardduty",
    "cloudtrail",
    "okta",
    "securityhub",
    "suricata",
    "gcp-audit",
    "sentinel-securityalert",
    "entra-signin",
    "o365-audit",
    "google_workspace.admin",
    "google_workspace.login",
    "crowdstrike-falcon",
    "sentinelone-alert",
    "defender-endpoint",
    "wazuh",
    "text/checkpoint.firewall",
];

/// The file with everybody.
pub const IDENTITIES: &str = "identities.csv";
/// Users in it.
const USERS: usize = 10_000;
/// When the first record happens: 2026-01-05T00:00:00Z, a Monday.
const START: i64 = 1_767_571_200;
/// Seconds from one record to the next.
const STEP_SECONDS: i64 = 4;

/// What is measured on.
pub struct Mixed {
    /// The records, one a line.
    pub records: PathBuf,
    /// The directory of context: `identities.csv`.
    pub context: PathBuf,
    /// One finding of Amazon GuardDuty of 2.7 kB.
    pub finding: String,
}

/// Writes at least `bytes` of records below `dir`, or takes what is there.
pub fn prepare(data: &Path, dir: &Path, bytes: u64) -> Result<Mixed> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let products: Vec<Vec<Template>> = PRODUCTS.iter().map(|product| templates(data, product)).collect::<Result<_>>()?;
    let mixed = Mixed {
        records: dir.join(format!("mixed-{}.jsonl", bytes >> 20)),
        context: dir.join("context"),
        finding: finding(data)?,
    };
    fs::create_dir_all(&mixed.context)?;
    fs::write(mixed.context.join(IDENTITIES), directory(&products))?;
    if fs::metadata(&mixed.records).is_ok_and(|meta| meta.len() >= bytes) {
        return Ok(mixed);
    }
    let partial = mixed.records.with_extension("partial");
    write(&products, &partial, bytes).with_context(|| format!("write {}", partial.display()))?;
    fs::rename(&partial, &mixed.records)?;
    Ok(mixed)
}

fn lines(data: &Path, product: &str) -> Result<Vec<String>> {
    let path = data.join("alerts").join(format!("{product}.jsonl"));
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let raw = |line: &str| match product.starts_with("text/") {
        false => Some(line.to_owned()),
        true => serde_json::from_str::<serde_json::Value>(line).ok()?.get("_raw")?.as_str().map(str::to_owned),
    };
    // Envelopes without a record in them say nothing about speed.
    Ok(text.lines().filter(|line| line.len() > 100).filter_map(raw).filter(|line| !line.contains('\n')).collect())
}

fn templates(data: &Path, product: &str) -> Result<Vec<Template>> {
    let templates: Vec<Template> = lines(data, product)?.iter().map(|line| Template::new(line)).collect();
    ensure!(!templates.is_empty(), "no records of {product}");
    Ok(templates)
}

fn finding(data: &Path) -> Result<String> {
    let lines = lines(data, "guardduty")?;
    lines.into_iter().min_by_key(|line| line.len().abs_diff(2_700)).context("no GuardDuty finding")
}

fn write(products: &[Vec<Template>], path: &Path, bytes: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut written, mut line) = (0, String::new());
    for nth in 0_u64.. {
        if written >= bytes {
            break;
        }
        let product = &products[nth as usize % products.len()];
        let turn = nth as usize / products.len();
        line.clear();
        product[turn % product.len()].write(turn as u64, START + nth as i64 * STEP_SECONDS, &mut line);
        line.push('\n');
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(out.flush()?)
}

/// Everybody in the records, and others up to [`USERS`].
fn directory(products: &[Vec<Template>]) -> String {
    let people: BTreeSet<&str> = products.iter().flatten().flat_map(Template::people).collect();
    let named = people.into_iter().flat_map(|name| (0..PEOPLE).map(move |number| format!("{}{number}", name.to_lowercase())));
    let others = (0..).map(|number| format!("user-{number}"));
    let mut csv = String::from("id,upn,sam,privileged,department\n");
    for (number, user) in named.chain(others).take(USERS).enumerate() {
        csv.push_str(&format!("u-{number},{user}@corp.example,{user},{},dept-{}\n", number % 25 == 0, number % 12));
    }
    csv
}
