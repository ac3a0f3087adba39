//! Programs that `cargo xtask setup` gets.

use std::path::PathBuf;
use std::process::Command;

/// A program, and where it was unpacked.
pub(crate) struct Tool {
    root: PathBuf,
    program: PathBuf,
}

/// `program`, of this machine or unpacked under `name`; says so where there is none.
pub(crate) fn tool(name: &str, program: &str) -> Option<Tool> {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let target = option_env!("CARGO_TARGET_DIR").map_or(target, PathBuf::from);
    let unpacked = target.join("clients").join(name);
    let found = [unpacked, PathBuf::from("/")].into_iter().find(|root| root.join(program).exists());
    if found.is_none() {
        println!("skipped: there is no {name}; `cargo xtask setup` gets it");
    }
    found.map(|root| Tool { program: root.join(program), root })
}

impl Tool {
    /// A command of it, with the libraries and modules that were unpacked beside it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let unpacked = self.root.join("usr/lib");
        let libraries = std::fs::read_dir(&unpacked).into_iter().flatten().flatten().map(|entry| entry.path());
        let libraries = libraries.filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).chain([unpacked.clone()]);
        let libraries: Vec<String> = libraries.map(|path| path.display().to_string()).collect();
        if self.root != PathBuf::from("/") {
            command.env("LD_LIBRARY_PATH", libraries.join(":"));
        }
        command
    }

    /// Where Python finds its modules.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.env("PYTHONPATH", self.root.join("usr/lib/python3/dist-packages"));
        command
    }
}
