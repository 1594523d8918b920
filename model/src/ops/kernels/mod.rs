//! Operations on a GPU in one launch each.
//!
//! One source for every GPU: the kernels are CubeCL's, compiled for the device that the tensors lie on.
//! Each stands behind the function of [`ops`](crate::ops) whose plain body it is held against, and is
//! asked only for tensors without a tape: their backward passes are operations, too.

mod blocks;
mod flat;
mod given;
mod swiglu;
#[cfg(test)]
mod tests;
mod update;
#[cfg(test)]
mod update_tests;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::cubecl::ir::VectorSize;
use burn_cubecl::cubecl::tensor_vector_size_parallel;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};
use flat::Span;
pub(crate) use given::{pour, square_sums, update};
use update::{Tensors, Work};

/// What the kernels do, as the backend is asked for it.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait Kernels: Backend {
    /// See [`crate::ops::swiglu`].
    #[fusion(dtype = gate, shape = gate)]
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::ops::update`]: weight, moments and what is beside them.
    #[fusion(meta = |weight, _, first, second, beside, _| {
        (weight.clone(), first.clone(), second.clone(), beside.clone())
    })]
    fn update(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        work: Work,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same with lower halves beside.
    #[fusion(meta = |weight, _, first, second, low, _| {
        (weight.clone(), first.clone(), second.clone(), low.clone())
    })]
    fn update_split(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        low: IntTensor<Self>,
        work: Work,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>);

    /// See [`crate::ops::update`], with moments in 8 bits: weight, moments and what is beside them.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    #[fusion(meta = |weight, _, first, first_scales, second, second_scales, _, beside, _| {
        (
            weight.clone(),
            first.clone(),
            first_scales.clone(),
            second.clone(),
            second_scales.clone(),
            beside.clone(),
        )
    })]
    fn update_blocks(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: IntTensor<Self>,
        first_scales: FloatTensor<Self>,
        second: IntTensor<Self>,
        second_scales: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        work: Work,
    ) -> (
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );

    /// The same with lower halves beside.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    #[fusion(meta = |weight, _, first, first_scales, second, second_scales, _, low, _| {
        (
            weight.clone(),
            first.clone(),
            first_scales.clone(),
            second.clone(),
            second_scales.clone(),
            low.clone(),
        )
    })]
    fn update_blocks_split(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: IntTensor<Self>,
        first_scales: FloatTensor<Self>,
        second: IntTensor<Self>,
        second_scales: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        low: IntTensor<Self>,
        work: Work,
    ) -> (
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
    );

    /// See [`crate::ops::pour`].
    #[fusion(dtype = into, shape = into)]
    fn pour(
        into: FloatTensor<Self>,
        values: FloatTensor<Self>,
        span: Span,
        adds: bool,
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::square_sums`].
    #[fusion(dtype = sums, shape = sums)]
    fn square_sums(
        sums: FloatTensor<Self>,
        values: FloatTensor<Self>,
        span: Span,
        unit: usize,
    ) -> FloatTensor<Self>;
}

impl Kernels for CubeBackend {
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::forward(gate, up)
    }

    fn update(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        work: Work,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let tensors = Tensors { weight, gradient, first, second, beside };
        let Tensors { weight, first, second, beside, .. } = update::update(tensors, work);
        (weight, first, second, beside)
    }

    fn update_split(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        low: IntTensor<Self>,
        work: Work,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>) {
        <Self as Kernels>::update(weight, gradient, first, second, low, work)
    }

    fn update_blocks(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: IntTensor<Self>,
        first_scales: FloatTensor<Self>,
        second: IntTensor<Self>,
        second_scales: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        work: Work,
    ) -> (
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        let (first, second) = ([first, first_scales], [second, second_scales]);
        let tensors = blocks::Tensors { weight, gradient, first, second, codes, beside };
        let blocks::Tensors { weight, first, second, beside, .. } = blocks::update(tensors, work);
        let ([first, first_scales], [second, second_scales]) = (first, second);
        (weight, first, first_scales, second, second_scales, beside)
    }

    fn update_blocks_split(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: IntTensor<Self>,
        first_scales: FloatTensor<Self>,
        second: IntTensor<Self>,
        second_scales: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        low: IntTensor<Self>,
        work: Work,
    ) -> (
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
    ) {
        <Self as Kernels>::update_blocks(
            weight,
            gradient,
            first,
            first_scales,
            second,
            second_scales,
            codes,
            low,
            work,
        )
    }

    fn pour(
        into: FloatTensor<Self>,
        values: FloatTensor<Self>,
        span: Span,
        adds: bool,
    ) -> FloatTensor<Self> {
        flat::pour(into, values, span, adds)
    }

    fn square_sums(
        sums: FloatTensor<Self>,
        values: FloatTensor<Self>,
        span: Span,
        unit: usize,
    ) -> FloatTensor<Self> {
        flat::square_sums(sums, values, span, unit)
    }
}

/// `tensor` as the kernels take it, if it lies on a GPU and has no tape.
fn primitive<const D: usize>(tensor: &Tensor<D>) -> Option<FloatTensor<Cube>> {
    if tensor.is_autodiff() {
        return None;
    }
    tensor.clone().try_into_primitive::<Cube>().ok()
}

/// See [`crate::ops::swiglu`].
pub(crate) fn swiglu<const D: usize>(gate: &Tensor<D>, up: &Tensor<D>) -> Option<Tensor<D>> {
    let result = <Cube as Kernels>::swiglu(primitive(gate)?, primitive(up)?);
    Some(Tensor::from_primitive::<Cube>(result))
}

/// A tensor of the shape, type and device of `like`, with nothing in it yet.
fn empty_like(like: &CubeTensor) -> CubeTensor {
    let shape = burn::tensor::Shape::from(like.meta.shape().to_vec());
    empty_device_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// How many neighbouring values of the last dimension one unit may take of each of these tensors.
fn width(tensors: &[&CubeTensor]) -> VectorSize {
    let of = |tensor: &&CubeTensor| {
        let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
        let sizes = tensor.client.io_optimized_vector_sizes(tensor.dtype.size());
        tensor_vector_size_parallel(sizes, shape, strides, shape.len() - 1)
    };
    tensors.iter().map(of).min().unwrap_or(1)
}
