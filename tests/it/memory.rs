//! A corpus that is larger than the memory it is prepared in.

use crate::program::{knowcoder, root};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;

const SCHEMA: &str = r#"
class Person(Entity):
    """
    Description: A human being.
    Examples: Ann
    """

class Ship(Entity):
    """
    Description: A vessel.
    Examples: Vestra
    """
"#;

const DECLARATION: &str = r#"
name = "large"
task = ["ner"]
language = "en"
licence = "made up"
source = "the test"
schema = "../schemas/large.py"
reader = "json"
[options]
CONTAINER
text = "text"
entities = { path = "entities.*", label = "type", mention = { start = "from", end = "to" } }
[labels]
PER = "Person"
SHIP = "Ship"
[splits.train]
files = ["large.json"]
"#;

const RECIPE: &str = r#"
datasets = "configs/datasets"
[run]
name = "large"
[model]
path = "BASE"
[prompt]
classes = "names"
system = false
task_sentence = "none"
[batch]
samples = 8
max_length = 2048
[[phase]]
kind = "instruction"
datasets = ["large"]
steps = 1
"#;

/// How the rows of the corpus follow each other.
#[derive(Clone, Copy, PartialEq)]
enum Container {
    Lines,
    Array,
}

/// Writes a corpus of about so many bytes, and all that it needs.
fn write(folder: &Path, container: Container, bytes: usize) {
    for place in ["configs/datasets", "configs/schemas", "data"] {
        std::fs::create_dir_all(folder.join(place)).unwrap();
    }
    let declared = if container == Container::Array { "container = \"array\"" } else { "" };
    let files = [
        ("configs/schemas/large.py", SCHEMA.to_owned()),
        ("configs/datasets/large.toml", DECLARATION.replace("CONTAINER", declared)),
        (
            "recipe.toml",
            RECIPE.replace("BASE", root().join("configs/quickstart/base").to_str().unwrap()),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut file = BufWriter::new(std::fs::File::create(folder.join("data/large.json")).unwrap());
    let (mut written, mut state, mut row) = (0, 1u64, 0);
    while written < bytes {
        let mut text = format!("Ann{row} sails");
        let end = 3 + row.to_string().len();
        while text.len() < 1500 {
            // Knuth's linear congruential generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text += [" the", " old", " sea", " over", " light", " under", " far", " and"]
                [(state >> 61) as usize];
        }
        let before = match (container, row) {
            (Container::Lines, _) => "",
            (Container::Array, 0) => "[",
            (Container::Array, _) => ",",
        };
        let line = format!(
            "{before}{{\"text\": \"{text}\", \"entities\": [{{\"type\": \"PER\", \"from\": 0, \"to\": {end}}}]}}\n"
        );
        file.write_all(line.as_bytes()).unwrap();
        written += line.len();
        row += 1;
    }
    if container == Container::Array {
        file.write_all(b"]").unwrap();
    }
    file.flush().unwrap();
}

/// What the program has in memory at once, at most, while it does as `arguments` say.
fn peak(arguments: &[&str]) -> usize {
    let mut command = knowcoder(arguments);
    // The same blocks are open at once on every machine.
    command.env("RAYON_NUM_THREADS", "2").stderr(Stdio::inherit()).stdout(Stdio::null());
    // `wait4` waits, which also counts memory.
    #[allow(clippy::zombie_processes)]
    let child = command.spawn().unwrap();
    let mut status = 0;
    // SAFETY: zero is a valid value of this C struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours and waited for here only; both places are ours to write.
    let ended = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!((ended, status), (child.id() as i32, 0), "the program and its end");
    // Linux counts in kibibytes.
    usage.ru_maxrss as usize * 1024
}

/// What preparing a corpus of so many bytes takes, what counting it takes, and how many rows it has.
fn taken(container: Container, bytes: usize) -> ([usize; 2], u64) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), container, bytes);
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (recipe, run_dir, data) = (place("recipe.toml"), place("run"), place("data"));
    let prepared = peak(&["data", "prepare", &recipe, "--run-dir", &run_dir, "--data-root", &data]);
    let declaration = place("configs/datasets/large.toml");
    let base = root().join("configs/quickstart/base").display().to_string();
    let counted =
        peak(&["data", "stats", &declaration, "--data-root", &data, "--tokenizer", &base]);
    let manifest = folder.path().join("run/prepared/0-instruction/manifest.json");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    ([prepared, counted], manifest["total"]["samples"].as_u64().unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_corpus() {
    for container in [Container::Lines, Container::Array] {
        let (small, large) = (taken(container, 8 << 20), taken(container, 48 << 20));
        assert!(large.1 > 5 * small.1, "{small:?} {large:?}");
        for (what, (small, large)) in
            ["data prepare", "data stats"].into_iter().zip(small.0.into_iter().zip(large.0))
        {
            let grown = large.saturating_sub(small);
            // 40 MiB more of text; read at once, they alone would show, and twice over as sentences.
            assert!(grown < 24 << 20, "{what}: {} MiB more for 40 MiB more", grown >> 20);
        }
    }
}
