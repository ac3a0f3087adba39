//! `adjutant plan`, `approve`, `deny`, `undo`, `action`, `guard`, `connect` and `key list`: what people do with the hand.

use super::{Client, Rows, escaped, filters, nothing};
use crate::args::act::{
    Action, Answered, Approve, Connect, ConnectCommand, Deny, Guard, GuardCommand, Limits, Plan, Protected, ProtectedCommand,
    Simulate, Undo,
};
use crate::args::service::{Remote, Shape};
use crate::exit::Exit;
use crate::table::painted;
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_engine::explain::text::wrapped;
use adjutant_hand::Heard;
use adjutant_hand::foresee::{Foreseen, Used};
use adjutant_hand::protocol::{ConnectorHealth, Known, Reply, Shown};
use adjutant_hand::statement::{SIGNED_FOR_MAX, Statement, Verb};
use adjutant_hand::store::{Approver, Kept};
use adjutant_ledger::SigningKey;
use adjutant_model::act::{Answer, Need, Ruling, State, Target};
use adjutant_model::{Duration, Stage, Time};
use adjutant_server::api;
use adjutant_server::serve::wall_clock;
use anyhow::Context;
use serde_json::json;
use std::path::Path;

/// Columns when the output is no terminal.
const WIDTH: usize = 100;

/// A signature is good for so long: clocks differ a little, so it is less than the hand takes.
const SIGNED_FOR: Duration = Duration(SIGNED_FOR_MAX.0 * 4 / 5);

pub(crate) fn plan(args: &Plan) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let body = match (&args.show, &args.case) {
        (Some(plan), _) => client.get(&format!("/v1/plans/{}", escaped(plan)))?,
        (None, case) => client.post(&about(case.as_deref().unwrap_or_default(), args.answer, "plan"), &json!({}))?,
    };
    client.show(&body, replied)
}

/// The path to what is wanted of a case, or of an answer to a question about it.
fn about(case: &str, answer: Option<u64>, wanted: &str) -> String {
    let answer = answer.map_or_else(String::new, |entry| format!("answers/{entry}/"));
    format!("/v1/cases/{}/{answer}{wanted}", escaped(case))
}

pub(crate) fn approve(args: &Approve) -> anyhow::Result<Exit> {
    answer(&args.answer, Verb::Approve)
}

pub(crate) fn deny(args: &Deny) -> anyhow::Result<Exit> {
    answer(&args.answer, Verb::Deny)
}

/// Shows the plan as it is signed: what the service shows must be what its digest says.
fn answer(args: &Answered, verb: Verb) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let key = read_key(&args.key)?;
    let reply: Reply = client.parse(&client.get(&format!("/v1/plans/{}", escaped(&args.plan)))?)?;
    let Reply::Plan(shown) = reply else { anyhow::bail!("the service did not show the plan") };
    if shown.plan.digest() != shown.digest {
        anyhow::bail!("what the service shows is not the plan {}: nothing was signed", shown.digest.short());
    }
    if client.shape == Shape::Text {
        term::output(painted(&plan_lines(&shown)).as_bytes())?;
    }
    say(&client, &key, verb, &shown.digest.to_string())
}

fn say(client: &Client, key: &SigningKey, verb: Verb, about: &str) -> anyhow::Result<Exit> {
    let until = wall_clock()().plus(SIGNED_FOR);
    // Whole seconds: a time has one text.
    let until = Time::from_secs(until.secs());
    let statement = Statement::new(verb, about, until).context("the system has no random numbers")?;
    let note = statement.signed(key)?.to_string();
    let body = client.post("/v1/signed", &json!({ "note": note }))?;
    client.show(&body, replied)
}

pub(crate) fn undo(args: &Undo) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let key = read_key(&args.key)?;
    let body = match &args.action {
        Some(action) => client.get(&format!("/v1/actions/{}", escaped(action)))?,
        None => client.get(&format!("/v1/actions?{}", wanted(&client, args)?))?,
    };
    let Reply::Actions { actions } = client.parse(&body)? else { anyhow::bail!("the service did not show the actions") };
    if actions.is_empty() {
        anyhow::bail!("there is nothing to take back");
    }
    actions.iter().try_fold(Exit::Ok, |_, action| say(&client, &key, Verb::Undo, &action.key))
}

/// Which actions are to be taken back, as a query.
fn wanted(client: &Client, args: &Undo) -> anyhow::Result<String> {
    let case = match &args.case {
        // The hand knows cases by their whole name.
        Some(case) => {
            let whole: serde_json::Value = client.parse(&client.get(&format!("/v1/cases/{}", escaped(case)))?)?;
            whole["id"].as_str().map(str::to_owned)
        }
        None => None,
    };
    let since = args.since.as_deref().map(|since| api::time(since, wall_clock()())).transpose();
    let since = since.map_err(|problem| anyhow::anyhow!(problem.detail().to_owned()))?.map(|since| since.0.to_string());
    let query = filters(&[("case", case.as_deref()), ("playbook", args.playbook.as_deref()), ("since", since.as_deref())]);
    Ok(query.trim_start_matches('&').to_owned())
}

pub(crate) fn action(args: &Action) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let body = client.get(&format!("/v1/actions/{}", escaped(&args.action)))?;
    client.show(&body, replied)
}

pub(crate) fn simulate(args: &Simulate) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    client.show(&client.post(&about(&args.case, args.answer, "simulate"), &json!({}))?, replied)
}

pub(crate) fn limits(args: &Limits) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    client.show(&client.get("/v1/limits")?, replied)
}

pub(crate) fn guard(args: &Guard) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    match &args.command {
        GuardCommand::Check { verb, name, kind } => client.show(&ruled(&client, verb, name, kind)?, replied),
        GuardCommand::Why { action } => why(&client, action),
    }
}

fn ruled(client: &Client, verb: &str, name: &str, kind: &str) -> anyhow::Result<Vec<u8>> {
    client.post("/v1/guard", &json!({ "verb": verb, "kind": kind, "name": name }))
}

fn why(client: &Client, action: &str) -> anyhow::Result<Exit> {
    let body = client.get(&format!("/v1/actions/{}", escaped(action)))?;
    let Reply::Actions { actions } = client.parse(&body)? else { anyhow::bail!("the service did not show the action") };
    let action = actions.first().context("there is no such action")?;
    let body = client.get(&format!("/v1/plans/{}", action.plan))?;
    client.show(&body, |reply: Reply| match reply {
        Reply::Plan(shown) => shown.plan.steps.get(action.nth as usize).map_or_else(Vec::new, |step| {
            let became = action_lines(action);
            became.into_iter().chain([Line::new()]).chain(ruling_lines(&step.ruling, "")).collect()
        }),
        other => replied(other),
    })
}

/// Whether something is protected: the guard is asked for a verb that can be done to such things.
pub(crate) fn protected(args: &Protected) -> anyhow::Result<Exit> {
    let ProtectedCommand::Check { name, kind } = &args.command;
    let client = Client::new(&args.remote)?;
    let Reply::Health(health) = client.parse(&client.get("/v1/hand")?)? else {
        anyhow::bail!("the hand does not say what it can do")
    };
    let mut offers = health.connectors.iter().flat_map(|connector| &connector.verbs);
    let offer = offers.find(|offer| offer.kind.name() == kind);
    let offer = offer.with_context(|| format!("no connector does anything to a `{kind}`: nothing can happen to it"))?;
    client.show(&ruled(&client, &offer.verb, name, kind)?, |reply: Reply| match reply {
        Reply::Ruled { target: Some(target), ruling } => protection(&target, &ruling),
        other => replied(other),
    })
}

fn protection(target: &Target, ruling: &Ruling) -> Vec<Line> {
    let entries: Vec<_> = ruling.clauses.iter().filter(|clause| clause.name.starts_with("protected.")).collect();
    let who = Line::new().plain(format!("{} ({})  ", target.name, target.id));
    if entries.is_empty() {
        return vec![who.with(Paint::Warm, "not protected")];
    }
    let refused = ruling.answer == Answer::Refuse;
    let says = if refused { "protected: nobody touches it" } else { "whether it is protected is not known: people are asked" };
    let each = entries.iter().map(|clause| Line::new().plain(format!("  {}: {}", clause.name, clause.says)));
    std::iter::once(who.with(if refused { Paint::Calm } else { Paint::Alarm }, says)).chain(each).collect()
}

pub(crate) fn connect(args: &Connect) -> anyhow::Result<Exit> {
    let path = match &args.command {
        ConnectCommand::Lint { path } => return crate::lint::run(path),
        ConnectCommand::Lookup { name, kind, age } => {
            let client = Client::new(&args.remote)?;
            let asked = json!({ "kind": kind, "name": name, "age_seconds_max": u32::from(*age) * 60 });
            return client.show(&client.post("/v1/lookups", &asked)?, replied);
        }
        ConnectCommand::List => "/v1/hand".to_owned(),
        ConnectCommand::Test { name } => format!("/v1/hand/{}", escaped(name)),
    };
    let client = Client::new(&args.remote)?;
    client.show(&client.get(&path)?, replied)
}

pub(crate) fn keys(remote: &Remote) -> anyhow::Result<Exit> {
    let client = Client::new(remote)?;
    client.show(&client.get("/v1/approvers")?, replied)
}

pub(super) fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    SigningKey::from_secret_text(text.trim())
        .with_context(|| format!("`{}` is no private key (see `adjutant key new`)", path.display()))
}

/// Any answer of the hand.
fn replied(reply: Reply) -> Vec<Line> {
    match reply {
        Reply::Plan(shown) => plan_lines(&shown),
        Reply::Simulated { steps } => steps.iter().zip(1..).flat_map(foreseen_lines).collect(),
        Reply::Limits { limits } => limit_lines(&limits),
        Reply::Actions { actions } => actions.iter().flat_map(action_lines).collect(),
        Reply::Heard { heard } => vec![heard_line(&heard)],
        Reply::Paused { pause, under_way } => {
            let more = match under_way {
                0 => String::new(),
                calls => format!("; {calls} calls that had begun are not answered yet"),
            };
            vec![Line::new().with(Paint::Alarm, format!("nothing more is begun: {pause}{more}"))]
        }
        Reply::Journal { lines } => lines.iter().map(|line| Line::new().plain(format!("{} {}", line.seq, line.kind))).collect(),
        Reply::Ruled { target, ruling } => {
            let who = target.map_or_else(|| "nobody was found".to_owned(), |target| format!("{} ({})", target.name, target.id));
            std::iter::once(Line::new().plain(who)).chain(ruling_lines(&ruling, "")).collect()
        }
        Reply::Facts { known } => known.iter().flat_map(known_lines).collect(),
        Reply::Keys { keys } => key_lines(&keys),
        Reply::Health(health) => {
            let rows = connector_rows(&health.connectors);
            let paused =
                health.pause.as_ref().map(|pause| Line::new().with(Paint::Alarm, format!("nothing more is begun: {pause}")));
            paused.into_iter().chain(rows.lines()).collect()
        }
        Reply::Refused { why, .. } => vec![Line::new().with(Paint::Alarm, why)],
    }
}

/// What one connector knows, with the time of its answer.
fn known_lines(known: &Known) -> Vec<Line> {
    let width = term::width().unwrap_or(WIDTH);
    let at = known.at.map_or_else(String::new, |at| format!("  {at}"));
    let head = Line::new().with(Paint::Strong, &known.connector).with(Paint::Dim, at);
    let mut lines =
        vec![if known.found.is_empty() && known.unknown.is_empty() { head.plain("  nobody of this name") } else { head }];
    if !known.unknown.is_empty() {
        lines.extend(wrapped("  unknown ", &known.unknown, width));
    }
    for one in &known.found {
        lines.push(Line::new().plain(format!("  {} ({})", one.name, one.id)));
        let groups = one.groups.as_ref().map_or_else(|| "not known".to_owned(), |groups| groups.join(", "));
        let facts = one.facts.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (label, text) in [("aliases", one.aliases.join(", ")), ("groups", groups)].into_iter().chain(facts) {
            lines.extend(wrapped(&format!("    {label:<12}"), &text, width));
        }
    }
    lines
}

fn connector_rows(connectors: &[ConnectorHealth]) -> Rows {
    let mut rows = Rows::new(
        &["connector", "verb", "done to", "undo", "a minute", "last answer", "calls", "credentials", "says"],
        &["says", "last answer", "credentials"],
    );
    for connector in connectors {
        let condition = connector.condition.as_ref();
        let last = condition.and_then(|condition| condition.last_good).map_or_else(String::new, |at| at.to_string());
        let calls = condition.map_or_else(String::new, |condition| format!("{}/{}", condition.calls, condition.calls_max));
        let credentials = condition.map_or_else(String::new, |condition| condition.credentials.join(", "));
        let troubled = condition.filter(|condition| condition.failures > 0).map(|condition| {
            let rests = if condition.rests { "left alone for a while: " } else { "" };
            format!("{rests}{} failures in a row: {}", condition.failures, condition.says)
        });
        let fails = troubled.is_some() || (connector.says.is_some() && !connector.answers);
        let says = connector.says.clone().or(troubled).unwrap_or_default();
        // What only looks up has no verb, and is there all the same.
        let nothing = connector.verbs.is_empty().then(|| ["looks up".to_owned(), String::new(), String::new(), String::new()]);
        let verbs = connector.verbs.iter().map(|offer| {
            let undo = if offer.reversible { "yes" } else { "no" };
            [offer.verb.clone(), offer.kind.name().to_owned(), undo.to_owned(), offer.per_minute.to_string()]
        });
        for [verb, kind, undo, minute] in verbs.chain(nothing) {
            let cells = [connector.name.clone(), verb, kind, undo, minute, last.clone(), calls.clone()];
            let cells = cells.into_iter().chain([credentials.clone(), says.clone()]);
            rows.add(if fails { Paint::Alarm } else { Paint::Plain }, cells);
        }
    }
    rows
}

fn heard_line(heard: &Heard) -> Line {
    match heard {
        Heard::Approved => Line::new().with(Paint::Calm, "approved: it is being done"),
        Heard::Waiting { missing } => Line::new().with(Paint::Warm, format!("it counts; still missing: {}", needs(missing))),
        Heard::Denied => Line::new().with(Paint::Calm, "denied: nothing of it is done"),
        Heard::Undoing => Line::new().with(Paint::Calm, "it is being taken back"),
        Heard::Resumed => Line::new().with(Paint::Warm, "the hand acts again"),
    }
}

fn needs(needs: &[Need]) -> String {
    needs.iter().map(|need| format!("{} × {}", need.people, need.role)).collect::<Vec<_>>().join(", ")
}

fn plan_lines(shown: &Shown) -> Vec<Line> {
    let (plan, width) = (&shown.plan, term::width().unwrap_or(WIDTH));
    let head = Line::new().with(Paint::Strong, format!("plan {}", shown.digest)).plain(format!("  {}", plan.playbook));
    let mut lines = vec![head];
    lines.extend((!plan.because.is_empty()).then(|| wrapped("because    ", &plan.because, width)).into_iter().flatten());
    for (nth, (step, action)) in plan.steps.iter().zip(&shown.actions).enumerate() {
        let what = format!("{}. {} {}", nth + 1, step.action.verb, step.action.target.name);
        lines.push(Line::new());
        let first = Line::new().with(Paint::Strong, what).plain("  ").with(stage_paint(action.stage), action.stage.name());
        lines.push(first);
        let target = &step.action.target;
        let undo = step.undo.as_deref().unwrap_or("cannot be taken back");
        for (label, text) in
            [("who", format!("{} {} by {}", target.kind.name(), target.id, step.action.connector)), ("undo", undo.to_owned())]
        {
            lines.extend(wrapped(&format!("   {label:<8}"), &text, width));
        }
        let ends = step.ends_after.map(|span| format!("{span} after it was done, by itself"));
        lines.extend(ends.map(|ends| wrapped("   ends    ", &ends, width)).into_iter().flatten());
        for (label, text) in &step.action.texts {
            lines.push(Line::new().plain(format!("   {label}")));
            lines.extend(text.lines().map(|line| Line::new().with(Paint::Dim, format!("     {line}"))));
        }
        lines.extend(ruling_lines(&step.ruling, "   "));
        lines.extend((!action.says.is_empty()).then(|| wrapped("   now     ", &action.says, width)).into_iter().flatten());
        lines.push(Line::new().with(Paint::Dim, format!("   action  {}", action.key)));
    }
    lines.push(Line::new());
    if !shown.approved.is_empty() {
        lines.push(Line::new().plain(format!("approved by {}", shown.approved.join(", "))));
    }
    let waits = shown.actions.iter().any(|action| action.stage == Stage::Planned);
    if waits {
        lines.push(Line::new().with(Paint::Warm, format!("waits for {}", needs(&shown.missing))));
        lines.push(Line::new().with(Paint::Dim, format!("until {}; if nobody answers, nothing is done", plan.expires)));
    }
    lines
}

fn foreseen_lines((foreseen, nth): (&Foreseen, u32)) -> Vec<Line> {
    let (step, width) = (&foreseen.step, term::width().unwrap_or(WIDTH));
    let target = &step.action.target;
    let mut lines = vec![Line::new().with(Paint::Strong, format!("{nth}. {} {}", step.action.verb, target.name))];
    let before = foreseen.before.as_ref().map_or_else(String::new, state_text);
    let undo = step.undo.clone().unwrap_or_else(|| "cannot be taken back".into());
    for (label, text) in [("who", target.id.clone()), ("now", before), ("undo", undo), ("then", foreseen.says.clone())] {
        lines.extend((!text.is_empty()).then(|| wrapped(&format!("   {label:<8}"), &text, width)).into_iter().flatten());
    }
    lines.extend(ruling_lines(&step.ruling, "   "));
    lines.push(Line::new());
    lines
}

fn limit_lines(limits: &[Used]) -> Vec<Line> {
    let mut rows = Rows::new(&["verb", "begun", "at most", "as a share", "in"], &[]);
    for used in limits {
        let most = used.share_targets.map_or(used.targets, |share| share.min(used.targets));
        let paint = if used.done >= most { Paint::Alarm } else { Paint::Plain };
        let verb = used.verb.clone().unwrap_or_else(|| "all together".into());
        let share = used.share_targets.map_or_else(|| "-".into(), |share| share.to_string());
        rows.add(paint, [verb, used.done.to_string(), used.targets.to_string(), share, used.window.to_string()]);
    }
    rows.lines()
}

fn ruling_lines(ruling: &Ruling, indent: &str) -> Vec<Line> {
    let paint = match ruling.answer {
        Answer::Refuse => Paint::Alarm,
        Answer::Ask => Paint::Warm,
        Answer::Run => Paint::Calm,
    };
    let mut lines = vec![Line::new().plain(format!("{indent}guard   ")).with(paint, ruling.answer.to_string())];
    for clause in &ruling.clauses {
        lines.push(Line::new().plain(format!("{indent}        {}: {}", clause.name, clause.says)));
    }
    if !ruling.approvals.is_empty() {
        lines.push(Line::new().plain(format!("{indent}approve {}", needs(&ruling.approvals))));
    }
    lines
}

fn stage_paint(stage: Stage) -> Paint {
    match stage {
        Stage::Done | Stage::AlreadySo | Stage::Undone => Paint::Calm,
        Stage::Planned | Stage::Approved | Stage::Intended | Stage::Undoing => Paint::Warm,
        Stage::Refused | Stage::Failed | Stage::Unclear | Stage::Drifted | Stage::Stuck => Paint::Alarm,
        Stage::Denied | Stage::Expired | Stage::Cancelled => Paint::Dim,
    }
}

fn action_lines(action: &Kept) -> Vec<Line> {
    let width = term::width().unwrap_or(WIDTH);
    let target = &action.action.target;
    let head = Line::new().with(Paint::Strong, format!("action {}", action.key)).plain("  ");
    let mut lines = vec![head.with(stage_paint(action.stage), action.stage.name())];
    let state = |state: &Option<State>| state.as_ref().map_or_else(String::new, state_text);
    let facts = [
        ("does", format!("{} {} ({})", action.action.verb, target.name, target.id)),
        ("plan", action.plan.to_string()),
        ("before", state(&action.before)),
        ("after", state(&action.after)),
        ("since", action.changed.to_string()),
        ("why", action.says.clone()),
    ];
    for (label, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        lines.extend(wrapped(&format!("{label:<8}"), text, width));
    }
    lines
}

fn state_text(state: &State) -> String {
    let one = |(name, values): (&String, &Vec<String>)| {
        if values.is_empty() { format!("{name} absent") } else { format!("{name} = {}", values.join(" | ")) }
    };
    state.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn key_lines(keys: &[Approver]) -> Vec<Line> {
    if keys.is_empty() {
        return nothing("nobody's signature counts yet: `adjutant key add`");
    }
    let mut rows = Rows::new(&["key", "roles", "counts from", "revoked"], &["roles"]);
    for key in keys {
        let revoked = key.revoked.map_or_else(String::new, |at| at.to_string());
        let paint = if key.revoked.is_some() { Paint::Dim } else { Paint::Plain };
        rows.add(paint, [key.id.clone(), key.roles.join(", "), key.counts.to_string(), revoked]);
    }
    rows.lines()
}
