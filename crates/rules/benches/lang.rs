//! What expressions cost: ten conditions over a row, and one record's paths.
//!
//! `cargo bench -p adjutant-rules`. The best of many rounds is shown: on a shared machine the others measure the neighbours.

use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Addr, Duration, Row, Schema, Speed, Value};
use adjutant_rules::lang::{self, Doc, FactExpr, Found, Lists, Paths, RawExpr, Tables, Truth};
use std::hint::black_box;
use std::time::Instant;

const CONDITIONS: [&str; 10] = [
    "login.speed > kmh(900) && !login.via_vpn && !previous.via_vpn",
    "src.ip in list('vpn')",
    "!history.device_known && history.logins >= 20",
    "alert.severity >= 'high'",
    "login.mfa in ['refused', 'failed']",
    "src.country != previous.country",
    "user.name == 'root' || user.name.startsWith('adm-')",
    "login.elapsed < duration('30m')",
    "login.legacy && alert.outcome == 'success'",
    "history.failures > 10 && src.public",
];

fn row() -> Row {
    let mut row = Row::new(Schema::built_in().len());
    let mut set = |slot, value| row.set(slot, value, Origin::Derived);
    set(slots::LOGIN_SPEED, Value::Speed(Speed::from_kmh(9585)));
    set(slots::LOGIN_VIA_VPN, Value::Bool(false));
    set(slots::PREVIOUS_VIA_VPN, Value::Bool(false));
    set(slots::SRC_IP, Addr::parse("185.220.101.45").map_or(Value::default(), Value::Addr));
    set(slots::HISTORY_DEVICE_KNOWN, Value::Bool(false));
    set(slots::HISTORY_LOGINS, Value::Int(212));
    set(slots::ALERT_SEVERITY, Value::Level(2));
    set(slots::LOGIN_MFA, Value::Level(0));
    set(slots::LOGIN_ELAPSED, Value::Duration(Duration::from_secs(1440)));
    set(slots::LOGIN_LEGACY, Value::Bool(true));
    set(slots::ALERT_OUTCOME, Value::Level(0));
    set(slots::HISTORY_FAILURES, Value::Int(11));
    set(slots::SRC_PUBLIC, Value::Bool(true));
    row.set_text(slots::SRC_COUNTRY, "NG", Origin::Derived);
    row.set_text(slots::PREVIOUS_COUNTRY, "ES", Origin::Derived);
    row.set_text(slots::USER_NAME, "ana.lopez", Origin::Derived);
    row
}

/// Nanoseconds of one `work`, the best of many rounds.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn best(mut work: impl FnMut()) -> f64 {
    let rounds = (0..60).map(|_| {
        let started = Instant::now();
        for _ in 0..10_000 {
            work();
        }
        started.elapsed().as_nanos() as f64 / 10_000.0
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut lists = Lists::default();
    lists.add("vpn", &(0..2000).map(|n| format!("10.{}.{}.0/24\n", n / 256, n % 256)).collect::<String>());
    let schema = Schema::built_in();
    let compiled: Vec<FactExpr> = CONDITIONS.iter().filter_map(|text| lang::condition(text, &schema, &lists).ok()).collect();
    assert_eq!(compiled.len(), CONDITIONS.len());
    let row = row();
    for (text, one) in CONDITIONS.iter().zip(&compiled) {
        println!("{:8.1} ns  {text}", best(|| _ = black_box(one.truth(black_box(&row)))));
    }
    let all = best(|| {
        let fired = compiled.iter().filter(|one| one.truth(black_box(&row)) == Truth::True).count();
        black_box(fired);
    });
    println!("{all:8.1} ns  all ten");
    records();
}

fn records() {
    let Some(file) = std::env::args().find(|arg| arg.ends_with(".json")) else { return };
    let Ok(mut bytes) = std::fs::read(file) else { return };
    let copy = bytes.clone();
    let Ok(tape) = simd_json::to_tape(&mut bytes) else { return };
    let (mut paths, mut found) = (Paths::new(), Found::default());
    let texts = [
        "raw.id",
        "raw.service.eventFirstSeen",
        "raw.type",
        "raw.severity",
        "raw.title",
        "raw.resource.accessKeyDetails.userName",
        "raw.resource.instanceDetails.instanceId",
        "raw.service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
        "raw.region",
        "raw.accountId",
        "raw.service.count",
        "raw.service.action.actionType",
        "raw.resource.resourceType",
    ];
    let fields: Vec<RawExpr> =
        texts.iter().filter_map(|text| lang::raw(text, &mut paths, &Lists::default(), &Tables::new()).ok()).collect();
    println!(
        "{:8.1} ns  fill {} paths of a record of {} bytes, {} nodes",
        best(|| found.fill(&paths, black_box(&tape.0), 0)),
        paths.len(),
        copy.len(),
        tape.0.len()
    );
    let all = best(|| {
        for field in &fields {
            black_box(field.eval(Doc::new(&tape.0, &found)));
        }
    });
    println!("{all:8.1} ns  read {} fields", fields.len());
    let mut buffers = simd_json::Buffers::default();
    let mut scratch = copy.clone();
    let parse = best(|| {
        scratch.copy_from_slice(&copy);
        drop(black_box(simd_json::to_tape_with_buffers(&mut scratch, &mut buffers)));
    });
    println!("{parse:8.1} ns  parse it");
}
