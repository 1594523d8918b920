//! A linear layer whose rows have a norm and a direction of their own (DoRA).

use super::linear;
use burn::tensor::{DType, Tensor};

/// `y = m ⊙ (x Wᵀ + scale · (x Aᵀ) Bᵀ) / ‖W + scale · B A‖`, row by row.
///
/// The norm is a constant for the gradient, as section 4.3 of the paper proposes. `dropped` is `x`
/// after the adapter's dropout; as in PEFT (`DoraLinearLayer.forward`), what DoRA adds to `x Wᵀ` is
/// then all computed from it.
///
/// # Shapes
/// - x: `[batch, length, in]`, weight: `[out, in]`
/// - factors: `[rank, in]` and `[out, rank]`, magnitude: `[out]`
///
/// Source: DoRA, arXiv:2402.09353, equation 5.
pub fn dora_linear(
    x: Tensor<3>,
    dropped: Option<Tensor<3>>,
    weight: Tensor<2>,
    (a, b): (Tensor<2>, Tensor<2>),
    magnitude: Tensor<1>,
    scale: f64,
) -> Tensor<3> {
    let out = weight.dims()[0];
    let norm = adapted_norms(weight.clone(), a.clone(), b.clone(), scale);
    let gain = (magnitude.cast(DType::F32) / norm).reshape([1, 1, out]).cast(x.dtype());
    let base = linear(x.clone(), weight.clone());
    let update = |input: Tensor<3>| linear(linear(input, a), b).mul_scalar(scale);
    match dropped {
        None => (base + update(x)) * gain,
        Some(dropped) => {
            let again = linear(dropped.clone(), weight);
            base + again * gain.clone().sub_scalar(1.0) + update(dropped) * gain
        }
    }
}

/// Norm of each row, at least 1e-12: `[out]`, f32.
pub fn row_norms(weight: Tensor<2>) -> Tensor<1> {
    let out = weight.dims()[0];
    norms(weight.cast(DType::F32).square().sum_dim(1).reshape([out]))
}

/// Norm of each row of `W + scale · B A` without forming it, and without a tape: `[out]`, f32.
///
/// `‖w + s·bA‖² = ‖w‖² + 2s·(wAᵀ)·b + s²·b(AAᵀ)bᵀ`: two thin products instead of a dense one.
fn adapted_norms(weight: Tensor<2>, a: Tensor<2>, b: Tensor<2>, scale: f64) -> Tensor<1> {
    let out = weight.dims()[0];
    let plain = |tensor: Tensor<2>| tensor.inner().cast(DType::F32);
    let (weight, a, b) = (plain(weight), plain(a), plain(b));
    let crossed = weight.clone().matmul(a.clone().transpose()) * b.clone();
    let squared = b.clone().matmul(a.clone().matmul(a.transpose())) * b;
    let sum = weight.square().sum_dim(1)
        + crossed.sum_dim(1).mul_scalar(2.0 * scale)
        + squared.sum_dim(1).mul_scalar(scale * scale);
    norms(sum.reshape([out]))
}

/// Roots, kept from 0: a row of zeros has no direction.
fn norms(squares: Tensor<1>) -> Tensor<1> {
    squares.clamp_min(1e-24).sqrt()
}
