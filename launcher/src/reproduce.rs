//! Whether one run did what another one did: their programs, machines, data, losses, answers and weights.

mod compare;
mod earlier;
mod files;
mod scores;
mod steps;

pub use compare::compare;
pub use earlier::{Earlier, earlier};

use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::events::is_done;
use crate::verbs::difference;
use data_pipeline::manifest::Manifest;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use trainer::{Recipe, RunDir};

/// Something that is otherwise in the second run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// What, such as `program` or `corpus`.
    pub what: String,
    /// How it was.
    pub before: String,
    /// How it is now.
    pub now: String,
    /// Whether it may change numbers beyond their rounding.
    pub matters: bool,
}

impl Deviation {
    /// One line.
    pub fn sentence(&self) -> String {
        let Self { what, before, now, matters } = self;
        let weight = if *matters { "" } else { " (changes no number by itself)" };
        format!("{what}: {before}, now {now}{weight}")
    }
}

/// The directory of a run that can be done again.
pub fn original(run: &Path) -> Result<RunDir, Error> {
    let run_dir = RunDir::new(run);
    let shown = run.display();
    if !run_dir.recipe_lock().is_file() {
        let message = format!("`{shown}` is not the directory of a run: it has no recipe.lock");
        return Err(Error::new(exit::DECLARATION, message).hint("name one like runs/NAME"));
    }
    if !is_done(&events(&run_dir)?) {
        let message = format!("the run in `{shown}` is not done: there is nothing to compare with");
        return Err(Error::new(exit::DECLARATION, message)
            .hint("`knowcoder resume` continues it, `knowcoder why` says why it stopped"));
    }
    Ok(run_dir)
}

/// What is otherwise before the first step: the program, the cluster, the device of the newest start of either.
pub fn of_surroundings(original: &RunDir, again: &RunDir) -> Result<Vec<Deviation>, Error> {
    let mut found = Vec::new();
    let texts = [events(original)?, events(again)?];
    let [before, now] = texts.each_ref().map(|text| newest(text, "started"));
    for (key, matters) in [
        ("version", true),
        ("program_sha256", true),
        ("world", true),
        ("threads_per_rank", true),
        ("backend", false),
    ] {
        let deviation = of_values(&format!("started.{key}"), &before[key], &now[key], matters);
        found.extend(deviation);
    }
    let [before, now] = texts.each_ref().map(|text| newest(text, "device"));
    for key in ["name", "memory", "driver"] {
        found.extend(of_values(&format!("device.{key}"), &before[key], &now[key], true));
    }
    found.extend(of_clusters(original, again));
    Ok(found)
}

/// Keys of the cluster files that differ; those that decide no number say so.
fn of_clusters(original: &RunDir, again: &RunDir) -> Vec<Deviation> {
    let load = |run_dir: &RunDir| Cluster::load(&run_dir.cluster()).ok();
    let (Some(before), Some(now)) = (load(original), load(again)) else { return Vec::new() };
    let table = |cluster: &Cluster| cluster.to_toml().parse().unwrap_or_default();
    let deviation = |(key, before, now): difference::Different| {
        // World and threads stand in the events, too, as they really were.
        let matters = ["sharding.", "cluster.collective"].iter().any(|it| key.starts_with(it));
        Deviation { what: format!("cluster file, {key}"), before, now, matters }
    };
    difference::all(&table(&before), &table(&now)).into_iter().map(deviation).collect()
}

/// What is otherwise in the data of each phase: bytes of corpora, declarations, schemata, templates, the tokenizer,
/// and the rows that were made of them. Shards may have been removed to save space: the rest of the runs is compared
/// all the same.
pub fn of_data(recipe: &Recipe, original: &RunDir, again: &RunDir) -> Vec<Deviation> {
    let mut found = Vec::new();
    for (index, phase) in recipe.phase.iter().enumerate() {
        let shards = [original, again].map(|run_dir| Shards::of(run_dir, index, &phase.name));
        match &shards {
            [Shards::Read(before), Shards::Read(now)] => {
                of_manifests(&phase.name, before, now, &mut found);
            }
            [before, now] => {
                let again = again.root().display();
                let lock = original.recipe_lock();
                let way = match now {
                    Shards::Read(_) => String::new(),
                    _ => format!(
                        "; `knowcoder data prepare {} --run-dir {again}` makes them anew, to be compared",
                        lock.display()
                    ),
                };
                let now = now.words() + &way;
                found.push(deviation(&phase.name, "shards", &before.words(), &now));
            }
        }
    }
    found
}

/// What a run has of a phase's shards.
enum Shards {
    Read(Box<Manifest>),
    Gone,
    Broken(String),
}

impl Shards {
    fn of(run_dir: &RunDir, index: usize, phase: &str) -> Self {
        let folder = run_dir.prepared(index, phase);
        match Manifest::load(&folder) {
            Ok(manifest) => Self::Read(Box::new(manifest)),
            Err(_) if !folder.join("manifest.json").exists() => Self::Gone,
            Err(error) => Self::Broken(error.to_string()),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Read(_) => "there".to_owned(),
            Self::Gone => "not there any more".to_owned(),
            Self::Broken(error) => format!("not to be read ({error})"),
        }
    }
}

fn of_manifests(phase: &str, before: &Manifest, now: &Manifest, found: &mut Vec<Deviation>) {
    for source in &before.origin.sources {
        let name = &source.reference;
        let Some(other) = now.origin.sources.iter().find(|it| it.reference == *name) else {
            found.push(deviation(phase, &format!("corpus {name}"), "read", "not read"));
            continue;
        };
        for (what, a, b) in [
            ("bytes of", &source.bytes, &other.bytes),
            ("declaration of", &source.declaration, &other.declaration),
            ("schema of", &source.schema, &other.schema),
        ] {
            if a != b {
                found.push(deviation(phase, &format!("{what} {name}"), &brief(a), &brief(b)));
            }
        }
    }
    let rows = [before, now].map(|it| it.total.samples.to_string());
    for (what, [a, b]) in [
        ("template", [&before.origin.template, &now.origin.template]),
        ("tokenizer", [&before.origin.tokenizer, &now.origin.tokenizer]),
        ("number of rows", [&rows[0], &rows[1]]),
        ("all that decides its rows", [&before.fingerprint, &now.fingerprint]),
    ] {
        if a != b {
            found.push(deviation(phase, what, &brief(a), &brief(b)));
        }
    }
}

fn deviation(phase: &str, what: &str, before: &str, now: &str) -> Deviation {
    Deviation {
        what: format!("phase {phase}, {what}"),
        before: before.to_owned(),
        now: now.to_owned(),
        matters: true,
    }
}

/// The beginning of a hash.
fn brief(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn of_values(what: &str, before: &Value, now: &Value, matters: bool) -> Option<Deviation> {
    // Earlier versions did not say everything, or not to the last digit.
    if before == now || before.is_null() || now.is_null() || is_begun(before, now) {
        return None;
    }
    let [before, now] = [before, now].map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Some(Deviation { what: what.to_owned(), before, now, matters })
}

/// Digits of the program's hash that runs kept before all of them were.
const FIRST_DIGITS: usize = 16;

/// Whether one of two hashes is the beginning of the other one.
fn is_begun(before: &Value, now: &Value) -> bool {
    let (Some(a), Some(b)) = (before.as_str(), now.as_str()) else { return false };
    let is_hash = |text: &str| text.bytes().all(|it| it.is_ascii_hexdigit());
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.len() == FIRST_DIGITS && is_hash(long) && long.starts_with(short)
}

/// The text of a run's events.
fn events(run_dir: &RunDir) -> Result<String, Error> {
    let path = run_dir.events();
    Ok(std::fs::read_to_string(&path).map_err(data_pipeline::Error::read(&path))?)
}

/// The last event of this name; `null` where there is none.
fn newest(text: &str, name: &str) -> Value {
    let mut events = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.find(|event| event["event"] == name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;
    use std::fs;

    fn run(folder: &Path, events: &str, ranks: usize) -> RunDir {
        let run_dir = RunDir::new(folder);
        fs::create_dir_all(folder).unwrap();
        fs::write(run_dir.events(), events).unwrap();
        fs::write(run_dir.recipe_lock(), "").unwrap();
        let cluster = Cluster { ranks, ..Cluster::of_this_machine() };
        fs::write(run_dir.cluster(), cluster.to_toml()).unwrap();
        run_dir
    }

    #[test]
    fn only_a_run_that_is_done_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| {
            original(path).unwrap_err().message.replace(&folder.path().display().to_string(), "DIR")
        };
        expect!["`DIR` is not the directory of a run: it has no recipe.lock"]
            .assert_eq(&message(folder.path()));
        let path = folder.path().join("a");
        run(&path, "{\"event\": \"done\"}\n{\"event\": \"started\"}\n", 1);
        expect!["the run in `DIR/a` is not done: there is nothing to compare with"]
            .assert_eq(&message(&path));
        run(&path, "{\"event\": \"started\"}\n{\"event\": \"done\"}\n{\"event\": \"other\"}\n", 1);
        assert!(original(&path).is_ok());
    }

    #[test]
    fn what_differs_before_the_first_step_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let started = |version: &str, world: usize| {
            format!("{{\"event\": \"started\", \"version\": \"{version}\", \"world\": {world}}}\n")
        };
        let a = run(&folder.path().join("a"), &started("0.1.0", 1), 1);
        let b = run(&folder.path().join("b"), &started("0.2.0", 2), 2);
        let found = of_surroundings(&a, &b).unwrap();
        let text: Vec<String> = found.iter().map(Deviation::sentence).collect();
        expect![[r#"
            started.version: 0.1.0, now 0.2.0
            started.world: 1, now 2
            cluster file, cluster.ranks: 1, now 2 (changes no number by itself)"#]]
        .assert_eq(&text.join("\n"));
        assert_eq!(of_surroundings(&a, &a).unwrap(), []);
    }

    #[test]
    fn shards_that_are_gone_are_named_with_what_brings_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let recipe = Recipe::load(&path, &[]).unwrap();
        let [a, b] = ["a", "b"].map(|name| run(&folder.path().join(name), "", 1));
        let broken = b.prepared(0, &recipe.phase[0].name);
        fs::create_dir_all(&broken).unwrap();
        fs::write(broken.join("manifest.json"), "{").unwrap();
        let found = of_data(&recipe, &a, &b);
        let text: Vec<String> = found.iter().map(Deviation::sentence).collect();
        let text = text.join("\n").replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(found.len(), 3, "{text}");
        let broken = "phase schema-understanding, shards: not there any more, now not to be read (";
        assert!(text.starts_with(broken), "{text}");
        let gone = "phase alignment, shards: not there any more, now not there any more; `knowcoder data prepare \
                    DIR/a/recipe.lock --run-dir DIR/b` makes them anew, to be compared";
        assert!(text.contains(gone), "{text}");
    }

    #[test]
    fn a_program_is_the_same_by_the_digits_that_both_runs_kept() {
        let folder = tempfile::tempdir().unwrap();
        let hash = "0123456789abcdef".repeat(4);
        let of = |name: &str, digits: &str| {
            let event = format!("{{\"event\": \"started\", \"program_sha256\": \"{digits}\"}}\n");
            run(&folder.path().join(name), &event, 1)
        };
        let (old, now) = (of("old", &hash[..16]), of("now", &hash));
        let other = of("other", "fedcba9876543210");
        assert_eq!(of_surroundings(&old, &now).unwrap(), []);
        assert_eq!(of_surroundings(&now, &old).unwrap(), []);
        assert_eq!(of_surroundings(&other, &now).unwrap().len(), 1);
    }
}
