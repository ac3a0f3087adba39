//! Reading: every bad input ends in a clear fault with its line, and nothing is lost beside it.

use adjutant_runtime::read::{CHUNK_RECORDS, Input, Reader};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

const TWO: &[u8] = b"{\"a\":1}\n{\"b\":2}\n";

/// A directory of this test's own.
fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("read-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn file(name: &str, bytes: &[u8]) -> Input {
    let path = dir(name).join("input");
    std::fs::write(&path, bytes).unwrap();
    Input::Path(path)
}

/// Each record as `input:line text`, each fault as `input:line! code: detail`, in order.
fn read(inputs: Vec<Input>) -> Vec<String> {
    read_by(1000, inputs)
}

/// The same in chunks of so many bytes.
fn read_by(chunk_bytes: usize, inputs: Vec<Input>) -> Vec<String> {
    let mut reader = Reader::new(inputs, Arc::default()).with_chunk_bytes(chunk_bytes);
    let mut chunk = adjutant_runtime::read::Chunk::default();
    let mut told = Vec::new();
    while reader.fill(&mut chunk) {
        assert!(chunk.records().len() <= CHUNK_RECORDS, "memory is kept for each record of a chunk");
        let input = chunk.input();
        let mut faults = chunk.faults().iter().peekable();
        for number in 0..=chunk.records().len() {
            while let Some(fault) = faults.next_if(|fault| fault.before == number) {
                told.push(format!("{input}:{}! {}: {}", fault.line, fault.code, fault.detail));
            }
            if let Some(record) = chunk.records().get(number) {
                told.push(format!("{input}:{} {}", record.line, String::from_utf8_lossy(chunk.bytes(record))));
            }
        }
    }
    told
}

#[track_caller]
fn check(name: &str, bytes: &[u8], expect: &[&str]) {
    let told = read(vec![file(name, bytes)]);
    assert_eq!(told.len(), expect.len(), "{told:#?}");
    for (told, expect) in told.iter().zip(expect) {
        assert!(told.starts_with(expect), "`{told}` instead of `{expect}`");
    }
}

#[test]
fn thousands_of_tiny_records_come_in_many_chunks() {
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let many = format!("{{\"a\":[\n{}", "{},\n".repeat(1000));
    // The fault behind these records is what fills a chunk.
    let full = format!("{{\"value\":[{}]", vec!["{}"; 2 * CHUNK_RECORDS - 1 - 1000 % CHUNK_RECORDS].join(","));
    for (end, faults) in [("", 0), ("[{},\n{}", 1), ("{\"a\"", 1), (&many, 1), (&full, 1), ("[]\n\n", 0)] {
        let input = file("tiny", format!("{lines}{end}").as_bytes());
        let whole = read_by(1 << 20, vec![input.clone()]);
        assert_eq!(whole, read_by(10, vec![input]));
        assert_eq!(whole.iter().filter(|told| told.contains("! ")).count(), faults, "{:?}", whole.last());
        assert!(whole.len() >= 1000 && whole[999] == "0:1000 999");
    }
    let exactly: String = "x\n".repeat(2 * CHUNK_RECORDS);
    assert_eq!(read_by(1 << 20, vec![file("exactly", exactly.as_bytes())]).len(), 2 * CHUNK_RECORDS);
    let packed = gzip(lines.as_bytes());
    let cut = read_by(1 << 20, vec![file("cut-tiny", &packed[..packed.len() - 9])]);
    assert!(cut.len() > 900 && cut.last().is_some_and(|told| told.contains("! ")), "{:?}", cut.last());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

#[test]
fn packed_by_content_in_many_members() {
    let expect = ["0:1 {\"a\":1}", "0:2 {\"b\":2}", "0:3 {\"a\":1}", "0:4 {\"b\":2}"];
    check("plain", &[TWO, TWO].concat(), &expect);
    check("gzip", &[gzip(TWO), gzip(TWO)].concat(), &expect);
    check("zstd", &[zstandard(TWO), zstandard(TWO)].concat(), &expect);
}

#[test]
fn packed_and_cut_short() {
    // Lines that do not pack well, so that much is lost with the end.
    let lines: String = (0..20_000u64).map(|n| format!("{{\"n\":{}}}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    for (name, packed) in [("short-gzip", gzip(lines.as_bytes())), ("short-zstd", zstandard(lines.as_bytes()))] {
        let told = read(vec![file(name, &packed[..packed.len() / 2])]);
        let last = told.last().unwrap();
        assert!(last.contains("! input-truncated: ") && last.contains("breaks off"), "{last}");
        assert!(told.len() > 1000, "what came before the end is read: {}", told.len());
        assert!(last.starts_with(&format!("0:{}!", told.len())), "the fault names the line: {last}");
    }
    check("shortest-gzip", &gzip(TWO)[..5], &["0:0! input-truncated"]);
    let mut damaged = gzip(lines.as_bytes());
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    let told = read(vec![file("damaged", &damaged)]);
    assert!(told.last().unwrap().contains("! input-damaged: "));
    assert!(told.len() > 5_000, "what came before the damage is read: {}", told.len());
    assert_eq!(told, read_by(1 << 20, vec![file("damaged-whole", &damaged)]), "however much is asked for at once");
    check("garbage-behind", &[gzip(TWO), b"garbage ".repeat(9)].concat(), &["0:1 ", "0:2 ", "0:3! input-damaged"]);
}

#[test]
fn what_is_no_text() {
    let noise: Vec<u8> = (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    check("noise", &noise, &["0:0! input-binary"]);
    check("zip", b"PK\x03\x04....", &["0:0! input-binary: this is a ZIP archive"]);
    check("utf-16", b"\xff\xfe{\0\"\0", &["0:0! input-binary: this is text in UTF-16"]);
    let mut tar = vec![b'a'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    check("tar", &gzip(&tar), &["0:0! input-binary: this is a tar archive"]);
}

#[test]
fn what_is_not_there() {
    let here = dir("there");
    let told = read(vec![Input::Path(here.join("nothing")), Input::Path(here), file("beside", TWO)]);
    assert_eq!(told.len(), 4);
    assert!(told[0].starts_with("0:0! input-missing"), "{}", told[0]);
    assert!(told[1].starts_with("1:0! input-directory"), "{}", told[1]);
    assert_eq!(told[2..], ["2:1 {\"a\":1}", "2:2 {\"b\":2}"]);
}

#[test]
fn what_is_empty() {
    check("empty", b"", &["0:0! input-empty"]);
    check("blank", b" \n\n", &["0:0! input-empty"]);
    check("separators", b"\xef\xbb\xbf\x1e\r\n\x1e", &["0:0! input-empty"]);
    check("empty-gzip", &gzip(b""), &["0:0! input-empty"]);
    check("no-elements", b"[]", &[]);
}

#[test]
fn odd_bytes_in_one_record_stay_in_it() {
    check("nul", b"{\"a\":\"\0\"}\n{\"b\":2}\n", &["0:1 {\"a\":\"\0\"}", "0:2 {\"b\":2}"]);
    check("utf-8", b"{\"a\":\"\xff\xc3\"}\n{\"b\":2}\n", &["0:1 {\"a\":\"", "0:2 {\"b\":2}"]);
    check("bom", b"\xef\xbb\xbf{\"a\":1}\r\n{\"b\":2}\r\n", &["0:1 {\"a\":1}", "0:2 {\"b\":2}"]);
}

#[test]
fn long_records() {
    let ten = format!("{{\"a\":\"{}\"}}\n{{\"b\":2}}\n", "x".repeat(10 << 20));
    check("ten-megabytes", ten.as_bytes(), &["0:1 {\"a\":\"xxx", "0:2 {\"b\":2}"]);
    let twenty = format!("{{\"a\":\"{}\"}}\n{{\"b\":2}}\n", "x".repeat(20 << 20));
    check("twenty-megabytes", twenty.as_bytes(), &["0:1! too-long", "0:2 {\"b\":2}"]);
    let deep = format!("{{\"a\":{}{}}}\n{{\"b\":2}}\n", "[".repeat(200_000), "]".repeat(200_000));
    check("deep", deep.as_bytes(), &["0:1 {\"a\":[[[", "0:2 {\"b\":2}"]);
    let unclosed = format!("{}\n{{\"b\":2}}\n", "[".repeat(200_000));
    check("unclosed", unclosed.as_bytes(), &["0:1 [[[", "0:2 {\"b\":2}"]);
}

#[test]
fn a_stop_ends_between_two_records() {
    let lines: Vec<u8> = TWO.repeat(10_000);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut reader = Reader::new(vec![file("stop", &lines)], Arc::clone(&stop)).with_chunk_bytes(1000);
    let mut chunk = adjutant_runtime::read::Chunk::default();
    assert!(reader.fill(&mut chunk) && !chunk.records().is_empty());
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(!reader.fill(&mut chunk));
}
