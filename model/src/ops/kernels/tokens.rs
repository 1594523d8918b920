//! From rows back to the tokens, which lie end to end: one launch for each part of the rows.
//!
//! A unit moves the two halves of a head that rotary positions turn together, or a few values that stay
//! as they are. As every token has one place, nothing is added up, and no atomic is needed.

use crate::layout::Heads;
use super::rows::{address, along_rows, elements, grid, halves, vector_width};
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

#[cube(launch_unchecked, address_type = "dynamic")]
// A variable of a kernel must have a value before a branch gives it one.
#[allow(clippy::too_many_arguments, unused_assignments)]
fn turn_back_kernel<T: Float, I: Int, N: Size>(
    q: &Tensor<Vector<T, N>>,
    k: &Tensor<Vector<T, N>>,
    v: &Tensor<Vector<T, N>>,
    cos: &Tensor<Vector<f32, N>>,
    sin: &Tensor<Vector<f32, N>>,
    tokens: &Tensor<I>,
    output: &mut Tensor<Vector<T, N>>,
    queries: usize,
    keys: usize,
    half: usize,
    length: usize,
    first_place: usize,
    count: usize,
    #[define(T, I)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let width = output.vector_size();
    let heads = queries + 2 * keys;
    let pair = ABSOLUTE_POS % half;
    let head = (ABSOLUTE_POS / half) % heads;
    let place = ABSOLUTE_POS / (half * heads);
    let token = i32::cast_from(tokens[first_place + place]);
    if token < 0 {
        terminate!();
    }
    let token = usize::cast_from(token);
    let row = place / length;
    let at = place % length;
    let mut first = Vector::<f32, N>::new(0.0);
    let mut second = Vector::<f32, N>::new(0.0);
    if head < queries {
        let from = row * q.stride(0) + head * q.stride(1) + at * q.stride(2);
        let (a, b) = halves::<T, N>(q, from / width + pair, half);
        first = a;
        second = b;
    } else if head < queries + keys {
        let from = row * k.stride(0) + (head - queries) * k.stride(1) + at * k.stride(2);
        let (a, b) = halves::<T, N>(k, from / width + pair, half);
        first = a;
        second = b;
    } else {
        let from = row * v.stride(0) + (head - queries - keys) * v.stride(1) + at * v.stride(2);
        let (a, b) = halves::<T, N>(v, from / width + pair, half);
        first = a;
        second = b;
    }
    if head < queries + keys {
        let angle = token * (cos.stride(2) / width) + pair;
        let turned = first * cos[angle] + second * sin[angle + half];
        second = second * cos[angle + half] - first * sin[angle];
        first = turned;
    }
    let to = token * (output.stride(0) / width) + head * 2 * half + pair;
    output[to] = Vector::cast_from(first);
    output[to + half] = Vector::cast_from(second);
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn collect_kernel<T: Float, I: Int, N: Size>(
    part: &Tensor<Vector<T, N>>,
    tokens: &Tensor<I>,
    output: &mut Tensor<Vector<T, N>>,
    across: usize,
    first_place: usize,
    count: usize,
    #[define(T, I)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let width = output.vector_size();
    let column = ABSOLUTE_POS % across;
    let place = ABSOLUTE_POS / across;
    let token = i32::cast_from(tokens[first_place + place]);
    if token < 0 {
        terminate!();
    }
    let to = usize::cast_from(token) * (output.stride(0) / width) + column;
    output[to] = part[place * (part.stride(0) / width) + column];
}

/// See [`crate::ops::turn_back`]: writes the tokens of one part into `output`.
pub(super) fn turn_back(
    output: CubeTensor,
    part: [CubeTensor; 3],
    rotary: [CubeTensor; 2],
    tokens: CubeTensor,
    first_place: usize,
    heads: Heads,
) -> CubeTensor {
    let [q, k, v] = part.map(along_rows);
    let [cos, sin] = rotary.map(into_contiguous);
    let Heads { queries, keys_values: keys, head_dim } = heads;
    let width = vector_width(4, head_dim / 2, &[&q, &k, &v, &cos, &sin, &output]);
    let half = head_dim / 2 / width;
    let (rows, length) = (q.meta.shape()[0], q.meta.shape()[2]);
    let count = rows * length * (queries + 2 * keys) * half;
    if count == 0 {
        return output;
    }
    let dtypes = [&output, &tokens].map(elements);
    let (dim, cubes) = grid(&output, count);
    let address = address(&[&q, &k, &v, &cos, &tokens, &output]);
    // SAFETY: a unit reads its own place of the part and writes its token, which is within the
    // output, or nothing where there is none.
    unsafe {
        turn_back_kernel::launch_unchecked(
            &output.client,
            cubes,
            dim,
            address,
            width,
            q.into_tensor_arg(),
            k.into_tensor_arg(),
            v.into_tensor_arg(),
            cos.into_tensor_arg(),
            sin.into_tensor_arg(),
            tokens.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            queries,
            keys,
            half,
            length,
            first_place,
            count,
            dtypes,
        );
    }
    output
}

/// See [`crate::ops::collect`]: writes the tokens of one part into `output`.
pub(super) fn collect(
    output: CubeTensor,
    part: CubeTensor,
    tokens: CubeTensor,
    first_place: usize,
) -> CubeTensor {
    let part = along_rows(part);
    let (places, wide) = (part.meta.shape()[0], part.meta.shape()[1]);
    let width = vector_width(part.dtype.size(), wide, &[&part, &output]);
    let across = wide / width;
    let count = places * across;
    if count == 0 {
        return output;
    }
    let dtypes = [&output, &tokens].map(elements);
    let (dim, cubes) = grid(&output, count);
    let address = address(&[&part, &tokens, &output]);
    // SAFETY: a unit reads its own place and writes its token, which is within the output.
    unsafe {
        collect_kernel::launch_unchecked(
            &output.client,
            cubes,
            dim,
            address,
            width,
            part.into_tensor_arg(),
            tokens.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            across,
            first_place,
            count,
            dtypes,
        );
    }
    output
}
