//! The book, the manual and this crate speak of the same findings.

use adjutant_mail::{Aspect, KNOWN};

const PLAYBOOK: &str = include_str!("../../../book/playbooks/phishing.yaml");
const SOURCE: &str = include_str!("../../../book/sources/mail.yaml");
const MANUAL: &str = include_str!("../../../docs/mail.md");

/// Every `"name" in mail.aspect` of the playbook's conditions.
fn asked() -> Vec<(&'static str, &'static str)> {
    let pairs = PLAYBOOK.match_indices("\" in mail.");
    let pair = |(at, mark): (usize, &str)| {
        let name = PLAYBOOK[..at].rsplit('"').next().unwrap_or("");
        let aspect = PLAYBOOK[at + mark.len()..].split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or("");
        (name, aspect)
    };
    pairs.map(pair).collect()
}

fn is_known(name: &str, aspect: &str) -> bool {
    let aspect = if aspect == "insists" { "content" } else { aspect };
    let of_crate = KNOWN.iter().any(|known| known.1 == name && format!("{:?}", known.0).to_lowercase() == aspect);
    of_crate || SOURCE.contains(&format!("[\"{name}\"]"))
}

#[test]
fn every_finding_that_the_playbook_asks_for_exists() {
    let asked = asked();
    assert!(asked.len() > 80, "{}", asked.len());
    let unknown: Vec<_> = asked.iter().filter(|(name, aspect)| !is_known(name, aspect)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(!is_known("no-such-thing", "link"));
}

#[test]
fn no_rule_reads_what_anybody_can_write_about_being_bulk() {
    assert!(KNOWN.iter().any(|known| known.0 == Aspect::Bulk) && !PLAYBOOK.contains("mail.bulk"));
}

#[test]
fn every_finding_is_in_the_manual() {
    let missing: Vec<_> = KNOWN.iter().filter(|known| !MANUAL.contains(&format!("| `{}` | {} |", known.1, known.2))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
