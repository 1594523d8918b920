//! A product of matrices that lie by rows, as a library sees it that counts by columns.
//!
//! What lies by rows as `[rows, columns]` lies by columns as `[columns, rows]`: its transpose. Instead of
//! `C = A B` the library is therefore asked for `Cᵀ = Bᵀ Aᵀ`: the operands change places, and each is
//! its own transpose already.

/// Type of a matrix's numbers. Sums are formed in f32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Number {
    /// bfloat16.
    Bf16,
    /// Single precision.
    F32,
}

impl Number {
    /// `cudaDataType_t`.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::F32 => 0,
            Self::Bf16 => 14,
        }
    }
}

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Numbers from one row in memory to the next.
    pub stride: usize,
    /// Whether the rows in memory are the operand's columns.
    pub transposed: bool,
    /// Numbers from one matrix of a batch to the next.
    pub apart: usize,
}

/// `c[m, n] = a[m, k] b[k, n]`, so many times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// Matrices in each operand.
    pub batch: usize,
    /// The left operand.
    pub a: Operand,
    /// The right operand.
    pub b: Operand,
    /// The result; it lies by rows.
    pub c: Operand,
    /// Type of both operands.
    pub input: Number,
    /// Type of the result.
    pub output: Number,
}

/// A matrix by columns, and whether the product takes its transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByColumns {
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
    pub transposed: bool,
    pub apart: usize,
    pub number: Number,
}

impl Problem {
    /// The library's first operand: our right one.
    pub(super) fn first(&self) -> ByColumns {
        by_columns(self.b, [self.k, self.n], self.input)
    }

    /// The library's second operand: our left one.
    pub(super) fn second(&self) -> ByColumns {
        by_columns(self.a, [self.m, self.k], self.input)
    }

    /// The result.
    pub(super) fn out(&self) -> ByColumns {
        by_columns(self.c, [self.m, self.n], self.output)
    }
}

fn by_columns(operand: Operand, [rows, columns]: [usize; 2], number: Number) -> ByColumns {
    let Operand { stride, transposed, apart } = operand;
    let [rows, columns] = if transposed { [rows, columns] } else { [columns, rows] };
    ByColumns { rows, columns, stride, transposed, apart, number }
}
