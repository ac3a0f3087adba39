//! The program as people run it: exit codes, counts that add up, the same output with any number of workers.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/alerts.jsonl");

fn adjutant() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjutant"));
    command.env_remove("NO_COLOR").env_remove("COLUMNS");
    command
}

fn run(args: &[&str]) -> Output {
    adjutant().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A directory of this test's own.
fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A book to change: the shipped one.
fn book(name: &str) -> PathBuf {
    let book = dir(name).join("book");
    expect(&run(&["init", path(&book)]), 0);
    book
}

#[test]
fn the_shipped_book_is_sound() {
    expect(&run(&["check"]), 0);
    let tested = run(&["test"]);
    expect(&tested, 0);
    assert!(text(&tested.stdout).contains(", 0 failed"));
    let junit = text(&run(&["test", "--format", "junit"]).stdout);
    assert!(junit.contains("failures=\"0\"") && junit.ends_with("</testsuite>\n"));
}

#[test]
fn a_new_book_is_the_shipped_one_and_faults_are_shown_with_their_place() {
    let book = book("init");
    expect(&run(&["check", path(&book)]), 0);
    expect(&run(&["init", path(&book)]), 3);
    let playbook = book.join("playbooks/generic.yaml");
    let changed = std::fs::read_to_string(&playbook).unwrap().replacen("rule.confirmed", "rule.confirmd", 1);
    std::fs::write(&playbook, changed).unwrap();
    let checked = run(&["check", path(&book)]);
    expect(&checked, 3);
    let shown = text(&checked.stdout);
    assert!(shown.contains("playbooks/generic.yaml:") && shown.contains("^^^") && shown.contains("`rule.confirmed`"), "{shown}");
    expect(&run(&["triage", DEMO, "--book", path(&book)]), 3);
}

#[test]
fn connectors_are_linted_and_a_fault_has_its_place() {
    let book = book("lint");
    let folder = book.join("connectors");
    let sound = run(&["connect", "lint", path(&folder)]);
    expect(&sound, 0);
    let shown = text(&sound.stdout);
    assert!(shown.contains("disable-account        user     probe, undo\n"), "{shown}");
    assert!(shown.contains("revoke-sessions        user     probe, no undo: a session"), "{shown}");
    assert!(shown.contains(": 0 errors, 0 warnings; every act has a probe"), "{shown}");
    let okta = folder.join("okta.yaml");
    let changed =
        std::fs::read_to_string(&okta).unwrap().replacen("    irreversible: a session", "    irreversable: a session", 1);
    std::fs::write(&okta, changed).unwrap();
    for at in [&okta, &folder, &book] {
        let linted = run(&["connect", "lint", path(at)]);
        expect(&linted, 3);
        let shown = text(&linted.stdout);
        assert!(shown.contains("okta.yaml:") && shown.contains("irreversable") && shown.contains("1 error,"), "{shown}");
    }
    let checked = run(&["check", path(&book)]);
    expect(&checked, 3);
    assert!(text(&checked.stdout).contains("the book loads, its connectors do not: 1 error"));
    std::fs::write(folder.join("bad.yaml"), [0xff, 0xfe]).unwrap();
    expect(&run(&["connect", "lint", path(&folder.join("bad.yaml"))]), 3);
    expect(&run(&["connect", "lint", path(&folder.join("none.yaml"))]), 3);
    expect(&run(&["connect", "lint", path(&book.join("playbooks"))]), 3);
    let empty = dir("lint-empty");
    let none = run(&["connect", "lint", path(&empty)]);
    expect(&none, 3);
    assert!(text(&none.stderr).contains("has no connector"));
}

#[test]
fn every_record_is_decided_or_has_a_problem() {
    let dir = dir("counts");
    let bad = dir.join("bad.jsonl");
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let long = format!("{{\"eventName\":\"{}\"}}", "x".repeat(10 << 20));
    let lines: [&[u8]; 12] = [
        b"{\"id\":1,\"severity\":\"high\",\"timestamp\":\"2026-03-01T09:14:07Z\"}",
        b"{\"id\":1",
        b"\xff\xfe\xfd",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1e999,\"timestamp\":NaN}",
        b"{\"timestamp\":\"0000-01-01T00:00:00Z\",\"a\":\"9999-12-31T23:59:59Z\"}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\0\"}",
        nested.as_bytes(),
        long.as_bytes(),
        b"<34>Oct 11 22:14:15 host su: failed",
    ];
    std::fs::write(&bad, lines.join(&b'\n')).unwrap();
    let empty = dir.join("empty");
    std::fs::write(&empty, b"").unwrap();
    let missing = dir.join("missing");
    let output = run(&["triage", path(&bad), path(&empty), path(&missing), path(&dir), DEMO, "--format", "jsonl"]);
    expect(&output, 1);
    let told = text(&output.stderr);
    let decided = text(&output.stdout).lines().count();
    let problems = 12 + 3 + 139 - decided;
    let sum = format!("154 in = {decided} decided + {problems} with a problem");
    assert!(told.contains(&sum), "{sum}: {told}");
    for place in ["bad.jsonl:2: ", "/empty: ", "/missing: ", "cli-counts: this is a directory"] {
        assert!(told.contains(place), "{place}: {told}");
    }
}

#[test]
fn the_output_does_not_depend_on_the_number_of_workers() {
    let one = run(&["triage", DEMO, DEMO, "--format", "jsonl", "--workers", "1"]);
    expect(&one, 0);
    let records: Vec<serde_json::Value> = text(&one.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 278);
    assert_eq!(run(&["triage", DEMO, DEMO, "--format", "jsonl", "--workers", "5"]).stdout, one.stdout);
    let array: Vec<serde_json::Value> = serde_json::from_slice(&run(&["triage", DEMO, DEMO, "--format", "json"]).stdout).unwrap();
    assert_eq!(array, records);
    let findings = text(&run(&["triage", DEMO, "--format", "ocsf"]).stdout);
    assert!(findings.lines().all(|line| line.contains("\"class_uid\":2004")) && findings.lines().count() == 139);
    let page = text(&run(&["triage", DEMO, "--format", "html", "--top", "2"]).stdout);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n") && !page.contains("<script"));
}

/// Backtests `archive` under `book`: the figures, and what is told to people.
fn backtest(book: &Path, archive: &Path) -> (serde_json::Value, String) {
    let figures = run(&["backtest", "--book", path(book), path(archive), "--json"]);
    let told = run(&["backtest", "--book", path(book), path(archive)]);
    (serde_json::from_slice(&figures.stdout).unwrap(), text(&told.stdout))
}

/// Replaces the first `from` in a file of `book`.
fn edit(book: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(book.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    std::fs::write(book.join(file), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_book_that_reads_differently_starts_again_from_the_stored_alerts() {
    let dir = dir("from-raw");
    let archive = dir.join("archive");
    let context = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/context");
    expect(&run(&["triage", DEMO, DEMO, "--quiet", "--context", context, "--out", path(&archive)]), 0);
    let book = book("from-raw-book");
    let (figures, told) = backtest(&book, &archive);
    assert_eq!((&figures["runs_from_raw"], &figures["flips"]), (&0.into(), &0.into()));
    assert!(told.contains("recorded facts"), "{told}");

    // A change without effect: read anew, with context as it was, every decision is the same.
    edit(&book, "sources/guardduty.yaml", "source:", "# Another remark.\nsource:");
    let (figures, told) = backtest(&book, &archive);
    assert_eq!(
        (&figures["runs_from_raw"], &figures["decisions"], &figures["flips"]),
        (&1.into(), &278.into(), &0.into()),
        "{told}"
    );
    assert_eq!((&figures["cases"], &figures["queue_then"]), (&figures["cases_now"], &figures["queue_now"]));
    assert!(told.contains("read anew from the stored alerts: sources/guardduty.yaml differs"), "{told}");

    // Cases of one alert each.
    edit(&book, "correlate.yaml", "alerts_max: 10000", "alerts_max: 1");
    let (figures, told) = backtest(&book, &archive);
    assert!(told.contains("correlate.yaml, sources/guardduty.yaml differ"), "{told}");
    assert_eq!(figures["cases_now"], 139, "only the same bytes again join a case");
    assert!(figures["cases"].as_u64().unwrap() < 139);

    // A source that reads another severity.
    edit(&book, "correlate.yaml", "alerts_max: 1", "alerts_max: 10000");
    edit(&book, "sources/github.yaml", "'\"info\"'", "'\"critical\"'");
    let (figures, told) = backtest(&book, &archive);
    assert_ne!(figures["flips"], 0, "{told}");
    assert!(told.contains("close → escalate"), "{told}");
}

#[test]
fn an_archive_explains_and_backtests() {
    let dir = dir("archive");
    let archive = dir.join("archive");
    let output = run(&["triage", DEMO, "--format", "jsonl", "--out", path(&archive)]);
    expect(&output, 0);
    let first: serde_json::Value = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    for id in [&first["id"], &first["alert"]["id"]] {
        let explained = run(&["explain", id.as_str().unwrap(), "--in", path(&archive), "--format", "json"]);
        expect(&explained, 0);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&explained.stdout).unwrap(), first);
    }
    expect(&run(&["explain", "0000000000000000", "--in", path(&archive)]), 3);
    expect(&run(&["explain", "xyz", "--in", path(&archive)]), 3);
    let book = book("archive-book");
    expect(&run(&["backtest", "--book", path(&book), path(&archive)]), 0);
    let playbook = book.join("playbooks/generic.yaml");
    let changed = std::fs::read_to_string(&playbook).unwrap().replacen("close_below: 20", "close_below: 25", 1);
    std::fs::write(&playbook, changed).unwrap();
    let flips = run(&["backtest", "--book", path(&book), path(&archive)]);
    expect(&flips, 2);
    assert!(text(&flips.stdout).contains("escalate → close"), "{}", text(&flips.stdout));
    let alone = run(&["backtest", "--book", path(&book), path(&archive), "--workers", "1", "--json"]);
    expect(&alone, 2);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&alone.stdout).unwrap()["decisions"], 139);
}

#[test]
fn past_mail_is_learned_once_and_explains_a_stranger() {
    let (context, mail) = (dir("learn"), concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/mail"));
    let learn =
        |own: &str| run(&["mail", "learn", mail, "--own", own, "--to", path(&context), "--not", &format!("{mail}/labels.csv")]);
    let first = learn("corp.example");
    expect(&first, 0);
    assert!(text(&first.stdout).contains("0 known already"), "{}", text(&first.stdout));
    let files = || ["senders.csv", "counted.txt"].map(|name| std::fs::read(context.join("mail").join(name)).unwrap());
    let once = files();
    let again = learn("corp.example");
    assert!(text(&again.stdout).contains(" 0 learned"), "{}", text(&again.stdout));
    assert_eq!(files(), once);
    let attack = format!("{mail}/payroll-01.eml");
    let explained = text(&run(&["mail", "explain", &attack, "--context", path(&context)]).stdout);
    assert!(explained.contains("all that ever came from"), "the labels say that it was an attack: {explained}");
    expect(&run(&["mail", "learn", mail, "--to", path(&context)]), 64);
    expect(&learn("elsewhere.example"), 0);
}

#[test]
fn help_teaches_and_a_wrong_command_line_is_64() {
    let help = run(&["triage", "--help"]);
    expect(&help, 0);
    assert!(text(&help.stdout).contains("Examples:"));
    expect(&run(&["triage"]), 64);
    expect(&run(&["triage", DEMO, "--source", "nobody"]), 3);
    expect(&run(&["triage", DEMO, "--now", "yesterday"]), 3);
    expect(&run(&["sources"]), 0);
    expect(&run(&["sources", "okta"]), 0);
    expect(&run(&["schema"]), 0);
    expect(&run(&["completions", "bash"]), 0);
    expect(&run(&["man"]), 0);
    let schema: serde_json::Value = serde_json::from_slice(&run(&["schema", "--record"]).stdout).unwrap();
    assert_eq!(schema["type"], "object");
    expect(&run(&["demo"]), 0);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let has_colour = |output: Output| output.stdout.contains(&0x1b);
    assert!(!has_colour(run(&["demo"])));
    assert!(has_colour(run(&["demo", "--color", "always"])));
    assert!(!has_colour(adjutant().arg("demo").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap()));
    assert!(has_colour(adjutant().arg("demo").env("CLICOLOR_FORCE", "1").output().unwrap()));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = dir("pipe");
    let many = dir.join("many.jsonl");
    std::fs::write(&many, std::fs::read(DEMO).unwrap().repeat(20)).unwrap();
    let mut child = adjutant()
        .args(["triage", path(&many), "--format", "jsonl", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    expect(&output, 0);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_interrupt_in_the_middle_shows_what_was_done() {
    let dir = dir("interrupt");
    let archive = dir.join("archive");
    let mut child = adjutant()
        .args(["triage", "-", "--format", "jsonl", "--out", path(&archive)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&std::fs::read(DEMO).unwrap()).unwrap();
    // The pipe stays open and silent; the first decisions arrive all the same.
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 1];
    stdout.read_exact(&mut first).unwrap();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    expect(&output, 130);
    let sum = format!("interrupted: {0} in = {0} decided", rest.lines().count());
    assert!(text(&output.stderr).contains(&sum), "{sum}: {}", text(&output.stderr));
    expect(&run(&["backtest", "--book", path(&book("interrupt-book")), path(&archive)]), 0);
}

#[test]
fn a_full_disk_leaves_nothing_half_kept() {
    let dir = dir("full");
    let many = dir.join("many.jsonl");
    let demo = std::fs::read_to_string(DEMO).unwrap();
    // Alerts that do not pack well, so that they do not fit.
    let lines = (0..40_000_u64).flat_map(|n| {
        let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        [format!("{{\"id\":\"{noise:x}{:x}\",\"severity\":\"high\"}}\n", noise.rotate_left(17).wrapping_mul(n | 1))]
    });
    std::fs::write(&many, lines.chain([demo]).collect::<String>()).unwrap();
    let disk = dir.join("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let script = "mount -t tmpfs -o size=3m none \"$1\" || exit 99; \"$2\" triage \"$3\" --quiet --format jsonl --out \"$1/archive\" > /dev/null; code=$?; \
                  find \"$1/archive\" -type f | sed 's/^/left: /' >&2; exit $code";
    let args = ["-rm", "sh", "-c", script, "sh", path(&disk), env!("CARGO_BIN_EXE_adjutant"), path(&many)];
    let Ok(output) = Command::new("unshare").args(args).output() else {
        return eprintln!("skipped: `unshare` is not installed");
    };
    if output.status.code() == Some(99) || text(&output.stderr).contains("unshare failed") {
        return eprintln!("skipped: a small disk cannot be mounted here");
    }
    expect(&output, 74);
    let told = text(&output.stderr);
    assert!(told.contains("No space left on device") && told.contains("nothing of this run is kept"), "{told}");
    assert!(!told.contains("left: "), "{told}");
}

#[test]
fn who_sent_a_message_is_verified_with_answers_of_dns() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../mail/tests/data");
    let (message, dns) = (format!("{data}/rfc8463.eml"), format!("{data}/rfc8463.json"));
    let plain = text(&run(&["mail", "explain", &message]).stdout);
    assert!(!plain.contains("verified"), "{plain}");
    let verified = text(&run(&["mail", "explain", &message, "--dns", &dns]).stdout);
    assert!(verified.contains("verified   SPF unknown, DKIM pass, DMARC pass, ARC none, by signatures"), "{verified}");
    assert!(verified.contains("signature  brisbane of football.example.com  pass"), "{verified}");
    let facts = run(&["mail", "explain", "--json", &message, "--dns", &dns]);
    let facts: serde_json::Value = serde_json::from_slice(&facts.stdout).unwrap();
    assert_eq!((&facts["verified"][0]["by"], &facts["verified"][0]["wish"]), (&"adjutant".into(), &"reject".into()));
    expect(&run(&["mail", "explain", &message, "--dns", &message]), 3);
    expect(&run(&["mail", "ask", &message, "--resolver", "resolver.example"]), 3);
    // Nobody is there: each question is answered by why not, and nothing is taken for known.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let asked = run(&["mail", "ask", &message, "--resolver", &nobody]);
    expect(&asked, 1);
    let answers: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(answers["answers"].as_array().map(Vec::len), Some(4), "{answers}");
    assert_eq!(answers["answers"][0]["failed"], "the resolver does not answer");
}
