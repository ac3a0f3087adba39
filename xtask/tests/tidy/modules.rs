//! Files that no `mod` names are dead: they look alive, are searched and read, and are never compiled.

use crate::tree::{File, Tree};
use std::collections::BTreeSet;

/// Files that a build without tests compiles.
pub(crate) fn shipped(tree: &Tree) -> BTreeSet<&str> {
    reached(tree, false)
}

fn reached(tree: &Tree, with_tests: bool) -> BTreeSet<&str> {
    let mut reached = BTreeSet::new();
    for file in tree.rust().filter(|file| is_root(&file.path)) {
        reach(tree, file, with_tests, &mut reached);
    }
    reached
}

/// Source files that nothing leads to.
pub(crate) fn orphans(tree: &Tree) -> Vec<String> {
    let reached = reached(tree, true);
    let dead = tree.rust().filter(|file| !reached.contains(file.path.as_str()));
    dead.map(|file| format!("{}: no `mod` leads here", file.path)).collect()
}

/// Whether cargo itself finds the file: a crate's root, a binary, a test, a fuzz target.
fn is_root(path: &str) -> bool {
    let Some((dir, name)) = path.rsplit_once('/') else { return true };
    let of_cargo = ["src", "tests", "examples", "benches", "fuzz_targets"];
    match dir.rsplit('/').next() {
        Some("src") => matches!(name, "lib.rs" | "main.rs"),
        Some("bin") => true,
        // A binary that has a folder of its own.
        _ if dir.rsplit_once('/').is_some_and(|(parent, _)| parent.ends_with("/src/bin")) => name == "main.rs",
        _ if dir.contains("/src/") => false,
        Some(last) if of_cargo.contains(&last) => true,
        _ => name == "main.rs" || name == "build.rs",
    }
}

fn reach<'a>(tree: &'a Tree, file: &'a File, with_tests: bool, reached: &mut BTreeSet<&'a str>) {
    if !reached.insert(&file.path) {
        return;
    }
    let Ok(syntax) = syn::parse_file(&file.text) else { return };
    let base = children_of(&file.path);
    for (name, path) in modules(&syntax.items, "", with_tests) {
        let candidates = match path {
            Some(path) => vec![format!("{}/{path}", file.path.rsplit_once('/').map_or("", |(dir, _)| dir))],
            None => vec![format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")],
        };
        for found in candidates.iter().filter_map(|candidate| tree.get(candidate)) {
            reach(tree, found, with_tests, reached);
        }
    }
}

/// The directory that holds the modules of the file at `path`.
fn children_of(path: &str) -> String {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" => dir.to_owned(),
        _ if is_root(path) => dir.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    }
}

/// Modules declared without a body, as (path of names, path given by an attribute).
fn modules(items: &[syn::Item], before: &str, with_tests: bool) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        if !with_tests && is_test(&module.attrs) {
            continue;
        }
        let name = format!("{before}{}", module.ident);
        match &module.content {
            Some((_, inner)) => found.extend(modules(inner, &format!("{name}/"), with_tests)),
            None => found.push((name, module.attrs.iter().find_map(path_attribute))),
        }
    }
    found
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// A source file that does not begin by saying what it is.
pub(crate) fn undocumented(file: &File) -> Option<String> {
    (!file.text.starts_with("//! ")).then(|| format!("{}: begin with `//!`: what it is, why, what it must never do", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn a_dead_file_is_caught() {
        let tree = tree(&[
            ("crates/x/src/lib.rs", "mod a; mod tests { mod inner; }"),
            ("crates/x/src/a.rs", "mod b;"),
            ("crates/x/src/a/b.rs", ""),
            ("crates/x/src/tests/inner.rs", ""),
            ("crates/x/src/dead.rs", ""),
            ("crates/x/tests/suite/main.rs", "mod part;"),
            ("crates/x/tests/suite/part.rs", ""),
        ]);
        assert_eq!(orphans(&tree), ["crates/x/src/dead.rs: no `mod` leads here"]);
    }

    #[test]
    fn tests_are_not_shipped() {
        let tree = tree(&[
            ("crates/x/src/lib.rs", "mod a; #[cfg(test)] mod tests;"),
            ("crates/x/src/a.rs", ""),
            ("crates/x/src/tests.rs", "mod more;"),
            ("crates/x/src/tests/more.rs", ""),
            ("crates/x/src/tests/dead.rs", ""),
        ]);
        assert_eq!(Vec::from_iter(shipped(&tree)), ["crates/x/src/a.rs", "crates/x/src/lib.rs"]);
        assert_eq!(orphans(&tree), ["crates/x/src/tests/dead.rs: no `mod` leads here"]);
    }

    #[test]
    fn a_silent_file_is_caught() {
        let file = |text: &str| File { path: "x.rs".into(), text: text.into() };
        assert!(undocumented(&file("use std::fmt;")).is_some());
        assert!(undocumented(&file("//! What.\n")).is_none());
    }
}
