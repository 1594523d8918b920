//! The gradient of RMSNorm: for the row in the pass that reads it, and for the gain beside it.
//!
//! The gain's gradient is a sum over all rows: each cube adds up the rows that it takes anyway, and a
//! second launch the cubes' sums. Nothing is added atomically, so a step can be repeated to the bit.

use super::norm::{UNITS, inverse_rms};
use super::team::{
    ACROSS, LANES, Team, addresses, cube_sum, cubes_for, empty, lanes_sum, rows_of, vector_size,
};
use super::{Kernels, primitive};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Vectors of a row that a unit takes. It holds two tensors' and the sums of a third: of four vectors each,
/// registers would spill.
const EACH: usize = 2;

/// See [`crate::ops::rms_norm_backward`].
pub(crate) fn rms_norm_backward(
    x: &Tensor<3>,
    gain: &Tensor<1>,
    dy: &Tensor<3>,
    beside: Option<&Tensor<3>>,
    eps: f64,
    gain_wanted: bool,
) -> Option<(Tensor<3>, Option<Tensor<1>>)> {
    let one_type = [Some(dy), beside].into_iter().flatten().all(|t| t.dtype() == x.dtype());
    if !one_type {
        return None;
    }
    // A kernel has no optional inputs: where nothing is added, what is not read is `dy` once more.
    let adding = beside.is_some();
    let beside = primitive(beside.unwrap_or(dy))?;
    let (x, gain, dy) = (primitive(x)?, primitive(gain)?, primitive(dy)?);
    if gain_wanted {
        let (dx, of_gain) =
            <Cube as Kernels>::rms_norm_backward_of_both(x, gain, dy, beside, adding, eps);
        let of_gain = Tensor::from_primitive::<Cube>(of_gain);
        return Some((Tensor::from_primitive::<Cube>(dx), Some(of_gain)));
    }
    let dx = <Cube as Kernels>::rms_norm_backward(x, gain, dy, beside, adding, eps);
    Some((Tensor::from_primitive::<Cube>(dx), None))
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn rms_norm_backward_kernel<T: Float, G: Float, N: Size>(
    x: &[Vector<T, N>],
    gain: &[Vector<G, N>],
    dy: &[Vector<T, N>],
    beside: &[Vector<T, N>],
    dx: &mut [Vector<T, N>],
    partials: &mut [Vector<f32, N>],
    rows: usize,
    vectors: usize,
    columns: f32,
    eps: f32,
    #[comptime] adding: bool,
    #[comptime] of_both: bool,
    #[comptime] team: Team,
    #[define(T, G)] _dtypes: [ElemType; 2],
) {
    let units = comptime!(team.units);
    let unit = UNIT_POS as usize;
    let mut of_gain = Array::<Vector<f32, N>>::new(comptime!(team.each));
    #[unroll]
    for i in 0..comptime!(team.each) {
        of_gain[i] = Vector::<f32, N>::new(0.0);
    }
    let mut row = CUBE_POS;
    while row < rows {
        let start = row * vectors;
        let mut held = Array::<Vector<f32, N>>::new(comptime!(team.each));
        let mut arriving = Array::<Vector<f32, N>>::new(comptime!(team.each));
        let mut squares = Vector::<f32, N>::new(0.0);
        let mut products = Vector::<f32, N>::new(0.0);
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                let value = Vector::<f32, N>::cast_from(x[start + at]);
                let pulled = Vector::<f32, N>::cast_from(dy[start + at]);
                held[i] = value;
                arriving[i] = pulled;
                squares += value * value;
                products += pulled * Vector::<f32, N>::cast_from(gain[at]) * value;
            }
        }
        let inverse = inverse_rms::<N>(squares, columns, eps, team);
        // mean(g ⊙ x n)
        let along = cube_sum(Vector::vector_sum(products), team) * inverse / columns;
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                let normed = held[i] * Vector::<f32, N>::new(inverse);
                let pulled = arriving[i] * Vector::<f32, N>::cast_from(gain[at]);
                let mut result = (pulled - normed * Vector::<f32, N>::new(along))
                    * Vector::<f32, N>::new(inverse);
                if comptime!(adding) {
                    result += Vector::<f32, N>::cast_from(beside[start + at]);
                }
                dx[start + at] = Vector::cast_from(result);
                if comptime!(of_both) {
                    of_gain[i] += arriving[i] * normed;
                }
            }
        }
        row += CUBE_COUNT;
    }
    if comptime!(of_both) {
        #[unroll]
        for i in 0..comptime!(team.each) {
            let at = i * units + unit;
            if at < vectors {
                partials[CUBE_POS * vectors + at] = of_gain[i];
            }
        }
    }
}

/// Adds up the rows of `partials`, always in the same order.
#[cube(launch_unchecked, address_type = "dynamic")]
fn column_sums_kernel<N: Size>(
    partials: &[Vector<f32, N>],
    sums: &mut [Vector<f32, N>],
    rows: usize,
    vectors: usize,
) {
    let unit = UNIT_POS as usize;
    let column = CUBE_POS * ACROSS + unit % ACROSS;
    let mut own = Vector::<f32, N>::new(0.0);
    if column < vectors {
        let mut row = unit / ACROSS;
        while row < rows {
            own += partials[row * vectors + column];
            row += LANES;
        }
    }
    let all = lanes_sum::<N>(own);
    if unit < ACROSS && column < vectors {
        sums[column] = all;
    }
}

/// What the gradient of a row reads beside the row.
pub(super) struct Pulled {
    /// Gradient of the output.
    pub dy: CubeTensor,
    /// What is added to the result, if `adding`; else unread.
    pub beside: CubeTensor,
    /// Whether `beside` is added.
    pub adding: bool,
}

/// Gradient for `x`: see [`crate::ops::rms_norm_backward`].
pub(super) fn of_row(x: CubeTensor, gain: CubeTensor, pulled: Pulled, eps: f64) -> CubeTensor {
    let cubes = cubes_for(rows_of(&x).0);
    launch(x, gain, pulled, eps, (cubes, false)).0
}

/// The same, and the gradient for the gain.
pub(super) fn of_both(
    x: CubeTensor,
    gain: CubeTensor,
    pulled: Pulled,
    eps: f64,
) -> (CubeTensor, CubeTensor) {
    // Each cube adds up several rows before it writes a row of partial sums: enough to fill the device.
    let processors = x.client.properties().hardware.num_streaming_multiprocessors.unwrap_or(16);
    let cubes = cubes_for(rows_of(&x).0).min(4 * processors);
    let sums = empty(&gain, gain.meta.shape().clone(), DType::F32);
    let (dx, partials) = launch(x, gain, pulled, eps, (cubes, true));
    column_sums(partials, &sums, cubes as usize);
    (dx, sums)
}

/// The gradient for `x`, and a row of partial sums of each cube if they are wanted.
fn launch(
    x: CubeTensor,
    gain: CubeTensor,
    pulled: Pulled,
    eps: f64,
    (cubes, of_both): (u32, bool),
) -> (CubeTensor, CubeTensor) {
    let (x, gain) = (into_contiguous(x), into_contiguous(gain));
    let (dy, beside) = (into_contiguous(pulled.dy), into_contiguous(pulled.beside));
    let dx = empty(&x, x.meta.shape().clone(), x.dtype);
    let (rows, columns) = rows_of(&x);
    let size = vector_size(columns, &[&x, &gain]);
    let team = Team::of(&x.client, columns / size, EACH, UNITS);
    // A kernel has no optional outputs: what is not written has room for one vector.
    let kept = if of_both { [cubes as usize, columns] } else { [1, size] };
    let partials = empty(&x, kept.into(), DType::F32);
    // SAFETY: a unit reads and writes vectors of rows below `rows`, and below `vectors` in each; a cube
    // has its own row of partial sums.
    unsafe {
        rms_norm_backward_kernel::launch_unchecked(
            &dx.client,
            CubeCount::new_1d(cubes),
            team.cube(),
            addresses(&[&x, &partials]),
            size,
            x.into_buffer_arg(),
            gain.clone().into_buffer_arg(),
            dy.into_buffer_arg(),
            beside.into_buffer_arg(),
            dx.clone().into_buffer_arg(),
            partials.clone().into_buffer_arg(),
            rows,
            columns / size,
            columns as f32,
            eps as f32,
            pulled.adding,
            of_both,
            team,
            [dx.dtype, gain.dtype].map(dtype_to_storage_type),
        );
    }
    (dx, partials)
}

/// The sum of the rows of `partials`.
fn column_sums(partials: CubeTensor, sums: &CubeTensor, rows: usize) {
    let (_, columns) = rows_of(sums);
    // SAFETY: a unit reads columns below `columns` of rows below `rows`.
    unsafe {
        column_sums_kernel::launch_unchecked(
            &sums.client,
            CubeCount::new_1d(columns.div_ceil(ACROSS) as u32),
            CubeDim::new_1d((ACROSS * LANES) as u32),
            addresses(&[&partials]),
            1,
            partials.into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            rows,
            columns,
        );
    }
}
