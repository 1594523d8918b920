//! Floating-point operations of a training step, as functions of shapes.
//!
//! Counted are the products that the mathematics needs: linear layers, attention, head and adapters,
//! forwards and backwards; of the last block behind attention, and of the head, for the positions that the
//! loss looks at. Not counted are what is computed again to save memory, padding, and
//! everything element by element. A model's rate over a device's is then the MFU of the literature.

use crate::memory::{Network, is_behind_attention};

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
        let adapters: f64 =
            (0..config.num_hidden_layers).map(|block| self.adapter_values(block, |_| true)).sum();
        // Behind attention the last block is needed where the loss looks.
        let unasked = (tokens - targets).max(0.0);
        let behind: f64 = config
            .linear_names()
            .iter()
            .filter(|name| is_behind_attention(name))
            .map(|name| of(name))
            .sum();
        let last = config.num_hidden_layers.saturating_sub(1);
        let adapters_behind = self.adapter_values(last, is_behind_attention);
        let head = (config.vocab_size * config.hidden_size) as f64;
        // Scores and mixed values forwards; backwards twice as much.
        let attention = 2.0 * 3.0 * (config.heads() * config.head_dim()) as f64;
        PRODUCT
            * (tokens * (passes * blocks * linears - unneeded + 3.0 * adapters)
                - unasked * (passes * behind + 3.0 * adapters_behind)
                + targets * passes * head
                + pairs * blocks * attention)
    }

    /// Values of the adapters of a block, beside layers of some names.
    fn adapter_values(&self, block: usize, counts: impl Fn(&str) -> bool) -> f64 {
        let adapted = self.adapted(block).into_iter().filter(|(layer, _)| counts(layer.name()));
        adapted.map(|(layer, rank)| (rank * (layer.out + layer.input) as u64) as f64).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::memory::{Adapters, Bodies, Network};
    use crate::{DecoderConfig, LoraConfig};
    use burn::tensor::DType;

    fn network(lora: Option<LoraConfig>) -> Network {
        let config = DecoderConfig::baichuan2_7b();
        let adapters = lora.map(|lora| Adapters::new(&config, &lora).unwrap());
        Network { config, dtype: DType::BF16, adapters, bodies: Bodies::Explicit, threads: 1 }
    }

    /// GFLOP a token of one causal document of this length, every position supervised.
    fn per_token(lora: Option<LoraConfig>, length: u64) -> f64 {
        network(lora).flops(length, length, length * (length + 1) / 2) / length as f64 / 1e9
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

    #[test]
    fn where_the_loss_does_not_look_the_last_block_ends_with_attention() {
        // Without o_proj, gate, up, down and the head, with their adapters of rank 32.
        let (h, f, v, r) = (4096.0, 11_008.0, 125_696.0, 32.0);
        for (lora, passes, adapters) in [
            (None, 3.0, 0.0),
            (Some(LoraConfig::default()), 2.0, 3.0 * r * (2.0 * h + 3.0 * (h + f))),
        ] {
            let network = network(lora);
            let spared = network.flops(1000, 1000, 0) - network.flops(1000, 100, 0);
            let expected: f64 = 2.0 * 900.0 * (passes * (h * h + 3.0 * h * f + v * h) + adapters);
            assert!((spared / expected - 1.0).abs() < 1e-9, "{spared} instead of {expected}");
        }
    }
}
