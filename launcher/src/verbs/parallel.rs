//! `knowcoder data parallel`: sentences and their names in another language.

use super::Answer;
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::lock::RunLock;
use crate::page::html;
use crate::store::{self, Wanted};
use data_pipeline::parallel::{self, Ended, Estimate, Job, Progress, Summary, Usage};
use serde_json::json;
use std::cell::RefCell;
use std::fmt::Write;
use std::time::Instant;

/// Does a job or goes on with it; ends with 76 where it stopped, on request or at its budget.
pub fn parallel(args: &cli::Parallel) -> Result<Answer, Error> {
    let job = Job::load(&args.job)?;
    let data_root = store::data_root(&args.data, || Ok(wanted(&job)))?;
    if args.dry_run {
        return Ok(estimated(&parallel::estimate(&job, &data_root)?));
    }
    std::fs::create_dir_all(&job.out).map_err(data_pipeline::Error::write(&job.out))?;
    let _lock = RunLock::take_job(&job.out.join("lock"))?;
    let stop = interrupt::stop_flag().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let screen = RefCell::new((Display::new(), None));
    let progress = |progress: Progress| {
        let mut screen = screen.borrow_mut();
        let (display, shown) = &mut *screen;
        let now = (progress.done, progress.requests);
        if shown.replace(now) != Some(now) {
            let detail = format!("{} requests, {}", progress.requests, spent(progress.spent));
            display.advance("translated", progress.done, progress.total, &detail, Instant::now());
        }
    };
    let summary = parallel::run(&job, &data_root, stop, &progress);
    screen.borrow_mut().0.finish();
    Ok(answer(&job, &summary?))
}

/// The corpora that a job reads.
fn wanted(job: &Job) -> Vec<Wanted> {
    let wanted = |name: &str, split: &str| Wanted {
        declaration: job.datasets.join(format!("{name}.toml")),
        split: Some(split.to_owned()),
        is_needed: true,
    };
    let known_by = job.check.known_by.iter().map(|name| match name.split_once(':') {
        Some((name, split)) => wanted(name, split),
        None => wanted(name, "train"),
    });
    job.sources
        .iter()
        .map(|source| wanted(&source.dataset, &source.split))
        .chain(known_by)
        .collect()
}

/// What a run did, and where it left what it made.
fn answer(job: &Job, summary: &Summary) -> Answer {
    let Summary { ended, requests, spent: usage, report } = summary;
    let out = job.out.display();
    let mut text = String::new();
    if let Some(report) = report {
        text += &report.text();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "\nin `{out}`: pairs.jsonl, to-annotate.jsonl, report.json, datasets/");
    }
    let (word, code) = match ended {
        Ended::Complete => ("complete", exit::DONE),
        Ended::Stopped => ("stopped", exit::STOPPED),
        Ended::Exhausted => ("budget", exit::STOPPED),
    };
    let _ = match ended {
        Ended::Complete => writeln!(text, "{requests} requests in this run"),
        Ended::Stopped => writeln!(
            text,
            "stopped after {requests} requests, {} so far; the same command goes on",
            spent(*usage)
        ),
        Ended::Exhausted => writeln!(
            text,
            "the budget does not hold the next question: {} so far; raise [budget] in `{}`, and the same command goes on",
            spent(*usage),
            job.path.display()
        ),
    };
    let json = json!({
        "ended": word,
        "requests": requests,
        "spent": usage,
        "out": job.out,
        "report": report,
    });
    Answer { text, json, code }
}

/// What a job would take.
fn estimated(estimate: &Estimate) -> Answer {
    let Estimate { sentences, finished, spent: so_far, likely, most, budget, fits } = estimate;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{sentences} sentences, {finished} of them finished");
    let row = |what: &str, tokens: Option<u64>, cost: Option<u64>| {
        let limit = |limit: Option<String>| limit.unwrap_or_else(|| "no limit".to_owned());
        let tokens =
            limit(tokens.map(|tokens| html::count(usize::try_from(tokens).unwrap_or(usize::MAX))));
        let money = limit(cost.map(|cost| format!("{:.4}", cost as f64 / 1e9)));
        format!("{what:<28}{tokens:>15}{money:>13}\n")
    };
    let of = |what: &str, usage: &Usage| row(what, Some(usage.tokens()), Some(usage.cost));
    let _ = writeln!(text, "{:<28}{:>15}{:>13}", "", "tokens", "money");
    text += &of("so far", so_far);
    text += &of("likely, one question each", likely);
    text += &of("at most, all stages for all", most);
    text += &row("budget", budget.0, budget.1);
    let _ = match fits {
        true => writeln!(text, "the likely questions fit into the budget"),
        false => writeln!(text, "the likely questions do not fit: it would stop on the way"),
    };
    Answer::new(text, json!({"dry_run": true, "estimate": estimate}))
}

/// Tokens and money, short.
fn spent(usage: Usage) -> String {
    format!("{} tokens, {:.4} in money", usage.tokens(), usage.cost as f64 / 1e9)
}
