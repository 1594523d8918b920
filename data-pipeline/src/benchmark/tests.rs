//! Declarations are what they must be, tables say what keeps their numbers apart.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::Task;
use crate::concepts::{Concepts, Fate};
use crate::corpus::Corpus;
use crate::score::Protocol;
use crate::width::columns;
use expect_test::{Expect, expect};
use std::path::{Path, PathBuf};

const TABLE: &str = r#"
title = "A table"
about = "What to know."

[[cell]]
column = "en"
dataset = "set-en"
language = "en"
task = "ner"
sentences = 1000

[[cell]]
column = "de"
dataset = "set-de:dev"
language = "de"
task = "ner"
note = "we drop dates"

[[cell]]
column = "a further one"
language = "fr"
task = "ner"

[[average]]
column = "mean of 2"
of = ["en", "de"]

[[published]]
method = "A method"
source = "its paper"
protocol = "unknown"
values = { en = 50.25, de = 40, "mean of 2" = 45.1 }

[[published]]
method = "Another one"
source = "its code"
protocol = "set"
values = { en = 30.5 }

[[published]]
method = "supervised"
source = "its paper"
protocol = "iepile"
note = "a sample"
bound = true
values = { en = 90.0 }
"#;

fn parsed(text: &str) -> Result<Benchmark, crate::Error> {
    Benchmark::parse(text, Path::new("configs/benchmarks/x.toml"))
}

fn check_refusal(from: &str, to: &str, expected: Expect) {
    assert!(TABLE.contains(from), "{from}");
    let error = parsed(&TABLE.replacen(from, to, 1)).unwrap_err();
    assert_eq!(error.exit_code(), 64);
    expected.assert_eq(&error.to_string());
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line() {
    check_refusal("column = \"en\"", "colum = \"en\"", expect![[""]]);
    check_refusal("column = \"de\"", "column = \"en\"", expect![[""]]);
    check_refusal("\"en\", \"de\"", "\"en\", \"dee\"", expect![[""]]);
    check_refusal("[\"en\", \"de\"]", "[]", expect![[""]]);
    check_refusal("protocol = \"set\"", "protocol = \"sett\"", expect![[""]]);
    check_refusal("de = 40", "fr = 40", expect![[""]]);
    check_refusal("de = 40", "de = 140", expect![[""]]);
    check_refusal("\"Another one\"", "\"A method\"", expect![[""]]);
    check_refusal("\"its code\"", "\" \"", expect![[""]]);
    check_refusal("task = \"ner\"", "task = \"nerr\"", expect![[""]]);
    let error = Benchmark::named(&folder(), "multiconer2").unwrap_err().to_string();
    assert!(
        error.ends_with("no table `multiconer2` is declared; did you mean `multiconer22`?"),
        "{error}"
    );
}

fn filled(dataset: &str, split: &str, language: &str, f1: Option<f64>) -> Filled {
    Filled {
        dataset: dataset.to_owned(),
        split: split.to_owned(),
        language: language.to_owned(),
        task: Task::Ner,
        limit: None,
        sentences: 1000,
        f1,
        interval: f1.map(|f1| (f1 - 1.0, f1 + 1.0)),
    }
}

fn run(name: &str, filled: Vec<Filled>) -> Run {
    Run { name: name.to_owned(), filled }
}

#[test]
fn our_rows_stand_below_with_what_keeps_them_apart() {
    let whole = vec![
        filled("set-en", "test", "en", Some(55.31)),
        // Asked twice: the whole set counts.
        Filled { limit: Some(10), sentences: 10, ..filled("set-en", "test", "en", Some(99.0)) },
        filled("set-de", "dev", "de", Some(20.0)),
    ];
    let limited = vec![
        Filled { limit: Some(300), sentences: 300, ..filled("set-en", "test", "en", Some(10.0)) },
        filled("set-de", "test", "de", Some(99.0)),
    ];
    let other = vec![
        Filled { sentences: 999, ..filled("set-en", "test", "en", Some(10.0)) },
        filled("set-de", "dev", "de", None),
    ];
    let runs = [run("whole", whole), run("limited", limited), run("other", other)];
    let table = Table::new(&parsed(TABLE).unwrap(), &runs, Protocol::Set);
    let shown = text(&table);
    assert!(shown.lines().all(|line| columns(line) <= 80), "{shown}");
    expect![[""]].assert_eq(&shown);
    expect![[""]].assert_eq(&markdown(&table));

    let json = serde_json::to_value(&table).unwrap();
    assert_eq!(json["rows"][3]["entries"][0]["interval"], serde_json::json!([54.31, 56.31]));
    assert_eq!(json["rows"][3]["entries"][2]["status"], "not-run");
    assert_eq!(json["rows"][4]["entries"][0]["to"], "A method");
}

#[test]
fn a_wide_table_breaks_into_blocks_and_methods_may_stand_in_columns() {
    let cells: String = (0..14)
        .map(|number| {
            format!("[[cell]]\ncolumn = \"a set {number}\"\nlanguage = \"en\"\ntask = \"re\"\n")
        })
        .collect();
    let rows = "[[published]]\nmethod = \"A method with a name (13B)\"\nsource = \"s\"\nprotocol = \"set\"\nvalues = { \"a set 3\" = 12.34 }\n";
    let wide = format!("title = \"Wide\"\n{cells}{rows}");
    for (layout, expected) in
        [("methods-in-rows", expect![[""]]), ("methods-in-columns", expect![[""]])]
    {
        let benchmark = parsed(&format!("layout = \"{layout}\"\n{wide}")).unwrap();
        let table = Table::new(&benchmark, &[run("ours", Vec::new())], Protocol::Set);
        let shown = text(&table);
        assert!(shown.lines().all(|line| columns(line) <= 80), "{shown}");
        expected.assert_eq(&shown);
    }
}

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

fn folder() -> PathBuf {
    configs().join("benchmarks")
}

#[test]
fn every_test_set_of_the_tables_is_declared_and_differences_are_said() {
    let concepts = Concepts::load(&configs().join("concepts")).unwrap();
    let mut faults = Vec::new();
    for benchmark in Benchmark::all(&folder()).unwrap() {
        for cell in &benchmark.cells {
            let mut fault = |what: String| {
                faults.push(format!("{}, {}: {what}", benchmark.name, cell.column));
            };
            let Some(dataset) = &cell.dataset else { continue };
            let path = configs().join(format!("datasets/{dataset}.toml"));
            let corpus = match Corpus::load(&path, Path::new("nowhere")) {
                Ok(corpus) => corpus,
                Err(error) => {
                    fault(error.to_string());
                    continue;
                }
            };
            if corpus.language() != cell.language {
                fault(format!("is in `{}`, not `{}`", corpus.language(), cell.language));
            }
            if !corpus.splits().contains(&cell.split.as_str()) {
                fault(format!("has no split `{}`", cell.split));
            }
            if !corpus.tasks().contains(&cell.task) {
                fault(format!("is not annotated for `{}`", cell.task));
            }
            // What says that there is nothing is no class that could be missed.
            let is_nothing = |label: &str| {
                ["other", "na", "none", "no_relation", "unknown"]
                    .contains(&label.to_lowercase().as_str())
            };
            let lossy = concepts.outcomes(&corpus).unwrap().into_iter().any(|outcome| {
                matches!(outcome.fate, Fate::Dropped | Fate::Merged) && !is_nothing(&outcome.label)
            });
            // Labels of a corpus for several tasks are of them all: they say nothing of one.
            if lossy && (corpus.tasks().len() == 1 || cell.task == Task::Ner) && cell.note.is_none()
            {
                fault("drops or merges labels, and no `note` says so".to_owned());
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn published_means_are_the_means_of_their_cells() {
    let (mut held, mut faults) = (0, Vec::new());
    for benchmark in Benchmark::all(&folder()).unwrap() {
        assert!(!benchmark.published.is_empty(), "{}", benchmark.name);
        for average in &benchmark.averages {
            for row in &benchmark.published {
                let Some(stated) = row.values.get(&average.column) else { continue };
                let cells: Vec<f64> =
                    average.of.iter().filter_map(|it| row.values.get(it)).copied().collect();
                if cells.len() < average.of.len() {
                    continue;
                }
                held += 1;
                let mean = cells.iter().sum::<f64>() / cells.len() as f64;
                if (mean - stated).abs() > 0.06 {
                    let (name, method) = (&benchmark.name, &row.method);
                    faults.push(format!("{name}, {method}, {}: {mean:.2}", average.column));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(held > 5, "{held}");
}
