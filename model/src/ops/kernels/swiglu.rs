//! `silu(gate) ⊙ up` in one pass, and both its gradients in another.

use super::{empty_like, width};
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;
use cubecl::std::tensor::layout::linear::{LinearView, LinearViewMut};

#[cube(launch_unchecked, address_type = "dynamic")]
fn swiglu_kernel<T: Float, N: Size>(
    gate: LinearView<'_, Vector<T, N>>,
    up: LinearView<'_, Vector<T, N>>,
    mut output: LinearViewMut<'_, Vector<T, N>>,
    #[define(T)] _dtype: ElemType,
) {
    if !output.is_in_bounds(ABSOLUTE_POS) {
        terminate!();
    }
    let gate = Vector::<f32, N>::cast_from(gate.read(ABSOLUTE_POS));
    let up = Vector::<f32, N>::cast_from(up.read(ABSOLUTE_POS));
    let one = Vector::<f32, N>::new(1.0);
    let silu = gate / (one + (-gate).exp());
    output.write(ABSOLUTE_POS, Vector::cast_from(silu * up));
}

/// See [`crate::ops::swiglu`].
pub(super) fn forward(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
    let output = empty_like(&gate);
    let width = width(&[&gate, &up, &output]);
    let units = output.meta.num_elements() / width as usize;
    let cube_dim = CubeDim::new(&output.client, units);
    let cubes = calculate_cube_count_elemwise(&output.client, units, cube_dim);
    let address = output.required_address_type();
    // SAFETY: each unit checks that its place is within the output, and inputs are viewed in its shape.
    unsafe {
        swiglu_kernel::launch_unchecked(
            &output.client,
            cubes,
            cube_dim,
            address,
            width,
            gate.into_linear_view_like(&output),
            up.into_linear_view_like(&output),
            output.clone().into_linear_view(),
            burn::backend::cubecl::dtype_to_storage_type(output.dtype),
        );
    }
    output
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn swiglu_backward_kernel<T: Float, N: Size>(
    gate: LinearView<'_, Vector<T, N>>,
    up: LinearView<'_, Vector<T, N>>,
    dy: LinearView<'_, Vector<T, N>>,
    mut dgate: LinearViewMut<'_, Vector<T, N>>,
    mut dup: LinearViewMut<'_, Vector<T, N>>,
    #[define(T)] _dtype: ElemType,
) {
    if !dgate.is_in_bounds(ABSOLUTE_POS) {
        terminate!();
    }
    let gate = Vector::<f32, N>::cast_from(gate.read(ABSOLUTE_POS));
    let up = Vector::<f32, N>::cast_from(up.read(ABSOLUTE_POS));
    let dy = Vector::<f32, N>::cast_from(dy.read(ABSOLUTE_POS));
    let one = Vector::<f32, N>::new(1.0);
    let sigmoid = one / (one + (-gate).exp());
    let silu = gate * sigmoid;
    let slope = sigmoid + silu - silu * sigmoid;
    dgate.write(ABSOLUTE_POS, Vector::cast_from(dy * up * slope));
    dup.write(ABSOLUTE_POS, Vector::cast_from(dy * silu));
}

/// See [`crate::ops::swiglu_backward`].
pub(super) fn backward(
    gate: CubeTensor,
    up: CubeTensor,
    dy: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (dgate, dup) = (empty_like(&gate), empty_like(&gate));
    let width = width(&[&gate, &up, &dy, &dgate]);
    let units = dgate.meta.num_elements() / width as usize;
    let cube_dim = CubeDim::new(&dgate.client, units);
    let cubes = calculate_cube_count_elemwise(&dgate.client, units, cube_dim);
    let address = dgate.required_address_type();
    // SAFETY: as in `forward`; both outputs have one shape.
    unsafe {
        swiglu_backward_kernel::launch_unchecked(
            &dgate.client,
            cubes,
            cube_dim,
            address,
            width,
            gate.into_linear_view_like(&dgate),
            up.into_linear_view_like(&dgate),
            dy.into_linear_view_like(&dgate),
            dgate.clone().into_linear_view(),
            dup.clone().into_linear_view(),
            burn::backend::cubecl::dtype_to_storage_type(dgate.dtype),
        );
    }
    (dgate, dup)
}
