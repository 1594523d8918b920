//! What a block keeps for its backward pass: who changes an operation changes its line here.

use super::{BatchShape, Bodies, F32, Network, Widths};

// t tokens, h hidden, q width of the queries, p of queries, keys and values, f intermediate, e bytes of
// a value

/// A tensor that a block keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it is.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

impl Network {
    /// What a block keeps, on its tape or without one.
    pub fn tape(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        if self.is_explicit(block) {
            return self.explicit(block, shape);
        }
        let mut tape = match self.bodies {
            Bodies::Fused => self.fused_tape(shape),
            Bodies::Plain | Bodies::Explicit => self.plain_tape(block, shape),
        };
        let t = shape.tokens;
        for (layer, rank) in self.adapted(block) {
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

    /// The operations of `ops/fused/` keep their inputs; what two of them keep is one tensor.
    fn fused_tape(&self, shape: &BatchShape) -> Vec<Saved> {
        let Widths { h, q, p, f, heads } = self.widths();
        let each =
            |(name, width): (&'static str, u64)| Saved { name, bytes: shape.tokens * width * F32 };
        [
            ("input of the block", h),
            ("scales of the first norm", 1),
            ("normed input", h),
            ("queries, keys and values", p),
            ("mixed values", q),
            ("logarithms of attention's sums", heads),
            ("stream between attention and feed-forward", h),
            ("scales of the second norm", 1),
            ("normed stream", h),
            ("gate", f),
            ("up", f),
            ("activated", f),
        ]
        .into_iter()
        .map(each)
        .collect()
    }

    /// Burn's own operations: a product keeps an operand if the other one is on the tape.
    fn plain_tape(&self, block: usize, shape: &BatchShape) -> Vec<Saved> {
        let Widths { h, q, p, f, heads } = self.widths();
        let (t, e) = (shape.tokens, self.e());
        let trained = self.adapters.is_none();
        let keeps = |names: &[&str]| {
            let adapted = self.adapted(block);
            trained || adapted.iter().any(|(layer, _)| names.contains(&layer.name()))
        };
        let mut tape = Vec::new();
        let mut save = |name, bytes| tape.push(Saved { name, bytes });
        save("input of the block", t * h * e);
        save("stream between attention and feed-forward", t * h * e);
        if e != F32 {
            save("inputs of the norms in f32", 2 * t * h * F32);
        }
        save("statistics of the norms", 6 * t * F32);
        if trained {
            save("what the norms' gains are multiplied with", 2 * t * h * e);
        }
        if keeps(&["W_pack", "q_proj", "k_proj", "v_proj"]) {
            save("normed input", t * h * e);
        }
        save("queries, keys and values in rows", shape.places * p * e);
        save("exponentials of the scores", shape.scores * heads * F32);
        save("weights of attention", shape.scores * heads * e);
        if keeps(&["o_proj"]) {
            save("mixed values", t * q * e);
        }
        if keeps(&["gate_proj", "up_proj"]) {
            save("normed stream", t * h * e);
        }
        save("gate, its sigmoid, their product, up", 4 * t * f * e);
        if keeps(&["down_proj"]) {
            save("activated", t * f * e);
        }
        tape
    }
}
