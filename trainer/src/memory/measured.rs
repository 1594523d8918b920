//! What a rank really held.

use crate::Error;
use crate::collective::Collective;
use burn::tensor::Device;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most bytes that a device's pools were seen to hold since [`forget`].
static HIGHEST: AtomicU64 = AtomicU64::new(0);

/// Forgets the highest value so far, where the system allows it; else a peak is that of the whole run. What a
/// device's pools hold without need goes with [`Device::memory_cleanup`] before.
pub fn forget() {
    HIGHEST.store(0, Ordering::Relaxed);
    // 5 resets the high-water mark of resident memory (proc(5)). In a sandbox the file may be read-only,
    // elsewhere it is not there: the value is then an upper bound.
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

/// The most bytes that this process held since [`forget`]: resident on the CPU; on another device the most that
/// its pools were seen to hold whenever this was asked, which is what they took from it. What libraries hold there
/// beside them is not in it. 0 where nobody says.
pub fn peak(device: &Device) -> u64 {
    match device.memory_pool_usage() {
        Some(usage) => highest(&HIGHEST, usage.bytes_reserved),
        None => high_water().unwrap_or(0),
    }
}

/// The more of what was seen before and what is seen `now`.
fn highest(before: &AtomicU64, now: u64) -> u64 {
    before.fetch_max(now, Ordering::Relaxed).max(now)
}

/// The high-water mark of resident memory, in bytes.
fn high_water() -> Option<u64> {
    in_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn in_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The largest `bytes` of all ranks; every rank calls this.
pub fn of_all(bytes: u64, collective: &mut dyn Collective) -> Result<u64, Error> {
    // Two parts of 20 bits of KiB: an f32 holds either exactly.
    let kib = bytes >> 10;
    let (rank, world) = (collective.rank(), collective.world());
    let mut all = vec![0.0; 2 * world];
    all[2 * rank] = (kib >> 20) as f32;
    all[2 * rank + 1] = (kib & 0xf_ffff) as f32;
    collective.all_gather(&mut all)?;
    let whole = |pair: &[f32]| ((pair[0] as u64) << 20 | pair[1] as u64) << 10;
    Ok(all.chunks_exact(2).map(whole).max().unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collective::Solo;

    #[test]
    fn the_high_water_mark_is_read() {
        let status = "Name:\tknowcoder\nVmPeak:\t  812 kB\nVmHWM:\t    3456 kB\nVmRSS:\t  12 kB\n";
        assert_eq!(in_status(status), Some(3456 << 10));
        for other in ["", "VmHWM: many kB", "VmHWM: 12 MB"] {
            assert_eq!(in_status(other), None, "{other}");
        }
    }

    #[test]
    fn pools_that_shrink_have_held_more() {
        let seen = AtomicU64::new(0);
        assert_eq!([5, 9, 7].map(|now| highest(&seen, now)), [5, 9, 9]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_touched_is_counted() {
        let held = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(high_water().unwrap() >= held.len() as u64);
    }

    #[test]
    fn values_of_any_size_pass_between_ranks() {
        for kib in [0, 1, 0xf_ffff, 0x10_0000, 987_654_321] {
            assert_eq!(of_all(kib << 10, &mut Solo).unwrap(), kib << 10);
        }
    }
}
