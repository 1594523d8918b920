//! The inputs of the fuzz targets on stable Rust: all seeds, and all that a bug was found with.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/src/entry.rs"]
mod entry;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder that may not be there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A seed that nothing understands leads a fuzzer nowhere.
#[test]
fn every_way_to_read_understands_a_seed() {
    for (target, _) in entry::TARGETS {
        let mut understood: BTreeMap<String, usize> = BTreeMap::new();
        let mut seeds = files(&root().join("fuzz/seeds").join(target));
        seeds.extend(shipped(target));
        assert!(!seeds.is_empty(), "`{target}` has no seed");
        for seed in seeds {
            for (way, took) in entry::run(target, &std::fs::read(&seed).unwrap()) {
                *understood.entry(way).or_default() += usize::from(took);
            }
        }
        assert!(!understood.is_empty(), "`{target}` reads nothing");
        let lost: Vec<&String> =
            understood.iter().filter(|(_, count)| **count == 0).map(|(way, _)| way).collect();
        assert!(lost.is_empty(), "no seed of `{target}` is understood by {lost:?}");
    }
}

/// Our own files that a target starts from.
fn shipped(target: &str) -> Vec<PathBuf> {
    let configs = root().join("configs");
    match target {
        "schema" => files(&configs.join("schemas")),
        "declaration" => files(&configs.join("datasets")),
        "benchmark" => {
            let mut found = files(&configs.join("benchmarks"));
            found.retain(|path| path.extension().is_some_and(|it| it == "toml"));
            found
        }
        "job" => vec![configs.join("parallel/cluener-en.toml")],
        _ => Vec::new(),
    }
}

#[test]
fn what_once_broke_a_reader_is_read() {
    for folder in files(&root().join("tests/fixtures/fuzz")) {
        let target = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !entry::TARGETS.iter().any(|(it, _)| *it == target) {
            // One of the launcher's: its own tests read these.
            assert!(root().join(format!("fuzz/targets/{target}.rs")).is_file(), "{target}");
            continue;
        }
        for file in files(&folder) {
            println!("{}", file.display());
            entry::run(&target, &std::fs::read(&file).unwrap());
        }
    }
}
