//! The recipe's corpora become a vocabulary and, for each phase, shards.

use crate::audit::{self, asked};
use crate::evaluate::{
    self, FINAL_FREE, TRAINED, declaration, prediction_files, round_files, rounds,
};
use crate::network::shape;
use crate::recipe::{Constrained, Phase, Recipe};
use crate::{Error, RunDir, device};
use data_pipeline::corpus::Corpus;
use data_pipeline::manifest::Manifest;
use data_pipeline::order::Share;
use data_pipeline::prepare::{
    PrepareConfig, PreparePlan, Prepared, Progress, Removed, Source, check_given, prepare,
    prepare_share,
};
use data_pipeline::prompt::{PromptConfig, extraction};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Schema, Sentence, Task};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Sentences of one dataset that a vocabulary is trained on, at most.
const TEXTS: usize = 20_000;

/// Makes what is missing: the vocabulary, then the shards of every phase.
pub fn all(
    recipe: &Recipe,
    run_dir: &RunDir,
    data_root: &Path,
    progress: &dyn Fn(&str, Progress),
) -> Result<Vec<Manifest>, Error> {
    let (removed, tokenizer) = begin(recipe, run_dir, data_root)?;
    forget_unasked_predictions(recipe, run_dir)?;
    recipe
        .phase
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            let out = run_dir.prepared(index, &phase.name);
            let tell = |done: Progress| progress(&phase.name, done);
            let plan = PreparePlan { removed: removed.clone(), ..plan(recipe, phase, data_root) };
            let manifest = prepare(&plan, &tokenizer, &out, &tell)?;
            check_mixture(phase, &manifest)?;
            Ok(manifest)
        })
        .collect()
}

/// Refuses weights for what no row is, now that it is known what rows are: not when the phase begins.
fn check_mixture(phase: &Phase, manifest: &Manifest) -> Result<(), Error> {
    let parts = manifest.parts.iter().map(|part| (part.language.as_str(), part.task.as_str()));
    Ok(phase.mixture().check_kinds(parts)?)
}

/// The rows of one phase, made into `out` to be looked at: no benchmark is held against them, but
/// sentences that the recipe leaves out are left out.
pub fn phase(
    recipe: &Recipe,
    phase: &Phase,
    tokenizer: &Tokenizer,
    data_root: &Path,
    out: &Path,
    progress: &dyn Fn(Progress),
) -> Result<Manifest, Error> {
    let removed = match recipe.audit.remove {
        true => audit::removed(recipe, data_root)?,
        false => Removed::new(),
    };
    let plan = PreparePlan { removed, ..plan(recipe, phase, data_root) };
    Ok(prepare(&plan, tokenizer, out, progress)?)
}

/// Takes the vocabulary and the shards that lie in `run_dir` as they are, if they were prepared for
/// this recipe; the corpora of its phases need not be here.
pub fn given(recipe: &Recipe, run_dir: &RunDir) -> Result<Vec<Manifest>, Error> {
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    forget_unasked_predictions(recipe, run_dir)?;
    let given = |(index, phase): (usize, &Phase)| {
        let place = run_dir.prepared(index, &phase.name);
        let manifest = Manifest::load(&place)?;
        check_given(&plan(recipe, phase, Path::new("")), &tokenizer, &manifest, &place)?;
        check_mixture(phase, &manifest)?;
        Ok(manifest)
    };
    recipe.phase.iter().enumerate().map(given).collect()
}

/// Makes a share of the shards of every phase, while other programs may make the others.
pub fn share(
    recipe: &Recipe,
    run_dir: &RunDir,
    data_root: &Path,
    share: Share,
    progress: &dyn Fn(&str, Progress),
) -> Result<Vec<Prepared>, Error> {
    let (removed, tokenizer) = begin(recipe, run_dir, data_root)?;
    recipe
        .phase
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            let out = run_dir.prepared(index, &phase.name);
            let tell = |done: Progress| progress(&phase.name, done);
            let plan = PreparePlan { removed: removed.clone(), ..plan(recipe, phase, data_root) };
            Ok(prepare_share(&plan, share, &tokenizer, &out, &tell)?)
        })
        .collect()
}

/// What all phases need: which sentences are left out, and the vocabulary.
fn begin(
    recipe: &Recipe,
    run_dir: &RunDir,
    data_root: &Path,
) -> Result<(Removed, Tokenizer), Error> {
    let removed = audit::removed(recipe, data_root)?;
    Ok((removed, tokenizer(recipe, run_dir, data_root)?))
}

/// Refuses what would be found wrong only after hours: no file of a corpus is read.
pub fn check(recipe: &Recipe) -> Result<(), Error> {
    device::check(&recipe.run.device)?;
    check_declared(recipe)
}

/// The same for a run elsewhere: the device need not be in this build.
pub fn check_declared(recipe: &Recipe) -> Result<(), Error> {
    // The size of a vocabulary that is yet to be trained decides nothing here.
    shape(recipe, recipe.tokenizer.train.as_ref().map_or(1, |train| train.vocabulary))?;
    for phase in &recipe.phase {
        data_pipeline::prepare::check(&plan(recipe, phase, Path::new("")))?;
    }
    let benchmarks = &recipe.evaluation.benchmarks;
    evaluate::check(&recipe.datasets, benchmarks)?;
    let prompt = recipe.evaluation_prompt();
    evaluate::check_shown(&recipe.datasets, benchmarks, &prompt)?;
    evaluate::check_rounds(&recipe.datasets, &recipe.evaluation, &prompt)
}

/// Models that may be evaluated beside the trained one.
const BESIDE: [&str; 2] = ["base", "untrained"];

/// Removes predictions that the recipe does not ask for any more: they would stand in its report.
fn forget_unasked_predictions(recipe: &Recipe, run_dir: &RunDir) -> Result<(), Error> {
    let evaluation = &recipe.evaluation;
    let mut wanted: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let free = (evaluation.constrained == Constrained::Both).then_some(FINAL_FREE);
    let others = evaluation.baselines.iter().map(String::as_str);
    let models = std::iter::once(TRAINED).chain(free).chain(others);
    for round in models.flat_map(|which| rounds(evaluation, which)) {
        let files = round_files(run_dir, &round, &recipe.datasets, &evaluation.benchmarks)?;
        wanted.insert(run_dir.all_predictions().join(&round.folder), files);
    }
    for folder in std::fs::read_dir(run_dir.all_predictions()).into_iter().flatten().flatten() {
        let folder = folder.path();
        // What somebody else put there is not ours to remove.
        if !is_ours(&folder) {
            continue;
        }
        let files = wanted.get(&folder).map(Vec::as_slice).unwrap_or_default();
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.map_err(Error::read(&folder))?.path();
            if !files.iter().any(|file| belongs(&path, file)) {
                std::fs::remove_file(&path).map_err(Error::write(&path))?;
            }
        }
    }
    Ok(())
}

/// Removes predictions for the recipe's benchmarks in rounds that it does not ask for, beside which others
/// may lie that are kept: an evaluation's directory takes several calls.
pub fn forget_unasked_rounds(recipe: &Recipe, run_dir: &RunDir) -> Result<(), Error> {
    let evaluation = &recipe.evaluation;
    let free = (evaluation.constrained == Constrained::Both).then_some(FINAL_FREE);
    let models = std::iter::once(TRAINED).chain(free);
    let asked: BTreeSet<String> =
        models.flat_map(|which| rounds(evaluation, which)).map(|round| round.folder).collect();
    for folder in std::fs::read_dir(run_dir.all_predictions()).into_iter().flatten().flatten() {
        let (folder, name) = (folder.path(), folder.file_name().to_string_lossy().into_owned());
        let is_of_models = BESIDE.into_iter().any(|which| is_round_of(&name, which));
        if asked.contains(&name) || is_of_models || !is_ours(&folder) {
            continue;
        }
        let files = prediction_files(run_dir, &name, &recipe.datasets, &evaluation.benchmarks)?;
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.map_err(Error::read(&folder))?.path();
            if files.iter().any(|file| belongs(&path, file)) {
                std::fs::remove_file(&path).map_err(Error::write(&path))?;
            }
        }
    }
    Ok(())
}

/// Whether a folder of predictions is called as those that evaluations write.
fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    [TRAINED, FINAL_FREE].into_iter().chain(BESIDE).any(|which| is_round_of(&name, which))
}

/// Whether a folder of predictions is called as those of a round of the model `which` are.
fn is_round_of(name: &str, which: &str) -> bool {
    let Some(rest) = name.strip_prefix(which) else { return false };
    let numbered = ["-order-", "-paraphrase-"].into_iter().any(|start| {
        rest.strip_prefix(start).is_some_and(|number| number.parse::<usize>().is_ok())
    });
    rest.is_empty() || rest == "-chained" || numbered
}

/// Whether `path` is the file of predictions `file`, its receipt, or what ranks keep until it is whole.
fn belongs(path: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    name(path)
        .strip_prefix(&stem)
        .is_some_and(|rest| matches!(rest, ".jsonl" | ".json") || rest.starts_with(".rank-"))
}

/// What a phase is prepared from.
fn plan(recipe: &Recipe, phase: &Phase, data_root: &Path) -> PreparePlan {
    PreparePlan {
        kind: phase.kind,
        datasets: phase.datasets.clone(),
        declarations: recipe.datasets.clone(),
        data_root: data_root.to_owned(),
        both_directions: phase.both_directions,
        removed: Removed::new(),
        benchmarks: asked(recipe).into_iter().collect(),
        config: PrepareConfig {
            seed: recipe.run.seed,
            max_length: phase.batch.max_length,
            prompt: phase.prompt.clone(),
            selection: phase.selection.clone(),
            group: phase.batch.group,
        },
    }
}

/// The run's vocabulary: kept if it is there, else copied or trained.
pub fn tokenizer(recipe: &Recipe, run_dir: &RunDir, data_root: &Path) -> Result<Tokenizer, Error> {
    let directory = run_dir.tokenizer();
    if directory.exists() {
        return Ok(Tokenizer::load(&directory)?);
    }
    let tokenizer = vocabulary(recipe, data_root)?;
    // Under its own name only when it is whole; other shares of the same recipe may make it, too.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{}-{since:x}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    std::fs::create_dir_all(&temporary).map_err(Error::write(&temporary))?;
    if let Err(error) = tokenizer.save(&temporary) {
        // On a full disk, what is of no use must not stay.
        let _ = std::fs::remove_dir_all(&temporary);
        return Err(error.into());
    }
    match std::fs::rename(&temporary, &directory) {
        Ok(()) => Ok(tokenizer),
        Err(_) if directory.exists() => {
            std::fs::remove_dir_all(&temporary).map_err(Error::write(&temporary))?;
            Ok(Tokenizer::load(&directory)?)
        }
        Err(error) => Err(Error::write(&directory)(error)),
    }
}

/// The recipe's vocabulary: read, or trained on its text.
pub fn vocabulary(recipe: &Recipe, data_root: &Path) -> Result<Tokenizer, Error> {
    Ok(match (&recipe.tokenizer.train, &recipe.tokenizer.file) {
        (Some(training), _) => Tokenizer::train(&texts(recipe, data_root)?, training.vocabulary)?,
        (None, Some(file)) => Tokenizer::load(file)?,
        (None, None) => Tokenizer::load(&recipe.model.path.clone().unwrap_or_default())?,
    })
}

/// Prompts and answers of the training text, as the phases will show them.
fn texts(recipe: &Recipe, data_root: &Path) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    for phase in &recipe.phase {
        for source in &phase.datasets {
            let Source::Corpus { name, split } = source else { continue };
            let corpus = Corpus::load(&declaration(&recipe.datasets, name), data_root)?;
            let (schema, mut count) = (corpus.schema(), 0);
            if corpus.is_parallel() {
                corpus.each_pair(split, &mut |pair| {
                    count += 1;
                    for side in [&pair.source, &pair.target].into_iter().filter(|_| count <= TEXTS)
                    {
                        add(&mut texts, schema, &[Task::Ner], side, &phase.prompt);
                    }
                    Ok(())
                })?;
            } else {
                corpus.each(split, &mut |sentence| {
                    count += 1;
                    if count <= TEXTS {
                        add(&mut texts, schema, corpus.tasks(), &sentence, &phase.prompt);
                    }
                    Ok(())
                })?;
            }
        }
    }
    if texts.is_empty() {
        return Err(Error::recipe(
            &recipe.datasets,
            "[tokenizer] train: no phase names a corpus to learn a vocabulary from",
        ));
    }
    Ok(texts)
}

fn add(
    texts: &mut Vec<String>,
    schema: &Schema,
    tasks: &[Task],
    sentence: &Sentence,
    prompt: &PromptConfig,
) {
    for task in tasks {
        let classes = schema.of_task(*task);
        let example = extraction(schema, &classes, *task, sentence, prompt);
        // The classes are the same for each sentence: once in a while is enough for a vocabulary.
        let prefix = if texts.len().is_multiple_of(32) { example.prefix } else { String::new() };
        texts.push(prefix + &example.prompt + &example.answer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::prompt::template_fingerprint;

    #[test]
    fn recipes_of_the_renderings_differ_in_their_prompts_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/ablation-renderings");
        let (mut templates, mut essences) = (BTreeSet::new(), Vec::new());
        for name in ["full", "names", "list", "json", "native"] {
            let mut recipe = Recipe::load(&folder.join(name).with_extension("toml"), &[]).unwrap();
            check(&recipe).unwrap();
            templates.insert(template_fingerprint(&recipe.evaluation_prompt()));
            assert_eq!(recipe.run.name, format!("renderings-{name}"));
            recipe.run.name.clear();
            recipe.phase.iter_mut().for_each(|phase| phase.prompt = PromptConfig::default());
            essences.push(recipe);
        }
        assert_eq!(templates.len(), essences.len());
        assert!(essences.iter().all(|recipe| recipe.trains_like(&essences[0])));
    }

    #[test]
    fn only_what_is_not_asked_any_more_is_forgotten() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let sets = ["evaluation.orders=2", "evaluation.chained=true"].map(str::to_owned);
        let recipe = Recipe::load(&tiny, &sets).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let (stays, goes) = (
            [
                "final/quickstart-en-en.jsonl",
                "final/quickstart-en-en.json",
                // Single answers, which a stopped evaluation goes on behind.
                "final/quickstart-en-en.rank-1.answers",
                "final-order-1/quickstart-zh-zh.jsonl",
                "final-chained/quickstart-en-en.jsonl",
                "final-of-somebody/quickstart-en-en.jsonl",
                "notes/own.jsonl",
            ],
            [
                "final/quickstart-en-en-more.jsonl",
                "final/quickstart-en-en-more.rank-1.answers",
                "final-order-2/quickstart-zh-zh.jsonl",
                "final-paraphrase-1/quickstart-zh-zh.jsonl",
                // It has entities alone.
                "final-chained/quickstart-zh-zh.jsonl",
                "base/quickstart-en-en.jsonl",
            ],
        );
        let place = |name: &str| run_dir.all_predictions().join(name);
        for name in stays.iter().chain(&goes) {
            std::fs::create_dir_all(place(name).parent().unwrap()).unwrap();
            std::fs::write(place(name), "").unwrap();
        }
        forget_unasked_predictions(&recipe, &run_dir).unwrap();
        assert!(stays.iter().all(|name| place(name).exists()));
        for name in goes {
            assert!(!place(name).exists(), "{name}");
        }
    }
}
