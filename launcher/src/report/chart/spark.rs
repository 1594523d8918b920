//! Charts as small as a word, for the rows of a table: all on one scale.

use super::scale::Scale;

/// Width and height of the drawing's own square.
const SIDE: f64 = 100.0;

/// A curve without labels; a step stands at its place between the first and the last of `across`.
pub(in crate::report) fn spark(points: &[(f64, f64)], scale: &Scale, across: (f64, f64)) -> String {
    let width = across.1 - across.0;
    let x = |step: f64| {
        if width > 0.0 { SIDE * ((step - across.0) / width).clamp(0.0, 1.0) } else { SIDE / 2.0 }
    };
    let y = |value: f64| SIDE * (1.0 - scale.place(value)).clamp(0.0, 1.0);
    let path: String = match points {
        [] => return String::new(),
        [(step, value)] => format!("M{:.1} {:.1}h0.1", x(*step), y(*value)),
        points => points
            .iter()
            .enumerate()
            .map(|(i, (step, value))| {
                format!("{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x(*step), y(*value))
            })
            .collect(),
    };
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(points: &[(f64, f64)], across: (f64, f64), expected: Expect) {
        let scale = Scale::of([0.0, 4.0].into_iter(), false);
        let svg = spark(points, &scale, across);
        let path = svg.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next());
        expected.assert_eq(path.unwrap_or_default());
    }

    #[test]
    fn a_curve_stays_in_its_place() {
        check(&[], (1.0, 9.0), expect![""]);
        check(&[(5.0, 2.0)], (5.0, 5.0), expect!["M50.0 50.0h0.1"]);
        check(&[(1.0, 4.0), (9.0, 0.0)], (1.0, 9.0), expect!["M0.0 0.0L100.0 100.0"]);
        check(&[(1.0, 4.0), (9.0, 8.0)], (1.0, 17.0), expect!["M0.0 0.0L50.0 0.0"]);
    }
}
