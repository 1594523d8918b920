//! Reads every tensor of a directory once and says how fast that was, and how much memory it took.
//!
//!     cargo run --release -p model --example read_weights -- DIRECTORY [--tensors]
//!
//! Prints one JSON document; with `--tensors` it lists them. `scripts/bench/loading.py` compares its
//! numbers with the disk's.

use model::source::Tensors;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let [directory] = paths.as_slice() else {
        return Err("usage: read_weights DIRECTORY [--tensors]".into());
    };
    let began = Instant::now();
    let tensors = Tensors::open(&PathBuf::from(directory))?;
    let opened = began.elapsed().as_secs_f64();

    let mut largest = 0;
    let mut read = 0;
    let mut listed = Vec::new();
    for name in tensors.names() {
        let data = tensors.data(name)?;
        largest = largest.max(data.bytes().len());
        read += data.bytes().len();
        listed.push(json!({
            "name": name, "dtype": data.dtype().name(), "dims": data.shape().as_slice(),
            "bytes": data.bytes().len(),
        }));
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut report = json!({
        "directory": directory,
        "tensors": listed.len(),
        "bytes": read,
        "bytes_in_files": tensors.bytes_total(),
        "largest_tensor_bytes": largest,
        "open_seconds": opened,
        "seconds": seconds,
        "gigabytes_per_second": tensors.bytes_total() as f64 / 1e9 / seconds,
        "peak_resident_bytes": peak_resident(),
    });
    if flags.iter().any(|flag| flag == "--tensors") {
        report["list"] = json!(listed);
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// The most memory that was resident at one time, mapped files included; none where the system does
/// not say.
fn peak_resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: usize = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
