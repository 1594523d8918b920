//! What each dataset, language and task cost: small curves on one scale, the worst first.

use super::chart::{Points, Scale, drawable, spark};
use super::files::{Heard, Phase, Run, Source};
use super::html::{compact, count, escape, figure};
use super::table::{heads, table};
use std::collections::BTreeMap;

/// Points of a small curve.
const POINTS: usize = 48;

/// What one source cost over a phase.
struct Curve<'a> {
    source: &'a Source,
    points: Points,
    first: f64,
    last: f64,
    samples: f64,
    tokens: f64,
}

/// A row a source, the worst first; nothing where there is one source only, whose loss is the loss.
pub(super) fn table_of(run: &Run, phase: &Phase) -> String {
    let mut curves = curves(run, phase);
    if curves.len() < 2 {
        return String::new();
    }
    curves.sort_by(|a, b| b.last.total_cmp(&a.last).then_with(|| a.source.cmp(b.source)));
    let values = curves.iter().flat_map(|curve| curve.points.iter().map(|(_, y)| *y));
    let scale = Scale::of(values, true);
    let rows: Vec<String> = curves
        .iter()
        .map(|curve| {
            format!(
                "<tr>{}<td class=\"curve\">{}</td><td><b>{}</b></td><td>{}</td><td>{}</td>\
                 <td>{}</td></tr>",
                named(curve.source),
                spark(&curve.points, &scale, phase.across()),
                figure(curve.last),
                figure(curve.first),
                count(curve.samples as usize),
                compact(curve.tokens)
            )
        })
        .collect();
    let head = heads(&[
        "source",
        "loss",
        "at the end",
        "at the beginning",
        "samples",
        "supervised tokens",
    ]);
    let logarithmic = if scale.logarithmic { ", logarithmic" } else { "" };
    format!(
        "<h4>Loss by source, worst first</h4><p class=\"note\">Per supervised token. The curves \
         share one scale{logarithmic}; the beginning and the end are the first and the last tenth \
         of the steps that had the source.</p>{}",
        table(&head, &rows)
    )
}

/// The name of a source as the head of a row.
pub(super) fn named(Source { dataset, language, task }: &Source) -> String {
    format!(
        "<th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span> \
         <span class=\"tag\">{}</span></th>",
        escape(dataset),
        escape(language),
        escape(task)
    )
}

fn curves<'a>(run: &'a Run, phase: &Phase) -> Vec<Curve<'a>> {
    let mut heard: BTreeMap<usize, Vec<(f64, Heard)>> = BTreeMap::new();
    for (step, row) in phase.steps.iter().filter(|(_, row)| row.applied()) {
        for one in &row.heard {
            heard.entry(one.source).or_default().push((*step as f64, *one));
        }
    }
    heard
        .into_iter()
        .filter_map(|(place, heard)| curve(run.steps.sources.get(place)?, &heard))
        .collect()
}

fn curve<'a>(source: &'a Source, heard: &[(f64, Heard)]) -> Option<Curve<'a>> {
    let tenth = heard.len().div_ceil(10);
    let points: Points = heard
        .chunks(heard.len().div_ceil(POINTS).max(1))
        .filter_map(|stretch| {
            let steps = stretch.iter().map(|(step, _)| step).sum::<f64>() / stretch.len() as f64;
            Some((steps, mean(stretch)?))
        })
        .collect();
    let points = drawable(&points);
    if points.is_empty() {
        return None;
    }
    let sum = |number: fn(&Heard) -> f64| heard.iter().map(|(_, one)| number(one)).sum();
    Some(Curve {
        source,
        first: mean(heard.get(..tenth)?).or(Some(points.first()?.1))?,
        last: mean(heard.get(heard.len() - tenth..)?).or(Some(points.last()?.1))?,
        points,
        samples: sum(|one| one.samples),
        tokens: sum(|one| one.tokens),
    })
}

/// The loss per supervised token over several steps.
fn mean(heard: &[(f64, Heard)]) -> Option<f64> {
    let told = || heard.iter().filter_map(|(_, one)| Some((one.tokens.max(0.0), one.loss?)));
    let tokens: f64 = told().map(|(tokens, _)| tokens).sum();
    let loss: f64 = told().map(|(tokens, loss)| tokens * loss).sum();
    Some(loss / tokens).filter(|mean| mean.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_weighted_by_tokens_and_needs_some() {
        let heard =
            |tokens: f64, loss: Option<f64>| (1.0, Heard { source: 0, samples: 1.0, tokens, loss });
        assert_eq!(mean(&[heard(1.0, Some(4.0)), heard(3.0, Some(0.0))]), Some(1.0));
        assert_eq!(mean(&[heard(1.0, Some(4.0)), heard(3.0, None)]), Some(4.0));
        assert_eq!(mean(&[heard(0.0, Some(4.0))]), None);
        assert_eq!(mean(&[heard(1e190, Some(1e190))]), None);
        assert_eq!(mean(&[]), None);
    }
}
