//! A step of the optimizer whose moments are kept in 8 bits, in blocks with a scale each.
//!
//! A cube changes a block: its units decode, step, find the largest magnitudes, and encode again.

use super::given::own;
use super::update::{Form, Numbers, Places, Work, adamw, after, before, sign};
use crate::ops::{BLOCK, Rule};
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Codes of a moment.
const CODES: usize = 256;

/// The code of a number between -1 and 1: the nearest in rising order, of two as near the lower.
#[cube]
fn nearest(table: &Shared<[f32]>, from: usize, value: f32) -> u32 {
    let mut low = 0usize.runtime();
    let mut half = (CODES / 2).runtime();
    while half > 0 {
        let next = low + half;
        if table[from + next] <= value {
            low = next;
        }
        half /= 2;
    }
    let above = select(low < CODES - 1, low + 1, low);
    let apart_above = (value - table[from + above]).abs();
    let apart_low = (value - table[from + low]).abs();
    select(apart_above < apart_low, above as u32, low as u32)
}

/// What of a number is left when its block's largest magnitude is 1; 0 where all are.
#[cube]
fn scaled(value: f32, largest: f32) -> f32 {
    let is_zero = largest == 0.0f32;
    select(is_zero, 0.0f32, value / select(is_zero, 1.0f32, largest))
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn blocks_kernel<T: Float, G: Float, C: Int, B: Numeric>(
    weight: &mut [T],
    gradient: &[G],
    first: &mut [C],
    first_scales: &mut [f32],
    second: &mut [C],
    second_scales: &mut [f32],
    codes: &[f32],
    beside: &mut [B],
    by: Numbers,
    at: Places,
    #[comptime] rule: Rule,
    #[comptime] form: Form,
    #[define(T)] _weight: ElemType,
    #[define(G)] _gradient: ElemType,
    #[define(C)] _codes: ElemType,
    #[define(B)] _beside: ElemType,
) {
    let mut table = Shared::<[f32]>::new_slice(2 * CODES);
    let mut most = Shared::<[f32]>::new_slice(2 * BLOCK);
    let me = UNIT_POS as usize;
    table[me] = codes[me];
    table[me + CODES] = codes[me + CODES];
    sync_cube();
    let i = CUBE_POS * BLOCK + me;
    let inside = i < at.count as usize;
    let place = i + at.weight as usize;
    let kept = i + at.state as usize;
    let block = CUBE_POS + at.state as usize / BLOCK;
    // Units beyond the end take part in finding the largest, with zeros.
    let mut m = 0.0f32;
    let mut v = 0.0f32;
    let mut w = 0.0f32;
    let mut direction = 0.0f32;
    if inside {
        let g = f32::cast_from(gradient[i + at.gradient as usize]) * by.scale;
        w = before::<T, B>(weight, beside, place, kept, form);
        m = table[u32::cast_from(first[kept]) as usize] * first_scales[block];
        if comptime!(rule == Rule::AdamW) {
            v = table[CODES + u32::cast_from(second[kept]) as usize] * second_scales[block];
            m = m * by.beta1 + g * by.rest1;
            v = v * by.beta2 + g * g * by.rest2;
            direction = adamw(m, v, &by);
        } else {
            direction = sign(m * by.beta1 + g * by.rest1);
            m = m * by.beta2 + g * by.rest2;
        }
    }
    most[me] = m.abs();
    most[me + BLOCK] = v.abs();
    sync_cube();
    let mut half = (BLOCK / 2).runtime();
    while half > 0 {
        if me < half {
            most[me] = max(most[me], most[me + half]);
            most[me + BLOCK] = max(most[me + BLOCK], most[me + BLOCK + half]);
        }
        sync_cube();
        half /= 2;
    }
    if inside {
        first[kept] = C::cast_from(nearest(&table, 0usize, scaled(m, most[0])));
        if comptime!(rule == Rule::AdamW) {
            second[kept] = C::cast_from(nearest(&table, CODES, scaled(v, most[BLOCK])));
        }
        let w = w * by.keep - direction * by.rate;
        after::<T, B>(weight, beside, place, kept, w, &at, form);
        if me == 0 {
            first_scales[block] = most[0];
            if comptime!(rule == Rule::AdamW) {
                second_scales[block] = most[BLOCK];
            }
        }
    }
}

/// The tensors of a launch; what the rule or the form has none of is any tensor of its type.
pub(super) struct Tensors {
    pub(super) weight: CubeTensor,
    pub(super) gradient: CubeTensor,
    pub(super) first: [CubeTensor; 2],
    pub(super) second: [CubeTensor; 2],
    /// The numbers that codes stand for, of the first moment and then of the second.
    pub(super) codes: CubeTensor,
    pub(super) beside: CubeTensor,
}

/// See [`crate::ops::update`]; the state of the piece begins with a block.
pub(super) fn update(tensors: Tensors, work: Work) -> Tensors {
    let Work { step, piece, form, .. } = work;
    let tensors = Tensors {
        weight: own(tensors.weight),
        gradient: into_contiguous(tensors.gradient),
        first: tensors.first.map(own),
        second: tensors.second.map(own),
        codes: into_contiguous(tensors.codes),
        beside: own(tensors.beside),
    };
    let Tensors { weight, gradient, first, second, codes, beside } = &tensors;
    let client = &weight.client;
    let cube_dim = CubeDim::new_1d(BLOCK as u32);
    let threads = piece.count.div_ceil(BLOCK) * BLOCK;
    let cubes = calculate_cube_count_elemwise(client, threads, cube_dim);
    let all = [weight, gradient, &first[0], beside];
    let address = all.map(CubeTensor::required_address_type).into_iter().max();
    // SAFETY: places beyond `count` are neither read nor written; the caller's piece lies within all buffers
    // that the rule and the form touch, and codes are below `CODES`.
    unsafe {
        blocks_kernel::launch_unchecked(
            client,
            cubes,
            cube_dim,
            address.unwrap_or_default(),
            weight.clone().into_buffer_arg(),
            gradient.clone().into_buffer_arg(),
            first[0].clone().into_buffer_arg(),
            first[1].clone().into_buffer_arg(),
            second[0].clone().into_buffer_arg(),
            second[1].clone().into_buffer_arg(),
            codes.clone().into_buffer_arg(),
            beside.clone().into_buffer_arg(),
            work.numbers(),
            work.places(),
            step.rule,
            form,
            dtype_to_storage_type(weight.dtype),
            dtype_to_storage_type(gradient.dtype),
            dtype_to_storage_type(first[0].dtype),
            dtype_to_storage_type(beside.dtype),
        );
    }
    tensors
}
