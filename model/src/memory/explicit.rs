//! What a block without a tape keeps, and what its backward pass and the head hold beside that: a GPU's.

use super::{BatchShape, Bodies, F32, Network, Saved, Widths};
use crate::config::Position;
use crate::layout::AttentionBody;
use crate::ops;

// t tokens, n of them behind attention, h hidden, q width of the queries, p of queries, keys and values,
// f intermediate, e bytes of a value

impl Network {
    /// The lowest block that keeps anything: without tapes nothing is kept below all that is trained.
    pub(super) fn lowest(&self) -> usize {
        let blocks = self.config.num_hidden_layers;
        let adapted = |block: &usize| !self.adapted(*block).is_empty();
        match self.bodies {
            Bodies::Explicit if self.adapters.is_some() => {
                (0..blocks).find(adapted).unwrap_or(blocks)
            }
            _ => 0,
        }
    }

    /// Whether the backward pass of a block is written out.
    pub(super) fn is_explicit(&self, block: usize) -> bool {
        let dora = self.adapters.as_ref().is_some_and(|adapters| adapters.dora);
        self.bodies == Bodies::Explicit && (!dora || self.adapted(block).is_empty())
    }

    /// `block/explicit.rs` keeps what cannot be made again in a pass over memory.
    pub(super) fn explicit(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        let Widths { h, q, p, f, heads } = self.widths();
        let (t, n, e) = (shape.tokens, self.behind(block, shape), self.e());
        // Queries, keys and values are kept in the rows in which they attend.
        let places = shape.places.max(t);
        let mut kept = Vec::new();
        let mut save = |name, bytes| kept.push(Saved { name, bytes });
        save("input of the block", t * h * e);
        save("queries, keys and values in rows", places * p * e);
        save("mixed values", t * q * e);
        save("logarithms of attention's sums", places * heads * F32);
        if n < t {
            save("mixed values that are asked for", n * q * e);
        }
        save("stream between attention and feed-forward", n * h * e);
        save("gate", n * f * e);
        save("up", n * f * e);
        for (layer, rank) in self.adapted(block) {
            let tokens = self.tokens_of(&layer, shape);
            save("product of an adapter's first factor", tokens * rank * e);
        }
        kept
    }

    /// The most that the backward pass of a block without a tape holds at a time for activations.
    pub(super) fn explicit_work(&self, block: usize, shape: &BatchShape) -> u64 {
        let Widths { h, f, q, p, heads } = self.widths();
        let (t, n, e) = (shape.tokens, self.behind(block, shape), self.e());
        // The gradients of the activation's result and of both factors; or what comes through them, and
        // the normed stream.
        let activation = n * (3 * f).max(2 * f + 4 * h) * e;
        // The gradient of what the heads mixed; in rows both, and the gradients of queries, keys and
        // values, those of the queries also in f32 and by what they saw; those of the projections.
        let rows = shape.places.max(t) * ((p + 3 * q) * e + (q + heads) * F32);
        let attention = (n * h + t * (q + p)) * e + rows + self.chunk_of_scores(shape);
        // What is left of an input, then what comes back for it; that is added in place.
        let drops = self.adapters.as_ref().is_some_and(|adapters| adapters.drops);
        let widest = self.adapted(block).iter().map(|(layer, _)| layer.input as u64).max();
        let dropped = if drops { t * widest.unwrap_or(0) * e } else { 0 };
        activation.max(attention) + dropped
    }

    /// Where attention is computed by blocks of queries: scores, their exponentials, the gradients of both and
    /// what of it is in another type, and the sums of the gradients of keys and values.
    fn chunk_of_scores(&self, shape: &BatchShape) -> u64 {
        let Widths { q, p, heads, .. } = self.widths();
        let asked = AttentionBody::asked() == Some(AttentionBody::Chunked);
        let chunked = asked || self.e() == F32 || self.config.position() == Position::Alibi;
        // A block of queries of each row sees the whole row at most.
        let places = shape.places.max(shape.tokens);
        let scores = shape.scores.min(places * ops::QUERIES as u64);
        if chunked { scores * heads * 5 * F32 + places * (p - q) * F32 } else { 0 }
    }

    /// Bytes of the head's matrix in other forms, where their gradient is made by parts.
    pub(super) fn explicit_head(&self, trained: bool, chunks: u64) -> u64 {
        let own = self.matrix(self.e());
        let normalised = if self.config.norm_head() { own } else { 0 };
        if !trained {
            return normalised;
        }
        // A chunk's gradient in the type of the product and in f32, and the sum of those before it.
        let rounded = if self.e() == F32 { 0 } else { own };
        let summed = rounded + self.matrix(F32) * if chunks > 1 { 2 } else { 1 };
        let behind = self.matrix(F32) + if self.config.norm_head() { 2 * own } else { rounded };
        normalised + summed.max(behind)
    }
}
