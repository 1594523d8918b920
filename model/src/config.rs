//! Shapes of a decoder, under Hugging Face's names, and the presets.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a position enters attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// Rotary, half-split (7B and the small presets).
    Rope,
    /// A linear bias on the scores (13B).
    Alibi,
}

/// The shape of a Baichuan2-like decoder; reads and writes `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// Always `baichuan` for this family.
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
    /// Attention heads; there are as many key-value heads.
    pub num_attention_heads: usize,
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
            other => Err(Error::Config(format!(
                "unknown model preset `{other}`; known: baichuan2-7b, baichuan2-13b, baichuan2-mini, baichuan2-tiny"
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

    /// Reads `config.json` of a directory.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        let config: Self = serde_json::from_str(&text)
            .map_err(|error| Error::invalid(&path, format!("not a decoder's config: {error}")))?;
        config.check().map_err(|error| Error::invalid(&path, error.to_string()))?;
        Ok(config)
    }

    /// Refuses shapes that cannot be computed.
    pub fn check(&self) -> Result<(), Error> {
        if self.model_type != "baichuan" {
            return Err(Error::Config(format!(
                "model_type is `{}`, expected `baichuan`; other families are not read yet",
                self.model_type
            )));
        }
        let counts = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::Config(format!("{name} is 0, expected at least 1")));
        }
        if !self.hidden_size.is_multiple_of(2 * self.num_attention_heads) {
            return Err(Error::Config(format!(
                "hidden_size {} does not divide into {} heads of even width",
                self.hidden_size, self.num_attention_heads
            )));
        }
        Ok(())
    }

    /// The longest input that the model was made for: 4,096 where the file does not say.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings.or(self.model_max_length).unwrap_or(4096)
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Rotary or ALiBi. Files do not say which: every 4096-wide Baichuan is rotary, 5120 is ALiBi.
    pub fn position(&self) -> Position {
        self.position.unwrap_or(if self.hidden_size == 5120 {
            Position::Alibi
        } else {
            Position::Rope
        })
    }

    /// Whether the head's rows are normalised before the product.
    pub fn norm_head(&self) -> bool {
        self.norm_head.unwrap_or(self.vocab_size == BAICHUAN2_VOCABULARY)
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        let (h, i) = (self.hidden_size, self.intermediate_size);
        2 * self.vocab_size * h + self.num_hidden_layers * (4 * h * h + 3 * h * i + 2 * h) + h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_published_sizes() {
        assert_eq!(DecoderConfig::baichuan2_7b().parameters(), 7_505_973_248);
        assert_eq!(DecoderConfig::baichuan2_13b().parameters(), 13_896_668_160);
    }
}
