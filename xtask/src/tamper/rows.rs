//! Rows and entries: deleted, exchanged, repeated, cut off; and what stands beside the tree.

use super::{Trials, plain, put, unpacked};
use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;

/// Changes of a case's row that hide it, or say something else of it.
const CASES: [&str; 13] = [
    "first = first + 1000000",
    "status = (status + 1) % 4",
    "outcome = (outcome + 1) % 3",
    "score = score - 1",
    "alerts = alerts + 1",
    "opened = opened - 1",
    "updated = updated + 1",
    "last = last - 1",
    "worst = worst + 1",
    "assignee = assignee || 'x'",
    "sampled = 1 - sampled",
    "review = 1 - review",
    "rank = rank - 1",
];

pub(super) fn all(trials: &mut Trials) -> Result<()> {
    commits(trials)?;
    entries(trials)?;
    beside(trials)?;
    cases(trials)
}

fn execute(connection: &Connection, sql: &str, number: i64) -> Result<String> {
    let changed = connection.execute(sql, [number])?;
    if changed == 0 { bail!("`{sql}` changes nothing for {number}") } else { Ok(format!("{sql} for {number}")) }
}

/// Whole commits.
fn commits(trials: &mut Trials) -> Result<()> {
    for column in ["entries", "alerts"] {
        let firsts = trials.firsts(column)?;
        for first in &firsts {
            let sql = format!("UPDATE commits SET {column} = NULL WHERE first = ?1");
            trials.trial("a block deleted", |connection| execute(connection, &sql, *first))?;
        }
        for pair in firsts.windows(2) {
            let [one, other] = [trials.blob(column, pair[0])?, trials.blob(column, pair[1])?];
            trials.trial("two blocks exchanged", |sql| {
                put(sql, column, pair[0], &other)?;
                put(sql, column, pair[1], &one).map(|()| format!("{column} of {} and {}", pair[0], pair[1]))
            })?;
        }
    }
    let firsts = trials.firsts("leaves")?;
    for pair in firsts.windows(2) {
        trials.trial("two rows exchanged", |sql| exchange(sql, pair[0], pair[1]))?;
    }
    for first in firsts {
        trials.trial("a row deleted", |sql| execute(sql, "DELETE FROM commits WHERE first = ?1", first))?;
        trials.trial("the end cut off", |sql| execute(sql, "DELETE FROM commits WHERE first >= ?1", first))?;
        for (by, kind) in [(-1, "a commit made earlier"), (1, "a commit made later")] {
            trials.trial(kind, |sql| execute(sql, &format!("UPDATE commits SET at = at + {by} WHERE first = ?1"), first))?;
        }
    }
    Ok(())
}

fn exchange(sql: &Connection, one: i64, other: i64) -> Result<String> {
    for (from, to) in [(one, -1), (other, one), (-1, other)] {
        sql.execute("UPDATE commits SET first = ?2 WHERE first = ?1", [from, to])?;
    }
    Ok(format!("{one} and {other}"))
}

/// Single entries and raw alerts.
fn entries(trials: &mut Trials) -> Result<()> {
    for column in ["entries", "alerts"] {
        for first in trials.firsts(column)? {
            let stored = trials.blob(column, first)?;
            let pieces = pieces(&unpacked(&stored).context("a block")?);
            let set = |pieces: &[Vec<u8>]| {
                let bytes = plain(&pieces.concat());
                move |sql: &Connection| put(sql, column, first, &bytes).map(|()| format!("{column} of {first}"))
            };
            for at in 0..pieces.len() {
                let without = [&pieces[..at], &pieces[at + 1..]].concat();
                trials.trial("an entry or raw alert deleted", set(&without))?;
                let twice = [&pieces[..=at], &pieces[at..]].concat();
                trials.trial("an entry or raw alert repeated", set(&twice))?;
                trials.trial("entries or raw alerts cut off", set(&pieces[..at]))?;
            }
            for at in 1..pieces.len() {
                let mut swapped = pieces.clone();
                swapped.swap(at - 1, at);
                trials.trial("two entries or raw alerts exchanged", set(&swapped))?;
            }
        }
    }
    with_leaves(trials)
}

/// Entries exchanged and deleted together with their leaves and names: only the checkpoint knows.
fn with_leaves(trials: &mut Trials) -> Result<()> {
    for first in trials.firsts("leaves")? {
        let leaves = trials.blob("leaves", first)?;
        let ids = trials.blob("ids", first)?;
        let entries = pieces(&unpacked(&trials.blob("entries", first)?).context("a block")?);
        for at in 1..entries.len() {
            trials.trial("two entries exchanged with their leaves", |sql| {
                let (mut leaves, mut ids, mut entries) = (chunks(&leaves, 32), chunks(&ids, 8), entries.clone());
                leaves.swap(at - 1, at);
                ids.swap(at - 1, at);
                entries.swap(at - 1, at);
                put(sql, "leaves", first, &leaves.concat())?;
                put(sql, "ids", first, &ids.concat())?;
                put(sql, "entries", first, &plain(&entries.concat()))?;
                Ok(format!("entries {} and {}", first + at as i64 - 1, first + at as i64))
            })?;
            trials.trial("the last entries of a commit deleted with their leaves", |sql| {
                put(sql, "leaves", first, &leaves[..at * 32])?;
                put(sql, "ids", first, &ids[..at * 8])?;
                put(sql, "entries", first, &plain(&entries[..at].concat()))?;
                Ok(format!("entries from {} on", first + at as i64))
            })?;
        }
    }
    Ok(())
}

/// What alerts are known by, and the checkpoint.
fn beside(trials: &mut Trials) -> Result<()> {
    for first in trials.firsts("leaves")? {
        let keys = chunks(&trials.blob("keys", first)?, 16);
        for at in 0..keys.len() {
            for byte in [0, 8] {
                trials.trial("what is known changed", |sql| {
                    let mut keys = keys.clone();
                    keys[at][byte] ^= 1;
                    put(sql, "keys", first, &keys.concat()).map(|()| format!("key of entry {}", first + at as i64))
                })?;
            }
        }
        trials.trial("what is known cut off", |sql| {
            put(sql, "keys", first, &keys[1..].concat()).map(|()| format!("keys of {first}"))
        })?;
    }
    for tree in ["known", "named", "queue"] {
        let all = format!("INSERT OR REPLACE INTO documents (kind, id, body) VALUES ('tree', '{tree}', '1000000' || ?1)");
        trials.trial("a tree that lacks everything", |sql| execute(sql, &all, 1))?;
    }
    // As if all open cases had joined the queue: one has not, or all stand elsewhere.
    for queue in [
        "rank, first FROM cases WHERE status = 0 LIMIT (SELECT count(*) - ?1 FROM cases WHERE status = 0)",
        "rank - ?1, first FROM cases WHERE status = 0",
    ] {
        trials.trial("the queue changed", |sql| {
            sql.execute("INSERT OR REPLACE INTO documents (kind, id, body) VALUES ('tree', 'queue', '1000000')", [])?;
            execute(sql, &format!("INSERT INTO queue (place, entry) SELECT {queue}"), 1)
        })?;
    }
    trials.trial("the checkpoint deleted", |sql| execute(sql, "DELETE FROM documents WHERE kind = 'checkpoint' AND ?1", 1))
}

fn cases(trials: &mut Trials) -> Result<()> {
    for first in numbers(&trials.connection, "SELECT first FROM cases")? {
        trials.trial("a case deleted", |sql| execute(sql, "DELETE FROM cases WHERE first = ?1", first))?;
        for change in CASES {
            trials.trial("a case changed", |sql| execute(sql, &format!("UPDATE cases SET {change} WHERE first = ?1"), first))?;
        }
        trials.trial("a case made up", |sql| {
            let columns = "status, outcome, score, severity, alerts, opened, updated, last, worst, playbook, subject, title, \
                           assignee, sampled, review, rank";
            let made = format!("INSERT INTO cases (first, id, {columns}) SELECT 1000000, x'00000000000000010000000000000000', {columns} FROM cases WHERE first = ?1");
            execute(sql, &made, first)
        })?;
    }
    Ok(())
}

fn numbers(connection: &Connection, sql: &str) -> Result<Vec<i64>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn chunks(bytes: &[u8], len: usize) -> Vec<Vec<u8>> {
    bytes.chunks(len).map(<[u8]>::to_vec).collect()
}

/// The pieces of a block, each with its length before it.
pub(super) fn pieces(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((len, _)) = bytes.split_first_chunk::<4>() {
        let Some((piece, rest)) = bytes.split_at_checked(4 + u32::from_le_bytes(*len) as usize) else { break };
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    pieces
}
