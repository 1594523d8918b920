//! F1 while a phase trains: on a part of the benchmarks, at given steps.
//!
//! All ranks answer the same few sentences of each benchmark with the weights as they are, adapters beside
//! them. Nothing of training changes by it. The lines of `evaluations.jsonl` are written whole, before the
//! checkpoint of their step: an evaluation that was cut off is done again, and one that a checkpoint lacks is
//! made up for when the run goes on, so that interruptions change neither lines nor verdicts.
//!
//! With `patience` a phase ends early: after so many evaluations in which the F1 of the worst language did not
//! rise above its best. The run then goes on with the best step's weights, if checkpoints are chosen by F1
//! (`checkpoint.keep_best`) and that one is there, and with the last otherwise.

use crate::checkpoint::Position;
use crate::collective::Collective;
use crate::evaluate::{Counted, Evaluation, PROTOCOL, Subset};
use crate::{Error, Recipe};
use data_pipeline::Task;
use data_pipeline::score::{Protocol, Tally};
use model::Decoder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The `[evaluation.during]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuringConfig {
    /// Steps between evaluations; 0: none.
    pub every: usize,
    /// Sentences of each benchmark, at most; always the same.
    pub limit: usize,
    /// A phase ends early after so many evaluations in which the worst language has not become
    /// better; 0: never.
    pub patience: usize,
}

impl Default for DuringConfig {
    fn default() -> Self {
        Self { every: 0, limit: 50, patience: 0 }
    }
}

impl DuringConfig {
    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        if self.limit == 0 {
            return Err("evaluation.during.limit is 0, expected at least 1".to_owned());
        }
        if self.every == 0 && self.patience > 0 {
            return Err(format!(
                "evaluation.during.patience is {}, but `every` is 0: nothing is evaluated",
                self.patience
            ));
        }
        Ok(())
    }
}

/// One line of `evaluations.jsonl`: what the model at a step made of one benchmark and task.
///
/// Benchmarks and tasks without a single annotated object among the sentences asked have no F1, and no line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRow {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it.
    pub step: usize,
    /// The benchmark's name in scores.
    pub dataset: String,
    /// Its language.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// How it was counted.
    pub protocol: Protocol,
    /// In percent.
    pub f1: f64,
    /// In percent.
    pub precision: f64,
    /// In percent.
    pub recall: f64,
    /// Annotated objects.
    pub gold: usize,
    /// Predicted objects.
    pub predicted: usize,
    /// Right ones.
    pub correct: usize,
}

/// F1 at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it.
    pub step: usize,
    /// F1 of each language in percent: the objects of its benchmarks and tasks together.
    pub f1: BTreeMap<String, f64>,
}

impl Evaluated {
    /// The language with the lowest F1.
    pub fn worst(&self) -> Option<(&str, f64)> {
        let worst = self.f1.iter().min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((worst.0, *worst.1))
    }
}

/// How a phase ended early.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStop {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it.
    pub step: usize,
    /// The step with the best F1 of the worst language.
    pub best: usize,
    /// That F1.
    pub f1: f64,
    /// The step whose weights go on.
    pub weights: usize,
}

/// What follows from an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The phase goes on.
    GoOn,
    /// A rank was asked to stop: nothing was evaluated.
    Stopped,
    /// The worst language has not become better for long enough.
    Over,
}

/// The evaluations of one phase, and what they say about its end.
pub struct During {
    config: DuringConfig,
    phase: String,
    /// Steps of the phase.
    steps: usize,
    path: PathBuf,
    /// All lines of the run, on every rank; rank 0 writes them.
    rows: Vec<EvaluationRow>,
    /// What is asked; read when it is needed first.
    subsets: Option<Vec<Subset>>,
}

impl During {
    /// For phase number `position.phase` of `recipe`; lines behind the position belong to steps that are done
    /// again.
    pub fn open(
        recipe: &Recipe,
        path: &Path,
        position: Position,
        steps: usize,
        collective: &mut dyn Collective,
    ) -> Result<Self, Error> {
        let phase = &recipe.phase[position.phase].name;
        let config = recipe.evaluation.during.clone();
        let mut during = Self {
            config,
            phase: phase.clone(),
            steps,
            path: path.to_owned(),
            rows: Vec::new(),
            subsets: None,
        };
        let mut bytes = Vec::new();
        if collective.rank() == 0 && path.exists() {
            let index = |name: &str| recipe.phase.iter().position(|phase| phase.name == name);
            let is_past = |row: &EvaluationRow| {
                index(&row.phase).is_some_and(|phase| {
                    phase < position.phase || (phase == position.phase && row.step <= position.step)
                })
            };
            during.rows = read(path)?.into_iter().filter(is_past).collect();
            during.write()?;
            bytes = lines(&during.rows).into_bytes();
        }
        if during.config.every > 0 {
            // All ranks judge by the same numbers.
            collective.broadcast(&mut bytes, 0)?;
            during.rows = parse(&bytes);
        }
        Ok(during)
    }

    /// Whether the model is evaluated after `step` steps: every so often, and at the end of the phase.
    pub fn is_due(&self, step: usize) -> bool {
        self.config.every > 0
            && step > 0
            && (step.is_multiple_of(self.config.every) || step == self.steps)
    }

    /// Whether it was, and the lines are there.
    pub fn has(&self, step: usize) -> bool {
        self.rows.iter().any(|row| row.phase == self.phase && row.step == step)
    }

    /// Evaluates `decoder`, which is `step` steps into the phase, and keeps the lines; none if any rank was
    /// asked to stop meanwhile.
    ///
    /// Every rank calls it; nothing of `decoder` changes, adapters stay where they are.
    pub fn evaluate(
        &mut self,
        step: usize,
        decoder: &Decoder,
        evaluation: &Evaluation<'_>,
        collective: &mut dyn Collective,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Option<Evaluated>, Error> {
        let subsets = match self.subsets.take() {
            Some(subsets) => subsets,
            None => evaluation.subsets(self.config.limit)?,
        };
        let model = format!("{} {step}", self.phase);
        let counted = evaluation.count(&subsets, (decoder, &model), collective, stop, progress)?;
        self.subsets = Some(subsets);
        let Some(counted) = counted else { return Ok(None) };
        let rows = counted.iter().filter(|it| it.tally.gold > 0).map(|it| self.row(step, it));
        let rows: Vec<EvaluationRow> = rows.collect();
        self.rows.retain(|row| row.phase != self.phase || row.step != step);
        self.rows.extend(rows);
        if collective.rank() == 0 {
            self.write()?;
        }
        Ok(Some(self.at(step)))
    }

    fn row(&self, step: usize, counted: &Counted) -> EvaluationRow {
        let Counted { dataset, language, task, tally } = counted;
        EvaluationRow {
            phase: self.phase.clone(),
            step,
            dataset: dataset.clone(),
            language: language.clone(),
            task: *task,
            protocol: PROTOCOL,
            f1: tally.f1(),
            precision: tally.precision(),
            recall: tally.recall(),
            gold: tally.gold,
            predicted: tally.predicted,
            correct: tally.correct,
        }
    }

    /// F1 by language at a step.
    fn at(&self, step: usize) -> Evaluated {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.phase == self.phase && row.step == step) {
            let EvaluationRow { gold, predicted, correct, .. } = *row;
            *tallies.entry(&row.language).or_default() += Tally { gold, predicted, correct };
        }
        let f1 = tallies.into_iter().map(|(language, it)| (language.to_owned(), it.f1())).collect();
        Evaluated { phase: self.phase.clone(), step, f1 }
    }

    /// The F1 of the worst language at each step that was evaluated.
    pub fn history(&self) -> Vec<(usize, f64)> {
        let of_phase = self.rows.iter().filter(|row| row.phase == self.phase);
        let steps: BTreeSet<usize> = of_phase.map(|row| row.step).collect();
        let worst = |step: usize| Some((step, self.at(step).worst()?.1));
        steps.into_iter().filter_map(worst).collect()
    }

    /// What the evaluations so far say about the phase.
    pub fn verdict(&self) -> Verdict {
        let worst: Vec<f64> = self.history().into_iter().map(|(_, f1)| f1).collect();
        match is_over(&worst, self.config.patience) {
            true => Verdict::Over,
            false => Verdict::GoOn,
        }
    }

    fn write(&self) -> Result<(), Error> {
        Ok(model::files::write_atomically(&self.path, lines(&self.rows).as_bytes())?)
    }
}

/// Whether the last `patience` numbers are no better than the best one before them.
fn is_over(worst: &[f64], patience: usize) -> bool {
    let best =
        worst.iter().enumerate().fold(None, |best: Option<(usize, f64)>, (at, f1)| match best {
            Some((_, most)) if *f1 <= most => best,
            _ => Some((at, *f1)),
        });
    patience > 0 && best.is_some_and(|(at, _)| worst.len() - 1 - at >= patience)
}

/// The lines of an `evaluations.jsonl`; torn ones are left out.
pub fn read(path: &Path) -> Result<Vec<EvaluationRow>, Error> {
    Ok(parse(&std::fs::read(path).map_err(Error::read(path))?))
}

fn parse(bytes: &[u8]) -> Vec<EvaluationRow> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn lines(rows: &[EvaluationRow]) -> String {
    // Numbers and strings always have a JSON form.
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collective::Solo;

    fn recipe() -> Recipe {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let sets = ["evaluation.during.every=2", "evaluation.during.patience=2"];
        Recipe::load(&path, &sets.map(str::to_owned)).unwrap()
    }

    fn row(phase: &str, step: usize, language: &str, correct: usize) -> EvaluationRow {
        let tally = Tally { gold: 10, predicted: 10, correct };
        EvaluationRow {
            phase: phase.to_owned(),
            step,
            dataset: "d".to_owned(),
            language: language.to_owned(),
            task: Task::Ner,
            protocol: PROTOCOL,
            f1: tally.f1(),
            precision: tally.precision(),
            recall: tally.recall(),
            gold: 10,
            predicted: 10,
            correct,
        }
    }

    fn open(path: &Path, phase: usize, step: usize) -> During {
        During::open(&recipe(), path, Position { phase, step }, 7, &mut Solo).unwrap()
    }

    #[test]
    fn lines_behind_the_position_go_and_the_rest_decides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluations.jsonl");
        let rows = [
            row("schema-understanding", 4, "en", 9),
            row("instruction", 2, "en", 5),
            row("instruction", 2, "zh", 3),
            row("instruction", 4, "en", 8),
            row("instruction", 4, "zh", 2),
            row("instruction", 6, "en", 9),
            row("instruction", 6, "zh", 3),
        ];
        std::fs::write(&path, lines(&rows) + "{\"phase\":\"instr").unwrap();
        let during = open(&path, 2, 6);
        assert_eq!(during.history(), [(2, 30.0), (4, 20.0), (6, 30.0)]);
        // As good as before is not better.
        assert_eq!(during.verdict(), Verdict::Over);
        assert_eq!(during.at(4).worst(), Some(("zh", 20.0)));
        assert!(during.has(6) && !during.has(7));
        let due: Vec<usize> = (0..8).filter(|step| during.is_due(*step)).collect();
        assert_eq!(due, [2, 4, 6, 7]);
        // Resumed at step 4: what came behind is done again.
        let during = open(&path, 2, 4);
        assert_eq!((during.verdict(), during.has(6)), (Verdict::GoOn, false));
        assert_eq!(read(&path).unwrap(), rows[..5]);
        // A phase before.
        assert_eq!(open(&path, 1, 0).history(), []);
        assert_eq!(read(&path).unwrap(), rows[..1]);
    }

    #[test]
    fn a_phase_is_over_when_nothing_became_better() {
        for (worst, patience, expected) in [
            (&[][..], 1, false),
            (&[0.0], 1, false),
            (&[0.0, 0.0], 1, true),
            (&[0.0, 0.0], 2, false),
            (&[1.0, 2.0, 1.5], 1, true),
            (&[1.0, 2.0, 1.5], 2, false),
            (&[3.0, 1.0, 2.0], 2, true),
            (&[3.0, 1.0, 4.0], 2, false),
            (&[3.0, 2.0, 1.0, 0.0], 0, false),
        ] {
            assert_eq!(is_over(worst, patience), expected, "{worst:?}, {patience}");
        }
    }
}
