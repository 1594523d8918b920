//! Answers: batches that stay full, a cache that shares prefixes, tokens that are taken or drawn.
//!
//! Keys and values of a prefix are computed once and serve every request behind it. Requests enter in
//! order as others end, so that rows stay full, as long as what they may come to cache fits a budget.
//! More of them may come while others are in work, and some may be given up: see [`Arrivals`].
//!
//! # What an answer depends on
//! On the weights, the request and the settings. It does not depend on what else is generated at the
//! time, except through rounding: products of another number of rows may add up in another order
//! (flex's do: one row, few rows and many rows take different paths), so logits differ in their last
//! bits, and two tokens that are equally likely to six digits can change places. Draws do not depend
//! on it at all: see [`Sampling`].
//!
//! `generation_config.json` of a model's directory is not read: what is not asked for here is not done.
//!
//! # Layout
//! - [`Request`], [`GenerateConfig`]: what is asked, and how; [`Sink`]: who hears of it.
//! - `sampling`: the next token from logits; `mask`: which ids may come.
//! - `schedule`: who is in work, as a pure function; `cache`: the rows' keys and values;
//!   `sight`: what new tokens see of it; `session`: the steps.

mod cache;
mod mask;
mod sampling;
mod schedule;
mod session;
mod sight;

pub use mask::{Constraint, Mask};
pub use sampling::Sampling;

use crate::{Decoder, Error};
use session::Session;
use std::ops::ControlFlow;

/// One answer to generate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Token ids that requests share, possibly empty.
    pub prefix: Vec<u32>,
    /// Token ids after the prefix; at least one.
    pub prompt: Vec<u32>,
    /// The answer is cut after so many tokens, where that is less than what the settings say.
    pub max_new_tokens: Option<usize>,
    /// What its draws depend on beside the seed; its number among the requests where absent.
    pub stream: Option<u64>,
    /// How its tokens are chosen; as the settings say where absent.
    pub sampling: Option<Sampling>,
}

impl Request {
    /// A request as the settings say.
    pub fn new(prefix: Vec<u32>, prompt: Vec<u32>) -> Self {
        Self { prefix, prompt, ..Self::default() }
    }

    fn limit(&self, config: &GenerateConfig) -> usize {
        let own = self.max_new_tokens.unwrap_or(usize::MAX);
        own.min(config.max_new_tokens)
    }

    fn sampling<'a>(&'a self, config: &'a GenerateConfig) -> &'a Sampling {
        self.sampling.as_ref().unwrap_or(&config.sampling)
    }
}

/// What comes while others are in work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrivals {
    /// More requests, behind all that came before; their numbers go on where those ended.
    pub requests: Vec<Request>,
    /// Requests that nobody waits for any more: they have no answer, and leave their rows to others.
    pub withdrawn: Vec<usize>,
    /// Whether more may come. Prefixes then stay cached as long as nothing else needs their room.
    pub is_open: bool,
}

/// How answers are generated.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateConfig {
    /// An answer is cut after so many tokens.
    pub max_new_tokens: usize,
    /// Requests in work at a time, at most.
    pub rows: usize,
    /// Cached tokens at a time, at most: of each prefix in use, and for each request in work its prompt
    /// and the longest answer that it may give, rounded up. A token takes
    /// `2 · blocks · key-value heads · head_dim` numbers. A single request may have more.
    pub budget_tokens: usize,
    /// Tokens of a step: so many of prompts and prefixes are read at a time, beside one of each row.
    pub prefill_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What ends an answer; the model's own end ids where absent.
    pub end_ids: Option<Vec<u32>>,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            // method.md 5.3's 640, and what two cores do well.
            max_new_tokens: 640,
            rows: 32,
            // Room for 32 answers of 640 tokens behind prompts of 300.
            budget_tokens: 32_768,
            prefill_tokens: 512,
            sampling: Sampling::default(),
            end_ids: None,
        }
    }
}

impl GenerateConfig {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [
            ("rows", self.rows),
            ("budget_tokens", self.budget_tokens),
            ("prefill_tokens", self.prefill_tokens),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::Config(format!("{name} is 0, expected at least 1")));
        }
        self.sampling.check()
    }

    fn ends(&self, decoder: &Decoder) -> Vec<u32> {
        self.end_ids.clone().unwrap_or_else(|| decoder.config.eos_token_ids())
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its tokens, without the end id.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub end: End,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An end id came.
    EndId,
    /// [`Sink::stops`] said so.
    Stop,
    /// It is as long as it may be.
    Length,
    /// Its [`Constraint`] allowed nothing more.
    NothingAllowed,
}

/// Who hears of answers while they are generated, and may decide over them.
pub trait Sink {
    /// The answer to request number `request` is complete. Each has one, as they end.
    ///
    /// After a break nothing more is generated or told.
    fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()>;

    /// After each step: how many tokens were generated in all.
    fn progress(&mut self, generated: usize) -> ControlFlow<()> {
        let _ = generated;
        ControlFlow::Continue(())
    }

    /// Whether the answer so far ends here; asked after each token, in order. The answer keeps what
    /// stopped it.
    fn stops(&mut self, request: usize, answer: &[u32]) -> bool {
        let _ = (request, answer);
        false
    }

    /// What restricts the answer to a request; asked once, before it begins.
    fn constraint(&mut self, request: usize) -> Option<Box<dyn Constraint>> {
        let _ = request;
        None
    }

    /// What has come since the last step; asked before each. With `is_idle` nothing is in work, and it
    /// may wait for what comes next. By default nothing ever comes.
    fn arrivals(&mut self, is_idle: bool) -> Arrivals {
        let _ = is_idle;
        Arrivals::default()
    }
}

/// Generates the answers to `requests`, and to those that [`Sink::arrivals`] brings, and gives them to
/// `sink`; a break is the sink's.
pub fn generate(
    decoder: &Decoder,
    requests: &[Request],
    config: &GenerateConfig,
    sink: &mut dyn Sink,
) -> Result<ControlFlow<()>, Error> {
    config.check()?;
    Session::new(decoder, config).run(requests, sink)
}

/// The answers to `requests`, in their order, for who needs nothing before all are there.
pub fn answers(
    decoder: &Decoder,
    requests: &[Request],
    config: &GenerateConfig,
) -> Result<Vec<Vec<u32>>, Error> {
    struct Collect(Vec<Vec<u32>>);
    impl Sink for Collect {
        fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()> {
            self.0[request] = answer.ids;
            ControlFlow::Continue(())
        }
    }
    let mut sink = Collect(vec![Vec::new(); requests.len()]);
    // It never breaks off.
    let _ = generate(decoder, requests, config, &mut sink)?;
    Ok(sink.0)
}

fn check(number: usize, request: &Request, vocabulary: usize) -> Result<(), Error> {
    if request.prompt.is_empty() {
        return Err(Error::Config(format!(
            "request {number} has an empty prompt; an answer follows at least one token"
        )));
    }
    let mut ids = request.prefix.iter().chain(&request.prompt);
    match ids.find(|id| **id as usize >= vocabulary) {
        Some(id) => Err(Error::Config(format!(
            "request {number} has the token id {id}, the model's vocabulary has {vocabulary}; is this its tokenizer?"
        ))),
        None => request.sampling.as_ref().map_or(Ok(()), Sampling::check),
    }
}
