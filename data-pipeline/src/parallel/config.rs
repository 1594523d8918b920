//! What a job's file says: what is translated, by which models, and at what price.
//!
//! Paths start at the file. Secrets are named, never written: `key_env` is the name of a variable.

use super::glossary::Glossary;
use super::prompt::Prompt;
use crate::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a stage asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The sentence and its names at once.
    Translate,
    /// The names of a draft that are wrong, as its sentence has them.
    Names,
    /// The sentence of a draft, written again with all names in it.
    Sentence,
    /// A draft translated back, to be held against the source.
    RoundTrip,
}

impl Kind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Translate => "translate",
            Self::Names => "names",
            Self::Sentence => "sentence",
            Self::RoundTrip => "round-trip",
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    job: JobFile,
    source: Vec<SourceFile>,
    server: Server,
    #[serde(default)]
    budget: Budget,
    #[serde(default)]
    check: Check,
    #[serde(default)]
    glossary: Glossary,
    stage: Vec<StageFile>,
    #[serde(default)]
    round_trip: Option<RoundTripFile>,
}

/// `[job]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobFile {
    name: String,
    target: String,
    #[serde(default = "default_datasets")]
    datasets: PathBuf,
    out: PathBuf,
    limit: Option<usize>,
}

fn default_datasets() -> PathBuf {
    "../datasets".into()
}

/// `[[source]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    dataset: String,
    domain: Option<String>,
}

/// `[server]`: any that speaks OpenAI's chat completions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Up to and with `/v1`.
    pub url: String,
    /// Name of the variable that holds the key; left out, none is sent.
    pub key_env: Option<String>,
    /// Requests at a time.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// Requests a minute; left out, as many as there are.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute; left out, as many as there are.
    pub tokens_per_minute: Option<u32>,
    /// How long a reply may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: f64,
    /// How often a question is asked again when the server fails.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// How long to wait before it is asked again for the first time; then twice as long, and so on.
    #[serde(default = "default_backoff")]
    pub backoff_seconds: f64,
}

fn default_concurrency() -> usize {
    8
}

fn default_timeout() -> f64 {
    120.0
}

fn default_retries() -> u32 {
    6
}

fn default_backoff() -> f64 {
    1.0
}

impl Server {
    /// How long a reply may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_seconds)
    }
}

/// `[budget]`: what a job may take over all its runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Tokens of questions and replies.
    pub tokens: Option<u64>,
    /// Money, in the currency of the prices.
    pub money: Option<f64>,
}

/// `[check]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// Refuses names that begin or end within a word; off for languages that glue endings to names.
    pub whole_words: bool,
    /// `name:split` of corpora in the target language, to know it by.
    pub known_by: Vec<String>,
}

impl Default for Check {
    fn default() -> Self {
        Self { whole_words: true, known_by: Vec::new() }
    }
}

/// `[[stage]]`, or `[round_trip]` with the kind left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageFile {
    kind: Kind,
    name: Option<String>,
    model: String,
    prompt: PathBuf,
    #[serde(default)]
    temperature: f64,
    #[serde(default = "default_max_tokens")]
    max_tokens: u32,
    #[serde(default = "default_attempts")]
    attempts: u32,
    #[serde(default)]
    price: Price,
}

fn default_max_tokens() -> u32 {
    1024
}

fn default_attempts() -> u32 {
    1
}

/// `[round_trip]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoundTripFile {
    model: String,
    prompt: PathBuf,
    #[serde(default)]
    temperature: f64,
    #[serde(default = "default_max_tokens")]
    max_tokens: u32,
    #[serde(default)]
    price: Price,
    #[serde(default = "default_similarity")]
    at_least: f64,
}

fn default_similarity() -> f64 {
    0.3
}

/// Money for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Of questions.
    pub prompt: f64,
    /// Of replies.
    pub completion: f64,
}

impl Price {
    /// Billionths of the currency for so many tokens of questions and replies.
    pub fn of(&self, prompt: u64, completion: u64) -> u64 {
        // A price for a million tokens is a thousandth of it in billionths for one.
        let each = |price: f64| (price * 1000.0).round() as u64;
        prompt * each(self.prompt) + completion * each(self.completion)
    }
}

/// Where sentences come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name of the declaration.
    pub dataset: String,
    /// The split.
    pub split: String,
    /// What reports call it.
    pub domain: String,
}

/// A model with its prompt.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What it asks for.
    pub kind: Kind,
    /// Its name in reports.
    pub name: String,
    /// The model.
    pub model: String,
    /// The prompt.
    pub prompt: Prompt,
    /// 0 for the likeliest words.
    pub temperature: f64,
    /// The longest reply.
    pub max_tokens: u32,
    /// How often it asks, each time with another seed.
    pub attempts: u32,
    /// What it costs.
    pub price: Price,
}

/// A job with its answers in place of options.
#[derive(Clone, Debug)]
pub struct Job {
    /// The file itself.
    pub path: PathBuf,
    /// What the parallel corpus will be called.
    pub name: String,
    /// The language to translate to.
    pub target: String,
    /// Where declarations lie.
    pub datasets: PathBuf,
    /// Where everything is written.
    pub out: PathBuf,
    /// So many sentences at most, for a trial.
    pub limit: Option<usize>,
    /// Where sentences come from.
    pub sources: Vec<Source>,
    /// Who is asked.
    pub server: Server,
    /// What it may take.
    pub budget: Budget,
    /// How translations are checked.
    pub check: Check,
    /// How names must be written.
    pub glossary: Glossary,
    /// Who gets a sentence, in this order.
    pub stages: Vec<Stage>,
    /// Translates back what was accepted, and how much must come back.
    pub round_trip: Option<(Stage, f64)>,
}

impl Job {
    /// Reads the job at `path` with its prompts and its glossary.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let file: File = toml::from_str(&text).map_err(|error| Error::toml(path, &text, &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let stages = file
            .stage
            .into_iter()
            .map(|stage| load_stage(path, folder, stage))
            .collect::<Result<Vec<_>, _>>()?;
        let round_trip = file.round_trip.map(|it| load_round_trip(path, folder, it)).transpose()?;
        let sources = file.source.into_iter().map(|source| {
            let (dataset, split) =
                source.dataset.split_once(':').unwrap_or((&source.dataset, "train"));
            Source {
                dataset: dataset.to_owned(),
                split: split.to_owned(),
                domain: source.domain.clone().unwrap_or_else(|| dataset.to_owned()),
            }
        });
        let job = Self {
            path: path.to_owned(),
            name: file.job.name,
            target: file.job.target,
            datasets: folder.join(file.job.datasets),
            out: folder.join(file.job.out),
            limit: file.job.limit,
            sources: sources.collect(),
            server: file.server,
            budget: file.budget,
            check: file.check,
            glossary: file.glossary.load(folder)?,
            stages,
            round_trip,
        };
        job.check().map_err(|message| Error::declaration(path, message))?;
        Ok(job)
    }

    /// Refuses what each key allows but all together cannot mean.
    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let name = &self.name;
            return Err(format!("`name = \"{name}\"` is a file's name: letters, digits, - and _"));
        }
        if self.target.is_empty() || !self.target.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("`target = \"{}\"` is a language code, as \"zh\"", self.target));
        }
        if self.sources.is_empty() {
            return Err("no [[source]]; write one with `dataset = \"NAME:SPLIT\"`".to_owned());
        }
        match self.stages.first() {
            None => return Err("no [[stage]]; the first has `kind = \"translate\"`".to_owned()),
            Some(first) if first.kind != Kind::Translate => {
                return Err(format!(
                    "the first stage is `{}`, but has nothing to work on; it must be `translate`",
                    first.kind.name()
                ));
            }
            Some(_) => {}
        }
        if self.stages.iter().any(|stage| stage.kind == Kind::RoundTrip) {
            return Err(
                "`round-trip` is no stage; it has a section of its own, [round_trip]".into()
            );
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if self.stages[..index].iter().any(|other| other.name == stage.name) {
                let name = &stage.name;
                return Err(format!("two stages are called `{name}`; give one another `name`"));
            }
        }
        for stage in self.all_stages() {
            check_stage(stage)?;
        }
        check_server(&self.server)?;
        match self.budget.money {
            Some(money) if !(money.is_finite() && money >= 0.0) => {
                Err(format!("`budget.money = {money}` is not a number from 0 up"))
            }
            _ => Ok(()),
        }
    }

    /// The stages, and what translates back.
    pub fn all_stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().chain(self.round_trip.iter().map(|(stage, _)| stage))
    }
}

fn check_stage(stage: &Stage) -> Result<(), String> {
    let name = &stage.name;
    if stage.model.trim().is_empty() {
        return Err(format!("the stage `{name}` names no model"));
    }
    if stage.attempts == 0 || stage.max_tokens == 0 {
        return Err(format!("the stage `{name}` has `attempts` or `max_tokens` = 0: at least 1"));
    }
    let Price { prompt, completion } = stage.price;
    for number in [stage.temperature, prompt, completion] {
        if !(number.is_finite() && number >= 0.0) {
            return Err(format!("the stage `{name}` has {number}: write a number from 0 up"));
        }
    }
    Ok(())
}

fn check_server(server: &Server) -> Result<(), String> {
    let Server { url, concurrency, timeout_seconds, backoff_seconds, .. } = server;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(format!("`server.url = \"{url}\"` must begin with http:// or https://"));
    }
    if *concurrency == 0 || *concurrency > 1_000 {
        return Err(format!("`server.concurrency = {concurrency}` is not from 1 to 1000"));
    }
    if server.requests_per_minute == Some(0) || server.tokens_per_minute == Some(0) {
        return Err("a rate of 0 a minute asks nothing; leave it out for no limit".to_owned());
    }
    for (key, seconds) in [("timeout", timeout_seconds), ("backoff", backoff_seconds)] {
        if !(*seconds > 0.0 && *seconds <= 86_400.0) {
            return Err(format!("`server.{key}_seconds = {seconds}` is not from 0 to a day"));
        }
    }
    Ok(())
}

/// The prompt of a stage; one that is not there is a matter of the job, which names it.
fn load_prompt(job: &Path, stage: &str, path: &Path, kind: Kind) -> Result<Prompt, Error> {
    Prompt::load(path, kind).map_err(|error| match &error {
        Error::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let path = path.display();
            Error::declaration(
                job,
                format!("no file `{path}`, which the stage `{stage}` names as its `prompt`"),
            )
        }
        _ => error,
    })
}

fn load_stage(job: &Path, folder: &Path, file: StageFile) -> Result<Stage, Error> {
    let name = file.name.unwrap_or_else(|| file.kind.name().to_owned());
    Ok(Stage {
        kind: file.kind,
        prompt: load_prompt(job, &name, &folder.join(&file.prompt), file.kind)?,
        name,
        model: file.model,
        temperature: file.temperature,
        max_tokens: file.max_tokens,
        attempts: file.attempts,
        price: file.price,
    })
}

fn load_round_trip(job: &Path, folder: &Path, file: RoundTripFile) -> Result<(Stage, f64), Error> {
    let name = Kind::RoundTrip.name().to_owned();
    let stage = Stage {
        kind: Kind::RoundTrip,
        prompt: load_prompt(job, &name, &folder.join(&file.prompt), Kind::RoundTrip)?,
        name,
        model: file.model,
        temperature: file.temperature,
        max_tokens: file.max_tokens,
        attempts: 1,
        price: file.price,
    };
    Ok((stage, file.at_least))
}
