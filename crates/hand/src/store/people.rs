//! What people have in the hand's store: their keys, and what they signed, each note once.

use super::{Follows, Kept, Pending, Result, Store, StoreError, With, json, move_on, note, read, text};
use adjutant_model::Time;
use rusqlite::params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An approver's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approver {
    /// The key's short name: `NAME+ID`.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// The verifier key, see `adjutant_ledger::key`.
    pub key: String,
    /// What its owner may approve as.
    pub roles: Vec<String>,
    /// When it was added.
    pub added: Time,
    /// From when on it counts.
    pub counts: Time,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
}

/// A signed note that counts.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) nonce: &'a str,
    /// What it is about: the digest of a plan, the key of an action, the name of a pause.
    pub(crate) about: &'a str,
    pub(crate) by: &'a Approver,
    /// What it says: `approve`, `deny`, `undo`, `resume`.
    pub(crate) kind: &'a str,
    /// The note itself.
    pub(crate) text: &'a str,
}

impl Store {
    /// Spends a signed note about a plan or an action, once, together with what follows from it.
    ///
    /// # Errors
    /// Its nonce was used before, or the store cannot be used.
    pub(crate) fn spend(&self, signed: &Signed<'_>, follows: &[Follows<'_>], with: &With, now: Time) -> Result<Pending<'_, ()>> {
        let Signed { nonce, about, by, kind, text } = *signed;
        self.change_soon(|db| {
            let used: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM spent WHERE nonce = ?1)", [nonce], |row| row.get(0))?;
            #[cfg(test)]
            let (used, nonce) = if crate::planted::is(crate::planted::Bug::SpentTwice) {
                (false, crate::statement::nonce().unwrap_or_default())
            } else {
                (used, nonce.to_owned())
            };
            if used {
                return Err(StoreError::Spent);
            }
            db.execute(
                "INSERT INTO spent (nonce, about, by, at, note) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![nonce, format!("{kind} {about}"), by.id, now.0, text],
            )?;
            note(db, now, kind, &serde_json::json!({ "about": about, "by": by.name, "key": by.id, "note": text }))?;
            follows.iter().try_for_each(|follows| move_on(db, *follows, with, now).map(drop))
        })
    }

    /// Actions whose undo was signed and not begun: what a restart goes on with.
    ///
    /// # Errors
    /// The store cannot be used.
    pub(crate) fn undo_signed(&self) -> Result<Vec<Kept>> {
        self.select(
            "stage IN (7, 13, 14) AND EXISTS (SELECT 1 FROM spent WHERE about = 'undo ' || key AND at >= action.changed)",
            &[],
        )
    }

    /// The keys that said `kind` about this.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn said(&self, kind: &str, about: &str) -> Result<Vec<Approver>> {
        let ids = {
            let db = self.lock();
            let mut statement = db.prepare_cached("SELECT DISTINCT by FROM spent WHERE about = ?1")?;
            let ids = statement.query_map([format!("{kind} {about}")], text)?;
            ids.collect::<rusqlite::Result<Vec<_>>>()?
        };
        Ok(self.approvers()?.into_iter().filter(|approver| ids.contains(&approver.id)).collect())
    }

    /// Every approver's key, revoked ones too.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn approvers(&self) -> Result<Vec<Approver>> {
        let db = self.lock();
        let mut statement =
            db.prepare_cached("SELECT id, name, key, roles, added, counts, revoked FROM approver ORDER BY name, added")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Approver {
                id: row.get(0)?,
                name: row.get(1)?,
                key: row.get(2)?,
                roles: read(&row.get::<_, String>(3)?)?,
                added: Time(row.get(4)?),
                counts: Time(row.get(5)?),
                revoked: row.get::<_, Option<i64>>(6)?.map(Time),
            });
        }
        Ok(found)
    }

    /// Adds an approver's key, or marks one as revoked.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn put_approver(&self, approver: &Approver, now: Time) -> Result<()> {
        self.change(|db| {
            db.execute(
                "INSERT OR REPLACE INTO approver (id, name, key, roles, added, counts, revoked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    approver.id,
                    approver.name,
                    approver.key,
                    json(&approver.roles),
                    approver.added.0,
                    approver.counts.0,
                    approver.revoked.map(|at| at.0)
                ],
            )?;
            note(db, now, "key", &serde_json::json!(approver))
        })
    }
}
