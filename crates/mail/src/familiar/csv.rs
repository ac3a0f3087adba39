//! The files of a table: what the book's contracts look up, and what learning goes on from.
//!
//! Plain tables, as all context is. Each is sorted, so that the same mail gives the same bytes.

use super::{Row, Sum, Table};
use adjutant_model::Time;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const PAIR_COLUMNS: &str = "pair,first_seen,last_seen,messages,first_written,last_written,written,solicited,bad";
const SENDER_COLUMNS: &str = "name,prevalence,first_seen,last_seen,messages,people,last_written,solicited,bad";
const MAILBOX_COLUMNS: &str = "address,learned_since,messages";

/// A table as files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// What passed between two people, `OURS OTHER` a row. Learning goes on from it.
    pub correspondents: String,
    /// What is known of each address.
    pub senders: String,
    /// What is known of each registered domain.
    pub domains: String,
    /// Our people of whose mail something was learned.
    pub mailboxes: String,
    /// Which deliveries are counted: sixteen digits a line. Learning goes on from it.
    pub counted: String,
}

/// A line that no table of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is none that learning wrote; remove the files to learn anew")]
pub struct Fault {
    /// The line, 1 for the first.
    pub line: usize,
}

impl Table {
    /// The table as files.
    pub fn files(&self) -> Files {
        let mut counted: Vec<u64> = self.counted.iter().copied().collect();
        counted.sort_unstable();
        Files {
            correspondents: self.correspondents(),
            senders: sums(&self.senders()),
            domains: sums(&self.domains()),
            mailboxes: self.mailbox_lines(),
            counted: lines(counted.into_iter().map(|key| format!("{key:016x}"))),
        }
    }

    fn correspondents(&self) -> String {
        let rows = self.rows.iter().map(|((own, other), row)| {
            let (came, written) = (span(row.came), span(row.written));
            let Row { messages, wrote, bad, .. } = row;
            format!(
                "{own} {other},{},{},{messages},{},{},{wrote},{},{bad}",
                came.0,
                came.1,
                written.0,
                written.1,
                row.solicited()
            )
        });
        with_head(PAIR_COLUMNS, rows)
    }

    fn mailbox_lines(&self) -> String {
        let rows = self.mailboxes();
        let rows = rows.iter().map(|(address, row)| format!("{address},{},{}", span(row.came).0, row.messages));
        with_head(MAILBOX_COLUMNS, rows)
    }

    /// The table that learning wrote as these files.
    ///
    /// # Errors
    /// A line is none of such a table.
    pub fn of_files(correspondents: &str, counted: &str) -> Result<Self, Fault> {
        let mut table = Table::default();
        for (number, line) in correspondents.lines().enumerate().skip(1) {
            let (pair, row) = row(line).ok_or(Fault { line: number + 1 })?;
            table.rows.insert(pair, row);
        }
        for (number, line) in counted.lines().enumerate() {
            table.counted.insert(u64::from_str_radix(line, 16).map_err(|_| Fault { line: number + 1 })?);
        }
        Ok(table)
    }
}

fn sums(sums: &BTreeMap<&str, Sum<'_>>) -> String {
    let rows = sums.iter().filter(|(name, _)| !name.is_empty()).map(|(name, sum)| {
        let Sum { row, people, solicited } = sum;
        let (first, last) = span(row.came);
        let (prevalence, people) = (row.prevalence().name(), people.len());
        format!("{name},{prevalence},{first},{last},{},{people},{},{solicited},{}", row.messages, span(row.written).1, row.bad)
    });
    with_head(SENDER_COLUMNS, rows)
}

fn with_head(head: &str, rows: impl Iterator<Item = String>) -> String {
    lines(std::iter::once(head.to_owned()).chain(rows))
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.fold(String::new(), |mut text, line| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}

fn span(span: Option<(Time, Time)>) -> (String, String) {
    span.map_or_else(Default::default, |(first, last)| (first.to_string(), last.to_string()))
}

/// Reads a row of the correspondents.
fn row(line: &str) -> Option<((String, String), Row)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [pair, first, last, messages, first_written, last_written, wrote, _, bad] = cells.as_slice() else { return None };
    let (own, other) = pair.split_once(' ')?;
    let row = Row {
        came: read_span(first, last)?,
        messages: messages.parse().ok()?,
        written: read_span(first_written, last_written)?,
        wrote: wrote.parse().ok()?,
        bad: bad.parse().ok()?,
    };
    Some(((own.to_owned(), other.to_owned()), row))
}

/// Two times; none where there is nothing, and nothing where there is something else.
fn read_span(first: &str, last: &str) -> Option<Option<(Time, Time)>> {
    if first.is_empty() && last.is_empty() {
        return Some(None);
    }
    let time = |text: &str| mail_parser::DateTime::parse_rfc3339(text).map(|date| Time::from_secs(date.to_timestamp()));
    Some(Some((time(first)?, time(last)?)))
}
