//! How fast a phase learned: tokens a second of each kind, and the share of the machine's peak.

use super::chart::{Chart, Line, Mark, Points, chart};
use super::files::{Phase, Run, Step, World, worlds};
use super::html::{compact, duration, figure};
use super::training::middle;

/// Tokens a second: those that are learned, those that are computed, and the places they take.
pub(super) fn tokens(phase: &Phase, marks: &[Mark]) -> String {
    let line = |name: &str, class: &str, measure: fn(&Step) -> Option<f64>| {
        let points = phase.curve(measure);
        let values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
        let note = if values.is_empty() { String::new() } else { middle(&values) };
        Line { name: name.into(), class: class.into(), note, points }
    };
    let lines: Vec<Line> = [
        line("of samples, each with its prefix", "s3", |step| step.tokens_per_second),
        line("padded: places that are computed over", "s2", |step| step.rate(step.padded_tokens)),
        line("real: computed, a prefix once a group", "s0", |step| step.rate(step.computed_tokens)),
        line("supervised: learned from", "s1", |step| step.rate(step.supervised_tokens)),
    ]
    .into_iter()
    .filter(|line| !line.points.is_empty())
    .collect();
    let value = match &lines[..] {
        [one] => one.note.clone(),
        _ => String::new(),
    };
    chart(Chart {
        title: "tokens/s",
        value,
        lines,
        level: None,
        across: phase.across(),
        marks,
        logarithmic: false,
        smooth: true,
    })
}

/// What the steps of a phase computed in what time, and could have.
#[derive(Default)]
struct Work {
    flops: f64,
    seconds: f64,
    /// What the ranks of each step could have computed in its time, where their peak is known.
    possible: Option<f64>,
    /// How many ranks there were, where it was always the same number.
    ranks: Option<f64>,
    /// Achieved FLOP/s by step, and the percentage of the peak where that is known.
    points: Points,
}

impl Work {
    fn of<'a>(run: &Run, phases: impl IntoIterator<Item = &'a Phase>) -> Self {
        let worlds = worlds(&run.events);
        let peak = peak(run);
        let mut work = Self { possible: peak.map(|_| 0.0), ..Self::default() };
        let mut seen: Vec<f64> = Vec::new();
        for phase in phases {
            for (step, row) in &phase.steps {
                let (Some(rate), Some(seconds)) = (row.rate(row.flops), row.seconds) else {
                    continue;
                };
                work.flops += rate * seconds;
                work.seconds += seconds;
                let ranks = ranks(run, &worlds, &phase.name, *step);
                seen.push(ranks);
                let mut point = rate;
                if let (Some(peak), Some(possible)) = (peak, &mut work.possible) {
                    *possible += seconds * ranks * peak;
                    point = 100.0 * rate / (ranks * peak);
                }
                work.points.push((*step as f64, point));
            }
        }
        work.ranks = seen.first().copied().filter(|first| seen.iter().all(|it| it == first));
        work
    }

    /// The share of the peak in percent.
    fn mfu(&self) -> Option<f64> {
        let possible = self.possible.filter(|possible| *possible > 0.0)?;
        Some(100.0 * self.flops / possible)
    }
}

/// The peak of one rank in FLOP/s, as the cluster file states it.
fn peak(run: &Run) -> Option<f64> {
    Some(run.cluster.as_ref()?.hardware.peak_tflops()? * 1e12)
}

/// How many ranks computed a step; a run may have gone on in another world.
fn ranks(run: &Run, worlds: &[World], phase: &str, step: u64) -> f64 {
    let place = |name: &str| run.steps.phases.iter().position(|phase| phase.name == name);
    let had_begun = |world: &&World| match &world.after {
        None => true,
        Some((of, done)) => (place(of), *done) < (place(phase), step),
    };
    let world = worlds.iter().rev().find(had_begun).map(|world| world.ranks);
    world.or(run.cluster.as_ref().map(|cluster| cluster.ranks as f64)).unwrap_or(1.0)
}

/// The share of the peak over the run, or what was achieved.
pub(super) fn tile(run: &Run) -> Option<(String, String, String)> {
    let work = Work::of(run, &run.steps.phases);
    if work.points.is_empty() {
        return None;
    }
    let achieved = format!("{}FLOP/s", compact(work.flops / work.seconds));
    Some(match work.mfu() {
        Some(mfu) => ("MFU".into(), format!("{} %", figure(mfu)), achieved),
        None => ("computed".into(), achieved, "no peak known".into()),
    })
}

/// Share of the peak by step, or FLOP/s where no peak is known.
pub(super) fn efficiency(run: &Run, phase: &Phase, marks: &[Mark]) -> String {
    let work = Work::of(run, [phase]);
    let values: Vec<f64> = work.points.iter().map(|(_, y)| *y).collect();
    let (title, value) = match (work.mfu(), values.is_empty()) {
        (_, true) => return String::new(),
        (Some(mfu), _) => ("MFU, %", format!("{} %", figure(mfu))),
        (None, _) => ("FLOP/s", middle(&values)),
    };
    chart(Chart {
        title,
        value,
        lines: vec![Line { class: "s0".into(), points: work.points, ..Line::default() }],
        level: None,
        across: phase.across(),
        marks,
        logarithmic: false,
        smooth: true,
    })
}

/// MFU written out with the numbers of the phase.
pub(super) fn formula(run: &Run, phase: &Phase) -> String {
    let work = Work::of(run, [phase]);
    if work.points.is_empty() {
        return String::new();
    }
    let (flops, time) = (compact(work.flops), duration(work.seconds));
    let text = match (work.mfu(), peak(run)) {
        (Some(mfu), Some(peak)) => {
            let ranks = match work.ranks {
                Some(1.0) => "1 rank".to_owned(),
                Some(ranks) => format!("{ranks} ranks"),
                None => "the ranks of each step".to_owned(),
            };
            format!(
                "MFU = flops of the model ÷ (seconds × peak) = {flops}FLOP ÷ ({time} × {ranks} × \
                 {}FLOP/s) = {} %",
                compact(peak),
                figure(mfu)
            )
        }
        _ => format!(
            "No peak known: FLOP/s only, {flops}FLOP ÷ {time} = {}FLOP/s. With \
             <code>peak_tflops</code> under <code>[hardware]</code> in the cluster file it becomes \
             MFU = flops of the model ÷ (seconds × peak)",
            compact(work.flops / work.seconds)
        ),
    };
    format!(
        "<p class=\"note formula\">{text}. What is computed again to save memory does not count.</p>"
    )
}
