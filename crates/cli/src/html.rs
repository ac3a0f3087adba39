//! Pages in one file: no script, nothing fetched, nothing from an alert is ever markup.

use crate::queue::Case;
use crate::report::Report;
use crate::{explain, table};
use adjutant_engine::explain::style::{Line, escape, html};
use std::fmt::Write as _;

/// Columns of what is laid out as text.
const WIDTH: usize = 110;

/// Columns of the queue.
const QUEUE_WIDTH: usize = 140;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>Adjutant</title><style>
:root { color-scheme: light dark; --warm: #8a4b00; --alarm: #b00020; --calm: #1b6e3c; --doubt: #00607a; --dim: #5c5c5c }
@media (prefers-color-scheme: dark) {
  :root { --warm: #ffb454; --alarm: #ff7b89; --calm: #7fd49b; --doubt: #7ed3ea; --dim: #a6a6a6 }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
pre { font: 13px/1.4 ui-monospace, monospace; overflow-x: auto }
summary { cursor: pointer; padding: .2rem 0 }
.strong { font-weight: 700 } .dim { color: var(--dim) } .warm { color: var(--warm) }
.alarm { color: var(--alarm); font-weight: 700 } .calm { color: var(--calm) } .doubt { color: var(--doubt) }
</style></head><body>
";

/// A page of `lines`.
pub(crate) fn page(lines: &[Line]) -> String {
    format!("{HEAD}<main><pre>{}</pre></main></body></html>\n", html(lines))
}

/// The queue with the worst decision of its first `top` cases explained.
pub(crate) fn report(cases: &[&Case], report: &Report<'_>, summary: &[Line], top: usize) -> String {
    let mut page = format!("{HEAD}<main><h1>Queue</h1>\n<pre>{}</pre>\n", html(summary));
    let _ = writeln!(
        page,
        "<pre>{}</pre>\n<h2>Worst decision of each case</h2>",
        html(&table::queue(cases, report.book, top, Some(QUEUE_WIDTH)))
    );
    for case in cases.iter().take(top) {
        let Some(worst) = &case.worst else { continue };
        let lines = explain::lines(worst, report.book, report.inputs, WIDTH);
        let title = format!("{} {} · {} · {}", case.outcome.word(), case.score, case.subject, case.title);
        let _ = writeln!(page, "<details><summary>{}</summary><pre>{}</pre></details>", escape(&title), html(&lines));
    }
    page.push_str("</main></body></html>\n");
    page
}
