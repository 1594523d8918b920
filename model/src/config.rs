//! Shapes of a decoder, under Hugging Face's names, and the presets.

mod hub;

use crate::Error;
use serde::{Deserialize, Serialize};

/// How a position enters attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// Rotary, half-split (7B and the small presets).
    Rope,
    /// A linear bias on the scores (13B).
    Alibi,
}

/// How a family of models lies in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Queries, keys and values packed in one matrix; rotary or ALiBi; perhaps a NormHead.
    Baichuan,
    /// Queries, keys and values apart; rotary; perhaps grouped queries and a tied head.
    Llama,
}

/// How rotary frequencies are stretched for inputs longer than those of pre-training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// Every frequency divided by `factor`.
    Linear {
        /// The quotient of the lengths.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a ramp between.
    Llama3 {
        /// What low frequencies are divided by.
        factor: f64,
        /// Wavelengths above the original length over this are low.
        low_freq_factor: f64,
        /// Wavelengths below the original length over this are high.
        high_freq_factor: f64,
        /// The length of pre-training.
        original_max_position_embeddings: usize,
    },
}

/// The shape of a decoder.
///
/// [`DecoderConfig::load`] reads a hub's `config.json`, [`DecoderConfig::to_json`] writes one; the
/// `Deserialize` of the fields knows only the spelling that this type has itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// `baichuan` or `llama`.
    #[serde(default = "baichuan")]
    pub model_type: String,
    /// Rows of the embedding and of the head.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Heads of keys and values, each shared by as many queries; as many as there are heads when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_key_value_heads: Option<usize>,
    /// Width of a head; the hidden size over the heads when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Whether the head is the embedding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tie_word_embeddings: bool,
    /// Longest input, as 7B's file calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_position_embeddings: Option<usize>,
    /// Longest input, as 13B's file calls it; 7B's has both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_max_length: Option<usize>,
    /// Added to the mean square in RMSNorm.
    #[serde(default = "rms_norm_eps")]
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    #[serde(default = "rope_theta")]
    pub rope_theta: f64,
    /// Stretched rotary frequencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Deviation of a normal initialisation.
    #[serde(default = "initializer_range")]
    pub initializer_range: f64,
    /// Rotary or ALiBi; decided by the hidden size when the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Whether the head's rows are normalised (Baichuan2: yes; decided by the vocabulary when absent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_head: Option<bool>,
    /// Padding id.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Beginning of sequence; Baichuan2 does not write it.
    #[serde(default = "one")]
    pub bos_token_id: u32,
    /// End of sequence.
    #[serde(default = "two")]
    pub eos_token_id: u32,
    /// Further ids that end a sequence: chat models have several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_eos_token_ids: Vec<u32>,
}

fn baichuan() -> String {
    "baichuan".into()
}
fn rms_norm_eps() -> f64 {
    1e-6
}
fn rope_theta() -> f64 {
    10_000.0
}
fn initializer_range() -> f64 {
    0.02
}
fn one() -> u32 {
    1
}
fn two() -> u32 {
    2
}

/// Vocabulary of every Baichuan2 checkpoint; Baichuan-1 has 64,000 and no NormHead.
const BAICHUAN2_VOCABULARY: usize = 125_696;

impl DecoderConfig {
    /// The preset called `name`.
    pub fn preset(name: &str) -> Result<Self, Error> {
        match name {
            "baichuan2-7b" => Ok(Self::baichuan2_7b()),
            "baichuan2-13b" => Ok(Self::baichuan2_13b()),
            "baichuan2-tiny" => Ok(Self::baichuan2_tiny()),
            "baichuan2-mini" => Ok(Self::baichuan2_mini()),
            "llama2-7b" => Ok(Self::llama2_7b()),
            other => Err(Error::Config(format!(
                "unknown model preset `{other}`; known: baichuan2-7b, baichuan2-13b, baichuan2-mini, baichuan2-tiny, llama2-7b"
            ))),
        }
    }

    /// Baichuan2-7B: 7,505,973,248 parameters (`baichuan-inc/Baichuan2-7B-Base`, config.json).
    pub fn baichuan2_7b() -> Self {
        Self {
            model_type: baichuan(),
            vocab_size: BAICHUAN2_VOCABULARY,
            hidden_size: 4096,
            intermediate_size: 11008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: None,
            head_dim: None,
            tie_word_embeddings: false,
            rope_scaling: None,
            max_position_embeddings: Some(4096),
            model_max_length: Some(4096),
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            initializer_range: 0.02,
            position: Some(Position::Rope),
            norm_head: Some(true),
            pad_token_id: 0,
            bos_token_id: 1,
            eos_token_id: 2,
            other_eos_token_ids: Vec::new(),
        }
    }

    /// Baichuan2-13B: 13,896,668,160 parameters (`baichuan-inc/Baichuan2-13B-Base`, config.json).
    pub fn baichuan2_13b() -> Self {
        Self {
            hidden_size: 5120,
            intermediate_size: 13696,
            num_hidden_layers: 40,
            num_attention_heads: 40,
            max_position_embeddings: None,
            position: Some(Position::Alibi),
            ..Self::baichuan2_7b()
        }
    }

    /// LLaMA-2-7B: 6,738,415,616 parameters (`meta-llama/Llama-2-7b-hf`, config.json).
    pub fn llama2_7b() -> Self {
        Self {
            model_type: "llama".into(),
            vocab_size: 32_000,
            rms_norm_eps: 1e-5,
            model_max_length: None,
            norm_head: Some(false),
            ..Self::baichuan2_7b()
        }
    }

    /// About a million parameters: learns to copy names in an hour of one core.
    ///
    /// The rotary base is large so that slow pairs match content over a whole prompt.
    pub fn baichuan2_tiny() -> Self {
        Self {
            vocab_size: 3000,
            hidden_size: 128,
            intermediate_size: 336,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            max_position_embeddings: Some(2048),
            model_max_length: None,
            rope_theta: 1e6,
            ..Self::baichuan2_7b()
        }
    }

    /// About five million parameters.
    pub fn baichuan2_mini() -> Self {
        Self {
            vocab_size: 8000,
            hidden_size: 256,
            intermediate_size: 688,
            num_hidden_layers: 4,
            num_attention_heads: 8,
            max_position_embeddings: Some(2048),
            model_max_length: None,
            rope_theta: 1e6,
            ..Self::baichuan2_7b()
        }
    }

    /// Refuses shapes that cannot be computed.
    pub fn check(&self) -> Result<(), Error> {
        if !["baichuan", "llama"].contains(&self.model_type.as_str()) {
            return Err(Error::Config(format!(
                "model_type is `{}`; `baichuan` and `llama` are read",
                self.model_type
            )));
        }
        let counts = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.key_value_heads()),
            ("head_dim", self.head_dim.unwrap_or(1)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::Config(format!("{name} is 0, expected at least 1")));
        }
        self.check_heads()?;
        // Products of these sizes are buffers: they must at least be numbers of this machine.
        let sizes =
            [self.vocab_size, self.intermediate_size, self.heads().saturating_mul(self.head_dim())];
        let largest = sizes.into_iter().try_fold(0usize, |largest, rows| {
            Some(largest.max(rows.checked_mul(self.hidden_size)?))
        });
        match largest {
            Some(values) if values < 1 << 40 => Ok(()),
            _ => Err(Error::Config(format!(
                "hidden_size {} with vocab_size {} and intermediate_size {} is no model",
                self.hidden_size, self.vocab_size, self.intermediate_size
            ))),
        }
    }

    fn check_heads(&self) -> Result<(), Error> {
        let (heads, shared) = (self.num_attention_heads, self.key_value_heads());
        if self.head_dim.is_none() && !self.hidden_size.is_multiple_of(2 * heads) {
            return Err(Error::Config(format!(
                "hidden_size {} does not divide into {heads} heads of even width",
                self.hidden_size
            )));
        }
        if !self.head_dim().is_multiple_of(2) || self.head_dim() > self.hidden_size {
            return Err(Error::Config(format!(
                "head_dim is {}, expected an even width up to hidden_size {}",
                self.head_dim(),
                self.hidden_size
            )));
        }
        if !heads.is_multiple_of(shared) {
            return Err(Error::Config(format!(
                "num_attention_heads {heads} cannot share {shared} num_key_value_heads"
            )));
        }
        if self.family() == Family::Baichuan && (shared != heads || self.tie_word_embeddings) {
            return Err(Error::Config(format!(
                "model_type `baichuan` has as many key-value heads as heads and a head of its own, \
                 found {shared} of {heads} and tie_word_embeddings = {}",
                self.tie_word_embeddings
            )));
        }
        if self.family() == Family::Llama && self.position() == Position::Alibi {
            return Err(Error::Config("model_type `llama` is rotary, found ALiBi".into()));
        }
        Ok(())
    }

    /// How its files are laid out.
    pub fn family(&self) -> Family {
        if self.model_type == "llama" { Family::Llama } else { Family::Baichuan }
    }

    /// Names of the linear layers of a block, as the family's files call them.
    pub fn linear_names(&self) -> &'static [&'static str] {
        match self.family() {
            Family::Baichuan => &["W_pack", "o_proj", "gate_proj", "up_proj", "down_proj"],
            Family::Llama => {
                &["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
            }
        }
    }

    /// Rows and columns of the linear layer called `name`, one of [`Self::linear_names`].
    pub fn linear_shape(&self, name: &str) -> (usize, usize) {
        let (h, f) = (self.hidden_size, self.intermediate_size);
        let queries = self.heads() * self.head_dim();
        let keys = self.key_value_heads() * self.head_dim();
        match name {
            "W_pack" => (queries + 2 * keys, h),
            "q_proj" => (queries, h),
            "k_proj" | "v_proj" => (keys, h),
            "o_proj" => (h, queries),
            "down_proj" => (h, f),
            _ => (f, h),
        }
    }

    /// Attention heads.
    pub fn heads(&self) -> usize {
        self.num_attention_heads
    }

    /// Heads of keys and values.
    pub fn key_value_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Every id that ends a sequence.
    pub fn eos_token_ids(&self) -> Vec<u32> {
        std::iter::once(self.eos_token_id).chain(self.other_eos_token_ids.iter().copied()).collect()
    }

    /// The longest input that the model was made for: 4,096 where the file does not say.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings.or(self.model_max_length).unwrap_or(4096)
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads)
    }

    /// Rotary or ALiBi. Files do not say which: every 4096-wide Baichuan is rotary, every 5120-wide
    /// one is ALiBi and names its longest input `model_max_length` only.
    pub fn position(&self) -> Position {
        let alibi = match (self.family(), self.hidden_size) {
            (Family::Llama, _) | (_, 4096) => false,
            (_, 5120) => true,
            _ => self.max_position_embeddings.is_none() && self.model_max_length.is_some(),
        };
        self.position.unwrap_or(if alibi { Position::Alibi } else { Position::Rope })
    }

    /// Whether the head's rows are normalised before the product.
    pub fn norm_head(&self) -> bool {
        let baichuan2 =
            self.family() == Family::Baichuan && self.vocab_size == BAICHUAN2_VOCABULARY;
        self.norm_head.unwrap_or(baichuan2)
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        let h = self.hidden_size;
        let linears: usize = self
            .linear_names()
            .iter()
            .map(|name| self.linear_shape(name))
            .map(|(rows, columns)| rows * columns)
            .sum();
        let matrices = if self.tie_word_embeddings { 1 } else { 2 };
        matrices * self.vocab_size * h + self.num_hidden_layers * (linears + 2 * h) + h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_published_sizes() {
        assert_eq!(DecoderConfig::baichuan2_7b().parameters(), 7_505_973_248);
        assert_eq!(DecoderConfig::baichuan2_13b().parameters(), 13_896_668_160);
        assert_eq!(DecoderConfig::llama2_7b().parameters(), 6_738_415_616);
    }
}
