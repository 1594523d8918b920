//! The inputs of the fuzz targets on stable Rust: all seeds, bytes near them, and all that a bug was found with.
#![allow(clippy::unwrap_used)]

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Inputs that are made of each seed.
const NEAR: u64 = 60;
/// Longer seeds are left to the fuzzer.
const LONGEST: usize = 16 << 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder that may not be there.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

/// The seeds of a target: its own, and files of ours that it starts from, as `scripts/fuzz.sh` does.
fn seeds(target: &str) -> Vec<PathBuf> {
    let mut seeds = files_of(&root().join("fuzz/seeds").join(target));
    let (folder, ending) = match target {
        "ablation" => ("configs/ablations", "toml"),
        "cluster" => ("configs/clusters", "toml"),
        "sweep" => ("configs/sweeps", "toml"),
        "slurm-jobs" => ("tests/fixtures/slurm", "json"),
        _ => return seeds,
    };
    let is_one = |path: &PathBuf| path.extension().is_some_and(|it| it == ending);
    seeds.extend(files_of(&root().join(folder)).into_iter().filter(is_one));
    seeds
}

/// A seed that nothing understands leads a fuzzer nowhere.
#[test]
fn every_way_to_read_understands_a_seed() {
    for target in TARGETS {
        let mut understood: BTreeMap<String, usize> = BTreeMap::new();
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "`{target}` has no seed");
        for seed in seeds {
            for (way, took) in run(target, &fs::read(&seed).unwrap()) {
                *understood.entry(way).or_default() += usize::from(took);
            }
        }
        let lost: Vec<&String> =
            understood.iter().filter(|(_, count)| **count == 0).map(|(way, _)| way).collect();
        assert!(lost.is_empty(), "no seed of `{target}` is understood by {lost:?}");
    }
}

#[test]
fn bytes_near_a_seed_break_nothing() {
    for target in TARGETS {
        for seed in seeds(target) {
            let bytes = fs::read(&seed).unwrap();
            if bytes.len() > LONGEST {
                continue;
            }
            for number in 0..NEAR {
                // Said before: a panic shows which input it was.
                println!("{} {number}", seed.display());
                run(target, &near(&bytes, number));
            }
        }
    }
}

/// A few bytes cut out, doubled, or put in the place of others; the same for the same number.
fn near(bytes: &[u8], number: u64) -> Vec<u8> {
    const PUT: [&[u8]; 12] = [
        b"\"",
        b"{",
        b"[",
        b"}",
        b"]",
        b"-1",
        b"1e999",
        b"18446744073709551615",
        b"null",
        b"\xff",
        b"\n",
        b"\xd8\xa7",
    ];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(bytes.len() as u64);
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let mut found = bytes.to_vec();
    for _ in 0..=draw(4) {
        let at = draw(found.len());
        let end = (at + 1 + draw(24)).min(found.len());
        let piece = match draw(4) {
            0 => Vec::new(),
            1 => [&found[at..end], &found[at..end]].concat(),
            _ => PUT[draw(PUT.len())].to_vec(),
        };
        found.splice(at.min(end)..end, piece);
    }
    found
}

#[test]
fn what_once_broke_a_reader_is_read() {
    for target in TARGETS {
        for file in files_of(&root().join("tests/fixtures/fuzz").join(target)) {
            println!("{}", file.display());
            run(target, &fs::read(&file).unwrap());
        }
    }
}

/// A reader with a target that no fuzzer runs is not looked at.
#[test]
fn every_target_is_a_program_of_the_fuzzer() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in TARGETS {
        let program = fs::read_to_string(root().join(format!("fuzz/targets/{target}.rs"))).unwrap();
        assert!(program.contains(&format!("launcher \"{target}\"")), "{program}");
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
    }
}
