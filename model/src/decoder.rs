//! The decoder: embedding, blocks, norm, head.
//!
//! # Numbers
//! Weights keep the type that they were loaded in (f32, bf16, f16). Activations have the type
//! `compute`: an operation converts its weights to the type of what comes in. Norms, rotary
//! positions, softmax and loss are computed in f32 whatever the types, adapters are f32.

use crate::block::{Block, Projections, linear_path};
use crate::config::Family;
use crate::layout::{GroupBatch, Layout};
use crate::lora::{Linear, LoraConfig};
use crate::ops;
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use crate::{DecoderConfig, Error};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

/// Path of the embedding.
pub const EMBEDDING: &str = "model.embed_tokens.weight";
/// Path of the head's matrix, where it has one of its own.
pub const HEAD: &str = "lm_head.weight";

/// A decoder like Baichuan2 or Llama.
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
    /// Type of the activations.
    pub compute: DType,
}

/// What turns hidden states into logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// Gain of the last norm: `[hidden]`.
    pub norm: Weight<1>,
    /// `[vocabulary, hidden]`, raw; rows are normalised in use where the config says so. `None` where
    /// the head is the embedding.
    pub projection: Option<Weight<2>>,
    /// Whether rows are normalised.
    pub normalise: bool,
    /// Added to the mean square in the norm.
    pub eps: f64,
}

impl Head {
    /// What hidden states are multiplied with, made of the raw matrix: `[vocabulary, hidden]`.
    pub fn matrix(&self, raw: Tensor<2>, compute: DType) -> Tensor<2> {
        let matrix = if self.normalise { ops::normalise_rows(raw) } else { raw };
        ops::cast(matrix, compute)
    }

    /// The last norm: `[batch, length, hidden]`.
    pub fn normed(&self, x: Tensor<3>) -> Tensor<3> {
        ops::rms_norm(x, self.norm.value.clone(), self.eps)
    }
}

/// Gives the numbers of the weight with this path and these dimensions, in any float type.
pub type Source<'a> = dyn FnMut(&str, &[usize]) -> Result<TensorData, Error> + 'a;

impl Decoder {
    /// A decoder whose weights `source` gives, asked one at a time; stored and computed in `dtype`.
    pub fn build(
        config: &DecoderConfig,
        device: &Device,
        dtype: DType,
        source: &mut Source,
    ) -> Result<Self, Error> {
        let (h, v) = (config.hidden_size, config.vocab_size);
        let mut ask = Ask { source, device, dtype };
        let embedding = ask.matrix(EMBEDDING, v, h)?;
        let blocks = (0..config.num_hidden_layers)
            .map(|i| block(config, i, &mut ask))
            .collect::<Result<_, Error>>()?;
        let head = Head {
            norm: ask.gain("model.norm.weight", h)?,
            projection: match config.tie_word_embeddings {
                true => None,
                false => Some(ask.matrix(HEAD, v, h)?),
            },
            normalise: config.norm_head(),
            eps: config.rms_norm_eps,
        };
        Ok(Self { config: config.clone(), embedding, blocks, head, compute: dtype })
    }

    /// The raw matrix of the head, which is the embedding where they are tied, and its path.
    pub fn head_weight(&self) -> (&'static str, &Weight<2>) {
        match &self.head.projection {
            Some(projection) => (HEAD, projection),
            None => (EMBEDDING, &self.embedding),
        }
    }

    /// What hidden states are multiplied with to give logits: `[vocabulary, hidden]`.
    pub fn head_matrix(&self) -> Tensor<2> {
        self.head.matrix(self.head_weight().1.value.clone(), self.compute)
    }

    /// Hidden states of token ids: `[1, tokens, hidden]`.
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        ops::cast(ops::embedding(self.embedding.value.clone(), ids), self.compute)
    }

    /// Logits of every position, for tests and small inputs.
    ///
    /// # Shapes
    /// - result: `[1, tokens, vocabulary]`, in the order of the batch's ids
    pub fn logits(&self, batch: &GroupBatch) -> Tensor<3> {
        let device = self.device();
        let layout = Layout::new(batch, &self.config, &device);
        let mut x = self.embed(batch.ids(&device));
        for block in &self.blocks {
            x = block.forward(x, &layout, false);
        }
        ops::linear(self.head.normed(x), self.head_matrix())
    }

    /// Stores the weights in `dtype` and computes in it; adapters stay as they are.
    pub fn convert(&mut self, dtype: DType) {
        struct Convert(DType);
        impl Mapper for Convert {
            fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
                if !path.contains("lora_") {
                    weight.value = ops::cast(weight.value.clone(), self.0);
                }
            }
        }
        self.map("", &mut Convert(dtype));
        self.compute = dtype;
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
            for (_, linear) in block.linears_mut() {
                linear.merge();
            }
        }
    }

    /// Whether any layer has an adapter.
    pub fn is_adapted(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| block.linears().iter().any(|(_, linear)| linear.adapter.is_some()))
    }
}

/// Asks a source, and uploads.
struct Ask<'a, 's> {
    source: &'a mut Source<'s>,
    device: &'a Device,
    dtype: DType,
}

impl Ask<'_, '_> {
    fn matrix(&mut self, path: &str, rows: usize, columns: usize) -> Result<Weight<2>, Error> {
        let data = (self.source)(path, &[rows, columns])?;
        Ok(Weight::new(Tensor::from_data(data, (self.device, self.dtype))))
    }

    fn gain(&mut self, path: &str, width: usize) -> Result<Weight<1>, Error> {
        let data = (self.source)(path, &[width])?;
        Ok(Weight::new(Tensor::from_data(data, (self.device, self.dtype))))
    }
}

fn block(config: &DecoderConfig, i: usize, ask: &mut Ask) -> Result<Block, Error> {
    let h = config.hidden_size;
    let path = |name: &str| format!("{}.{name}.weight", block_path(i));
    let mut linear = |name: &str| -> Result<Linear, Error> {
        let (rows, columns) = config.linear_shape(name);
        Ok(Linear::of(ask.matrix(&path(&linear_path(name)), rows, columns)?))
    };
    let attention = match config.family() {
        Family::Baichuan => Projections::Packed(linear("W_pack")?),
        Family::Llama => {
            Projections::Split { q: linear("q_proj")?, k: linear("k_proj")?, v: linear("v_proj")? }
        }
    };
    Ok(Block {
        attention,
        o_proj: linear("o_proj")?,
        gate_proj: linear("gate_proj")?,
        up_proj: linear("up_proj")?,
        down_proj: linear("down_proj")?,
        input_norm: ask.gain(&path("input_layernorm"), h)?,
        post_norm: ask.gain(&path("post_attention_layernorm"), h)?,
        heads: config.heads(),
        key_value_heads: config.key_value_heads(),
        head_dim: config.head_dim(),
        eps: config.rms_norm_eps,
    })
}

impl Weights for Head {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "model.norm.weight"), &self.norm);
        if let Some(projection) = &self.projection {
            visitor.weight(&join(prefix, HEAD), projection);
        }
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "model.norm.weight"), &mut self.norm);
        if let Some(projection) = &mut self.projection {
            mapper.weight(&join(prefix, HEAD), projection);
        }
    }
}

impl Weights for Decoder {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, EMBEDDING), &self.embedding);
        for (i, block) in self.blocks.iter().enumerate() {
            block.visit(&join(prefix, &block_path(i)), visitor);
        }
        self.head.visit(prefix, visitor);
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, EMBEDDING), &mut self.embedding);
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
