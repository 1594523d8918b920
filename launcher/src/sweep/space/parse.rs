//! `[space]` of a sweep's file.

use super::{Dimension, Range, Space, Span, is_same};
use data_pipeline::error::{explain, nearest};
use serde::Deserialize;
use toml::{Table, Value};

/// More values of one key than these are a slip of the keyboard.
const MOST: usize = 10_000;

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The key, dotted.
    pub key: String,
    /// A sentence.
    pub message: String,
}

/// A key as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DimensionFile {
    values: Option<Vec<Value>>,
    log: Option<[f64; 2]>,
    uniform: Option<[f64; 2]>,
    int: Option<[i64; 2]>,
    step: Option<i64>,
    points: Option<usize>,
    #[serde(default)]
    when: Table,
}

/// What says that a table is a key's, and not the beginning of a longer key.
const KINDS: [&str; 4] = ["values", "log", "uniform", "int"];

/// The space that a table describes; keys may be dotted or tables within tables.
pub fn parse(table: &Table) -> Result<Space, Misplaced> {
    let mut dimensions = Vec::new();
    walk("", table, &mut dimensions)?;
    sorted(dimensions).map(|dimensions| Space { dimensions })
}

fn walk(prefix: &str, table: &Table, found: &mut Vec<Dimension>) -> Result<(), Misplaced> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let wrong = |message: String| Misplaced { key: key.clone(), message };
        let Some(inner) = value.as_table() else {
            return Err(wrong(format!(
                "`{key}` is {value}; expected its values, such as {{ values = [{value}] }}"
            )));
        };
        let is_leaf = KINDS.iter().any(|kind| inner.contains_key(*kind));
        let is_longer = !inner.is_empty() && inner.values().all(Value::is_table);
        if !is_leaf && is_longer {
            walk(&key, inner, found)?;
            continue;
        }
        let file: DimensionFile = value.clone().try_into().map_err(|error: toml::de::Error| {
            wrong(format!("`{key}`: {}", explain(error.message())))
        })?;
        found.push(dimension(&key, file).map_err(wrong)?);
    }
    Ok(())
}

fn dimension(key: &str, file: DimensionFile) -> Result<Dimension, String> {
    let DimensionFile { values, log, uniform, int, step, points, when } = file;
    let kinds = [values.is_some(), log.is_some(), uniform.is_some(), int.is_some()];
    if kinds.iter().filter(|it| **it).count() != 1 {
        return Err(format!("`{key}` needs one of `values`, `log`, `uniform` and `int`"));
    }
    if step.is_some() && int.is_none() {
        return Err(format!("`{key}`: `step` belongs to `int`; a grid of numbers has `points`"));
    }
    if points.is_some() && log.is_none() && uniform.is_none() {
        return Err(format!("`{key}`: `points` belongs to `log` and `uniform`"));
    }
    if let Some(points @ (0 | MOST..)) = points {
        return Err(format!("`{key}`: points = {points}, expected 1 to {}", MOST - 1));
    }
    let is_span = |low: f64, high: f64| low < high && (high - low).is_finite();
    let span = |name: &str, [low, high]: [f64; 2]| match is_span(low, high) {
        true => Ok(Span { low, high, points }),
        false => Err(format!("`{key}`: {name} = [{low}, {high}], expected the lower number first")),
    };
    let range = if let Some(values) = values {
        choices(key, values)?
    } else if let Some(ends) = log {
        if ends[0] <= 0.0 {
            return Err(format!(
                "`{key}`: log = [{}, {}], expected numbers above 0",
                ends[0], ends[1]
            ));
        }
        Range::Log(span("log", ends)?)
    } else if let Some(ends) = uniform {
        Range::Uniform(span("uniform", ends)?)
    } else {
        whole(key, int.unwrap_or_default(), step.unwrap_or(1))?
    };
    let condition = |(on, value): (String, Value)| match value {
        Value::Array(values) => (on, values),
        value => (on, vec![value]),
    };
    Ok(Dimension { key: key.to_owned(), range, when: when.into_iter().map(condition).collect() })
}

fn choices(key: &str, values: Vec<Value>) -> Result<Range, String> {
    if values.is_empty() || values.len() >= MOST {
        return Err(format!("`{key}` has {} values, expected 1 to {}", values.len(), MOST - 1));
    }
    // A number that is none, say, of which the log would keep nothing.
    let kept = |value: &Value| {
        let text = serde_json::to_string(value).ok()?;
        serde_json::from_str(&text).ok().filter(|kept: &Value| is_same(kept, value))
    };
    if let Some(value) = values.iter().find(|value| kept(value).is_none()) {
        return Err(format!("`{key}` has the value {value}, which the log of a sweep cannot keep"));
    }
    let twice = |(index, value): &(usize, &Value)| values[..*index].contains(value);
    match values.iter().enumerate().find(twice) {
        Some((_, value)) => Err(format!("`{key}` has the value {value} twice")),
        None => Ok(Range::Values(values)),
    }
}

fn whole(key: &str, [low, high]: [i64; 2], step: i64) -> Result<Range, String> {
    if low > high || step < 1 {
        return Err(format!(
            "`{key}`: int = [{low}, {high}] with step = {step}, expected the lower number first and a step of at least 1"
        ));
    }
    match high.checked_sub(low).map(|width| width / step) {
        Some(count) if (count as u64) < MOST as u64 => Ok(Range::Int { low, high, step }),
        _ => Err(format!(
            "`{key}`: int = [{low}, {high}] has more than {MOST} values; give a larger step"
        )),
    }
}

/// Keys behind those that their conditions look at.
fn sorted(mut waiting: Vec<Dimension>) -> Result<Vec<Dimension>, Misplaced> {
    let keys: Vec<String> = waiting.iter().map(|it| it.key.clone()).collect();
    for dimension in &waiting {
        for (on, values) in &dimension.when {
            let wrong = |message| Err(Misplaced { key: dimension.key.clone(), message });
            let Some(other) = waiting.iter().find(|it| it.key == *on) else {
                let near = nearest(on, keys.iter().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return wrong(format!(
                    "`{}`: `when` names `{on}`, which is no key of [space]{near}",
                    dimension.key
                ));
            };
            if let Some(value) = values.iter().find(|it| !other.range.has(it)) {
                return wrong(format!(
                    "`{}`: `when` says {on} = {value}, which it never is",
                    dimension.key
                ));
            }
        }
    }
    let mut done: Vec<Dimension> = Vec::new();
    while !waiting.is_empty() {
        let is_known = |key: &String| done.iter().any(|it| it.key == *key);
        let Some(next) = waiting.iter().position(|it| it.when.iter().all(|(key, _)| is_known(key)))
        else {
            let key = waiting[0].key.clone();
            let message = format!("`{key}`: its condition depends on itself");
            return Err(Misplaced { key, message });
        };
        done.push(waiting.remove(next));
    }
    Ok(done)
}

impl Range {
    /// Whether a value is one of a choice; numbers between two are not told apart here.
    fn has(&self, value: &Value) -> bool {
        match self {
            Self::Values(values) => values.contains(value),
            Self::Int { low, high, step } => value
                .as_integer()
                .is_some_and(|it| (low..=high).contains(&&it) && (it - low) % step == 0),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(text: &str, expected: &str) {
        let error = parse(&text.parse().unwrap()).unwrap_err();
        assert!(error.message.contains(expected), "`{expected}` is not in: {}", error.message);
    }

    #[test]
    fn keys_are_dotted_or_tables() {
        let quoted = "\"a.b\" = { values = [1] }\n\"a.c\" = { int = [1, 9] }\n";
        let tables = "a.b = { values = [1] }\na.c = { int = [1, 9] }\n";
        let of = |text: &str| parse(&text.parse().unwrap()).unwrap();
        assert_eq!(of(quoted), of(tables));
        assert_eq!(of(quoted).dimensions[1].key, "a.c");
    }

    #[test]
    fn wrong_keys_say_what_they_lack() {
        refused("x = 3", "`x` is 3; expected its values, such as { values = [3] }");
        refused("x = { valeus = [3] }", "unknown key `valeus`; did you mean `values`?");
        refused("x = { values = [1], log = [1, 2] }", "needs one of");
        refused("x = { values = [] }", "has 0 values");
        refused("x = { values = [1, 2, 1] }", "has the value 1 twice");
        refused(
            "x = { values = [1.0, nan] }",
            "has the value nan, which the log of a sweep cannot",
        );
        refused(
            "x = { values = [inf] }",
            "has the value inf, which the log of a sweep cannot keep",
        );
        refused("x = { uniform = [-inf, 1] }", "expected the lower number first");
        refused("x = { log = [0, 1] }", "expected numbers above 0");
        refused("x = { uniform = [2, 1] }", "expected the lower number first");
        refused("x = { int = [1, 9], step = 0 }", "a step of at least 1");
        refused("x = { int = [0, 99999999] }", "more than 10000 values");
        refused("x = { values = [1], points = 3 }", "`points` belongs to `log` and `uniform`");
        refused("x = { uniform = [0, 1], step = 3 }", "`step` belongs to `int`");
        refused("x = { log = [1, 2], points = 0 }", "points = 0");
    }

    #[test]
    fn conditions_name_keys_and_values_that_there_are() {
        let name = "name = { values = [1, 2] }\n";
        refused(
            &format!("{name}x = {{ values = [1], when = {{ nme = 1 }} }}"),
            "did you mean `name`?",
        );
        refused(
            &format!("{name}x = {{ values = [1], when = {{ name = 3 }} }}"),
            "name = 3, which it never is",
        );
        let circle =
            "x = { values = [1], when = { y = 1 } }\ny = { values = [1], when = { x = 1 } }";
        refused(circle, "depends on itself");
        // Whatever their order is in the file.
        let space = parse(
            &"a = { values = [1], when = { b = [1, 2] } }\nb = { int = [1, 3] }".parse().unwrap(),
        );
        let keys: Vec<String> = space.unwrap().dimensions.into_iter().map(|it| it.key).collect();
        assert_eq!(keys, ["b", "a"]);
    }
}
