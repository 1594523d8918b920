//! Steps that a run leaves out since it went back: `incidents/left-out.json`.
//!
//! They belong to the run as its recipe does. Whoever continues it, or repeats it with a copy of the
//! file, leaves out the same steps and gets the same weights.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// One step that is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Name of the phase.
    pub phase: String,
    /// The step, from 1.
    pub step: usize,
    /// The step, from 1, at which that was decided.
    pub incident: usize,
}

/// The marks of a phase.
#[derive(Clone, Debug, Default)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Those of `phase`; without the file there are none.
    pub fn load(path: &Path, phase: &str) -> Result<Self, Error> {
        Ok(Self(read(path)?.into_iter().filter(|mark| mark.phase == phase).collect()))
    }

    /// Whether the step, counted from 0, is left out.
    pub fn has(&self, step: usize) -> bool {
        self.0.iter().any(|mark| mark.step == step + 1)
    }

    /// How often the run went back.
    pub fn incidents(&self) -> usize {
        self.0.iter().map(|mark| mark.incident).collect::<BTreeSet<_>>().len()
    }
}

/// Adds marks to those that are there.
pub fn add(path: &Path, new: BTreeSet<Mark>) -> Result<(), Error> {
    let mut marks = read(path)?;
    marks.extend(new);
    let text = serde_json::to_string_pretty(&marks).unwrap_or_default();
    Ok(model::files::write_atomically(path, text.as_bytes())?)
}

fn read(path: &Path) -> Result<BTreeSet<Mark>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(Error::read(path)(error)),
    };
    serde_json::from_str(&text).map_err(|error| Error::Checkpoint {
        path: path.to_owned(),
        message: format!(
            "not a list of steps that are left out: {error}; without it the run would differ from what it was"
        ),
    })
}
