//! The loss of a chunk of logits, and its gradient in their place.
//!
//! A cube takes a row and reads it twice: once for the largest logit and the sum of exponentials, which
//! is rescaled whenever a larger one is met, and once to write the gradient where the logits were. On a
//! GPU the logits are what the product rounds to, the type of the hidden states; everything from there
//! on is f32, and the gradient is rounded once, to the same type, for the products that follow.

use super::team::{Team, addresses, cube_max, cube_sum, cubes_for, empty, rows_of, vector_size};
use super::{Kernels, int_primitive, primitive};
use crate::ops::{ChunkLoss, F32, LossTerms, cast};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{self, DType, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Most units that share a row.
const UNITS: usize = 512;

/// See [`crate::ops::cross_entropy`].
pub(crate) fn cross_entropy(
    hidden: &Tensor<2>,
    head: &Tensor<2>,
    labels: &Tensor<1, tensor::Int>,
    weights: &Tensor<1>,
    terms: LossTerms,
    head_trained: bool,
) -> Option<ChunkLoss> {
    primitive(hidden)?;
    primitive(head)?;
    let labels = int_primitive(labels)?;
    let weights = primitive(&cast(weights.clone(), F32))?;
    let logits = hidden.clone().matmul(head.clone().transpose());
    // Handed over, not shared: the gradient may take the place of the logits.
    let logits = logits.try_into_primitive::<Cube>().ok()?;
    let (rows, gradient) =
        <Cube as Kernels>::cross_entropy(logits, labels, weights, terms.smoothing, terms.z);
    let gradient = Tensor::<2>::from_primitive::<Cube>(gradient);
    Some(ChunkLoss {
        rows: Tensor::from_primitive::<Cube>(rows),
        hidden: gradient.clone().matmul(head.clone()),
        head: head_trained.then(|| gradient.transpose().matmul(hidden.clone())),
    })
}

/// What is minimised beside the likelihood, as the kernel takes it.
#[derive(CubeLaunch, CubeType)]
struct Terms {
    vocabulary: f32,
    smoothing: f32,
    z: f32,
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn chunk_kernel<T: Float, I: Int, N: Size>(
    logits: &mut [Vector<T, N>],
    labels: &[I],
    weights: &[f32],
    losses: &mut [f32],
    rows: usize,
    vectors: usize,
    terms: Terms,
    #[comptime] smoothed: bool,
    #[comptime] team: Team,
    #[define(T, I)] _dtypes: [ElemType; 2],
) {
    let units = comptime!(team.units);
    let unit = UNIT_POS as usize;
    let lanes = logits.vector_size();
    let mut row = CUBE_POS;
    while row < rows {
        let start = row * vectors;
        let label = usize::cast_from(labels[row]);
        let (label_at, label_lane) = (label / lanes, label % lanes);
        let weight = weights[row];
        // Read before anything is written: every unit passes a barrier in between.
        let of_label = Vector::<f32, N>::cast_from(logits[start + label_at]);
        let mut onehot = Vector::<f32, N>::new(0.0);
        let mut chosen = f32::new(0.0);
        #[unroll]
        for lane in 0..lanes {
            if lane == label_lane {
                chosen = of_label.extract(lane);
                onehot.insert(lane, weight * (f32::new(1.0) - terms.smoothing));
            }
        }

        let mut most = f32::min_value();
        let mut sum = f32::new(0.0);
        let mut total = Vector::<f32, N>::new(0.0);
        let mut at = unit;
        while at < vectors {
            let values = Vector::<f32, N>::cast_from(logits[start + at]);
            let mut larger = most;
            #[unroll]
            for lane in 0..lanes {
                larger = max(larger, values.extract(lane));
            }
            let shifted = values - Vector::<f32, N>::new(larger);
            sum = sum * (most - larger).exp() + Vector::vector_sum(shifted.exp());
            most = larger;
            if comptime!(smoothed) {
                total += values;
            }
            at += units;
        }
        let peak = cube_max(most, team);
        let sum = cube_sum(sum * (most - peak).exp(), team);
        let log_sum = sum.ln();
        let log_z = log_sum + peak;
        chosen -= peak;
        if comptime!(smoothed) {
            let mean = cube_sum(Vector::vector_sum(total), team) / terms.vocabulary - peak;
            chosen = chosen * (f32::new(1.0) - terms.smoothing) + mean * terms.smoothing;
        }
        if unit == 0 {
            losses[row] = (log_sum - chosen + terms.z * log_z * log_z) * weight;
        }

        let factor = weight / sum * (f32::new(2.0) * terms.z * log_z + f32::new(1.0));
        let spread = weight * terms.smoothing / terms.vocabulary;
        let mut at = unit;
        while at < vectors {
            let values = Vector::<f32, N>::cast_from(logits[start + at]);
            let exponentials = (values - Vector::<f32, N>::new(peak)).exp();
            let mut gradient = exponentials * Vector::<f32, N>::new(factor);
            if comptime!(smoothed) {
                gradient -= Vector::<f32, N>::new(spread);
            }
            if at == label_at {
                gradient -= onehot;
            }
            logits[start + at] = Vector::cast_from(gradient);
            at += units;
        }
        row += CUBE_COUNT;
    }
}

/// `(loss of each row, gradient of the logits)`; the gradient takes the place of the logits where
/// nobody else holds them.
pub(super) fn chunk(
    logits: CubeTensor,
    labels: CubeTensor,
    weights: CubeTensor,
    terms: LossTerms,
) -> (CubeTensor, CubeTensor) {
    let logits = into_contiguous(logits);
    let logits = if logits.can_mut() { logits } else { logits.copy() };
    let (labels, weights) = (into_contiguous(labels), into_contiguous(weights));
    let (rows, columns) = rows_of(&logits);
    let losses = empty(&logits, [rows].into(), DType::F32);
    let size = vector_size(columns, &[&logits]);
    let team = Team::new(&logits.client, columns / size, UNITS);
    // SAFETY: a unit reads and writes vectors of rows below `rows`, and below `vectors` in each; labels
    // are below the vocabulary.
    unsafe {
        chunk_kernel::launch_unchecked(
            &logits.client,
            CubeCount::new_1d(cubes_for(rows)),
            team.cube(),
            addresses(&[&logits]),
            size,
            logits.clone().into_buffer_arg(),
            labels.clone().into_buffer_arg(),
            weights.into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            rows,
            columns / size,
            TermsLaunch::new(columns as f32, terms.smoothing as f32, terms.z as f32),
            terms.smoothing > 0.0,
            team,
            [logits.dtype, labels.dtype].map(dtype_to_storage_type),
        );
    }
    (losses, logits)
}
