//! Two runs that are done, held against each other: every loss, every answer, the last weights.

use crate::error::Error;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::RunDir;

/// How two runs compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether everything that was compared is the same bits.
    pub equal: bool,
    /// Steps that both have.
    pub steps: usize,
    /// The first step whose numbers differ.
    pub first: Option<FirstStep>,
    /// How far losses are apart at most.
    pub largest_loss: f64,
    /// Scores that differ.
    pub scores: Vec<ScoreChange>,
    /// Files of weights, answers and ledgers that are the same bytes.
    pub files_equal: usize,
    /// Those that are not, or are in one of the runs only.
    pub files_different: Vec<String>,
}

/// The first step that two runs did differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstStep {
    /// Its phase.
    pub phase: String,
    /// Its number.
    pub step: u64,
    /// What of it, such as `loss`.
    pub what: String,
    /// The number of either run; nothing where one has no such step.
    pub values: [Option<f64>; 2],
}

/// An F1 that is not the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreChange {
    /// Where in `scores.json`.
    pub place: String,
    /// The values.
    pub values: [f64; 2],
}

/// Holds `again` against `original`.
pub fn compare(original: &RunDir, again: &RunDir) -> Result<Comparison, Error> {
    let texts = [read(&original.metrics())?, read(&again.metrics())?];
    let (steps, first, largest_loss) = first_metrics(&texts[0], &texts[1]);
    let scores = match [read(&original.scores())?, read(&again.scores())?]
        .map(|text| serde_json::from_str::<Value>(&text).unwrap_or_default())
    {
        [before, now] => changes(&before, &now),
    };
    let folders = |run: &RunDir| [run.checkpoints(), run.all_predictions()];
    let mut found = [BTreeMap::new(), BTreeMap::new()];
    for (run, found) in [original, again].into_iter().zip(&mut found) {
        for folder in folders(run) {
            list(run.root(), &folder, found)?;
        }
    }
    let [before, now] = &found;
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let (mut files_equal, mut files_different) = (0, Vec::new());
    for name in names {
        let same = match (before.get(name), now.get(name)) {
            (Some(a), Some(b)) => same_bytes(a, b)?,
            _ => false,
        };
        match same {
            true => files_equal += 1,
            false => files_different.push(name.clone()),
        }
    }
    Ok(Comparison {
        equal: first.is_none() && scores.is_empty() && files_different.is_empty(),
        steps,
        first,
        largest_loss,
        scores,
        files_equal,
        files_different,
    })
}

impl Comparison {
    /// For a person.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        match &self.first {
            None => lines
                .push(format!("steps: {} with the same losses and norms, bit for bit", self.steps)),
            Some(FirstStep { phase, step, what, values: [a, b] }) => {
                let [a, b] =
                    [a, b].map(|it| it.map_or("no such step".to_owned(), |it| it.to_string()));
                lines.push(format!(
                    "steps: phase {phase}, step {step} is the first to differ: {what} {a}, now {b}"
                ));
                lines.push(format!(
                    "  losses are at most {:.1e} apart over {} steps",
                    self.largest_loss, self.steps
                ));
            }
        }
        match self.scores.len() {
            0 => lines.push("scores: the same".to_owned()),
            count => lines.push(format!("scores: {count} differ")),
        }
        for ScoreChange { place, values: [a, b] } in self.scores.iter().take(SHOWN) {
            lines.push(format!("  {place}: {a:.2}, now {b:.2}"));
        }
        let different = self.files_different.len();
        lines.push(format!(
            "files of weights and answers: {} the same, {different} not",
            self.files_equal
        ));
        lines.extend(self.files_different.iter().take(SHOWN).map(|name| format!("  {name}")));
        lines.push(if self.equal { "equal bit for bit" } else { "not equal" }.to_owned());
        lines.join("\n") + "\n"
    }
}

/// Differences that are listed of each kind, at most.
const SHOWN: usize = 8;

/// Steps of two texts of `metrics.jsonl` that both have, the first that differs, and how far losses are apart.
pub fn first_metrics(before: &str, now: &str) -> (usize, Option<FirstStep>, f64) {
    let (before, now) = (steps(before), steps(now));
    let (mut both, mut first, mut largest) = (0, None, 0.0f64);
    let places: BTreeSet<&Place> = before.keys().chain(now.keys()).collect();
    for place in places {
        let (Some(a), Some(b)) = (before.get(place), now.get(place)) else {
            let loss = |steps: &BTreeMap<Place, Numbers>| steps.get(place).and_then(|it| it[0]);
            first.get_or_insert_with(|| at(place, "loss", [loss(&before), loss(&now)]));
            continue;
        };
        both += 1;
        if let (Some(a), Some(b)) = (a[0], b[0]) {
            largest = largest.max((a - b).abs());
        }
        let bits = |number: Option<f64>| number.map(f64::to_bits);
        for (index, what) in WHAT.iter().enumerate() {
            if bits(a[index]) != bits(b[index]) {
                first.get_or_insert_with(|| at(place, what, [a[index], b[index]]));
            }
        }
    }
    (both, first, largest)
}

/// Numbers of a step that are compared.
const WHAT: [&str; 2] = ["loss", "gradient_norm"];

/// A phase by its place in the run, its name, and a step.
type Place = (usize, String, u64);

/// What [`WHAT`] names; nothing where it was no number.
type Numbers = [Option<f64>; 2];

fn at((_, phase, step): &Place, what: &str, values: [Option<f64>; 2]) -> FirstStep {
    FirstStep { phase: phase.clone(), step: *step, what: what.to_owned(), values }
}

/// The steps of a text in the order of the run; of a step that was done again, the last.
fn steps(text: &str) -> BTreeMap<Place, Numbers> {
    let (mut phases, mut steps) = (Vec::<String>::new(), BTreeMap::new());
    for line in text.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(phase), Some(step)) = (line["phase"].as_str(), line["step"].as_u64()) else {
            continue;
        };
        let index = phases.iter().position(|it| it == phase).unwrap_or_else(|| {
            phases.push(phase.to_owned());
            phases.len() - 1
        });
        steps.insert((index, phase.to_owned(), step), WHAT.map(|key| line[key].as_f64()));
    }
    steps
}

/// Every `f1` of two documents of the same form that differs.
fn changes(before: &Value, now: &Value) -> Vec<ScoreChange> {
    let mut found = Vec::new();
    walk(before, now, &mut Vec::new(), &mut found);
    found
}

fn walk(before: &Value, now: &Value, path: &mut Vec<String>, found: &mut Vec<ScoreChange>) {
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                path.push(key.clone());
                walk(value, b.get(key).unwrap_or(&Value::Null), path, found);
                path.pop();
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (index, value) in a.iter().enumerate() {
                path.push(index.to_string());
                walk(value, b.get(index).unwrap_or(&Value::Null), path, found);
                path.pop();
            }
        }
        (Value::Number(a), b) if path.last().is_some_and(|key| key == "f1") => {
            let values = [a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN)];
            if values[0].to_bits() != values[1].to_bits() {
                found.push(ScoreChange { place: path.join("."), values });
            }
        }
        _ => {}
    }
}

/// Files below `folder` that hold weights or answers, by their names in the run.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(data_pipeline::Error::read(folder)(error).into()),
    };
    for entry in entries {
        let path = entry.map_err(data_pipeline::Error::read(folder))?.path();
        if path.is_dir() {
            list(root, &path, found)?;
        } else if ["safetensors", "jsonl"]
            .iter()
            .any(|it| path.extension().is_some_and(|e| e == *it))
        {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            found.insert(name, path);
        }
    }
    Ok(())
}

/// Whether two files hold the same, read in pieces: checkpoints are larger than memory.
fn same_bytes(a: &Path, b: &Path) -> Result<bool, Error> {
    use std::io::Read;
    let open = |path: &Path| std::fs::File::open(path).map_err(data_pipeline::Error::read(path));
    let (mut left, mut right) = (open(a)?, open(b)?);
    let length = |file: &std::fs::File, path: &Path| {
        file.metadata().map(|it| it.len()).map_err(data_pipeline::Error::read(path))
    };
    let mut rest = length(&left, a)?;
    if rest != length(&right, b)? {
        return Ok(false);
    }
    let mut pieces = [vec![0; PIECE], vec![0; PIECE]];
    while rest > 0 {
        let count = rest.min(PIECE as u64) as usize;
        left.read_exact(&mut pieces[0][..count]).map_err(data_pipeline::Error::read(a))?;
        right.read_exact(&mut pieces[1][..count]).map_err(data_pipeline::Error::read(b))?;
        if pieces[0][..count] != pieces[1][..count] {
            return Ok(false);
        }
        rest -= count as u64;
    }
    Ok(true)
}

/// Bytes that are compared at a time.
const PIECE: usize = 1 << 20;

/// The text of a file; empty where it is not.
fn read(path: &Path) -> Result<String, Error> {
    crate::estimate::measured::metrics(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;
    use std::fs;

    fn line(phase: &str, step: u64, loss: f64, norm: f64) -> String {
        format!(
            "{{\"phase\": \"{phase}\", \"step\": {step}, \"loss\": {loss}, \"gradient_norm\": {norm}}}\n"
        )
    }

    #[test]
    fn the_first_step_that_differs_is_in_the_order_of_the_run() {
        // `z` comes before `a` in the run.
        let before = line("z", 1, 2.0, 1.0) + &line("z", 2, 1.5, 1.0) + &line("a", 1, 1.0, 0.5);
        assert_eq!(first_metrics(&before, &before), (3, None, 0.0));
        let now = line("z", 1, 2.0, 1.0) + &line("z", 2, 1.5, 1.25) + &line("a", 1, 0.75, 0.5);
        let (steps, first, largest) = first_metrics(&before, &now);
        let expected = FirstStep {
            phase: "z".to_owned(),
            step: 2,
            what: "gradient_norm".to_owned(),
            values: [Some(1.0), Some(1.25)],
        };
        assert_eq!((steps, first, largest), (3, Some(expected), 0.25));
        // A step that is done again counts as it was in the end; one that is missing is a difference.
        let again = line("z", 1, 9.0, 1.0) + &before;
        assert_eq!(first_metrics(&before, &again).1, None);
        let short = first_metrics(&before, &line("z", 1, 2.0, 1.0)).1.unwrap();
        assert_eq!((short.step, short.values), (2, [Some(1.5), None]));
    }

    #[test]
    fn files_and_scores_are_compared_too() {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, weight: &str, f1: f64| {
            let run_dir = RunDir::new(folder.path().join(name));
            let last = run_dir.checkpoints().join("a-000003");
            fs::create_dir_all(&last).unwrap();
            fs::write(last.join("model.safetensors"), weight).unwrap();
            fs::write(last.join("checkpoint.json"), name).unwrap();
            fs::write(run_dir.scores(), format!("{{\"sets\": [{{\"f1\": {f1}}}]}}")).unwrap();
            run_dir
        };
        let (a, b, c) = (run("a", "same", 50.0), run("b", "same", 50.0), run("c", "else", 49.5));
        let equal = compare(&a, &b).unwrap();
        assert!(equal.equal && equal.files_equal == 1, "{equal:?}");
        expect![[r#"
            steps: 0 with the same losses and norms, bit for bit
            scores: 1 differ
              sets.0.f1: 50.00, now 49.50
            files of weights and answers: 0 the same, 1 not
              checkpoints/a-000003/model.safetensors
            not equal
        "#]]
        .assert_eq(&compare(&a, &c).unwrap().text());
    }
}
