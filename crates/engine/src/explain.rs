//! Explains one decision: the walk from the raw field to the outcome, the same everywhere.
//!
//! The explanation is made from the [`Record`] alone, so that what people read is what was computed. It is a
//! list of styled lines; [`style`] turns them into terminal text, plain text or HTML. What would flip the
//! decision needs the book and is computed by [`crate::flip`] when somebody reads it.

pub mod style;
pub mod text;
mod waterfall;

use crate::flip::Flip;
use crate::record::{Fact, Linked, Record};
use style::{Line, Paint};
use text::{cut, fold, labelled, wrapped};

/// Narrower than this, a terminal gets this width all the same.
const WIDTH_MIN: usize = 60;

/// Characters of the alert's title.
const TITLE_MAX: usize = 160;

/// The explanation of `record` for a terminal `width` columns wide.
pub fn explain(record: &Record, flips: &[Flip], width: usize) -> Vec<Line> {
    let width = width.max(WIDTH_MIN);
    let mut lines = head(record, width);
    lines.push(Line::new());
    lines.extend(waterfall::reasons(record, width));
    lines.extend(notes(record, width));
    lines.push(Line::new());
    lines.extend(labelled("would be", flips.iter().map(Flip::sentence), width));
    lines.extend(labelled("recommended", record.recommended.iter().cloned(), width));
    lines.extend(labelled(
        "problems",
        record.problems.iter().map(|problem| format!("{}: {}", problem.field, problem.detail)),
        width,
    ));
    lines.extend(fold(&foot(record), width).iter().map(|piece| Line::new().with(Paint::Dim, piece)));
    lines
}

/// The thing that the decision is about, as its tool wrote it.
pub fn subject(record: &Record) -> String {
    const FIELDS: [&str; 9] =
        ["host.name", "user.email", "user.name", "user.id", "host.id", "cloud.resource", "file.sha256", "domain.name", "src.ip"];
    let named = FIELDS.iter().find_map(|name| record.fields.get(*name)?.value.as_ref()?.as_str().map(str::to_owned));
    named.or_else(|| record.entities.first().map(|entity| entity.name.clone())).unwrap_or_else(|| "(names nobody)".into())
}

fn head(record: &Record, width: usize) -> Vec<Line> {
    let outcome = record.outcome.to_uppercase();
    let paint = outcome_paint(&record.outcome);
    let left = Line::new()
        .with(paint, format!("{outcome:<9}"))
        .plain(" ")
        .with(Paint::Strong, &record.playbook)
        .plain("  ")
        .plain(subject(record));
    let scale =
        Line::new().with(Paint::Strong, format!("score {}", record.score)).with(Paint::Dim, format!("   {}", thresholds(record)));
    let field = |name: &str| record.fields.get(name).and_then(shown);
    let rule = field("alert.rule").or_else(|| field("alert.title")).or_else(|| field("alert.rule_id"));
    let rule = rule.map(|rule| cut(&rule, TITLE_MAX));
    let time = match record.fields.get("alert.time") {
        Some(time) if time.from == "inferred" => format!("{} (inferred)", record.time),
        Some(_) => record.time.clone(),
        None => "time not stated".into(),
    };
    let place = format!("line {} of {}", record.alert.line, record.alert.input);
    let parts = [Some(record.alert.source.clone()), rule, Some(time), Some(place)];
    let second = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let first = if left.width() + scale.width() + 2 <= width {
        vec![left.fill_to(width - scale.width()).join(scale)]
    } else {
        vec![left, scale]
    };
    let mut lines = first;
    lines.extend(fold(&second, width).iter().map(|piece| Line::new().with(Paint::Dim, piece)));
    if record.alert.duplicate {
        lines.push(Line::new().with(Paint::Dim, "the same bytes arrived before; nothing was learnt from them"));
    }
    lines
}

fn thresholds(record: &Record) -> String {
    match record.respond_from {
        Some(from) => format!("close < {} · respond ≥ {from} in {} families", record.close_below, record.respond_families),
        None => format!("close < {} · never responds", record.close_below),
    }
}

fn notes(record: &Record, width: usize) -> Vec<Line> {
    let guards = record.guards.iter().map(|guard| format!("not closed: {guard}"));
    let held = record.held_by.iter().map(|held| format!("held: {held}"));
    let links = record.case.linked.iter().map(|link| linked(link, &record.case.id));
    guards.chain(held).chain(links).flat_map(|note| wrapped("       ", &note, width)).collect()
}

fn linked(link: &Linked, here: &str) -> String {
    let when = if link.relation == "before" { "unusual before" } else { "unusual at the same time" };
    match link.strong == here {
        true => format!("linked: case {}, {when} on another entity", link.case),
        false => format!("linked: case {} is {when} as the strong case {}", link.case, link.strong),
    }
}

fn foot(record: &Record) -> String {
    let book: String = record.book.chars().take(6).collect();
    let case = format!("case {} revision {}", record.case.id, record.case.revision);
    format!("book {book} · autonomy {} · {case} · decision {}", record.autonomy, record.id)
}

fn shown(fact: &Fact) -> Option<String> {
    fact.text.clone().or_else(|| fact.value.as_ref().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

fn outcome_paint(outcome: &str) -> Paint {
    match outcome {
        "close" => Paint::Calm,
        "respond" => Paint::Alarm,
        _ => Paint::Warm,
    }
}
