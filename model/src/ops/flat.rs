//! Flat buffers: values put or added into their place, and sums of squares.

#![allow(clippy::single_range_in_vec_init, reason = "a place in a tensor of one dimension")]

#[cfg(feature = "kernels")]
use super::kernels;
use super::{F32, cast};
use burn::tensor::Tensor;
use std::ops::Range;

/// `into`, in f32, with `values[range]` from `at` on: in place of what is there, or added to it.
///
/// Where nobody else holds `into`, a GPU changes it where it lies.
pub fn pour(
    into: Tensor<1>,
    at: usize,
    values: &Tensor<1>,
    range: Range<usize>,
    adds: bool,
) -> Tensor<1> {
    if range.is_empty() {
        return into;
    }
    #[cfg(feature = "kernels")]
    let into = match kernels::pour(into, at, values, range.clone(), adds) {
        Ok(poured) => return poured,
        Err(into) => into,
    };
    let count = range.len();
    let mut part = cast(values.clone().narrow(0, range.start, count), F32);
    if adds {
        part = into.clone().narrow(0, at, count) + part;
    }
    into.slice_assign([at..at + count], part)
}

/// `sums`, in f32, with the sum of squares of every `unit` of `values[range]` from `at` on; the last unit
/// may be short.
///
/// The order of the additions depends on the unit alone, so that the sums are the same bits on every run of
/// a device.
pub fn square_sums(
    sums: Tensor<1>,
    at: usize,
    values: &Tensor<1>,
    range: Range<usize>,
    unit: usize,
) -> Tensor<1> {
    if range.is_empty() {
        return sums;
    }
    #[cfg(feature = "kernels")]
    let sums = match kernels::square_sums(sums, at, values, range.clone(), unit) {
        Ok(summed) => return summed,
        Err(sums) => sums,
    };
    let (whole, rest) = (range.len() / unit, range.len() % unit);
    let square =
        |start: usize, count: usize| cast(values.clone().narrow(0, start, count), F32).square();
    let mut sums = sums;
    if whole > 0 {
        let squares = square(range.start, whole * unit).reshape([whole, unit]);
        sums = sums.slice_assign([at..at + whole], squares.sum_dim(1).reshape([whole]));
    }
    if rest > 0 {
        let last = square(range.start + whole * unit, rest).sum();
        sums = sums.slice_assign([at + whole..at + whole + 1], last);
    }
    sums
}
