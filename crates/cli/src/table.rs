//! The queue and the summary as a person reads them.

use crate::queue::Case;
use crate::report::{Counts, Report, Totals};
use crate::term;
use adjutant_engine::context::{Condition, Quality};
use adjutant_engine::explain::style::{Line, Paint, ansi, plain};
use adjutant_model::quantity::Grouped;
use adjutant_model::{Outcome, Time};
use adjutant_rules::Book;
use std::path::Path;

/// Failures shown one by one.
const FAILURES_SHOWN: usize = 10;

/// Columns that do not grow: outcome, score, alerts, time, id and the blanks between them.
const FIXED: usize = 9 + 6 + 8 + 21 + 18;

/// The lines as this terminal takes them.
pub(crate) fn painted(lines: &[Line]) -> String {
    if term::color() { ansi(lines) } else { plain(lines) }
}

/// The queue's first `top` cases.
pub(crate) fn queue(cases: &[Case], book: &Book, top: usize) -> Vec<Line> {
    let shown = cases.get(..top).unwrap_or(cases);
    if shown.is_empty() {
        return Vec::new();
    }
    let widths = Widths::of(shown, book);
    let mut lines = vec![
        Line::new()
            .with(Paint::Dim, widths.row(["outcome", "score", "alerts", "latest", "playbook", "about", "what"], "decision")),
    ];
    lines.extend(shown.iter().map(|case| row(case, book, &widths)));
    if cases.len() > shown.len() {
        let more = format!("… and {} more; --top ROWS shows more", Grouped((cases.len() - shown.len()) as i64));
        lines.push(Line::new().with(Paint::Dim, more));
    }
    lines
}

/// How wide the columns are that grow with what is in them.
struct Widths {
    playbook: usize,
    subject: usize,
    title: usize,
}

impl Widths {
    fn of(cases: &[Case], book: &Book) -> Self {
        let widest = |width: &dyn Fn(&Case) -> usize| cases.iter().map(width).max().unwrap_or(0);
        let playbook = widest(&|case| playbook(case, book).chars().count()).max(8);
        let subject = widest(&|case| case.subject.chars().count()).max(5);
        let title = widest(&|case| case.title.chars().count()).max(4);
        let Some(columns) = term::width() else { return Self { playbook, subject, title } };
        let room = columns.saturating_sub(FIXED + playbook + 4).max(24);
        let subject = subject.min(room * 2 / 5);
        Self { playbook, subject, title: title.min(room - subject) }
    }

    fn row(&self, [outcome, score, alerts, latest, playbook, subject, title]: [&str; 7], decision: &str) -> String {
        let (wide, subject, title) = (self.playbook, cut(subject, self.subject), cut(title, self.title));
        let (subjects, titles) = (self.subject, self.title);
        format!(
            "{outcome:<9}{score:>5} {alerts:>7} {latest:<20} {playbook:<wide$}  {subject:<subjects$}  {title:<titles$}  {decision}"
        )
    }
}

fn row(case: &Case, book: &Book, widths: &Widths) -> Line {
    let paint = match case.outcome {
        Outcome::Respond => Paint::Alarm,
        Outcome::Escalate => Paint::Warm,
        Outcome::Close => Paint::Calm,
    };
    let (score, alerts) = (case.score.to_string(), Grouped(case.alerts as i64).to_string());
    let fields = [case.outcome.word(), &score, &alerts, &seconds(case.last), playbook(case, book), &case.subject, &case.title];
    let text = widths.row(fields, &case.decision);
    let (outcome, rest) = text.split_at(9);
    Line::new().with(paint, outcome).plain(rest)
}

fn playbook<'b>(case: &Case, book: &'b Book) -> &'b str {
    book.playbooks.get(usize::from(case.playbook)).map_or("?", |playbook| playbook.name.as_str())
}

/// RFC 3339 without fractions of a second.
fn seconds(time: Time) -> String {
    Time::from_secs(time.secs()).to_string()
}

/// `text` in at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// What was read and what came of it.
pub(crate) fn summary(totals: &Totals, report: &Report<'_>, out: Option<&Path>, interrupted: bool) -> Vec<Line> {
    let counts = &totals.counts;
    let mut lines = failures(totals, report.inputs);
    let (decided, failed) = (counts.decided(), counts.failed);
    let how = if interrupted { "interrupted: " } else { "" };
    let sum = format!("{how}{} in = {} decided + {} with a problem", number(decided + failed), number(decided), number(failed));
    lines.push(Line::new().with(Paint::Strong, sum));
    lines.push(outcomes(counts, totals.cases));
    lines.push(sources(counts, report.book));
    lines.push(Line::new().with(Paint::Dim, "data quality  ").plain(quality(counts, report)));
    if let Some(out) = out {
        lines.push(Line::new().plain(format!("kept in {0}; next: adjutant explain ID --in {0}", out.display())));
    }
    lines
}

fn failures(totals: &Totals, inputs: &[String]) -> Vec<Line> {
    let shown = totals.failures.iter().take(FAILURES_SHOWN).map(|failure| {
        let input = inputs.get(failure.input as usize).map_or("?", String::as_str);
        let place = if failure.line == 0 { input.to_owned() } else { format!("{input}:{}", failure.line) };
        Line::new().with(Paint::Doubt, place).plain(": ").plain(&failure.detail).with(Paint::Dim, format!(" [{}]", failure.code))
    });
    let mut lines: Vec<Line> = shown.collect();
    let more = totals.counts.failed.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(Line::new().with(Paint::Dim, format!("… and {} more with a problem", number(more))));
    }
    lines
}

fn outcomes(counts: &Counts, cases: u64) -> Line {
    let [close, escalate, respond] = counts.outcomes.map(number);
    Line::new()
        .with(Paint::Alarm, format!("{respond} respond"))
        .plain(" · ")
        .with(Paint::Warm, format!("{escalate} escalate"))
        .plain(" · ")
        .with(Paint::Calm, format!("{close} close"))
        .plain(format!(" (proposed) · {} cases", number(cases)))
}

fn sources(counts: &Counts, book: &Book) -> Line {
    const SHOWN: usize = 6;
    let mut by_count: Vec<(u64, &str)> = book
        .sources
        .iter()
        .map(|(id, source)| (counts.sources.get(usize::from(id.0)).copied().unwrap_or(0), source.name.as_str()))
        .collect();
    by_count.retain(|(count, _)| *count > 0);
    by_count.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let shown: Vec<String> = by_count.iter().take(SHOWN).map(|(count, name)| format!("{name} {}", number(*count))).collect();
    let more = by_count.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" · {more} more") } else { String::new() };
    Line::new().with(Paint::Dim, "sources  ").plain(format!("{}{more}", shown.join(" · ")))
}

/// What about the data should make a reader careful.
fn quality(counts: &Counts, report: &Report<'_>) -> String {
    let mut said = context(counts, report);
    for (code, count) in &counts.problems {
        said.push(format!("{} × {code}", number(*count)));
    }
    let fallback: u64 = report
        .book
        .sources
        .iter()
        .filter(|(_, source)| source.is_fallback())
        .map(|(id, _)| counts.sources.get(usize::from(id.0)).copied().unwrap_or(0))
        .sum();
    if fallback > 0 {
        said.push(format!("{} read by a generic source only", number(fallback)));
    }
    if counts.duplicates > 0 {
        said.push(format!("{} exact duplicates", number(counts.duplicates)));
    }
    if said.is_empty() { "nothing to report".into() } else { said.join(" · ") }
}

/// Context sources that could not be used, each with what is wrong; those that nobody provides only by their number.
fn context(counts: &Counts, report: &Report<'_>) -> Vec<String> {
    let quality = report.context.quality(counts.latest, &counts.touched);
    let unusable = quality.iter().filter(|source| matches!(source.condition, Condition::Stale | Condition::Broken));
    let mut said: Vec<String> = unusable.map(one_source).collect();
    let absent = quality.iter().filter(|source| source.condition == Condition::Absent).count();
    if absent > 0 {
        said.push(format!("{absent} of {} context sources are not provided", quality.len()));
    }
    said
}

fn one_source(source: &Quality) -> String {
    let touched = number(source.touched);
    let what = match (source.condition, source.age) {
        (Condition::Broken, _) => format!("broken: {}", source.breaches.join(", ")),
        (_, Some(age)) => format!("stale, {age} old"),
        (_, None) => "stale".into(),
    };
    format!("{} {what} (owner {}, {touched} alerts)", source.name, source.owner)
}

fn number(count: u64) -> String {
    Grouped(i64::try_from(count).unwrap_or(i64::MAX)).to_string()
}
