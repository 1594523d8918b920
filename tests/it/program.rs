//! Starting the program, and reading what it left behind.

use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A recipe of the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// A cluster file that is shipped.
pub fn cluster(name: &str) -> PathBuf {
    root().join("configs/clusters").join(format!("{name}.toml"))
}

/// The program with these arguments, not yet started.
pub fn knowcoder<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knowcoder"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A shell starts background jobs with Ctrl-C ignored, and the program leaves it so; a test that
    // presses it must not depend on how it was started itself.
    // SAFETY: between fork and exec only a signal's disposition is changed.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    command
}

/// `knowcoder run RECIPE --run-dir DIR --cluster FILE` with more arguments.
pub fn run(recipe: &Path, run_dir: &Path, ranks: &str, more: &[&str]) -> Command {
    let mut command = knowcoder(&["run"]);
    command
        .arg(recipe)
        .arg("--run-dir")
        .arg(run_dir)
        .arg("--cluster")
        .arg(cluster(ranks))
        .args(more);
    command
}

/// Runs to the end and expects exit code 0.
pub fn must(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{:?}\n{}", output.status, stderr(&output));
    output
}

/// What a process said to the person at the terminal.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The lines of `metrics.jsonl`.
pub fn metrics(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("metrics.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Every weight and moment of every checkpoint, as bytes.
pub fn checkpoints(run_dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in std::fs::read_dir(run_dir.join("checkpoints")).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "safetensors") {
                let name = file.strip_prefix(run_dir).unwrap().display().to_string();
                files.insert(name, std::fs::read(&file).unwrap());
            }
        }
    }
    files
}
