//! The rows of `evaluations.jsonl`: F1 while phases trained.

use super::lines::{self, Broken};
use data_pipeline::Error;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One row.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::report) struct Evaluation {
    pub phase: String,
    pub step: u64,
    #[serde(default)]
    pub dataset: String,
    pub language: String,
    #[serde(default)]
    pub task: String,
    #[serde(default)]
    pub protocol: String,
    /// In percent; none where nothing is annotated.
    #[serde(default)]
    pub f1: Option<f64>,
    #[serde(default)]
    pub gold: Option<f64>,
    #[serde(default)]
    pub predicted: Option<f64>,
    #[serde(default)]
    pub correct: Option<f64>,
}

/// The rows of the first protocol that there is; of what was asked twice, the last answer.
pub(super) fn read(path: &Path, broken: &mut Vec<Broken>) -> Result<Vec<Evaluation>, Error> {
    let mut protocol: Option<String> = None;
    let mut order = Vec::new();
    let mut rows: BTreeMap<_, Evaluation> = BTreeMap::new();
    lines::each(path, broken, |row: Evaluation| {
        if protocol.get_or_insert_with(|| row.protocol.clone()) != &row.protocol {
            return;
        }
        let Evaluation { phase, step, dataset, language, task, .. } = row.clone();
        let key = (phase, step, dataset, language, task);
        if rows.insert(key.clone(), row).is_none() {
            order.push(key);
        }
    })?;
    Ok(order.into_iter().filter_map(|key| rows.remove(&key)).collect())
}
