//! Plain lists: one entry a line, then, after white space, a note; `#` begins a comment.

use adjutant_engine::context::{Builder, Raw};
use std::borrow::Cow;

/// Adds the entries of `text` to `builder`.
pub(super) fn read(text: &str, builder: &mut Builder<'_>) -> Result<(), String> {
    let columns = builder.columns().to_vec();
    for (line, place) in text.lines().zip(1..) {
        let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
        let (entry, note) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if entry.is_empty() {
            continue;
        }
        let cell = |column: &String| Raw::Text(Cow::Borrowed(if column == "entry" { entry } else { note.trim() }));
        builder.push(place, &columns.iter().map(cell).collect::<Vec<_>>());
    }
    Ok(())
}
