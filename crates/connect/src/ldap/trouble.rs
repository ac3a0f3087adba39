//! Why a request has no answer, and what follows from it: whether it can be tried again depends on what was sent, and on
//! whether it would have changed something.

use adjutant_hand::connector::CallError;

/// Why a request has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It was not sent.
    NotSent(String),
    /// It was not sent, and will not be until somebody changes something.
    Never(String),
    /// It may have been sent, and nothing is known of what became of it.
    Lost(String),
    /// The directory answered that it does not.
    Refused {
        /// The result code of RFC 4511.
        code: u32,
        /// What it says about it.
        says: String,
    },
}

/// What a result code says about a request that is refused with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing was done, and later it may be.
    Later,
    /// Nothing was done, and it never will be.
    Never,
    /// It says nothing about what was done.
    Unknown,
}

use Meaning::{Later, Never, Unknown};

/// There was more to answer than was asked for.
pub(super) const SIZE_LIMIT: u32 = 4;
/// Something of the values is not as the request says.
const CHANGED_SINCE: [u32; 3] = [16, 20, 122];

/// Name and meaning of a result code. A request to modify is done as a whole or not at all, so that most refusals leave
/// nothing behind; a server that passes requests on says *unavailable* also when it lost the one behind it after sending.
const fn known(code: u32) -> (&'static str, Meaning) {
    match code {
        1 => ("operationsError", Unknown),
        2 => ("protocolError", Never),
        3 => ("timeLimitExceeded", Unknown),
        4 => ("sizeLimitExceeded", Never),
        7 => ("authMethodNotSupported", Never),
        8 => ("strongerAuthRequired", Never),
        10 => ("referral", Never),
        11 => ("adminLimitExceeded", Never),
        12 => ("unavailableCriticalExtension", Never),
        13 => ("confidentialityRequired", Never),
        16 => ("noSuchAttribute", Never),
        17 => ("undefinedAttributeType", Never),
        18 => ("inappropriateMatching", Never),
        19 => ("constraintViolation", Never),
        20 => ("attributeOrValueExists", Never),
        21 => ("invalidAttributeSyntax", Never),
        32 => ("noSuchObject", Never),
        33 => ("aliasProblem", Never),
        34 => ("invalidDNSyntax", Never),
        48 => ("inappropriateAuthentication", Never),
        49 => ("invalidCredentials", Never),
        50 => ("insufficientAccessRights", Never),
        51 => ("busy", Later),
        52 => ("unavailable", Unknown),
        53 => ("unwillingToPerform", Never),
        54 => ("loopDetect", Never),
        64 => ("namingViolation", Never),
        65 => ("objectClassViolation", Never),
        66 => ("notAllowedOnNonLeaf", Never),
        67 => ("notAllowedOnRDN", Never),
        68 => ("entryAlreadyExists", Never),
        69 => ("objectClassModsProhibited", Never),
        71 => ("affectsMultipleDSAs", Never),
        122 => ("assertionFailed", Never),
        _ => ("another result", Unknown),
    }
}

impl Trouble {
    /// What follows when the request would have changed nothing.
    pub(super) fn of_reading(self) -> CallError {
        match self {
            Trouble::NotSent(why) | Trouble::Lost(why) => CallError::Retry(why),
            Trouble::Never(why) => CallError::Permanent(why),
            Trouble::Refused { code, says } => match known(code).1 {
                Later | Unknown => CallError::Retry(refusal(code, &says)),
                Never => CallError::Permanent(refusal(code, &says)),
            },
        }
    }

    /// What follows when the request would have changed something.
    pub(super) fn of_changing(self) -> CallError {
        match self {
            Trouble::NotSent(why) => CallError::Retry(why),
            Trouble::Never(why) => CallError::Permanent(why),
            Trouble::Lost(why) => CallError::Unclear(why),
            Trouble::Refused { code, says } => match known(code).1 {
                Later => CallError::Retry(refusal(code, &says)),
                Unknown => CallError::Unclear(refusal(code, &says)),
                Never if CHANGED_SINCE.contains(&code) => {
                    CallError::Permanent(format!("somebody else changed it at the same time; {}", refusal(code, &says)))
                }
                Never => CallError::Permanent(refusal(code, &says)),
            },
        }
    }

    /// Whether another request over the same connection makes sense.
    pub(super) const fn leaves_connection(&self) -> bool {
        matches!(self, Trouble::Refused { code, .. } if matches!(known(*code).1, Never))
    }
}

fn refusal(code: u32, says: &str) -> String {
    let name = known(code).0;
    let note = match code {
        10 => "; it does not take changes itself: name the server that does in `url`",
        49 => "; `bind_dn` or its password is wrong",
        _ => "",
    };
    let says = if says.is_empty() { String::new() } else { format!(": {says}") };
    format!("the directory answers {name} ({code}){says}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32) -> Trouble {
        Trouble::Refused { code, says: "why".into() }
    }

    #[test]
    fn only_what_certainly_was_not_done_is_tried_again() {
        let why = || "why".to_owned();
        assert!(matches!(Trouble::NotSent(why()).of_changing(), CallError::Retry(_)));
        assert!(matches!(Trouble::Lost(why()).of_changing(), CallError::Unclear(_)));
        assert!(matches!(Trouble::Never(why()).of_changing(), CallError::Permanent(_)));
        for code in 0..=200 {
            let retried = matches!(refused(code).of_changing(), CallError::Retry(_));
            assert_eq!(retried, code == 51, "{code}");
        }
        for code in [1, 3, 52, 80, 88, 123] {
            assert!(matches!(refused(code).of_changing(), CallError::Unclear(_)), "{code}");
        }
        for code in [10, 16, 19, 21, 32, 49, 50, 53, 65, 122] {
            assert!(matches!(refused(code).of_changing(), CallError::Permanent(_)), "{code}");
        }
    }

    #[test]
    fn what_changes_nothing_is_never_unclear() {
        for code in 0..=200 {
            assert!(!matches!(refused(code).of_reading(), CallError::Unclear(_)), "{code}");
        }
        assert!(matches!(Trouble::Lost(String::new()).of_reading(), CallError::Retry(_)));
        assert!(matches!(refused(50).of_reading(), CallError::Permanent(_)));
    }
}
