//! The doors of the service as it runs: what each takes, what it answers, and that every alert arrives once and unchanged.

mod alerts;
mod blind;
mod clients;
mod collectors;
mod listings;
mod served;
mod syslog;
mod traces;
