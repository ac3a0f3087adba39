//! The event collector, packed or not: every event gets an answer, and the answer is JSON that names an event that there is.
#![no_main]

use adjutant_server::intake::body::Limits;
use adjutant_server::intake::{Answer, Fate, Piece, hec};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::HashMap;

const LIMITS: Limits =
    Limits { packed_bytes_max: 16 << 10, unpacked_bytes_max: 1 << 20, unpacked_ratio_max: 20, records_max: 1000 };

fn check(pieces: &[Piece]) {
    assert!(pieces.len() <= LIMITS.records_max);
    let fate = |piece: &Piece| match piece {
        Piece::Record(record) => {
            assert!(!record.bytes.is_empty(), "a record holds something");
            Fate::Decided(Answer::default())
        }
        Piece::Fault(fault) => Fate::Failed { code: fault.code.into(), detail: fault.detail.clone() },
    };
    let fates: Vec<Fate> = pieces.iter().map(fate).collect();
    let reply = hec::reply(&fates);
    let body: Value = serde_json::from_str(&reply.body()).expect("the answer is JSON");
    let good = fates.iter().all(|fate| matches!(fate, Fate::Decided(_))) && !fates.is_empty();
    assert_eq!(reply.status() == 200, good);
    if let Some(number) = body["invalid-event-number"].as_u64() {
        assert!(matches!(fates[number as usize], Fate::Failed { .. }));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let encoding = [None, Some("gzip"), Some("zstd"), Some("identity")][usize::from(*first) % 4];
    if let Ok(pieces) = hec::events(Bytes::copy_from_slice(rest), encoding, &LIMITS) {
        check(&pieces);
    }
    if let Ok(pieces) = hec::raw(Bytes::copy_from_slice(rest), encoding, &HashMap::new(), &LIMITS) {
        check(&pieces);
    }
    let text = String::from_utf8_lossy(rest);
    let _ = hec::token(Some(&text), Some(&text));
});
