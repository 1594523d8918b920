//! What a recipe says otherwise than the run that is there already.

use toml::{Table, Value};

/// A key whose values differ, with both of them.
pub type Different = (String, String, String);

/// The first key whose values differ between two resolved recipes, with both of them.
pub fn first(before: &Table, now: &Table) -> Option<Different> {
    all(before, now).into_iter().next()
}

/// All of them.
pub fn all(before: &Table, now: &Table) -> Vec<Different> {
    let mut found = Vec::new();
    tables_at("", before, now, &mut found);
    found
}

fn tables_at(path: &str, before: &Table, now: &Table, found: &mut Vec<Different>) {
    let keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        at(&path, before.get(key), now.get(key), found);
    }
}

fn at(key: &str, before: Option<&Value>, now: Option<&Value>, found: &mut Vec<Different>) {
    match (before, now) {
        (before, now) if before == now => {}
        (Some(Value::Table(before)), Some(Value::Table(now))) => {
            tables_at(key, before, now, found);
        }
        (Some(Value::Array(before)), Some(Value::Array(now))) if tables(before) || tables(now) => {
            for index in 0..before.len().max(now.len()) {
                at(&format!("{key}[{index}]"), before.get(index), now.get(index), found);
            }
        }
        (before, now) => found.push((key.to_owned(), show(before), show(now))),
    }
}

fn tables(values: &[Value]) -> bool {
    values.first().is_some_and(Value::is_table)
}

/// A value in the middle of a sentence.
fn show(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Table(table)) => {
            let name = table.get("name").and_then(Value::as_str).unwrap_or("a section");
            format!("`{name}`")
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(before: &str, now: &str, expected: Option<[&str; 3]>) {
        let table = |text: &str| text.parse().unwrap();
        let found = first(&table(before), &table(now));
        let found = found.as_ref().map(|(key, before, now)| [key.as_str(), before, now]);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        check("[run]\nseed = 1", "[run]\nseed = 1", None);
        check("[run]\nseed = 1", "[run]\nseed = 2", Some(["run.seed", "1", "2"]));
        check("[run]\nseed = 1", "[run]", Some(["run.seed", "1", "nothing"]));
        let phases =
            "[[phase]]\nname = \"a\"\n[[phase]]\nname = \"b\"\n[phase.optimizer]\nlr = 0.1";
        check(phases, &phases.replace("0.1", "0.2"), Some(["phase[1].optimizer.lr", "0.1", "0.2"]));
        check("[[phase]]\nname = \"a\"", phases, Some(["phase[1]", "nothing", "`b`"]));
    }

    #[test]
    fn all_differences_are_listed_in_order() {
        let table = |text: &str| text.parse().unwrap();
        let before = table("a = 1\nb = 2\n[run]\nseed = 1\nname = \"x\"");
        let now = table("a = 1\nc = 3\n[run]\nseed = 2\nname = \"x\"");
        let found: Vec<String> =
            all(&before, &now).iter().map(|(key, a, b)| format!("{key} {a} {b}")).collect();
        assert_eq!(found, ["b 2 nothing", "run.seed 1 2", "c nothing 3"]);
    }
}
