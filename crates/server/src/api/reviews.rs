//! Retroactive reviews.

use super::time;
use crate::problem::{Kind, Problem};
use adjutant_runtime::drive::kind;
use adjutant_runtime::review::{self, Error, Found, Question};
use adjutant_runtime::service::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The source of facts that was wrong.
    pub source: String,
    /// Decisions from this time on: RFC 3339, or how long ago.
    pub from: String,
    /// … and before this; now when empty.
    #[serde(default)]
    pub to: String,
}

/// What a review found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Its name.
    pub review: String,
    /// Decisions in that time.
    pub decisions: u64,
    /// Those that used the source.
    pub used: u64,
    /// Those that come out differently, each before people now.
    pub flips: Vec<Flip>,
}

/// A decision that comes out differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flip {
    /// Its entry in the ledger.
    pub seq: u64,
    /// The case, open for people now.
    pub case: String,
    /// What was decided.
    pub was: String,
    /// What would be.
    pub is: String,
    /// The score now.
    pub score: i32,
}

/// Reviews for `by`. Takes as long as reading those decisions does; call it where a thread may block.
///
/// # Errors
/// No such source or time, or the store cannot be used.
pub fn run(service: &Service, by: &str, ask: &Ask) -> Result<Review, Problem> {
    let now = service.clock().now();
    let to = if ask.to.is_empty() { now } else { time(&ask.to, now)? };
    let question = Question { source: ask.source.clone(), from: time(&ask.from, now)?, to };
    let Found { review, decisions, used, flips } = review::review(service, by, &question).map_err(problem)?;
    let flip = |flip: &review::Flip| Flip {
        seq: flip.seq,
        case: super::cases::hex(&flip.case.0),
        was: flip.was.to_string(),
        is: flip.is.to_string(),
        score: flip.score,
    };
    Ok(Review { review, decisions, used, flips: flips.iter().map(flip).collect() })
}

fn problem(error: Error) -> Problem {
    match error {
        Error::NoSource(_) => Problem::new(Kind::NotFound, error.to_string()),
        Error::Store(error) => error.into(),
        Error::Failed(failed) => failed.into(),
    }
}

/// Past reviews: name and result.
///
/// # Errors
/// The store cannot be read.
pub fn list(service: &Service) -> Result<Vec<serde_json::Value>, Problem> {
    let documents = service.read(|reader| reader.documents(kind::REVIEW))?;
    let one = |(name, body): (String, String)| {
        let mut value: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        value["review"] = name.into();
        value
    };
    Ok(documents.into_iter().map(one).collect())
}
