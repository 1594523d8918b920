//! Attention, from projections to mixed values and back.

use crate::arguments::Arguments;
use crate::block::does_not_fit;
use crate::host::{self, Mixed};
use crate::{Failure, clock, failures, network, seams};
use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{DType, Distribution, Tensor};
use model::DecoderConfig;
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
        let mut line = |route: &str, mut line: Value| {
            // Two products forwards; backwards five, since scores are computed again.
            let forward = 4.0 * pairs(groups, shape) * (h * d) as f64;
            if line.get("failed").is_none() {
                let rate =
                    |flops: f64, name: &str| flops / clock::median(&line["time"], name) / 1e12;
                let rates = [rate(forward, "forward"), rate(2.5 * forward, "backward")];
                (line["forward_tflops"], line["backward_tflops"]) =
                    (rates[0].into(), rates[1].into());
            }
            let about = json!({"part": "attention", "case": case, "route": route, "groups": groups, "tokens": tokens,
                               "prefix": shape.prefix, "k": shape.k, "suffix": shape.suffix, "heads": h, "head_dim": d});
            for (name, value) in about.as_object().into_iter().flatten() {
                line[name] = value.clone();
            }
            print(line);
        };
        for seams::Body { name, body } in seams::bodies() {
            let layout = match body {
                Some(body) => layout.clone().with_body(body),
                None => layout.clone(),
            };
            let found = failures::fitting(|| {
                let mut last = None;
                let phases = ["forward", "backward"];
                let time = clock::phases(&arguments.device, rounds, &phases, &mut |marks| {
                    drop(last.take());
                    let (mixed, saved) =
                        layout.attend_saving(std::slice::from_ref(&projected), heads);
                    marks.mark()?;
                    let gradients = layout.attend_backward(saved, gradient.clone());
                    marks.mark()?;
                    last = Some((mixed, gradients));
                    Ok(())
                })?;
                let (mixed, gradients) = last.ok_or("nothing was computed")?;
                let of_projected = gradients.into_iter().next().ok_or("no gradient")?;
                let apart =
                    apart(&config, heads, shape, [&projected, &gradient], [mixed, of_projected]);
                Ok(json!({ "time": time, "checked": host::checked(apart, host::ROUNDED) }))
            })?;
            line(name, found.unwrap_or_else(does_not_fit));
        }
        if shape.prefix > 0 {
            continue;
        }
        // The tensor library's kernel alone: rows and positions are ready.
        let row = || random([groups * h, shape.suffix, d]).reshape([groups, h, shape.suffix, d]);
        let (q, k, v, gradient) = (row(), row(), row(), row());
        let found = failures::fitting(|| {
            let mut last = None;
            let phases = ["forward", "backward"];
            let time = clock::phases(&arguments.device, rounds, &phases, &mut |marks| {
                drop(last.take());
                let tracked = [&q, &k, &v].map(|t| t.clone().autodiff().require_grad());
                let [q, k, v] = tracked.clone();
                let options = AttentionModuleOptions { is_causal: true, ..Default::default() };
                let mixed = burn_attention(q, k, v, None, None, options);
                marks.mark()?;
                let plain = mixed.clone().inner();
                let mut tape = (mixed * gradient.clone().autodiff()).sum().backward();
                let gradients = tracked.map(|t| t.grad_remove(&mut tape));
                marks.mark()?;
                last = Some((plain, gradients));
                Ok(())
            })?;
            let (mixed, gradients) = last.ok_or("nothing was computed")?;
            // The last head of the last row, as below.
            let one = |t: &Tensor<4>, all: bool| {
                let first = if all { 0 } else { shape.suffix - 1 };
                let part = [groups - 1..groups, h - 1..h, first..shape.suffix, 0..d];
                host::values(t.clone().slice(part))
            };
            let expected =
                Mixed::new(&one(&q, false), &one(&k, true), &one(&v, true), &one(&gradient, false));
            let [dq, dk, dv] = gradients;
            let found =
                [Some(mixed), dq, dk, dv].map(|t| t.map(|t| one(&t, false)).unwrap_or_default());
            let apart = worst(&expected, &found);
            Ok(json!({ "time": time, "checked": host::checked(apart, host::ROUNDED) }))
        })?;
        line("burn", found.unwrap_or_else(does_not_fit));
    }
    Ok(())
}

/// How far the last head of the last token is from the host's numbers: what is mixed for it, and the gradients of
/// its query, key and value, which no other token has a part in.
fn apart(
    config: &DecoderConfig,
    heads: Heads,
    shape: GroupShape,
    [projected, gradient]: [&Tensor<3>; 2],
    [mixed, of_projected]: [Tensor<3>; 2],
) -> f64 {
    let Heads { queries: h, keys_values: n, head_dim: d } = heads;
    let tokens = projected.dims()[1];
    let of = |t: &Tensor<3>, first: usize, count: usize, head: usize| {
        host::values(t.clone().slice([0..1, first..first + count, head * d..(head + 1) * d]))
    };
    // The places of the group's prefix and of its last suffix.
    let (prefix, own) = (tokens - shape.length(), tokens - shape.suffix);
    let seen = |head: usize| {
        let mut rows =
            if shape.prefix > 0 { of(projected, prefix, shape.prefix, head) } else { Vec::new() };
        rows.extend(of(projected, own, shape.suffix, head));
        rows
    };
    let [query, key, value] = [h - 1, h + n - 1, h + 2 * n - 1];
    let position = shape.prefix + shape.suffix - 1;
    let turned = |row: &[f64], position: usize, back| host::turned(row, position, config, back);
    let keys: Vec<f64> = seen(key)
        .chunks(d)
        .enumerate()
        .flat_map(|(position, row)| turned(row, position, false))
        .collect();
    let last = |t: &Tensor<3>, head: usize| of(t, tokens - 1, 1, head);
    let q = turned(&last(projected, query), position, false);
    let mut expected = Mixed::new(&q, &keys, &seen(value), &last(gradient, h - 1));
    expected.query = turned(&expected.query, position, true);
    expected.key = turned(&expected.key, position, true);
    let found = [
        last(&mixed, h - 1),
        last(&of_projected, query),
        last(&of_projected, key),
        last(&of_projected, value),
    ];
    worst(&expected, &found)
}

/// The farthest of the mixed values and the three gradients; not a number if one of them is none.
fn worst(expected: &Mixed, found: &[Vec<f64>; 4]) -> f64 {
    let expected = [&expected.mixed, &expected.query, &expected.key, &expected.value];
    let apart = found.iter().zip(expected).map(|(found, expected)| host::distance(found, expected));
    apart.fold(0.0, |worst: f64, it| if it.is_nan() || it > worst { it } else { worst })
}
