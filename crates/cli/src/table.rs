//! The queue and the summary as a person reads them.

use crate::queue::Case;
use crate::report::{Counts, Report, Totals};
use crate::term;
use adjutant_engine::context::{Condition, Quality};
use adjutant_engine::explain::style::{Line, Paint, ansi, plain};
use adjutant_engine::explain::text::wrapped;
use adjutant_model::quantity::Grouped;
use adjutant_model::{Outcome, Time};
use adjutant_rules::Book;
use std::path::Path;

/// Failures shown one by one.
const FAILURES_SHOWN: usize = 10;

/// Digits of an id that are shown; `explain` takes any beginning that is the only one.
pub(crate) const ID: usize = 8;

/// Narrower than this, the queue does without the playbook's name.
const ROOMY: usize = 120;

/// Narrower than this, it does without the time of day.
const NARROW: usize = 100;

/// The lines as this terminal takes them.
pub(crate) fn painted(lines: &[Line]) -> String {
    if term::color() { ansi(lines) } else { plain(lines) }
}

/// The queue's first `top` cases, as wide as they are where no width is given.
pub(crate) fn queue(cases: &[&Case], book: &Book, top: usize, width: Option<usize>) -> Vec<Line> {
    let shown = cases.get(..top).unwrap_or(cases);
    if shown.is_empty() {
        return Vec::new();
    }
    let columns = Columns::of(shown, book, width);
    let mut lines = vec![Line::new().with(Paint::Dim, columns.head())];
    lines.extend(shown.iter().map(|case| columns.row(case, book)));
    if cases.len() > shown.len() {
        let more = format!("… and {} more; --top ROWS shows more", Grouped((cases.len() - shown.len()) as i64));
        lines.push(Line::new().with(Paint::Dim, more));
    }
    lines
}

/// How wide the columns are that give way to a narrow terminal.
struct Columns {
    time: usize,
    /// None where there is no room.
    playbook: Option<usize>,
    subject: usize,
    title: usize,
}

impl Columns {
    fn of(cases: &[&Case], book: &Book, width: Option<usize>) -> Self {
        let widest =
            |least: usize, width: &dyn Fn(&Case) -> usize| cases.iter().map(|case| width(case)).max().unwrap_or(0).max(least);
        let playbook = widest(8, &|case| playbook(case, book).chars().count());
        let subject = widest(5, &|case| subject(case).chars().count());
        let title = widest(4, &|case| case.title.chars().count());
        let Some(width) = width else { return Self { time: 16, playbook: Some(playbook), subject, title } };
        let time = if width < NARROW { 10 } else { 16 };
        let playbook = (width >= ROOMY).then_some(playbook);
        // Outcome, score and alerts before; then the blanks between the columns, and the id.
        let fixed = 8 + 6 + 8 + 2 + time + playbook.map_or(0, |playbook| playbook + 2) + 2 + 2 + 2 + ID;
        let room = width.saturating_sub(fixed).max(24);
        let subject = subject.min((room * 2 / 5).max(room.saturating_sub(title)));
        Self { time, playbook, subject, title: title.min(room - subject) }
    }

    fn head(&self) -> String {
        self.text(["outcome", "score", "alerts", "latest", "playbook", "about", "what", "decision"])
    }

    fn row(&self, case: &Case, book: &Book) -> Line {
        let paint = match case.outcome {
            Outcome::Respond => Paint::Alarm,
            Outcome::Escalate => Paint::Warm,
            Outcome::Close => Paint::Calm,
        };
        let (score, alerts) = (case.score.to_string(), Grouped(case.alerts as i64).to_string());
        let (time, outcome, id) = (minutes(case.last), case.outcome.word(), case.decision.under(book.digest));
        let fields = [outcome, &score, &alerts, &time, playbook(case, book), subject(case), &case.title, &id];
        let text = self.text(fields);
        let (outcome, rest) = text.split_at(outcome.len());
        Line::new().with(paint, outcome).plain(rest)
    }

    fn text(&self, [outcome, score, alerts, latest, playbook, subject, title, id]: [&str; 8]) -> String {
        let (time, subjects, titles) = (self.time, self.subject, self.title);
        let playbook = self.playbook.map_or_else(String::new, |wide| format!("{playbook:<wide$}  "));
        let (latest, subject, title) = (latest.get(..time).unwrap_or(latest), cut(subject, subjects), cut(title, titles));
        let id = id.get(..ID).unwrap_or(id);
        format!("{outcome:<8}{score:>6}{alerts:>8}  {latest:<time$}  {playbook}{subject:<subjects$}  {title:<titles$}  {id}")
    }
}

/// What the case is about: of a resource in a cloud what tells it from its neighbours, the end of its name.
fn subject(case: &Case) -> &str {
    let own = case.subject.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').last());
    own.filter(|own| !own.is_empty()).unwrap_or(&case.subject)
}

fn playbook<'b>(case: &Case, book: &'b Book) -> &'b str {
    book.playbooks.get(usize::from(case.playbook)).map_or("?", |playbook| playbook.name.as_str())
}

/// Date, hours and minutes, in UTC. No alert is from the very first moment that a clock can show.
fn minutes(time: Time) -> String {
    if time == Time::default() {
        return "not stated".into();
    }
    time.to_string().replacen('T', " ", 1).chars().take(16).collect()
}

/// `text` in at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
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
    let width = term::width().unwrap_or(usize::MAX);
    if decided > 0 {
        lines.extend(wrapped("sources       ", &sources(counts, report.book), width));
    }
    lines.extend(wrapped("data quality  ", &quality(counts, report), width));
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

fn sources(counts: &Counts, book: &Book) -> String {
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
    format!("{}{more}", shown.join(" · "))
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
