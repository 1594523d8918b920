//! A line for each trial across an axis for each key, and one for the metric.

use crate::page::html::{escape, figure as number_text};
use crate::sweep::definition::{Mode, Sweep};
use crate::sweep::space::{Dimension, Range, told};
use crate::sweep::state::{Fate, State, Trial};
use crate::sweep::summary::{ranked, reached};
use toml::Value;

/// More axes than these cannot be told apart.
const AXES: usize = 12;
/// Width and height of the drawing's own square.
const SIDE: f64 = 1000.0;
/// Room for the names of an axis, in pixels.
const ROOM: usize = 104;
/// Choices that are named on an axis; of more, as many.
const NAMED: usize = 8;

/// A vertical line with places on it.
struct Axis {
    /// The whole key.
    name: String,
    /// As much of it as tells it from the others.
    short: String,
    /// From 0, at the bottom, to 1.
    ticks: Vec<(f64, String)>,
}

/// The drawing, and what its axes are.
pub fn figure(sweep: &Sweep, state: &State) -> String {
    // The best is drawn last, on top.
    let mut trials: Vec<(&Trial, f64)> = ranked(sweep, state)
        .into_iter()
        .filter_map(|trial| Some((trial, trial.newest()?.1)))
        .collect();
    trials.reverse();
    if trials.is_empty() {
        return String::new();
    }
    let keys: Vec<&Dimension> = sweep.space.dimensions.iter().take(AXES - 1).collect();
    let x = |axis: usize| SIDE * axis as f64 / keys.len() as f64;
    let low = trials.iter().map(|it| it.1).fold(f64::INFINITY, f64::min);
    let high = trials.iter().map(|it| it.1).fold(f64::NEG_INFINITY, f64::max);
    // Better is up.
    let worth = |value: f64| match sweep.mode {
        _ if high <= low => 0.5,
        Mode::Max => (value - low) / (high - low),
        Mode::Min => (high - value) / (high - low),
    };
    let mut lines = String::new();
    for (index, (trial, value)) in trials.iter().enumerate() {
        let places = keys.iter().map(|it| it.range.place(trial.values.get(&it.key)?));
        let path = path(
            places.chain([Some(worth(*value))]).enumerate().map(|(axis, place)| (x(axis), place)),
        );
        let cut = if trial.is_done() { "" } else { " cut" };
        lines += &format!(
            "<path class=\"trial t{}{cut}\" data-trial=\"{}\" d=\"{path}\"><title>trial {}: {}; {}</title></path>",
            shade(trials.len() - 1 - index, trials.len()),
            trial.number,
            trial.number,
            escape(&reached(sweep, trial)),
            escape(&told(&trial.values)),
        );
    }
    let metric = Axis {
        name: sweep.metric.to_string(),
        short: sweep.metric.to_string(),
        ticks: match number_text(high) != number_text(low) {
            true => [low, high].map(|value| (worth(value), number_text(value))).to_vec(),
            false => vec![(worth(high), number_text(high))],
        },
    };
    let axes: Vec<Axis> = keys.iter().map(|it| axis(sweep, it)).chain([metric]).collect();
    let grid: String = (0..axes.len()).map(|axis| format!("M{:.1} 0V1000", x(axis))).collect();
    let labels: String =
        axes.iter().enumerate().map(|(index, axis)| label(axis, x(index) / SIDE)).collect();
    format!(
        "<p class=\"note\">{}</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Parallel coordinates\">\
         <div class=\"parallel\" style=\"min-width:{}px\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"values of {} trials; the table below has the same\"><path class=\"grid\" d=\"{grid}\"/>{lines}</svg>\
         {labels}</div></div>",
        note(sweep, state, &trials),
        ROOM * keys.len(),
        trials.len()
    )
}

/// What is drawn, how, and what is not.
fn note(sweep: &Sweep, state: &State, trials: &[(&Trial, f64)]) -> String {
    let mut text = "A line for each trial that has a value; the better it is, the stronger is its line, and the higher \
                    it ends."
        .to_owned();
    if trials.iter().any(|(trial, _)| !trial.is_done()) {
        text += " Dashed ones were not trained to their end: their value is that of the last rung that they came to.";
    }
    let left = state.trials.iter().filter(|trial| trial.newest().is_none());
    let mut counts = [0; 4];
    for trial in left {
        counts[match trial.fate {
            Fate::Failed { .. } => 0,
            Fate::Infeasible(_) => 1,
            _ if trial.is_done() => 2,
            _ => 3,
        }] += 1;
    }
    let kinds = ["failed", "infeasible", "without a number at the end", "without a value"];
    let told: Vec<String> = counts
        .iter()
        .zip(kinds)
        .filter(|(count, _)| **count > 0)
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    if !told.is_empty() {
        text += &format!(" Not drawn: {}.", told.join(", "));
    }
    match sweep.space.dimensions.len().saturating_sub(AXES - 1) {
        0 => text,
        more => format!("{text} {more} more key(s) are in the table below."),
    }
}

/// Lines from one place to the next; a key that a trial lacks leaves a gap.
fn path(places: impl Iterator<Item = (f64, Option<f64>)>) -> String {
    let mut path = String::new();
    let mut is_cut = true;
    for (x, place) in places {
        match place {
            None => is_cut = true,
            Some(place) => {
                let letter = if is_cut { 'M' } else { 'L' };
                path += &format!("{letter}{x:.1} {:.1}", SIDE * (1.0 - place));
                is_cut = false;
            }
        }
    }
    path
}

/// How strong a line is, from 0 to 4: few are strong, however many there are.
fn shade(better: usize, count: usize) -> usize {
    let share = better as f64 / count as f64;
    let bounds = [0.5, 0.25, 0.1, 0.03];
    match better {
        0 => bounds.len(),
        _ => bounds.iter().filter(|bound| share < **bound).count(),
    }
}

fn axis(sweep: &Sweep, dimension: &Dimension) -> Axis {
    let Dimension { key, range, .. } = dimension;
    let tick = |value: Value| {
        let text = match &value {
            Value::Float(number) => number_text(*number),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        Some((range.place(&value)?, text))
    };
    let values: Vec<Value> = match range {
        Range::Values(values) => {
            let every = values.len().div_ceil(NAMED);
            values.iter().step_by(every.max(1)).cloned().collect()
        }
        Range::Int { low, high, .. } if low == high => vec![Value::Integer(*low)],
        Range::Int { .. } | Range::Uniform(_) => vec![range.value(0.0), range.value(1.0)],
        // The middle tells that factors are equally long.
        Range::Log(_) => [0.0, 0.5, 1.0].map(|at| range.value(at)).to_vec(),
    };
    let scale = if matches!(range, Range::Log(_)) { ", logarithmic" } else { "" };
    Axis {
        name: format!("{key}{scale}"),
        short: short(sweep, key),
        ticks: values.into_iter().filter_map(tick).collect(),
    }
}

/// The end of a key, as long as it takes to tell it from all others.
fn short(sweep: &Sweep, key: &str) -> String {
    let starts = key.rmatch_indices('.').map(|(at, _)| at + 1).chain([0]);
    let is_shared = |end: &str| {
        let ending = format!(".{end}");
        let others = sweep.space.dimensions.iter().filter(|it| it.key != key);
        others.map(|it| it.key.as_str()).any(|it| it == end || it.ends_with(&ending))
    };
    let mut ends = starts.map(|at| &key[at..]);
    ends.find(|end| !is_shared(end)).unwrap_or(key).to_owned()
}

fn label(axis: &Axis, left: f64) -> String {
    let Axis { name, short, ticks } = axis;
    let ticks: String = ticks
        .iter()
        .map(|(place, text)| {
            format!("<span style=\"top:{:.1}%\">{}</span>", 100.0 * (1.0 - place), escape(text))
        })
        .collect();
    format!(
        "<div class=\"axis\" style=\"left:{:.1}%\"><b title=\"{}\">{}</b>{ticks}</div>",
        100.0 * left,
        escape(name),
        escape(short)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::definition::tests::specimen;
    use super::super::super::log::Event;
    use super::super::super::rungs::Stop;
    use super::super::super::space::parse;
    use super::super::super::state::tests::{add, came, finished};
    use super::*;

    #[test]
    fn few_lines_are_strong_however_many_there_are() {
        let strong = |count: usize| (0..count).filter(|it| shade(*it, count) == 4).count();
        assert_eq!((strong(1), strong(10), strong(500)), (1, 1, 15));
        assert_eq!((shade(499, 500), shade(249, 500)), (0, 1));
    }

    #[test]
    fn names_are_as_long_as_it_takes() {
        let text = "a.rate = { values = [1] }\nb.rate = { values = [1] }\nb.width = { values = [1] }\nrate = { values = [1] }\n";
        let sweep = Sweep { space: parse(&text.parse().unwrap()).unwrap(), ..specimen() };
        let of = |key: &str| short(&sweep, key);
        assert_eq!((of("a.rate"), of("b.width")), ("a.rate".to_owned(), "width".to_owned()));
        assert_eq!(of("rate"), "rate");
    }

    #[test]
    fn values_stand_where_lines_cross_their_axis() {
        let sweep = specimen();
        let of = |key: &str| {
            let dimension = sweep.space.dimensions.iter().find(|it| it.key == key).unwrap();
            axis(&sweep, dimension)
        };
        let ticks = |key: &str| -> Vec<String> {
            of(key).ticks.iter().map(|(place, text)| format!("{place:.3} {text}")).collect()
        };
        assert_eq!(ticks("name"), ["0.250 adamw", "0.750 muon"]);
        assert_eq!(ticks("rate"), ["0.000 1e−5", "0.500 0.001", "1.000 0.1"]);
        assert_eq!(of("rate").name, "rate, logarithmic");
        // Four widths: 4, 9, 14 and 19, each in the middle of its part.
        assert_eq!(ticks("width"), ["0.125 4", "0.875 19"]);
    }

    #[test]
    fn every_kind_of_trial_is_drawn_or_counted() {
        let stop = Stop::Asha { rungs: vec![3], factor: 2 };
        let mut sweep = Sweep { stop, mode: Mode::Min, ..specimen() };
        let mut state = State::default();
        assert_eq!(figure(&sweep, &state), "");
        for trial in 0..6 {
            let values = sweep.space.point(&[0.9; 5]);
            add(&mut state, &sweep, Event::Asked { trial, values });
        }
        finished(&mut state, &sweep, 0, Some(2.0));
        // One alone is a line, too, and its value stands once.
        let page = figure(&sweep, &state);
        assert_eq!(page.matches("class=\"trial t4\"").count(), 1, "{page}");
        assert_eq!(page.matches("<span style=\"top:50.0%\">2</span>").count(), 1, "{page}");
        finished(&mut state, &sweep, 1, None);
        came(&mut state, &sweep, 2, 0, Some(8.0));
        add(&mut state, &sweep, Event::Infeasible { trial: 3, cause: "memory".to_owned() });
        let (code, cause, again, out_of_memory, seconds) = (69, "x".to_owned(), false, true, 1.0);
        let failed =
            Event::Failed { trial: 4, seed: 5, code, cause, again, out_of_memory, seconds };
        add(&mut state, &sweep, failed);
        let page = figure(&sweep, &state);
        assert!(page.contains("Not drawn: 1 failed, 1 infeasible, 1 without a number at the end, 1 without a value."), "{page}");
        assert_eq!(page.matches(" cut\"").count(), 1, "{page}");
        assert!(page.contains("Dashed ones were not trained to their end"), "{page}");
        // Less is better here, and better is up; all keys of these trials are on their axes.
        assert!(page.contains("<span style=\"top:0.0%\">2</span>"), "{page}");
        assert!(page.contains("<span style=\"top:100.0%\">8</span>"), "{page}");
        assert!(page.contains("<title>trial 2: 8.0000 at step 3; "), "{page}");
        // A key that is absent leaves a gap.
        sweep.mode = Mode::Max;
        let values = sweep.space.point(&[0.0; 5]);
        assert!(!values.contains_key("momentum"));
        add(&mut state, &sweep, Event::Asked { trial: 6, values });
        finished(&mut state, &sweep, 6, Some(5.0));
        let page = figure(&sweep, &state);
        let line = page.split("data-trial=\"6\" d=\"").nth(1).unwrap();
        let line = line.split('"').next().unwrap();
        assert_eq!(line.matches('M').count(), 2, "{line}");
    }
}
