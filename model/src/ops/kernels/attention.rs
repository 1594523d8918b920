//! What attention over groups asks of a GPU: rows with positions, and parts that come together again.

use super::{
    int_primitive, merge as merging, primitive, rows as to_rows, serves, tokens as to_tokens,
};
use crate::layout::Heads;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn::tensor::{Int, Tensor};
use burn_cubecl::{Cube, CubeBackend};

/// The kernels around attention, as the backend is asked for them.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait AttentionKernels: Backend {
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

impl AttentionKernels for CubeBackend {
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
        to_rows::rows([q, k, v], [cos, sin], tokens, heads, columns)
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
        to_tokens::turn_back(output, [q, k, v], [cos, sin], tokens, first_place, heads)
    }

    fn spread(source: FloatTensor<Self>, tokens: IntTensor<Self>) -> FloatTensor<Self> {
        to_rows::spread(source, tokens)
    }

    fn collect(
        output: FloatTensor<Self>,
        part: FloatTensor<Self>,
        tokens: IntTensor<Self>,
        first_place: usize,
    ) -> FloatTensor<Self> {
        to_tokens::collect(output, part, tokens, first_place)
    }

    fn merge(
        own: FloatTensor<Self>,
        own_sums: FloatTensor<Self>,
        shared: FloatTensor<Self>,
        shared_sums: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        merging::merge(own, own_sums, shared, shared_sums)
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
    let result = <Cube as AttentionKernels>::rows(
        primitive(q)?,
        primitive(k)?,
        primitive(v)?,
        primitive(&rotary.0)?,
        primitive(&rotary.1)?,
        int_primitive(tokens)?,
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
        output = <Cube as AttentionKernels>::turn_back(
            output,
            primitive(q)?,
            primitive(k)?,
            primitive(v)?,
            primitive(&rotary.0)?,
            primitive(&rotary.1)?,
            int_primitive(tokens)?,
            first_place,
            heads,
        );
        first_place += rows * length;
    }
    Some(Tensor::from_primitive::<Cube>(output))
}

/// See [`crate::ops::spread`] and [`crate::ops::take_rows`].
pub(crate) fn spread(source: &Tensor<2>, tokens: &Tensor<1, Int>) -> Option<Tensor<2>> {
    let result = <Cube as AttentionKernels>::spread(primitive(source)?, int_primitive(tokens)?);
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
        output = <Cube as AttentionKernels>::collect(
            output,
            primitive(part)?,
            int_primitive(tokens)?,
            first_place,
        );
        first_place += part_places;
    }
    Some(Tensor::from_primitive::<Cube>(output))
}

/// See [`crate::ops::merge_attention`].
pub(crate) fn merge(
    (own, own_sums): (&Tensor<4>, &Tensor<3>),
    (shared, shared_sums): (&Tensor<4>, &Tensor<3>),
) -> Option<(Tensor<4>, Tensor<3>)> {
    let (output, sums) = <Cube as AttentionKernels>::merge(
        primitive(own)?,
        primitive(own_sums)?,
        primitive(shared)?,
        primitive(shared_sums)?,
    );
    let sums = Tensor::<1>::from_primitive::<Cube>(sums).reshape(own_sums.dims());
    Some((Tensor::from_primitive::<Cube>(output), sums))
}
