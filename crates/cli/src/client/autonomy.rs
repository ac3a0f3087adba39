//! `adjutant pause`, `resume`, `autonomy`, `review` and `metrics`: how far the machine goes, and how well it does.

use super::{Client, Rows, nothing};
use crate::args::service::{Autonomy, AutonomyCommand, Metrics, Pause, Resume, Review, Runs, Shape};
use crate::exit::Exit;
use crate::table::painted;
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_server::api::autonomy::Ladder;
use adjutant_server::api::health::{Health, Missed};
use adjutant_server::api::reviews::Review as Reviewed;
use serde_json::json;

pub(crate) fn pause(args: &Pause) -> anyhow::Result<Exit> {
    let runs = match args.pause {
        Runs::Off => "off",
        Runs::EnrichmentOnly => "enrichment-only",
        Runs::RecommendOnly => "recommend-only",
    };
    Client::new(&args.remote)?.change("/v1/pause", &json!({ "pause": runs, "playbook": args.playbook }))
}

pub(crate) fn resume(args: &Resume) -> anyhow::Result<Exit> {
    Client::new(&args.remote)?.change("/v1/resume", &json!({ "pause": "none", "playbook": args.playbook }))
}

pub(crate) fn autonomy(args: &Autonomy) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    match &args.command {
        AutonomyCommand::Show => client.show(&client.get("/v1/autonomy")?, ladder),
        AutonomyCommand::Set { playbook, verb, scope, level } => {
            let body = json!({ "playbook": playbook, "verb": verb, "scope": scope, "level": level });
            client.change("/v1/autonomy", &body)
        }
    }
}

fn ladder(ladder: Ladder) -> Vec<Line> {
    let paint = if ladder.pause == "none" { Paint::Calm } else { Paint::Alarm };
    let mut lines = vec![Line::new().plain("paused: ").with(paint, &ladder.pause), Line::new()];
    let mut rows = Rows::new(&["playbook", "verb", "scope", "level", "ceiling", "paused"], &["scope", "playbook"]);
    for level in ladder.rungs {
        let cells = [level.playbook, level.verb, level.scope, level.level, level.ceiling, level.pause];
        rows.add(Paint::Plain, cells);
    }
    lines.extend(rows.lines());
    lines
}

pub(crate) fn review(args: &Review) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let body = client.post("/v1/reviews", &json!({ "source": args.fact_source, "from": args.from, "to": args.to }))?;
    client.show(&body, reviewed)
}

fn reviewed(review: Reviewed) -> Vec<Line> {
    let Reviewed { review, decisions, used, flips } = review;
    let text = format!("{decisions} decisions, {used} used it, {} come out differently", flips.len());
    let mut lines = vec![Line::new().with(Paint::Strong, format!("review {review}: ")).plain(text)];
    if flips.is_empty() {
        return lines;
    }
    let mut rows = Rows::new(&["case", "was", "is", "score", "entry"], &[]);
    for flip in flips {
        let case = flip.case.chars().take(crate::table::ID).collect();
        rows.add(Paint::Plain, [case, flip.was, flip.is, flip.score.to_string(), flip.seq.to_string()]);
    }
    lines.extend([Line::new()].into_iter().chain(rows.lines()));
    lines.push(Line::new().with(Paint::Dim, "each is open for people now: `adjutant queue --review`"));
    lines
}

pub(crate) fn metrics(args: &Metrics) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let (well, found) = (client.get("/v1/health")?, client.get("/v1/missed")?);
    if client.shape == Shape::Json {
        client.show(&well, health)?;
        return client.show(&found, missed);
    }
    let mut lines = health(client.parse(&well)?);
    lines.push(Line::new());
    lines.extend(missed(client.parse(&found)?));
    term::output(painted(&lines).as_bytes())?;
    Ok(Exit::Ok)
}

fn health(health: Health) -> Vec<Line> {
    let paint = if health.state == "running" { Paint::Calm } else { Paint::Alarm };
    let why = if health.why.is_empty() { String::new() } else { format!(": {}", health.why) };
    let waiting = format!("{} of {} alerts wait", health.waiting, health.waiting_max);
    let mut lines = vec![Line::new().with(paint, &health.state).plain(why), Line::new().plain(waiting)];
    lines.extend(health.notices.iter().map(|notice| Line::new().with(Paint::Warm, notice)));
    let mut rows = Rows::new(&["condition", "source", "owner", "rows", "as of", "why"], &["why", "owner"]);
    for source in health.context {
        let paint = if source.condition == "good" { Paint::Calm } else { Paint::Warm };
        let as_of = source.as_of.as_deref().map_or_else(|| "not stated".into(), super::minutes);
        let why = source.breaches.join("; ");
        rows.add(paint, [source.condition, source.name, source.owner, source.rows.to_string(), as_of, why]);
    }
    lines.extend([Line::new(), Line::new().with(Paint::Strong, "what context knows")]);
    lines.extend(rows.lines());
    lines
}

fn missed(missed: Vec<Missed>) -> Vec<Line> {
    let mut lines = vec![Line::new().with(Paint::Strong, "what people found of the blind sample")];
    if missed.is_empty() {
        lines.extend(nothing("no case of it was judged yet, so nothing is known of what closing by itself misses"));
        return lines;
    }
    let mut rows = Rows::new(&["playbook", "judged", "missed", "at most %"], &["playbook"]);
    for row in missed {
        let bound = format!("{:.3}", row.rate_percent_max);
        rows.add(Paint::Plain, [row.playbook, row.judged.to_string(), row.missed.to_string(), bound]);
    }
    lines.extend(rows.lines());
    let says = "at most: the exact upper bound of the rate at 95 % confidence (Clopper and Pearson 1934)";
    lines.push(Line::new().with(Paint::Dim, says));
    lines
}
