//! Explains one decision: the walk from the raw field to the outcome, the same everywhere.
//!
//! The explanation is made from the [`Record`] alone, so that what people read is what was computed. It is a
//! list of styled lines; [`style`] turns them into terminal text, plain text or HTML. What would flip the
//! decision needs the book and is computed by [`crate::flip`] when somebody reads it.

pub mod style;

use crate::flip::Flip;
use crate::record::{Fact, Record, Signal};
use adjutant_model::quantity::Time;
use style::{Line, Paint};

/// Columns of the waterfall.
const BAR: usize = 22;

/// Signals that did not fire are named up to here; the record names them all.
const SILENT_SHOWN_MAX: usize = 6;

/// Narrower than this, a terminal gets this width all the same.
const WIDTH_MIN: usize = 60;

/// The explanation of `record` for a terminal `width` columns wide.
pub fn explain(record: &Record, flips: &[Flip], width: usize) -> Vec<Line> {
    let width = width.max(WIDTH_MIN);
    let mut lines = head(record, width);
    lines.push(Line::new());
    lines.extend(reasons(record, width));
    lines.extend(notes(record, width));
    lines.push(Line::new());
    lines.extend(labelled("would be", flips.iter().map(Flip::sentence), width));
    lines.extend(labelled("recommended", record.recommended.iter().cloned(), width));
    lines.extend(labelled(
        "problems",
        record.problems.iter().map(|problem| format!("{}: {}", problem.field, problem.detail)),
        width,
    ));
    lines.push(foot(record));
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
    lines.push(Line::new().with(Paint::Dim, cut(&second, width)));
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

/// The signals that say something, the largest first, as a waterfall towards the score.
fn reasons(record: &Record, width: usize) -> Vec<Line> {
    let mut said: Vec<&Signal> = record.signals.iter().filter(|signal| signal.state != "silent").collect();
    said.sort_by_key(|signal| std::cmp::Reverse((signal.points, signal.state == "fired")));
    let top = record.score.max(record.respond_from.unwrap_or(0)).max(record.close_below).max(1);
    let families = said.iter().map(|signal| signal.family.chars().count()).max().unwrap_or(0).max(6);
    let mut so_far = 0;
    let mut lines = vec![axis(record, top, families)];
    for signal in &said {
        lines.extend(reason(record, signal, so_far, top, families, width));
        so_far += signal.points;
    }
    for cap in &record.caps {
        let text = format!("{:>5}  {:<families$}  ", cap.points, cap.family);
        so_far += cap.points;
        lines.push(
            Line::new()
                .plain(text)
                .with(Paint::Dim, bar(so_far, -cap.points, top, '░'))
                .plain("  ")
                .with(Paint::Dim, "the family's cap"),
        );
    }
    lines.extend(silent(record, families, width));
    lines
}

/// The signals that did not fire: the first few by name.
fn silent(record: &Record, families: usize, width: usize) -> Vec<Line> {
    let names: Vec<&str> =
        record.signals.iter().filter(|signal| signal.state == "silent").map(|signal| signal.id.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let shown = names.iter().take(SILENT_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SILENT_SHOWN_MAX);
    let text = if more > 0 { format!("{shown} and {more} more") } else { shown };
    wrapped(&format!("{:>5}  {:<families$}  ", "·", "silent"), &text, width)
}

/// Where the thresholds stand above the bars.
fn axis(record: &Record, top: i32, families: usize) -> Line {
    let mut marks = [' '; BAR];
    for threshold in [Some(record.close_below), record.respond_from].into_iter().flatten() {
        if let Some(mark) = marks.get_mut(column(threshold, top).min(BAR - 1)) {
            *mark = '▾';
        }
    }
    Line::new().plain(" ".repeat(5 + 2 + families + 2)).with(Paint::Dim, marks.iter().collect::<String>())
}

fn reason(record: &Record, signal: &Signal, so_far: i32, top: i32, families: usize, width: usize) -> Vec<Line> {
    let (points, paint) = match signal.state.as_str() {
        "fired" => (format!("+{}", signal.points), Paint::Warm),
        "muted" => ("0".to_owned(), Paint::Dim),
        _ => (format!("+{} ?", signal.points).replace("+0 ?", "?"), Paint::Doubt),
    };
    let shade = if signal.state == "fired" { '█' } else { '▒' };
    let sources = if signal.state == "unknown" { String::new() } else { sources(record, signal) };
    let mut text = signal.because.clone();
    if signal.state == "unknown" {
        text = format!("{}: {}", signal.id, unknown(record, signal));
    }
    if let Some(exception) = &signal.muted_by {
        text = format!("{text} — muted by {exception}");
    }
    let label = 5 + 2 + families + 2 + BAR + 2;
    let first = Line::new()
        .with(paint, format!("{points:>5}"))
        .plain(format!("  {:<families$}  ", signal.family))
        .with(paint, bar(so_far, signal.points, top, shade))
        .plain("  ");
    let room = width.saturating_sub(label).max(20);
    let beside = text.chars().count() + 2 + sources.chars().count() <= room;
    let pieces = fold(&text, room);
    let mut lines: Vec<Line> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let start = if index == 0 { first.clone() } else { Line::new().plain(" ".repeat(label)) };
        let line = start.plain(piece);
        lines.push(if beside { line.fill_to(width - sources.chars().count()).with(Paint::Dim, &sources) } else { line });
    }
    if !beside && !sources.is_empty() {
        lines.push(Line::new().plain(" ".repeat(label)).with(Paint::Dim, cut(&sources, room)));
    }
    lines
}

/// The facts that made the condition unknown, with their reasons.
fn unknown(record: &Record, signal: &Signal) -> String {
    let why = |name: &String| {
        let fact = record.facts.get(name).or_else(|| record.fields.get(name));
        let why = match fact {
            Some(fact) => fact.unknown.as_deref()?,
            None => "not-stated",
        };
        Some(format!("{name} {}", why.replace('-', " ")))
    };
    signal.reads.iter().filter_map(why).collect::<Vec<_>>().join(", ")
}

/// Where the facts that a signal read came from, and how old they are.
fn sources(record: &Record, signal: &Signal) -> String {
    let mut sources: Vec<String> = Vec::new();
    for name in &signal.reads {
        let Some(fact) = record.facts.get(name).or_else(|| record.fields.get(name)).filter(|fact| fact.value.is_some()) else {
            continue;
        };
        let source = match fact.from.as_str() {
            "history" => "own history".to_owned(),
            "derived" => continue,
            from if record.fields.contains_key(name) => format!("{} {from}", record.alert.source),
            from => format!("{from}{}", age(record, fact)),
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.truncate(2);
    sources.join(", ")
}

fn age(record: &Record, fact: &Fact) -> String {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|stamp| Time(stamp.as_microsecond()));
    let observed = fact.observed_at.as_deref().and_then(time);
    match (observed, time(&record.time)) {
        (Some(observed), Some(now)) if now >= observed => format!(", {} old", now.since(observed)),
        (Some(observed), Some(_)) => format!(", as of {}", observed.to_string().chars().take(10).collect::<String>()),
        _ => String::new(),
    }
}

fn notes(record: &Record, width: usize) -> Vec<Line> {
    let guards = record.guards.iter().map(|guard| format!("not closed: {guard}"));
    let held = record.held_by.iter().map(|held| format!("held: {held}"));
    guards.chain(held).flat_map(|note| wrapped("       ", &note, width)).collect()
}

fn labelled(label: &str, items: impl Iterator<Item = String>, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, item) in items.enumerate() {
        let label = if index == 0 { label } else { "" };
        lines.extend(wrapped(&format!("{label:<12} "), &item, width));
    }
    lines
}

fn wrapped(label: &str, text: &str, width: usize) -> Vec<Line> {
    let indent = label.chars().count();
    let pieces = fold(text, width.saturating_sub(indent).max(20));
    let line = |(index, piece): (usize, &String)| {
        let label = if index == 0 { label.to_owned() } else { " ".repeat(indent) };
        Line::new().with(Paint::Dim, label).plain(piece)
    };
    pieces.iter().enumerate().map(line).collect()
}

fn foot(record: &Record) -> Line {
    let book: String = record.book.chars().take(6).collect();
    let case = format!("case {} revision {}", record.case.id, record.case.revision);
    Line::new().with(Paint::Dim, format!("book {book} · autonomy {} · {case} · decision {}", record.autonomy, record.id))
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

fn column(points: i32, top: i32) -> usize {
    let share = i64::from(points.max(0)) * BAR as i64 / i64::from(top.max(1));
    usize::try_from(share).unwrap_or(0).min(BAR)
}

/// `points` drawn from `start` on a scale up to `top`; at least one mark when there are points.
fn bar(start: i32, points: i32, top: i32, shade: char) -> String {
    let from = column(start, top).min(BAR - 1);
    let to = column(start.saturating_add(points), top).max(if points > 0 { from + 1 } else { from });
    (0..BAR).map(|at| if (from..to).contains(&at) { shade } else { ' ' }).collect()
}

/// `text` in pieces of at most `room` characters, broken at spaces where possible.
fn fold(text: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in text.split(' ').flat_map(|word| chunks(word, room)) {
        let Some(last) = pieces.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > room {
            pieces.push(word);
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(&word);
        }
    }
    pieces
}

fn chunks(word: &str, room: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars.chunks(room.max(1)).map(|chunk| chunk.iter().collect()).collect()
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
