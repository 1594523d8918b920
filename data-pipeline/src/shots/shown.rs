//! The classes of a corpus as its prompts show them.

use super::examples::exemplified;
use super::training::Origin;
use crate::corpus::Corpus;
use crate::error::Error;
use crate::prepare::Removed;
use crate::prompt::{Bank, ExamplesFrom, PromptConfig, TextLanguage, Wordings};
use crate::schema::Schema;
use std::path::Path;

/// A schema, and what else its classes may be called.
#[derive(Clone, Debug)]
pub struct ShownSchema {
    /// With the examples and the description that the settings ask for.
    pub schema: Schema,
    /// Descriptions of which training draws, unless the settings name one.
    pub wordings: Option<Wordings>,
}

impl ShownSchema {
    /// The classes of `corpus` with examples from `origin`, if they come from training text, and
    /// what the bank has for them.
    pub fn of(
        corpus: &Corpus,
        origin: &Origin,
        config: &PromptConfig,
        seed: u64,
        removed: &Removed,
    ) -> Result<Self, Error> {
        let mut schema = corpus.schema().clone();
        if shows_mentions(config) {
            let training = origin.read(removed)?;
            let language = match config.examples {
                TextLanguage::En => "en",
                TextLanguage::Zh => "zh",
                // A pair has a language a side, and each finds its own.
                _ if corpus.is_parallel() => "",
                _ => corpus.language(),
            };
            // Where a language is missing, prompts fall back to English.
            if !(language.is_empty() || training.speaks(language) || training.speaks("en")) {
                return Err(Error::declaration(
                    Path::new("[prompt]"),
                    format!(
                        "examples_from = \"training\": `{}` has no example in `{language}` for \
                         prompts of `{}`; write examples = \"source\", or name other text with \
                         shots_from",
                        origin.dataset(),
                        corpus.name(),
                    ),
                ));
            }
            schema = exemplified(&schema, &training, config.max_examples, seed);
        }
        // A prompt that shows the schema's own words needs no bank, wherever that may be by now.
        let wordings = match &config.paraphrases {
            Some(path) if config.paraphrase != Some(0) => {
                Bank::load(path)?.wordings(corpus.schema_path())?
            }
            _ => None,
        };
        match config.paraphrase {
            None | Some(0) => Ok(Self { schema, wordings }),
            Some(number) => {
                let wordings = wordings.unwrap_or_default();
                if number > wordings.most() {
                    return Err(Error::declaration(
                        Path::new("[prompt]"),
                        format!(
                            "paraphrase = {number}, but the bank has at most {} for a class of `{}`",
                            wordings.most(),
                            corpus.schema_path().display()
                        ),
                    ));
                }
                Ok(Self { schema: wordings.schema(&schema, number), wordings: None })
            }
        }
    }
}

/// Whether prompts show mentions of training text as examples.
pub fn shows_mentions(config: &PromptConfig) -> bool {
    config.examples_from == ExamplesFrom::Training
        && config.max_examples > 0
        && config.examples != TextLanguage::None
}
