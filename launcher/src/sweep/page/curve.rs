//! The best value so far, by the hours that it took.

use crate::page::html::{escape, figure as number_text};
use crate::sweep::log::{Event, Line};
use crate::sweep::state::State;
use crate::sweep::trial::Setting;

/// Width and height of the drawing's own square.
const SIDE: f64 = 1000.0;

/// The drawing: only trials that are done count, since values on the way are not compared with them.
pub fn figure(setting: &Setting, lines: &[Line]) -> String {
    let points = points(setting, lines);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let (low, high) = (first.1.min(last.1), first.1.max(last.1));
    let end = hours_of(setting, lines).max(last.0);
    let x = |hours: f64| if end > 0.0 { SIDE * hours / end } else { 0.0 };
    let y = |value: f64| {
        if high > low { SIDE * (1.0 - (value - low) / (high - low)) } else { SIDE / 2.0 }
    };
    let mut path = format!("M{:.1} {:.1}", x(first.0), y(first.1));
    for (hours, value) in &points[1..] {
        path += &format!("H{:.1}V{:.1}", x(*hours), y(*value));
    }
    path += &format!("H{SIDE:.1}");
    // A value that never changed stands once, where its line is.
    let is_one = number_text(high) == number_text(low);
    let ends = if is_one { vec![last.1] } else { vec![high, low] };
    let scale: String = ends
        .into_iter()
        .map(|value| {
            let top = 100.0 * y(value) / SIDE;
            format!("<span class=\"y\" style=\"top:{top:.0}%\">{}</span>", number_text(value))
        })
        .collect();
    format!(
        "<p class=\"note\">The best of the trials that are done, after so many hours of ranks at work.</p>\
         <figure class=\"steps\"><div class=\"plot\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"best {metric}: {} after {} h, {} after {} h\"><path class=\"grid\" d=\"M0 0H1000M0 1000H1000\"/>\
         <path class=\"line\" d=\"{path}\"/></svg>{scale}\
         <span class=\"x first\">0 h</span><span class=\"x last\">{} h</span></div></figure>",
        number_text(first.1),
        number_text(first.0),
        number_text(last.1),
        number_text(last.0),
        number_text(end),
        metric = escape(&setting.sweep.metric.to_string()),
    )
}

/// Hours and best value, where it became better.
fn points(setting: &Setting, lines: &[Line]) -> Vec<(f64, f64)> {
    let (sweep, mut state) = (&setting.sweep, State::default());
    let mut points: Vec<(f64, f64)> = Vec::new();
    for line in lines {
        state.take(line, sweep);
        let Event::Finished { trial, .. } = &line.event else { continue };
        let done = state.trials.get(*trial).filter(|trial| trial.is_done());
        let Some((_, value)) = done.and_then(|trial| trial.newest()) else { continue };
        let is_better = |before: &(f64, f64)| sweep.mode.loss(value) < sweep.mode.loss(before.1);
        if points.last().is_none_or(is_better) {
            points.push((super::hours(setting, &state), value));
        }
    }
    points
}

fn hours_of(setting: &Setting, lines: &[Line]) -> f64 {
    super::hours(setting, &State::of(lines, &setting.sweep))
}
