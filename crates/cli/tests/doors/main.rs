//! The doors of the service as it runs: what each takes, what it answers, and that every alert arrives once and unchanged;
//! what goes out to people and to whoever keeps checkpoints; what it does when context breaks and retention comes.

mod alerts;
mod blind;
mod browser;
mod checkpoints;
mod clients;
mod collectors;
mod contexts;
mod letters;
mod listings;
mod mail;
mod messages;
mod receiver;
mod retention;
mod running;
mod served;
mod smtp;
mod syslog;
mod traces;
mod webhook;
