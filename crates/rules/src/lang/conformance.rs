//! Tests against the specification.
