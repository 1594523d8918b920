//! `knowcoder evaluate`: a checkpoint answers benchmarks, in this process.

use super::{Answer, score};
use crate::cli;
use crate::display::Display;
use crate::error::Error;
use crate::message::{Evaluation as Message, Message as Line};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use trainer::collective::Solo;
use trainer::evaluate::Evaluation;
use trainer::recipe::{Benchmark, EvaluationConfig};
use trainer::{Recipe, RunDir, extract};

/// Writes predictions and scores of a checkpoint.
pub fn evaluate(args: &cli::Evaluate) -> Result<Answer, Error> {
    let origin = origin_of(&args.checkpoint);
    let recipe = Recipe::load_lock(&origin.recipe_lock())?;
    let name = args.checkpoint.file_name().unwrap_or_default();
    let out = args.out.clone().unwrap_or_else(|| origin.root().join("evaluation").join(name));
    let out = RunDir::new(out);
    let (decoder, tokenizer, info) = extract::open(&args.checkpoint, &recipe.run.device)?;
    let recipe = Recipe {
        evaluation: EvaluationConfig {
            benchmarks: args.benchmarks.iter().map(|name| benchmark(name)).collect(),
            protocols: args.protocols.clone(),
            baselines: Vec::new(),
            ..recipe.evaluation
        },
        ..recipe
    };
    let evaluation = Evaluation {
        run_dir: &out,
        datasets: &recipe.datasets,
        data_root: &args.data.data_root,
        tokenizer: &tokenizer,
        prompt: &info.prompt,
        config: &recipe.evaluation,
    };
    let mut display = Display::new();
    let mut tell = |label: &str, done: usize, total: usize| {
        let message = Message { dataset: label.to_owned(), done, total };
        display.report(&Line::Evaluation(message), Instant::now());
    };
    evaluation.run("final", &decoder, &mut Solo, &mut tell)?;
    display.finish();
    let scores = score::of_run(&out, &recipe)?;
    scores.write(&out.scores())?;
    let text = format!("\nscores: {}\n", out.scores().display());
    let files = json!({"scores": out.scores(), "predictions": out.root().join("predictions")});
    Ok(score::with_files(score::answer(&scores)?, &text, files))
}

/// The run that a checkpoint is from: it lies in its folder `checkpoints`.
fn origin_of(checkpoint: &Path) -> RunDir {
    let run = checkpoint.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    RunDir::new(if run.as_os_str().is_empty() { PathBuf::from(".") } else { run.to_owned() })
}

/// The test set that is called `name` or `name:split`.
fn benchmark(name: &str) -> Benchmark {
    Benchmark {
        dataset: name.to_owned(),
        name: name.split(':').next().unwrap_or(name).to_owned(),
        tasks: Vec::new(),
        limit: None,
        floor: None,
    }
}
