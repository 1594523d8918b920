//! Two runs that are done, held against each other: every loss, every score, every answer, the last weights.

use super::files::{Files, compared};
use super::scores::{ScoreChange, changes};
use super::steps::{StepChange, Steps, steps};
use crate::error::Error;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use trainer::RunDir;

/// How two runs compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether everything that was compared is the same bits, and the last weights are among that.
    pub equal: bool,
    /// Steps that both have.
    pub steps: usize,
    /// The first step whose numbers differ, or that one of the runs does not have.
    pub first: Option<StepChange>,
    /// All of them.
    pub differing: Vec<StepChange>,
    /// How far losses are apart at most.
    pub largest_loss: f64,
    /// Scores that both have.
    pub scores_equal: usize,
    /// Scores that differ, or are in one of the runs only.
    pub scores: Vec<ScoreChange>,
    /// Weights and answers.
    #[serde(flatten)]
    pub files: Files,
}

/// Holds `again` against `original`.
pub fn compare(original: &RunDir, again: &RunDir) -> Result<Comparison, Error> {
    let texts = [read(&original.metrics())?, read(&again.metrics())?];
    let Steps { both, differing, largest_loss, last } = steps(&texts[0], &texts[1]);
    let documents = [read(&original.scores())?, read(&again.scores())?]
        .map(|text| serde_json::from_str::<Value>(&text).unwrap_or_default());
    let (scores_equal, scores) = changes(&documents[0], &documents[1]);
    let files = compared([original, again], last)?;
    Ok(Comparison {
        equal: differing.is_empty() && scores.is_empty() && files.are_equal(),
        steps: both,
        first: differing.first().cloned(),
        differing,
        largest_loss,
        scores_equal,
        scores,
        files,
    })
}

/// Differences that are listed of each kind, at most.
pub(super) const SHOWN: usize = 8;

impl Comparison {
    /// For a person.
    pub fn text(&self) -> String {
        let mut lines = self.lines_of_steps();
        lines.push(match self.scores.len() {
            0 => format!("scores: {} the same", self.scores_equal),
            count => format!("scores: {} the same, {count} not", self.scores_equal),
        });
        lines.extend(self.scores.iter().take(SHOWN).map(ScoreChange::line));
        lines.extend(more(self.scores.len()));
        lines.extend(self.files.lines());
        lines.push(if self.equal { "equal bit for bit" } else { "not equal" }.to_owned());
        lines.join("\n") + "\n"
    }

    fn lines_of_steps(&self) -> Vec<String> {
        let Some(first) = &self.first else {
            return vec![format!(
                "steps: {} with the same losses and norms, bit for bit",
                self.steps
            )];
        };
        let StepChange { phase, step, .. } = first;
        let mut lines = vec![format!(
            "steps: {} of {} differ, phase {phase}, step {step} first",
            self.differing.len(),
            self.differing.len().max(self.steps)
        )];
        lines.extend(self.differing.iter().take(SHOWN).map(StepChange::line));
        lines.extend(more(self.differing.len()));
        let largest = self.largest_loss;
        lines.push(format!("  losses are at most {largest:.1e} apart over {} steps", self.steps));
        lines
    }
}

/// How many differences are not listed.
pub(super) fn more(count: usize) -> Option<String> {
    (count > SHOWN).then(|| format!("  and {} more", count - SHOWN))
}

/// The text of a file; empty where it is not.
fn read(path: &Path) -> Result<String, Error> {
    crate::estimate::measured::metrics(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;
    use std::fs;

    /// A run with checkpoints of the same text, and a score, at most.
    fn run(folder: &Path, weight: &str, checkpoints: &[u64], f1: Option<f64>) -> RunDir {
        let run_dir = RunDir::new(folder);
        for step in checkpoints {
            let folder = run_dir.checkpoints().join(format!("a-{step:06}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("model.safetensors"), weight).unwrap();
            // Its seals and dates are not weights.
            fs::write(folder.join("checkpoint.json"), folder.display().to_string()).unwrap();
        }
        let line = |step| format!("{{\"phase\": \"a\", \"step\": {step}, \"loss\": 2.5}}\n");
        fs::write(run_dir.metrics(), line(1) + &line(2) + &line(3)).unwrap();
        let row = f1.map(|f1| format!("{{\"dataset\": \"x\", \"task\": \"ner\", \"f1\": {f1}}}"));
        let scores = format!("{{\"rows\": [{}]}}", row.unwrap_or_default());
        fs::write(run_dir.scores(), scores).unwrap();
        run_dir
    }

    #[test]
    fn files_and_scores_are_compared_too() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let a = run(&at("a"), "same", &[3], Some(50.0));
        let equal = compare(&a, &run(&at("b"), "same", &[3], Some(50.0))).unwrap();
        assert!(equal.equal && equal.files.equal == 1, "{equal:?}");
        let other = compare(&a, &run(&at("c"), "else", &[3], Some(49.5))).unwrap();
        expect![[r#"
            steps: 3 with the same losses and norms, bit for bit
            scores: 0 the same, 1 not
              rows.x/ner.f1: 50.00, now 49.50
            files of weights and answers: 0 the same, 1 not
              checkpoints/a-000003/model.safetensors
            not equal
        "#]]
        .assert_eq(&other.text());
    }

    #[test]
    fn checkpoints_of_one_run_only_are_named_and_are_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let a = run(&at("a"), "same", &[1, 2, 3], Some(50.0));
        let found = compare(&a, &run(&at("b"), "same", &[3], Some(50.0))).unwrap();
        assert!(found.equal, "{found:?}");
        expect![[r#"
            steps: 3 with the same losses and norms, bit for bit
            scores: 1 the same
            files of weights and answers: 1 the same, 0 not
              a-000001: in the first run only; the other pruned it, or never saved it
              a-000002: in the first run only; the other pruned it, or never saved it
            equal bit for bit
        "#]]
        .assert_eq(&found.text());
        // Without the last weights nothing can be said to be equal.
        let found = compare(&a, &run(&at("c"), "same", &[2], None)).unwrap();
        expect![[r#"
            steps: 3 with the same losses and norms, bit for bit
            scores: 0 the same, 1 not
              rows.x/ner.f1: 50.00, now missing
            files of weights and answers: 1 the same, 0 not
              a-000001: in the first run only; the other pruned it, or never saved it
              a-000003: in the first run only; the other pruned it, or never saved it
              the last weights, a-000003, were not compared: both runs must have them
            not equal
        "#]]
        .assert_eq(&found.text());
    }
}
