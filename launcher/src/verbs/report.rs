//! `knowcoder report`: a run as a page, or runs in a table of a paper.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};
use crate::report;
use crate::table;
use data_pipeline::benchmark::{Benchmark, Note, Table, markdown, text};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use trainer::RunDir;

/// Writes the page of a run and says where it is; with a table, prints that instead.
pub fn report(args: &cli::Report) -> Result<Answer, Error> {
    if let Some(name) = &args.table {
        return match name.as_str() {
            "list" => tables(&args.configs.join("benchmarks")),
            name => filled(args, name),
        };
    }
    let [run] = args.runs.as_slice() else {
        let message = format!("a page is of one run, and {} are named", args.runs.len());
        return Err(Error::new(exit::USAGE, message).hint("--table puts several into one table"));
    };
    if !RunDir::new(run).recipe_lock().is_file() {
        let message =
            format!("`{}` is not the directory of a run: it has no recipe.lock", run.display());
        return Err(Error::new(exit::DECLARATION, message).hint("name one like runs/NAME"));
    }
    let path = report::write(run)?;
    Ok(Answer::new(format!("{}\n", path.display()), json!({"report": path})))
}

/// The names of all tables with their titles.
fn tables(folder: &Path) -> Result<Answer, Error> {
    let benchmarks = Benchmark::all(folder)?;
    let width = benchmarks.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Benchmark { name, title, .. } in &benchmarks {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:width$}  {title}");
    }
    let named = |it: &Benchmark| json!({"name": it.name, "title": it.title});
    Ok(Answer::new(text, json!({"tables": benchmarks.iter().map(named).collect::<Vec<_>>()})))
}

/// One table with the runs in it.
fn filled(args: &cli::Report, name: &str) -> Result<Answer, Error> {
    let benchmark = Benchmark::named(&args.configs.join("benchmarks"), name)?;
    let (mut runs, mut left_out) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for directory in &args.runs {
        let answered = table::read(directory, args.protocol)?;
        left_out.extend(answered.left_out);
        for mut run in answered.runs {
            // Two runs of one recipe are told apart by their directories.
            let known = names.entry(run.name.clone()).or_default();
            *known += 1;
            if *known > 1 {
                run.name = format!("{} in {}", run.name, directory.display());
            }
            runs.push(run);
        }
    }
    let mut table = Table::new(&benchmark, &runs, args.protocol);
    let not_counted =
        |text: String| Note { mark: String::new(), text: format!("not counted: {text}") };
    table.notes.extend(left_out.into_iter().map(not_counted));
    let json = serde_json::to_value(&table)
        .map_err(|error| Error::new(exit::BUG, format!("the table cannot be written: {error}")))?;
    let shown = if args.markdown { markdown(&table) } else { text(&table) };
    Ok(Answer::new(shown, json))
}
