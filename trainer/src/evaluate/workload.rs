//! How much an evaluation asks: rounds, and questions of them all, before any file of a corpus is read.

use super::orders::is_chained;
use super::{FINAL_FREE, TRAINED, What, asked, open, rounds, split};
use crate::recipe::{Benchmark, Constrained};
use crate::{Error, Recipe};
use data_pipeline::Task;
use serde::Serialize;

/// What is asked at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Workload {
    /// Each round of each model, by the folder of its predictions.
    pub rounds: Vec<Asked>,
    /// Benchmarks whose declarations do not say how many sentences they have.
    pub undeclared: Vec<String>,
    /// An answer has at most so many tokens.
    pub max_new_tokens: usize,
}

/// What one round asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The folder of its predictions.
    pub round: String,
    /// How many benchmarks it asks.
    pub benchmarks: usize,
    /// Questions about the benchmarks that say how many sentences they have, at most: arguments are asked
    /// only of sentences with events, and a question may have several prompts.
    pub questions: usize,
}

impl Workload {
    /// Of the recipe's `[evaluation]`.
    pub fn of(recipe: &Recipe) -> Result<Self, Error> {
        let config = &recipe.evaluation;
        let sets: Vec<Size> = config
            .benchmarks
            .iter()
            .map(|benchmark| Size::of(recipe, benchmark))
            .collect::<Result<_, _>>()?;
        let free = (config.constrained == Constrained::Both).then_some(FINAL_FREE);
        let others = config.baselines.iter().map(String::as_str);
        let models = others.chain(free).chain([TRAINED]);
        let rounds = models.flat_map(|which| rounds(config, which)).map(|round| {
            let is_chained = matches!(round.what, What::Chained(_));
            let asked = || sets.iter().filter(|set| !is_chained || set.is_chained);
            let questions = |set: &Size| set.sentences * if is_chained { 1 } else { set.tasks };
            Asked {
                round: round.folder,
                benchmarks: asked().count(),
                questions: asked().map(questions).sum(),
            }
        });
        let rounds = rounds.filter(|asked| asked.benchmarks > 0).collect();
        let unknown = sets.iter().zip(&config.benchmarks).filter(|(set, _)| !set.is_declared);
        let undeclared = unknown.map(|(_, benchmark)| benchmark.dataset.clone()).collect();
        Ok(Self { rounds, undeclared, max_new_tokens: config.max_new_tokens })
    }

    /// Questions of all rounds.
    pub fn questions(&self) -> usize {
        self.rounds.iter().map(|asked| asked.questions).sum()
    }
}

/// What a benchmark has.
struct Size {
    sentences: usize,
    is_declared: bool,
    tasks: usize,
    is_chained: bool,
}

impl Size {
    fn of(recipe: &Recipe, benchmark: &Benchmark) -> Result<Self, Error> {
        let corpus = open(&recipe.datasets, std::path::Path::new(""), &benchmark.dataset)?;
        let tasks: &[Task] = asked(&corpus, benchmark);
        let declared = corpus.declared_sentences(split(&benchmark.dataset, "test"));
        let most = benchmark.limit.unwrap_or(usize::MAX);
        // A limit says how many there are at most, where nothing else does.
        let sentences = declared.map(|count| count.min(most)).or(benchmark.limit);
        Ok(Self {
            sentences: sentences.unwrap_or(0),
            is_declared: sentences.is_some(),
            tasks: tasks.len(),
            is_chained: is_chained(tasks),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    fn of(sets: &[&str]) -> Workload {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Workload::of(&Recipe::load(&tiny, &sets).unwrap()).unwrap()
    }

    #[test]
    fn every_round_is_counted() {
        let plain = of(&["evaluation.baselines=[]"]);
        assert_eq!(plain.rounds.len(), 1);
        assert_eq!((plain.rounds[0].round.as_str(), plain.undeclared.len()), (TRAINED, 0));
        let once = plain.questions();
        assert!(once > 0);
        let all = of(&[
            "evaluation.baselines=[\"untrained\"]",
            "evaluation.orders=3",
            "evaluation.chained=true",
            "evaluation.constrained=\"both\"",
        ]);
        let names: Vec<&str> = all.rounds.iter().map(|asked| asked.round.as_str()).collect();
        assert_eq!(
            names,
            [
                "untrained",
                "untrained-chained",
                "final-free",
                "final-free-chained",
                "final",
                "final-chained",
                "final-order-1",
                "final-order-2",
            ]
        );
        let whole = all.rounds.iter().filter(|asked| !asked.round.ends_with("-chained"));
        assert!(whole.clone().all(|asked| asked.questions == once), "{all:?}");
        let chained = all.rounds.iter().filter(|asked| asked.round.ends_with("-chained"));
        assert!(chained.clone().all(|asked| asked.questions > 0 && asked.questions < once));
        assert!(all.questions() > 5 * once);
    }
}
