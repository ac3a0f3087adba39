//! The demonstration as a newcomer sees it: readable at any width, and what it tells to type works.

use std::path::PathBuf;
use std::process::{Command, Output};

fn adjutant(columns: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adjutant")).env_remove("NO_COLOR").env("COLUMNS", columns).args(args).output().unwrap()
}

fn shown(output: &Output) -> &str {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn nothing_is_cut_off_by_a_terminal_and_nothing_is_lost() {
    for columns in [80, 100, 140] {
        let output = adjutant(&columns.to_string(), &["demo"]);
        let (told, next) = shown(&output).split_once("Where to look next:").unwrap();
        for line in told.lines() {
            assert!(line.chars().count() <= columns, "at {columns}: {line}");
        }
        assert!(told.contains("RESPOND   suspicious-login  nadia.rahman@corp.example"), "{told}");
        assert!(told.contains("224 in = 224 decided + 0 with a problem"), "{told}");
        assert!(next.contains(" explain ") && next.contains(" backtest "), "{next}");
    }
}

#[test]
fn the_commands_at_its_end_work_as_they_stand() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-demo");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let output = adjutant("100", &["demo"]);
    let (_, next) = shown(&output).split_once("Where to look next:").unwrap();
    let commands: Vec<&str> = next.lines().filter_map(|line| line.trim().split_once("  ").map(|(command, _)| command)).collect();
    assert!(commands.len() > 4, "{next}");
    for command in commands.iter().filter(|command| !command.contains('…')) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let ran = Command::new(words[0]).args(&words[1..]).current_dir(&dir).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        if words[1] == "explain" {
            let explained = String::from_utf8(ran.stdout).unwrap();
            // A pilot abroad: the directory vouches for the journey, and the list of offices was asked.
            for part in ["CLOSE     suspicious-login  lena.fischer@corp.example", "announced-travel (identity", "corporate, 21 h"]
            {
                assert!(explained.contains(part), "{part}: {explained}");
            }
        }
    }
}
