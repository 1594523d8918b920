//! Every body of attention against the plain one on a tape: values and gradients.
#![allow(clippy::unwrap_used)]

use super::{AttentionBody, GroupBatch, Heads, Layout, Piece};
use crate::ops::GroupShape;
use crate::{DecoderConfig, config::Position};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// f32 on both sides: the order of summation only.
#[cfg(feature = "flex")]
const NEAR: f32 = 1e-5;
/// The same, and a device's own exponentials, sines and sums.
#[cfg(feature = "kernels")]
const NEAR_ON_GPU: f32 = 1e-4;

/// Groups of one piece, each a prefix and suffixes of these lengths; 0 for an absent suffix.
type Groups = &'static [(usize, &'static [usize])];

fn batch(pieces: &[Groups]) -> GroupBatch {
    let piece = |groups: &Groups| {
        let k = groups[0].1.len();
        assert!(groups.iter().all(|(_, suffixes)| suffixes.len() == k));
        let suffix_lengths: Vec<usize> =
            groups.iter().flat_map(|(_, suffixes)| suffixes.to_vec()).collect();
        Piece {
            groups: groups.len(),
            shape: GroupShape {
                prefix: groups.iter().map(|(prefix, _)| *prefix).max().unwrap(),
                k,
                suffix: suffix_lengths.iter().copied().max().unwrap(),
            },
            prefix_lengths: groups.iter().map(|(prefix, _)| *prefix).collect(),
            suffix_lengths,
        }
    };
    let pieces: Vec<Piece> = pieces.iter().map(piece).collect();
    let tokens: usize = pieces.iter().map(Piece::tokens).sum();
    GroupBatch { pieces, ids: vec![3; tokens], targets: Vec::new() }
}

fn config(heads: Heads, position: Position) -> DecoderConfig {
    DecoderConfig {
        hidden_size: heads.queries * heads.head_dim,
        num_attention_heads: heads.queries,
        num_key_value_heads: Some(heads.keys_values),
        position: Some(position),
        ..DecoderConfig::baichuan2_tiny()
    }
}

/// Made-up values of these dimensions, the same on every run and device.
fn values(dims: [usize; 3], seed: u64, device: &Device) -> Tensor<3> {
    let count = dims.iter().product::<usize>() as u64;
    let numbers: Vec<f32> = (0..count)
        .map(|i| {
            let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(2 * seed + 1);
            ((bits >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 3.0
        })
        .collect();
    Tensor::from_data(TensorData::new(numbers, dims), device)
}

fn read(tensor: Tensor<3>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().iter::<f32>().collect()
}

/// Mixed values and gradients of the projections, which come packed or apart.
fn run(layout: &Layout, heads: Heads, apart: bool, device: &Device) -> Vec<Vec<f32>> {
    let tokens = layout.back.dims()[0];
    let Heads { queries, keys_values, head_dim: d } = heads;
    let packed = values([1, tokens, (queries + 2 * keys_values) * d], 1, device);
    let parts = [(0, queries), (queries, keys_values), (queries + keys_values, keys_values)]
        .map(|(first, count)| packed.clone().narrow(2, first * d, count * d));
    let inputs = if apart { parts.to_vec() } else { vec![packed] };
    let (mixed, saved) = layout.attend_saving(&inputs, heads);
    assert!(saved.bytes() > 0);
    let gradients = layout.attend_backward(saved, values(mixed.dims(), 9, device));
    for (gradient, input) in gradients.iter().zip(&inputs) {
        assert_eq!(gradient.dims(), input.dims());
    }
    let gradients = Tensor::cat(gradients, 2);
    vec![read(mixed), read(gradients)]
}

fn hold(name: &str, ours: Vec<Vec<f32>>, theirs: &[Vec<f32>], near: f32) {
    for ((ours, theirs), what) in ours.iter().zip(theirs).zip(["values", "gradients"]) {
        assert_eq!(ours.len(), theirs.len());
        let most = theirs.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
        let far = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
        let far = far.fold(0.0f32, |far, one| if one.is_nan() { f32::NAN } else { far.max(one) });
        assert!(far / most < near, "{name}: {what} differ by {}", far / most);
    }
}

/// One suffix, several and absent ones; equal and different prefixes, and none.
#[cfg(feature = "flex")]
const BATCHES: &[&[Groups]] = &[
    &[&[(5, &[3]), (4, &[2])]],
    &[&[(0, &[7]), (0, &[3])]],
    &[&[(6, &[3, 4, 1]), (4, &[2, 3, 5]), (6, &[1, 0, 2])], &[(0, &[4, 0, 2])]],
    &[&[(9, &[1, 2, 3, 4, 5, 0, 0, 2]), (9, &[2, 2, 2, 2, 2, 2, 2, 2])]],
    &[&[(3, &[0, 4]), (2, &[0, 0]), (1, &[1, 1])]],
    // Longer than a block of queries.
    &[&[(300, &[20, 270])], &[(0, &[400])]],
];

#[cfg(feature = "flex")]
#[test]
fn every_body_computes_the_same() {
    let device = Device::flex();
    for groups in BATCHES {
        let long = batch(groups).ids.len() > 200;
        for position in [Position::Rope, Position::Alibi] {
            for heads in [
                Heads { queries: 3, keys_values: 3, head_dim: 8 },
                Heads { queries: 4, keys_values: 2, head_dim: 4 },
            ] {
                let layout = || Layout::new(&batch(groups), &config(heads, position), &device);
                let tape = layout().with_body(AttentionBody::Tape);
                // Sums over hundreds of keys round more.
                let near = if long { 4.0 * NEAR } else { NEAR };
                for apart in [false, true] {
                    let expected = run(&tape, heads, apart, &device);
                    for body in [AttentionBody::Chunked, AttentionBody::Flash] {
                        let found = run(&layout().with_body(body), heads, apart, &device);
                        let name = format!("{body:?} of {groups:?} with {position:?}");
                        hold(&name, found, &expected, near);
                    }
                }
            }
        }
    }
}

#[cfg(feature = "flex")]
#[test]
fn what_is_kept_is_rows_mixed_values_and_sums() {
    let heads = Heads { queries: 4, keys_values: 2, head_dim: 4 };
    let device = Device::flex();
    // 6 + 2·5 places for 6 + 5 + 2 tokens.
    let batch = batch(&[&[(6, &[5, 2])]]);
    let layout = Layout::new(&batch, &config(heads, Position::Rope), &device);
    let layout = layout.with_body(AttentionBody::Chunked);
    let packed = values([1, 13, 32], 1, &device);
    let (_, saved) = layout.attend_saving(&[packed], heads);
    assert_eq!(saved.bytes(), 4 * (16 * 32 + 13 * 16 + 16 * 4));
}

#[cfg(feature = "kernels")]
#[test]
#[ignore = "the attention kernels are tuned first, which takes a software GPU many minutes"]
fn flash_on_a_gpu_computes_the_same() {
    let gpu = crate::ops::kernels::gpu();
    let flex = Device::flex();
    let heads = Heads { queries: 4, keys_values: 2, head_dim: 32 };
    let all: &[&[Groups]] = &[
        &[&[(0, &[33]), (0, &[20])]],
        &[&[(17, &[9, 0, 12]), (17, &[3, 20, 1]), (10, &[5, 6, 7])], &[(6, &[5, 0, 0])]],
    ];
    for groups in all {
        let layout = |device| Layout::new(&batch(groups), &config(heads, Position::Rope), device);
        let tape = layout(&flex).with_body(AttentionBody::Tape);
        for apart in [false, true] {
            let expected = run(&tape, heads, apart, &flex);
            let found = run(&layout(&gpu), heads, apart, &gpu);
            hold(&format!("flash of {groups:?}"), found, &expected, NEAR_ON_GPU);
        }
        let expected = run(&tape, heads, false, &flex);
        let chunked = layout(&gpu).with_body(AttentionBody::Chunked);
        let found = run(&chunked, heads, false, &gpu);
        hold(&format!("chunks of {groups:?}"), found, &expected, NEAR_ON_GPU);
    }
}
