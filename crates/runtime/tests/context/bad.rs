//! Bad input is normal input: it never stops triage, and what is wrong is said with its place and what to do.

use super::world::{World, said};

const CONTRACT: &str = "
context: people
title: People
owner: iam
from: { csv: people.csv }
keys: [{ kind: user, columns: [upn] }]
lookup: { user: [user.name] }
sanity: { bad_rows: 60% }
facts: { privileged: { type: bool, about: Whether. } }
";

/// What the report says of `bytes`, and what becomes of a user whom they should name.
fn read(bytes: &[u8]) -> (String, String) {
    let world = World::new(&[CONTRACT], &[("people.csv", bytes)]);
    let snapshot = world.load();
    (said(&snapshot), world.fact(&snapshot, &[("user.name", "ana")], "user.privileged"))
}

fn broken(bytes: &[u8], wanted: &str) {
    let (said, fact) = read(bytes);
    assert!(said.starts_with("Broken: ") && said.contains(wanted), "wanted `{wanted}`: {said}");
    assert_eq!(fact, "unknown: Breach");
}

#[test]
fn files_that_are_no_table_are_broken_sources() {
    broken(b"", "there is no column `upn`");
    broken(b"\n\n", "there is no column `upn`");
    broken(b"upn,privileged\n", "0 rows, and the contract wants at least 1");
    broken(b"name,admin\nana,yes\n", "there is no column `upn`; it has `name`, `admin`; correct `column` in the contract");
    broken(b"upn;privileged\nana;yes\n", "separated by `;`: write `delimiter: \";\"`");
    broken(b"upn\tprivileged\nana\tyes\n", "separated by tabs: write `delimiter: tab`");
    broken(b"upn,privileged,UPN\nana,yes,bo\n", "it has two columns `upn`; rename one");
    broken(b"\x7fELF\x02\x01\x01\0\0\0", "it is binary and not text");
    broken(b"upn,privileged\nb\xe4r,yes\n", "line 2 is not UTF-8; save the file as UTF-8 (it may be Windows-1252)");
    broken(&[0xff, 0xfe, 0x00, 0xd8], "it begins as UTF-16 and is not");
    broken(&[0x1f, 0x8b, 8, 0, 0, 0], "it cannot be decompressed");
    broken(&zstd::encode_all(&b"upn,privileged\nana,yes\n"[..], 3).unwrap()[..12], "it cannot be decompressed");
}

#[test]
fn a_missing_file_is_broken_or_absent_as_the_contract_says() {
    let world = World::new(&[CONTRACT], &[]);
    assert!(said(&world.load()).contains("`people.csv` is not in `/"), "{}", said(&world.load()));
    assert!(said(&world.load()).contains("mark the contract `optional: true`"));
    let optional = World::new(&[&CONTRACT.replace("owner: iam", "owner: iam\noptional: true")], &[]);
    let snapshot = optional.load();
    assert_eq!(said(&snapshot), "Absent: ");
    assert_eq!(optional.fact(&snapshot, &[("user.name", "ana")], "user.privileged"), "unknown: NoSource");
    let directory = World::new(&[CONTRACT], &[("people.csv/inside", b"x")]);
    assert!(said(&directory.load()).contains("it is not a file"));
    let nowhere = adjutant_runtime::context::Directory("/nowhere/at/all".into());
    let snapshot = adjutant_runtime::context::load(world.contracts.clone(), &nowhere, None);
    assert!(said(&snapshot).starts_with("Broken: "));
}

#[test]
fn what_other_tools_write_is_read() {
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("upn,privileged\r\nana,TRUE\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for bytes in [
        b"\xef\xbb\xbfupn,privileged\nana,true\n".to_vec(),
        b"UPN, Privileged \r\n\"ana\",Yes\r\n".to_vec(),
        b"extra,upn,privileged\n\"a \"\"quoted\"\"\nline\",ana,1\n".to_vec(),
        utf16,
        zstd::encode_all(&b"upn,privileged\nana,yes\n"[..], 3).unwrap(),
    ] {
        assert_eq!(read(&bytes), ("Good: ".into(), "true".into()), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_bad_row_harms_no_other() {
    let rows = b"upn,privileged\nbo,yes,extra\nana,yes\n,no\ncy,perhaps\n\"dan";
    let world = World::new(&[&CONTRACT.replace("60%", "80%")], &[("people.csv", rows)]);
    let snapshot = world.load();
    assert_eq!(world.fact(&snapshot, &[("user.name", "ana")], "user.privileged"), "true");
    let expected = "Good: 4 of 5 rows are bad (line 2: it has 3 cells, and the header has 2; row 4: it has no key; \
                    row 5: `privileged` is `perhaps`, not yes or no)";
    assert_eq!(said(&snapshot), expected);
    let (said, fact) = read(rows);
    assert!(said.starts_with("Broken: 4 of 5 rows are bad"), "{said}");
    assert_eq!(fact, "unknown: Breach");
}

#[test]
fn a_huge_cell_is_a_bad_row() {
    let huge = format!("upn,privileged\nana,yes\n{},no\nbo,{}\n", "x".repeat(10 << 20), "y".repeat(10 << 20));
    let world = World::new(&[&CONTRACT.replace("60%", "70%")], &[("people.csv", huge.as_bytes())]);
    let snapshot = world.load();
    assert!(said(&snapshot).contains("a cell is 10,485,760 bytes long; at most 65,536 are read"), "{}", said(&snapshot));
    assert_eq!(world.fact(&snapshot, &[("user.name", "ana")], "user.privileged"), "true");
    assert_eq!(world.fact(&snapshot, &[("user.name", "bo")], "user.privileged"), "unknown: NotFound");
}

#[test]
fn of_duplicates_the_newest_row_counts() {
    let (said, fact) = read(b"upn,privileged\nana,no\nbo,no\nana,yes\n");
    assert_eq!(fact, "true", "without ages the later row counts");
    assert_eq!(said, "Good: 1 rows repeat a key, and the newer row counts, or else the later one (rows 2 and 4)");
    let dated = CONTRACT.to_owned() + "as_of: column seen\n";
    let rows = b"upn,privileged,seen\nana,yes,2026-02-02\nana,no,2026-01-01\n";
    let world = World::new(&[&dated], &[("people.csv", rows)]);
    assert_eq!(world.fact(&world.load(), &[("user.name", "ana")], "user.privileged"), "true");
}

#[test]
fn json_that_is_cut_or_deep_or_wrong_is_a_broken_source() {
    let contract = CONTRACT.replace("csv: people.csv", "json: people.json");
    let deep = "[".repeat(200_000);
    for (text, wanted) in [
        ("{\"a\":", "it is no JSON (EOF while parsing a value at line 1 column 5)"),
        ("[{\"upn\":NaN}]", "it is no JSON"),
        ("3", "its rows are neither a list nor an object of objects"),
        ("[\"\\ud800\"]", "it is no JSON"),
        (deep.as_str(), "recursion limit"),
    ] {
        let world = World::new(&[&contract], &[("people.json", text.as_bytes())]);
        assert!(said(&world.load()).contains(wanted), "{wanted}: {}", said(&world.load()));
    }
    let hostile = br#"[{"upn":"ana","privileged":false,"privileged":true},{"upn":{"a":1}},{"upn":"bo","privileged":[1,{}]},{"upn":"\u001b[2Jx","privileged":1e999999}]"#;
    let world = World::new(&[&contract], &[("people.json", hostile)]);
    assert!(said(&world.load()).contains("it is no JSON (number out of range"));
}

#[test]
fn a_damaged_database_is_a_broken_source() {
    let contract = "
context: geo
title: Geo
owner: net
from: { mmdb: g.mmdb }
lookup: { src: [src.ip] }
facts: { country: { type: text, column: country_code, about: Country. } }
";
    let whole = super::shipped::country_database();
    let load = |bytes: &[u8]| {
        let world = World::new(&[contract], &[("g.mmdb", bytes)]);
        let snapshot = world.load();
        (said(&snapshot), world.fact(&snapshot, &[("src.ip", "8.8.8.8")], "src.country"))
    };
    assert_eq!(load(&whole), ("Good: ".into(), "US".into()));
    for bytes in [&b""[..], b"not a database", &whole[..whole.len() / 2], &whole[whole.len() / 2..]] {
        let (said, fact) = load(bytes);
        assert!(said.starts_with("Broken: `g.mmdb`: it is no MaxMind DB"), "{said}");
        assert_eq!(fact, "unknown: Breach");
    }
    let mut scrambled = whole;
    let (start, end) = (scrambled.len() / 4, scrambled.len() - 400);
    scrambled[start..end].iter_mut().enumerate().for_each(|(place, byte)| *byte ^= (place % 251) as u8);
    load(&scrambled);
}
