//! Between tokens, which lie end to end, and the rows in which they attend.
//!
//! Rows are what attention needs: rectangles, padded. Every place of them has one token or none, and
//! every token one place, so both ways only move values: positions are turned on the way in and back
//! on the way out.

use super::{F32, cast, rope};
use crate::layout::Heads;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};

// h heads of queries, n heads of keys and values, d head dim

/// Where tokens and places meet, on the device.
#[derive(Clone, Debug)]
pub struct Places {
    /// The token in each place, -1 in padding: `[places]`.
    pub tokens: Tensor<1, Int>,
    /// The place of each token: `[tokens]`.
    pub back: Tensor<1, Int>,
    /// Whether each place is that of the token of its number.
    pub same: bool,
}

/// Cosines and sines of each token's position: `[1, 1, tokens, d]` each.
pub type Rotary = (Tensor<4>, Tensor<4>);

/// Queries, keys and values in rows, positions applied; padding is zero.
///
/// # Shapes
/// - projected: `[1, tokens, (h + 2 n) d]`, or the three parts of it; without a tape
/// - result: `[places, (h + 2 n) d]`
pub fn rows(
    projected: &[Tensor<3>],
    heads: Heads,
    rotary: Option<&Rotary>,
    places: &Places,
) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if let Some(rotary) = rotary {
        let d = heads.head_dim;
        let (parts, columns) = match projected {
            [q, k, v] => ([q, k, v], [0, 0]),
            all => ([&all[0]; 3], [heads.queries * d, (heads.queries + heads.keys_values) * d]),
        };
        let rows = super::kernels::rows(parts, rotary, &places.tokens, heads, columns);
        if let Some(rows) = rows {
            return rows;
        }
    }
    plain_rows(projected, heads, rotary, places)
}

/// The plain body of [`rows`].
pub(crate) fn plain_rows(
    projected: &[Tensor<3>],
    heads: Heads,
    rotary: Option<&Rotary>,
    places: &Places,
) -> Tensor<2> {
    let Heads { queries, keys_values, head_dim: d } = heads;
    let packed = match projected {
        [packed] => packed.clone(),
        parts => Tensor::cat(parts.to_vec(), 2),
    };
    let tokens = packed.dims()[1];
    let wide = (queries + 2 * keys_values) * d;
    let packed = match rotary {
        Some((cos, sin)) => {
            let turned = (queries + keys_values) * d;
            let turning = packed.clone().narrow(2, 0, turned);
            let turning = turning.reshape([1, tokens, queries + keys_values, d]).swap_dims(1, 2);
            let turning = rope(turning, cos, sin).swap_dims(1, 2).reshape([1, tokens, turned]);
            Tensor::cat(vec![turning, packed.narrow(2, turned, keys_values * d)], 2)
        }
        None => packed,
    };
    plain_spread(packed.reshape([tokens, wide]), places)
}

/// Values of tokens in rows; padding is zero.
///
/// # Shapes
/// - source: `[tokens, width]`, without a tape; result: `[places, width]`
pub fn spread(source: Tensor<2>, places: &Places) -> Tensor<2> {
    if places.same {
        return source;
    }
    #[cfg(feature = "kernels")]
    if let Some(rows) = super::kernels::spread(&source, &places.tokens) {
        return rows;
    }
    plain_spread(source, places)
}

fn plain_spread(source: Tensor<2>, places: &Places) -> Tensor<2> {
    let [tokens, wide] = source.dims();
    // A row of zeros behind the tokens is what padding takes.
    let padding = places.tokens.clone().lower_elem(0);
    let from = places.tokens.clone().mask_fill(padding, tokens as i64);
    let zeros = Tensor::zeros([1, wide], (&source.device(), source.dtype()));
    Tensor::cat(vec![source, zeros], 0).select(0, from)
}

/// Rows of `source`, in the order of `at`.
///
/// # Shapes
/// - source: `[rows, width]`, at: `[n]`, result: `[n, width]`
pub fn take_rows(source: Tensor<2>, at: &Tensor<1, Int>) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if let Some(taken) = super::kernels::spread(&source, at) {
        return taken;
    }
    source.select(0, at.clone())
}

/// `sum` with each of `rows` added to its row `at`; what meets in one row is added up.
///
/// Where nobody else holds `sum`, a GPU changes it where it lies. There what meets is added up in f32 and in
/// a fixed order, so that the sum is the same bits on every run.
///
/// # Shapes
/// - sum and the result: `[any, width]`, rows: `[at, width]`, without a tape
pub fn add_rows(sum: Tensor<2>, at: &[i32], rows: Tensor<2>) -> Tensor<2> {
    if at.is_empty() {
        return sum;
    }
    #[cfg(feature = "kernels")]
    let sum = match super::kernels::add_rows(sum, at, &rows) {
        Ok(added) => return added,
        Err(sum) => sum,
    };
    let places = TensorData::new(at.to_vec(), [at.len()]);
    let places = Tensor::from_data(places, &rows.device());
    sum.select_assign(0, places, rows, IndexingUpdateOp::Add)
}

/// Values of tokens out of rows, whose parts follow each other.
///
/// # Shapes
/// - parts: `[places of the part, width]`, without a tape; result: `[tokens, width]`
pub fn collect(parts: Vec<Tensor<2>>, places: &Places) -> Tensor<2> {
    if let ([only], true) = (&parts[..], places.same) {
        return only.clone();
    }
    #[cfg(feature = "kernels")]
    {
        let count = places.back.dims()[0];
        if let Some(tokens) = super::kernels::collect(&parts, &places.tokens, count) {
            return tokens;
        }
    }
    plain_collect(parts, places)
}

fn plain_collect(parts: Vec<Tensor<2>>, places: &Places) -> Tensor<2> {
    Tensor::cat(parts, 0).select(0, places.back.clone())
}

/// Gradients of what was given to [`rows`] from those of the rows, whose parts follow each other.
///
/// # Shapes
/// - parts: gradients of queries `[rows, h, length, d]`, of keys and of values
///   `[rows, n, length, d]`, without a tape
/// - result: `[tokens, (h + 2 n) d]`
pub fn turn_back(
    parts: Vec<[Tensor<4>; 3]>,
    heads: Heads,
    rotary: Option<&Rotary>,
    places: &Places,
) -> Tensor<2> {
    #[cfg(feature = "kernels")]
    if let Some(rotary) = rotary {
        let count = places.back.dims()[0];
        let tokens = super::kernels::turn_back(&parts, rotary, &places.tokens, count, heads);
        if let Some(tokens) = tokens {
            return tokens;
        }
    }
    plain_turn_back(parts, heads, rotary, places)
}

/// The plain body of [`turn_back`].
pub(crate) fn plain_turn_back(
    parts: Vec<[Tensor<4>; 3]>,
    heads: Heads,
    rotary: Option<&Rotary>,
    places: &Places,
) -> Tensor<2> {
    let Heads { queries, keys_values, head_dim: d } = heads;
    let flat = |t: Tensor<4>| {
        let [rows, heads, length, d] = t.dims();
        t.swap_dims(1, 2).reshape([rows * length, heads * d])
    };
    let parts = parts.into_iter().map(|part| Tensor::cat(part.map(flat).to_vec(), 1)).collect();
    let packed = plain_collect(parts, places);
    let Some((cos, sin)) = rotary else {
        return packed;
    };
    let tokens = packed.dims()[0];
    let turned = (queries + keys_values) * d;
    let turning = packed.clone().narrow(1, 0, turned);
    let turning = turning.reshape([1, tokens, queries + keys_values, d]).swap_dims(1, 2);
    let turning = rope_backward(turning, cos, sin).swap_dims(1, 2).reshape([tokens, turned]);
    Tensor::cat(vec![turning, packed.narrow(1, turned, keys_values * d)], 1)
}

/// Gradient of what was given to [`rope`] from that of its result.
///
/// # Shapes
/// - gradient and result: `[batch, heads, length, d]`
fn rope_backward(gradient: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let half = gradient.dims()[3] / 2;
    let dtype = gradient.dtype();
    let gradient = cast(gradient, F32);
    let crossed = gradient.clone() * sin.clone();
    let first = crossed.clone().narrow(3, 0, half);
    let second = crossed.narrow(3, half, half);
    cast(gradient * cos.clone() + Tensor::cat(vec![second, first.neg()], 3), dtype)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn of(values: &[f32]) -> Tensor<2> {
        let data = TensorData::new(values.to_vec(), [values.len() / 2, 2]);
        Tensor::from_data(data, &Device::flex())
    }

    fn list(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn rows_that_meet_are_added_up() {
        let sum = of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let rows = of(&[10.0, 20.0, 0.5, 0.25, 100.0, 200.0]);
        let added = add_rows(sum.clone(), &[2, 0, 2], rows.clone());
        assert_eq!(list(added), [1.5, 2.25, 3.0, 4.0, 115.0, 226.0]);
        assert_eq!(list(add_rows(sum.clone(), &[], rows)), list(sum));
    }

    #[test]
    fn rows_are_taken_in_the_order_that_is_asked_for() {
        let all = of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let at = Tensor::from_data(TensorData::new(vec![2, 0, 2], [3]), &Device::flex());
        assert_eq!(list(take_rows(all, &at)), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
    }
}
