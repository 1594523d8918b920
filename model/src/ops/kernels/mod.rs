//! Operations on a GPU in one launch each.
//!
//! One source for every GPU: the kernels are CubeCL's, compiled for the device that the tensors lie on.
//! Each stands behind the function of [`ops`](crate::ops) whose plain body it is held against, and is
//! asked only for tensors without a tape: their backward passes are operations, too.

mod merge;
mod rows;
mod swiglu;
#[cfg(test)]
mod tests;
mod tokens;

use crate::layout::Heads;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::{Int, Tensor};
use burn_cubecl::cubecl::ir::VectorSize;
use burn_cubecl::cubecl::tensor_vector_size_parallel;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};

/// What the kernels do, as the backend is asked for it.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait Kernels: Backend {
    /// See [`crate::ops::swiglu`].
    #[fusion(dtype = gate, shape = gate)]
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::ops::rows`]. Keys and values begin at `columns` of their tensors.
    #[allow(clippy::too_many_arguments)]
    #[fusion(dtype = q, shape = rows_shape(tokens, heads))]
    fn rows(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        heads: Heads,
        columns: [usize; 2],
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::turn_back`]. Writes the tokens of one part, whose rows begin at
    /// `first_place`, into `output`, which nothing else holds.
    #[allow(clippy::too_many_arguments)]
    #[fusion(dtype = output, shape = output)]
    fn turn_back(
        output: FloatTensor<Self>,
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        first_place: usize,
        heads: Heads,
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::spread`].
    #[fusion(dtype = source, shape = spread_shape(source, tokens))]
    fn spread(source: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::ops::collect`]. Writes the tokens of one part, as
    /// [`turn_back`](Self::turn_back).
    #[fusion(dtype = output, shape = output)]
    fn collect(
        output: FloatTensor<Self>,
        part: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        first_place: usize,
    ) -> FloatTensor<Self>;

    /// See [`crate::ops::merge_attention`]; the sums come flat.
    #[fusion(meta = |own, own_sums, _shared, _shared_sums| (own.clone(), flat(own_sums)))]
    fn merge(
        own: FloatTensor<Self>,
        own_sums: FloatTensor<Self>,
        shared: FloatTensor<Self>,
        shared_sums: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl Kernels for CubeBackend {
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::forward(gate, up)
    }

    fn rows(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        heads: Heads,
        columns: [usize; 2],
    ) -> FloatTensor<Self> {
        rows::rows([q, k, v], [cos, sin], tokens, heads, columns)
    }

    fn turn_back(
        output: FloatTensor<Self>,
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        first_place: usize,
        heads: Heads,
    ) -> FloatTensor<Self> {
        tokens::turn_back(output, [q, k, v], [cos, sin], tokens, first_place, heads)
    }

    fn spread(source: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        rows::spread(source, tokens)
    }

    fn collect(
        output: FloatTensor<Self>,
        part: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        first_place: usize,
    ) -> FloatTensor<Self> {
        tokens::collect(output, part, tokens, first_place)
    }

    fn merge(
        own: FloatTensor<Self>,
        own_sums: FloatTensor<Self>,
        shared: FloatTensor<Self>,
        shared_sums: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        merge::merge(own, own_sums, shared, shared_sums)
    }
}

#[cfg(feature = "fusion")]
fn rows_shape(tokens: &burn::tensor::Shape, heads: &Heads) -> burn::tensor::Shape {
    let wide = (heads.queries + 2 * heads.keys_values) * heads.head_dim;
    burn::tensor::Shape::new([tokens.num_elements(), wide])
}

#[cfg(feature = "fusion")]
fn spread_shape(source: &burn::tensor::Shape, tokens: &burn::tensor::Shape) -> burn::tensor::Shape {
    burn::tensor::Shape::new([tokens.num_elements(), source[1]])
}

#[cfg(feature = "fusion")]
fn flat(
    sums: &burn::backend::fusion::custom::TensorSpec,
) -> burn::backend::fusion::custom::TensorSpec {
    let mut sums = sums.clone();
    sums.shape = burn::tensor::Shape::new([sums.shape.num_elements()]);
    sums
}

/// `tensor` as the kernels take it, if it lies on a GPU and has no tape.
fn primitive<const D: usize>(tensor: &Tensor<D>) -> Option<FloatTensor<Cube>> {
    if tensor.is_autodiff() {
        return None;
    }
    tensor.clone().try_into_primitive::<Cube>().ok()
}

/// Whether `tensor` lies where the kernels run, with no tape.
pub(crate) fn serves<const D: usize>(tensor: &Tensor<D>) -> bool {
    primitive(tensor).is_some()
}

fn places(tokens: &Tensor<1, Int>) -> Option<IntTensor<Cube>> {
    tokens.clone().try_into_primitive::<Cube>().ok()
}

/// See [`crate::ops::swiglu`].
pub(crate) fn swiglu<const D: usize>(gate: &Tensor<D>, up: &Tensor<D>) -> Option<Tensor<D>> {
    let result = <Cube as Kernels>::swiglu(primitive(gate)?, primitive(up)?);
    Some(Tensor::from_primitive::<Cube>(result))
}

/// See [`crate::ops::rows`]. Keys and values begin at `columns` of their tensors.
pub(crate) fn rows(
    [q, k, v]: [&Tensor<3>; 3],
    rotary: &(Tensor<4>, Tensor<4>),
    tokens: &Tensor<1, Int>,
    heads: Heads,
    columns: [usize; 2],
) -> Option<Tensor<2>> {
    if heads.head_dim % 2 != 0 {
        return None;
    }
    let result = <Cube as Kernels>::rows(
        primitive(q)?,
        primitive(k)?,
        primitive(v)?,
        primitive(&rotary.0)?,
        primitive(&rotary.1)?,
        places(tokens)?,
        heads,
        columns,
    );
    Some(Tensor::from_primitive::<Cube>(result))
}

/// See [`crate::ops::turn_back`].
pub(crate) fn turn_back(
    parts: &[[Tensor<4>; 3]],
    rotary: &(Tensor<4>, Tensor<4>),
    tokens: &Tensor<1, Int>,
    count: usize,
    heads: Heads,
) -> Option<Tensor<2>> {
    let like = &parts.first()?[0];
    if heads.head_dim % 2 != 0 || !serves(like) {
        return None;
    }
    let wide = (heads.queries + 2 * heads.keys_values) * heads.head_dim;
    let output = Tensor::<2>::empty([count, wide], (&like.device(), like.dtype()));
    let mut output = output.try_into_primitive::<Cube>().ok()?;
    let mut first_place = 0;
    for [q, k, v] in parts {
        let [rows, _, length, _] = q.dims();
        output = <Cube as Kernels>::turn_back(
            output,
            primitive(q)?,
            primitive(k)?,
            primitive(v)?,
            primitive(&rotary.0)?,
            primitive(&rotary.1)?,
            places(tokens)?,
            first_place,
            heads,
        );
        first_place += rows * length;
    }
    Some(Tensor::from_primitive::<Cube>(output))
}

/// See [`crate::ops::spread`].
pub(crate) fn spread(source: &Tensor<2>, tokens: &Tensor<1, Int>) -> Option<Tensor<2>> {
    let result = <Cube as Kernels>::spread(primitive(source)?, places(tokens)?);
    Some(Tensor::from_primitive::<Cube>(result))
}

/// See [`crate::ops::collect`].
pub(crate) fn collect(
    parts: &[Tensor<2>],
    tokens: &Tensor<1, Int>,
    count: usize,
) -> Option<Tensor<2>> {
    let like = parts.first()?;
    if !serves(like) {
        return None;
    }
    let output = Tensor::<2>::empty([count, like.dims()[1]], (&like.device(), like.dtype()));
    let mut output = output.try_into_primitive::<Cube>().ok()?;
    let mut first_place = 0;
    for part in parts {
        let part_places = part.dims()[0];
        output = <Cube as Kernels>::collect(output, primitive(part)?, places(tokens)?, first_place);
        first_place += part_places;
    }
    Some(Tensor::from_primitive::<Cube>(output))
}

/// See [`crate::ops::merge_attention`].
pub(crate) fn merge(
    (own, own_sums): (&Tensor<4>, &Tensor<3>),
    (shared, shared_sums): (&Tensor<4>, &Tensor<3>),
) -> Option<(Tensor<4>, Tensor<3>)> {
    let (output, sums) = <Cube as Kernels>::merge(
        primitive(own)?,
        primitive(own_sums)?,
        primitive(shared)?,
        primitive(shared_sums)?,
    );
    let sums = Tensor::<1>::from_primitive::<Cube>(sums).reshape(own_sums.dims());
    Some((Tensor::from_primitive::<Cube>(output), sums))
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
