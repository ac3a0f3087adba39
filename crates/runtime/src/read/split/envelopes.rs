//! Tests of envelopes: objects that are nothing but an array of records.
use super::{check, cut};

#[test]
fn one_record_for_each_element() {
    check(r#"{"Records":[{"a":1},{"b":[2]}]}"#, &["1: {\"a\":1}", "1: {\"b\":[2]}"]);
    check(
        "{\n \"Records\": [\n  {\"a\":1},\n  {\n\"b\":2}\n ]\n}\n{\"c\":3}\n",
        &["3: {\"a\":1}", "4: {\n\"b\":2}", "8: {\"c\":3}"],
    );
    let page =
        r#"{"@odata.context":"https://x/$metadata#alerts","@odata.count":2,"value":[{"a":1},{"b":2}],"@odata.nextLink":"y"}"#;
    check(page, &["1: {\"a\":1}", "1: {\"b\":2}"]);
    check("{\"events\":[{\"a\":1}],\"next\":null}\n{\"events\":[{\"b\":1}]}", &["1: {\"a\":1}", "2: {\"b\":1}"]);
    check(r#"{"Records":[]}"#, &[]);
}

#[test]
fn what_says_more_stays_whole() {
    let whole = [
        r#"{"events":[{"a":1}],"severity":"high"}"#,
        r#"{"id":7,"events":[{"a":1}]}"#,
        r#"{"value":["a","b"]}"#,
        r#"{"value":"a"}"#,
        r#"{"events":[{"a":1}],"next":{"a":1}}"#,
    ];
    for whole in whole {
        check(whole, &[&format!("1: {whole}")]);
    }
}

#[test]
fn cut_short() {
    check("{\"Records\":[{\"a\":1},{\"b\":", &["1: {\"a\":1}", "1! broken-json"]);
    check("{\"Records\":[\n{\"a\":1},\n{\"b\":2}", &["2: {\"a\":1}", "3: {\"b\":2}", "1! unclosed-array"]);
    check("{\"Records\":[\n{\"a\":1},\n{\"b\":2}\n]", &["2: {\"a\":1}", "3: {\"b\":2}", "4! broken-json"]);
    let stream = "{\"Records\":[\n{\"a\" 1},\n{\"b\":2}\n],\n\n\"x\":\n\"y\" {\"c\":3}\n";
    check(stream, &["2: {\"a\" 1}", "3: {\"b\":2}", "4! broken-json"]);
    check("{\"Records\":[{\"a\":1}]\n{\"c\":3}\n", &["1! broken-json", "2: {\"c\":3}"]);
}

#[test]
fn longer_than_a_record_may_be() {
    let elements: Vec<String> = (0..100).map(|number| format!("{{\"n\":{number}}}")).collect();
    let stream = format!("{{\"Records\":[{}],\"next\":\"x\"}}\n{{\"a\":1}}", elements.join(","));
    for size in [1, 7, 64, 5000] {
        let told = cut(stream.as_bytes(), size, 64);
        assert_eq!(told.len(), 101, "{told:?}");
        assert_eq!((told[99].as_str(), told[100].as_str()), ("1: {\"n\":99}", "2: {\"a\":1}"));
    }
}
