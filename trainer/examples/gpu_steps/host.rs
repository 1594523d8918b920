//! Numbers that the host computes itself, for those of the device to be held against.

use crate::Failure;
use burn::tensor::Tensor;
use model::DecoderConfig;
use model::block::{Block, Projections};
use model::lora::Linear;
use model::ops::inverse_frequencies;
use serde_json::{Value, json};

/// How far a value in bf16 behind several roundings may be from the host's.
pub const ROUNDED: f64 = 0.05;

/// The numbers of `tensor`.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f32>().map(f64::from).collect()
}

/// `‖found - expected‖ / ‖expected‖`; not a number where there is nothing to compare.
pub fn distance(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    let length =
        |values: &mut dyn Iterator<Item = f64>| values.map(|it| it * it).sum::<f64>().sqrt();
    let apart = length(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    apart / length(&mut expected.iter().copied())
}

/// What a line says of a comparison; `apart` is `null` where it is not a number.
pub fn checked(apart: f64, allowed: f64) -> Value {
    json!({ "apart": apart, "allowed": allowed })
}

/// A loss of so many targets beside what an untrained network has on average.
///
/// Behind the last norm a state has length `√h` and so its product with a row of the normalised head a variance
/// of 1, whatever the blocks do; labels are any: `ln V + ½`, from which a mean of n is `1 / √n` away.
pub fn checked_loss(loss: f64, vocabulary: usize, targets: u64) -> Value {
    let expected = (vocabulary as f64).ln() + 0.5;
    checked((loss - expected).abs(), 0.02 + 5.0 / (targets.max(1) as f64).sqrt())
}

/// Attention of one query over keys that it sees, of which it is the last.
pub struct Mixed {
    pub mixed: Vec<f64>,
    /// Gradient of the query, from the mixed values' `gradient`.
    pub query: Vec<f64>,
    /// Gradients of the last key and value, which nothing else sees.
    pub key: Vec<f64>,
    pub value: Vec<f64>,
}

impl Mixed {
    /// `keys` and `values` are rows of `query`'s width.
    pub fn new(query: &[f64], keys: &[f64], values: &[f64], gradient: &[f64]) -> Self {
        let d = query.len();
        let scale = 1.0 / (d as f64).sqrt();
        let scores: Vec<f64> = keys.chunks(d).map(|key| scale * dot(query, key)).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponents: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = exponents.iter().sum();
        let shares: Vec<f64> = exponents.iter().map(|it| it / sum).collect();
        let mixed = weighted(&shares, values, d);
        let centre = dot(gradient, &mixed);
        let of_scores: Vec<f64> = shares
            .iter()
            .zip(values.chunks(d))
            .map(|(share, value)| scale * share * (dot(gradient, value) - centre))
            .collect();
        let (of_last, share) = (last(&of_scores), last(&shares));
        Self {
            mixed,
            query: weighted(&of_scores, keys, d),
            key: query.iter().map(|it| it * of_last).collect(),
            value: gradient.iter().map(|it| it * share).collect(),
        }
    }
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of rows of width `d`, each with its weight.
fn weighted(weights: &[f64], rows: &[f64], d: usize) -> Vec<f64> {
    let mut sum = vec![0.0; d];
    for (weight, row) in weights.iter().zip(rows.chunks(d)) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}

/// `row` turned as at `position`; `back` turns it the other way, as gradients are.
pub fn turned(row: &[f64], position: usize, config: &DecoderConfig, back: bool) -> Vec<f64> {
    let half = row.len() / 2;
    let mut turned = row.to_vec();
    for (i, frequency) in inverse_frequencies(config).iter().enumerate().take(half) {
        let angle = f64::from(position as f32 * frequency) * if back { -1.0 } else { 1.0 };
        let (a, b) = (row[i], row[i + half]);
        turned[i] = a * angle.cos() - b * angle.sin();
        turned[i + half] = b * angle.cos() + a * angle.sin();
    }
    turned
}

/// A block's weights on the host, as far as the first token of a document needs them: it sees itself alone, so
/// what is mixed is its own value.
pub struct FirstToken {
    norms: [Vec<f64>; 2],
    value: Matrix,
    output: Matrix,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    eps: f64,
}

struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn of(linear: &Linear) -> Self {
        let weight = linear.weight.value.clone();
        let columns = weight.dims()[1];
        let weight = match &linear.adapter {
            Some(adapter) => adapter.merged_with(weight),
            None => weight,
        };
        Self { columns, values: weight.into_data().iter::<f32>().collect() }
    }

    fn times(&self, x: &[f64]) -> Vec<f64> {
        let dot = |row: &[f32]| row.iter().zip(x).map(|(a, b)| f64::from(*a) * b).sum();
        self.values.chunks(self.columns).map(dot).collect()
    }
}

impl FirstToken {
    pub fn new(block: &Block) -> Result<Self, Failure> {
        let Projections::Packed(packed) = &block.attention else {
            return Err("the block's projections are apart".into());
        };
        if block.heads != block.key_value_heads {
            return Err("heads share their values".into());
        }
        let mut value = Matrix::of(packed);
        // Queries, keys, values: the last third.
        value.values.drain(..value.values.len() / 3 * 2);
        Ok(Self {
            norms: [&block.input_norm, &block.post_norm].map(|norm| values(norm.value.clone())),
            value,
            output: Matrix::of(&block.o_proj),
            gate: Matrix::of(&block.gate_proj),
            up: Matrix::of(&block.up_proj),
            down: Matrix::of(&block.down_proj),
            eps: block.eps,
        })
    }

    /// The block's output.
    pub fn forward(&self, x: &[f64]) -> Vec<f64> {
        let added =
            |x: &[f64], y: Vec<f64>| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x + y).collect() };
        let mixed = self.value.times(&self.normed(x, 0));
        let x = added(x, self.output.times(&mixed));
        let normed = self.normed(&x, 1);
        let silu = |it: f64| it / (1.0 + (-it).exp());
        let inner: Vec<f64> = self
            .gate
            .times(&normed)
            .into_iter()
            .zip(self.up.times(&normed))
            .map(|(gate, up)| silu(gate) * up)
            .collect();
        added(&x, self.down.times(&inner))
    }

    /// How much `gradient · forward(x)` grows along `direction`, a step of length 1.
    pub fn slope(&self, x: &[f64], direction: &[f64], gradient: &[f64]) -> f64 {
        const STEP: f64 = 1e-3;
        let at = |step: f64| {
            let x: Vec<f64> = x.iter().zip(direction).map(|(x, to)| x + step * to).collect();
            dot(gradient, &self.forward(&x))
        };
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    }

    fn normed(&self, x: &[f64], which: usize) -> Vec<f64> {
        let square = dot(x, x) / x.len() as f64;
        let factor = 1.0 / (square + self.eps).sqrt();
        x.iter().zip(&self.norms[which]).map(|(x, gain)| x * factor * gain).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Gradients beside differences of the mixed values.
    #[test]
    fn gradients_of_attention_are_its_slopes() {
        let row = |seed: usize| (0..4).map(move |i| ((i * 5 + seed * 7) % 9) as f64 / 4.0 - 1.0);
        let rows = |first: usize| (first..first + 3).flat_map(row).collect::<Vec<f64>>();
        let (query, keys, values): (Vec<f64>, _, _) = (row(1).collect(), rows(2), rows(6));
        let gradient: Vec<f64> = row(11).collect();
        let found = Mixed::new(&query, &keys, &values, &gradient);
        let of = |query: &[f64], keys: &[f64], values: &[f64]| {
            dot(&gradient, &Mixed::new(query, keys, values, &gradient).mixed)
        };
        let slope = |which: usize, place: usize| {
            let mut ends = [-1e-6, 1e-6].map(|step| {
                let mut inputs = [query.clone(), keys.clone(), values.clone()];
                inputs[which][place] += step;
                of(&inputs[0], &inputs[1], &inputs[2])
            });
            ends[1] -= ends[0];
            ends[1] / 2e-6
        };
        for i in 0..4 {
            assert!((slope(0, i) - found.query[i]).abs() < 1e-8);
            assert!((slope(1, 8 + i) - found.key[i]).abs() < 1e-8);
            assert!((slope(2, 8 + i) - found.value[i]).abs() < 1e-8);
        }
    }

    #[test]
    fn turning_back_undoes_turning() {
        let config = DecoderConfig::baichuan2_tiny();
        let row: Vec<f64> = (0..config.head_dim()).map(|i| i as f64 - 3.0).collect();
        let turn = turned(&row, 17, &config, false);
        assert!(distance(&turn, &row) > 0.1);
        assert!(distance(&turned(&turn, 17, &config, true), &row) < 1e-12);
    }

    #[test]
    fn nothing_and_noughts_are_no_agreement() {
        assert!(distance(&[0.0, 0.0], &[3.0, 4.0]) >= 1.0);
        assert!(distance(&[1.0], &[]).is_nan());
        assert!(distance(&[0.0], &[0.0]).is_nan());
    }
}
