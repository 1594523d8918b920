//! Shards that trials share: prepared once for all whose data are the same.

use crate::error::{Error, exit};
use sha2::{Digest, Sha256};
use toml::{Table, Value};
use trainer::{Recipe, RunDir};

/// Sections of a recipe that decide what is prepared.
const SECTIONS: [&str; 3] = ["tokenizer", "datasets", "audit"];

/// Keys of a phase that do.
const PHASE: [&str; 6] = ["kind", "name", "datasets", "both_directions", "prompt", "selection"];

/// A hash of all that decides what shards a recipe trains on, and of hardly more: with something that decides
/// nothing they would be prepared once too often, and without something that does, the run refuses them.
pub fn hash(recipe: &Recipe) -> String {
    let digest = Sha256::digest(essence(recipe).to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn essence(recipe: &Recipe) -> Table {
    // A recipe always has a TOML form.
    let whole = Table::try_from(recipe).unwrap_or_default();
    let mut kept = picked(&whole, &SECTIONS);
    let at = |section: &str, key: &str| whole.get(section)?.get(key).cloned();
    for (section, key) in
        [("run", "seed"), ("model", "path"), ("evaluation", "benchmarks"), ("evaluation", "prompt")]
    {
        kept.extend(at(section, key).map(|value| (format!("{section}.{key}"), value)));
    }
    let phases = whole.get("phase").and_then(Value::as_array);
    let phase = |phase: &Value| {
        let mut kept = phase.as_table().map(|it| picked(it, &PHASE)).unwrap_or_default();
        for key in ["max_length", "group"] {
            let value = phase.get("batch").and_then(|batch| batch.get(key));
            kept.extend(value.map(|value| (key.to_owned(), value.clone())));
        }
        Value::Table(kept)
    };
    let phases = phases.into_iter().flatten().map(phase).collect();
    kept.insert("phase".to_owned(), Value::Array(phases));
    kept
}

fn picked(table: &Table, keys: &[&str]) -> Table {
    let pick = |key: &&str| Some(((*key).to_owned(), table.get(*key)?.clone()));
    keys.iter().filter_map(pick).collect()
}

/// Whether all of them are there.
pub fn are_ready(place: &RunDir) -> bool {
    place.root().join("done").exists()
}

/// Notes that all of them are there.
pub fn note_ready(place: &RunDir) -> Result<(), Error> {
    let path = place.root().join("done");
    Ok(std::fs::write(&path, "").map_err(data_pipeline::Error::write(&path))?)
}

/// Why a recipe does not fit into the memory of a rank, by the plan that its run would make; `None` where
/// it does.
pub fn misfit(
    recipe: &Recipe,
    place: &RunDir,
    machine: trainer::memory::Machine,
) -> Result<Option<String>, Error> {
    match trainer::memory::settle(recipe, place, machine, false) {
        Ok(_) => Ok(None),
        Err(trainer::Error::Memory(why)) => Ok(Some(why)),
        Err(error) => {
            let error = Error::from(error);
            match error.code {
                exit::BACKEND => Ok(Some(error.message)),
                _ => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    #[test]
    fn shards_are_shared_by_what_changes_no_data() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let of = |set: &str| hash(&Recipe::load(&tiny, &[set.to_owned()]).unwrap());
        let base = of("run.name=x");
        for same in [
            "optimizer.learning_rate=1e-2",
            "lora.rank=2",
            "batch.samples=5",
            "phase.2.steps=9",
            "checkpoint.every=9",
            "evaluation.max_new_tokens=3",
            "loss.label_smoothing=0.1",
        ] {
            assert_eq!(of(same), base, "{same}");
        }
        let others = [
            "run.seed=6",
            "batch.max_length=300",
            "batch.group=2",
            "prompt.classes=full",
            "tokenizer.train={ vocabulary = 600 }",
            "phase.1.skip=true",
            "phase.0.datasets=[\"quickstart-en:train\"]",
            "audit.remove=true",
        ];
        let hashes: Vec<String> = others.iter().map(|set| of(set)).collect();
        for (index, (hash, set)) in hashes.iter().zip(others).enumerate() {
            assert!(*hash != base && !hashes[..index].contains(hash), "{set}");
        }
    }
}
