//! `knowcoder data`: check, count, prepare and look at data.

mod bars;
mod inspect;
mod place;
mod stats;
pub mod survey;
mod tables;
mod vocabulary;

pub use inspect::inspect;
pub use stats::stats;

use super::Answer;
use super::effect;
use super::run::{recipe_of, run_dir_of};
use crate::cli;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::lock::RunLock;
use crate::store::{self, Place};
use data_pipeline::corpus::{Corpus, SplitCheck};
use data_pipeline::order::Share;
use data_pipeline::prepare::Prepared;
use data_pipeline::shots::{Leak, Schemas};
use data_pipeline::width::columns;
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
    let mut schemas = Schemas::default();
    let declarations = declarations(&args.configs, &args.datasets)?;
    let data_root = data_root(args, &declarations)?;
    for path in declarations {
        let corpus = match Corpus::load(&path, &data_root) {
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
        let checks = schemas.validate(&corpus)?;
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
    let leaks = schemas.leaks();
    show_leaks(&mut text, &leaks);
    let _ = match (wrong, documents.len()) {
        (0, 1) => writeln!(text, "1 declaration holds"),
        (0, all) => writeln!(text, "{all} declarations hold"),
        (1, _) => writeln!(text, "1 split or declaration is wrong"),
        _ => writeln!(text, "{wrong} splits or declarations are wrong"),
    };
    if absent > 0 {
        let _ = writeln!(
            text,
            "{absent} splits are not below `{}`; name one to see where to get it",
            args.data.data_root.display()
        );
    }
    let json = json!({
        "wrong": wrong,
        "absent": absent,
        "datasets": documents,
        "leaking_examples": leaks,
    });
    Ok(Answer { text, json, code: first.unwrap_or(exit::DONE) })
}

/// Warns of examples that a prompt should not show.
fn show_leaks(text: &mut String, leaks: &[Leak]) {
    for leak in leaks {
        let found_in: Vec<&str> = leak.found_in.iter().map(String::as_str).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "warn   {}: the example `{}` of {} is a mention of {} and of no training split here",
            leak.schema.display(),
            leak.example,
            leak.class,
            found_in.join(", ")
        );
    }
    if !leaks.is_empty() {
        let (are, others) = match leaks.len() {
            1 => ("1 example of a schema is a mention of a test".to_owned(), "another"),
            count => (format!("{count} examples of schemas are mentions of tests"), "others"),
        };
        let _ = writeln!(
            text,
            "{are}; write {others}, or let prompts take theirs from training text with \
             `[prompt] examples_from = \"training\"`"
        );
    }
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

/// Rows of cells, the first column left, the others right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let blanks = " ".repeat(width - columns(cell));
            match column {
                0 => text += &format!("{cell}{blanks}"),
                _ => text += &format!("  {blanks}{cell}"),
            }
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
    let out = args.out.as_deref().map(Place::of).transpose()?;
    if let Some(out) = &out {
        // What cannot be written to at all is refused before the work.
        out.open()?;
    }
    run_dir.create()?;
    if let Some(share) = args.share {
        return prepare_share(args, &recipe, &run_dir, share, out.as_ref());
    }
    let _lock = RunLock::take(&run_dir.lock())?;
    interrupt::end_at_once("stopped while preparing data; the same command prepares them");
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, |_| true))?;
    super::run::prepare(&recipe, &args.recipe.recipe, &run_dir, &data_root)?;
    let folder = run_dir.root().join("prepared");
    let phases = trainer::effect::effects(&recipe, &run_dir)?;
    let table = effect::table(&phases);
    let mut json = json!({"prepared": folder, "phases": effect::document(&phases)});
    let Some(out) = out else {
        return Ok(Answer::new(format!("{}\n{table}", folder.display()), json));
    };
    store::shards::put(&recipe, &run_dir, &out)?;
    json["out"] = json!(out.to_string());
    Ok(Answer::new(format!("{}\n{out}\n{table}", folder.display()), json))
}

/// Writes a share of the shards of a recipe; with `out`, shares meet there.
fn prepare_share(
    args: &cli::Prepare,
    recipe: &Recipe,
    run_dir: &RunDir,
    share: Share,
    out: Option<&Place>,
) -> Result<Answer, Error> {
    let name = format!("{}/{}", share.index + 1, share.count);
    let _lock = RunLock::take_share(&run_dir.lock())?;
    let own = run_dir.root().join(format!("lock-{}-of-{}", share.index + 1, share.count));
    let _own = RunLock::take(&own)?;
    interrupt::end_at_once("stopped while preparing data; the same command prepares them");
    let data_root = store::data_root(&args.data, || store::of_recipe(recipe, |_| true))?;
    let source = &args.recipe.recipe;
    let prepared = super::run::prepare_share(recipe, source, run_dir, &data_root, share)?;
    let missing: Vec<Vec<usize>> = match out {
        Some(out) => store::shares::put(recipe, run_dir, out, share, &prepared)?,
        None => prepared.iter().map(missing).collect(),
    };
    let mut text = String::new();
    let mut phases = Vec::new();
    for (phase, missing) in recipe.phase.iter().zip(&missing) {
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
    let mut json = json!({"prepared": folder, "share": name, "phases": phases});
    if prepared.iter().all(|prepared| matches!(prepared, Prepared::Whole(_))) {
        let effects = trainer::effect::effects(recipe, run_dir)?;
        text.push_str(&effect::table(&effects));
        json["effects"] = effect::document(&effects);
    }
    if let Some(out) = out {
        json["out"] = json!(out.to_string());
    }
    Ok(Answer::new(text, json))
}

/// The shares of a phase that its folder does not have yet.
fn missing(prepared: &Prepared) -> Vec<usize> {
    match prepared {
        Prepared::Whole(_) => Vec::new(),
        Prepared::Part { missing, .. } => missing.clone(),
    }
}

/// The folder with the files of all that is asked for; of what was not named, those that are there.
pub(super) fn data_root(args: &cli::Datasets, declarations: &[PathBuf]) -> Result<PathBuf, Error> {
    let are_named = !args.datasets.is_empty();
    store::data_root(&args.data, || Ok(store::of_datasets(declarations, are_named)))
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
    let read = |error: std::io::Error| {
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        let error = Error::from(data_pipeline::Error::read(folder)(error));
        match is_absent {
            true => error.hint("--configs names the folder above `datasets`"),
            false => error,
        }
    };
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
        let rows = [["北京".to_owned(), "10".to_owned()], ["bcd".to_owned(), "２".to_owned()]];
        assert_eq!(aligned(&rows), "北京  10\nbcd   ２\n");
    }
}
