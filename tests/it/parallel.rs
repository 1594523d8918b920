//! `data parallel` against a server of ours: faults, stops, budgets, and what they leave behind.

use crate::chat::{Chat, Trouble};
use crate::program::{knowcoder, must, root, stderr};
use data_pipeline::corpus::Corpus;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A job on the quick start's test frames: a weak model in three stages, then a strong one.
fn job(folder: &Path, chat: &Chat, more: &str) -> PathBuf {
    let configs = root().join("configs").canonicalize().unwrap();
    let prompts = configs.join("parallel/prompts").display().to_string();
    let stage = |kind: &str, name: &str, model: &str| {
        format!(
            "[[stage]]\nkind = \"{kind}\"\nname = \"{name}\"\nmodel = \"{model}\"\nprompt = \"{prompts}/{kind}.txt\"\nmax_tokens = 200\nprice = {{ prompt = 1.0, completion = 2.0 }}\n\n"
        )
    };
    let text = format!(
        "[job]\nname = \"frames\"\ntarget = \"zh\"\ndatasets = \"{}\"\nout = \"out\"\n\n\
         [[source]]\ndataset = \"quickstart-ner-en:test-frames\"\ndomain = \"quick start\"\n\n\
         [server]\nurl = \"{}\"\nkey_env = \"KNOWCODER_TEST_KEY\"\nconcurrency = 4\n\
         timeout_seconds = 2\nretries = 5\nbackoff_seconds = 0.05\n\n{more}\n\n{}{}{}{}",
        configs.join("datasets").display(),
        chat.url,
        stage("translate", "translate", "weak"),
        stage("names", "names", "weak"),
        stage("sentence", "sentence", "weak"),
        stage("translate", "again", "strong"),
    );
    let path = folder.join("job.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn parallel(job: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["data", "parallel"]);
    command.arg(job).args(more).env("KNOWCODER_TEST_KEY", SECRET);
    command
}

const SECRET: &str = "sk-test-0123456789";

/// Everything that follows from the transcript, by name.
fn written(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let out = folder.join("out");
    let names = [
        "pairs.jsonl",
        "to-annotate.jsonl",
        "report.json",
        "report.txt",
        "datasets/frames.toml",
        "datasets/frames-en.toml",
        "datasets/frames-zh.toml",
        "schemas/frames.py",
    ];
    names.map(|name| (name.to_owned(), std::fs::read(out.join(name)).unwrap())).into()
}

fn well(_: usize) -> Option<Trouble> {
    None
}

/// Each kind of trouble a few times, on attempts that are then repeated.
fn badly(number: usize) -> Option<Trouble> {
    match number {
        3 => Some(Trouble::TooMany),
        7 => Some(Trouble::Internal),
        11 => Some(Trouble::Slow),
        13 | 40 => Some(Trouble::Cut),
        17 | 41 => Some(Trouble::Malformed),
        _ => None,
    }
}

fn lost_key(_: usize) -> Option<Trouble> {
    Some(Trouble::Unauthorized)
}

fn always_malformed(_: usize) -> Option<Trouble> {
    Some(Trouble::Malformed)
}

#[test]
fn a_corpus_is_translated_and_read_back_and_a_second_run_asks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "");
    let output = must(parallel(&job, &["--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &document["report"];
    assert_eq!(report["sentences"], 180);
    // Each stage had something to do, and the strong model mended what was copied.
    for (index, stage) in ["translate", "names", "again"].iter().enumerate() {
        let place = if index == 2 { 3 } else { index };
        assert_eq!(report["stages"][place]["stage"], *stage);
        assert!(report["stages"][place]["drafts"].as_u64().unwrap() > 0, "{report:#}");
    }
    let accepted = report["accepted"].as_u64().unwrap();
    assert!(accepted >= 170, "{report:#}");
    let first = written(folder.path());
    let asked = chat.requests();
    let again = must(parallel(&job, &["--json"]));
    let document: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(document["requests"], 0);
    assert_eq!(chat.requests(), asked);
    assert_eq!(written(folder.path()), first);
    // The declaration that lies beside the pairs reads them.
    let declaration = folder.path().join("out/datasets/frames.toml");
    let corpus = Corpus::load(&declaration, Path::new("")).unwrap();
    let pairs = corpus.read_parallel("train").unwrap().pairs;
    assert_eq!(pairs.len() as u64, accepted);
    assert!(pairs.iter().all(|it| it.source.entities.len() == it.target.entities.len()));
    // The key was sent, and stands nowhere.
    assert!(chat.keys().iter().all(|key| *key == format!("Bearer {SECRET}")));
    let transcript = std::fs::read_to_string(folder.path().join("out/transcript.jsonl")).unwrap();
    assert!(!transcript.contains(SECRET) && !stderr(&output).contains(SECRET));
}

#[test]
fn faults_of_the_server_change_nothing() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    must(parallel(&job(calm.path(), &chat, ""), &[]));
    let faulty = Chat::start("test-frames", Duration::ZERO, badly);
    must(parallel(&job(rough.path(), &faulty, ""), &[]));
    let (mut one, mut other) = (written(calm.path()), written(rough.path()));
    // Only what was lost on the way differs, and the report says so.
    for name in ["report.json", "report.txt"] {
        assert_ne!(one.remove(name), other.remove(name));
    }
    assert_eq!(one, other);
    assert!(faulty.requests() >= chat.requests() + 7, "{}", faulty.requests());
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    must(parallel(&job(whole.path(), &chat, ""), &[]));
    let slow = Chat::start("test-frames", Duration::from_millis(20), well);
    let job = job(killed.path(), &slow, "");
    let mut child = parallel(&job, &[]).spawn().unwrap();
    while slow.requests() < 40 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // And the kill tore a line.
    let transcript = killed.path().join("out/transcript.jsonl");
    let bytes = std::fs::read(&transcript).unwrap();
    std::fs::write(&transcript, &bytes[..bytes.len() - 10]).unwrap();
    must(parallel(&job, &[]));
    assert_eq!(written(killed.path()), written(whole.path()));
    // What was under way when it was killed, and the torn line, were asked again.
    assert!(slow.requests() <= chat.requests() + 6, "{}", slow.requests());
}

#[test]
fn a_budget_stops_before_it_is_passed() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "[budget]\ntokens = 9000\n");
    let dry = must(parallel(&job, &["--dry-run", "--json"]));
    let document: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!(document["estimate"]["fits"], false);
    assert_eq!(chat.requests(), 0);
    let stopped = parallel(&job, &["--json"]).output().unwrap();
    assert_eq!(stopped.status.code(), Some(76), "{}", stderr(&stopped));
    let document: Value = serde_json::from_slice(&stopped.stdout).unwrap();
    assert_eq!(document["ended"], "budget");
    let spent = 150 * chat.requests();
    assert!((3_000..=9_000).contains(&spent), "{spent}");
    assert!(!folder.path().join("out/pairs.jsonl").exists());
}

#[test]
fn a_rate_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "");
    let text = std::fs::read_to_string(&job).unwrap();
    let text = text.replace("[server]\n", "[server]\nrequests_per_minute = 600\n");
    let text = text.replace("out = \"out\"\n", "out = \"out\"\nlimit = 12\n");
    std::fs::write(&job, text).unwrap();
    must(parallel(&job, &[]));
    let arrivals = chat.arrivals();
    let took = arrivals[arrivals.len() - 1] - arrivals[0];
    // Ten a second; a tenth of the time is left to the scheduler.
    let least = Duration::from_millis(90) * (arrivals.len() as u32 - 1);
    assert!(took >= least, "{} requests in {took:?}", arrivals.len());
}

#[test]
fn a_refused_key_is_said_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, lost_key);
    let job = job(folder.path(), &chat, "");
    let refused = parallel(&job, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("HTTP 401: the key is refused"), "{}", stderr(&refused));
    assert!(!stderr(&refused).contains(SECRET));
    let unset = parallel(&job, &[]).env_remove("KNOWCODER_TEST_KEY").output().unwrap();
    assert_eq!(unset.status.code(), Some(64));
    assert!(stderr(&unset).contains("`KNOWCODER_TEST_KEY`"), "{}", stderr(&unset));
}

#[test]
fn nobody_there_ends_with_69() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "");
    let text = std::fs::read_to_string(&job).unwrap().replace(&chat.url, "http://127.0.0.1:9/v1");
    std::fs::write(&job, text).unwrap();
    let alone = parallel(&job, &[]).output().unwrap();
    assert_eq!(alone.status.code(), Some(69), "{}", stderr(&alone));
}

#[test]
fn what_is_never_answered_goes_to_people_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, always_malformed);
    let job = job(folder.path(), &chat, "");
    let text = std::fs::read_to_string(&job).unwrap();
    let text = text.replace("retries = 5", "retries = 1");
    let text = text.replace("out = \"out\"\n", "out = \"out\"\nlimit = 2\n");
    std::fs::write(&job, text).unwrap();
    must(parallel(&job, &[]));
    let out = folder.path().join("out");
    let open = std::fs::read_to_string(out.join("to-annotate.jsonl")).unwrap();
    assert_eq!(open.lines().count(), 2);
    let mut line: Value = serde_json::from_str(open.lines().next().unwrap()).unwrap();
    let mut sentence = "译文".to_owned();
    let names = line["draft"]["names"].as_array_mut().unwrap();
    for (index, name) in names.iter_mut().enumerate() {
        let text = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛"][index];
        name["text"] = text.into();
        sentence.push_str(text);
    }
    line["draft"]["sentence"] = sentence.into();
    std::fs::write(out.join("annotated.jsonl"), format!("{line}\n")).unwrap();
    let asked = chat.requests();
    let output = must(parallel(&job, &["--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["report"]["by_hand"], 1);
    assert_eq!(document["report"]["accepted"], 1);
    assert_eq!(chat.requests(), asked);
}
