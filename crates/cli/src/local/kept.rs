//! Checkpoints that were kept elsewhere: a file of one, of many one after the other, or what a syslog server wrote down.

use crate::serve::ORIGIN;
use adjutant_ledger::{Checkpoint, Note};
use anyhow::Context;
use std::path::Path;

/// What begins a line with a signature, and what ends a line of a checkpoint inside a line of syslog.
const SIGNATURE: &str = "\u{2014} ";
const SYSLOG_LINE_END: &str = " | ";

/// Larger files are not read: it is room for one a minute for ten years.
const BYTES_MAX: u64 = 1 << 30;

/// What a file holds.
pub(super) struct Kept {
    /// Checkpoints, or the whole file where it holds none: whoever verifies it then says why.
    pub(super) checkpoints: Vec<Vec<u8>>,
    /// Pieces that are none, such as half a checkpoint that a full disk left.
    pub(super) unread: usize,
}

impl Kept {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || format!("`{}`", path.display());
        anyhow::ensure!(std::fs::metadata(path).with_context(place)?.len() <= BYTES_MAX, "{} is too large", place());
        Ok(Self::of(std::fs::read(path).with_context(place)?))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let pieces = str::from_utf8(&bytes).map(pieces).unwrap_or_default();
        let all = pieces.len();
        let is_one = |text: &String| Note::parse(text.as_bytes()).is_ok_and(|note| Checkpoint::parse(note.text()).is_ok());
        let checkpoints: Vec<Vec<u8>> = pieces.into_iter().filter(is_one).map(String::into_bytes).collect();
        match checkpoints.len() {
            0 => Self { checkpoints: vec![bytes], unread: 0 },
            read => Self { checkpoints, unread: all - read },
        }
    }
}

/// The texts in `text`, each of which ends with its last signature.
fn pieces(text: &str) -> Vec<String> {
    let begin = format!("{ORIGIN}{SYSLOG_LINE_END}");
    let (mut pieces, mut piece, mut signed) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        if signed && !line.starts_with(SIGNATURE) {
            pieces.push(std::mem::take(&mut piece));
            signed = false;
        }
        match line.find(&begin).and_then(|at| line.get(at..)) {
            Some(flat) => pieces.push(flat.replace(SYSLOG_LINE_END, "\n") + "\n"),
            None if piece.is_empty() && line.is_empty() => {}
            None => {
                piece.push_str(line);
                piece.push('\n');
                signed |= line.starts_with(SIGNATURE);
            }
        }
    }
    pieces.extend(Some(piece).filter(|piece| !piece.is_empty()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "adjutant\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} adjutant AAAAAAAA\n";

    #[track_caller]
    fn check(text: &str, checkpoints: usize, unread: usize) {
        let kept = Kept::of(text.as_bytes().to_vec());
        assert_eq!((kept.checkpoints.len(), kept.unread), (checkpoints, unread), "{text}");
        assert!(kept.checkpoints.iter().all(|one| one == ONE.as_bytes() || checkpoints == 1), "{text}");
    }

    #[test]
    fn files_hold_one_or_many_or_lines_of_syslog() {
        check(ONE, 1, 0);
        check(&ONE.repeat(3), 3, 0);
        let flat = ONE.trim_end().replace('\n', " | ");
        check(&format!("<109>1 - - adjutant - checkpoint - {flat}\nOct 3 10:00:00 host adjutant: {flat}\n"), 2, 0);
    }

    #[test]
    fn half_a_checkpoint_hides_no_other() {
        let half = ONE.get(..60).unwrap_or_default();
        check(&format!("{ONE}{ONE}{half}"), 2, 1);
        check(&format!("{ONE}{}\n{ONE}", ONE.trim_end().trim_end_matches('A')), 2, 1);
        check("", 1, 0);
        check("no checkpoint", 1, 0);
    }
}
