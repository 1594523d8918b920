//! A page from a small run directory.
#![allow(clippy::unwrap_used)]

mod pages;

use super::*;
use data_pipeline::score::{Protocol, Scores, Set, score};
use std::fs;

const PREDICTIONS: &str = r#"{"id":"d/1","dataset":"quick-names","language":"en","task":"ner","sentence":"Ann <script>alert(1)</script> Rome","answer":"results = [\n\tPerson(\"Ann\")]","gold":[{"type":"Person","name":"Ann","start":0,"end":3},{"type":"City","name":"Rome","start":30,"end":34}],"predicted":[{"type":"Person","name":"Ann","start":0,"end":3}],"flaws":["unclosed: expected `)`"],"prompt_tokens":9,"answer_tokens":4}
{"id":"d/2","dataset":"quick-names","language":"zh","task":"ner","sentence":"安在罗马。","gold":[{"type":"Person","name":"安","start":0,"end":1}],"predicted":[]}
{"id":"r/1","dataset":"conll04","language":"en","task":"re","sentence":"Ann is with the UN","gold":[{"type":"WorksFor","head":{"type":"Person","name":"Ann"},"tail":{"name":"UN"}}],"predicted":[]}
"#;

/// A run directory with every file that a report reads.
fn run_dir() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("predictions/final")).unwrap();
    fs::create_dir_all(root.join("prepared/en")).unwrap();
    let path = root.join("predictions/final/all.jsonl");
    fs::write(&path, PREDICTIONS).unwrap();
    // Half a line of one rank's part, which is not for the reader.
    fs::write(root.join("predictions/final/all.rank-0.jsonl"), "{\n").unwrap();
    let sets = Set::group(predictions::read(&path).unwrap());
    let mut scores = Scores::from(score(&sets, &Protocol::ALL));
    scores.floors.insert("quick-names".to_owned(), 12.5);
    scores.papers.insert("quick-names/en/ner".to_owned(), 94.7);
    scores.baselines.insert("untrained".to_owned(), scores.rows.clone());
    scores.write(&root.join("scores.json")).unwrap();
    fs::write(root.join("recipe.lock"), "[run]\nname = \"a & b\"\nseed = 42\n").unwrap();
    let step = r#"{"phase":"instruction","step":1,"loss":2.5,"learning_rate":1e-3,"gradient_norm":0.5,"samples":8,"tokens":900,"supervised_tokens":90,"seconds":0.5,"tokens_per_second":1800}"#;
    fs::write(root.join("metrics.jsonl"), format!("{step}\n{step}\n{{\"pha")).unwrap();
    let started =
        r#"{"time":"2026-03-01T09:30:00Z","event":"started","world":2,"revision":"4f2a91c"}"#;
    fs::write(root.join("events.jsonl"), format!("{started}\n")).unwrap();
    directory
}

#[test]
fn the_page_shows_every_row_and_runs_nothing() {
    let directory = run_dir();
    let path = write(directory.path()).unwrap().report;
    let page = fs::read_to_string(&path).unwrap();
    for expected in [
        "<h1 dir=\"auto\">a &amp; b</h1>",
        "2026-03-01 09:30:00 UTC",
        "4f2a91c",
        "<dd dir=\"auto\">2</dd>",
        "<bdi>quick-names</bdi> <span class=\"tag\">en</span>",
        "<bdi>quick-names</bdi> <span class=\"tag\">zh</span>",
        "<bdi>conll04</bdi>",
        "<bdi>mean of languages</bdi>",
        "<code>knowcoder-2024</code>",
        "<td>12.5</td>",
        "<td>94.7</td>",
        "The paper's settings differ",
        "aria-label=\"loss by step\"",
        "median 1.8 k",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<mark class=\"correct\">Ann<small><bdi>✓ Person</bdi></small></mark>",
        "<bdi>Ann</bdi> → <bdi>UN</bdi>",
        "unclosed",
        "name = &quot;a &amp; b&quot;",
        "<a href=\"errors.html\">",
    ] {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
    for forbidden in ["<script", "http:", "https:", "src=", "url(", "@import", "NaN"] {
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
    // Every element that is opened is closed.
    for element in ["table", "tr", "td", "th", "details", "mark", "small", "section", "div", "ul"] {
        let opened = page.matches(&format!("<{element} ")).count()
            + page.matches(&format!("<{element}>")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn a_run_that_has_just_begun_has_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(write(directory.path()).unwrap().report).unwrap();
    assert!(page.contains("This run directory holds nothing to show yet."));
    fs::write(directory.path().join("scores.json"), "{\"rows\":[]}").unwrap();
    fs::write(directory.path().join("metrics.jsonl"), "").unwrap();
    write(directory.path()).unwrap();
}

#[test]
fn a_wrong_file_is_named_and_the_old_page_stays() {
    let directory = run_dir();
    let page = write(directory.path()).unwrap().report;
    let before = fs::read(&page).unwrap();
    fs::write(directory.path().join("predictions/final/all.jsonl"), "{}\n").unwrap();
    let error = write(directory.path()).err().unwrap();
    assert!(error.to_string().contains("all.jsonl:1: column 2: missing field `id`"), "{error}");
    assert_eq!(fs::read(&page).unwrap(), before);
    assert_eq!(write(&directory.path().join("none")).err().unwrap().exit_code(), 64);
}
