//! The doors of the service: intake, HTTP API, authentication.

pub mod accounts;
pub mod api;
pub mod app;
pub mod body;
pub mod config;
pub mod cursor;
pub mod etag;
pub mod events;
pub mod filter;
pub mod gate;
pub mod health;
pub mod intake;
pub mod letters;
pub mod limits;
pub mod openapi;
pub mod problem;
pub mod routes;
pub use adjutant_model::secret;
pub mod serve;
pub mod slack;
pub mod traces;
