//! The scores of two runs.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An F1 that is not the same, or that one of the runs does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreChange {
    /// Where in `scores.json`; rows are named by what they are of, not by their number.
    pub place: String,
    /// The values; nothing where a run has no such score.
    pub values: [Option<f64>; 2],
}

impl ScoreChange {
    /// One line.
    pub fn line(&self) -> String {
        let [a, b] = self.values.map(|it| it.map_or("missing".to_owned(), |it| format!("{it:.2}")));
        format!("  {}: {a}, now {b}", self.place)
    }
}

/// How many F1 of two documents are the same, and those that are not.
pub fn changes(before: &Value, now: &Value) -> (usize, Vec<ScoreChange>) {
    let [before, now] = [before, now].map(|document| {
        let mut found = BTreeMap::new();
        collect(document, &mut Vec::new(), &mut found);
        found
    });
    let (mut equal, mut different) = (0, Vec::new());
    let places: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for place in places {
        let values = [&before, &now].map(|scores| scores.get(place).copied());
        match values.map(|value| value.map(f64::to_bits)) {
            [a, b] if a == b => equal += 1,
            _ => different.push(ScoreChange { place: place.clone(), values }),
        }
    }
    (equal, different)
}

/// Every number that is called `f1`, by its place.
fn collect(value: &Value, path: &mut Vec<String>, found: &mut BTreeMap<String, f64>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(key.clone());
                collect(value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            let mut names = BTreeMap::<String, usize>::new();
            for (index, item) in items.iter().enumerate() {
                let name = name(item).unwrap_or_else(|| index.to_string());
                let before = names.entry(name.clone()).or_default();
                *before += 1;
                // Two of one name are told apart by their order.
                path.push(if *before == 1 { name } else { format!("{name}#{before}") });
                collect(item, path, found);
                path.pop();
            }
        }
        Value::Number(number) if path.last().is_some_and(|key| key == "f1") => {
            found.extend(number.as_f64().map(|value| (path.join("."), value)));
        }
        _ => {}
    }
}

/// What a row is of: everything that it says in words.
fn name(row: &Value) -> Option<String> {
    let words: Vec<&str> = row.as_object()?.values().filter_map(Value::as_str).collect();
    (!words.is_empty()).then(|| words.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scores_are_found_wherever_their_row_stands() {
        let row = |name: &str, f1: f64| json!({"dataset": name, "gold": 7, "f1": f1});
        let before = json!({"rows": [row("a", 50.0), row("b", 40.0), row("b", 41.0)]});
        let now = json!({"rows": [row("b", 40.0), row("a", 50.5), row("c", 1.0)]});
        let (equal, different) = changes(&before, &now);
        let lines: Vec<String> = different.iter().map(ScoreChange::line).collect();
        let expected = [
            "  rows.a.f1: 50.00, now 50.50",
            "  rows.b#2.f1: 41.00, now missing",
            "  rows.c.f1: missing, now 1.00",
        ];
        assert_eq!((equal, lines), (1, expected.map(str::to_owned).to_vec()));
        assert_eq!(changes(&before, &before), (3, Vec::new()));
        // A protocol that says nothing of a row has no number there.
        assert_eq!(changes(&json!({"f1": null}), &json!({})), (0, Vec::new()));
    }
}
