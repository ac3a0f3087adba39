//! One `step` with ten signals: the time and the allocations that a decision takes once its facts are known.
//!
//! Shared by the bench, which measures time, and by a program of its own whose allocator counts.

use adjutant_engine::correlate::{Joined, Policy};
use adjutant_engine::entities::HashKey;
use adjutant_engine::memory::{Keys, Limits, Memory};
use adjutant_engine::step::{Case, Event, Input, step};
use adjutant_model::row::Origin;
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Digest, Duration, Row, Speed, Time, Value};
use adjutant_rules::{Book, Files};
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::hint::black_box;

/// Ten conditions of the shipped playbooks' kind: comparisons of quantities and counts, logic, membership, text.
const CONDITIONS: [&str; 10] = [
    "login.speed > kmh(900) && !login.via_vpn",
    "history.logins > 50",
    "alert.severity >= \"high\"",
    "user.name in [\"root\", \"admin\", \"administrator\"]",
    "src.ip in cidr(\"185.220.0.0/16\")",
    "src.public && !login.via_vpn",
    "rule.fires < 3 || rule.fires_here < 1",
    "previous.country != src.country",
    "login.elapsed < duration('2h')",
    "agent.text.contains(\"curl\")",
];

/// Everything that a step reads.
pub struct Prepared {
    book: Book,
    alert: Alert,
    joined: Joined,
    case: Case,
    now: Time,
}

/// A book of one playbook with ten signals, and an alert with its facts.
pub fn prepare() -> Result<Prepared> {
    let files = Files::from([("playbooks/generic.yaml".to_owned(), playbook())]);
    let book = Book::load(files).map_err(|faults| anyhow::anyhow!("the playbook of the bench does not load: {faults:?}"))?;
    let now = Time::from_secs(1_767_571_200);
    let mut alert = Alert { digest: Digest::of(b"bench"), row: facts(book.schema.len(), now), ..Alert::default() };
    let key = HashKey([1; 16]);
    let keys = Keys::of(&alert, None, key, &mut String::new());
    let joined = Memory::new(key, Limits::default(), Policy::default()).observe(&mut alert, &keys).joined;
    let case = Case::new(joined.case);
    Ok(Prepared { book, alert, joined, case, now })
}

fn playbook() -> String {
    let mut text = String::from("playbook: generic\nabout: Ten signals.\nfamilies: { one: 60, two: 60 }\nsignals:\n");
    for (number, condition) in CONDITIONS.iter().enumerate() {
        let family = if number % 2 == 0 { "one" } else { "two" };
        let _ = writeln!(text, "  - id: signal-{number}\n    family: {family}\n    if: '{}'", condition.replace('\'', "''"));
        let _ = writeln!(text, "    points: 10\n    unknown: 2\n    because: signal {number}");
    }
    text + "decide:\n  close_below: 20\n  never_close: alert.severity >= \"critical\"\n"
}

fn facts(slots: usize, now: Time) -> Row {
    let mut row = Row::new(slots);
    for (slot, text) in
        [(s::USER_NAME, "ana"), (s::SRC_COUNTRY, "NG"), (s::PREVIOUS_COUNTRY, "ES"), (s::AGENT_TEXT, "Mozilla/5.0")]
    {
        row.set_text(slot, text, Origin::Derived);
    }
    let address = adjutant_model::value::Addr::parse("185.220.101.45").map_or(Value::default(), Value::Addr);
    let facts = [
        (s::ALERT_TIME, Value::Time(now)),
        (s::SRC_IP, address),
        (s::SRC_PUBLIC, Value::Bool(true)),
        (s::LOGIN_VIA_VPN, Value::Bool(false)),
        (s::LOGIN_SPEED, Value::Speed(Speed::from_kmh(9_585))),
        (s::LOGIN_ELAPSED, Value::Duration(Duration::from_secs(1_440))),
        (s::HISTORY_LOGINS, Value::Int(212)),
        (s::ALERT_SEVERITY, Value::Level(2)),
    ];
    facts.into_iter().for_each(|(slot, value)| row.set(slot, value, Origin::Derived));
    row
}

impl Prepared {
    /// One step.
    pub fn once(&self) -> Result<()> {
        let input = Input::Joined { alert: black_box(&self.alert), joined: &self.joined, now: self.now, leave: None };
        let step = step(&self.case, &input, &self.book)?;
        let decided = step
            .events
            .iter()
            .any(|event| matches!(event, Event::Decided(decision) if decision.reasons.len() == CONDITIONS.len()));
        ensure!(decided, "the step decided nothing");
        black_box(step);
        Ok(())
    }
}
