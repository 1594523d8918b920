//! Cross-entropy of a chunk of supervised positions, with its gradients in closed form.
//!
//! Working by chunks means that no `[positions, vocabulary]` buffer larger than a chunk exists.
//!
//! With logits `l`, `log Z = log Σ eˡ` and a label `y`, the loss of a row is
//!
//! ```text
//! log Z - (1 - ε) l[y] - ε mean(l) + z (log Z)²
//! ```
//!
//! ε of label smoothing, as torch's `CrossEntropyLoss(label_smoothing = ε)` spreads it over the whole
//! vocabulary, and z of the z-loss; the gradient is `softmax(l) (1 + 2 z log Z) - (1 - ε) onehot(y) - ε / V`.

use super::{F32, Transposed, cast, product};
use burn::tensor::{DType, Int, Tensor};

/// What is minimised beside the negative log-likelihood of the labels; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossTerms {
    /// ε: share of a label's probability that is spread over the vocabulary (arXiv:1512.00567).
    pub smoothing: f64,
    /// z: weight of the squared logarithm of the softmax's denominator (PaLM, arXiv:2204.02311).
    pub z: f64,
}

impl LossTerms {
    /// Whether only the negative log-likelihood is minimised.
    pub fn are_none(self) -> bool {
        self == Self::default()
    }
}

/// Loss and gradients of one chunk.
pub struct ChunkLoss {
    /// Weighted loss of each row, what `terms` add included: `[rows]`.
    pub rows: Tensor<1>,
    /// Gradient of the weighted sum for the hidden states: `[rows, hidden]`.
    pub hidden: Tensor<2>,
    /// Gradient for the head: `[vocabulary, hidden]`, if it is trained.
    pub head: Option<Tensor<2>>,
}

/// `-weight · log softmax(h Wᵀ)[label]` for each row, and what `terms` add.
///
/// Hidden states and head have one type; softmax and loss are f32. The gradient is a closed form, so no
/// tape is needed.
///
/// # Shapes
/// - hidden: `[rows, hidden]`, head: `[vocabulary, hidden]`, labels and weights: `[rows]`
pub fn cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    terms: LossTerms,
    head_trained: bool,
) -> ChunkLoss {
    #[cfg(feature = "flex")]
    if let Some(loss) =
        super::fused::cross_entropy(&hidden, &head, &labels, &weights, terms, head_trained)
    {
        return loss;
    }
    #[cfg(feature = "kernels")]
    if let Some(loss) =
        super::kernels::cross_entropy(&hidden, &head, &labels, &weights, terms, head_trained)
    {
        return loss;
    }
    plain_cross_entropy(hidden, head, labels, weights, terms, head_trained)
}

/// The plain body of [`cross_entropy`].
pub(super) fn plain_cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    terms: LossTerms,
    head_trained: bool,
) -> ChunkLoss {
    let dtype = hidden.dtype();
    let logits = product(hidden.clone(), head.clone(), Transposed::Second);
    let (rows, gradient) = plain_chunk(logits, labels, weights, terms, dtype);
    ChunkLoss {
        rows,
        hidden: product(gradient.clone(), head, Transposed::Neither),
        head: head_trained.then(|| product(gradient, hidden, Transposed::First)),
    }
}

/// Loss of each row of logits, and their gradient in `dtype`.
pub(crate) fn plain_chunk(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    terms: LossTerms,
    dtype: DType,
) -> (Tensor<1>, Tensor<2>) {
    let [n, _] = logits.dims();
    let logits = cast(logits, F32);
    // One exponential for both the loss and its gradient: it is a tenth of a small model's step.
    let most = logits.clone().max_dim(1);
    let shifted = logits - most.clone();
    let labels = labels.reshape([n, 1]);
    let weights = weights.reshape([n, 1]);
    let mut chosen = shifted.clone().gather(1, labels.clone());
    if terms.smoothing > 0.0 {
        let mean = shifted.clone().mean_dim(1);
        chosen = chosen.mul_scalar(1.0 - terms.smoothing) + mean.mul_scalar(terms.smoothing);
    }
    let exponentials = shifted.exp();
    let sums = exponentials.clone().sum_dim(1);
    let mut rows = sums.clone().log() - chosen;
    let mut factor = weights.clone() / sums.clone();
    if terms.z > 0.0 {
        let log_z = sums.log() + most;
        rows = rows + log_z.clone().square().mul_scalar(terms.z);
        factor = factor * log_z.mul_scalar(2.0 * terms.z).add_scalar(1.0);
    }
    let rows = rows * weights.clone();
    let mut logits_gradient = exponentials * factor;
    let mut of_label = weights.clone().neg();
    if terms.smoothing > 0.0 {
        let [_, vocabulary] = logits_gradient.dims();
        logits_gradient = logits_gradient - weights.mul_scalar(terms.smoothing / vocabulary as f64);
        of_label = of_label.mul_scalar(1.0 - terms.smoothing);
    }
    let logits_gradient =
        logits_gradient.scatter(1, labels, of_label, burn::tensor::IndexingUpdateOp::Add);
    (rows.reshape([n]), cast(logits_gradient, dtype))
}
