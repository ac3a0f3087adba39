//! What a pure crate must not touch: files, sockets, processes, threads, the environment, clocks, randomness.
//!
//! Two proofs: its manifest names only crates that were looked at, and its code names none of the standard
//! library's doors to the world. Panics are clippy's part; here only the line that asks for it is checked.

use crate::edges;
use crate::modules::is_test;
use crate::tree::{File, Tree};
use serde_json::Value;
use syn::visit::{self, Visit};

const PURE: [&str; 5] = ["model", "rules", "engine", "mail", "ledger"];

/// Doors to the world, as path prefixes.
const DOORS: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::collections::hash_map::RandomState",
    "std::hash::RandomState",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
    "jiff::tz::TimeZone::get",
    "maxminddb::Reader::open_readfile",
    "rand",
    "getrandom",
    "uuid",
];

/// Ends of paths that read a file or a clock under any name.
const ENDS: &[&str] = &["Reader::open_readfile", "Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];

/// Macros that print.
const PRINTERS: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];

/// Crates that were looked at: they compute, and do no I/O unless a type that is a door is named.
const LOOKED_AT: &[&str] = &[
    "adjutant-mail",
    "adjutant-model",
    "adjutant-rules",
    "aho-corasick",
    "annotate-snippets",
    "base64",
    // Parses, checks and evaluates policies; reads only from readers that it is given, and its dates are off.
    "cedar-policy",
    // Signs and verifies; keys come from seeds, its `rand_core` feature is off.
    "ed25519-dalek",
    // Packs and unpacks; its readers and writers wrap what they are given.
    "flate2",
    "foldhash",
    // Decodes from readers that it is given.
    "gif",
    "hashbrown",
    "idna",
    "ipnet",
    "jiff",
    "libm",
    // Parses bytes that it is given; its readers of mail folders take paths and are not named by us.
    "mail-parser",
    // Reads files only in `open_readfile` and `open_mmap`; the engine gives it bytes.
    "maxminddb",
    "memchr",
    // The trait by which faults tell their places; what draws them for a terminal is off.
    "miette",
    "psl",
    "regex",
    // Verifies signatures and hashes; its random numbers are not named by us.
    "ring",
    // Finds and reads QR codes in a picture that it is given; what saves pictures is off.
    "rqrr",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "simd-json",
    "siphasher",
    // A vector whose first cells need no memory of their own.
    "smallvec",
    "strsim",
    "thiserror",
    // Tables of Unicode.
    "unicode-security",
    "zeroize",
    // Decode pictures from bytes.
    "zune-core",
    "zune-jpeg",
    "zune-png",
];

/// Lints that the root of a pure crate must deny.
const DENIED: [&str; 4] = ["clippy::unwrap_used", "clippy::expect_used", "clippy::panic", "clippy::indexing_slicing"];

pub(crate) fn is_pure(path: &str) -> bool {
    PURE.iter().any(|name| path.starts_with(&format!("crates/{name}/src/")))
}

pub(crate) fn complaints(file: &File) -> Vec<String> {
    let Ok(syntax) = syn::parse_file(&file.text) else { return Vec::new() };
    let mut finder = Finder { path: &file.path, complaints: Vec::new() };
    finder.visit_file(&syntax);
    finder.complaints
}

/// Pure crates whose root does not ask clippy to refuse panics.
pub(crate) fn roots(tree: &Tree) -> Vec<String> {
    let roots = PURE.iter().filter_map(|name| tree.get(&format!("crates/{name}/src/lib.rs")));
    let missing = |file: &File| {
        let missing = DENIED.iter().filter(|lint| !file.text.contains(**lint)).copied().collect::<Vec<_>>().join(", ");
        (!missing.is_empty()).then(|| format!("{}: does not deny {missing}", file.path))
    };
    roots.filter_map(missing).collect()
}

/// Dependencies of pure crates that nobody looked at.
pub(crate) fn dependencies(metadata: &Value) -> Vec<String> {
    let pure = edges::packages(metadata).filter(|(name, _)| PURE.contains(name));
    let unknown = |(name, package)| {
        let uses = edges::dependencies(package).filter(|(used, kind)| *kind != "dev" && !LOOKED_AT.contains(used));
        uses.map(|(used, _)| format!("pure crate `{name}` uses `{used}`: look whether it does I/O, then add it to LOOKED_AT"))
            .collect::<Vec<_>>()
    };
    pure.flat_map(unknown).collect()
}

struct Finder<'a> {
    path: &'a str,
    complaints: Vec<String>,
}

impl Finder<'_> {
    fn judge(&mut self, path: &str, line: usize) {
        let door =
            DOORS.iter().find(|door| path.strip_prefix(**door).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
        let end = ENDS.iter().find(|end| path.ends_with(**end));
        if let Some(found) = door.or(end) {
            self.complaints.push(format!("{}:{line}: a pure crate must not use `{found}`", self.path));
        }
    }

    fn imports(&mut self, before: &str, tree: &syn::UseTree) {
        use syn::spanned::Spanned;
        let joined = |name: &syn::Ident| if before.is_empty() { name.to_string() } else { format!("{before}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.imports(&joined(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.judge(&joined(&name.ident), name.span().start().line),
            syn::UseTree::Rename(name) => self.judge(&joined(&name.ident), name.span().start().line),
            syn::UseTree::Glob(glob) => self.judge(before, glob.span().start().line),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.imports(before, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imports("", &item.tree);
    }
    fn visit_path(&mut self, path: &'ast syn::Path) {
        use syn::spanned::Spanned;
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.judge(&names.join("::"), path.span().start().line);
        visit::visit_path(self, path);
    }
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        use syn::spanned::Spanned;
        if let Some(name) = PRINTERS.iter().find(|name| call.path.is_ident(name)) {
            self.complaints.push(format!("{}:{}: a pure crate must not print (`{name}!`)", self.path, call.span().start().line));
        }
        visit::visit_macro(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(text: &str) -> usize {
        complaints(&File { path: "crates/model/src/x.rs".into(), text: text.into() }).len()
    }

    #[test]
    fn doors_are_caught_however_they_are_written() {
        assert_eq!(found("use std::fs;"), 1);
        assert_eq!(found("use std::{fmt, io::{self, Write}};"), 2);
        assert_eq!(found("use std::fs::*;"), 1);
        assert_eq!(found("fn f() { let _ = std::env::var(\"HOME\"); }"), 1);
        assert_eq!(found("use std::time::Instant as Clock;"), 1);
        assert_eq!(found("fn f() -> jiff::Timestamp { jiff::Timestamp::now() }"), 1);
        assert_eq!(found("fn f() { println!(\"x\"); }"), 1);
    }

    #[test]
    fn what_only_computes_is_allowed() {
        assert_eq!(
            found("use std::net::IpAddr; use std::fmt::Write as _; use std::time::Duration; fn f() { random_name(); }"),
            0
        );
        assert_eq!(found("#[cfg(test)] mod tests { use std::fs; }"), 0);
    }

    #[test]
    fn an_unknown_dependency_is_caught() {
        let metadata =
            json!({ "packages": [{ "name": "adjutant-model", "dependencies": [{ "name": "reqwest", "kind": null }] }] });
        assert_eq!(dependencies(&metadata).len(), 1);
    }

    #[test]
    fn a_root_that_may_panic_is_caught() {
        let lib = |text: &str| Tree { files: vec![File { path: "crates/model/src/lib.rs".into(), text: text.into() }] };
        assert_eq!(roots(&lib("//! Nouns.")).len(), 1);
        assert!(roots(&lib(&DENIED.join(" "))).is_empty());
    }
}
