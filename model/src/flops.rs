//! Floating-point operations of a training step, as functions of shapes.
//!
//! Counted are the products that the mathematics needs: linear layers, attention, head and adapters,
//! forwards and backwards. Not counted are what is computed again to save memory, padding, and
//! everything element by element. A model's rate over a device's is then the MFU of the literature.

use crate::memory::Network;

/// Operations of a multiplication and an addition.
const PRODUCT: f64 = 2.0;

impl Network {
    /// Operations for so many computed tokens, supervised positions, and pairs of query and key.
    pub fn flops(&self, tokens: u64, targets: u64, pairs: u64) -> f64 {
        let (tokens, targets, pairs) = (tokens as f64, targets as f64, pairs as f64);
        let config = &self.config;
        let blocks = config.num_hidden_layers as f64;
        // Forwards, to the input, to the weight: a frozen weight has no gradient.
        let passes = if self.adapters.is_none() { 3.0 } else { 2.0 };
        let of = |name: &str| {
            let (out, input) = config.linear_shape(name);
            (out * input) as f64
        };
        let linears: f64 = config.linear_names().iter().map(|name| of(name)).sum();
        // Nothing below the first block is trained where the embedding is frozen.
        let unneeded: f64 = match &self.adapters {
            None => 0.0,
            Some(_) => ["W_pack", "q_proj", "k_proj", "v_proj"]
                .iter()
                .filter(|name| config.linear_names().contains(name))
                .map(|name| of(name))
                .sum(),
        };
        let adapters: f64 = (0..config.num_hidden_layers)
            .flat_map(|block| self.adapted(block))
            .map(|(layer, rank)| (rank * (layer.out + layer.input) as u64) as f64)
            .sum();
        let head = (config.vocab_size * config.hidden_size) as f64;
        // Scores and mixed values forwards; backwards twice as much.
        let attention = 2.0 * 3.0 * (config.heads() * config.head_dim()) as f64;
        PRODUCT
            * (tokens * (passes * blocks * linears - unneeded + 3.0 * adapters)
                + targets * passes * head
                + pairs * blocks * attention)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::memory::{Adapters, Bodies, Network};
    use crate::{DecoderConfig, LoraConfig};
    use burn::tensor::DType;

    /// GFLOP a token of one causal document of this length, every position supervised.
    fn per_token(lora: Option<LoraConfig>, length: u64) -> f64 {
        let config = DecoderConfig::baichuan2_7b();
        let adapters = lora.map(|lora| Adapters::new(&config, &lora).unwrap());
        let bodies = Bodies::Explicit;
        let network = Network { config, dtype: DType::BF16, adapters, bodies, threads: 1 };
        network.flops(length, length, length * (length + 1) / 2) / length as f64 / 1e9
    }

    #[test]
    fn a_7b_takes_what_is_counted_by_hand() {
        // 6 N + 6 V H + 12 L H s of Baichuan2-7B, and 4 N - 6 H² + 4 V H + 12 L H s + 6 N_lora.
        let lora = || Some(LoraConfig::default());
        for (found, expected) in [
            (per_token(None, 2048), 43.56),
            (per_token(None, 4096), 45.17),
            (per_token(lora(), 2048), 29.90),
            (per_token(lora(), 4096), 31.51),
        ] {
            assert!((found - expected).abs() < 0.006, "{found} instead of {expected}");
        }
    }
}
