//! Loss and gradients of the whole network.

use crate::arguments::Arguments;
use crate::attention::{pairs, rows};
use crate::gradients::supervise;
use crate::{Failure, clock, counters, network, seams};
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
            ("groups", 2, shape(60, 8, 10)),
            ("long", 1, shape(0, 1, 256)),
        ],
        false => [
            ("documents", 12, shape(0, 1, 700)),
            ("groups", 6, shape(595, 8, 105)),
            ("long", 2, shape(0, 1, 4096)),
        ],
    };
    let mut decoder = network::untrained(&config, arguments.dtype(), &arguments.device);
    if lora {
        network::add_adapters(&mut decoder)?;
    }
    let planned = network::as_planned(&config, lora, arguments)?;
    for (case, groups, shape) in cases {
        let mut batch = rows(groups, shape, config.vocab_size);
        supervise(&mut batch);
        let pairs = pairs(groups, shape) as u64;
        let (tokens, targets) = (batch.ids.len(), batch.targets.len());
        let flops = planned.flops(tokens as u64, targets as u64, pairs);
        for (tape, options) in seams::tapes() {
            let mut loss = f64::NAN;
            let found = clock::phases(&arguments.device, rounds, &["seconds"], &mut |marks| {
                let mut gradients = Gradients::new();
                let options = Options { recompute, ..options };
                loss = backward(&decoder, &batch, options, &mut gradients).sum;
                marks.mark()
            })?;
            let usage = arguments.device.memory_pool_usage();
            print(json!({
                "part": "backward", "case": case, "method": if lora { "lora" } else { "full" }, "way": tape,
                "layers": config.num_hidden_layers, "tokens": tokens, "targets": targets, "loss": loss,
                "tflops": flops / clock::median(&found, "seconds") / 1e12,
                "reserved_bytes": usage.map(|usage| usage.bytes_reserved),
                "driver_bytes": counters::driver_bytes().map(|(_, peak)| peak), "time": found,
            }));
        }
    }
    Ok(())
}
