//! Recipe files as they are written, and how several become one.

use super::{
    AdapterHandover, BatchConfig, CheckpointConfig, EvaluationConfig, Length, LossAverage,
    ModelConfig, Phase, Precision, Recipe, RunConfig, TokenizerConfig, Train,
};
use crate::Error;
use crate::audit::AuditConfig;
use crate::guard::GuardConfig;
use crate::memory::MemoryConfig;
use crate::objective::LossConfig;
use crate::optimizer::OptimizerConfig;
use data_pipeline::error::nearest;
use data_pipeline::prepare::{Kind, Selection, Source};
use data_pipeline::prompt::PromptConfig;
use model::LoraConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A file: every key may be absent, none may be unknown.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Some sections stand here for their keys to be known; phases merge their tables.
struct RecipeFile {
    #[serde(default)]
    extends: Option<PathBuf>,
    #[serde(default)]
    run: RunConfig,
    #[serde(default)]
    model: ModelConfig,
    #[serde(default)]
    tokenizer: TokenizerConfig,
    #[serde(default)]
    prompt: PromptConfig,
    #[serde(default)]
    selection: Selection,
    #[serde(default)]
    batch: BatchConfig,
    #[serde(default)]
    optimizer: OptimizerConfig,
    #[serde(default)]
    lora: LoraConfig,
    #[serde(default)]
    checkpoint: CheckpointConfig,
    #[serde(default)]
    evaluation: EvaluationConfig,
    #[serde(default)]
    audit: AuditConfig,
    #[serde(default)]
    guard: GuardConfig,
    #[serde(default)]
    memory: MemoryConfig,
    #[serde(default)]
    loss: LossConfig,
    #[serde(default)]
    datasets: Option<PathBuf>,
    #[serde(default)]
    phase: Vec<PhaseFile>,
}

/// A `[[phase]]` as written; its sections change the recipe's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseFile {
    /// The kind.
    pub kind: Kind,
    /// Unique name; the kind where absent.
    pub name: Option<String>,
    /// Leaves the phase out: `--set phase.0.skip=true` does without the first one.
    #[serde(default)]
    pub skip: bool,
    /// `name`, `name:split` or `random-copy:samples`.
    #[serde(default)]
    pub datasets: Vec<Source>,
    /// Weight of each dataset by name.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// What the weights of languages are multiplied by.
    #[serde(default)]
    pub language_weights: BTreeMap<String, f64>,
    /// What the weights of tasks are multiplied by.
    #[serde(default)]
    pub task_weights: BTreeMap<String, f64>,
    /// How far small datasets are brought nearer to large ones.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Passes over the data.
    pub epochs: Option<f64>,
    /// Optimizer steps.
    pub steps: Option<usize>,
    /// `lora` or `full`.
    #[serde(default)]
    pub train: Train,
    /// `merge` or `continue`.
    #[serde(default)]
    pub adapter: AdapterHandover,
    /// `token` or `sample`.
    #[serde(default)]
    pub loss_average: LossAverage,
    /// Both directions of parallel pairs.
    #[serde(default = "yes")]
    pub both_directions: bool,
    /// Changes to `[selection]`.
    #[serde(default)]
    pub selection: Table,
    /// Changes to `[batch]`.
    #[serde(default)]
    pub batch: Table,
    /// Changes to `[loss]`.
    #[serde(default)]
    pub loss: Table,
    /// Changes to `[optimizer]`.
    #[serde(default)]
    pub optimizer: Table,
    /// Changes to `[lora]`.
    #[serde(default)]
    pub lora: Table,
    /// Changes to `[prompt]`.
    #[serde(default)]
    pub prompt: Table,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

/// Reads `path` with all it extends and applies `sets`.
pub fn resolve(path: &Path, sets: &[String]) -> Result<Recipe, Error> {
    let mut origins = BTreeMap::new();
    let mut table = read(path, &mut origins, 0)?;
    for set in sets {
        apply_set(path, &mut table, set, &mut origins)?;
        // Typed one by one, so that the sentence names the one that is wrong.
        typed::<RecipeFile>(path, &format!("--set {set}"), Value::Table(table.clone()))?;
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let directory = std::fs::canonicalize(if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    })
    .map_err(Error::read(directory))?;
    leave_out(&mut table, &mut origins);
    // A `--set` is relative to the recipe that it changes; adapters are looked at below.
    anchor_adapters(&directory, &mut table);
    let merged: RecipeFile = typed(path, "recipe", Value::Table(table.clone()))?;
    let section =
        |name: &str| table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let phases = merged
        .phase
        .iter()
        .map(|phase| resolve_phase(path, phase, &section))
        .collect::<Result<Vec<_>, _>>()?;
    let absolute = |relative: PathBuf| directory.join(relative);
    // A `--set` is relative to the recipe that it changes.
    let with_bank = |mut prompt: PromptConfig| {
        prompt.paraphrases = prompt.paraphrases.map(absolute);
        prompt
    };
    let phases = phases
        .into_iter()
        .map(|phase| Phase { prompt: with_bank(phase.prompt.clone()), ..phase })
        .collect();
    let dtype = match table.get("model").and_then(|model| model.get("dtype")) {
        None => Precision::of_device(&merged.run.device),
        Some(_) => merged.model.dtype,
    };
    let mut recipe = Recipe {
        run: merged.run,
        model: ModelConfig { path: merged.model.path.map(absolute), dtype, ..merged.model },
        tokenizer: TokenizerConfig {
            file: merged.tokenizer.file.map(absolute),
            ..merged.tokenizer
        },
        evaluation: EvaluationConfig {
            prompt: merged.evaluation.prompt.map(with_bank),
            ..merged.evaluation
        },
        checkpoint: merged.checkpoint,
        audit: merged.audit,
        guard: merged.guard,
        memory: merged.memory,
        datasets: absolute(merged.datasets.unwrap_or_else(|| "datasets".into())),
        phase: phases,
        origins,
    };
    if recipe.run.name.is_empty() {
        recipe.run.name =
            path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    }
    note_defaults(&mut recipe);
    Ok(recipe.seeded())
}

/// Takes out the phases that say `skip = true`; the others move up, and their origins with them.
fn leave_out(table: &mut Table, origins: &mut BTreeMap<String, String>) {
    let Some(Value::Array(phases)) = table.get_mut("phase") else { return };
    let is_left_out =
        |phase: &Value| phase.get("skip").and_then(Value::as_bool).unwrap_or_default();
    // Where each phase goes.
    let mut places: Vec<Option<usize>> = Vec::new();
    for phase in &*phases {
        let place = places.iter().flatten().count();
        places.push((!is_left_out(phase)).then_some(place));
    }
    phases.retain(|phase| !is_left_out(phase));
    for phase in phases.iter_mut().filter_map(Value::as_table_mut) {
        phase.remove("skip");
    }
    let moved = |(key, origin): (String, String)| {
        let Some((index, rest)) = key.strip_prefix("phase.").and_then(|it| it.split_once('.'))
        else {
            return Some((key, origin));
        };
        let place = index.parse().ok().and_then(|index: usize| places.get(index).copied())??;
        (rest != "skip").then(|| (format!("phase.{place}.{rest}"), origin))
    };
    *origins = std::mem::take(origins).into_iter().filter_map(moved).collect();
}

/// One file merged over what it extends.
fn read(path: &Path, origins: &mut BTreeMap<String, String>, depth: usize) -> Result<Table, Error> {
    if depth > 8 {
        return Err(Error::recipe(
            path,
            "extends more than 8 files deep; does a file extend itself?",
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => Error::recipe(path, "is not UTF-8 text"),
        std::io::ErrorKind::NotFound => Error::recipe(path, "there is no such recipe"),
        _ => Error::read(path)(source),
    })?;
    // Typed first, for the line and column of an unknown key.
    if let Err(error) = toml::from_str::<RecipeFile>(&text) {
        return Err(Error::recipe(&at(path, &text, error.span()), hint(error.message())));
    }
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| Error::recipe(path, error.message()))?;
    anchor(path, &mut table)?;
    let mut merged = match table.get("extends").and_then(Value::as_str) {
        Some(parent) => {
            read(&path.parent().unwrap_or(Path::new(".")).join(parent), origins, depth + 1)?
        }
        None => Table::new(),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    merge(&mut merged, table, "", &name, origins);
    merged.remove("extends");
    Ok(merged)
}

/// Paths are relative to the file that names them, also when another file extends it.
fn anchor(path: &Path, table: &mut Table) -> Result<(), Error> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = std::fs::canonicalize(parent).map_err(Error::read(parent))?;
    let absolute = |value: &mut Value| {
        if let Value::String(text) = value {
            *text = directory.join(&*text).to_string_lossy().into_owned();
        }
    };
    if !table.contains_key("datasets") && !table.contains_key("extends") {
        table.insert("datasets".into(), Value::String("datasets".into()));
    }
    table.get_mut("datasets").map(absolute);
    for (section, key) in [("model", "path"), ("tokenizer", "file"), ("prompt", "paraphrases")] {
        table
            .get_mut(section)
            .and_then(Value::as_table_mut)
            .and_then(|section| section.get_mut(key))
            .map(absolute);
    }
    anchor_adapters(&directory, table);
    let phases = table.get_mut("phase").and_then(Value::as_array_mut);
    for phase in phases.into_iter().flatten() {
        let prompt = phase.get_mut("prompt");
        prompt.and_then(|prompt| prompt.get_mut("paraphrases")).map(absolute);
    }
    let evaluation = table.get_mut("evaluation").and_then(|section| section.get_mut("prompt"));
    evaluation.and_then(|prompt| prompt.get_mut("paraphrases")).map(absolute);
    Ok(())
}

/// `lora.from` of the recipe and of its phases.
fn anchor_adapters(directory: &Path, table: &mut Table) {
    let anchor = |lora: &mut Value| {
        if let Some(Value::String(from)) = lora.get_mut("from") {
            *from = directory.join(&*from).to_string_lossy().into_owned();
        }
    };
    table.get_mut("lora").map(anchor);
    let phases = table.get_mut("phase").and_then(Value::as_array_mut);
    phases.into_iter().flatten().filter_map(|phase| phase.get_mut("lora")).for_each(anchor);
}

/// `path:line:column` of a span.
fn at(path: &Path, text: &str, span: Option<std::ops::Range<usize>>) -> PathBuf {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return path.to_owned() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    PathBuf::from(format!("{}:{line}:{column}", path.display()))
}

/// Adds the nearest known key to serde's sentence about an unknown one.
fn hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.starts_with("unknown"), quoted.split_first()) {
        (true, Some((unknown, known))) => match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("{message}; did you mean `{near}`?"),
            None => message.to_owned(),
        },
        _ => message.to_owned(),
    }
}

/// Deep merge; arrays are replaced.
fn merge(
    into: &mut Table,
    from: Table,
    prefix: &str,
    origin: &str,
    origins: &mut BTreeMap<String, String>,
) {
    for (key, value) in from {
        let dotted = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (into.get_mut(&key), value) {
            (Some(Value::Table(kept)), Value::Table(new)) => {
                merge(kept, new, &dotted, origin, origins)
            }
            (_, Value::Table(new)) => {
                let mut table = Table::new();
                merge(&mut table, new, &dotted, origin, origins);
                into.insert(key, Value::Table(table));
            }
            (_, value) => {
                if dotted == "phase" {
                    note_phases(&value, origin, origins);
                }
                origins.insert(dotted, origin.to_owned());
                into.insert(key, value);
            }
        }
    }
}

/// What each phase says itself, as `phase.0.steps`: the rest comes from sections and defaults.
fn note_phases(phases: &Value, origin: &str, origins: &mut BTreeMap<String, String>) {
    fn walk(value: &Value, key: &str, origin: &str, origins: &mut BTreeMap<String, String>) {
        let Value::Table(table) = value else {
            origins.insert(key.to_owned(), origin.to_owned());
            return;
        };
        for (name, value) in table {
            walk(value, &format!("{key}.{name}"), origin, origins);
        }
    }
    // Phases are replaced as a whole by the file that extends another.
    origins.retain(|key, _| !key.starts_with("phase."));
    for (place, phase) in phases.as_array().into_iter().flatten().enumerate() {
        walk(phase, &format!("phase.{place}"), origin, origins);
    }
}

/// `a.b=c`; `phase.0.steps=5` reaches into the phases.
fn apply_set(
    path: &Path,
    table: &mut Table,
    set: &str,
    origins: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    let wrong = |message: String| Error::recipe(path, message);
    let (key, text) = set.split_once('=').ok_or_else(|| {
        wrong(format!("--set {set}: expected KEY=VALUE, such as optimizer.learning_rate=1e-4"))
    })?;
    let value: Value = match format!("x = {text}").parse::<Table>() {
        Ok(mut parsed) => parsed.remove("x").unwrap_or(Value::String(text.into())),
        Err(_) => Value::String(text.into()),
    };
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut place = table;
    let mut walked = parts.into_iter().peekable();
    while let Some(part) = walked.next() {
        let index = walked.peek().and_then(|next| next.parse::<usize>().ok());
        let entry = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        place = match (entry, index) {
            (Value::Array(items), Some(index)) => {
                walked.next();
                let count = items.len();
                items.get_mut(index).and_then(Value::as_table_mut).ok_or_else(|| {
                    wrong(format!(
                        "--set {set}: `{part}` has {count} entries, {index} is not one of them"
                    ))
                })?
            }
            (Value::Table(inner), _) => inner,
            _ => return Err(wrong(format!("--set {set}: `{part}` is not a section"))),
        };
    }
    place.insert(last.to_owned(), value);
    origins.insert(key.to_owned(), "--set".into());
    Ok(())
}

fn resolve_phase(
    path: &Path,
    phase: &PhaseFile,
    section: &dyn Fn(&str) -> Table,
) -> Result<Phase, Error> {
    let name = phase.name.clone().unwrap_or_else(|| kind_name(phase.kind).to_owned());
    let within = |key: &str| format!("phase `{name}`, {key}");
    let length = match (phase.epochs, phase.steps) {
        (Some(epochs), None) => Length::Epochs(epochs),
        (None, Some(steps)) => Length::Steps(steps),
        (None, None) => Length::Epochs(1.0),
        (Some(_), Some(_)) => {
            return Err(Error::recipe(
                path,
                format!("phase `{name}` has both `epochs` and `steps`; give one"),
            ));
        }
    };
    let lora = adapters(path, &within("lora"), section("lora"), &phase.lora)?;
    Ok(Phase {
        name: name.clone(),
        kind: phase.kind,
        datasets: phase.datasets.clone(),
        weights: phase.weights.clone(),
        language_weights: phase.language_weights.clone(),
        task_weights: phase.task_weights.clone(),
        temperature: phase.temperature,
        length,
        train: phase.train,
        adapter: phase.adapter,
        loss_average: phase.loss_average,
        both_directions: phase.both_directions,
        selection: over(path, &within("selection"), section("selection"), &phase.selection)?,
        batch: over(path, &within("batch"), section("batch"), &phase.batch)?,
        loss: over(path, &within("loss"), section("loss"), &phase.loss)?,
        optimizer: optimizer(path, &within("optimizer"), section("optimizer"), &phase.optimizer)?,
        lora,
        prompt: over(path, &within("prompt"), section("prompt"), &phase.prompt)?,
    })
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::SchemaUnderstanding => "schema-understanding",
        Kind::Alignment => "alignment",
        Kind::Instruction => "instruction",
        Kind::RandomCopy => "random-copy",
    }
}

/// `[lora]` with a phase's changes; `from` brings everything with it.
fn adapters(path: &Path, what: &str, base: Table, changes: &Table) -> Result<LoraConfig, Error> {
    // Where a phase says `from`, it is not the recipe's settings that it goes on with.
    let base = if changes.contains_key("from") { Table::new() } else { base };
    let others: Vec<&str> = base
        .keys()
        .chain(changes.keys())
        .map(String::as_str)
        .filter(|key| *key != "from")
        .collect();
    let lora: LoraConfig = over(path, what, base.clone(), changes)?;
    let Some(from) = &lora.from else { return Ok(lora) };
    if !others.is_empty() {
        return Err(Error::recipe(
            path,
            format!(
                "{what}: `from` takes all settings from `{}`; remove {}",
                from.display(),
                others.join(", ")
            ),
        ));
    }
    let config = model::peft::config(from)
        .map_err(|error| Error::recipe(path, format!("{what}: {error}")))?;
    Ok(LoraConfig { from: lora.from, ..config })
}

/// `[optimizer]` with a phase's changes; some defaults depend on the rule.
fn optimizer(
    path: &Path,
    what: &str,
    mut base: Table,
    changes: &Table,
) -> Result<OptimizerConfig, Error> {
    base.extend(changes.clone());
    OptimizerConfig::complete(&mut base);
    over(path, what, base, &Table::new())
}

/// A section of the recipe with a phase's changes, typed.
fn over<T: DeserializeOwned>(
    path: &Path,
    what: &str,
    mut base: Table,
    changes: &Table,
) -> Result<T, Error> {
    for (key, value) in changes {
        base.insert(key.clone(), value.clone());
    }
    typed(path, what, Value::Table(base))
}

fn typed<T: DeserializeOwned>(path: &Path, what: &str, value: Value) -> Result<T, Error> {
    value.try_into().map_err(|error: toml::de::Error| {
        Error::recipe(path, format!("{what}: {}", hint(error.message())))
    })
}

/// Every value that no file gave comes from a default.
fn note_defaults(recipe: &mut Recipe) {
    fn walk(value: &Value, prefix: &str, origins: &mut BTreeMap<String, String>) {
        let Value::Table(table) = value else {
            origins.entry(prefix.to_owned()).or_insert_with(|| "default".into());
            return;
        };
        for (key, value) in table {
            let dotted = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            walk(value, &dotted, origins);
        }
    }
    let mut origins = std::mem::take(&mut recipe.origins);
    if let Ok(mut value) = Value::try_from(&*recipe) {
        if let Value::Table(table) = &mut value {
            table.remove("origins");
            table.remove("phase");
        }
        walk(&value, "", &mut origins);
    }
    recipe.origins = origins;
}

#[cfg(test)]
mod tests;
