//! A step that goes wrong: named, kept, replayed, skipped, gone back behind.

use crate::program::{checkpoints, fixture, knowcoder, metrics, must, root, run, stderr};
use data_pipeline::shard::ShardSet;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A recipe whose base model answers one rare token with NaN.
struct Poison {
    folder: tempfile::TempDir,
    recipe: PathBuf,
    /// The only sample with the token.
    sample_id: String,
}

impl Poison {
    fn plant() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = root().join("configs/quickstart/base").canonicalize().unwrap();
        let clean = recipe(folder.path(), "clean.toml", &base);
        let mut prepare = knowcoder(&["data", "prepare"]);
        prepare.arg(clean).arg("--run-dir").arg(folder.path().join("clean"));
        must(prepare);
        let shards = ShardSet::open(&folder.path().join("clean/prepared/0-instruction")).unwrap();
        let (id, row) = rare(&shards);
        let sample_id = shards.sample(row).unwrap().sample_id;
        let poisoned = folder.path().join("base");
        poison(&base, &poisoned, id);
        let recipe = recipe(folder.path(), "poisoned.toml", &poisoned);
        Self { folder, recipe, sample_id }
    }

    /// The run in the folder `name`, under this policy.
    fn run(&self, name: &str, ranks: &str, policy: &str) -> std::process::Command {
        let policy = format!("guard.policy={policy}");
        run(&self.recipe, &self.run_dir(name), ranks, &["--set", &policy])
    }

    fn run_dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// One phase over every sample once.
fn recipe(folder: &Path, name: &str, base: &Path) -> PathBuf {
    let datasets = root().join("configs/datasets").canonicalize().unwrap();
    let text = format!(
        r#"
datasets = "{}"

[run]
name = "poison"
seed = 5

[model]
path = "{}"

[prompt]
classes = "names"
system = false
task_sentence = "none"

[batch]
samples = 24
max_length = 512
group = 4
micro_tokens = 2000

[lora]
rank = 2
alpha = 4

[optimizer]
learning_rate = 1e-3

[checkpoint]
every = 2

[[phase]]
kind = "instruction"
datasets = ["quickstart-ner-en:test-names"]
epochs = 1.0

[audit]
waive = ["quickstart-ner-en:test-names"]

[evaluation]
max_new_tokens = 4
benchmarks = [{{ dataset = "quickstart-ner-en:test-names", limit = 1 }}]
"#,
        datasets.display(),
        base.display()
    );
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// An id that stands in one row only, and that row: of all such rows the last.
fn rare(shards: &ShardSet) -> (u32, usize) {
    let mut rows: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for row in 0..shards.len() {
        let sample = shards.sample(row).unwrap();
        // What stands last is predicted, but predicts nothing.
        let shown = sample.suffix_ids.split_last().map_or(&[][..], |(_, rest)| rest);
        for id in sample.prefix_ids.iter().chain(shown) {
            rows.entry(*id).or_default().insert(row);
        }
    }
    let single = rows.into_iter().filter(|(_, rows)| rows.len() == 1);
    let single = single.filter_map(|(id, rows)| rows.first().map(|row| (id, *row)));
    single.max_by_key(|(_, row)| *row).expect("a token that stands in one row only")
}

/// Copies the model at `base`, the embedding of `id` replaced by NaN.
fn poison(base: &Path, copy: &Path, id: u32) {
    std::fs::create_dir(copy).unwrap();
    for file in std::fs::read_dir(base).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let path = copy.join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let embedding = &tensors["model.embed_tokens.weight"];
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let [begin, end] = [0, 1].map(|i| number(&embedding["data_offsets"][i]));
    let row = (end - begin) / number(&embedding["shape"][0]);
    let at = 8 + header + begin + id as usize * row;
    // All bits set is NaN in every type of float.
    bytes[at..at + row].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
}

/// The folders below `incidents`, by name.
fn incidents(run_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run_dir.join("incidents")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The steps that changed nothing.
fn left_out(run_dir: &Path) -> Vec<(String, u64)> {
    let lines = metrics(run_dir).into_iter().filter(|line| line["applied"] == false);
    lines
        .map(|line| (line["phase"].as_str().unwrap().to_owned(), line["step"].as_u64().unwrap()))
        .collect()
}

/// The events called `incident`.
fn events(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == "incident").collect()
}

#[test]
fn a_poison_sample_ends_the_run_is_named_first_and_can_be_left_out() {
    let poison = Poison::plant();
    let run_dir = poison.run_dir("run");
    let id = poison.sample_id.as_str();
    let output = poison.run("run", "laptop", "stop").output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(79), "{said}");
    let [event] = &incidents(&run_dir)[..] else { panic!("one incident: {said}") };
    let incident: Value =
        serde_json::from_slice(&std::fs::read(event.join("incident.json")).unwrap()).unwrap();
    let step = incident["step"].as_u64().unwrap();
    let sentence = format!(
        "phase `instruction`, step {step}: the loss is NaN, because of sample `{id}` of quickstart-ner-en"
    );
    assert!(said.contains(&sentence), "`{sentence}` is not in: {said}");
    assert!(said.contains("knowcoder replay"), "{said}");
    let told = events(&run_dir);
    assert_eq!((told.len(), &told[0]["reason"]), (1, &Value::from("loss")));
    assert!(!run_dir.join("incidents").join(format!("instruction-{step:06}.tmp")).exists());

    let mut replay = knowcoder(&["replay", "--json"]);
    replay.arg(event);
    let found: Value = serde_json::from_slice(&must(replay).stdout).unwrap();
    assert_eq!(found["repeats"], true, "{}", found["again"]);
    let samples = found["samples"].as_array().unwrap();
    assert_eq!(samples.len(), incident["slots"].as_array().unwrap().len());
    assert_eq!((samples[0]["sample_id"].as_str(), &samples[0]["loss"]), (Some(id), &Value::Null));
    assert!(samples[1..].iter().all(|sample| sample["loss"].is_f64()), "{samples:#?}");
    assert!(samples[1..].iter().all(|sample| sample["gradient_norm"].is_f64()), "{samples:#?}");
    let mut replay = knowcoder(&["replay", "--samples", "1"]);
    replay.arg(event);
    let text = String::from_utf8(must(replay).stdout).unwrap();
    for part in ["It repeats, bit for bit.", id, "--samples 0 shows all"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }

    // The same command meets it again; under another policy the run goes on.
    let output = poison.run("run", "laptop", "stop").output().unwrap();
    assert_eq!(output.status.code(), Some(79), "{}", stderr(&output));
    must(poison.run("run", "laptop", "skip"));
    assert_eq!(left_out(&run_dir), [("instruction".to_owned(), step)]);
    let line = &metrics(&run_dir)[step as usize - 1];
    assert_eq!((&line["loss"], &line["gradient_norm"]), (&Value::Null, &Value::Null));
}

#[test]
fn skipping_and_going_back_lead_to_the_same_weights_also_when_killed() {
    let poison = Poison::plant();
    for policy in ["skip", "rewind"] {
        must(poison.run(policy, "laptop", policy));
        assert_eq!(events(&poison.run_dir(policy))[0]["course"], policy);
    }
    let (skipped, rewound) = (poison.run_dir("skip"), poison.run_dir("rewind"));
    let step = left_out(&skipped);
    assert_eq!(step.len(), 1);
    assert_eq!(left_out(&rewound), step);
    assert!(checkpoints(&skipped) == checkpoints(&rewound));
    let marks = std::fs::read(rewound.join("incidents/left-out.json")).unwrap();
    let marks: Value = serde_json::from_slice(&marks).unwrap();
    assert_eq!((marks[0]["step"].as_u64(), marks.as_array().unwrap().len()), (Some(step[0].1), 1));
    for policy in ["skip", "rewind"] {
        let name = format!("{policy}-killed");
        let run_dir = poison.run_dir(&name);
        let mut child = poison.run(&name, "laptop", policy).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(300);
        while incidents(&run_dir).is_empty() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "no incident in five minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        must(poison.run(&name, "laptop", policy));
        assert_eq!(left_out(&run_dir), step, "{policy}");
        assert!(checkpoints(&run_dir) == checkpoints(&skipped), "{policy}");
    }
}

#[test]
fn an_update_that_breaks_the_weights_is_gone_back_behind() {
    let folder = tempfile::tempdir().unwrap();
    // Without it, what has no gradient is divided by 0: weights of tokens that a step does not have.
    let sets = ["optimizer.epsilon=0.0", "guard.policy=rewind", "guard.most=2", "phase.0.steps=20"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let output = run(&fixture("tiny.toml"), folder.path(), "laptop", &sets).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(79), "{said}");
    for part in [
        "phase `schema-understanding`, step ",
        ": weights are not finite, and so the loss is NaN",
        ", the last before, is suspected",
        "incident 2 of the phase, guard.most is 2",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    let told = events(folder.path());
    let courses: Vec<&str> = told.iter().map(|it| it["course"].as_str().unwrap()).collect();
    assert_eq!(courses, ["rewind", "stop"], "{told:?}");
    // The update that broke the weights, and the step that showed it.
    let first = told[0]["step"].as_u64().unwrap();
    let marks = std::fs::read(folder.path().join("incidents/left-out.json")).unwrap();
    let marks: Vec<Value> = serde_json::from_slice(&marks).unwrap();
    let marked: Vec<u64> = marks.iter().map(|mark| mark["step"].as_u64().unwrap()).collect();
    assert_eq!(marked, [first - 1, first]);
    let left_out: Vec<u64> = left_out(folder.path()).into_iter().map(|(_, step)| step).collect();
    assert_eq!(left_out, marked);
}

#[test]
fn spikes_are_what_the_losses_before_say() {
    let (spike, window) = (1.0, 8);
    let folder = tempfile::tempdir().unwrap();
    // Nothing is learned, so that losses go up and down with their samples.
    let sets = [
        "guard.policy=skip",
        "guard.spike=1.0",
        "guard.window=8",
        "guard.most=1000",
        "optimizer.learning_rate=1e-9",
        "phase.2.steps=60",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &sets));
    let mut accepted: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut spikes = 0;
    for line in metrics(folder.path()) {
        let loss = line["loss"].as_f64().unwrap();
        let before = accepted.entry(line["phase"].as_str().unwrap().to_owned()).or_default();
        let recent = &before[before.len().saturating_sub(window)..];
        let mean = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
        let squares = recent.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>();
        let limit = mean + spike * (squares / recent.len().max(1) as f64).sqrt();
        let is_spike = recent.len() == window && loss > limit;
        assert_eq!(line["applied"], !is_spike, "{line}: {loss} against {limit}");
        if is_spike {
            spikes += 1;
        } else {
            before.push(loss);
        }
    }
    assert!(spikes > 0, "none of the losses is above the others");
    assert_eq!((incidents(folder.path()).len(), events(folder.path()).len()), (spikes, spikes));
    let first = &incidents(folder.path())[0];
    let mut replay = knowcoder(&["replay", "--json"]);
    replay.arg(first);
    let found: Value = serde_json::from_slice(&must(replay).stdout).unwrap();
    assert_eq!((&found["repeats"], &found["reason"]), (&Value::from(true), &"spike".into()));
}

#[test]
fn what_is_no_incident_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut replay = knowcoder(&["replay"]);
    replay.arg(folder.path().join("instruction-000001"));
    let output = replay.output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("incident.json"), "{}", stderr(&output));
    std::fs::write(folder.path().join("incident.json"), "{}").unwrap();
    let mut replay = knowcoder(&["replay"]);
    replay.arg(folder.path());
    let output = replay.output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(stderr(&output).contains("not an incident of this version"), "{}", stderr(&output));
}
