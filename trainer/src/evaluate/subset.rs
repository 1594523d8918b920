//! A fixed part of the benchmarks, asked while a phase trains: counts without files.

use super::{Evaluation, Question, agreed, asked, file_name, open, questions};
use crate::Error;
use crate::collective::Collective;
use crate::recipe::Benchmark;
use data_pipeline::Task;
use data_pipeline::corpus::Corpus;
use data_pipeline::score::{Protocol, Tally, tally};
use model::Decoder;
use std::sync::atomic::{AtomicBool, Ordering};

/// The rule by which a model in training is counted.
pub const PROTOCOL: Protocol = Protocol::Set;

/// Questions of one benchmark, the same at each evaluation.
pub struct Subset {
    benchmark: Benchmark,
    corpus: Corpus,
    questions: Vec<Question>,
}

/// What a model made of the questions of one benchmark and task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The benchmark's name in scores.
    pub dataset: String,
    /// Its language.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// By [`PROTOCOL`].
    pub tally: Tally,
}

impl Evaluation<'_> {
    /// At most `most` sentences of each benchmark, spread evenly over it.
    pub fn subsets(&self, most: usize) -> Result<Vec<Subset>, Error> {
        let subset = |benchmark: &Benchmark| {
            let corpus = open(self.datasets, self.data_root, &benchmark.dataset)?;
            let questions = questions(&corpus, benchmark, most)?;
            Ok(Subset { benchmark: benchmark.clone(), corpus, questions })
        };
        self.config.benchmarks.iter().map(subset).collect()
    }

    /// The counts of `decoder` over `subsets`, the same on every rank; none if any rank was asked to stop.
    ///
    /// `model` is what its weights are called: draws, where tokens are drawn, depend on it.
    pub fn count(
        &self,
        subsets: &[Subset],
        (decoder, model): (&Decoder, &str),
        collective: &mut dyn Collective,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Option<Vec<Counted>>, Error> {
        let mut counted = Vec::new();
        for Subset { benchmark, corpus, questions } in subsets {
            let tasks = asked(corpus, benchmark);
            let showing = super::Showing::of(self, benchmark, corpus, tasks)?;
            let share: Vec<&Question> =
                questions.iter().skip(collective.rank()).step_by(collective.world()).collect();
            let label = format!("during training {}", file_name(benchmark, corpus.language()));
            let (world, total) = (collective.world(), questions.len());
            let mut report = |done: usize| {
                let done = if done == share.len() { total } else { (done * world).min(total) };
                progress(&label, done, total);
                !stop.load(Ordering::Relaxed)
            };
            let model = (decoder, model);
            let found = self.answer(model, &showing, benchmark, &share, None, &mut report)?;
            let Some((found, _)) = agreed(found, stop, collective)? else { return Ok(None) };
            let mut tallies = vec![Tally::default(); tasks.len()];
            for prediction in &found {
                if let Some(at) = tasks.iter().position(|task| *task == prediction.task) {
                    tallies[at] += tally(PROTOCOL, prediction);
                }
            }
            sum(&mut tallies, collective)?;
            counted.extend(tasks.iter().zip(tallies).map(|(task, tally)| Counted {
                dataset: benchmark.name.clone(),
                language: corpus.language().to_owned(),
                task: *task,
                tally,
            }));
        }
        Ok(Some(counted))
    }
}

/// Adds up over the world; exact up to 16 million objects.
fn sum(tallies: &mut [Tally], collective: &mut dyn Collective) -> Result<(), Error> {
    let counts = |it: &Tally| [it.gold as f32, it.predicted as f32, it.correct as f32];
    let mut buffer: Vec<f32> = tallies.iter().flat_map(counts).collect();
    collective.all_reduce(&mut buffer)?;
    for (tally, sums) in tallies.iter_mut().zip(buffer.chunks_exact(3)) {
        let [gold, predicted, correct] = [0, 1, 2].map(|i| sums[i].round() as usize);
        *tally = Tally { gold, predicted, correct };
    }
    Ok(())
}

/// Which of `count` sentences are asked: at most `most`, evenly spread.
pub(super) fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let chosen = count.min(most);
    (0..chosen).map(move |i| (i as u128 * count as u128 / chosen as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_spread_and_the_same_each_time() {
        for (count, most, expected) in [
            (3, 5, vec![0, 1, 2]),
            (3, 3, vec![0, 1, 2]),
            (10, 4, vec![0, 2, 5, 7]),
            (7, 1, vec![0]),
            (0, 4, vec![]),
            (4, usize::MAX, vec![0, 1, 2, 3]),
        ] {
            assert_eq!(spread(count, most).collect::<Vec<_>>(), expected);
        }
    }
}
