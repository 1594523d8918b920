//! The file of a sweep as it is written.

use super::{Budget, Method, Mode, Sweep, check};
use crate::error::Error;
use crate::sweep::metric::Metric;
use crate::sweep::rungs::Stop;
use crate::sweep::space::{self, Misplaced, Space};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Spanned, Table, Value};

/// Most trials that a file may ask for; more is a slip of the keyboard.
pub(super) const MOST_TRIALS: usize = 100_000;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sweep: Section,
    space: BTreeMap<Spanned<String>, Value>,
    #[serde(default)]
    stop: Option<Spanned<StopSection>>,
    #[serde(default)]
    set: BTreeMap<Spanned<String>, Value>,
}

/// `[sweep]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    name: Option<Spanned<String>>,
    recipe: PathBuf,
    cluster: Option<PathBuf>,
    method: Method,
    metric: Spanned<String>,
    phase: Option<Spanned<String>>,
    mode: Option<Mode>,
    #[serde(default)]
    seed: u64,
    seeds_per_trial: Option<Spanned<usize>>,
    seeds: Option<Spanned<Vec<u64>>>,
    parallel: Option<Spanned<usize>>,
    #[serde(default)]
    budget: BudgetSection,
    #[serde(default = "two")]
    retries: usize,
    #[serde(default)]
    constraints: Vec<Spanned<String>>,
}

/// `budget = { … }`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetSection {
    trials: Option<Spanned<usize>>,
    gpu_hours: Option<Spanned<f64>>,
    wall: Option<Spanned<String>>,
}

/// `[stop]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopSection {
    pub method: StopMethod,
    #[serde(default)]
    pub rungs: Vec<usize>,
    pub first: Option<usize>,
    pub factor: Option<usize>,
    pub min_trials: Option<usize>,
}

/// Who ends trials early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StopMethod {
    None,
    Median,
    Asha,
}

fn two() -> usize {
    2
}

/// Reads the text of such a file; what it names lies beside `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Sweep, Error> {
    let file: File =
        toml::from_str(text).map_err(|error| data_pipeline::Error::toml(path, text, &error))?;
    let place = |at: usize, message: String| -> Error {
        data_pipeline::Error::at(path, text, at, message).into()
    };
    let File { sweep: section, space: space_table, stop, set } = file;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (space, places) = space_of(&space_table, &place)?;
    let mut sets = Vec::new();
    set.iter().for_each(|(key, value)| flatten(key.get_ref(), value, &mut sets));
    check::keys(&places, &set, &place)?;
    let recipe = folder.join(&section.recipe);
    // With the values of all trials, and without any trial's own.
    let base = trainer::Recipe::load(&recipe, &sets)?;
    check::pause(&base).map_err(|message| place(0, message))?;
    let metric = Metric::parse(section.metric.get_ref())
        .map_err(|message| place(section.metric.span().start, message))?;
    check::language(&metric, &base)
        .map_err(|error| place(section.metric.span().start, error.message))?;
    let names: Vec<&str> = base.phase.iter().map(|phase| phase.name.as_str()).collect();
    let phase = match &section.phase {
        None => names.last().map(|name| (*name).to_owned()).unwrap_or_default(),
        Some(name) if names.contains(&name.get_ref().as_str()) => name.get_ref().clone(),
        Some(name) => {
            let message = format!(
                "the recipe has no phase `{}`; its phases are {}",
                name.get_ref(),
                names.join(", ")
            );
            return Err(place(name.span().start, message));
        }
    };
    let seeds = seeds(&section, base.run.seed, &place)?;
    let budget = budget(&section, &space, &place)?;
    let stop_at = stop.as_ref().map_or(0, |it| it.span().start);
    let stop = match stop {
        None => Stop::None,
        Some(stop) => {
            check::stop(stop.get_ref(), &base, &phase).map_err(|message| place(stop_at, message))?
        }
    };
    let parallel = section.parallel.as_ref().map_or(1, |it| *it.get_ref());
    if let Some(given) = section.parallel.as_ref().filter(|it| !(1..=1024).contains(it.get_ref())) {
        return Err(place(
            given.span().start,
            format!("`parallel` is {parallel}; it must be between 1 and 1024"),
        ));
    }
    let mut plans_memory = false;
    for constraint in &section.constraints {
        match constraint.get_ref().as_str() {
            "memory" => plans_memory = true,
            other => {
                let message = format!("unknown constraint `{other}`; known is: memory");
                return Err(place(constraint.span().start, message));
            }
        }
    }
    let own = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = section.name.as_ref().map_or_else(own, |it| it.get_ref().clone());
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        let at = section.name.as_ref().map_or(0, |it| it.span().start);
        return Err(place(at, format!("`name` is `{name}`, which cannot name a directory")));
    }
    let mode = section.mode.unwrap_or(metric.mode());
    let sweep = Sweep {
        name,
        recipe,
        cluster: section.cluster.as_ref().map(|it| folder.join(it)),
        method: section.method,
        phase,
        mode,
        seed: section.seed,
        seeds,
        parallel,
        budget,
        retries: section.retries,
        space,
        stop,
        plans_memory,
        sets,
        metric,
    };
    check::measured(&sweep, &base).map_err(|message| place(stop_at, message))?;
    check::trials(&sweep, &places, &place)?;
    Ok(sweep)
}

/// `a.b=c` of tables within tables: each value changes the recipe by itself.
fn flatten(key: &str, value: &Value, sets: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(name, value)| flatten(&format!("{key}.{name}"), value, sets));
        }
        value => sets.push(format!("{key}={value}")),
    }
}

/// The space, and where each of its keys stands in the file.
fn space_of(
    table: &BTreeMap<Spanned<String>, Value>,
    place: &impl Fn(usize, String) -> Error,
) -> Result<(Space, BTreeMap<String, usize>), Error> {
    let plain: Table =
        table.iter().map(|(key, value)| (key.get_ref().clone(), value.clone())).collect();
    // A key within tables stands where the first of them does.
    let at = |key: &str| {
        let is_its = |it: &&Spanned<String>| {
            key.strip_prefix(it.get_ref().as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        table.keys().find(is_its).map_or(0, |it| it.span().start)
    };
    let space =
        space::parse(&plain).map_err(|Misplaced { key, message }| place(at(&key), message))?;
    if space.dimensions.is_empty() {
        return Err(place(0, "[space] is empty; name a key and its values".to_owned()));
    }
    let places = space.dimensions.iter().map(|it| (it.key.clone(), at(&it.key))).collect();
    Ok((space, places))
}

fn seeds(
    section: &Section,
    first: u64,
    place: &impl Fn(usize, String) -> Error,
) -> Result<Vec<u64>, Error> {
    match (&section.seeds, &section.seeds_per_trial) {
        (Some(given), Some(_)) => {
            let message = "`seeds` and `seeds_per_trial` say the same thing; give one".to_owned();
            Err(place(given.span().start, message))
        }
        (Some(given), None) => {
            let distinct: BTreeSet<&u64> = given.get_ref().iter().collect();
            if given.get_ref().is_empty() || distinct.len() < given.get_ref().len() {
                let message = format!(
                    "`seeds` is {:?}, expected different numbers, one at least",
                    given.get_ref()
                );
                return Err(place(given.span().start, message));
            }
            Ok(given.get_ref().clone())
        }
        (None, Some(count)) if !(1..=100).contains(count.get_ref()) => {
            let message =
                format!("`seeds_per_trial` is {}; it must be between 1 and 100", count.get_ref());
            Err(place(count.span().start, message))
        }
        (None, count) => {
            let count = count.as_ref().map_or(1, |it| *it.get_ref()) as u64;
            Ok((0..count).map(|index| first.wrapping_add(index)).collect())
        }
    }
}

fn budget(
    section: &Section,
    space: &Space,
    place: &impl Fn(usize, String) -> Error,
) -> Result<Budget, Error> {
    let BudgetSection { trials, gpu_hours, wall } = &section.budget;
    let grid = match section.method {
        Method::Grid => Some(space.grid().map_err(|key| {
            place(0, format!("`{key}` has no end of values; for a grid give it `points`, such as points = 5"))
        })?.count()),
        _ => None,
    };
    let count = match (trials, grid) {
        (Some(given), _) if !(1..=MOST_TRIALS).contains(given.get_ref()) => {
            let message =
                format!("`trials` is {}; it must be between 1 and {MOST_TRIALS}", given.get_ref());
            return Err(place(given.span().start, message));
        }
        (Some(given), None) => *given.get_ref(),
        (Some(given), Some(grid)) => {
            usize::try_from(grid).unwrap_or(usize::MAX).min(*given.get_ref())
        }
        (None, Some(grid)) => match usize::try_from(grid) {
            Ok(grid) if grid <= MOST_TRIALS => grid,
            _ => {
                let message = format!(
                    "the grid has {}, more than the {MOST_TRIALS} that a sweep keeps; give keys fewer values, or try only \
                     the first of them: budget = {{ trials = 1000 }}",
                    points(grid)
                );
                return Err(place(section.metric.span().start, message));
            }
        },
        (None, None) => {
            let message = "say how many trials there may be: budget = { trials = 40 }".to_owned();
            return Err(place(section.metric.span().start, message));
        }
    };
    let gpu_hours = match gpu_hours {
        Some(given) if !(*given.get_ref() > 0.0 && given.get_ref().is_finite()) => {
            let message = format!("`gpu_hours` is {}; it must be above 0", given.get_ref());
            return Err(place(given.span().start, message));
        }
        given => given.as_ref().map(|it| *it.get_ref()),
    };
    let wall = match wall {
        None => None,
        Some(given) => Some(duration(given.get_ref()).ok_or_else(|| {
            let message = format!(
                "`wall` is \"{}\", expected a time such as \"90m\", \"8h\" or \"2d\"",
                given.get_ref()
            );
            place(given.span().start, message)
        })?),
    };
    Ok(Budget { trials: count, gpu_hours, wall })
}

/// So many points, as a person reads it.
fn points(count: u128) -> String {
    match count {
        u128::MAX => "more points than can be counted".to_owned(),
        count => format!("{count} points"),
    }
}

/// `30s`, `90m`, `8h`, `2d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        _ => return None,
    };
    let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    (number > 0.0 && number < 1e6).then(|| Duration::from_secs_f64(number * seconds))
}
