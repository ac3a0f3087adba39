//! Text in columns: folded at spaces, cut with an ellipsis, indented under a label. Knows nothing of decisions.

use super::style::{Line, Paint};

/// `text` in pieces of at most `room` characters, broken at spaces where possible.
pub(super) fn fold(text: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in words(text).iter().flat_map(|word| chunks(word, room)) {
        let Some(last) = pieces.last_mut() else { break };
        if !last.is_empty() && wide(last) + 1 + wide(&word) > room {
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

/// What stays on one line: words, a number with its unit.
fn words(text: &str) -> Vec<String> {
    const UNITS: [&str; 6] = ["s", "min", "h", "d", "km", "km/h"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = UNITS.contains(&word.trim_end_matches([',', '.', ';', ':']));
        match words.last_mut().filter(|last| unit && last.ends_with(|c: char| c.is_ascii_digit())) {
            Some(number) => {
                number.push(' ');
                number.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

fn chunks(word: &str, room: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars.chunks(room.max(1)).map(|chunk| chunk.iter().collect()).collect()
}

/// `text` in at most `room` characters.
pub(super) fn cut(text: &str, room: usize) -> String {
    if wide(text) <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// How many characters `text` has.
pub(super) fn wide(text: &str) -> usize {
    text.chars().count()
}

/// `text` behind `label`, its further lines under its first.
pub fn wrapped(label: &str, text: &str, width: usize) -> Vec<Line> {
    let indent = wide(label);
    let pieces = fold(text, width.saturating_sub(indent).max(20));
    let line = |(index, piece): (usize, &String)| {
        let label = if index == 0 { label.to_owned() } else { " ".repeat(indent) };
        Line::new().with(Paint::Dim, label).plain(piece)
    };
    pieces.iter().enumerate().map(line).collect()
}

/// Every item on a line of its own, the first behind `label`.
pub(super) fn labelled(label: &str, items: impl Iterator<Item = String>, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, item) in items.enumerate() {
        let label = if index == 0 { label } else { "" };
        lines.extend(wrapped(&format!("{label:<12} "), &item, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(fold("9,497 km in 24 min 19 s", 21), ["9,497 km in 24 min", "19 s"]);
        assert_eq!(fold("a s 1 s", 3), ["a s", "1 s"]);
        assert_eq!(fold("nothing-to-break-at", 8), ["nothing-", "to-break", "-at"]);
    }
}
