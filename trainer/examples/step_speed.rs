//! Whole LoRA steps on request, for `scripts/bench/trainer.py`.
//!
//!     RAYON_NUM_THREADS=1 step_speed RUN MODEL ADAPTER
//!
//! RUN holds prepared shards, MODEL weights, ADAPTER adapters of PEFT. A request is one line of JSON on
//! standard input, its answer one line on standard output, so that the caller can let another program
//! work in between:
//!
//! - `{"do": "rows"}`: the first step's samples, as ids with where the loss begins.
//! - `{"do": "prepare", "name": N, "grouped": true}`: a learner of its own for that batch.
//! - `{"do": "measure", "name": N}`: forward and backward pass, clipping, AdamW. Time is the processor's
//!   for the whole process and the clock's, in seconds, with the clock's divided by parts.

use burn::tensor::{DType, Device};
use data_pipeline::batch::Group;
use data_pipeline::loader::{StepRows, step_rows};
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::ShardSet;
use model::{Decoder, files, peft};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use trainer::collective::Solo;
use trainer::network::freeze_base;
use trainer::optimizer::{Optimizer, OptimizerConfig};
use trainer::recipe::Phase;
use trainer::sharding::Sharding;
use trainer::step::{Objective, StepInput, StepPart, Stepper};
use trainer::{Recipe, RunDir};

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Rows,
    Prepare { name: String, grouped: bool },
    Measure { name: String },
}

/// A batch and who learns from it.
struct Work {
    decoder: Decoder,
    optimizer: Optimizer,
    stepper: Stepper,
    groups: Vec<Group>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, model, adapter] = &arguments[..] else {
        return Err("usage: step_speed RUN MODEL ADAPTER".into());
    };
    let run_dir = RunDir::new(run);
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let phase = &recipe.phase[0];
    let shards = ShardSet::open(&run_dir.prepared(0, &phase.name))?;

    let order = Order::new(recipe.run.seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
    let rows = step_rows(&shards, &order, &[Share::ALL], 0)?;
    let mut base = files::load(Path::new(model), &Device::flex(), DType::F32)?;
    peft::load(&mut base, Path::new(adapter))?;
    freeze_base(&mut base);
    let mut works = HashMap::new();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Command::Rows => samples(&rows),
            Command::Prepare { name, grouped } => {
                works.insert(name, Work::new(&base, &rows, grouped));
                json!({})
            }
            Command::Measure { name } => {
                let work = works.get_mut(&name).ok_or_else(|| format!("`{name}` is unknown"))?;
                work.measure(phase, &rows)?
            }
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// The ids of each sample, prefix and all.
fn samples(rows: &StepRows) -> Value {
    let mut samples = Vec::new();
    for group in rows.parts.iter().flatten() {
        for suffix in &group.suffixes {
            let ids: Vec<u32> = group.prefix.iter().chain(&suffix.ids).copied().collect();
            let from = group.prefix.len() + suffix.supervised_from;
            samples.push(json!({"ids": ids, "supervised_from": from}));
        }
    }
    json!({"samples": samples})
}

impl Work {
    fn new(base: &Decoder, rows: &StepRows, grouped: bool) -> Self {
        let decoder = base.clone();
        let (config, mut solo) = (settings(), Solo);
        let stepper = Stepper::new(&decoder, &config, Sharding::default(), 0, &mut solo);
        let groups: Vec<Group> = rows.parts.iter().flatten().cloned().collect();
        let apart = |group: Group| {
            let prefix = group.prefix;
            let alone = move |suffix| Group { prefix: prefix.clone(), suffixes: vec![suffix] };
            group.suffixes.into_iter().map(alone).collect::<Vec<_>>()
        };
        let groups = if grouped { groups } else { groups.into_iter().flat_map(apart).collect() };
        Self { decoder, optimizer: Optimizer::default(), stepper, groups }
    }

    fn measure(&mut self, phase: &Phase, rows: &StepRows) -> Result<Value, trainer::Error> {
        let part = StepPart { groups: self.groups.clone(), dropout_seed: None };
        let input = StepInput {
            parts: vec![part],
            samples: rows.rows.len(),
            supervised: rows.supervised,
            noise_seed: 0,
        };
        let objective =
            Objective { batch: &phase.batch, average: phase.loss_average, loss: &phase.loss };
        let config = settings();
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let found = self.stepper.gradients(&self.decoder, input, objective, false, &mut Solo)?;
        let updating = Instant::now();
        self.stepper.update(
            &mut self.decoder,
            &mut self.optimizer,
            &found,
            &config,
            1.0,
            &mut Solo,
        )?;
        let update = updating.elapsed().as_secs_f64();
        Ok(json!({
            "cpu_seconds": cpu_seconds() - cpu,
            "wall_seconds": wall.elapsed().as_secs_f64(),
            "compute_seconds": found.seconds.compute,
            "update_seconds": update,
            "loss": found.loss,
            "gradient_norm": found.gradient_norm,
            "computed_tokens": found.computed,
            "padded_tokens": found.padded,
            "peak_bytes": peak_bytes(),
        }))
    }
}

/// AdamW as both sides have it.
fn settings() -> OptimizerConfig {
    OptimizerConfig { learning_rate: 1e-4, ..OptimizerConfig::default() }
}

/// Processor time of all threads of this process so far.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The most memory that this process ever had resident.
fn peak_bytes() -> u64 {
    // SAFETY: zeroes are a valid `rusage`, and `usage` is a valid place for the answer.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    usage.ru_maxrss as u64 * 1024
}
