//! `knowcoder replay`: a step that went wrong, again, with loss and gradient of each of its samples.

use super::Answer;
use crate::cli;
use crate::cluster::Cluster;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::standing::past::Past;
use serde_json::json;
use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use trainer::RunDir;
use trainer::replay::{Alone, Replay};

/// Tells the program that it was started by itself.
const AGAIN: &str = "KNOWCODER_REPLAY_THREADS";

/// Most characters of a sample's text in the table.
const TEXT: usize = 60;

/// Computes the step again.
pub fn replay(args: &cli::Replay) -> Result<Answer, Error> {
    with_the_threads_of_a_rank(&args.event)?;
    let mut display = Display::new();
    let found = trainer::replay::replay(&args.event, &mut |done, total| {
        display.advance("samples", done, total, "", Instant::now());
    });
    display.finish();
    let found = found?;
    let json = json!({
        "phase": found.incident.phase,
        "step": found.incident.step,
        "reason": found.incident.reason,
        "sentence": found.incident.sentence,
        "incident": found.incident,
        "again": found.again,
        "repeats": found.again.repeats,
        "samples": found.samples,
    });
    let is_drill = is_drill(&args.event, &found.incident.phase, found.incident.step);
    Ok(Answer::new(text(&found, args.samples, is_drill), json))
}

/// Whether the events of the run whose incident lies at `event` say that somebody asked for it.
fn is_drill(event: &Path, phase: &str, step: usize) -> bool {
    let Ok(event) = std::fs::canonicalize(event) else { return false };
    let Some(run) = event.parent().and_then(Path::parent) else { return false };
    let past = Past::read(&RunDir::new(run).events());
    let is_it = |it: &&serde_json::Value| {
        it["event"] == "incident" && it["phase"] == phase && it["step"] == step
    };
    past.events.iter().rfind(is_it).is_some_and(|it| past.drill(it, &["nan"]).is_some())
}

/// Starts this program anew with as many threads as a rank of the run had: how many there are may
/// decide in which order numbers are added.
fn with_the_threads_of_a_rank(event: &Path) -> Result<(), Error> {
    if std::env::var_os(AGAIN).is_some() || std::env::var_os("RAYON_NUM_THREADS").is_some() {
        return Ok(());
    }
    // Whether the folder is what it should be is said by who reads it.
    let Ok(event) = std::fs::canonicalize(event) else { return Ok(()) };
    let Some(run) = event.parent().and_then(Path::parent) else { return Ok(()) };
    let Ok(cluster) = Cluster::load(&RunDir::new(run).cluster()) else { return Ok(()) };
    let threads = cluster.threads_per_rank.to_string();
    let failed = |error: std::io::Error| {
        Error::new(exit::TRANSIENT, format!("failed to start the program again: {error}"))
    };
    let program = std::env::current_exe().map_err(failed)?;
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs([(AGAIN, "1"), ("RAYON_NUM_THREADS", &threads), ("OMP_NUM_THREADS", &threads)])
        .exec();
    // It only returns if it could not.
    Err(failed(error))
}

/// The replay for a person; `most` samples of it, or all. What a drill asked for is no sample's fault.
fn text(found: &Replay, most: usize, is_drill: bool) -> String {
    let Replay { incident, again, samples } = found;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "phase `{}`, step {}: {}", incident.phase, incident.step, incident.sentence);
    let ranks = incident.world;
    let _ = writeln!(
        text,
        "then   loss {}, gradient norm {} ({ranks} rank(s), {} samples)",
        number(incident.loss),
        number(incident.gradient_norm),
        samples.len()
    );
    let _ = writeln!(
        text,
        "again  loss {}, gradient norm {}",
        number(again.loss),
        number(again.gradient_norm)
    );
    let verdict = match (again.differences.first(), again.differences.len()) {
        (None, _) => "It repeats, bit for bit.".to_owned(),
        (Some(first), count) => {
            let version = match incident.version.as_str() {
                _ if is_drill => "the fault was asked for, by the drill `nan`".into(),
                env!("CARGO_PKG_VERSION") => "another build, machine or number of threads".into(),
                version => format!("the run was of version {version}"),
            };
            format!("It does not repeat ({version}): {first}; {count} number(s) differ.")
        }
    };
    let _ = writeln!(text, "{verdict}\n");
    let _ = writeln!(text, "slot    row  tokens  loss/token   gradient  sample");
    let shown = if most == 0 { samples.len() } else { most.min(samples.len()) };
    for sample in &samples[..shown] {
        let Alone { slot, row, tokens, loss_per_token, gradient_norm, .. } = sample;
        let _ = writeln!(
            text,
            "{slot:>4} {row:>6} {tokens:>7} {:>11} {:>10}  {} ({}, {}, {})",
            number(*loss_per_token),
            number(*gradient_norm),
            sample.sample_id,
            sample.dataset,
            sample.language,
            sample.task,
        );
        let _ = writeln!(text, "{:>43}{}", "", shortened(&sample.text));
    }
    if shown < samples.len() {
        let _ = writeln!(text, "and {} more: --samples 0 shows all", samples.len() - shown);
    }
    text
}

fn number(value: f64) -> String {
    match value {
        value if !value.is_finite() => value.to_string(),
        value if value == 0.0 || (1e-3..1e6).contains(&value.abs()) => format!("{value:.4}"),
        value => format!("{value:.3e}"),
    }
}

/// The beginning and the end of a text on one line: the end is the answer.
fn shortened(text: &str) -> String {
    let words: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    if words.len() <= TEXT {
        return words.into_iter().collect();
    }
    let half = TEXT / 2;
    let (begin, end) = (&words[..half], &words[words.len() - half..]);
    begin.iter().chain(['…'].iter()).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_fit_their_columns() {
        for (value, expected) in [
            (0.0, "0.0000"),
            (2.5, "2.5000"),
            (-12.25, "-12.2500"),
            (3e-7, "3.000e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(shortened("a\n  b\tc"), "a b c");
        let long = shortened(&"文".repeat(100));
        assert_eq!(long.chars().count(), TEXT + 1);
        assert!(long.contains('…'));
    }

    #[test]
    fn a_drill_is_known_by_the_events() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let incident = folder.path().join("incidents/p-000004");
        let written = std::fs::create_dir_all(&incident).and_then(|()| {
            let events = "{\"event\":\"drill\",\"fault\":\"nan\"}\n\
                          {\"event\":\"incident\",\"phase\":\"p\",\"step\":4,\"course\":\"stop\"}\n";
            std::fs::write(folder.path().join("events.jsonl"), events)
        });
        assert!(written.is_ok());
        assert!(is_drill(&incident, "p", 4));
        assert!(!is_drill(&incident, "p", 5));
        assert!(!is_drill(&folder.path().join("none"), "p", 4));
    }
}
