//! Random tokens to be copied.
//!
//! A small model learns to copy from these in tens of steps, before it is asked for names: `ids`,
//! then `("`, then the same ids and `")\n]`, with the loss on the second half.

use super::Output;
use super::source::RANDOM_COPY;
use crate::error::Error;
use crate::random::Random;
use crate::shard::Sample;
use crate::tokenizer::Tokenizer;
use std::path::Path;

/// How many ids are copied: from and up to.
const LENGTH: (usize, usize) = (6, 20);

/// Makes the samples of random copying.
pub(super) struct Copy {
    seed: u64,
    vocabulary: usize,
    open: Vec<u32>,
    close: Vec<u32>,
}

impl Copy {
    /// Refuses a `limit` that the longest sample does not keep.
    pub(super) fn new(seed: u64, limit: usize, tokenizer: &Tokenizer) -> Result<Self, Error> {
        let open = tokenizer.encode("(\"");
        let mut close = tokenizer.encode("\")\n]");
        close.push(tokenizer.eos());
        let longest = 2 * LENGTH.1 + open.len() + close.len();
        if longest > limit {
            return Err(Error::declaration(
                Path::new("[batch]"),
                format!(
                    "max_length = {limit} is too short for random copying, which needs {longest}"
                ),
            ));
        }
        Ok(Self { seed, vocabulary: tokenizer.vocabulary(), open, close })
    }

    /// Sample `number`.
    pub(super) fn output(&self, number: usize) -> Output {
        let mut random = Random::of(self.seed, &[RANDOM_COPY, &number.to_string()]);
        let length = LENGTH.0 + random.below(LENGTH.1 - LENGTH.0 + 1);
        // The ids 0 to 2 are special in every vocabulary.
        let ids: Vec<u32> =
            (0..length).map(|_| 3 + random.below(self.vocabulary - 3) as u32).collect();
        let sample = Sample {
            sample_id: format!("{RANDOM_COPY}/{number}"),
            dataset: RANDOM_COPY.to_owned(),
            // ISO 639-3: no linguistic content.
            language: "zxx".to_owned(),
            task: "copy".to_owned(),
            prefix_ids: Vec::new(),
            supervised_from: (ids.len() + self.open.len()) as u32,
            suffix_ids: [ids.as_slice(), &self.open, &ids, &self.close].concat(),
            group: 0,
        };
        Output { groups: vec![vec![sample]], ..Output::default() }
    }
}
