//! Loss and gradients of the whole network.

use crate::arguments::Arguments;
use crate::attention::rows;
use crate::{Failure, clock, counters, network};
use model::backward::{Gradients, Options, backward};
use model::ops::GroupShape;
use serde_json::{Value, json};

/// One micro-batch: documents of the usual length, long rows, and groups of eight.
pub fn whole(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (config, lora) = (network::config(arguments)?, arguments.is_lora()?);
    let rounds = arguments.number("rounds", 2, 5)?;
    let recompute: usize = arguments.number("recompute", 0, 0)?;
    let shape = |prefix, k, suffix| GroupShape { prefix, k, suffix };
    let cases = match arguments.is_tiny() {
        true => [
            ("documents", 3, shape(0, 1, 70)),
            ("long", 1, shape(0, 1, 256)),
            ("groups", 2, shape(60, 8, 10)),
        ],
        false => [
            ("documents", 12, shape(0, 1, 700)),
            ("long", 2, shape(0, 1, 4096)),
            ("groups", 6, shape(595, 8, 105)),
        ],
    };
    let mut decoder = network::untrained(&config, arguments.dtype(), &arguments.device);
    if lora {
        network::add_adapters(&mut decoder)?;
    }
    let planned = network::as_planned(&config, lora, arguments)?;
    for (case, groups, shape) in cases {
        let mut batch = rows(groups, shape, config.vocab_size);
        crate::gradients::supervise(&mut batch);
        let mut losses = Vec::new();
        let found = clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
            let mut gradients = Gradients::new();
            let options = Options { recompute, ..Options::default() };
            losses.push(backward(&decoder, &batch, options, &mut gradients).sum);
            marks.mark()
        })?;
        let usage = arguments.device.memory_pool_usage();
        let pairs = crate::attention::pairs(groups, shape) as u64;
        let (tokens, targets) = (batch.ids.len(), batch.targets.len());
        let flops = planned.flops(tokens as u64, targets as u64, pairs);
        print(json!({
            "part": "backward", "case": case, "method": if lora { "lora" } else { "full" },
            "layers": config.num_hidden_layers, "tokens": tokens, "targets": targets, "loss": losses.last(),
            "tflops": flops / clock::median(&found, "seconds") / 1e12,
            "reserved_bytes": usage.map(|usage| usage.bytes_reserved),
            "driver_bytes": counters::driver_bytes().map(|(_, peak)| peak), "time": found,
        }));
    }
    Ok(())
}
