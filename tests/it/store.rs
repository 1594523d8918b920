//! Corpora and shards in a bucket of a real S3 server: the same bytes as from a folder, whatever
//! happens to the connection.

use crate::program::{checkpoints, knowcoder, must, run, stderr};
use crate::s3::{SECRET, Server, Wire};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Sentences of a file of training text, and how many files there are: about 400 KB in all.
const SENTENCES: usize = 500;
const FILES: usize = 4;

/// A corpus of our own, its declaration and a recipe.
struct Workplace {
    folder: tempfile::TempDir,
    server: Server,
    wire: Wire,
}

impl Workplace {
    /// None where no server is installed.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path())?;
        let wire = Wire::to(&server);
        let place = Self { folder, server, wire };
        place.write("configs/schemas/towns.py", SCHEMA);
        place.write("configs/datasets/towns.toml", &declaration());
        place.write("recipe.toml", RECIPE);
        let corpus = |name: String, first: usize, sentences: usize| {
            let text = sentences_from(first, sentences);
            place.write(&format!("corpora/{name}"), &text);
            place.server.put(&format!("corpora/{name}"), text.as_bytes());
        };
        for file in 0..FILES {
            corpus(format!("towns/train-{file}.txt"), file * SENTENCES, SENTENCES);
        }
        corpus("towns/test.txt".to_owned(), 100_000, 6);
        // Beside the corpus lies what nobody asked for.
        place.server.put("corpora/towns/train-5.txt.bak", b"not a corpus");
        Some(place)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A command that may ask the server.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = knowcoder(arguments);
        command.current_dir(self.folder.path());
        self.wire.wire(&mut command, &self.at("cache"));
        command
    }

    fn prepare(&self, run_dir: &str, more: &[&str]) -> Command {
        let mut command = self.command(&["data", "prepare", "recipe.toml", "--run-dir", run_dir]);
        command.args(more);
        command
    }

    fn validate(&self, data_root: &str) -> Output {
        let arguments = ["data", "validate", "towns", "--configs", "configs"];
        self.command(&arguments).args(["--data-root", data_root]).output().unwrap()
    }
}

const SCHEMA: &str = "class Person(Entity):\n    \"\"\"\n    Description: A human being.\n    \"\"\"\n\n\n\
class Town(Entity):\n    \"\"\"\n    Description: A place where people live.\n    \"\"\"\n";

fn declaration() -> String {
    format!(
        "name = \"towns\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"CC0-1.0\"\n\
         source = \"this test\"\nschema = \"../schemas/towns.py\"\nreader = \"columns\"\n\n\
         [options]\ndelimiter = \"\\t\"\nscheme = \"iob2\"\njoiner = \" \"\n\n\
         [splits.train]\nfiles = [\"towns/train-*.txt\"]\nsentences = {}\nentities = {}\n\n\
         [splits.test]\nfiles = [\"towns/test.txt\"]\nsentences = 6\nentities = 12\n\n\
         [labels]\nperson = \"Person\"\ntown = \"Town\"\n",
        FILES * SENTENCES,
        2 * FILES * SENTENCES,
    )
}

const RECIPE: &str = r#"datasets = "configs/datasets"

[run]
name = "towns"

[model]
preset = "baichuan2-tiny"
hidden_size = 32
intermediate_size = 48
num_hidden_layers = 2
num_attention_heads = 4

[tokenizer]
train = { vocabulary = 400 }

[prompt]
classes = "names"
system = false
task_sentence = "none"

[batch]
samples = 8
max_length = 512
micro_tokens = 1200

[lora]
rank = 4
alpha = 8

[[phase]]
kind = "instruction"
datasets = ["towns:train"]
steps = 2

[audit]
waive = ["towns:test in towns:train"]

[evaluation]
max_new_tokens = 8
benchmarks = [{ dataset = "towns:test", limit = 2 }]
"#;

/// `count` sentences, each of which has names and words that no other has.
fn sentences_from(first: usize, count: usize) -> String {
    let mut text = String::new();
    for number in first..first + count {
        write!(text, "Anna{number}\tB-person\nlives\tO\nin\tO\nParis{number}\tB-town\n").unwrap();
        for word in 0..12 {
            writeln!(text, "w{number}x{word}\tO").unwrap();
        }
        text.push('\n');
    }
    text
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The prepared files of a run directory or a bucket, by their names.
fn prepared(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in ["prepared", "tokenizer"] {
        for (path, content) in files(&root.join(folder)) {
            all.insert(path.strip_prefix(root).unwrap().display().to_string(), content);
        }
    }
    assert!(all.contains_key("prepared/0-instruction/manifest.json"), "{:?}", all.keys());
    all
}

/// Expects an exit code, some words, and that nothing secret is said.
fn fails(output: &Output, code: i32, words: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{words}: {said}");
    assert!(!said.contains(SECRET), "{said}");
}

#[test]
fn a_corpus_in_a_bucket_is_read_as_one_in_a_folder() {
    let Some(place) = Workplace::new() else { return };
    let output = place.validate("s3://bucket/corpora");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = place.wire.received();
    assert!(first > 300_000, "{first} bytes");
    // Nothing comes twice, and nothing but the corpus came.
    assert_eq!(place.validate("s3://bucket/corpora").status.code(), Some(0));
    assert!(place.wire.received() < 30_000);
    let kept = files(&place.at("cache/objects"));
    assert_eq!(kept.len(), FILES + 1, "{:?}", kept.keys());
    // What changed at the server changes here; what went away there goes away here.
    place.server.put("corpora/towns/test.txt", sentences_from(200_000, 5).as_bytes());
    std::fs::remove_file(place.server.object("corpora/towns/train-3.txt")).unwrap();
    let output = place.validate("s3://bucket/corpora");
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("declares 2000 sentences, but its files hold 1500"), "{said}");
    assert!(said.contains("declares 6 sentences, but its files hold 5"), "{said}");
    std::fs::remove_file(place.server.object("corpora/towns/test.txt")).unwrap();
    fails(
        &place.validate("s3://bucket/corpora"),
        69,
        "`s3://bucket/corpora/towns/test.txt` is not there",
    );
}

#[test]
fn shards_are_the_same_bytes_from_a_bucket_and_in_one() {
    let Some(place) = Workplace::new() else { return };
    must(place.prepare("local", &["--data-root", "corpora"]));
    let out = ["--data-root", "s3://bucket/corpora", "--out", "s3://bucket/shards/towns"];
    must(place.prepare("remote", &out));
    let local = prepared(&place.at("local"));
    assert_eq!(prepared(&place.at("remote")), local);
    assert_eq!(prepared(&place.server.object("shards/towns")), local);
    // They train as those that were prepared here; of the corpora only the benchmark is read.
    for file in 0..FILES {
        std::fs::remove_file(place.server.object(&format!("corpora/towns/train-{file}.txt")))
            .unwrap();
    }
    let recipe = place.at("recipe.toml");
    let given = ["--shards", "s3://bucket/shards/towns", "--data-root", "s3://bucket/corpora"];
    let start = |run_dir: &str, more: &[&str]| {
        let mut command = run(&recipe, &place.at(run_dir), "one-process", more);
        place.wire.wire(&mut command, &place.at("other-cache"));
        command.current_dir(place.folder.path());
        command
    };
    must(start("given", &given));
    must(start("own", &["--data-root", "corpora"]));
    assert_eq!(prepared(&place.at("given")), local);
    assert_eq!(checkpoints(&place.at("given")), checkpoints(&place.at("own")));
    for (path, content) in files(&place.at("given")) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(SECRET), "{}", path.display());
    }
    // A row of them is shown as one of a folder.
    let show =
        |shards: &str| must(place.command(&["data", "inspect", shards, "--row", "3"])).stdout;
    let remote = show("s3://bucket/shards/towns/prepared/0-instruction");
    assert_eq!(remote, show("local/prepared/0-instruction"));
    // Shards that changed behind their manifest are refused.
    let shard = "shards/towns/prepared/0-instruction/shard-00-0-00000.parquet";
    let mut bytes = std::fs::read(place.server.object(shard)).unwrap();
    bytes.truncate(bytes.len() - 1);
    place.server.put(shard, &bytes);
    fails(&start("torn", &given).output().unwrap(), 65, "are not those of their manifest");
    // The same command puts them there again.
    must(place.prepare("local", &["--data-root", "corpora", "--out", "s3://bucket/shards/towns"]));
    assert_eq!(prepared(&place.server.object("shards/towns")), local);
}

#[test]
fn shares_meet_in_a_bucket() {
    let Some(place) = Workplace::new() else { return };
    must(place.prepare("local", &["--data-root", "corpora"]));
    let out = ["--data-root", "s3://bucket/corpora", "--out", "s3://bucket/shards/towns"];
    let there = place.server.object("shards/towns");
    for share in ["2/2", "1/2"] {
        assert!(!there.join("prepared/0-instruction/manifest.json").exists(), "{share}");
        let mut command = place.prepare(&share.replace('/', "-"), &out);
        command.args(["--share", share]);
        must(command);
    }
    let mut found = prepared(&there);
    found.retain(|name, _| !name.contains("/part-"));
    assert_eq!(found, prepared(&place.at("local")));
}

#[test]
fn whoever_may_not_ask_is_told_what_to_set() {
    let Some(place) = Workplace::new() else { return };
    let mut command = place.prepare("run", &["--data-root", "s3://bucket/corpora"]);
    let output = command.env("AWS_SECRET_ACCESS_KEY", "another-secret").output().unwrap();
    fails(&output, 69, "the store answers 403");
    assert!(stderr(&output).contains("AWS_SECRET_ACCESS_KEY"));
    assert!(!stderr(&output).contains("another-secret"));
    let output = place.prepare("run", &["--data-root", "s3://no-such-bucket/x"]).output().unwrap();
    fails(&output, 69, "there is no bucket `no-such-bucket`");
    let out = ["--data-root", "corpora", "--out", "s3://no-such-bucket/x"];
    fails(&place.prepare("run", &out).output().unwrap(), 69, "there is no bucket `no-such-bucket`");
    let output = place.prepare("run", &["--data-root", "s3://bucket/nowhere"]).output().unwrap();
    fails(&output, 69, "`s3://bucket/nowhere/towns/");
    place.wire.cut(0, 0);
    let output = place.prepare("run", &["--data-root", "s3://bucket/corpora"]).output().unwrap();
    fails(&output, 75, "s3://bucket/corpora");
}

#[test]
fn a_cut_download_goes_on_where_it_stopped_and_leaves_no_torn_file() {
    let Some(place) = Workplace::new() else { return };
    let corpus =
        |file: usize| std::fs::read(place.at(&format!("corpora/towns/train-{file}.txt"))).unwrap();
    let size = corpus(0).len();
    // A wire that breaks again and again is only slower.
    place.wire.cut(size / 2 + 2000, usize::MAX);
    assert_eq!(place.validate("s3://bucket/corpora").status.code(), Some(0));
    for (path, content) in files(&place.at("cache/objects")) {
        if let Some(number) =
            path.to_str().unwrap().strip_suffix(".txt").and_then(|it| it.split("train-").nth(1))
        {
            assert_eq!(content, corpus(number.parse().unwrap()), "{}", path.display());
        }
    }
    // One that breaks for good leaves parts under names of their own.
    std::fs::remove_dir_all(place.at("cache")).unwrap();
    place.wire.cut(size / 2, 4);
    fails(&place.validate("s3://bucket/corpora"), 75, "s3://bucket/corpora/towns/");
    for (path, content) in files(&place.at("cache/objects")) {
        let name = path.file_name().unwrap();
        let whole = std::fs::read(place.at("corpora/towns").join(name)).unwrap();
        assert_eq!(content, whole, "{} is torn", path.display());
    }
    let parts: usize = files(&place.at("cache/parts")).values().map(Vec::len).sum();
    assert!(parts > 0);
    place.wire.mend();
    place.wire.received();
    assert_eq!(place.validate("s3://bucket/corpora").status.code(), Some(0));
    let (again, total) = (place.wire.received(), FILES * size);
    assert!(again < total - parts / 2, "{again} of {total} bytes, {parts} were there");
    assert!(files(&place.at("cache/parts")).is_empty());
}

#[test]
fn a_cut_upload_is_no_set_of_shards() {
    let Some(place) = Workplace::new() else { return };
    must(place.prepare("local", &["--data-root", "corpora"]));
    let out = ["--data-root", "corpora", "--out", "s3://bucket/shards/towns"];
    let shard = place.at("local/prepared/0-instruction/shard-00-0-00000.parquet");
    let size = std::fs::metadata(&shard).unwrap().len() as usize;
    // Enough for the vocabulary, not for a shard.
    place.wire.cut(size / 2, usize::MAX);
    fails(&place.prepare("local", &out).output().unwrap(), 75, "s3://bucket/shards/towns/");
    let there = place.server.object("shards/towns/prepared/0-instruction");
    assert!(!there.join("manifest.json").exists());
    assert!(!there.join("shard-00-0-00000.parquet").exists());
    place.wire.mend();
    let taken = place
        .command(&["data", "inspect", "s3://bucket/shards/towns/prepared/0-instruction"])
        .output()
        .unwrap();
    fails(&taken, 69, "no shards were prepared there to the end");
    must(place.prepare("local", &out));
    assert_eq!(prepared(&place.server.object("shards/towns")), prepared(&place.at("local")));
}

#[test]
fn two_processes_with_one_cache_bring_each_file_once() {
    let Some(place) = Workplace::new() else { return };
    let start = || {
        let arguments = ["data", "validate", "towns", "--configs", "configs"];
        place.command(&arguments).args(["--data-root", "s3://bucket/corpora"]).spawn().unwrap()
    };
    let both = [start(), start(), start()];
    for process in both {
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let kept: usize = files(&place.at("cache/objects")).values().map(Vec::len).sum();
    let received = place.wire.received();
    assert!(received < kept + kept / 4, "{received} bytes came for {kept}");
}
