//! The strongest singular vectors of a weight, for PiSSA.
//!
//! Subspace iteration (Halko, Martinsson & Tropp 2011, arXiv:0909.4061, algorithm 4.4): products with
//! the weight run on its device in f32; columns are made orthogonal, and a small square matrix is
//! decomposed by one-sided Jacobi rotations, on the host in f64.
//!
//! Cost for an `m × n` weight and `k` columns: `4 m n k` operations on the device and `4 (m + n) k²`
//! on the host for each round, `k³` for the small matrix. `k` is a little more than the rank; where
//! `min(m, n)` is at most 256 it is that, and one round gives every singular vector exactly. A wider
//! weight under `pissa` takes as many rounds as its singular values need to stand still, 60 at most.

use crate::init::Normal;
use burn::tensor::{Device, Tensor, TensorData};

/// How long singular vectors are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// So many rounds.
    Rounds(usize),
    /// Until the singular values stand still.
    Converged,
}

/// Up to this width every singular vector is found at once.
const EXACT_WIDTH: usize = 256;
/// Columns beyond the rank: they make the last wanted ones converge (section 4.2 of the source).
const MORE_COLUMNS: usize = 10;
/// Rounds after which singular values are taken as they are.
const MOST_ROUNDS: usize = 60;
/// Relative to the largest singular value.
const STILL: f64 = 1e-6;
/// The search begins in the same random directions everywhere.
const SEED: u64 = 0x5115_5A00;

/// Columns of a matrix, each of the same length.
type Columns = Vec<Vec<f64>>;

/// `A = √(S/scale) Vᵀ: [rank, in]` and `B = U √(S/scale): [out, rank]` of the f32 weight `[out, in]`,
/// so that `scale · B A` is its best approximation of that rank.
pub(super) fn halves(
    weight: &Tensor<2>,
    rank: usize,
    scale: f64,
    effort: Effort,
) -> (Tensor<2>, Tensor<2>) {
    let [out, input] = weight.dims();
    let device = weight.device();
    let times =
        |columns: &[Vec<f64>]| from_device(weight.clone().matmul(to_device(columns, &device)));
    let turned = weight.clone().transpose();
    let times_turned =
        |columns: &[Vec<f64>]| from_device(turned.clone().matmul(to_device(columns, &device)));
    let (u, s, v) = search(rank, [out, input], effort, &times, &times_turned);
    let half = |columns: &[Vec<f64>]| -> Columns {
        let scaled = |(column, s): (&Vec<f64>, &f64)| {
            let factor = (s / scale).sqrt();
            column.iter().map(|value| value * factor).collect()
        };
        columns.iter().zip(&s).map(scaled).collect()
    };
    (to_device(&half(&v), &device).transpose(), to_device(&half(&u), &device))
}

/// The `rank` strongest left vectors, singular values, and right vectors of a matrix of which only
/// products are known.
fn search(
    rank: usize,
    [out, input]: [usize; 2],
    effort: Effort,
    times: &dyn Fn(&[Vec<f64>]) -> Columns,
    times_turned: &dyn Fn(&[Vec<f64>]) -> Columns,
) -> (Columns, Vec<f64>, Columns) {
    let narrow = out.min(input);
    let exact = narrow <= EXACT_WIDTH;
    let wanted = if exact {
        narrow
    } else {
        // Without a number of rounds the search pays for more columns to need fewer rounds.
        let more = if effort == Effort::Converged { rank + MORE_COLUMNS } else { MORE_COLUMNS };
        (rank + more).min(narrow)
    };
    let rounds = match effort {
        _ if exact => 0,
        Effort::Rounds(rounds) => rounds,
        Effort::Converged => MOST_ROUNDS,
    };
    let mut normal = Normal::new(SEED);
    let mut left: Columns =
        (0..wanted).map(|_| (0..input).map(|_| f64::from(normal.sample())).collect()).collect();
    left = times(&left);
    orthogonalise(&mut left);
    let mut before: Vec<f64> = Vec::new();
    let mut round = 0;
    loop {
        // W ≈ Q (Wᵀ Q)ᵀ, and Wᵀ Q = Z R.
        let image = times_turned(&left);
        let mut right = image.clone();
        orthogonalise(&mut right);
        let small: Columns = image
            .iter()
            .map(|column| right.iter().map(|unit| dot(unit, column)).collect())
            .collect();
        let (inner_right, s, inner_left) = jacobi(small);
        let still = before.len() == s.len()
            && s.iter().zip(&before).take(rank).all(|(now, old)| {
                (now - old).abs() <= STILL * s.first().copied().unwrap_or_default()
            });
        if round >= rounds || (effort == Effort::Converged && still) {
            // R = U_R S V_Rᵀ gives W ≈ (Q V_R) S (Z U_R)ᵀ.
            let u = combined(&left, &inner_left[..rank]);
            let v = combined(&right, &inner_right[..rank]);
            return (u, s[..rank].to_vec(), v);
        }
        before = s;
        left = times(&right);
        orthogonalise(&mut left);
        round += 1;
    }
}

/// Makes columns orthogonal and of length 1, twice, since once leaves rounding errors (Gram and
/// Schmidt). A column that depends on those before it becomes zero.
fn orthogonalise(columns: &mut [Vec<f64>]) {
    for i in 0..columns.len() {
        let (done, rest) = columns.split_at_mut(i);
        let Some(column) = rest.first_mut() else { return };
        let length = dot(column, column).sqrt();
        for _ in 0..2 {
            for unit in done.iter() {
                let along = dot(unit, column);
                for (value, unit) in column.iter_mut().zip(unit) {
                    *value -= along * unit;
                }
            }
        }
        let left = dot(column, column).sqrt();
        let factor = if left <= 1e-10 * length || left == 0.0 { 0.0 } else { 1.0 / left };
        column.iter_mut().for_each(|value| *value *= factor);
    }
}

/// Left vectors, singular values in falling order, and right vectors of the square matrix with these
/// columns, by rotations of pairs of columns until all are orthogonal (Hestenes 1958).
fn jacobi(mut columns: Columns) -> (Columns, Vec<f64>, Columns) {
    let n = columns.len();
    let mut right: Columns =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    // Convergence is quadratic: some ten sweeps are enough for any size.
    for _ in 0..40 {
        let mut turned = false;
        for i in 0..n {
            for j in i + 1..n {
                turned |= rotate(&mut columns, &mut right, i, j);
            }
        }
        if !turned {
            break;
        }
    }
    let lengths: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| lengths[*j].total_cmp(&lengths[*i]));
    let unit = |i: &usize| -> Vec<f64> {
        let factor = if lengths[*i] > 0.0 { 1.0 / lengths[*i] } else { 0.0 };
        columns[*i].iter().map(|value| value * factor).collect()
    };
    let left = order.iter().map(unit).collect();
    let s = order.iter().map(|i| lengths[*i]).collect();
    let right = order.iter().map(|i| right[*i].clone()).collect();
    (left, s, right)
}

/// Turns columns `i` and `j` so that they are orthogonal; whether they were not.
fn rotate(columns: &mut [Vec<f64>], right: &mut [Vec<f64>], i: usize, j: usize) -> bool {
    let (alpha, beta) = (dot(&columns[i], &columns[i]), dot(&columns[j], &columns[j]));
    let gamma = dot(&columns[i], &columns[j]);
    if gamma == 0.0 || gamma.abs() <= 1e-15 * (alpha * beta).sqrt() {
        return false;
    }
    let zeta = (beta - alpha) / (2.0 * gamma);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    for matrix in [columns, right] {
        let (head, tail) = matrix.split_at_mut(j);
        for (x, y) in head[i].iter_mut().zip(&mut tail[0]) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    true
}

/// `basis · weights`, column by column.
fn combined(basis: &[Vec<f64>], weights: &[Vec<f64>]) -> Columns {
    let length = basis.first().map_or(0, Vec::len);
    let column = |weights: &Vec<f64>| {
        let mut sum = vec![0.0; length];
        for (unit, weight) in basis.iter().zip(weights) {
            for (sum, value) in sum.iter_mut().zip(unit) {
                *sum += weight * value;
            }
        }
        sum
    };
    weights.iter().map(column).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Columns as a tensor `[length, columns]`.
fn to_device(columns: &[Vec<f64>], device: &Device) -> Tensor<2> {
    let length = columns.first().map_or(0, Vec::len);
    let values: Vec<f32> =
        (0..length).flat_map(|row| columns.iter().map(move |column| column[row] as f32)).collect();
    Tensor::from_data(TensorData::new(values, [length, columns.len()]), device)
}

/// The columns of a tensor `[length, columns]`.
fn from_device(tensor: Tensor<2>) -> Columns {
    let [length, count] = tensor.dims();
    let mut columns = vec![Vec::with_capacity(length); count];
    for (i, value) in tensor.into_data().iter::<f32>().enumerate() {
        columns[i % count].push(f64::from(value));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `U diag(s) Vᵀ` with random directions, as columns.
    fn matrix(out: usize, input: usize, s: &[f64]) -> Columns {
        let mut normal = Normal::new(3);
        let mut units = |length: usize| {
            let mut columns: Columns = (0..s.len())
                .map(|_| (0..length).map(|_| f64::from(normal.sample())).collect())
                .collect();
            orthogonalise(&mut columns);
            columns
        };
        let (u, v) = (units(out), units(input));
        (0..input)
            .map(|column| {
                (0..out)
                    .map(|row| (0..s.len()).map(|i| u[i][row] * s[i] * v[i][column]).sum())
                    .collect()
            })
            .collect()
    }

    fn turned(matrix: &[Vec<f64>]) -> Columns {
        let rows = matrix.first().map_or(0, Vec::len);
        (0..rows).map(|row| matrix.iter().map(|column| column[row]).collect()).collect()
    }

    fn product(matrix: &[Vec<f64>], columns: &[Vec<f64>]) -> Columns {
        combined(matrix, columns)
    }

    fn check(dims: [usize; 2], s: &[f64], rank: usize, effort: Effort, tolerance: f64) {
        let [out, input] = dims;
        let w = matrix(out, input, s);
        let wt = turned(&w);
        let (u, found, v) =
            search(rank, dims, effort, &|columns| product(&w, columns), &|columns| {
                product(&wt, columns)
            });
        assert_eq!((u.len(), found.len(), v.len()), (rank, rank, rank));
        for i in 0..rank {
            let expected = s.get(i).copied().unwrap_or_default();
            assert!(
                (found[i] - expected).abs() <= tolerance * s[0],
                "{dims:?}, {effort:?}: value {i} is {}, expected {expected}",
                found[i]
            );
            // W v = s u.
            let image = product(&w, &[v[i].clone()]);
            for (image, u) in image[0].iter().zip(&u[i]) {
                assert!(
                    (image - found[i] * u).abs() <= tolerance.sqrt() * s[0],
                    "{dims:?}, {effort:?}: vector {i}"
                );
            }
        }
    }

    #[test]
    fn strongest_vectors_are_found() {
        let falling: Vec<f64> = (0..24).map(|i| 4.0 * 0.8f64.powi(i)).collect();
        // f64 all the way here: exact up to rounding where all columns are searched at once.
        check([24, 40], &falling, 8, Effort::Converged, 1e-12);
        check([40, 24], &falling, 8, Effort::Rounds(0), 1e-12);
        check([30, 30], &falling, 24, Effort::Converged, 1e-12);
        // Equal values have no vectors of their own, but a common plane.
        check([20, 20], &[2.0, 2.0, 2.0, 1.0], 4, Effort::Converged, 1e-12);
        // A matrix of rank 2 asked for 4: the others are zero.
        check([16, 12], &[3.0, 1.0], 4, Effort::Converged, 1e-12);
        // Too wide for all columns: rounds.
        check([300, 280], &falling, 6, Effort::Converged, 1e-6);
        check([280, 300], &falling, 6, Effort::Rounds(8), 1e-6);
    }
}
