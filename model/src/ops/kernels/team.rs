//! How the units of a cube share a row, and add up what each of them found.
//!
//! Planes add in registers where the device has them, and shared memory does otherwise. The order of
//! every sum is fixed by the shape of the launch: no result depends on which unit comes first.

use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::features::Plane;
use cubecl::prelude::*;

/// Units of a cube that lie side by side over neighbouring columns, where a cube adds up rows.
pub(super) const ACROSS: usize = 32;
/// Units of such a cube over the rows of a column.
pub(super) const LANES: usize = 8;

/// Most cubes of a launch along one axis, on every device; rows beyond are a cube's second.
const MOST_CUBES: usize = 65_535;

/// The units of a cube that share a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Team {
    /// Units of the cube, a power of two.
    pub units: usize,
    /// Vectors of the row that a unit takes at most.
    pub each: usize,
    /// Most planes that the units form; 0 where planes cannot add.
    pub planes: usize,
}

impl Team {
    /// Units for a row of so many vectors, about four for each unit and never more than `most` units.
    pub fn new(client: &Client, vectors: usize, most: usize) -> Self {
        Self::of(client, vectors, 4, most)
    }

    /// The same with about `each` vectors for each unit.
    pub fn of(client: &Client, vectors: usize, each: usize, most: usize) -> Self {
        let hardware = &client.properties().hardware;
        let allowed = hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize;
        let most = 1 << allowed.min(most).max(1).ilog2();
        // A cube is whole planes, so that none of them adds what units outside the cube hold.
        let least = (hardware.plane_size_max as usize).next_power_of_two().max(32).min(most);
        let units = vectors.div_ceil(each).next_power_of_two().clamp(least, most);
        let has_planes = client.features().plane.contains(Plane::Ops);
        let narrowest = (hardware.plane_size_min as usize).max(1);
        let planes = if has_planes { units.div_ceil(narrowest) } else { 0 };
        Self { units, each: vectors.div_ceil(units), planes }
    }

    /// The cube of this team.
    pub fn cube(self) -> CubeDim {
        CubeDim::new_1d(self.units as u32)
    }
}

/// Cubes for so many rows.
pub(super) fn cubes_for(rows: usize) -> u32 {
    rows.min(MOST_CUBES) as u32
}

/// Most elements that one load moves, of rows of `columns` elements in the types of all `tensors`.
pub(super) fn vector_size(columns: usize, tensors: &[&CubeTensor]) -> usize {
    let widest = |tensor: &&CubeTensor| {
        let sizes = tensor.client.io_optimized_vector_sizes(tensor.dtype.size());
        sizes.filter(|size| columns.is_multiple_of(*size)).max().unwrap_or(1)
    };
    tensors.iter().map(widest).min().unwrap_or(1)
}

/// `(rows, columns)` of a tensor whose last dimension is a row.
pub(super) fn rows_of(tensor: &CubeTensor) -> (usize, usize) {
    let columns = tensor.meta.shape().last().copied().unwrap_or(1);
    (tensor.meta.num_elements() / columns.max(1), columns)
}

/// What addresses the largest of `tensors`.
pub(super) fn addresses(tensors: &[&CubeTensor]) -> AddressType {
    tensors.iter().map(|tensor| tensor.required_address_type()).max().unwrap_or_default()
}

/// A tensor beside `like`, rows without gaps, with nothing in it yet.
pub(super) fn empty(like: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, dtype)
}

/// The sum of every unit's `value`, in every unit.
#[cube]
pub(super) fn cube_sum(value: f32, #[comptime] team: Team) -> f32 {
    cube_joined(value, false, team)
}

/// The largest of every unit's `value`, in every unit.
#[cube]
pub(super) fn cube_max(value: f32, #[comptime] team: Team) -> f32 {
    cube_joined(value, true, team)
}

#[cube]
fn cube_joined(value: f32, #[comptime] largest: bool, #[comptime] team: Team) -> f32 {
    if comptime!(team.planes > 0) {
        joined_by_planes(value, largest, comptime!(team.planes))
    } else {
        joined_in_memory(value, largest, comptime!(team.units))
    }
}

/// Each plane joins its units, and every unit joins the planes.
#[cube]
fn joined_by_planes(value: f32, #[comptime] largest: bool, #[comptime] planes: usize) -> f32 {
    let mut slots = Shared::<[f32]>::new_slice(planes);
    let of_plane = if comptime!(largest) { plane_max(value) } else { plane_sum(value) };
    if UNIT_POS_PLANE == 0 {
        slots[PLANE_POS as usize] = of_plane;
    }
    sync_cube();
    let mut all = slots[0];
    for plane in 1..CUBE_DIM / PLANE_DIM {
        all = joined(all, slots[plane as usize], largest);
    }
    // The slots may be written again only when every unit has read them.
    sync_cube();
    all
}

/// Halves the values until one is left.
#[cube]
fn joined_in_memory(value: f32, #[comptime] largest: bool, #[comptime] units: usize) -> f32 {
    let mut slots = Shared::<[f32]>::new_slice(units);
    let unit = UNIT_POS as usize;
    slots[unit] = value;
    sync_cube();
    let mut half = comptime!(units / 2).runtime();
    while half > 0 {
        if unit < half {
            slots[unit] = joined(slots[unit], slots[unit + half], largest);
        }
        sync_cube();
        half /= 2;
    }
    let all = slots[0];
    sync_cube();
    all
}

#[cube]
fn joined(a: f32, b: f32, #[comptime] largest: bool) -> f32 {
    if comptime!(largest) { max(a, b) } else { a + b }
}

/// The sum over the [`LANES`] units of a column, in each of them; units `i` and `i + ACROSS` share one.
#[cube]
pub(super) fn lanes_sum<N: Size>(own: Vector<f32, N>) -> Vector<f32, N> {
    let mut slots = Shared::<[Vector<f32, N>]>::new_slice(comptime!(ACROSS * LANES));
    let unit = UNIT_POS as usize;
    slots[unit] = own;
    sync_cube();
    let column = unit % ACROSS;
    let mut all = slots[column];
    #[unroll]
    for lane in 1..LANES {
        all += slots[column + lane * ACROSS];
    }
    sync_cube();
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::kernels::site::units_are_threads;
    use burn::tensor::{Tensor, TensorData};
    use burn_cubecl::Cube;

    #[cube(launch_unchecked)]
    fn both_kernel(values: &[f32], output: &mut [f32], #[comptime] team: Team) {
        let value = values[UNIT_POS as usize];
        let sum = cube_sum(value, team);
        let most = cube_max(value, team);
        output[UNIT_POS as usize] = sum - 1000.0 * most;
    }

    /// Every unit finds the same, with planes and without.
    fn check(units: usize, with_planes: bool) {
        let device = crate::ops::kernels::gpu();
        let values: Vec<f32> = (0..units).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
        let tensor = Tensor::<1>::from_data(TensorData::new(values.clone(), [units]), &device);
        let Ok(input) = tensor.try_into_primitive::<Cube>() else {
            panic!("a tensor of the device has a primitive of it");
        };
        let team = Team::new(&input.client, 4 * units, units);
        assert_eq!(team.units, units);
        if with_planes && team.planes == 0 {
            return;
        }
        let team = Team { planes: if with_planes { team.planes } else { 0 }, ..team };
        let output = empty(&input, [units].into(), DType::F32);
        // SAFETY: there is a value for each unit.
        unsafe {
            both_kernel::launch_unchecked(
                &output.client,
                CubeCount::new_single(),
                team.cube(),
                input.into_buffer_arg(),
                output.clone().into_buffer_arg(),
                team,
            );
        }
        let most = values.iter().copied().fold(f32::MIN, f32::max);
        let expected = values.iter().sum::<f32>() - 1000.0 * most;
        let found: Vec<f32> =
            Tensor::<1>::from_primitive::<Cube>(output).into_data().iter().collect();
        assert_eq!(found, vec![expected; units], "{units} units, planes: {with_planes}");
    }

    #[test]
    fn a_cube_adds_up_and_finds_the_largest() {
        let all: &[usize] = if units_are_threads() { &[2] } else { &[32, 64, 256, 512] };
        for units in all.iter().copied() {
            check(units, true);
            check(units, false);
        }
    }

    #[test]
    fn a_team_covers_its_row() {
        let device = crate::ops::kernels::gpu();
        let Ok(tensor) = Tensor::<1>::zeros([1], &device).try_into_primitive::<Cube>() else {
            panic!("a tensor of the device has a primitive of it");
        };
        for vectors in [1, 5, 33, 512, 1280, 5119, 31_424] {
            let team = Team::new(&tensor.client, vectors, 512);
            assert!(team.units.is_power_of_two() && team.units <= 512, "{team:?}");
            assert!(team.units * team.each >= vectors, "{team:?}");
            assert!(team.units * (team.each - 1) < vectors, "{team:?}");
        }
    }
}
