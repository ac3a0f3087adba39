//! The labelled alerts of one scenario, in the order in which they happened.
//!
//! A file is not in order of time: one detector's alerts follow the others'. Alerts of the same second keep the
//! file's order.

use anyhow::{Context as _, Result, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What an unlabelled alert has instead of a label.
const UNLABELLED: &str = "-";

/// An unlabelled alert of a labelled one's rule and host, this many seconds from it at most, is its twin.
const TWIN_SECONDS: i64 = 300;

/// One alert with its truth.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// When it was raised, in seconds.
    pub(super) time: i64,
    /// The rule, with its detector before the colon.
    pub(super) rule: String,
    /// The host it is about.
    pub(super) host: String,
    /// The phase of the attack that caused it; none where nobody said so.
    pub(super) label: Option<String>,
    /// Nobody labelled it, but a labelled alert of the same rule and host is near: the label may be missing.
    pub(super) twin: bool,
}

/// One scenario.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its name.
    pub(super) name: String,
    /// Its alerts, oldest first.
    pub(super) rows: Vec<Row>,
}

/// Where the scenarios lie below the directory that is given.
const BELOW: [&str; 3] = ["", "labelled/ait_ads", "alerts/labelled/ait_ads"];

/// The scenarios' files in `dir` or where the data has them below it, in order of their names: `NAME_alerts.csv`,
/// compressed with Zstandard or not, or `NAME.csv.zst`.
///
/// # Errors
/// When a directory cannot be read.
pub(super) fn files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    for place in BELOW.iter().map(|below| dir.join(below)).filter(|place| place.is_dir()) {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let stem = name.strip_suffix("_alerts.csv.zst").or_else(|| name.strip_suffix("_alerts.csv"));
            let stem = stem.or_else(|| name.strip_suffix(".csv.zst"));
            found.extend(stem.map(|stem| (stem.to_owned(), path.clone())));
        }
        if !found.is_empty() {
            found.sort();
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

impl Stream {
    /// Reads one scenario.
    ///
    /// # Errors
    /// When the file cannot be read or a row has not what a row has.
    pub(super) fn read(name: &str, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let compressed = path.extension().is_some_and(|extension| extension == "zst");
        let bytes = if compressed { zstd::decode_all(bytes.as_slice())? } else { bytes };
        Self::parse(name, &bytes).with_context(|| path.display().to_string())
    }

    /// Reads one scenario from the text of its file.
    ///
    /// # Errors
    /// When a row has not what a row has.
    pub(super) fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(text);
        let headers = reader.headers()?.clone();
        let column =
            |wanted: &str| headers.iter().position(|name| name == wanted).with_context(|| format!("no column `{wanted}`"));
        let (time, rule, host, label) = (column("time")?, column("name")?, column("host")?, column("event_label")?);
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record?;
            let cell = |index: usize| record.get(index).unwrap_or_default();
            let Ok(time) = cell(time).parse() else { bail!("row {}: `{}` is no time in seconds", rows.len() + 1, cell(time)) };
            let label = Some(cell(label)).filter(|label| *label != UNLABELLED).map(str::to_owned);
            rows.push(Row { time, rule: cell(rule).to_owned(), host: cell(host).to_owned(), label, twin: false });
        }
        rows.sort_by_key(|row| row.time);
        mark_twins(&mut rows);
        Ok(Self { name: name.to_owned(), rows })
    }

    /// Time from the first alert to the last, in days.
    pub(super) fn days(&self) -> f64 {
        let seconds = self.rows.last().map_or(0, |last| last.time) - self.rows.first().map_or(0, |first| first.time);
        seconds as f64 / 86_400.0
    }

    /// The phases that have labelled alerts, in the order in which they begin.
    pub(super) fn phases(&self) -> Vec<&str> {
        let mut phases: Vec<&str> = Vec::new();
        for label in self.rows.iter().filter_map(|row| row.label.as_deref()) {
            if !phases.contains(&label) {
                phases.push(label);
            }
        }
        phases
    }
}

fn mark_twins(rows: &mut [Row]) {
    let mut labelled: HashMap<(String, String), Vec<i64>> = HashMap::new();
    for row in rows.iter().filter(|row| row.label.is_some()) {
        labelled.entry((row.rule.clone(), row.host.clone())).or_default().push(row.time);
    }
    for row in rows.iter_mut().filter(|row| row.label.is_none()) {
        let Some(times) = labelled.get(&(row.rule.clone(), row.host.clone())) else { continue };
        let next = times.partition_point(|time| *time < row.time);
        let around = times.get(next.saturating_sub(1)..(next + 1).min(times.len())).unwrap_or_default();
        row.twin = around.iter().any(|time| (time - row.time).abs() <= TWIN_SECONDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_twins_are_marked() {
        let text = "time,name,ip,host,short,time_label,event_label\n\
            900,A: late,10.0.0.1,web,x,-,-\n\
            100,W: scan,10.0.0.1,web,x,-,scan\n\
            400,W: scan,10.0.0.1,web,x,-,-\n\
            401,W: scan,10.0.0.1,web,x,-,-\n\
            150,W: scan,10.0.0.1,db,x,-,-\n\
            100,W: first,10.0.0.1,web,x,-,-\n";
        let stream = Stream::parse("s", text.as_bytes()).unwrap();
        let seen: Vec<_> = stream.rows.iter().map(|row| (row.time, row.rule.as_str(), row.twin)).collect();
        let expected = [
            (100, "W: scan", false),
            (100, "W: first", false),
            (150, "W: scan", false),
            (400, "W: scan", true),
            (401, "W: scan", false),
            (900, "A: late", false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(stream.phases(), ["scan"]);
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        assert!(Stream::parse("s", b"time,name\n1,x\n").is_err());
        assert!(Stream::parse("s", b"time,name,host,event_label\nsoon,x,y,-\n").is_err());
    }
}
