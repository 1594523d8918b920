//! Declarations are what they must be, tables say what keeps their numbers apart.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::Task;
use crate::concepts::{Concepts, Outcome};
use crate::corpus::Corpus;
use crate::score::{Protocol, Quality};
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
    check_refusal(
        "column = \"en\"",
        "colum = \"en\"",
        expect!["configs/benchmarks/x.toml:6:1: unknown key `colum`; did you mean `column`?"],
    );
    check_refusal(
        "column = \"de\"",
        "column = \"en\"",
        expect!["configs/benchmarks/x.toml:12:1: a second column `en`; give it another name"],
    );
    check_refusal(
        "\"en\", \"de\"",
        "\"en\", \"dee\"",
        expect![
            "configs/benchmarks/x.toml:24:1: `mean of 2` is a mean of the column `dee`, which is not known; did you mean `de`?"
        ],
    );
    check_refusal(
        "[\"en\", \"de\"]",
        "[]",
        expect!["configs/benchmarks/x.toml:24:1: `mean of 2` is a mean of no column; write `of`"],
    );
    check_refusal(
        "protocol = \"set\"",
        "protocol = \"sett\"",
        expect![
            "configs/benchmarks/x.toml:34:1: `Another one` has the protocol `sett`, which is not known; did you mean `set`?"
        ],
    );
    check_refusal(
        "de = 40",
        "fr = 40",
        expect![
            "configs/benchmarks/x.toml:32:29: `A method` has a value for the column `fr`, which is not known; known are `en`, `de`, `a further one`, `mean of 2`"
        ],
    );
    check_refusal(
        "de = 40",
        "de = 140",
        expect!["configs/benchmarks/x.toml:32:29: `de = 140` is no F1 in percent: 0 to 100"],
    );
    check_refusal(
        "\"Another one\"",
        "\"A method\"",
        expect!["configs/benchmarks/x.toml:34:1: `A method` has a row already; put both together"],
    );
    check_refusal(
        "\"its code\"",
        "\" \"",
        expect![
            "configs/benchmarks/x.toml:34:1: `Another one` has an empty `source`; say where its numbers are from"
        ],
    );
    check_refusal(
        "task = \"ner\"",
        "task = \"nerr\"",
        expect!["configs/benchmarks/x.toml:9:8: unknown value `nerr`; did you mean `ner`?"],
    );
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
        shots: 0,
        limit: None,
        sentences: 1000,
        undefined: None,
        f1,
        interval: f1.map(|f1| (f1 - 1.0, f1 + 1.0)),
        quality: Quality::default(),
    }
}

fn run(name: &str, filled: Vec<Filled>) -> Run {
    Run { name: name.to_owned(), filled, about: Vec::new() }
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
    expect![[r#"
        A table
        What to know.

                                                  a further one
                                     en   de (a)            (b)  mean of 2
        ──────────────────────────────────────────────────────────────────
        A method [1]              50.25     40.0              –       45.1
        Another one [2]            30.5        –              –          –
        supervised [3]             90.0        –              –          –
        ──────────────────────────────────────────────────────────────────
        whole                     55.31     20.0        not run       37.7
          to the best published    +5.1    -20.0              –       -7.4
        limited                   10.0*  not run        not run          –
          to the best published  -40.2*        –              –          –
        other                     10.0*    empty        not run          –
          to the best published  -40.2*        –              –          –

        (a) we drop dates
        (b) not declared here
        [1] its paper; scorer unknown, ours is `set`
        [2] its code; scorer `set`, as ours
        [3] its paper; scorer `iepile`, ours is `set`: another count; a bound, no rival:
            trained on what the others have not seen; a sample
        * limited, en: only the first 300 sentences were asked
        - limited, de: `set-de:test` was asked for `ner` in `de`, not `:dev` for `ner`
          in `de`
        * other, en: 999 sentences, where the sources have 1000
        F1 in percent; our rows under the protocol `set`. `not run`: no receipt in the
        run's directory for exactly this test set, split and task.
    "#]]
    .assert_eq(&shown);
    expect![[r#"
        # A table

        What to know.

        |  | en | de (a) | a further one (b) | mean of 2 |
        |---|---:|---:|---:|---:|
        | A method [1] | 50.25 | 40.0 | – | 45.1 |
        | Another one [2] | 30.5 | – | – | – |
        | supervised [3] | 90.0 | – | – | – |
        | whole | 55.31 | 20.0 | not run | 37.7 |
        | to the best published | +5.1 | -20.0 | – | -7.4 |
        | limited | 10.0\* | not run | not run | – |
        | to the best published | -40.2\* | – | – | – |
        | other | 10.0\* | empty | not run | – |
        | to the best published | -40.2\* | – | – | – |

        - `(a)` we drop dates
        - `(b)` not declared here
        - `[1]` its paper; scorer unknown, ours is `set`
        - `[2]` its code; scorer `set`, as ours
        - `[3]` its paper; scorer `iepile`, ours is `set`: another count; a bound, no rival: trained on what the others have not seen; a sample
        - `*` limited, en: only the first 300 sentences were asked
        - limited, de: `set-de:test` was asked for `ner` in `de`, not `:dev` for `ner` in `de`
        - `*` other, en: 999 sentences, where the sources have 1000
        - F1 in percent; our rows under the protocol `set`.
    "#]].assert_eq(&markdown(&table));

    let json = serde_json::to_value(&table).unwrap();
    assert_eq!(json["rows"][3]["entries"][0]["interval"], serde_json::json!([54.31, 56.31]));
    assert_eq!(json["rows"][3]["entries"][2]["status"], "not-run");
    assert_eq!(json["rows"][4]["entries"][0]["to"], "A method");
}

/// The entries of the only run, as they are shown, and the notes of it.
fn told(declared: &str, run: Run, protocol: Protocol) -> (Vec<String>, Vec<String>) {
    let table = Table::new(&parsed(declared).unwrap(), &[run], protocol);
    let ours = table.rows.iter().find(|row| row.kind == Kind::Ours).unwrap();
    let notes = table.notes.iter().map(|note| note.text.clone());
    let notes = notes.filter(|text| text.starts_with("ours")).collect();
    (ours.entries.iter().map(Entry::shown).collect(), notes)
}

#[test]
fn demonstrations_are_part_of_the_question() {
    let of = |shots: usize, f1: f64| Filled { shots, ..filled("set-en", "test", "en", Some(f1)) };
    let check = |declared: &str, shots: &[(usize, f64)], shown: &str, note: &[&str]| {
        let asked = shots.iter().map(|(shots, f1)| of(*shots, *f1)).collect();
        let (entries, notes) = told(declared, run("ours", asked), Protocol::Set);
        assert_eq!(
            (entries[0].as_str(), notes),
            (shown, note.iter().map(|it| (*it).into()).collect())
        );
    };
    let few = TABLE.replacen("about =", "shots = 5\nabout =", 1);
    let cell = TABLE.replacen("sentences = 1000", "sentences = 1000\nshots = 5", 1);
    for few in [&few, &cell] {
        check(few, &[(0, 10.0), (5, 20.0)], "20.0", &[]);
        let note = "ours, en: asked with 0 demonstrations, not 5";
        check(few, &[(0, 10.0)], "not run", &[note]);
    }
    check(TABLE, &[(5, 20.0)], "not run", &["ours, en: asked with 5 demonstrations, not 0"]);
    check(TABLE, &[(5, 20.0), (0, 10.0)], "10.0", &[]);
    // A cell's own number goes before the table's.
    let zero = few.replacen("sentences = 1000", "sentences = 1000\nshots = 0", 1);
    check(&zero, &[(0, 10.0)], "10.0", &[]);
}

#[test]
fn what_a_number_does_not_show_stands_in_notes() {
    let quality = Quality { unread: 3, invented: 2, outside: 0, cut: 1 };
    let asked = vec![
        Filled { quality, ..filled("set-en", "test", "en", Some(10.0)) },
        Filled { undefined: Some("no tags".into()), ..filled("set-de", "dev", "de", None) },
    ];
    let ours = Run { about: vec!["held to a grammar".into()], ..run("ours", asked) };
    let (entries, notes) = told(TABLE, ours.clone(), Protocol::Seqeval);
    assert_eq!(entries, ["10.0", "not defined", "not run", "–"]);
    assert_eq!(
        notes,
        [
            "ours: held to a grammar",
            "ours, de: not defined: no tags",
            "ours: answers not read whole: 3; cut: 1; objects invented: 2; classes not offered: 0",
        ]
    );
    let table = Table::new(&parsed(TABLE).unwrap(), &[ours], Protocol::Seqeval);
    let json = serde_json::to_value(&table).unwrap();
    let expected = serde_json::json!({"unread": 3, "invented": 2, "cut": 1});
    assert_eq!(json["rows"][3]["entries"][0]["answers"], expected);
    assert_eq!(json["rows"][3]["entries"][1]["status"], "not-defined");
    assert_eq!(json["rows"][0]["entries"][0].get("answers"), None);
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
    for (layout, expected) in [
        (
            "methods-in-rows",
            expect![[r#"
            Wide

                                            a set 0  a set 1  a set 2  a set 3  a set 4
            ───────────────────────────────────────────────────────────────────────────
            A method with a name (13B) [1]        –        –        –    12.34        –
            ───────────────────────────────────────────────────────────────────────────
            ours                            not run  not run  not run  not run  not run

                                            a set 5  a set 6  a set 7  a set 8  a set 9
            ───────────────────────────────────────────────────────────────────────────
            A method with a name (13B) [1]        –        –        –        –        –
            ───────────────────────────────────────────────────────────────────────────
            ours                            not run  not run  not run  not run  not run

                                            a set 10  a set 11  a set 12  a set 13
            ──────────────────────────────────────────────────────────────────────
            A method with a name (13B) [1]         –         –         –         –
            ──────────────────────────────────────────────────────────────────────
            ours                             not run   not run   not run   not run

            - not declared here
            [1] s; scorer `set`, as ours
            F1 in percent; our rows under the protocol `set`. `not run`: no receipt in the
            run's directory for exactly this test set, split and task.
        "#]],
        ),
        (
            "methods-in-columns",
            expect![[r#"
            Wide

                      A method with
                       a name (13B)
                                [1]     ours
            ────────────────────────────────
            a set 0               –  not run
            a set 1               –  not run
            a set 2               –  not run
            a set 3           12.34  not run
            a set 4               –  not run
            a set 5               –  not run
            a set 6               –  not run
            a set 7               –  not run
            a set 8               –  not run
            a set 9               –  not run
            a set 10              –  not run
            a set 11              –  not run
            a set 12              –  not run
            a set 13              –  not run

            - not declared here
            [1] s; scorer `set`, as ours
            F1 in percent; our rows under the protocol `set`. `not run`: no receipt in the
            run's directory for exactly this test set, split and task.
        "#]],
        ),
    ] {
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
            let outcomes = concepts.outcomes(&corpus).unwrap();
            let is_lost = |outcome: &Outcome| match &outcome.class {
                None => !is_nothing(&outcome.label),
                shared => outcomes.iter().filter(|other| other.class == *shared).count() > 1,
            };
            let lossy = outcomes.iter().any(is_lost);
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
