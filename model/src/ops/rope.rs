//! Rotary positions, half-split as in Hugging Face's Llama, and ALiBi's slopes.
//!
//! Burn's own rotary encoding turns neighbouring pairs; the weights of this family expect dimension
//! `i` to be turned with `i + head_dim / 2`.

use super::{F32, cast};
use crate::DecoderConfig;
use crate::config::RopeScaling;
use burn::tensor::{Device, Tensor, TensorData};

/// Turns each pair of `x` by the angle of its position, in f32.
///
/// # Shapes
/// - x: `[batch, heads, length, head_dim]`, cos and sin: `[batch or 1, 1, length, head_dim]`
pub fn rope(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let dtype = x.dtype();
    let x = cast(x, F32);
    let first = x.clone().narrow(3, 0, half);
    let second = x.clone().narrow(3, half, half);
    cast(x * cos.clone() + Tensor::cat(vec![second.neg(), first], 3) * sin.clone(), dtype)
}

/// The angle by which each pair turns from one position to the next: `[head_dim / 2]`.
///
/// The official table is f32 throughout, so frequencies and angles are rounded to f32.
/// Source of the scalings: `modeling_rope_utils.py` of transformers.
pub fn inverse_frequencies(config: &DecoderConfig) -> Vec<f32> {
    let width = config.head_dim();
    let plain = |i: usize| 1.0 / config.rope_theta.powf(2.0 * i as f64 / width as f64);
    (0..width / 2).map(|i| scaled(plain(i), config.rope_scaling) as f32).collect()
}

fn scaled(frequency: f64, scaling: Option<RopeScaling>) -> f64 {
    match scaling {
        None => frequency,
        Some(RopeScaling::Linear { factor }) => frequency / factor,
        Some(RopeScaling::Llama3 {
            factor,
            low_freq_factor: low,
            high_freq_factor: high,
            original_max_position_embeddings: length,
        }) => {
            let turns = length as f64 * frequency / std::f64::consts::TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
    }
}

/// Cosine and sine for each position, computed on the host.
///
/// # Shapes
/// - positions: `[rows * length]` row-major, results: `[rows, 1, length, head_dim]`
pub fn rope_tables(
    positions: &[usize],
    rows: usize,
    config: &DecoderConfig,
    device: &Device,
) -> (Tensor<4>, Tensor<4>) {
    let head_dim = config.head_dim();
    let half = head_dim / 2;
    let inverse = inverse_frequencies(config);
    let mut cos = Vec::with_capacity(positions.len() * head_dim);
    let mut sin = Vec::with_capacity(positions.len() * head_dim);
    for position in positions {
        for i in 0..head_dim {
            let angle = *position as f32 * inverse[i % half];
            cos.push(angle.cos());
            sin.push(angle.sin());
        }
    }
    let shape = [rows, 1, positions.len() / rows.max(1), head_dim];
    (
        Tensor::from_data(TensorData::new(cos, shape), device),
        Tensor::from_data(TensorData::new(sin, shape), device),
    )
}

/// ALiBi's slope of each head (arXiv:2108.12409, and `_get_interleave` of `modeling_baichuan.py`).
pub fn alibi_slopes(heads: usize) -> Vec<f64> {
    let power = |n: usize| -> Vec<f64> {
        let start = 2f64.powf(-8.0 / n as f64);
        (1..=n).map(|i| start.powi(i as i32)).collect()
    };
    if heads.is_power_of_two() {
        return power(heads);
    }
    let closest = heads.next_power_of_two() / 2;
    let mut slopes = power(closest);
    slopes.extend(power(2 * closest).into_iter().step_by(2).take(heads - closest));
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_forty_heads_are_the_official_ones() {
        let slopes = alibi_slopes(40);
        assert_eq!(slopes.len(), 40);
        assert!((slopes[0] - 2f64.powf(-0.25)).abs() < 1e-12);
        assert!((slopes[32] - 2f64.powf(-0.125)).abs() < 1e-12);
        assert!((slopes[33] - 2f64.powf(-0.375)).abs() < 1e-12);
    }
}
