//! The reference of `cargo xtask bench serve`: the bare work item behind axum, one row an alert in SQLite, and nothing else.
//!
//! Durable as a careful engineer makes it (WAL, `synchronous=FULL`) and quick as one makes it: one thread writes whatever
//! is queued in one transaction, and an alert is answered after the commit that holds it. The same alert again is answered
//! with the row that stands.

#![expect(unreachable_pub, reason = "the decision is shared with the bench, where `pub` means for other files")]

#[path = "../bench/serve/decide.rs"]
mod decide;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use decide::{Login, Tables};
use rusqlite::Connection;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Requests that one transaction takes at most.
const REQUESTS_MAX: usize = 1_024;

#[derive(clap::Parser)]
struct Arguments {
    /// Where the database is made
    #[arg(long)]
    data: PathBuf,
    /// Where the tables are
    #[arg(long)]
    context: PathBuf,
}

/// What a request shares with all others.
struct Desk {
    tables: Tables,
    writer: Sender<Job>,
}

/// One alert, ready to be stored.
struct Stored {
    id: String,
    outcome: &'static str,
    score: i32,
    evidence: String,
}

/// The alerts of one request, and who waits for the answers.
struct Job {
    rows: Vec<Stored>,
    done: oneshot::Sender<Vec<Answer>>,
}

/// Who waits for the answers of one request, and the answers.
type Answered = (oneshot::Sender<Vec<Answer>>, Vec<Answer>);

#[derive(Serialize)]
struct Answer {
    id: String,
    outcome: String,
    score: i32,
    known: bool,
}

#[derive(Serialize)]
struct Answers {
    accepted: usize,
    items: Vec<Answer>,
}

fn main() -> Result<()> {
    let arguments = <Arguments as clap::Parser>::parse();
    let tables = Tables::load(&arguments.context)?;
    let connection = open(&arguments)?;
    let (writer, jobs) = channel();
    thread::spawn(move || write(&connection, &jobs));
    let app = Router::new().route("/v1/alerts/bench", post(receive)).with_state(Arc::new(Desk { tables, writer }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        Ok(axum::serve(listener, app).await?)
    })
}

fn open(arguments: &Arguments) -> Result<Connection> {
    let path = arguments.data.join("logins.sqlite");
    let connection = Connection::open(&path).with_context(|| format!("open {}", path.display()))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS logins (id TEXT PRIMARY KEY, outcome TEXT NOT NULL, score INTEGER NOT NULL, evidence TEXT NOT NULL) WITHOUT ROWID;",
    )?;
    Ok(connection)
}

/// One alert as an object, or one on each line.
async fn receive(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let rows: Result<Vec<Stored>> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| desk.decide(line)).collect();
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response(),
    };
    let alone = rows.len() == 1;
    let (done, answers) = oneshot::channel();
    if desk.writer.send(Job { rows, done }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answers.await {
        Ok(items) if !alone => Json(Answers { accepted: items.len(), items }).into_response(),
        Ok(items) => match serde_json::to_string(&items[0]) {
            Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl Desk {
    fn decide(&self, line: &[u8]) -> Result<Stored> {
        let judged = self.tables.judge(Login::read(line)?);
        let evidence = serde_json::to_string(&judged.evidence)?;
        Ok(Stored { id: judged.id, outcome: judged.outcome, score: judged.score, evidence })
    }
}

/// Writes whatever is queued in one transaction, then answers; again and again. What cannot be written is not answered.
fn write(connection: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(REQUESTS_MAX - 1)).collect();
        match commit(connection, batch) {
            Ok(done) => done.into_iter().for_each(|(waiting, answers)| drop(waiting.send(answers))),
            Err(error) => eprintln!("not written: {error:#}"),
        }
    }
}

fn commit(connection: &Connection, batch: Vec<Job>) -> Result<Vec<Answered>> {
    let transaction = connection.unchecked_transaction()?;
    let mut done = Vec::with_capacity(batch.len());
    for job in batch {
        let answers = job.rows.into_iter().map(|row| store(connection, row)).collect::<Result<_>>()?;
        done.push((job.done, answers));
    }
    transaction.commit()?;
    Ok(done)
}

fn store(connection: &Connection, row: Stored) -> Result<Answer> {
    let Stored { id, outcome, score, evidence } = row;
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO logins VALUES (?1, ?2, ?3, ?4)")?;
    if insert.execute((&id, outcome, score, &evidence))? == 1 {
        return Ok(Answer { id, outcome: outcome.to_owned(), score, known: false });
    }
    let mut known = connection.prepare_cached("SELECT outcome, score FROM logins WHERE id = ?1")?;
    let (outcome, score) = known.query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Answer { id, outcome, score, known: true })
}
