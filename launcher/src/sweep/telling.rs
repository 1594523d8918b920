//! What happens, as lines at the terminal.

use super::log::{Event, Line};
use super::space::told;
use super::trial::Setting;

/// A line at the terminal.
pub fn say(line: &Line, setting: &Setting) {
    let metric = &setting.sweep.metric;
    let shown = |value: &Option<f64>| value.map_or("no number".to_owned(), |it| format!("{it:.4}"));
    let text = match &line.event {
        Event::Begun { .. } => format!("sweep `{}` begins", setting.sweep.name),
        Event::Asked { trial, values } => format!("trial {trial}: {}", told(values)),
        Event::Infeasible { trial, cause } => format!("trial {trial}: not run: {cause}"),
        Event::Started { trial, seed, attempt, until, .. } => {
            let until = until.map_or(String::new(), |step| format!(" to step {step}"));
            let again = if *attempt > 1 { format!(", start {attempt}") } else { String::new() };
            format!("trial {trial}, seed {seed}: runs{until}{again}")
        }
        Event::Paused { trial, seed, step, value, .. } => {
            format!("trial {trial}, seed {seed}: {metric} {} at step {step}, paused", shown(value))
        }
        Event::Promoted { trial, rung } => match setting.sweep.stop.rungs().get(*rung) {
            Some(step) => format!("trial {trial}: goes on to step {step}"),
            None => format!("trial {trial}: goes on to its end"),
        },
        Event::Stopped { trial, why, .. } => format!("trial {trial}: stopped: {why}"),
        Event::Interrupted { trial, seed, .. } => {
            format!("trial {trial}, seed {seed}: stopped with a checkpoint")
        }
        Event::Lost { trial, seed, .. } => {
            format!("trial {trial}, seed {seed}: its process is gone; it goes on")
        }
        Event::Failed { trial, seed, code, cause, again, .. } => {
            let course = if *again { "; tried again" } else { "" };
            format!("trial {trial}, seed {seed}: failed with {code}: {cause}{course}")
        }
        Event::Finished { trial, seed, value, .. } => {
            format!("trial {trial}, seed {seed}: done, {metric} {}", shown(value))
        }
    };
    eprintln!("{text}");
}
