//! Removes what retention says, commit by commit from the first.

use crate::error::from_sqlite;
use crate::read::since;
use adjutant_model::Time;
use adjutant_runtime::ports::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// What can be removed of a commit.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Entries,
    Alerts,
}

/// The kind of document that says before which entry a part is removed everywhere, so that nobody looks through those again.
const FORGOTTEN: &str = "forgotten";

impl Part {
    fn column(self) -> &'static str {
        match self {
            Part::Entries => "entries",
            Part::Alerts => "alerts",
        }
    }

    /// From which entry on it may be there.
    fn from(self, connection: &Connection) -> Result<u64, StoreError> {
        let sql = "SELECT body FROM documents WHERE kind = ?1 AND id = ?2";
        let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
        let text =
            statement.query_row([FORGOTTEN, self.column()], |row| row.get::<_, String>(0)).optional().map_err(from_sqlite)?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// The first and the last of the commits from before `before` that still have it, of which at most so many are looked at.
    fn some(self, connection: &Connection, before: Time, commits_max: u32) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = format!(
            "SELECT min(first), max(first) FROM (SELECT first FROM commits WHERE first >= ?1 AND first < ?2 AND {} IS NOT NULL
             ORDER BY first LIMIT ?3)",
            self.column()
        );
        let range = params![self.from(connection)?.cast_signed(), since(connection, before)?.cast_signed(), commits_max];
        let ends = connection.query_row(&sql, range, |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)));
        ends.map_err(from_sqlite)
    }

    /// Whether some commit from before `before` still has it.
    pub(crate) fn is_there(self, connection: &Connection, before: Time) -> Result<bool, StoreError> {
        Ok(self.some(connection, before, 1)?.is_some())
    }

    /// Removes it from at most so many commits from before `before`. How many those are.
    pub(crate) fn remove(self, connection: &Connection, before: Time, commits_max: u32) -> Result<usize, StoreError> {
        let Some((first, last)) = self.some(connection, before, commits_max)? else { return Ok(0) };
        let column = self.column();
        let sql = format!("UPDATE commits SET {column} = NULL WHERE first >= ?1 AND first <= ?2 AND {column} IS NOT NULL");
        let removed = connection.execute(&sql, [first, last]).map_err(from_sqlite)?;
        let sql = "INSERT OR REPLACE INTO documents (kind, id, body) VALUES (?1, ?2, ?3)";
        connection.execute(sql, params![FORGOTTEN, column, (last + 1).to_string()]).map_err(from_sqlite)?;
        Ok(removed)
    }
}
