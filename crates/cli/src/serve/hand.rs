//! Has the hand make the plans that decisions propose, and copies its journal into the ledger, line by line and once each: what
//! it ruled, heard and did is part of a case's story, and nobody can change it there unseen.

use adjutant_engine::context::{Said, Thing};
use adjutant_hand::protocol::{self, Known, Reply, Request};
use adjutant_hand::socket::Client;
use adjutant_hand::store::Line;
use adjutant_model::CaseId;
use adjutant_runtime::drive::{Command, kind};
use adjutant_runtime::event::What;
use adjutant_runtime::ports::{CallError, Lookup, Question};
use adjutant_runtime::service::Service;
use adjutant_server::api::plans;
use adjutant_server::app::App;
use adjutant_server::problem::Kind;
use std::collections::HashMap;
use std::sync::PoisonError;

/// The name of the document that says how far the journal was read.
const JOURNAL: &str = "journal";

/// Copies what is new.
pub(super) fn copy(service: &Service, hand: &Client) -> anyhow::Result<()> {
    let stored = service.read(|reader| reader.document(kind::HAND, JOURNAL))?;
    let mut after: u64 = stored.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut cases = HashMap::new();
    loop {
        let Reply::Journal { lines } = hand.ask(&Request::Journal { after })? else { return Ok(()) };
        let Some(last) = lines.last().map(|line| line.seq) else { return Ok(()) };
        for line in lines {
            let case = case_of(hand, &line, &mut cases);
            let documents = vec![(kind::HAND, JOURNAL.into(), Some(line.seq.to_string()))];
            let what = What::Hand { line: line.seq, says: line.kind, body: line.body };
            service.command_blocking("", Command::About { case, what, documents })?;
        }
        after = last;
    }
}

/// Keeps what the hand says of itself.
pub(super) fn look_at(app: &App, hand: &Client) {
    let health = match hand.ask(&Request::Health { connector: None }) {
        Ok(Reply::Health(health)) => Some(*health),
        _ => None,
    };
    *app.hand_health.lock().unwrap_or_else(PoisonError::into_inner) = Some((app.service.clock().now(), health));
}

/// Asks the hand's connectors what the book wants to know of somebody or something.
pub(super) struct Asks<'h>(pub(super) &'h Client);

impl Lookup for Asks<'_> {
    fn ask(&self, question: &Question) -> Result<Said, CallError> {
        let Question { connector, of, name, age_seconds_max, .. } = question.clone();
        let request = Request::Facts { kind: of, name, age_seconds_max, connector: Some(connector) };
        let reply = self.0.ask(&request).map_err(|error| CallError::Retry(format!("the hand does not answer: {error}")))?;
        match reply {
            Reply::Facts { known } => said(known),
            Reply::Refused { why, .. } => Err(CallError::Retry(why)),
            _ => Err(CallError::Retry("the hand answered something else".into())),
        }
    }
}

fn said(known: Vec<Known>) -> Result<Said, CallError> {
    let Some(Known { at: Some(at), found, .. }) = known.first().cloned() else {
        let why = known.into_iter().next().map(|known| known.unknown).unwrap_or_default();
        return Err(CallError::Retry(why));
    };
    let thing = |found: protocol::Identity| {
        let protocol::Identity { id, name, aliases, groups, facts } = found;
        Thing { id, name, aliases, groups, facts }
    };
    Ok(Said { at, found: found.into_iter().map(thing).collect() })
}

/// Has the hand make a plan for a case, where the ladder lets the playbook prepare one.
pub(super) fn propose(app: &App, case: &str) -> Result<(), CallError> {
    plans::propose(app, case).map_err(|problem| match problem.kind() {
        Kind::Unavailable => CallError::Retry(problem.detail().into()),
        _ => CallError::Permanent(problem.detail().into()),
    })
}

/// The case that a line is about: that of its plan.
fn case_of(hand: &Client, line: &Line, cases: &mut HashMap<String, Option<CaseId>>) -> Option<CaseId> {
    if let Some(case) = line.body["case"].as_str() {
        return id(case);
    }
    let plan = line.body["plan"].as_str().or_else(|| line.body["about"].as_str())?;
    let known = cases.entry(plan.to_owned()).or_insert_with(|| match hand.ask(&Request::Show { plan: plan.to_owned() }) {
        Ok(Reply::Plan(shown)) => id(&shown.plan.case),
        _ => None,
    });
    *known
}

fn id(hex: &str) -> Option<CaseId> {
    let digits = u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some(CaseId(digits.to_be_bytes()))
}
