//! Context from real files: what a source says, what it does not say, and what happens when it breaks its promise.

mod bad;
mod kinds;
mod promises;
mod shipped;
mod subjects;
mod world;
