//! Shards that trials share: prepared once for all whose data are the same.

use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use crate::verbs::plan::{Place, machine};
use data_pipeline::tokenizer::Tokenizer;
use sha2::{Digest, Sha256};
use toml::{Table, Value};
use trainer::memory::{Budget, plan_phase_within};
use trainer::network::decoder_config;
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

/// Why a recipe does not fit into the memory of a rank, by the plan that its run would make on this cluster; `None`
/// where it does, or where nobody knows what a rank has there.
pub fn misfit(recipe: &Recipe, place: &RunDir, cluster: &Cluster) -> Result<Option<String>, Error> {
    let budget = budget(recipe, cluster)?;
    let shape = decoder_config(recipe, &Tokenizer::load(&place.tokenizer())?)?;
    for index in 0..recipe.phase.len() {
        let budget = (machine(cluster), budget.as_ref());
        let planned = plan_phase_within(recipe, index, place, &shape, budget)?;
        if planned.misfit.is_some() {
            return Ok(planned.misfit);
        }
    }
    Ok(None)
}

/// What a rank may use: where it is on another machine, what that has, as the cluster file's `[hardware]` says.
fn budget(recipe: &Recipe, cluster: &Cluster) -> Result<Option<Budget>, Error> {
    match Place::of(recipe, cluster)? {
        Place::Here => Ok(Budget::of(&recipe.memory, &recipe.run.device, cluster.ranks)?),
        Place::Elsewhere { .. } => Ok(Place::budget(recipe, cluster)),
    }
}

/// Refuses a constraint that cannot be judged: what ranks of other machines have is not written anywhere.
pub fn check_judged(recipe: &Recipe, cluster: &Cluster) -> Result<(), Error> {
    // Trials in a queue, and in pods, are judged where they are.
    if cluster.backend != Backend::Ssh || Place::budget(recipe, cluster).is_some() {
        return Ok(());
    }
    let message = "constraints = [\"memory\"], but nobody says how much memory a rank has on the hosts of the cluster file";
    Err(Error::new(exit::DECLARATION, message).hint(
        "give the cluster file [hardware] with name or memory_gib, or the recipe memory.budget_gib",
    ))
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

    #[test]
    fn what_cannot_be_judged_elsewhere_is_refused() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let recipe = Recipe::load(&tiny, &[]).unwrap();
        let here = Cluster::of_this_machine();
        check_judged(&recipe, &here).unwrap();
        let mut hosts = Cluster { backend: Backend::Ssh, ..here };
        let error = check_judged(&recipe, &hosts).unwrap_err();
        assert!(error.message.contains("nobody says how much memory"), "{error}");
        let said = Recipe::load(&tiny, &["memory.budget_gib=1.5".to_owned()]).unwrap();
        check_judged(&said, &hosts).unwrap();
        hosts.hardware.name = Some("h200".to_owned());
        check_judged(&recipe, &hosts).unwrap();
    }

    #[test]
    fn memory_is_that_of_the_machines_that_train() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let recipe = Recipe::load(&tiny, &[]).unwrap();
        let mut hosts = Cluster { backend: Backend::Ssh, ..Cluster::of_this_machine() };
        hosts.hardware.memory_gib = Some(0.5);
        let there = budget(&recipe, &hosts).unwrap().unwrap();
        assert_eq!(there.origin, "90 % of the cluster file's memory_gib");
        let here = budget(&recipe, &Cluster::of_this_machine()).unwrap();
        assert_ne!(here.map(|it| it.origin), Some(there.origin));
    }
}
