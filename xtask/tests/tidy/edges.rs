//! Which crate may use which. The order of the table is the order of the house, from the nouns to the binary.

use crate::tree::{File, root};
use serde_json::Value;
use std::process::Command;

/// A crate and every crate that it may use.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("rules", &["model"]),
    ("mail", &["model"]),
    ("ledger", &["model"]),
    ("engine", &["model", "rules", "mail"]),
    ("runtime", &["model", "rules", "mail", "ledger", "engine"]),
    ("store", &["model", "rules", "mail", "ledger", "engine", "runtime"]),
    ("hand", &["model", "rules", "mail", "ledger", "engine"]),
    ("connect", &["model", "rules", "mail", "hand"]),
    ("server", &["model", "rules", "mail", "ledger", "engine", "runtime", "hand"]),
    ("sim", &["model", "rules", "mail", "ledger", "engine", "runtime", "store"]),
    ("adjutant", &["model", "rules", "mail", "ledger", "engine", "runtime", "store", "hand", "connect", "server"]),
    ("fuzz", &["model", "rules", "mail", "ledger", "engine", "runtime", "hand", "connect", "server"]),
    ("xtask", &["model", "rules", "mail", "ledger", "engine", "runtime", "store", "hand", "connect", "server", "sim"]),
];

/// What cargo knows of the workspace.
pub(crate) fn metadata() -> Value {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Name without the prefix that all of ours share.
fn short(name: &str) -> &str {
    name.strip_prefix("adjutant-").unwrap_or(name)
}

/// The dependencies of a package, as (name, kind).
pub(crate) fn dependencies(package: &Value) -> impl Iterator<Item = (&str, &str)> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter_map(|dependency| Some((dependency["name"].as_str()?, dependency["kind"].as_str().unwrap_or("normal"))))
}

/// Every package of the workspace with its short name.
pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = metadata["packages"].as_array().into_iter().flatten();
    all.filter_map(|package| Some((short(package["name"].as_str()?), package)))
}

pub(crate) fn complaints(metadata: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, package) in packages(metadata) {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            complaints.push(format!("crate `{name}` has no place in the house: add it to EDGES with what it may use"));
            continue;
        };
        for (used, kind) in dependencies(package).filter(|(used, _)| used.starts_with("adjutant")) {
            let of_the_tests = kind == "dev" && short(used) == "sim";
            if !allowed.contains(&short(used)) && !of_the_tests {
                complaints.push(format!("crate `{name}` must not use `{used}` ({kind})"));
            }
        }
    }
    complaints
}

/// A manifest that does not take the workspace's lints.
pub(crate) fn without_lints(manifest: &File) -> Option<String> {
    (!manifest.text.contains("[lints]\nworkspace = true"))
        .then(|| format!("{}: add `[lints]` with `workspace = true`", manifest.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, uses: &[&str]) -> Value {
        let uses: Vec<Value> = uses.iter().map(|name| json!({ "name": name, "kind": null })).collect();
        json!({ "packages": [{ "name": name, "dependencies": uses }] })
    }

    #[test]
    fn an_edge_upwards_is_caught() {
        assert!(complaints(&package("adjutant-engine", &["adjutant-rules", "serde"])).is_empty());
        assert_eq!(complaints(&package("adjutant-rules", &["adjutant-engine"])).len(), 1);
        assert_eq!(complaints(&package("adjutant", &["adjutant-sim"])).len(), 1);
        assert_eq!(complaints(&package("adjutant-surprise", &[])).len(), 1);
    }

    #[test]
    fn missing_lints_are_caught() {
        let manifest = |text: &str| File { path: "crates/x/Cargo.toml".into(), text: text.into() };
        assert!(without_lints(&manifest("[package]\n")).is_some());
        assert!(without_lints(&manifest("[lints]\nworkspace = true\n")).is_none());
    }
}
