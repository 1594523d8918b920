//! Products of matrices that lie in slices.
//!
//! `gemm` is what flex itself multiplies with; called directly it adds to a result that exists, writes
//! into a part of one and takes operands as they lie.

use gemm::Parallelism;

/// Multiplications below which one thread is faster; flex's own bound.
const WORTH_SHARING: usize = 192 * 192 * 192;

/// A matrix in memory: element `(i, j)` lies at `values + i · row + j · column`.
#[derive(Clone, Copy)]
pub struct Matrix {
    values: *const f32,
    row: isize,
    column: isize,
}

impl Matrix {
    /// Rows of `stride` values, of which the first ones are meant.
    pub fn rows(values: &[f32], stride: usize) -> Self {
        Self { values: values.as_ptr(), row: stride as isize, column: 1 }
    }

    /// The transposed matrix.
    pub fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }
}

/// What happens to the values that the result has already.
#[derive(Clone, Copy, PartialEq)]
pub enum Existing {
    /// They are overwritten.
    Replace,
    /// The product is added to them.
    Keep,
}

/// `out[m, n] (+)= factor · a[m, k] b[k, n]`; rows of `out` are `stride` values apart.
///
/// # Safety
/// All elements lie in allocated memory, and nobody else touches those of `out` meanwhile.
#[allow(clippy::too_many_arguments)]
pub unsafe fn product(
    [m, n, k]: [usize; 3],
    out: *mut f32,
    stride: usize,
    existing: Existing,
    a: Matrix,
    b: Matrix,
    factor: f32,
    share: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let large = m.saturating_mul(n).saturating_mul(k) >= WORTH_SHARING;
    let several = share && large && rayon::current_num_threads() > 1;
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            stride as isize,
            existing == Existing::Keep,
            a.values,
            a.column,
            a.row,
            b.values,
            b.column,
            b.row,
            1.0,
            factor,
            false,
            false,
            false,
            if several { Parallelism::Rayon(0) } else { Parallelism::None },
        );
    }
}

/// `a[m, k] b[k, n]` in new memory.
pub fn new(dims: [usize; 3], a: Matrix, b: Matrix) -> Vec<f32> {
    let [m, n, k] = dims;
    if k == 0 {
        return vec![0.0; m * n];
    }
    super::written(m * n, |out| {
        // SAFETY: `out` has m · n values; the operands are what the caller says they are.
        unsafe { product(dims, out.as_mut_ptr(), n, Existing::Replace, a, b, 1.0, true) }
    })
}
