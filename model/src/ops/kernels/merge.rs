//! Attention over two sets of keys from attention over each, in one launch.

use super::rows::{address, along_rows, elements, empty, grid, vector_width};
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn merge_kernel<T: Float, N: Size>(
    own: &Tensor<Vector<T, N>>,
    own_sums: &Tensor<f32>,
    shared: &Tensor<Vector<T, N>>,
    shared_sums: &Tensor<f32>,
    output: &mut Tensor<Vector<T, N>>,
    sums: &mut Tensor<f32>,
    across: usize,
    heads: usize,
    length: usize,
    suffixes: usize,
    count: usize,
    #[define(T)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let width = output.vector_size();
    let column = ABSOLUTE_POS % across;
    let head = (ABSOLUTE_POS / across) % heads;
    let place = ABSOLUTE_POS / (across * heads);
    let row = place / length;
    let at = place % length;
    let group = row / suffixes;
    let along = row % suffixes * length + at;

    let own_at = (row * heads + head) * length + at;
    let own_sum = own_sums[own_at];
    let shared_sum = shared_sums[(group * heads + head) * suffixes * length + along];
    let largest = max(own_sum, shared_sum);
    let own_weight = (own_sum - largest).exp();
    let shared_weight = (shared_sum - largest).exp();
    let total = own_weight + shared_weight;

    let from = row * own.stride(0) + at * own.stride(1) + head * own.stride(2);
    let mine = Vector::<f32, N>::cast_from(own[from / width + column]);
    let from = group * shared.stride(0) + along * shared.stride(1) + head * shared.stride(2);
    let theirs = Vector::<f32, N>::cast_from(shared[from / width + column]);
    let mixed = mine * Vector::<f32, N>::new(own_weight / total)
        + theirs * Vector::<f32, N>::new(shared_weight / total);
    let to = row * output.stride(0) + at * output.stride(1) + head * output.stride(2);
    output[to / width + column] = Vector::cast_from(mixed);
    if column == 0 {
        sums[own_at] = largest + total.ln();
    }
}

/// See [`crate::ops::merge_attention`].
pub(super) fn merge(
    own: CubeTensor,
    own_sums: CubeTensor,
    shared: CubeTensor,
    shared_sums: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (own, shared) = (along_rows(own), along_rows(shared));
    let (own_sums, shared_sums) = (into_contiguous(own_sums), into_contiguous(shared_sums));
    let shape = own.meta.shape();
    let [rows, length, heads, wide] = [shape[0], shape[1], shape[2], shape[3]];
    let suffixes = rows / shared.meta.shape()[0].max(1);
    let output = empty(&own, [rows, length, heads, wide]);
    // Flat, so that its strides are those of its shape on any device.
    let sums = empty_device_dtype(
        own_sums.client.clone(),
        own_sums.device.clone(),
        burn::tensor::Shape::new([rows * heads * length]),
        own_sums.dtype,
    );
    let width = vector_width(own.dtype.size(), wide, &[&own, &shared, &output]);
    let across = wide / width;
    let count = rows * length * heads * across;
    if count > 0 {
        let dtype = elements(&output);
        let (dim, cubes) = grid(&output, count);
        let address = address(&[&own, &shared, &output]);
        // SAFETY: a unit reads its own places of the four, and writes its own of the two.
        unsafe {
            merge_kernel::launch_unchecked(
                &output.client,
                cubes,
                dim,
                address,
                width,
                own.into_tensor_arg(),
                own_sums.into_tensor_arg(),
                shared.into_tensor_arg(),
                shared_sums.into_tensor_arg(),
                output.clone().into_tensor_arg(),
                sums.clone().into_tensor_arg(),
                across,
                heads,
                length,
                suffixes,
                count,
                dtype,
            );
        }
    }
    (output, sums)
}

#[cfg(test)]
mod tests {
    use super::super::site::{Found, Site, assert_gaps, check, with_gaps};
    use crate::ops::merge_attention;
    use burn::tensor::Tensor;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 11) % 199) as f32 / 10.0 - 10.0).collect()
    }

    fn values(dims: [usize; 4], seed: usize, gap: usize, site: &Site) -> Tensor<4> {
        let make = |dims: [usize; 4]| site.tensor(numbers(dims.iter().product(), seed), dims);
        let tensor = with_gaps(make, dims, gap);
        if gap > 0 {
            assert_gaps(&tensor);
        }
        tensor
    }

    fn sums(dims: [usize; 3], seed: usize, gap: usize, site: &Site) -> Tensor<3> {
        let make = |dims: [usize; 3]| site.full(numbers(dims.iter().product(), seed), dims);
        with_gaps(make, dims, gap)
    }

    #[test]
    fn merging_is_the_plain_one() {
        // Two groups of three suffixes of five, four heads; rows with gaps behind them, as CUDA has them.
        for gap in [0, 16, 240] {
            check(&format!("merging, {gap}"), |site| {
                let own = values([6, 5, 4, 12], 1, gap, site);
                let shared = values([2, 15, 4, 12], 3, gap, site);
                let own_sums = sums([6, 4, 5], 2, gap, site);
                let shared_sums = sums([2, 4, 15], 4, gap, site);
                let (mixed, sums) = merge_attention((own, own_sums), (shared, shared_sums));
                vec![Found::new(mixed), Found::full(sums)]
            });
        }
    }
}
