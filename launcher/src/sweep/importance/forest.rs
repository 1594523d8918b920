//! Regression trees over the cube of a sweep's keys: each leaf is a part of the cube with one value.

use crate::sweep::random::Random;

/// Trees of a forest.
pub const TREES: usize = 64;
/// Trials that one tree learns from, at most: more of them make it slower and hardly better.
const MOST: usize = 1000;
/// Trials in a leaf, at least.
const LEAF: usize = 2;
/// Of the keys, so many are looked at for a split: trees that look at all of them are too much alike.
const LOOKED_AT: f64 = 5.0 / 6.0;

/// What a key is to a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// From 0 to 1.
    Line,
    /// One of so many choices without an order, each equally large.
    Choices(usize),
}

/// A trial as a tree sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// By key: a place on its line, or the number of a choice; none where the trial does not have the key.
    pub place: Vec<Option<f64>>,
    /// What is explained.
    pub value: f64,
}

/// What a leaf holds of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// From one place to another.
    Span(f64, f64),
    /// These choices.
    Set(Vec<bool>),
}

/// A part of the cube.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Of each key.
    pub parts: Vec<Part>,
    /// Mean of the trials that fell into it.
    pub value: f64,
}

/// A tree: its leaves make up the whole cube.
#[derive(Clone, Debug)]
pub struct Tree {
    /// In no order.
    pub leaves: Vec<Leaf>,
    /// The trials that it did not learn from, by number, and what it says of them.
    pub unseen: Vec<(usize, f64)>,
}

/// A split: of this key, the choices or places that go to the left.
struct Split {
    gain: f64,
    key: usize,
    left: Part,
}

impl Part {
    fn has(&self, place: f64) -> bool {
        match self {
            Self::Span(low, high) => *low <= place && (place < *high || *high >= 1.0),
            Self::Set(choices) => choices.get(place as usize).copied().unwrap_or(false),
        }
    }

    /// How much of the key it is.
    pub fn share(&self) -> f64 {
        match self {
            Self::Span(low, high) => high - low,
            Self::Set(choices) => {
                choices.iter().filter(|it| **it).count() as f64 / choices.len().max(1) as f64
            }
        }
    }

    /// What remains of it without `left`.
    fn without(&self, left: &Self) -> Self {
        match (self, left) {
            (Self::Span(_, high), Self::Span(_, cut)) => Self::Span(*cut, *high),
            (Self::Set(all), Self::Set(left)) => {
                Self::Set(all.iter().zip(left).map(|(all, left)| *all && !left).collect())
            }
            _ => self.clone(),
        }
    }
}

/// Trees that each learn from trials drawn with repetition, always the same for the same `seed`.
///
/// A key that a trial does not have decides nothing there: each tree draws a place for it, as if the same had come of
/// any.
pub fn grow(axes: &[Axis], trials: &[Seen], seed: u64) -> Vec<Tree> {
    (0..TREES).map(|tree| one(axes, trials, &mut Random::of(&[seed, tree as u64]))).collect()
}

fn one(axes: &[Axis], trials: &[Seen], random: &mut Random) -> Tree {
    let places: Vec<Vec<f64>> = trials
        .iter()
        .map(|trial| {
            let drawn = |(place, axis): (&Option<f64>, &Axis)| {
                place.unwrap_or_else(|| match axis {
                    Axis::Line => random.unit(),
                    Axis::Choices(count) => pick(random, *count) as f64,
                })
            };
            trial.place.iter().zip(axes).map(drawn).collect()
        })
        .collect();
    let rows: Vec<usize> =
        (0..trials.len().min(MOST)).map(|_| pick(random, trials.len())).collect();
    let whole = axes.iter().map(|axis| match axis {
        Axis::Line => Part::Span(0.0, 1.0),
        Axis::Choices(count) => Part::Set(vec![true; *count]),
    });
    let mut is_seen = vec![false; trials.len()];
    rows.iter().for_each(|row| is_seen[*row] = true);
    let mut growing = Growing { axes, trials, places: &places, random, leaves: Vec::new() };
    growing.divide(rows, whole.collect());
    let leaves = growing.leaves;
    let said = |row: usize| {
        let is_there =
            |leaf: &&Leaf| leaf.parts.iter().zip(&places[row]).all(|(part, at)| part.has(*at));
        leaves.iter().find(is_there).map(|leaf| (row, leaf.value))
    };
    let unseen = (0..trials.len()).filter(|row| !is_seen[*row]).filter_map(said).take(MOST);
    Tree { unseen: unseen.collect(), leaves }
}

/// One of so many, by number.
fn pick(random: &mut Random, count: usize) -> usize {
    ((random.unit() * count as f64) as usize).min(count.saturating_sub(1))
}

struct Growing<'a> {
    axes: &'a [Axis],
    trials: &'a [Seen],
    places: &'a [Vec<f64>],
    random: &'a mut Random,
    leaves: Vec<Leaf>,
}

impl Growing<'_> {
    /// Divides a part of the cube and the trials in it as long as that explains anything.
    fn divide(&mut self, rows: Vec<usize>, parts: Vec<Part>) {
        match self.best(&rows, &parts) {
            None => {
                let sum: f64 = rows.iter().map(|row| self.trials[*row].value).sum();
                self.leaves.push(Leaf { parts, value: sum / rows.len().max(1) as f64 });
            }
            Some(Split { key, left, .. }) => {
                let goes = |row: &usize| left.has(self.places[*row][key]);
                let (lefts, rights): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(goes);
                let mut right_parts = parts.clone();
                right_parts[key] = parts[key].without(&left);
                let mut left_parts = parts;
                left_parts[key] = left;
                self.divide(lefts, left_parts);
                self.divide(rights, right_parts);
            }
        }
    }

    fn best(&mut self, rows: &[usize], parts: &[Part]) -> Option<Split> {
        if rows.len() < 2 * LEAF {
            return None;
        }
        let mut keys: Vec<usize> = (0..self.axes.len()).collect();
        let count = (keys.len() as f64 * LOOKED_AT).ceil() as usize;
        for at in 0..count.min(keys.len()) {
            let other = at + pick(self.random, keys.len() - at);
            keys.swap(at, other);
        }
        let splits =
            keys.into_iter().take(count).filter_map(|key| self.split(rows, key, &parts[key]));
        splits.max_by(|a, b| a.gain.total_cmp(&b.gain).then(b.key.cmp(&a.key)))
    }

    /// The split of a key after which the two means explain most.
    fn split(&self, rows: &[usize], key: usize, part: &Part) -> Option<Split> {
        let order = self.order(rows, key, part);
        let mut sorted: Vec<(f64, f64, f64)> = rows
            .iter()
            .map(|row| {
                let place = self.places[*row][key];
                let rank = match part {
                    Part::Span(..) => place,
                    Part::Set(_) => order.get(place as usize).copied().unwrap_or_default(),
                };
                (rank, place, self.trials[*row].value)
            })
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (whole, count) = (sorted.iter().map(|it| it.2).sum::<f64>(), sorted.len() as f64);
        let (mut sum, mut best) = (0.0, None::<(f64, f64, f64)>);
        for (index, pair) in sorted.windows(2).enumerate() {
            sum += pair[0].2;
            let left = index + 1;
            if pair[0].0 >= pair[1].0 || left < LEAF || sorted.len() - left < LEAF {
                continue;
            }
            let (left, rest) = (left as f64, whole - sum);
            let gain = sum * sum / left + rest * rest / (count - left) - whole * whole / count;
            if gain > 1e-12 * (1.0 + whole * whole / count)
                && best.as_ref().is_none_or(|(most, ..)| gain > *most)
            {
                best = Some((gain, pair[0].0, pair[1].0));
            }
        }
        let (gain, below, above) = best?;
        let left = match part {
            Part::Span(low, _) => Part::Span(*low, f64::midpoint(below, above)),
            Part::Set(choices) => {
                let goes = |(choice, is_in): (usize, &bool)| *is_in && order[choice] <= below;
                Part::Set(choices.iter().enumerate().map(goes).collect())
            }
        };
        Some(Split { gain, key, left })
    }

    /// Choices by the mean of the trials that have them: of all ways to part choices in two, the best one parts them
    /// in this order. Those that no trial has come last.
    fn order(&self, rows: &[usize], key: usize, part: &Part) -> Vec<f64> {
        let Part::Set(choices) = part else { return Vec::new() };
        let mut sums = vec![(0.0, 0.0); choices.len()];
        for row in rows {
            if let Some((sum, count)) = sums.get_mut(self.places[*row][key] as usize) {
                *sum += self.trials[*row].value;
                *count += 1.0;
            }
        }
        sums.into_iter()
            .map(|(sum, count)| if count > 0.0 { sum / count } else { f64::INFINITY })
            .collect()
    }
}
