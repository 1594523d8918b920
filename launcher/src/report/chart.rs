//! Line charts as inline SVG.
//!
//! Lines are drawn in a unit square that stretches to whatever width the page gives; labels are
//! HTML at percentages of it, so that they keep their size on a phone and their colour in the dark.

mod curve;
mod frame;
mod scale;
mod spark;
mod stack;

pub(super) use curve::{Points, drawable};
pub(super) use frame::Mark;
use frame::{Frame, Key};
pub(super) use scale::Scale;
pub(super) use spark::spark;
pub(super) use stack::{Layer, stack};

/// One curve.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What it is, where there are several.
    pub name: String,
    /// What it comes to.
    pub note: String,
    /// Its class in the style sheet.
    pub class: String,
    /// `(step, value)`, ascending in the step.
    pub points: Points,
}

/// Curves over the same steps, and how to draw them.
pub(super) struct Chart<'a> {
    /// What is measured.
    pub title: &'a str,
    /// What to write beside the title: what the curve comes to.
    pub value: String,
    /// The curves, the last on top.
    pub lines: Vec<Line>,
    /// A value to compare with, its name and how it is told: a dashed line over the whole width.
    pub level: Option<(f64, &'a str, String)>,
    /// The first step and the last; those of the curves may lie within.
    pub across: (f64, f64),
    /// What is marked on the axis.
    pub marks: &'a [Mark],
    /// Whether a wide range of positive values is drawn on a logarithmic scale.
    pub logarithmic: bool,
    /// Whether single points are faint and a running mean is drawn over them.
    pub smooth: bool,
}

/// The chart as a `<figure>`; nothing if there is no finite point.
pub(super) fn chart(chart: Chart) -> String {
    let Chart { title, value, lines, level, across, marks, logarithmic, smooth } = chart;
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|line| Line { points: drawable(&line.points), ..line })
        .filter(|line| !line.points.is_empty())
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let values = lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
    let values = values.chain(level.iter().map(|(value, ..)| *value));
    let scale = Scale::of(values, logarithmic);
    let mut keys = Vec::new();
    if lines.len() > 1 || level.is_some() {
        keys.extend(lines.iter().filter(|line| !line.name.is_empty()).map(|line| Key {
            class: line.class.clone(),
            name: line.name.clone(),
            note: line.note.clone(),
        }));
    }
    if let Some((_, name, note)) = &level {
        keys.push(Key { class: "level".into(), name: (*name).into(), note: note.clone() });
    }
    let frame = Frame { title, value: &value, scale, across, marks, keys };
    let mut shapes = String::new();
    if let Some((value, ..)) = level {
        let y = 1000.0 * frame.y(value);
        shapes += &format!("<path class=\"level\" d=\"M0 {y:.1}H1000\"/>");
    }
    for Line { points, class, .. } in &lines {
        let thin = frame.path(&curve::extremes(points));
        if smooth && points.len() > 20 {
            let smooth = frame.path(&curve::smooth(points));
            shapes += &format!(
                "<path class=\"raw {class}\" d=\"{thin}\"/><path class=\"line {class}\" \
                 d=\"{smooth}\"/>"
            );
        } else {
            shapes += &format!("<path class=\"line {class}\" d=\"{thin}\"/>");
        }
    }
    frame.figure(&shapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[(f64, f64)], level: Option<f64>) -> String {
        let ends = |points: &[(f64, f64)]| Some((points.first()?.0, points.last()?.0));
        chart(Chart {
            title: "loss",
            value: String::new(),
            lines: vec![Line { class: "s0".into(), points: points.to_vec(), ..Line::default() }],
            level: level.map(|level| (level, "plan", "as much".to_owned())),
            across: ends(points).unwrap_or_default(),
            marks: &[Mark { class: "saved", what: "checkpoint", steps: vec![1, 5, 6, 9_999] }],
            logarithmic: true,
            smooth: true,
        })
    }

    #[test]
    fn odd_curves_are_drawn_or_left_out() {
        assert_eq!(drawn(&[], Some(1.0)), "");
        assert_eq!(drawn(&[(1.0, f64::NAN)], None), "");
        for points in [
            vec![(5.0, 0.0)],
            vec![(1.0, 2.0), (2.0, 2.0)],
            vec![(1.0, -1.0), (2.0, f64::INFINITY), (3.0, 1.0)],
            vec![(1.0, 1e-300), (2.0, 1e308), (3.0, -1e308), (4.0, 1e150)],
            (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect(),
            (0..10_000).map(|i| (f64::from(i), 0.001 + f64::from(i % 7))).collect(),
        ] {
            for level in [None, Some(2.0)] {
                let svg = drawn(&points, level);
                assert!(svg.contains("class=\"line s0\""), "{svg}");
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.len() < 21_000, "{}", svg.len());
            }
        }
    }

    #[test]
    fn marks_that_stand_together_are_one() {
        let points: Points = (1..=10_000).map(|i| (f64::from(i), 1.0)).collect();
        let svg = drawn(&points, None);
        assert!(svg.contains("style=\"left:0.0%\" title=\"checkpoint: 1, 5, 6\""), "{svg}");
        assert!(svg.contains("style=\"left:100.0%\" title=\"checkpoint: 9999\""), "{svg}");
    }

    #[test]
    fn areas_stand_on_each_other() {
        let layer = |name: &str, points: &[(f64, f64)]| Layer {
            name: name.into(),
            note: String::new(),
            points: points.to_vec(),
        };
        let both = [layer("a", &[(1.0, 1.0), (2.0, 1.0)]), layer("b", &[(1.0, 3.0), (2.0, 1.0)])];
        let svg = stack("seconds", "", &both, (1.0, 2.0), &[]);
        assert!(
            svg.contains(
                "class=\"area a0\" d=\"M0.0 750.0L1000.0 750.0L1000.0 1000.0L0.0 1000.0Z\""
            )
        );
        assert!(
            svg.contains("class=\"area a1\" d=\"M0.0 0.0L1000.0 500.0L1000.0 750.0L0.0 750.0Z\"")
        );
        let one = [layer("a", &[(7.0, 2.0)])];
        let svg = stack("seconds", "", &one, (7.0, 7.0), &[]);
        assert!(svg.contains("d=\"M0.0 0.0H1000.0V1000.0H0.0Z\""), "{svg}");
        assert_eq!(stack("seconds", "", &[], (1.0, 1.0), &[]), "");
    }
}
