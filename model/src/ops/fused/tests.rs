//! Every fused operation against the plain body: the value, and the gradient of each input.
#![allow(clippy::unwrap_used)]

use crate::layout::{GroupBatch, Heads, Layout, Piece};
use crate::ops::{self, Dropout, GroupShape, LossTerms, cross_entropy, linear, norm};
use crate::{DecoderConfig, config::Position};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};

/// Made-up values of these dimensions, the same on every run.
fn values<const D: usize>(dims: [usize; D], seed: u64) -> Tensor<D> {
    let count = dims.iter().product::<usize>() as u64;
    let numbers: Vec<f32> = (0..count)
        .map(|i| {
            let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(2 * seed + 1);
            ((bits >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 3.0
        })
        .collect();
    Tensor::from_data(TensorData::new(numbers, dims), &Device::flex())
}

/// Largest difference relative to the largest entry.
fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let most = b.clone().abs().max().into_scalar::<f32>().max(1e-6);
    (a - b).abs().max().into_scalar::<f32>() / most
}

/// Holds `fused` against `plain` on tensors of one shape each.
fn check<const D: usize, const N: usize, const E: usize>(
    inputs: [Tensor<D>; N],
    fused: impl Fn([Tensor<D>; N]) -> Tensor<E>,
    plain: impl Fn([Tensor<D>; N]) -> Tensor<E>,
) {
    let run = |body: &dyn Fn([Tensor<D>; N]) -> Tensor<E>| {
        let leaves = inputs.clone().map(|input| input.autodiff().require_grad());
        let output = body(leaves.clone());
        let pulled = values(output.dims(), 99);
        let mut tape = (output.clone() * pulled.autodiff()).sum().backward();
        let gradients = leaves.map(|leaf| leaf.grad_remove(&mut tape).unwrap());
        (output.inner(), gradients)
    };
    let (ours, our_gradients) = run(&fused);
    let (theirs, their_gradients) = run(&plain);
    // f32: the order of summation only.
    let bound = 1e-5;
    let without_tape = fused(inputs.clone());
    assert!(difference(without_tape, theirs.clone()) < bound);
    let far = difference(ours, theirs);
    assert!(far < bound, "values differ by {far}");
    for (i, (a, b)) in our_gradients.into_iter().zip(their_gradients).enumerate() {
        let far = difference(a, b);
        assert!(far < bound, "gradients of input {i} differ by {far}");
    }
}

#[test]
fn rms_norm() {
    // The last is large enough for several threads.
    for dims in [[1, 1, 5], [1, 70, 33], [3, 200, 128]] {
        let gain = values([1, 1, dims[2]], 2);
        let flat = |gain: &Tensor<3>| gain.clone().reshape([-1]);
        let x = values(dims, 1);
        check(
            [x.clone()],
            |[x]| super::rms_norm(&x, &flat(&gain), 1e-6).unwrap(),
            |[x]| norm::plain_rms_norm(x, flat(&gain), 1e-6),
        );
        check(
            [gain.clone()],
            |[gain]| super::rms_norm(&x, &flat(&gain), 1e-6).unwrap(),
            |[gain]| norm::plain_rms_norm(x.clone(), flat(&gain), 1e-6),
        );
    }
}

#[test]
fn dropout() {
    let by = Dropout { seed: 7, share: 0.3 };
    // The last is large enough for several threads.
    for dims in [[1, 1, 5], [1, 70, 33], [3, 200, 128]] {
        check(
            [values(dims, 1)],
            |[x]| super::dropout(&x, by).unwrap(),
            |[x]| ops::plain_dropout(x, by),
        );
    }
}

#[test]
fn linear_layers() {
    for [rows, input, out] in [[1, 3, 2], [1, 64, 200], [70, 33, 65]] {
        let weight = values([1, out, input], 2);
        let flat = |weight: &Tensor<3>| weight.clone().reshape([out, input]);
        let x = values([1, rows, input], 1);
        check(
            [x.clone()],
            |[x]| super::linear(&x, &flat(&weight)).unwrap(),
            |[x]| linear::plain_linear(x, flat(&weight)),
        );
        check(
            [weight.clone()],
            |[weight]| super::linear(&x, &flat(&weight)).unwrap(),
            |[weight]| linear::plain_linear(x.clone(), flat(&weight)),
        );
    }
}

#[test]
fn swiglu() {
    // Large values, where the exponential alone would overflow.
    for (dims, size) in [([1, 3, 7], 1.0), ([1, 2000, 40], 1.0), ([1, 9, 40], 60.0)] {
        check(
            [values(dims, 1) * size, values(dims, 2)],
            |[gate, up]| super::swiglu(&gate, &up).unwrap(),
            |[gate, up]| linear::plain_swiglu(gate, up),
        );
    }
}

#[test]
fn normalised_rows() {
    for dims in [[1, 4], [130, 33], [2100, 33]] {
        check(
            [values(dims, 1)],
            |[w]| super::normalise_rows(&w).unwrap(),
            |[w]| linear::plain_normalise_rows(w),
        );
    }
}

#[test]
fn the_carrier_hands_on_its_gradient() {
    let leaf = values([1, 5, 4], 1).autodiff().require_grad();
    let pulled = values([1, 5, 4], 2);
    let output = leaf.clone().mul_scalar(3.0);
    let mut tape = super::pull(&output, &pulled).unwrap();
    let gradient = leaf.grad_remove(&mut tape).unwrap();
    assert!(difference(gradient, pulled.mul_scalar(3.0)) < 1e-6);
}

#[test]
fn cross_entropy_of_a_chunk() {
    for [rows, width, vocabulary] in [[1, 3, 2], [140, 16, 500]] {
        let (hidden, head) = (values([rows, width], 1), values([vocabulary, width], 2));
        let labels: Vec<i32> = (0..rows).map(|i| (i * 37 % vocabulary) as i32).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows]), &Device::flex());
        let weights = values([rows], 3);
        let terms = [(0.0, 0.0), (0.1, 0.0), (0.0, 1e-2), (0.3, 1e-3)];
        let terms = terms.map(|(smoothing, z)| LossTerms { smoothing, z });
        for (terms, trained) in terms.into_iter().zip([false, true, true, false]) {
            let ours =
                super::cross_entropy(&hidden, &head, &labels, &weights, terms, trained).unwrap();
            let theirs = cross_entropy::plain_cross_entropy(
                hidden.clone(),
                head.clone(),
                labels.clone(),
                weights.clone(),
                terms,
                trained,
            );
            assert!(difference(ours.rows, theirs.rows) < 1e-5);
            assert!(difference(ours.hidden, theirs.hidden) < 1e-5);
            assert_eq!((ours.head.is_some(), theirs.head.is_some()), (trained, trained));
            if let (Some(ours), Some(theirs)) = (ours.head, theirs.head) {
                assert!(difference(ours, theirs) < 1e-5);
            }
        }
    }
}

/// A batch of groups, each a prefix and suffixes of these lengths.
fn batch(groups: &[(usize, &[usize])]) -> GroupBatch {
    let pieces: Vec<Piece> = groups
        .iter()
        .map(|(prefix, suffixes)| Piece {
            groups: 1,
            shape: GroupShape {
                prefix: *prefix,
                k: suffixes.len(),
                suffix: suffixes.iter().copied().max().unwrap(),
            },
            prefix_lengths: vec![*prefix],
            suffix_lengths: suffixes.to_vec(),
        })
        .collect();
    let tokens: usize = pieces.iter().map(Piece::tokens).sum();
    GroupBatch { pieces, ids: vec![3; tokens], targets: Vec::new() }
}

#[test]
fn attention_of_groups() {
    let many: &[(usize, &[usize])] = &[(70, &[5, 66, 1]), (0, &[230]), (3, &[64])];
    for groups in [many, &[(0, &[1])], &[(65, &[65, 64])]] {
        for position in [Position::Rope, Position::Alibi] {
            for heads in [
                Heads { queries: 3, keys_values: 3, head_dim: 8 },
                Heads { queries: 4, keys_values: 2, head_dim: 6 },
            ] {
                let config = DecoderConfig {
                    hidden_size: heads.queries * heads.head_dim,
                    num_attention_heads: heads.queries,
                    num_key_value_heads: Some(heads.keys_values),
                    position: Some(position),
                    ..DecoderConfig::baichuan2_tiny()
                };
                attention(&batch(groups), &config, heads);
            }
        }
    }
}

fn attention(batch: &GroupBatch, config: &DecoderConfig, heads: Heads) {
    let layout = Layout::new(batch, config, &Device::flex());
    let tokens = batch.ids.len();
    let (q, kv) = (heads.queries * heads.head_dim, heads.keys_values * heads.head_dim);
    let split = |packed: Tensor<3>| {
        [(0, q), (q, kv), (q + kv, kv)].map(|(at, n)| packed.clone().narrow(2, at, n))
    };
    let packed = values([1, tokens, q + 2 * kv], 1);
    let plain = |[packed]: [Tensor<3>; 1]| layout.plain_attend(&[packed], heads);
    check([packed.clone()], |[packed]| layout.attend(&[packed], heads), plain);
    check([packed], |[packed]| layout.attend(&split(packed), heads), plain);
}

#[test]
fn other_dtypes_are_left_to_the_plain_body() {
    let x = Tensor::<3>::random([1, 2, 4], Distribution::Default, &Device::flex());
    let half = x.cast(burn::tensor::FloatDType::BF16);
    assert!(super::swiglu(&half, &half).is_none());
    assert!(super::swiglu(&half.clone().autodiff(), &half).is_none());
    let _ = ops::swiglu(half.clone(), half);
}
