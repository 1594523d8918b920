//! RMSNorm: a row's statistics, and its norm while the row is held in registers.
//!
//! A cube takes a row at a time and reads it once. Everything is computed in f32 and rounded where the
//! plain bodies round, so that the order of the sums is all that differs from them.

use super::team::{Team, addresses, cube_sum, cubes_for, empty, rows_of, vector_size};
use super::{Kernels, primitive};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::Tensor;
use burn_cubecl::Cube;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Most units that share a row.
pub(super) const UNITS: usize = 1024;

/// See [`crate::ops::rms_norm`]; the gain is in the type of `x`.
pub(crate) fn rms_norm(x: &Tensor<3>, gain: &Tensor<1>, eps: f64) -> Option<Tensor<3>> {
    let (x, gain) = (primitive(x)?, primitive(gain)?);
    Some(Tensor::from_primitive::<Cube>(<Cube as Kernels>::rms_norm(x, gain, eps)))
}

/// See [`crate::ops::add_rms_norm`]; the gain is in the type of `x`.
pub(crate) fn add_rms_norm(
    x: &Tensor<3>,
    r: &Tensor<3>,
    gain: &Tensor<1>,
    eps: f64,
) -> Option<(Tensor<3>, Tensor<3>)> {
    let (x, r, gain) = (primitive(x)?, primitive(r)?, primitive(gain)?);
    let (sum, y) = <Cube as Kernels>::add_rms_norm(x, r, gain, eps);
    Some((Tensor::from_primitive::<Cube>(sum), Tensor::from_primitive::<Cube>(y)))
}

/// See [`crate::ops::normalise_rows`].
pub(crate) fn normalise_rows(weight: &Tensor<2>) -> Option<Tensor<2>> {
    let result = <Cube as Kernels>::normalise_rows(primitive(weight)?);
    Some(Tensor::from_primitive::<Cube>(result))
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn rms_norm_kernel<T: Float, N: Size>(
    x: &[Vector<T, N>],
    gain: &[Vector<T, N>],
    y: &mut [Vector<T, N>],
    rows: usize,
    vectors: usize,
    columns: f32,
    eps: f32,
    #[comptime] team: Team,
    #[define(T)] _dtype: ElemType,
) {
    let units = comptime!(team.units);
    let unit = UNIT_POS as usize;
    let mut row = CUBE_POS;
    while row < rows {
        let start = row * vectors;
        let mut held = Array::<Vector<f32, N>>::new(comptime!(team.each));
        let mut squares = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                let value = Vector::<f32, N>::cast_from(x[start + at]);
                held[i] = value;
                squares += value * value;
            }
        }
        let inverse = inverse_rms::<N>(squares, columns, eps, team);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                y[start + at] = scaled::<T, N>(held[i], inverse, gain[at]);
            }
        }
        row += CUBE_COUNT;
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn add_rms_norm_kernel<T: Float, N: Size>(
    x: &[Vector<T, N>],
    r: &[Vector<T, N>],
    gain: &[Vector<T, N>],
    sum: &mut [Vector<T, N>],
    y: &mut [Vector<T, N>],
    rows: usize,
    vectors: usize,
    columns: f32,
    eps: f32,
    #[comptime] team: Team,
    #[define(T)] _dtype: ElemType,
) {
    let units = comptime!(team.units);
    let unit = UNIT_POS as usize;
    let mut row = CUBE_POS;
    while row < rows {
        let start = row * vectors;
        let mut held = Array::<Vector<f32, N>>::new(comptime!(team.each));
        let mut squares = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                let first = Vector::<f32, N>::cast_from(x[start + at]);
                let second = Vector::<f32, N>::cast_from(r[start + at]);
                // The stream is what is kept, rounded: what is normed is that, not the sum before it.
                let rounded = Vector::<T, N>::cast_from(first + second);
                sum[start + at] = rounded;
                let value = Vector::<f32, N>::cast_from(rounded);
                held[i] = value;
                squares += value * value;
            }
        }
        let inverse = inverse_rms::<N>(squares, columns, eps, team);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                y[start + at] = scaled::<T, N>(held[i], inverse, gain[at]);
            }
        }
        row += CUBE_COUNT;
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn normalise_kernel<T: Float, N: Size>(
    weight: &[Vector<T, N>],
    output: &mut [Vector<T, N>],
    rows: usize,
    vectors: usize,
    #[comptime] team: Team,
    #[define(T)] _dtype: ElemType,
) {
    let units = comptime!(team.units);
    let unit = UNIT_POS as usize;
    let mut row = CUBE_POS;
    while row < rows {
        let start = row * vectors;
        let mut held = Array::<Vector<f32, N>>::new(comptime!(team.each));
        let mut squares = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                let value = Vector::<f32, N>::cast_from(weight[start + at]);
                held[i] = value;
                squares += value * value;
            }
        }
        let norm = max(cube_sum(Vector::vector_sum(squares), team).sqrt(), f32::new(1e-12));
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                output[start + at] = Vector::cast_from(held[i] / Vector::<f32, N>::new(norm));
            }
        }
        row += CUBE_COUNT;
    }
}

/// `1 / sqrt(mean(x²) + eps)` from each unit's sums of squares.
#[cube]
pub(super) fn inverse_rms<N: Size>(
    squares: Vector<f32, N>,
    columns: f32,
    eps: f32,
    #[comptime] team: Team,
) -> f32 {
    let mean = cube_sum(Vector::vector_sum(squares), team) / columns;
    f32::new(1.0) / (mean + eps).sqrt()
}

/// A normed value, rounded before the gain and after it.
#[cube]
fn scaled<T: Float, N: Size>(
    value: Vector<f32, N>,
    inverse: f32,
    gain: Vector<T, N>,
) -> Vector<T, N> {
    let normed = Vector::<T, N>::cast_from(value * Vector::<f32, N>::new(inverse));
    Vector::cast_from(Vector::<f32, N>::cast_from(normed) * Vector::<f32, N>::cast_from(gain))
}

/// See [`crate::ops::rms_norm`].
pub(super) fn forward(x: CubeTensor, gain: CubeTensor, eps: f64) -> CubeTensor {
    let (x, gain) = (into_contiguous(x), into_contiguous(gain));
    let y = empty(&x, x.meta.shape().clone(), x.dtype);
    let (rows, columns) = rows_of(&x);
    let size = vector_size(columns, &[&x]);
    let team = Team::new(&x.client, columns / size, UNITS);
    // SAFETY: a unit reads and writes vectors of rows below `rows`, and below `vectors` in each.
    unsafe {
        rms_norm_kernel::launch_unchecked(
            &y.client,
            CubeCount::new_1d(cubes_for(rows)),
            team.cube(),
            addresses(&[&x]),
            size,
            x.into_buffer_arg(),
            gain.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            rows,
            columns / size,
            columns as f32,
            eps as f32,
            team,
            dtype_to_storage_type(y.dtype),
        );
    }
    y
}

/// See [`crate::ops::add_rms_norm`].
pub(super) fn add_forward(
    x: CubeTensor,
    r: CubeTensor,
    gain: CubeTensor,
    eps: f64,
) -> (CubeTensor, CubeTensor) {
    let (x, r, gain) = (into_contiguous(x), into_contiguous(r), into_contiguous(gain));
    let new = || empty(&x, x.meta.shape().clone(), x.dtype);
    let (sum, y) = (new(), new());
    let (rows, columns) = rows_of(&x);
    let size = vector_size(columns, &[&x]);
    let team = Team::new(&x.client, columns / size, UNITS);
    // SAFETY: as in `forward`; all but the gain have one shape.
    unsafe {
        add_rms_norm_kernel::launch_unchecked(
            &y.client,
            CubeCount::new_1d(cubes_for(rows)),
            team.cube(),
            addresses(&[&x]),
            size,
            x.into_buffer_arg(),
            r.into_buffer_arg(),
            gain.into_buffer_arg(),
            sum.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            rows,
            columns / size,
            columns as f32,
            eps as f32,
            team,
            dtype_to_storage_type(y.dtype),
        );
    }
    (sum, y)
}

/// See [`crate::ops::normalise_rows`].
pub(super) fn normalised(weight: CubeTensor) -> CubeTensor {
    let weight = into_contiguous(weight);
    let output = empty(&weight, weight.meta.shape().clone(), weight.dtype);
    let (rows, columns) = rows_of(&weight);
    let size = vector_size(columns, &[&weight]);
    let team = Team::new(&weight.client, columns / size, UNITS);
    // SAFETY: as in `forward`.
    unsafe {
        normalise_kernel::launch_unchecked(
            &output.client,
            CubeCount::new_1d(cubes_for(rows)),
            team.cube(),
            addresses(&[&weight]),
            size,
            weight.into_buffer_arg(),
            output.clone().into_buffer_arg(),
            rows,
            columns / size,
            team,
            dtype_to_storage_type(output.dtype),
        );
    }
    output
}
