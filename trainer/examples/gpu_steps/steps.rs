//! Whole steps: loss, gradients, clipping, AdamW.

use crate::arguments::Arguments;
use crate::work::Work;
use crate::{Failure, clock, counters, host, network, products};
use burn::tensor::DType;
use data_pipeline::batch::Batch;
use model::Decoder;
use model::backward::CHUNK;
use model::memory::{BatchShape, Network};
use serde_json::{Value, json};
use std::path::Path;
use trainer::collective::Solo;
use trainer::memory::{self, state_bytes};
use trainer::network::freeze_base;
use trainer::objective::LossConfig;
use trainer::optimizer::{MasterKind, Optimizer, OptimizerConfig, Rule};
use trainer::recipe::{BatchConfig, LossAverage, MicroTokens, Recompute};
use trainer::sharding::{Sharding, Stretch};
use trainer::step::{Found, Objective, Stepper};

/// Somebody who learns.
pub struct Learner {
    pub decoder: Decoder,
    pub config: OptimizerConfig,
    optimizer: Optimizer,
    stepper: Stepper,
    batch: BatchConfig,
}

impl Learner {
    pub fn new(
        decoder: Decoder,
        config: OptimizerConfig,
        micro_tokens: usize,
        recompute: usize,
    ) -> Self {
        let stepper = Stepper::new(&decoder, &config, Sharding::default(), 0, &mut Solo);
        let batch = BatchConfig {
            micro_tokens: MicroTokens::Most(micro_tokens),
            recompute: Recompute::Blocks(recompute),
            ..BatchConfig::default()
        };
        Self { decoder, config, optimizer: Optimizer::default(), stepper, batch }
    }

    /// Loss and gradients.
    pub fn gradients(&mut self, work: &Work) -> Result<Found, Failure> {
        let loss = LossConfig::default();
        let objective = Objective { batch: &self.batch, average: LossAverage::Token, loss: &loss };
        Ok(self.stepper.gradients(&self.decoder, work.input(), objective, false, &mut Solo)?)
    }

    /// Clips them and changes the weights.
    pub fn update(&mut self, found: &Found) -> Result<(), Failure> {
        let Self { decoder, config, optimizer, stepper, .. } = self;
        stepper.update(decoder, optimizer, found, config, 1.0, &mut Solo)?;
        Ok(())
    }
}

/// Steps over the batch, with what they hold beside what was planned.
pub fn steps(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let (shape, lora) = (network::config(arguments)?, arguments.is_lora()?);
    let k = arguments.number("group", 1, 1)?;
    let micro_tokens = arguments.number("micro-tokens", 256, if lora { 16_384 } else { 4096 })?;
    let recompute: usize = arguments.number("recompute", 0, 0)?;
    let count: usize = arguments.number("steps", 3, 6)?;
    let file =
        arguments.text("batch").ok_or("--batch is missing: the file that measure.py wrote")?;
    let work = Work::read(Path::new(file), k)?;
    let micros = Batch::pack(work.groups(), micro_tokens);
    let largest = micros.iter().map(memory::shape).reduce(BatchShape::cover).unwrap_or_default();
    // Of weights in bf16 that are all trained, what they lack of f32: the whole beside them does not fit into the
    // memory of one GPU with everything else, and says no more.
    let is_split = !lora && arguments.dtype() == DType::BF16;
    let master = if is_split { MasterKind::Split } else { MasterKind::F32 };
    let config = OptimizerConfig {
        learning_rate: 1e-5,
        master,
        name: rule(arguments)?,
        bits: arguments.number("bits", 32, 32)?,
        ..OptimizerConfig::default()
    };
    let network = network::as_planned(&shape, lora, arguments)?;
    let several = micros.len() > 1;
    let planned = planned(&network, &config, &largest, several, recompute);

    memory::forget();
    let mut decoder = network::untrained(&shape, arguments.dtype(), &arguments.device);
    if lora {
        network::add_adapters(&mut decoder)?;
        freeze_base(&mut decoder);
    }
    let mut learner = Learner::new(decoder, config, micro_tokens, recompute);
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    let mut found = Found::default();
    let time = clock::phases(&arguments.device, count, &["gradients", "update"], &mut |marks| {
        found = learner.gradients(&work)?;
        marks.mark()?;
        learner.update(&found)?;
        losses.push(found.loss);
        norms.push(found.gradient_norm);
        marks.mark()
    })?;
    let seconds = clock::median(&time, "seconds");
    let flops = network.flops(found.computed, work.supervised, found.pairs);
    let first = losses.first().copied().unwrap_or(f64::NAN);
    print(json!({
        "part": "steps", "method": if lora { "lora" } else { "full" }, "k": k, "time": time,
        "samples": work.samples, "supervised": work.supervised, "pairs": found.pairs,
        "computed_tokens": found.computed, "padded_tokens": found.padded, "data_tokens": work.data_tokens,
        "micro_tokens": micro_tokens, "micro_batches": micros.len(), "recompute": recompute,
        "master": if is_split { "split" } else { "f32" }, "rule": learner.config.name, "bits": learner.config.bits,
        "checked": host::checked_loss(first, shape.vocab_size, work.supervised),
        "computed_tokens_per_second": found.computed as f64 / seconds,
        "data_tokens_per_second": work.data_tokens as f64 / seconds,
        "flops": flops, "tflops": flops / seconds / 1e12,
        "planned_bytes": planned, "peak_bytes": memory::peak(&arguments.device),
        "driver_bytes": counters::driver_bytes().map(|(_, peak)| peak),
        "losses": losses, "gradient_norms": norms,
    }));
    print(products::ways());
    Ok(())
}

/// The rule that was asked for.
fn rule(arguments: &Arguments) -> Result<Rule, Failure> {
    match arguments.text("rule").unwrap_or("adamw") {
        "adamw" => Ok(Rule::AdamW),
        "lion" => Ok(Rule::Lion),
        other => Err(format!("--rule is `{other}`, expected adamw or lion").into()),
    }
}

/// Bytes that one rank should hold at most.
fn planned(
    network: &Network,
    config: &OptimizerConfig,
    largest: &BatchShape,
    several: bool,
    recompute: usize,
) -> u64 {
    let trained = || network.weights().into_iter().filter(|info| info.trainable);
    let states: u64 = trained()
        .map(|info| {
            let bf16 = network.dtype == DType::BF16 && !info.path.contains("lora_");
            state_bytes(config, &Stretch::whole(&info), bf16)
        })
        .sum();
    // An update holds three values in f32 beside the largest weight that it changes.
    let update = 12 * trained().map(|info| info.numel() as u64).max().unwrap_or(0);
    let peak = network.peak(largest, CHUNK, recompute).total();
    network.weight_bytes() + network.sum_bytes(several) + states + peak.max(update)
}
