//! Tensors that are given to kernels for good: those that nobody else holds are changed where they lie.

use super::flat::{self, Span};
use super::update::{Form, Work};
use super::{Kernels, primitive};
use crate::ops::{Beside, Piece, State, Step};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Int, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use std::ops::Range;

/// See [`crate::ops::pour`]; gives `into` back where it does not lie on a GPU.
pub(crate) fn pour(
    into: Tensor<1>,
    at: usize,
    values: &Tensor<1>,
    range: Range<usize>,
    adds: bool,
) -> Result<Tensor<1>, Tensor<1>> {
    let (from, count) = (range.start, range.len());
    match primitive(values).filter(|_| counts(&[range.end, at + count])) {
        Some(values) => {
            let poured =
                <Cube as Kernels>::pour(given(into), values, Span { from, count, at }, adds);
            Ok(Tensor::from_primitive::<Cube>(poured))
        }
        None => Err(into),
    }
}

/// See [`crate::ops::square_sums`]; gives `sums` back where they do not lie on a GPU.
pub(crate) fn square_sums(
    sums: Tensor<1>,
    at: usize,
    values: &Tensor<1>,
    range: Range<usize>,
    unit: usize,
) -> Result<Tensor<1>, Tensor<1>> {
    let (from, count) = (range.start, range.len());
    match primitive(values).filter(|_| counts(&[range.end, at + count]) && flat::sums(unit)) {
        Some(values) => {
            let span = Span { from, count, at };
            let summed = <Cube as Kernels>::square_sums(given(sums), values, span, unit);
            Ok(Tensor::from_primitive::<Cube>(summed))
        }
        None => Err(sums),
    }
}

/// See [`crate::ops::update`]; gives `weight` back where it does not lie on a GPU.
pub(crate) fn update(
    weight: Tensor<1>,
    gradient: &Tensor<1>,
    state: &mut State,
    piece: Piece,
    step: &Step,
) -> Result<Tensor<1>, Tensor<1>> {
    let Piece { count, .. } = piece;
    let ends = [piece.weight, piece.gradient, piece.state].map(|start| start + count);
    let Some(gradient) = primitive(gradient).filter(|_| counts(&ends) && !weight.is_autodiff())
    else {
        return Err(weight);
    };
    let device = weight.device();
    // Of one value: for what the rule or the form has none of.
    let none = || Tensor::<1>::empty([1], (&device, DType::F32));
    let (has_first, has_second) = (state.first.is_some(), state.second.is_some());
    let first = given(state.first.take().unwrap_or_else(none));
    let second = given(state.second.take().unwrap_or_else(none));
    let work = |form, key| Work { step: *step, piece, form, key };
    let weight = given(weight);
    let (weight, first, second) = match std::mem::replace(&mut state.beside, Beside::Nothing) {
        Beside::Low(low) => {
            let work = work(Form::Split, 0);
            let (weight, first, second, low) =
                Cube::update_split(weight, gradient, first, second, given_numbers(low), work);
            state.beside = Beside::Low(Tensor::<1, Int>::from_primitive::<Cube>(low));
            (weight, first, second)
        }
        Beside::Full(master) => {
            let work = work(Form::Full, 0);
            let (weight, first, second, master) =
                <Cube as Kernels>::update(weight, gradient, first, second, given(master), work);
            state.beside = Beside::Full(Tensor::from_primitive::<Cube>(master));
            (weight, first, second)
        }
        alone => {
            let work = match alone {
                Beside::Draws(key) => work(Form::Rounded, key),
                _ => work(Form::Plain, 0),
            };
            let (weight, first, second, _) =
                <Cube as Kernels>::update(weight, gradient, first, second, given(none()), work);
            state.beside = alone;
            (weight, first, second)
        }
    };
    state.first = has_first.then(|| Tensor::from_primitive::<Cube>(first));
    state.second = has_second.then(|| Tensor::from_primitive::<Cube>(second));
    Ok(Tensor::from_primitive::<Cube>(weight))
}

/// `tensor` where a kernel may write to it: as it is if nobody else holds its memory, else a copy.
pub(super) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// Whether places up to there can be counted by the kernels.
fn counts(places: &[usize]) -> bool {
    places.iter().all(|place| u32::try_from(*place).is_ok())
}

/// A tensor that is given away, as the kernels take it: where nobody else holds it, its memory is theirs.
fn given(tensor: Tensor<1>) -> FloatTensor<Cube> {
    match tensor.try_into_primitive::<Cube>() {
        Ok(primitive) => primitive,
        Err(error) => unreachable!("it lies on a GPU, as the tensors beside it: {error:?}"),
    }
}

/// The same of whole numbers.
fn given_numbers(tensor: Tensor<1, Int>) -> IntTensor<Cube> {
    match tensor.try_into_primitive::<Cube>() {
        Ok(primitive) => primitive,
        Err(error) => unreachable!("it lies on a GPU, as the tensors beside it: {error:?}"),
    }
}
