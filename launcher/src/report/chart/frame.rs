//! What every chart stands in: a caption, lines across, labels, marks on the axis, a legend.

use super::scale::Scale;
use crate::page::html::{compact, escape, figure, steps};
use std::collections::BTreeMap;

/// The side of the unit square.
pub(super) const SIDE: f64 = 1000.0;
/// Marks that stand nearer than this share of the width are one.
const NEAR: f64 = 200.0;

/// Steps of a kind that are marked on the axis of a chart.
#[derive(Debug)]
pub(in crate::report) struct Mark {
    /// Their class in the style sheet.
    pub class: &'static str,
    /// What happened.
    pub what: &'static str,
    /// When.
    pub steps: Vec<u64>,
}

/// An entry of the legend.
pub(super) struct Key {
    /// Its class in the style sheet.
    pub class: String,
    /// Text.
    pub name: String,
    /// What it comes to; text.
    pub note: String,
}

/// A chart without what is drawn in it.
pub(super) struct Frame<'a> {
    /// What is measured.
    pub title: &'a str,
    /// What it comes to.
    pub value: &'a str,
    /// The heights.
    pub scale: Scale,
    /// The first step and the last.
    pub across: (f64, f64),
    /// What is marked on the axis.
    pub marks: &'a [Mark],
    /// The legend; none where one line needs none.
    pub keys: Vec<Key>,
}

impl Frame<'_> {
    /// Where a step stands, from 0 to 1.
    pub fn x(&self, step: f64) -> f64 {
        let (first, last) = self.across;
        if last > first { ((step - first) / (last - first)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Where a value stands, from 0 at the top to 1.
    pub fn y(&self, value: f64) -> f64 {
        1.0 - self.scale.place(value)
    }

    /// `M0.0 500.0L1000.0 500.0`: a path through points; one alone becomes a level line.
    pub fn path(&self, points: &[(f64, f64)]) -> String {
        if let [(_, y)] = points
            && self.across.0 >= self.across.1
        {
            let y = SIDE * self.y(*y);
            return format!("M0.0 {y:.1}L{SIDE:.1} {y:.1}");
        }
        if let [(x, y)] = points {
            // A dot: a line of no length with round ends.
            let (x, y) = (SIDE * self.x(*x), SIDE * self.y(*y));
            return format!("M{x:.1} {y:.1}h0.1");
        }
        let place = |(i, (x, y)): (usize, &(f64, f64))| {
            let letter = if i == 0 { 'M' } else { 'L' };
            format!("{letter}{:.1} {:.1}", SIDE * self.x(*x), SIDE * self.y(*y))
        };
        points.iter().enumerate().map(place).collect()
    }

    /// The `<figure>` around shapes.
    pub fn figure(&self, shapes: &str) -> String {
        let ticks = self.scale.ticks();
        let grid: String =
            ticks.iter().map(|tick| format!("M0 {:.1}H1000", SIDE * self.y(*tick))).collect();
        let ends = [ticks.first(), ticks.last()];
        let labels: String = ticks
            .iter()
            .map(|tick| {
                let end = if ends.contains(&Some(tick)) { " end" } else { "" };
                format!(
                    "<span class=\"y{end}\" style=\"top:{:.1}%\">{}</span>",
                    self.y(*tick) * 100.0,
                    compact(*tick)
                )
            })
            .collect();
        let note = if self.scale.logarithmic { " <i>log scale</i>" } else { "" };
        let keys: String = self.keys.iter().map(key).collect();
        let keys = if keys.is_empty() { keys } else { format!("<ul class=\"keys\">{keys}</ul>") };
        format!(
            "<figure class=\"chart\"><figcaption>{title}{note}<b dir=\"auto\">{value}</b>\
             </figcaption><div class=\"plot\"><svg viewBox=\"0 0 1000 1000\" \
             preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title} by step\">\
             <path class=\"grid\" d=\"{grid}\"/>{shapes}</svg>{labels}{}\
             <span class=\"x first\">{}</span><span class=\"x last\">{}</span></div>{keys}</figure>",
            self.marked(),
            figure(self.across.0),
            figure(self.across.1),
            title = escape(self.title),
            value = escape(self.value),
        )
    }

    /// Marks at the foot of the chart; what stands in one place is one mark.
    fn marked(&self) -> String {
        let mut marks = String::new();
        for Mark { class, what, steps: all } in self.marks {
            let mut places: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for step in all {
                let place = (self.x(*step as f64) * NEAR).round() as u64;
                places.entry(place).or_default().push(*step);
            }
            for (place, here) in places {
                marks += &format!(
                    "<i class=\"mark {class}\" style=\"left:{:.1}%\" title=\"{what}: {}\"></i>",
                    place as f64 / NEAR * 100.0,
                    steps(&here)
                );
            }
        }
        marks
    }
}

fn key(Key { class, name, note }: &Key) -> String {
    format!(
        "<li><i class=\"key {class}\"></i><bdi>{}</bdi> <b>{}</b></li>",
        escape(name),
        escape(note)
    )
}
