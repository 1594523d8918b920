//! `knowcoder data`: check, count, prepare and look at data.

use super::Answer;
use super::effect;
use super::run::{recipe_of, run_dir_of};
use crate::cli;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::lock::RunLock;
use data_pipeline::corpus::{self, Corpus, SplitCheck, SplitStats};
use data_pipeline::order::Share;
use data_pipeline::prepare::Prepared;
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use trainer::{Recipe, RunDir};

/// Holds corpora against their declared counts; every one is looked at before it ends with 65.
///
/// One that is not on this machine is wrong only if it was named.
pub fn validate(args: &cli::Datasets) -> Result<Answer, Error> {
    let mut text = String::new();
    let mut documents = Vec::new();
    let (mut wrong, mut absent, mut first) = (0, 0, None);
    for path in declarations(&args.configs, &args.datasets)? {
        let corpus = match Corpus::load(&path, &args.data.data_root) {
            Ok(corpus) => corpus,
            Err(error) => {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "WRONG  {error}");
                documents.push(json!({"declaration": path, "error": error.to_string()}));
                first.get_or_insert(error.exit_code());
                wrong += 1;
                continue;
            }
        };
        let checks = corpus::validate(&corpus);
        for check in &checks {
            let _ = match check.absent && args.datasets.is_empty() {
                true => writeln!(text, "absent {}:{}", corpus.name(), check.split),
                false => writeln!(text, "{}", verdict(corpus.name(), check)),
            };
        }
        for check in checks.iter().filter(|check| !check.ok) {
            if check.absent && args.datasets.is_empty() {
                absent += 1;
                continue;
            }
            first.get_or_insert(check.exit_code);
            wrong += 1;
        }
        documents.push(json!({
            "dataset": corpus.name(),
            "licence": corpus.licence(),
            "origin": corpus.origin(),
            "splits": checks,
        }));
    }
    let _ = match wrong {
        0 => writeln!(text, "{} declarations hold", documents.len()),
        _ => writeln!(text, "{wrong} splits or declarations are wrong"),
    };
    if absent > 0 {
        let _ = writeln!(
            text,
            "{absent} splits are not below `{}`; name one to see where to get it",
            args.data.data_root.display()
        );
    }
    let json = json!({"wrong": wrong, "absent": absent, "datasets": documents});
    Ok(Answer { text, json, code: first.unwrap_or(exit::DONE) })
}

/// One line about a split.
fn verdict(name: &str, check: &SplitCheck) -> String {
    let SplitCheck { split, found, quarantined, .. } = check;
    let counts = [
        (found.sentences, "sentences"),
        (found.entities, "entities"),
        (found.relations, "relations"),
        (found.events, "events"),
    ];
    let mut text = format!("{}  {name}:{split}", if check.ok { "ok   " } else { "WRONG" });
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, "  {count} {what}");
    }
    if !quarantined.is_empty() {
        let _ = write!(text, "  {} in quarantine", quarantined.len());
    }
    if let Some(error) = &check.error {
        let _ = write!(text, "\n       {error}");
    }
    text
}

/// Corpora in numbers.
pub fn stats(args: &cli::Datasets) -> Result<Answer, Error> {
    let mut text = String::new();
    let mut documents = Vec::new();
    for path in declarations(&args.configs, &args.datasets)? {
        let corpus = Corpus::load(&path, &args.data.data_root)?;
        let splits = corpus::stats(&corpus)?;
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows[0][0] = format!("{} ({})", corpus.name(), corpus.language());
        rows.extend(splits.iter().map(row));
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&aligned(&rows));
        documents.push(json!({
            "dataset": corpus.name(),
            "licence": corpus.licence(),
            "origin": corpus.origin(),
            "splits": splits,
        }));
    }
    Ok(Answer::new(text, json!({"datasets": documents})))
}

/// What is counted of a split; the first place is the dataset's own.
const HEADINGS: [&str; 8] = ["", "sent.", "empty", "ent.", "rel.", "events", "per sent.", "length"];

fn row(stats: &SplitStats) -> [String; 8] {
    let sum = |counts: &std::collections::BTreeMap<String, usize>| counts.values().sum::<usize>();
    [
        format!("  {}", stats.split),
        stats.sentences.to_string(),
        stats.empty_sentences.to_string(),
        sum(&stats.entities).to_string(),
        sum(&stats.relations).to_string(),
        sum(&stats.events).to_string(),
        format!("{:.2}", stats.mentions_per_sentence),
        format!("{:.1}", stats.mention_length),
    ]
}

/// Rows of cells, the first column left, the others right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> =
        (0..N).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

/// Writes the shards of a recipe, without training.
pub fn prepare(args: &cli::Prepare) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    let run_dir = run_dir_of(args.run_dir.as_deref(), &recipe);
    trainer::prepare::check(&recipe)?;
    run_dir.create()?;
    if let Some(share) = args.share {
        return prepare_share(args, &recipe, &run_dir, share);
    }
    let _lock = RunLock::take(&run_dir.lock())?;
    interrupt::end_at_once("stopped while preparing data; the same command prepares them");
    super::run::prepare(&recipe, &args.recipe.recipe, &run_dir, &args.data.data_root)?;
    let folder = run_dir.root().join("prepared");
    let phases = trainer::effect::effects(&recipe, &run_dir)?;
    let text = format!("{}\n{}", folder.display(), effect::table(&phases));
    Ok(Answer::new(text, json!({"prepared": folder, "phases": effect::document(&phases)})))
}

/// Writes a share of the shards of a recipe.
fn prepare_share(
    args: &cli::Prepare,
    recipe: &Recipe,
    run_dir: &RunDir,
    share: Share,
) -> Result<Answer, Error> {
    let name = format!("{}/{}", share.index + 1, share.count);
    let _lock = RunLock::take_share(&run_dir.lock())?;
    let own = run_dir.root().join(format!("lock-{}-of-{}", share.index + 1, share.count));
    let _own = RunLock::take(&own)?;
    interrupt::end_at_once("stopped while preparing data; the same command prepares them");
    let (source, data_root) = (&args.recipe.recipe, &args.data.data_root);
    let prepared = super::run::prepare_share(recipe, source, run_dir, data_root, share)?;
    let mut text = String::new();
    let mut phases = Vec::new();
    for (phase, prepared) in recipe.phase.iter().zip(&prepared) {
        let missing = match prepared {
            Prepared::Whole(_) => &[][..],
            Prepared::Part { missing } => missing,
        };
        let shares: Vec<String> = missing.iter().map(usize::to_string).collect();
        // Writing to a string cannot fail.
        let _ = match shares.is_empty() {
            true => writeln!(text, "{}: share {name} is done, and all others", phase.name),
            false => writeln!(
                text,
                "{}: share {name} is done; not yet done: {}",
                phase.name,
                shares.join(", ")
            ),
        };
        phases.push(json!({"phase": phase.name, "whole": missing.is_empty(), "missing": missing}));
    }
    let folder = run_dir.root().join("prepared");
    let mut document = json!({"prepared": folder, "share": name, "phases": phases});
    if prepared.iter().all(|prepared| matches!(prepared, Prepared::Whole(_))) {
        let effects = trainer::effect::effects(recipe, run_dir)?;
        text.push_str(&effect::table(&effects));
        document["effects"] = effect::document(&effects);
    }
    Ok(Answer::new(text, document))
}

/// Shows a row of prepared shards as the model sees it.
pub fn inspect(args: &cli::Inspect) -> Result<Answer, Error> {
    let shards = ShardSet::open(&args.shards)?;
    if args.row >= shards.len() {
        let message = format!(
            "`{}` has {} rows, counted from 0: there is no row {}",
            args.shards.display(),
            shards.len(),
            args.row
        );
        return Err(Error::new(exit::USAGE, message));
    }
    // `RUN/prepared/PHASE` and `RUN/tokenizer` lie in one run directory.
    let beside = || args.shards.join("../../tokenizer");
    let tokenizer = Tokenizer::load(&args.tokenizer.clone().unwrap_or_else(beside))?;
    let manifest = shards.manifest();
    let (made_with, given) = (&manifest.origin.tokenizer, tokenizer.fingerprint());
    if *made_with != given {
        let message = format!(
            "the shards were made with tokenizer {made_with}, the one given is {given}: its text \
             would be nonsense"
        );
        return Err(Error::new(exit::DATA, message).hint("--tokenizer names the right one"));
    }
    let sample = shards.sample(args.row)?;
    let text = data_pipeline::inspect::inspect(&shards, args.row, &tokenizer)?;
    let (prompt, answer) =
        sample.suffix_ids.split_at(sample.suffix_ids.len() - sample.supervised());
    let [prefix, prompt, answer] =
        [&sample.prefix_ids, prompt, answer].map(|ids| tokenizer.decode(ids));
    let json = json!({
        "row": args.row,
        "rows": shards.len(),
        "sample_id": sample.sample_id,
        "dataset": sample.dataset,
        "language": sample.language,
        "task": sample.task,
        "group": sample.group,
        "prefix": prefix,
        "prompt": prompt,
        "answer": answer,
        "prefix_ids": sample.prefix_ids,
        "suffix_ids": sample.suffix_ids,
        "supervised_from": sample.supervised_from,
    });
    Ok(Answer::new(text, json))
}

/// The declarations that are meant, sorted where all are.
pub(super) fn declarations(configs: &Path, names: &[String]) -> Result<Vec<PathBuf>, Error> {
    let folder = configs.join("datasets");
    if !names.is_empty() {
        return names.iter().map(|name| declaration(&folder, name)).collect();
    }
    let known = known(&folder)?;
    if known.is_empty() {
        return Err(Error::new(
            exit::DECLARATION,
            format!("`{}` holds no declaration", folder.display()),
        ));
    }
    Ok(known)
}

fn declaration(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    if name.ends_with(".toml") {
        return Ok(PathBuf::from(name));
    }
    let path = folder.join(format!("{name}.toml"));
    if path.exists() {
        return Ok(path);
    }
    let known = known(folder)?;
    let known = known.iter().filter_map(|path| path.file_stem()?.to_str());
    let message = format!("there is no dataset `{name}` in `{}`", folder.display());
    let error = Error::new(exit::DECLARATION, message);
    Err(match data_pipeline::error::nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("--configs names the folder above `datasets`"),
    })
}

fn known(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = |error| Error::from(data_pipeline::Error::read(folder)(error));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(data_pipeline::Error::read(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_misspelt_dataset_names_the_nearest() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cluener.toml"), "").unwrap();
        let error = declaration(dir.path(), "cluner").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `cluener`?"));
        assert_eq!(error.code, exit::DECLARATION);
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [["a".to_owned(), "10".to_owned()], ["bcd".to_owned(), "2".to_owned()]];
        assert_eq!(aligned(&rows), "a    10\nbcd   2\n");
    }
}
