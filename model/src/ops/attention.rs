//! Attention over groups: suffixes see their prefix and themselves, never each other.
//!
//! Exact: under causal attention the states of a prefix do not depend on what follows it, so one
//! prefix serves all its suffixes, and the gradients into its keys and values add up.

use burn::tensor::{Tensor, activation};

// g groups, h heads, p prefix length, k suffixes, u suffix length, d head dim

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

/// Attention of a batch of groups.
///
/// # Shapes
/// - q, k, v: `[g, h, p + k*u, d]`, positions already applied; result: the same
pub fn group_attention(
    q_ghsd: Tensor<4>,
    k_ghsd: Tensor<4>,
    v_ghsd: Tensor<4>,
    shape: GroupShape,
    bias: &GroupBias,
) -> Tensor<4> {
    let [g, h, _, d] = q_ghsd.dims();
    let GroupShape { prefix: p, k, suffix: u } = shape;
    let q_ghsd = q_ghsd.mul_scalar(1.0 / (d as f64).sqrt());
    let apart = |t: Tensor<4>| {
        let t = t.narrow(2, p, k * u);
        if k == 1 {
            t
        } else {
            t.reshape([g, h, k, u, d]).swap_dims(1, 2).reshape([g * k, h, u, d])
        }
    };
    let joined = |t: Tensor<4>, width: usize| {
        if k == 1 {
            t
        } else {
            t.reshape([g, k, h, u, width]).swap_dims(1, 2).reshape([g, h, k * u, width])
        }
    };
    let v_own = apart(v_ghsd.clone());
    let own =
        apart(q_ghsd.clone()).matmul(apart(k_ghsd.clone()).swap_dims(2, 3)) + bias.own.clone();
    let (Some(prefix_bias), Some(shared_bias)) = (&bias.prefix, &bias.shared) else {
        return joined(activation::softmax(own, 3).matmul(v_own), d);
    };
    let prefix = |t: &Tensor<4>| t.clone().narrow(2, 0, p);
    let (k_prefix, v_prefix) = (prefix(&k_ghsd), prefix(&v_ghsd));
    let scores = prefix(&q_ghsd).matmul(k_prefix.clone().swap_dims(2, 3)) + prefix_bias.clone();
    let prefix_out = activation::softmax(scores, 3).matmul(v_prefix.clone());

    let shared = q_ghsd.narrow(2, p, k * u).matmul(k_prefix.swap_dims(2, 3)) + shared_bias.clone();
    let weights = activation::softmax(Tensor::cat(vec![shared, joined(own, u)], 3), 3);
    let own_weights = weights.clone().narrow(3, p, u);
    let own_weights = if k == 1 {
        own_weights
    } else {
        own_weights.reshape([g, h, k, u, u]).swap_dims(1, 2).reshape([g * k, h, u, u])
    };
    let suffix_out =
        weights.narrow(3, 0, p).matmul(v_prefix) + joined(own_weights.matmul(v_own), d);
    Tensor::cat(vec![prefix_out, suffix_out], 2)
}
