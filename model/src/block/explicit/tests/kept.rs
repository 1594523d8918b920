//! Bytes that a block keeps, beside what is planned.

use super::{adapted, alibi, batch, full, lora, packed, split};
use crate::backward::Asked;
use crate::block::Pass;
use crate::layout::{AttentionBody, GroupBatch, Layout, Piece, Target};
use crate::memory::{Adapters, BatchShape, Bodies, Network};
use crate::ops::GroupShape;
use crate::{DecoderConfig, LoraConfig};
use burn::tensor::{DType, Device};

/// Bytes that a block keeps of `batch`, on the way and as planned.
fn kept(
    config: &DecoderConfig,
    dtype: DType,
    lora: Option<&LoraConfig>,
    (batch, number): (&GroupBatch, usize),
) -> (usize, usize) {
    let mut decoder = match lora {
        Some(lora) => adapted(config, lora),
        None => full(config),
    };
    decoder.convert(dtype);
    let layout = Layout::new(batch, config, &Device::flex());
    // As on a GPU: no scores, whatever computes them.
    let layout = layout.with_body(AttentionBody::Chunked);
    let block = crate::lora::seeded(&decoder.blocks[number], 5, number);
    let asked = Asked::new(&batch.targets, batch.ids.len(), &Device::flex());
    let is_last = number + 1 == config.num_hidden_layers;
    let asked = asked.places.as_ref().filter(|_| is_last);
    let pass = Pass { layout: &layout, training: true, asked };
    let mut saved = block.keep(decoder.embed(batch.ids(&Device::flex())), pass);
    block.output(&mut saved, pass);
    let adapters = lora.map(|lora| Adapters::new(config, lora).unwrap());
    let network =
        Network { config: config.clone(), dtype, adapters, bodies: Bodies::Explicit, threads: 1 };
    let places = batch.pieces.iter().map(|piece| piece.groups * piece.shape.length());
    let shape = BatchShape {
        tokens: batch.ids.len() as u64,
        places: places.sum::<usize>() as u64,
        targets: batch.targets.len() as u64,
        ..BatchShape::default()
    };
    let planned: u64 = network.tape(number, &shape).iter().map(|saved| saved.bytes).sum();
    (saved.bytes(), planned as usize)
}

#[test]
fn a_block_keeps_its_formula_and_no_more() {
    let dropping = LoraConfig { dropout: 0.3, ..lora() };
    let piece = Piece {
        groups: 2,
        shape: GroupShape { prefix: 9, k: 3, suffix: 5 },
        prefix_lengths: vec![9; 2],
        suffix_lengths: vec![5; 6],
    };
    let full_rows = GroupBatch { pieces: vec![piece], ids: vec![3; 48], targets: Vec::new() };
    for (dtype, e) in [(DType::F32, 4), (DType::BF16, 2)] {
        let check = |config: &DecoderConfig, lora, formula: usize| {
            // Nothing is padded: so much a token.
            let (found, planned) = kept(config, dtype, lora, (&full_rows, 0));
            assert_eq!((found, planned), (48 * formula, 48 * formula), "{dtype:?}");
            // Queries, keys and values of padding are kept, too; what calls pad differs a little from rows.
            let (found, planned) = kept(config, dtype, lora, (&batch(), 0));
            let least = batch().ids.len() * formula;
            assert!(least < found && 20 * found.abs_diff(planned) < planned, "{found}, {planned}");
        };
        // As many keys as heads: x, q, k, v, o and x' are H wide.
        let (h, i, a, r) = (32, 48, 4, 4);
        let formula = e * (6 * h + 2 * i) + 4 * a;
        check(&packed(), None, formula);
        // An adapter for each of five layers; what it drops is not kept.
        check(&packed(), Some(&dropping), formula + 5 * r * e);
        check(&alibi(), None, formula);
        // Four heads of 12, two to a key; seven layers.
        let formula = e * (2 * h + 48 + 48 + 48 + 2 * i) + 4 * a;
        check(&split(), None, formula);
        check(&split(), Some(&lora()), formula + 7 * r * e);
    }
}

#[test]
fn the_last_block_keeps_what_the_loss_looks_at() {
    let dropping = LoraConfig { dropout: 0.3, ..lora() };
    let piece = Piece {
        groups: 2,
        shape: GroupShape { prefix: 9, k: 3, suffix: 5 },
        prefix_lengths: vec![9; 2],
        suffix_lengths: vec![5; 6],
    };
    let target = |position| Target { position, label: 3, weight: 1.0 };
    for (dtype, e) in [(DType::F32, 4), (DType::BF16, 2)] {
        for asked in [1, 5, 47, 48] {
            let targets = (48 - asked..48).map(target).collect();
            let batch = GroupBatch { pieces: vec![piece.clone()], ids: vec![3; 48], targets };
            // x, q, k, v and o of all tokens; x', gate and up, and o again, of those that are asked for.
            let (h, i, a, r) = (32, 48, 4, 4);
            let again = if asked < 48 { h } else { 0 };
            let formula = 48 * (e * 5 * h + 4 * a) + asked * e * (h + 2 * i + again);
            let (found, planned) = kept(&packed(), dtype, None, (&batch, 2));
            assert_eq!((found, planned), (formula, formula), "{asked} in {dtype:?}");
            // One adapter before attention, four behind it.
            let formula = formula + (48 + 4 * asked) * r * e;
            let (found, planned) = kept(&packed(), dtype, Some(&dropping), (&batch, 2));
            assert_eq!((found, planned), (formula, formula), "{asked} in {dtype:?}");
        }
    }
}
