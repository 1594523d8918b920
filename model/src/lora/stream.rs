//! Seeds of streams of random numbers that have nothing to do with each other.

/// The seed that belongs to `parts`, in their order: any other part gives another stream.
///
/// Each part goes through the finaliser of SplitMix64 (Steele, Lea & Flood 2014), so that
/// neighbouring steps, ranks and layers do not have neighbouring seeds.
pub fn stream(parts: &[u64]) -> u64 {
    parts.iter().fold(0x6A09_E667_F3BC_C908, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_places_share_a_stream() {
        // Step, rank, micro-batch, block, layer: small numbers, in every order.
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for step in 0..8 {
            for rank in 0..8 {
                for micro in 0..4 {
                    for block in 0..8 {
                        for layer in 0..7 {
                            seen.insert(stream(&[42, step, rank, micro, block, layer]));
                            count += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(seen.len(), count);
        assert_ne!(stream(&[1, 2]), stream(&[2, 1]));
        assert_eq!(stream(&[1, 2]), stream(&[1, 2]));
    }
}
