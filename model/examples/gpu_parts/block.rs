//! One block, forwards and backwards.

use crate::arguments::Arguments;
use crate::attention::rows;
use crate::{Failure, clock, network, seams};
use burn::tensor::{DType, Device, Distribution, Tensor};
use model::backward::{Gradients, backward};
use model::block::Block;
use model::layout::{Layout, Target};
use model::ops::{self, GroupShape};
use model::weight::{collect, track};
use serde_json::{Value, json};

/// What a way has to differentiate.
pub struct Pass {
    pub block: Block,
    pub layout: Layout,
    pub x: Tensor<3>,
    pub gradient: Tensor<3>,
}

/// A forward pass that was done, as what it keeps for the backward pass.
pub type Backward = Box<dyn FnOnce(Tensor<3>)>;

/// With the tensor library's tape.
pub fn on_a_tape(pass: &Pass) -> Backward {
    let block = track(&pass.block);
    let input = pass.x.clone().autodiff().require_grad();
    let output = block.forward(input.clone(), &pass.layout, true);
    Box::new(move |gradient| {
        let mut tape = ops::pull(output, gradient);
        let mut gradients = Gradients::new();
        collect(&block, "", &mut tape, &mut gradients);
        drop((gradients, input.grad_remove(&mut tape)));
    })
}

/// A block of the model over 8,192 tokens: documents of the usual length, and two long rows.
pub fn block(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (mut config, dtype) = (network::config(arguments)?, arguments.dtype());
    config.num_hidden_layers = 1;
    // No part of a block, and half a gigabyte each.
    config.vocab_size = 1024;
    let rounds = arguments.number("rounds", 3, 10)?;
    let shape = |suffix| GroupShape { prefix: 0, k: 1, suffix };
    let cases = match arguments.is_tiny() {
        true => [("documents", 4, shape(64)), ("long", 1, shape(256))],
        false => [("documents", 12, shape(683)), ("long", 2, shape(4096))],
    };
    for lora in [true, false] {
        let mut decoder = network::untrained(&config, dtype, &arguments.device);
        if lora {
            network::add_adapters(&mut decoder)?;
        }
        let Some(block) = decoder.blocks.first().cloned() else { continue };
        let planned = network::as_planned(&config, lora, arguments)?;
        for (case, groups, shape) in cases {
            let batch = rows(groups, shape, config.vocab_size);
            let tokens = batch.ids.len();
            let random = || {
                let dims = [1, tokens, config.hidden_size];
                let normal = Distribution::Normal(0.0, 1.0);
                ops::cast(Tensor::<3>::random(dims, normal, (&arguments.device, DType::F32)), dtype)
            };
            let layout = Layout::new(&batch, &config, &arguments.device);
            let pass = Pass { block: block.clone(), layout, x: random(), gradient: random() };
            let flops = {
                let length = shape.suffix as u64;
                let pairs = groups as u64 * length * (length + 1) / 2;
                // Without what only the first block of a model is spared.
                let spared =
                    if lora { 2.0 * 3.0 * (config.hidden_size as f64).powi(2) } else { 0.0 };
                planned.flops(tokens as u64, 0, pairs) + spared * tokens as f64
            };
            let method = if lora { "lora" } else { "full" };
            for (tape, options) in seams::tapes() {
                // All that is not the block: a small embedding, and one label.
                let mut batch = batch.clone();
                batch.targets = vec![Target { position: tokens - 2, label: 7, weight: 1.0 }];
                let found = clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
                    drop(backward(&decoder, &batch, options, &mut Gradients::new()));
                    marks.mark()
                })?;
                let rate = flops / clock::median(&found, "seconds") / 1e12;
                print(
                    json!({"part": "block", "case": case, "way": format!("whole, tape {tape}"), "method": method,
                             "tokens": tokens, "tflops": rate, "time": found}),
                );
            }
            for way in seams::ways() {
                let found = clock::phases(
                    &arguments.device,
                    rounds,
                    &["forward", "backward"],
                    &mut |marks| {
                        let backward = (way.forward)(&pass);
                        marks.mark()?;
                        backward(pass.gradient.clone());
                        marks.mark()
                    },
                )?;
                let rate = flops / clock::median(&found, "seconds") / 1e12;
                let method = if lora { "lora" } else { "full" };
                print(
                    json!({"part": "block", "case": case, "way": way.name, "method": method, "tokens": tokens,
                             "tflops": rate, "held_bytes_per_token": held(&pass, way.forward, &arguments.device)?,
                             "time": found}),
                );
            }
        }
    }
    Ok(())
}

/// Bytes a token that the device holds between forward and backward pass, where its memory says; the
/// block's output, which is the next one's input, included.
fn held(
    pass: &Pass,
    forward: fn(&Pass) -> Backward,
    device: &Device,
) -> Result<Option<f64>, Failure> {
    let in_use = || device.memory_pool_usage().map(|usage| usage.bytes_in_use as f64);
    clock::wait(device)?;
    let before = in_use();
    let backward = forward(pass);
    clock::wait(device)?;
    let held = before.zip(in_use()).map(|(before, now)| now - before);
    drop(backward);
    Ok(held.map(|bytes| bytes / pass.x.dims()[1] as f64))
}
