//! Operations on the CPU in as few passes over memory as they need.
//!
//! A plain body makes one tensor per step of its formula, and so does its backward pass: an RMSNorm
//! reads and writes its input a dozen times where twice will do. The bodies here are loops over the
//! values themselves, with the backward pass written out. Each stands behind the function of
//! [`ops`](crate::ops) whose plain body it is held against, and is taken for f32 on flex alone.

mod attention;
mod carrier;
mod cross_entropy;
mod dropout;
mod lanes;
mod linear;
mod norm;
mod product;
mod swiglu;
#[cfg(test)]
mod tests;

pub(crate) use attention::{Attention, Span, attention};
pub(crate) use carrier::pull;
pub(crate) use cross_entropy::cross_entropy;
pub(crate) use dropout::dropout;
pub(crate) use linear::linear;
pub(crate) use norm::{normalise_rows, rms_norm};
pub(crate) use swiglu::swiglu;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;
use std::fmt::Debug;
use std::marker::PhantomData;

/// A tensor on a tape.
type AutodiffTensor = FloatTensor<Autodiff<Flex>>;

/// An operation on `N` tensors with its own backward pass.
pub(crate) trait Fused<const N: usize>: Clone + Debug + Send + 'static {
    /// What the backward pass needs beside the inputs.
    type Saved: Clone + Debug + Send + 'static;

    /// The result. Inputs are contiguous.
    fn forward(&self, inputs: [&FlexTensor; N]) -> (FlexTensor, Self::Saved);

    /// The gradient of each input, at least of those that are `wanted`. `gradient` is contiguous.
    fn backward(
        &self,
        inputs: [&FlexTensor; N],
        saved: Self::Saved,
        gradient: &FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N];
}

/// A tensor that a fused body can work on.
pub(crate) enum Input {
    Constant(FlexTensor),
    OnTape(AutodiffTensor),
}

/// `tensor` as an input, if it is f32 and lies on flex.
pub(crate) fn input<const D: usize>(tensor: &Tensor<D>) -> Option<Input> {
    if tensor.dtype() != DType::F32 {
        return None;
    }
    if tensor.is_autodiff() {
        tensor.clone().try_into_primitive::<Autodiff<Flex>>().ok().map(Input::OnTape)
    } else {
        constant(tensor).map(Input::Constant)
    }
}

/// The values of a tensor without a tape, if it is f32 and lies on flex; contiguous.
pub(crate) fn constant<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    let tensor = tensor.clone();
    (tensor.dtype() == DType::F32)
        .then(|| tensor.try_into_primitive::<Flex>().ok())
        .flatten()
        .map(|tensor| tensor.to_contiguous())
}

/// The result of `op`, on the tape of its inputs if one of them has one.
pub(crate) fn apply<F: Fused<N>, const N: usize, const D: usize>(
    op: F,
    inputs: [Input; N],
) -> Tensor<D> {
    if inputs.iter().all(|input| matches!(input, Input::Constant(_))) {
        let values = inputs.map(|input| match input {
            Input::Constant(values) => values,
            Input::OnTape(tensor) => tensor.into_primitive(),
        });
        return Tensor::from_primitive::<Flex>(op.forward(values.each_ref()).0);
    }
    let parts = inputs.map(|input| match input {
        Input::Constant(values) => AutodiffTensor::new(values).into_parts(),
        Input::OnTape(tensor) => tensor.into_parts(),
    });
    let values = parts.each_ref().map(|(values, _)| values.to_contiguous());
    let guards = parts.map(|(_, guard)| guard);
    let (output, saved) = op.forward(values.each_ref());
    let step = Step::<F>(PhantomData);
    let output = match step.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(State { op, values, saved }, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct Step<F>(PhantomData<F>);

#[derive(Clone, Debug)]
struct State<F, S, const N: usize> {
    op: F,
    values: [FlexTensor; N],
    saved: S,
}

impl<F: Fused<N>, const N: usize> Backward<Flex, N> for Step<F> {
    type State = State<F, F::Saved, N>;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let State { op, values, saved } = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let results = op.backward(values.each_ref(), saved, &gradient, wanted);
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(parent), Some(result)) = (parent, result) {
                gradients.register::<Flex>(parent.id, result);
            }
        }
    }
}

/// The values of a contiguous f32 tensor.
fn values(tensor: &FlexTensor) -> &[f32] {
    match tensor.as_slice() {
        Some(values) => values,
        None => unreachable!("a fused operation was given {tensor:?}, expected contiguous f32"),
    }
}

/// Dimensions of a tensor.
fn dims(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}

/// Length of the last dimension.
fn width(tensor: &FlexTensor) -> usize {
    tensor.layout().shape().last().copied().unwrap_or(1)
}

/// A tensor of these values.
fn tensor(values: Vec<f32>, dims: &[usize]) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(dims)), DType::F32)
}

/// `count` values, all of which `fill` writes: memory is not zeroed first.
fn written(count: usize, fill: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut values = Vec::with_capacity(count);
    // SAFETY: the allocation holds `count` values, and `fill` writes each before any is read.
    unsafe {
        fill(std::slice::from_raw_parts_mut(values.as_mut_ptr(), count));
        values.set_len(count);
    }
    values
}

/// Rows that one task works on: sums over rows are formed by such parts, so that they do not depend
/// on the number of threads.
const ROWS: usize = 64;

/// Values below which handing work to other threads costs more than it saves.
const WORTH_SHARING: usize = 1 << 16;

/// Calls `work(i)` for each part `i < parts`, on several threads where the work is large.
fn each_part(parts: usize, size: usize, work: impl Fn(usize) + Send + Sync) {
    if parts > 1 && size >= WORTH_SHARING && rayon::current_num_threads() > 1 {
        (0..parts).into_par_iter().for_each(work);
    } else {
        (0..parts).for_each(work);
    }
}

/// Values that tasks write disjoint parts of.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: whoever takes a part promises that no other task touches it.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// The `count` values from `start` on.
    ///
    /// # Safety
    /// They lie within the values that this was made of, and nobody else uses them meanwhile.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, start: usize, count: usize) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), count) }
    }

    /// Where value `start` lies.
    fn at(&self, start: usize) -> *mut f32 {
        self.0.wrapping_add(start)
    }
}
