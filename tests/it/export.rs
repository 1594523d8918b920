//! A checkpoint becomes files for other programs.

use crate::program::{fixture, knowcoder, must, run, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;

fn export(checkpoint: &Path, format: &str, out: &Path, more: &[&str]) -> Output {
    let mut command = knowcoder(&["export", "--json", "--format", format, "--prompts", "24"]);
    command.arg("--checkpoint").arg(checkpoint).arg("--out").arg(out).args(more);
    command.output().unwrap()
}

fn checkpoint(run_dir: &Path, phase: &str) -> PathBuf {
    let folders = std::fs::read_dir(run_dir.join("checkpoints")).unwrap();
    let mut folders: Vec<PathBuf> = folders
        .map(|folder| folder.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(phase))
        .collect();
    folders.sort();
    folders.pop().unwrap()
}

#[test]
fn every_format_is_written_and_proven() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "laptop", &[]));
    let adapted = checkpoint(&run_dir, "instruction");
    let at = |name: &str| folder.path().join(name);
    for (format, more) in [
        ("llama", &["--dtype", "f32"][..]),
        ("merged", &["--fold-norm-head"][..]),
        ("peft", &[][..]),
    ] {
        let output = export(&adapted, format, &at(format), more);
        assert!(output.status.success(), "{format}: {}", stderr(&output));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["proof"]["prompts"], 24, "{answer}");
        assert_eq!(answer["proof"]["different"], 0, "{answer}");
        let receipt = std::fs::read(at(format).join("export.json")).unwrap();
        let receipt: Value = serde_json::from_slice(&receipt).unwrap();
        assert_eq!(receipt["examples"].as_array().unwrap().len(), 16);
    }
    for name in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"] {
        assert!(at("llama").join(name).is_file(), "{name}");
    }
    assert!(at("llama").join("tokenizer_config.json").is_file());
    assert!(at("peft").join("adapter_model.safetensors").is_file());

    // For a Llama of the checkpoint's own weights, adapters of `W_pack` are cut in three.
    let own = at("own");
    std::fs::create_dir(&own).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(adapted.join(name), own.join(name)).unwrap();
    }
    let base = export(&own, "llama", &at("base"), &["--dtype", "f32"]);
    assert!(base.status.success(), "{}", stderr(&base));
    let base = at("base").display().to_string();
    let cut = export(&adapted, "peft", &at("cut"), &["--base", &base]);
    assert!(cut.status.success(), "{}", stderr(&cut));
    let config = std::fs::read_to_string(at("cut").join("adapter_config.json")).unwrap();
    assert!(config.contains("q_proj") && !config.contains("W_pack"), "{config}");

    // What was written is a model directory itself: it goes on to other formats.
    let again = export(&at("merged"), "hf", &at("again"), &["--dtype", "f16"]);
    assert!(again.status.success(), "{}", stderr(&again));

    let refused = |output: Output, code: i32, parts: &[&str]| {
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    refused(export(&adapted, "hf", &at("no"), &[]), 65, &["adapters", "--format merged"]);
    refused(export(&at("llama"), "peft", &at("no"), &[]), 65, &["no adapters"]);
    refused(export(&adapted, "llama", &at("peft"), &[]), 65, &["not empty", "--out"]);
    // The merged weights have the adapters already: beside them they would count twice.
    let merged = at("merged").display().to_string();
    refused(export(&adapted, "peft", &at("no"), &["--base", &merged]), 65, &["is not its source"]);
    refused(export(&at("nowhere"), "llama", &at("no"), &[]), 64, &["nowhere"]);
    refused(export(&adapted, "onnx", &at("no"), &[]), 2, &["onnx", "llama"]);
    assert!(!at("no").exists() && !at("no.partial").exists());
}
