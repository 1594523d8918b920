//! `data parallel` against a server of ours: faults, stops, budgets, and what they leave behind.

use crate::chat::{Chat, Trouble};
use crate::program::{knowcoder, must, root, stderr};
use data_pipeline::corpus::Corpus;
use data_pipeline::{Instance, Parallel, Task};
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
    // `Retry-After: 1` holds all of them: nothing comes for most of that second.
    let arrivals = faulty.arrivals();
    let gaps = arrivals.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max().unwrap() >= Duration::from_millis(700));
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

#[test]
fn ctrl_c_stops_and_the_same_command_goes_on() {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    must(parallel(&job(whole.path(), &chat, ""), &[]));
    let slow = Chat::start("test-frames", Duration::from_millis(30), well);
    let job = job(stopped.path(), &slow, "");
    let mut child = parallel(&job, &["--json"]).spawn().unwrap();
    while slow.requests() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ended"], "stopped");
    assert!(!stopped.path().join("out/pairs.jsonl").exists());
    must(parallel(&job, &[]));
    assert_eq!(written(stopped.path()), written(whole.path()));
    // What was on its way when it was stopped was waited for: nothing is asked twice.
    assert_eq!(slow.requests(), chat.requests());
    assert!((2..=4).contains(&slow.busiest()), "{} at a time", slow.busiest());
}

/// Replaces text of a job that must be there.
fn change(job: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(job).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(job, text.replace(from, to)).unwrap();
}

/// The objects of one side without their places.
fn objects(pair: &Parallel, task: Task, target: bool) -> Vec<Instance> {
    let side = if target { &pair.target } else { &pair.source };
    let mut objects = side.instances(task);
    let forget = |mention: &mut data_pipeline::Mention| mention.span = None;
    for object in &mut objects {
        match object {
            Instance::Entity(entity) => forget(&mut entity.mention),
            Instance::Relation(relation) => {
                forget(&mut relation.head.mention);
                forget(&mut relation.tail.mention);
            }
            Instance::Event(event) => {
                forget(&mut event.trigger);
                event.arguments.iter_mut().for_each(|(_, mention)| forget(mention));
            }
        }
    }
    objects.sort();
    objects
}

#[test]
fn relations_and_events_are_carried_over_and_their_declarations_hold() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "");
    change(&job, "quickstart-ner-en:", "quickstart-en:");
    let output = must(parallel(&job, &["--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &document["report"];
    assert_eq!(report["tasks"], serde_json::json!(["ner", "re", "ed", "eae"]));
    assert_eq!(report["left_out"], 0);
    let accepted = report["accepted"].as_u64().unwrap();
    assert!(accepted >= 160, "{report:#}");
    // A declaration says what must be there, and `data validate` finds it.
    let datasets = folder.path().join("out/datasets");
    let mut validate = knowcoder(&["data", "validate"]);
    validate
        .args(["frames", "frames-en", "frames-zh"].map(|it| datasets.join(format!("{it}.toml"))));
    must(validate);
    let read = |name: &str| Corpus::load(&datasets.join(name), Path::new("")).unwrap();
    let pairs = read("frames.toml").read_parallel("train").unwrap().pairs;
    assert_eq!(pairs.len() as u64, accepted);
    // Beside the translations that we wrote, of which the pairs were made.
    let ours = Corpus::load(&root().join("configs/datasets/quickstart-zh.toml"), Path::new(""));
    let ours = ours.unwrap().read("test-frames").unwrap().sentences;
    let (mut relations, mut events) = (0, 0);
    for pair in &pairs {
        let gold = ours.iter().find(|it| it.text == pair.target.text).unwrap();
        let gold = Parallel { source: gold.clone(), target: pair.target.clone() };
        assert_eq!(objects(&gold, Task::Ner, false), objects(&gold, Task::Ner, true));
        assert_eq!(objects(&gold, Task::Eae, false), objects(&gold, Task::Eae, true));
        relations += pair.target.relations.len();
        events += pair.target.events.len();
        // The n-th name is the translation of the n-th, whatever the order of words.
        let classes = |side: &data_pipeline::Sentence| -> Vec<String> {
            side.entities.iter().map(|entity| entity.class.clone()).collect()
        };
        assert_eq!(classes(&pair.source), classes(&pair.target));
        assert_eq!(pair.source.relations.len(), pair.target.relations.len());
    }
    assert!(relations > 50 && events > 50, "{relations} relations, {events} events");
    // A recipe learns from them: pairs in one phase, the translated side in another.
    let recipe = folder.path().join("recipe.toml");
    let text = "datasets = \"out/datasets\"\n[run]\nname = \"aligned\"\nseed = 1\n\
                [model]\npreset = \"baichuan2-tiny\"\n[tokenizer]\ntrain = { vocabulary = 700 }\n\
                [batch]\nsamples = 12\nmax_length = 2048\n\
                [[phase]]\nkind = \"alignment\"\ndatasets = [\"frames:train\"]\nsteps = 2\n\
                [[phase]]\nkind = \"instruction\"\ndatasets = [\"frames-zh:train\"]\nsteps = 2\n";
    std::fs::write(&recipe, text).unwrap();
    let mut prepare = knowcoder(&["data", "prepare"]);
    prepare.arg(&recipe).arg("--run-dir").arg(folder.path().join("run"));
    must(prepare);
    for phase in ["0-alignment", "1-instruction"] {
        let manifest = folder.path().join("run/prepared").join(phase).join("manifest.json");
        assert!(manifest.is_file(), "{}", manifest.display());
    }
}

#[test]
fn what_comes_back_as_something_else_goes_to_people() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let prompt = root().join("configs/parallel/prompts/round-trip.txt").canonicalize().unwrap();
    let back = format!(
        "[round_trip]\nmodel = \"back\"\nprompt = \"{}\"\nmax_tokens = 100\nprice = {{ prompt = 1.0, completion = 2.0 }}\n",
        prompt.display()
    );
    let job = job(folder.path(), &chat, &back);
    let dry = must(parallel(&job, &["--dry-run", "--json"]));
    let dry: Value = serde_json::from_slice(&dry.stdout).unwrap();
    let output = must(parallel(&job, &["--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &document["report"];
    let count = |key: &str| report["round_trip"][key].as_u64().unwrap();
    assert!(count("same") > 100 && count("other") > 5 && count("unreadable") > 5, "{report:#}");
    assert_eq!(report["faults"]["round-trip"].as_u64(), Some(count("other")));
    let spent = |value: &Value| value["cost"].as_u64().unwrap();
    let stages = report["stages"].as_array().unwrap().iter().map(|it| spent(&it["spent"]));
    let sum: u64 = stages.sum::<u64>() + spent(&report["round_trip"]["spent"]);
    assert_eq!(sum, spent(&report["spent"]));
    // An upper bound of what was estimated before the first question.
    assert!(spent(&report["spent"]) <= spent(&dry["estimate"]["most"]), "{dry:#}");
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let length = |line: &Value| line["source"]["text"].as_str().unwrap().len();
    assert!(lines("pairs.jsonl").iter().all(|line| length(line) % 7 != 0));
    let open = lines("to-annotate.jsonl");
    let said = |line: &&Value| line["faults"].to_string().contains("translated back");
    let other: Vec<usize> = open.iter().filter(said).map(length).collect();
    assert!(!other.is_empty() && other.iter().all(|length| length % 7 == 0), "{other:?}");
    // A second run asks nothing.
    let asked = chat.requests();
    must(parallel(&job, &[]));
    assert_eq!(chat.requests(), asked);
}

#[test]
fn what_people_annotated_must_be_of_this_job() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::start("test-frames", Duration::ZERO, well);
    let job = job(folder.path(), &chat, "");
    must(parallel(&job, &[]));
    let line = "{\"id\": \"nobody\", \"draft\": {\"sentence\": \"x\", \"names\": []}}\n";
    std::fs::write(folder.path().join("out/annotated.jsonl"), line).unwrap();
    let refused = parallel(&job, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(65), "{}", stderr(&refused));
    let message = "annotated.jsonl:1: no sentence of this job is called `nobody`";
    assert!(stderr(&refused).contains(message), "{}", stderr(&refused));
}
