//! The file of choices: those of several machines, since homes are shared among nodes.

use super::{Choice, Machine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

const FORMAT: u32 = 1;

/// How often a lock that is taken is tried again, and how soon. Adding takes milliseconds.
const AGAIN: (usize, Duration) = (1000, Duration::from_millis(10));

#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    machines: Vec<OfMachine>,
}

#[derive(Serialize, Deserialize)]
struct OfMachine {
    #[serde(flatten)]
    machine: Machine,
    choices: Vec<Choice>,
}

/// The choices of a machine; none where there is no file yet.
pub(super) fn read(file: &Path, machine: &Machine) -> Result<Vec<Choice>, String> {
    let of_machine = contents(file)?.machines.into_iter().find(|of| of.machine == *machine);
    Ok(of_machine.map(|of| of.choices).unwrap_or_default())
}

/// Adds choices to the file, and hands back what it says now. What another process has kept there of the same
/// shape stays: all take what was found first.
pub(super) fn add<'a>(
    file: &Path,
    machine: &Machine,
    choices: impl Iterator<Item = &'a Choice>,
) -> Result<Vec<Choice>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("failed to keep the ways of products in `{}`: {error}", file.display())
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    let _alone = alone(file);
    // A file that nobody can read is replaced.
    let mut contents =
        contents(file).unwrap_or_else(|_| Contents { format: FORMAT, machines: Vec::new() });
    let place = contents.machines.iter().position(|of| of.machine == *machine);
    let before =
        place.map(|place| contents.machines.swap_remove(place).choices).unwrap_or_default();
    let mut merged: BTreeMap<_, _> =
        choices.map(|choice| (choice.shape.clone(), choice.clone())).collect();
    merged.extend(before.into_iter().map(|choice| (choice.shape.clone(), choice)));
    let choices: Vec<Choice> = merged.into_values().collect();
    contents.machines.push(OfMachine { machine: machine.clone(), choices: choices.clone() });
    let text = serde_json::to_vec_pretty(&contents).map_err(|error| failed(&error))?;
    let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .map_err(|error| failed(&error))?;
    Ok(choices)
}

/// While it is there, nobody else adds to `file`. The lock lies beside it, as the file itself is replaced.
///
/// `None` where a file system has no locks, or where somebody holds it for very long: what two processes then
/// write over each other is measured again.
fn alone(file: &Path) -> Option<File> {
    let beside = file.with_extension("lock");
    let lock = File::options().write(true).create(true).truncate(false).open(beside).ok()?;
    for _ in 0..AGAIN.0 {
        match lock.try_lock() {
            Ok(()) => return Some(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(AGAIN.1),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

fn contents(file: &Path) -> Result<Contents, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "`{}` does not say which way products go, they are measured again: {error}",
            file.display()
        )
    };
    let text = match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Contents { format: FORMAT, machines: Vec::new() });
        }
        text => text.map_err(|error| failed(&error))?,
    };
    let contents: Contents = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    match contents.format {
        FORMAT => Ok(contents),
        other => Err(failed(&format!("it has format {other}, expected {FORMAT}"))),
    }
}
