//! Which checkpoints of a phase stay, once a newer one is complete.

use super::TEMPORARY;
use super::disk::Disk;
use super::info::{CheckpointInfo, all};
use crate::Error;
use crate::recipe::CheckpointConfig;
use data_pipeline::score::Protocol;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Removes what the rules of `[checkpoint]` do not keep of the phase of `newest`, which is complete.
///
/// Other phases are left alone; so are checkpoints beyond `newest`, which are of a time that the run has
/// gone back from, and say nothing about what it can go on from.
pub(super) fn apply(
    checkpoints: &Path,
    newest: &CheckpointInfo,
    config: &CheckpointConfig,
    evaluations: &Path,
    disk: &mut Disk,
) -> Result<(), Error> {
    let found = all(checkpoints, &mut |_, _| {})?;
    let of_phase = found.iter().filter(|(_, info)| {
        info.position.phase == newest.position.phase && info.position <= newest.position
    });
    let of_phase: Vec<_> = of_phase.collect();
    let steps: Vec<(usize, bool)> =
        of_phase.iter().map(|(_, info)| (info.position.step, info.phase_done)).collect();
    let kept = kept(&steps, config, &f1(evaluations, &newest.phase)?);
    for (path, info) in of_phase {
        if kept.contains(&info.position.step) || *path == checkpoints.join(newest.name()) {
            continue;
        }
        // At once: a folder that is half removed would be taken for a torn checkpoint.
        let leaving = checkpoints.join(format!("{}.gone.{TEMPORARY}", info.name()));
        disk.remove_folder(&leaving).map_err(Error::write(&leaving))?;
        disk.rename(path, &leaving).map_err(Error::write(path))?;
        disk.remove_folder(&leaving).map_err(Error::write(&leaving))?;
    }
    Ok(())
}

/// The steps that stay of those that are there (and whether each ends its phase).
fn kept(
    there: &[(usize, bool)],
    config: &CheckpointConfig,
    f1: &BTreeMap<usize, f64>,
) -> BTreeSet<usize> {
    let mut steps: Vec<usize> = there.iter().map(|(step, _)| *step).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    let mut kept: BTreeSet<usize> = steps.iter().take(config.keep.max(1)).copied().collect();
    kept.extend(there.iter().filter(|(_, done)| *done).map(|(step, _)| *step));
    if config.keep_every > 0 {
        kept.extend(steps.iter().filter(|step| step.is_multiple_of(config.keep_every)));
    }
    let mut scored: Vec<(f64, usize)> =
        steps.iter().filter_map(|step| Some((*f1.get(step)?, *step))).collect();
    // Of equal ones the newer is as good, and has seen more.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    kept.extend(scored.iter().take(config.keep_best).map(|(_, step)| *step));
    kept
}

/// A row of `evaluations.jsonl`, as far as it matters here.
#[derive(Deserialize)]
struct Row {
    phase: String,
    step: usize,
    protocol: Protocol,
    f1: f64,
}

/// Mean F1 of each step of a phase over its rows of the protocol `set`.
fn f1(evaluations: &Path, phase: &str) -> Result<BTreeMap<usize, f64>, Error> {
    let text = match std::fs::read_to_string(evaluations) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text.map_err(Error::read(evaluations))?,
    };
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    // The last line may be half-written: another thread of this rank appends to the file.
    for row in text.lines().filter_map(|line| serde_json::from_str::<Row>(line).ok()) {
        if row.phase == phase && row.protocol == Protocol::Set && row.f1.is_finite() {
            let (sum, rows) = sums.entry(row.step).or_default();
            (*sum, *rows) = (*sum + row.f1, *rows + 1.0);
        }
    }
    Ok(sums.into_iter().map(|(step, (sum, rows))| (step, sum / rows)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(config: CheckpointConfig, done: Option<usize>, expected: &[usize]) {
        let there: Vec<(usize, bool)> =
            [100, 200, 300, 400, 500, 600].map(|step| (step, Some(step) == done)).to_vec();
        let f1 = BTreeMap::from([(100, 50.0), (200, 70.0), (300, 70.0), (400, 20.0)]);
        let kept: Vec<usize> = kept(&there, &config, &f1).into_iter().collect();
        assert_eq!(kept, expected, "{config:?}");
    }

    #[test]
    fn the_rules_add_up() {
        let rules = |keep, keep_every, keep_best| CheckpointConfig {
            keep,
            keep_every,
            keep_best,
            ..CheckpointConfig::default()
        };
        check(rules(2, 0, 0), None, &[500, 600]);
        // The newest one is never removed.
        check(rules(0, 0, 0), None, &[600]);
        check(rules(1, 250, 0), None, &[500, 600]);
        check(rules(1, 200, 0), None, &[200, 400, 600]);
        check(rules(1, 0, 1), None, &[300, 600]);
        check(rules(1, 0, 2), None, &[200, 300, 600]);
        check(rules(1, 0, 9), None, &[100, 200, 300, 400, 600]);
        check(rules(1, 0, 0), Some(300), &[300, 600]);
        check(rules(9, 7, 3), None, &[100, 200, 300, 400, 500, 600]);
    }

    #[test]
    fn f1_is_the_mean_over_the_sets_of_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluations.jsonl");
        assert!(f1(&path, "a").unwrap().is_empty());
        let row = |phase: &str, step: usize, protocol: &str, f1: f64| {
            format!(
                "{{\"phase\":\"{phase}\",\"step\":{step},\"dataset\":\"d\",\"language\":\"en\",\
                 \"task\":\"ner\",\"protocol\":\"{protocol}\",\"f1\":{f1},\"gold\":3}}\n"
            )
        };
        let text = row("a", 10, "set", 40.0)
            + &row("a", 10, "set", 60.0)
            + &row("a", 10, "strict-span", 1.0)
            + &row("b", 10, "set", 99.0)
            + &row("a", 20, "set", 30.0)
            + "{\"phase\":\"a\",\"step\":20";
        std::fs::write(&path, text).unwrap();
        assert_eq!(f1(&path, "a").unwrap(), BTreeMap::from([(10, 50.0), (20, 30.0)]));
    }
}
