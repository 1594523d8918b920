//! `knowcoder evaluate`: a checkpoint answers benchmarks, in this process.

use super::{Answer, reading, score};
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::message::{Evaluation as Message, Message as Line};
use crate::store;
use data_pipeline::prompt::PromptConfig;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use trainer::audit::Use;
use trainer::collective::Solo;
use trainer::evaluate::Evaluation;
use trainer::recipe::{Benchmark, EvaluationConfig};
use trainer::run::Outcome;
use trainer::{Recipe, RunDir, extract};

/// Writes predictions and scores of a checkpoint.
pub fn evaluate(args: &cli::Evaluate) -> Result<Answer, Error> {
    let origin = origin_of(&args.checkpoint)?;
    let recipe = Recipe::load_lock(&origin.recipe_lock())?;
    let name = args.checkpoint.file_name().unwrap_or_default();
    let out = args.out.clone().unwrap_or_else(|| origin.root().join("evaluation").join(name));
    let out = RunDir::new(out);
    let mut display = Display::new();
    let (decoder, tokenizer, info) =
        extract::open(&args.checkpoint, &recipe.run.device, &mut reading(&mut display))?;
    let recipe = Recipe {
        evaluation: EvaluationConfig {
            benchmarks: args.benchmarks.iter().map(|name| benchmark(name)).collect(),
            protocols: args.protocols.clone(),
            baselines: Vec::new(),
            constrained: args.constrained.unwrap_or(recipe.evaluation.constrained),
            ..recipe.evaluation
        },
        ..recipe
    };
    let prompt = PromptConfig {
        shots: args.shots.unwrap_or(info.prompt.shots),
        paraphrases: args.paraphrases.clone().or_else(|| info.prompt.paraphrases.clone()),
        paraphrase: args.paraphrase,
        ..info.prompt.clone()
    };
    trainer::evaluate::check(&recipe.datasets, &recipe.evaluation.benchmarks)?;
    trainer::evaluate::check_shown(&recipe.datasets, &recipe.evaluation.benchmarks, &prompt)?;
    let asked = |used| used == Use::Benchmark;
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, asked))?;
    let stop = interrupt::stop_flag().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let evaluation = Evaluation {
        run_dir: &out,
        datasets: &recipe.datasets,
        data_root: &data_root,
        tokenizer: &tokenizer,
        prompt: &prompt,
        config: &recipe.evaluation,
        seed: recipe.run.seed,
    };
    let mut tell = |label: &str, done: usize, total: usize| {
        let message = Message { dataset: label.to_owned(), done, total };
        display.report(&Line::Evaluation(message), Instant::now());
    };
    let model = info.fingerprint();
    let outcome = evaluation.run("final", (&decoder, &model), &mut Solo, stop, &mut tell)?;
    display.finish();
    if outcome == Outcome::Stopped {
        let text = "stopped; the same command goes on behind the last finished answer\n";
        let json = json!({"status": "stopped"});
        return Ok(Answer { text: text.to_owned(), json, code: exit::STOPPED });
    }
    let scores = score::of_run(&out, &recipe)?;
    scores.write(&out.scores())?;
    let text = format!("\nscores: {}\n", out.scores().display());
    let files = json!({"scores": out.scores(), "predictions": out.root().join("predictions")});
    Ok(score::with_files(score::answer(&scores)?, &text, files))
}

/// The run that a checkpoint is from: it lies in its folder `checkpoints`, beside `recipe.lock`.
fn origin_of(checkpoint: &Path) -> Result<RunDir, Error> {
    let whole = checkpoint.canonicalize().map_err(data_pipeline::Error::read(checkpoint))?;
    let run = RunDir::new(whole.parent().and_then(Path::parent).unwrap_or(Path::new("/")));
    if run.recipe_lock().is_file() {
        return Ok(run);
    }
    let message = format!(
        "`{}` is not in the folder `checkpoints` of a run, whose recipe says how to ask",
        checkpoint.display()
    );
    Err(Error::new(exit::DECLARATION, message)
        .hint("name a folder like runs/NAME/checkpoints/STEP"))
}

/// The test set that is called `name` or `name:split`.
fn benchmark(name: &str) -> Benchmark {
    Benchmark {
        dataset: name.to_owned(),
        name: name.to_owned(),
        tasks: Vec::new(),
        limit: None,
        floor: None,
        paper: None,
    }
}
