//! How much of what differs between trials each key alone explains.
//!
//! The method: trials are ranked by their value, so that one that diverged counts as the last and no more.
//! For a key whose values have an order, the ranks are fitted by a parabola in the key's own ranks, so that a best
//! value in the middle is seen; for the others, by the mean of each value. The share of the variance of the
//! ranks that the fit explains is corrected for what as many free numbers explain by chance (adjusted R², not
//! below 0). Keys that matter only together are not seen: it is a first look, not a proof.

use super::definition::Sweep;
use super::space::{Dimension, Range, is_same, number};
use super::state::State;

/// Fewer trials say nothing.
const FEWEST: usize = 6;

/// A key and what it explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The key.
    pub key: String,
    /// Trials that have it and a value.
    pub trials: usize,
    /// From 0 to 1; none where there are too few trials.
    pub share: Option<f64>,
}

/// Of each key, the most important first.
pub fn of(sweep: &Sweep, state: &State) -> Vec<Importance> {
    let mut found: Vec<Importance> =
        sweep.space.dimensions.iter().map(|dimension| one(sweep, state, dimension)).collect();
    found.sort_by(|a, b| {
        b.share.unwrap_or(-1.0).total_cmp(&a.share.unwrap_or(-1.0)).then(a.key.cmp(&b.key))
    });
    found
}

fn one(sweep: &Sweep, state: &State, dimension: &Dimension) -> Importance {
    let seen = state.trials.iter().filter_map(|trial| {
        let (_, value) = trial.newest()?;
        Some((trial.values.get(&dimension.key)?, sweep.mode.loss(value)))
    });
    let (values, losses): (Vec<&toml::Value>, Vec<f64>) = seen.unzip();
    let ranks = ranks(&losses);
    let share = match &dimension.range {
        Range::Values(choices) if !choices.iter().all(|it| number(it).is_some()) => {
            let groups: Vec<usize> = values
                .iter()
                .map(|value| choices.iter().position(|it| is_same(it, value)).unwrap_or_default())
                .collect();
            by_group(&groups, &ranks)
        }
        _ => {
            let values: Vec<f64> =
                values.iter().map(|value| number(value).unwrap_or(0.0)).collect();
            by_parabola(&self::ranks(&values), &ranks)
        }
    };
    Importance { key: dimension.key.clone(), trials: values.len(), share }
}

/// The place of each among all, from 0 to 1; equals share the middle of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let place = |value: &f64| {
        let below = values.iter().filter(|it| it.total_cmp(value).is_lt()).count();
        let equal = values.iter().filter(|it| it.total_cmp(value).is_eq()).count();
        (below as f64 + (equal as f64 - 1.0) / 2.0) / (values.len().max(2) - 1) as f64
    };
    values.iter().map(place).collect()
}

fn by_group(groups: &[usize], ranks: &[f64]) -> Option<f64> {
    let count = groups.iter().max().map_or(0, |most| most + 1);
    let (mut sums, mut sizes) = (vec![0.0; count], vec![0.0; count]);
    for (group, rank) in groups.iter().zip(ranks) {
        sums[*group] += rank;
        sizes[*group] += 1.0;
    }
    let used = sizes.iter().filter(|size| **size > 0.0).count();
    let fitted: Vec<f64> = groups.iter().map(|group| sums[*group] / sizes[*group]).collect();
    explained(ranks, &fitted, used.saturating_sub(1))
}

/// Least squares on 1, x and x², x being moved to its mean and made orthogonal step by step.
fn by_parabola(x: &[f64], ranks: &[f64]) -> Option<f64> {
    let mut fitted = vec![0.0; ranks.len()];
    let mut free = 0;
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for power in 0..3 {
        let mut column: Vec<f64> = x.iter().map(|x| x.powi(power)).collect();
        for before in &basis {
            let along = dot(&column, before);
            column.iter_mut().zip(before).for_each(|(value, before)| *value -= along * before);
        }
        let length = dot(&column, &column).sqrt();
        if length < 1e-9 {
            continue;
        }
        column.iter_mut().for_each(|value| *value /= length);
        let along = dot(ranks, &column);
        fitted.iter_mut().zip(&column).for_each(|(fitted, value)| *fitted += along * value);
        free += usize::from(power > 0);
        basis.push(column);
    }
    explained(ranks, &fitted, free)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adjusted R² with so many free numbers beside the mean.
fn explained(ranks: &[f64], fitted: &[f64], free: usize) -> Option<f64> {
    let count = ranks.len();
    if count < FEWEST || count <= free + 1 {
        return None;
    }
    let mean = ranks.iter().sum::<f64>() / count as f64;
    let whole: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    if whole <= 0.0 || free == 0 {
        return Some(0.0);
    }
    let left: f64 = ranks.iter().zip(fitted).map(|(rank, fitted)| (rank - fitted).powi(2)).sum();
    let corrected = left / whole * (count - 1) as f64 / (count - free - 1) as f64;
    Some((1.0 - corrected).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::definition::tests::specimen;
    use super::super::log::Event;
    use super::super::random::Random;
    use super::super::state::tests::{add, finished};
    use super::*;

    #[test]
    fn what_decides_comes_first_and_what_does_not_explains_next_to_nothing() {
        let sweep = specimen();
        let mut state = State::default();
        let mut random = Random::of(&[3]);
        for trial in 0..60 {
            let place: Vec<f64> = (0..5).map(|_| random.unit()).collect();
            let values = sweep.space.point(&place);
            // Best in the middle of the rates, and better with one of the names; widths are nothing.
            let rate = sweep.space.place(&values);
            let at = |key: &str| {
                let index = sweep.space.dimensions.iter().position(|it| it.key == key).unwrap();
                rate[index].unwrap()
            };
            let value = 50.0 - 100.0 * (at("rate") - 0.5).powi(2) + 5.0 * at("name");
            add(&mut state, &sweep, Event::Asked { trial, values });
            finished(&mut state, &sweep, trial, Some(value));
        }
        let found = of(&sweep, &state);
        assert_eq!(found[0].key, "rate", "{found:?}");
        assert!(found[0].share.unwrap() > 0.7, "{found:?}");
        let share = |key: &str| found.iter().find(|it| it.key == key).unwrap().share.unwrap();
        assert!(share("width") < 0.15 && share("dropout") < 0.15, "{found:?}");
        let few = of(&sweep, &State { trials: state.trials[..3].to_vec(), ..state });
        assert!(few.iter().all(|it| it.share.is_none()));
    }

    #[test]
    fn ranks_are_places_and_equals_share_theirs() {
        assert_eq!(ranks(&[3.0, 1.0, 1.0, f64::INFINITY, 2.0]), [0.75, 0.125, 0.125, 1.0, 0.5]);
        assert_eq!(ranks(&[7.0]), [0.0]);
    }
}
