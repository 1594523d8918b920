//! Attention that keeps no scores: beside its result it returns the log-sum-exp of each query's
//! scores, from which its backward pass computes them again.
//!
//! The backward pass needs the whole result and the whole log-sum-exp of a query only, so a query may
//! see several sets of keys in a call each: given what they merge to, the backward pass of each call
//! is exact, and gradients of what calls share add up.

use super::attention::{mix, scores};
#[cfg(all(feature = "cuda", not(feature = "fusion")))]
use super::kernels::staged;
use super::{F32, cast};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{DType, Int, Tensor};

// b rows, h heads, n heads of keys and values, s queries, t keys, d head dim

/// Queries whose scores are held at a time.
pub const QUERIES: usize = 256;

/// How attention is computed.
#[derive(Clone, Copy, Debug)]
pub enum FlashBody<'a> {
    /// By kernels for tensor cores where there are some, else as [`Library`](Self::Library).
    Kernels,
    /// By the backend: its flash kernels where it has some, as it finds them.
    Library,
    /// A block of queries after the other, in plain operations, with ALiBi's slopes or a zero.
    Chunked(&'a [f64]),
}

/// Which keys a query sees.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    /// Those up to its own place: there are as many keys as queries.
    Causal,
    /// All of a prefix; queries are suffixes of this padded length that begin behind it.
    Prefix(usize),
}

impl Sight {
    fn is_causal(self) -> bool {
        matches!(self, Self::Causal)
    }
}

/// Whether the backend's attention takes values of this type.
pub fn flash_takes(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::BF16 | DType::F16)
}

impl FlashBody<'_> {
    /// Mixed values and the log-sum-exp of each query's scores, in f32.
    ///
    /// # Shapes
    /// - q: `[b, h, s, d]`, k and v: `[b, n, t, d]`, without a tape; results: as q, `[b, h, s]`
    pub fn forward(
        self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        sight: Sight,
    ) -> (Tensor<4>, Tensor<3>) {
        match self {
            Self::Kernels => {
                #[cfg(all(feature = "cuda", not(feature = "fusion")))]
                if let Some(found) = staged::attend([&q, &k, &v], sight.is_causal()) {
                    return found;
                }
                Self::Library.forward(q, k, v, sight)
            }
            Self::Library => {
                let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
                let (mixed, sums) = backend_forward::<Dispatch>(q, k, v, sight);
                (Tensor::from_dispatch(mixed), Tensor::from_dispatch(sums))
            }
            Self::Chunked(slopes) => chunked_forward(q, k, v, sight, slopes),
        }
    }

    /// Gradients of queries, keys and values. `mixed` and `sums` are those over all the keys that a
    /// query sees, in this call and in others.
    ///
    /// # Shapes
    /// - q, mixed and gradient: `[b, h, s, d]`, k and v: `[b, n, t, d]`, sums: `[b, h, s]`
    pub fn backward(
        self,
        [q, k, v]: [Tensor<4>; 3],
        (mixed, sums): (Tensor<4>, Tensor<3>),
        gradient: Tensor<4>,
        sight: Sight,
    ) -> [Tensor<4>; 3] {
        match self {
            Self::Kernels => {
                #[cfg(all(feature = "cuda", not(feature = "fusion")))]
                {
                    let inputs = [&q, &k, &v, &mixed, &gradient];
                    if let Some(found) = staged::attend_backward(inputs, &sums, sight.is_causal()) {
                        return found;
                    }
                }
                Self::Library.backward([q, k, v], (mixed, sums), gradient, sight)
            }
            Self::Library => {
                let inputs = [q, k, v, mixed, gradient].map(Tensor::into_dispatch);
                backend_backward::<Dispatch>(inputs, sums.into_dispatch(), sight)
                    .map(Tensor::from_dispatch)
            }
            Self::Chunked(slopes) => {
                chunked_backward([q, k, v], (mixed, sums), gradient, sight, slopes)
            }
        }
    }
}

fn options(sight: Sight) -> AttentionModuleOptions {
    AttentionModuleOptions { is_causal: sight.is_causal(), ..Default::default() }
}

fn backend_forward<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    sight: Sight,
) -> (FloatTensor<B>, FloatTensor<B>) {
    B::attention_with_logsumexp(q, k, v, options(sight))
}

fn backend_backward<B: Backend>(
    [q, k, v, mixed, gradient]: [FloatTensor<B>; 5],
    sums: FloatTensor<B>,
    sight: Sight,
) -> [FloatTensor<B>; 3] {
    let of = B::attention_backward(q, k, v, mixed, sums, gradient, options(sight));
    [of.query_grad, of.key_grad, of.value_grad]
}

/// Scores of the queries `first..first + count`, in f32, -inf where a key is not seen; `q` is scaled.
///
/// # Shapes
/// - q: `[b, h, count, d]`, k: `[b, n, t, d]`, result: `[b, h, count, t]`
fn seen(q: Tensor<4>, k: Tensor<4>, first: usize, sight: Sight, slopes: &[f64]) -> Tensor<4> {
    let ([_, _, count, _], [_, _, t, _]) = (q.dims(), k.dims());
    let device = q.device();
    let scores = cast(scores(q, k), F32);
    let places = Tensor::<1, Int>::arange(first as i64..(first + count) as i64, &device);
    let queries = match sight {
        Sight::Causal => places,
        // Suffixes all begin where the prefix ends.
        Sight::Prefix(length) => places.remainder_scalar(length as i64) + t as i64,
    };
    let queries = queries.reshape([1, 1, count, 1]);
    let keys = Tensor::<1, Int>::arange(0..t as i64, &device).reshape([1, 1, 1, t]);
    let scores = if slopes.iter().all(|slope| *slope == 0.0) {
        scores
    } else {
        let slopes: Vec<f32> = slopes.iter().map(|slope| *slope as f32).collect();
        let heads = slopes.len();
        let slopes = crate::layout::tensor(slopes, [1, heads, 1, 1], &device);
        let away = cast((keys.clone() - queries.clone()).float(), F32);
        scores + away * slopes
    };
    match sight {
        Sight::Causal => {
            let later = keys.expand([1, 1, count, t]).greater(queries.expand([1, 1, count, t]));
            let later = later.expand(scores.dims());
            scores.mask_fill(later, f32::NEG_INFINITY)
        }
        Sight::Prefix(_) => scores,
    }
}

/// The keys that queries up to `end` may see.
fn visible(end: usize, keys: usize, sight: Sight) -> usize {
    match sight {
        Sight::Causal => end,
        Sight::Prefix(_) => keys,
    }
}

fn chunked_forward(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    sight: Sight,
    slopes: &[f64],
) -> (Tensor<4>, Tensor<3>) {
    let ([b, h, s, d], [_, _, t, _]) = (q.dims(), k.dims());
    let q = q.mul_scalar(1.0 / (d as f64).sqrt());
    let (mut mixed, mut sums) = (Vec::new(), Vec::new());
    for first in (0..s).step_by(QUERIES) {
        let count = QUERIES.min(s - first);
        let keys = visible(first + count, t, sight);
        let rows = q.clone().narrow(2, first, count);
        let scores = seen(rows, k.clone().narrow(2, 0, keys), first, sight, slopes);
        let largest = scores.clone().max_dim(3);
        let weights = (scores - largest.clone()).exp();
        let total = weights.clone().sum_dim(3);
        let values = v.clone().narrow(2, 0, keys);
        mixed.push(mix(cast(weights / total.clone(), values.dtype()), values));
        sums.push((largest + total.log()).reshape([b, h, count]));
    }
    (joined(mixed, 2), joined(sums, 2))
}

fn chunked_backward(
    [q, k, v]: [Tensor<4>; 3],
    (mixed, sums): (Tensor<4>, Tensor<3>),
    gradient: Tensor<4>,
    sight: Sight,
    slopes: &[f64],
) -> [Tensor<4>; 3] {
    let ([b, h, s, d], [_, n, t, _]) = (q.dims(), k.dims());
    let dtype = q.dtype();
    let scale = 1.0 / (d as f64).sqrt();
    let q = q.mul_scalar(scale);
    // The part of a score's gradient that all keys of a query have in common.
    let along = (cast(mixed, F32) * cast(gradient.clone(), F32)).sum_dim(3);
    let zeros = || Tensor::<4>::zeros([b, n, t, d], (&k.device(), F32));
    let (mut dq, mut dk, mut dv) = (Vec::new(), zeros(), zeros());
    for first in (0..s).step_by(QUERIES) {
        let count = QUERIES.min(s - first);
        let keys = visible(first + count, t, sight);
        let part = |t: &Tensor<4>| t.clone().narrow(2, first, count);
        let (rows, gradient) = (part(&q), part(&gradient));
        let (k, v) = (k.clone().narrow(2, 0, keys), v.clone().narrow(2, 0, keys));
        let sums = sums.clone().narrow(2, first, count).reshape([b, h, count, 1]);
        let weights = (seen(rows.clone(), k.clone(), first, sight, slopes) - sums).exp();
        let of_weights = cast(scores(gradient.clone(), v), F32);
        let of_scores = cast(weights.clone() * (of_weights - part(&along)), dtype);
        dq.push(mix(of_scores.clone(), k).mul_scalar(scale));
        dv = added(dv, shared_product(cast(weights, dtype), gradient, n));
        dk = added(dk, shared_product(of_scores, rows, n));
    }
    [joined(dq, 2), cast(dk, dtype), cast(dv, dtype)]
}

/// `weightsᵀ rows`, summed over the query heads that share a head.
///
/// # Shapes
/// - weights: `[b, h, s, t]`, rows: `[b, h, s, d]`, result: `[b, n, t, d]`
fn shared_product(weights: Tensor<4>, rows: Tensor<4>, n: usize) -> Tensor<4> {
    let ([b, h, s, t], [_, _, _, d]) = (weights.dims(), rows.dims());
    let weights = weights.reshape([b, n, h / n * s, t]);
    weights.swap_dims(2, 3).matmul(rows.reshape([b, n, h / n * s, d]))
}

/// `total` with `part` added to its first rows.
fn added(total: Tensor<4>, part: Tensor<4>) -> Tensor<4> {
    let ([b, n, t, d], [_, _, keys, _]) = (total.dims(), part.dims());
    let part = cast(part, F32);
    if keys == t {
        return total + part;
    }
    let sum = total.clone().narrow(2, 0, keys) + part;
    total.slice_assign([0..b, 0..n, 0..keys, 0..d], sum)
}

fn joined<const D: usize>(mut parts: Vec<Tensor<D>>, dim: usize) -> Tensor<D> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, dim) }
}
