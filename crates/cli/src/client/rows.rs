//! A table as wide as the terminal: columns that can give way are cut.

use crate::table::cut;
use crate::term::{self, safe};
use adjutant_engine::explain::style::{Line, Paint};

/// A column that gives way keeps so many characters.
const LEAST: usize = 8;

/// Blanks between columns.
const GAP: usize = 2;

/// Rows under a head.
pub(super) struct Rows {
    head: Vec<&'static str>,
    rows: Vec<(Paint, Vec<String>)>,
    gives: Vec<&'static str>,
}

impl Rows {
    /// A table with these columns, of which those in `gives` can be cut.
    pub(super) fn new(head: &[&'static str], gives: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new(), gives: gives.to_vec() }
    }

    /// Appends a row, whose first cell is painted.
    pub(super) fn add(&mut self, paint: Paint, cells: impl IntoIterator<Item = String>) {
        self.rows.push((paint, cells.into_iter().map(|cell| safe(&cell)).collect()));
    }

    /// The lines, as wide as the terminal.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.fitted(term::width())
    }

    fn fitted(&self, width: Option<usize>) -> Vec<Line> {
        let widths = self.widths(width);
        let head: Vec<String> = self.head.iter().map(|name| (*name).to_owned()).collect();
        let numbers: Vec<bool> = (0..self.head.len()).map(|column| self.is_numbers(column)).collect();
        let mut lines = vec![line((Paint::Dim, Paint::Dim), &head, &widths, &numbers)];
        lines.extend(self.rows.iter().map(|(paint, row)| line((*paint, Paint::Plain), row, &widths, &numbers)));
        lines
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let wide = |(column, name): (usize, &&str)| {
            let cells = self.rows.iter().filter_map(|(_, row)| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = self.head.iter().enumerate().map(wide).collect();
        let Some(width) = width else { return widths };
        let gives: Vec<usize> = (0..widths.len()).filter(|column| self.gives.contains(&self.head[*column])).collect();
        while widths.iter().map(|wide| wide + GAP).sum::<usize>() > width + GAP {
            let widest = gives.iter().copied().max_by_key(|column| widths[*column]).filter(|column| widths[*column] > LEAST);
            match widest {
                Some(column) => widths[column] -= 1,
                None => break,
            }
        }
        widths
    }

    fn is_numbers(&self, column: usize) -> bool {
        self.rows.iter().filter_map(|(_, row)| row.get(column)).all(|cell| cell.parse::<f64>().is_ok())
    }
}

fn line((first, rest): (Paint, Paint), cells: &[String], widths: &[usize], numbers: &[bool]) -> Line {
    let mut line = Line::new();
    for (column, ((cell, wide), number)) in cells.iter().zip(widths).zip(numbers).enumerate() {
        let text = cut(cell, *wide);
        let text = if *number { format!("{text:>wide$}") } else { format!("{text:<wide$}") };
        line = line.with(if column == 0 { first } else { rest }, text).plain(" ".repeat(GAP));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_engine::explain::style::plain;

    #[test]
    fn a_table_fits_and_cuts_what_can_give_way() {
        let mut rows = Rows::new(&["id", "score", "what"], &["what"]);
        rows.add(Paint::Plain, ["aa".into(), "7".into(), "a long title \u{1b}[31m that goes on and on".into()]);
        rows.add(Paint::Plain, ["bbbb".into(), "112".into(), "short".into()]);
        let wide = plain(&rows.fitted(None));
        assert!(wide.contains("on and on") && wide.contains("\\u{1b}[31m") && !wide.contains('\u{1b}'), "{wide}");
        let narrow = plain(&rows.fitted(Some(30)));
        assert_eq!(narrow, "id    score  what\naa        7  a long title \\u{…\nbbbb    112  short\n");
        assert!(plain(&rows.fitted(Some(1))).contains("a long …"));
    }
}
