//! The house rules that a compiler does not check, as tests.
//!
//! Which crate may use which, how long a file and a function may be, what a pure crate must not touch, which
//! words must not stay. Each rule is a function from text to complaints, so that each is tested on a bad example.

mod docs;
mod edges;
mod lengths;
mod modules;
mod planted;
mod purity;
mod tree;
mod words;

use tree::{Tree, report};

#[test]
fn crates_use_only_the_crates_below_them() {
    report(edges::complaints(&edges::metadata()));
}

#[test]
fn planted_bugs_are_in_nothing_that_ships() {
    report(planted::complaints(&edges::metadata()));
}

#[test]
fn files_and_functions_are_short() {
    report(Tree::load().rust().flat_map(lengths::complaints).collect());
}

#[test]
fn pure_crates_touch_nothing_of_the_world() {
    let tree = Tree::load();
    let shipped = modules::shipped(&tree);
    let pure = tree.rust().filter(|file| purity::is_pure(&file.path) && shipped.contains(file.path.as_str()));
    let mut complaints: Vec<String> = pure.flat_map(purity::complaints).collect();
    complaints.extend(purity::roots(&tree));
    complaints.extend(purity::dependencies(&edges::metadata()));
    report(complaints);
}

#[test]
fn every_file_is_compiled() {
    report(modules::orphans(&Tree::load()));
}

#[test]
fn every_source_file_says_what_it_is() {
    report(Tree::load().rust().flat_map(modules::undocumented).collect());
}

#[test]
fn no_test_is_ignored_and_no_word_left_behind() {
    report(Tree::load().files.iter().flat_map(words::complaints).collect());
}

#[test]
fn documents_lead_somewhere() {
    report(docs::complaints(&Tree::load()));
}

#[test]
fn every_manifest_takes_the_workspace_lints() {
    report(Tree::load().manifests().filter_map(edges::without_lints).collect());
}
