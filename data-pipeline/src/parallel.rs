//! Parallel data: sentences and their names, translated by language models and checked.
//!
//! A job asks for a sentence and its names at once, then for the names as the sentence has them,
//! then for the sentence around the names, each stage only where the one before it failed; then the
//! same with a stronger model, and what still fails goes to a file for people. What a model writes
//! is data: it is read as JSON, held against the source, and never run.
//!
//! # Layout
//! - `config`: what a job's file says; `prompt`: prompts as files; `glossary`: how names are written.
//! - `items`: what is translated; `carried`: the names that it needs, and what links them; `language`: which language a text is in.
//! - `check`: whether a translation kept what was annotated, or which `fault` it has; `seeded` counts
//!   what is missed.
//! - `stages`: who gets a sentence next, as a pure function of the replies.
//! - `transcript`: every reply that was paid for; `budget`: what may be; `client`: one question to a
//!   server; `work`: threads that ask.
//! - `report`, `output`: what came of it.
//!
//! All that is written follows from the sources, the job and the transcript: a second run asks
//! nothing and writes the same bytes, and a run that was killed goes on.

mod budget;
mod carried;
mod check;
mod client;
mod config;
mod fault;
mod glossary;
mod items;
mod language;
mod output;
mod prompt;
mod report;
#[cfg(test)]
mod seeded;
mod stages;
#[cfg(test)]
mod tests;
mod transcript;
mod work;

pub use carried::{Carried, Happening};
pub use check::{Checker, Draft, Name};
pub use config::{Budget, Check, Job, Kind, Price, Server, Source, Stage};
pub use fault::Fault;
pub use glossary::Glossary;
pub use items::{Item, Items};
pub use language::{Languages, Script};
pub use prompt::{Filling, Prompt};
pub use report::{DomainRow, Faithfulness, Report, RoundTrip, StageRow};
pub use transcript::Usage;
pub use work::{Ended, Progress};

use crate::{Error, durable};
use budget::likely_tokens;
use serde::Serialize;
use stages::{Outcome, Stages, Step};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use transcript::{Record, Transcript};
use work::Work;

/// What a job would ask, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Sentences in all.
    pub sentences: usize,
    /// Sentences that need no more questions.
    pub finished: usize,
    /// What all questions so far took.
    pub spent: Usage,
    /// What one more question for each other sentence is likely to take.
    pub likely: Usage,
    /// What it takes at most, if every other sentence goes through all stages and no reply is cut.
    pub most: Usage,
    /// The budget: tokens, and money in billionths.
    pub budget: (Option<u64>, Option<u64>),
    /// Whether the likely questions fit into it.
    pub fits: bool,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// Questions that it sent.
    pub requests: usize,
    /// What all runs took.
    pub spent: Usage,
    /// What became of the sentences; none if it did not come to the end.
    pub report: Option<Report>,
}

/// Says what `job` would take; asks nothing and writes nothing.
pub fn estimate(job: &Job, data_root: &Path) -> Result<Estimate, Error> {
    let items = Items::load(job, data_root)?;
    let transcript = Transcript::read(&job.out.join(TRANSCRIPT))?;
    let stages = stages_of(job, &items);
    let find = |key: &str| transcript.get(key).cloned();
    let (mut finished, mut likely, mut most) = (0, Usage::default(), Usage::default());
    for item in &items.items {
        let question = match stages.walk(item, &find) {
            Step::Done(_) => {
                finished += 1;
                continue;
            }
            Step::Ask(question) => question,
        };
        let stage = question.stage;
        let prompt: u64 = work::texts(&question.request).into_iter().map(likely_tokens).sum();
        let names = item.carried.asked.entities.len() as u64;
        let text = likely_tokens(&item.carried.asked.text);
        let completion = (text * 3 / 2 + 24 * names + 16).min(stage.max_tokens.into());
        likely.add(usage_of(stage, 1, prompt, completion));
        if let Some((back, _)) = &job.round_trip {
            // What is translated back is about as long as what was translated.
            let prompt = likely_tokens(&back.prompt.fill(&[]).0) + text * 3 / 2;
            let completion = (text + 16).min(back.max_tokens.into());
            likely.add(usage_of(back, 1, prompt, completion));
        }
        for (stage, times) in times(job) {
            let (prompt, completion) = (stages.most_prompt(stage, item), stage.max_tokens.into());
            most.add(usage_of(stage, times, prompt, completion));
        }
    }
    let spent = transcript.spent();
    let money = job.budget.money.map(|money| (money * 1e9).round() as u64);
    let fits = job.budget.tokens.is_none_or(|it| spent.tokens() + likely.tokens() <= it)
        && money.is_none_or(|it| spent.cost + likely.cost <= it);
    let budget = (job.budget.tokens, money);
    let sentences = items.items.len();
    Ok(Estimate { sentences, finished, spent, likely, most, budget, fits })
}

/// How often each stage may ask about one sentence. Any draft may be translated back.
fn times(job: &Job) -> impl Iterator<Item = (&Stage, u64)> {
    let drafts: u64 = job.stages.iter().map(|stage| u64::from(stage.attempts)).sum();
    let stages = job.stages.iter().map(|stage| (stage, u64::from(stage.attempts)));
    stages.chain(job.round_trip.iter().map(move |(stage, _)| (stage, drafts)))
}

/// What `times` questions of a stage take.
fn usage_of(stage: &Stage, times: u64, prompt: u64, completion: u64) -> Usage {
    let cost = times * stage.price.of(prompt, completion);
    Usage { prompt: times * prompt, completion: times * completion, lost: 0, cost }
}

/// Does `job`, or goes on with it; `stop` lets it end behind the replies that are on their way.
pub fn run(
    job: &Job,
    data_root: &Path,
    stop: &AtomicBool,
    progress: &dyn Fn(Progress),
) -> Result<Summary, Error> {
    let items = Items::load(job, data_root)?;
    std::fs::create_dir_all(&job.out).map_err(Error::write(&job.out))?;
    let transcript = Transcript::open(&job.out.join(TRANSCRIPT))?;
    let stages = stages_of(job, &items);
    let (transcript, ended, requests) = match is_complete(&stages, &items, &transcript) {
        // Nothing to ask: neither a server nor its key is needed.
        true => (transcript, Ended::Complete, 0),
        false => Work::new(stages, &items.items, transcript, stop)?.run(progress)?,
    };
    let spent = transcript.spent();
    if ended != Ended::Complete {
        return Ok(Summary { ended, requests, spent, report: None });
    }
    let report = finish(job, &items, &stages, &transcript)?;
    Ok(Summary { ended, requests, spent, report: Some(report) })
}

const TRANSCRIPT: &str = "transcript.jsonl";

fn stages_of<'a>(job: &'a Job, items: &'a Items) -> Stages<'a> {
    let checker = Checker {
        source_language: &items.language,
        target_language: &job.target,
        languages: &items.languages,
        glossary: &job.glossary,
        whole_words: job.check.whole_words,
    };
    Stages { job, checker }
}

fn is_complete(stages: &Stages<'_>, items: &Items, transcript: &Transcript) -> bool {
    let find = |key: &str| transcript.get(key).cloned();
    items.items.iter().all(|item| matches!(stages.walk(item, &find), Step::Done(_)))
}

/// Writes what follows from a transcript in which nothing is missing.
fn finish(
    job: &Job,
    items: &Items,
    stages: &Stages<'_>,
    transcript: &Transcript,
) -> Result<Report, Error> {
    let find = |key: &str| -> Option<Record> { transcript.get(key).cloned() };
    let path = job.out.join("annotated.jsonl");
    let corrected = output::by_hand(&path, items, job.limit.is_some())?;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(items.items.len());
    for item in &items.items {
        let mut outcome = match stages.walk(item, &find) {
            Step::Done(outcome) => *outcome,
            // `Ended::Complete` says that there is none.
            Step::Ask(_) => Outcome { faults: vec![Fault::Empty], ..Outcome::default() },
        };
        if let Some((line, draft)) = corrected.get(&item.carried.asked.id) {
            let faults = stages.checker.draft(&item.carried.asked, draft);
            if let Some(fault) = faults.iter().find(|fault| output::is_broken(fault)) {
                return Err(Error::data(&path, *line, fault.to_string()));
            }
            outcome =
                Outcome { draft: draft.clone(), faults: Vec::new(), by_hand: true, ..outcome };
        }
        outcomes.push(outcome);
    }
    output::write(job, items, &outcomes)?;
    let report = Report::of(job, items, &outcomes, transcript.spent_by_stage());
    // A report is numbers and strings: it always has a JSON form.
    let mut json = serde_json::to_string_pretty(&report).unwrap_or_default();
    json.push('\n');
    durable::write(&job.out.join("report.json"), json.as_bytes())?;
    durable::write(&job.out.join("report.txt"), report.text().as_bytes())?;
    Ok(report)
}
