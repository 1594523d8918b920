//! The positions that a loss looks at.
//!
//! Behind attention a token meets no other one. So of the last block only these are computed there, and of
//! the last norm and the head.

use crate::layout::Target;
use crate::ops::Places;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The positions of all targets, each once, in order.
pub(crate) struct Asked {
    /// Which tokens they are: rows are those asked for, in the places of all tokens. `None` if they are all.
    pub places: Option<Places>,
    /// The row of each target.
    pub rows: Vec<i32>,
}

impl Asked {
    /// Those of `targets` in a batch of so many tokens.
    pub fn new(targets: &[Target], tokens: usize, device: &Device) -> Self {
        // The last token of a prefix predicts the first one of every suffix.
        let mut positions: Vec<i32> = targets.iter().map(|target| target.position as i32).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut row_of = vec![-1; tokens];
        for (row, position) in positions.iter().enumerate() {
            row_of[*position as usize] = row as i32;
        }
        let rows = targets.iter().map(|target| row_of[target.position]).collect();
        let ints = |numbers: Vec<i32>| -> Tensor<1, Int> {
            let count = numbers.len();
            Tensor::from_data(TensorData::new(numbers, [count]), device)
        };
        let places = (positions.len() < tokens).then(|| Places {
            tokens: ints(row_of),
            back: ints(positions),
            same: false,
        });
        Self { places, rows }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(positions: &[usize], tokens: usize) -> Asked {
        let target = |position: &usize| Target { position: *position, label: 0, weight: 1.0 };
        let targets: Vec<Target> = positions.iter().map(target).collect();
        Asked::new(&targets, tokens, &Device::flex())
    }

    fn list(numbers: Tensor<1, Int>) -> Vec<i32> {
        numbers.into_data().iter::<i32>().collect()
    }

    #[test]
    fn a_position_is_there_once_however_many_targets_it_has() {
        let found = asked(&[2, 5, 2, 6], 8);
        assert_eq!(found.rows, [0, 1, 0, 2]);
        let places = found.places.unwrap();
        assert_eq!(list(places.back), [2, 5, 6]);
        assert_eq!(list(places.tokens), [-1, -1, 0, -1, -1, 1, 2, -1]);
    }

    #[test]
    fn where_all_tokens_are_asked_for_none_is_moved() {
        let found = asked(&[1, 0, 2, 1], 3);
        assert!(found.places.is_none());
        assert_eq!(found.rows, [1, 0, 2, 1]);
    }
}
