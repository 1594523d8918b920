//! Where the tokens of a batch stand: groups of one prefix and its suffixes.
//!
//! Tokens lie end to end without padding, so that all that a block computes per token is computed
//! for real tokens only. Attention alone needs rectangles: groups of similar shape are gathered into
//! the rows `[prefix | suffix 0 | suffix 1 | …]` of a *piece*, each part padded on the right, and
//! their results go back to where the tokens stand. What is gathered as padding is never seen by a
//! real token and hands nothing back. Positions of every suffix start at the prefix's true length,
//! so a sample has the positions that it would have alone.

mod body;
mod plain;
mod runs;
#[cfg(test)]
mod tests;
mod untaped;

pub use body::VARIABLE;

use crate::DecoderConfig;
use crate::config::Position;
use crate::ops::{self, FlashBody, GroupBias, GroupShape, alibi_slopes, rope_tables};
use body::Place;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::sync::OnceLock;

/// One supervised label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The place in the batch's ids whose hidden state predicts the label.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
    /// Its weight in the sum; 1 for the token average.
    pub weight: f32,
}

/// Groups whose attention is computed together.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Number of rows.
    pub groups: usize,
    /// How a row is divided.
    pub shape: GroupShape,
    /// True length of each prefix: `[groups]`.
    pub prefix_lengths: Vec<usize>,
    /// True length of each suffix, 0 for an absent one: `[groups * k]`.
    pub suffix_lengths: Vec<usize>,
}

/// A batch as plain vectors.
#[derive(Clone, Debug)]
pub struct GroupBatch {
    /// The groups, in the order of their tokens.
    pub pieces: Vec<Piece>,
    /// Token ids without padding: of each piece its groups, of each group its prefix and suffixes.
    pub ids: Vec<i32>,
    /// What is supervised.
    pub targets: Vec<Target>,
}

/// How projections divide into heads.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Heads of the queries.
    pub queries: usize,
    /// Heads of keys and values.
    pub keys_values: usize,
    /// Width of a head.
    pub head_dim: usize,
}

/// What is the same in every block of a batch, on the device.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Rotary tables `[1, 1, tokens, head_dim]`; absent under ALiBi.
    pub rotary: Option<(Tensor<4>, Tensor<4>)>,
    pieces: Vec<Rows>,
    /// Where each token stands in the rows of all pieces, laid end to end: `[tokens]`.
    back: Tensor<1, Int>,
    /// ALiBi's slope of each head; one zero without.
    slopes: Vec<f64>,
    /// Made when attention without a tape first asks for them.
    runs: OnceLock<runs::Runs>,
    body: Option<AttentionBody>,
    #[cfg(feature = "flex")]
    spans: std::sync::Arc<[ops::fused::Span]>,
}

/// How attention that keeps what its backward pass needs is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBody {
    /// By kernels that hold no scores; rotary positions only. On CUDA those for tensor cores, which give the
    /// same bits each time.
    Flash,
    /// The same by whatever the tensor library finds the fastest of all its kernels.
    Library,
    /// In plain operations, a block of queries after the other, on any device.
    Chunked,
    /// By [`Layout::attend`] on a tape of its own.
    Tape,
}

/// What [`Layout::attend_backward`] needs of the forward pass.
#[derive(Clone, Debug)]
pub struct Attended(Saved);

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one of these a block, each beside megabytes")]
enum Saved {
    Tape { inputs: Vec<Tensor<3>>, output: Tensor<3> },
    Untaped(AttentionBody, untaped::Kept),
}

impl Attended {
    /// Bytes of the tensors that are kept, the mixed values included. What a tape keeps beside its
    /// inputs and its output is not seen.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Saved::Tape { inputs, output } => {
                inputs.iter().map(bytes).sum::<usize>() + bytes(output)
            }
            Saved::Untaped(_, kept) => kept.bytes(),
        }
    }
}

/// A piece on the device.
#[derive(Clone, Debug)]
struct Rows {
    piece: Piece,
    /// The token in each place of the rows: `[groups * length]`.
    tokens: Tensor<1, Int>,
    /// Made when the plain body of attention first asks for it: it is as large as the scores.
    bias: OnceLock<GroupBias>,
}

impl Piece {
    /// Real tokens.
    pub fn tokens(&self) -> usize {
        self.prefix_lengths.iter().sum::<usize>() + self.suffix_lengths.iter().sum::<usize>()
    }

    /// Each part of the rows in order: where it begins in its row, how long it truly is, and the
    /// position of its first token; by group.
    fn parts(&self) -> impl Iterator<Item = Vec<(usize, usize, usize)>> + '_ {
        let GroupShape { prefix, k, suffix } = self.shape;
        self.prefix_lengths.iter().enumerate().map(move |(group, length)| {
            let suffixes = (0..k).map(move |place| {
                (prefix + place * suffix, self.suffix_lengths[group * k + place], *length)
            });
            std::iter::once((0, *length, 0)).chain(suffixes).collect()
        })
    }
}

impl GroupBatch {
    /// Token ids on the device: `[1, tokens]`.
    pub fn ids(&self, device: &Device) -> Tensor<2, Int> {
        Tensor::from_data(TensorData::new(self.ids.clone(), [1, self.ids.len()]), device)
    }
}

impl Layout {
    /// Positions, places and masks of `batch`.
    pub fn new(batch: &GroupBatch, config: &DecoderConfig, device: &Device) -> Self {
        let mut positions = Vec::with_capacity(batch.ids.len());
        let mut back = Vec::with_capacity(batch.ids.len());
        let mut pieces = Vec::with_capacity(batch.pieces.len());
        let mut first_place = 0;
        for piece in &batch.pieces {
            let length = piece.shape.length();
            let mut tokens = Vec::with_capacity(piece.groups * length);
            for (group, parts) in piece.parts().enumerate() {
                let row = group * length;
                // Padding is filled with the group's first token: any real one would do.
                tokens.resize(row + length, back.len() as i32);
                for (start, count, first_position) in parts {
                    for i in 0..count {
                        tokens[row + start + i] = back.len() as i32;
                        back.push((first_place + row + start + i) as i32);
                        positions.push(first_position + i);
                    }
                }
            }
            first_place += tokens.len();
            pieces.push(Rows {
                piece: piece.clone(),
                tokens: places(tokens, device),
                bias: OnceLock::new(),
            });
        }
        assert_eq!(back.len(), batch.ids.len(), "tokens of the pieces and of the batch");
        let rotary = (config.position() == Position::Rope)
            .then(|| rope_tables(&positions, 1, config, device));
        let slopes = match config.position() {
            Position::Rope => vec![0.0],
            Position::Alibi => alibi_slopes(config.num_attention_heads),
        };
        Self {
            rotary,
            pieces,
            back: places(back, device),
            slopes,
            runs: OnceLock::new(),
            body: None,
            #[cfg(feature = "flex")]
            spans: spans(&batch.pieces).into(),
        }
    }

    /// Attention of the batch, from projections to mixed values: positions are applied here.
    ///
    /// # Shapes
    /// - projected: queries, keys and values side by side, `[1, tokens, (h + 2 kv) d]`, or each of the
    ///   three; result: `[1, tokens, h d]`
    pub fn attend(&self, projected: &[Tensor<3>], heads: Heads) -> Tensor<3> {
        #[cfg(feature = "flex")]
        {
            let slopes: Vec<f32> = self.slopes.iter().map(|slope| *slope as f32).collect();
            let attention = ops::fused::Attention {
                spans: self.spans.clone(),
                heads: heads.queries,
                key_value_heads: heads.keys_values,
                head_dim: heads.head_dim,
                slopes: slopes.into(),
            };
            if let Some(mixed) = ops::fused::attention(projected, self.rotary.as_ref(), attention) {
                return mixed;
            }
        }
        if self.body_for(&projected[0]) != AttentionBody::Tape && !projected[0].is_autodiff() {
            return self.attend_saving(projected, heads).0;
        }
        self.plain_attend(projected, heads)
    }

    /// This layout with attention by `body`, whatever the device.
    #[must_use]
    pub fn with_body(self, body: AttentionBody) -> Self {
        Self { body: Some(body), ..self }
    }

    /// [`attend`](Self::attend) without a tape, and what its backward pass needs.
    pub fn attend_saving(&self, projected: &[Tensor<3>], heads: Heads) -> (Tensor<3>, Attended) {
        let body = self.body_for(&projected[0]);
        if let Some(flash) = self.flash(body) {
            let rotary = self.rotary.as_ref();
            let (mixed, kept) = untaped::forward(self.runs(), flash, rotary, projected, heads);
            return (mixed, Attended(Saved::Untaped(body, kept)));
        }
        let inputs: Vec<Tensor<3>> =
            projected.iter().map(|t| t.clone().autodiff().require_grad()).collect();
        let output = self.attend(&inputs, heads);
        (output.clone().inner(), Attended(Saved::Tape { inputs, output }))
    }

    /// Gradients of the projections from that of the mixed values, in the shapes of `projected`.
    pub fn attend_backward(&self, saved: Attended, gradient: Tensor<3>) -> Vec<Tensor<3>> {
        match saved.0 {
            Saved::Untaped(body, kept) => {
                let flash = self.flash(body).unwrap_or(FlashBody::Chunked(&self.slopes));
                untaped::backward(self.runs(), flash, self.rotary.as_ref(), kept, gradient)
            }
            Saved::Tape { inputs, output } => pulled(inputs, output, gradient),
        }
    }

    /// How attention over values like these is computed: on a GPU without scores.
    fn body_for(&self, like: &Tensor<3>) -> AttentionBody {
        let choices = (self.body, AttentionBody::asked());
        Place::of(like).body(choices, like.dtype(), self.rotary.is_some())
    }

    /// What computes attention without a tape, if `body` is without one.
    fn flash(&self, body: AttentionBody) -> Option<FlashBody<'_>> {
        match body {
            AttentionBody::Flash => Some(FlashBody::Kernels),
            AttentionBody::Library => Some(FlashBody::Library),
            AttentionBody::Chunked => Some(FlashBody::Chunked(&self.slopes)),
            AttentionBody::Tape => None,
        }
    }

    fn runs(&self) -> &runs::Runs {
        let pieces = self.pieces.iter().map(|rows| &rows.piece);
        self.runs.get_or_init(|| runs::Runs::new(pieces, &self.back.device()))
    }
}

/// Gradients of `inputs` from that of `output`, which was computed from them on a tape.
fn pulled(inputs: Vec<Tensor<3>>, output: Tensor<3>, gradient: Tensor<3>) -> Vec<Tensor<3>> {
    let mut tape = ops::pull(output, gradient);
    let of = |input: Tensor<3>| {
        input.grad_remove(&mut tape).unwrap_or_else(|| input.inner().zeros_like())
    };
    inputs.into_iter().map(of).collect()
}

fn bytes<const D: usize>(tensor: &Tensor<D>) -> usize {
    tensor.shape().num_elements() * tensor.dtype().size()
}

fn places(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// The tokens of each group.
#[cfg(feature = "flex")]
fn spans(pieces: &[Piece]) -> Vec<ops::fused::Span> {
    let mut spans: Vec<ops::fused::Span> = Vec::new();
    let mut start = 0;
    for piece in pieces {
        for (group, prefix) in piece.prefix_lengths.iter().enumerate() {
            let k = piece.shape.k;
            let suffixes = piece.suffix_lengths[group * k..(group + 1) * k].to_vec();
            let tokens = prefix + suffixes.iter().sum::<usize>();
            spans.push(ops::fused::Span { start, prefix: *prefix, suffixes });
            start += tokens;
        }
    }
    spans
}

/// A tensor from host numbers.
pub(crate) fn tensor(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
