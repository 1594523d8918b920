//! Bytes of the optimizer's state.

use crate::optimizer::{OptimizerConfig, Rule};
use crate::sharding::Stretch;

/// Bytes that the optimizer keeps for a stretch of a weight, between steps; `bf16` where the weight is
/// stored so.
pub fn state_bytes(config: &OptimizerConfig, stretch: &Stretch, bf16: bool) -> u64 {
    let values: usize = stretch.dims.iter().product();
    let whole = config.state_bytes(&stretch.path, &stretch.dims, bf16);
    (whole as u128 * stretch.len() as u128 / values.max(1) as u128) as u64
}

/// How many values as large as a weight an update holds beside it.
pub fn update_copies(config: &OptimizerConfig) -> u64 {
    match config.name {
        // The update, its denominator, the new values.
        Rule::AdamW | Rule::Lion => 3,
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
        for (name, expected) in
            [(Rule::AdamW, [256, 128]), (Rule::Lion, [128, 64]), (Rule::Muon, [128, 128])]
        {
            let config = OptimizerConfig { name, ..OptimizerConfig::default() };
            assert_eq!(
                [&matrix, &half].map(|it| state_bytes(&config, it, false)),
                expected,
                "{name:?}"
            );
        }
    }
}
