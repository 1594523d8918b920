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
