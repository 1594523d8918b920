//! Histograms as text: a line of blocks, or a line a bin.

use data_pipeline::corpus::{Bin, Distribution};
use data_pipeline::width::{TERMINAL, columns, padded};

/// Rising blocks, and letters that come near them.
const RISING: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RISING_ASCII: [char; 8] = ['.', ':', '-', '=', '+', '*', '%', '@'];
/// Eighths of a block from the left, the whole one last.
const GROWING: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Bins of a histogram with a line each.
const LINES: usize = 15;

/// A histogram in one line of `width` columns; a blank for an empty bin.
pub fn spark(values: &Distribution, width: usize, ascii: bool) -> String {
    let signs = if ascii { RISING_ASCII } else { RISING };
    let bins = values.bins(width);
    let most = highest(&bins);
    let sign = |bin: &Bin| match bin.count {
        0 => ' ',
        // What is there is seen: the lowest sign stands for the smallest count.
        count => signs[(count * signs.len()).div_ceil(most) - 1],
    };
    padded(&bins.iter().map(sign).collect::<String>(), width)
}

/// A histogram with a line a bin: its borders, its count, and a bar.
pub fn bars(values: &Distribution, ascii: bool) -> Vec<String> {
    let bins = values.bins(LINES);
    let most = highest(&bins);
    let labels: Vec<String> = bins.iter().map(label).collect();
    let counts: Vec<String> = bins.iter().map(|bin| bin.count.to_string()).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| columns(text)).max().unwrap_or(0);
    let (label_width, count_width) = (widest(&labels), widest(&counts));
    let room = TERMINAL - (label_width + count_width + 8).min(TERMINAL - 10);
    let line = |((bin, label), count): ((&Bin, &String), &String)| {
        let bar = bar(bin.count, most, room, ascii);
        format!("    {label:>label_width$}  {count:>count_width$}  {bar}").trim_end().to_owned()
    };
    bins.iter().zip(&labels).zip(&counts).map(line).collect()
}

fn label(bin: &Bin) -> String {
    if bin.from == bin.to { bin.from.to_string() } else { format!("{}-{}", bin.from, bin.to) }
}

/// A bar of at most `room` columns for `count` of `most`.
fn bar(count: usize, most: usize, room: usize, ascii: bool) -> String {
    if ascii {
        return "#".repeat((count * room).div_ceil(most));
    }
    let eighths = (count * room * GROWING.len()).div_ceil(most);
    let mut bar = "█".repeat(eighths / GROWING.len());
    if let Some(part) = (eighths % GROWING.len()).checked_sub(1) {
        bar.push(GROWING[part]);
    }
    bar
}

/// The highest count, at least 1.
fn highest(bins: &[Bin]) -> usize {
    bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    fn values() -> Distribution {
        [0, 1, 1, 1, 1, 2, 2, 4].into_iter().collect()
    }

    #[test]
    fn a_line_of_blocks() {
        assert_eq!(spark(&values(), 8, false), "▂█▄ ▂   ");
        assert_eq!(spark(&values(), 8, true), ":@= :   ");
        assert_eq!(spark(&Distribution::default(), 3, false), "   ");
    }

    #[test]
    fn a_line_a_bin() {
        let drawn: Vec<String> =
            bars(&values(), true).iter().map(|line| line.trim_start().to_owned()).collect();
        expect![[r#"
            0  1  ##################
            1  4  ######################################################################
            2  2  ###################################
            3  0
            4  1  ##################"#]]
        .assert_eq(&drawn.join("\n"));
        let long: Distribution = (0..1000).map(|i| i * i).collect();
        let drawn = bars(&long, false);
        assert!(drawn.len() <= LINES && drawn.iter().all(|line| columns(line) <= TERMINAL));
        assert!(bars(&Distribution::default(), false).is_empty());
        assert_eq!(bar(1, 16, 1, false), "▏");
        assert_eq!(bar(3, 2, 1, false), "█▌");
    }

    proptest! {
        #[test]
        fn drawings_keep_to_their_room(
            values in prop::collection::vec(0usize..1_000_000, 0..200),
            width in 1usize..40,
            ascii in any::<bool>(),
        ) {
            let values: Distribution = values.into_iter().collect();
            let line = spark(&values, width, ascii);
            prop_assert_eq!(columns(&line), width);
            // A bin is blank if and only if nothing is in it.
            let bins = values.bins(width);
            let blanks = bins.iter().map(|bin| bin.count == 0);
            prop_assert!(line.chars().zip(blanks).all(|(sign, blank)| (sign == ' ') == blank));
            prop_assert!(bars(&values, ascii).iter().all(|line| columns(line) <= TERMINAL));
        }
    }
}
