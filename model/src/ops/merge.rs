//! Attention over two sets of keys from attention over each.

use super::{F32, cast};
use burn::tensor::Tensor;

// g groups, k suffixes, u suffix length, h heads, d head dim

/// What suffixes see in all from what they see in themselves and in their prefix, each with the
/// log-sum-exp of its scores; and the log-sum-exp of both together.
///
/// Exact: a softmax over both sets of keys is that over each, weighted by its share of the sum.
///
/// # Shapes
/// - own: `[g k, u, h, d]` and `[g k, h, u]`, shared: `[g, k u, h, d]` and `[g, h, k u]`; without a
///   tape, sums in f32
/// - result: as own
pub fn merge_attention(
    own: (Tensor<4>, Tensor<3>),
    shared: (Tensor<4>, Tensor<3>),
) -> (Tensor<4>, Tensor<3>) {
    #[cfg(feature = "kernels")]
    if let Some(merged) = super::kernels::merge((&own.0, &own.1), (&shared.0, &shared.1)) {
        return merged;
    }
    plain_merge_attention(own, shared)
}

/// The plain body of [`merge_attention`].
pub(crate) fn plain_merge_attention(
    (own, own_sums): (Tensor<4>, Tensor<3>),
    (shared, shared_sums): (Tensor<4>, Tensor<3>),
) -> (Tensor<4>, Tensor<3>) {
    let [rows, u, h, d] = own.dims();
    let groups = shared.dims()[0];
    let dtype = own.dtype();
    let k = rows / groups;
    let shared_sums = shared_sums.reshape([groups, h, k, u]).swap_dims(1, 2).reshape([rows, h, u]);
    let largest = own_sums.clone().max_pair(shared_sums.clone());
    let own_share = (own_sums - largest.clone()).exp();
    let shared_share = (shared_sums - largest.clone()).exp();
    let total = own_share.clone() + shared_share.clone();
    let weigh = |values: Tensor<4>, share: Tensor<3>| {
        let weights = (share / total.clone()).swap_dims(1, 2).reshape([rows, u, h, 1]);
        cast(values.reshape([rows, u, h, d]), F32) * weights
    };
    let merged = weigh(own, own_share) + weigh(shared, shared_share);
    (cast(merged, dtype), largest + total.log())
}
