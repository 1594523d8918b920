//! Loss and gradients of the whole network.

use crate::arguments::Arguments;
use crate::attention::{pairs, rows};
use crate::block::does_not_fit;
use crate::gradients::supervise;
use crate::seams::Taking;
use crate::{Failure, clock, counters, failures, host, network, seams};
use model::DecoderConfig;
use model::backward::{Gradients, Options, backward};
use model::ops::GroupShape;
use serde_json::{Value, json};

/// Blocks that a tape with all scores of attention fits for, at the width of 7B.
const TAPED_LAYERS: usize = 2;

type Case = (&'static str, usize, GroupShape);

/// One micro-batch: documents of the usual length, long rows, and groups of eight; then the same on a tape, of a
/// few blocks where all of them would keep more than a device has.
pub fn whole(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
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
    let config = network::config(arguments)?;
    let layers = config.num_hidden_layers;
    let few = if arguments.is_tiny() { layers } else { layers.min(TAPED_LAYERS) };
    let taped = DecoderConfig { num_hidden_layers: few, ..config.clone() };
    of_cases(arguments, &config, seams::needed(), &cases, print)?;
    of_cases(arguments, &taped, seams::always(), &cases, print)
}

fn of_cases(
    arguments: &Arguments,
    config: &DecoderConfig,
    (tape, options): Taking,
    cases: &[Case],
    print: &mut dyn FnMut(Value),
) -> Result<(), Failure> {
    let lora = arguments.is_lora()?;
    let rounds = arguments.number("rounds", 2, 5)?;
    let recompute: usize = arguments.number("recompute", 0, 0)?;
    let mut decoder = network::untrained(config, arguments.dtype(), &arguments.device);
    if lora {
        network::add_trained_adapters(&mut decoder)?;
    }
    let planned = network::as_planned(config, lora, arguments)?;
    for &(case, groups, shape) in cases {
        let mut batch = rows(groups, shape, config.vocab_size);
        supervise(&mut batch);
        let pairs = pairs(groups, shape) as u64;
        let (tokens, targets) = (batch.ids.len() as u64, batch.targets.len() as u64);
        let flops = planned.flops(tokens, targets, pairs);
        let found = failures::fitting(|| {
            let mut loss = f64::NAN;
            let time = clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
                let mut gradients = Gradients::new();
                let options = Options { recompute, ..options };
                loss = backward(&decoder, &batch, options, &mut gradients).sum;
                marks.mark()
            })?;
            let usage = arguments.device.memory_pool_usage();
            Ok(json!({
                "loss": loss, "checked": host::checked_loss(loss, config.vocab_size, targets),
                "tflops": flops / clock::median(&time, "seconds") / 1e12,
                "reserved_bytes": usage.map(|usage| usage.bytes_reserved),
                "driver_bytes": counters::driver_bytes().map(|(_, peak)| peak), "time": time,
            }))
        })?;
        let mut line = found.unwrap_or_else(does_not_fit);
        let about = json!({
            "part": "backward", "case": case, "method": if lora { "lora" } else { "full" }, "way": tape,
            "layers": config.num_hidden_layers, "tokens": tokens, "targets": targets,
        });
        for (name, value) in about.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        print(line);
    }
    Ok(())
}
