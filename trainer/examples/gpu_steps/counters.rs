//! What the driver counts, where it counts.

/// Launches of the device so far, of kernels of every library: as the driver of `scripts/gpu/pretend` counts
/// them; `None` on others.
pub fn launches() -> Option<u64> {
    counters().map(|counters| counters[0])
}

/// How often the host has waited for the device so far, where the driver says so.
pub fn waits() -> Option<u64> {
    counters().map(|counters| counters[7])
}

/// Bytes that the driver holds now and held at most, where it says so.
pub fn driver_bytes() -> Option<(u64, u64)> {
    counters().map(|counters| (counters[1], counters[2]))
}

fn counters() -> Option<[u64; 8]> {
    let folder = std::env::var_os("KNOWCODER_PRETEND")?;
    let bytes = std::fs::read(std::path::Path::new(&folder).join("counters")).ok()?;
    let mut counters = [0; 8];
    for (counter, bytes) in counters.iter_mut().zip(bytes.chunks_exact(8)) {
        *counter = u64::from_ne_bytes(bytes.try_into().ok()?);
    }
    Some(counters)
}
