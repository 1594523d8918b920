//! What a run directory shows beside what the run says of itself.

use super::past::{Incident, Past};
use super::{Standing, State, Step};
use crate::cluster::{Cluster, Faults};
use serde::Serialize;
use std::path::{Path, PathBuf};
use trainer::recipe::Pause;
use trainer::{Recipe, RunDir};

/// What there is to be seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sight {
    /// Its newest checkpoint, `PHASE-STEP`.
    pub checkpoint: Option<String>,
    /// How it came to stand as it does, where the state alone does not say it.
    pub how: Option<How>,
    /// The directory of the sweep that it is a trial of.
    pub sweep: Option<PathBuf>,
    /// Steps that the guard left out.
    pub incidents: Vec<Incident>,
    /// What of its events cannot be read, as goes on behind the file's name.
    pub damage: Option<String>,
    /// What its driver did about failures, where it failed.
    #[serde(skip)]
    pub faults: Option<Faults>,
}

/// How a run came to stand as it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was taken out of the queue before it began.
    Withdrawn,
    /// It was ended without saving.
    AtOnce,
    /// It paused where its recipe says.
    Paused(Pause),
    /// It was not submitted.
    Refused {
        /// Who refused.
        backend: String,
        /// Why.
        reason: String,
        /// The way out, if one is known.
        hint: Option<String>,
    },
}

impl Sight {
    /// Looks, where `standing` follows from the events or stands in `status.json`.
    pub fn of(run_dir: &RunDir, past: &Past, standing: &Standing, damage: Option<String>) -> Self {
        let has_begun = || past.names().any(|name| name == "started");
        let damage = damage.or_else(|| {
            let is_lost = !has_begun() && Step::newest(&run_dir.metrics()).is_some();
            is_lost.then(|| {
                "is damaged or lost: it tells of no start, and metrics.jsonl has steps".to_owned()
            })
        });
        let faults = (standing.state == State::Failed)
            .then(|| Cluster::load(&run_dir.cluster()).ok())
            .flatten()
            .map(|cluster| cluster.faults);
        Self {
            checkpoint: checkpoint(run_dir, past),
            how: how(run_dir, past, standing),
            sweep: sweep_of(run_dir.root()),
            incidents: past.incidents(),
            damage,
            faults,
        }
    }

    /// Whether the newest step is in a checkpoint.
    pub fn is_saved(&self, newest: Option<&Step>) -> bool {
        match (&self.checkpoint, newest) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(name), Some(newest)) => name.rsplit_once('-').is_some_and(|(phase, step)| {
                phase == newest.phase && step.parse() == Ok(newest.step)
            }),
        }
    }
}

impl How {
    /// As goes on behind "stopped: ".
    pub fn words(&self) -> String {
        match self {
            Self::Withdrawn => "it was taken out of the queue, as asked".to_owned(),
            Self::AtOnce => "it was ended at once, as asked".to_owned(),
            Self::Paused(Pause { phase, step }) => {
                format!("it paused behind step {step} of phase `{phase}`, as checkpoint.pause says")
            }
            Self::Refused { backend, reason, .. } => {
                format!("nothing was submitted: {} refused it: {reason}", called(backend))
            }
        }
    }
}

/// A back end as its users call it.
fn called(backend: &str) -> &str {
    match backend {
        "slurm" => "SLURM",
        "kubernetes" => "Kubernetes",
        "local" | "ssh" => "this machine",
        other => other,
    }
}

/// The sweep whose trial lies at `root`.
pub fn sweep_of(root: &Path) -> Option<PathBuf> {
    let root = std::path::absolute(root).ok()?;
    let trials = root.parent().filter(|it| it.file_name().is_some_and(|it| it == "trials"))?;
    trials.parent().filter(|it| it.join("sweep.jsonl").exists()).map(Path::to_owned)
}

/// The newest checkpoint that is there: as the events say, else the folder that was changed last.
fn checkpoint(run_dir: &RunDir, past: &Past) -> Option<String> {
    let folder = run_dir.checkpoints();
    let told = past.events.iter().rev().filter(|event| event["event"] == "checkpoint");
    let named = told
        .filter_map(|event| Path::new(event["path"].as_str()?).file_name())
        .find(|name| folder.join(name).is_dir());
    if let Some(name) = named {
        return Some(name.to_string_lossy().into_owned());
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let whole = entries.into_iter().filter(|it| it.path().extension().is_none_or(|it| it != "tmp"));
    let newest = whole.max_by_key(|entry| {
        (entry.metadata().and_then(|it| it.modified()).ok(), entry.file_name())
    });
    newest.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn how(run_dir: &RunDir, past: &Past, standing: &Standing) -> Option<How> {
    if let Some(refused) = past.refusal().filter(|_| standing.state != State::Done) {
        let text = |key: &str| refused[key].as_str().map(str::to_owned);
        return Some(How::Refused {
            backend: text("backend").unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            hint: text("hint"),
        });
    }
    if standing.state != State::Stopped {
        return None;
    }
    if past.of_newest_start("stopped").is_some_and(|it| it["withdrawn"].is_string()) {
        return Some(How::Withdrawn);
    }
    let at = |name: &str| past.events.iter().rposition(|it| it["event"] == name);
    let is_newest = at("kill-requested") > at("stop-requested");
    if past.of_newest_start("kill-requested").is_some() && is_newest {
        return Some(How::AtOnce);
    }
    let is_wish = past.of_newest_start("stop-requested").is_some();
    paused(run_dir, standing).filter(|_| !is_wish).map(How::Paused)
}

/// Where the recipe paused the run, if that is where it is.
pub fn paused(run_dir: &RunDir, standing: &Standing) -> Option<Pause> {
    let at = standing.progress.as_ref()?;
    let recipe = Recipe::load_lock(&run_dir.recipe_lock()).ok()?;
    let is_there = |pause: &Pause| {
        // The last step of a phase is no pause.
        pause.phase == at.phase && (pause.step..at.steps).contains(&at.step)
    };
    recipe.checkpoint.pause.filter(is_there)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_newest_step_of_all_is_saved() {
        let saved = |name: &str, step: usize| {
            let sight = Sight { checkpoint: Some(name.to_owned()), ..Sight::default() };
            sight.is_saved(Some(&Step { phase: "align-ment".to_owned(), step, ..Step::default() }))
        };
        assert!(saved("align-ment-000622", 622));
        assert!(!saved("align-ment-000600", 622));
        assert!(!saved("other-000622", 622));
        assert!(!Sight::default().is_saved(None));
    }

    #[test]
    fn a_trial_knows_its_sweep() {
        let folder = tempfile::tempdir().unwrap();
        let trial = folder.path().join("trials/3-5");
        std::fs::create_dir_all(&trial).unwrap();
        assert_eq!(sweep_of(&trial), None);
        std::fs::write(folder.path().join("sweep.jsonl"), "").unwrap();
        assert_eq!(sweep_of(&trial), Some(folder.path().to_owned()));
        assert_eq!(sweep_of(folder.path()), None);
    }

    #[test]
    fn the_newest_checkpoint_that_is_there_counts() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert_eq!(checkpoint(&run_dir, &Past::default()), None);
        for name in ["b-000004", "a-000009", "a-000010.tmp"] {
            std::fs::create_dir_all(run_dir.checkpoints().join(name)).unwrap();
        }
        let event = |name: &str| serde_json::json!({"event": "checkpoint", "path": format!("/moved/{name}")});
        let events = vec![event("a-000009"), event("b-000004"), event("b-000008")];
        assert_eq!(checkpoint(&run_dir, &Past { events }).as_deref(), Some("b-000004"));
        std::fs::remove_dir(run_dir.checkpoints().join("b-000004")).unwrap();
        assert_eq!(checkpoint(&run_dir, &Past::default()).as_deref(), Some("a-000009"));
    }
}
