//! Benchmarks that are asked in several orders, about predicted triggers, and by several ranks; and
//! what is wrong with checkpoints, sets and files when a checkpoint is evaluated.

use crate::program::{cluster, fixture, knowcoder, must, root, run, stderr};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below `predictions`, and when it was written.
fn written(run_dir: &Path) -> BTreeMap<String, SystemTime> {
    let mut files = BTreeMap::new();
    for folder in std::fs::read_dir(run_dir.join("predictions")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap();
            let name = file.path().strip_prefix(run_dir).unwrap().display().to_string();
            files.insert(name, file.metadata().unwrap().modified().unwrap());
        }
    }
    files
}

/// The tiny recipe, trained in `folder`; its last checkpoint.
fn checkpoint(folder: &Path) -> PathBuf {
    must(run(&fixture("tiny.toml"), &folder.join("run"), "one-process", &[]));
    folder.join("run/checkpoints/instruction-000007")
}

/// `knowcoder evaluate --checkpoint DIR --benchmark NAME --out DIR` with more arguments.
fn evaluate(checkpoint: &Path, benchmark: &str, out: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["evaluate", "--benchmark", benchmark]);
    command.arg("--checkpoint").arg(checkpoint).arg("--out").arg(out).args(more);
    command
}

fn refused(output: &Output, code: i32, expected: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(expected), "`{expected}` is not in: {said}");
}

const ROUNDS: [&str; 4] = ["--set", "evaluation.orders=3", "--set", "evaluation.chained=true"];

#[test]
fn a_run_asks_in_several_orders_and_of_predicted_triggers() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = fixture("tiny.toml");
    let output = must(run(&recipe, folder.path(), "laptop", &ROUNDS));
    let place = |name: &str| folder.path().join("predictions").join(name);
    let files: BTreeSet<String> = written(folder.path())
        .into_keys()
        .filter(|name| name.ends_with(".jsonl"))
        .map(|name| name.trim_start_matches("predictions/").to_owned())
        .collect();
    let expected = [
        "final-chained/quickstart-en-en.jsonl",
        "final-order-1/quickstart-en-en.jsonl",
        "final-order-1/quickstart-zh-zh.jsonl",
        "final-order-2/quickstart-en-en.jsonl",
        "final-order-2/quickstart-zh-zh.jsonl",
        "final/quickstart-en-en.jsonl",
        "final/quickstart-zh-zh.jsonl",
    ];
    assert_eq!(files, expected.map(str::to_owned).into());

    // Receipts say what was asked; that of the ordinary prompts is as it ever was.
    let ordinary = json(&place("final/quickstart-en-en.json"));
    assert!(ordinary["question"].get("order").is_none(), "{ordinary}");
    assert!(ordinary["question"].get("triggers").is_none(), "{ordinary}");
    let turned = json(&place("final-order-1/quickstart-en-en.json"));
    assert_eq!(turned["question"]["order"], "1 of seed 5", "{turned}");
    let chained = json(&place("final-chained/quickstart-en-en.json"));
    assert_eq!(chained["question"]["triggers"], ordinary["predictions"], "{chained}");
    let chained = lines(&place("final-chained/quickstart-en-en.jsonl"));
    assert_eq!(chained.len(), 3, "all sentences of the set");
    for prediction in &chained {
        assert_eq!(prediction["dataset"], "quickstart-en (chained)");
        assert_eq!(prediction["task"], "eae");
    }

    // Mean, worst and deviation stand beside the F1, and no best anywhere.
    let scores = json(&folder.path().join("scores.json"));
    let told = scores["sensitivity"].as_array().unwrap();
    assert!(!told.is_empty());
    for it in told {
        assert_eq!((&it["varied"], &it["rounds"]), (&"order".into(), &3.into()), "{it}");
        let [mean, worst, deviation] =
            ["mean", "worst", "deviation"].map(|key| it[key].as_f64().unwrap());
        assert!(worst <= mean && deviation >= 0.0, "{it}");
        assert!(
            it.as_object().unwrap().keys().all(|key| !key.contains("best") && !key.contains("max"))
        );
    }
    let rows = scores["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["dataset"] == "quickstart-en (chained)"), "{rows:?}");
    // Each row has its own, sums and means included; only triggers are not predicted in every order.
    let key = |it: &Value| ["dataset", "language", "task", "protocol"].map(|key| it[key].clone());
    let is_ordinary = |row: &&Value| row["dataset"] != "quickstart-en (chained)";
    for row in rows.iter().filter(is_ordinary).filter(|row| row.get("f1").is_some()) {
        assert!(told.iter().any(|it| key(it) == key(row)), "{row} in {told:?}");
    }
    for language in ["en", "zh"] {
        assert!(scores["fertility"][language]["tokens"].as_u64().unwrap() > 0);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["3 orders", "standard deviation", " a word", " a character"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    for part in ["Other orders and wordings", "3 orders", "Languages"] {
        assert!(page.contains(part), "no {part}");
    }

    // Nothing is asked again; what is not asked any more goes.
    let before = written(folder.path());
    must(run(&recipe, folder.path(), "laptop", &ROUNDS));
    assert_eq!(written(folder.path()), before);
    must(run(&recipe, folder.path(), "laptop", &["--set", "evaluation.orders=2"]));
    let kept = |name: &String| name.contains("/final/") || name.contains("/final-order-1/");
    let expected: BTreeMap<_, _> = before.into_iter().filter(|(name, _)| kept(name)).collect();
    assert_eq!(written(folder.path()), expected);
}

#[test]
fn a_run_asks_in_other_words() {
    let folder = tempfile::tempdir().unwrap();
    let bank = root().join("configs/paraphrases/quickstart.jsonl").canonicalize().unwrap();
    let prompt = format!(
        "evaluation.prompt={{classes=\"full\",system=false,task_sentence=\"none\",paraphrases=\"{}\"}}",
        bank.display()
    );
    let sets = ["--set", &prompt, "--set", "evaluation.paraphrases=1"];
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let place = |name: &str| folder.path().join("predictions").join(name);
    let lengths = |name: &str| -> Vec<u64> {
        let prediction = |it: &Value| it["prompt_tokens"].as_u64().unwrap();
        lines(&place(name)).iter().map(prediction).collect()
    };
    let (own, other) = (
        lengths("final/quickstart-en-en.jsonl"),
        lengths("final-paraphrase-1/quickstart-en-en.jsonl"),
    );
    assert_eq!(own.len(), other.len());
    assert_ne!(own, other, "other words, other lengths");
    let scores = json(&folder.path().join("scores.json"));
    let told = scores["sensitivity"].as_array().unwrap();
    assert!(!told.is_empty());
    assert!(told.iter().all(|it| it["varied"] == "paraphrase" && it["rounds"] == 2), "{told:?}");
}

#[test]
fn ranks_share_an_evaluation_and_agree_with_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let (alone, shared) = (folder.path().join("alone"), folder.path().join("shared"));
    let rounds = ["--limit", "5", "--orders", "2", "--chained"];
    let benchmark = "quickstart-en:test-frames";
    must(evaluate(&checkpoint, benchmark, &alone, &rounds));
    let laptop = cluster("laptop").display().to_string();
    let by_ranks = [&rounds[..], &["--cluster", &laptop]].concat();
    must(evaluate(&checkpoint, benchmark, &shared, &by_ranks));
    let names = |out: &Path| written(out).into_keys().collect::<Vec<_>>();
    assert_eq!(names(&alone), names(&shared));
    assert!(names(&alone).iter().all(|name| !name.contains("rank-")), "{:?}", names(&alone));
    for name in names(&alone) {
        if name.ends_with(".json") {
            let question = |out: &Path| json(&out.join(&name))["question"].clone();
            let (mut one, mut two) = (question(&alone), question(&shared));
            // Nearly equal logits may be rounded otherwise, and then triggers differ.
            for question in [&mut one, &mut two] {
                question.as_object_mut().unwrap().remove("triggers");
            }
            assert_eq!(one, two, "{name}");
            continue;
        }
        let asked = |out: &Path| -> Vec<(Value, Value, Value)> {
            let of = |it: &Value| (it["id"].clone(), it["task"].clone(), it["gold"].clone());
            lines(&out.join(&name)).iter().map(of).collect()
        };
        assert_eq!(asked(&alone), asked(&shared), "{name}");
    }
    // One process takes over what ranks have answered.
    let before = written(&shared);
    must(evaluate(&checkpoint, benchmark, &shared, &rounds));
    assert_eq!(written(&shared), before);
    // Rounds that are not asked any more go, as far as they are of this set; others stay.
    let other = shared.join("predictions/final-order-1/other-en.jsonl");
    std::fs::write(&other, "").unwrap();
    must(evaluate(&checkpoint, benchmark, &shared, &["--limit", "5", "--chained=false"]));
    let left: Vec<String> =
        names(&shared).into_iter().filter(|name| !name.contains("predictions/final/")).collect();
    assert_eq!(left, ["predictions/final-order-1/other-en.jsonl"]);
}

#[test]
fn a_directory_that_is_in_use_and_a_device_that_is_not_built_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, out) = (checkpoint(folder.path()), folder.path().join("out"));
    let frames = "quickstart-en:test-frames";
    let asked = |more: &[&str]| evaluate(&checkpoint, frames, &out, more).output().unwrap();
    refused(&asked(&["--device", "abacus"]), 69, "`abacus`");
    std::fs::create_dir_all(&out).unwrap();
    let held = std::fs::File::create(out.join("lock")).unwrap();
    held.lock().unwrap();
    refused(&asked(&[]), 75, "another --out");
    drop(held);
    // What the command line does not say is as in the recipe of the run.
    must(evaluate(&checkpoint, frames, &out, &["--limit", "2"]));
    let protocols = json(&out.join("scores.json"))["rows"].clone();
    let protocols: BTreeSet<String> =
        protocols.as_array().unwrap().iter().map(|row| row["protocol"].to_string()).collect();
    assert!(protocols.len() > 1, "{protocols:?}");
}

#[test]
fn spoilt_answers_receipts_and_journals_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, out) = (checkpoint(folder.path()), folder.path().join("out"));
    let again =
        || must(evaluate(&checkpoint, "quickstart-zh:test-frames", &out, &["--limit", "4"]));
    again();
    let place = out.join("predictions/final/quickstart-zh-test-frames-zh.jsonl");
    let original = std::fs::read(&place).unwrap();
    let spoil: [&dyn Fn(); 5] = [
        &|| std::fs::write(&place, &original[..original.len() / 3]).unwrap(),
        &|| std::fs::write(place.with_extension("json"), "{\"question\": 7}").unwrap(),
        &|| std::fs::write(place.with_extension("json"), [0xff, 0xfe, 0x00]).unwrap(),
        &|| std::fs::remove_file(place.with_extension("json")).unwrap(),
        &|| {
            std::fs::remove_file(place.with_extension("json")).unwrap();
            let junk = b"\xff\xfe\n{\"request\":\"00\",\"ids\":[1,2]}\n[]\n{\"request\":\"tor";
            std::fs::write(place.with_extension("rank-0.answers"), junk).unwrap();
        },
    ];
    for (number, spoil) in spoil.iter().enumerate() {
        spoil();
        again();
        assert!(std::fs::read(&place).unwrap() == original, "spoilt in way {number}");
        assert!(!place.with_extension("rank-0.answers").exists());
    }
}

/// Puts `value` in the checkpoint's manifest, as if a program had written it: with a seal that fits.
fn resealed(checkpoint: &Path, key: &str, value: &str) {
    let manifest = checkpoint.join("checkpoint.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let field = text.lines().find(|line| line.contains(&format!("\"{key}\": \""))).unwrap();
    let text = text.replace(field, &format!("  \"{key}\": \"{value}\","));
    let seal = text.lines().find(|line| line.contains("\"seal\"")).unwrap();
    let seal = seal.split('"').nth(3).unwrap();
    let hash = Sha256::digest(text.replace(seal, "").as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&manifest, text.replace(seal, &hash)).unwrap();
}

/// A declared set of columns in `folder`, with one sentence or none: `text` has a token and a tag a
/// line, and the tags `P0`, `P1` and so on are its `classes` classes.
fn notes(folder: &Path, name: &str, classes: usize, text: &str) -> String {
    let class =
        |number: usize| format!("class Kind{number}(Entity):\n    '''Description: It.'''\n\n\n");
    let label = |number: usize| format!("P{number} = \"Kind{number}\"\n");
    let labels: String = (0..classes).map(label).collect();
    let declaration = format!(
        "name = \"{name}\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"ours\"\n\
         source = \"a test\"\nschema = \"{name}.py\"\nreader = \"columns\"\n\n\
         [splits.test]\nfiles = [\"{name}.txt\"]\nsentences = {}\n\n[labels]\n{labels}",
        usize::from(!text.is_empty())
    );
    let place = |ending: &str| folder.join(format!("{name}.{ending}"));
    std::fs::write(place("py"), (0..classes).map(class).collect::<String>()).unwrap();
    std::fs::write(place("txt"), text).unwrap();
    std::fs::write(place("toml"), declaration).unwrap();
    place("toml").display().to_string()
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, out) = (checkpoint(folder.path()), folder.path().join("out"));
    let frames = "quickstart-en:test-frames";
    let asked = |benchmark: &str, more: &[&str]| {
        evaluate(&checkpoint, benchmark, &out, more).output().unwrap()
    };
    refused(&asked("no-such-set", &[]), 64, "no data set `no-such-set` is declared");
    refused(&asked("quickstart-en:nope", &[]), 64, "no split `nope`");
    refused(&asked("quickstart-parallel:test-frames", &[]), 64, "is parallel");
    refused(&asked(frames, &["--limit", "0"]), 64, "limit = 0");
    refused(&asked(frames, &["--orders", "0"]), 64, "orders is 0");
    refused(&asked(frames, &["--reworded", "2"]), 64, "has no `paraphrases`");
    let bank = root().join("configs/paraphrases/quickstart.jsonl").display().to_string();
    let reworded = ["--reworded", "999", "--paraphrases", &bank];
    refused(&asked(frames, &reworded), 64, "paraphrases = 999, but the bank has at most");
    let reworded = ["--reworded", "1", "--paraphrases", &bank];
    refused(&asked(frames, &reworded), 64, "prompts show no descriptions");
    refused(&asked("quickstart-ner-en:test-frames", &["--chained"]), 64, "`ed` and `eae`");
    // A set without a sentence.
    let empty = notes(folder.path(), "empty", 1, "");
    let data = folder.path().display().to_string();
    refused(&asked(&empty, &["--data-root", &data]), 65, "the file is empty");
    assert!(!out.join("scores.json").exists());
    // A checkpoint of another template, tokenizer, or none.
    for (key, said) in [
        ("template", "was trained with template another"),
        ("tokenizer", "its manifest says another"),
    ] {
        let copy = folder.path().join("run/checkpoints").join(format!("other-{key}"));
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(&checkpoint).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
        resealed(&copy, key, "another");
        refused(&evaluate(&copy, frames, &out, &[]).output().unwrap(), 65, said);
    }
    let nothing = folder.path().join("run/checkpoints/nothing");
    std::fs::create_dir(&nothing).unwrap();
    let output = evaluate(&nothing, frames, &out, &[]).output().unwrap();
    assert!([64, 65].contains(&output.status.code().unwrap()), "{}", stderr(&output));
    assert!(stderr(&output).contains("checkpoints/nothing"), "{}", stderr(&output));
}

#[test]
fn schemas_and_sentences_that_do_not_fit_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let limit = json(&checkpoint.join("config.json"));
    let limit = ["model_max_length", "max_position_embeddings"]
        .iter()
        .find_map(|key| limit[*key].as_u64())
        .unwrap() as usize;
    let data = folder.path().display().to_string();
    let asked = |name: &str, classes: usize, text: &str| {
        let benchmark = notes(folder.path(), name, classes, text);
        let out = folder.path().join(format!("out-{name}"));
        let output = must(evaluate(&checkpoint, &benchmark, &out, &["--data-root", &data]));
        let file = written(&out).into_keys().find(|name| name.ends_with(".jsonl")).unwrap();
        let predictions = lines(&out.join(file));
        assert_eq!(predictions.len(), 1);
        (predictions[0].clone(), stderr(&output))
    };
    // A class is more than four tokens: together they are too many.
    let (found, said) = asked("many", limit / 4, "Ann\tB-P0\nruns\tO\n\n");
    let parts = found["parts"].as_array().unwrap();
    assert!(parts.len() > 1, "{}", parts.len());
    let offered: Vec<&Value> =
        parts.iter().flat_map(|part| part["classes"].as_array().unwrap()).collect();
    let different: BTreeSet<String> = offered.iter().map(|name| name.to_string()).collect();
    assert_eq!((offered.len(), different.len()), (limit / 4, limit / 4), "each class once");
    assert!(parts.iter().all(|part| part["prompt_tokens"].as_u64().unwrap() < limit as u64));
    assert!(!said.contains("too long"), "{said}");
    // A sentence that is too long beside a single class.
    let long = "word\tO\n".repeat(limit) + "Ann\tB-P0\n\n";
    let (found, said) = asked("long", 1, &long);
    assert!(found["flaws"][0].as_str().unwrap().starts_with("not asked: "), "{}", found["flaws"]);
    assert_eq!(found["predicted"], Value::Array(Vec::new()));
    assert!(said.contains("1 of 1 questions are too long for the model"), "{said}");
}
