//! What a run has trained on: a row for each place of each step.
//!
//! A rank says of every sample that it computed which one it was (a hash of its ids), how many tokens had
//! a loss, and what the loss was. Together the rows of a phase prove that nothing was left out and
//! nothing trained on twice, on however many ranks and however often the run stopped.
//!
//! ```text
//! ledger/0-alignment/000001-000200.parquet   steps 1 to 200, written before the checkpoint of step 200
//! step slot row sample tokens loss applied dataset language task
//! ```
//! A segment is complete or absent, and carries its own hash. [`Stitched`] reads the segments of a
//! phase as one, [`difference()`] holds two of them against each other, and [`prove`] one against the order
//! and the shards that it should come from.

mod difference;
mod proof;
mod segment;
mod stitched;

pub use difference::{Difference, First, What, difference};
pub use proof::{EpochSeen, Proof, SourceSeen, prove};
pub use segment::write;
pub use stitched::{Stitched, truncate};

use crate::shard::RowSource;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// One sample in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LedgerRow {
    /// The step in its phase, from 0.
    pub step: usize,
    /// The place among the rows of the step.
    pub slot: usize,
    /// The row in the phase's shard set.
    pub row: usize,
    /// [`sample_hash`] of what was computed.
    pub sample: u64,
    /// Tokens with a loss.
    pub tokens: u32,
    /// Sum of the loss over those tokens, not weighted.
    pub loss: f32,
    /// Whether the step changed the weights: not where a guard left it out.
    pub applied: bool,
}

/// A row as it stands in a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was computed.
    pub row: LedgerRow,
    /// What it is of.
    pub source: Arc<RowSource>,
}

/// 63 bits of SHA-256 over a sample's ids and where its loss begins: it says what was computed, whatever
/// rank, batch or file it was in.
pub fn sample_hash(prefix: &[u32], suffix: &[u32], supervised_from: usize) -> u64 {
    let mut hasher = Sha256::new();
    for length in [prefix.len(), suffix.len(), supervised_from] {
        hasher.update((length as u64).to_le_bytes());
    }
    for id in prefix.iter().chain(suffix) {
        hasher.update(id.to_le_bytes());
    }
    let digest = hasher.finalize();
    let bits = digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    bits >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_samples_apart_that_look_alike() {
        let one = sample_hash(&[1, 2], &[3], 0);
        assert_eq!(one, sample_hash(&[1, 2], &[3], 0));
        assert_eq!(one >> 63, 0);
        for other in [sample_hash(&[1], &[2, 3], 0), sample_hash(&[1, 2], &[3], 1)] {
            assert_ne!(one, other);
        }
    }
}
