//! What this machine really reaches, for the planner: measured once, kept in a file.

use super::links::{Bound, Measured};
use super::storage::Written;
use super::{Answer, Trouble, over, probe};
use crate::error::{Error, exit};
use crate::estimate::calibration::Sums;
use crate::events::rfc3339;
use data_pipeline::predictions::replace;
use data_pipeline::width::padded;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trainer::device::rate;

/// MiB that go over the link at most.
const SENT_MIB: usize = 256;

/// MiB that are written to the disk.
const WRITTEN_MIB: usize = 64;

/// What a machine reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Name of the machine.
    pub host: String,
    /// When it was measured, RFC 3339.
    pub date: String,
    /// Floating-point operations a second of one device in products of matrices.
    pub flops_per_second: f64,
    /// Bytes a second that one device reads and writes of its memory.
    pub memory_bytes_per_second: f64,
    /// Bytes a second from one process to another over TCP.
    pub link_bytes_per_second: f64,
    /// Seconds of a byte on that way.
    pub link_latency_seconds: f64,
    /// Bytes a second until they are on the disk of the runs.
    pub disk_bytes_per_second: f64,
    /// Sums over the ranks of a cluster, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Sums>,
    /// The device, as recipes call it.
    pub device: String,
}

impl Calibration {
    /// Measures this machine with one device; `folder` is where runs are written, and need not exist.
    pub fn measure(device: &str, folder: &Path) -> Result<Self, Error> {
        let rates = rate::measure(device)?;
        let nonce = over::nonce()?;
        let link = link(&nonce);
        let folder = std::path::absolute(folder).map_err(data_pipeline::Error::read(folder))?;
        let scratch = json!({"folder": over::there(&folder), "nonce": nonce});
        let disk = disk(&scratch);
        // Also ends the listener, whatever came of the rest.
        let cleared: Answer<()> = asked("clear", &scratch);
        let (link, disk) = (link.map_err(failed)?, disk.map_err(failed)?);
        cleared.map_err(failed)?;
        Ok(Self {
            host: super::facts::names().0,
            date: rfc3339(SystemTime::now()),
            flops_per_second: rates.flops_per_second,
            memory_bytes_per_second: rates.memory_bytes_per_second,
            link_bytes_per_second: link.bytes_per_second,
            link_latency_seconds: link.latency_seconds,
            disk_bytes_per_second: disk,
            sums: None,
            device: device.to_owned(),
        })
    }

    /// Where it is kept: in the run's directory if one is named, else in the user's cache.
    pub fn path(run_dir: Option<&Path>) -> PathBuf {
        let set =
            |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let name = "calibration.json";
        if let Some(run_dir) = run_dir {
            return run_dir.join(name);
        }
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        cache.unwrap_or_else(std::env::temp_dir).join("knowcoder").join(name)
    }

    /// Keeps it at `path`, whose folders are made.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
        }
        Ok(replace(path, format!("{:#}\n", json!(self)).as_bytes())?)
    }

    /// For a person.
    pub fn text(&self) -> String {
        let row = |name: &str, value: String| format!("{}  {value}\n", padded(name, 16));
        let gigabytes = |it: f64| format!("{:.2} GB/s", it / 1e9);
        let link = format!(
            "{}, {:.0} µs (TCP within this machine)",
            gigabytes(self.link_bytes_per_second),
            self.link_latency_seconds * 1e6
        );
        let sums = self.sums.map(|it| {
            let by = if it.by_nccl { "NCCL" } else { "TCP" };
            let rate = gigabytes(it.bytes_per_second);
            row("sums", format!("{rate} over {} ranks on {} node(s), by {by}", it.ranks, it.nodes))
        });
        [
            row(
                "matrix products",
                format!("{:.3} TFLOP/s ({})", self.flops_per_second / 1e12, self.device),
            ),
            row("memory", gigabytes(self.memory_bytes_per_second)),
            row("link", link),
            row("disk", gigabytes(self.disk_bytes_per_second)),
            sums.unwrap_or_default(),
        ]
        .concat()
    }
}

/// From this process to itself.
fn link(nonce: &str) -> Answer<Measured> {
    let bound: Bound = asked("listen", &json!({"nonce": nonce, "seconds": 30}))?;
    asked("connect", &json!({"address": bound.address, "nonce": nonce, "mib": SENT_MIB}))
}

/// Bytes a second of a small checkpoint.
fn disk(scratch: &Value) -> Answer<f64> {
    let mut with = scratch.clone();
    with["node"] = json!(0);
    with["bytes"] = json!(WRITTEN_MIB << 20);
    let written: Written = asked("checkpoint", &with)?;
    Ok(written.bytes as f64 / written.seconds.max(1e-9))
}

fn asked<T: DeserializeOwned>(check: &str, with: &Value) -> Answer<T> {
    probe::read(probe(check, with))
}

fn failed(trouble: Trouble) -> Error {
    let error = Error::new(exit::BACKEND, format!("calibration: {}", trouble.error));
    match trouble.way {
        Some(way) => error.hint(way),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    #[test]
    fn it_is_kept_as_the_planner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let calibration = Calibration {
            host: "node-a".to_owned(),
            date: "2026-11-23T13:00:00.000Z".to_owned(),
            flops_per_second: 6.5e14,
            memory_bytes_per_second: 3.25e12,
            link_bytes_per_second: 2.5e9,
            link_latency_seconds: 1.25e-5,
            disk_bytes_per_second: 1.5e9,
            sums: Some(Sums { bytes_per_second: 4e10, ranks: 16, nodes: 2, by_nccl: true }),
            device: "cuda".to_owned(),
        };
        let path = folder.path().join("cache/knowcoder/calibration.json");
        calibration.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        expect![[r#"
            {
              "host": "node-a",
              "date": "2026-11-23T13:00:00.000Z",
              "flops_per_second": 650000000000000.0,
              "memory_bytes_per_second": 3250000000000.0,
              "link_bytes_per_second": 2500000000.0,
              "link_latency_seconds": 0.0000125,
              "disk_bytes_per_second": 1500000000.0,
              "sums": {
                "bytes_per_second": 40000000000.0,
                "ranks": 16,
                "nodes": 2,
                "by_nccl": true
              },
              "device": "cuda"
            }
        "#]]
        .assert_eq(&text);
        assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
        expect![[r#"
            matrix products   650.000 TFLOP/s (cuda)
            memory            3250.00 GB/s
            link              2.50 GB/s, 12 µs (TCP within this machine)
            disk              1.50 GB/s
            sums              40.00 GB/s over 16 ranks on 2 node(s), by NCCL
        "#]]
        .assert_eq(&calibration.text());
    }
}
