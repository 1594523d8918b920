//! One block: attention and feed-forward, each on a normed input and added to the stream.

use crate::layout::{Heads, Layout};
use crate::lora::Linear;
use crate::ops;
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use burn::tensor::Tensor;

/// Keys and values: `[rows, heads, length, head_dim]` each.
pub type KeysValues = (Tensor<4>, Tensor<4>);

/// A block of the decoder.
#[derive(Clone, Debug)]
pub struct Block {
    /// Gain of the norm before attention: `[hidden]`.
    pub input_norm: Weight<1>,
    /// Queries, keys and values in one product: `[3 * hidden, hidden]`.
    pub w_pack: Linear,
    /// Output of attention: `[hidden, hidden]`.
    pub o_proj: Linear,
    /// Gain of the norm before the feed-forward layer: `[hidden]`.
    pub post_norm: Weight<1>,
    /// `[intermediate, hidden]`.
    pub gate_proj: Linear,
    /// `[intermediate, hidden]`.
    pub up_proj: Linear,
    /// `[hidden, intermediate]`.
    pub down_proj: Linear,
    /// Attention heads.
    pub heads: usize,
    /// Added to the mean square in the norms.
    pub eps: f64,
}

impl Block {
    /// The block over a batch of groups.
    ///
    /// # Shapes
    /// - x and result: `[1, tokens, hidden]`
    pub fn forward(&self, x: Tensor<3>, layout: &Layout, training: bool) -> Tensor<3> {
        let normed = ops::rms_norm(x.clone(), self.input_norm.value.clone(), self.eps);
        let packed = self.w_pack.forward(normed, training);
        let head_dim = packed.dims()[2] / (3 * self.heads);
        let heads = Heads { queries: self.heads, keys_values: self.heads, head_dim };
        let mixed = layout.attend(&[packed], heads);
        self.add_to(x, mixed, training)
    }

    /// Queries, keys and values with positions applied: `[rows, heads, length, head_dim]` each.
    pub fn queries_keys_values(
        &self,
        x: Tensor<3>,
        rotary: Option<&(Tensor<4>, Tensor<4>)>,
        training: bool,
    ) -> (Tensor<4>, Tensor<4>, Tensor<4>) {
        let [g, s, hidden] = x.dims();
        let normed = ops::rms_norm(x, self.input_norm.value.clone(), self.eps);
        let packed = self.w_pack.forward(normed, training);
        let part = |i: usize| {
            packed
                .clone()
                .narrow(2, i * hidden, hidden)
                .reshape([g, s, self.heads, hidden / self.heads])
                .swap_dims(1, 2)
        };
        let (q, k, v) = (part(0), part(1), part(2));
        match rotary {
            Some((cos, sin)) => (ops::rope(q, cos, sin), ops::rope(k, cos, sin), v),
            None => (q, k, v),
        }
    }

    /// From the attention's output `[rows, heads, length, head_dim]` to the block's.
    pub fn finish(&self, x: Tensor<3>, mixed: Tensor<4>, training: bool) -> Tensor<3> {
        let [g, s, hidden] = x.dims();
        self.add_to(x, mixed.swap_dims(1, 2).reshape([g, s, hidden]), training)
    }

    /// The same from `[rows, length, heads * head_dim]`.
    fn add_to(&self, x: Tensor<3>, mixed: Tensor<3>, training: bool) -> Tensor<3> {
        let x = x + self.o_proj.forward(mixed, training);
        let normed = ops::rms_norm(x.clone(), self.post_norm.value.clone(), self.eps);
        let gate = self.gate_proj.forward(normed.clone(), training);
        let up = self.up_proj.forward(normed, training);
        x + self.down_proj.forward(ops::swiglu(gate, up), training)
    }

    /// The linear layers with their short names.
    pub fn linears(&mut self) -> [(&'static str, &mut Linear); 5] {
        [
            ("W_pack", &mut self.w_pack),
            ("o_proj", &mut self.o_proj),
            ("gate_proj", &mut self.gate_proj),
            ("up_proj", &mut self.up_proj),
            ("down_proj", &mut self.down_proj),
        ]
    }
}

impl Weights for Block {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "input_layernorm.weight"), &self.input_norm);
        self.w_pack.visit(&join(prefix, "self_attn.W_pack"), visitor);
        self.o_proj.visit(&join(prefix, "self_attn.o_proj"), visitor);
        visitor.weight(&join(prefix, "post_attention_layernorm.weight"), &self.post_norm);
        self.gate_proj.visit(&join(prefix, "mlp.gate_proj"), visitor);
        self.up_proj.visit(&join(prefix, "mlp.up_proj"), visitor);
        self.down_proj.visit(&join(prefix, "mlp.down_proj"), visitor);
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "input_layernorm.weight"), &mut self.input_norm);
        self.w_pack.map(&join(prefix, "self_attn.W_pack"), mapper);
        self.o_proj.map(&join(prefix, "self_attn.o_proj"), mapper);
        mapper.weight(&join(prefix, "post_attention_layernorm.weight"), &mut self.post_norm);
        self.gate_proj.map(&join(prefix, "mlp.gate_proj"), mapper);
        self.up_proj.map(&join(prefix, "mlp.up_proj"), mapper);
        self.down_proj.map(&join(prefix, "mlp.down_proj"), mapper);
    }
}
