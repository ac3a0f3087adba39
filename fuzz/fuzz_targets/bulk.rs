//! The bulk interface: every action is answered once, in order, and documents are lines of the request.
#![no_main]

use adjutant_server::intake::body::Limits;
use adjutant_server::intake::{Answer, Fate, Piece, alertmanager, bulk};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashSet;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    let limits = Limits { records_max: 1000, ..Limits::default() };
    if let Ok(pieces) = alertmanager::records(&body, &limits) {
        for piece in &pieces {
            let Piece::Record(record) = piece else { continue };
            assert!(serde_json::from_slice::<&RawValue>(&record.bytes).is_ok(), "what is put around an alert leaves it JSON");
        }
    }
    let items = match bulk::items(&body, None, &limits) {
        Ok(items) => items,
        Err(malformed) => {
            let reply = bulk::Reply::from(&malformed);
            serde_json::from_str::<Value>(&reply.body).expect("the answer is JSON");
            return;
        }
    };
    let lines: HashSet<&[u8]> = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let fate = |(number, item): (usize, &bulk::Item)| match &item.piece {
        Piece::Record(record) => {
            assert!(lines.contains(record.bytes.as_ref()), "a document is a line");
            [Fate::Decided(Answer::default()), Fate::Known(Answer::default()), Fate::Refused { retry_after_s: 1 }][number % 3]
                .clone()
        }
        Piece::Fault(fault) => Fate::Failed { code: fault.code.into(), detail: fault.detail.clone() },
    };
    let fates: Vec<Fate> = items.iter().enumerate().map(fate).collect();
    let reply = bulk::reply(&items, &fates, 1);
    let body: Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
    assert_eq!(body["items"].as_array().map(Vec::len), Some(items.len()));
    for (item, told) in items.iter().zip(body["items"].as_array().into_iter().flatten()) {
        assert!(told[item.action.name()]["status"].is_u64(), "each is told under the name of its action");
    }
});
