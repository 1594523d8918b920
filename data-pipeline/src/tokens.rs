//! An example as ids.
//!
//! Training and generation both encode here, part by part: the ids that a model is asked with are
//! the ids that it was trained on.

use crate::prompt::Example;
use crate::tokenizer::Tokenizer;

/// The ids of an [`Example`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// What a group shares.
    pub prefix: Vec<u32>,
    /// What belongs to this sentence; generation goes on behind it.
    pub prompt: Vec<u32>,
    /// The answer and the id that ends it.
    pub answer: Vec<u32>,
}

impl Tokens {
    /// Encodes all parts of `example`.
    pub fn of(example: &Example, tokenizer: &Tokenizer) -> Self {
        Self::behind(tokenizer.encode(&example.prefix), example, tokenizer)
    }

    /// Encodes prompt and answer behind a prefix whose ids are known.
    pub fn behind(prefix: Vec<u32>, example: &Example, tokenizer: &Tokenizer) -> Self {
        let mut answer = tokenizer.encode(&example.answer);
        answer.push(tokenizer.eos());
        Self { prefix, prompt: tokenizer.encode(&example.prompt), answer }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.prompt.len() + self.answer.len()
    }

    /// Never: an answer has its end.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
