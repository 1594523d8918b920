//! How many bytes a rank may use.
//!
//! The recipe may say it. Otherwise: on the CPU what the system can give now without swapping, no more
//! than what is left below the limits of our control groups, shared by the ranks of this machine; on
//! GPUs of NVIDIA's what nobody uses of them; on other devices what their runtime states.

use super::MemoryConfig;
use super::plan::bytes_text;
use crate::Error;
use crate::device::nvml::{self, Nvml};
use crate::device::{self, cuda};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Share of what is free that is planned with: heaps fragment, and other programs live here too.
const USED: f64 = 0.9;

/// What a rank may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In bytes.
    pub bytes: u64,
    /// Who says so.
    pub origin: String,
}

impl Budget {
    /// The budget of each of `ranks` on this machine; `None` where nobody knows.
    pub fn of(config: &MemoryConfig, name: &str, ranks: usize) -> Result<Option<Self>, Error> {
        if let Some(gib) = config.budget_gib {
            let bytes = (gib * f64::from(1u32 << 30)) as u64;
            return Ok(Some(Self { bytes, origin: "memory.budget_gib".to_owned() }));
        }
        if name == "flex" {
            return Ok(free(Path::new("/")).map(|free| Self {
                bytes: (free.bytes as f64 * USED) as u64 / ranks.max(1) as u64,
                origin: format!("90 % of {}, for {ranks} rank(s)", free.origin),
            }));
        }
        match device::capacity(name, ranks)? {
            Some(bytes) => {
                let free = if name == "cuda" { free_on_gpus(ranks) } else { None };
                Ok(Some(Self::of_gpu(name, bytes, free)))
            }
            None => Err(Error::Memory(format!(
                "the runtime of {name} does not say how much memory the device has; give memory.budget_gib"
            ))),
        }
    }
}

impl Budget {
    /// The budget of a rank whose device has so many bytes, and so many that nobody uses, where that is known.
    fn of_gpu(name: &str, all: u64, free: Option<u64>) -> Self {
        let of = |bytes: u64, origin| Self { bytes: (bytes as f64 * USED) as u64, origin };
        match free.filter(|free| *free < all) {
            Some(free) => {
                let (left, whole) = (bytes_text(free), bytes_text(all));
                of(free, format!("90 % of what is free on {name}, {left} of {whole}"))
            }
            None => of(all, format!("90 % of what {name} states")),
        }
    }

    /// The budget of each rank where each has `capacity` bytes for itself, as `origin` says; what the recipe says
    /// comes first.
    pub fn elsewhere(config: &MemoryConfig, capacity: Option<(u64, &str)>) -> Option<Self> {
        if let Some(gib) = config.budget_gib {
            let bytes = (gib * f64::from(1u32 << 30)) as u64;
            return Some(Self { bytes, origin: "memory.budget_gib".to_owned() });
        }
        let (bytes, origin) = capacity?;
        let bytes = (bytes as f64 * USED) as u64;
        Some(Self { bytes, origin: format!("90 % of {origin}") })
    }
}

/// What is free on the fullest of the first `ranks` GPUs: another process, too, holds memory there. No device is
/// opened for it, since that takes memory itself.
fn free_on_gpus(ranks: usize) -> Option<u64> {
    let places = cuda::Places::of_this_machine();
    nvml::least_free(&places.driver, &Nvml::names(), ranks)
}

/// What is free in the system whose files lie below `root`.
fn free(root: &Path) -> Option<Budget> {
    let of = |bytes, origin: &str| Budget { bytes, origin: origin.to_owned() };
    let system = available(&read(&root.join("proc/meminfo"))?)
        .map(|bytes| of(bytes, "what this machine has free"));
    let group = groups(root).into_iter().min();
    let group = group.map(|bytes| of(bytes, "what its control group leaves"));
    system.into_iter().chain(group).min_by_key(|budget| budget.bytes)
}

/// `MemAvailable` of `/proc/meminfo`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// What each limit above us leaves, version 2 and version 1.
fn groups(root: &Path) -> Vec<u64> {
    let text = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let mounts = root.join("sys/fs/cgroup");
    let mut left = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, files) = if controllers.is_empty() {
            (mounts.clone(), V2)
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (mounts.join("memory"), V1)
        } else {
            continue;
        };
        // Every group above ours has a limit of its own. In a container the path may be the host's: the
        // container's own group is then the root of the mount.
        for folder in Path::new(path.trim_start_matches('/')).ancestors() {
            left.extend(left_in(&mount.join(folder), files));
        }
    }
    left
}

/// Names of the files of a group: limit, usage, and what of the usage is cache that can go.
type Files = [&'static str; 3];
const V2: Files = ["memory.max", "memory.current", "inactive_file"];
const V1: Files = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];

/// What is left in a group, if it has a limit.
fn left_in(group: &Path, [limit, usage, cache]: Files) -> Option<u64> {
    // Version 2 says `max` where there is none, version 1 a number near 2⁶³.
    let limit = read(&group.join(limit))?.trim().parse::<u64>().ok().filter(|it| *it < 1 << 60)?;
    let usage = read(&group.join(usage))?.trim().parse::<u64>().ok()?;
    let stat = read(&group.join("memory.stat")).unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok());
    Some(limit.saturating_sub(usage.saturating_sub(cache.unwrap_or(0))))
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MEMINFO: &str = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable:    6000 kB\n";

    /// What is free, in KiB, in a system of these files.
    fn check(files: &[(&str, &str)], expected: Option<(u64, &str)>) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = free(root.path());
        let found = found.as_ref().map(|it| (it.bytes >> 10, it.origin.as_str()));
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let machine = Some((6000, "what this machine has free"));
        let group = |kib| Some((kib, "what its control group leaves"));
        check(&[], None);
        check(&[("proc/meminfo", MEMINFO)], machine);
        let v2 = |max: &'static str, current: &'static str| {
            vec![
                ("proc/meminfo", MEMINFO),
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/memory.max", max),
                ("sys/fs/cgroup/a/memory.current", current),
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/b/memory.current", "1024\n"),
            ]
        };
        check(&v2("4096000\n", "1024000\n"), group(3000));
        check(&v2("max\n", "1024000\n"), machine);
        check(&v2("1024\n", "4096\n"), group(0));
        let mut cached = v2("4096000\n", "2048000\n");
        cached.push(("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 1024000\n"));
        check(&cached, group(3000));
        // The container's own group is the root of the mount.
        check(
            &[
                ("proc/meminfo", MEMINFO),
                ("proc/self/cgroup", "0::/of/the/host\n"),
                ("sys/fs/cgroup/memory.max", "2048000"),
                ("sys/fs/cgroup/memory.current", "1024000"),
            ],
            group(1000),
        );
        let v1 = |limit: &'static str| {
            vec![
                ("proc/meminfo", MEMINFO),
                ("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/x\n"),
                ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", limit),
                ("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "1024000"),
                ("sys/fs/cgroup/memory/x/memory.stat", "total_inactive_file 512000\n"),
            ]
        };
        check(&v1("2048000"), group(1500));
        check(&v1("9223372036854771712"), machine);
    }

    #[test]
    fn what_the_recipe_says_counts() {
        let config = MemoryConfig { budget_gib: Some(1.5), ..MemoryConfig::default() };
        let budget = Budget::of(&config, "flex", 4).unwrap().unwrap();
        assert_eq!((budget.bytes, budget.origin.as_str()), (3 << 29, "memory.budget_gib"));
    }

    #[test]
    fn what_another_process_holds_on_a_gpu_is_not_planned_with() {
        let of = |free| Budget::of_gpu("cuda", 140 << 30, free);
        assert_eq!(
            (of(None).bytes, of(None).origin.as_str()),
            (126 << 30, "90 % of what cuda states")
        );
        let shared = of(Some(100 << 30));
        assert_eq!(shared.bytes, 90 << 30);
        assert_eq!(shared.origin, "90 % of what is free on cuda, 100.0 GiB of 140.0 GiB");
        // No part of a GPU has more than it says.
        assert_eq!(of(Some(141 << 30)), of(None));
    }

    #[test]
    fn elsewhere_what_the_hardware_has_counts_for_each_rank() {
        let of = |gib| {
            let config = MemoryConfig { budget_gib: gib, ..MemoryConfig::default() };
            Budget::elsewhere(&config, Some((10 << 30, "an h200"))).unwrap()
        };
        assert_eq!((of(None).bytes, of(None).origin), (9 << 30, "90 % of an h200".to_owned()));
        assert_eq!(of(Some(2.0)).bytes, 2 << 30);
        assert_eq!(Budget::elsewhere(&MemoryConfig::default(), None), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn ranks_share_a_machine() {
        let of =
            |ranks| Budget::of(&MemoryConfig::default(), "flex", ranks).unwrap().unwrap().bytes;
        // Free memory changes while this runs.
        assert!(of(4) < of(1) / 2);
    }
}
