//! What the kernels do for the end of a step, as the backend is asked for it: the other half of
//! [`Kernels`](super::Kernels).

use super::blocks;
use super::flat::{self, Span};
use super::update::{self, Tensors, Work};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};
use burn_cubecl::CubeBackend;

/// Updates of weights, and flat buffers.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub(crate) trait Steps: Backend {
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

impl Steps for CubeBackend {
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
        <Self as Steps>::update(weight, gradient, first, second, low, work)
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
        <Self as Steps>::update_blocks(
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
