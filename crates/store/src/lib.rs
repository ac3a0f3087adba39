//! Keeps state, ledger and outbox in one transaction: the store port over SQLite.
