//! A grammar that a generated answer is held to.

use data_pipeline::grammar::{Grammar, Matcher, Vocabulary};
use data_pipeline::tokenizer::Tokenizer;
use model::generate::{Constraint, Mask};

/// Lets an answer go on as its grammar does, and closes it before it is as long as it may be.
pub(crate) struct Follow {
    matcher: Matcher,
    /// What the tokenizer ends an answer with.
    eos: u32,
    /// What the model may end it with.
    ends: Vec<u32>,
}

impl Follow {
    /// An answer of `grammar` in this tokenizer's ids, at most `limit` of them.
    pub(crate) fn new(
        grammar: &Grammar,
        tokenizer: &Tokenizer,
        limit: usize,
        ends: &[u32],
    ) -> Self {
        let matcher = grammar.matcher(&Vocabulary::new(tokenizer)).with_limit(limit);
        Self { matcher, eos: tokenizer.eos(), ends: ends.to_vec() }
    }
}

impl Constraint for Follow {
    fn allowed(&mut self, generated: &[u32]) -> Option<Mask> {
        let mut mask = Mask::from_words(self.matcher.allowed(generated)?);
        if mask.contains(self.eos) {
            self.ends.iter().for_each(|end| mask.insert(*end));
        }
        Some(mask)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::generation::{Answerer, GenerateConfig, Generation, Sampling};
    use burn::tensor::Device;
    use data_pipeline::prompt::{self, PromptConfig};
    use data_pipeline::{Schema, Sentence, Task};
    use model::generate::Request;
    use model::init::Init;
    use model::{Decoder, DecoderConfig};
    use std::path::Path;

    const SCHEMA: &str = "
from knowcoder import Entity

class Person(Entity):
    pass

class City(Entity):
    pass
";

    /// An untrained model, which says anything, says nothing but answers, however few tokens it has.
    #[test]
    fn a_model_that_has_learned_nothing_gives_answers_that_are_read() {
        let text = "results = [ Person City Ann lives in \"Bonn\" \\ 京 ]";
        let tokenizer = Tokenizer::train(&[text.to_owned(), text.to_owned()], 400).unwrap();
        let config = DecoderConfig {
            vocab_size: 400,
            hidden_size: 32,
            intermediate_size: 48,
            num_hidden_layers: 2,
            initializer_range: 0.2,
            ..DecoderConfig::baichuan2_tiny()
        };
        let decoder = Decoder::init(&config, Init::Normal, 7, &Device::flex());
        let schema = Schema::parse(SCHEMA, Path::new("s.py")).unwrap();
        let classes = schema.of_task(Task::Ner);
        let prompt = PromptConfig::default();
        let sentence = |i: usize| Sentence {
            text: format!("Ann \"{i}\" lives in Bonn \\ 京😀"),
            language: "en".to_owned(),
            ..Sentence::default()
        };
        let sentences: Vec<Sentence> = (0..6).map(sentence).collect();
        let requests: Vec<Request> =
            (0..6).map(|i| Request::new(vec![5, 6, 7], vec![9 + i, 20, 30])).collect();
        for (temperature, max_new_tokens) in [(0.0, 40), (1.0, 40), (1.5, 24)] {
            let sampling = Sampling { temperature, seed: 3, ..Sampling::default() };
            let config =
                GenerateConfig { max_new_tokens, rows: 4, sampling, ..GenerateConfig::default() };
            let generation = Generation { config, stop: Vec::new() };
            let answerer = Answerer {
                decoder: &decoder,
                model: "m",
                tokenizer: &tokenizer,
                generation: &generation,
            };
            let grammar = |request: usize| {
                let sentence = &sentences[request];
                Grammar::new(&prompt, &schema, &classes, Task::Ner, sentence, false)
                    .map_err(crate::Error::from)
            };
            let answers = answerer.held_answers(&requests, &grammar, None, &mut |_| true).unwrap();
            for (ids, sentence) in answers.unwrap().iter().zip(&sentences) {
                assert!(ids.len() < max_new_tokens, "{}", ids.len());
                let answer = tokenizer.decode(ids);
                let read =
                    prompt::read(&answer, &schema, &classes, Task::Ner, sentence, &prompt, false);
                let flaws: Vec<String> = read.flaws.iter().map(ToString::to_string).collect();
                assert!(
                    flaws.iter().all(|flaw| flaw.starts_with("duplicate")),
                    "{answer} {flaws:?}"
                );
            }
        }
    }
}
