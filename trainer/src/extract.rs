//! Use of a trained checkpoint: texts in, objects with offsets out.

use crate::checkpoint::{self, CheckpointInfo};
use crate::evaluate::read_answer;
use crate::{Error, device};
use data_pipeline::prompt::{Example, PromptConfig, extraction, template_fingerprint, with_shots};
use data_pipeline::shots::Asked;
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Instance, Schema, Sentence, Task};
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
        let limit = self.decoder.config.max_length();
        let question = Question { schema, classes: &classes, task, language, shots };
        let (requests, fewer): (Vec<Request>, Vec<Option<String>>) =
            texts.iter().map(|text| self.request(&question, text, limit)).unzip();
        // A text that is too long gets an answer of its own; the others are asked.
        let length = |request: &Request| request.prefix.len() + request.prompt.len();
        let asked: Vec<Request> =
            requests.iter().filter(|request| length(request) < limit).cloned().collect();
        let mut report = |done| {
            progress(done);
            true
        };
        let answers = generate(&self.decoder, &asked, GENERATION, &mut report).unwrap_or_default();
        let mut answers = answers.into_iter();
        let extraction = |((text, request), fewer): ((&String, &Request), Option<String>)| {
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
            let answer = self.tokenizer.decode(&ids);
            let sentence = question.sentence(text);
            let (found, mut flaws) =
                read_answer(&answer, schema, &classes, task, &sentence, &self.prompt, self.pieces);
            flaws.extend(fewer);
            (found, flaws)
        };
        Ok(texts.iter().zip(&requests).zip(fewer).map(extraction).collect())
    }

    /// The prompt for `text` with as many demonstrations as leave room for an answer, and a word
    /// about those that had none. None of them is the text itself.
    fn request(&self, question: &Question, text: &str, limit: usize) -> (Request, Option<String>) {
        let Question { schema, classes, task, shots, .. } = *question;
        let sentence = question.sentence(text);
        let example = extraction(schema, classes, task, &sentence, &self.prompt);
        let asked = Asked::new([text]);
        let shots: Vec<Example> = shots
            .iter()
            .filter(|shot| !asked.has(&shot.text))
            .map(|shot| extraction(schema, classes, task, shot, &self.prompt))
            .collect();
        let with_answer = limit.saturating_sub(GENERATION.max_new_tokens);
        let mut room = shots.len();
        loop {
            let example = with_shots(example.clone(), &shots[..room], &self.prompt);
            let request = Request {
                prefix: self.tokenizer.encode(&example.prefix),
                prompt: self.tokenizer.encode(&example.prompt),
            };
            if room == 0 || request.prefix.len() + request.prompt.len() <= with_answer {
                let all = shots.len();
                let fewer = (room < all).then(|| format!("fewer shots: {room} of {all} have room"));
                return (request, fewer);
            }
            room /= 2;
        }
    }
}

/// What is asked of every text.
#[derive(Clone, Copy)]
struct Question<'a> {
    schema: &'a Schema,
    classes: &'a [&'a Class],
    task: Task,
    language: &'a str,
    shots: &'a [Sentence],
}

impl Question<'_> {
    fn sentence(&self, text: &str) -> Sentence {
        Sentence { text: text.into(), language: self.language.into(), ..Sentence::default() }
    }
}
