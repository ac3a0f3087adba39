//! Mail as it stands: one raw message (RFC 5322) a request, for forwarders, gateways and whoever reads a mailbox.
//!
//! The bytes are kept unchanged as the alert's raw record. The same message again is the same alert; another report of it has
//! other bytes, and is an alert of its own that joins the same case.

use super::alerts::{one, report};
use super::collectors::{Sent, cut};
use super::{App, Caller, Endpoint, Fate, Permission, Problem, Response, Routes, State, body};
use crate::intake::Fault;
use adjutant_runtime::policy::Incoming;
use adjutant_runtime::read;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The source of the book that reads messages; a token that is bound to a source must be bound to this one.
const SOURCE: &str = "mail";

/// What was decided about a message.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Judged {
    /// The decision's name.
    decision: String,
    /// The alert's name.
    alert: String,
    /// The case that it joined.
    case: String,
    /// Which revision of the case it made.
    revision: u32,
    /// `close`, `escalate` or `respond`.
    outcome: String,
    /// The score.
    score: i32,
    /// The number of its entry in the ledger.
    seq: u64,
    /// Whether the same message was known already.
    known: bool,
}

pub(super) fn add(routes: Routes<App>, limits: &body::Limits) -> Routes<App> {
    let bytes_max = limits.packed_bytes_max.min(read::RECORD_BYTES_MAX);
    let endpoint = Endpoint::post("/v1/mail", Permission::SendAlerts)
        .says("Takes one message of mail as it stands (RFC 5322), and says what is decided about it.")
        .takes_as("message/rfc822")
        .answers::<Judged>()
        .body_bytes_max(bytes_max);
    routes.add(endpoint, message)
}

async fn message(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Problem> {
    let source = caller.source_for(Some(SOURCE))?;
    let (limits, len, packed) = (app.limits, sent.body.len(), sent.is_packed());
    let work = move || {
        let bytes = body::unpack(sent.body, sent.encoding.as_deref(), &limits).and_then(body::Unpacked::whole)?;
        Ok(read::message(&bytes).map(|record| Incoming::new(bytes.slice(record.range()), record.line)))
    };
    let record = match cut(len, packed, work).await? {
        Ok(record) => record,
        Err(fault) => {
            let (code, detail) = (fault.code.to_owned(), fault.detail.clone());
            report(&app, source, &caller, vec![Fault::from(&fault)]).await;
            return Ok(one(&Fate::Failed { code, detail }));
        }
    };
    let fates = app.offer(source, caller.sender(), vec![record]).await;
    Ok(one(&fates.into_iter().next().unwrap_or(Fate::Unavailable { detail: "nothing was said about it".into() })))
}
