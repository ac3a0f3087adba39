//! Letters to the people who may approve a plan that waits.

use super::{About, Addressee, Document, Letter, case_id, has_room, keep};
use crate::api::plans::ask;
use crate::app::App;
use crate::problem::Problem;
use adjutant_hand::protocol::{Reply, Request, Shown};
use adjutant_hand::store::Approver;
use adjutant_model::act::Answer;
use adjutant_model::{Stage, Time};
use adjutant_rules::question::Way;
use adjutant_runtime::drive::{Command, kind};
use adjutant_runtime::event::What;
use adjutant_runtime::ports::Outgoing;
use std::collections::BTreeSet;

/// The name of the document that says how far the hand's journal was read for plans.
const READ: &str = "letters";

/// Writes letters about the plans that were made since the last look: each plan to each person once.
///
/// # Errors
/// The hand does not answer, or nothing can be written now.
pub fn write(app: &App) -> Result<(), Problem> {
    if app.hand.is_none() {
        return Ok(());
    }
    let stored = app.service.read(|reader| reader.document(kind::HAND, READ))?;
    let mut after: u64 = stored.and_then(|text| text.parse().ok()).unwrap_or(0);
    loop {
        let Reply::Journal { lines } = ask(app, &Request::Journal { after })? else { return Ok(()) };
        let Some(last) = lines.last().map(|line| line.seq) else { return Ok(()) };
        for line in lines.iter().filter(|line| line.kind == "plan") {
            let read = vec![(kind::HAND, READ.into(), Some(line.seq.to_string()))];
            match line.body["plan"].as_str() {
                Some(plan) => about(app, plan, read)?,
                None => keep(app, read)?,
            }
        }
        keep(app, vec![(kind::HAND, READ.into(), Some(last.to_string()))])?;
        after = last;
    }
}

/// Writes to everybody who may approve the plan, in the same commit that says that it was read.
fn about(app: &App, plan: &str, read: Vec<Document>) -> Result<(), Problem> {
    let now = app.service.clock().now();
    let shown = match ask(app, &Request::Show { plan: plan.to_owned() })? {
        Reply::Plan(shown) if waits(&shown, now) && has_room(app)? => shown,
        _ => return Ok(keep(app, read)?),
    };
    let Reply::Keys { keys } = ask(app, &Request::Keys)? else { return Ok(keep(app, read)?) };
    let (policy, letters) = (app.service.policy(), &app.letters);
    let (mut documents, mut told) = (read, 0);
    for name in approvers(&shown, &keys, now) {
        // Who approves has a mailbox of their own; whose account the plan is about, the guard protects.
        let Some(address) = letters.mailbox(&policy, &name, now).filter(|_| letters.ways.contains(&Way::Mail)) else { continue };
        let to = Addressee { who: name, way: Way::Mail, address };
        let about = About::Plan(shown.digest.to_string());
        documents.push(Letter::new(("", &shown.plan.case), to, about, (now, shown.plan.expires))?.kept());
        told += 1;
    }
    if told > 0 {
        keep(app, documents)?;
        return announce(app, &shown, now);
    }
    let why = "nobody who may approve it has a mailbox in `letters.people` or in our directory".to_owned();
    let what = What::Undelivered { about: shown.digest.to_string(), to: "approvers".into(), why };
    app.service.command_blocking("", Command::About { case: case_id(&shown.plan.case), what, documents })?;
    Ok(())
}

/// Says to everybody that a plan waits, without a way to answer it.
fn announce(app: &App, shown: &Shown, now: Time) -> Result<(), Problem> {
    let short: String = shown.digest.to_string().chars().take(12).collect();
    let missing = shown.missing.iter().map(|need| format!("{} × {}", need.people, need.role)).collect::<Vec<_>>().join(", ");
    let notice = format!("plan {short} waits for {missing}, until {}", shown.plan.expires);
    let body = serde_json::json!({ "notice": notice, "plan": shown.digest, "case": shown.plan.case, "at": now.to_string() });
    let message = Outgoing { id: 0, topic: "waits".into(), body: body.to_string(), attempts: 0, due: now };
    app.service.command_blocking("", Command::Tell(message))?;
    Ok(())
}

/// Whether people have to approve the plan, and can.
pub(crate) fn waits(shown: &Shown, now: Time) -> bool {
    let planned = shown.actions.iter().any(|action| action.stage == Stage::Planned);
    planned && shown.plan.answer() == Answer::Ask && now < shown.plan.expires
}

/// Everybody whose signature would bring the plan on, each once.
pub(crate) fn approvers(shown: &Shown, keys: &[Approver], now: Time) -> BTreeSet<String> {
    let missing = |role: &String| shown.missing.iter().any(|need| need.role == *role);
    let counts = |key: &&Approver| key.revoked.is_none() && key.counts <= now && key.roles.iter().any(missing);
    let others = keys.iter().filter(counts).filter(|key| key.name != shown.plan.by && !shown.approved.contains(&key.name));
    others.map(|key| key.name.clone()).collect()
}
