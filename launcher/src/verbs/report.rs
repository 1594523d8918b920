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

/// Writes the pages of a run and says where they are; with a table, prints that instead.
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
    let pages = report::write(run)?;
    let against = match &args.against {
        Some(other) => Some(report::write_against(run, other)?),
        None => None,
    };
    let compared = against.as_ref().map(|against| &against.page);
    let text: String = std::iter::once(&pages.report)
        .chain(&pages.errors)
        .chain(compared)
        .map(|path| format!("{}\n", path.display()))
        .collect();
    let json = json!({
        "report": pages.report,
        "errors": pages.errors,
        "analysis": pages.analysis,
        "comparison": against,
    });
    Ok(Answer::new(text, json))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// A run with one sentence, of which `said` was predicted.
    fn run(root: &Path, name: &str, gold: &str, said: &str) -> PathBuf {
        let object = |name: &str| json!({"type": "L", "name": name});
        let row = json!({
            "id": "1", "dataset": "d", "language": "en", "task": "ner", "sentence": "in New York",
            "gold": [object(gold)], "predicted": [object(said)],
        });
        let run = root.join(name);
        fs::create_dir_all(run.join("predictions/final")).unwrap();
        fs::write(run.join("recipe.lock"), "").unwrap();
        fs::write(run.join("predictions/final/d.jsonl"), format!("{row}\n")).unwrap();
        run
    }

    fn asked(run: &Path, against: Option<PathBuf>) -> Result<Answer, Error> {
        report(&cli::Report {
            runs: vec![run.to_owned()],
            against,
            table: None,
            markdown: false,
            protocol: Default::default(),
            configs: PathBuf::new(),
        })
    }

    #[test]
    fn the_pages_and_the_analysis_are_told() {
        let root = tempfile::tempdir().unwrap();
        let a = run(root.path(), "a", "New York", "New York");
        let b = run(root.path(), "b", "New York", "York");
        let answer = asked(&a, Some(b.clone())).unwrap();
        let [report, errors, comparison] = answer.text.lines().collect::<Vec<_>>()[..] else {
            panic!("{}", answer.text)
        };
        for (page, name) in
            [(report, "report.html"), (errors, "errors.html"), (comparison, "comparison.html")]
        {
            assert!(page.ends_with(name) && Path::new(page).is_file(), "{page}");
        }
        let json = &answer.json;
        assert_eq!(json["analysis"]["sets"][0]["counts"]["kinds"]["correct"], 1);
        assert_eq!(json["comparison"]["differences"][0]["a_f1"], 100.0);
        assert_eq!(json["comparison"]["contrast"]["sets"][0]["only_a"], 1);
        // A page of an earlier comparison does not stay beside newer ones.
        assert_eq!(asked(&a, None).unwrap().text.lines().count(), 2);
        assert!(!a.join("comparison.html").exists());
        // Without another run; and against the files themselves.
        let answer = asked(&b, None).unwrap();
        assert_eq!(
            answer.json["analysis"]["groups"][0]["boundaries"]["shown"][0]["kind"],
            "too-short"
        );
        assert_eq!(answer.json["comparison"], serde_json::Value::Null);
        asked(&b, Some(a.join("predictions/final"))).unwrap();
    }

    #[test]
    fn runs_that_cannot_be_compared_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let a = run(root.path(), "a", "New York", "New York");
        let check = |other: PathBuf, code: u8, expected: &str| {
            let error = asked(&a, Some(other)).unwrap_err();
            assert!(error.message.contains(expected), "{error}");
            assert_eq!(error.code, code, "{error}");
            assert!(!a.join("comparison.html").exists());
        };
        let other = run(root.path(), "other", "York", "York");
        check(
            other,
            exit::DATA,
            "the gold of ner sentence `1` of `d` (en) is not the same in both",
        );
        check(root.path().join("none"), exit::DECLARATION, "no such directory");
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        check(empty, exit::DECLARATION, "no predictions lie here");
        let apart = root.path().join("apart");
        fs::create_dir(&apart).unwrap();
        let file = fs::read_to_string(a.join("predictions/final/d.jsonl")).unwrap();
        fs::write(apart.join("e.jsonl"), file.replace("\"d\"", "\"e\"")).unwrap();
        check(
            apart,
            exit::DATA,
            "the runs share no benchmark: one answered d (en, ner), the other e (en, ner)",
        );
    }
}
