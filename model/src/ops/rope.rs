//! Rotary positions, half-split as in Hugging Face's Llama, and ALiBi's slopes.
//!
//! Burn's own rotary encoding turns neighbouring pairs; the weights of this family expect dimension
//! `i` to be turned with `i + head_dim / 2`.

use burn::tensor::{Device, Tensor, TensorData};

/// Turns each pair of `x` by the angle of its position.
///
/// # Shapes
/// - x: `[batch, heads, length, head_dim]`, cos and sin: `[batch or 1, 1, length, head_dim]`
pub fn rope(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let first = x.clone().narrow(3, 0, half);
    let second = x.clone().narrow(3, half, half);
    x * cos.clone() + Tensor::cat(vec![second.neg(), first], 3) * sin.clone()
}

/// Cosine and sine for each position, computed in f64 on the host.
///
/// # Shapes
/// - positions: `[rows * length]` row-major, results: `[rows, 1, length, head_dim]`
pub fn rope_tables(
    positions: &[usize],
    rows: usize,
    head_dim: usize,
    theta: f64,
    device: &Device,
) -> (Tensor<4>, Tensor<4>) {
    let half = head_dim / 2;
    // The official table is f32 throughout: inverse frequency and angle are rounded to f32.
    let inverse: Vec<f32> =
        (0..half).map(|i| (1.0 / theta.powf(2.0 * i as f64 / head_dim as f64)) as f32).collect();
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
