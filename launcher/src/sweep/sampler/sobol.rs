//! Sobol's sequence: places that fill the cube more evenly than drawn ones do.
//!
//! Direction numbers are those of Joe and Kuo ("Constructing Sobol sequences with better two-dimensional
//! projections", 2008; their file new-joe-kuo-6), for up to [`DIMENSIONS`] dimensions.

use crate::sweep::random::Random;

/// A space may have so many keys.
pub const DIMENSIONS: usize = 21;

/// Bits of a coordinate.
const BITS: usize = 32;

/// Degree and inner coefficients of the primitive polynomial, and the first direction numbers, of each
/// dimension behind the first.
const NUMBERS: [(u32, u32, &[u32]); DIMENSIONS - 1] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// The `index`-th place, from 0, each coordinate moved by the bits that belong to `seed`; without a seed,
/// the sequence as it is published. Of at most [`DIMENSIONS`] coordinates.
pub fn place(index: u32, dimensions: usize, seed: Option<u64>) -> Vec<f64> {
    // In Gray code, neighbours differ in one bit: the order of Antonov and Saleev.
    let gray = index ^ (index >> 1);
    let coordinate = |dimension: usize| {
        let directions = directions(dimension);
        let bits = (0..BITS).filter(|bit| (gray >> bit) & 1 == 1);
        let value = bits.fold(0, |value, bit| value ^ directions[bit]);
        let shift = seed.map_or(0, |seed| Random::of(&[seed, dimension as u64]).bits() >> 32);
        f64::from(value ^ shift as u32) / (1u64 << BITS) as f64
    };
    (0..dimensions.min(DIMENSIONS)).map(coordinate).collect()
}

/// The direction numbers of a dimension, each shifted to its place.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut directions = [0u32; BITS];
    let Some((degree, inner, first)) = dimension.checked_sub(1).map(|index| NUMBERS[index]) else {
        return std::array::from_fn(|bit| 1 << (BITS - 1 - bit));
    };
    let degree = degree as usize;
    for bit in 0..BITS {
        directions[bit] = match first.get(bit) {
            Some(number) => number << (BITS - 1 - bit),
            None => {
                let before = directions[bit - degree];
                let mut value = before ^ (before >> degree);
                for k in 1..degree {
                    if (inner >> (degree - 1 - k)) & 1 == 1 {
                        value ^= directions[bit - k];
                    }
                }
                value
            }
        };
    }
    directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_places_are_the_published_ones() {
        // The first ten of three dimensions in Joe and Kuo's notes.
        let published = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
            [0.625, 0.125, 0.875],
            [0.125, 0.625, 0.375],
            [0.1875, 0.3125, 0.9375],
            [0.6875, 0.8125, 0.4375],
        ];
        for (index, expected) in (0..).zip(published) {
            assert_eq!(place(index, 3, None), expected);
        }
    }

    #[test]
    fn a_late_place_is_the_published_one_in_every_dimension() {
        // In 2⁻¹⁷; `scipy.stats.qmc.Sobol(21, scramble=False)` says the same of the one behind 69,999 others.
        let expected = [
            14131, 87055, 126_299, 31141, 97033, 129_415, 14831, 118_699, 117_599, 12239, 29109,
            49945, 5267, 124_709, 126_155, 68893, 48149, 78927, 1525, 127_761, 97361,
        ];
        let found = place(69_999, DIMENSIONS, None);
        let found: Vec<u32> = found.iter().map(|at| (at * f64::from(1 << 17)) as u32).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_half_quarter_and_so_on_has_its_share_in_every_dimension() {
        for seed in [None, Some(1), Some(99)] {
            let places: Vec<Vec<f64>> =
                (0..256).map(|index| place(index, DIMENSIONS, seed)).collect();
            for dimension in 0..DIMENSIONS {
                let mut counts = [0; 256];
                for place in &places {
                    counts[(place[dimension] * 256.0) as usize] += 1;
                }
                assert!(counts.iter().all(|count| *count == 1), "dimension {dimension}, {seed:?}");
            }
        }
    }

    #[test]
    fn seeds_move_the_places() {
        assert_ne!(place(3, 4, Some(1)), place(3, 4, Some(2)));
        assert_eq!(place(3, 4, Some(1)), place(3, 4, Some(1)));
    }
}
