//! Programs of other people that tests run beside the service.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder of the clients, or a word about it.
#[expect(clippy::disallowed_methods, reason = "a test that needs programs of other people is told where they are")]
pub(crate) fn clients() -> Option<PathBuf> {
    let dir = std::env::var_os("ADJUTANT_CLIENTS").map(PathBuf::from);
    if dir.is_none() {
        eprintln!("skipped: ADJUTANT_CLIENTS is not set; run `cargo xtask test --only clients`");
    }
    dir
}

/// A client at work; ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts a program, which says nothing.
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
