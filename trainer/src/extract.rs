//! Use of a trained checkpoint: texts in, objects with offsets out.

use crate::checkpoint::{self, CheckpointInfo};
use crate::questions::{Asker, Question};
use crate::{Error, device};
use data_pipeline::prompt::{PromptConfig, template_fingerprint};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Instance, Schema, Sentence, Task};
use model::generate::{GenerateConfig, Request, generate};
use model::{Decoder, files};
use std::path::Path;

/// Most tokens of an answer, prompts at a time: method.md 5.3's 640, and what two cores do well.
const GENERATION: GenerateConfig = GenerateConfig { max_new_tokens: 640, rows: 32 };

/// Objects of a text, and what was wrong with the answer.
pub type Extraction = (Vec<Instance>, Vec<String>);

/// A model that is ready to be asked.
pub struct Extractor {
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompt: PromptConfig,
}

/// A checkpoint for use: adapters merged, template and vocabulary held against their hashes.
pub fn open(directory: &Path, device: &str) -> Result<(Decoder, Tokenizer, CheckpointInfo), Error> {
    let info = checkpoint::open(directory)?;
    let tokenizer = Tokenizer::load(directory)?;
    let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
    if tokenizer.fingerprint() != info.tokenizer {
        return Err(wrong(format!(
            "its tokenizer is {}, its manifest says {}",
            tokenizer.fingerprint(),
            info.tokenizer
        )));
    }
    let template = template_fingerprint(&info.prompt);
    if template != info.template {
        return Err(wrong(format!(
            "was trained with template {}, this program renders {template}; use the version that trained it",
            info.template
        )));
    }
    let mut decoder = files::load(directory, &device::of(device, 0)?)?;
    if info.lora.is_some() {
        files::load_adapters(&mut decoder, directory)?;
        decoder.merge_adapters();
    }
    Ok((decoder, tokenizer, info))
}

impl Extractor {
    /// The model of a checkpoint directory.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let (decoder, tokenizer, info) = open(directory, "flex")?;
        Ok(Self { decoder, tokenizer, prompt: info.prompt })
    }

    /// Objects of each text, and what was wrong with the answer; `progress` hears how many texts
    /// are answered.
    pub fn extract(
        &self,
        schema: &Schema,
        task: Task,
        language: &str,
        texts: &[String],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Extraction>, Error> {
        let classes = schema.of_task(task);
        let config = |message: String| Error::Model(model::Error::Config(message));
        if classes.is_empty() {
            return Err(config(format!(
                "the schema has no class for the task `{task}`; name another --task, or another --schema"
            )));
        }
        if task == Task::Eae {
            return Err(config("arguments are asked of known triggers: use `evaluate` on an annotated corpus, or `--task ed`".into()));
        }
        // A text that is too long gets an answer of its own; the others are asked.
        let limit = self.decoder.config.max_length();
        let mut asker = Asker::new(schema, &self.tokenizer, &self.prompt, limit);
        let asked: Vec<Question> = texts
            .iter()
            .map(|text| {
                let sentence = Sentence {
                    text: text.clone(),
                    language: language.into(),
                    ..Sentence::default()
                };
                asker.ask(task, &sentence, &classes)
            })
            .collect();
        let requests: Vec<Request> =
            asked.iter().flat_map(|asked| asked.requests.iter().cloned()).collect();
        // Some texts have several requests: what is reported are texts.
        let mut report = |done: usize| {
            progress(done * texts.len() / requests.len().max(1));
            true
        };
        let answers =
            generate(&self.decoder, &requests, GENERATION, &mut report).unwrap_or_default();
        let mut answers = answers.as_slice();
        let extraction = |(text, asked): (&String, &Question)| {
            let (own, others) = answers.split_at(asked.requests.len());
            answers = others;
            let reply = asker.reply(asked, text, own);
            (reply.predicted, reply.flaws)
        };
        Ok(texts.iter().zip(&asked).map(extraction).collect())
    }
}
