//! The clause that asks the book's policies: may it run, and may it be requested?

use super::{Asked, By, Found};
use adjutant_model::Autonomy;
use adjutant_model::act::Answer;
use adjutant_rules::guardrails::policies::{May, Opinion, Policies, Principal, Question};

/// What the policies leave. A book without any leaves everything to people.
pub(super) fn policies(asked: &Asked<'_>, policies: Option<&Policies>, found: &mut Found) {
    let Some(policies) = policies else {
        return found.says(Answer::Ask, "policy", || "the book has no policy, so people decide".into());
    };
    let Some(question) = policies.prepare(&question(asked)) else {
        return found.says(Answer::Refuse, "policy", || "the policies cannot be asked about it".into());
    };
    let run = matches!(asked.by, By::Playbook(_, Autonomy::Act)).then(|| question.ask(May::Run));
    if let Some(run) = run.as_ref().filter(|run| run.allowed && run.errors.is_empty()) {
        return each(Answer::Run, &run.reasons, "lets it run", found);
    }
    let request = question.ask(May::Request);
    if !request.allowed {
        each(Answer::Refuse, &request.reasons, "forbids that it is asked for", found);
        if request.reasons.is_empty() {
            found.says(Answer::Refuse, "policy", || "no policy lets it be asked for".into());
        }
        return untold(Answer::Refuse, &request, found);
    }
    each(Answer::Ask, &request.reasons, "lets it be asked for", found);
    if let Some(run) = run {
        let forbidden: &[String] = if run.allowed { &[] } else { &run.reasons };
        each(Answer::Ask, forbidden, "forbids that it runs without people", found);
        untold(Answer::Ask, &run, found);
    }
    untold(Answer::Ask, &request, found);
}

fn question<'a>(asked: &Asked<'a>) -> Question<'a> {
    let target = asked.subject.target;
    Question {
        principal: match asked.by {
            By::Playbook(name, rung) => Principal::Playbook(name, rung as i64),
            By::Person(name, roles) => Principal::Person(name, roles),
        },
        verb: &asked.action.verb,
        connector: &asked.action.connector,
        hour: asked.now.hour_of_week(),
        kind: target.kind,
        id: &target.id,
        name: &target.name,
        groups: asked.subject.groups,
        facts: asked.subject.facts,
    }
}

fn each(leaves: Answer, policies: &[String], does: &str, found: &mut Found) {
    for name in policies {
        found.says(leaves, format!("policy.{name}"), || format!("the policy {does}"));
    }
}

/// What could not be told. Cedar skips such a policy, also one that forbids; so this never stands beside *run*.
fn untold(leaves: Answer, opinion: &Opinion, found: &mut Found) {
    for error in &opinion.errors {
        found.says(leaves, "policy.unknown", || error.clone());
    }
}
