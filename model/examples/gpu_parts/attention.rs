//! Attention, from projections to mixed values and back.

use crate::arguments::Arguments;
use crate::{Failure, clock, network};
use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{DType, Distribution, Tensor};
use model::layout::{GroupBatch, Heads, Layout, Piece};
use model::ops::GroupShape;
use serde_json::{Value, json};

/// So many groups of one shape, without targets.
pub fn rows(groups: usize, shape: GroupShape, vocabulary: usize) -> GroupBatch {
    let tokens = groups * shape.length();
    let piece = Piece {
        groups,
        shape,
        prefix_lengths: vec![shape.prefix; groups],
        suffix_lengths: vec![shape.suffix; groups * shape.k],
    };
    let ids = (0..tokens).map(|i| (i * 7919 % vocabulary) as i32).collect();
    GroupBatch { pieces: vec![piece], ids, targets: Vec::new() }
}

/// Pairs of a query and a key that it sees.
pub fn pairs(groups: usize, shape: GroupShape) -> f64 {
    let triangle = |n: usize| (n * (n + 1) / 2) as f64;
    let own = shape.k as f64 * ((shape.suffix * shape.prefix) as f64 + triangle(shape.suffix));
    groups as f64 * (triangle(shape.prefix) + own)
}

/// Documents of the usual length, long rows, and groups of eight.
pub fn attention(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (config, dtype) = (network::config(arguments)?, arguments.dtype());
    let heads = Heads {
        queries: config.heads(),
        keys_values: config.key_value_heads(),
        head_dim: config.head_dim(),
    };
    let rounds = arguments.number("rounds", 3, 10)?;
    let shape = |prefix, k, suffix| GroupShape { prefix, k, suffix };
    let cases = match arguments.is_tiny() {
        true => [
            ("documents", 3, shape(0, 1, 70)),
            ("groups", 2, shape(60, 8, 10)),
            ("long", 1, shape(0, 1, 256)),
        ],
        false => [
            ("documents", 12, shape(0, 1, 700)),
            ("groups", 6, shape(595, 8, 105)),
            ("long", 2, shape(0, 1, 4096)),
        ],
    };
    let (h, d) = (heads.queries, heads.head_dim);
    let random = |dims: [usize; 3]| {
        let values = Tensor::<3>::random(
            dims,
            Distribution::Normal(0.0, 1.0),
            (&arguments.device, DType::F32),
        );
        model::ops::cast(values, dtype)
    };
    for (case, groups, shape) in cases {
        let batch = rows(groups, shape, config.vocab_size);
        let layout = Layout::new(&batch, &config, &arguments.device);
        let tokens = groups * shape.length();
        let projected = random([1, tokens, (h + 2 * heads.keys_values) * d]);
        let gradient = random([1, tokens, h * d]);
        let mut line = |route: &str, found: Value| {
            // Two products forwards; backwards five, since scores are computed again.
            let forward = 4.0 * pairs(groups, shape) * (h * d) as f64;
            let rate = |flops: f64, name: &str| flops / clock::median(&found, name) / 1e12;
            print(
                json!({"part": "attention", "case": case, "route": route, "groups": groups, "tokens": tokens,
                         "prefix": shape.prefix, "k": shape.k, "suffix": shape.suffix, "heads": h, "head_dim": d,
                         "forward_tflops": rate(forward, "forward"),
                         "backward_tflops": rate(2.5 * forward, "backward"), "time": found}),
            );
        };
        let found =
            clock::phases(&arguments.device, rounds, &["forward", "backward"], &mut |marks| {
                let (mixed, saved) = layout.attend_saving(std::slice::from_ref(&projected), heads);
                marks.mark()?;
                let gradients = layout.attend_backward(saved, gradient.clone());
                marks.mark()?;
                drop((mixed, gradients));
                Ok(())
            })?;
        line("network", found);
        if shape.prefix > 0 {
            continue;
        }
        // The tensor library's kernel alone: rows and positions are ready.
        let row = || random([groups * h, shape.suffix, d]).reshape([groups, h, shape.suffix, d]);
        let (q, k, v, gradient) = (row(), row(), row(), row());
        let found =
            clock::phases(&arguments.device, rounds, &["forward", "backward"], &mut |marks| {
                let tracked = [&q, &k, &v].map(|t| t.clone().autodiff().require_grad());
                let [q, k, v] = tracked.clone();
                let options = AttentionModuleOptions { is_causal: true, ..Default::default() };
                let mixed = burn_attention(q, k, v, None, None, options);
                marks.mark()?;
                let mut tape = (mixed * gradient.clone().autodiff()).sum().backward();
                let gradients = tracked.map(|t| t.grad_remove(&mut tape));
                marks.mark()?;
                drop(gradients);
                Ok(())
            })?;
        line("burn", found);
    }
    Ok(())
}
