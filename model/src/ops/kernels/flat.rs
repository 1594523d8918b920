//! Values into their place in a flat buffer, and sums of squares in a fixed order.

#[cfg(test)]
mod tests;

use super::given::own;
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Units of a cube that sums.
const WIDTH: usize = 256;

/// Which values of a buffer are meant, and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first of them.
    pub(crate) from: usize,
    /// How many they are.
    pub(crate) count: usize,
    /// The first place in the output.
    pub(crate) at: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn pour_kernel<T: Float>(
    into: &mut [f32],
    values: &[T],
    from: u32,
    count: u32,
    at: u32,
    #[comptime] adds: bool,
    #[define(T)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= count as usize {
        terminate!();
    }
    let value = f32::cast_from(values[ABSOLUTE_POS + from as usize]);
    let place = ABSOLUTE_POS + at as usize;
    if comptime!(adds) {
        into[place] += value;
    } else {
        into[place] = value;
    }
}

/// See [`crate::ops::pour`].
pub(super) fn pour(into: CubeTensor, values: CubeTensor, span: Span, adds: bool) -> CubeTensor {
    let (into, values) = (own(into), into_contiguous(values));
    let cube_dim = CubeDim::new(&into.client, span.count);
    let cubes = calculate_cube_count_elemwise(&into.client, span.count, cube_dim);
    let address = into.required_address_type().max(values.required_address_type());
    let dtype = values.dtype;
    // SAFETY: units beyond `count` end at once; the caller's spans lie within both buffers.
    unsafe {
        pour_kernel::launch_unchecked(
            &into.client,
            cubes,
            cube_dim,
            address,
            into.clone().into_buffer_arg(),
            values.into_buffer_arg(),
            span.from as u32,
            span.count as u32,
            span.at as u32,
            adds,
            dtype_to_storage_type(dtype),
        );
    }
    into
}

/// A cube sums a unit: each of its units every `WIDTH`-th value, then halves meet halves.
#[cube(launch_unchecked, address_type = "dynamic")]
fn squares_kernel<T: Float>(
    sums: &mut [f32],
    values: &[T],
    from: u32,
    count: u32,
    at: u32,
    #[comptime] unit: usize,
    #[define(T)] _dtype: ElemType,
) {
    let mut shared = Shared::<[f32]>::new_slice(WIDTH);
    let me = UNIT_POS as usize;
    let start = CUBE_POS * unit;
    let count = count as usize;
    let mut sum = 0.0f32;
    for turn in 0..unit / WIDTH {
        let place = start + turn * WIDTH + me;
        if place < count {
            let value = f32::cast_from(values[place + from as usize]);
            sum += value * value;
        }
    }
    shared[me] = sum;
    sync_cube();
    let mut half = (WIDTH / 2).runtime();
    while half > 0 {
        if me < half {
            let other = shared[me + half];
            shared[me] += other;
        }
        sync_cube();
        half /= 2;
    }
    if me == 0 && start < count {
        sums[CUBE_POS + at as usize] = shared[0];
    }
}

/// See [`crate::ops::square_sums`]; `unit` is a multiple of [`WIDTH`].
pub(super) fn square_sums(
    sums: CubeTensor,
    values: CubeTensor,
    span: Span,
    unit: usize,
) -> CubeTensor {
    let (sums, values) = (own(sums), into_contiguous(values));
    let cube_dim = CubeDim::new_1d(WIDTH as u32);
    let threads = span.count.div_ceil(unit) * WIDTH;
    let cubes = calculate_cube_count_elemwise(&sums.client, threads, cube_dim);
    let address = sums.required_address_type().max(values.required_address_type());
    let dtype = values.dtype;
    // SAFETY: places beyond `count` are not read, cubes beyond it write nothing; the caller's spans lie
    // within both buffers.
    unsafe {
        squares_kernel::launch_unchecked(
            &sums.client,
            cubes,
            cube_dim,
            address,
            sums.clone().into_buffer_arg(),
            values.into_buffer_arg(),
            span.from as u32,
            span.count as u32,
            span.at as u32,
            unit,
            dtype_to_storage_type(dtype),
        );
    }
    sums
}

/// Whether the kernels take buffers of this unit.
pub(super) fn sums(unit: usize) -> bool {
    unit.is_multiple_of(WIDTH)
}
