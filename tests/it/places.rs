//! Shards that were prepared in one place and are trained from in another; places that are wrong.

use crate::program::{checkpoints, fixture, knowcoder, must, run, stderr};
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
        for name in ["manifest.json", "shard-00000.parquet"] {
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
        ("batch.max_length=400", "not the same selection, seed, max_length or group"),
        ("phase.2.datasets=[\"quickstart-en:test-frames\"]", "not the same datasets"),
        ("prompt.classes=\"full\"", "not the same prompt"),
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
    let shard = phase.join("shard-00000.parquet");
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    refused(65, "are not those of their manifest");
    std::fs::remove_file(phase.join("manifest.json")).unwrap();
    refused(69, "no shards were prepared there to the end");
    // What is prepared again is put there again.
    must(prepare(&at("here"), &at("out")));
    let sound = std::fs::read(at("here/prepared/1-alignment/shard-00000.parquet")).unwrap();
    assert_eq!(std::fs::read(&shard).unwrap(), sound);
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
