//! Cross-entropy of a chunk: logits are turned into their gradient where they lie.

use super::lanes::{exponentials, largest, scale, scale_and_add, total};
use super::product::{self, Matrix};
use super::{Shared, constant, dims, each_part, tensor, values};
use crate::ops::{ChunkLoss, LossTerms};
use burn::backend::Flex;
use burn::tensor::{Int, Tensor};

/// Loss and gradients, if all is f32 on flex.
pub(crate) fn cross_entropy(
    hidden: &Tensor<2>,
    head: &Tensor<2>,
    labels: &Tensor<1, Int>,
    weights: &Tensor<1>,
    terms: LossTerms,
    head_trained: bool,
) -> Option<ChunkLoss> {
    let (hidden, head, weights) = (constant(hidden)?, constant(head)?, constant(weights)?);
    let labels: Vec<usize> = labels.to_data().iter::<i64>().map(|label| label as usize).collect();
    let (vocabulary, width) = (dims(&head)[0], dims(&head)[1]);
    let (h, w, weights) = (values(&hidden), values(&head), values(&weights));
    let n = labels.len();
    let (h, w) = (Matrix::rows(h, width), Matrix::rows(w, width));
    let mut logits = product::new([n, vocabulary, width], h, w.transposed());
    let mut losses = vec![0.0; n];
    let (all, rows) = (Shared::new(&mut logits), Shared::new(&mut losses));
    each_part(n, n * vocabulary, |i| {
        // SAFETY: each row belongs to one part.
        let (logits, loss) =
            unsafe { (all.part(i * vocabulary, vocabulary), &mut rows.part(i, 1)[0]) };
        *loss = differentiated(logits, labels[i], weights[i], terms);
    });
    let gradient = Matrix::rows(&logits, vocabulary);
    let of_hidden = tensor(product::new([n, width, vocabulary], gradient, w), &[n, width]);
    let of_head = head_trained.then(|| {
        let of_head = product::new([vocabulary, width, n], gradient.transposed(), h);
        Tensor::from_primitive::<Flex>(tensor(of_head, &[vocabulary, width]))
    });
    Some(ChunkLoss {
        rows: Tensor::from_primitive::<Flex>(tensor(losses, &[n])),
        hidden: Tensor::from_primitive::<Flex>(of_hidden),
        head: of_head,
    })
}

/// Weighted loss of a row of logits, which becomes its gradient.
fn differentiated(logits: &mut [f32], label: usize, weight: f32, terms: LossTerms) -> f32 {
    let most = largest(logits);
    let mut chosen = logits[label] - most;
    if terms.are_none() {
        let sum = exponentials(logits, most);
        scale(logits, weight / sum);
        logits[label] -= weight;
        return (sum.ln() - chosen) * weight;
    }
    let (smoothing, z) = (terms.smoothing as f32, terms.z as f32);
    let vocabulary = logits.len() as f32;
    let mean = total(logits) / vocabulary - most;
    chosen = chosen * (1.0 - smoothing) + mean * smoothing;
    let sum = exponentials(logits, most);
    let log_z = sum.ln() + most;
    let factor = weight * (1.0 + 2.0 * z * log_z) / sum;
    scale_and_add(logits, factor, -weight * smoothing / vocabulary);
    logits[label] -= weight * (1.0 - smoothing);
    (sum.ln() - chosen + z * log_z * log_z) * weight
}
