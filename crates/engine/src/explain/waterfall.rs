//! The reasons of a decision as a waterfall towards its score: one family after the other, the strongest first.
//!
//! Within a family the order is the book's, so that "… that is high or more" stands under what it adds to, and what
//! the family's cap took off stands under the family. What gave no points is named below, shortly.

use super::style::{Line, Paint};
use super::text::{cut, fold, wide, wrapped};
use crate::record::{Fact, Record, Signal};
use adjutant_model::quantity::Time;

/// Columns of the waterfall.
const BAR: usize = 22;

/// Signals that did not fire are named up to here; the record names them all.
const SILENT_SHOWN_MAX: usize = 6;

/// Sources of a signal's facts that are named; the record names them all.
const SOURCES_SHOWN_MAX: usize = 2;

/// Columns of the points, with their blanks.
const POINTS: usize = 7;

/// The waterfall of `record`, `width` columns wide.
pub(super) fn reasons(record: &Record, width: usize) -> Vec<Line> {
    let families = families(record);
    let named = families.iter().map(|family| wide(family.name)).max().unwrap_or(0).max(7);
    let scale = Scale { top: top(record, &families), named, width };
    let mut so_far = 0;
    let mut lines = vec![scale.thresholds(record)];
    for family in &families {
        for (index, signal) in family.signals.iter().enumerate() {
            let name = if index == 0 { family.name } else { "" };
            lines.extend(scale.reason(record, name, signal, so_far));
            so_far += signal.points;
        }
        if family.cap != 0 {
            so_far += family.cap;
            lines.push(scale.cap(family.cap, so_far));
        }
    }
    lines.extend(untold(record, named, width));
    lines.extend(silent(record, named, width));
    lines
}

/// What one family gave.
struct Family<'r> {
    name: &'r str,
    signals: Vec<&'r Signal>,
    cap: i32,
}

impl Family<'_> {
    fn points(&self) -> i32 {
        self.signals.iter().map(|signal| signal.points).sum::<i32>() + self.cap
    }
}

/// The families that say something, the strongest first; among equals in the book's order.
fn families(record: &Record) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for signal in record.signals.iter().filter(|signal| says(signal)) {
        match families.iter_mut().find(|family| family.name == signal.family) {
            Some(family) => family.signals.push(signal),
            None => families.push(Family { name: &signal.family, signals: vec![signal], cap: 0 }),
        }
    }
    for cap in &record.caps {
        if let Some(family) = families.iter_mut().find(|family| family.name == cap.family) {
            family.cap = cap.points;
        }
    }
    families.sort_by_key(|family| std::cmp::Reverse(family.points()));
    families
}

/// Whether a signal has a row of its own: it fired, would have, or gave points for what is unknown.
fn says(signal: &Signal) -> bool {
    signal.state == "fired" || signal.state == "muted" || signal.state == "unknown" && signal.points != 0
}

/// The most that the bars must reach.
fn top(record: &Record, families: &[Family<'_>]) -> i32 {
    let (mut so_far, mut most) = (0, record.respond_from.unwrap_or(0).max(record.close_below).max(1));
    for family in families {
        let all: i32 = family.signals.iter().map(|signal| signal.points).sum();
        most = most.max(so_far + all);
        so_far += all + family.cap;
    }
    most
}

/// What every row is drawn by.
struct Scale {
    /// The points at the right end of the bars.
    top: i32,
    /// Columns of the families' names.
    named: usize,
    width: usize,
}

impl Scale {
    /// Columns before a row's text.
    const fn label(&self) -> usize {
        POINTS + self.named + 2 + BAR + 2
    }

    /// Where the thresholds stand above the bars.
    fn thresholds(&self, record: &Record) -> Line {
        let mut line = " ".repeat(POINTS + self.named + 2);
        let start = wide(&line);
        for threshold in [Some(record.close_below), record.respond_from].into_iter().flatten() {
            let at = start + self.column(threshold).min(BAR - 1);
            // The numbers give way where the marks are too near to each other.
            if wide(&line) > at {
                line = line.chars().take(at).collect();
            }
            line.push_str(&" ".repeat(at - wide(&line)));
            line.push_str(&format!("▾{threshold}"));
        }
        Line::new().with(Paint::Dim, line)
    }

    fn reason(&self, record: &Record, family: &str, signal: &Signal, so_far: i32) -> Vec<Line> {
        let (points, paint, shade) = match signal.state.as_str() {
            "fired" => (format!("+{}", signal.points), Paint::Warm, '█'),
            "muted" => ("0".to_owned(), Paint::Dim, ' '),
            _ => (format!("+{} ?", signal.points), Paint::Doubt, '▒'),
        };
        let (text, from) = match (&signal.muted_by, signal.state.as_str()) {
            (_, "unknown") => (format!("{}? {}", signal.id, unknown(record, signal)), String::new()),
            (Some(exception), _) => (format!("{} — muted by {exception}", signal.because), sources(record, signal)),
            (None, _) => (signal.because.clone(), sources(record, signal)),
        };
        let first = Line::new()
            .with(paint, format!("{points:>5}"))
            .plain(format!("  {family:<named$}  ", named = self.named))
            .with(paint, self.bar(so_far, signal.points, shade))
            .plain("  ");
        self.beside(first, &text, &from)
    }

    fn cap(&self, points: i32, so_far: i32) -> Line {
        Line::new()
            .with(Paint::Dim, format!("{points:>5}"))
            .plain(" ".repeat(2 + self.named + 2))
            .with(Paint::Dim, self.bar(so_far, -points, '░'))
            .with(Paint::Dim, "  the family's cap")
    }

    /// `text` behind `first`, and at the end of its last line, or of the next, where it is from.
    fn beside(&self, first: Line, text: &str, from: &str) -> Vec<Line> {
        let room = self.width.saturating_sub(self.label()).max(20);
        let pieces = fold(text, room);
        let under = || Line::new().plain(" ".repeat(self.label()));
        let starts = std::iter::once(first).chain(std::iter::repeat_with(under));
        let mut lines: Vec<Line> = starts.zip(&pieces).map(|(start, piece)| start.plain(piece)).collect();
        if from.is_empty() {
            return lines;
        }
        let from = cut(from, room);
        if lines.last().is_none_or(|last| last.width() + 2 + wide(&from) > self.width) {
            lines.push(under());
        }
        if let Some(last) = lines.pop() {
            lines.push(last.fill_to(self.width - wide(&from)).with(Paint::Dim, from));
        }
        lines
    }

    fn column(&self, points: i32) -> usize {
        let share = i64::from(points.max(0)) * BAR as i64 / i64::from(self.top.max(1));
        usize::try_from(share).unwrap_or(0).min(BAR)
    }

    /// `points` drawn from `start`; at least one mark when there are points.
    fn bar(&self, start: i32, points: i32, shade: char) -> String {
        let from = self.column(start).min(BAR - 1);
        let to = if points > 0 { self.column(start.saturating_add(points)).max(from + 1) } else { from };
        (0..BAR).map(|at| if (from..to).contains(&at) { shade } else { ' ' }).collect()
    }
}

/// The signals that could not be told and gave no points, by what was unknown.
fn untold(record: &Record, named: usize, width: usize) -> Vec<Line> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for signal in record.signals.iter().filter(|signal| signal.state == "unknown" && signal.points == 0) {
        let why = unknown(record, signal);
        match groups.iter_mut().find(|(known, _)| *known == why) {
            Some((_, ids)) => ids.push(&signal.id),
            None => groups.push((why, vec![&signal.id])),
        }
    }
    let line = |(index, (why, ids)): (usize, &(String, Vec<&str>))| {
        let (mark, label) = if index == 0 { ("?", "unknown") } else { ("", "") };
        wrapped(&format!("{mark:>5}  {label:<named$}  "), &format!("{}? {why}", ids.join(", ")), width)
    };
    groups.iter().enumerate().flat_map(line).collect()
}

/// The signals that did not fire: the first few by name.
fn silent(record: &Record, named: usize, width: usize) -> Vec<Line> {
    let names: Vec<&str> =
        record.signals.iter().filter(|signal| signal.state == "silent").map(|signal| signal.id.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let shown = names.iter().take(SILENT_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SILENT_SHOWN_MAX);
    let text = if more > 0 { format!("{shown} and {more} more") } else { shown };
    wrapped(&format!("{:>5}  {:<named$}  ", "·", "silent"), &text, width)
}

/// The facts that made the condition unknown, by their reasons: `a, b unknown (not stated)`.
fn unknown(record: &Record, signal: &Signal) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for name in &signal.reads {
        let fact = record.facts.get(name).or_else(|| record.fields.get(name));
        let why = match fact {
            Some(Fact { unknown: None, .. }) => continue,
            Some(Fact { unknown: Some(why), .. }) => why.replace('-', " "),
            None => "not stated".to_owned(),
        };
        match groups.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(name),
            None => groups.push((why, vec![name])),
        }
    }
    groups.iter().map(|(why, names)| format!("{} unknown ({why})", names.join(", "))).collect::<Vec<_>>().join("; ")
}

/// Where the facts that a signal read came from, and how old they are: what was known before the alert first.
fn sources(record: &Record, signal: &Signal) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut stated: Vec<&str> = Vec::new();
    for name in &signal.reads {
        let Some(fact) = record.facts.get(name).or_else(|| record.fields.get(name)).filter(|fact| fact.value.is_some()) else {
            continue;
        };
        match fact.from.as_str() {
            "history" => known.push("own history".to_owned()),
            "derived" if name.starts_with("login.") => travelled(record, &mut known, &mut stated),
            "derived" => {}
            from if record.fields.contains_key(name) => stated.push(from),
            from => known.push(format!("{from}{}", age(record, fact))),
        }
    }
    let mut sources: Vec<String> = Vec::new();
    let stated = stated.iter().map(|path| format!("{} {path}", record.alert.source));
    for source in known.into_iter().chain(stated) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let more = sources.len().saturating_sub(SOURCES_SHOWN_MAX);
    sources.truncate(SOURCES_SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", sources.join(", "))
}

/// Distances and speeds are computed from the login before and the place of this one.
fn travelled<'r>(record: &'r Record, known: &mut Vec<String>, stated: &mut Vec<&'r str>) {
    known.push("own history".to_owned());
    if let Some(place) = record.fields.get("src.geo") {
        stated.push(&place.from);
    } else if let Some(place) = record.facts.get("src.geo").or_else(|| record.facts.get("src.country")) {
        known.push(format!("{}{}", place.from, age(record, place)));
    }
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
