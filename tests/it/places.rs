//! Shards that were prepared in one place and are trained from in another; places that are wrong.

use crate::program::{checkpoints, fixture, knowcoder, must, run, stderr};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// `knowcoder data prepare` of the tiny recipe.
fn prepare(run_dir: &Path, out: &Path) -> Command {
    let mut command = knowcoder(&["data", "prepare"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).arg("--out").arg(out);
    command
}

#[test]
fn shards_of_another_place_teach_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    must(prepare(&at("here"), &at("out")));
    for phase in ["0-schema-understanding", "1-alignment", "2-instruction"] {
        for name in ["manifest.json", "shard-00-0-00000.parquet"] {
            let file = Path::new("prepared").join(phase).join(name);
            let [here, there] =
                ["here", "out"].map(|it| std::fs::read(at(it).join(&file)).unwrap());
            assert_eq!(here, there, "{}", file.display());
        }
    }
    let out = at("out").display().to_string();
    must(run(&fixture("tiny.toml"), &at("given"), "one-process", &["--shards", &out]));
    must(run(&fixture("tiny.toml"), &at("own"), "one-process", &[]));
    assert_eq!(checkpoints(&at("given")), checkpoints(&at("own")));
    assert_eq!(
        std::fs::read(at("given/scores.json")).unwrap(),
        std::fs::read(at("own/scores.json")).unwrap()
    );
    // The same command, once more, finds everything done.
    must(run(&fixture("tiny.toml"), &at("given"), "one-process", &["--shards", &out]));
}

#[test]
fn shards_of_another_recipe_are_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    must(prepare(&at("here"), &at("out")));
    let out = at("out").display().to_string();
    for (set, expected) in [
        ("batch.max_length=400", "(theirs → this one): max_length: 512 → 400; prepare them"),
        ("phase.2.datasets=[\"quickstart-en:test-frames\"]", "`quickstart-zh:test-frames` is gone"),
        ("prompt.classes=\"full\"", "prompt.classes: names → full"),
    ] {
        let more = ["--shards", &out, "--set", set];
        let output = run(&fixture("tiny.toml"), &at(set), "one-process", &more).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn a_place_without_a_manifest_holds_no_shards() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    must(prepare(&at("here"), &at("out")));
    let out = at("out").display().to_string();
    let refused = |code: i32, expected: &str| {
        let more = ["--shards", &out];
        let output = run(&fixture("tiny.toml"), &at("run"), "one-process", &more).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    };
    let phase = at("out/prepared/1-alignment");
    let shard = phase.join("shard-00-0-00000.parquet");
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    refused(65, "are not those of their manifest");
    std::fs::remove_file(phase.join("manifest.json")).unwrap();
    refused(69, "no shards were prepared there to the end");
    // What is prepared again is put there again.
    must(prepare(&at("here"), &at("out")));
    let sound = std::fs::read(at("here/prepared/1-alignment/shard-00-0-00000.parquet")).unwrap();
    assert_eq!(std::fs::read(&shard).unwrap(), sound);
}

/// Vocabulary and shards of a place, but not the lists of shares.
fn shards(place: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let phases = std::fs::read_dir(place.join("prepared")).unwrap();
    let phases = phases.map(|phase| phase.unwrap().path());
    for folder in phases.chain([place.join("tokenizer")]) {
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.strip_prefix(place).unwrap().display().to_string();
            if !name.contains("/part-") {
                found.insert(name, std::fs::read(file).unwrap());
            }
        }
    }
    found
}

#[test]
fn shares_without_a_folder_in_common_meet_in_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    must(prepare(&at("whole"), &at("expected")));
    let share = |share: &str, run_dir: &str, out: &str| {
        let mut command = prepare(&at(run_dir), &at(out));
        command.args(["--share", share, "--json"]);
        command
    };
    let missing = |output: std::process::Output| -> Vec<serde_json::Value> {
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let phases = told["phases"].as_array().unwrap();
        phases.iter().map(|phase| phase["missing"].clone()).collect()
    };
    let none = vec![serde_json::json!([]); 3];
    let of = |shares: &[usize]| vec![serde_json::json!(shares); 3];

    assert_eq!(missing(must(share("2/3", "two", "out"))), of(&[1, 3]));
    assert!(!shards(&at("out")).keys().any(|name| name.ends_with("manifest.json")));
    let both = [("1/3", "one"), ("3/3", "three")]
        .map(|(number, run_dir)| share(number, run_dir, "out").spawn().unwrap());
    let both = both.map(|process| process.wait_with_output().unwrap());
    assert!(both.iter().all(|output| output.status.success()), "{both:?}");
    assert!(both.into_iter().any(|output| missing(output) == none), "nobody was the last");
    assert!(shards(&at("out")) == shards(&at("expected")));

    // What is there stays; what went away there is put there again by the share that made it.
    let manifest = at("out/prepared/0-schema-understanding/manifest.json");
    let written = || std::fs::metadata(&manifest).unwrap().modified().unwrap();
    let before = written();
    assert_eq!(missing(must(share("3/3", "three", "out"))), none);
    assert_eq!(written(), before);
    std::fs::remove_file(manifest.with_file_name("shard-00-0-00000.parquet")).unwrap();
    let absent = missing(must(share("3/3", "three", "out")));
    assert_eq!(absent, [serde_json::json!([1]), none[0].clone(), none[0].clone()]);
    assert!(!manifest.exists());
    assert_eq!(missing(must(share("1/3", "one", "out"))), none);
    assert!(shards(&at("out")) == shards(&at("expected")));

    // Shares of one run directory meet there as well.
    assert_eq!(missing(must(share("1/2", "common", "other"))), of(&[2]));
    assert_eq!(missing(must(share("2/2", "common", "other"))), none);
    assert!(shards(&at("other")) == shards(&at("expected")));

    // Lists of shares whose files were written over are worth nothing.
    let mut other = prepare(&at("seed"), &at("out"));
    other.args(["--set", "run.seed=6"]);
    must(other);
    assert!(shards(&at("out")) == shards(&at("seed")));
    assert_eq!(missing(must(share("1/3", "one", "out"))), of(&[2, 3]));
    assert!(!manifest.exists());
}

#[test]
fn wrong_places_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    for (place, code, expected) in [
        ("ftp://host/x", 64, "`ftp://` is no place that is known"),
        ("s3://", 64, "names no bucket"),
        ("s3://AKIA:hidden@bucket/x", 64, "neither credentials nor a port"),
    ] {
        let output = prepare(&run_dir, Path::new(place)).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hidden"), "{said}");
        assert!(!run_dir.exists(), "{place}");
    }
    let output = knowcoder(&["data", "fetch", "wnut17", "--configs"])
        .arg(fixture("../../configs"))
        .args(["--data-root", "s3://bucket/corpora"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("writes into folders"), "{}", stderr(&output));
}

#[test]
#[cfg(not(feature = "object-store"))]
fn a_light_program_says_how_to_build_one_with_object_stores() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let output = prepare(&run_dir, Path::new("s3://bucket/x")).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    assert!(stderr(&output).contains("--features object-store"), "{}", stderr(&output));
    assert!(!run_dir.exists());
}
