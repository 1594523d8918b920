//! Ways between tokens and rows, on a GPU and on the CPU.
#![allow(clippy::unwrap_used)]

use super::super::attention::AttentionKernels;
use super::super::site::{Found, Site, assert_gaps, check, with_gaps};
use super::super::{int_primitive, primitive};
use crate::layout::Heads;
use crate::ops::{self, Places};
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::Cube;

const HEADS: Heads = Heads { queries: 4, keys_values: 2, head_dim: 16 };
/// Two parts, of two rows of three and of one row of four.
const TOKENS: [i32; 10] = [4, 3, -1, 0, -1, -1, 1, 2, 5, -1];
const BACK: [i32; 6] = [3, 6, 7, 1, 0, 8];
/// From 32 bytes to 512 bytes and more, from row to row: as CUDA has it.
const GAPS: [usize; 2] = [16, 240];

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11) % 199) as f32 / 50.0 - 2.0).collect()
}

fn values<const D: usize>(dims: [usize; D], seed: usize, site: &Site) -> Tensor<D> {
    site.tensor(numbers(dims.iter().product(), seed), dims)
}

fn gapped<const D: usize>(dims: [usize; D], seed: usize, gap: usize, site: &Site) -> Tensor<D> {
    let tensor = with_gaps(|dims| values(dims, seed, site), dims, gap);
    if gap > 0 {
        assert_gaps(&tensor);
    }
    tensor
}

fn places(site: &Site) -> Places {
    Places {
        tokens: site.ints(TOKENS.to_vec()),
        back: Tensor::from_data(TensorData::new(BACK.to_vec(), [6]), &site.device),
        same: false,
    }
}

/// With gaps behind the rows, if any, as CUDA has them here, too.
fn rotary(gap: usize, site: &Site) -> (Tensor<4>, Tensor<4>) {
    let table = |of: fn(f32) -> f32| {
        let angles = |count| numbers(count, 3).into_iter().map(of).collect();
        let full = |dims: [usize; 4]| site.full(angles(dims.iter().product()), dims);
        with_gaps(full, [1, 1, 6, 16], gap)
    };
    (table(f32::cos), table(f32::sin))
}

#[test]
fn tokens_go_to_rows_and_turn() {
    for gap in [0].into_iter().chain(GAPS) {
        check(&format!("packed, {gap}"), |site| {
            let packed = gapped([1, 6, 128], 1, gap, site);
            let rotary = rotary(gap, site);
            vec![Found::new(ops::rows(&[packed], HEADS, Some(&rotary), &places(site)))]
        });
        check(&format!("parts, {gap}"), |site| {
            let parts =
                [(64, 1), (32, 2), (32, 3)].map(|(wide, at)| gapped([1, 6, wide], at, gap, site));
            let rotary = rotary(gap, site);
            vec![Found::new(ops::rows(&parts, HEADS, Some(&rotary), &places(site)))]
        });
    }
}

#[test]
fn gradients_turn_back_to_tokens() {
    for gap in [0].into_iter().chain(GAPS) {
        check(&format!("gradients, {gap}"), |site| {
            let part = |rows, length, seed| {
                [4, 2, 2].map(|heads| gapped([rows, heads, length, 16], seed + heads, gap, site))
            };
            // The other part as views whose rows are not in the order of their dimensions.
            let crossed = |heads| gapped([1, 4, heads, 16], heads, gap, site).swap_dims(1, 2);
            let parts = vec![part(2, 3, 1), [4, 2, 2].map(crossed)];
            let rotary = rotary(gap, site);
            vec![Found::new(ops::turn_back(parts, HEADS, Some(&rotary), &places(site)))]
        });
    }
}

#[test]
fn values_go_to_rows_and_back() {
    for gap in [0].into_iter().chain(GAPS) {
        check(&format!("to rows, {gap}"), |site| {
            vec![Found::new(ops::spread(gapped([6, 24], 1, gap, site), &places(site)))]
        });
        check(&format!("and back, {gap}"), |site| {
            let parts = vec![gapped([6, 24], 1, gap, site), gapped([4, 24], 2, gap, site)];
            vec![Found::new(ops::collect(parts, &places(site)))]
        });
    }
}

/// What is written into rows with gaps leaves the gaps alone.
#[test]
fn gaps_are_not_written() {
    for gap in GAPS {
        check(&format!("gaps of {gap}"), |site| {
            let part = values([10, 24], 1, site);
            let grads = [4, 2, 2].map(|heads| values([1, heads, 10, 16], heads, site));
            let (places, rotary) = (places(site), rotary(0, site));
            let whole = [24, 128].map(|wide| values([6, wide + gap], 5, site));
            let rows = |i: usize, wide| whole[i].clone().narrow(1, 0, wide);
            let Some(collected) = primitive(&rows(0, 24)) else {
                let collected = ops::collect(vec![part], &places);
                let turned = ops::turn_back(vec![grads], HEADS, Some(&rotary), &places);
                let gaps = [0, 1].map(|i| whole[i].clone().narrow(1, [24, 128][i], gap));
                return [[collected, turned], gaps].concat().into_iter().map(Found::new).collect();
            };
            assert_gaps(&rows(0, 24));
            let tokens = || int_primitive(&places.tokens).unwrap();
            let of = |tensor: &Tensor<4>| primitive(tensor).unwrap();
            let collected = <Cube as AttentionKernels>::collect(
                collected,
                primitive(&part).unwrap(),
                tokens(),
                0,
            );
            let turned = <Cube as AttentionKernels>::turn_back(
                primitive(&rows(1, 128)).unwrap(),
                of(&grads[0]),
                of(&grads[1]),
                of(&grads[2]),
                of(&rotary.0),
                of(&rotary.1),
                tokens(),
                0,
                HEADS,
            );
            let written = [collected, turned].map(Tensor::<2>::from_primitive::<Cube>);
            let gaps = [0, 1].map(|i| whole[i].clone().narrow(1, [24, 128][i], gap));
            [written, gaps].concat().into_iter().map(Found::new).collect()
        });
    }
}
