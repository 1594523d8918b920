//! Rows and corpora of the quick start, as text, as data and as pages.

use crate::program::{fixture, knowcoder, must, root, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// `knowcoder data …` on the shipped configurations, in a locale that has all signs.
fn data(arguments: &[&str]) -> Command {
    let mut command = knowcoder(&["data"]);
    command
        .args(arguments)
        .args(["--configs", &path(&root().join("configs"))])
        .env("LC_ALL", "C.UTF-8")
        .env_remove("KNOWCODER_DATA");
    command
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn text(command: Command) -> String {
    String::from_utf8(must(command).stdout).unwrap()
}

fn json(mut command: Command) -> Value {
    command.arg("--json");
    serde_json::from_slice(&must(command).stdout).unwrap()
}

/// The tokenizer that is shipped.
fn tokenizer() -> String {
    path(&root().join("configs/quickstart/base"))
}

/// A page runs nothing and asks for nothing.
fn assert_offline(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for forbidden in ["<script", "src=", "url(", "@import", "<link rel=\"stylesheet"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn rows_of_a_run_are_shown_as_text_data_and_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut prepare = knowcoder(&["data", "prepare"]);
    prepare.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run);
    must(prepare);
    let run = path(&run);

    // The last phase, one row: whatever it is, it fits the terminal and has no colours in a pipe.
    let shown = text(data(&["inspect", &run]));
    assert!(shown.contains("row 0") && shown.contains("loss from position"), "{shown}");
    assert!(!shown.contains('\x1b'), "{shown}");

    // A whole group: its prefix once, positions of every suffix from there on.
    let found = json(data(&["inspect", &run, "--phase", "instruction", "--row", "1", "--group"]));
    let group = &found["groups"][0];
    let members = group["members"].as_array().unwrap();
    assert_eq!(found["phase"], "2-instruction");
    assert!(members.len() > 1, "{found}");
    let prefix = group["prefix"]["tokens"].as_array().unwrap().len();
    for member in members {
        let tokens = |part: &str| member[part]["tokens"].as_array().unwrap().clone();
        let all: Vec<Value> = tokens("prompt").into_iter().chain(tokens("answer")).collect();
        for (place, token) in all.iter().enumerate() {
            let position = prefix + place;
            assert_eq!(token["position"], position);
            let learned = position as u64 >= member["loss_from"].as_u64().unwrap();
            assert_eq!(token["supervised"], learned);
        }
        assert!(member["answer"]["text"].as_str().unwrap().starts_with("results = ["));
    }

    // A sample by its name is found in all phases, the first one first; a text in its row.
    let id = members[0]["sample_id"].as_str().unwrap();
    let again = json(data(&["inspect", &run, "--id", id]));
    assert_eq!(again["phase"], "0-schema-understanding");
    let of_id = again["groups"][0]["members"][0]["sample_id"].as_str().unwrap();
    assert!(of_id.starts_with(id), "{of_id}");
    let text_of = |value: &Value| value["groups"][0]["members"][0]["prompt"]["text"].to_string();
    let some = json(data(&["inspect", &run, "--phase", "2", "--find", "sentence = "]));
    assert!(text_of(&some).contains("sentence = "), "{some}");

    // Chance is repeatable, and rows of one page are as many as were asked for.
    let random = ["inspect", &run, "--random", "--seed", "7", "--rows", "5"];
    assert_eq!(json(data(&random)), json(data(&random)));
    let html = path(&folder.path().join("pages/rows.html"));
    let said = text(data(&[&random[..], &["--html", &html]].concat()));
    assert!(said.contains("rows.html: 5 rows of "), "{said}");
    let page = std::fs::read_to_string(&html).unwrap();
    assert_offline(&page);
    assert_eq!(page.matches("<article id=\"row-").count(), 5);
    assert_eq!(page.matches("<a href=\"#row-").count(), 5);

    // What is not there is said.
    for (arguments, expected) in [
        (["--row", "99999"], "error: there is no row 99999, counted from 0, in `2-instruction`"),
        (["--id", "nobody"], "error: there is no sample `nobody` in `0-schema-understanding`"),
        (["--find", "\u{10fffd}"], "error: no prompt or answer holds"),
        (["--phase", "9"], "has no phase `9`\nhint: it has `0-schema-understanding`, `1-align"),
    ] {
        let output = data(&[&["inspect", run.as_str()][..], &arguments].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn rows_that_nobody_prepared_are_made_to_be_looked_at() {
    let recipe = path(&fixture("tiny.toml"));
    let shown = json(data(&["inspect", &recipe, "--phase", "alignment", "--rows", "2"]));
    assert_eq!(shown["phase"], "alignment");
    assert_eq!(shown["groups"][0]["members"][0]["task"], "alignment");

    let dataset = ["inspect", "quickstart-ner-zh:test-names", "--tokenizer", &tokenizer()];
    let shown = json(data(&dataset));
    assert_eq!(shown["groups"][0]["members"][0]["language"], "zh");
    let without = data(&dataset[..2]).output().unwrap();
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("need a tokenizer\nhint: --tokenizer"));
    let unknown = data(&["inspect", "quickstart-ner-xh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(64));
    assert!(stderr(&unknown).contains("hint: did you mean `quickstart-ner-"));
}

#[test]
fn corpora_are_counted_by_split_language_and_task() {
    let names = ["quickstart-en", "quickstart-zh", "quickstart-parallel"];
    let stats = |more: &[&str]| {
        data(&[&["stats"][..], &names, &["--tokenizer", &tokenizer()], more].concat())
    };
    let shown = text(stats(&[]));
    for expected in
        ["  entities    ", "tokens a word", "tokens a character", "\nlanguage  ", "\ntask  "]
    {
        assert!(shown.contains(expected), "no {expected} in {shown}");
    }
    let drawn = text(stats(&["--histograms", "--ascii"]));
    assert!(drawn.contains("###") && !drawn.contains('█'), "{drawn}");
    for line in shown.lines().chain(drawn.lines()) {
        // Quick start's classes are written in letters of one column.
        assert!(line.chars().count() <= 80, "{line}");
    }

    let found = json(stats(&[]));
    let split = &found["datasets"][0]["splits"][0];
    assert_eq!((&split["split"], &split["sentences"]), (&"test-frames".into(), &180.into()));
    let bins = |histogram: &Value| -> u64 {
        let bins = histogram["bins"].as_array().unwrap();
        bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum()
    };
    for histogram in [&split["lengths"], &split["tokens"]["lengths"], &split["tasks"]["ner"]] {
        assert_eq!(bins(histogram), 180, "{histogram}");
    }
    let languages = found["languages"].as_array().unwrap();
    let unit = |code: &str| {
        let found = languages.iter().find(|it| it["language"] == code).unwrap();
        assert_eq!(found["datasets"], 2, "{found}");
        assert!(found["texts"]["tokens"]["fertility"].as_f64().unwrap() > 0.5, "{found}");
        found["texts"]["tokens"]["unit"].as_str().unwrap().to_owned()
    };
    assert_eq!((unit("en"), unit("zh")), ("word".to_owned(), "character".to_owned()));

    let folder = tempfile::tempdir().unwrap();
    let html = path(&folder.path().join("stats.html"));
    assert!(text(stats(&["--html", &html])).ends_with("stats.html: 3 datasets\n"));
    let page = std::fs::read_to_string(&html).unwrap();
    assert_offline(&page);
    assert!(page.contains("<rect ") && page.contains("quickstart-parallel"));
}

#[test]
fn all_means_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = data(&["stats", "--all"]);
    command.arg("--data-root").arg(folder.path());
    let found = json(command);
    let names: Vec<&str> = found["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["dataset"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"quickstart-en") && !names.contains(&"wnut17"), "{names:?}");
    assert!(found["absent"].as_array().unwrap().iter().any(|split| split == "wnut17:test"));
    assert_eq!(found["failed"], serde_json::json!([]));
}
