//! `adjutant queue`, `case`, `decisions`, `verdict`, `assign` and `comment`.

use super::{Client, Rows, filters, minutes, nothing};
use crate::args::service::{Assign, Case, Comment, Decisions, Judged, Queue, Shape, Verdict};
use crate::exit::Exit;
use crate::table::{ID, painted};
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_engine::explain::text::wrapped;
use adjutant_server::api;
use adjutant_server::api::cases::{Case as Row, Told, Whole};
use adjutant_server::api::decisions::Short;
use serde_json::json;

/// Columns when the output is no terminal.
const WIDTH: usize = 100;

/// Narrower than this, a table does without what can be read elsewhere.
const ROOMY: usize = 120;

pub(crate) fn queue(args: &Queue) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let query = filters(&[
        ("status", args.status.as_deref()),
        ("outcome", args.outcome.as_deref()),
        ("playbook", args.playbook.as_deref()),
        ("assignee", args.assignee.as_deref()),
        ("review", args.review.then_some("true")),
    ]);
    client.show_list(("/v1/cases", &query), args.limit, |cases: Vec<Row>, more| queued(&cases, more))
}

fn queued(cases: &[Row], more: bool) -> Vec<Line> {
    if cases.is_empty() {
        return nothing("no case waits");
    }
    let roomy = term::width().is_none_or(|width| width >= ROOMY);
    let head: &[&str] = if roomy {
        &["outcome", "score", "severity", "alerts", "updated", "playbook", "about", "what", "assignee", "case"]
    } else {
        &["outcome", "score", "alerts", "about", "what", "case"]
    };
    let mut rows = Rows::new(head, &["about", "what", "playbook"]);
    for case in cases {
        let Row { id, outcome, score, severity, alerts, updated, playbook, subject, title, assignee, review, .. } = case;
        let (id, score, alerts) = (beginning(id), number(*score), alerts.to_string());
        let outcome_cell = if *review { format!("{outcome} (review)") } else { outcome.clone() };
        let cells = if roomy {
            let (severity, updated, playbook) = (severity.clone(), minutes(updated), playbook.clone());
            vec![outcome_cell, score, severity, alerts, updated, playbook, subject.clone(), title.clone(), assignee.clone(), id]
        } else {
            vec![outcome_cell, score, alerts, subject.clone(), title.clone(), id]
        };
        rows.add(paint(outcome), cells);
    }
    let mut lines = rows.lines();
    if more {
        lines.push(Line::new().with(Paint::Dim, "… and more; --limit ROWS shows more"));
    }
    lines
}

fn paint(outcome: &str) -> Paint {
    match outcome {
        "respond" => Paint::Alarm,
        "escalate" => Paint::Warm,
        "close" => Paint::Calm,
        _ => Paint::Plain,
    }
}

/// A score; nothing where it is not shown yet.
fn number(score: Option<i32>) -> String {
    score.map_or_else(String::new, |score| score.to_string())
}

/// As much of an id as tables show.
fn beginning(id: &str) -> String {
    id.chars().take(ID).collect()
}

/// The digits of an id, which nothing else in a path can be.
fn digits(id: &str) -> anyhow::Result<&str> {
    api::digits(id).map_err(|problem| anyhow::anyhow!(problem.detail().to_owned()))
}

pub(crate) fn case(args: &Case) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let body = client.get(&format!("/v1/cases/{}", digits(&args.id)?))?;
    client.show(&body, |whole: Whole| told(&whole, term::width().unwrap_or(WIDTH)))
}

fn told(whole: &Whole, width: usize) -> Vec<Line> {
    let mut lines = head(whole, width);
    lines.extend([Line::new(), Line::new().with(Paint::Strong, "evidence")]);
    let named = whole.evidence.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).min(40);
    for row in &whole.evidence {
        lines.extend(wrapped(&format!("  {:<4} {:<named$}  ", row.row, row.name), &row.says, width));
    }
    if whole.evidence.is_empty() {
        lines.push(Line::new().with(Paint::Dim, "  none is kept"));
    }
    if !whole.recommended.is_empty() {
        lines.extend([Line::new(), Line::new().with(Paint::Strong, "recommended")]);
        lines.extend(whole.recommended.iter().flat_map(|what| wrapped("  - ", what, width)));
    }
    lines.extend([Line::new(), Line::new().with(Paint::Strong, "story, the latest first")]);
    lines.extend(whole.story.iter().flat_map(|moment| moment_lines(moment, width)));
    if whole.more {
        lines.push(Line::new().with(Paint::Dim, "  … and more; --format json shows where it goes on"));
    }
    lines
}

fn head(whole: &Whole, width: usize) -> Vec<Line> {
    let case = &whole.case;
    let alerts = if case.alerts == 1 { "1 alert".into() } else { format!("{} alerts", case.alerts) };
    let first = Line::new().with(Paint::Strong, format!("case {}", beginning(&case.id))).plain("  ");
    let score = case.score.map_or_else(String::new, |score| format!("score {score}  "));
    let rest = format!("  {score}severity {}  {alerts}  {}", case.severity, case.status);
    let mut lines = vec![first.with(paint(&case.outcome), &case.outcome).plain(rest)];
    let facts = [
        ("about", case.subject.clone()),
        ("what", case.title.clone()),
        ("playbook", case.playbook.clone()),
        ("opened", minutes(&case.opened)),
        ("updated", minutes(&case.updated)),
        ("assignee", case.assignee.clone()),
        ("decision", beginning(&whole.decision)),
        ("review", if case.review { "a past decision was reconsidered: look again".into() } else { String::new() }),
    ];
    for (label, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        lines.extend(wrapped(&format!("{label:<10}"), text, width));
    }
    lines
}

fn moment_lines(moment: &Told, width: usize) -> Vec<Line> {
    let Told { seq, at, by, kind, text, decision, .. } = moment;
    let by = if by.is_empty() { String::new() } else { format!("{by}: ") };
    let named = match decision {
        Some(decision) => format!(" [{}]", beginning(decision)),
        // By this a plan after an answer is asked for.
        None if kind == "answered" => format!(" [entry {seq}]"),
        None => String::new(),
    };
    wrapped(&format!("  {}  {kind:<12}  ", minutes(at)), &format!("{by}{text}{named}"), width)
}

pub(crate) fn decisions(args: &Decisions) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    if let Some(id) = &args.id {
        return explain(&client, id, args.remote.format);
    }
    let query = filters(&[("since", args.since.as_deref()), ("outcome", args.outcome.as_deref())]);
    client.show_list(("/v1/decisions", &query), args.limit, |decisions: Vec<Short>, more| listed(decisions, more))
}

fn explain(client: &Client, id: &str, shape: Shape) -> anyhow::Result<Exit> {
    let path = format!("/v1/decisions/{}", digits(id)?);
    if shape == Shape::Json {
        let body = client.get(&path)?;
        return client.show(&body, |_: serde_json::Value| Vec::new());
    }
    let body = client.get(&format!("{path}/explanation"))?;
    let lines: Vec<Line> = String::from_utf8_lossy(&body).lines().map(|line| Line::new().plain(line)).collect();
    term::output(painted(&lines).as_bytes())?;
    Ok(Exit::Ok)
}

fn listed(decisions: Vec<Short>, more: bool) -> Vec<Line> {
    if decisions.is_empty() {
        return nothing("no decision was made");
    }
    let mut rows = Rows::new(&["outcome", "score", "at", "sender", "case", "revision", "decision"], &["sender"]);
    for Short { outcome, score, at, sender, case, revision, decision, .. } in decisions {
        let (score, revision, case) = (number(score), revision.to_string(), beginning(&case));
        rows.add(paint(&outcome), [outcome, score, minutes(&at), sender, case, revision, beginning(&decision)]);
    }
    let mut lines = rows.lines();
    if more {
        lines.push(Line::new().with(Paint::Dim, "… and older ones; --limit ROWS shows more"));
    }
    lines
}

pub(crate) fn verdict(args: &Verdict) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    let verdict = match args.verdict {
        Judged::Close => "close",
        Judged::Reopen => "reopen",
        Judged::Escalate => "escalate",
    };
    let body = json!({ "verdict": verdict, "because": args.because, "note": args.note });
    client.change(&format!("/v1/cases/{}/verdict", digits(&args.id)?), &body)
}

pub(crate) fn assign(args: &Assign) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    client.change(&format!("/v1/cases/{}/assignee", digits(&args.id)?), &json!({ "to": args.to }))
}

pub(crate) fn comment(args: &Comment) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    client.change(&format!("/v1/cases/{}/comments", digits(&args.id)?), &json!({ "text": args.text }))
}
