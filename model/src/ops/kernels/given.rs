//! Tensors that are given to kernels for good: those that nobody else holds are changed where they lie.

use super::flat::{self, Span};
use super::primitive;
use super::steps::Steps;
use super::update::{Form, Work};
use crate::ops::{Beside, Moment, Piece, State, Step};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Device, Int, Tensor};
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
            let poured = <Cube as Steps>::pour(given(into), values, Span { from, count, at }, adds);
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
            let summed = <Cube as Steps>::square_sums(given(sums), values, span, unit);
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
    let blocks = matches!(state.first, Some(Moment::Blocks { .. }));
    let one = One(weight.device());
    let (form, key) = match &state.beside {
        Beside::Nothing => (Form::Plain, 0),
        Beside::Full(_) => (Form::Full, 0),
        Beside::Low(_) => (Form::Split, 0),
        Beside::Draws(key) => (Form::Rounded, *key),
    };
    let work = Work { step: *step, piece, form, key };
    let weight = given(weight);
    let weight = match blocks {
        true => in_blocks(weight, gradient, state, &one, work),
        false => in_values(weight, gradient, state, &one, work),
    };
    Ok(Tensor::from_primitive::<Cube>(weight))
}

/// Tensors of one value: for what a rule or a form has none of.
struct One(Device);

impl One {
    fn value(&self) -> Tensor<1> {
        Tensor::empty([1], (&self.0, DType::F32))
    }

    fn number(&self) -> Tensor<1, Int> {
        Tensor::empty([1], (&self.0, DType::U32))
    }
}

fn in_values(
    weight: FloatTensor<Cube>,
    gradient: FloatTensor<Cube>,
    state: &mut State,
    one: &One,
    work: Work,
) -> FloatTensor<Cube> {
    let moment = |moment: &mut Option<Moment>| match moment.take() {
        Some(Moment::Values(values)) => (given(values), true),
        _ => (given(one.value()), false),
    };
    let (first, has_first) = moment(&mut state.first);
    let (second, has_second) = moment(&mut state.second);
    let (weight, first, second) = match std::mem::replace(&mut state.beside, Beside::Nothing) {
        Beside::Low(low) => {
            let (weight, first, second, low) =
                Cube::update_split(weight, gradient, first, second, given_numbers(low), work);
            state.beside = Beside::Low(Tensor::from_primitive::<Cube>(low));
            (weight, first, second)
        }
        beside => {
            let (master, left) = alone(beside, one);
            let (weight, first, second, master) =
                <Cube as Steps>::update(weight, gradient, first, second, master, work);
            state.beside =
                left.unwrap_or_else(|| Beside::Full(Tensor::from_primitive::<Cube>(master)));
            (weight, first, second)
        }
    };
    let values = |it| Moment::Values(Tensor::from_primitive::<Cube>(it));
    state.first = has_first.then(|| values(first));
    state.second = has_second.then(|| values(second));
    weight
}

fn in_blocks(
    weight: FloatTensor<Cube>,
    gradient: FloatTensor<Cube>,
    state: &mut State,
    one: &One,
    work: Work,
) -> FloatTensor<Cube> {
    let moment = |moment: &mut Option<Moment>| match moment.take() {
        Some(Moment::Blocks { codes, scales }) => (given_numbers(codes), given(scales), true),
        _ => (given_numbers(one.number()), given(one.value()), false),
    };
    let (first, first_scales, has_first) = moment(&mut state.first);
    let (second, second_scales, has_second) = moment(&mut state.second);
    let codes = state.codes.clone().unwrap_or_else(|| one.value());
    let blocks = Blocks { first, first_scales, second, second_scales, codes: given(codes) };
    let (weight, blocks) = match std::mem::replace(&mut state.beside, Beside::Nothing) {
        Beside::Low(low) => {
            let low = given_numbers(low);
            let (weight, blocks, low) = blocks.split(weight, gradient, low, work);
            state.beside = Beside::Low(Tensor::from_primitive::<Cube>(low));
            (weight, blocks)
        }
        beside => {
            let (master, left) = alone(beside, one);
            let (weight, blocks, master) = blocks.update(weight, gradient, master, work);
            state.beside =
                left.unwrap_or_else(|| Beside::Full(Tensor::from_primitive::<Cube>(master)));
            (weight, blocks)
        }
    };
    let moment = |codes, scales| Moment::Blocks {
        codes: Tensor::from_primitive::<Cube>(codes),
        scales: Tensor::from_primitive::<Cube>(scales),
    };
    state.first = has_first.then(|| moment(blocks.first, blocks.first_scales));
    state.second = has_second.then(|| moment(blocks.second, blocks.second_scales));
    weight
}

/// The master, or a tensor of one value and what stands for it.
fn alone(beside: Beside, one: &One) -> (FloatTensor<Cube>, Option<Beside>) {
    match beside {
        Beside::Full(master) => (given(master), None),
        other => (given(one.value()), Some(other)),
    }
}

/// Moments in 8 bits on their way to a kernel and back.
struct Blocks {
    first: IntTensor<Cube>,
    first_scales: FloatTensor<Cube>,
    second: IntTensor<Cube>,
    second_scales: FloatTensor<Cube>,
    codes: FloatTensor<Cube>,
}

impl Blocks {
    fn update(
        self,
        weight: FloatTensor<Cube>,
        gradient: FloatTensor<Cube>,
        beside: FloatTensor<Cube>,
        work: Work,
    ) -> (FloatTensor<Cube>, Self, FloatTensor<Cube>) {
        let Self { first, first_scales, second, second_scales, codes } = self;
        let (weight, first, first_scales, second, second_scales, beside) = Cube::update_blocks(
            weight,
            gradient,
            first,
            first_scales,
            second,
            second_scales,
            codes.clone(),
            beside,
            work,
        );
        (weight, Self { first, first_scales, second, second_scales, codes }, beside)
    }

    fn split(
        self,
        weight: FloatTensor<Cube>,
        gradient: FloatTensor<Cube>,
        low: IntTensor<Cube>,
        work: Work,
    ) -> (FloatTensor<Cube>, Self, IntTensor<Cube>) {
        let Self { first, first_scales, second, second_scales, codes } = self;
        let (weight, first, first_scales, second, second_scales, low) = Cube::update_blocks_split(
            weight,
            gradient,
            first,
            first_scales,
            second,
            second_scales,
            codes.clone(),
            low,
            work,
        );
        (weight, Self { first, first_scales, second, second_scales, codes }, low)
    }
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
pub(super) fn given<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Cube> {
    match tensor.try_into_primitive::<Cube>() {
        Ok(primitive) => primitive,
        Err(error) => unreachable!("it lies on a GPU, as the tensors beside it: {error:?}"),
    }
}

/// The same of whole numbers.
pub(super) fn given_numbers(tensor: Tensor<1, Int>) -> IntTensor<Cube> {
    match tensor.try_into_primitive::<Cube>() {
        Ok(primitive) => primitive,
        Err(error) => unreachable!("it lies on a GPU, as the tensors beside it: {error:?}"),
    }
}
