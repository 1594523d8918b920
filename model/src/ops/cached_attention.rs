//! Attention of new tokens over what is cached: a prefix that rows share, and what each has read.
//!
//! Query heads that share keys and values become queries of one product, as do all rows behind a
//! prefix: what is cached is read once, and never repeated.

use super::{F32, cast};
use burn::tensor::{Tensor, activation};

// n rows, h heads, c key-value heads, t new tokens, p prefix length, s own cached tokens, d head dim

/// What is added to the scores, in f32; an absent part is seen whole.
#[derive(Clone, Debug, Default)]
pub struct CacheBias {
    /// Of the prefix: `[n or 1, 1, t or 1, p]`, or `[n or 1, h, t, p]`.
    pub prefix: Option<Tensor<4>>,
    /// Of the row's own tokens: `[n or 1, 1, t or 1, s]`, or `[n or 1, h, t, s]`.
    pub own: Option<Tensor<4>>,
}

/// Attention of new tokens over a shared prefix and each row's own cache; softmax in f32.
///
/// # Shapes
/// - q: `[n, h, t, d]`, positions already applied; result: the same
/// - prefix: `[1, c, p, d]` each, own: `[n, c, s, d]` each, the new tokens among them
pub fn cached_attention(
    q: Tensor<4>,
    prefix: Option<&(Tensor<4>, Tensor<4>)>,
    own: (Tensor<4>, Tensor<4>),
    bias: &CacheBias,
) -> Tensor<4> {
    let [n, h, t, d] = q.dims();
    let (k_own, v_own) = own;
    let [_, c, s, _] = k_own.dims();
    let (sharing, dtype) = (h / c, q.dtype());
    let queries = sharing * t;
    let q = q.mul_scalar(1.0 / (d as f64).sqrt()).reshape([n, c, queries, d]);
    let own_scores = biased(q.clone().matmul(k_own.swap_dims(2, 3)), &bias.own, sharing);
    let softmax = |scores: Tensor<4>| cast(activation::softmax(scores, 3), dtype);
    let Some((k_prefix, v_prefix)) = prefix else {
        return softmax(own_scores).matmul(v_own).reshape([n, h, t, d]);
    };
    let p = k_prefix.dims()[2];
    let together =
        |x: Tensor<4>, width: usize| x.swap_dims(0, 1).reshape([1, c, n * queries, width]);
    let apart = |x: Tensor<4>, width: usize| x.reshape([c, n, queries, width]).swap_dims(0, 1);
    let shared = apart(together(q, d).matmul(k_prefix.clone().swap_dims(2, 3)), p);
    let shared = biased(shared, &bias.prefix, sharing);
    let weights = softmax(Tensor::cat(vec![shared, own_scores], 3));
    let from_prefix = together(weights.clone().narrow(3, 0, p), p).matmul(v_prefix.clone());
    let mixed = apart(from_prefix, d) + weights.narrow(3, p, s).matmul(v_own);
    mixed.reshape([n, h, t, d])
}

/// Scores `[n, c, sharing * t, …]` in f32, with a bias `[n or 1, 1 or h, 1 or t, …]`.
fn biased(scores: Tensor<4>, bias: &Option<Tensor<4>>, sharing: usize) -> Tensor<4> {
    let scores = cast(scores, F32);
    let Some(bias) = bias.clone() else { return scores };
    let [rows, heads, new, keys] = bias.dims();
    if heads > 1 {
        return scores + bias.reshape([rows, heads / sharing, sharing * new, keys]);
    }
    // The new tokens of every head that shares stand below each other.
    if new > 1 { scores + bias.repeat_dim(2, sharing) } else { scores + bias }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(shape: [usize; 4], seed: usize) -> Tensor<4> {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|i: usize| ((i * 37 + seed * 11) % 19) as f32 / 9.0 - 1.0)
            .collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    /// Head by head, row by row, token by token, in f64.
    fn plain(
        q: &Tensor<4>,
        prefix: Option<&(Tensor<4>, Tensor<4>)>,
        own: &(Tensor<4>, Tensor<4>),
        bias: &dyn Fn(usize, usize, usize, usize) -> f64,
    ) -> Vec<f64> {
        let [n, h, t, d] = q.dims();
        let [_, c, s, _] = own.0.dims();
        let p = prefix.map_or(0, |(k, _)| k.dims()[2]);
        let host = |x: &Tensor<4>| x.to_data().iter::<f64>().collect::<Vec<f64>>();
        let (q, k_own, v_own) = (host(q), host(&own.0), host(&own.1));
        let (k_prefix, v_prefix) = prefix.map(|(k, v)| (host(k), host(v))).unwrap_or_default();
        let mut out = Vec::new();
        for row in 0..n {
            for head in 0..h {
                let shared = head * c / h;
                for token in 0..t {
                    let query = &q[((row * h + head) * t + token) * d..][..d];
                    // Of keys or of values: of the prefix first, then of the row.
                    let at = |first: &[f64], own: &[f64], key: usize, i: usize| {
                        if key < p {
                            first[(shared * p + key) * d + i]
                        } else {
                            own[((row * c + shared) * s + key - p) * d + i]
                        }
                    };
                    let score = |key: usize| {
                        let dot: f64 =
                            (0..d).map(|i| query[i] * at(&k_prefix, &k_own, key, i)).sum();
                        (dot / (d as f64).sqrt() + bias(row, head, token, key)).exp()
                    };
                    let weights: Vec<f64> = (0..p + s).map(score).collect();
                    let sum: f64 = weights.iter().sum();
                    out.extend((0..d).map(|i| {
                        let weighted = |key: usize| weights[key] * at(&v_prefix, &v_own, key, i);
                        (0..p + s).map(weighted).sum::<f64>() / sum
                    }));
                }
            }
        }
        out
    }

    #[test]
    fn it_is_attention_head_by_head_for_any_sharing_of_keys() {
        let (n, h, d, s, p) = (3, 4, 6, 5, 7);
        for c in [1, 2, 4] {
            for t in [1, 3] {
                let q = tensor([n, h, t, d], 1);
                let own = (tensor([n, c, s, d], 2), tensor([n, c, s, d], 3));
                let shared = (tensor([1, c, p, d], 4), tensor([1, c, p, d], 5));
                for prefix in [None, Some(&shared)] {
                    for per_head in [false, true] {
                        let heads = if per_head { h } else { 1 };
                        let parts = (tensor([n, heads, t, p], 6), tensor([n, heads, t, s], 7));
                        let host = |x: &Tensor<4>| x.to_data().iter::<f64>().collect::<Vec<f64>>();
                        let (of_prefix, of_own) = (host(&parts.0), host(&parts.1));
                        let bias = |row: usize, head: usize, token: usize, key: usize| {
                            let line = (row * heads + head.min(heads - 1)) * t + token;
                            let p = if prefix.is_some() { p } else { 0 };
                            if key < p {
                                of_prefix[line * p + key]
                            } else {
                                of_own[line * s + key - p]
                            }
                        };
                        let expected = plain(&q, prefix, &own, &bias);
                        let bias = CacheBias { prefix: Some(parts.0), own: Some(parts.1) };
                        let found = cached_attention(q.clone(), prefix, own.clone(), &bias);
                        assert_eq!(found.dims(), [n, h, t, d]);
                        for (a, b) in found.to_data().iter::<f64>().zip(expected) {
                            assert!((a - b).abs() < 1e-5, "{c} shared, {t} new: {a} and {b}");
                        }
                    }
                }
            }
        }
    }
}
