//! Bytes of the optimizer's state.

use crate::optimizer::{OptimizerConfig, Rule};
use crate::sharding::Stretch;
use model::weight::WeightInfo;

/// Bytes that the optimizer keeps for a stretch of a weight, between steps.
///
/// One arm a rule: what a rule keeps for each value, times the values.
pub fn state_bytes(config: &OptimizerConfig, stretch: &Stretch) -> u64 {
    let values = stretch.len() as u64;
    let f32 = 4;
    match config.name {
        // Two moments.
        Rule::AdamW => 2 * f32 * values,
        // One for what is updated in one piece: the matrices of the blocks.
        Rule::Muon => {
            let info = WeightInfo {
                path: stretch.path.clone(),
                dims: stretch.dims.clone(),
                trainable: true,
            };
            let whole = crate::optimizer::Optimizer::is_indivisible(config, &info);
            f32 * values * if whole { 1 } else { 2 }
        }
    }
}

/// How many values as large as a weight an update holds beside it.
pub fn update_copies(config: &OptimizerConfig) -> u64 {
    match config.name {
        // The update, its denominator, the new values.
        Rule::AdamW => 3,
        // Newton–Schulz: the matrix, its square, the polynomial, their products.
        Rule::Muon => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_rule_keeps() {
        let stretch = |path: &str, dims: &[usize], values| Stretch {
            path: path.to_owned(),
            dims: dims.to_vec(),
            range: 0..values,
        };
        let matrix = stretch("model.layers.0.mlp.up_proj.weight", &[8, 4], 32);
        let half = stretch("model.embed_tokens.weight", &[8, 4], 16);
        for (name, expected) in [(Rule::AdamW, [256, 128]), (Rule::Muon, [128, 128])] {
            let config = OptimizerConfig { name, ..OptimizerConfig::default() };
            assert_eq!([&matrix, &half].map(|it| state_bytes(&config, it)), expected, "{name:?}");
        }
    }
}
