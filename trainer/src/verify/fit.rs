//! Which splits fit the memory: ranks share the weights here, not their gradients.

use super::Split;
use crate::recipe::{Phase, Recipe};
use model::Decoder;
use model::backward::Options;
use model::weight::list;

/// Gradients of so many values fit any device that trains.
const SMALL: u64 = 50_000_000;

/// What there is, and what a split needs of it; estimates, on the safe side.
pub(super) struct Room {
    /// Bytes; `None` where the device does not say.
    available: Option<u64>,
    weights: u64,
    trained: u64,
    /// Bytes that a token leaves in a pass, with all blocks kept and with one at a time.
    of_token: [u64; 2],
    logits: u64,
    longest: u64,
}

impl Room {
    pub(super) fn of(recipe: &Recipe, decoder: &Decoder, phase: &Phase, trained: usize) -> Self {
        const GIB: f64 = (1u64 << 30) as f64;
        let config = &decoder.config;
        let weights: usize = list(decoder, "").iter().map(|info| info.numel()).sum();
        let on_cpu = recipe.run.device == "flex";
        let budget = recipe.memory.budget_gib.map(|gib| (gib * GIB) as u64);
        // Inputs, norms, projections and the feed-forward's three, each once or twice on the tape.
        let of_block = 4 * (16 * config.hidden_size + 6 * config.intermediate_size) as u64;
        let layers = config.num_hidden_layers as u64;
        let inputs = 4 * layers * config.hidden_size as u64;
        Self {
            // The weights are there already.
            available: if on_cpu { free_memory() } else { budget },
            weights: if on_cpu { 0 } else { 4 * weights as u64 },
            trained: trained as u64,
            of_token: [layers * of_block, inputs + of_block],
            logits: 3 * 4 * (Options::default().chunk * config.vocab_size) as u64,
            longest: phase.batch.max_length as u64,
        }
    }

    /// Why `split` is left out, if it is.
    pub(super) fn lacks(&self, split: &Split) -> Option<String> {
        let ranks = split.ranks as u64;
        // Those that are compared, and of each rank its own, the buckets and the sums.
        let gradients = 4 * self.trained * (2 + if ranks > 1 { 3 * ranks } else { 1 });
        let Some(available) = self.available else {
            let fits = ranks == 1 || self.trained <= SMALL;
            return (!fits).then(|| {
                format!(
                    "gradients of {ranks} ranks are {}, and memory.budget_gib does not say what there is",
                    gib(gradients)
                )
            });
        };
        let tokens = (split.micro_tokens as u64).max(self.longest);
        let kept = if split.recompute { self.of_token[1] } else { self.of_token[0] };
        let needed = self.weights + gradients + ranks * (tokens * kept + self.logits);
        (needed > available)
            .then(|| format!("it needs about {}, {} are free", gib(needed), gib(available)))
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

/// Bytes that this machine can still give, as Linux says it.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kib << 10).min(free_of_group().unwrap_or(u64::MAX)))
}

/// The same of the control group, where it has a limit.
fn free_of_group() -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        let path = std::path::Path::new("/sys/fs/cgroup").join(name);
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(available: Option<u64>, trained: u64) -> Room {
        let (weights, logits, longest) = (0, 1 << 20, 100);
        Room { available, weights, trained, of_token: [1 << 20, 1 << 18], logits, longest }
    }

    #[test]
    fn what_does_not_fit_is_left_out_with_its_need() {
        let four = Split { ranks: 4, grouped: true, ..Split::PLAINEST };
        let small = room(Some(200 << 20), 1 << 20);
        assert_eq!(small.lacks(&Split::PLAINEST), None);
        let why = small.lacks(&four).unwrap_or_default();
        assert_eq!(why, "it needs about 0.4 GiB, 0.2 GiB are free");
        assert_eq!(small.lacks(&Split { recompute: true, ..four }), None);
        let unknown = room(None, 1 << 30);
        assert_eq!(unknown.lacks(&Split::PLAINEST), None);
        assert!(unknown.lacks(&four).is_some_and(|why| why.contains("56.0 GiB")));
        assert_eq!(room(None, 1 << 20).lacks(&four), None);
    }
}
