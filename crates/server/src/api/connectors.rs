//! How the calls of the hand's connectors go, as numbers for Prometheus.

use adjutant_hand::protocol::{ConnectorHealth, Health};
use adjutant_model::Time;
use std::fmt::Write as _;

/// Families: name, kind, what it says.
const CALLS: (&str, &str, &str) = ("connector_calls_total", "counter", "Calls by what they were for and how they ended.");
const REMEMBERED: (&str, &str, &str) =
    ("connector_remembered_total", "counter", "Answers that were remembered, and not asked for.");
const RESTS: (&str, &str, &str) = ("connector_rests", "gauge", "Whether it is left alone for a while.");
const FAILURES: (&str, &str, &str) = ("connector_failures", "gauge", "Calls in a row that failed.");
const LEFT: (&str, &str, &str) = ("connector_calls_left", "gauge", "Calls that are left of this hour's budget.");
const AGE: (&str, &str, &str) = ("connector_answer_age_seconds", "gauge", "Time since it answered last.");

/// The numbers; `known` is what the hand last said of itself and when, where there is a hand at all.
pub fn prometheus(known: Option<&(Time, Option<Health>)>, now: Time) -> String {
    let mut text = String::new();
    let Some((_, health)) = known else { return text };
    head(&mut text, ("hand_answers", "gauge", "Whether the hand answers."));
    let _ = writeln!(text, "adjutant_hand_answers {}", u8::from(health.is_some()));
    let Some(health) = health else { return text };
    head(&mut text, ("hand_paused", "gauge", "Whether the hand is paused."));
    let _ = writeln!(text, "adjutant_hand_paused {}", u8::from(health.pause.is_some()));
    let connectors = &health.connectors;
    head(&mut text, CALLS);
    for one in connectors {
        for count in one.condition.iter().flat_map(|condition| &condition.counts) {
            let labels = format!("{},for=\"{}\",class=\"{}\"", name(one), escaped(&count.purpose), escaped(&count.class));
            let _ = writeln!(text, "adjutant_{}{{{labels}}} {}", CALLS.0, count.calls);
        }
    }
    each(&mut text, REMEMBERED, connectors, |one| one.condition.as_ref().map(|condition| condition.remembered));
    each(&mut text, RESTS, connectors, |one| one.condition.as_ref().map(|condition| condition.rests.into()));
    each(&mut text, FAILURES, connectors, |one| one.condition.as_ref().map(|condition| condition.failures.into()));
    each(&mut text, LEFT, connectors, |one| {
        one.condition.as_ref().map(|condition| condition.calls_max.saturating_sub(condition.calls).into())
    });
    each(&mut text, AGE, connectors, |one| {
        let good = one.condition.as_ref()?.last_good?;
        u64::try_from(now.since(good).secs()).ok()
    });
    text
}

fn head(text: &mut String, (name, kind, help): (&str, &str, &str)) {
    let _ = writeln!(text, "# HELP adjutant_{name} {help}\n# TYPE adjutant_{name} {kind}");
}

/// A family of one number a connector; whoever has none is left out.
fn each(
    text: &mut String,
    family: (&str, &str, &str),
    connectors: &[ConnectorHealth],
    value: impl Fn(&ConnectorHealth) -> Option<u64>,
) {
    head(text, family);
    for one in connectors {
        if let Some(value) = value(one) {
            let _ = writeln!(text, "adjutant_{}{{{}}} {value}", family.0, name(one));
        }
    }
}

fn name(connector: &ConnectorHealth) -> String {
    format!("connector=\"{}\"", escaped(&connector.name))
}

/// A label's value as the text format writes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_hand::connector::{Condition, Count};

    fn connector(name: &str, condition: Option<Condition>) -> ConnectorHealth {
        ConnectorHealth { name: name.into(), verbs: Vec::new(), says: None, answers: false, condition }
    }

    #[test]
    fn calls_rests_budgets_and_ages_are_told_of_each() {
        let count = |class: &str, calls| Count { purpose: "action".into(), class: class.into(), calls };
        let condition = Condition {
            rests: true,
            failures: 5,
            says: "no answer".into(),
            last_good: Some(Time::from_secs(100)),
            calls: 30,
            calls_max: 5_000,
            counts: vec![count("answered", 25), count("failed", 5)],
            remembered: 7,
            credentials: vec!["env OKTA".into()],
        };
        let connectors = vec![connector("ok\"ta", Some(condition)), connector("quiet", None)];
        let health = Health { epoch: 1, pause: None, journal: 9, connectors };
        let text = prometheus(Some(&(Time::from_secs(160), Some(health))), Time::from_secs(160));
        for line in [
            "adjutant_hand_answers 1",
            "adjutant_hand_paused 0",
            "adjutant_connector_calls_total{connector=\"ok\\\"ta\",for=\"action\",class=\"answered\"} 25",
            "adjutant_connector_calls_total{connector=\"ok\\\"ta\",for=\"action\",class=\"failed\"} 5",
            "adjutant_connector_remembered_total{connector=\"ok\\\"ta\"} 7",
            "adjutant_connector_rests{connector=\"ok\\\"ta\"} 1",
            "adjutant_connector_failures{connector=\"ok\\\"ta\"} 5",
            "adjutant_connector_calls_left{connector=\"ok\\\"ta\"} 4970",
            "adjutant_connector_answer_age_seconds{connector=\"ok\\\"ta\"} 60",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert!(!text.contains("OKTA") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn a_hand_that_does_not_answer_is_told_and_none_is_not() {
        assert_eq!(prometheus(None, Time(0)), "");
        let text = prometheus(Some(&(Time(0), None)), Time(0));
        assert!(text.contains("adjutant_hand_answers 0") && !text.contains("connector"), "{text}");
    }
}
