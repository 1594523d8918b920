//! The decoder: embedding, blocks, norm, head.

use crate::block::Block;
use crate::layout::{GroupBatch, Layout};
use crate::lora::{Linear, LoraConfig};
use crate::ops;
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use crate::{DecoderConfig, Error};
use burn::tensor::{Device, Tensor, TensorData};

/// A Baichuan2-like decoder.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Its shape.
    pub config: DecoderConfig,
    /// `[vocabulary, hidden]`.
    pub embedding: Weight<2>,
    /// In order.
    pub blocks: Vec<Block>,
    /// The norm and the output projection.
    pub head: Head,
}

/// What turns hidden states into logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// Gain of the last norm: `[hidden]`.
    pub norm: Weight<1>,
    /// `[vocabulary, hidden]`, raw; rows are normalised in use where the config says so.
    pub projection: Weight<2>,
    /// Whether rows are normalised.
    pub normalise: bool,
    /// Added to the mean square in the norm.
    pub eps: f64,
}

impl Head {
    /// The matrix that hidden states are multiplied with: `[vocabulary, hidden]`.
    pub fn matrix(&self) -> Tensor<2> {
        let raw = self.projection.value.clone();
        if self.normalise { ops::normalise_rows(raw) } else { raw }
    }

    /// The last norm: `[batch, length, hidden]`.
    pub fn normed(&self, x: Tensor<3>) -> Tensor<3> {
        ops::rms_norm(x, self.norm.value.clone(), self.eps)
    }
}

/// Gives the numbers of the weight with this path and these dimensions.
pub type Source<'a> = dyn FnMut(&str, &[usize]) -> Result<Vec<f32>, Error> + 'a;

impl Decoder {
    /// A decoder whose weights `source` gives, asked one at a time.
    pub fn build(
        config: &DecoderConfig,
        device: &Device,
        source: &mut Source,
    ) -> Result<Self, Error> {
        let (h, f, v) = (config.hidden_size, config.intermediate_size, config.vocab_size);
        let mut matrix = |path: &str, rows: usize, columns: usize| -> Result<Tensor<2>, Error> {
            let values = source(path, &[rows, columns])?;
            Ok(Tensor::from_data(TensorData::new(values, [rows, columns]), device))
        };
        let embedding = Weight::new(matrix("model.embed_tokens.weight", v, h)?);
        let mut blocks = Vec::with_capacity(config.num_hidden_layers);
        for i in 0..config.num_hidden_layers {
            let path = |name: &str| format!("{}.{name}.weight", block_path(i));
            let mut linear = |name: &str, rows, columns| -> Result<Linear, Error> {
                Ok(Linear::new(matrix(&path(name), rows, columns)?))
            };
            blocks.push(Block {
                w_pack: linear("self_attn.W_pack", 3 * h, h)?,
                o_proj: linear("self_attn.o_proj", h, h)?,
                gate_proj: linear("mlp.gate_proj", f, h)?,
                up_proj: linear("mlp.up_proj", f, h)?,
                down_proj: linear("mlp.down_proj", h, f)?,
                input_norm: Weight::new(matrix(&path("input_layernorm"), 1, h)?.reshape([h])),
                post_norm: Weight::new(
                    matrix(&path("post_attention_layernorm"), 1, h)?.reshape([h]),
                ),
                heads: config.num_attention_heads,
                eps: config.rms_norm_eps,
            });
        }
        let head = Head {
            norm: Weight::new(matrix("model.norm.weight", 1, h)?.reshape([h])),
            projection: Weight::new(matrix("lm_head.weight", v, h)?),
            normalise: config.norm_head(),
            eps: config.rms_norm_eps,
        };
        Ok(Self { config: config.clone(), embedding, blocks, head })
    }

    /// Logits of every position, for tests and small inputs.
    ///
    /// # Shapes
    /// - result: `[1, tokens, vocabulary]`, in the order of the batch's ids
    pub fn logits(&self, batch: &GroupBatch) -> Tensor<3> {
        let device = self.device();
        let layout = Layout::new(batch, &self.config, &device);
        let mut x = ops::embedding(self.embedding.value.clone(), batch.ids(&device));
        for block in &self.blocks {
            x = block.forward(x, &layout, false);
        }
        ops::linear(self.head.normed(x), self.head.matrix())
    }

    /// Where the weights lie.
    pub fn device(&self) -> Device {
        self.embedding.value.device().inner()
    }

    /// Freezes every weight and puts fresh adapters beside the layers that `config` names.
    pub fn add_adapters(&mut self, config: &LoraConfig) -> Result<(), Error> {
        crate::lora::add(self, config)
    }

    /// Adds every adapter to its weight.
    pub fn merge_adapters(&mut self) {
        for block in &mut self.blocks {
            for (_, linear) in block.linears() {
                linear.merge();
            }
        }
    }

    /// Whether any layer has an adapter.
    pub fn is_adapted(&self) -> bool {
        self.blocks.iter().any(|block| {
            block.w_pack.adapter.is_some()
                || block.o_proj.adapter.is_some()
                || block.gate_proj.adapter.is_some()
                || block.up_proj.adapter.is_some()
                || block.down_proj.adapter.is_some()
        })
    }
}

impl Weights for Head {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "model.norm.weight"), &self.norm);
        visitor.weight(&join(prefix, "lm_head.weight"), &self.projection);
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "model.norm.weight"), &mut self.norm);
        mapper.weight(&join(prefix, "lm_head.weight"), &mut self.projection);
    }
}

impl Weights for Decoder {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "model.embed_tokens.weight"), &self.embedding);
        for (i, block) in self.blocks.iter().enumerate() {
            block.visit(&join(prefix, &block_path(i)), visitor);
        }
        self.head.visit(prefix, visitor);
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "model.embed_tokens.weight"), &mut self.embedding);
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.map(&join(prefix, &block_path(i)), mapper);
        }
        self.head.map(prefix, mapper);
    }
}

/// The name of block `i` in a file.
pub fn block_path(i: usize) -> String {
    format!("model.layers.{i}")
}
