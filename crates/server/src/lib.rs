//! The doors of the service: intake, HTTP API, authentication.

pub mod intake;
