//! Muon: Nesterov momentum, made orthogonal (Keller Jordan, kellerjordan.github.io/posts/muon).
//!
//! It is `torch.optim.Muon` but for one thing: torch makes the matrix orthogonal in bf16 whatever the
//! weights are, we in f32. The momentum is kept in f32.

use super::config::MuonScale;
use burn::tensor::Tensor;

const MOMENTUM: f64 = 0.95;

/// The direction of a step for a matrix: `[rows * columns]`.
pub(super) fn direction(
    momentum: &mut Option<Tensor<1>>,
    gradient: Tensor<1>,
    (rows, columns): (usize, usize),
    scale: MuonScale,
) -> Tensor<1> {
    let share = gradient.mul_scalar(1.0 - MOMENTUM);
    let first = match momentum.take() {
        Some(kept) => kept.mul_scalar(MOMENTUM) + share.clone(),
        None => share.clone(),
    };
    let ahead = first.clone().mul_scalar(MOMENTUM) + share;
    *momentum = Some(first);
    let scale = match scale {
        MuonScale::Original => (rows as f64 / columns as f64).max(1.0).sqrt(),
        MuonScale::MatchRmsAdamw => 0.2 * (rows.max(columns) as f64).sqrt(),
    };
    orthogonalise(ahead.reshape([rows, columns])).mul_scalar(scale).reshape([-1])
}

/// Five Newton–Schulz steps towards the nearest orthogonal matrix.
fn orthogonalise(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let tall = rows > columns;
    let mut x = if tall { matrix.transpose() } else { matrix };
    let norm = x.clone().square().sum().sqrt().clamp_min(1e-7).reshape([1, 1]);
    x = x / norm;
    let (a, b, c) = (3.4445, -4.7750, 2.0315);
    for _ in 0..5 {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone().mul_scalar(b) + gram.clone().matmul(gram).mul_scalar(c);
        x = x.clone().mul_scalar(a) + polynomial.matmul(x);
    }
    if tall { x.transpose() } else { x }
}
