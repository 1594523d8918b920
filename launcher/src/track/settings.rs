//! A recipe as settings of a run.

use serde_json::{Map, Value};
use trainer::Recipe;

/// Every section of a resolved recipe; where sections are several, as phases are, by their names.
pub(super) fn of(recipe: &Recipe) -> Map<String, Value> {
    // Where a value comes from is no setting.
    let table = recipe.to_lock().parse::<toml::Table>().unwrap_or_default();
    let value = serde_json::to_value(table).unwrap_or_default();
    let Value::Object(mut settings) = by_name(value) else { return Map::new() };
    settings.remove("origins");
    settings
}

/// The settings one by one, each with its dotted key.
pub(super) fn flat(settings: &Map<String, Value>) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    walk("", settings, &mut flat);
    flat
}

fn walk(prefix: &str, table: &Map<String, Value>, flat: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => walk(&key, inner, flat),
            Value::String(text) => flat.push((key, text.clone())),
            value => flat.push((key, value.to_string())),
        }
    }
}

/// Lists of tables become tables by name, or by place where names are missing or there twice.
fn by_name(value: Value) -> Value {
    match value {
        Value::Object(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, by_name(value))).collect())
        }
        Value::Array(tables) if !tables.is_empty() && tables.iter().all(Value::is_object) => {
            let names: Vec<&str> = tables.iter().filter_map(|it| it["name"].as_str()).collect();
            let unique: std::collections::BTreeSet<&&str> = names.iter().collect();
            let keys: Vec<String> = if unique.len() == tables.len() {
                names.iter().map(|name| (*name).to_owned()).collect()
            } else {
                (0..tables.len()).map(|place| place.to_string()).collect()
            };
            Value::Object(keys.into_iter().zip(tables.into_iter().map(by_name)).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_of_sections_are_named() {
        let check = |value: Value, expected: &[(&str, &str)]| {
            let Value::Object(settings) = by_name(value) else { panic!("no table") };
            let expected: Vec<(String, String)> =
                expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            assert_eq!(flat(&settings), expected);
        };
        check(
            json!({"run": {"seed": 1, "name": "a b"}}),
            &[("run.seed", "1"), ("run.name", "a b")],
        );
        check(
            json!({"phase": [{"name": "p", "batch": {"samples": 2}}, {"name": "q", "datasets": ["a", "b"]}]}),
            &[
                ("phase.p.name", "p"),
                ("phase.p.batch.samples", "2"),
                ("phase.q.name", "q"),
                ("phase.q.datasets", r#"["a","b"]"#),
            ],
        );
        // One name may stand for a set in several languages.
        check(
            json!({"set": [{"name": "s", "limit": 1}, {"name": "s"}], "none": []}),
            &[("set.0.name", "s"), ("set.0.limit", "1"), ("set.1.name", "s"), ("none", "[]")],
        );
    }
}
