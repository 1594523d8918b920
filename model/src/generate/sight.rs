//! What new tokens may see of what is cached, as biases on their scores.
//!
//! Rows end at the same column, so what is new stands in the last columns: what a row may see of itself
//! depends on its length alone, and its distances to others of itself are those of every row.

use crate::DecoderConfig;
use crate::config::Position;
use crate::ops::{CacheBias, alibi_slopes};
use burn::tensor::{Device, Tensor, TensorData};

/// The slopes of the heads, where positions are biases.
pub(super) struct Sight {
    slopes: Option<Tensor<4>>,
    device: Device,
}

/// The new tokens of some rows.
pub(super) struct New<'a> {
    /// Tokens of the prefix that they see; 0: none.
    pub prefix: usize,
    /// Tokens of each row with the new ones.
    pub lengths: &'a [usize],
    /// How many of them are new.
    pub new: usize,
}

impl Sight {
    pub(super) fn new(config: &DecoderConfig, device: &Device) -> Self {
        let slopes = (config.position() == Position::Alibi).then(|| {
            let slopes = alibi_slopes(config.num_attention_heads);
            let slopes: Vec<f32> = slopes.into_iter().map(|slope| slope as f32).collect();
            host(slopes, [1, config.num_attention_heads, 1, 1], device)
        });
        Self { slopes, device: device.clone() }
    }

    /// The biases of new tokens.
    pub(super) fn bias(&self, tokens: &New) -> CacheBias {
        let New { prefix, lengths, new } = *tokens;
        let span = lengths.iter().copied().max().unwrap_or(0);
        let mask = self.mask(lengths, new, span);
        let Some(slopes) = &self.slopes else { return CacheBias { prefix: None, own: mask } };
        let distances = self.distances((0..new).map(|i| span - new + i), 1, span);
        let own = distances * slopes.clone();
        let own = match mask {
            Some(mask) => own + mask,
            None => own,
        };
        let first = |length: &usize| prefix + length - new;
        let queries = lengths.iter().flat_map(|length| (0..new).map(move |i| first(length) + i));
        let prefix =
            (prefix > 0).then(|| self.distances(queries, lengths.len(), prefix) * slopes.clone());
        CacheBias { prefix, own: Some(own) }
    }

    /// How far the keys `0..keys` stand behind each query, as negative numbers: `[rows, 1, new, keys]`.
    fn distances(
        &self,
        queries: impl Iterator<Item = usize>,
        rows: usize,
        keys: usize,
    ) -> Tensor<4> {
        let queries: Vec<f32> = queries.map(|query| query as f32).collect();
        let new = queries.len() / rows;
        let keys_at =
            host((0..keys).map(|key| key as f32).collect(), [1, 1, 1, keys], &self.device);
        keys_at - host(queries, [rows, 1, new, 1], &self.device)
    }

    /// 0 for what a token may see of its own row, else -inf: `[rows, 1, new, span]`; none if all is seen.
    fn mask(&self, lengths: &[usize], new: usize, span: usize) -> Option<Tensor<4>> {
        if new == 1 && lengths.iter().all(|length| *length == span) {
            return None;
        }
        let mut values = Vec::with_capacity(lengths.len() * new * span);
        for length in lengths {
            for query in span - new..span {
                let seen = span - length..=query;
                values.extend(
                    (0..span).map(|key| if seen.contains(&key) { 0.0 } else { f32::NEG_INFINITY }),
                );
            }
        }
        Some(host(values, [lengths.len(), 1, new, span], &self.device))
    }
}

fn host(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
