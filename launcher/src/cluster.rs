//! Where a run happens: the cluster file.
//!
//! It says nothing about learning: another cluster file changes no result beyond rounding.

mod faults;
mod file;
mod hardware;
mod kubernetes;
pub mod slurm;
pub mod ssh;
#[cfg(test)]
mod tests;

pub use faults::{Faults, OnNodeLoss};
pub use hardware::Hardware;
pub use kubernetes::{Kubernetes, Object};
pub use slurm::Slurm;
pub use ssh::Ssh;

use crate::error::{Error, exit};
use std::path::Path;
use trainer::collective::{Carrier, Deadlines};
use trainer::sharding::Sharding;

/// How a run is spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Who starts the processes.
    pub backend: Backend,
    /// How many processes there are, over all nodes.
    pub ranks: usize,
    /// How many machines they are spread over, evenly; on this machine, agents that stand for them.
    pub nodes: usize,
    /// Machines that wait for one of them to be lost.
    pub spares: usize,
    /// Through which network interface they reach each other; `None`: as the system's routes say.
    pub interface: Option<String>,
    /// Whether nodes are looked at before a run, and those that come later before they get ranks.
    pub preflight: bool,
    /// Threads that each of them computes with.
    pub threads_per_rank: usize,
    /// Who carries the sums between them.
    pub collective: Carrier,
    /// How gradients and optimizer state are divided among them.
    pub sharding: Sharding,
    /// How long they wait for each other.
    pub deadlines: Deadlines,
    /// What one rank computes with.
    pub hardware: Hardware,
    /// What becomes of a run when something fails.
    pub faults: Faults,
    /// Hosts that are reached by ssh.
    pub ssh: Ssh,
    /// A cluster with SLURM.
    pub slurm: Slurm,
    /// A cluster with Kubernetes.
    pub kubernetes: Kubernetes,
}

/// Who starts the processes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// This program, on this machine.
    Local,
    /// The system's `ssh`, on hosts that the file names.
    Ssh,
    /// `sbatch` and `srun`, in an allocation.
    Slurm,
    /// `kubectl`, in pods.
    Kubernetes,
}

impl Cluster {
    /// Reads a cluster file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(data_pipeline::Error::read(path))?;
        Self::parse(&text, path)
    }

    /// Processes of each node.
    pub fn ranks_per_node(&self) -> usize {
        self.ranks / self.nodes
    }

    /// What is used without a file: this machine, as many processes as it has cores, at most two.
    pub fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            backend: Backend::Local,
            ranks: cores.min(2),
            nodes: 1,
            spares: 0,
            interface: None,
            preflight: true,
            threads_per_rank: 1,
            collective: Carrier::default(),
            sharding: Sharding::default(),
            deadlines: Deadlines::default(),
            hardware: Hardware::default(),
            faults: Faults::default(),
            ssh: Ssh::default(),
            slurm: Slurm::default(),
            kubernetes: Kubernetes::default(),
        }
    }

    /// Refuses sums that cannot be carried between ranks that compute on `device`.
    pub fn check_device(&self, device: &str) -> Result<(), Error> {
        self.collective.check(device).map_err(|message| Error::new(exit::DECLARATION, message))
    }
}

impl Backend {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Local, Self::Ssh, Self::Slurm, Self::Kubernetes];

    /// Its name in cluster files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh => "ssh",
            Self::Slurm => "slurm",
            Self::Kubernetes => "kubernetes",
        }
    }
}
