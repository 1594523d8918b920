//! What a run takes before it runs: seconds, hours, money, by an analytic model.
//!
//! The model is of formulas and of few constants: [`rates`] has those of the hardware, [`work`] what a network and
//! its samples cost, [`step`] puts them together. docs/plan.md explains it; [`measured`] keeps how far it was from
//! what really happened.

pub mod buckets;
pub mod calibration;
pub mod measured;
pub mod rates;
pub mod step;
pub mod sums;
#[cfg(test)]
pub mod tests;
pub mod work;

pub use calibration::Calibration;
pub use rates::Rates;

use crate::cluster::Cluster;
use crate::display::duration;
use crate::error::Error;
use buckets::Larger;
use serde::{Deserialize, Serialize};
use step::{Layout, StepTime};
use trainer::Recipe;
use trainer::checkpoint::space::Sizes;
use trainer::memory::MemoryPlan;
use trainer::network::DecoderConfig;
use work::{Costs, Load, Samples};

/// Hours of one accelerator between two failures: 419 in 54 days of 16,384 of them (arXiv:2407.21783).
const BETWEEN_FAILURES: f64 = 50_000.0;

/// Ranks of a node where the cluster file has a single one and so does not say.
const USUAL_NODE: usize = 8;

/// Tokens of an answer, where they are asked for by the hundred: most sentences have few objects.
const ANSWER: f64 = 64.0;

/// What is known of a run before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is learned.
    pub recipe: &'a Recipe,
    /// The network.
    pub config: &'a DecoderConfig,
    /// Where it is learned.
    pub cluster: &'a Cluster,
    /// How fast a rank is.
    pub rates: &'a Rates,
    /// Tokens of a micro-batch and blocks that are computed again, by phase.
    pub memory: &'a MemoryPlan,
    /// What the samples of each phase are like.
    pub samples: &'a [Samples],
    /// Steps of each phase, where they are known.
    pub steps: &'a [Option<usize>],
    /// What the checkpoints of each phase are like, where that is known.
    pub checkpoints: Option<&'a [Sizes]>,
    /// Questions of the evaluation at the end.
    pub questions: usize,
}

/// What a phase will take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseEstimate {
    /// Its name.
    pub phase: String,
    /// What its samples are like.
    pub samples: Samples,
    /// Its steps, where they are known.
    pub steps: Option<usize>,
    /// One of them.
    pub step: StepTime,
    /// All of them, in seconds, with what training waits for checkpoints that are still written.
    pub seconds: Option<f64>,
    /// Seconds between two of its checkpoints.
    pub seconds_between_saves: f64,
    /// What checkpoints take, where their size is known.
    pub saves: Option<Saves>,
    /// What failures cost of it with that many: work done again, and time to save.
    pub lost_share: Option<f64>,
}

/// The checkpoints of a phase, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saves {
    /// Until the first of them is on the disk.
    pub first: f64,
    /// The same of each further one: weights that stay as they are are written once.
    pub next: f64,
    /// What training waits in all, since one is written at a time.
    pub waiting: f64,
    /// The last of them, which nothing goes on beside.
    pub last: f64,
}

impl Saves {
    /// Of `count` checkpoints, so many seconds apart, on a disk that takes in so many bytes a second.
    fn of(sizes: &Sizes, count: usize, (between, disk): (f64, f64)) -> Self {
        let first = sizes.one() as f64 / disk;
        let next = (sizes.all(2) - sizes.all(1)) as f64 / disk;
        let late = |seconds: f64| f64::max(seconds - between, 0.0);
        Self {
            first,
            next,
            waiting: match count {
                ..2 => 0.0,
                _ => late(first) + (count - 2) as f64 * late(next),
            },
            last: if count < 2 { first } else { next },
        }
    }
}

/// What a run will take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Ranks.
    pub world: usize,
    /// Nodes.
    pub nodes: usize,
    /// How fast each of them is.
    pub rates: Rates,
    /// In order.
    pub phases: Vec<PhaseEstimate>,
    /// Seconds until the largest checkpoint is on the disk; training goes on meanwhile.
    pub checkpoint_seconds: Option<f64>,
    /// The same of further ones of a phase.
    pub next_checkpoint_seconds: Option<f64>,
    /// Seconds between two checkpoints that lose least to failures and to saving.
    pub best_save_seconds: Option<f64>,
    /// Seconds of the evaluation at the end.
    pub evaluation_seconds: f64,
    /// All phases, their last checkpoints and the evaluation; without the preparation of data.
    pub hours: Option<f64>,
    /// Those of all ranks, and of the spares beside them.
    pub gpu_hours: Option<f64>,
    /// What they cost, where the cluster file says what an hour does.
    pub cost: Option<f64>,
}

impl Estimate {
    /// What the run takes on so many ranks like those of the cluster.
    pub fn on(question: &Question<'_>, world: usize) -> Result<Self, Error> {
        let Question { recipe, rates, .. } = *question;
        let per_node = ranks_of_a_node(question.cluster);
        let between = 3600.0 * BETWEEN_FAILURES / world as f64;
        let phases = (0..recipe.phase.len())
            .map(|index| phase(question, index, world, between))
            .collect::<Result<Vec<_>, _>>()?;
        let last = phases.len().saturating_sub(1);
        let evaluation_seconds = evaluation(question, last, world)?;
        let most = |of: fn(&Saves) -> f64| {
            phases.iter().filter_map(|it| it.saves.as_ref().map(of)).reduce(f64::max)
        };
        let next_checkpoint_seconds = most(|it| it.next);
        let all: Option<f64> = phases.iter().map(|phase| phase.seconds).sum();
        let saved: f64 = phases.iter().filter_map(|it| Some(it.saves?.last)).sum();
        let hours = all.map(|all| (all + saved + evaluation_seconds) / 3600.0);
        // Spares wait, and are paid for.
        let held = world + question.cluster.spares * question.cluster.ranks_per_node();
        let gpu_hours = hours.map(|hours| hours * held as f64);
        let price = question.cluster.hardware.price_per_hour;
        Ok(Self {
            world,
            nodes: world.div_ceil(per_node),
            rates: rates.clone(),
            checkpoint_seconds: most(|it| it.first),
            next_checkpoint_seconds,
            best_save_seconds: next_checkpoint_seconds
                .map(|seconds| (2.0 * seconds * between).sqrt()),
            phases,
            evaluation_seconds,
            hours,
            gpu_hours,
            cost: gpu_hours.zip(price).map(|(hours, price)| hours * price),
        })
    }
}

/// `480 ms`, `1.90 s`, `3 min`.
pub fn seconds_text(seconds: f64) -> String {
    match seconds {
        ..=0.0 => "none".to_owned(),
        ..0.5e-6 => "below 1 µs".to_owned(),
        ..0.001 => format!("{:.0} µs", 1e6 * seconds),
        0.001..1.0 => format!("{:.0} ms", 1e3 * seconds),
        1.0..100.0 => format!("{seconds:.2} s"),
        _ => duration(seconds),
    }
}

/// Ranks that share a node.
pub fn ranks_of_a_node(cluster: &Cluster) -> usize {
    if cluster.ranks == 1 { USUAL_NODE } else { cluster.ranks_per_node() }
}

/// A step of phase `index` on so many ranks: its costs, what it sees, and who does what.
fn of_a_step(
    question: &Question<'_>,
    index: usize,
    world: usize,
) -> Result<(Costs, Load, Layout), Error> {
    let Question { recipe, config, cluster, memory, .. } = *question;
    let phase = &recipe.phase[index];
    let planned = memory.of(&phase.name);
    let layout = Layout {
        world,
        per_node: ranks_of_a_node(cluster),
        stage: if world > 1 { cluster.sharding.stage } else { 0 },
        shards: world,
        // Sums are in f32, and so are new weights.
        gradient_bytes: 4.0,
        weight_bytes: 4.0,
        bucket: (cluster.sharding.bucket_mib << 20) as f64,
        exact: recipe.run.exact_shards > 0,
        micro_tokens: planned.map_or(phase.batch.micro_tokens(), |plan| plan.micro_tokens),
        recompute: planned.map_or(0, |plan| plan.recompute),
    };
    let load = question.samples[index].step(phase.batch.samples);
    Ok((Costs::of(recipe, index, config)?, load, layout))
}

/// What phase `index` takes, with failures so many seconds apart.
fn phase(
    question: &Question<'_>,
    index: usize,
    world: usize,
    between_failures: f64,
) -> Result<PhaseEstimate, Error> {
    let Question { recipe, rates, .. } = *question;
    let (costs, load, layout) = of_a_step(question, index, world)?;
    let step = StepTime::of(&costs, &load, &layout, rates);
    let steps = question.steps[index];
    let every = recipe.checkpoint.every.max(1);
    let between = every as f64 * step.seconds;
    let sizes = question.checkpoints.and_then(|it| it.get(index));
    // Every so many steps, and at the end.
    let count = steps.map_or(1, |steps| steps.div_ceil(every));
    let saves = sizes.map(|sizes| Saves::of(sizes, count, (between, rates.disk)));
    let waiting = saves.map_or(0.0, |it| it.waiting);
    Ok(PhaseEstimate {
        phase: recipe.phase[index].name.clone(),
        seconds: steps.map(|steps| steps as f64 * step.seconds + waiting),
        lost_share: saves.map(|it| it.next / between + between / (2.0 * between_failures)),
        saves,
        samples: question.samples[index].clone(),
        steps,
        step,
        seconds_between_saves: between,
    })
}

/// What would make a run on so many ranks faster: a sentence for each phase in which something is worth it.
pub fn advice(question: &Question<'_>, world: usize) -> Result<Vec<String>, Error> {
    let mut sentences = Vec::new();
    for (index, phase) in question.recipe.phase.iter().enumerate() {
        let (costs, load, layout) = of_a_step(question, index, world)?;
        let larger = Larger::of(&costs, &load, &layout, question.rates);
        sentences.extend(larger.map(|it| it.sentence(&phase.name)));
    }
    let every = question.recipe.checkpoint.every;
    let phases = Estimate::on(question, world)?.phases;
    sentences.extend(phases.iter().filter_map(|it| it.slow_saves(every)));
    Ok(sentences)
}

/// What of a phase's time waiting for checkpoints must be before it is worth a word.
const WAITS: f64 = 0.05;

impl PhaseEstimate {
    /// That the disk is slower than training, where checkpoints are `every` steps apart.
    fn slow_saves(&self, every: usize) -> Option<String> {
        let Saves { next, waiting, .. } = self.saves?;
        let between = self.seconds_between_saves;
        (waiting > WAITS * self.seconds?).then(|| {
            format!(
                "phase `{}` waits {} for checkpoints: {every} steps between two take {}, and one {} until it is on the \
                 disk; checkpoint.every = {} would not",
                self.phase,
                seconds_text(waiting),
                seconds_text(between),
                seconds_text(next),
                (next / self.step.seconds).ceil()
            )
        })
    }
}

/// Seconds of the evaluation at the end: prompts are computed at the speed of products, answers token by token, for
/// which all weights are read.
fn evaluation(question: &Question<'_>, last: usize, world: usize) -> Result<f64, Error> {
    let Question { recipe, config, rates, questions, .. } = *question;
    let (Some(samples), true) = (question.samples.get(last), questions > 0) else {
        return Ok(0.0);
    };
    let costs = Costs::of(recipe, last, config)?;
    let each = (questions as f64 / world as f64).ceil();
    let prompts = each * samples.tokens * costs.forward / rates.own_products();
    let rows = (each / recipe.evaluation.rows.max(1) as f64).ceil();
    let answer = f64::min(ANSWER, recipe.evaluation.max_new_tokens as f64);
    let token = costs.parameters * costs.width / rates.copy;
    Ok(prompts + rows * answer * token)
}
