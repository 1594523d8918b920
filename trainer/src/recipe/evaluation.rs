//! `[evaluation]`: what is asked of a model, and how it answers.

use super::Constrained;
use crate::during::DuringConfig;
use crate::generation::Generation;
use data_pipeline::prompt::PromptConfig;
use data_pipeline::score::Protocol;
use model::generate::{GenerateConfig, Sampling};
use serde::{Deserialize, Serialize};

/// The `[evaluation]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// What is evaluated.
    pub benchmarks: Vec<Benchmark>,
    /// Which counts are made.
    pub protocols: Vec<Protocol>,
    /// Whether answers are held to the grammar of their classes and sentence.
    pub constrained: Constrained,
    /// In so many orders of the classes the trained model is asked, the schema's own the first.
    pub orders: usize,
    /// Under so many paraphrases of each description it is asked beside the schema's own words.
    pub paraphrases: usize,
    /// Arguments are also asked of predicted triggers, where a benchmark has both tasks.
    pub chained: bool,
    /// An answer is cut after so many tokens.
    pub max_new_tokens: usize,
    /// Answers in work at a time on each rank, at most.
    pub rows: usize,
    /// Cached tokens at a time on each rank, at most: answers wait for room.
    pub budget_tokens: usize,
    /// What logits are divided by before tokens are drawn; 0: the likeliest is taken.
    pub temperature: f64,
    /// Tokens are drawn of the so many likeliest; 0: of all.
    pub top_k: usize,
    /// Tokens are drawn of the likeliest that together have this probability.
    pub top_p: f64,
    /// Tokens are drawn of those that have this part of the likeliest's probability.
    pub min_p: f64,
    /// Ids of prompt and answer are made less likely by this factor.
    pub repetition_penalty: f64,
    /// Decides the draws; `run.seed` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Strings that end an answer, which keeps them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// `untrained` and `base`: evaluated beside the trained model.
    pub baselines: Vec<String>,
    /// The template; the last phase's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptConfig>,
    /// What is evaluated while phases train.
    pub during: DuringConfig,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        let GenerateConfig { max_new_tokens, rows, budget_tokens, sampling, .. } =
            GenerateConfig::default();
        Self {
            benchmarks: Vec::new(),
            protocols: vec![Protocol::Set, Protocol::StrictSpan],
            constrained: Constrained::No,
            orders: 1,
            paraphrases: 0,
            chained: false,
            max_new_tokens,
            rows,
            budget_tokens,
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty,
            seed: None,
            stop: Vec::new(),
            baselines: Vec::new(),
            prompt: None,
            during: DuringConfig::default(),
        }
    }
}

impl EvaluationConfig {
    /// How answers are generated in a run with this seed.
    pub fn generation(&self, seed: u64) -> Generation {
        let sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            seed: self.seed.unwrap_or(seed),
        };
        let config = GenerateConfig {
            max_new_tokens: self.max_new_tokens,
            rows: self.rows,
            budget_tokens: self.budget_tokens,
            sampling,
            ..GenerateConfig::default()
        };
        Generation { config, stop: self.stop.clone() }
    }
}

/// One evaluated set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Benchmark {
    /// `name` or `name:split`.
    pub dataset: String,
    /// The dataset's name in scores; by default its own.
    pub name: String,
    /// Tasks; all that the dataset has where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<data_pipeline::Task>,
    /// Only the first sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// F1 of a method that learns nothing, shown beside ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// F1 in percent that a paper reports, shown beside ours; which paper says the recipe's comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BenchmarkTable {
    dataset: String,
    name: Option<String>,
    #[serde(default)]
    tasks: Vec<data_pipeline::Task>,
    limit: Option<usize>,
    floor: Option<f64>,
    paper: Option<f64>,
}

impl<'de> Deserialize<'de> for Benchmark {
    /// From `"name:split"` or a table; not untagged, so that a misspelt key is named.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(dataset) => BenchmarkTable { dataset, ..BenchmarkTable::default() },
            other => other
                .try_into()
                .map_err(|error: toml::de::Error| serde::de::Error::custom(error.message()))?,
        };
        let own = || table.dataset.split(':').next().unwrap_or_default().to_owned();
        Ok(Self {
            name: table.name.clone().unwrap_or_else(own),
            dataset: table.dataset,
            tasks: table.tasks,
            limit: table.limit,
            floor: table.floor,
            paper: table.paper,
        })
    }
}
