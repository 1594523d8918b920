//! What a rank of a phase holds, by what it is for.

use super::states::{state_bytes, update_copies};
use crate::Error;
use crate::optimizer::{Optimizer, OptimizerConfig, Rule};
use crate::recipe::{AdapterHandover, Precision, Recipe, Train};
use crate::sharding::{Partition, Sharding, Stretch};
use burn::tensor::DType;
use data_pipeline::shard::ShardSet;
use model::DecoderConfig;
use model::backward::CHUNK;
use model::cuda::blas::WORKSPACE;
use model::lora::LoraConfig;
use model::memory::{Adapters, BatchShape, Bodies, Network};
use model::weight::WeightInfo;
use serde::{Deserialize, Serialize};

/// The ranks of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// How many there are.
    pub ranks: usize,
    /// Threads of each.
    pub threads: usize,
    /// How gradients and optimizer state are divided among them.
    pub sharding: Sharding,
}

impl Machine {
    /// So many ranks like this process.
    pub fn here(ranks: usize, sharding: Sharding) -> Self {
        let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|it| it.parse().ok());
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self { ranks, threads: asked.filter(|it| *it > 0).unwrap_or_else(cores), sharding }
    }
}

/// Bytes of a rank at its fullest moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Predicted {
    /// Weights, frozen ones too.
    pub weights: u64,
    /// Gradients that add up over the micro-batches of a step.
    pub gradients: u64,
    /// State of the optimizer.
    pub states: u64,
    /// What forward passes keep for backward passes.
    pub activations: u64,
    /// Logits of a chunk.
    pub logits: u64,
    /// What single operations hold for themselves, or the update of the weights if that is more.
    pub work: u64,
    /// Buffers in which gradients are summed over ranks.
    pub exchange: u64,
    /// Rows that are read ahead.
    pub data: u64,
    /// The program itself, or what libraries hold on its device beside tensors.
    pub program: u64,
    /// All of it.
    pub total: u64,
}

/// Code, stacks, vocabulary and what the heap of an idle rank keeps, in host memory: between what a rank
/// without a model has resident and twice that.
const PROGRAM: u64 = 64 << 20;

/// The driver's context on a GPU, with compiled kernels: half a GiB on Hopper, and room for kernels.
const CONTEXT: u64 = 768 << 20;

/// Buffers of NCCL for a communicator: some MiB for each channel and neighbour, as it says itself in its log.
const NCCL: u64 = 1536 << 20;

/// Bytes that a rank's device holds beside tensors, of so many ranks: nobody counts them, so these are bounds.
pub fn beside(device: &str, ranks: usize) -> u64 {
    match device {
        "flex" => PROGRAM,
        "cuda" => CONTEXT + WORKSPACE as u64 + if ranks > 1 { NCCL } else { 0 },
        // Whose driver says nothing.
        _ => 0,
    }
}

/// Steps that are read ahead, and the one in work, and its batches.
const STEPS_READ: u64 = 6;

/// Bytes of samples that a reader of shards keeps, about.
const CACHED: u64 = 50 << 20;

/// A phase and who trains it; what does not depend on the micro-batch is counted once.
#[derive(Clone, Debug)]
pub struct Needs {
    network: Network,
    /// Everything but activations, logits and work, of a step of one micro-batch.
    fixed: Predicted,
    /// What its end adds.
    sums: Sums,
}

/// What a step's sums of gradients hold beside those of one micro-batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// More, from the second micro-batch on: sums are f32 where gradients are bf16.
    several: u64,
    /// More, once they are clipped; those of several micro-batches are f32 already.
    clipped: u64,
    /// What an update holds beside everything that is fixed.
    update: u64,
}

/// The network that phase `index` trains.
pub fn network(
    recipe: &Recipe,
    index: usize,
    config: &DecoderConfig,
    threads: usize,
) -> Result<Network, Error> {
    let adapters = match recipe.phase[index].train {
        Train::Full => None,
        Train::Lora => Some(adapters(recipe, index, config)?),
    };
    let dtype = match recipe.model.dtype {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
    };
    // As `model::backward::Tape::Auto` has it; the fused bodies are for f32.
    let bodies = match (recipe.run.device.as_str(), dtype) {
        ("flex", DType::F32) => Bodies::Fused,
        ("flex", _) => Bodies::Plain,
        _ => Bodies::Explicit,
    };
    Ok(Network { config: config.clone(), dtype, adapters, bodies, threads })
}

/// The phase's own adapters, those of a directory, or those of the phase before that go on.
fn adapters(recipe: &Recipe, index: usize, config: &DecoderConfig) -> Result<Adapters, Error> {
    let phase = &recipe.phase[index];
    let mut first = index;
    while recipe.phase[first].adapter == AdapterHandover::Continue
        && first > 0
        && recipe.phase[first - 1].train == Train::Lora
    {
        first -= 1;
    }
    let lora = match &recipe.phase[first].lora.from {
        Some(directory) => {
            let given = model::peft::config(directory)?;
            LoraConfig { dropout: phase.lora.dropout, ..given }
        }
        None => phase.lora.clone(),
    };
    match Adapters::new(config, &lora) {
        // Adapters of other projections are fitted when they are read; as many layers have one.
        Err(_) if lora.from.is_none() && recipe.phase[first].lora.from.is_some() => {
            let all = LoraConfig { rank: lora.rank, dora: lora.dora, ..LoraConfig::default() };
            Ok(Adapters::new(config, &all)?)
        }
        other => Ok(other?),
    }
}

impl Needs {
    /// Of phase `index`, on `machine`; `shards` are the phase's, where they are prepared.
    pub fn new(
        recipe: &Recipe,
        index: usize,
        config: &DecoderConfig,
        machine: Machine,
        shards: Option<&ShardSet>,
    ) -> Result<Self, Error> {
        let network = network(recipe, index, config, machine.threads)?;
        let phase = &recipe.phase[index];
        let trained: Vec<WeightInfo> =
            network.weights().into_iter().filter(|info| info.trainable).collect();
        let mut fixed = Predicted { weights: network.weight_bytes(), ..Predicted::default() };
        let exact = recipe.run.exact_shards;
        let trained = Trained { weights: &trained, optimizer: &phase.optimizer, exact };
        let stays = stays(&recipe.run.device, machine.ranks, exact);
        let sums = summed(&mut fixed, &network, &trained, machine, stays);
        fixed.data = shards.map_or(0, |shards| data(shards, phase.batch.samples, machine.ranks));
        fixed.program = beside(&recipe.run.device, machine.ranks);
        Ok(Self { network, fixed, sums })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// With micro-batches of this shape, one or `several` in a step, if the first `recomputed` blocks are
    /// computed again.
    pub fn of(&self, shape: &BatchShape, several: bool, recomputed: usize) -> Predicted {
        let peak = self.network.peak(shape, CHUNK, recomputed);
        let Sums { several: more, clipped, update } = self.sums;
        let (more, clipped) = if several { (more, 0) } else { (0, clipped) };
        let update = (update + clipped).saturating_sub(peak.activations + peak.logits);
        let mut needs = Predicted {
            gradients: self.fixed.gradients + more,
            activations: peak.activations,
            logits: peak.logits,
            work: peak.work.max(update),
            ..self.fixed
        };
        needs.total = needs.sum();
        needs
    }
}

impl Predicted {
    fn sum(&self) -> u64 {
        self.weights
            + self.gradients
            + self.states
            + self.activations
            + self.logits
            + self.work
            + self.exchange
            + self.data
            + self.program
    }
}

/// Buckets in memory at a time where shares are kept: those that are away, and one that fills.
const BUFFERS: u64 = 5;

/// What is trained, and how.
struct Trained<'a> {
    weights: &'a [WeightInfo],
    optimizer: &'a OptimizerConfig,
    exact: usize,
}

/// Whether gradients and weights stay on the device when they are summed and changed, as
/// [`Site`](crate::exchange::Site) has it: more than one rank reach each other's devices over NCCL alone.
fn stays(device: &str, ranks: usize, exact: usize) -> bool {
    exact == 0 && (device == "cuda" || (device != "flex" && ranks == 1))
}

/// Fills in gradients, states and buffers of the rank that has most, for one micro-batch; returns what comes
/// with more of them, and with its update.
fn summed(
    fixed: &mut Predicted,
    network: &Network,
    trained: &Trained<'_>,
    machine: Machine,
    stays: bool,
) -> Sums {
    let Trained { weights: trained, optimizer: config, exact: exact_shards } = *trained;
    let Machine { ranks, sharding, .. } = machine;
    let values: u64 = trained.iter().map(|info| info.numel() as u64).sum();
    let largest = trained.iter().map(WeightInfo::numel).max().unwrap_or(0) as u64;
    // Where weights stay, they and their state are changed in place, but for what cannot be.
    let in_place = stays && config.name != Rule::Muon;
    let update = if in_place { 0 } else { 4 * largest * update_copies(config) };
    let states = |stretches: &mut dyn Iterator<Item = Stretch>| -> u64 {
        let bf16 =
            |stretch: &Stretch| network.dtype == DType::BF16 && !stretch.path.contains("lora_");
        stretches.map(|stretch| state_bytes(config, &stretch, bf16(&stretch))).sum()
    };
    let exact = exact_shards > 0;
    let mut several = network.sum_bytes(true) - network.sum_bytes(false);
    if ranks == 1 && !exact {
        fixed.gradients = network.sum_bytes(false);
        fixed.states = states(&mut trained.iter().map(Stretch::whole));
        // In memory the clipped gradients are made beside those that were found, as f32.
        let clipped = if stays || config.clip_norm <= 0.0 { 0 } else { several };
        return Sums { several, clipped, update };
    }
    let indivisible = |info: &WeightInfo| Optimizer::is_indivisible(config, info);
    let partition = Partition::new(trained, ranks, sharding.bucket_mib << 20, &indivisible);
    let buffers: u64 = partition.buckets.iter().map(|bucket| 4 * bucket.size() as u64).sum();
    let share: u64 = partition.buckets.iter().map(|bucket| 4 * bucket.length as u64).sum();
    let sharded = sharding.stage > 0 && ranks > 1;
    let (mut exchange, mut gradients) = (buffers, network.sum_bytes(false));
    if exact {
        // Sums that wait for their neighbours, a power of two each; and a bucket of every rank.
        let parts = (exact_shards / ranks).max(1);
        let levels = u64::from(parts.ilog2()) + 1;
        (gradients, several) = (gradients * levels, several * levels);
        let bucket = partition.buckets.iter().map(|bucket| bucket.size() as u64).max();
        exchange += 4 * bucket.unwrap_or(0) * ranks as u64;
    } else if sharded && sharding.stage == 2 {
        // Every micro-batch is summed at once: only the gradients of one part exist, and the share.
        (gradients, several) = (network.part_bytes(), 0);
        let bucket = partition.buckets.iter().map(|bucket| 4 * bucket.size() as u64).max();
        exchange = (BUFFERS * bucket.unwrap_or(0)).min(buffers) + share;
    } else if stays {
        // Micro-batches add up in the buffers: only the gradients of one part exist beside them.
        (gradients, several) = (network.part_bytes(), 0);
    }
    (fixed.gradients, fixed.exchange) = (gradients, exchange);
    fixed.states = if sharded {
        let of = |rank| states(&mut partition.of(rank).cloned());
        (0..ranks).map(of).max().unwrap_or(0)
    } else {
        states(&mut trained.iter().map(Stretch::whole))
    };
    if stays {
        // Weights on their way to the other ranks, a few buckets at a time.
        let bucket = partition.buckets.iter().map(|bucket| 4 * bucket.size() as u64).max();
        let away = (BUFFERS * bucket.unwrap_or(0)).min(buffers);
        let update = update + if sharded { away } else { 0 };
        return Sums { several, clipped: 0, update };
    }
    // New values on the host, of the own stretches and then of all.
    let update = update + 4 * values + if sharded { share } else { 0 };
    Sums { several, clipped: 0, update }
}

/// Rows that wait, the reader's cache, and what is known of every row.
fn data(shards: &ShardSet, samples: usize, ranks: usize) -> u64 {
    let lengths = shards.lengths();
    let tokens: u64 =
        lengths.iter().map(|length| u64::from(length.prefix) + u64::from(length.suffix)).sum();
    let id = 4;
    let a_step = tokens * samples as u64 / lengths.len().max(1) as u64 / ranks.max(1) as u64;
    let known = size_of::<data_pipeline::shard::Length>() + size_of::<std::ops::Range<usize>>();
    STEPS_READ * a_step * id + (tokens * id).min(CACHED) + (lengths.len() * known) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fixed(ranks: usize, stage: u8, exact: usize) -> (Predicted, u64) {
        planned(ranks, stage, exact, false)
    }

    fn planned(ranks: usize, stage: u8, exact: usize, stays: bool) -> (Predicted, u64) {
        let (fixed, sums) = planned_in(DType::F32, ranks, (stage, exact), stays);
        assert_eq!((sums.several, sums.clipped), (0, 0));
        (fixed, sums.update)
    }

    fn planned_in(
        dtype: DType,
        ranks: usize,
        (stage, exact): (u8, usize),
        stays: bool,
    ) -> (Predicted, Sums) {
        let config = DecoderConfig {
            vocab_size: 5000,
            hidden_size: 64,
            intermediate_size: 96,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            ..DecoderConfig::baichuan2_tiny()
        };
        let network = Network { config, dtype, adapters: None, bodies: Bodies::Fused, threads: 1 };
        let trained = network.weights();
        let machine = Machine { ranks, threads: 1, sharding: Sharding { stage, bucket_mib: 1 } };
        let mut fixed = Predicted { weights: network.weight_bytes(), ..Predicted::default() };
        let optimizer = &OptimizerConfig::default();
        let trained = Trained { weights: &trained, optimizer, exact };
        let sums = summed(&mut fixed, &network, &trained, machine, stays);
        (fixed, sums)
    }

    #[test]
    fn sums_of_several_micro_batches_are_f32() {
        let whole = planned(1, 0, 0, true).0.gradients;
        let (alone, sums) = planned_in(DType::BF16, 1, (0, 0), true);
        assert_eq!((2 * alone.gradients, 2 * sums.several), (whole, whole));
        // What is clipped in memory is copied to f32.
        assert_eq!(sums.clipped, 0);
        assert_eq!(planned_in(DType::BF16, 1, (0, 0), false).1.clipped, sums.several);
        let of = |ranks, stage, exact, stays| {
            planned_in(DType::BF16, ranks, (stage, exact), stays).1.several
        };
        assert_eq!(of(4, 0, 0, false), sums.several);
        assert_eq!(of(2, 0, 8, false), 3 * sums.several);
        // Micro-batches add up in buffers, which are f32 and counted as such.
        assert_eq!((of(4, 0, 0, true), of(4, 2, 0, true), of(4, 2, 0, false)), (0, 0, 0));
    }

    #[test]
    fn what_stays_on_a_device_is_held_once() {
        let (alone, update) = planned(1, 0, 0, true);
        assert_eq!((alone.gradients, update), (alone.weights, 0));
        for stage in [0, 1] {
            let (there, update) = planned(4, stage, 0, true);
            let (here, more) = fixed(4, stage, 0);
            assert!(there.gradients < here.gradients && there.exchange == here.exchange);
            assert_eq!(there.states, here.states);
            assert!(update < more, "{update} and {more}");
        }
        assert!(stays("cuda", 8, 0) && stays("wgpu", 1, 0));
        assert!(!stays("cuda", 8, 4) && !stays("wgpu", 2, 0) && !stays("flex", 1, 0));
    }

    #[test]
    fn libraries_hold_memory_beside_tensors() {
        assert_eq!((beside("flex", 4), beside("wgpu", 1)), (PROGRAM, 0));
        // The workspace of products is what they are given.
        assert_eq!(beside("cuda", 1), CONTEXT + (32 << 20));
        assert_eq!(beside("cuda", 8) - beside("cuda", 1), NCCL);
    }

    #[test]
    fn shares_are_counted_once() {
        let (alone, update) = fixed(1, 0, 0);
        assert_eq!(alone.gradients, alone.weights);
        assert_eq!((alone.states, alone.exchange), (2 * alone.weights, 0));
        assert_eq!(update, 3 * 4 * 5000 * 64);
        let (replicated, more) = fixed(4, 0, 0);
        assert_eq!(replicated.states, alone.states);
        assert!(replicated.exchange >= alone.weights && more > update);
        for stage in [1, 2] {
            let (shared, _) = fixed(4, stage, 0);
            // A quarter, and what is left over where buckets do not divide.
            assert!(shared.states < alone.states / 3, "{shared:?}");
            assert_eq!(shared.gradients < alone.gradients, stage == 2, "{shared:?}");
        }
        let (exact, _) = fixed(2, 0, 8);
        assert_eq!(exact.gradients, 3 * alone.gradients);
    }
}
