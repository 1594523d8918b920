//! Cross-entropy of a chunk of supervised positions, with its gradients in closed form.
//!
//! Working by chunks means that no `[positions, vocabulary]` buffer larger than a chunk exists.

use super::{F32, cast};
use burn::tensor::{Int, Tensor};

/// Loss and gradients of one chunk.
pub struct ChunkLoss {
    /// Weighted loss of each row: `[rows]`.
    pub rows: Tensor<1>,
    /// Gradient of the weighted sum for the hidden states: `[rows, hidden]`.
    pub hidden: Tensor<2>,
    /// Gradient for the head: `[vocabulary, hidden]`, if it is trained.
    pub head: Option<Tensor<2>>,
}

/// `-weight · log softmax(h Wᵀ)[label]` for each row.
///
/// Hidden states and head have one type; softmax and loss are f32. The gradient is
/// `(softmax - onehot) · weight`, so no tape is needed.
///
/// # Shapes
/// - hidden: `[rows, hidden]`, head: `[vocabulary, hidden]`, labels and weights: `[rows]`
pub fn cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    head_trained: bool,
) -> ChunkLoss {
    #[cfg(feature = "flex")]
    if let Some(loss) = super::fused::cross_entropy(&hidden, &head, &labels, &weights, head_trained)
    {
        return loss;
    }
    plain_cross_entropy(hidden, head, labels, weights, head_trained)
}

/// The plain body of [`cross_entropy`].
pub(super) fn plain_cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    head_trained: bool,
) -> ChunkLoss {
    let [n, _] = hidden.dims();
    let dtype = hidden.dtype();
    let logits = cast(hidden.clone().matmul(head.clone().transpose()), F32);
    // One exponential for both the loss and its gradient: it is a tenth of a small model's step.
    let shifted = logits.clone() - logits.max_dim(1);
    let labels = labels.reshape([n, 1]);
    let weights = weights.reshape([n, 1]);
    let chosen = shifted.clone().gather(1, labels.clone());
    let exponentials = shifted.exp();
    let sums = exponentials.clone().sum_dim(1);
    let rows = (sums.clone().log() - chosen) * weights.clone();
    let logits_gradient = exponentials * (weights.clone() / sums);
    let logits_gradient =
        logits_gradient.scatter(1, labels, weights.neg(), burn::tensor::IndexingUpdateOp::Add);
    let logits_gradient = cast(logits_gradient, dtype);
    ChunkLoss {
        rows: rows.reshape([n]),
        hidden: logits_gradient.clone().matmul(head),
        head: head_trained.then(|| logits_gradient.transpose().matmul(hidden)),
    }
}
