//! What a machine was measured to do, in a file.

use crate::error::{Error, exit};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Speeds of one rank, as `doctor` measures them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Operations of a large product, in the type that is trained in.
    pub flops_per_second: f64,
    /// Bytes that a copy reads and writes.
    #[serde(default)]
    pub memory_bytes_per_second: Option<f64>,
    /// Bytes that one process sends to another over TCP.
    #[serde(default)]
    pub link_bytes_per_second: Option<f64>,
    /// Seconds until the first of them is there.
    #[serde(default)]
    pub link_latency_seconds: Option<f64>,
    /// Bytes that the disk of runs takes in.
    #[serde(default)]
    pub disk_bytes_per_second: Option<f64>,
    /// Sums over ranks, where they were measured.
    #[serde(default)]
    pub sums: Option<Sums>,
    /// `flex`, `cuda` or `wgpu`, and what it is called.
    pub device: String,
    /// Where it was measured.
    pub host: String,
    /// When.
    pub date: String,
}

/// How fast sums over the ranks of a cluster were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Bytes that the narrowest way carries.
    pub bytes_per_second: f64,
    /// Ranks that summed.
    pub ranks: usize,
    /// Nodes that they were on.
    pub nodes: usize,
    /// Whether NCCL carried them.
    pub by_nccl: bool,
}

impl Sums {
    /// Bytes a second over the network, as far as that was what held sums up: of each rank where NCCL has their
    /// adapters, else of the one connection between two nodes; `None` on one node.
    pub fn network(&self) -> Option<f64> {
        // A ring goes through each node once, and what it carries is what the narrowest way does.
        let ways = if self.by_nccl { self.ranks as f64 / self.nodes as f64 } else { 1.0 };
        (self.nodes > 1 && self.ranks >= self.nodes).then_some(self.bytes_per_second / ways)
    }
}

impl Calibration {
    /// Reads a file of measured speeds.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(data_pipeline::Error::read(path))?;
        let wrong = |message: String| {
            Error::new(exit::DECLARATION, format!("{}: {message}", path.display()))
                .hint("`knowcoder doctor` measures a machine; without --calibration a plan goes by the cluster file")
        };
        let read: Self = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("not a file of measured speeds: {error}")))?;
        match read.impossible() {
            Some((name, value)) => {
                Err(wrong(format!("`{name}` is {value}, expected a number above 0")))
            }
            None => Ok(read),
        }
    }

    /// What was measured on this machine for `device`, if anything was.
    pub fn of_this_machine(device: &str) -> Option<Self> {
        // What cannot be read was not asked for: the plan says by what it goes.
        Self::load(&Self::place()?).ok().filter(|it| it.is_of(device))
    }

    /// Where the speeds of this machine are kept: in the user's cache.
    pub fn place() -> Option<PathBuf> {
        let set =
            |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
        Some(cache.join("knowcoder/calibration.json"))
    }

    /// Whether the device that was measured is the one that recipes call so.
    pub fn is_of(&self, device: &str) -> bool {
        self.device.split([' ', ':']).next() == Some(device)
    }

    /// The first value that cannot be.
    fn impossible(&self) -> Option<(&'static str, f64)> {
        [
            ("flops_per_second", Some(self.flops_per_second)),
            ("memory_bytes_per_second", self.memory_bytes_per_second),
            ("link_bytes_per_second", self.link_bytes_per_second),
            ("link_latency_seconds", self.link_latency_seconds),
            ("disk_bytes_per_second", self.disk_bytes_per_second),
            ("sums.bytes_per_second", self.sums.map(|it| it.bytes_per_second)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .find(|(_, value)| !(value.is_finite() && *value > 0.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load(text: &str) -> Result<Calibration, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibration.json");
        std::fs::write(&path, text).unwrap();
        Calibration::load(&path).map_err(|error| {
            assert_eq!(error.code, exit::DECLARATION);
            error.message.rsplit_once("calibration.json: ").unwrap().1.to_owned()
        })
    }

    #[test]
    fn what_was_measured_is_read_and_what_cannot_be_is_refused() {
        let own = "\"device\": \"cuda NVIDIA H200\", \"host\": \"n1\", \"date\": \"2026-11-22\"";
        let read = load(&format!("{{\"flops_per_second\": 7e14, {own}}}")).unwrap();
        assert!(read.is_of("cuda") && !read.is_of("flex"));
        assert_eq!(read.disk_bytes_per_second, None);
        let sums = "\"sums\": {\"bytes_per_second\": 4e11, \"ranks\": 16, \"nodes\": 2, \"by_nccl\": true}";
        let read = load(&format!("{{\"flops_per_second\": 7e14, {sums}, {own}}}")).unwrap();
        let sums = read.sums.unwrap();
        // Eight adapters carry it, or one connection.
        assert_eq!(sums.network(), Some(4e11 / 8.0));
        assert_eq!(Sums { by_nccl: false, ..sums }.network(), Some(4e11));
        assert_eq!(Sums { nodes: 1, ..sums }.network(), None);
        let wrong = load(&format!("{{\"flops_per_second\": 0, {own}}}")).unwrap_err();
        assert_eq!(wrong, "`flops_per_second` is 0, expected a number above 0");
        let wrong = load("[]").unwrap_err();
        assert!(wrong.starts_with("not a file of measured speeds"), "{wrong}");
    }
}
