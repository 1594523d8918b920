//! What a sweep came to, as text, JSON and a table for other programs.

use super::definition::Sweep;
use super::importance;
use super::space::{Point, told};
use super::state::{Fate, Stage, State, Trial};
use super::trial::Setting;
use crate::error::{Error, exit};
use data_pipeline::width::{TERMINAL, columns, folded};
use serde_json::{Value, json};
use std::fmt::Write;

/// Trials that are shown as text.
const SHOWN: usize = 20;

/// Refuses to go on with the log of another sweep.
pub fn check(before: &Value, setting: &Setting) -> Result<(), Error> {
    let now = setting.sweep.essence();
    let (Some(old), Some(new)) = (before.as_object(), now.as_object()) else { return Ok(()) };
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    let Some(key) = keys.into_iter().find(|key| old.get(*key) != new.get(*key)) else {
        return Ok(());
    };
    let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let message = format!(
        "`{}` holds another sweep: {key} is {} there, {} in the file now",
        setting.folder.0.display(),
        shown(old.get(key)),
        shown(new.get(key))
    );
    Err(Error::new(exit::DECLARATION, message).hint(
        "give this one another --out; `budget`, `parallel`, `retries` and `cluster` may change",
    ))
}

/// How many trials there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of their runs came to their end.
    pub done: usize,
    /// A run of them has a process.
    pub running: usize,
    /// Their runs wait for a process.
    pub waiting: usize,
    /// They came to a rung and do not go on yet.
    pub paused: usize,
    /// They do not go on.
    pub stopped: usize,
    /// A run failed for good.
    pub failed: usize,
    /// They were not run.
    pub infeasible: usize,
}

/// In a word.
pub fn standing(trial: &Trial) -> &'static str {
    match &trial.fate {
        Fate::Infeasible(_) => "infeasible",
        Fate::Stopped(_) => "stopped",
        Fate::Failed { .. } => "failed",
        Fate::Open if trial.is_done() => "done",
        Fate::Open if trial.is_at_goal() => "paused",
        Fate::Open => {
            let is_running = |stage: &Stage| matches!(stage, Stage::Running { .. });
            match trial.runs.values().any(|run| is_running(&run.stage)) {
                true => "running",
                false => "waiting",
            }
        }
    }
}

/// Counts trials.
pub fn counts(state: &State) -> Counts {
    let mut counts = Counts::default();
    for trial in &state.trials {
        *match standing(trial) {
            "done" => &mut counts.done,
            "running" => &mut counts.running,
            "paused" => &mut counts.paused,
            "stopped" => &mut counts.stopped,
            "failed" => &mut counts.failed,
            "infeasible" => &mut counts.infeasible,
            _ => &mut counts.waiting,
        } += 1;
    }
    counts
}

/// Trials, the best first; those without a value last.
pub fn ranked<'a>(sweep: &Sweep, state: &'a State) -> Vec<&'a Trial> {
    let mut trials: Vec<&Trial> = state.trials.iter().collect();
    let key = |trial: &Trial| {
        trial.newest().map_or((0, f64::INFINITY), |(rung, value)| {
            (rung.saturating_add(1), sweep.mode.loss(value))
        })
    };
    trials.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        b.0.cmp(&a.0).then(a.1.total_cmp(&b.1))
    });
    trials
}

/// Half the width of the 95 % interval of a mean over seeds, by Student's t; none of a single one.
pub fn confidence(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
    // The 97.5 % quantiles for 1 to 10 degrees of freedom; beyond, that of 10 errs to the safe side.
    const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    Some(T[(count - 2).min(T.len() - 1)] * (variance / count as f64).sqrt())
}

/// By how much a trial is better than another, seed by seed, with its interval: pairs share their seed, so
/// that what a seed does to both is not counted.
pub fn paired(trial: &Trial, other: &Trial, sweep: &Sweep) -> Option<(f64, Option<f64>)> {
    let others = other.results();
    let differences: Vec<f64> = trial
        .results()
        .into_iter()
        .filter_map(|(seed, value)| {
            let (_, other) = others.iter().find(|it| it.0 == seed)?;
            Some(sweep.mode.loss(*other) - sweep.mode.loss(value))
        })
        .collect();
    let count = differences.len();
    let mean = (count > 0).then(|| differences.iter().sum::<f64>() / count as f64)?;
    Some((mean, confidence(&differences)))
}

/// The text of `status`.
pub fn text(setting: &Setting, state: &State) -> String {
    let sweep = &setting.sweep;
    let Counts { done, running, waiting, paused, stopped, failed, infeasible } = counts(state);
    let mut text = format!(
        "sweep `{}`: {} of {} trials\n  done {done}, running {running}, waiting {waiting}, paused {paused}, \
         stopped {stopped}, failed {failed}, infeasible {infeasible}\n  {:.2} hours of ranks\n",
        sweep.name,
        state.feasible(),
        sweep.budget.trials,
        hours(setting, state)
    );
    let trials = ranked(sweep, state);
    for trial in trials.iter().take(SHOWN) {
        let head = format!(
            "  trial {:<4} {:<10} {:<22}",
            trial.number,
            standing(trial),
            reached(sweep, trial),
        );
        text += &beside(&head, &trial.values);
        match &trial.fate {
            Fate::Infeasible(why) | Fate::Failed { cause: why, .. } => {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "             {why}");
            }
            Fate::Open | Fate::Stopped(_) => {}
        }
    }
    if trials.len() > SHOWN {
        let _ = writeln!(text, "  and {} more; `sweep report` shows all", trials.len() - SHOWN);
    }
    text
}

/// Values behind `head` where a terminal is wide enough for them, else below it.
fn beside(head: &str, values: &Point) -> String {
    let line = format!("{head} {}", told(values));
    if columns(&line) <= TERMINAL {
        return line.trim_end().to_owned() + "\n";
    }
    let items: Vec<String> = values.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let lines = folded(&items, ", ", TERMINAL - BELOW.len());
    let below: String = lines.iter().map(|line| format!("\n{BELOW}{line}")).collect();
    format!("{}{below}\n", head.trim_end())
}

/// What stands before values that are below their trial.
const BELOW: &str = "             ";

/// `31.20 at step 30`.
pub fn reached(sweep: &Sweep, trial: &Trial) -> String {
    match trial.newest() {
        None => String::new(),
        Some((rung, value)) => match sweep.stop.rungs().get(rung) {
            Some(step) => format!("{value:.4} at step {step}"),
            None => format!("{value:.4}"),
        },
    }
}

/// Hours of ranks at work.
pub fn hours(setting: &Setting, state: &State) -> f64 {
    state.seconds * setting.cluster.ranks as f64 / 3600.0
}

/// The document of `status`.
pub fn document(setting: &Setting, state: &State) -> Value {
    let sweep = &setting.sweep;
    let Counts { done, running, waiting, paused, stopped, failed, infeasible } = counts(state);
    let importance = importance::of(sweep, state).map(|it| {
        let keys: Vec<Value> = it
            .keys
            .iter()
            .map(|it| {
                json!({"key": it.key, "trials": it.trials, "share": it.share, "spread": it.spread})
            })
            .collect();
        let pairs: Vec<Value> =
            it.pairs.iter().map(|it| json!({"keys": it.keys, "share": it.share})).collect();
        json!({
            "trials": it.trials,
            "step": sweep.stop.rungs().get(it.rung),
            "foreseen": it.foreseen,
            "keys": keys,
            "pairs": pairs,
        })
    });
    json!({
        "sweep": sweep.name,
        "folder": setting.folder.0,
        "metric": sweep.metric.to_string(),
        "mode": sweep.mode,
        "budget": {"trials": sweep.budget.trials, "gpu_hours": sweep.budget.gpu_hours},
        "counts": {
            "done": done, "running": running, "waiting": waiting, "paused": paused,
            "stopped": stopped, "failed": failed, "infeasible": infeasible,
        },
        "gpu_hours": hours(setting, state),
        "best": state.best(sweep).map(|trial| trial.number),
        "importance": importance,
        "trials": state.trials.iter().map(|trial| of_trial(sweep, trial)).collect::<Vec<_>>(),
    })
}

/// A trial for a program.
pub fn of_trial(sweep: &Sweep, trial: &Trial) -> Value {
    let newest = trial.newest();
    let runs: serde_json::Map<String, Value> = trial
        .runs
        .iter()
        .map(|(seed, run)| {
            let steps: serde_json::Map<String, Value> = run
                .rungs
                .iter()
                .filter_map(|(rung, value)| {
                    Some((sweep.stop.rungs().get(*rung)?.to_string(), json!(value)))
                })
                .collect();
            let result = match run.stage {
                Stage::Finished(value) => json!(value),
                _ => Value::Null,
            };
            (seed.to_string(), json!({"attempts": run.attempts, "rungs": steps, "result": result}))
        })
        .collect();
    let cause = match &trial.fate {
        Fate::Infeasible(why) | Fate::Stopped(why) | Fate::Failed { cause: why, .. } => json!(why),
        Fate::Open => Value::Null,
    };
    json!({
        "trial": trial.number,
        "state": standing(trial),
        "cause": cause,
        "values": trial.values,
        "value": newest.map(|(_, value)| value),
        "step": newest.and_then(|(rung, _)| sweep.stop.rungs().get(rung)),
        "seconds": trial.seconds,
        "runs": runs,
    })
}

/// A line a trial, for spreadsheets.
pub fn csv(sweep: &Sweep, state: &State) -> String {
    let keys: Vec<&str> = sweep.space.dimensions.iter().map(|it| it.key.as_str()).collect();
    let mut heads = vec!["trial", "state", "value", "step", "seconds"];
    heads.extend(&keys);
    let seeds: Vec<String> = sweep.seeds.iter().map(|seed| format!("seed {seed}")).collect();
    heads.extend(seeds.iter().map(String::as_str));
    let mut text = line(heads.iter().map(|head| (*head).to_owned()));
    for trial in &state.trials {
        let (rung, value) = trial.newest().unzip();
        let step = rung.and_then(|rung| sweep.stop.rungs().get(rung));
        let shown = |it: Option<String>| it.unwrap_or_default();
        let results = trial.results();
        let mut cells = vec![
            trial.number.to_string(),
            standing(trial).to_owned(),
            shown(value.map(|it| it.to_string())),
            shown(step.map(usize::to_string)),
            format!("{:.1}", trial.seconds),
        ];
        cells.extend(keys.iter().map(|key| shown(trial.values.get(*key).map(plain))));
        cells.extend(
            sweep.seeds.iter().map(|seed| {
                shown(results.iter().find(|it| it.0 == *seed).map(|it| it.1.to_string()))
            }),
        );
        text += &line(cells.into_iter());
    }
    text
}

/// A value without the quotes of TOML.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Cells as RFC 4180 writes them.
fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted = |cell: String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::specimen;
    use super::super::state::tests::{add, asked, came, finished};
    use super::*;
    use crate::sweep::log::Event;
    use crate::sweep::rungs::Stop;

    fn sweep() -> Sweep {
        Sweep { stop: Stop::Asha { rungs: vec![3], factor: 2 }, ..specimen() }
    }

    fn state(sweep: &Sweep) -> State {
        let mut state = State::default();
        for trial in 0..2 {
            let values = sweep.space.point(&[0.0, 0.5, 0.0, 0.5, 0.0]);
            add(&mut state, sweep, Event::Asked { trial, values });
        }
        asked(&mut state, sweep, 2);
        came(&mut state, sweep, 0, 0, Some(20.0));
        finished(&mut state, sweep, 1, Some(10.5));
        let cause = "needs 9 GiB, \"has\" 8".to_owned();
        add(&mut state, sweep, Event::Infeasible { trial: 2, cause });
        state
    }

    #[test]
    fn trials_that_are_done_come_first() {
        let sweep = sweep();
        let state = state(&sweep);
        let order: Vec<usize> = ranked(&sweep, &state).iter().map(|it| it.number).collect();
        assert_eq!(order, [1, 0, 2]);
        let expected = Counts { done: 1, paused: 1, infeasible: 1, ..Counts::default() };
        assert_eq!(counts(&state), expected);
    }

    #[test]
    fn a_table_has_a_line_for_each_trial() {
        let sweep = sweep();
        let csv = csv(&sweep, &state(&sweep));
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines.len(), 5, "{csv}");
        assert!(lines[0].starts_with("trial,state,value,step,seconds,"), "{csv}");
        assert!(lines[0].ends_with(",seed 5,seed 6"), "{csv}");
        assert!(lines[1].starts_with("0,paused,20,3,2.0,"), "{csv}");
        assert!(lines[2].ends_with(",10.5,10.5"), "{csv}");
        assert_eq!(lines[4], "");
        assert_eq!(
            line(["a,b".to_owned(), "c\"d".to_owned()].into_iter()),
            "\"a,b\",\"c\"\"d\"\r\n"
        );
    }

    #[test]
    fn values_stand_within_the_terminal() {
        let point = |keys: &[(&str, f64)]| -> Point {
            keys.iter()
                .map(|(key, value)| ((*key).to_owned(), toml::Value::Float(*value)))
                .collect()
        };
        let head = format!("  trial {:<4} {:<10} {:<22}", 3, "done", "31.2000 at step 300");
        let short = beside(&head, &point(&[("lora.dropout", 0.125)]));
        assert_eq!(short, "  trial 3    done       31.2000 at step 300    lora.dropout = 0.125\n");
        let rate = 0.004_123_456_789_012_345;
        let long = beside(
            &head,
            &point(&[
                ("lora.dropout", 0.125),
                ("optimizer.beta2", 0.95),
                ("optimizer.muon_learning_rate", rate),
            ]),
        );
        assert!(long.lines().all(|line| columns(line) <= TERMINAL), "{long}");
        assert!(long.starts_with("  trial 3    done       31.2000 at step 300\n             lora"));
        assert!(long.contains("optimizer.muon_learning_rate = 0.0041"), "{long}");
        assert_eq!(beside("  trial 0    waiting   ", &Point::new()), "  trial 0    waiting\n");
    }

    #[test]
    fn intervals_are_those_of_student() {
        assert_eq!(confidence(&[1.0]), None);
        // Mean 2, deviation 1, three values: 4.303 / √3.
        let half = confidence(&[1.0, 2.0, 3.0]).unwrap_or_default();
        assert!((half - 2.4843).abs() < 1e-3, "{half}");
        assert_eq!(confidence(&[5.0, 5.0]), Some(0.0));
    }
}
