//! What came of an ablation: for each test set what each variant reached, and how far it is from the first.

use super::definition::Ablation;
use super::runs::{Planned, State};
use super::{page, table};
use crate::error::{Error, exit};
use data_pipeline::predictions::{self, replace};
use data_pipeline::score::{Contest, Runs, Set, contests};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use trainer::evaluate::prediction_files;

/// What came of all runs that have ended so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The variants, with how many of their seeds are done.
    pub variants: Vec<Told>,
    /// Of how many seeds each.
    pub seeds: Vec<u64>,
    /// Set by set.
    pub contests: Vec<Contest>,
}

/// A variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Its values.
    pub set: Vec<String>,
    /// The seeds that are done.
    pub done: Vec<u64>,
}

/// Compares what the finished of `runs` predicted.
///
/// The one place where runs are held against each other.
pub fn of(ablation: &Ablation, runs: &[Planned], state: &State) -> Result<Outcome, Error> {
    let mut recipes: Vec<Runs> = vec![Vec::new(); ablation.variants.len()];
    for run in runs.iter().filter(|run| state.is_finished(run)) {
        recipes[run.variant].push((run.seed, predicted(run)?));
    }
    let told = |(variant, runs): (&super::definition::Variant, &Runs)| Told {
        name: variant.name.clone(),
        about: variant.about.clone(),
        set: variant.sets.clone(),
        done: runs.iter().map(|(seed, _)| *seed).collect(),
    };
    Ok(Outcome {
        variants: ablation.variants.iter().zip(&recipes).map(told).collect(),
        seeds: ablation.seeds.clone(),
        contests: contests(&recipes, ablation.protocol, &ablation.seen),
    })
}

/// What the trained model of a run answered.
fn predicted(run: &Planned) -> Result<Vec<Set>, Error> {
    let benchmarks = &run.recipe.evaluation.benchmarks;
    let files = prediction_files(&run.run_dir, "final", &run.recipe.datasets, benchmarks)?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    Ok(Set::group(predictions::read_all(&files)?))
}

impl Outcome {
    /// For a person.
    pub fn text(&self, ablation: &Ablation) -> String {
        table::text(ablation, self)
    }

    /// For a program.
    pub fn json(&self, ablation: &Ablation) -> Value {
        json!({
            "ablation": ablation.name,
            "smoke": ablation.is_smoke,
            "title": ablation.title,
            "question": ablation.question,
            "expects": ablation.expects,
            "protocol": ablation.protocol,
            "seen": ablation.seen,
            "seeds": self.seeds,
            "variants": self.variants,
            "contests": self.contests,
        })
    }

    /// Writes `results.json`, `results.txt` and `ablation.html` into `folder`; returns the page.
    pub fn write(&self, ablation: &Ablation, folder: &Path) -> Result<PathBuf, Error> {
        let document = serde_json::to_string_pretty(&self.json(ablation)).map_err(|error| {
            Error::new(exit::BUG, format!("results cannot be written: {error}"))
        })?;
        replace(&folder.join("results.json"), (document + "\n").as_bytes())?;
        replace(&folder.join("results.txt"), self.text(ablation).as_bytes())?;
        let page = folder.join("ablation.html");
        replace(&page, page::html(ablation, self).as_bytes())?;
        Ok(page)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::definition::Variant;
    use super::*;
    use data_pipeline::Task;
    use data_pipeline::score::{Difference, Protocol, Quality, Reached, UNSEEN};

    /// Two variants, of which the second has one of two seeds.
    pub fn specimen() -> (Ablation, Outcome) {
        let variant = |name: &str, about: &str| Variant {
            name: name.to_owned(),
            about: about.to_owned(),
            jobs: Vec::new(),
            sets: vec!["phase.0.skip=true".to_owned()],
        };
        let ablation = Ablation {
            name: "alignment".to_owned(),
            title: "With and without <alignment>".to_owned(),
            question: "Does a first phase that aligns two languages help in languages that were never trained on?".to_owned(),
            expects: "It does: the paper reports 9 points.".to_owned(),
            base: PathBuf::from("configs/base.toml"),
            seeds: vec![42, 43],
            protocol: Protocol::Set,
            seen: vec!["en".to_owned()],
            variants: vec![
                variant("without", "no phase of alignment"),
                variant("aligned-with-a-long-name", "as in the paper"),
                variant("later", "not run yet"),
            ],
            is_smoke: false,
        };
        let reached = |f1: f64, seeds: &[(u64, f64)], difference| Reached {
            f1,
            low: f1 - 3.13,
            high: f1 + 2.72,
            seeds: seeds.iter().copied().collect(),
            quality: Quality::default(),
            difference,
        };
        let apart = Difference { points: 3.8, low: 1.21, high: 6.3, p: 0.003996 };
        let contest = |dataset: &str, language: &str, seen, results| Contest {
            dataset: dataset.to_owned(),
            language: language.to_owned(),
            task: Task::Ner,
            seen,
            sentences: 300,
            gold: 1234,
            undefined: None,
            results,
        };
        let first = reached(31.2, &[(42, 30.1), (43, 32.3)], None);
        let second = reached(35.0, &[(42, 35.0)], Some(apart));
        let worse = Difference { points: -0.4, low: -2.0, high: 1.25, p: 0.61 };
        let third = reached(30.8, &[(42, 30.8)], Some(worse));
        let contests = vec![
            contest("命名实体", "zh", Some(false), vec![Some(first.clone()), Some(second), None]),
            contest("empty", "sw", Some(false), vec![None, None, None]),
            contest(UNSEEN, "all", Some(false), vec![Some(first), Some(third), None]),
        ];
        let told = |(variant, done): (&Variant, &[u64])| Told {
            name: variant.name.clone(),
            about: variant.about.clone(),
            set: variant.sets.clone(),
            done: done.to_vec(),
        };
        let done: [&[u64]; 3] = [&[42, 43], &[42], &[]];
        let variants = ablation.variants.iter().zip(done).map(told).collect();
        let outcome = Outcome { variants, seeds: ablation.seeds.clone(), contests };
        (ablation, outcome)
    }
}
