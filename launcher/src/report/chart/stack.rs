//! Areas on top of each other: what a whole is made of, step by step.

use super::curve::means;
use super::frame::{Frame, Key, Mark, SIDE};
use super::scale::Scale;

/// A wide chart has so many bands.
const BANDS: usize = 120;

/// One area.
pub(in crate::report) struct Layer {
    /// What it stands for.
    pub name: String,
    /// What it comes to.
    pub note: String,
    /// `(step, value)`; the steps are those of every layer, the values not below zero.
    pub points: Vec<(f64, f64)>,
}

/// The areas, the first at the bottom; nothing without a point.
pub(in crate::report) fn stack(
    title: &str,
    value: &str,
    layers: &[Layer],
    across: (f64, f64),
    marks: &[Mark],
) -> String {
    let thin: Vec<_> = layers.iter().map(|layer| means(&layer.points, BANDS)).collect();
    let Some(steps) = thin.first().filter(|points| !points.is_empty()) else {
        return String::new();
    };
    // The upper border of each layer, above a border at zero.
    let mut borders = vec![steps.iter().map(|(x, _)| (*x, 0.0)).collect::<Vec<_>>()];
    for points in &thin {
        let below = &borders[borders.len() - 1];
        let above = below.iter().zip(points).map(|((x, low), (_, more))| (*x, low + more));
        borders.push(above.collect());
    }
    let values = borders.iter().flatten().map(|(_, y)| *y);
    let keys = layers.iter().enumerate().map(|(place, layer)| Key {
        class: format!("area a{place}"),
        name: layer.name.clone(),
        note: layer.note.clone(),
    });
    let frame = Frame {
        title,
        value,
        scale: Scale::of(values, false),
        across,
        marks,
        keys: keys.collect(),
    };
    let shapes: String = borders
        .windows(2)
        .enumerate()
        .map(|(place, pair)| {
            format!("<path class=\"area a{place}\" d=\"{}\"/>", area(&frame, &pair[0], &pair[1]))
        })
        .collect();
    frame.figure(&shapes)
}

/// Along the upper border and back along the lower one; one step is a band over the whole width.
fn area(frame: &Frame, below: &[(f64, f64)], above: &[(f64, f64)]) -> String {
    if let ([(_, low)], [(_, high)]) = (below, above) {
        let (low, high) = (SIDE * frame.y(*low), SIDE * frame.y(*high));
        return format!("M0.0 {high:.1}H1000.0V{low:.1}H0.0Z");
    }
    let back: Vec<(f64, f64)> = below.iter().rev().copied().collect();
    format!("{}{}Z", frame.path(above), frame.path(&back).replacen('M', "L", 1))
}
