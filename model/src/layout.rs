//! Where the tokens of a batch stand: groups of one prefix and its suffixes.
//!
//! Tokens lie end to end without padding, so that all that a block computes per token is computed
//! for real tokens only. Attention alone needs rectangles: groups of similar shape are gathered into
//! the rows `[prefix | suffix 0 | suffix 1 | …]` of a *piece*, each part padded on the right, and
//! their results go back to where the tokens stand. What is gathered as padding is never seen by a
//! real token and hands nothing back. Positions of every suffix start at the prefix's true length,
//! so a sample has the positions that it would have alone.

use crate::DecoderConfig;
use crate::config::Position;
use crate::ops::{self, GroupBias, GroupShape, alibi_slopes, rope_tables};
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
    #[cfg(feature = "flex")]
    spans: std::sync::Arc<[ops::fused::Span]>,
}

/// What [`Layout::attend_backward`] needs of the forward pass.
#[derive(Clone, Debug)]
pub struct Attended {
    inputs: Vec<Tensor<3>>,
    output: Tensor<3>,
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
        self.plain_attend(projected, heads)
    }

    /// [`attend`](Self::attend) without a tape, and what its backward pass needs.
    pub fn attend_saving(&self, projected: &[Tensor<3>], heads: Heads) -> (Tensor<3>, Attended) {
        let inputs: Vec<Tensor<3>> =
            projected.iter().map(|t| t.clone().autodiff().require_grad()).collect();
        let output = self.attend(&inputs, heads);
        (output.clone().inner(), Attended { inputs, output })
    }

    /// Gradients of the projections from that of the mixed values, in the shapes of `projected`.
    pub fn attend_backward(&self, saved: Attended, gradient: Tensor<3>) -> Vec<Tensor<3>> {
        let mut tape = ops::pull(saved.output, gradient);
        let of = |input: &Tensor<3>| input.grad_remove(&mut tape);
        let zeros = |input: &Tensor<3>| input.clone().inner().zeros_like();
        saved
            .inputs
            .iter()
            .map(of)
            .zip(&saved.inputs)
            .map(|(it, input)| it.unwrap_or_else(|| zeros(input)))
            .collect()
    }

    /// The plain body of [`attend`](Self::attend).
    pub(crate) fn plain_attend(&self, projected: &[Tensor<3>], heads: Heads) -> Tensor<3> {
        let d = heads.head_dim;
        let apart = |t: Tensor<3>, count: usize| {
            let [g, tokens, _] = t.dims();
            t.reshape([g, tokens, count, d]).swap_dims(1, 2)
        };
        let (q, kv) = (heads.queries, heads.keys_values);
        let (q, k, v) = match projected {
            [queries, keys, values] => {
                (apart(queries.clone(), q), apart(keys.clone(), kv), apart(values.clone(), kv))
            }
            all => {
                let part = |first: usize, count: usize| {
                    apart(all[0].clone().narrow(2, first * d, count * d), count)
                };
                (part(0, q), part(q, kv), part(q + kv, kv))
            }
        };
        let (q, k) = match &self.rotary {
            Some((cos, sin)) => (ops::rope(q, cos, sin), ops::rope(k, cos, sin)),
            None => (q, k),
        };
        let [g, tokens, _] = projected[0].dims();
        self.attention(q, k, v).swap_dims(1, 2).reshape([g, tokens, heads.queries * d])
    }

    /// Attention of the batch: suffixes see their prefix and themselves.
    ///
    /// # Shapes
    /// - q: `[1, h, tokens, d]`, k and v: `[1, key_value_heads, tokens, d]`, positions already applied
    /// - result: as q
    pub fn attention(&self, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
        let [_, h, tokens, d] = q.dims();
        let shared = k.dims()[1];
        let flat = |t: Tensor<4>, heads: usize| t.swap_dims(1, 2).reshape([tokens, heads * d]);
        let (q, k, v) = (flat(q, h), flat(k, shared), flat(v, shared));
        let mixed: Vec<Tensor<2>> = self
            .pieces
            .iter()
            .map(|piece| {
                let (groups, shape) = (piece.piece.groups, piece.piece.shape);
                let length = shape.length();
                let rows = |t: &Tensor<2>, heads: usize| {
                    let rows = t.clone().select(0, piece.tokens.clone());
                    rows.reshape([groups, length, heads, d]).swap_dims(1, 2)
                };
                let (q, k, v) = (rows(&q, h), rows(&k, shared), rows(&v, shared));
                let bias = piece.bias.get_or_init(|| bias(&piece.piece, &self.slopes, &q.device()));
                let mixed = ops::group_attention(q, k, v, shape, bias);
                mixed.swap_dims(1, 2).reshape([groups * length, h * d])
            })
            .collect();
        let mixed = Tensor::cat(mixed, 0).select(0, self.back.clone());
        mixed.reshape([1, tokens, h, d]).swap_dims(1, 2)
    }
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

fn bias(piece: &Piece, slopes: &[f64], device: &Device) -> GroupBias {
    let GroupShape { prefix: p, k, suffix: u } = piece.shape;
    let causal = |length: usize| {
        tensor(
            slopes.iter().flat_map(|slope| causal_bias(length, *slope)).collect(),
            [1, slopes.len(), length, length],
            device,
        )
    };
    if p == 0 {
        return GroupBias { prefix: None, shared: None, own: causal(u) };
    }
    // Without ALiBi the bias of a suffix to its prefix is the same for each query.
    let queries = if slopes == [0.0] { 1 } else { k * u };
    let mut shared = Vec::with_capacity(piece.groups * slopes.len() * queries * p);
    for length in &piece.prefix_lengths {
        for slope in slopes {
            for query in 0..queries {
                let position = length + query % u.max(1);
                shared.extend((0..p).map(|key| {
                    if key < *length {
                        (slope * (key as f64 - position as f64)) as f32
                    } else {
                        f32::NEG_INFINITY
                    }
                }));
            }
        }
    }
    GroupBias {
        prefix: Some(causal(p)),
        shared: Some(tensor(shared, [piece.groups, slopes.len(), queries, p], device)),
        own: causal(u),
    }
}

/// `slope · (key - query)` where the key is not later than the query, else -inf: `[length, length]`.
fn causal_bias(length: usize, slope: f64) -> impl Iterator<Item = f32> {
    (0..length).flat_map(move |query| {
        (0..length).map(move |key| {
            if key <= query {
                (slope * (key as f64 - query as f64)) as f32
            } else {
                f32::NEG_INFINITY
            }
        })
    })
}

/// A tensor from host numbers.
pub(crate) fn tensor(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
