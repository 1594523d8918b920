//! The same run on other numbers of ranks.

use super::bytes_text;
use super::forecast::paragraph;
use crate::display::short;
use crate::estimate::{Estimate, seconds_text};
use serde::Serialize;
use std::fmt::Write;

/// The run on so many ranks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scaled {
    /// How many.
    pub world: usize,
    /// Bytes of a rank at its fullest moment, in the phase that needs most.
    pub bytes_per_rank: Option<u64>,
    /// What it takes, where somebody says how fast the hardware is.
    pub estimate: Option<Estimate>,
    /// Why it cannot be, or what is lost.
    pub problems: Vec<String>,
}

/// The numbers of ranks that share a batch of so many samples evenly, in a sentence's second half.
pub fn sizes(samples: usize, exact_shards: usize) -> String {
    let fits = |world: &usize| {
        samples.is_multiple_of(*world) && (exact_shards == 0 || exact_shards.is_multiple_of(*world))
    };
    let fits: Vec<String> = (1..=samples).filter(fits).map(|world| world.to_string()).collect();
    match fits.split_last() {
        None => "no number of ranks shares it evenly".to_owned(),
        Some((one, [])) => format!("{one} rank has it all"),
        Some((last, others)) => format!("{} or {last} ranks share it evenly", others.join(", ")),
    }
}

/// Why `world` ranks cannot share steps of so many samples, where they cannot.
pub fn misfit(phase: &str, samples: usize, exact_shards: usize, world: usize) -> Option<String> {
    let sizes = sizes(samples, exact_shards);
    if exact_shards > 0 && !exact_shards.is_multiple_of(world) {
        return Some(format!(
            "run.exact_shards = {exact_shards} cannot be dealt out to {world} ranks; {sizes}"
        ));
    }
    (samples < world).then(|| {
        format!("phase `{phase}` has {samples} samples a step, {world} ranks need as many; {sizes}")
    })
}

/// A table, a line for each number of ranks.
pub(super) fn write(text: &mut String, scale: &[Scaled]) -> std::fmt::Result {
    if scale.is_empty() {
        return Ok(());
    }
    let headings =
        ["ranks", "nodes", "memory", "step", "tokens/s", "MFU", "hours", "rank-h", "cost"];
    writeln!(text, "scale          a step of each phase; hours and cost of the whole run")?;
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(scale.iter().map(cells));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{}{cell}", " ".repeat(width - cell.chars().count())))
            .collect();
        writeln!(text, "  {}", cells.join("  ").trim_end())?;
    }
    for (world, problem) in scale.iter().flat_map(|it| it.problems.iter().map(|p| (it.world, p))) {
        paragraph(text, "  ! ", "    ", &format!("{world} ranks: {problem}"))?;
    }
    Ok(())
}

fn cells(scaled: &Scaled) -> [String; 9] {
    let none = || "-".to_owned();
    let estimate = scaled.estimate.as_ref();
    let of =
        |show: &dyn Fn(&Estimate) -> Option<String>| estimate.and_then(show).unwrap_or_else(none);
    let last = |it: &Estimate| it.phases.last().map(|phase| phase.step.clone());
    let steps = |it: &Estimate| {
        let steps = it.phases.iter().map(|phase| seconds_text(phase.step.seconds));
        Some(steps.collect::<Vec<_>>().join(", "))
    };
    [
        scaled.world.to_string(),
        of(&|it| Some(it.nodes.to_string())),
        scaled.bytes_per_rank.map_or_else(none, bytes_text),
        of(&steps),
        of(&|it| Some(short(last(it)?.tokens_per_second))),
        of(&|it| Some(format!("{:.0} %", 100.0 * last(it)?.mfu?))),
        of(&|it| Some(format!("{:.1}", it.hours?))),
        of(&|it| Some(format!("{:.1}", it.gpu_hours?))),
        of(&|it| Some(format!("{:.0}", it.cost?))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_that_fit_are_named() {
        let fit = misfit("alignment", 12, 0, 16);
        let expected = "phase `alignment` has 12 samples a step, 16 ranks need as many; 1, 2, 3, 4, 6 or 12 ranks share it evenly";
        assert_eq!(fit.as_deref(), Some(expected));
        assert_eq!(misfit("alignment", 12, 0, 12), None);
        assert_eq!(misfit("alignment", 12, 0, 5), None);
        let exact = misfit("alignment", 12, 8, 3);
        let expected =
            "run.exact_shards = 8 cannot be dealt out to 3 ranks; 1, 2 or 4 ranks share it evenly";
        assert_eq!(exact.as_deref(), Some(expected));
        assert_eq!(sizes(1, 0), "1 rank has it all");
    }
}
