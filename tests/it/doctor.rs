//! What a machine has for a run, with libraries of our own in the place of NVIDIA's.

use crate::program::{knowcoder, root, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A driver of two GPUs that answers only what a preflight asks; `INIT` is what `cuInit` says.
const DRIVER: &str = r#"
#include <stdio.h>
int cuInit(unsigned flags) { return INIT; }
int cuGetErrorString(int code, const char **text) { *text = "no CUDA-capable device is detected"; return 0; }
int cuDriverGetVersion(int *version) { *version = 12080; return 0; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Made-up GPU"); return 0; }
int cuDeviceGetPCIBusId(char *text, int size, int device) { return 1; }
int cuDeviceTotalMem_v2(unsigned long *bytes, int device) { *bytes = 140ul << 30; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 9 : 0; return 0; }
int cuDeviceCanAccessPeer(int *can, int from, int to) { *can = 1; return 0; }
int cuDevicePrimaryCtxRetain, cuCtxSetCurrent, cuMemGetInfo_v2, cuMemAlloc_v2, cuMemFree_v2, cuMemcpyHtoDAsync_v2,
    cuMemcpyDtoHAsync_v2, cuStreamCreate, cuStreamDestroy_v2, cuStreamSynchronize, cuStreamQuery,
    cuStreamWaitEvent, cuEventCreate, cuEventRecord, cuEventDestroy_v2, cuStreamWaitValue32_v2, cuStreamWriteValue32_v2;
"#;

const NCCL: &str = "int ncclGetVersion(int *version) { *version = 22703; return 0; }";

/// A management library that does not work, so that a real one of this machine is not asked.
const NVML: &str = "int nvmlInit_v2(void) { return 9; }";

fn library(folder: &Path, name: &str, text: &str, init: i32) {
    let source = folder.join("fake.c");
    std::fs::write(&source, text).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", &format!("-DINIT={init}"), "-o"]);
    assert!(compiler.arg(folder.join(name)).arg(&source).status().unwrap().success());
}

/// A folder with the libraries of a machine with two GPUs, or with none where `cuInit` fails.
pub fn machine(init: i32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), "libcuda.so.1", DRIVER, init);
    library(folder.path(), "libnccl.so.2", NCCL, init);
    library(folder.path(), "libnvidia-ml.so.1", NVML, init);
    let functions = folder.path().join("nvvm/libdevice");
    std::fs::create_dir_all(&functions).unwrap();
    std::fs::write(functions.join("libdevice.10.bc"), "BC").unwrap();
    folder
}

/// The program on such a machine.
fn on(machine: &Path, arguments: &[&str]) -> Output {
    let mut command = knowcoder(arguments);
    command.env("LD_LIBRARY_PATH", machine).env("CUDA_PATH", machine).env("LANG", "C.UTF-8");
    for name in ["LC_ALL", "LC_CTYPE", "KNOWCODER_NCCL", "CUDA_VISIBLE_DEVICES"] {
        command.env_remove(name);
    }
    command.current_dir(machine).output().unwrap()
}

/// The state and the finding of a row.
fn row(document: &Value, what: &str) -> (String, String) {
    let rows = document["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["what"] == what).unwrap_or(&Value::Null);
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("found"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn gpus_and_libraries_are_listed() {
    let machine = machine(0);
    let output = on(machine.path(), &["doctor", "--device", "flex", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document = json(&output);
    assert_eq!(document["ready"], true);
    let ok = |found: &str| ("ok".to_owned(), found.to_owned());
    assert_eq!(row(&document, "driver"), ok("serves CUDA 12.8"));
    assert_eq!(row(&document, "GPU 1"), ok("Made-up GPU, 140.0 GiB, sm_90"));
    assert_eq!(row(&document, "NCCL"), ok("2.27.3 (libnccl.so.2)"));
    assert_eq!(row(&document, "locale"), ok("C.UTF-8"));
    let functions = machine.path().join("nvvm/libdevice/libdevice.10.bc");
    assert_eq!(row(&document, "libdevice"), ok(&functions.display().to_string()));
    assert_eq!(document["gpus"][0]["reaches"], serde_json::json!([1]));
    let text =
        String::from_utf8(on(machine.path(), &["doctor", "--device", "flex"]).stdout).unwrap();
    assert!(text.contains("what `flex` needs is here"), "{text}");
}

#[test]
fn a_machine_without_a_gpu_computes_on_its_processors_only() {
    let machine = machine(100);
    let output = on(machine.path(), &["doctor", "--device", "flex", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (state, found) = row(&json(&output), "driver");
    assert_eq!(state, "unused");
    assert!(found.starts_with("cuInit failed with 100"), "{found}");
    let output = on(machine.path(), &["doctor", "--device", "cuda", "--json"]);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let document = json(&output);
    assert_eq!(
        (row(&document, "driver").0.as_str(), &document["ready"]),
        ("missing", &Value::Bool(false))
    );
}

#[test]
fn ranks_of_a_cluster_must_find_their_gpus() {
    let machine = machine(0);
    let cluster = root().join("configs/clusters/four-ranks.toml").canonicalize().unwrap();
    let cluster = cluster.display().to_string();
    let arguments = ["doctor", "--cluster", &cluster, "--device", "cuda", "--json"];
    let output = on(machine.path(), &arguments);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let document = json(&output);
    let expected = ("missing".to_owned(), "2 for 4 ranks".to_owned());
    assert_eq!((row(&document, "GPUs"), &document["ranks"]), (expected, &serde_json::json!(4)));
    assert_eq!(on(machine.path(), &["doctor", "--cluster", "no.toml"]).status.code(), Some(64));
}

/// A recipe for CUDA on a machine whose driver says this, and where nothing was begun.
#[cfg(feature = "cuda")]
fn refused(init: i32, cluster: &str, sentence: &str) {
    let machine = machine(init);
    let recipe = crate::program::fixture("tiny.toml").canonicalize().unwrap();
    let recipe = recipe.display().to_string();
    let cluster = crate::program::cluster(cluster).canonicalize().unwrap();
    let cluster = cluster.display().to_string();
    for verb in ["run", "plan"] {
        let arguments = [verb, &recipe, "--cluster", &cluster, "--set", "run.device=cuda"];
        let output = on(machine.path(), &arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.starts_with(&format!("error: device `cuda`: {sentence}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!machine.path().join("runs").exists());
    }
}

#[cfg(feature = "cuda")]
#[test]
fn what_cuda_lacks_is_said_before_anything_is_prepared() {
    refused(100, "one-process", "cuInit failed with 100: no CUDA-capable device is detected");
    refused(0, "four-ranks", "4 ranks of this machine need a GPU each, the driver shows 2");
}
