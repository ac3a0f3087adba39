//! What the hand keeps for itself: plans, actions, approvals that were spent, approvers' keys, and a journal of all that happened.
//!
//! Nobody else writes here. Every change is one transaction that is synced before anything follows from it, and each writes
//! its line of the journal with it.
//!
//! INVARIANT: an action's stage changes by [`adjutant_engine::act::next`] alone.

mod batch;
mod copy;
mod epoch;
mod mark;
mod people;

pub(crate) use batch::Pending;
pub use copy::{copy, put_back};
pub use epoch::{Restored, Standing, standing};
pub use people::Approver;
pub(crate) use people::Signed;

use adjutant_engine::act::{self, Happened};
use adjutant_model::act::{Action, Plan, State};
use adjutant_model::{Digest, Stage, Time};
use adjutant_rules::playbook::VERBS;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::MutexGuard;

/// The file in the hand's folder.
pub const FILE: &str = "hand.db";

/// Written into the file's header: `ADJH`.
const APPLICATION: i64 = 0x4144_4a48;

const SCHEMA: &str = "
    CREATE TABLE plan (digest TEXT PRIMARY KEY, expires INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX plan_case ON plan (json_extract(body, '$.case'));
    CREATE TABLE action (
        key TEXT PRIMARY KEY, plan TEXT NOT NULL, nth INTEGER NOT NULL, stage INTEGER NOT NULL, verb TEXT NOT NULL,
        target TEXT NOT NULL, body TEXT NOT NULL, before TEXT, after TEXT, intended INTEGER, ends INTEGER,
        changed INTEGER NOT NULL, says TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX action_plan ON action (plan, nth);
    CREATE INDEX action_intended ON action (intended) WHERE intended IS NOT NULL;
    CREATE INDEX action_moving ON action (stage) WHERE stage IN (5, 6, 10, 11);
    CREATE INDEX action_ends ON action (ends) WHERE ends IS NOT NULL;
    -- A nonce is spent once, whatever it was spent for.
    CREATE TABLE spent (nonce TEXT PRIMARY KEY, about TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX spent_about ON spent (about);
    CREATE TABLE approver (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, roles TEXT NOT NULL, added INTEGER NOT NULL,
        counts INTEGER NOT NULL, revoked INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
";

/// Why the hand's store cannot do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be used.
    #[error("the hand's store cannot be used: {0}")]
    Unusable(String),
    /// Another program's file, or another release's.
    #[error("the file is no store of a hand that this release knows")]
    Foreign,
    /// That cannot happen to the action where it is.
    #[error("an action that is {0} cannot become what was asked")]
    Stage(Stage),
    /// There is none.
    #[error("there is no {0}")]
    None(String),
    /// A nonce was used before.
    #[error("this was signed for one use, and was used before")]
    Spent,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Unusable(error.to_string())
    }
}

/// The result of everything here.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An action as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// What is the same however often it is attempted.
    pub key: String,
    /// The digest of its plan.
    pub plan: Digest,
    /// Which step of the plan, from 0.
    pub nth: u32,
    /// The action.
    pub action: Action,
    /// Where it is.
    pub stage: Stage,
    /// The state before, as it was read right before the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<State>,
    /// The state that it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<State>,
    /// When its intent was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<Time>,
    /// When it is taken back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Time>,
    /// When its stage last changed.
    pub changed: Time,
    /// Why it is where it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Its number, from 1; without gaps but where a store was restored.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What kind: `plan`, `approval`, `denial`, `stage`, `key`, `pause`, `epoch`.
    pub kind: String,
    /// What, as JSON.
    pub body: serde_json::Value,
}

/// What changes with a stage.
#[derive(Clone, Debug, Default)]
pub struct With {
    /// The state before.
    pub before: Option<State>,
    /// The state after.
    pub after: Option<State>,
    /// When the action ends by itself.
    pub ends: Option<Time>,
    /// Why, for people.
    pub says: String,
}

/// What follows for an action from something else, in the same transaction.
pub(crate) type Follows<'a> = (&'a str, Happened);

/// The store.
pub struct Store {
    turns: batch::Turns,
    mark: mark::Mark,
    /// It was restored since the last process, and how far it had come before, if that is known.
    restored: Option<Restored>,
    reach: fn(&str),
}

impl Store {
    /// Opens the store in `folder`, made when it is not there.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn open(folder: &Path) -> Result<Self> {
        let unusable = |error: std::io::Error| StoreError::Unusable(error.to_string());
        let mut make = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
        make.recursive(true).create(folder).map_err(unusable)?;
        let file = folder.join(FILE);
        let mut open = std::fs::OpenOptions::new();
        open.create(true).append(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
        open.open(&file).map_err(unusable)?;
        let mut connection = Connection::open(&file)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection)?;
        let (mark, said) = mark::Mark::open(folder, &file)?;
        let last = last_line(&connection)?;
        let restored = epoch::restored(last, said, mark::number(&file)?);
        if restored.is_none() {
            mark.set_durably(last)?;
        }
        Ok(Self { turns: batch::Turns::new(connection), mark, restored, reach: |_| {} })
    }

    /// Tells `reach` of each place where the process may end, by its label: a test ends it there.
    pub fn ending(self, reach: fn(&str)) -> Self {
        Self { reach, ..self }
    }

    /// A place where the process may end.
    pub(crate) fn reach(&self, label: &str) {
        (self.reach)(label);
    }

    fn lock(&self) -> impl std::ops::Deref<Target = Connection> + '_ {
        Reading(self.turns.lock())
    }

    /// Keeps a plan with its actions, each at the stage that its ruling says: `follows` has what happens to it at once.
    ///
    /// # Errors
    /// It is there already, or the store cannot be used.
    pub(crate) fn keep(&self, plan: &Plan, digest: &Digest, follows: &[(Follows<'_>, With)]) -> Result<()> {
        self.change(|db| {
            db.execute(
                "INSERT INTO plan (digest, expires, body) VALUES (?1, ?2, ?3)",
                params![digest.to_string(), plan.expires.0, json(plan)],
            )?;
            for (nth, step) in plan.steps.iter().enumerate() {
                db.execute(
                    "INSERT INTO action (key, plan, nth, stage, verb, target, body, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![
                        Action::key(digest, nth),
                        digest.to_string(),
                        nth as i64,
                        code(Stage::Planned),
                        step.action.verb,
                        step.action.target.id,
                        json(&step.action),
                        plan.made.0
                    ],
                )?;
            }
            note(db, plan.made, "plan", &serde_json::json!({ "plan": digest, "case": plan.case, "body": plan }))?;
            follows.iter().try_for_each(|((key, happened), with)| move_on(db, (key, *happened), with, plan.made).map(drop))
        })
    }

    /// The plan with this digest.
    ///
    /// # Errors
    /// There is none, or the store cannot be used.
    pub fn plan(&self, digest: &Digest) -> Result<Plan> {
        let body = self.lock().query_row("SELECT body FROM plan WHERE digest = ?1", [digest.to_string()], text).optional()?;
        read(&body.ok_or_else(|| StoreError::None(format!("plan {}", digest.short())))?)
    }

    /// The plans of a case, the latest first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn plans_of(&self, case: &str) -> Result<Vec<(Digest, Plan)>> {
        let db = self.lock();
        let sql =
            "SELECT digest, body FROM plan WHERE json_extract(body, '$.case') = ?1 ORDER BY json_extract(body, '$.made') DESC";
        let mut statement = db.prepare_cached(sql)?;
        let found = statement.query_map([case], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        found.iter().map(|(digest, body)| Ok((digest.parse().map_err(|_| damaged("a digest"))?, read(body)?))).collect()
    }

    /// The plans whose digest begins with these digits, at most two.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn plans_named(&self, prefix: &str) -> Result<Vec<Digest>> {
        let db = self.lock();
        let mut statement = db.prepare_cached("SELECT digest FROM plan WHERE digest >= ?1 AND digest < ?1 || 'g' LIMIT 2")?;
        let found = statement.query_map([prefix], text)?.collect::<rusqlite::Result<Vec<_>>>()?;
        found.iter().map(|digest| digest.parse().map_err(|_| damaged("a digest"))).collect()
    }

    /// The actions of a plan, in its order.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn actions(&self, plan: &Digest) -> Result<Vec<Kept>> {
        self.select("plan = ?1 ORDER BY nth", &[&plan.to_string()])
    }

    /// The action with this key.
    ///
    /// # Errors
    /// There is none, or the store cannot be used.
    pub fn action(&self, key: &str) -> Result<Kept> {
        self.select("key = ?1", &[&key])?.pop().ok_or_else(|| StoreError::None(format!("action {key}")))
    }

    /// The actions whose key begins with these digits, at most two.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn actions_named(&self, prefix: &str) -> Result<Vec<Kept>> {
        self.select("key >= ?1 AND key < ?1 || 'g' LIMIT 2", &[&prefix])
    }

    /// Actions that are on their way: what a restart goes on with.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn moving(&self) -> Result<Vec<Kept>> {
        self.select("stage IN (5, 6, 10, 11) ORDER BY plan, nth", &[])
    }

    /// Actions that are done, and after which in their plan one was refused, failed or is stuck.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn done_before_an_end(&self) -> Result<Vec<Kept>> {
        let ended = "SELECT 1 FROM action AS other WHERE other.plan = action.plan AND other.nth > action.nth AND other.stage IN (1, 9, 14)";
        self.select(&format!("stage = 7 AND EXISTS ({ended})"), &[])
    }

    /// Actions that are done and whose time is over at `now`.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn ended(&self, now: Time) -> Result<Vec<Kept>> {
        self.select("ends IS NOT NULL AND ends <= ?1 AND stage = 7 LIMIT 100", &[&now.0])
    }

    /// Actions of plans that nobody answered in time.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn unanswered(&self, now: Time) -> Result<Vec<Kept>> {
        self.select("stage = 0 AND plan IN (SELECT digest FROM plan WHERE expires <= ?1) LIMIT 1000", &[&now.0])
    }

    /// Every action that took effect or may have, for undoing, latest first: of the plans of a case, or of a playbook since.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn effective(&self, wanted: impl Fn(&Plan) -> bool, since: Time) -> Result<Vec<Kept>> {
        let actions = self.select("intended >= ?1 AND stage IN (7, 13, 14) ORDER BY intended DESC", &[&since.0])?;
        let mut kept = Vec::new();
        for action in actions {
            if wanted(&self.plan(&action.plan)?) {
                kept.push(action);
            }
        }
        Ok(kept)
    }

    fn select(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Kept>> {
        let db = self.lock();
        let sql = format!(
            "SELECT key, plan, nth, stage, body, before, after, intended, ends, changed, says FROM action WHERE {condition}"
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(kept(row)?);
        }
        Ok(found)
    }

    /// Lets something happen to an action: its stage, what changes with it, and a line of the journal, at once.
    ///
    /// # Errors
    /// That cannot happen to it where it is.
    pub fn happen(&self, key: &str, happened: Happened, with: With, now: Time) -> Result<Stage> {
        self.change(|db| move_on(db, (key, happened), &with, now))
    }

    /// The same for several actions, all of it or nothing.
    ///
    /// # Errors
    /// That cannot happen to one of them where it is.
    pub(crate) fn happen_all(&self, all: &[Follows<'_>], with: &With, now: Time) -> Result<()> {
        self.change(|db| all.iter().try_for_each(|follows| move_on(db, *follows, with, now).map(drop)))
    }

    /// Whether any plan was ever kept.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn was_used(&self) -> Result<bool> {
        Ok(self.lock().query_row("SELECT EXISTS (SELECT 1 FROM plan)", [], |row| row.get(0))?)
    }

    /// How many different targets something was begun on since, of one verb or of all.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn begun(&self, verb: Option<&str>, since: Time) -> Result<u64> {
        let db = self.lock();
        let count: i64 = match verb {
            Some(verb) => {
                let sql = "SELECT count(DISTINCT target) FROM action WHERE intended >= ?1 AND verb = ?2";
                db.prepare_cached(sql)?.query_row(params![since.0, verb], |row| row.get(0))?
            }
            None => {
                let tell = VERBS.iter().filter(|verb| verb.changes.only_tells()).map(|verb| format!("'{}'", verb.name));
                let tell = tell.collect::<Vec<_>>().join(", ");
                let sql = format!("SELECT count(DISTINCT target) FROM action WHERE intended >= ?1 AND verb NOT IN ({tell})");
                db.prepare_cached(&sql)?.query_row([since.0], |row| row.get(0))?
            }
        };
        Ok(count.cast_unsigned())
    }

    /// A setting.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        Ok(self.lock().query_row("SELECT value FROM setting WHERE name = ?1", [name], text).optional()?)
    }

    /// Sets a setting, with a line of the journal of this kind.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn set(&self, (name, value): (&str, &str), kind: &str, body: &serde_json::Value, now: Time) -> Result<()> {
        self.set_soon((name, value), kind, body, now)?.durable()
    }

    /// Sets a setting that has to be made durable.
    pub(crate) fn set_soon(
        &self,
        (name, value): (&str, &str),
        kind: &str,
        body: &serde_json::Value,
        now: Time,
    ) -> Result<Pending<'_, ()>> {
        self.change_soon(|db| {
            db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", params![name, value])?;
            note(db, now, kind, body)
        })
    }

    /// Lines of the journal after `seq`.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn journal(&self, seq: u64, limit: usize) -> Result<Vec<Line>> {
        let db = self.lock();
        let mut statement = db.prepare_cached("SELECT seq, at, kind, body FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = statement.query(params![seq.cast_signed(), limit as i64])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(0)?.cast_unsigned();
            lines.push(Line { seq, at: Time(row.get(1)?), kind: row.get(2)?, body: read(&row.get::<_, String>(3)?)? });
        }
        Ok(lines)
    }

    /// The number of the last line of the journal.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn last_line(&self) -> Result<u64> {
        last_line(&self.lock())
    }
}

/// The connection, to read.
struct Reading<'a>(MutexGuard<'a, batch::Turn>);

impl std::ops::Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0.connection
    }
}

fn last_line(db: &Connection) -> Result<u64> {
    let last: i64 = db.query_row("SELECT coalesce(max(seq), 0) FROM journal", [], |row| row.get(0))?;
    Ok(last.cast_unsigned())
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let ask = |connection: &Connection, name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (ask(connection, "application_id")?, ask(connection, "user_version")?) {
        (APPLICATION, 1) => Ok(()),
        (0, 0) => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", 1)?;
            Ok(transaction.commit()?)
        }
        _ => Err(StoreError::Foreign),
    }
}

fn note(db: &Connection, at: Time, kind: &str, body: &serde_json::Value) -> Result<()> {
    db.execute("INSERT INTO journal (at, kind, body) VALUES (?1, ?2, ?3)", params![at.0, kind, body.to_string()])?;
    Ok(())
}

/// Lets something happen to an action: its stage, what changes with it, and a line of the journal.
fn move_on(db: &Connection, (key, happened): Follows<'_>, with: &With, now: Time) -> Result<Stage> {
    let (stage, plan) = db
        .query_row("SELECT stage, plan FROM action WHERE key = ?1", [key], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?
        .ok_or_else(|| StoreError::None(format!("action {key}")))?;
    let stage = staged(stage)?;
    let next = act::next(stage, happened).ok_or(StoreError::Stage(stage))?;
    let intended = (happened == Happened::Intended).then_some(now.0);
    let [before, after] = [&with.before, &with.after].map(|state| state.as_ref().map(json));
    // What was not begun after all is counted by no limit.
    db.execute(
        "UPDATE action SET stage = ?2, before = coalesce(?3, before), after = coalesce(?4, after),
         intended = CASE WHEN ?2 = 5 THEN NULL ELSE coalesce(?5, intended) END,
         ends = CASE WHEN ?2 = 7 THEN coalesce(?6, ends) END, changed = ?7, says = ?8 WHERE key = ?1",
        params![key, code(next), before, after, intended, with.ends.map(|ends| ends.0), now.0, with.says],
    )?;
    let body = serde_json::json!({
        "action": key, "plan": plan, "was": stage, "is": next, "says": with.says, "before": with.before, "after": with.after,
    });
    note(db, now, "stage", &body)?;
    Ok(next)
}

fn kept(row: &Row<'_>) -> Result<Kept> {
    let state =
        |nth: usize| -> Result<Option<State>> { row.get::<_, Option<String>>(nth)?.map(|state| read(&state)).transpose() };
    Ok(Kept {
        key: row.get(0)?,
        plan: row.get::<_, String>(1)?.parse().map_err(|_| damaged("a digest"))?,
        nth: row.get(2)?,
        stage: staged(row.get(3)?)?,
        action: read(&row.get::<_, String>(4)?)?,
        before: state(5)?,
        after: state(6)?,
        intended: row.get::<_, Option<i64>>(7)?.map(Time),
        ends: row.get::<_, Option<i64>>(8)?.map(Time),
        changed: Time(row.get(9)?),
        says: row.get(10)?,
    })
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

fn json(value: &impl Serialize) -> String {
    // Text keys and plain values alone: writing them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Unusable(format!("a stored text is damaged: {error}")))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Unusable(format!("{what} in it is damaged"))
}

/// Stages are stored as their place in [`Stage::ALL`].
fn code(stage: Stage) -> i64 {
    Stage::ALL.iter().position(|known| *known == stage).unwrap_or(0) as i64
}

fn staged(code: i64) -> Result<Stage> {
    usize::try_from(code).ok().and_then(|code| Stage::ALL.get(code)).copied().ok_or_else(|| damaged("a stage"))
}
