//! What of a tree's variance its keys explain: functional analysis of variance of a function that is constant on
//! boxes, without any sampling.

use super::forest::{Axis, Leaf, Part, Tree};

/// What of the whole variance keys explain, each from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Each key alone.
    pub alone: Vec<f64>,
    /// Two keys together beyond what each does alone, in the order of [`pairs`].
    pub together: Vec<f64>,
}

/// All pairs of so many keys.
pub fn pairs(keys: usize) -> Vec<(usize, usize)> {
    (0..keys).flat_map(|a| (a + 1..keys).map(move |b| (a, b))).collect()
}

/// The smallest parts of a key that a tree tells apart.
struct Cells {
    /// Where they begin; with the end of the last one. Empty for choices.
    cuts: Vec<f64>,
    /// How much of the key each is.
    sizes: Vec<f64>,
}

impl Cells {
    fn of(axis: Axis, key: usize, leaves: &[Leaf]) -> Self {
        if let Axis::Choices(count) = axis {
            return Self { cuts: Vec::new(), sizes: vec![1.0 / count as f64; count] };
        }
        let ends = leaves.iter().flat_map(|leaf| match &leaf.parts[key] {
            Part::Span(low, high) => [*low, *high],
            Part::Set(_) => [0.0, 1.0],
        });
        let mut cuts: Vec<f64> = ends.collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let sizes = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Self { cuts, sizes }
    }

    /// Cells of a part, as runs: from, and up to but not with.
    fn runs(&self, part: &Part) -> Vec<(usize, usize)> {
        match part {
            Part::Span(low, high) => {
                let at = |place: &f64| self.cuts.partition_point(|cut| cut < place);
                vec![(at(low), at(high))]
            }
            Part::Set(choices) => {
                let is_in = choices.iter().enumerate().filter(|(_, is_in)| **is_in);
                is_in.map(|(choice, _)| (choice, choice + 1)).collect()
            }
        }
    }
}

/// What of the variance of a tree over the cube keys explain; none where it has no variance.
pub fn explained(axes: &[Axis], tree: &Tree) -> Option<Explained> {
    let leaves = &tree.leaves;
    let volume = |leaf: &Leaf| leaf.parts.iter().map(Part::share).product::<f64>();
    let volumes: Vec<f64> = leaves.iter().map(volume).collect();
    let mean: f64 = leaves.iter().zip(&volumes).map(|(leaf, volume)| leaf.value * volume).sum();
    let whole: f64 = leaves
        .iter()
        .zip(&volumes)
        .map(|(leaf, volume)| (leaf.value - mean).powi(2) * volume)
        .sum();
    if whole <= 1e-300 {
        return None;
    }
    let cells: Vec<Cells> =
        axes.iter().enumerate().map(|(key, axis)| Cells::of(*axis, key, leaves)).collect();
    let runs = |key: usize, leaf: &Leaf| cells[key].runs(&leaf.parts[key]);
    let alone = |key: usize| {
        let mut steps = vec![0.0; cells[key].sizes.len() + 1];
        for (leaf, volume) in leaves.iter().zip(&volumes) {
            // The mean over all other keys, moved so that the whole has the mean 0.
            let added = (leaf.value - mean) * volume / leaf.parts[key].share();
            for (from, to) in runs(key, leaf) {
                steps[from] += added;
                steps[to] -= added;
            }
        }
        let mut height = 0.0;
        let squares = steps.iter().zip(&cells[key].sizes).map(|(step, size)| {
            height += step;
            height * height * size
        });
        squares.sum::<f64>() / whole
    };
    let alone: Vec<f64> = (0..axes.len()).map(alone).collect();
    let together = |(a, b): (usize, usize)| {
        let (rows, columns) = (cells[a].sizes.len() + 1, cells[b].sizes.len() + 1);
        let mut steps = vec![0.0; rows * columns];
        for (leaf, volume) in leaves.iter().zip(&volumes) {
            let shares = leaf.parts[a].share() * leaf.parts[b].share();
            let added = (leaf.value - mean) * volume / shares;
            for (top, bottom) in runs(a, leaf) {
                for (left, right) in runs(b, leaf) {
                    steps[top * columns + left] += added;
                    steps[top * columns + right] -= added;
                    steps[bottom * columns + left] -= added;
                    steps[bottom * columns + right] += added;
                }
            }
        }
        let mut squares = 0.0;
        let mut above = vec![0.0; columns];
        for (row, height) in cells[a].sizes.iter().enumerate() {
            let mut along = 0.0;
            for (column, width) in cells[b].sizes.iter().enumerate() {
                along += steps[row * columns + column];
                above[column] += along;
                squares += above[column].powi(2) * height * width;
            }
        }
        (squares / whole - alone[a] - alone[b]).max(0.0)
    };
    let together = pairs(axes.len()).into_iter().map(together).collect();
    Some(Explained { alone, together })
}
