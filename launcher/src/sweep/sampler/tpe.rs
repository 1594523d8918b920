//! The tree-structured Parzen estimator of Bergstra and others ("Algorithms for hyper-parameter
//! optimization", 2011): values are drawn where good trials are dense and others are not.
//!
//! Each key has two densities of its own, one of the good trials and one of the rest; trials that lack the
//! key, for its condition, say nothing about it. Of some candidates from the good density the one is taken
//! for which the ratio of both is largest; a value without an order is drawn from the good density as it is,
//! since its ratio would be largest where nothing was tried. Trials that are at work count as the rest: those
//! that are asked for meanwhile go elsewhere.

use crate::sweep::random::Random;

/// So many trials are drawn evenly before.
pub const STARTUP: usize = 10;
/// The share of trials that is good, and how many at most.
const GOOD: f64 = 0.1;
const MOST_GOOD: usize = 25;
/// Candidates of each key.
const CANDIDATES: usize = 24;

/// A trial as the estimator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Where it lies in the cube.
    pub place: Vec<Option<f64>>,
    /// Less is better; `None` for what is at work, diverged, or does not fit.
    pub loss: Option<f64>,
}

/// The next place; `choices` has the number of values of each key whose values have no order.
pub fn place(choices: &[Option<usize>], seen: &[Observation], random: &mut Random) -> Vec<f64> {
    let known = seen.iter().filter(|it| it.loss.is_some()).count();
    if known < STARTUP {
        return choices.iter().map(|_| random.unit()).collect();
    }
    let mut ranked: Vec<&Observation> = seen.iter().collect();
    let loss = |it: &Observation| it.loss.unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    let good = ((GOOD * known as f64).ceil() as usize).clamp(1, MOST_GOOD);
    let (good, rest) = ranked.split_at(good.min(ranked.len()));
    let of = |trials: &[&Observation], key: usize| -> Vec<f64> {
        trials.iter().filter_map(|it| it.place.get(key).copied().flatten()).collect()
    };
    let next = |(key, choices): (usize, &Option<usize>)| match choices {
        Some(count) => choice(*count, &of(good, key), random),
        None => between(&of(good, key), &of(rest, key), random),
    };
    choices.iter().enumerate().map(next).collect()
}

/// A coordinate of a key whose values have no order.
fn choice(count: usize, good: &[f64], random: &mut Random) -> f64 {
    // As if each value had been seen in part: none is impossible.
    let mut shares = vec![1.0 / count as f64; count];
    for place in good {
        shares[((place * count as f64) as usize).min(count - 1)] += 1.0;
    }
    let mut left = random.unit() * shares.iter().sum::<f64>();
    let drawn = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    (drawn.unwrap_or(count - 1) as f64 + 0.5) / count as f64
}

/// A coordinate of a number.
fn between(good: &[f64], rest: &[f64], random: &mut Random) -> f64 {
    let (good, rest) = (Density::of(good), Density::of(rest));
    let candidates: Vec<f64> = (0..CANDIDATES).map(|_| good.draw(random)).collect();
    let gain = |at: f64| good.log(at) - rest.log(at);
    let best = candidates.into_iter().max_by(|a, b| gain(*a).total_cmp(&gain(*b)));
    best.unwrap_or(0.5)
}

/// A sum of normal densities, each cut to the side of the cube: one for each place, as wide as the wider
/// gap to its neighbours, and one over all, so that no place is impossible.
struct Density {
    /// Middle, width, and what is left of it within the side.
    kernels: Vec<(f64, f64, f64)>,
}

impl Density {
    fn of(places: &[f64]) -> Self {
        let mut middles = places.to_vec();
        middles.push(0.5);
        middles.sort_by(f64::total_cmp);
        let narrowest = 1.0 / (middles.len() as f64 + 1.0).min(100.0);
        let width = |index: usize| {
            let before = index.checked_sub(1).map_or(0.0, |before| middles[before]);
            let after = middles.get(index + 1).copied().unwrap_or(1.0);
            (middles[index] - before).max(after - middles[index]).clamp(narrowest, 1.0)
        };
        let mut kernels: Vec<(f64, f64)> =
            middles.iter().enumerate().map(|(index, middle)| (*middle, width(index))).collect();
        // The one over all, wherever its middle was sorted to.
        if let Some(all) = kernels.iter_mut().find(|(middle, _)| *middle == 0.5) {
            all.1 = 1.0;
        }
        let whole = |(middle, width): (f64, f64)| {
            let inside = below((1.0 - middle) / width) - below(-middle / width);
            (middle, width, inside)
        };
        Self { kernels: kernels.into_iter().map(whole).collect() }
    }

    fn log(&self, at: f64) -> f64 {
        let of = |(middle, width, inside): &(f64, f64, f64)| {
            let distance = (at - middle) / width;
            (-0.5 * distance * distance).exp() / (width * inside * std::f64::consts::TAU.sqrt())
        };
        let sum: f64 = self.kernels.iter().map(of).sum();
        (sum / self.kernels.len() as f64).max(f64::MIN_POSITIVE).ln()
    }

    fn draw(&self, random: &mut Random) -> f64 {
        let index = (random.unit() * self.kernels.len() as f64) as usize;
        let (middle, width, _) = self.kernels[index.min(self.kernels.len() - 1)];
        // A third at least of each lies within the side: hundred misses in a row do not happen.
        let draws = std::iter::repeat_with(|| middle + width * random.normal());
        draws.take(100).find(|at| (0.0..1.0).contains(at)).unwrap_or(middle)
    }
}

/// The share of the normal distribution below `x`: Abramowitz and Stegun, 7.1.26, right to 2e-7.
fn below(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let sum = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .into_iter()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let error = 1.0 - sum * (-z * z).exp();
    0.5 * (1.0 + error * x.signum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A valley in three numbers and a choice: least at (0.3, 0.7, 0.5) with the second of four.
    fn loss(place: &[f64]) -> f64 {
        let square = |at: usize, to: f64| (place[at] - to) * (place[at] - to);
        let choice = [0.4, 0.0, 0.6, 0.3][((place[3] * 4.0) as usize).min(3)];
        10.0 * square(0, 0.3) + 3.0 * square(1, 0.7) + 0.2 * square(2, 0.5) + choice
    }

    /// The least of so many trials, drawn evenly or by the estimator.
    fn least(seed: u64, trials: u64, estimated: bool) -> f64 {
        let choices = [None, None, None, Some(4)];
        let mut seen = Vec::new();
        for trial in 0..trials {
            let mut random = Random::of(&[seed, trial]);
            let place = match estimated {
                true => place(&choices, &seen, &mut random),
                false => place(&choices, &[], &mut random),
            };
            let loss = Some(loss(&place));
            seen.push(Observation { place: place.into_iter().map(Some).collect(), loss });
        }
        seen.iter().filter_map(|it| it.loss).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn it_beats_draws_over_twenty_seeds() {
        let seeds = 0..20;
        let pairs: Vec<(f64, f64)> =
            seeds.map(|seed| (least(seed, 60, true), least(seed, 60, false))).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / 20.0;
        let (estimated, drawn) = (mean(|it| it.0), mean(|it| it.1));
        assert!(estimated < 0.5 * drawn, "{estimated} {drawn}");
        let wins = pairs.iter().filter(|(estimated, drawn)| estimated < drawn).count();
        assert!(wins >= 16, "{wins} of 20");
    }

    #[test]
    fn densities_are_densities() {
        for places in [vec![], vec![0.01, 0.02, 0.9], vec![0.5; 40], vec![0.0, 1.0]] {
            let density = Density::of(&places);
            let steps = 10_000;
            let sum: f64 = (0..steps)
                .map(|i| density.log((f64::from(i) + 0.5) / f64::from(steps)).exp())
                .sum();
            assert!((sum / f64::from(steps) - 1.0).abs() < 1e-3, "{places:?}: {sum}");
        }
        assert!((below(1.959_964) - 0.975).abs() < 1e-5 && (below(0.0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn what_is_at_work_or_failed_is_no_good_example() {
        let trial = |at: f64, loss| Observation { place: vec![Some(at)], loss };
        let mut seen: Vec<Observation> =
            (0..20).map(|i| trial(f64::from(i) / 20.0, Some(f64::from(i)))).collect();
        seen.extend((0..40).map(|_| trial(0.05, None)));
        let drawn: Vec<f64> =
            (0..20).map(|i| place(&[None], &seen, &mut Random::of(&[i]))[0]).collect();
        let near = drawn.iter().filter(|at| (*at - 0.05).abs() < 0.01).count();
        assert!(near < 10, "{drawn:?}");
        assert!(drawn.iter().all(|at| (0.0..1.0).contains(at)));
    }
}
