//! `cargo xtask bench guard`: how long one ruling takes under the shipped guardrails, beside the policies alone.
//!
//! And how long the hand takes from the last signature to the call, and what plans that wait cost ([`super::hand`]).
//!
//! The reference is what no guard can go below that asks Cedar twice: the entities built and both questions put, and nothing
//! else looked at. The ruling itself asks once where the first answer is yes, and compares names, counts and times beside that.

use crate::figures::Figures;
use adjutant_engine::autonomy::Pause;
use adjutant_engine::guard::{Asked, By, Spent, Subject, rule};
use adjutant_model::act::{Action, Answer, Target};
use adjutant_model::{Autonomy, EntityKind, Time};
use adjutant_rules::Files;
use adjutant_rules::guardrails::Guardrails;
use adjutant_rules::guardrails::policies::{May, Principal, Question};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

/// Microseconds of a ruling.
const GUARD_US_MAX: f64 = 100.0;

#[derive(clap::Args)]
pub struct Arguments {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A company in which nothing was done yet.
struct Nothing;

impl Spent for Nothing {
    fn count(&self, _: Option<&str>, _: Time) -> u64 {
        0
    }
    fn population(&self, _: EntityKind) -> Option<u64> {
        Some(10_000)
    }
    fn pause(&self, _: &str) -> Pause {
        Pause::None
    }
}

/// `cargo xtask bench guard`; false when a ruling takes too long.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let shipped = adjutant_runtime::book_dir::shipped();
    let files: Files = shipped.into_iter().filter(|(path, _)| path.starts_with("guardrails/")).collect();
    let guardrails =
        Guardrails::load(&files).map_err(|faults| anyhow::anyhow!("the shipped guardrails do not load: {faults:?}"))?;
    let guardrails = Arc::new(guardrails);
    let target =
        Target { kind: EntityKind::User, id: "5f8c1f0a-1111-4222-8333-444455556666".into(), name: "Eva Maria Blum".into() };
    let aliases = ["eva", "CORP\\eva", "eva@corp.example", "S-1-5-21-1004336348-1177238915-682003330-1104"].map(str::to_owned);
    let groups: Vec<String> = (0..30).map(|number| format!("CN=Team {number},OU=Groups,DC=corp,DC=example")).collect();
    let facts = [("department", "Sales"), ("vip", "no"), ("privileged", "no"), ("title", "Account Manager")];
    let facts: BTreeMap<String, String> = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let action = Action {
        verb: "disable-account".into(),
        target: target.clone(),
        connector: "ldap".into(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
    };
    let subject = Subject { target: &target, aliases: &aliases, groups: Some(&groups), facts: &facts };
    let asked = Asked {
        action: &action,
        subject,
        by: By::Playbook("suspicious-login", Autonomy::Act),
        undo: false,
        now: Time::from_secs(0),
    };
    ensure!(rule(&asked, &guardrails, &Nothing).answer == Answer::Run, "the act of the bench would not run");
    let policies = guardrails.policies.as_ref().context("the shipped book has policies")?;
    let question = Question {
        principal: Principal::Playbook("suspicious-login", 3),
        verb: &action.verb,
        connector: &action.connector,
        hour: 0,
        kind: target.kind,
        id: &target.id,
        name: &target.name,
        groups: Some(&groups),
        facts: &facts,
    };
    let ruling = super::best_of(|| {
        black_box(rule(black_box(&asked), &guardrails, &Nothing));
        Ok(())
    })? * 1e6;
    let alone = super::best_of(|| {
        let prepared = policies.prepare(black_box(&question)).context("the question can be put")?;
        black_box((prepared.ask(May::Run), prepared.ask(May::Request)));
        Ok(())
    })? * 1e6;
    let mut figures = Figures::default();
    figures.add("guard_us", ruling, "µs of a ruling on an account of five names in thirty groups; bar < 100");
    figures.add("guard_reference_us", alone, "µs of both questions to the policies alone");
    figures.add("guard_ratio", alone / ruling, "of the reference's speed");
    let quick = super::hand::measure(&guardrails, &mut figures)?;
    figures.report(arguments.json.as_deref())?;
    Ok(ruling < GUARD_US_MAX && quick)
}
