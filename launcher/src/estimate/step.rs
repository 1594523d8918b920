//! How long a step takes: computing, talking, updating, waiting for the slowest.

use super::rates::Rates;
use super::sums::{Operation, World};
use super::work::{Costs, Load};
use serde::{Deserialize, Serialize};

/// Tokens of a micro-batch from which on products are as fast as larger ones.
const LARGE_ENOUGH: f64 = 2048.0;

/// How the speed of products falls with the size of smaller ones: an exponent, and the size at which it falls no more.
const SMALL: [f64; 2] = [0.35, 0.15];

/// What of a computation can hide a transfer: kernels share the memory with it.
const HIDES: f64 = 0.9;

/// How far ranks scatter around their mean.
const SCATTER: f64 = 0.01;

/// How the ranks of a run divide its work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Ranks.
    pub world: usize,
    /// Ranks of a node.
    pub per_node: usize,
    /// What is divided: 0 nothing, 1 the optimizer's state, 2 the summed gradients, too.
    pub stage: u8,
    /// Over how many ranks.
    pub shards: usize,
    /// Bytes of a gradient on its way.
    pub gradient_bytes: f64,
    /// Bytes of a new weight on its way.
    pub weight_bytes: f64,
    /// Bytes that are summed at a time.
    pub bucket: f64,
    /// Whether every rank gets the sums of all, so that their order is fixed.
    pub exact: bool,
    /// Tokens that a rank computes at a time.
    pub micro_tokens: usize,
    /// Blocks that are computed again.
    pub recompute: usize,
}

/// Seconds of a step, by what they go to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// Computed tokens of a rank.
    pub tokens_per_rank: f64,
    /// How many batches they are computed in.
    pub micro_batches: usize,
    /// Products of linear layers, adapters and head.
    pub products: f64,
    /// Attention.
    pub attention: f64,
    /// What is done element by element.
    pub elementwise: f64,
    /// The update of the weights.
    pub optimizer: f64,
    /// Sums over ranks.
    pub communication: f64,
    /// What of them nothing hides.
    pub exposed: f64,
    /// Waiting for the slowest rank.
    pub straggler: f64,
    /// The whole step: all but `communication`, of which `exposed` is a part.
    pub seconds: f64,
    /// Tokens of samples a second, over all ranks.
    pub tokens_per_second: f64,
    /// Computed tokens a second, over all ranks.
    pub computed_tokens_per_second: f64,
    /// Operations of the model, without what is computed again, over the peak of all ranks.
    pub mfu: Option<f64>,
}

impl Layout {
    /// Nodes that the ranks fill.
    pub fn nodes(&self) -> usize {
        self.world.div_ceil(self.per_node.max(1))
    }

    /// Seconds of all sums of a step of so many micro-batches.
    fn communication(&self, trainable: f64, micro_batches: f64, rates: &Rates) -> f64 {
        let Some(world) = World::of(self) else { return 0.0 };
        let of = |operation, bytes| world.seconds(operation, bytes, self.bucket, rates);
        let (sums, weights) = (self.gradient_bytes * trainable, self.weight_bytes * trainable);
        let half = of(Operation::Half, sums);
        let handed_out = of(Operation::Half, weights);
        match (self.exact, self.stage) {
            // Everybody's gradients reach everybody.
            (true, 0) => self.world as f64 * half,
            (true, _) => self.world as f64 * half + handed_out,
            (false, 0) => of(Operation::AllReduce, sums),
            (false, 1) => half + handed_out,
            (false, _) => micro_batches * half + handed_out,
        }
    }
}

impl StepTime {
    /// Of a step of `load` on ranks that are laid out and as fast as said.
    pub fn of(costs: &Costs, load: &Load, layout: &Layout, rates: &Rates) -> Self {
        let ranks = layout.world as f64;
        // Groups are dealt out whole: the rank with most of them is waited for.
        let uneven = (load.groups / ranks).ceil() / (load.groups / ranks);
        let tokens = load.computed / ranks * uneven;
        let per = |all: f64| all / load.computed;
        let again = layout.recompute as f64 / costs.blocks as f64;
        let (targets, pairs) = (per(load.targets), per(load.pairs));
        let head = costs.head * targets;
        let products = costs.linear + head + again * costs.forward;
        let forward = costs.attention * pairs / 3.0;
        // Backwards twice as much, and scores once more; forwards again in blocks that are computed again.
        let [there, back] = [forward * (1.0 + again), 2.5 * forward];
        let [fast, slow] = rates.attention(2.0 * load.keys());
        let moved = costs.moved[0] * (1.0 + again) + costs.moved[1] + costs.moved_head * targets;
        let micro_batches = (tokens / layout.micro_tokens.max(1) as f64).ceil().max(1.0);
        let small = (tokens / micro_batches / LARGE_ENOUGH).clamp(SMALL[1], 1.0).powf(SMALL[0]);
        let seconds = |per_token: f64| tokens * per_token / small;
        let mut time = Self {
            tokens_per_rank: tokens,
            micro_batches: micro_batches as usize,
            products: seconds(products / rates.own_products()),
            attention: seconds(there / fast + back / slow),
            elementwise: seconds(moved / rates.elementwise()),
            ..Self::default()
        };
        let compute = time.products + time.attention + time.elementwise;
        let hardware = products + there + back;
        let backwards =
            (costs.linear - costs.forward + head / 2.0 + back + again * costs.forward) / hardware;
        let one = compute / micro_batches;
        let hides = match (layout.stage, layout.exact) {
            // Sums go under the last backward pass, new weights under the next forward pass.
            (0, false) => one * backwards,
            (1, false) => one,
            (_, false) => compute,
            // Nothing is summed before the step's last part.
            (_, true) => 0.0,
        };
        time.communication = layout.communication(costs.trainable, micro_batches, rates);
        time.exposed = (time.communication - HIDES * hides).max(0.0);
        let shards = if layout.stage == 0 { 1.0 } else { layout.shards.max(1) as f64 };
        time.optimizer = (costs.trainable * costs.update_bytes / rates.elementwise()
            + costs.update / rates.own_products())
            / shards;
        let base = compute + time.exposed + time.optimizer;
        time.straggler = base * SCATTER * (2.0 * ranks.ln()).sqrt();
        time.seconds = base + time.straggler;
        time.tokens_per_second = load.tokens / time.seconds;
        time.computed_tokens_per_second = load.computed / time.seconds;
        let model = (costs.linear + head + 3.0 * forward) * load.computed;
        time.mfu = rates.peak.map(|peak| model / ranks / time.seconds / peak);
        time
    }
}
