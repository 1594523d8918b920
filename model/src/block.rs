//! One block: attention and feed-forward, each on a normed input and added to the stream.

mod explicit;

pub use explicit::Backward;
pub(crate) use explicit::{Pass, Saved};

use crate::layout::{Heads, Layout};
use crate::lora::Linear;
use crate::ops;
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use burn::tensor::Tensor;

/// Keys and values: `[rows, key_value_heads, length, head_dim]` each.
pub type KeysValues = (Tensor<4>, Tensor<4>);

/// The layers that queries, keys and values come from.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a model has tens of these, each beside megabytes")]
pub enum Projections {
    /// In one product: `[(heads + 2 * key_value_heads) * head_dim, hidden]`.
    Packed(Linear),
    /// Apart, as Llama's files have them.
    Split {
        /// `[heads * head_dim, hidden]`.
        q: Linear,
        /// `[key_value_heads * head_dim, hidden]`.
        k: Linear,
        /// `[key_value_heads * head_dim, hidden]`.
        v: Linear,
    },
}

/// A block of the decoder.
#[derive(Clone, Debug)]
pub struct Block {
    /// Gain of the norm before attention: `[hidden]`.
    pub input_norm: Weight<1>,
    /// Queries, keys and values.
    pub attention: Projections,
    /// Output of attention: `[hidden, heads * head_dim]`.
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
    /// Heads of keys and values.
    pub key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Added to the mean square in the norms.
    pub eps: f64,
}

impl Block {
    /// The block over a batch of groups.
    ///
    /// # Shapes
    /// - x and result: `[1, tokens, hidden]`
    pub fn forward(&self, x: Tensor<3>, layout: &Layout, training: bool) -> Tensor<3> {
        self.forward_asked(x, Pass { layout, training, asked: None })
    }

    /// The same of the tokens that `pass` asks for: `[1, asked, hidden]`.
    pub(crate) fn forward_asked(&self, x: Tensor<3>, pass: Pass<'_>) -> Tensor<3> {
        let Pass { layout, training, .. } = pass;
        let normed = ops::rms_norm(x.clone(), self.input_norm.value.clone(), self.eps);
        let heads = self.shape();
        let mixed = match &self.attention {
            Projections::Packed(linear) => {
                layout.attend(&[linear.forward(normed, training)], heads)
            }
            Projections::Split { q, k, v } => {
                let of = |linear: &Linear| linear.forward(normed.clone(), training);
                layout.attend(&[of(q), of(k), of(v)], heads)
            }
        };
        self.add_to(pass.asked_of(x), pass.asked_of(mixed), training)
    }

    /// How the projections divide into heads.
    fn shape(&self) -> Heads {
        Heads { queries: self.heads, keys_values: self.key_value_heads, head_dim: self.head_dim }
    }

    /// Queries, keys and values with positions applied.
    ///
    /// # Shapes
    /// - queries: `[rows, heads, length, head_dim]`
    /// - keys and values: `[rows, key_value_heads, length, head_dim]`
    pub fn queries_keys_values(
        &self,
        x: Tensor<3>,
        rotary: Option<&(Tensor<4>, Tensor<4>)>,
        training: bool,
    ) -> (Tensor<4>, Tensor<4>, Tensor<4>) {
        let [g, s, _] = x.dims();
        let normed = ops::rms_norm(x, self.input_norm.value.clone(), self.eps);
        let apart =
            |t: Tensor<3>, heads: usize| t.reshape([g, s, heads, self.head_dim]).swap_dims(1, 2);
        let (queries, keys) = (self.heads, self.key_value_heads);
        let (q, k, v) = match &self.attention {
            Projections::Packed(linear) => {
                let packed = linear.forward(normed, training);
                let part = |first: usize, heads: usize| {
                    let narrow = packed.clone();
                    apart(narrow.narrow(2, first * self.head_dim, heads * self.head_dim), heads)
                };
                (part(0, queries), part(queries, keys), part(queries + keys, keys))
            }
            Projections::Split { q, k, v } => (
                apart(q.forward(normed.clone(), training), queries),
                apart(k.forward(normed.clone(), training), keys),
                apart(v.forward(normed, training), keys),
            ),
        };
        match rotary {
            Some((cos, sin)) => (ops::rope(q, cos, sin), ops::rope(k, cos, sin), v),
            None => (q, k, v),
        }
    }

    /// From the attention's output `[rows, heads, length, head_dim]` to the block's.
    pub fn finish(&self, x: Tensor<3>, mixed: Tensor<4>, training: bool) -> Tensor<3> {
        let [g, s, _] = x.dims();
        let mixed = mixed.swap_dims(1, 2).reshape([g, s, self.heads * self.head_dim]);
        self.add_to(x, mixed, training)
    }

    /// The same from `[rows, length, heads * head_dim]`.
    fn add_to(&self, x: Tensor<3>, mixed: Tensor<3>, training: bool) -> Tensor<3> {
        let x = x + self.o_proj.forward(mixed, training);
        let normed = ops::rms_norm(x.clone(), self.post_norm.value.clone(), self.eps);
        let gate = self.gate_proj.forward(normed.clone(), training);
        let up = self.up_proj.forward(normed, training);
        x + self.down_proj.forward(ops::swiglu(gate, up), training)
    }

    /// The linear layers with their short names, in the order of the family's names.
    pub fn linears(&self) -> Vec<(&'static str, &Linear)> {
        let mut all = self.projections();
        all.extend([
            ("o_proj", &self.o_proj),
            ("gate_proj", &self.gate_proj),
            ("up_proj", &self.up_proj),
            ("down_proj", &self.down_proj),
        ]);
        all
    }

    /// Those that queries, keys and values come from.
    fn projections(&self) -> Vec<(&'static str, &Linear)> {
        match &self.attention {
            Projections::Packed(linear) => vec![("W_pack", linear)],
            Projections::Split { q, k, v } => vec![("q_proj", q), ("k_proj", k), ("v_proj", v)],
        }
    }

    /// The linear layers to be changed, as [`Self::linears`].
    pub fn linears_mut(&mut self) -> Vec<(&'static str, &mut Linear)> {
        let mut all = match &mut self.attention {
            Projections::Packed(linear) => vec![("W_pack", linear)],
            Projections::Split { q, k, v } => vec![("q_proj", q), ("k_proj", k), ("v_proj", v)],
        };
        all.extend([
            ("o_proj", &mut self.o_proj),
            ("gate_proj", &mut self.gate_proj),
            ("up_proj", &mut self.up_proj),
            ("down_proj", &mut self.down_proj),
        ]);
        all
    }
}

/// Where the linear layer called `name` stands in a block: `self_attn.W_pack`, `mlp.up_proj`.
pub fn linear_path(name: &str) -> String {
    let owner =
        if ["gate_proj", "up_proj", "down_proj"].contains(&name) { "mlp" } else { "self_attn" };
    format!("{owner}.{name}")
}

impl Weights for Block {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "input_layernorm.weight"), &self.input_norm);
        visitor.weight(&join(prefix, "post_attention_layernorm.weight"), &self.post_norm);
        for (name, linear) in self.linears() {
            linear.visit(&join(prefix, &linear_path(name)), visitor);
        }
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "input_layernorm.weight"), &mut self.input_norm);
        mapper.weight(&join(prefix, "post_attention_layernorm.weight"), &mut self.post_norm);
        for (name, linear) in self.linears_mut() {
            linear.map(&join(prefix, &linear_path(name)), mapper);
        }
    }
}
