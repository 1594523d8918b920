//! The file of a sweep.

mod check;
mod file;

use super::metric::Metric;
use super::rungs::Stop;
use super::space::{Point, Space};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use trainer::Recipe;

/// What is searched, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Names its directory.
    pub name: String,
    /// The recipe that all trials change.
    pub recipe: PathBuf,
    /// Where each trial is trained; without it, on this machine.
    pub cluster: Option<PathBuf>,
    /// Who chooses values.
    pub method: Method,
    /// What is compared.
    pub metric: Metric,
    /// The phase whose steps count, by name.
    pub phase: String,
    /// Whether more of it is better.
    pub mode: Mode,
    /// Decides what is drawn.
    pub seed: u64,
    /// Each trial is trained with each of them, the same for all.
    pub seeds: Vec<u64>,
    /// Runs at a time of one process.
    pub parallel: usize,
    /// What may be spent.
    pub budget: Budget,
    /// How often a run that failed is tried again.
    pub retries: usize,
    /// What may be chosen.
    pub space: Space,
    /// Which trials end early.
    pub stop: Stop,
    /// Whether a trial that does not fit into memory, as it is planned, is not begun.
    pub plans_memory: bool,
    /// `a.b=c` of every trial.
    pub sets: Vec<String>,
}

/// Who chooses values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// All of them, in order.
    Grid,
    /// Chance.
    Random,
    /// Sobol's sequence.
    Sobol,
    /// The tree-structured Parzen estimator.
    Tpe,
}

/// Which of two numbers is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
}

impl Mode {
    /// A number of which less is better.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Max => -value,
            Self::Min => value,
        }
    }
}

/// What may be spent; without a limit, whatever it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Trials that could be begun; a grid is all of it where nothing is said.
    pub trials: usize,
    /// Hours of ranks at work, over all runs.
    pub gpu_hours: Option<f64>,
    /// From the first event on.
    pub wall: Option<Duration>,
}

impl Sweep {
    /// Reads the file at `path`, and holds it against the recipe that it names.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => data_pipeline::Error::declaration(
                path,
                "there is no such sweep; configs/sweeps/ has one",
            ),
            _ => data_pipeline::Error::read(path)(error),
        })?;
        file::parse(&text, path)
    }

    /// The recipe with more values.
    pub fn recipe_with(&self, more: &[String]) -> Result<Recipe, Error> {
        let sets: Vec<String> = self.sets.iter().chain(more).cloned().collect();
        Ok(Recipe::load(&self.recipe, &sets)?)
    }

    /// What a log belongs to: another value of one of these is another sweep.
    pub fn essence(&self) -> Value {
        let mut essence = json!({
            "name": self.name,
            "recipe": self.recipe.file_name().unwrap_or_default().to_string_lossy(),
            "what the recipe says (as a hash)": self.contents(),
            "method": self.method,
            "metric": self.metric.to_string(),
            "phase": self.phase,
            "mode": self.mode,
            "seed": self.seed,
            "seeds": self.seeds,
            "stop": self.stop.essence(),
            "set": self.sets,
        });
        for dimension in &self.space.dimensions {
            let condition = match dimension.when.as_slice() {
                [] => String::new(),
                when => format!(" when {when:?}"),
            };
            essence[format!("space.{}", dimension.key)] =
                json!(format!("{:?}{condition}", dimension.range));
        }
        essence
    }

    /// A hash of what all trials learn; trials of one sweep must not learn from two versions of a recipe.
    fn contents(&self) -> Option<String> {
        let recipe = self.recipe_with(&[]).ok()?;
        let digest = Sha256::digest(recipe.fixed().to_string());
        Some(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// `a.b=c` of a point.
    pub fn sets_of(point: &Point) -> Vec<String> {
        point.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
