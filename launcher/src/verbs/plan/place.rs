//! Whether a plan is for this machine, and what a rank may hold where it is not.

use crate::cluster::{Backend, Cluster};
use crate::error::Error;
use trainer::Recipe;
use trainer::memory::Budget;

/// The devices of all builds: of others nobody knows what this one lacks.
const DEVICES: [&str; 3] = ["flex", "cuda", "wgpu"];

/// Where the ranks of a plan compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine, which has the device.
    Here,
    /// On other machines, or on this one when it has other hardware.
    Elsewhere {
        /// What this machine lacks, where it was meant.
        lacks: Option<String>,
    },
}

impl Place {
    /// The place of `cluster`. This machine must have the device, unless the cluster file names hardware to plan with.
    pub fn of(recipe: &Recipe, cluster: &Cluster) -> Result<Self, Error> {
        let device = recipe.run.device.as_str();
        if cluster.backend != Backend::Local {
            if !DEVICES.contains(&device) {
                trainer::device::check(device)?;
            }
            return Ok(Self::Elsewhere { lacks: None });
        }
        match trainer::device::ready(device, cluster.ranks, cluster.collective) {
            Ok(()) => Ok(Self::Here),
            Err(error) => match &cluster.hardware.name {
                Some(name) if DEVICES.contains(&device) => {
                    let lacks = format!("planned for {name}, which is not here: {error}");
                    Ok(Self::Elsewhere { lacks: Some(lacks) })
                }
                _ if DEVICES.contains(&device) => Err(to_plan(error.into())),
                _ => Err(error.into()),
            },
        }
    }

    /// Bytes that a rank may use there, as far as the cluster file says it.
    pub fn budget(recipe: &Recipe, cluster: &Cluster) -> Option<Budget> {
        let hardware = &cluster.hardware;
        let origin = match (&hardware.name, hardware.memory_gib) {
            (Some(name), None) => format!("what {name} has"),
            _ => "the cluster file's memory_gib".to_owned(),
        };
        let capacity = hardware.memory_bytes().map(|bytes| (bytes, origin.as_str()));
        Budget::elsewhere(&recipe.memory, capacity)
    }
}

/// The error of a device that this machine lacks, with the way to plan for a machine that has it.
fn to_plan(error: Error) -> Error {
    let way = "to plan for a machine that has it, give `name` under [hardware] in the cluster file, such as \"h200\"";
    match error.hint.clone() {
        Some(hint) => error.hint(format!("{hint}; {way}")),
        None => error.hint(way),
    }
}

/// What is odd about the figures of GPUs where a recipe computes on the CPU; nothing where they fit together.
pub(super) fn other_device(recipe: &Recipe, cluster: &Cluster) -> Option<String> {
    let device = &recipe.run.device;
    // All hardware that is known by its name is.
    let known = cluster.hardware.known().filter(|_| device == "flex")?;
    Some(format!(
        "the recipe computes on `{device}`, the CPU, and [hardware] names a GPU, {}, whose speed and memory are \
         planned with; --set 'run.device=\"cuda\"' plans for that GPU",
        known.name
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::Hardware;
    use std::path::Path;

    #[test]
    fn plans_for_other_machines_need_nothing_here() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
        let mut recipe = Recipe::load(&path, &[]).unwrap();
        let local = Cluster::of_this_machine();
        assert_eq!(Place::of(&recipe, &local).unwrap(), Place::Here);
        let slurm = Cluster { backend: Backend::Slurm, ..local.clone() };
        let of_gpus = Hardware { name: Some("h100-80".to_owned()), ..Hardware::default() };
        let of_gpus = Cluster { hardware: of_gpus, ..slurm.clone() };
        let warning = other_device(&recipe, &of_gpus).unwrap();
        assert!(warning.starts_with("the recipe computes on `flex`, the CPU, and "), "{warning}");
        assert!(warning.contains("a GPU, h100-80,"), "{warning}");
        assert_eq!(other_device(&recipe, &slurm), None);
        recipe.run.device = "cdua".to_owned();
        assert!(Place::of(&recipe, &local).is_err() && Place::of(&recipe, &slurm).is_err());
        recipe.run.device = "cuda".to_owned();
        assert_eq!(Place::of(&recipe, &slurm).unwrap(), Place::Elsewhere { lacks: None });
        assert_eq!(Place::budget(&recipe, &slurm), None);
        assert_eq!(other_device(&recipe, &of_gpus), None);
        if Place::of(&recipe, &local).is_ok() {
            // The rest is about machines without a GPU.
            return;
        }
        let error = Place::of(&recipe, &local).unwrap_err();
        assert!(
            error.hint.is_some_and(|it| it.contains("`name` under [hardware]")),
            "{}",
            error.message
        );
        let hardware = Hardware { name: Some("h200".to_owned()), ..Hardware::default() };
        let named = Cluster { hardware, ..local };
        let Place::Elsewhere { lacks: Some(lacks) } = Place::of(&recipe, &named).unwrap() else {
            panic!("the device is not here");
        };
        assert!(lacks.starts_with("planned for h200, which is not here: "), "{lacks}");
        let budget = Place::budget(&recipe, &named).unwrap();
        assert_eq!(budget.origin, "90 % of what h200 has");
    }
}
