//! The people who have the hand act: they plan, sign, look, and send again what they got no answer to.

use adjutant_engine::act::is_at_rest;
use adjutant_hand::protocol::{Reply, Request, Shown};
use adjutant_hand::statement::{Statement, Verb};
use adjutant_hand::{Draft, Wish};
use adjutant_ledger::SigningKey;
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, Digest, Duration as Span, EntityKind, Stage, Time};
use adjutant_server::serve::wall_clock;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that people wait for takes longer, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(10);

/// The names of the two who approve.
pub const PEOPLE: [&str; 2] = ["bo", "cy"];

/// What the plan does.
pub const SCENE: [(&str, EntityKind, &str); 3] = [
    ("block-address", EntityKind::Address, "203.0.113.7"),
    ("block-domain", EntityKind::Domain, "evil.example"),
    ("isolate-host", EntityKind::Host, "lap-0417"),
];

/// The way to the hand: asks until there is an answer, as a person does whose answer was lost.
pub trait Ask {
    fn ask(&mut self, request: &Request) -> Result<Reply>;
}

/// The key of each.
pub fn keys() -> Result<Vec<SigningKey>> {
    PEOPLE.iter().map(|name| Ok(SigningKey::from_seed(name, &Digest::of(name.as_bytes()).0)?)).collect()
}

/// Plans, approves, waits, and takes the second step back. Returns the digest of the plan.
pub fn act(way: &mut dyn Ask, keys: &[SigningKey]) -> Result<String> {
    let shown = match way.ask(&Request::Plan { draft: draft() })? {
        Reply::Plan(shown) => shown,
        other => bail!("no plan was made: {other:?}"),
    };
    let plan = shown.digest.to_string();
    ensure!(shown.missing.iter().map(|need| need.people).sum::<u8>() == 2, "two people approve: {shown:?}");
    for (name, key) in PEOPLE.iter().zip(keys) {
        sign(way, key, Verb::Approve, &plan)?;
        let shown = show(way, &plan)?;
        ensure!(shown.approved.iter().any(|approved| approved == name), "an approval is not there: {shown:?}");
    }
    until(way, &plan, |stages| stages.iter().all(|stage| is_at_rest(*stage) && *stage != Stage::Planned))?;
    let action = show(way, &plan)?.actions.get(1).context("a second step")?.key.clone();
    sign(way, keys.last().context("a person")?, Verb::Undo, &action)?;
    until(way, &plan, |stages| stages.get(1) == Some(&Stage::Undone))?;
    Ok(plan)
}

/// Signs, and sends the same note until there is an answer. That it was used before is one, too.
fn sign(way: &mut dyn Ask, key: &SigningKey, verb: Verb, about: &str) -> Result<()> {
    let until = wall_clock()().plus(Span::from_secs(600));
    let statement = Statement::new(verb, about, Time::from_secs(until.secs()))?;
    way.ask(&Request::Hear { note: statement.signed(key)?.to_string() }).map(drop)
}

fn show(way: &mut dyn Ask, plan: &str) -> Result<Box<Shown>> {
    match way.ask(&Request::Show { plan: plan.to_owned() })? {
        Reply::Plan(shown) => Ok(shown),
        other => bail!("the plan is not shown: {other:?}"),
    }
}

fn until(way: &mut dyn Ask, plan: &str, is_so: impl Fn(&[Stage]) -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let shown = show(way, plan)?;
        let stages: Vec<Stage> = shown.actions.iter().map(|action| action.stage).collect();
        if is_so(&stages) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "it does not end: {:?}", shown.actions);
        thread::sleep(LOOK);
    }
}

fn draft() -> Draft {
    let wish = |(verb, kind, name): &(&str, EntityKind, &str)| Wish {
        verb: (*verb).to_owned(),
        kind: *kind,
        name: (*name).to_owned(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
        undo: None,
        lasts: None,
    };
    Draft {
        case: "c1".into(),
        by: "ana".into(),
        decision: "d1".into(),
        evidence: Digest::of(b"evidence"),
        book: Digest::of(b"book"),
        playbook: "malware-host".into(),
        autonomy: Autonomy::Recommend,
        steps: SCENE.iter().map(wish).collect(),
        held_for: None,
        because: String::new(),
        on_failure: OnFailure::Stop,
    }
}
