//! The ledger: its head, its latest checkpoint, its entries.

use crate::problem::Problem;
use adjutant_runtime::ports::Parts;
use adjutant_runtime::seal::{CHECKPOINT, LATEST};
use adjutant_runtime::service::Service;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ledger as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// How many entries there are.
    pub size: u64,
    /// The root of the tree (RFC 9162), base64.
    pub root: String,
    /// The latest signed checkpoint; empty before the first.
    pub checkpoint: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
    /// Its leaf hash, hexadecimal.
    pub leaf: String,
    /// Its bytes, base64; absent when retention removed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

/// The ledger as it stands.
///
/// # Errors
/// The store cannot be read.
pub fn head(service: &Service) -> Result<Head, Problem> {
    let (size, root) = service.head();
    let checkpoint = service.read(|reader| reader.document(CHECKPOINT, LATEST))?.unwrap_or_default();
    Ok(Head { size, root: root.to_base64(), checkpoint })
}

/// At most `limit` entries from `from` on.
///
/// # Errors
/// The store cannot be read.
pub fn entries(service: &Service, from: u64, limit: usize) -> Result<Vec<Entry>, Problem> {
    Ok(service.read(|reader| {
        let mut found = Vec::new();
        reader.blocks(from, Parts::Entries, &mut |block| {
            let mut pieces = adjutant_runtime::event::pieces(&block.entries);
            for (seq, leaf) in (block.first..).zip(&block.leaves) {
                let entry = pieces.next().and_then(Result::ok).map(|bytes| STANDARD.encode(bytes));
                if seq >= from && found.len() < limit {
                    found.push(Entry { seq, leaf: leaf.to_string(), entry });
                }
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    })?)
}
