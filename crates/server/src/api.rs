//! What the HTTP API does, one file per thing: each a function from the service and a typed request to a typed answer.
//!
//! Nothing here knows of HTTP but its problems; [`crate::routes`] binds these functions to paths and permissions.

pub mod autonomy;
pub mod blind;
pub mod cases;
pub mod connectors;
pub mod containment;
pub mod decisions;
pub mod health;
pub mod ledger;
pub mod plans;
pub mod reviews;

use crate::problem::{Kind, Problem};
use adjutant_model::Time;
use adjutant_runtime::drive::{Refused, Reply};
use adjutant_runtime::ports::StoreError;
use adjutant_runtime::service::Failed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// `done`, or `asked` when a second person has to agree.
    pub result: String,
    /// The number of its entry in the ledger, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

impl From<Reply> for Done {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Done(seq) => Done { result: "done".into(), seq: Some(seq) },
            Reply::Asked(seq) => Done { result: "asked".into(), seq: Some(seq) },
            Reply::Kept => Done { result: "done".into(), seq: None },
        }
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refused) => {
                let kind = match &refused {
                    Refused::NoCase(_) | Refused::NoPlaybook(_) => Kind::NotFound,
                    Refused::AlreadySo(_) => Kind::Conflict,
                    Refused::New(_) => Kind::Forbidden,
                    Refused::Autonomy(_) | Refused::Text | Refused::NoEvidence => Kind::Invalid,
                };
                Problem::new(kind, refused.to_string())
            }
            Failed::Unavailable(why) => Problem::new(Kind::Unavailable, why),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Full(_) | StoreError::Unavailable(_) | StoreError::Unclear(_) => Kind::Unavailable,
            StoreError::Damaged(_) | StoreError::Version(_) => Kind::Internal,
        };
        Problem::new(kind, error.to_string())
    }
}

/// A time as people write it: RFC 3339, or how long ago, such as `90m`, `24h` and `7d`.
///
/// # Errors
/// It is neither.
pub fn time(text: &str, now: Time) -> Result<Time, Problem> {
    let wrong =
        || Problem::new(Kind::Invalid, format!("`{text}` is no time; write 2026-03-01T09:14:07Z, or 24h for that long ago"));
    let ago = |number: &str, seconds: i64| {
        let number: i64 = number.parse().ok()?;
        let micros = number.checked_mul(seconds)?.checked_mul(1_000_000)?;
        now.0.checked_sub(micros).filter(|_| number >= 0).map(Time)
    };
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let relative = units.iter().find_map(|(unit, seconds)| ago(text.strip_suffix(unit)?, *seconds));
    let absolute = || adjutant_engine::normalize::time::read(text, None).map(|reading| reading.time);
    relative.or_else(absolute).ok_or_else(wrong)
}

/// Digits that a name may be looked for by.
///
/// # Errors
/// They are none.
pub fn digits(text: &str) -> Result<&str, Problem> {
    let is = (4..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is.then_some(text)
        .ok_or_else(|| Problem::new(Kind::Invalid, format!("`{text}` is no id: write 4 to 32 of its hexadecimal digits")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Time::from_secs(1_000_000);
        assert_eq!(time("1h", now).unwrap(), Time::from_secs(1_000_000 - 3600));
        assert_eq!(time("1970-01-02T00:00:00Z", now).unwrap(), Time::from_secs(86_400));
        for wrong in ["", "h", "-1h", "soon", "99999999999999999999d"] {
            assert!(time(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_are_hexadecimal() {
        assert!(digits("4f1c9e").is_ok());
        for wrong in ["", "4f1", "4f1g", "'; drop", &"a".repeat(33)] {
            assert!(digits(wrong).is_err(), "{wrong}");
        }
    }
}
