//! The doors of the service: intake, HTTP API, authentication.

pub mod accounts;
pub mod api;
pub mod app;
pub mod cursor;
pub mod filter;
pub mod gate;
pub mod intake;
pub mod limits;
pub mod problem;
pub mod routes;
pub mod secret;
