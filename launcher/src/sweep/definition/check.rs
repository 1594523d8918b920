//! What each key of a sweep's file allows but all together, or the recipe, do not.

use super::Sweep;
use super::file::{StopMethod, StopSection};
use crate::error::{Error, exit};
use crate::sweep::definition::Method;
use crate::sweep::metric::Metric;
use crate::sweep::rungs::Stop;
use crate::sweep::sampler::sobol;
use crate::sweep::space::told;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Spanned, Value};
use trainer::Recipe;
use trainer::evaluate::sets_asked;
use trainer::recipe::Length;

/// Keys of a recipe that a sweep decides itself.
const OURS: [&str; 3] = ["run.seed", "run.name", "checkpoint.pause"];

/// Refuses keys that are the sweep's own, and keys that are both chosen and set.
pub(super) fn keys(
    places: &BTreeMap<String, usize>,
    set: &BTreeMap<Spanned<String>, Value>,
    place: &impl Fn(usize, String) -> Error,
) -> Result<(), Error> {
    let inner = set.iter().flat_map(|(key, value)| {
        let at = key.span().start;
        leaves(key.get_ref(), value).into_iter().map(move |key| (key, at))
    });
    let inner: Vec<(String, usize)> = inner.collect();
    let set: BTreeMap<&str, usize> =
        set.keys().map(|key| (key.get_ref().as_str(), key.span().start)).collect();
    let all = places.iter().map(|(key, at)| (key.as_str(), *at));
    for (key, at) in all.chain(inner.iter().map(|(key, at)| (key.as_str(), *at))) {
        let is_below = |ours: &str| {
            key.strip_prefix(ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if OURS.into_iter().any(is_below) {
            return Err(place(
                at,
                format!("`{key}` is the sweep's to decide; for seeds, write `seeds`"),
            ));
        }
    }
    match set.iter().find(|(key, _)| places.contains_key(**key)) {
        Some((key, at)) => {
            Err(place(*at, format!("`{key}` stands in [space], too; leave one of them out")))
        }
        None => Ok(()),
    }
}

/// The keys below `key`, or itself where its value is no table.
fn leaves(key: &str, value: &Value) -> Vec<String> {
    match value.as_table() {
        Some(table) => {
            let below = |(name, value): (&String, &Value)| leaves(&format!("{key}.{name}"), value);
            table.iter().flat_map(below).collect()
        }
        None => vec![key.to_owned()],
    }
}

/// Refuses a recipe that pauses by itself: its trials would stop there again and again.
pub(super) fn pause(recipe: &Recipe) -> Result<(), String> {
    match &recipe.checkpoint.pause {
        None => Ok(()),
        Some(pause) => Err(format!(
            "the recipe has checkpoint.pause, behind step {} of phase `{}`; where trials pause is the sweep's to decide: leave \
             it out",
            pause.step, pause.phase
        )),
    }
}

/// Rungs that there are within the phase.
pub(super) fn stop(section: &StopSection, recipe: &Recipe, phase: &str) -> Result<Stop, String> {
    let StopSection { method, rungs, first, factor, min_trials } = section;
    if *method == StopMethod::None {
        return Ok(Stop::None);
    }
    if *method == StopMethod::Median && factor.is_some() && first.is_none() {
        return Err("[stop]: `factor` is asha's; the median has `min_trials`".to_owned());
    }
    if *method == StopMethod::Asha && min_trials.is_some() {
        return Err("[stop]: `min_trials` is the median's; asha has `factor`".to_owned());
    }
    let factor = factor.unwrap_or(3);
    if !(2..=100).contains(&factor) {
        return Err(format!("[stop]: `factor` is {factor}; it must be between 2 and 100"));
    }
    let length = recipe.phase.iter().find(|it| it.name == phase).map(|it| it.length);
    let steps = match length {
        Some(Length::Steps(steps)) => Some(steps),
        _ => None,
    };
    let rungs = match (rungs.as_slice(), first, steps) {
        ([], Some(first), Some(steps)) if *first > 0 => {
            let powers = std::iter::successors(Some(*first), |rung| rung.checked_mul(factor));
            powers.take_while(|rung| *rung < steps).collect()
        }
        ([], Some(_), _) => {
            return Err(format!(
                "[stop]: `first` needs a phase with `steps`, and phase `{phase}` has epochs; give `rungs`"
            ));
        }
        ([], None, _) => {
            return Err(
                "[stop] has neither `rungs` nor `first`; give `rungs = [30, 90]`".to_owned()
            );
        }
        (_, Some(_), _) => return Err("[stop] has both `rungs` and `first`; give one".to_owned()),
        (rungs, None, _) => rungs.to_vec(),
    };
    if rungs.first().is_none_or(|first| *first == 0) || !rungs.is_sorted_by(|a, b| a < b) {
        return Err(format!(
            "[stop]: the rungs are {rungs:?}, expected steps in ascending order, from 1"
        ));
    }
    if let (Some(steps), Some(last)) = (steps, rungs.last())
        && *last >= steps
    {
        return Err(format!(
            "[stop]: the last rung is {last}, but phase `{phase}` has {steps} steps"
        ));
    }
    Ok(match method {
        StopMethod::Median => Stop::Median { rungs, min_trials: min_trials.unwrap_or(4) },
        _ => Stop::Asha { rungs, factor },
    })
}

/// Refuses the F1 of a language that no benchmark is in.
pub(super) fn language(metric: &Metric, recipe: &Recipe) -> Result<(), Error> {
    let Metric::Language(code) = metric else { return Ok(()) };
    let asked = sets_asked(&recipe.datasets, &recipe.evaluation.benchmarks)?;
    let languages: BTreeSet<String> = asked.into_iter().map(|(_, language, _)| language).collect();
    // That nothing is asked at all is `measured`'s sentence.
    if languages.is_empty() || languages.contains(code) {
        return Ok(());
    }
    let known: Vec<String> = languages.iter().map(|language| format!("f1.{language}")).collect();
    let message = format!(
        "{metric} will never have a value: the recipe's benchmarks have {}",
        known.join(", ")
    );
    Err(Error::new(exit::DECLARATION, message))
}

/// Refuses rungs at which nothing is measured.
pub(super) fn measured(sweep: &Sweep, recipe: &Recipe) -> Result<(), String> {
    if sweep.metric.is_loss() {
        return Ok(());
    }
    if recipe.evaluation.benchmarks.is_empty() {
        return Err(format!(
            "the metric is {}, but the recipe's evaluation.benchmarks is empty",
            sweep.metric
        ));
    }
    let every = recipe.evaluation.during.every;
    match sweep.stop.rungs().iter().find(|rung| every == 0 || !rung.is_multiple_of(every)) {
        Some(rung) => Err(format!(
            "[stop]: {} is not known at step {rung}: evaluation.during.every is {every}; write \"evaluation.during.every\" = {} below [set]",
            sweep.metric,
            common(sweep.stop.rungs())
        )),
        None => Ok(()),
    }
}

/// The largest number that all have as a factor.
fn common(numbers: &[usize]) -> usize {
    fn of(a: usize, b: usize) -> usize {
        if b == 0 { a } else { of(b, a % b) }
    }
    numbers.iter().fold(0, |all, number| of(all, *number))
}

/// Refuses keys that the recipe does not have, or not with these values.
pub(super) fn trials(
    sweep: &Sweep,
    places: &BTreeMap<String, usize>,
    place: &impl Fn(usize, String) -> Error,
) -> Result<(), Error> {
    let count = sweep.space.dimensions.len();
    if sweep.method == Method::Sobol && count > sobol::DIMENSIONS {
        let most = sobol::DIMENSIONS;
        return Err(place(
            0,
            format!(
                "[space] has {count} keys; Sobol's sequence is known here for up to {most}: take method = \"random\""
            ),
        ));
    }
    for dimension in &sweep.space.dimensions {
        for end in [0.0, 1.0] {
            let point = sweep.space.point_with(&dimension.key, end);
            if let Err(error) = sweep.recipe_with(&Sweep::sets_of(&point)) {
                let at = places.get(&dimension.key).copied().unwrap_or(0);
                return Err(place(at, format!("with {}: {}", told(&point), error.message)));
            }
        }
    }
    Ok(())
}
