//! Attention of a batch in plain operations, on a tape or not: the reference of every other body.

use super::{Heads, Layout, Piece, tensor};
use crate::ops::{self, GroupBias, GroupShape};
use burn::tensor::{Device, Tensor};

impl Layout {
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
