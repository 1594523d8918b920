//! `knowcoder reproduce`: does a run again from its lock, and holds the two against each other.

use super::{Answer, ledger, run};
use crate::cli;
use crate::error::{Error, exit};
use crate::reproduce::{Deviation, Earlier, compare, earlier, of_data, of_surroundings, original};
use data_pipeline::predictions::replace;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use trainer::collective::hello::program_sha256;
use trainer::{Recipe, RunDir};

/// Does a run again elsewhere, and says whether the same came out.
pub fn reproduce(args: &cli::Reproduce) -> Result<Answer, Error> {
    let original = original(&args.run)?;
    let recipe = Recipe::load(&original.recipe_lock(), &[])?;
    let again = RunDir::new(beside(args));
    if same_place(&original, &again) {
        let message = format!("`{}` is the run itself", again.root().display());
        return Err(Error::new(exit::DECLARATION, message)
            .hint("give --run-dir a directory that is not there yet"));
    }
    let before = earlier(&original, &again)?;
    if before.as_ref().is_some_and(|before| before.is_done) {
        run::check_same(&recipe, &original.recipe_lock(), &again)?;
    } else {
        let done = run_again(args, &original, &again)?;
        if done.code != exit::DONE {
            return Ok(done);
        }
    }
    // What the user wrote is what the user wrote, not what it was resolved to.
    if let Ok(written) = std::fs::read(original.recipe()) {
        replace(&again.recipe(), &written)?;
    }
    let mut deviations = of_surroundings(&original, &again)?;
    deviations.extend(of_data(&recipe, &original, &again));
    answer(&original, &again, &deviations, before.as_ref())
}

/// Does `original` in `again` from where that is.
fn run_again(args: &cli::Reproduce, original: &RunDir, again: &RunDir) -> Result<Answer, Error> {
    let cluster = match &args.cluster {
        Some(cluster) => cluster.clone(),
        None => original.cluster(),
    };
    run::run(&cli::Run {
        recipe: cli::RecipeArgs { recipe: original.recipe_lock(), sets: Vec::new() },
        cluster: Some(cluster),
        run_dir: Some(again.root().to_owned()),
        data: args.data.clone(),
        shards: None,
        dry_run: false,
        tui: false,
    })
}

/// What the two have in common, and what not.
fn answer(
    original: &RunDir,
    again: &RunDir,
    deviations: &[Deviation],
    before: Option<&Earlier>,
) -> Result<Answer, Error> {
    let comparison = compare(original, again)?;
    let ledgers = ledger::diff(&cli::LedgerDiff {
        a: original.root().to_owned(),
        b: again.root().to_owned(),
        tolerance: 0.0,
        so_far: false,
    })?;
    let equal = comparison.equal && ledgers.code == exit::DONE;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "`{}` again in `{}`", original.root().display(), again.root().display());
    if let Some(before) = before {
        let own = program_sha256().unwrap_or_default();
        let sentence = before.sentence(&again.root().display().to_string(), &own);
        let _ = writeln!(text, "{sentence}");
    }
    for deviation in deviations {
        let _ = writeln!(text, "deviates: {}", deviation.sentence());
    }
    if deviations.is_empty() {
        text += "deviates: nothing\n";
    }
    let _ = write!(text, "ledger: {}{}", ledgers.text, comparison.text());
    Ok(Answer {
        text,
        json: json!({
            "run": original.root(),
            "again": again.root(),
            "earlier": before,
            "equal": equal,
            "deviations": deviations,
            "comparison": comparison,
            "ledger": ledgers.json,
        }),
        code: if equal { exit::DONE } else { exit::DATA },
    })
}

/// Where the run is done again.
fn beside(args: &cli::Reproduce) -> PathBuf {
    match &args.run_dir {
        Some(run_dir) => run_dir.clone(),
        None => {
            let name = args.run.file_name().unwrap_or_default().to_string_lossy();
            args.run.with_file_name(format!("{name}-again"))
        }
    }
}

/// Whether both are one directory, however it is spelt.
fn same_place(a: &RunDir, b: &RunDir) -> bool {
    let real = |run_dir: &RunDir| run_dir.root().canonicalize().ok();
    real(a).is_some() && real(a) == real(b)
}
