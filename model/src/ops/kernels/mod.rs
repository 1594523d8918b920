//! Operations on a GPU in one launch each.
//!
//! One source for every GPU: the kernels are CubeCL's, compiled for the device that the tensors lie on.
//! Each stands behind the function of [`ops`](crate::ops) whose plain body it is held against, and is
//! asked only for tensors without a tape: their backward passes are operations, too.

mod attention;
mod blocks;
mod cross_entropy;
mod dropout;
mod embedding;
mod flat;
mod given;
#[cfg(test)]
pub(crate) mod launches;
mod merge;
mod norm;
mod norm_backward;
#[cfg(feature = "cuda")]
mod product;
mod rows;
#[cfg(test)]
pub(crate) mod site;
// Elsewhere than on CUDA only tests ask for it.
#[cfg(all(any(feature = "cuda", test), not(feature = "fusion")))]
pub(crate) mod staged;
mod steps;
mod swiglu;
mod team;
#[cfg(test)]
mod tests;
mod tokens;
mod update;
#[cfg(test)]
mod update_tests;

pub(crate) use attention::{collect, merge, rows, spread, turn_back};
pub(crate) use cross_entropy::cross_entropy;
pub(crate) use dropout::{add_dropout, dropout};
pub(crate) use embedding::add_rows;
pub(crate) use given::{pour, square_sums, update};
pub(crate) use norm::{add_rms_norm, normalise_rows, rms_norm};
pub(crate) use norm_backward::rms_norm_backward;
#[cfg(feature = "cuda")]
pub(crate) use product::{
    add_product, last_product_way, multiplies, on_cuda, product, product_routes,
};
#[cfg(test)]
pub(crate) use site::gpu;

use crate::ops::{Dropout, LossTerms};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::{Int, Tensor};
use burn_cubecl::cubecl::ir::VectorSize;
use burn_cubecl::cubecl::tensor_vector_size_parallel;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};
use norm_backward::Pulled;

/// What the kernels do, as the backend is asked for it.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait Kernels: Backend {
    /// See [`crate::ops::swiglu`].
    #[fusion(dtype = gate, shape = gate)]
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::ops::swiglu_backward`].
    #[fusion(meta = |gate, _up, _dy| (gate.clone(), gate.clone()))]
    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`crate::ops::rms_norm`].
    #[fusion(dtype = x, shape = x)]
    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;

    /// See [`crate::ops::add_rms_norm`].
    #[fusion(meta = |x, _r, _gain, _eps| (x.clone(), x.clone()))]
    fn add_rms_norm(
        x: FloatTensor<Self>,
        r: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`crate::ops::rms_norm_backward`]; `beside` is read if `adding`.
    #[fusion(dtype = x, shape = x)]
    fn rms_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        adding: bool,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// The same, and the gradient of the gain in f32.
    #[fusion(meta = |x, gain, _dy, _beside, _adding, _eps| (x.clone(), in_f32(gain)))]
    fn rms_norm_backward_of_both(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        adding: bool,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Loss of each row and gradient of the logits: see [`crate::ops::cross_entropy`].
    #[fusion(meta = |logits, _labels, weights, _smoothing, _z| (in_f32(weights), logits.clone()))]
    fn cross_entropy(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        weights: FloatTensor<Self>,
        smoothing: f64,
        z: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `sum`, with rows of `gradient` added where `plan` says: see [`crate::ops::add_rows`].
    #[fusion(dtype = sum, shape = sum)]
    fn add_rows(
        sum: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        plan: IntTensor<Self>,
        tokens: usize,
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::normalise_rows`].
    #[fusion(dtype = weight, shape = weight)]
    fn normalise_rows(weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::ops::dropout`].
    #[fusion(dtype = x, shape = x)]
    fn dropout(x: FloatTensor<Self>, by: Dropout) -> FloatTensor<Self>;

    /// See [`crate::ops::add_dropout`].
    #[fusion(dtype = base, shape = base)]
    fn add_dropout(base: FloatTensor<Self>, y: FloatTensor<Self>, by: Dropout)
    -> FloatTensor<Self>;
}

impl Kernels for CubeBackend {
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::forward(gate, up)
    }

    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        swiglu::backward(gate, up, dy)
    }

    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        norm::forward(x, gain, eps)
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        r: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        norm::add_forward(x, r, gain, eps)
    }

    fn rms_norm_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        adding: bool,
        eps: f64,
    ) -> FloatTensor<Self> {
        norm_backward::of_row(x, gain, Pulled { dy, beside, adding }, eps)
    }

    fn rms_norm_backward_of_both(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        adding: bool,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        norm_backward::of_both(x, gain, Pulled { dy, beside, adding }, eps)
    }

    fn cross_entropy(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        weights: FloatTensor<Self>,
        smoothing: f64,
        z: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        cross_entropy::chunk(logits, labels, weights, LossTerms { smoothing, z })
    }

    fn add_rows(
        sum: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        plan: IntTensor<Self>,
        tokens: usize,
    ) -> FloatTensor<Self> {
        embedding::add(sum, gradient, plan, tokens)
    }

    fn normalise_rows(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        norm::normalised(weight)
    }

    fn dropout(x: FloatTensor<Self>, by: Dropout) -> FloatTensor<Self> {
        dropout::forward(x, by)
    }

    fn add_dropout(
        base: FloatTensor<Self>,
        y: FloatTensor<Self>,
        by: Dropout,
    ) -> FloatTensor<Self> {
        dropout::add(base, y, by)
    }
}

/// What fusion is told of an output in f32.
#[cfg(feature = "fusion")]
fn in_f32(
    like: &burn::backend::fusion::custom::TensorSpec,
) -> burn::backend::fusion::custom::TensorSpec {
    burn::backend::fusion::custom::TensorSpec::new(like.shape.clone(), crate::ops::F32)
}

/// `tensor` as the kernels take it, if it lies on a GPU, has no tape, and is not empty.
fn primitive<const D: usize>(tensor: &Tensor<D>) -> Option<FloatTensor<Cube>> {
    if tensor.is_autodiff() || tensor.shape().num_elements() == 0 {
        return None;
    }
    tensor.clone().try_into_primitive::<Cube>().ok()
}

/// Whether `tensor` lies where the kernels run, with no tape.
pub(crate) fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    primitive(tensor).is_some()
}

/// [`primitive`] of whole numbers.
fn int_primitive<const D: usize>(tensor: &Tensor<D, Int>) -> Option<IntTensor<Cube>> {
    tensor.clone().try_into_primitive::<Cube>().ok()
}

/// See [`crate::ops::swiglu`].
pub(crate) fn swiglu<const D: usize>(gate: &Tensor<D>, up: &Tensor<D>) -> Option<Tensor<D>> {
    let result = <Cube as Kernels>::swiglu(primitive(gate)?, primitive(up)?);
    Some(Tensor::from_primitive::<Cube>(result))
}

/// See [`crate::ops::swiglu_backward`].
pub(crate) fn swiglu_backward(
    gate: &Tensor<3>,
    up: &Tensor<3>,
    dy: &Tensor<3>,
) -> Option<(Tensor<3>, Tensor<3>)> {
    if [up.dtype(), dy.dtype()] != [gate.dtype(); 2] {
        return None;
    }
    let (dgate, dup) =
        <Cube as Kernels>::swiglu_backward(primitive(gate)?, primitive(up)?, primitive(dy)?);
    Some((Tensor::from_primitive::<Cube>(dgate), Tensor::from_primitive::<Cube>(dup)))
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
