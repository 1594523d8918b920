//! RMSNorm.

use super::{F32, cast};
use burn::tensor::Tensor;

/// `y = x / sqrt(mean(x²) + eps) · gain`, statistics over the last dimension.
///
/// Computed in f32, rounded to the type of `x` before the gain (`LlamaRMSNorm` of transformers).
///
/// # Shapes
/// - x: `[batch, length, hidden]`, gain: `[hidden]`
pub fn rms_norm(x: Tensor<3>, gain: Tensor<1>, eps: f64) -> Tensor<3> {
    let gain = cast(gain, x.dtype());
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::rms_norm(&x, &gain, eps) {
        return y;
    }
    #[cfg(feature = "kernels")]
    if let Some(y) = super::kernels::rms_norm(&x, &gain, eps) {
        return y;
    }
    plain_rms_norm(x, gain, eps)
}

/// The plain body of [`rms_norm`].
pub(super) fn plain_rms_norm(x: Tensor<3>, gain: Tensor<1>, eps: f64) -> Tensor<3> {
    let dtype = x.dtype();
    let x = cast(x, F32);
    let mean_square = x.clone().square().mean_dim(2);
    let inverse = mean_square.add_scalar(eps).sqrt().recip();
    cast(x * inverse, dtype) * gain.unsqueeze::<3>()
}

/// `(x + r, rms_norm(x + r))`: what a block adds to the stream, and the input of what comes next.
///
/// # Shapes
/// - x, r and both results: `[batch, length, hidden]`, without a tape; gain: `[hidden]`
pub fn add_rms_norm(
    x: Tensor<3>,
    r: Tensor<3>,
    gain: Tensor<1>,
    eps: f64,
) -> (Tensor<3>, Tensor<3>) {
    #[cfg(feature = "kernels")]
    if let Some(results) = super::kernels::add_rms_norm(&x, &r, &cast(gain.clone(), x.dtype()), eps)
    {
        return results;
    }
    let sum = x + r;
    (sum.clone(), rms_norm(sum, gain, eps))
}

/// Gradients of [`rms_norm`]: for `x`, with `beside` added, and for the gain where it is wanted, in f32.
///
/// With `n = 1 / sqrt(mean(x²) + eps)` and `g = dy ⊙ gain`: `dx = n (g - x n² mean(g ⊙ x))`.
///
/// # Shapes
/// - x, dy, beside and the first result: `[batch, length, hidden]`, without a tape; gain: `[hidden]`
pub fn rms_norm_backward(
    x: Tensor<3>,
    gain: Tensor<1>,
    dy: Tensor<3>,
    beside: Option<Tensor<3>>,
    eps: f64,
    gain_wanted: bool,
) -> (Tensor<3>, Option<Tensor<1>>) {
    #[cfg(feature = "kernels")]
    if let Some(gradients) =
        super::kernels::rms_norm_backward(&x, &gain, &dy, beside.as_ref(), eps, gain_wanted)
    {
        return gradients;
    }
    let dtype = x.dtype();
    let (x, dy) = (cast(x, F32), cast(dy, F32));
    let inverse = x.clone().square().mean_dim(2).add_scalar(eps).sqrt().recip();
    let normed = x * inverse.clone();
    let of_gain = gain_wanted.then(|| {
        let [b, t, h] = dy.dims();
        (dy.clone() * normed.clone()).reshape([b * t, h]).sum_dim(0).reshape([h])
    });
    let g = dy * cast(gain, F32).unsqueeze::<3>();
    let along = (g.clone() * normed.clone()).mean_dim(2);
    let mut dx = (g - normed * along) * inverse;
    if let Some(beside) = beside {
        dx = dx + cast(beside, F32);
    }
    (cast(dx, dtype), of_gain)
}
