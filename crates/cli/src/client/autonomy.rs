//! `adjutant pause`, `resume`, `autonomy`, `review` and `metrics`: how far the machine goes, and how well it does.

use super::{Client, Rows, nothing};
use crate::args::service::{Autonomy, AutonomyCommand, Metrics, Pause, Resume, Review, Runs, Shape};
use crate::exit::Exit;
use crate::table::painted;
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_server::api::autonomy::Ladder;
use adjutant_server::api::containment::Containment;
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
    let acts = client.get("/v1/containment")?;
    if client.shape == Shape::Json {
        client.show(&well, health)?;
        client.show(&found, missed)?;
        return client.show(&acts, contained);
    }
    let mut lines = health(client.parse(&well)?);
    lines.push(Line::new());
    lines.extend(missed(client.parse(&found)?));
    lines.push(Line::new());
    lines.extend(contained(client.parse(&acts)?));
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

fn contained(contained: Containment) -> Vec<Line> {
    let heading = format!("what was done since {}, and what of it was for nothing", super::minutes(&contained.since));
    let mut lines = vec![Line::new().with(Paint::Strong, &heading)];
    if contained.rows.is_empty() {
        lines.extend(nothing("nothing was done"));
        return lines;
    }
    let columns = [
        "playbook",
        "source",
        "cases",
        "acts",
        "first act after",
        "at most",
        "restored",
        "legitimate",
        "minutes held",
        "exception",
    ];
    let mut rows = Rows::new(&columns, &["exception", "playbook"]);
    for row in contained.rows {
        let paint = if row.legitimate > 0 { Paint::Warm } else { Paint::Plain };
        let (median, most) = (format!("{} s", row.seconds_median), format!("{} s", row.seconds_max));
        let [cases, acts, restored, legitimate] =
            [row.cases, row.acts, row.restored, row.legitimate].map(|count| count.to_string());
        let held = row.legitimate_minutes.to_string();
        rows.add(paint, [row.playbook, row.source, cases, acts, median, most, restored, legitimate, held, row.exception]);
    }
    lines.extend(rows.lines());
    if contained.cut {
        lines.push(Line::new().with(Paint::Warm, "there were more cases than are looked at; ask for a shorter time"));
    }
    let says = "legitimate: cases that a person closed after the act; minutes held: how long their acts were in force";
    lines.push(Line::new().with(Paint::Dim, says));
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
