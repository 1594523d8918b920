//! How much of what differs between trials each key explains, alone and with another one.
//!
//! The method is functional analysis of variance on a random forest (Hutter, Hoos and Leyton-Brown, "An efficient
//! approach for assessing hyperparameter importance", 2014): trees are fitted to the trials' losses over the cube in
//! which samplers draw, so that a key that is searched by factors counts by factors. The variance of each tree over the
//! whole cube is then parted, without sampling, into what each key explains alone, what two keys explain only together,
//! and a rest; the shares are means over trees. So that trials that diverged do not explain everything, what is far out
//! on the bad side counts as the last that is not.

mod forest;
mod variance;

use super::definition::Sweep;
use super::space::{Dimension, Range, is_same};
use super::state::{Fate, State, Trial};
use crate::error::exit;
use forest::{Axis, Seen, Tree};
use variance::{Explained, explained, pairs};

/// Fewer trials say nothing.
const FEWEST: usize = 10;
/// So many times the distance of the quartiles beyond the upper one a loss is far out (Tukey's outer fence).
const FAR_OUT: f64 = 3.0;
/// Pairs that are told, the most important ones.
const PAIRS: usize = 5;

/// What keys explain.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// Trials that were compared.
    pub trials: usize,
    /// The rung at which they were; as many as there are rungs: at their end.
    pub rung: usize,
    /// How well trees foresee trials that they did not learn from: 1 exactly, 0 no better than the mean of all.
    pub foreseen: f64,
    /// All keys, the most important first.
    pub keys: Vec<Share>,
    /// Pairs of keys that explain more together than each does alone, the most important first.
    pub pairs: Vec<Together>,
}

/// What a key alone explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The key.
    pub key: String,
    /// Trials that have it.
    pub trials: usize,
    /// From 0 to 1.
    pub share: f64,
    /// Standard deviation between trees.
    pub spread: f64,
}

/// What two keys explain only together.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// The keys.
    pub keys: [String; 2],
    /// From 0 to 1.
    pub share: f64,
}

impl Importance {
    /// Whether trees know more of a trial than that it is one: otherwise shares mean nothing.
    pub fn is_known(&self) -> bool {
        self.foreseen > 0.0
    }
}

/// What the keys of a sweep explain; none where there are too few trials, or all are the same.
pub fn of(sweep: &Sweep, state: &State) -> Option<Importance> {
    let (rung, trials) = compared(sweep, state)?;
    let axes: Vec<Axis> = sweep.space.dimensions.iter().map(|it| axis(&it.range)).collect();
    let seen = seen(sweep, &trials);
    let trees = forest::grow(&axes, &seen, sweep.seed);
    let parts: Vec<Explained> = trees.iter().filter_map(|tree| explained(&axes, tree)).collect();
    if parts.is_empty() {
        return None;
    }
    let mean =
        |of: &dyn Fn(&Explained) -> f64| parts.iter().map(of).sum::<f64>() / parts.len() as f64;
    let share = |(index, dimension): (usize, &Dimension)| {
        let share = mean(&|it| it.alone[index]);
        Share {
            key: dimension.key.clone(),
            trials: trials.iter().filter(|it| it.0.values.contains_key(&dimension.key)).count(),
            share,
            spread: mean(&|it| (it.alone[index] - share).powi(2)).sqrt(),
        }
    };
    let mut keys: Vec<Share> = sweep.space.dimensions.iter().enumerate().map(share).collect();
    keys.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.key.cmp(&b.key)));
    let name = |index: usize| sweep.space.dimensions[index].key.clone();
    let mut together: Vec<Together> = pairs(axes.len())
        .into_iter()
        .enumerate()
        .map(|(index, (a, b))| Together {
            keys: [name(a), name(b)],
            share: mean(&|it| it.together[index]),
        })
        .collect();
    together.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.keys.cmp(&b.keys)));
    together.truncate(PAIRS);
    let foreseen = foreseen(&seen, &trees);
    Some(Importance { trials: trials.len(), rung, foreseen, keys, pairs: together })
}

/// The trials that can be compared, with their losses, `None` for those that diverged: at the last place to which at
/// least half as many came as to any, since values of different steps are no more alike than other metrics.
fn compared<'a>(sweep: &Sweep, state: &'a State) -> Option<(usize, Vec<(&'a Trial, Option<f64>)>)> {
    let at = |trial: &Trial, rung: usize| match &trial.fate {
        Fate::Infeasible(_) => None,
        Fate::Failed { code: exit::DIVERGED, .. } => Some(None),
        Fate::Failed { .. } => None,
        Fate::Open | Fate::Stopped(_) => trial.at(rung),
    };
    let came = |rung: usize| -> Vec<(&Trial, Option<f64>)> {
        let loss = |trial: &'a Trial| {
            at(trial, rung).map(|value| (trial, value.map(|it| sweep.mode.loss(it))))
        };
        state.trials.iter().filter_map(loss).collect()
    };
    let ends = sweep.stop.rungs().len();
    let most = (0..=ends).map(|rung| came(rung).len()).max().unwrap_or(0);
    let rung = (0..=ends).rev().find(|rung| 2 * came(*rung).len() >= most)?;
    let trials = came(rung);
    let known = trials.iter().filter(|(_, loss)| loss.is_some()).count();
    (trials.len() >= FEWEST && known > FEWEST / 2).then_some((rung, trials))
}

/// What a key is to a tree: values that are listed are choices, whether they are numbers or not.
fn axis(range: &Range) -> Axis {
    range.choices().map_or(Axis::Line, Axis::Choices)
}

fn seen(sweep: &Sweep, trials: &[(&Trial, Option<f64>)]) -> Vec<Seen> {
    let mut losses: Vec<f64> = trials.iter().filter_map(|(_, loss)| *loss).collect();
    losses.sort_by(f64::total_cmp);
    let worst = worst(&losses);
    let place = |dimension: &Dimension, trial: &Trial| {
        let value = trial.values.get(&dimension.key)?;
        match &dimension.range {
            Range::Values(all) => all.iter().position(|it| is_same(it, value)).map(|at| at as f64),
            range => range.place(value),
        }
    };
    let see = |(trial, loss): &(&Trial, Option<f64>)| Seen {
        place: sweep.space.dimensions.iter().map(|it| place(it, trial)).collect(),
        value: loss.map_or(worst, |loss| loss.min(worst)),
    };
    trials.iter().map(see).collect()
}

/// Losses beyond this one count as this one; of losses in ascending order.
fn worst(losses: &[f64]) -> f64 {
    let at = |share: f64| {
        let place = share * (losses.len().max(1) - 1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        let of = |index: usize| losses.get(index).copied().unwrap_or_default();
        of(below) + (of(above) - of(below)) * place.fract()
    };
    let (lower, upper) = (at(0.25), at(0.75));
    let fence = upper + FAR_OUT * (upper - lower);
    // Where most are the same, nothing is far out.
    let last = losses.iter().rev().find(|loss| **loss <= fence && upper > lower);
    last.or(losses.last()).copied().unwrap_or_default()
}

/// R² of what trees say of trials that they did not learn from.
fn foreseen(seen: &[Seen], trees: &[Tree]) -> f64 {
    let mut said = vec![(0.0, 0.0); seen.len()];
    for (row, value) in trees.iter().flat_map(|tree| &tree.unseen) {
        let (sum, count) = &mut said[*row];
        *sum += value;
        *count += 1.0;
    }
    let mean = seen.iter().map(|it| it.value).sum::<f64>() / seen.len().max(1) as f64;
    let asked = seen.iter().zip(said).filter(|(_, (_, count))| *count > 0.0);
    let (left, whole) = asked.fold((0.0, 0.0), |(left, whole), (it, (sum, count))| {
        (left + (it.value - sum / count).powi(2), whole + (it.value - mean).powi(2))
    });
    if whole > 0.0 { 1.0 - left / whole } else { 0.0 }
}

#[cfg(test)]
mod tests;
