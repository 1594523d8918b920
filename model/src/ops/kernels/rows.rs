//! From tokens, which lie end to end, to the rows in which they attend, in one launch.
//!
//! A unit moves the two halves of a head that rotary positions turn together. Which token a place takes
//! is one number, below zero for padding.

#[cfg(test)]
mod tests;

use crate::layout::Heads;
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Reads the two halves of a head at `at`, in f32.
#[cube]
pub(super) fn halves<T: Float, N: Size>(
    from: &Tensor<Vector<T, N>>,
    at: usize,
    half: usize,
) -> (Vector<f32, N>, Vector<f32, N>) {
    (Vector::<f32, N>::cast_from(from[at]), Vector::<f32, N>::cast_from(from[at + half]))
}

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn rows_kernel<T: Float, I: Int, N: Size>(
    q: &Tensor<Vector<T, N>>,
    k: &Tensor<Vector<T, N>>,
    v: &Tensor<Vector<T, N>>,
    cos: &Tensor<Vector<f32, N>>,
    sin: &Tensor<Vector<f32, N>>,
    tokens: &Tensor<I>,
    rows: &mut Tensor<Vector<T, N>>,
    queries: usize,
    keys: usize,
    half: usize,
    first_key: usize,
    first_value: usize,
    count: usize,
    #[define(T, I)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let width = rows.vector_size();
    let heads = queries + 2 * keys;
    let pair = ABSOLUTE_POS % half;
    let head = (ABSOLUTE_POS / half) % heads;
    let place = ABSOLUTE_POS / (half * heads);
    let to = place * (rows.stride(0) / width) + head * 2 * half + pair;
    let token = i32::cast_from(tokens[place]);
    let mut first = Vector::<f32, N>::new(0.0);
    let mut second = Vector::<f32, N>::new(0.0);
    if token >= 0 {
        let token = usize::cast_from(token);
        if head < queries {
            let at = token * (q.stride(1) / width) + head * 2 * half + pair;
            let (a, b) = halves::<T, N>(q, at, half);
            first = a;
            second = b;
        } else if head < queries + keys {
            let at = token * (k.stride(1) / width) + first_key + (head - queries) * 2 * half + pair;
            let (a, b) = halves::<T, N>(k, at, half);
            first = a;
            second = b;
        } else {
            let own = head - queries - keys;
            let at = token * (v.stride(1) / width) + first_value + own * 2 * half + pair;
            let (a, b) = halves::<T, N>(v, at, half);
            first = a;
            second = b;
        }
        if head < queries + keys {
            let angle = token * (cos.stride(2) / width) + pair;
            let turned = first * cos[angle] - second * sin[angle];
            second = second * cos[angle + half] + first * sin[angle + half];
            first = turned;
        }
    }
    rows[to] = Vector::cast_from(first);
    rows[to + half] = Vector::cast_from(second);
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn spread_kernel<T: Float, I: Int, N: Size>(
    source: &Tensor<Vector<T, N>>,
    tokens: &Tensor<I>,
    rows: &mut Tensor<Vector<T, N>>,
    across: usize,
    count: usize,
    #[define(T, I)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let width = rows.vector_size();
    let column = ABSOLUTE_POS % across;
    let place = ABSOLUTE_POS / across;
    let token = i32::cast_from(tokens[place]);
    let mut value = Vector::<f32, N>::new(0.0);
    if token >= 0 {
        let from = usize::cast_from(token) * (source.stride(0) / width) + column;
        value = Vector::<f32, N>::cast_from(source[from]);
    }
    let to = place * (rows.stride(0) / width) + column;
    rows[to] = Vector::cast_from(value);
}

/// See [`crate::ops::rows`]. Keys and values begin at `columns` of their tensors, queries at 0.
pub(super) fn rows(
    projected: [CubeTensor; 3],
    rotary: [CubeTensor; 2],
    tokens: CubeTensor,
    heads: Heads,
    columns: [usize; 2],
) -> CubeTensor {
    let [q, k, v] = projected.map(along_rows);
    let [cos, sin] = rotary.map(into_contiguous);
    let Heads { queries, keys_values: keys, head_dim } = heads;
    let all = queries + 2 * keys;
    let places = tokens.meta.num_elements();
    let output = empty(&q, [places, all * head_dim]);
    let width = vector_width(4, head_dim / 2, &[&q, &k, &v, &cos, &sin, &output]);
    let half = head_dim / 2 / width;
    let count = places * all * half;
    if count == 0 {
        return output;
    }
    let first = |column: usize| column / width;
    let dtypes = [&output, &tokens].map(elements);
    let (dim, cubes) = grid(&output, count);
    let address = address(&[&q, &k, &v, &cos, &tokens, &output]);
    // SAFETY: a unit reads what its token has, which is within the projections and the tables, or
    // nothing where there is none; it writes its own place of the rows.
    unsafe {
        rows_kernel::launch_unchecked(
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
            first(columns[0]),
            first(columns[1]),
            count,
            dtypes,
        );
    }
    output
}

/// See [`crate::ops::spread`].
pub(super) fn spread(source: CubeTensor, tokens: CubeTensor) -> CubeTensor {
    let source = along_rows(source);
    let (places, wide) = (tokens.meta.num_elements(), source.meta.shape()[1]);
    let output = empty(&source, [places, wide]);
    let width = vector_width(source.dtype.size(), wide, &[&source, &output]);
    let across = wide / width;
    let count = places * across;
    if count == 0 {
        return output;
    }
    let dtypes = [&output, &tokens].map(elements);
    let (dim, cubes) = grid(&output, count);
    let address = address(&[&source, &tokens, &output]);
    // SAFETY: a unit reads its token, which is within the source, and writes its own place.
    unsafe {
        spread_kernel::launch_unchecked(
            &output.client,
            cubes,
            dim,
            address,
            width,
            source.into_tensor_arg(),
            tokens.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            across,
            count,
            dtypes,
        );
    }
    output
}

/// `tensor` with the values of its last dimension side by side.
pub(super) fn along_rows(tensor: CubeTensor) -> CubeTensor {
    if tensor.meta.strides().last() == Some(&1) { tensor } else { into_contiguous(tensor) }
}

/// How many values a unit moves at a time, of rows of `count` values: what divides them, every
/// stride, and is wide enough for elements of `bytes`.
pub(super) fn vector_width(bytes: usize, count: usize, tensors: &[&CubeTensor]) -> usize {
    let fits = |width: usize| {
        let strides = |tensor: &&CubeTensor| {
            let strides = tensor.meta.strides();
            strides[..strides.len() - 1].iter().all(|stride| stride.is_multiple_of(width))
        };
        count.is_multiple_of(width) && tensors.iter().all(strides)
    };
    let sizes = tensors[0].client.io_optimized_vector_sizes(bytes);
    sizes.filter(|width| fits(*width)).max().unwrap_or(1)
}

/// A tensor of this shape, of the type and device of `like`, with nothing in it yet.
pub(super) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    let shape = burn::tensor::Shape::new(shape);
    empty_device_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// The grid of a launch over `count` units.
pub(super) fn grid(like: &CubeTensor, count: usize) -> (CubeDim, CubeCount) {
    let dim = CubeDim::new(&like.client, count);
    (dim, calculate_cube_count_elemwise(&like.client, count, dim))
}

/// The widest addresses that any of `tensors` needs.
pub(super) fn address(tensors: &[&CubeTensor]) -> AddressType {
    tensors.iter().map(|tensor| tensor.required_address_type()).max().unwrap_or_default()
}

/// The element type of `tensor`, as kernels are defined for it.
pub(super) fn elements(tensor: &CubeTensor) -> cubecl::ir::ElemType {
    burn::backend::cubecl::dtype_to_storage_type(tensor.dtype)
}
