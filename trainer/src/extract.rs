//! Use of a trained checkpoint: texts in, objects with offsets out.

use crate::checkpoint::{self, CheckpointInfo};
use crate::evaluate::read_answer;
use crate::{Error, device};
use data_pipeline::prompt::{PromptConfig, extraction, template_fingerprint};
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
    pieces: bool,
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
        Ok(Self { decoder, tokenizer, prompt: info.prompt, pieces: false })
    }

    /// Whether a mention whose words stand apart in the text is found there, in pieces; if not, it
    /// has no place.
    pub fn with_pieces(self, pieces: bool) -> Self {
        Self { pieces, ..self }
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
        let requests: Vec<Request> = texts
            .iter()
            .map(|text| {
                let sentence = Sentence {
                    text: text.clone(),
                    language: language.into(),
                    ..Sentence::default()
                };
                let example = extraction(schema, &classes, task, &sentence, &self.prompt);
                Request {
                    prefix: self.tokenizer.encode(&example.prefix),
                    prompt: self.tokenizer.encode(&example.prompt),
                }
            })
            .collect();
        // A text that is too long gets an answer of its own; the others are asked.
        let limit = self.decoder.config.max_length();
        let length = |request: &Request| request.prefix.len() + request.prompt.len();
        let asked: Vec<Request> =
            requests.iter().filter(|request| length(request) < limit).cloned().collect();
        let mut report = |done| {
            progress(done);
            true
        };
        let answers = generate(&self.decoder, &asked, GENERATION, &mut report).unwrap_or_default();
        let mut answers = answers.into_iter();
        let extraction = |(text, request): (&String, &Request)| {
            let ids = match length(request) < limit {
                true => answers.next().unwrap_or_default(),
                false => {
                    let flaw = format!(
                        "not asked: the text and its classes have {} tokens, the model reads {limit}; divide the text or offer fewer classes",
                        length(request)
                    );
                    return (Vec::new(), vec![flaw]);
                }
            };
            read_answer(
                &self.tokenizer.decode(&ids),
                task,
                &classes,
                text,
                &self.prompt,
                self.pieces,
            )
        };
        Ok(texts.iter().zip(&requests).map(extraction).collect())
    }
}
