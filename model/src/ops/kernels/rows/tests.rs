//! Ways between tokens and rows, on a GPU and on the CPU.
#![allow(clippy::unwrap_used)]

use crate::layout::Heads;
use crate::ops::{self, Places};
use burn::tensor::{Device, Tensor, TensorData};

const HEADS: Heads = Heads { queries: 4, keys_values: 2, head_dim: 16 };
/// Two parts, of two rows of three and of one row of four.
const TOKENS: [i32; 10] = [4, 3, -1, 0, -1, -1, 1, 2, 5, -1];
const BACK: [i32; 6] = [3, 6, 7, 1, 0, 8];

fn values<const D: usize>(dims: [usize; D], seed: usize, device: &Device) -> Tensor<D> {
    let count: usize = dims.iter().product();
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 37 + seed * 11) % 199) as f32 / 50.0 - 2.0).collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn places(device: &Device) -> Places {
    Places {
        tokens: Tensor::from_data(TensorData::new(TOKENS.to_vec(), [10]), device),
        back: Tensor::from_data(TensorData::new(BACK.to_vec(), [6]), device),
        same: false,
    }
}

fn rotary(device: &Device) -> (Tensor<4>, Tensor<4>) {
    let angles = values([1, 1, 6, 16], 3, device);
    (angles.clone().cos(), angles.sin())
}

/// Holds what `op` computes on a GPU, by a kernel, against what it computes on the CPU.
fn check(op: impl Fn(&Device) -> Tensor<2>) {
    let gpu = crate::ops::kernels::gpu();
    let [found, expected] = [op(&gpu), op(&Device::flex())].map(|tensor| {
        let dims = tensor.dims();
        (dims, tensor.into_data().iter::<f32>().collect::<Vec<f32>>())
    });
    assert_eq!(found.0, expected.0);
    for (a, b) in found.1.iter().zip(&expected.1) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}

#[test]
fn tokens_go_to_rows_and_turn() {
    check(|device| {
        let packed = values([1, 6, 128], 1, device);
        ops::rows(&[packed], HEADS, Some(&rotary(device)), &places(device))
    });
    check(|device| {
        let parts = [(64, 1), (32, 2), (32, 3)].map(|(n, at)| values([1, 6, n], at, device));
        ops::rows(&parts, HEADS, Some(&rotary(device)), &places(device))
    });
}

#[test]
fn gradients_turn_back_to_tokens() {
    check(|device| {
        let part = |rows, length, seed| {
            [4, 2, 2].map(|heads| values([rows, heads, length, 16], seed + heads, device))
        };
        // The other part as views whose rows are not in the order of their dimensions.
        let crossed = |heads| values([1, 4, heads, 16], heads, device).swap_dims(1, 2);
        let parts = vec![part(2, 3, 1), [4, 2, 2].map(crossed)];
        ops::turn_back(parts, HEADS, Some(&rotary(device)), &places(device))
    });
}

#[test]
fn values_go_to_rows_and_back() {
    check(|device| ops::spread(values([6, 24], 1, device), &places(device)));
    check(|device| {
        let parts = vec![values([6, 24], 1, device), values([4, 24], 2, device)];
        ops::collect(parts, &places(device))
    });
}
