//! What a run asks of each node, from its cluster file and its recipe.

use crate::cluster::Cluster;
use crate::error::Error;
use crate::verbs::plan;
use data_pipeline::tokenizer::Tokenizer;
use serde::Serialize;
use std::path::{Path, PathBuf};
use trainer::checkpoint::space;
use trainer::collective::Carrier;
use trainer::memory::{Machine, MemoryPlan, plan_phase};
use trainer::network::decoder_config;
use trainer::{Recipe, RunDir};

/// What a run asks of each node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wanted {
    /// Processes of each node.
    pub ranks_per_node: usize,
    /// Nodes that work; those behind them are spares.
    pub nodes: usize,
    /// What ranks compute on.
    pub device: String,
    /// Who carries the sums between ranks.
    pub carrier: String,
    /// The network interface that nodes reach each other through.
    pub interface: Option<String>,
    /// The port that rank 0 is to listen at, where it may not choose.
    pub port: Option<u16>,
    /// Bytes that checkpoints will still take, where that is known.
    pub disk: Option<u64>,
    /// What a rank holds in the worst batch of each phase, where that is known.
    pub memory: Vec<Held>,
    /// Files and folders that the recipe names for every node to read.
    pub named: Vec<PathBuf>,
    /// Bytes a second that sums over all ranks should pass on, as the cluster file's hardware promises.
    pub promised: Option<f64>,
}

/// What a rank holds in a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Name of the phase.
    pub phase: String,
    /// Bytes at its fullest moment, by the memory plan.
    pub bytes: u64,
}

impl Wanted {
    /// What `cluster` asks for, and `recipe` if one is given.
    pub fn of(
        cluster: &Cluster,
        device: &str,
        recipe: Option<&Recipe>,
        run_dir: &RunDir,
    ) -> Result<Self, Error> {
        let mut wanted = Self {
            ranks_per_node: cluster.ranks_per_node(),
            nodes: cluster.nodes,
            device: device.to_owned(),
            carrier: cluster.collective.name().to_owned(),
            interface: cluster.interface.clone(),
            port: None,
            disk: None,
            memory: Vec::new(),
            named: Vec::new(),
            promised: promised(cluster),
        };
        if let Some(recipe) = recipe {
            wanted.device.clone_from(&recipe.run.device);
            // What is not there on this machine is judged where it is looked for, on every node.
            if let Some(vocabulary) = vocabulary(recipe, run_dir).filter(|it| it.exists()) {
                let there = space::taken(&run_dir.checkpoints());
                let most = plan::disk_bytes(recipe, run_dir)?;
                wanted.disk = most.map(|bytes| bytes.saturating_sub(there));
                wanted.memory = memory(cluster, recipe, run_dir, &vocabulary)?;
            }
            let named = [&recipe.model.path, &recipe.tokenizer.file];
            let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or(path.clone());
            wanted.named = named.into_iter().flatten().map(absolute).collect();
        }
        Ok(wanted)
    }

    /// Whether NCCL carries the sums.
    pub fn needs_nccl(&self) -> bool {
        let named = self.carrier == Carrier::Nccl.name();
        let chosen = self.carrier == Carrier::Auto.name() && self.device == "cuda";
        self.ranks_per_node * self.nodes > 1 && (named || chosen)
    }
}

/// What the narrowest way of a ring over all ranks carries: between ranks of a node, or between nodes, where all
/// ranks of a node have their adapters.
fn promised(cluster: &Cluster) -> Option<f64> {
    let (link, each) = (cluster.hardware.link_rate(), cluster.ranks_per_node());
    if cluster.nodes == 1 {
        return link;
    }
    let between = cluster.hardware.network_rate()? * each as f64;
    Some(link.filter(|_| each > 1).map_or(between, |link| link.min(between)))
}

/// Where the vocabulary lies; nowhere before it is trained.
fn vocabulary(recipe: &Recipe, run_dir: &RunDir) -> Option<PathBuf> {
    match (&recipe.tokenizer.file, &recipe.model.path) {
        _ if run_dir.tokenizer().exists() => Some(run_dir.tokenizer()),
        (Some(file), _) => Some(file.clone()),
        (None, model) => model.clone(),
    }
}

/// What the plan of the run says, or what would be planned.
fn memory(
    cluster: &Cluster,
    recipe: &Recipe,
    run_dir: &RunDir,
    vocabulary: &Path,
) -> Result<Vec<Held>, Error> {
    if let Some(plan) = MemoryPlan::load(&run_dir.memory())? {
        let held =
            |it: trainer::memory::PhasePlan| Held { phase: it.phase, bytes: it.predicted.total };
        return Ok(plan.phases.into_iter().map(held).collect());
    }
    let shape = decoder_config(recipe, &Tokenizer::load(vocabulary)?)?;
    let machine = Machine { ranks: cluster.ranks_per_node(), ..plan::machine(cluster) };
    let held = |(index, phase): (usize, &trainer::recipe::Phase)| {
        let planned = plan_phase(recipe, index, run_dir, &shape, machine)?;
        Ok(Held { phase: phase.name.clone(), bytes: planned.plan.predicted.total })
    };
    recipe.phase.iter().enumerate().map(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Hardware;

    #[test]
    fn the_narrowest_way_is_what_is_promised() {
        let rates =
            Hardware { link_gbps: Some(3600.0), network_gbps: Some(400.0), ..Hardware::default() };
        let cluster = |ranks, nodes| Cluster {
            ranks,
            nodes,
            hardware: rates.clone(),
            ..Cluster::of_this_machine()
        };
        assert_eq!(promised(&cluster(8, 1)), Some(450e9));
        // Eight adapters of 50 GB/s are narrower than what is between GPUs; one is all that one rank has.
        assert_eq!(promised(&cluster(16, 2)), Some(400e9));
        assert_eq!(promised(&cluster(2, 2)), Some(50e9));
        assert_eq!(promised(&Cluster::of_this_machine()), None);
    }
}
