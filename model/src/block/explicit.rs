//! A block without a tape: a forward pass that keeps little, and its backward pass written out.
//!
//! A tape keeps what each operation needs for itself. Kept here is what cannot be made again cheaply:
//!
//! ```text
//! x, queries, keys and values, what they mix and its log-sum-exp, x' (the stream behind attention), gate, up
//! ```
//!
//! In bf16 that is `12 H + 4 I + 4 A` bytes a token where every head has its own keys, 93.3 kB in a 7B,
//! and `2 r` for each adapter. Results of the norms and `silu(gate) ⊙ up` are computed again, each in one
//! pass over memory. Computed is what [`Block::forward`] computes, whose tape is the reference.
//!
//! Behind attention a token meets no other one: where not all results are asked for, as of the last block,
//! `x'`, gate and up are those of the tokens that are.

use super::{Block, linear_path};
use crate::layout::{Attended, Layout};
use crate::lora::{Kept, Wanted};
use crate::ops::{self, Places};
use crate::weight::{Sink, Weight};
use burn::tensor::Tensor;
use std::collections::BTreeMap;

// t tokens, H hidden, I intermediate, A heads, r rank

/// What is the same for every block of a pass.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    /// Where the tokens stand.
    pub layout: &'a Layout,
    /// Whether adapters drop inputs.
    pub training: bool,
    /// The tokens whose results are asked for, as rows in the places of all; without it all are.
    pub asked: Option<&'a Places>,
}

impl Pass<'_> {
    /// Of values of all tokens, `[1, t, any]`, those that are asked for.
    pub(super) fn asked_of(self, values: Tensor<3>) -> Tensor<3> {
        let Some(places) = self.asked else { return values };
        let [_, tokens, width] = values.dims();
        ops::take_rows(values.reshape([tokens, width]), &places.back).unsqueeze()
    }

    /// Gradients of all tokens from those of what was asked for: zero elsewhere.
    fn to_all(self, gradient: Tensor<3>) -> Tensor<3> {
        let Some(places) = self.asked else { return gradient };
        let [_, asked, width] = gradient.dims();
        ops::spread(gradient.reshape([asked, width]), places).unsqueeze()
    }
}

/// What the backward pass of a block needs of its forward pass.
pub(crate) struct Saved {
    x: Tensor<3>,
    projected: Vec<Option<Tensor<3>>>,
    attended: Attended,
    mixed: Kept,
    stream: Tensor<3>,
    gate: Kept,
    up: Kept,
    /// There once the block's result was asked for, if `down_proj` has an adapter.
    down: Option<Tensor<3>>,
}

/// The backward pass of one block: takes the gradient of its result, adds those of its weights to sums by
/// path, and returns that of its input.
pub type Backward =
    Box<dyn FnOnce(Tensor<3>, &mut BTreeMap<String, Tensor<1>>) -> Option<Tensor<3>>>;

impl Block {
    /// The forward pass without a tape, for who looks at a block alone: its result, and its backward pass
    /// with all that this keeps; `None` where a layer needs a tape.
    ///
    /// # Shapes
    /// - x and result: `[1, t, H]`
    pub fn without_tape(&self, x: Tensor<3>, layout: &Layout) -> Option<(Tensor<3>, Backward)> {
        if !self.is_explicit() {
            return None;
        }
        let (block, layout) = (self.clone(), layout.clone());
        let pass = Pass { layout: &layout, training: true, asked: None };
        let mut saved = block.keep(x, pass);
        let output = block.output(&mut saved, pass);
        let backward = move |dy, gradients: &mut BTreeMap<String, Tensor<1>>| {
            let pass = Pass { layout: &layout, training: true, asked: None };
            block.backward(saved, dy, pass, true, &mut Sink::new(String::new(), gradients))
        };
        Some((output, Box::new(backward)))
    }

    /// Whether the backward pass of every layer is written out; a block of other layers needs a tape.
    pub fn is_explicit(&self) -> bool {
        self.linears().iter().all(|(_, linear)| linear.is_explicit())
    }

    /// The forward pass up to what is kept.
    ///
    /// # Shapes
    /// - x: `[1, t, H]`
    pub(crate) fn keep(&self, x: Tensor<3>, pass: Pass<'_>) -> Saved {
        let Pass { layout, training, .. } = pass;
        let normed = self.normed(&x, &self.input_norm);
        let of = |(_, linear): (_, &crate::lora::Linear)| {
            let Kept { output, product } = linear.forward_keeping(normed.clone(), training);
            (output, product)
        };
        let (projected, products): (Vec<_>, Vec<_>) =
            self.projections().into_iter().map(of).unzip();
        drop(normed);
        let (mixed, attended) = layout.attend_saving(&projected, self.shape());
        drop(projected);
        let (mixed, before) = (pass.asked_of(mixed), pass.asked_of(x.clone()));
        let Kept { output, product } = self.o_proj.forward_keeping(mixed.clone(), training);
        let gain = self.post_norm.value.clone();
        let (stream, normed) = ops::add_rms_norm(before, output, gain, self.eps);
        let gate = self.gate_proj.forward_keeping(normed.clone(), training);
        let up = self.up_proj.forward_keeping(normed, training);
        let mixed = Kept { output: mixed, product };
        Saved { x, projected: products, attended, mixed, stream, gate, up, down: None }
    }

    /// The block's result, of the tokens that are asked for, from what was kept.
    pub(crate) fn output(&self, saved: &mut Saved, Pass { training, .. }: Pass<'_>) -> Tensor<3> {
        let activated = ops::swiglu(saved.gate.output.clone(), saved.up.output.clone());
        // The product adds to the stream; that is kept, so the sum is written beside it.
        let stream = saved.stream.clone();
        let Kept { output, product } = self.down_proj.add_keeping(stream, activated, training);
        saved.down = product;
        output
    }

    /// Adds the gradients of the weights to `sink`, from `dy`, that of the block's result. Returns the
    /// gradient of its input, at least if that is `wanted`.
    pub(crate) fn backward(
        &self,
        saved: Saved,
        dy: Tensor<3>,
        pass: Pass<'_>,
        wanted: bool,
        sink: &mut Sink<'_>,
    ) -> Option<Tensor<3>> {
        let Pass { layout, training, .. } = pass;
        let Saved { x, projected, attended, mixed, stream, gate, up, down, .. } = saved;
        let alone = || (training, Wanted::Alone);

        let activated = ops::swiglu(gate.output.clone(), up.output.clone());
        let of = sink.of("mlp.down_proj");
        let d_activated = self.down_proj.backward(activated, down, dy.clone(), alone(), of)?;
        let (d_gate, d_up) = ops::swiglu_backward(gate.output, up.output, d_activated);
        let normed = self.normed(&stream, &self.post_norm);
        let of = sink.of("mlp.gate_proj");
        let through_gate =
            self.gate_proj.backward(normed.clone(), gate.product, d_gate, alone(), of)?;
        let of = sink.of("mlp.up_proj");
        let onto = (training, Wanted::Onto(through_gate));
        let d_normed = self.up_proj.backward(normed, up.product, d_up, onto, of)?;
        let of = sink.of("post_attention_layernorm");
        let d_stream = self.norm_backward(stream, &self.post_norm, d_normed, dy, of);

        let of = sink.of("self_attn.o_proj");
        let d_mixed =
            self.o_proj.backward(mixed.output, mixed.product, d_stream.clone(), alone(), of)?;
        let d_projected = layout.attend_backward(attended, pass.to_all(d_mixed));

        let wanted = wanted || self.input_norm.trainable;
        let normed = self.normed(&x, &self.input_norm);
        let mut d_normed: Option<Tensor<3>> = None;
        for (((name, linear), product), dy) in
            self.projections().into_iter().zip(projected).zip(d_projected)
        {
            let of = sink.of(&linear_path(name));
            let onto = match d_normed.take() {
                _ if !wanted => Wanted::Not,
                Some(sum) => Wanted::Onto(sum),
                None => Wanted::Alone,
            };
            d_normed = linear.backward(normed.clone(), product, dy, (training, onto), of);
        }
        let (d_normed, d_stream) = (d_normed?, pass.to_all(d_stream));
        let of = sink.of("input_layernorm");
        Some(self.norm_backward(x, &self.input_norm, d_normed, d_stream, of))
    }

    fn normed(&self, x: &Tensor<3>, gain: &Weight<1>) -> Tensor<3> {
        ops::rms_norm(x.clone(), gain.value.clone(), self.eps)
    }

    /// Gradient of the stream `x`: through the norm, and `beside` it.
    fn norm_backward(
        &self,
        x: Tensor<3>,
        gain: &Weight<1>,
        dy: Tensor<3>,
        beside: Tensor<3>,
        mut sink: Sink<'_>,
    ) -> Tensor<3> {
        let value = gain.value.clone();
        let (dx, d_gain) =
            ops::rms_norm_backward(x, value, dy, Some(beside), self.eps, gain.trainable);
        if let Some(d_gain) = d_gain {
            sink.add("weight", gain, || d_gain);
        }
        dx
    }
}

#[cfg(test)]
impl Saved {
    /// Bytes of all that is kept; what the heads mixed is one tensor with that of `attended`, or a copy of
    /// some of its rows.
    fn bytes(&self) -> usize {
        let Self { x, projected, attended, mixed, stream, gate, up, down } = self;
        let products = projected.iter().chain([&mixed.product, &gate.product, &up.product, down]);
        let tensors = products.flatten().chain([x, stream, &gate.output, &up.output]);
        let of = |t: &Tensor<3>| t.shape().num_elements() * t.dtype().size();
        let copied = if stream.dims() == x.dims() { 0 } else { of(&mixed.output) };
        attended.bytes() + tensors.map(of).sum::<usize>() + copied
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
