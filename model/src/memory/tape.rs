//! What a block keeps for its backward pass: who changes an operation changes its line here.

use super::{BatchShape, Bodies, F32, Network, Widths};
use crate::lora::LinearLayer;

// t tokens, n of them behind attention, h hidden, q width of the queries, p of queries, keys and values,
// f intermediate, e bytes of a value

/// A tensor that a block keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it is.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// Whether what a layer of a block computes goes to nobody but the token itself: all behind attention.
pub(crate) fn is_behind_attention(name: &str) -> bool {
    ["o_proj", "gate_proj", "up_proj", "down_proj"].contains(&name)
}

impl Network {
    /// What a block keeps, on its tape or without one.
    pub fn tape(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        if self.is_explicit(block) {
            return self.explicit(block, shape);
        }
        let mut tape = match self.bodies {
            Bodies::Fused => self.fused_tape(block, shape),
            Bodies::Plain | Bodies::Explicit => self.plain_tape(block, shape),
        };
        for (layer, rank) in self.adapted(block) {
            let t = self.tokens_of(&layer, shape);
            let (out, input) = (layer.out as u64, layer.input as u64);
            let mut save = |name, bytes| tape.push(Saved { name, bytes });
            save("product of an adapter's first factor", t * rank * self.e());
            if self.e() != F32 {
                save("copies of an adapter's factors", rank * (out + input) * self.e());
            }
            let adapters = self.adapters.as_ref();
            let drops = adapters.is_some_and(|adapters| adapters.drops);
            if drops {
                save("dropped input", t * input * self.e());
                save("mask of the dropout", t * input * self.truth());
            }
            if adapters.is_some_and(|adapters| adapters.dora) {
                save("products that DoRA scales", t * out * self.e() * if drops { 2 } else { 1 });
            }
        }
        tape
    }

    /// Bytes that a tape keeps to say whether a value was dropped: the bodies of `ops/fused/` draw it again.
    fn truth(&self) -> u64 {
        match self.bodies {
            Bodies::Fused => 0,
            // A GPU that has no bytes takes words for them, and has no bf16 either.
            Bodies::Explicit if self.e() == F32 => 4,
            Bodies::Plain | Bodies::Explicit => 1,
        }
    }

    /// Tokens of a block that are computed behind attention: of the last one those that the loss looks at.
    pub(super) fn behind(&self, block: usize, shape: &BatchShape) -> u64 {
        let is_last = block + 1 == self.config.num_hidden_layers;
        if is_last { shape.targets.min(shape.tokens) } else { shape.tokens }
    }

    /// Tokens that a layer of a block computes.
    pub(super) fn tokens_of(&self, layer: &LinearLayer, shape: &BatchShape) -> u64 {
        if is_behind_attention(layer.name()) {
            self.behind(layer.block, shape)
        } else {
            shape.tokens
        }
    }

    /// The operations of `ops/fused/` keep their inputs; what two of them keep is one tensor.
    fn fused_tape(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        let Widths { h, q, p, f, heads } = self.widths();
        let (t, n) = (shape.tokens, self.behind(block, shape));
        let asked = if n < t { q } else { 0 };
        let each = |(name, tokens, width): (&'static str, u64, u64)| Saved {
            name,
            bytes: tokens * width * F32,
        };
        [
            ("input of the block", t, h),
            ("scales of the first norm", t, 1),
            ("normed input", t, h),
            ("queries, keys and values", t, p),
            ("mixed values", t, q),
            ("logarithms of attention's sums", t, heads),
            ("mixed values that are asked for", n, asked),
            ("stream between attention and feed-forward", n, h),
            ("scales of the second norm", n, 1),
            ("normed stream", n, h),
            ("gate", n, f),
            ("up", n, f),
            ("activated", n, f),
        ]
        .into_iter()
        .map(each)
        .collect()
    }

    /// Burn's own operations: a product keeps an operand if the other one is on the tape.
    fn plain_tape(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        let Widths { h, q, p, f, heads } = self.widths();
        let (t, n, e) = (shape.tokens, self.behind(block, shape), self.e());
        let trained = self.adapters.is_none();
        let keeps = |names: &[&str]| {
            let adapted = self.adapted(block);
            trained || adapted.iter().any(|(layer, _)| names.contains(&layer.name()))
        };
        let mut tape = Vec::new();
        let mut save = |name, bytes| tape.push(Saved { name, bytes });
        save("input of the block", t * h * e);
        save("stream between attention and feed-forward", n * h * e);
        if e != F32 {
            save("inputs of the norms in f32", (t + n) * h * F32);
        }
        save("statistics of the norms", 3 * (t + n) * F32);
        if trained {
            save("what the norms' gains are multiplied with", (t + n) * h * e);
        }
        if keeps(&["W_pack", "q_proj", "k_proj", "v_proj"]) {
            save("normed input", t * h * e);
        }
        save("queries, keys and values in rows", shape.places * p * e);
        save("exponentials of the scores", shape.scores * heads * F32);
        save("weights of attention", shape.scores * heads * e);
        if keeps(&["o_proj"]) {
            save("mixed values", n * q * e);
        }
        if keeps(&["gate_proj", "up_proj"]) {
            save("normed stream", n * h * e);
        }
        save("gate, its sigmoid, their product, up", 4 * n * f * e);
        if keeps(&["down_proj"]) {
            save("activated", n * f * e);
        }
        tape
    }
}
