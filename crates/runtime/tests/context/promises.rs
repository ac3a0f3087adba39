//! A contract is a promise: what breaks it makes facts unknown, says why, and touches what it touches.

use super::world::{World, at, faults, said};
use adjutant_engine::context::{Condition, Tally};

fn contract(more: &str) -> String {
    format!(
        "
context: assets
title: Assets
owner: it
from: {{ csv: assets.csv }}
keys: [{{ kind: host, columns: [name] }}]
lookup: {{ asset: [host.name] }}
facts:
  criticality: {{ type: low < high, about: How. }}
  port: {{ type: int, range: [1, 65535], about: Which. }}
{more}"
    )
}

fn rows(count: usize) -> String {
    (0..count).fold("name,criticality,port,seen\n".into(), |text, n| text + &format!("h{n},high,443,2026-02-{:02}\n", n % 28 + 1))
}

#[test]
fn too_few_rows_are_a_breach() {
    let world = World::new(&[&contract("sanity: { min_rows: 50 }")], &[("assets.csv", rows(49).as_bytes())]);
    let snapshot = world.load();
    assert_eq!(said(&snapshot), "Broken: 49 rows, and the contract wants at least 50");
    assert_eq!(world.fact(&snapshot, &[("host.name", "h1")], "asset.criticality"), "unknown: Breach");
    world.write("assets.csv", rows(50).as_bytes());
    assert_eq!(world.fact(&world.load(), &[("host.name", "h1")], "asset.criticality"), "high");
}

#[test]
fn too_much_change_is_a_breach_until_the_data_is_right_again() {
    let world = World::new(&[&contract("sanity: { max_change: 10% }")], &[("assets.csv", rows(100).as_bytes())]);
    let first = world.load();
    world.write("assets.csv", rows(89).as_bytes());
    let second = world.reload(Some(&first));
    assert_eq!(said(&second), "Broken: 89 rows after 100, a change of 11 %, and the contract allows 10 %");
    world.write("assets.csv", rows(110).as_bytes());
    assert_eq!(said(&world.reload(Some(&first))), "Good: ");
}

#[test]
fn bad_rows_are_shown_and_too_many_are_a_breach() {
    let text = rows(98) + "h98,urgent,443,\nh99,high,70000,\n";
    let world = World::new(&[&contract("sanity: { bad_rows: 2% }")], &[("assets.csv", text.as_bytes())]);
    let snapshot = world.load();
    let expected = "Good: 2 of 100 rows are bad (row 100: `criticality` is `urgent`, not one of low, high; \
                    row 101: `port` is `70000`, not a whole number from 1 to 65535)";
    assert_eq!(said(&snapshot), expected);
    assert_eq!(world.fact(&snapshot, &[("host.name", "h98")], "asset.criticality"), "unknown: Unreadable");
    assert_eq!(world.fact(&snapshot, &[("host.name", "h98")], "asset.port"), "443");
    let world = World::new(&[&contract("sanity: { bad_rows: 1% }")], &[("assets.csv", text.as_bytes())]);
    assert!(said(&world.load()).starts_with("Broken: 2 of 100 rows are bad"));
}

#[test]
fn data_ages_by_the_time_of_the_alert() {
    let world = World::new(&[&contract("as_of: 2026-03-01\nmax_age: 2d")], &[("assets.csv", rows(3).as_bytes())]);
    let snapshot = world.load();
    let fact = |now| world.fact_at(&snapshot, &[("host.name", "h1")], "asset.criticality", now);
    assert_eq!(fact("2026-03-02T23:59:59Z"), "high");
    assert_eq!(fact("2026-03-03T00:00:00Z"), "high");
    assert_eq!(fact("2026-03-03T00:00:01Z"), "unknown: Stale");
    assert_eq!(fact("2018-01-01"), "high", "data of after the alert is not old; its age says so");
    let (row, touched) = world.filled(&snapshot, &[("host.name", "h1")], "2026-04-01");
    assert!(touched.contracts().eq([0]) && touched.stale == 1 && row.len() == world.schema.len());
    let mut tally = Tally::default();
    tally.add(touched);
    tally.add(touched);
    let mut both = tally.clone();
    both.merge(&tally);
    let report = snapshot.quality(at("2026-04-01"), &both);
    assert_eq!((report[0].condition, report[0].touched), (Condition::Stale, 4));
    let (_, nobody) = world.filled(&snapshot, &[], "2026-04-01");
    assert!(nobody.is_empty(), "an alert about nobody is not touched");
}

#[test]
fn rows_may_say_how_old_they_are() {
    let world = World::new(&[&contract("as_of: column seen\nmax_age: 7d")], &[("assets.csv", rows(28).as_bytes())]);
    let snapshot = world.load();
    let fact = |host| world.fact(&snapshot, &[("host.name", host)], "asset.criticality");
    assert_eq!((fact("h27").as_str(), fact("h20").as_str()), ("high", "unknown: Stale"));
    let slot = world.schema.slot("asset.criticality").unwrap();
    let (row, _) = world.filled(&snapshot, &[("host.name", "h27")], "2026-03-01");
    assert_eq!(row.cell(slot).observed_at, at("2026-02-28"), "the fact carries the age of its row");
}

#[test]
fn data_of_unknown_age_is_not_believed_where_age_matters() {
    use adjutant_runtime::context::{Embedded, load};
    let world = World::new(&[&contract("max_age: 7d")], &[]);
    let files = [("assets.csv".to_owned(), "name,criticality,port\nh1,high,1\n".as_bytes())].into();
    let embedded = Embedded { files, modified: None };
    let snapshot = load(world.contracts.clone(), &embedded, None);
    assert_eq!(said(&snapshot), "Broken: nothing says how old the data is; give `as_of` in the contract");
}

#[test]
fn two_sources_that_disagree_dispute_the_fact() {
    let directory = "
context: directory
title: Directory
owner: iam
from: { csv: directory.csv }
keys: [{ kind: user, columns: [upn] }]
lookup: { user: [user.name] }
facts: { active: { type: bool, agrees_with: hr.employed, about: Whether. } }
sanity: { disagree: 40% }
";
    let hr = "
context: hr
title: HR
owner: people
from: { csv: hr.csv }
keys: [{ kind: user, columns: [mail] }]
lookup: { hr: [user.name] }
as_of: 2026-02-20
max_age: 30d
facts: { employed: { type: bool, about: Whether. } }
";
    let files: [(&str, &[u8]); 2] = [
        ("directory.csv", b"upn,active\na@c.example,yes\nb@c.example,yes\nc@c.example,no\nd@c.example,yes\n"),
        ("hr.csv", b"mail,employed\nA@c.example,1\nb@c.example,0\nc@c.example,0\n"),
    ];
    let world = World::new(&[directory, hr], &files);
    let snapshot = world.load();
    assert_eq!(said(&snapshot), "Good: `active` differs from `hr` in 1 of 3 rows");
    let fact = |user, now| world.fact_at(&snapshot, &[("user.name", user)], "user.active", now);
    assert_eq!(fact("a", "2026-03-01"), "true");
    assert_eq!(fact("b", "2026-03-01"), "unknown: Disputed");
    assert_eq!(fact("c", "2026-03-01"), "false");
    assert_eq!(fact("d", "2026-03-01"), "true", "what the second source does not know it does not dispute");
    assert_eq!(fact("a", "2026-04-01"), "unknown: Stale", "agreement with old data is none");
    world.write("hr.csv", b"mail,employed\na@c.example,0\nb@c.example,0\nc@c.example,0\n");
    assert!(said(&world.load()).starts_with("Broken: `active` differs from `hr` in 2 of 3 rows, and the contract allows 40 %"));
    std::fs::remove_file(world.dir.path().join("hr.csv")).unwrap();
    assert_eq!(world.fact(&world.load(), &[("user.name", "a")], "user.active"), "unknown: Breach");
}

#[test]
fn every_fault_of_a_contract_has_its_place_and_its_help() {
    let expect = |contract: &str, wanted: &str| {
        let found = faults(contract);
        assert!(found.iter().any(|fault| fault.contains(wanted)), "wanted `{wanted}`, found {found:#?}");
    };
    let with = |from: &str, to: &str| contract("").replace(from, to);
    assert_eq!(faults(&contract("")), Vec::<String>::new());
    expect(
        &with("host.name]", "host.nam]"),
        "7:context/a.yaml: error[context-lookup]: no field is called `host.nam` (did you mean `host.name`?)",
    );
    expect(&with("host.name]", "alert.count]"), "`alert.count` is a int, and only text and addresses look up a table");
    expect(&with("kind: host", "kind: machine"), "6:context/a.yaml: error[context-key]: `machine` is no kind of key");
    expect(&with("type: int", "type: number"), "`number` is no type of fact");
    expect(&with("low < high", "low < | high"), "an enumeration is `a | b | c`");
    expect(&with("csv: assets.csv", "csv: a.csv, json: b.json"), "exactly one kind of data");
    expect(&with("csv: assets.csv", "csv: ../../etc/passwd"), "`../../etc/passwd` leaves the directory of context data");
    expect(&with("csv: assets.csv", "sqlite: a.db"), "nothing says what to read from the database");
    expect(&with("csv: assets.csv", "list: a.txt"), "such data has no column `name`");
    expect(&with("owner: it", "owner: ''"), "the contract has no owner");
    expect(&with("type: low < high", "type: low < high, column: a, value: low"), "`criticality` is read in two ways");
    expect(&with("type: low < high", "type: low < high, absent: urgent"), "`urgent` is not a criticality");
    expect(&with("range: [1, 65535]", "range: [9, 1]"), "a range is [smallest, largest]");
    expect(&with("asset: [host.name]", "user: [host.name]").replace("criticality:", "unit:"), "`user.unit` is declared as text");
    expect(&contract("max_age: 7 fortnights"), "`7 fortnights` is no span of time (write `12h`, `7d` or `1d12h`)");
    expect(&contract("as_of: yesterday"), "`yesterday` does not say when the data was true");
    expect(&contract("sanity: { max_change: 5 }"), "`5` is no share (write `5%` or `0.5%`)");
    expect(&contract("sanity: { min_row: 5 }"), "did you mean `min_rows`?");
    expect(
        &contract("").replace("type: int,", "type: int, agrees_with: hr.port,"),
        "no contract has a fact `hr.port` of this type",
    );
    expect("context: [", "error[yaml]");
}
