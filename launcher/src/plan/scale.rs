//! The same run on other numbers of ranks.

use super::bytes_text;
use super::forecast::paragraph;
use crate::display::short;
use crate::estimate::work::Samples;
use crate::estimate::{Estimate, PhaseEstimate, seconds_text};
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

/// Ranks that wait for others in a step of so many samples, as groups that share a prefix are dealt out whole; nothing
/// where they have about as much.
pub fn uneven(phase: &str, samples: usize, of: &Samples, world: usize) -> Option<String> {
    let groups = of.step(samples).groups;
    let each = groups / world as f64;
    // Fewer samples than ranks are named by `misfit`.
    if samples < world || each.ceil() <= UNEVEN * each {
        return None;
    }
    let as_fast = groups / each.ceil();
    let why = format!(
        "phase `{phase}` has about {groups:.0} groups of {:.0} samples a step, which are dealt out whole",
        of.shared
    );
    let smaller = if of.shared >= 2.0 { "; a smaller batch.group makes more of them" } else { "" };
    Some(format!("{why}: as fast as {as_fast:.0} ranks{smaller}"))
}

/// How much more than the mean the fullest rank may have, and nothing is said of it.
const UNEVEN: f64 = 1.1;

/// A table, a line for each number of ranks.
pub(super) fn write(text: &mut String, scale: &[Scaled]) -> std::fmt::Result {
    if scale.is_empty() {
        return Ok(());
    }
    let headings =
        ["ranks", "nodes", "memory", "step", "tokens/s", "MFU", "hours", "rank-h", "cost"];
    let longest = scale.iter().find_map(|it| Some(longest(it.estimate.as_ref()?)?.phase.clone()));
    let of = longest.map_or(String::new(), |phase| format!("a step of `{phase}`; "));
    writeln!(text, "scale          {of}hours and cost of the whole run")?;
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

/// The phase that takes longest; the last one while their steps are unknown.
fn longest(estimate: &Estimate) -> Option<&PhaseEstimate> {
    let seconds = |it: &&PhaseEstimate| it.seconds.unwrap_or(0.0);
    estimate.phases.iter().max_by(|a, b| seconds(a).total_cmp(&seconds(b)))
}

/// As many digits as say something: `0.12`, `7.6`, `134`.
fn digits(value: f64) -> String {
    match value {
        ..1.0 => format!("{value:.2}"),
        1.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn cells(scaled: &Scaled) -> [String; 9] {
    let none = || "-".to_owned();
    let estimate = scaled.estimate.as_ref();
    let of =
        |show: &dyn Fn(&Estimate) -> Option<String>| estimate.and_then(show).unwrap_or_else(none);
    let step = |it: &Estimate| longest(it).map(|phase| phase.step.clone());
    [
        scaled.world.to_string(),
        of(&|it| Some(it.nodes.to_string())),
        scaled.bytes_per_rank.map_or_else(none, bytes_text),
        of(&|it| Some(seconds_text(step(it)?.seconds))),
        of(&|it| Some(short(step(it)?.tokens_per_second))),
        of(&|it| Some(format!("{:.0} %", 100.0 * step(it)?.mfu?))),
        of(&|it| Some(digits(it.hours?))),
        of(&|it| Some(digits(it.gpu_hours?))),
        of(&|it| Some(digits(it.cost?))),
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

    #[test]
    fn ranks_that_wait_are_named() {
        let samples = Samples {
            tokens: 700.0,
            computed: 180.0,
            targets: 70.0,
            pairs: 1e5,
            shared: 8.0,
            known: true,
        };
        let uneven = |samples_of: &Samples, world| uneven("a", 256, samples_of, world);
        // 32 groups of 8.
        assert_eq!([1, 8, 16, 32].map(|world| uneven(&samples, world)), [const { None }; 4]);
        let expected = "phase `a` has about 32 groups of 8 samples a step, which are dealt out whole: as fast as 32 ranks; a smaller batch.group makes more of them";
        assert_eq!(uneven(&samples, 64).as_deref(), Some(expected));
        // Two ranks have two groups, the others one.
        assert!(uneven(&samples, 24).is_some_and(|it| it.contains("as fast as 16 ranks")));
        let alone = Samples { shared: 1.0, ..samples };
        assert_eq!((uneven(&alone, 64), uneven(&alone, 1024)), (None, None));
    }

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!([0.123, 7.64, 134.4].map(digits), ["0.12", "7.6", "134"]);
    }
}
