//! How far a score would move if the test set had been other sentences of the same kind.
//!
//! The sentences of a set are drawn again with replacement, as many as there are, a thousand
//! times; the middle 95 % of the scores are the interval (Efron, 1979, percentile method).
//! The draw is a function of the set's name, so that a score is the same whoever computes it: alone,
//! beside another run, or as one seed of a variant. What is compared is drawn together.

use super::Tally;
use crate::random::Random;
use crate::schema::Task;

/// Resamples of a set; 2.5 % of them are 25.
const RESAMPLES: usize = 1000;

/// Sentences whose objects are counted together, each as `N` sides count it.
pub(super) struct Group<const N: usize> {
    /// The draw is a function of it.
    name: Vec<String>,
    /// By run, then by sentence; what is not run with several seeds has one run.
    runs: Vec<Vec<[Tally; N]>>,
}

impl<const N: usize> Group<N> {
    /// The sentences of a set, or of several under the name of their sum.
    pub(super) fn new(
        (dataset, language, task): (&str, &str, Task),
        runs: Vec<Vec<[Tally; N]>>,
    ) -> Self {
        let task = task.to_string();
        // Without the protocol: two rules see the same resamples and can be compared.
        let name = ["bootstrap", dataset, language, &task].map(str::to_owned);
        Self { name: name.into(), runs }
    }

    /// By run, then by sentence.
    pub(super) fn runs(&self) -> &[Vec<[Tally; N]>] {
        &self.runs
    }

    /// What each run comes to.
    pub(super) fn totals(&self) -> Vec<[Tally; N]> {
        self.runs.iter().map(|sentences| sum(sentences.iter())).collect()
    }

    /// What each run comes to on sentences that are drawn again, for all runs the same.
    fn drawn(&self, random: &mut Random) -> Vec<[Tally; N]> {
        let count = self.runs.first().map_or(0, Vec::len);
        let places: Vec<usize> = (0..count).map(|_| random.below(count)).collect();
        // A run that was asked about fewer sentences has no others.
        let of_run = |sentences: &Vec<[Tally; N]>| {
            sum(places.iter().filter_map(|place| sentences.get(*place)))
        };
        self.runs.iter().map(of_run).collect()
    }
}

fn sum<'a, const N: usize>(sentences: impl Iterator<Item = &'a [Tally; N]>) -> [Tally; N] {
    let mut total = [Tally::default(); N];
    for sentence in sentences {
        for (sum, tally) in total.iter_mut().zip(sentence) {
            *sum += *tally;
        }
    }
    total
}

/// F1 of each side: the mean over groups and runs.
pub(super) fn scores<const N: usize>(groups: &[Group<N>]) -> [f64; N] {
    let totals: Vec<Vec<[Tally; N]>> = groups.iter().map(Group::totals).collect();
    means(&totals)
}

/// F1 of each side: the mean over `totals`, which are by group, then by run.
pub(super) fn means<const N: usize>(totals: &[Vec<[Tally; N]>]) -> [f64; N] {
    std::array::from_fn(|side| {
        let scores: Vec<f64> = totals.iter().flatten().map(|sides| sides[side].f1()).collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    })
}

/// F1 of each side in each resample of the sentences and, where there are several, of the runs.
pub(super) fn resamples<const N: usize>(groups: &[Group<N>]) -> Vec<[f64; N]> {
    let stream = |group: &Group<N>| {
        let name: Vec<&str> = group.name.iter().map(String::as_str).collect();
        Random::of(0, &name)
    };
    let mut streams: Vec<Random> = groups.iter().map(stream).collect();
    let mut seeds = Random::of(0, &["bootstrap of seeds"]);
    let runs = groups.first().map_or(0, |group| group.runs.len());
    let mut resample = || {
        let chosen: Vec<usize> = (0..runs).map(|_| seeds.below(runs)).collect();
        let mut totals = Vec::with_capacity(groups.len());
        for (group, random) in groups.iter().zip(&mut streams) {
            let drawn = group.drawn(random);
            totals.push(chosen.iter().filter_map(|run| drawn.get(*run)).copied().collect());
        }
        means(&totals)
    };
    (0..RESAMPLES).map(|_| resample()).collect()
}

/// F1 of each resample of the sentences of one set.
pub(super) fn resample(tallies: &[Tally], name: (&str, &str, Task)) -> Vec<f64> {
    let group = Group::new(name, vec![tallies.iter().map(|it| [*it]).collect()]);
    resamples(&[group]).into_iter().map(|[f1]| f1).collect()
}

/// The bounds between which 95 % of the scores lie.
pub(super) fn interval(mut scores: Vec<f64>) -> (f64, f64) {
    scores.sort_unstable_by(f64::total_cmp);
    let outside = scores.len() / 40;
    match scores.get(outside).zip(scores.iter().rev().nth(outside)) {
        Some((low, high)) => (*low, *high),
        None => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_a_binomial() {
        // One object a sentence, found in half of 400: the F1 is then a mean of 400 coin flips,
        // with a standard deviation of 2.5.
        let hit = Tally { gold: 1, predicted: 1, correct: 1 };
        let miss = Tally { gold: 1, predicted: 1, correct: 0 };
        let tallies: Vec<Tally> = (0..400).map(|i| if i % 2 == 0 { hit } else { miss }).collect();
        let (low, high) = interval(resample(&tallies, ("d", "en", Task::Ner)));
        // 1.96 deviations; 0.6 is three errors of a 2.5 % quantile out of 1,000.
        assert!((low - 45.1).abs() < 0.6, "{low}");
        assert!((high - 54.9).abs() < 0.6, "{high}");
        assert_eq!(
            interval(resample(&tallies, ("e", "en", Task::Ner))),
            interval(resample(&tallies, ("e", "en", Task::Ner)))
        );
        assert_eq!(interval(resample(&tallies[..1], ("e", "en", Task::Ner))), (100.0, 100.0));
        assert_eq!(interval(Vec::new()), (0.0, 0.0));
    }

    #[test]
    fn a_side_is_drawn_as_it_is_alone() {
        let tally = |correct: usize| Tally { gold: 2, predicted: 2, correct };
        let sides = |i: usize| [tally(i % 3), tally(usize::from(i < 20))];
        let name = ("d", "en", Task::Re);
        let both = resamples(&[Group::new(name, vec![(0..60).map(sides).collect()])]);
        for side in [0, 1] {
            let alone: Vec<Tally> = (0..60).map(|i| sides(i)[side]).collect();
            let beside: Vec<f64> = both.iter().map(|scores| scores[side]).collect();
            assert_eq!(beside, resample(&alone, name));
        }
        // Two equal runs are as good as one, whichever of them is drawn.
        let twice = vec![(0..60).map(sides).collect::<Vec<_>>(); 2];
        assert_eq!(resamples(&[Group::new(name, twice)]), both);
    }
}
