//! How many tokens a micro-batch has and how many blocks are computed again: the first that fits.
//!
//! Computing a block again costs a third more of its arithmetic. A smaller micro-batch costs nothing
//! that one can measure as long as products stay large. So micro-batches shrink first, down to
//! `LARGE_ENOUGH`; then the fewest blocks that help are computed again; then micro-batches shrink
//! on.

use super::needs::Predicted;
use crate::recipe::{BatchConfig, MicroTokens, Recompute};

/// Sizes that are tried, the largest first.
const SIZES: [usize; 15] =
    [32_768, 24_576, 16_384, 12_288, 8192, 6144, 5120, 4096, 3072, 2048, 1536, 1024, 768, 512, 256];

/// From so many tokens on a product is as fast as a larger one.
const LARGE_ENOUGH: usize = 2048;

/// What is tried at most on the CPU: larger ones gain nothing there, their rows leave the caches anyway.
const MOST_ON_CPU: usize = 8192;

/// The most tokens that are chosen on this device.
pub fn most(device: &str) -> usize {
    if device == "flex" { MOST_ON_CPU } else { SIZES[0] }
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Tokens of a micro-batch.
    pub micro_tokens: usize,
    /// Blocks that are computed again.
    pub recomputed: usize,
    /// What that holds.
    pub needs: Predicted,
}

/// The first pair that `budget` allows; in vain, the pair that holds least.
///
/// `needs` says what a rank holds with so many tokens and blocks computed again.
pub fn choose(
    batch: &BatchConfig,
    blocks: usize,
    most: usize,
    budget: Option<u64>,
    needs: &mut dyn FnMut(usize, usize) -> Predicted,
) -> Result<Choice, Choice> {
    let sizes: Vec<usize> = match batch.micro_tokens {
        MicroTokens::Most(tokens) => vec![tokens],
        MicroTokens::Auto => SIZES.into_iter().filter(|size| *size <= most).collect(),
    };
    let mut least: Option<Choice> = None;
    let mut fits = |micro_tokens, recomputed| {
        let needs = needs(micro_tokens, recomputed);
        let choice = Choice { micro_tokens, recomputed, needs };
        if least.is_none_or(|least| needs.total < least.needs.total) {
            least = Some(choice);
        }
        (budget.is_none_or(|budget| needs.total <= budget)).then_some(choice)
    };
    let tries = tries(&sizes, batch.recompute, blocks);
    let found = tries.into_iter().find_map(|(size, recomputed)| fits(size, recomputed));
    match (found, least) {
        (Some(choice), _) => Ok(choice),
        (None, Some(least)) => Err(least),
        // There is always something to try.
        (None, None) => {
            Err(Choice { micro_tokens: most, recomputed: 0, needs: Predicted::default() })
        }
    }
}

/// Pairs in the order of what they cost.
fn tries(sizes: &[usize], recompute: Recompute, blocks: usize) -> Vec<(usize, usize)> {
    let fixed = match recompute {
        Recompute::Auto => None,
        other => Some(other.blocks(blocks)),
    };
    if let Some(recomputed) = fixed {
        return sizes.iter().map(|size| (*size, recomputed)).collect();
    }
    let (large, small): (Vec<usize>, Vec<usize>) =
        sizes.iter().copied().partition(|size| sizes.len() == 1 || *size >= LARGE_ENOUGH);
    let mut tries: Vec<(usize, usize)> = large.iter().map(|size| (*size, 0)).collect();
    for size in large.last().into_iter().chain(&small) {
        tries.extend((1..=blocks).map(|recomputed| (*size, recomputed)));
    }
    tries
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token costs 10 a block whose tape is kept, 1 a block else.
    fn needs(micro_tokens: usize, recomputed: usize) -> Predicted {
        let blocks = BLOCKS as u64;
        let again = recomputed as u64;
        let total = 1000 + micro_tokens as u64 * (10 * (blocks - again) + again);
        Predicted { total, ..Predicted::default() }
    }

    const BLOCKS: usize = 4;

    fn check(
        micro_tokens: MicroTokens,
        recompute: Recompute,
        budget: u64,
        expected: Result<(usize, usize), (usize, usize)>,
    ) {
        let batch = BatchConfig { micro_tokens, recompute, ..BatchConfig::default() };
        let found = choose(&batch, BLOCKS, 8192, Some(budget), &mut needs);
        let pair = |choice: Choice| (choice.micro_tokens, choice.recomputed);
        assert_eq!(found.map(pair).map_err(pair), expected, "{batch:?} in {budget}");
    }

    #[test]
    fn the_cheapest_pair_that_fits() {
        use {MicroTokens as M, Recompute as R};
        let all = 1000 + 8192 * 40;
        check(M::Auto, R::Auto, all, Ok((8192, 0)));
        check(M::Auto, R::Auto, all - 1, Ok((6144, 0)));
        check(M::Auto, R::Auto, 1000 + 2048 * 40, Ok((2048, 0)));
        // Smaller micro-batches come after blocks that are computed again.
        check(M::Auto, R::Auto, 1000 + 2048 * 40 - 1, Ok((2048, 1)));
        check(M::Auto, R::Auto, 1000 + 2048 * 4, Ok((2048, 4)));
        check(M::Auto, R::Auto, 1000 + 2048 * 4 - 1, Ok((1536, 4)));
        check(M::Auto, R::Auto, 1500, Err((256, 4)));
        // What the recipe says stays.
        check(M::Auto, R::Off, 1000 + 300 * 40, Ok((256, 0)));
        check(M::Auto, R::All, all, Ok((8192, 4)));
        check(M::Auto, R::Blocks(3), 1000 + 8192 * 13, Ok((8192, 3)));
        check(M::Most(600), R::Auto, 1000 + 600 * 40, Ok((600, 0)));
        check(M::Most(600), R::Auto, 1000 + 600 * 22, Ok((600, 2)));
        check(M::Most(600), R::Off, 1000, Err((600, 0)));
        check(M::Most(100_000), R::Auto, u64::MAX, Ok((100_000, 0)));
    }

    #[test]
    fn without_a_budget_everything_fits() {
        let found = choose(&BatchConfig::default(), BLOCKS, most("flex"), None, &mut needs);
        assert_eq!(found.map(|it| (it.micro_tokens, it.recomputed)), Ok((8192, 0)));
        assert_eq!(most("cuda"), 32_768);
    }
}
