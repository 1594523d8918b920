//! How fast a core computes: the same small work on every node, to find the slow one.

use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rows and columns of the matrices, which fit into a core's own cache.
const SIDE: usize = 192;

/// How long it is tried; the fastest time counts, since others may disturb one.
const TRIED: Duration = Duration::from_millis(800);

/// How fast a core computes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// Floating-point operations a second of one core in a plain matrix product: a measure to compare by,
    /// far below what training reaches.
    pub flops_per_second: f64,
}

/// Multiplies on this thread.
pub fn of_one_core() -> Effort {
    let value = |at: usize| (at % 7) as f32 / 7.0;
    let a: Vec<f32> = (0..SIDE * SIDE).map(value).collect();
    let b: Vec<f32> = a.iter().rev().copied().collect();
    let mut c = vec![0.0f32; SIDE * SIDE];
    let ends = Instant::now() + TRIED;
    let mut best = f64::INFINITY;
    while best.is_infinite() || Instant::now() < ends {
        let started = Instant::now();
        multiply(black_box(&a), black_box(&b), &mut c);
        black_box(&c);
        best = best.min(started.elapsed().as_secs_f64());
    }
    Effort { flops_per_second: 2.0 * (SIDE as f64).powi(3) / best.max(1e-9) }
}

/// `c = a b`, row by row.
fn multiply(a: &[f32], b: &[f32], c: &mut [f32]) {
    for (row, out) in a.chunks_exact(SIDE).zip(c.chunks_exact_mut(SIDE)) {
        out.fill(0.0);
        for (weight, values) in row.iter().zip(b.chunks_exact(SIDE)) {
            for (sum, value) in out.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_with_the_identity_is_the_matrix() {
        let a: Vec<f32> = (0..SIDE * SIDE).map(|at| at as f32).collect();
        let mut identity = vec![0.0; SIDE * SIDE];
        (0..SIDE).for_each(|at| identity[at * SIDE + at] = 1.0);
        let mut c = vec![9.0; SIDE * SIDE];
        multiply(&a, &identity, &mut c);
        assert!(a == c);
        assert!(of_one_core().flops_per_second.is_finite());
    }
}
