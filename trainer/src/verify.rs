//! Whether a step's gradients are the same however it is split: law 1, held on a user's own recipe.
//!
//! One global batch, the first of each phase, is computed in several ways: on 1, 2 and 4 ranks, under each
//! stage of ZeRO, in small and large micro-batches, in groups and sample by sample, with blocks kept and
//! computed again. Ranks are threads of this process; all else is what trains, [`Stepper`](crate::step::Stepper)
//! and its exchange. Gradients are compared, in total and weight by weight, with those of the plainest
//! split: one rank, one sample at a time, nothing shared, nothing computed again.
//!
//! Dropout and NEFTune are off, since their draws follow the split. Adapters whose second factor is zero
//! would hide the gradient of the first: it is filled with small numbers. Later phases begin with the
//! recipe's base, for the model that they will get does not exist yet.
//!
//! # What it costs
//! Under [`When::Auto`] a phase is verified before a run if that computes at most 1/[`SHARE`] of the tokens that
//! the phase will compute (off the CPU, where the run's other devices wait meanwhile, counted once for each
//! rank), and if at most [`MOST_TRAINED`] values are trained or the device is not the CPU.

mod fit;
mod splits;
mod sums;

pub use splits::Split;

use crate::memory::MemoryPlan;
use crate::network::{base, set_trained, shape};
use crate::objective::LossConfig;
use crate::recipe::{Phase, Recipe, Train};
use crate::run::steps;
use crate::sharding::Sharding;
use crate::{Error, RunDir, device};
use burn::tensor::{DType, Device, Tensor, TensorData};
use data_pipeline::loader::step_rows;
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use fit::Room;
use model::weight::{Mapper, Weight, Weights, list};
use model::{Decoder, peft};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sums::{Case, really};

/// Verifying by itself takes at most one part in so many of a phase.
pub const SHARE: u64 = 50;

/// On a CPU, phases that train more values are not verified by themselves.
pub const MOST_TRAINED: usize = 200_000_000;

/// Relative difference that f32 may make: the order of summation.
const OF_F32: f64 = 1e-5;

/// The same where products are rounded to bf16, f16 or TF32.
const OF_HALF: f64 = 2e-2;

/// `run.verify`: `"auto"`, `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Where it costs little beside what follows.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Yes => serializer.serialize_bool(true),
            Self::No => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Whether(bool),
            Name(String),
        }
        let wrong = |found: &str| {
            serde::de::Error::custom(format!(
                "verify is `{found}`, expected \"auto\", true or false"
            ))
        };
        match Given::deserialize(deserializer)
            .map_err(|_| wrong("neither text nor a truth value"))?
        {
            Given::Whether(true) => Ok(Self::Yes),
            Given::Whether(false) => Ok(Self::No),
            Given::Name(name) if name == "auto" => Ok(Self::Auto),
            Given::Name(name) => Err(wrong(&name)),
        }
    }
}

/// How much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every phase, every kind of split.
    Full,
    /// What a run does by itself: the phases that `run.verify` asks for, the plainest split, the run's own
    /// and two others.
    Short,
}

/// How the run itself is split.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Ranks.
    pub ranks: usize,
    /// What each of them holds.
    pub sharding: Sharding,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// One of each phase that was looked at.
    pub phases: Vec<PhaseGradients>,
}

/// The gradients of a phase's first step.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseGradients {
    /// Name of the phase.
    pub phase: String,
    /// What products are rounded to.
    pub precision: String,
    /// Relative difference that is allowed.
    pub allowed: f64,
    /// Samples of the step.
    pub samples: usize,
    /// Values that are trained.
    pub trained: usize,
    /// The plainest first.
    pub splits: Vec<Compared>,
    /// What does not fit here.
    pub left_out: Vec<LeftOut>,
}

/// One split beside the plainest.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Which.
    #[serde(flatten)]
    pub split: Split,
    /// Tokens that were computed.
    pub tokens: u64,
    /// Loss of the step.
    pub loss: f64,
    /// Relative difference of the loss.
    pub loss_error: f64,
    /// ‖g - g₀‖ / ‖g₀‖ over all weights.
    pub error: f64,
    /// The weight whose gradient differs most.
    pub weight: String,
    /// By how much: ‖g - g₀‖ / ‖g₀‖, where a norm below a thousandth of that of all counts as that much.
    pub weight_error: f64,
    /// Whether all of it is within what is allowed.
    pub passed: bool,
}

/// A split that was not computed.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// Which.
    #[serde(flatten)]
    pub split: Split,
    /// What it would have needed.
    pub why: String,
}

impl Verification {
    /// The first split that changes what is learned, in one sentence.
    pub fn failure(&self) -> Option<String> {
        self.phases.iter().find_map(PhaseGradients::failure)
    }

    /// Splits that were compared with the plainest.
    pub fn compared(&self) -> usize {
        self.phases.iter().map(|phase| phase.splits.len().saturating_sub(1)).sum()
    }

    /// The largest difference of a weight's gradient.
    pub fn worst(&self) -> f64 {
        let splits = self.phases.iter().flat_map(|phase| &phase.splits);
        splits.map(|split| split.weight_error).fold(0.0, f64::max)
    }
}

impl PhaseGradients {
    fn failure(&self) -> Option<String> {
        let failed = self.splits.iter().find(|it| !it.passed)?;
        let what = if failed.weight_error > self.allowed || failed.weight_error.is_nan() {
            format!("the gradient of `{}` differs by {:.1e}", failed.weight, failed.weight_error)
        } else {
            format!("the loss differs by {:.1e}", failed.loss_error)
        };
        Some(format!(
            "phase `{}`, {}: {what} of its size from that of one sample at a time, allowed is {:.0e}: how a step is split changes what is learned",
            self.phase, failed.split, self.allowed
        ))
    }
}

/// Computes the first steps of the recipe's phases, whose shards lie prepared in `run_dir`, under several
/// splits, and compares. `told` hears what is computed next.
pub fn verify(
    recipe: &Recipe,
    run_dir: &RunDir,
    own: Own,
    extent: Extent,
    told: &mut dyn FnMut(&str, Split),
) -> Result<Verification, Error> {
    let recipe = &MemoryPlan::chosen(recipe, run_dir)?;
    let phases: Vec<usize> = match extent {
        Extent::Full => (0..recipe.phase.len()).collect(),
        Extent::Short => due(recipe, run_dir, own)?,
    };
    if phases.is_empty() {
        return Ok(Verification::default());
    }
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, 0)?;
    let base = base(recipe, &tokenizer, &device, &mut |_, _| {})?;
    let phase = |index: usize| {
        let decoder = learning(&base, recipe, index, &device)?;
        let phase = &recipe.phase[index];
        let first = First::of(recipe, run_dir, index)?;
        let splits = first.splits(phase, recipe, own, extent);
        first.compare(phase, recipe, &decoder, splits, &mut *told)
    };
    let phases = phases.into_iter().map(phase).collect::<Result<_, _>>()?;
    // A rank may be about to compute on the same GPU, in a process of its own.
    drop(base);
    device.memory_cleanup();
    Ok(Verification { phases })
}

/// The phases that a run verifies by itself.
pub fn due(recipe: &Recipe, run_dir: &RunDir, own: Own) -> Result<Vec<usize>, Error> {
    let recipe = &MemoryPlan::chosen(recipe, run_dir)?;
    match recipe.run.verify {
        When::No => return Ok(Vec::new()),
        When::Yes => return Ok((0..recipe.phase.len()).collect()),
        When::Auto => {}
    }
    let shape = shape(recipe, Tokenizer::load(&run_dir.tokenizer())?.vocabulary())?;
    let is_cpu = recipe.run.device == "flex";
    let mut due = Vec::new();
    for (index, phase) in recipe.phase.iter().enumerate() {
        let trained = match phase.train {
            Train::Full => shape.parameters(),
            Train::Lora => phase.lora.parameters(&shape)?,
        };
        let first = First::of(recipe, run_dir, index)?;
        let splits = first.splits(phase, recipe, own, Extent::Short);
        let waiting = if is_cpu { 1 } else { own.ranks as u64 };
        let cost = waiting * splits.iter().map(|split| first.tokens(split)).sum::<u64>();
        let whole = first.steps as u64 * first.tokens(&Split::of_run(phase, recipe, own));
        if cost * SHARE <= whole && (trained <= MOST_TRAINED || !is_cpu) {
            due.push(index);
        }
    }
    Ok(due)
}

/// The first step of a phase.
struct First {
    shards: ShardSet,
    order: Order,
    steps: usize,
    samples: usize,
    supervised: u64,
    /// Every sample with its own prefix.
    apart: u64,
    /// Each prefix once for its group.
    together: u64,
}

impl First {
    fn of(recipe: &Recipe, run_dir: &RunDir, index: usize) -> Result<Self, Error> {
        let phase = &recipe.phase[index];
        let shards = ShardSet::open(&run_dir.prepared(index, &phase.name))?;
        let order =
            Order::new(recipe.run.seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
        let steps = steps(phase, &order);
        let rows = step_rows(&shards, &order, &[Share::ALL], 0)?;
        let groups = rows.parts.iter().flatten();
        let of_suffixes = |group: &data_pipeline::batch::Group| -> usize {
            group.suffixes.iter().map(|suffix| suffix.ids.len()).sum()
        };
        let together = groups.map(|group| (group.prefix.len() + of_suffixes(group)) as u64).sum();
        let (samples, supervised, apart) = (rows.rows.len(), rows.supervised, rows.tokens);
        Ok(Self { shards, order, steps, samples, supervised, apart, together })
    }

    fn splits(&self, phase: &Phase, recipe: &Recipe, own: Own, extent: Extent) -> Vec<Split> {
        let own = Split::of_run(phase, recipe, own);
        let micro = phase.batch.micro_tokens().min(self.together as usize);
        match extent {
            Extent::Full => splits::full(own, micro),
            Extent::Short => splits::short(own, micro),
        }
    }

    /// Tokens that a split computes, about: a forward pass that is done again is a third of a step.
    fn tokens(&self, split: &Split) -> u64 {
        let once = if split.grouped { self.together } else { self.apart };
        if split.recompute { once * 4 / 3 } else { once }
    }

    fn compare(
        &self,
        phase: &Phase,
        recipe: &Recipe,
        decoder: &Decoder,
        splits: Vec<Split>,
        told: &mut dyn FnMut(&str, Split),
    ) -> Result<PhaseGradients, Error> {
        let deal = |share: Share| -> Result<_, Error> {
            Ok(step_rows(&self.shards, &self.order, &[share], 0)?.parts.remove(0))
        };
        let case = Case {
            decoder,
            batch: &phase.batch,
            average: phase.loss_average,
            loss: &LossConfig { neftune_noise_alpha: 0.0, ..phase.loss.clone() },
            optimizer: &phase.optimizer,
            deal: &deal,
            samples: self.samples,
            supervised: self.supervised,
        };
        let trained: usize =
            list(decoder, "").iter().filter(|it| it.trainable).map(|it| it.numel()).sum();
        let room = Room::of(recipe, decoder, phase, trained);
        let (mut fitting, mut left_out) = (Vec::new(), Vec::new());
        for split in splits {
            match room.lacks(&split) {
                None => fitting.push(split),
                Some(why) => left_out.push(LeftOut { split, why }),
            }
        }
        // Without the plainest there is nothing to compare with.
        let is_plain = fitting.first().is_some_and(Split::is_plainest);
        if !is_plain {
            let rest = fitting.drain(..).map(|split| LeftOut {
                split,
                why: "the plainest split, which it is compared with, does not fit".to_owned(),
            });
            left_out.extend(rest);
        }
        let (precision, allowed) = precision(decoder);
        let mut tell = |split: Split| told(&phase.name, split);
        Ok(PhaseGradients {
            phase: phase.name.clone(),
            precision: precision.to_owned(),
            allowed,
            samples: self.samples,
            trained,
            splits: case.compare(&fitting, allowed, &really, &mut tell)?,
            left_out,
        })
    }
}

/// The model as the phase trains it, but for what earlier phases will have taught it.
fn learning(
    base: &Decoder,
    recipe: &Recipe,
    index: usize,
    device: &Device,
) -> Result<Decoder, Error> {
    let phase = &recipe.phase[index];
    let mut decoder = base.clone();
    match (phase.train, &phase.lora.from) {
        (Train::Full, _) => {}
        (Train::Lora, Some(directory)) => {
            peft::load(&mut decoder, directory)?;
        }
        (Train::Lora, None) => {
            device.seed(recipe.run.seed.wrapping_add(7919 * (index as u64 + 1)));
            decoder.add_adapters(&phase.lora)?;
        }
    }
    stir(&mut decoder);
    set_trained(&mut decoder, phase)?;
    Ok(decoder)
}

/// Fills adapters' second factors that are zero.
fn stir(decoder: &mut Decoder) {
    struct Stir;
    impl Mapper for Stir {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            if !path.contains("lora_B") {
                return;
            }
            let zero = weight.value.clone().into_data().iter::<f32>().all(|value| value == 0.0);
            if zero {
                let dims = weight.value.dims();
                let count = dims.iter().product::<usize>() as u64;
                let number = |i: u64| (i * 7919 % 2003) as f32 / 1001.0 - 1.0;
                let values: Vec<f32> = (0..count).map(|i| 0.02 * number(i)).collect();
                let (device, dtype) = (weight.value.device(), weight.value.dtype());
                weight.value = Tensor::from_data(TensorData::new(values, dims), (&device, dtype));
            }
        }
    }
    decoder.map("", &mut Stir);
}

/// What products are rounded to, and the difference that this allows.
fn precision(decoder: &Decoder) -> (&'static str, f64) {
    match decoder.compute {
        DType::F32 if multiplies_exactly(decoder) => ("f32", OF_F32),
        DType::F32 => ("f32 with products in TF32", OF_HALF),
        DType::BF16 => ("bf16", OF_HALF),
        _ => ("f16", OF_HALF),
    }
}

/// Whether the device keeps all bits of f32 in a product; tensor cores may round to TF32.
fn multiplies_exactly(decoder: &Decoder) -> bool {
    let device = decoder.device();
    let width = decoder.config.hidden_size.min(1024);
    // It needs 14 bits, and TF32 has 11.
    let value = 1.0 + 2f32.powi(-13);
    let left = Tensor::<2>::zeros([256, width], &device).add_scalar(value);
    let one = Tensor::<2>::eye(width, &device);
    let apart = left.matmul(one).sub_scalar(value).abs().max().into_scalar::<f32>();
    apart == 0.0
}
