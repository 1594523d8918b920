//! What a step has to compute: a network's costs, and how many tokens it sees.

use crate::error::Error;
use data_pipeline::manifest::Manifest;
use data_pipeline::prepare::Kind;
use serde::{Deserialize, Serialize};
use trainer::Recipe;
use trainer::memory::network;
use trainer::network::DecoderConfig;
use trainer::optimizer::{MasterKind, OptimizerConfig, Rule};
use trainer::recipe::{self, Precision, Train};

/// Rounds of Newton–Schulz in an update of Muon.
const ROUNDS: f64 = 5.0;

/// What a network costs, each number for one of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// Operations of linear layers and adapters for a computed token, forwards and backwards, but for what the last
    /// block does behind attention.
    pub linear: f64,
    /// Those of the linear layers forwards alone.
    pub forward: f64,
    /// Operations of the head, and of the last block behind attention, for a position with a loss.
    pub head: f64,
    /// Operations of attention for a pair of query and key.
    pub attention: f64,
    /// Bytes that kernels move element by element for a token, forwards and backwards.
    pub moved: [f64; 2],
    /// Bytes that they move for a position with a loss.
    pub moved_head: f64,
    /// Blocks of the network.
    pub blocks: usize,
    /// All weights.
    pub parameters: f64,
    /// Weights that change.
    pub trainable: f64,
    /// Bytes that an update reads and writes for each of those.
    pub update_bytes: f64,
    /// Operations of an update.
    pub update: f64,
    /// Bytes of a weight as it is stored.
    pub width: f64,
}

impl Costs {
    /// Of the network that phase `index` of `recipe` trains.
    pub fn of(recipe: &Recipe, index: usize, config: &DecoderConfig) -> Result<Self, Error> {
        let network = network(recipe, index, config, 1)?;
        let phase = &recipe.phase[index];
        let width = if recipe.model.dtype == Precision::Bf16 { 2.0 } else { 4.0 };
        let layers = config.linear_names().iter().map(|name| config.linear_shape(name));
        let linears: usize = layers.map(|(rows, columns)| rows * columns).sum();
        let (blocks, hidden) = (config.num_hidden_layers, config.hidden_size as f64);
        let (inner, vocabulary) = (config.intermediate_size as f64, config.vocab_size as f64);
        let parameters = config.parameters() as f64;
        let trainable = match phase.train {
            Train::Full => parameters,
            Train::Lora => phase.lora.parameters(config).map_err(trainer::Error::from)? as f64,
        };
        // A large block of tokens, so that what is done once for the whole network does not show.
        let per = |tokens: u64, targets: u64, pairs: u64| {
            network.flops(tokens, targets, pairs) / (tokens + targets + pairs) as f64
        };
        // Residual and norm, rotation, SwiGLU, and what attention's backward pass looks at first.
        let forward = 24.0 * hidden + 6.0 * inner;
        let backward = 28.0 * hidden + 12.0 * inner;
        let scale = blocks as f64 * width / 2.0;
        let stored = match phase.train {
            Train::Full => width,
            Train::Lora => 4.0,
        };
        Ok(Self {
            linear: per(1 << 20, 0, 0),
            forward: 2.0 * (blocks * linears) as f64,
            head: 2.0 * per(1 << 20, 1 << 20, 0) - per(1 << 20, 0, 0),
            attention: per(0, 0, 1 << 20),
            moved: [scale * forward, scale * backward],
            moved_head: 3.0 * width * vocabulary,
            blocks,
            parameters,
            trainable,
            update_bytes: update_bytes(&phase.optimizer, stored),
            update: match (phase.optimizer.name, phase.train) {
                (Rule::Muon, Train::Full) => blocks as f64 * orthogonalised(config),
                _ => 0.0,
            },
            width,
        })
    }
}

/// Bytes that an update reads and writes for a weight that is stored in `stored` bytes: moments, master, the weight,
/// its gradient in f32, and the gradient once more for its norm.
fn update_bytes(config: &OptimizerConfig, stored: f64) -> f64 {
    let moments = match config.name {
        Rule::AdamW => 2.0,
        Rule::Lion | Rule::Muon => 1.0,
    };
    let moment = if config.bits == 8 { 2.0 } else { 8.0 };
    let (master, weight) = match (stored < 4.0, config.master) {
        (false, _) => (0.0, 8.0),
        (true, MasterKind::F32) => (8.0, 2.0),
        (true, MasterKind::Split) => (4.0, 4.0),
        (true, MasterKind::None) => (0.0, 4.0),
    };
    moments * moment + master + weight + 4.0 + 4.0
}

/// Operations that make the updates of a block orthogonal: in each round a matrix times itself, the square of that,
/// and their product with the matrix.
fn orthogonalised(config: &DecoderConfig) -> f64 {
    let of = |name: &&str| {
        let (rows, columns) = config.linear_shape(name);
        let (short, long) = (rows.min(columns) as f64, rows.max(columns) as f64);
        ROUNDS * (4.0 * short * short * long + 2.0 * short.powi(3))
    };
    config.linear_names().iter().map(of).sum()
}

/// What a phase's samples are like, on average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Tokens of one, each with its own prefix.
    pub tokens: f64,
    /// Tokens that are computed of one: a prefix once for its group.
    pub computed: f64,
    /// Tokens with a loss.
    pub targets: f64,
    /// Pairs of query and key.
    pub pairs: f64,
    /// How many share a prefix.
    pub shared: f64,
    /// Whether shards say so, or it is assumed.
    pub known: bool,
}

/// What the samples of a schema in full are taken to be like before they are prepared: mean length, its deviation
/// over the mean, the share of the prefix, and the share with a loss. Longer ones than the recipe allows are not
/// there, and a mean is at most this share of the longest.
const LENGTH: f64 = 700.0;
const DEVIATION: f64 = 0.65;
const PREFIX: f64 = 0.85;
const TARGETS: f64 = 0.1;
const OF_LONGEST: f64 = 0.6;

impl Samples {
    /// As the manifest of prepared shards has them.
    pub fn prepared(manifest: &Manifest) -> Option<Self> {
        let total = &manifest.total;
        let count = total.samples as f64;
        if total.samples == 0 || total.tokens == 0 {
            return None;
        }
        let (mut rows, mut pairs) = (0.0, 0.0);
        for (length, samples) in &manifest.lengths {
            // Lengths are rounded up to 32 there.
            let (length, samples) = (length.saturating_sub(16) as f64, *samples as f64);
            rows += samples;
            pairs += samples * length * (length + 1.0) / 2.0;
        }
        let share = total.tokens_grouped as f64 / total.tokens as f64;
        Some(Self {
            tokens: total.tokens as f64 / count,
            computed: total.tokens_grouped as f64 / count,
            targets: total.supervised as f64 / count,
            // A prefix that is computed once is attended to once.
            pairs: share * pairs / f64::max(rows, 1.0),
            shared: count / f64::max(total.groups as f64, 1.0),
            known: true,
        })
    }

    /// As experience has them for a phase of this kind.
    pub fn assumed(phase: &recipe::Phase) -> Self {
        let longest = phase.batch.max_length as f64;
        let tokens = f64::min(LENGTH, OF_LONGEST * longest);
        let pairs = (tokens * tokens * (1.0 + DEVIATION * DEVIATION) + tokens) / 2.0;
        let whole =
            Self { tokens, computed: tokens, targets: tokens, pairs, shared: 1.0, known: false };
        match phase.kind {
            // Plain text: every token is learned, and nothing is shared.
            Kind::SchemaUnderstanding | Kind::RandomCopy => whole,
            Kind::Alignment | Kind::Instruction => {
                let shared = phase.batch.group as f64;
                let share = PREFIX / shared + 1.0 - PREFIX;
                let (computed, pairs) = (tokens * share, pairs * share);
                Self { computed, targets: TARGETS * tokens, pairs, shared, ..whole }
            }
        }
    }

    /// All of a step of so many samples.
    pub fn step(&self, samples: usize) -> Load {
        let count = samples as f64;
        Load {
            samples: count,
            tokens: count * self.tokens,
            computed: count * self.computed,
            targets: count * self.targets,
            pairs: count * self.pairs,
            groups: (count / f64::max(self.shared, 1.0)).max(1.0),
        }
    }
}

/// What a step sees over all ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Samples.
    pub samples: f64,
    /// Their tokens, each sample with its own prefix.
    pub tokens: f64,
    /// Tokens that are computed.
    pub computed: f64,
    /// Tokens with a loss.
    pub targets: f64,
    /// Pairs of query and key.
    pub pairs: f64,
    /// Groups, which are dealt out whole.
    pub groups: f64,
}

impl Load {
    /// Keys that a query sees, on average.
    pub fn keys(&self) -> f64 {
        self.pairs / f64::max(self.computed, 1.0)
    }
}
