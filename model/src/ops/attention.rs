//! Attention over groups: suffixes see their prefix and themselves, never each other.
//!
//! Exact: under causal attention the states of a prefix do not depend on what follows it, so one
//! prefix serves all its suffixes, and the gradients into its keys and values add up.

use super::{F32, cast};
use burn::tensor::{Tensor, activation};

// g groups, h heads, n heads of keys and values, p prefix length, k suffixes, u suffix length,
// d head dim

/// How a row is divided: `prefix + k * suffix` positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupShape {
    /// Padded length of the prefix, possibly 0.
    pub prefix: usize,
    /// Number of suffixes.
    pub k: usize,
    /// Padded length of a suffix.
    pub suffix: usize,
}

impl GroupShape {
    /// Positions of a row.
    pub fn length(&self) -> usize {
        self.prefix + self.k * self.suffix
    }
}

/// Additive masks (0 or -inf) and position biases of a batch.
#[derive(Clone, Debug)]
pub struct GroupBias {
    /// Prefix to itself: `[1, 1 or h, p, p]`.
    pub prefix: Option<Tensor<4>>,
    /// Suffixes to the prefix: `[g, 1 or h, 1 or k*u, p]`.
    pub shared: Option<Tensor<4>>,
    /// A suffix to itself: `[1, 1 or h, u, u]`.
    pub own: Tensor<4>,
}

/// Attention of a batch of groups; query head `i` reads key-value head `i * n / h`.
///
/// Products are in the type of `q`, softmax in f32.
///
/// # Shapes
/// - q: `[g, h, p + k*u, d]`, k and v: `[g, n, p + k*u, d]`, positions already applied
/// - result: as q
pub fn group_attention(
    q_ghsd: Tensor<4>,
    k_gnsd: Tensor<4>,
    v_gnsd: Tensor<4>,
    shape: GroupShape,
    bias: &GroupBias,
) -> Tensor<4> {
    let [g, h, _, d] = q_ghsd.dims();
    let GroupShape { prefix: p, k, suffix: u } = shape;
    let q_ghsd = q_ghsd.mul_scalar(1.0 / (d as f64).sqrt());
    let apart = |t: Tensor<4>| {
        let heads = t.dims()[1];
        let t = t.narrow(2, p, k * u);
        if k == 1 {
            t
        } else {
            t.reshape([g, heads, k, u, d]).swap_dims(1, 2).reshape([g * k, heads, u, d])
        }
    };
    let joined = |t: Tensor<4>, width: usize| {
        if k == 1 {
            t
        } else {
            t.reshape([g, k, h, u, width]).swap_dims(1, 2).reshape([g, h, k * u, width])
        }
    };
    let v_own = apart(v_gnsd.clone());
    let own = scores(apart(q_ghsd.clone()), apart(k_gnsd.clone()));
    let own = cast(own, F32) + bias.own.clone();
    let (Some(prefix_bias), Some(shared_bias)) = (&bias.prefix, &bias.shared) else {
        return joined(mix(softmax(own, &v_own), v_own), d);
    };
    let prefix = |t: &Tensor<4>| t.clone().narrow(2, 0, p);
    let (k_prefix, v_prefix) = (prefix(&k_gnsd), prefix(&v_gnsd));
    let weights = cast(scores(prefix(&q_ghsd), k_prefix.clone()), F32) + prefix_bias.clone();
    let prefix_out = mix(softmax(weights, &v_prefix), v_prefix.clone());

    let shared = cast(scores(q_ghsd.narrow(2, p, k * u), k_prefix), F32) + shared_bias.clone();
    let weights = softmax(Tensor::cat(vec![shared, joined(own, u)], 3), &v_prefix);
    let own_weights = weights.clone().narrow(3, p, u);
    let own_weights = if k == 1 {
        own_weights
    } else {
        own_weights.reshape([g, h, k, u, u]).swap_dims(1, 2).reshape([g * k, h, u, u])
    };
    let suffix_out = mix(weights.narrow(3, 0, p), v_prefix) + joined(mix(own_weights, v_own), d);
    Tensor::cat(vec![prefix_out, suffix_out], 2)
}

/// `q kᵀ`: the query heads that share a key head are rows of one product, so keys are never copied.
///
/// # Shapes
/// - q: `[b, h, s, d]`, k: `[b, n, t, d]`, result: `[b, h, s, t]`
pub(super) fn scores(q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
    let ([b, h, s, d], [_, n, t, _]) = (q.dims(), k.dims());
    if h == n {
        return q.matmul(k.swap_dims(2, 3));
    }
    let q = q.reshape([b, n, h / n * s, d]);
    q.matmul(k.swap_dims(2, 3)).reshape([b, h, s, t])
}

/// `weights v`, shared as in [`scores`].
///
/// # Shapes
/// - weights: `[b, h, s, t]`, v: `[b, n, t, d]`, result: `[b, h, s, d]`
pub(super) fn mix(weights: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
    let ([b, h, s, t], [_, n, _, d]) = (weights.dims(), v.dims());
    if h == n {
        return weights.matmul(v);
    }
    weights.reshape([b, n, h / n * s, t]).matmul(v).reshape([b, h, s, d])
}

/// Softmax over the last dimension, in the type of `like`.
fn softmax(scores: Tensor<4>, like: &Tensor<4>) -> Tensor<4> {
    cast(activation::softmax(scores, 3), like.dtype())
}
