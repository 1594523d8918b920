//! The same run on other numbers of ranks.

use super::bytes_text;
use super::forecast::{paragraph, percent};
use crate::display::short;
use crate::estimate::work::Samples;
use crate::estimate::{Estimate, PhaseEstimate, seconds_text};
use data_pipeline::width::TERMINAL;
use serde::Serialize;
use std::fmt::Write;

/// The run on so many ranks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scaled {
    /// How many.
    pub world: usize,
    /// Nodes that they fill.
    pub nodes: usize,
    /// Bytes of a rank at its fullest moment, in the phase that needs most.
    pub bytes_per_rank: Option<u64>,
    /// Bytes that each rank sends in a step, in the phase that sends most.
    pub wire_bytes_per_step: Option<u64>,
    /// What it takes, where somebody says how fast the hardware is.
    pub estimate: Option<Estimate>,
    /// Why it cannot be, or what is lost.
    pub problems: Vec<String>,
}

/// The numbers of ranks that share a batch of so many samples evenly, in a sentence's second half.
fn sizes(samples: usize, exact_shards: usize) -> String {
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
    let as_fast = (groups / each.ceil()).round();
    if as_fast >= world as f64 {
        return None;
    }
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
    let longest = scale.iter().find_map(|it| Some(longest(it.estimate.as_ref()?)?.phase.clone()));
    let about = match longest {
        Some(phase) => format!("a step of `{phase}`; hours and cost of the whole run"),
        None => "without times".to_owned(),
    };
    paragraph(text, "scale          ", "               ", &about)?;
    let rows: Vec<[String; 10]> = scale.iter().map(cells).collect();
    // Of what nobody knows there is no column, and none of what times stand for.
    let is_shown = |column: usize| match HEADINGS[column] {
        "wire" if rows.iter().any(|row| row[column + 1] != NONE) => false,
        "ranks" => true,
        _ => rows.iter().any(|row| row[column] != NONE),
    };
    let columns: Vec<usize> = (0..HEADINGS.len()).filter(|column| is_shown(*column)).collect();
    let headings = HEADINGS.map(str::to_owned);
    let lines: Vec<&[String; 10]> = std::iter::once(&headings).chain(&rows).collect();
    let width =
        |column: usize| lines.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = columns.iter().map(|column| width(*column)).collect();
    // Beside each other within a terminal, closer where that is narrow.
    let is_wide = widths.iter().map(|width| width + 2).sum::<usize>() > TERMINAL;
    let gap = if is_wide { " " } else { "  " };
    for row in &lines {
        let cell = |(&column, &width): (&usize, &usize)| format!("{:>width$}", row[column]);
        let cells: Vec<String> = columns.iter().zip(&widths).map(cell).collect();
        writeln!(text, "{gap}{}", cells.join(gap))?;
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

/// What a table says of each number of ranks.
const HEADINGS: [&str; 10] =
    ["ranks", "nodes", "memory", "wire", "step", "tokens/s", "MFU", "hours", "rank-h", "cost"];

/// The cell of what is not known, or cannot be.
const NONE: &str = "-";

fn cells(scaled: &Scaled) -> [String; 10] {
    let none = || NONE.to_owned();
    let estimate = scaled.estimate.as_ref();
    let of =
        |show: &dyn Fn(&Estimate) -> Option<String>| estimate.and_then(show).unwrap_or_else(none);
    let step = |it: &Estimate| longest(it).map(|phase| phase.step.clone());
    [
        scaled.world.to_string(),
        scaled.nodes.to_string(),
        scaled.bytes_per_rank.map_or_else(none, bytes_text),
        scaled.wire_bytes_per_step.map_or_else(none, bytes_text),
        of(&|it| Some(seconds_text(step(it)?.seconds))),
        of(&|it| Some(short(step(it)?.tokens_per_second))),
        of(&|it| Some(percent(step(it)?.mfu?))),
        of(&|it| Some(digits(it.hours?))),
        of(&|it| Some(digits(it.gpu_hours?))),
        of(&|it| Some(digits(it.cost?))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::tests::estimate;
    use expect_test::expect;

    fn scaled(world: usize) -> Scaled {
        Scaled {
            world,
            nodes: world.div_ceil(8),
            bytes_per_rank: Some(70 << 30),
            wire_bytes_per_step: Some(153 << 20),
            estimate: None,
            problems: Vec::new(),
        }
    }

    #[test]
    fn without_speeds_the_table_has_memory_and_what_is_sent() {
        let refused = Scaled {
            bytes_per_rank: None,
            wire_bytes_per_step: None,
            problems: vec!["phase `alignment` has 12 samples a step, 1024 ranks need as many; 1 rank has it all".to_owned()],
            ..scaled(1024)
        };
        let mut text = String::new();
        assert!(write(&mut text, &[scaled(8), scaled(32), refused]).is_ok());
        expect![[r#"
            scale          without times
              ranks  nodes    memory       wire
                  8      1  70.0 GiB  153.0 MiB
                 32      4  70.0 GiB  153.0 MiB
               1024    128         -          -
              ! 1024 ranks: phase `alignment` has 12 samples a step, 1024 ranks need as
                many; 1 rank has it all
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_table_with_times_fits_the_terminal() {
        let with = |world| Scaled { estimate: Some(estimate(world)), ..scaled(world) };
        let mut text = String::new();
        assert!(write(&mut text, &[with(8), with(1024), scaled(100_000)]).is_ok());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let headings = text.lines().nth(1).unwrap_or_default();
        let words: Vec<&str> = headings.split_whitespace().collect();
        // What is sent is a part of the times.
        let expected =
            ["ranks", "nodes", "memory", "step", "tokens/s", "MFU", "hours", "rank-h", "cost"];
        assert_eq!(words, expected);
    }

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
