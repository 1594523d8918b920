//! The backward pass of a linear layer and its adapter, written out.
//!
//! With `x̃` the input after the adapter's dropout and `p = s · x̃ Aᵀ`: `y = x Wᵀ + p Bᵀ`, and from `dy`
//!
//! ```text
//! g = s · dy B      dB = dyᵀ p      dA = gᵀ x̃      dW = dyᵀ x      dx = dy W + dropout(g A)
//! ```
//!
//! Kept is `p`, `rank` values a token: made again it would take another pass over the input. What is
//! dropped is drawn again from its seed.

use super::{Adapter, Linear};
use crate::ops::{self, Dropout};
use crate::weight::{Sink, Weights, list};
use burn::tensor::Tensor;

// t tokens, r rank

/// A result of a layer, and `p` of its adapter: `[1, t, out]` and `[1, t, r]`.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) output: Tensor<3>,
    pub(crate) product: Option<Tensor<3>>,
}

/// What becomes of the gradient of a layer's input.
#[expect(clippy::large_enum_variant, reason = "one of these a call, beside megabytes")]
pub(crate) enum Wanted {
    /// Nobody asks for it.
    Not,
    /// It is all there is so far.
    Alone,
    /// It is added to this, of which nobody else holds a copy.
    Onto(Tensor<3>),
}

impl Linear {
    /// Whether the gradients of this layer are written out here: of all but DoRA.
    pub(crate) fn is_explicit(&self) -> bool {
        self.adapter.as_ref().is_none_or(|adapter| adapter.magnitude.is_none())
    }

    /// [`forward`](Self::forward), and what [`backward`](Self::backward) needs beside the input.
    pub(crate) fn forward_keeping(&self, x: Tensor<3>, training: bool) -> Kept {
        let output = ops::linear(x.clone(), self.weight.value.clone());
        self.add_adapter(output, x, training)
    }

    /// The same, its result added to `sum`, which somebody else may hold.
    pub(crate) fn add_keeping(&self, sum: Tensor<3>, x: Tensor<3>, training: bool) -> Kept {
        let output = ops::add_linear(sum, x.clone(), self.weight.value.clone());
        self.add_adapter(output, x, training)
    }

    /// `output` with what the adapter makes of `x` added, if there is one.
    fn add_adapter(&self, output: Tensor<3>, x: Tensor<3>, training: bool) -> Kept {
        let Some(adapter) = &self.adapter else { return Kept { output, product: None } };
        let product = adapter.product(dropped(x, adapter.drops_in(training)));
        let output = ops::add_linear(output, product.clone(), adapter.b.value.clone());
        Kept { output, product: Some(product) }
    }

    /// Adds the gradients of its weights to `sink`; the gradient of the input, as it is `wanted`.
    ///
    /// `x` is the input of the forward pass and `product` what that kept, if it still is.
    pub(crate) fn backward(
        &self,
        x: Tensor<3>,
        product: Option<Tensor<3>>,
        dy: Tensor<3>,
        (training, wanted): (bool, Wanted),
        mut sink: Sink<'_>,
    ) -> Option<Tensor<3>> {
        sink.add("weight", &self.weight, || ops::linear_weight_gradient(dy.clone(), x.clone()));
        let weight = || self.weight.value.clone();
        let base = match wanted {
            Wanted::Not => None,
            Wanted::Alone => Some(ops::linear_input_gradient(dy.clone(), weight())),
            Wanted::Onto(sum) => Some(ops::add_linear_input_gradient(sum, dy.clone(), weight())),
        };
        let Some(adapter) = &self.adapter else { return base };
        let drops = adapter.drops_in(training);
        let input = dropped(x, drops);
        sink.add("lora_B.weight", &adapter.b, || {
            let product = product.unwrap_or_else(|| adapter.product(input.clone()));
            ops::linear_weight_gradient(dy.clone(), product)
        });
        let low = ops::linear_input_gradient(dy, adapter.b.value.clone()).mul_scalar(adapter.scale);
        sink.add("lora_A.weight", &adapter.a, || ops::linear_weight_gradient(low.clone(), input));
        let base = base?;
        let a = adapter.a.value.clone();
        Some(match drops {
            None => ops::add_linear_input_gradient(base, low, a),
            Some(by) => ops::add_dropout(base, ops::linear_input_gradient(low, a), by),
        })
    }
}

impl Adapter {
    /// `s · x̃ Aᵀ`: scaled where it is narrow.
    fn product(&self, input: Tensor<3>) -> Tensor<3> {
        ops::linear(input, self.a.value.clone()).mul_scalar(self.scale)
    }

    /// What a pass drops: nothing outside training.
    fn drops_in(&self, training: bool) -> Option<Dropout> {
        self.drops().filter(|_| training)
    }
}

fn dropped(x: Tensor<3>, drops: Option<Dropout>) -> Tensor<3> {
    match drops {
        Some(by) => ops::dropout(x, by),
        None => x,
    }
}

/// Whether any weight of `part` is trained.
pub(crate) fn learns(part: &impl Weights) -> bool {
    list(part, "").iter().any(|info| info.trainable)
}
