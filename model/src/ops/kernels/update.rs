//! A step of the optimizer over flat buffers: everything is read and written once, in place.

use super::given::own;
use crate::ops::{Piece, Rule, Step};
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// What is kept beside the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// Nothing: the weight is written as it comes.
    Plain,
    /// A copy in f32.
    Full,
    /// The lower halves of it.
    Split,
    /// Nothing: rounded by chance.
    Rounded,
}

/// A launch but for its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) step: Step,
    pub(crate) piece: Piece,
    pub(crate) form: Form,
    /// Of random bits, under [`Form::Rounded`].
    pub(crate) key: u64,
}

impl Work {
    pub(super) fn numbers(&self) -> NumbersLaunch {
        let step = &self.step;
        NumbersLaunch::new(
            step.scale,
            step.rate,
            step.keep,
            step.beta1,
            step.beta2,
            step.rest1,
            step.rest2,
            step.epsilon,
            step.correct1,
            step.correct2,
        )
    }

    pub(super) fn places(&self) -> PlacesLaunch {
        let Self { piece, key, .. } = self;
        PlacesLaunch::new(
            piece.weight as u32,
            piece.gradient as u32,
            piece.state as u32,
            piece.count as u32,
            *key as u32,
            (*key >> 32) as u32,
        )
    }
}

/// The numbers of a step, as [`Step`] has them.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Numbers {
    pub(super) scale: f32,
    pub(super) rate: f32,
    pub(super) keep: f32,
    pub(super) beta1: f32,
    pub(super) beta2: f32,
    pub(super) rest1: f32,
    pub(super) rest2: f32,
    pub(super) epsilon: f32,
    pub(super) correct1: f32,
    pub(super) correct2: f32,
}

/// Where the piece lies, and the two halves of the key of random bits.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Places {
    pub(super) weight: u32,
    pub(super) gradient: u32,
    pub(super) state: u32,
    pub(super) count: u32,
    key_low: u32,
    key_high: u32,
}

/// Adds `add` to the bits of `value` and cuts the lower half off: a number that bf16 holds.
#[cube]
fn rounded(value: f32, add: u32) -> f32 {
    let bits = u32::reinterpret(value);
    let up = f32::reinterpret((bits + add) & 0xffff_0000u32);
    // What is not a number stays so: the sum could run over into another one.
    let is_nan = (bits & 0x7fff_ffffu32) > 0x7f80_0000u32;
    select(is_nan, f32::reinterpret(0x7fc0_0000u32), up)
}

/// [`joined`](crate::rounding::joined), of a bf16 number in f32.
#[cube]
fn joined(weight: f32, low: u32) -> f32 {
    let up = select(low >= 0x8000u32, 0x1_0000u32, 0u32);
    f32::reinterpret((u32::reinterpret(weight) - up) | low)
}

/// [`draw`](crate::rounding::draw), in halves of its 64 bits: not every GPU has more than 32.
#[cube]
fn draw(key_low: u32, key_high: u32, index: u32) -> u32 {
    let counter = index >> 2u32;
    // + counter · 0x9E37_79B9_7F4A_7C15
    let product = counter * 0x7F4A_7C15u32;
    let mut low = key_low + product;
    let carry = select(low < product, 1u32, 0u32);
    let mut high = key_high + counter.mul_hi(0x7F4A_7C15u32) + counter * 0x9E37_79B9u32 + carry;
    // ^ >> 30, · 0xBF58_476D_1CE4_E5B9
    low ^= (low >> 30u32) | (high << 2u32);
    high ^= high >> 30u32;
    high = low.mul_hi(0x1CE4_E5B9u32) + low * 0xBF58_476Du32 + high * 0x1CE4_E5B9u32;
    low *= 0x1CE4_E5B9u32;
    // ^ >> 27, · 0x94D0_49BB_1331_11EB
    low ^= (low >> 27u32) | (high << 5u32);
    high ^= high >> 27u32;
    high = low.mul_hi(0x1331_11EBu32) + low * 0x94D0_49BBu32 + high * 0x1331_11EBu32;
    low *= 0x1331_11EBu32;
    // ^ >> 31
    low ^= (low >> 31u32) | (high << 1u32);
    high ^= high >> 31u32;
    // Each four values share a number.
    let word = select((index & 2u32) == 0u32, low, high);
    (word >> (16u32 * (index & 1u32))) & 0xffffu32
}

/// The value of a weight in f32.
#[cube]
pub(super) fn before<T: Float, B: Numeric>(
    weight: &mut [T],
    beside: &mut [B],
    place: usize,
    kept: usize,
    #[comptime] form: Form,
) -> f32 {
    let mut w = f32::cast_from(weight[place]);
    if comptime!(form == Form::Full) {
        w = f32::cast_from(beside[kept]);
    }
    if comptime!(form == Form::Split) {
        w = joined(w, u32::cast_from(beside[kept]));
    }
    w
}

/// Writes `w` as the form has it.
#[cube]
pub(super) fn after<T: Float, B: Numeric>(
    weight: &mut [T],
    beside: &mut [B],
    place: usize,
    kept: usize,
    w: f32,
    at: &Places,
    #[comptime] form: Form,
) {
    if comptime!(form == Form::Plain) {
        weight[place] = T::cast_from(w);
    }
    if comptime!(form == Form::Full) {
        beside[kept] = B::cast_from(w);
        weight[place] = T::cast_from(rounded(w, 0x8000u32));
    }
    if comptime!(form == Form::Split) {
        beside[kept] = B::cast_from(u32::reinterpret(w) & 0xffffu32);
        weight[place] = T::cast_from(rounded(w, 0x8000u32));
    }
    if comptime!(form == Form::Rounded) {
        let chance = draw(at.key_low, at.key_high, place as u32);
        weight[place] = T::cast_from(rounded(w, chance));
    }
}

/// The direction of AdamW, of its new moments.
#[cube]
pub(super) fn adamw(m: f32, v: f32, by: &Numbers) -> f32 {
    (m / by.correct1) / ((v / by.correct2).sqrt() + by.epsilon)
}

/// -1, 0 or 1.
#[cube]
pub(super) fn sign(value: f32) -> f32 {
    select(value > 0.0f32, 1.0f32, select(value < 0.0f32, -1.0f32, 0.0f32))
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn update_kernel<T: Float, G: Float, B: Numeric>(
    weight: &mut [T],
    gradient: &[G],
    first: &mut [f32],
    second: &mut [f32],
    beside: &mut [B],
    by: Numbers,
    at: Places,
    #[comptime] rule: Rule,
    #[comptime] form: Form,
    #[define(T)] _weight: ElemType,
    #[define(G)] _gradient: ElemType,
    #[define(B)] _beside: ElemType,
) {
    if ABSOLUTE_POS >= at.count as usize {
        terminate!();
    }
    let place = ABSOLUTE_POS + at.weight as usize;
    let kept = ABSOLUTE_POS + at.state as usize;
    let g = f32::cast_from(gradient[ABSOLUTE_POS + at.gradient as usize]) * by.scale;
    let w = before::<T, B>(weight, beside, place, kept, form);
    let mut direction = g;
    if comptime!(rule == Rule::AdamW) {
        let m = first[kept] * by.beta1 + g * by.rest1;
        let v = second[kept] * by.beta2 + g * g * by.rest2;
        first[kept] = m;
        second[kept] = v;
        direction = adamw(m, v, &by);
    }
    if comptime!(rule == Rule::Lion) {
        let m = first[kept];
        direction = sign(m * by.beta1 + g * by.rest1);
        first[kept] = m * by.beta2 + g * by.rest2;
    }
    let w = w * by.keep - direction * by.rate;
    after::<T, B>(weight, beside, place, kept, w, &at, form);
}

/// The tensors of a launch; what the rule or the form has none of is any tensor of its type.
pub(super) struct Tensors {
    pub(super) weight: CubeTensor,
    pub(super) gradient: CubeTensor,
    pub(super) first: CubeTensor,
    pub(super) second: CubeTensor,
    pub(super) beside: CubeTensor,
}

/// See [`crate::ops::update`].
pub(super) fn update(tensors: Tensors, work: Work) -> Tensors {
    let Work { step, piece, form, .. } = work;
    let tensors = Tensors {
        weight: own(tensors.weight),
        gradient: into_contiguous(tensors.gradient),
        first: own(tensors.first),
        second: own(tensors.second),
        beside: own(tensors.beside),
    };
    let Tensors { weight, gradient, first, second, beside } = &tensors;
    let client = &weight.client;
    let cube_dim = CubeDim::new(client, piece.count);
    let cubes = calculate_cube_count_elemwise(client, piece.count, cube_dim);
    let all = [weight, gradient, first, second, beside];
    let address = all.map(CubeTensor::required_address_type).into_iter().max();
    // SAFETY: units beyond `count` end at once; the caller's piece lies within all buffers that the rule and
    // the form touch.
    unsafe {
        update_kernel::launch_unchecked(
            client,
            cubes,
            cube_dim,
            address.unwrap_or_default(),
            weight.clone().into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            first.clone().into_buffer_arg(),
            second.clone().into_buffer_arg(),
            beside.clone().into_buffer_arg(),
            work.numbers(),
            work.places(),
            step.rule,
            form,
            dtype_to_storage_type(weight.dtype),
            dtype_to_storage_type(gradient.dtype),
            dtype_to_storage_type(beside.dtype),
        );
    }
    tensors
}
