//! Use of a trained checkpoint: texts in, objects with offsets out.

use crate::checkpoint::{self, CheckpointInfo};
use crate::generation::{Answerer, Generation};
use crate::questions::{Asker, Question};
use crate::{Error, device};
use burn::tensor::{DType, Device};
use data_pipeline::prompt::{Example, PromptConfig, extraction, template_fingerprint};
use data_pipeline::shots::Asked;
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Instance, Schema, Sentence, Task};
use model::generate::Request;
use model::{Decoder, files, peft};
use std::path::Path;

/// Objects of a text, and what was wrong with the answer.
pub type Extraction = (Vec<Instance>, Vec<String>);

/// A model that is ready to be asked.
pub struct Extractor {
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompt: PromptConfig,
    pieces: bool,
    generation: Generation,
    constrained: bool,
    /// What the weights are known by.
    model: String,
}

/// A checkpoint for use: adapters merged, template and vocabulary held against their hashes.
///
/// `told` hears how many bytes of weights are read, and of how many.
pub fn open(
    directory: &Path,
    device: &str,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, Tokenizer, CheckpointInfo), Error> {
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
    let (mut decoder, info) = weights(directory, &device::of(device, 0)?, info, told)?;
    decoder.merge_adapters();
    Ok((decoder, tokenizer, info))
}

/// The network of a checkpoint, adapters beside its weights.
pub(crate) fn with_adapters(
    directory: &Path,
    device: &Device,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, CheckpointInfo), Error> {
    weights(directory, device, checkpoint::open(directory)?, told)
}

fn weights(
    directory: &Path,
    device: &Device,
    info: CheckpointInfo,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, CheckpointInfo), Error> {
    let mut decoder = files::load_telling(directory, device, DType::F32, told)?;
    if info.lora.is_some() {
        peft::load(&mut decoder, directory)?;
    }
    Ok((decoder, info))
}

impl Extractor {
    /// The model of a checkpoint directory.
    ///
    /// `told` hears how many bytes of weights are read, and of how many.
    pub fn open(directory: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Self, Error> {
        let (decoder, tokenizer, info) = open(directory, "flex", told)?;
        let (generation, model) = (Generation::default(), info.fingerprint());
        let (prompt, pieces, constrained) = (info.prompt, false, false);
        Ok(Self { decoder, tokenizer, prompt, pieces, generation, constrained, model })
    }

    /// Whether a mention whose words stand apart in the text is found there, in pieces; if not, it
    /// has no place.
    pub fn with_pieces(self, pieces: bool) -> Self {
        Self { pieces, ..self }
    }

    /// How answers are generated; by default the likeliest tokens, up to 640.
    pub fn with_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// Whether answers are held to the grammar of the classes and the text; by default they are not.
    pub fn with_constrained(self, constrained: bool) -> Self {
        Self { constrained, ..self }
    }

    /// How many mentions of each class demonstrations had in training; 0: there were none.
    pub fn trained_with_shots(&self) -> usize {
        self.prompt.shots
    }

    /// Objects of each text, and what was wrong with the answer; `shots` are shown with their
    /// answers before it, and `progress` hears how many texts are answered.
    pub fn extract(
        &self,
        schema: &Schema,
        task: Task,
        language: &str,
        texts: &[String],
        shots: &[Sentence],
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
        let with_answer = limit.saturating_sub(self.generation.config.max_new_tokens);
        // None of the demonstrations is the text itself.
        let shown = |task: Task, classes: &[&Class], sentence: &Sentence| -> Vec<Example> {
            let asked = Asked::new([sentence.text.as_str()]);
            let others = shots.iter().filter(|shot| !asked.has(&shot.text));
            others.map(|shot| extraction(schema, classes, task, shot, &self.prompt)).collect()
        };
        let mut asker = Asker::new(schema, &self.tokenizer, &self.prompt, limit)
            .with_shots(with_answer, Box::new(shown));
        let sentence = |text: &String| Sentence {
            text: text.clone(),
            language: language.into(),
            ..Sentence::default()
        };
        let sentences: Vec<Sentence> = texts.iter().map(sentence).collect();
        let asked: Vec<Question> =
            sentences.iter().map(|sentence| asker.ask(task, sentence, &classes)).collect();
        let requests: Vec<Request> =
            asked.iter().flat_map(|asked| asked.requests.iter().cloned()).collect();
        // Some texts have several requests: what is reported are texts.
        let mut report = |done: usize| {
            progress(done * texts.len() / requests.len().max(1));
            true
        };
        let answerer = Answerer {
            decoder: &self.decoder,
            model: &self.model,
            tokenizer: &self.tokenizer,
            generation: &self.generation,
        };
        // Which text and which of its parts a request is.
        let places: Vec<(usize, usize)> = asked
            .iter()
            .enumerate()
            .flat_map(|(number, asked)| (0..asked.requests.len()).map(move |part| (number, part)))
            .collect();
        let grammar = |request: usize| {
            let (number, part) = places[request];
            asker.grammar(&asked[number], part, &sentences[number], self.pieces)
        };
        // It never breaks off.
        let answers = match self.constrained {
            true => answerer.held_answers(&requests, &grammar, None, &mut report)?,
            false => answerer.answers(&requests, None, &mut report)?,
        };
        let answers = answers.unwrap_or_default();
        let mut answers = answers.as_slice();
        let extraction = |(sentence, asked): (&Sentence, &Question)| {
            let (own, others) = answers.split_at(asked.requests.len());
            answers = others;
            let mut reply = asker.reply(asked, sentence, self.pieces, own);
            let fewer = |(room, all)| format!("fewer shots: {room} of {all} have room");
            reply.flaws.extend(asked.fewer_shots.map(fewer));
            (reply.predicted, reply.flaws)
        };
        Ok(sentences.iter().zip(&asked).map(extraction).collect())
    }
}
