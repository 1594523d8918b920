//! What a recipe says otherwise than the run that is there already.

use toml::{Table, Value};

/// The first key whose values differ between two resolved recipes, with both of them.
pub fn first(before: &Table, now: &Table) -> Option<(String, String, String)> {
    let mut keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
    keys.find_map(|key| at(key, before.get(key), now.get(key)))
}

fn at(key: &str, before: Option<&Value>, now: Option<&Value>) -> Option<(String, String, String)> {
    match (before, now) {
        (before, now) if before == now => None,
        (Some(Value::Table(before)), Some(Value::Table(now))) => {
            let keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
            keys.into_iter()
                .find_map(|inner| at(&format!("{key}.{inner}"), before.get(inner), now.get(inner)))
        }
        (Some(Value::Array(before)), Some(Value::Array(now))) if tables(before) || tables(now) => {
            (0..before.len().max(now.len()))
                .find_map(|index| at(&format!("{key}[{index}]"), before.get(index), now.get(index)))
        }
        (before, now) => Some((key.to_owned(), show(before), show(now))),
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
}
