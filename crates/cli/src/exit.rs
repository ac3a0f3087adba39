//! The exit codes, all of them.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Ok = 0,
    /// Something in the input had a problem, a test failed, or the ledger or its folder is not as it should be.
    Problems = 1,
    /// Decisions change under the other book.
    Changes = 2,
    /// The book, a file or an argument's value is faulty, or the service refused or was not reached; nothing was done, or the
    /// message says that this is not known.
    Faulty = 3,
    /// The command line is not understood.
    Usage = 64,
    /// The output cannot be written.
    Output = 74,
    /// Interrupted; what was done before is shown.
    Interrupted = 130,
}

impl Exit {
    /// How another process of this program ended.
    pub(crate) fn of_code(code: i32) -> Option<Self> {
        let all = [Exit::Ok, Exit::Problems, Exit::Changes, Exit::Faulty, Exit::Usage, Exit::Output, Exit::Interrupted];
        all.into_iter().find(|exit| *exit as i32 == code)
    }
}

/// The codes, for `--help` and the manual.
pub(crate) const HELP: &str = "\
Exit codes:
    0  all went well
    1  a record had a problem, a test failed, or the ledger or its folder needs a look
    2  decisions change (backtest)
    3  the book, a file or a value is faulty, or the service refused or was not reached; nothing was done
   64  the command line is not understood
   74  the output cannot be written
  130  interrupted; what was done before is shown";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
