//! Libraries that stand in for NVIDIA's in tests: our own few lines of C, compiled where the test runs.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The driver. `DEVICES`, `VERSION` and `INIT` (what `cuInit` answers) may be defined; `WITHOUT_PEERS`
/// leaves a function out.
const DRIVER: &str = r#"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifndef DEVICES
#define DEVICES 1
#endif
#ifndef VERSION
#define VERSION 13000
#endif
#ifndef INIT
#define INIT 0
#endif
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuGetErrorString(int code, const char **text) { *text = "a reason"; return 0; }
int cuDeviceGetCount(int *count) { *count = DEVICES; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal < DEVICES ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Fake H200"); return 0; }
int cuDeviceGetPCIBusId(char *text, int size, int device) { snprintf(text, size, "0000:%02d:00.0", device); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)140 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 132;
    return 0;
}
#ifndef WITHOUT_PEERS
int cuDeviceCanAccessPeer(int *can, int from, int to) { *can = from != to; return 0; }
#endif
/* Asked for when the library is opened, and never called here. */
#define ABSENT(name) int name(void) { return 1; }
ABSENT(cuDevicePrimaryCtxRetain) ABSENT(cuCtxSetCurrent) ABSENT(cuMemGetInfo_v2) ABSENT(cuMemAlloc_v2)
ABSENT(cuMemFree_v2) ABSENT(cuMemcpyHtoDAsync_v2) ABSENT(cuMemcpyDtoHAsync_v2) ABSENT(cuStreamCreate)
ABSENT(cuStreamDestroy_v2) ABSENT(cuStreamSynchronize) ABSENT(cuStreamQuery)
ABSENT(cuStreamWaitEvent) ABSENT(cuEventCreate) ABSENT(cuEventRecord) ABSENT(cuEventDestroy_v2)
ABSENT(cuStreamWaitValue32_v2) ABSENT(cuStreamWriteValue32_v2)
"#;

/// Two GPUs: the first says little and has no links, of the second one link is down.
const NVML: &str = r#"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
typedef struct { uint64_t total, free, used; } memory;
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.65.06"); return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **gpu) {
    if (!strcmp(bus, "0000:00:00.0")) { *gpu = (void *)1; return 0; }
    if (!strcmp(bus, "0000:01:00.0")) { *gpu = (void *)2; return 0; }
    return 6;
}
int nvmlDeviceGetMemoryInfo(void *gpu, memory *found) {
    found->free = (uint64_t)(gpu == (void *)2 ? 100 : 90) << 30;
    return 0;
}
int nvmlDeviceGetTemperature(void *gpu, int sensor, unsigned *value) { *value = 41; return 0; }
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *value) { *value = 120500; return gpu == (void *)2 ? 0 : 3; }
int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *value) { *value = 700000; return 0; }
int nvmlDeviceGetClockInfo(void *gpu, int type, unsigned *value) { *value = type == 1 ? 345 : 0; return 0; }
int nvmlDeviceGetMaxClockInfo(void *gpu, int type, unsigned *value) { *value = type == 1 ? 1980 : 0; return 0; }
int nvmlDeviceGetNvLinkState(void *gpu, unsigned link, int *up) {
    *up = link != 5;
    return gpu == (void *)2 ? 0 : 3;
}
"#;

const CUBLASLT: &str = "#include <stddef.h>\nsize_t cublasLtGetVersion(void) { return 130102; }";

const NCCL: &str = "int ncclGetVersion(int *version) { *version = 22703; return 0; }";

/// The driver, compiled with these definitions.
pub fn driver(folder: &Path, definitions: &[&str]) -> PathBuf {
    library(folder, "libcuda.so.1", DRIVER, definitions)
}

/// The management library.
pub fn nvml(folder: &Path) -> PathBuf {
    library(folder, "libnvidia-ml.so.1", NVML, &[])
}

/// NCCL 2.27.3.
pub fn nccl(folder: &Path) -> PathBuf {
    library(folder, "libnccl.so.2", NCCL, &[])
}

/// cuBLASLt 13.1.2.
pub fn cublaslt(folder: &Path) -> PathBuf {
    library(folder, "libcublasLt.so.13", CUBLASLT, &[])
}

fn library(folder: &Path, name: &str, text: &str, definitions: &[&str]) -> PathBuf {
    let (source, path) = (folder.join("fake.c"), folder.join(name));
    std::fs::write(&source, text).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", "-o"]).arg(&path).arg(&source);
    compiler.args(definitions.iter().map(|definition| format!("-D{definition}")));
    assert!(compiler.status().unwrap().success(), "cc {definitions:?}");
    path
}
