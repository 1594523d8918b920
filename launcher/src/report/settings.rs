//! The resolved recipe: each value with the file, or the `--set`, that it comes from.

use super::files::Run;
use super::html::escape;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// What the origins call a value that no file gives.
const DEFAULT: &str = "default";

/// One value.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Setting {
    key: String,
    value: String,
    origin: String,
}

/// What was said, what was left to defaults, and the file as it is.
pub(super) fn section(run: &Run) -> String {
    let Some(text) = &run.recipe else { return String::new() };
    let settings = settings(&run.settings);
    let phases = names(&run.settings);
    let (defaults, said): (Vec<&Setting>, Vec<&Setting>) =
        settings.iter().partition(|setting| setting.origin == DEFAULT);
    let mut body = rows(&said, &phases);
    if !defaults.is_empty() {
        body += &format!(
            "<details><summary>{} defaults</summary>{}</details>",
            defaults.len(),
            rows(&defaults, &phases)
        );
    }
    format!(
        "{body}<details><summary>recipe.lock, {} lines</summary><pre>{}</pre></details>",
        text.lines().count(),
        escape(text)
    )
}

fn rows(settings: &[&Setting], phases: &[String]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let rows: String = settings
        .iter()
        .map(|Setting { key, value, origin }| {
            let phase = place(key).and_then(|(place, _)| phases.get(place));
            let tag = phase.map_or(String::new(), |name| {
                format!(" <span class=\"tag\">{}</span>", escape(name))
            });
            let class = if origin == "--set" { " class=\"told\"" } else { "" };
            format!(
                "<tr{class}><th scope=\"row\"><code>{}</code>{tag}</th>\
                 <td class=\"left wrap\" dir=\"auto\"><code>{}</code></td>\
                 <td class=\"left\"><bdi>{}</bdi></td></tr>",
                escape(key),
                escape(value),
                escape(origin)
            )
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table class=\"settings\"><thead><tr><th scope=\"col\">key</th>\
         <th scope=\"col\" class=\"left\">value</th><th scope=\"col\" class=\"left\">from</th></tr>\
         </thead><tbody>{rows}</tbody></table></div>"
    )
}

fn names(recipe: &Table) -> Vec<String> {
    let phases = recipe.get("phase").and_then(Value::as_array);
    let name =
        |phase: &Value| phase.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    phases.into_iter().flatten().map(name).collect()
}

/// Every value; what a section says for several phases stands once, under the section's key.
fn settings(recipe: &Table) -> Vec<Setting> {
    let origins = recipe.get("origins").and_then(Value::as_table);
    let origins: BTreeMap<&str, &str> = origins
        .into_iter()
        .flatten()
        .filter_map(|(key, origin)| Some((key.as_str(), origin.as_str()?)))
        .collect();
    let mut leaves = Vec::new();
    for (key, value) in recipe.iter().filter(|(key, _)| *key != "origins") {
        flatten(key, value, &mut leaves);
    }
    let found: Vec<(String, Setting)> = leaves
        .into_iter()
        .map(|(own, value)| {
            let (key, origin) = origin(&own, &origins);
            (own, Setting { key, value, origin })
        })
        .collect();
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, Setting { key, value, .. }) in &found {
        values.entry(key.clone()).or_default().insert(value.clone());
    }
    let detailed = detailed(&origins);
    let settings: BTreeSet<Setting> = found
        .into_iter()
        .map(|(own, setting)| match values.get(&setting.key) {
            // Phases that differ without a word about it: of each its own.
            Some(values) if values.len() > 1 => {
                let phases = origins.get("phase").filter(|_| !detailed);
                let origin = phases.map_or(setting.origin, |file| (*file).to_owned());
                Setting { key: own, origin, ..setting }
            }
            _ => setting,
        })
        .collect();
    settings.into_iter().collect()
}

/// Whether the origins name what each phase says; those of an earlier version do not.
fn detailed(origins: &BTreeMap<&str, &str>) -> bool {
    origins.keys().any(|key| key.starts_with("phase.") && key.ends_with(".kind"))
}

/// Dotted keys; entries of lists of tables are numbered.
fn flatten(key: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(&format!("{key}.{name}"), value, leaves);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (place, item) in items.iter().enumerate() {
                flatten(&format!("{key}.{place}"), item, leaves);
            }
        }
        value => leaves.push((key.to_owned(), value.to_string())),
    }
}

/// The key under which a value was given, and where.
fn origin(key: &str, origins: &BTreeMap<&str, &str>) -> (String, String) {
    let given = |key: &str| {
        // What is given as a whole covers its parts.
        let mut covering = key;
        loop {
            match (origins.get(covering), covering.rsplit_once('.')) {
                (Some(origin), _) => return Some((*origin).to_owned()),
                // That phases come from a file says nothing of what a section says for them.
                (None, Some((shorter, _))) if shorter != "phase" => covering = shorter,
                _ => return None,
            }
        }
    };
    let Some((place, rest)) = place(key) else {
        return (key.to_owned(), given(key).unwrap_or_else(|| DEFAULT.to_owned()));
    };
    // A phase says `steps`, which becomes its length.
    let rest = rest.strip_prefix("length.").unwrap_or(rest);
    let own = format!("phase.{place}.{rest}");
    if let Some(origin) = given(&own) {
        return (own, origin);
    }
    if rest.contains('.') && !rest.starts_with("weights.") {
        if let Some(origin) = given(rest) {
            return (rest.to_owned(), origin);
        }
        return (rest.to_owned(), DEFAULT.to_owned());
    }
    let file = origins.get("phase").filter(|_| !detailed(origins));
    let origin = file.copied().unwrap_or(DEFAULT);
    (own, origin.to_owned())
}

/// The place of a phase and the rest of the key: `phase.2.batch.samples`.
fn place(key: &str) -> Option<(usize, &str)> {
    let (place, rest) = key.strip_prefix("phase.")?.split_once('.')?;
    Some((place.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    const PHASES: &str = r#"
[run]
seed = 7
[evaluation]
benchmarks = [{ dataset = "d:test" }]
[[phase]]
name = "align"
kind = "alignment"
train = "lora"
batch = { samples = 32, group = 8 }
length = { steps = 5 }
[[phase]]
name = "learn"
kind = "instruction"
train = "lora"
batch = { samples = 64, group = 8 }
length = { steps = 9 }
[origins]
"run.seed" = "base.toml"
"evaluation.benchmarks" = "own.toml"
"batch.samples" = "base.toml"
phase = "own.toml"
"#;

    fn check(origins: &str, expected: Expect) {
        let recipe: Table = format!("{PHASES}{origins}").parse().unwrap();
        let told: String = settings(&recipe)
            .iter()
            .map(|Setting { key, value, origin }| format!("{key} = {value} | {origin}\n"))
            .collect();
        expected.assert_eq(&told);
    }

    #[test]
    fn every_value_has_its_origin_once() {
        check(
            r#"
"phase.0.name" = "own.toml"
"phase.0.kind" = "own.toml"
"phase.0.steps" = "--set"
"phase.1.kind" = "own.toml"
"phase.1.steps" = "own.toml"
"phase.1.batch.samples" = "own.toml"
"#,
            expect![[r#"
                batch.group = 8 | default
                batch.samples = 32 | base.toml
                evaluation.benchmarks.0.dataset = "d:test" | own.toml
                phase.0.kind = "alignment" | own.toml
                phase.0.name = "align" | own.toml
                phase.0.steps = 5 | --set
                phase.0.train = "lora" | default
                phase.1.batch.samples = 64 | own.toml
                phase.1.kind = "instruction" | own.toml
                phase.1.name = "learn" | default
                phase.1.steps = 9 | own.toml
                phase.1.train = "lora" | default
                run.seed = 7 | base.toml
            "#]],
        );
    }

    #[test]
    fn a_lock_of_an_earlier_version_names_the_file_of_its_phases() {
        check(
            "\"phase.1.steps\" = \"--set\"\n",
            expect![[r#"
                batch.group = 8 | default
                evaluation.benchmarks.0.dataset = "d:test" | own.toml
                phase.0.batch.samples = 32 | own.toml
                phase.0.kind = "alignment" | own.toml
                phase.0.name = "align" | own.toml
                phase.0.steps = 5 | own.toml
                phase.0.train = "lora" | own.toml
                phase.1.batch.samples = 64 | own.toml
                phase.1.kind = "instruction" | own.toml
                phase.1.name = "learn" | own.toml
                phase.1.steps = 9 | --set
                phase.1.train = "lora" | own.toml
                run.seed = 7 | base.toml
            "#]],
        );
    }
}
