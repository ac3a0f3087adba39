//! Why a command has no good answer, and what follows from it: whether it can be tried again depends on what was sent, and on
//! whether it would have changed something.

use adjutant_hand::connector::CallError;

/// Why a command has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It was not sent.
    NotSent(String),
    /// It was not sent, and will not be until somebody changes something.
    Never(String),
    /// It may have been sent, and nothing is known of what became of it.
    Lost(String),
    /// The server answered `NO`.
    No {
        /// What it says in brackets; empty when nothing.
        code: String,
        /// What it says about it.
        says: String,
    },
    /// The server answered `BAD`: it does not take such a command.
    Bad(String),
}

/// What a code in brackets says about a command that is refused with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing was done, and later it may be.
    Later,
    /// Nothing was done, and it never will be.
    Never,
    /// It says nothing about what was done.
    Unknown,
}

/// Codes of RFC 5530 and others. A server that passes commands on says *unavailable* also when it lost the one behind it.
fn meaning(code: &str) -> Meaning {
    match code.split(' ').next().unwrap_or("") {
        "INUSE" | "LIMIT" => Meaning::Later,
        "NOPERM"
        | "OVERQUOTA"
        | "CANNOT"
        | "NONEXISTENT"
        | "TRYCREATE"
        | "CLIENTBUG"
        | "AUTHENTICATIONFAILED"
        | "AUTHORIZATIONFAILED"
        | "EXPIRED"
        | "PRIVACYREQUIRED"
        | "CONTACTADMIN" => Meaning::Never,
        _ => Meaning::Unknown,
    }
}

impl Trouble {
    /// What follows when the command would have changed nothing.
    pub(super) fn of_reading(self) -> CallError {
        match self {
            Trouble::NotSent(why) | Trouble::Lost(why) => CallError::Retry(why),
            Trouble::Never(why) | Trouble::Bad(why) => CallError::Permanent(why),
            Trouble::No { code, says } => match meaning(&code) {
                Meaning::Later | Meaning::Unknown => CallError::Retry(refusal(&code, &says)),
                Meaning::Never => CallError::Permanent(refusal(&code, &says)),
            },
        }
    }

    /// What follows when the command would have changed something.
    pub(super) fn of_changing(self) -> CallError {
        match self {
            Trouble::NotSent(why) => CallError::Retry(why),
            Trouble::Lost(why) => CallError::Unclear(why),
            Trouble::Never(why) | Trouble::Bad(why) => CallError::Permanent(why),
            Trouble::No { code, says } => match meaning(&code) {
                Meaning::Later => CallError::Retry(refusal(&code, &says)),
                Meaning::Never => CallError::Permanent(refusal(&code, &says)),
                Meaning::Unknown => CallError::Unclear(refusal(&code, &says)),
            },
        }
    }

    /// Of a command that only led to the one that matters.
    pub(super) fn before(self) -> Self {
        match self {
            Trouble::Lost(why) => Trouble::NotSent(why),
            other => match other.clone().of_reading() {
                CallError::Permanent(why) => Trouble::Never(why),
                CallError::Retry(why) | CallError::Unclear(why) => Trouble::NotSent(why),
            },
        }
    }

    /// Whether the connection is still of use.
    pub(super) const fn leaves_connection(&self) -> bool {
        matches!(self, Trouble::No { .. } | Trouble::Bad(_) | Trouble::Never(_))
    }
}

fn refusal(code: &str, says: &str) -> String {
    let code = if code.is_empty() { String::new() } else { format!(" [{code}]") };
    format!("the mail server refuses{code}: {says}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(code: &str) -> Trouble {
        Trouble::No { code: code.into(), says: "it says".into() }
    }

    #[test]
    fn what_is_not_known_of_a_change_is_unclear_and_of_a_look_can_be_tried_again() {
        for trouble in [Trouble::Lost("gone".into()), no(""), no("SERVERBUG"), no("UNAVAILABLE")] {
            assert!(matches!(trouble.clone().of_changing(), CallError::Unclear(_)), "{trouble:?}");
            assert!(matches!(trouble.clone().of_reading(), CallError::Retry(_)), "{trouble:?}");
        }
    }

    #[test]
    fn what_certainly_was_not_done_says_so() {
        assert!(matches!(no("INUSE").of_changing(), CallError::Retry(_)));
        assert!(matches!(no("NOPERM").of_changing(), CallError::Permanent(_)));
        assert!(matches!(no("TRYCREATE folder").of_changing(), CallError::Permanent(_)));
        assert!(matches!(Trouble::NotSent("no".into()).of_changing(), CallError::Retry(_)));
        assert!(matches!(Trouble::Lost("gone".into()).before().of_changing(), CallError::Retry(_)));
        assert!(matches!(no("NOPERM").before().of_changing(), CallError::Permanent(_)));
    }
}
