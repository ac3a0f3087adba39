//! Cuts a text that is in memory already, such as the body of a request, into the records that a file of the same bytes gives.
//!
//! No thread, no copy and no file: a single small object costs one pass over its bytes.

use super::open::{SNIFF_BYTES, refuse_what_is_no_text};
use super::split::{Cuts, Splitter};
use super::{Fault, Record};

/// The records and faults of a text, in order; see [`cut`].
#[derive(Debug, Default)]
pub struct Text {
    cuts: Cuts,
}

impl Text {
    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.cuts.records
    }

    /// What could not be read, in order.
    pub fn faults(&self) -> &[Fault] {
        &self.cuts.faults
    }

    /// How many records and faults there are.
    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Whether there is neither record nor fault.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Cuts `bytes` into `most` records and faults or fewer.
///
/// `broken` says why no more bytes could be had behind them (a stable code and a sentence), if that is so: then an unfinished record
/// at the end is part of that fault. More bytes than records can be told in (4 GiB) are one fault.
pub fn cut(bytes: &[u8], broken: Option<(&'static str, String)>, most: usize) -> Text {
    let mut cuts = Cuts::default();
    if u32::try_from(bytes.len()).is_err() {
        cuts.fault(0, "too-long", "this is longer than 4 GiB; send it in parts".into());
        return Text { cuts };
    }
    if let Err((code, detail)) = refuse_what_is_no_text(bytes.get(..SNIFF_BYTES).unwrap_or(bytes)) {
        cuts.fault(0, code, detail);
        return Text { cuts };
    }
    let mut splitter = Splitter::default();
    let done = splitter.split(bytes, broken.is_none(), most, &mut cuts);
    if cuts.len() >= most {
        return Text { cuts };
    }
    match broken {
        Some((code, detail)) => {
            let unfinished =
                if bytes.len() > done { "; the record that begins here is not complete and was not triaged" } else { "" };
            cuts.fault(splitter.line(), code, format!("{detail}{unfinished}"));
        }
        None if splitter.is_blank() => {
            cuts.fault(0, "input-empty", "there is nothing in it".into());
        }
        None => {}
    }
    Text { cuts }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Input, Reader};
    use super::*;
    use std::sync::Arc;

    type Told = Vec<(u64, Result<Vec<u8>, &'static str>)>;

    fn tell(told: &mut Told, records: &[Record], faults: &[Fault], bytes: impl Fn(&Record) -> Vec<u8>) {
        let mut faults = faults.iter().peekable();
        for (number, record) in records.iter().enumerate() {
            while let Some(fault) = faults.next_if(|fault| fault.before <= number) {
                told.push((fault.line, Err(fault.code)));
            }
            told.push((record.line, Ok(bytes(record))));
        }
        told.extend(faults.map(|fault| (fault.line, Err(fault.code))));
    }

    fn from_memory(bytes: &[u8]) -> Told {
        let mut told = Vec::new();
        let text = cut(bytes, None, usize::MAX);
        tell(&mut told, text.records(), text.faults(), |record| bytes[record.range()].to_vec());
        told
    }

    fn from_file(bytes: &[u8]) -> Told {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Reader::new(vec![Input::Path(path)], Arc::default()).with_chunk_bytes(16);
        let (mut chunk, mut told) = (Chunk::default(), Vec::new());
        while reader.fill(&mut chunk) {
            tell(&mut told, chunk.records(), chunk.faults(), |record| chunk.bytes(record).to_vec());
        }
        told
    }

    #[test]
    fn the_same_bytes_give_the_same_records_as_a_file() {
        let texts: [&[u8]; 14] = [
            b"{\"a\":1}",
            b"{\"a\":1}\n{\"a\":2}\r\n\nCEF:0|a|b|1|2|n|5|src=1.2.3.4",
            b"[{\"a\":1},\n{\"a\":2},{\"a\":",
            b"[\n{\"a\":1}\n",
            b"{\"Records\":[{\"a\":1},{\"a\":2}]}",
            b"{\"a\":1}{\"a\":\n{\"b\":2}\n{\"c\":3}",
            b"{\n \"a\": {\n \"b\": 2\n}\n}\n\xff\xfe text",
            b"",
            b" \r\n",
            b"\xff\xfea\x00",
            b"PK\x03\x04rest",
            b"\x00\x01\x02\x03\x04",
            b"[1,2]\n[]",
            b"\xef\xbb\xbf{\"a\":1},{\"b\":\"\xff\"}",
        ];
        for text in texts {
            for end in 0..=text.len() {
                let text = &text[..end];
                assert_eq!(from_memory(text), from_file(text), "{}", String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn what_breaks_off_is_told_with_its_line() {
        let text = cut(b"{\"a\":1}\n{\"a\":", Some(("input-truncated", "cut short".into())), 10);
        assert_eq!(text.records().len(), 1);
        assert_eq!((text.faults()[0].line, text.faults()[0].code), (2, "input-truncated"));
        assert!(text.faults()[0].detail.contains("not complete"));
    }

    #[test]
    fn no_more_than_wanted() {
        assert_eq!(cut(b"{}{}{}{}", None, 3).len(), 3);
        assert!(!cut(b"", None, 3).is_empty());
    }
}
