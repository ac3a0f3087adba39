//! The doors of the service: intake, HTTP API, authentication.

pub mod accounts;
pub mod cursor;
pub mod filter;
pub mod gate;
pub mod limits;
pub mod problem;
pub mod secret;
