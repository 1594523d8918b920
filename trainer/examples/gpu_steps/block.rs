//! One block, forwards and backwards.

use crate::arguments::Arguments;
use crate::attention::rows;
use crate::host::{self, FirstToken};
use crate::{Failure, clock, failures, network, seams};
use burn::tensor::{DType, Distribution, Tensor};
use model::DecoderConfig;
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

/// From the output's gradient to the input's, with what the forward pass has kept for that.
pub type Backward = Box<dyn FnOnce(Tensor<3>) -> Option<Tensor<3>>>;

/// A forward pass: the output, and the way back. `None` where the way is not one of this device's.
pub type Forward = fn(&Pass) -> Option<(Tensor<3>, Backward)>;

/// With the tensor library's tape.
pub fn on_a_tape(pass: &Pass) -> Option<(Tensor<3>, Backward)> {
    let block = track(&pass.block);
    let input = pass.x.clone().autodiff().require_grad();
    let output = block.forward(input.clone(), &pass.layout, true);
    let plain = output.clone().inner();
    let backward = move |gradient| {
        let mut tape = ops::pull(output, gradient);
        let mut gradients = Gradients::new();
        collect(&block, "", &mut tape, &mut gradients);
        input.grad_remove(&mut tape)
    };
    Some((plain, Box::new(backward)))
}

/// With a backward pass that is written out.
pub fn without_tape(pass: &Pass) -> Option<(Tensor<3>, Backward)> {
    let (output, backward) = pass.block.without_tape(pass.x.clone(), &pass.layout)?;
    let backward = move |gradient| backward(gradient, &mut Gradients::new());
    Some((output, Box::new(backward)))
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
            network::add_trained_adapters(&mut decoder)?;
        }
        let Some(block) = decoder.blocks.first().cloned() else { continue };
        // What neither the first nor the last block of a model is spared is what one more takes.
        let deeper = DecoderConfig { num_hidden_layers: 2, ..config.clone() };
        let planned = [
            network::as_planned(&deeper, lora, arguments)?,
            network::as_planned(&config, lora, arguments)?,
        ];
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
                let [two, one] = planned.each_ref().map(|it| it.flops(tokens as u64, 0, pairs));
                two - one
            };
            let method = if lora { "lora" } else { "full" };
            let mut line = |way: &str, mut line: Value| {
                line["part"] = "block".into();
                line["case"] = case.into();
                line["way"] = way.into();
                line["method"] = method.into();
                line["tokens"] = tokens.into();
                if line.get("failed").is_none() {
                    line["tflops"] =
                        (flops / clock::median(&line["time"], "seconds") / 1e12).into();
                }
                print(line);
            };
            // The tape last: of all it takes the most memory.
            for (tape, options) in [seams::needed(), seams::always()] {
                // All that is not the block: a small embedding, and labels. Of a last block only tokens that
                // have one are computed behind attention.
                let mut batch = batch.clone();
                let weight = 1.0 / tokens as f32;
                let target = |position| Target { position, label: 7, weight };
                batch.targets = (0..tokens).map(target).collect();
                let found = failures::fitting(|| {
                    let mut loss = f64::NAN;
                    let time =
                        clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
                            loss = backward(&decoder, &batch, options, &mut Gradients::new()).sum;
                            marks.mark()
                        })?;
                    let checked = host::checked_loss(loss, config.vocab_size, 1);
                    Ok(json!({ "time": time, "loss": loss, "checked": checked }))
                })?;
                line(&format!("whole, tape {tape}"), found.unwrap_or_else(does_not_fit));
            }
            let of_host = FirstToken::new(&block)?;
            for way in seams::ways() {
                let found = failures::fitting(|| timed(&pass, way.forward, &of_host, rounds))?;
                match found {
                    None => line(way.name, does_not_fit()),
                    Some(Some(found)) => line(way.name, found),
                    // No way of this device.
                    Some(None) => {}
                }
            }
        }
    }
    Ok(())
}

/// What a line says instead of numbers.
pub fn does_not_fit() -> Value {
    json!({ "failed": "does not fit into memory" })
}

/// Times and bytes of one way, and how far it is from the host's numbers.
fn timed(
    pass: &Pass,
    forward: Forward,
    of_host: &FirstToken,
    rounds: usize,
) -> Result<Option<Value>, Failure> {
    if forward(pass).is_none() {
        return Ok(None);
    }
    let device = pass.x.device();
    let time = clock::phases(&device, rounds, &["forward", "backward"], &mut |marks| {
        let computed = forward(pass);
        marks.mark()?;
        let below = computed.and_then(|(_, backward)| backward(pass.gradient.clone()));
        marks.mark()?;
        drop(below);
        Ok(())
    })?;
    let held = held(pass, forward)?;
    let apart = apart(pass, forward, of_host).ok_or("a way has no gradient")?;
    let checked = host::checked(apart, host::ROUNDED);
    Ok(Some(json!({ "held_bytes_per_token": held, "checked": checked, "time": time })))
}

/// How far the first token's output is from the host's, or its gradient if that is farther: the gradient's
/// length is the slope along it where only this token's output has a gradient.
fn apart(pass: &Pass, forward: Forward, of_host: &FirstToken) -> Option<f64> {
    let [_, tokens, h] = pass.x.dims();
    let first = |t: Tensor<3>| host::values(t.slice([0..1, 0..1, 0..h]));
    let alone = {
        let one = pass.gradient.clone().slice([0..1, 0..1, 0..h]);
        let rest = Tensor::zeros([1, tokens - 1, h], (&pass.x.device(), one.dtype()));
        Tensor::cat(vec![one, rest], 1)
    };
    let (output, backward) = forward(pass)?;
    let (output, below) = (first(output), first(backward(alone)?));
    let (x, gradient) = (first(pass.x.clone()), first(pass.gradient.clone()));
    let of_output = host::distance(&output, &of_host.forward(&x));
    let length = below.iter().map(|it| it * it).sum::<f64>().sqrt();
    let direction: Vec<f64> = below.iter().map(|it| it / length).collect();
    let slope = of_host.slope(&x, &direction, &gradient);
    let of_gradient = host::distance(&[length], &[slope]);
    // Whatever is not a number stays none.
    Some(if of_output > of_gradient || of_output.is_nan() { of_output } else { of_gradient })
}

/// Bytes a token that the device holds between forward and backward pass, where its memory says; the
/// block's output, which is the next one's input, included.
fn held(pass: &Pass, forward: Forward) -> Result<Option<f64>, Failure> {
    let device = pass.x.device();
    let in_use = || device.memory_pool_usage().map(|usage| usage.bytes_in_use as f64);
    clock::wait(&device)?;
    let before = in_use();
    let computed = forward(pass);
    clock::wait(&device)?;
    let held = before.zip(in_use()).map(|(before, now)| now - before);
    drop(computed);
    Ok(held.map(|bytes| bytes / pass.x.dims()[1] as f64))
}
