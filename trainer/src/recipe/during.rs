//! What evaluation during training has to do with the rest of a recipe.

use super::{CheckpointConfig, EvaluationConfig, Recipe};

impl Recipe {
    /// Evaluations have something to ask, and some of them a checkpoint where those are chosen by F1.
    pub(super) fn check_during(&self) -> Result<(), String> {
        let (during, checkpoint) = (&self.evaluation.during, &self.checkpoint);
        if during.every > 0 && self.evaluation.benchmarks.is_empty() {
            return Err(format!(
                "evaluation.during.every is {}, but evaluation.benchmarks is empty: there is nothing to ask",
                during.every
            ));
        }
        if checkpoint.keep_best == 0 {
            return Ok(());
        }
        let wrong = |why: String| {
            Err(format!("checkpoint.keep_best is {}, but {why}", checkpoint.keep_best))
        };
        if during.every == 0 {
            return wrong(
                "evaluation.during.every is 0: no F1 says which is best; set it, for example to checkpoint.every"
                    .to_owned(),
            );
        }
        let (every, saved) = (during.every, checkpoint.every.max(1));
        if !every.is_multiple_of(saved) && !saved.is_multiple_of(every) {
            return wrong(format!(
                "evaluation.during.every = {every} and checkpoint.every = {saved} seldom meet; make one a multiple of the other"
            ));
        }
        Ok(())
    }

    /// What of the evaluation changes weights: nothing, unless a phase may end early.
    pub(super) fn evaluation_that_decides(&self) -> EvaluationConfig {
        let nothing = EvaluationConfig::default();
        if self.evaluation.during.patience == 0 {
            return nothing;
        }
        EvaluationConfig {
            // How fast answers come, and what is said of the result, decides nothing.
            rows: nothing.rows,
            budget_tokens: nothing.budget_tokens,
            protocols: nothing.protocols,
            baselines: nothing.baselines,
            orders: nothing.orders,
            paraphrases: nothing.paraphrases,
            chained: nothing.chained,
            ..self.evaluation.clone()
        }
    }

    /// What of the checkpoints changes weights: nothing, unless a phase goes back to the best of them.
    pub(super) fn checkpoints_that_decide(&self) -> CheckpointConfig {
        let nothing = CheckpointConfig::default();
        if self.evaluation.during.patience == 0 || self.checkpoint.keep_best == 0 {
            return nothing;
        }
        CheckpointConfig {
            stop_deadline: nothing.stop_deadline,
            pause: nothing.pause,
            ..self.checkpoint.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::verify::When;
    use std::path::{Path, PathBuf};

    fn tiny() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml")
    }

    fn recipe(sets: &[&str]) -> Result<Recipe, String> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Recipe::load(&tiny(), &sets).map_err(|error| error.to_string())
    }

    #[test]
    fn the_best_are_kept_only_where_f1_is_known() {
        let refused = |sets: &[&str], sentence: &str| {
            let error = recipe(sets).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        };
        refused(&["checkpoint.keep_best=1"], "no F1 says which is best");
        refused(
            &["evaluation.during.every=4", "checkpoint.every=6", "checkpoint.keep_best=2"],
            "seldom meet",
        );
        for (every, saved) in [(3, 3), (3, 6), (6, 3)] {
            let every = format!("evaluation.during.every={every}");
            let saved = format!("checkpoint.every={saved}");
            recipe(&[&every, &saved, "checkpoint.keep_best=2"]).unwrap();
        }
        refused(&["evaluation.during.every=2", "evaluation.benchmarks=[]"], "nothing to ask");
        refused(&["evaluation.during.patience=2"], "nothing is evaluated");
    }

    #[test]
    fn evaluation_is_a_part_of_training_where_it_may_end_a_phase() {
        let like = |a: &[&str], b: &[&str]| recipe(a).unwrap().trains_like(&recipe(b).unwrap());
        let every = "evaluation.during.every=2";
        assert!(like(&[], &[every, "evaluation.max_new_tokens=9", "run.verify=true"]));
        let patient = [every, "evaluation.during.patience=3"];
        assert!(!like(&[every], &patient));
        assert!(like(
            &patient,
            &[patient[0], patient[1], "evaluation.rows=3", "checkpoint.every=5"]
        ));
        assert!(!like(&patient, &["evaluation.during.every=3", patient[1]]));
        assert!(!like(&patient, &[patient[0], patient[1], "evaluation.max_new_tokens=9"]));
        let best = [patient[0], patient[1], "checkpoint.every=4", "checkpoint.keep_best=1"];
        assert!(!like(&best, &[best[0], best[1], "checkpoint.every=2", best[3]]));
    }

    #[test]
    fn whether_gradients_are_verified_survives_the_lock() {
        for (set, expected) in [
            ("run.verify=true", When::Yes),
            ("run.verify=false", When::No),
            ("run.verify=auto", When::Auto),
        ] {
            let recipe = recipe(&[set]).unwrap();
            assert_eq!(recipe.run.verify, expected);
            let again: Recipe = toml::from_str(&recipe.to_lock()).unwrap();
            assert_eq!(again.run.verify, expected);
        }
        let error = recipe(&["run.verify=always"]).unwrap_err();
        assert!(error.contains("`always`"), "{error}");
    }
}
