//! Who is meant: however tools spell a user, a host or an address, it is the right one or nobody.

use super::world::World;

const PEOPLE: &str = "
context: people
title: People
owner: iam
from: { csv: people.csv }
keys:
  - { kind: user, columns: [id, upn, sam] }
lookup: { user: [user.id, user.email, user.name] }
facts:
  privileged: { type: bool, about: Whether. }
  department: { type: text, about: Which. }
";

const ROWS: &str = "id,upn,sam,privileged,department
S-1-5-21-7,ana@corp.example,ana,yes,IT
S-1-5-21-8,bo@corp.example,bo,no,Sales
S-1-5-21-9,bo@lab.example,bo.lab,yes,Lab
S-1-5-21-10,cy@corp.example,cy,no,
";

fn people() -> World {
    World::new(&[PEOPLE], &[("people.csv", ROWS.as_bytes())])
}

#[test]
fn a_user_is_found_however_tools_spell_it() {
    let world = people();
    let snapshot = world.load();
    for spelling in ["ana", "ANA", "CORP\\ana", "ana@corp.example", "Ana@CORP.example", "s-1-5-21-7", " ana "] {
        assert_eq!(world.fact(&snapshot, &[("user.name", spelling)], "user.privileged"), "true", "{spelling}");
    }
    let both = [("user.id", "00u-not-known"), ("user.email", "ana@corp.example")];
    assert_eq!(world.fact(&snapshot, &both, "user.privileged"), "true", "the first field that is known decides");
}

#[test]
fn nobody_is_taken_for_somebody_else() {
    let world = people();
    let snapshot = world.load();
    let fact = |fields: &[(&str, &str)]| world.fact(&snapshot, fields, "user.privileged");
    assert_eq!(fact(&[("user.email", "ana@partner.example")]), "unknown: NotFound");
    assert_eq!(fact(&[("user.email", "ana@partner.example"), ("user.name", "ana")]), "unknown: NotFound");
    assert_eq!(fact(&[("user.name", "bo@lab.example")]), "true");
    assert_eq!(fact(&[("user.name", "bo")]), "unknown: Disputed", "two accounts are called bo");
    assert_eq!(fact(&[("user.name", "dora")]), "unknown: NotFound");
    assert_eq!(fact(&[("user.name", "-")]), "unknown: NoSubject");
    assert_eq!(fact(&[]), "unknown: NoSubject");
    assert_eq!(world.fact(&snapshot, &[("user.name", "cy")], "user.department"), "unknown: NotStated");
}

const MACHINES: &str = "
context: machines
title: Machines
owner: it
from: { csv: machines.csv }
keys:
  - { kind: host, columns: [name] }
  - { kind: address, columns: [address], split: ';' }
lookup: { asset: [host.name, host.ip, dst.host, dst.ip] }
facts:
  criticality: { type: low < medium < high < critical, column: tier, words: { P1: critical }, about: How. }
";

#[test]
fn a_machine_is_found_by_name_and_by_address() {
    let csv = "name,address,tier\nweb01.corp.example,10.0.0.1;2001:db8::1,high\ndb01,10.9.0.0/16,P1\nstore.a.example,,low\nstore.b.example,,high\n";
    let world = World::new(&[MACHINES], &[("machines.csv", csv.as_bytes())]);
    let snapshot = world.load();
    let fact = |name: &str, value: &str| world.fact(&snapshot, &[(name, value)], "asset.criticality");
    for name in ["web01", "WEB01$", "web01.corp.example.", "CORP\\WEB01", "web01.other.example", "10.0.0.1", "::ffff:10.0.0.1"] {
        assert_eq!(fact("host.name", name), "high", "{name}");
    }
    for address in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
        assert_eq!(fact("host.ip", address), "high", "{address}");
    }
    assert_eq!(fact("dst.ip", "10.9.255.255"), "critical");
    assert_eq!(fact("dst.ip", "10.10.0.0"), "unknown: NotFound");
    assert_eq!(fact("host.name", "store.b.example"), "high");
    assert_eq!(fact("host.name", "store"), "unknown: Disputed", "two machines are called store");
    let first = [("host.name", "web01"), ("dst.ip", "10.9.0.1")];
    assert_eq!(world.fact(&snapshot, &first, "asset.criticality"), "high", "the first field decides");
}

#[test]
fn what_the_alert_says_stays() {
    let contract = "
context: geo
title: Geo
owner: net
from: { csv: geo.csv }
keys: [{ kind: address, columns: [net] }]
lookup: { src: [src.ip] }
facts: { country: { type: text, about: Country. } }
";
    let world = World::new(&[contract], &[("geo.csv", b"net,country\n192.0.2.0/24,ES\n")]);
    let snapshot = world.load();
    assert_eq!(world.fact(&snapshot, &[("src.ip", "192.0.2.1")], "src.country"), "ES");
    assert_eq!(world.fact(&snapshot, &[("src.ip", "192.0.2.1"), ("src.country", "NG")], "src.country"), "NG");
}

#[test]
fn a_fact_of_one_table_looks_up_another() {
    let units = "
context: a-units
title: Units
owner: hr
from: { csv: units.csv }
keys: [{ kind: word, columns: [name] }]
lookup: { unit: [user.unit] }
facts: { head: { type: text, about: Head. } }
";
    let people = PEOPLE.replace("department:", "unit:");
    let rows = ROWS.replace("department", "unit");
    let world =
        World::new(&[units, &people], &[("people.csv", rows.as_bytes()), ("units.csv", b"name,head\nit,eva\nSALES,otto\n")]);
    let snapshot = world.load();
    assert_eq!(world.fact(&snapshot, &[("user.name", "ana")], "unit.head"), "eva");
    assert_eq!(world.fact(&snapshot, &[("user.email", "bo@corp.example")], "unit.head"), "otto");
    assert_eq!(world.fact(&snapshot, &[("user.name", "cy")], "unit.head"), "unknown: NoSubject");
}
