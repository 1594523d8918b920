//! Products with weights stored `[out, in]`, as Hugging Face files hold them.

use super::{F32, Transposed, add_product, cast, product};
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData, activation};

/// `y = x Wᵀ`, with the weight in the type of `x`.
///
/// # Shapes
/// - x: `[batch, length, in]`, weight: `[out, in]`, result: `[batch, length, out]`
pub fn linear(x: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let weight = cast(weight, x.dtype());
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::linear(&x, &weight) {
        return y;
    }
    plain_linear(x, weight)
}

/// The plain body of [`linear`].
pub(super) fn plain_linear(x: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let [b, t, d] = x.dims();
    let [out, _] = weight.dims();
    product(x.reshape([b * t, d]), weight, Transposed::Second).reshape([b, t, out])
}

/// Gradient of [`linear`] for its input, `dx = dy W`.
///
/// # Shapes
/// - dy: `[batch, length, out]`, weight: `[out, in]`, result: `[batch, length, in]`, without a tape
pub fn linear_input_gradient(dy: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let [b, t, out] = dy.dims();
    let [_, d] = weight.dims();
    let weight = cast(weight, dy.dtype());
    product(dy.reshape([b * t, out]), weight, Transposed::Neither).reshape([b, t, d])
}

/// `sum` with [`linear`] added, in one product where the device can: `sum + x Wᵀ`.
///
/// Its memory becomes the result's if nobody else holds `sum`; else `sum` stays as it is.
///
/// # Shapes
/// - as of [`linear`], without a tape; sum: `[batch, length, out]`
pub fn add_linear(sum: Tensor<3>, x: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let ([b, t, d], [out, _]) = (x.dims(), weight.dims());
    let weight = cast(weight, x.dtype());
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::linear(&x, &weight) {
        return sum + y;
    }
    let (sum, x) = (sum.reshape([b * t, out]), x.reshape([b * t, d]));
    add_product(sum, x, weight, Transposed::Second, 1.0).reshape([b, t, out])
}

/// `sum` with [`linear_input_gradient`] added: `sum + dy W`.
///
/// # Shapes
/// - as of [`linear_input_gradient`]; sum: `[batch, length, in]`
pub fn add_linear_input_gradient(sum: Tensor<3>, dy: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let ([b, t, out], [_, d]) = (dy.dims(), weight.dims());
    let weight = cast(weight, dy.dtype());
    let (sum, dy) = (sum.reshape([b * t, d]), dy.reshape([b * t, out]));
    add_product(sum, dy, weight, Transposed::Neither, 1.0).reshape([b, t, d])
}

/// Gradient of [`linear`] for its weight, `dW = dyᵀ x`, in the type of both.
///
/// # Shapes
/// - dy: `[batch, length, out]`, x: `[batch, length, in]`, result: `[out, in]`, without a tape
pub fn linear_weight_gradient(dy: Tensor<3>, x: Tensor<3>) -> Tensor<2> {
    let ([b, t, out], [_, _, d]) = (dy.dims(), x.dims());
    product(dy.reshape([b * t, out]), x.reshape([b * t, d]), Transposed::First)
}

/// `y = x Wᵀ + scale · (x Aᵀ) Bᵀ`: the adapter stands beside the weight, no dense delta is formed.
///
/// `adapter_input` is `x` after the adapter's dropout.
///
/// # Shapes
/// - x: `[batch, length, in]`, weight: `[out, in]`, a: `[rank, in]`, b: `[out, rank]`
///
/// Source: LoRA, arXiv:2106.09685, equation 3.
pub fn adapted_linear(
    x: Tensor<3>,
    adapter_input: Tensor<3>,
    weight: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
) -> Tensor<3> {
    let (sum, low) = (linear(x, weight), linear(adapter_input, a));
    #[cfg(feature = "cuda")]
    if let Some(y) = added_on_gpu(&sum, &low, &b, scale) {
        return y;
    }
    sum + linear(low, b).mul_scalar(scale)
}

/// `sum + scale · low bᵀ` in one product, where there is a choice of ways.
#[cfg(feature = "cuda")]
fn added_on_gpu(sum: &Tensor<3>, low: &Tensor<3>, b: &Tensor<2>, scale: f64) -> Option<Tensor<3>> {
    let b = cast(b.clone(), low.dtype());
    let on_tape = sum.is_autodiff() || low.is_autodiff();
    if on_tape || !super::kernels::multiplies(&b, &b, sum.dtype()) {
        return None;
    }
    let dims @ [batch, length, out] = sum.dims();
    let [_, rank] = b.dims();
    let [sum, low] = [(sum, out), (low, rank)].map(|(x, width)| {
        let rows = [batch * length, width];
        x.clone().reshape(rows)
    });
    Some(add_product(sum, low, b, Transposed::Second, scale).reshape(dims))
}

/// `silu(gate) ⊙ up`.
pub fn swiglu(gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::swiglu(&gate, &up) {
        return y;
    }
    #[cfg(feature = "kernels")]
    if let Some(y) = super::kernels::swiglu(&gate, &up) {
        return y;
    }
    plain_swiglu(gate, up)
}

/// The plain body of [`swiglu`].
pub(super) fn plain_swiglu(gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> {
    activation::silu(gate) * up
}

/// Gradients of [`swiglu`] for `gate` and `up`.
///
/// With `σ = sigmoid(gate)`: `dup = dy ⊙ gate σ`, `dgate = dy ⊙ up ⊙ σ (1 + gate (1 - σ))`.
///
/// # Shapes
/// - all `[batch, length, intermediate]`, without a tape
pub fn swiglu_backward(gate: Tensor<3>, up: Tensor<3>, dy: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    #[cfg(feature = "kernels")]
    if let Some(gradients) = super::kernels::swiglu_backward(&gate, &up, &dy) {
        return gradients;
    }
    let dtype = gate.dtype();
    let (gate, up, dy) = (cast(gate, F32), cast(up, F32), cast(dy, F32));
    let sigmoid = activation::sigmoid(gate.clone());
    let silu = gate.clone() * sigmoid.clone();
    let slope = sigmoid.clone() + silu.clone() - silu.clone() * sigmoid;
    (cast(dy.clone() * up * slope, dtype), cast(dy * silu, dtype))
}

/// Rows of `weight` for each id.
///
/// # Shapes
/// - weight: `[vocabulary, hidden]`, ids: `[batch, length]`, result: `[batch, length, hidden]`
pub fn embedding(weight: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    let [b, t] = ids.dims();
    let [_, d] = weight.dims();
    weight.select(0, ids.reshape([b * t])).reshape([b, t, d])
}

/// Gradient of [`embedding`]'s weight: what arrives at the positions of each id, added up in f32.
///
/// `before` is what earlier batches have left: with it the sum is f32, else in the type of `weight`.
///
/// # Shapes
/// - weight, before and the result: `[vocabulary, hidden]`, gradient: `[ids, hidden]`, without a tape
pub fn embedding_gradient(
    weight: &Tensor<2>,
    ids: &[i32],
    gradient: Tensor<2>,
    before: Option<Tensor<2>>,
) -> Tensor<2> {
    let device = gradient.device();
    let before = before.map(|sum| cast(sum, F32));
    #[cfg(feature = "kernels")]
    if super::kernels::serves(&gradient) {
        let sum = before.unwrap_or_else(|| weight.zeros_like());
        return super::add_rows(sum, ids, gradient);
    }
    let positions = Tensor::from_data(TensorData::new(ids.to_vec(), [ids.len()]), &device);
    let rows = Tensor::zeros(weight.dims(), (&device, F32)).select_assign(
        0,
        positions,
        cast(gradient, F32),
        IndexingUpdateOp::Add,
    );
    let rows = cast(rows, weight.dtype());
    match before {
        Some(sum) => sum + cast(rows, F32),
        None => rows,
    }
}

/// `w / max(‖w‖, 1e-12)` for each row: Baichuan2's NormHead (`modeling_baichuan.py`, `NormHead`).
pub fn normalise_rows(weight: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::normalise_rows(&weight) {
        return y;
    }
    #[cfg(feature = "kernels")]
    if let Some(y) = super::kernels::normalise_rows(&weight) {
        return y;
    }
    plain_normalise_rows(weight)
}

/// The plain body of [`normalise_rows`].
pub(super) fn plain_normalise_rows(weight: Tensor<2>) -> Tensor<2> {
    let dtype = weight.dtype();
    let weight = cast(weight, F32);
    let norm = weight.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    cast(weight / norm, dtype)
}

/// Gradient of [`normalise_rows`] for the raw matrix: `(dy - y Σ(dy y)) / ‖w‖`, what is across each row.
///
/// # Shapes
/// - both and the result: `[vocabulary, hidden]`, without a tape; the result has the type of `weight`
pub fn normalise_rows_backward(weight: Tensor<2>, dy: Tensor<2>) -> Tensor<2> {
    let dtype = weight.dtype();
    by_rows(&weight, |first, count| {
        let of = |t: &Tensor<2>| cast(t.clone().narrow(0, first, count), F32);
        let (w, dy) = (of(&weight), of(&dy));
        let norm = w.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        let y = w / norm.clone();
        let along = (dy.clone() * y.clone()).sum_dim(1);
        cast((dy - y * along) / norm, dtype)
    })
}

/// Rows of a matrix over the vocabulary that exist in f32 at a time: whole, each copy of a 7B's takes 2 GB.
const ROWS: usize = 16_384;

/// A matrix with as many rows as `like`, made by `part(first row, rows)`.
fn by_rows(like: &Tensor<2>, part: impl Fn(usize, usize) -> Tensor<2>) -> Tensor<2> {
    let [rows, _] = like.dims();
    if rows <= ROWS {
        return part(0, rows);
    }
    Tensor::cat(
        (0..rows).step_by(ROWS).map(|first| part(first, ROWS.min(rows - first))).collect(),
        0,
    )
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::{Device, Distribution};

    #[test]
    fn what_is_added_to_stays_where_somebody_holds_it() {
        let random = |dims: [usize; 3]| {
            Tensor::<3>::random(dims, Distribution::Normal(0.0, 1.0), &Device::flex())
        };
        let values = |t: Tensor<3>| t.into_data().iter::<f32>().collect::<Vec<f32>>();
        let (sum, x, weight) = (random([1, 5, 4]), random([1, 5, 3]), random([1, 4, 3]));
        let weight = weight.reshape([4, 3]);
        let before = values(sum.clone());
        let found = values(add_linear(sum.clone(), x.clone(), weight.clone()));
        assert_eq!(values(sum.clone()), before);
        // On the CPU to the bit.
        assert_eq!(found, values(sum + linear(x, weight)));
    }

    #[test]
    fn rows_of_a_large_vocabulary_go_by_parts() {
        let random =
            || Tensor::<2>::random([ROWS + 5, 3], Distribution::Normal(0.0, 1.0), &Device::flex());
        let (weight, dy) = (random(), random());
        let raw = weight.clone().autodiff().require_grad();
        let normalised = plain_normalise_rows(raw.clone());
        let mut tape = (normalised * dy.clone().autodiff()).sum().backward();
        let expected = raw.grad_remove(&mut tape).unwrap();
        let apart = |a: Tensor<2>, b: Tensor<2>| (a - b).abs().max().into_scalar::<f32>();
        assert!(apart(normalise_rows_backward(weight, dy), expected) < 1e-4);
    }
}
