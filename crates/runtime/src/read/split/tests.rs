//! Tests of splitting a stream into records.
use super::*;

#[path = "envelopes.rs"]
mod envelopes;

/// The stream cut in pieces of `size`: each record as `line: text`, each fault as `line! code`, in order.
fn cut(stream: &[u8], size: usize, longest: usize) -> Vec<String> {
    let mut splitter = Splitter::with_longest(longest);
    let mut told = Vec::new();
    let mut bytes = Vec::new();
    let mut pieces = stream.chunks(size).peekable();
    loop {
        bytes.extend_from_slice(pieces.next().unwrap_or(&[]));
        let last = pieces.peek().is_none();
        let mut cuts = Cuts::default();
        let done = splitter.split(&bytes, last, usize::MAX, &mut cuts);
        tell(&bytes, &cuts, &mut told);
        bytes.drain(..done);
        assert!(bytes.len() <= longest + size, "{} bytes are kept", bytes.len());
        if last {
            assert!(bytes.is_empty(), "left over: {:?}", String::from_utf8_lossy(&bytes));
            return told;
        }
    }
}

fn tell(bytes: &[u8], cuts: &Cuts, told: &mut Vec<String>) {
    let mut faults = cuts.faults.iter().peekable();
    for number in 0..=cuts.records.len() {
        while let Some(fault) = faults.next_if(|fault| fault.before == number) {
            told.push(format!("{}! {}", fault.line, fault.code));
        }
        if let Some(record) = cuts.records.get(number) {
            let text = String::from_utf8_lossy(&bytes[record.start as usize..record.end as usize]);
            told.push(format!("{}: {text}", record.line));
        }
    }
    assert!(faults.next().is_none());
}

#[track_caller]
fn check(stream: &str, expect: &[&str]) {
    for size in 1..=stream.len().max(1) {
        assert_eq!(cut(stream.as_bytes(), size, 4096), expect, "in pieces of {size}");
    }
}

#[test]
fn lines() {
    check("{\"a\":1}\n{\"b\":2}\r\n\r\n{\"c\":3}", &["1: {\"a\":1}", "2: {\"b\":2}", "4: {\"c\":3}"]);
    check("", &[]);
    check(" \n\t\n", &[]);
}

#[test]
fn lines_of_text_beside_objects() {
    let stream =
        "<34>Oct 11 22:14:15 host su: failed\r\nCEF:0|a|b|1|2|n|5|src=1.2.3.4\n{\"a\":1}\n[2024-01-01] ERROR {x}\n,csv,line\n";
    let expect = [
        "1: <34>Oct 11 22:14:15 host su: failed",
        "2: CEF:0|a|b|1|2|n|5|src=1.2.3.4",
        "3: {\"a\":1}",
        "4: [2024-01-01] ERROR {x}",
        "5: ,csv,line",
    ];
    check(stream, &expect);
}

#[test]
fn objects_in_a_row() {
    check(
        "{\"a\":1}{\"b\":{}} {\"c\":\"}{\"}\n{\"d\":4},\n{\"e\":5},{\"f\":6}",
        &["1: {\"a\":1}", "1: {\"b\":{}}", "1: {\"c\":\"}{\"}", "2: {\"d\":4}", "3: {\"e\":5}", "3: {\"f\":6}"],
    );
    check("\u{feff}{\"a\":1}\u{1e}{\"b\":2}", &["1: {\"a\":1}", "1: {\"b\":2}"]);
}

#[test]
fn objects_over_many_lines() {
    let stream = "{\n  \"a\": [\n    {}\n  ]\n}\n{ \"b\": {\"c\": 1}\n, \"d\": 2}\n{\"e\":5}\n";
    check(stream, &["1: {\n  \"a\": [\n    {}\n  ]\n}", "6: { \"b\": {\"c\": 1}\n, \"d\": 2}", "8: {\"e\":5}"]);
}

#[test]
fn arrays() {
    check(
        "[{\"a\":1},{\"b\":[{}]} , {\"c\":3}]\n{\"d\":4}",
        &["1: {\"a\":1}", "1: {\"b\":[{}]}", "1: {\"c\":3}", "2: {\"d\":4}"],
    );
    check("[\n  {\"a\": 1},\n  {\n    \"b\": 2\n  }\n]\n", &["2: {\"a\": 1}", "3: {\n    \"b\": 2\n  }"]);
    check("[ ]\n[{\"a\":1}, 7, [1, []], null]", &["2: {\"a\":1}", "2: 7", "2: [1, []]", "2: null"]);
    check("[{\"a\":1},\n{\"b\":2}", &["1: {\"a\":1}", "2: {\"b\":2}", "1! unclosed-array"]);
}

#[test]
fn a_line_that_breaks_off_is_one_fault_and_takes_nothing_with_it() {
    check("{\"a\": {\"b\": 1\n{\"c\":2}\n{\"d\":3}", &["1! broken-json", "2: {\"c\":2}", "3: {\"d\":3}"]);
    check("{\"a\": \"x\n{\"c\":2}\n", &["1! broken-json", "2: {\"c\":2}"]);
    check("{\"a\": [1,\n{\"c\":2}\n{\"d\":3}\n", &["1! broken-json", "2: {\"c\":2}", "3: {\"d\":3}"]);
    check("{\"a\":]}\n{\"c\":2}\n", &["1: {\"a\":]}", "2: {\"c\":2}"]); // its braces are in order: the parser says what is not
    check(
        "{\"a\":1\n<34>Oct 11 22:14:15 host su: failed\nCEF:0|a\n",
        &["1! broken-json", "2: <34>Oct 11 22:14:15 host su: failed", "3: CEF:0|a"],
    );
    check("{\"a\":\n2026-03-01 text\n{\"b\":2}\n", &["1! broken-json", "2: 2026-03-01 text", "3: {\"b\":2}"]);
    check("{\"c\":2}\n{\"a\":{\"", &["1: {\"c\":2}", "2! broken-json"]);
}

#[test]
fn a_broken_value_of_many_lines_is_one_fault() {
    check("{\n \"a\": {\n \"b\": \"x\n },\n \"c\": 3\n}\n{\"d\":4}\n", &["1! broken-json", "7: {\"d\":4}"]);
    check("[\n{\"a\": 1},\n{\n \"b\": ]\n},\n{\"c\": 3}\n]\n", &["2: {\"a\": 1}", "3! broken-json", "6: {\"c\": 3}"]);
}

#[test]
fn a_record_that_is_too_long_is_skipped_whole() {
    let long = "x".repeat(100);
    let json = format!(
        "{{\"a\":1}}\n{{\"a\":\"{long}\",\n\"b\":\"{long}\"}}\n{{\"c\":3}}\n{long}\nshort\n[{{\"a\":\"{long}\"}},{{\"d\":4}}]"
    );
    let expect = ["1: {\"a\":1}", "2! too-long", "4: {\"c\":3}", "5! too-long", "6: short", "7! too-long", "7: {\"d\":4}"];
    for size in 1..json.len() {
        assert_eq!(cut(json.as_bytes(), size, 64), expect, "in pieces of {size}");
    }
}

/// A small generator, so that a failure can be run again from its seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

#[test]
fn random_streams_are_cut_alike_in_any_pieces() {
    const PARTS: [&str; 28] = [
        "{",
        "}",
        "[",
        "]",
        "{\"a\":1}",
        "\"",
        "\\",
        ",",
        ":",
        "\n",
        "\n",
        "\r\n",
        " ",
        "text",
        "{\"a\":{\"b\":[{}]}}\n",
        "\u{feff}",
        "é",
        "\0",
        "{\"x\":\"}{\"}",
        "[{\"a\":1},\n",
        "{\n\"k\":\n{}}\n",
        "<1>log\n",
        "]\n",
        "},{",
        "\"},\"",
        "{\"long\":\"0123456789012345678901234567890123456789\"}",
        "{\"a\": {\"b\": \"}\" }\n",
        "\u{1e}",
    ];
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let mut stream = String::new();
        for _ in 0..dice.roll(24) {
            stream.push_str(PARTS[dice.roll(PARTS.len())]);
        }
        let longest = [40, 4096][dice.roll(2)];
        let whole = cut(stream.as_bytes(), stream.len().max(1), longest);
        for size in [1, 2, 3, 5, 1 + dice.roll(60)] {
            assert_eq!(cut(stream.as_bytes(), size, longest), whole, "seed {seed}, pieces of {size}, of {stream:?}");
        }
    }
}
