//! `knowcoder evaluate`: a checkpoint answers benchmarks, in this process or by the ranks of a cluster
//! file.

use super::{Answer, reading, run, score};
use crate::cli;
use crate::cluster::Cluster;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::events::Events;
use crate::interrupt;
use crate::lock::RunLock;
use crate::message::{Evaluation as Message, Message as Line};
use crate::store;
use crate::supervise::Ending;
use crate::watch::Watch;
use data_pipeline::predictions::replace;
use data_pipeline::prompt::PromptConfig;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use trainer::audit::Use;
use trainer::collective::Solo;
use trainer::evaluate::{Evaluation, TRAINED, any_is_chained};
use trainer::recipe::{Benchmark, EvaluationConfig, ModelConfig, RunConfig};
use trainer::run::Outcome;
use trainer::{Recipe, RunDir, extract};

/// Writes predictions and scores of a checkpoint.
pub fn evaluate(args: &cli::Evaluate) -> Result<Answer, Error> {
    let origin = origin_of(&args.checkpoint)?;
    let recipe = Recipe::load_lock(&origin.recipe_lock())?;
    let (tokenizer, info) = extract::known(&args.checkpoint)?;
    let recipe = asking(args, recipe, &info.prompt)?;
    let cluster = args.cluster.as_deref().map(Cluster::load).transpose()?;
    let name = args.checkpoint.file_name().unwrap_or_default();
    let out = args.out.clone().unwrap_or_else(|| origin.root().join("evaluation").join(name));
    let out = RunDir::new(out);
    let prompt = recipe.evaluation_prompt();
    trainer::evaluate::check(&recipe.datasets, &recipe.evaluation.benchmarks)?;
    trainer::evaluate::check_shown(&recipe.datasets, &recipe.evaluation.benchmarks, &prompt)?;
    trainer::evaluate::check_rounds(&recipe.datasets, &recipe.evaluation, &prompt)?;
    let asked = |used| used == Use::Benchmark;
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, asked))?;
    std::fs::create_dir_all(out.root()).map_err(data_pipeline::Error::write(out.root()))?;
    let _lock = RunLock::take_evaluation(&out.lock())?;
    // It was for the start before this one.
    trainer::requests::remove(&out.stop())?;
    // What an earlier call asked in other rounds would stand beside these answers.
    trainer::prepare::forget_unasked_rounds(&recipe, &out)?;
    let ending = match cluster.filter(|cluster| cluster.ranks > 1) {
        Some(cluster) => by_ranks(args, &recipe, &out, &cluster, &data_root)?,
        None => here(args, &recipe, &out, &data_root)?,
    };
    // Whoever asked through the file may wait until it is gone.
    trainer::requests::remove(&out.stop())?;
    match ending {
        Ending::Done => {}
        Ending::Stopped => {
            let text = "stopped; the same command goes on behind the last finished answer\n";
            let json = json!({"status": "stopped"});
            return Ok(Answer { text: text.to_owned(), json, code: exit::STOPPED });
        }
        Ending::Killed => {
            return Err(Error::new(exit::TRANSIENT, "the evaluation was ended at once, as asked")
                .hint("the same command goes on behind the last finished answer"));
        }
        Ending::Failed(cause) => return Err(cause.into_error()),
    }
    let scores = score::of_run(&out, &recipe, &tokenizer)?;
    scores.write(&out.scores())?;
    let text = format!("\nscores: {}\n", out.scores().display());
    let files = json!({"scores": out.scores(), "predictions": out.root().join("predictions")});
    Ok(score::with_files(score::answer(&scores)?, &text, files))
}

/// The recipe of the checkpoint's run, with what is asked now; what the command line does not say is as
/// there.
fn asking(args: &cli::Evaluate, recipe: Recipe, trained: &PromptConfig) -> Result<Recipe, Error> {
    let benchmark = |name: &String| Benchmark { limit: args.limit, ..benchmark(name) };
    let prompt = PromptConfig {
        shots: args.shots.unwrap_or(trained.shots),
        paraphrases: args.paraphrases.clone().or_else(|| trained.paraphrases.clone()),
        paraphrase: args.paraphrase,
        ..trained.clone()
    };
    let benchmarks: Vec<Benchmark> = args.benchmarks.iter().map(benchmark).collect();
    let chained = match args.chained {
        Some(chained) => chained,
        // The recipe speaks of its own sets; these may have nothing to chain.
        None => recipe.evaluation.chained && any_is_chained(&recipe.datasets, &benchmarks)?,
    };
    let protocols = match args.protocols.as_slice() {
        [] => recipe.evaluation.protocols.clone(),
        protocols => protocols.to_vec(),
    };
    let evaluation = EvaluationConfig {
        benchmarks,
        protocols,
        baselines: Vec::new(),
        constrained: args.constrained.unwrap_or(recipe.evaluation.constrained),
        orders: args.orders.unwrap_or(recipe.evaluation.orders),
        paraphrases: args.reworded.unwrap_or(0),
        chained,
        prompt: Some(prompt),
        ..recipe.evaluation
    };
    let device = args.device.clone().unwrap_or_else(|| recipe.run.device.clone());
    let dtype = extract::precision(&args.checkpoint, &device);
    let run = RunConfig { device, ..recipe.run };
    let model = ModelConfig { dtype, ..recipe.model };
    Ok(Recipe { run, model, evaluation, ..recipe })
}

/// Lets this process answer.
fn here(
    args: &cli::Evaluate,
    recipe: &Recipe,
    out: &RunDir,
    data_root: &Path,
) -> Result<Ending, Error> {
    let mut display = Display::new();
    let (decoder, tokenizer, info) =
        extract::open(&args.checkpoint, &recipe.run.device, &mut reading(&mut display))?;
    let requests = interrupt::requests().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    Watch::of_answers(out.clone(), 0).start(requests);
    let prompt = recipe.evaluation_prompt();
    let evaluation = Evaluation::of_run(recipe, out, data_root, &tokenizer, &prompt);
    let mut tell = |label: &str, done: usize, total: usize| {
        let message = Message { dataset: label.to_owned(), done, total };
        display.report(&Line::Evaluation(message), Instant::now());
    };
    let model = extract::fingerprint(&info, recipe.model.dtype);
    let model = (&decoder, model.as_str());
    let outcome = evaluation.run(TRAINED, model, &mut Solo, &requests.stop, &mut tell)?;
    display.finish();
    Ok(match outcome {
        Outcome::Done => Ending::Done,
        Outcome::Stopped => Ending::Stopped,
    })
}

/// Lets the ranks of `cluster` answer, each its share.
fn by_ranks(
    args: &cli::Evaluate,
    recipe: &Recipe,
    out: &RunDir,
    cluster: &Cluster,
    data_root: &Path,
) -> Result<Ending, Error> {
    trainer::device::ready(&recipe.run.device, cluster.ranks, cluster.collective)?;
    cluster.check_device(&recipe.run.device)?;
    for folder in [out.all_predictions(), out.logs()] {
        std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    }
    let whole = |path: &Path| {
        std::path::absolute(path).map_err(data_pipeline::Error::read(path)).map_err(Error::from)
    };
    let (checkpoint, data_root) = (whole(&args.checkpoint)?, whole(data_root)?);
    replace(&out.evaluation_lock(), recipe.to_lock().as_bytes())?;
    // Those of a run, if this is its directory, tell of training.
    let mut events = Events::open(&out.root().join("evaluation.jsonl"))?;
    let more = ["--evaluate".into(), checkpoint.into_os_string()];
    run::ranks(out, cluster, &data_root, false, &mut events, (None, &more))
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
