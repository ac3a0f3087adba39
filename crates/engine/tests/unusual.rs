//! What is unusual on a host: small streams of alerts, and what memory says about them.

mod stream;

use adjutant_engine::correlate::{Policy, Relation};
use adjutant_engine::memory::Limits;
use adjutant_model::schema::slots as s;
use adjutant_model::{Duration, Value, Why};
use stream::{Seen, Stream, hours};

const THREE: [&str; 3] = ["scan", "probe", "shell"];
const SIX: [&str; 6] = ["scan", "probe", "shell", "sudo", "dump", "send"];

/// `web01` and `web02` are known since hour 0, and each of `rules` fired on `web01` in the hour `last`.
fn known(rules: &[&str], last: i64) -> Stream {
    let mut stream = Stream::default();
    stream.fire(0, "web01", "wazuh", "heartbeat");
    stream.fire(0, "web02", "wazuh", "heartbeat");
    for rule in rules {
        stream.fire(hours(last), "web01", "wazuh", rule);
    }
    for hour in [10, 20, 30] {
        stream.fire(hours(hour), "web01", "wazuh", "heartbeat");
    }
    stream
}

/// Fires `rules` on `host` a minute apart, from two detectors in turn, and returns the last.
fn attack(stream: &mut Stream, minute: i64, host: &str, rules: &[&str]) -> Seen {
    let mut last = Seen::default();
    for (step, rule) in (0..).zip(rules) {
        let detector = if step % 2 == 0 { "wazuh" } else { "suricata" };
        last = stream.fire(minute + step, host, detector, rule);
    }
    last
}

/// Fires `scan` on `web01` so many times at once, and returns the last.
fn flood(stream: &mut Stream, minute: i64, count: usize) -> Seen {
    (0..count).map(|_| stream.fire(minute, "web01", "wazuh", "scan")).last().unwrap_or_default()
}

#[test]
fn rules_that_come_back_after_a_day_are_unusual_but_not_new() {
    let seen = attack(&mut known(&THREE, 1), hours(31), "web01", &THREE);
    assert_eq!((seen.int(s::CASE_UNUSUAL_RULES), seen.int(s::CASE_NEW_RULES)), (3, 0));
    assert_eq!((seen.int(s::CASE_UNUSUAL_DETECTORS), seen.value(s::RULE_UNUSUAL)), (2, Value::Bool(true)));
    let again = attack(&mut known(&THREE, 6), hours(31), "web01", &THREE);
    assert_eq!((again.int(s::CASE_UNUSUAL_RULES), again.value(s::RULE_UNUSUAL)), (0, Value::Bool(false)), "quiet for 25 hours");
}

#[test]
fn new_here_and_new_anywhere_are_told_apart() {
    let mut stream = known(&[], 1);
    stream.fire(hours(29), "web02", "wazuh", "scan");
    let seen = attack(&mut stream, hours(31), "web01", &["scan", "probe"]);
    assert_eq!((seen.int(s::CASE_NEW_RULES), seen.int(s::CASE_NEW_ANYWHERE)), (2, 1));
}

#[test]
fn nothing_is_told_of_a_host_that_is_not_known_for_a_day() {
    let mut stream = Stream::default();
    stream.fire(0, "web01", "wazuh", "heartbeat");
    let seen = attack(&mut stream, hours(25), "web01", &THREE);
    for slot in [s::CASE_UNUSUAL_RULES, s::CASE_NEW_RULES, s::CASE_BURSTS, s::RULE_UNUSUAL, s::RULE_BURST] {
        assert_eq!(seen.value(slot), Value::Unknown(Why::NoHistory));
    }
    assert_eq!(seen.value(s::HISTORY_ENTITY_AGE), Value::Duration(Duration::from_secs(25 * 3600 + 120)));
}

#[test]
fn a_burst_opens_a_case_and_its_rule_stays_in_it() {
    let mut stream = known(&[], 1);
    flood(&mut stream, hours(4), 20);
    let routine = flood(&mut stream, hours(29), 80);
    assert_eq!((routine.int(s::CASE_BURSTS), routine.value(s::RULE_BURST)), (0, Value::Bool(false)));
    let burst = flood(&mut stream, hours(29), 1);
    assert_eq!((burst.int(s::CASE_BURSTS), burst.value(s::RULE_BURST)), (1, Value::Bool(true)));
    assert_eq!((burst.int(s::RULE_HOUR_FIRES), burst.int(s::RULE_HOUR_BUSIEST)), (81, 20));
    assert_ne!(burst.case, routine.case);
    let later = flood(&mut stream, hours(30) - 10, 5);
    assert_eq!((later.case, later.int(s::CASE_BURSTS)), (burst.case, 1));
}

#[test]
fn the_routine_of_a_host_goes_on_beside_its_unusual_case() {
    let mut stream = known(&[], 1);
    let routine = stream.fire(hours(31), "web01", "wazuh", "heartbeat");
    let odd = attack(&mut stream, hours(31), "web01", &THREE);
    let more = stream.fire(hours(31) + 5, "web01", "wazuh", "heartbeat");
    assert_eq!((more.case, more.int(s::CASE_UNUSUAL_RULES)), (routine.case, 0));
    assert_ne!(odd.case, routine.case);
    assert_eq!(stream.fire(hours(31) + 6, "web01", "wazuh", "scan").case, odd.case, "a rule that entered the case stays in it");
    let over = stream.fire(hours(33), "web01", "wazuh", "scan");
    assert!(over.case != odd.case && over.value(s::RULE_UNUSUAL) == Value::Bool(false), "after the case the rule is routine");
}

#[test]
fn one_incident_on_two_hosts_is_one_strong_case_and_a_linked_one() {
    let mut stream = known(&[], 1);
    let before = attack(&mut stream, hours(28), "web02", &["port", "ping"]);
    let first = attack(&mut stream, hours(31), "web01", &SIX);
    assert_eq!((first.int(s::CASE_UNUSUAL_RULES), first.int(s::CASE_SHARED_RULES)), (6, 0));
    let second = stream.fire(hours(31) + 6, "web02", "wazuh", "scan");
    let named: Vec<_> = second.links.iter().map(|link| (link.strong, link.case, link.relation)).collect();
    assert_eq!(named, [(first.case, second.case, Relation::Near), (first.case, before.case, Relation::Before)]);
    let last = attack(&mut stream, hours(31) + 7, "web02", SIX.split_first().map_or(&[], |(_, rest)| rest));
    assert_eq!((last.int(s::CASE_UNUSUAL_RULES), last.int(s::CASE_SHARED_RULES)), (0, 6));
    assert!(last.links.is_empty(), "a link is told once");
}

#[test]
fn a_strong_case_owns_its_rules_for_an_hour_and_a_weak_one_does_not() {
    let mut stream = known(&[], 1);
    attack(&mut stream, hours(31), "web01", &SIX);
    let later = attack(&mut stream, hours(33), "web02", &SIX);
    assert_eq!((later.int(s::CASE_UNUSUAL_RULES), later.int(s::CASE_SHARED_RULES)), (6, 0));
    let mut stream = known(&[], 1);
    attack(&mut stream, hours(31), "web01", &THREE);
    let other = attack(&mut stream, hours(31) + 5, "web02", &THREE);
    assert_eq!((other.int(s::CASE_UNUSUAL_RULES), other.int(s::CASE_SHARED_RULES)), (3, 0));
    assert!(other.links.is_empty());
}

#[test]
fn what_a_user_does_is_read_together() {
    let mut stream = Stream::default();
    stream.login(0, "ana", "sign-in");
    let usual = stream.login(hours(30), "ana", "sign-in");
    let new = stream.login(hours(30) + 5, "ana", "new second factor");
    assert_eq!((new.case, new.value(s::RULE_UNUSUAL)), (usual.case, Value::Bool(true)));
    assert_eq!(new.value(s::CASE_UNUSUAL_RULES), Value::Unknown(Why::NoHistory));
}

#[test]
fn what_was_forgotten_is_never_new() {
    let limits = Limits { pairs_max: 4, rules_max: 4, ..Limits::default() };
    let mut stream = Stream::new(limits, Policy::default());
    for (hour, host, rule) in
        [(0, "web01", "heartbeat"), (1, "web02", "a"), (1, "web02", "b"), (1, "web02", "c"), (1, "web02", "d")]
    {
        stream.fire(hours(hour), host, "wazuh", rule);
    }
    let seen = attack(&mut stream, hours(29), "web01", &THREE);
    assert_eq!(seen.value(s::RULE_FIRES_HERE), Value::Unknown(Why::Evicted));
    assert_eq!((seen.int(s::CASE_NEW_RULES), seen.int(s::CASE_UNUSUAL_RULES)), (0, 3), "quiet since what was forgotten");
    attack(&mut stream, hours(30), "web02", &["e", "f", "g", "h"]);
    let soon = stream.fire(hours(30) + 9, "web01", "wazuh", "other");
    assert_eq!(soon.value(s::RULE_UNUSUAL), Value::Bool(false), "what was forgotten fired an hour ago");
}

#[test]
fn late_alerts_join_the_case_of_their_time_and_are_not_unusual() {
    let mut stream = known(&[], 1);
    let odd = attack(&mut stream, hours(31), "web01", &THREE);
    let late = stream.fire(hours(31) - 20, "web01", "suricata", "scan");
    assert_eq!((late.case, late.value(s::RULE_UNUSUAL)), (odd.case, Value::Bool(false)));
    assert_eq!(late.int(s::CASE_UNUSUAL_RULES), 3);
    let much_too_late = stream.fire(hours(29), "web01", "suricata", "scan");
    assert!(much_too_late.case != odd.case && much_too_late.int(s::CASE_UNUSUAL_RULES) == 0);
}
