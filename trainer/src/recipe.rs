//! What is learned, in what order: TOML files become one checked [`Recipe`].
//!
//! A file may extend another; `--set` comes last. The resolved recipe keeps the origin of every
//! value, and is what a run directory stores as `recipe.lock`.

mod batch;
mod constrained;
mod during;
mod evaluation;
mod file;
mod free;
mod phase;

pub use batch::{MicroTokens, Recompute};
pub use constrained::Constrained;
pub use evaluation::{Benchmark, EvaluationConfig};
pub use file::PhaseFile;
pub use free::FREE;
pub use phase::{AdapterHandover, BatchConfig, Length, LossAverage, Phase, Train};

use crate::Error;
use crate::audit::AuditConfig;
use crate::guard::GuardConfig;
use crate::memory::MemoryConfig;
use crate::verify::When;
use data_pipeline::prompt::PromptConfig;
use model::init::Init;
use model::lora::{linear_layers, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A checked recipe: nothing is left to interpret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name and seed.
    pub run: RunConfig,
    /// Which network.
    pub model: ModelConfig,
    /// Which vocabulary.
    pub tokenizer: TokenizerConfig,
    /// How answers are generated and scored.
    pub evaluation: EvaluationConfig,
    /// When checkpoints are written.
    pub checkpoint: CheckpointConfig,
    /// Where declarations of datasets lie.
    pub datasets: PathBuf,
    /// What training data and benchmarks may have in common.
    #[serde(default)]
    pub audit: AuditConfig,
    /// What happens when a step goes wrong.
    #[serde(default)]
    pub guard: GuardConfig,
    /// What a rank may hold.
    #[serde(default)]
    pub memory: MemoryConfig,
    /// In order.
    pub phase: Vec<Phase>,
    /// Dotted key to the file (or `--set`, or `default`) that its value comes from.
    #[serde(default)]
    pub origins: BTreeMap<String, String>,
}

/// The `[run]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Names the run directory.
    pub name: String,
    /// The root of every random stream.
    pub seed: u64,
    /// `flex`, `cuda` or `wgpu`.
    pub device: String,
    /// Each step is computed in so many parts, a power of two, and summed in one fixed order: losses and
    /// weights are the same bits on every world that divides it. 0: as fast as the world allows.
    pub exact_shards: usize,
    /// Whether the gradients of the first step are computed under several splits and compared before
    /// training begins; `"auto"`: where that takes at most a fiftieth of it, see [`crate::verify`].
    pub verify: When,
    /// Write event files for TensorBoard.
    pub tensorboard: bool,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            seed: 42,
            device: "flex".into(),
            exact_shards: 0,
            verify: When::Auto,
            tensorboard: true,
        }
    }
}

/// The `[model]` section: a preset with changes, or a directory, which may have to be of a preset's shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// A preset to start from, untrained; with `path`, the shape that the directory must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A directory with `config.json` and weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How untrained weights begin.
    pub init: Init,
    /// The type that weights are stored and computed in while training; adapters stay in f32.
    pub dtype: Precision,
    /// Changes to the preset, under `config.json`'s names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<usize>,
    /// Width of the feed-forward layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Number of blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_hidden_layers: Option<usize>,
    /// Attention heads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_attention_heads: Option<usize>,
}

/// Types of weights and activations in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, 8 of them the exponent.
    Bf16,
}

impl Precision {
    /// What a device computes in where nothing else is said: tensor cores multiply bf16 an order of
    /// magnitude faster than f32.
    pub fn of_device(device: &str) -> Self {
        if device == "cuda" { Self::Bf16 } else { Self::F32 }
    }

    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// The `[tokenizer]` section: a file, or training on the recipe's own text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerConfig {
    /// `tokenizer.model`, `tokenizer.json`, or a directory with one; default: the model's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Train a small vocabulary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<TokenizerTraining>,
}

/// `train = { vocabulary = 4096 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerTraining {
    /// Number of ids.
    pub vocabulary: usize,
}

/// The `[checkpoint]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Steps between checkpoints; the end of a phase always has one.
    pub every: usize,
    /// How many of a phase are kept, newest first.
    pub keep: usize,
    /// Those whose step is a multiple of this are kept whatever `keep` says; 0: none.
    pub keep_every: usize,
    /// So many with the best F1 of the evaluations during training are kept, too.
    pub keep_best: usize,
    /// Seconds that a rank has to save when it is asked to stop, before it ends without; 0: no limit.
    pub stop_deadline: u64,
    /// Where the run stops with a checkpoint, as if it had been asked to: without it, or with a later one,
    /// it goes on from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// `pause = { phase = "instruction", step = 30 }`: behind this step of this phase, if the phase has more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it, from 1.
    pub step: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { every: 200, keep: 2, keep_every: 0, keep_best: 0, stop_deadline: 120, pause: None }
    }
}

impl CheckpointConfig {
    /// The step behind which a phase of so many steps is paused; never its last one.
    pub fn pause_in(&self, phase: &str, steps: usize) -> Option<usize> {
        let pause = self.pause.as_ref().filter(|pause| pause.phase == phase)?;
        (pause.step < steps).then_some(pause.step)
    }
}

/// The largest vocabulary that is trained here; larger ones come with a model.
const LARGEST_VOCABULARY: usize = 1 << 18;

impl Recipe {
    /// Reads a recipe with what it extends, applies `sets` (`a.b=c`), checks it.
    ///
    /// A file that ends in `.lock` is a resolved recipe, as run directories have it: nothing is left to set.
    pub fn load(path: &Path, sets: &[String]) -> Result<Self, Error> {
        if path.extension().is_some_and(|extension| extension == "lock") {
            if let Some(set) = sets.first() {
                let message = format!(
                    "a resolved recipe is taken as it is; leave --set {set} out, or give the recipe"
                );
                return Err(Error::recipe(path, message));
            }
            let recipe = Self::load_lock(path)?;
            recipe.check().map_err(|message| Error::recipe(path, message))?;
            return Ok(recipe);
        }
        let recipe = file::resolve(path, sets)?;
        recipe.check().map_err(|message| Error::recipe(path, message))?;
        Ok(recipe)
    }

    /// Reads a `recipe.lock`.
    pub fn load_lock(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        toml::from_str(&text).map(Self::seeded).map_err(|error| {
            Error::recipe(path, format!("not a resolved recipe of this version: {error}"))
        })
    }

    /// The text of `recipe.lock`.
    pub fn to_lock(&self) -> String {
        // Serialising a checked recipe cannot fail: every value is a TOML value.
        toml::to_string(self).unwrap_or_default()
    }

    /// What decides what is learned: all but what [`FREE`] lists, and of that what decides when a phase ends.
    pub fn fixed(&self) -> toml::Table {
        let mut table = free::fixed(&self.to_lock());
        let mut keep = |key: &str, value: Result<toml::Value, _>| {
            // Checked sections always have a TOML form.
            if let Ok(value) = value {
                table.insert(key.to_owned(), value);
            }
        };
        if self.evaluation.during.patience > 0 {
            keep("evaluation", toml::Value::try_from(self.evaluation_that_decides()));
            keep("checkpoint", toml::Value::try_from(self.checkpoints_that_decide()));
        }
        table
    }

    /// Whether `other` learns the same thing.
    pub fn trains_like(&self, other: &Self) -> bool {
        self.fixed() == other.fixed()
    }

    /// The template of evaluation prompts.
    pub fn evaluation_prompt(&self) -> PromptConfig {
        self.evaluation
            .prompt
            .clone()
            .or_else(|| self.phase.last().map(|phase| phase.prompt.clone()))
            .unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        if self.phase.is_empty() {
            return Err("no [[phase]] is given; a recipe trains at least one".into());
        }
        self.audit.check()?;
        self.guard.check()?;
        self.memory.check()?;
        self.evaluation.during.check()?;
        self.check_during()?;
        self.check_pause()?;
        let exact = self.run.exact_shards;
        if exact != 0 && !exact.is_power_of_two() {
            return Err(format!("run.exact_shards is {exact}, expected 0 or a power of two"));
        }
        if self.model.preset.is_none() && self.model.path.is_none() {
            return Err("[model] needs `preset` or `path`".into());
        }
        if self.tokenizer.file.is_some() && self.tokenizer.train.is_some() {
            return Err("[tokenizer] has both `file` and `train`; give one".into());
        }
        if self.tokenizer == TokenizerConfig::default() && self.model.path.is_none() {
            return Err("[tokenizer] needs `file` or `train`, since the model is a preset".into());
        }
        for Benchmark { dataset, floor, paper, .. } in &self.evaluation.benchmarks {
            for (key, value) in [("floor", floor), ("paper", paper)] {
                if let Some(value) = value.filter(|value| !(0.0..=100.0).contains(value)) {
                    return Err(format!(
                        "evaluation.benchmarks: `{key}` of `{dataset}` is {value}, expected an F1 of 0 to 100"
                    ));
                }
            }
        }
        for baseline in &self.evaluation.baselines {
            if !["untrained", "base"].contains(&baseline.as_str()) {
                return Err(format!(
                    "evaluation.baselines names `{baseline}`; known: untrained, base"
                ));
            }
        }
        if self.run.name.contains(['/', '\\']) || self.run.name.starts_with('.') {
            let name = &self.run.name;
            return Err(format!("run.name is `{name}`, which is a path; --run-dir takes paths"));
        }
        let counts = [
            ("checkpoint.every", self.checkpoint.every),
            ("checkpoint.keep", self.checkpoint.keep),
            ("evaluation.orders", self.evaluation.orders),
            ("evaluation.rows", self.evaluation.rows),
            ("evaluation.budget_tokens", self.evaluation.budget_tokens),
            ("evaluation.max_new_tokens", self.evaluation.max_new_tokens),
            ("evaluation.protocols", self.evaluation.protocols.len()),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("{name} is empty or 0, expected at least 1"));
        }
        let generation = self.evaluation.generation(self.run.seed).check();
        generation.map_err(|error| format!("[evaluation]: {error}"))?;
        if let Some(train) = &self.tokenizer.train
            && train.vocabulary > LARGEST_VOCABULARY
        {
            return Err(format!(
                "tokenizer.train.vocabulary is {}, expected at most {LARGEST_VOCABULARY}",
                train.vocabulary
            ));
        }
        self.evaluation_prompt().check().map_err(|message| format!("evaluation: {message}"))?;
        for (i, phase) in self.phase.iter().enumerate() {
            if self.phase[..i].iter().any(|earlier| earlier.name == phase.name) {
                return Err(format!(
                    "two phases are called `{}`; give one of them another `name`",
                    phase.name
                ));
            }
            let within = |message: String| format!("phase `{}`: {message}", phase.name);
            phase.check().map_err(within)?;
            self.check_adapters(i).map_err(within)?;
            self.check_weights(phase).map_err(within)?;
        }
        Ok(())
    }
}

impl Recipe {
    /// Adapters that go on keep their shape, none begins twice, and their layers are there.
    fn check_adapters(&self, index: usize) -> Result<(), String> {
        let phase = &self.phase[index];
        if phase.train == Train::Full {
            return Ok(());
        }
        let before = index.checked_sub(1).map(|before| &self.phase[before]);
        let goes_on = phase.adapter == AdapterHandover::Continue;
        if let Some(before) = before.filter(|before| goes_on && before.train == Train::Lora) {
            if !phase.lora.same_shape(&before.lora) {
                return Err(format!(
                    "adapter = \"continue\", but [lora] differs from that of phase `{}` in more than dropout; give both the same, or adapter = \"merge\"",
                    before.name
                ));
            }
            return Ok(());
        }
        if let Some(from) = &phase.lora.from
            && let Some(earlier) = self.phase[..index].iter().find(|earlier| {
                earlier.train == Train::Lora && earlier.lora.from.as_ref() == Some(from)
            })
        {
            return Err(format!(
                "lora.from = `{}` would add the same adapters again, which phase `{}` began with; give adapter = \"continue\", or name `from` in that phase alone",
                from.display(),
                earlier.name
            ));
        }
        // A model that cannot be read is another error's sentence.
        match crate::network::shape(self, 1) {
            Ok(shape) if phase.lora.from.is_none() => {
                let layers = linear_layers(&shape);
                phase.lora.settings(&layers).map(|_| ()).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }
}

impl Recipe {
    /// With the streams of random numbers that phases have of the run's seed.
    fn seeded(mut self) -> Self {
        for (index, phase) in self.phase.iter_mut().enumerate() {
            phase.optimizer.seed = stream(&[self.run.seed, index as u64]);
        }
        self
    }

    /// A run is paused in a phase that it has, behind a step.
    fn check_pause(&self) -> Result<(), String> {
        let Some(Pause { phase, step }) = &self.checkpoint.pause else { return Ok(()) };
        if *step == 0 {
            return Err("checkpoint.pause.step is 0, expected at least 1".into());
        }
        let names: Vec<&str> = self.phase.iter().map(|phase| phase.name.as_str()).collect();
        match names.contains(&phase.as_str()) {
            true => Ok(()),
            false => Err(format!(
                "checkpoint.pause.phase is `{phase}`; the phases are {}",
                names.join(", ")
            )),
        }
    }

    /// Expressions over names of weights find some, and a master belongs to weights in bf16.
    fn check_weights(&self, phase: &Phase) -> Result<(), String> {
        let bf16 = self.model.dtype == Precision::Bf16;
        let (bf16, why) = match phase.train {
            Train::Lora => (false, "this phase trains adapters, which are f32"),
            Train::Full => (bf16, "model.dtype is \"f32\""),
        };
        phase.optimizer.check_master(bf16, why)?;
        // A model that cannot be read is another error's sentence.
        let Ok(shape) = crate::network::shape(self, 1) else { return Ok(()) };
        match crate::network::weight_names(&shape, phase) {
            Some(names) => crate::optimizer::trained(&phase.optimizer, &names).map(|_| ()),
            None => Ok(()),
        }
    }
}
