//! What a message says about being sent to many. None of it speaks for or against a message: anybody can write it.

use crate::finding::{Aspect, Notes};
use crate::message::Level;

/// Looks at the headers of one level.
pub(crate) fn find(level: &Level, notes: &mut Notes) {
    let headers = &level.headers;
    let place = format!("headers of the {}", level.kind.name());
    let mut note = |name, value: Option<&str>| {
        if let Some(value) = value {
            notes.find(Aspect::Bulk, name, value, &place);
        }
    };
    note("list", headers.all("list-id").next());
    note("unsubscribe", headers.all("list-unsubscribe").next());
    note("one-click", headers.all("list-unsubscribe-post").next());
    let bulk = |value: &&str| matches!(value.trim().to_ascii_lowercase().as_str(), "bulk" | "list" | "junk");
    note("precedence", headers.all("precedence").find(bulk));
    note("automatic", headers.all("auto-submitted").find(|value| !value.trim().eq_ignore_ascii_case("no")));
}
