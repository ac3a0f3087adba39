//! The repository's files as text.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the repository.
pub(crate) struct File {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// All text files of the repository.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// Directories that hold no source of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "corpus", "artifacts", "coverage"];
/// A larger file is data.
const TEXT_BYTES_MAX: u64 = 4 << 20;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the workspace").to_owned()
}

impl Tree {
    pub(crate) fn load() -> Self {
        let mut files = Vec::new();
        collect(&root(), &root(), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(crate) fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(dir).expect("a directory of the repository is readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else if entry.metadata().is_ok_and(|meta| meta.len() <= TEXT_BYTES_MAX) {
            let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            files.extend(fs::read_to_string(&path).ok().map(|text| File { path: relative, text }));
        }
    }
}

/// Fails with all complaints, one a line.
pub(crate) fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
