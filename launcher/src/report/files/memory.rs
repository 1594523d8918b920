//! What was planned for each phase's memory: `memory.json`.

use serde::Deserialize;
use serde_json::Value;

/// The parts of a plan, in the order in which they are told.
const PARTS: [&str; 6] = ["weights", "gradients", "states", "activations", "logits", "work"];

/// The file.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct MemoryPlan {
    /// A plan a phase.
    #[serde(default)]
    pub phases: Vec<PhaseMemory>,
}

/// The plan of one phase; sizes are bytes of a rank.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct PhaseMemory {
    /// Its name.
    #[serde(default)]
    pub phase: String,
    /// Tokens that are computed at a time.
    #[serde(default)]
    pub micro_tokens: Option<f64>,
    /// Blocks that are computed again in the backward pass.
    #[serde(default)]
    recompute: Value,
    #[serde(default)]
    predicted: serde_json::Map<String, Value>,
    /// The most that was held.
    #[serde(default)]
    pub measured_peak: Option<f64>,
}

impl PhaseMemory {
    /// All that was planned.
    pub fn total(&self) -> Option<f64> {
        let parts = || self.parts().iter().map(|(_, size)| size).sum();
        self.size("total").or_else(|| Some(parts()).filter(|sum| *sum > 0.0))
    }

    /// Each part that was planned, with its name; those that are not known here come last.
    pub fn parts(&self) -> Vec<(&str, f64)> {
        let others = self.predicted.keys().map(String::as_str);
        let others = others.filter(|name| *name != "total" && !PARTS.contains(name));
        let names = PARTS.into_iter().chain(others);
        names
            .filter_map(|name| Some((name, self.size(name)?)))
            .filter(|(_, size)| *size > 0.0)
            .collect()
    }

    fn size(&self, name: &str) -> Option<f64> {
        self.predicted.get(name)?.as_f64().filter(|size| (0.0..1e200).contains(size))
    }

    /// How many blocks are computed again.
    pub fn recomputed(&self) -> Option<u64> {
        match &self.recompute {
            Value::Array(blocks) => Some(blocks.len() as u64),
            other => other.as_u64(),
        }
    }
}
