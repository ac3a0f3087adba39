//! Puts the questions that wait to whoever answers them, and feeds the answers back.

use crate::drive::{Asking, Command, asking};
use crate::failpoint::reach;
use crate::ports::{CallError, Lookup, StoreError};
use crate::service::Service;
use adjutant_engine::autonomy::Pause;
use std::sync::Arc;

/// Asks what is due, the oldest first, until `stop` says so. What was answered and could not be noted is asked again.
///
/// # Errors
/// The store cannot be read.
pub fn tend(service: &Service, lookup: &dyn Lookup, stop: &dyn Fn() -> bool) -> Result<(), StoreError> {
    // Where the book asks nothing, this costs nothing; what another book asked is then answered by nobody, and waits for it.
    let book = Arc::clone(&service.policy().book);
    if book.look_ups.is_empty() || service.ladder().pause == Pause::Off {
        return Ok(());
    }
    let now = service.clock().now();
    let mut due: Vec<Asking> = service.read(asking)?.into_iter().filter(|asking| asking.due <= now).collect();
    due.sort_by_key(|asking| asking.due);
    for Asking { question, .. } in due {
        if stop() {
            break;
        }
        reach("lookup.before");
        // Another book may have come since it was put.
        let answer = match book.contracts.iter().any(|contract| question.is_of(contract)) {
            true => lookup.ask(&question).map_err(said),
            false => Err("the book does not ask this any more".to_owned()),
        };
        reach("lookup.answered");
        let (contract, name) = (question.contract, question.name);
        // Not noted waits as before.
        let _ = service.command_blocking("", Command::LookedUp { contract, name, answer });
    }
    Ok(())
}

fn said(error: CallError) -> String {
    match error {
        CallError::Retry(why) | CallError::Unclear(why) | CallError::Permanent(why) => why,
    }
}
