//! Comma-separated values with a header line.

use adjutant_engine::context::{Builder, Raw, short};
use csv::{Position, StringRecord};
use std::borrow::Cow;

/// Adds the rows of `text` to `builder`.
///
/// # Errors
/// That the header lacks a column that the contract needs.
pub(super) fn read(text: &str, delimiter: u8, builder: &mut Builder<'_>) -> Result<(), String> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| format!("its header cannot be read ({error})"))?.clone();
    let places: Vec<usize> =
        builder.columns().iter().map(|name| place(&header, delimiter, name)).collect::<Result<_, String>>()?;
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) if record.len() != header.len() => {
                let line = record.position().map_or(0, Position::line);
                builder.bad(format!("line {line}: it has {} cells, and the header has {}", record.len(), header.len()));
            }
            Ok(true) => {
                let line = record.position().map_or(0, Position::line);
                let cell = |place: &usize| record.get(*place).map_or(Raw::Missing, |text| Raw::Text(Cow::Borrowed(text)));
                builder.push(line, &places.iter().map(cell).collect::<Vec<_>>());
            }
            Err(error) => builder.bad(error.to_string()),
        }
    }
}

/// Where the column `name` is.
fn place(header: &StringRecord, delimiter: u8, name: &str) -> Result<usize, String> {
    let mut found = (0..).zip(header).filter(|(_, column)| column.trim().eq_ignore_ascii_case(name)).map(|(place, _)| place);
    match (found.next(), found.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(format!("it has two columns `{name}`; rename one")),
        (None, _) => Err(missing(header, delimiter, name)),
    }
}

fn missing(header: &StringRecord, delimiter: u8, name: &str) -> String {
    let columns: Vec<String> = header.iter().map(|column| format!("`{}`", short(column.trim()))).collect();
    let holds =
        |other: u8| other != delimiter && header.len() == 1 && header.iter().any(|column| column.as_bytes().contains(&other));
    let help = match [b';', b'\t', b'|', b','].into_iter().find(|other| holds(*other)) {
        Some(b'\t') => "the header seems to be separated by tabs: write `delimiter: tab` in the contract".to_owned(),
        Some(other) => {
            format!("the header seems to be separated by `{0}`: write `delimiter: \"{0}\"` in the contract", char::from(other))
        }
        None => format!("it has {}; correct `column` in the contract, or the export", columns.join(", ")),
    };
    format!("there is no column `{name}`; {help}")
}
