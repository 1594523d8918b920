//! Weights for other programs: directories that transformers, PEFT and vLLM load.
//!
//! - [`Layout::Own`]: the family's own names, adapters added; a NormHead kept raw or folded.
//! - [`Layout::Llama`]: queries, keys and values apart and the head's rows normalised, which is
//!   `LlamaForCausalLM` exactly (method: `llamafy_baichuan2.py` of the official stack).
//!
//! Tensors are made and written one at a time. What was written is proven by [`proof`].

mod parts;
pub mod proof;
mod shards;

use crate::config::{Family, Position};
use crate::files::{json_bytes, write_atomically};
use crate::{Decoder, DecoderConfig, Error};
use burn::tensor::DType;
use serde_json::{Value, json};
use std::path::Path;

/// Under which names and in which parts weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The family's own.
    Own,
    /// Llama's.
    Llama,
}

/// What becomes of a NormHead under [`Layout::Own`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormHead {
    /// The raw matrix, as it was trained; whoever loads it normalises.
    #[default]
    Kept,
    /// Normalised rows: right with and without a NormHead, but not to be trained further as before.
    Folded,
}

/// How weights are written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Names and parts.
    pub layout: Layout,
    /// The head, under [`Layout::Own`].
    pub norm_head: NormHead,
    /// Type of every tensor: f32, bf16 or f16; rounded once, from f32.
    pub dtype: DType,
    /// Most bytes of a file, unless one tensor is larger.
    pub shard_bytes: u64,
}

/// Writes `config.json`, `generation_config.json` and the weights into `directory`, which exists.
///
/// `progress` hears the bytes that are written, and of how many.
///
/// # Errors
/// A network that the layout cannot express; anything that the disk refuses.
pub fn write(
    decoder: &Decoder,
    options: Options,
    directory: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    let config = config(&decoder.config, options)?;
    write_atomically(&directory.join("config.json"), &json_bytes(&hub(&config, options.dtype)))?;
    let generation = json_bytes(&generation_config(&config));
    write_atomically(&directory.join("generation_config.json"), &generation)?;
    let parts = parts::parts(decoder, options);
    shards::write(&parts, options, directory, progress)
}

/// The shape of what is written.
fn config(source: &DecoderConfig, options: Options) -> Result<DecoderConfig, Error> {
    match (options.layout, source.family()) {
        (Layout::Own, _) => {
            let folded = source.norm_head() && options.norm_head == NormHead::Folded;
            // Whoever decides by the vocabulary normalises once more, which changes nothing.
            Ok(DecoderConfig {
                norm_head: if folded { Some(false) } else { source.norm_head },
                ..source.clone()
            })
        }
        (Layout::Llama, _) if source.norm_head() && source.tie_word_embeddings => {
            Err(Error::Config(
                "the head is the embedding and is normalised, which Llama's layout cannot express; \
                 export it with --format hf"
                    .into(),
            ))
        }
        // The rows are written normalised: whoever loads them must not need to know of a norm.
        (Layout::Llama, Family::Llama) => Ok(DecoderConfig { norm_head: None, ..source.clone() }),
        (Layout::Llama, Family::Baichuan) if source.position() == Position::Alibi => {
            Err(Error::Config(
                "the model has ALiBi positions, which Llama's layout cannot express; \
                 export it with --format hf"
                    .into(),
            ))
        }
        (Layout::Llama, Family::Baichuan) => Ok(DecoderConfig {
            model_type: "llama".into(),
            num_key_value_heads: Some(source.key_value_heads()),
            head_dim: Some(source.head_dim()),
            max_position_embeddings: Some(source.max_length()),
            model_max_length: None,
            position: None,
            norm_head: None,
            ..source.clone()
        }),
    }
}

/// `config.json` with what other programs want to find beside the shape.
fn hub(config: &DecoderConfig, dtype: DType) -> Value {
    let mut value = config.to_json();
    let (architecture, max) = match config.family() {
        Family::Baichuan => ("BaichuanForCausalLM", config.max_length()),
        Family::Llama => ("LlamaForCausalLM", config.max_length()),
    };
    let name = dtype_name(dtype);
    let mut rope = json!({ "rope_type": "default" });
    if let Some(scaling) = config.rope_scaling {
        rope = json!(scaling);
    }
    rope["rope_theta"] = json!(config.rope_theta);
    let more = json!({
        "architectures": [architecture], "hidden_act": "silu", "use_cache": true,
        "tie_word_embeddings": config.tie_word_embeddings, "torch_dtype": name, "dtype": name,
    });
    if let (Some(value), Some(more)) = (value.as_object_mut(), more.as_object()) {
        value.extend(more.clone());
        if config.family() == Family::Llama {
            let llama = json!({
                "attention_bias": false, "mlp_bias": false, "max_position_embeddings": max,
                "rope_parameters": rope,
            });
            value.extend(llama.as_object().cloned().unwrap_or_default());
        }
    }
    value
}

/// Only ids, as Baichuan2-Base has them: nothing that changes how an answer is chosen.
fn generation_config(config: &DecoderConfig) -> Value {
    json!({
        "pad_token_id": config.pad_token_id, "bos_token_id": config.bos_token_id,
        "eos_token_id": config.to_json()["eos_token_id"], "do_sample": false,
    })
}

/// The name of a type in `config.json`.
fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::BF16 => "bfloat16",
        DType::F16 => "float16",
        _ => "float32",
    }
}
