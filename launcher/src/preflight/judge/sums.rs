//! How fast ranks sum, beside what the hardware promises.

use super::Finding;
use crate::preflight::{Answer, Wanted};
use trainer::bandwidth::Bandwidth;
use trainer::memory::bytes_text;

/// Share of what is promised below which sums are slow.
const SLOW: f64 = 0.5;

/// What was measured, or why it could not be.
pub fn judge(wanted: &Wanted, sums: &Answer<Vec<Bandwidth>>) -> Finding {
    let found = match sums {
        Ok(found) if found.is_empty() => {
            let line = "not measured in time: ranks take long to start, or to sum";
            let way = "look at the load of the nodes, and at [cluster] interface";
            return Finding::warn("sums", line).way(way);
        }
        Ok(found) => found,
        Err(trouble) => {
            let finding = Finding::fail("sums", format!("ranks cannot sum: {}", trouble.error));
            return Finding { way: trouble.way.clone(), ..finding };
        }
    };
    let rate = |bytes_per_second: f64| format!("{:.0} MB/s", bytes_per_second / 1e6);
    let size = |it: &Bandwidth| bytes_text(it.bytes).replace(".0 ", " ");
    let mut texts = Vec::new();
    for it in found {
        let of = if texts.is_empty() { " of the bus" } else { "" };
        texts.push(format!("{}{of} at {}", rate(it.bus_bytes_per_second()), size(it)));
    }
    let ranks = found.first().map_or(0, |it| it.ranks);
    let by = if wanted.needs_nccl() { "NCCL" } else { "TCP" };
    let line = format!("over {ranks} ranks by {by}: {}", texts.join(", "));
    let best = found.iter().map(Bandwidth::bus_bytes_per_second).fold(0.0, f64::max);
    match wanted.promised.filter(|promised| best < SLOW * promised) {
        Some(promised) => {
            let line = format!("{line}; [hardware] promises {}", rate(promised));
            let way = "every step waits for it: see [cluster] interface and collective; NCCL_DEBUG=INFO shows which \
                       way NCCL takes";
            Finding::warn("sums", line).way(way)
        }
        None => Finding::pass("sums", line),
    }
}
