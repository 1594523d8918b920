//! Each variant with each seed: which runs there are, where they lie, and which of them are done.
//!
//! `ablation.json` says which runs have ended well, each with a hash of its resolved recipe: a run whose
//! variant says something else now is not taken for done.

use super::definition::Ablation;
use crate::error::{Error, exit};
use crate::verbs::difference;
use data_pipeline::predictions::replace;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::{Recipe, RunDir};

/// A variant with a seed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// `VARIANT-SEED`, the name of its directory.
    pub name: String,
    /// Which variant, by its number.
    pub variant: usize,
    /// The seed.
    pub seed: u64,
    /// Where it runs.
    pub run_dir: RunDir,
    /// What `--set` changes of the base.
    pub sets: Vec<String>,
    /// What is learned.
    pub recipe: Recipe,
}

/// Every run, the first seed of all variants first: the table is whole as early as can be.
pub fn planned(ablation: &Ablation, folder: &Path) -> Result<Vec<Planned>, Error> {
    let mut runs = Vec::new();
    for seed in &ablation.seeds {
        for (index, variant) in ablation.variants.iter().enumerate() {
            let name = format!("{}-{seed}", variant.name);
            let mut sets = variant.sets.clone();
            sets.push(format!("run.seed={seed}"));
            let own = format!("{}-{name}", ablation.name);
            sets.push(format!("run.name={own:?}"));
            let recipe = Recipe::load(&ablation.base, &sets).map_err(|error| {
                let error = Error::from(error);
                Error { message: format!("variant `{}`: {}", variant.name, error.message), ..error }
            })?;
            let run_dir = RunDir::new(folder.join(&name));
            runs.push(Planned { name, variant: index, seed: *seed, run_dir, sets, recipe });
        }
    }
    Ok(runs)
}

/// What `ablation.json` keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The name of the ablation whose runs lie here.
    pub ablation: String,
    /// Whether they are its small form.
    pub smoke: bool,
    /// Runs that ended well, with what they learned.
    #[serde(default)]
    pub finished: BTreeMap<String, String>,
}

impl State {
    /// What is done in `folder`, which may not exist yet; refuses another ablation's.
    pub fn read(folder: &Path, ablation: &Ablation) -> Result<Self, Error> {
        let path = file(folder);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    ablation: ablation.name.clone(),
                    smoke: ablation.is_smoke,
                    ..Self::default()
                });
            }
            Err(error) => return Err(data_pipeline::Error::read(&path)(error).into()),
        };
        let state: Self = serde_json::from_str(&text).map_err(|error| {
            Error::new(exit::DATA, format!("`{}` cannot be read: {error}", path.display()))
                .hint("remove it: runs that are done are then looked through again")
        })?;
        if (state.ablation.as_str(), state.smoke) != (ablation.name.as_str(), ablation.is_smoke) {
            let of = |name: &str, smoke: bool| match smoke {
                true => format!("`{name}` with --smoke"),
                false => format!("`{name}`"),
            };
            let message = format!(
                "`{}` holds the ablation {}, not {}",
                folder.display(),
                of(&state.ablation, state.smoke),
                of(&ablation.name, ablation.is_smoke),
            );
            return Err(Error::new(exit::DECLARATION, message).hint("give another --run-dir"));
        }
        Ok(state)
    }

    /// Keeps it, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        // Strings always have a JSON form.
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        Ok(replace(&file(folder), text.as_bytes())?)
    }

    /// Whether `run` ended well and has not changed since.
    pub fn is_finished(&self, run: &Planned) -> bool {
        self.finished.get(&run.name) == Some(&fingerprint(&run.recipe))
            && run.run_dir.scores().is_file()
    }

    /// Notes that `run` ended well.
    pub fn finish(&mut self, run: &Planned) {
        self.finished.insert(run.name.clone(), fingerprint(&run.recipe));
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("ablation.json")
}

/// A hash of what a recipe says, wherever it says it.
fn fingerprint(recipe: &Recipe) -> String {
    let recipe = Recipe { origins: BTreeMap::new(), ..recipe.clone() };
    Sha256::digest(recipe.to_lock().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses to go on with runs that have learned from another recipe than the file describes now.
pub fn check_unchanged(ablation: &Ablation, runs: &[Planned], folder: &Path) -> Result<(), Error> {
    for run in runs {
        let lock = run.run_dir.recipe_lock();
        if !lock.exists() {
            continue;
        }
        let before = Recipe::load_lock(&lock)?;
        if before.trains_like(&run.recipe) {
            continue;
        }
        let variant = &ablation.variants[run.variant].name;
        let what = match difference::first(&before.fixed(), &run.recipe.fixed()) {
            Some((key, before, now)) => format!("{key} = {before} there, {now} now"),
            None => "its recipe is another one now".to_owned(),
        };
        let message = format!(
            "the variant `{variant}` has changed since `{}` was begun: {what}",
            run.run_dir.root().display()
        );
        return Err(Error::new(exit::DECLARATION, message).hint(format!(
            "remove that directory to train it again, or give another --run-dir than `{}`",
            folder.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::definition::Choice;
    use super::*;

    /// An ablation of `tests/fixtures/tiny.toml`, whose second variant sets `more`.
    fn ablation(folder: &Path, more: &str) -> Ablation {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let text = format!(
            "title = \"t\"\nquestion = \"q\"\nexpects = \"e\"\nbase = {:?}\nseeds = [1, 2]\n\
             [[variant]]\nname = \"one\"\nabout = \"a\"\n\
             [[variant]]\nname = \"two\"\nabout = \"b\"\nset = {{ {more} }}\n",
            base.canonicalize().unwrap()
        );
        let path = folder.join("x.toml");
        std::fs::write(&path, text).unwrap();
        Ablation::load(&path, Choice::default()).unwrap()
    }

    #[test]
    fn every_variant_runs_with_every_seed() {
        let dir = tempfile::tempdir().unwrap();
        let ablation = ablation(dir.path(), "\"phase.0.skip\" = true");
        let runs = planned(&ablation, &dir.path().join("runs")).unwrap();
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["one-1", "two-1", "one-2", "two-2"]);
        let told: Vec<(u64, usize, &str)> = runs
            .iter()
            .map(|run| (run.recipe.run.seed, run.recipe.phase.len(), run.recipe.run.name.as_str()))
            .collect();
        assert_eq!(
            told,
            [(1, 3, "x-one-1"), (1, 2, "x-two-1"), (2, 3, "x-one-2"), (2, 2, "x-two-2")]
        );
    }

    #[test]
    fn what_is_done_is_known_until_the_variant_changes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("runs");
        std::fs::create_dir(&folder).unwrap();
        let before = ablation(dir.path(), "\"phase.2.steps\" = 8");
        let runs = planned(&before, &folder).unwrap();
        let mut state = State::read(&folder, &before).unwrap();
        assert!(!runs.iter().any(|run| state.is_finished(run)));
        for run in &runs[..2] {
            run.run_dir.create().unwrap();
            std::fs::write(run.run_dir.recipe_lock(), run.recipe.to_lock()).unwrap();
            std::fs::write(run.run_dir.scores(), "{}").unwrap();
            state.finish(run);
        }
        state.write(&folder).unwrap();
        let done = |ablation: &Ablation| -> Vec<bool> {
            let state = State::read(&folder, ablation).unwrap();
            let runs = planned(ablation, &folder).unwrap();
            runs.iter().map(|run| state.is_finished(run)).collect()
        };
        assert_eq!(done(&before), [true, true, false, false]);
        check_unchanged(&before, &runs, &folder).unwrap();
        // What is asked of the model may change: it is asked again, not trained again.
        let asked = ablation(dir.path(), "\"phase.2.steps\" = 8, \"evaluation.rows\" = 7");
        assert_eq!(done(&asked), [true, false, false, false]);
        check_unchanged(&asked, &planned(&asked, &folder).unwrap(), &folder).unwrap();
        let taught = ablation(dir.path(), "\"phase.2.steps\" = 9");
        let error =
            check_unchanged(&taught, &planned(&taught, &folder).unwrap(), &folder).unwrap_err();
        assert!(error.message.starts_with("the variant `two` has changed since"), "{error}");
        assert!(error.message.ends_with("= 8 there, 9 now"), "{error}");
        assert_eq!(error.code, exit::DECLARATION);
    }

    #[test]
    fn a_folder_has_one_ablation() {
        let dir = tempfile::tempdir().unwrap();
        let one = ablation(dir.path(), "");
        State::read(dir.path(), &one).unwrap().write(dir.path()).unwrap();
        let small = Ablation { is_smoke: true, ..one.clone() };
        let error = State::read(dir.path(), &small).unwrap_err();
        assert!(error.message.ends_with("holds the ablation `x`, not `x` with --smoke"), "{error}");
        std::fs::write(dir.path().join("ablation.json"), "{").unwrap();
        assert_eq!(State::read(dir.path(), &one).unwrap_err().code, exit::DATA);
    }

    #[test]
    fn a_wrong_value_is_said_with_its_variant() {
        let dir = tempfile::tempdir().unwrap();
        let wrong = ablation(dir.path(), "\"phase.0.stps\" = 8");
        let error = planned(&wrong, dir.path()).unwrap_err();
        assert!(error.message.starts_with("variant `two`: "), "{error}");
        assert!(error.message.contains("stps") && error.message.contains("steps"), "{error}");
        assert_eq!(error.code, exit::DECLARATION);
    }
}
