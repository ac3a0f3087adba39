//! Every bound of the HTTP service in one place, each with a name, its unit last.
//!
//! A bound that an operator may need to move is a default of [`crate::config`]; the others are fixed.

use std::time::Duration;

/// How many headers a request may have.
pub const HEADERS_MAX: usize = 64;
/// How long request line and headers may be together.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long a connection may take to send a head, and so how long it may stay idle between two requests.
pub const HEAD_WAIT: Duration = Duration::from_secs(20);
/// How long a request may take from its head to the head of its answer.
pub const REQUEST_WAIT: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// How long open requests may take to end when the service stops.
pub const DRAIN_WAIT: Duration = Duration::from_secs(20);
/// How long an answer may wait for its reader to take the next bytes.
pub const WRITE_WAIT: Duration = Duration::from_secs(30);
/// How often certificate files are looked at.
pub const CERTIFICATE_LOOK: Duration = Duration::from_secs(30);

/// How large the body of a request may be that is not intake.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// How large the body of an intake request may be unless the configuration says otherwise.
pub const INTAKE_BYTES_MAX: usize = 16 << 20;
/// How many connections may be open unless the configuration says otherwise.
pub const CONNECTIONS_MAX: usize = 4096;
/// How many connections one address may hold unless the configuration says otherwise.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 1024;

/// How many characters of text from outside an error may repeat.
pub const DETAIL_CHARS_MAX: usize = 400;
/// How many rows a page may have, and how many it has when nobody asks.
pub const PAGE_ROWS_MAX: u32 = 200;
/// How many rows a page has when nobody says.
pub const PAGE_ROWS: u32 = 50;
/// How long a query string may be.
pub const QUERY_BYTES_MAX: usize = 4096;
/// How many readers may wait for changes at a time.
pub const SUBSCRIBERS_MAX: usize = 256;
/// How often a reader who waits for changes hears that the connection lives.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many users there may be.
pub const USERS_MAX: usize = 10_000;
/// How many tokens there may be, revoked ones included.
pub const TOKENS_MAX: usize = 10_000;
/// How many sessions a user may have; the oldest ends when one more begins.
pub const SESSIONS_PER_USER_MAX: usize = 16;
/// How long a session lives.
pub const SESSION_SECONDS: i64 = 8 * 3600;
/// How long a token may live: renewed once a year, or it ends.
pub const TOKEN_DAYS_MAX: i64 = 400;
/// How long a name of a user, a token or a source may be.
pub const NAME_BYTES_MAX: usize = 64;
/// A password that is the only factor has at least so many characters (NIST SP 800-63B-4, 3.1.1.2).
pub const PASSWORD_CHARS_MIN: usize = 15;
/// A password longer than this is refused before it is hashed.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// How many passwords are hashed at a time: each takes 19 MiB and a core.
pub const HASHES_AT_A_TIME: usize = 1;
/// How many logins may wait for their password to be hashed; one more is told to come again.
pub const LOGINS_WAITING_MAX: usize = 16;
/// How far the time of a signed request may be from ours (Standard Webhooks).
pub const SIGNED_SECONDS_MAX: i64 = 300;
/// How long a reader who just heard of a change hears of no other: a flood of alerts is one change.
pub const CHANGES_PAUSE: Duration = Duration::from_millis(500);
