//! How well the machine is: whether it can store, what waits, what its sources of context and alerts say.

use crate::problem::Problem;
use adjutant_engine::binomial;
use adjutant_engine::context::Tally;
use adjutant_runtime::drive::{LookupCount, kind};
use adjutant_runtime::service::{Service, State};
use adjutant_runtime::watch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// How well the machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `running`, `unavailable` or `stopped`.
    pub state: String,
    /// Why, when it does not run.
    pub why: String,
    /// Alerts that wait.
    pub waiting: usize,
    /// How many may.
    pub waiting_max: usize,
    /// Sources of context.
    pub context: Vec<Source>,
    /// What is worth a look.
    pub notices: Vec<String>,
}

/// One source of context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// `good`, `absent`, `stale` or `broken`.
    pub condition: String,
    /// How many rows it holds.
    pub rows: u64,
    /// When its data was true, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// What broke its contract.
    pub breaches: Vec<String>,
}

/// What people found of cases that the blind sample drew, for one playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// The playbook.
    pub playbook: String,
    /// Cases drawn and judged.
    pub judged: u64,
    /// Of them, harmful: they would have been closed.
    pub missed: u64,
    /// The exact upper bound of the rate of misses at 95 % confidence (Clopper and Pearson 1934), in percent.
    pub rate_percent_max: f64,
}

/// How well the machine is.
pub fn health(service: &Service, notices: Vec<String>) -> Health {
    let ((waiting, _), limits) = (service.waiting(), service.limits());
    let qualities = service.policy().context.quality(service.clock().now(), &Tally::default());
    let context = qualities.into_iter().map(|quality| Source {
        name: quality.name,
        owner: quality.owner,
        condition: watch::name(quality.condition).into(),
        rows: quality.rows,
        as_of: quality.as_of.map(|time| time.to_string()),
        breaches: quality.breaches,
    });
    Health {
        state: state(service.state()).into(),
        why: service.why(),
        waiting,
        waiting_max: limits.alerts_max,
        context: context.collect(),
        notices,
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Unavailable => "unavailable",
        State::Stopped => "stopped",
    }
}

/// What people found of cases that the blind sample drew.
///
/// # Errors
/// The store cannot be read.
pub fn missed(service: &Service) -> Result<Vec<Missed>, Problem> {
    #[derive(Deserialize)]
    struct Judged {
        playbook: String,
        verdict: adjutant_engine::step::Verdict,
    }
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (_, body) in service.read(|reader| reader.documents(kind::SAMPLE))? {
        let Ok(judged) = serde_json::from_str::<Judged>(&body) else { continue };
        let (all, missed) = counts.entry(judged.playbook).or_default();
        *all += 1;
        *missed += u64::from(judged.verdict == adjutant_engine::step::Verdict::Escalate);
    }
    let bound = |(playbook, (judged, missed)): (String, (u64, u64))| Missed {
        playbook,
        judged,
        missed,
        rate_percent_max: binomial::upper(missed, judged, 0.95) * 100.0,
    };
    Ok(counts.into_iter().map(bound).collect())
}

/// Numbers for Prometheus, in its text format 0.0.4; `unread` pieces of what came in were no records at all.
pub fn prometheus(service: &Service, unread: u64) -> String {
    let counters = service.counters();
    let ((waiting, bytes), limits) = (service.waiting(), service.limits());
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    let mut one = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
        text.push_str(&format!("# HELP adjutant_{name} {help}\n# TYPE adjutant_{name} {kind}\n"));
        for (labels, value) in values {
            text.push_str(&format!("adjutant_{name}{labels} {value}\n"));
        }
    };
    one(
        "alerts_total",
        "counter",
        "Alerts by what became of them.",
        &[
            ("{fate=\"decided\"}", get(&counters.decided)),
            ("{fate=\"known\"}", get(&counters.known)),
            ("{fate=\"failed\"}", get(&counters.failed) + unread),
            ("{fate=\"refused\"}", get(&counters.refused)),
            ("{fate=\"unavailable\"}", get(&counters.unavailable)),
        ],
    );
    one(
        "decisions_total",
        "counter",
        "Decisions by outcome.",
        &[
            ("{outcome=\"close\"}", get(&counters.outcomes[0])),
            ("{outcome=\"escalate\"}", get(&counters.outcomes[1])),
            ("{outcome=\"respond\"}", get(&counters.outcomes[2])),
        ],
    );
    one(
        "context_touched_total",
        "counter",
        "Alerts that context touched which could not answer.",
        &[("", get(&counters.touched))],
    );
    let lookups = lookups(service);
    let lookups: Vec<(&str, u64)> = lookups.iter().map(|(labels, value)| (labels.as_str(), *value)).collect();
    one("lookups_total", "counter", "Questions to connectors about subjects of alerts, by what became of them.", &lookups);
    one("commits_total", "counter", "Transactions.", &[("", get(&counters.commits))]);
    one("commit_microseconds_total", "counter", "Time that transactions took.", &[("", get(&counters.commit_micros))]);
    one("waiting_alerts", "gauge", "Alerts that wait for a decision.", &[("", waiting as u64)]);
    one("waiting_alerts_max", "gauge", "Alerts that may wait.", &[("", limits.alerts_max as u64)]);
    one("waiting_bytes", "gauge", "Bytes of alerts that wait.", &[("", bytes as u64)]);
    one("ledger_entries", "gauge", "Entries of the ledger.", &[("", service.head().0)]);
    one("running", "gauge", "Whether alerts can be stored.", &[("", u64::from(service.state() == State::Running))]);
    let broken: Vec<(String, u64)> = health(service, Vec::new())
        .context
        .iter()
        .map(|source| {
            (format!("{{source=\"{}\"}}", source.name), u64::from(matches!(source.condition.as_str(), "broken" | "stale")))
        })
        .collect();
    let broken: Vec<(&str, u64)> = broken.iter().map(|(labels, value)| (labels.as_str(), *value)).collect();
    one("context_unusable", "gauge", "Whether a source of context is broken or stale.", &broken);
    text
}

/// What became of look-ups, by contract.
fn lookups(service: &Service) -> Vec<(String, u64)> {
    let of_one = |(contract, count): (String, LookupCount)| {
        let LookupCount { asked, answered, nobody, failed, given_up, refused, remembered } = count;
        let fates = [
            ("asked", asked),
            ("answered", answered),
            ("nobody", nobody),
            ("failed", failed),
            ("given-up", given_up),
            ("refused", refused),
            ("remembered", remembered),
        ];
        fates.map(|(fate, count)| (format!("{{contract=\"{contract}\",fate=\"{fate}\"}}"), count))
    };
    service.lookups().into_iter().flat_map(of_one).collect()
}
