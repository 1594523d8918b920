//! Where a run happens: the cluster file.
//!
//! It says nothing about learning: another cluster file changes no result beyond rounding.

mod faults;
mod hardware;
mod kubernetes;
pub mod slurm;
pub mod ssh;

pub use faults::{Faults, OnNodeLoss};
pub use hardware::Hardware;
pub use kubernetes::{Kubernetes, Object};
pub use slurm::Slurm;
pub use ssh::Ssh;

use crate::error::{Error, exit};
use hardware::HardwareSection;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;
use trainer::collective::{Carrier, Deadlines};
use trainer::sharding::Sharding;

/// Longest deadline that a file may set, in seconds: a week.
const LONGEST: u64 = 7 * 86_400;

/// Most ranks and threads that a file may ask of one machine; more is a slip of the keyboard.
const MOST: usize = 1024;

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
    /// Whether nodes are looked at before a run, where there are several.
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

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterFile {
    cluster: ClusterSection,
    sharding: Option<Spanned<Sharding>>,
    #[serde(default)]
    deadlines: DeadlineSection,
    #[serde(default)]
    hardware: HardwareSection,
    faults: Option<Spanned<Faults>>,
    ssh: Option<Spanned<Ssh>>,
    slurm: Option<Spanned<Slurm>>,
    kubernetes: Option<Spanned<Kubernetes>>,
}

/// Whole seconds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlineSection {
    join: Option<Spanned<u64>>,
    operation: Option<Spanned<u64>>,
    stall: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterSection {
    backend: Spanned<String>,
    ranks: Spanned<usize>,
    #[serde(default = "one")]
    nodes: Spanned<usize>,
    #[serde(default)]
    spares: usize,
    interface: Option<String>,
    #[serde(default = "yes")]
    preflight: bool,
    #[serde(default = "one")]
    threads_per_rank: Spanned<usize>,
    collective: Option<Spanned<String>>,
}

impl Cluster {
    /// Reads a cluster file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(data_pipeline::Error::read(path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a cluster file; `path` is for errors only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let ClusterFile { cluster, sharding, deadlines, hardware, faults, ssh, slurm, kubernetes } =
            toml::from_str(text).map_err(|error| data_pipeline::Error::toml(path, text, &error))?;
        let place = |at: usize, message: String| -> Error {
            data_pipeline::Error::at(path, text, at, message).into()
        };
        let number = |name: &str, value: &Spanned<usize>| match *value.get_ref() {
            value if (1..=MOST).contains(&value) => Ok(value),
            other => Err(place(
                value.span().start,
                format!("`{name}` is {other}; it must be between 1 and {MOST}"),
            )),
        };
        let sharding = match sharding {
            Some(given) => {
                given.get_ref().check().map_err(|message| place(given.span().start, message))?;
                given.into_inner()
            }
            None => Sharding::default(),
        };
        let seconds = |name: &str, given: Option<Spanned<u64>>, usual: Duration| match given {
            None => Ok(usual),
            Some(given) if (1..=LONGEST).contains(given.get_ref()) => {
                Ok(Duration::from_secs(given.into_inner()))
            }
            Some(given) => Err(place(
                given.span().start,
                format!(
                    "`{name}` is {}; it must be between 1 and {LONGEST} seconds",
                    given.get_ref()
                ),
            )),
        };
        let usual = Deadlines::default();
        let deadlines = Deadlines {
            join: seconds("join", deadlines.join, usual.join)?,
            operation: seconds("operation", deadlines.operation, usual.operation)?,
            stall: seconds("stall", deadlines.stall, usual.stall)?,
        };
        let hardware = hardware.checked(place)?;
        let collective = match &cluster.collective {
            Some(given) => Carrier::named(given.get_ref()).ok_or_else(|| {
                let known = Carrier::ALL.map(Carrier::name).join(", ");
                let message =
                    format!("unknown collective `{}`; known are: {known}", given.get_ref());
                place(given.span().start, message)
            })?,
            None => Carrier::default(),
        };
        let backend = backend(cluster.backend.get_ref())
            .map_err(|message| place(cluster.backend.span().start, message))?;
        let (ranks, nodes) = (number("ranks", &cluster.ranks)?, number("nodes", &cluster.nodes)?);
        if !ranks.is_multiple_of(nodes) {
            let message = format!(
                "{ranks} ranks cannot be spread evenly over {nodes} nodes; {} or {} can",
                ranks / nodes * nodes,
                (ranks / nodes + 1) * nodes
            );
            return Err(place(cluster.ranks.span().start, message));
        }
        let faults = faults.unwrap_or_else(|| Spanned::new(0..0, Faults::default()));
        faults.get_ref().check().map_err(|message| place(faults.span().start, message))?;
        let can_requeue = match backend {
            Backend::Local | Backend::Ssh => false,
            Backend::Slurm | Backend::Kubernetes => true,
        };
        if faults.get_ref().on_node_loss == OnNodeLoss::Requeue && !can_requeue {
            let message = format!(
                "faults.on_node_loss is `requeue`, but nobody starts a job of `{}` again; spare, restart and stop \
                 are possible",
                backend.name()
            );
            return Err(place(faults.span().start, message));
        }
        let spares = cluster.spares;
        let check = |ssh: &Ssh| ssh.check().and_then(|()| ssh.check_nodes(nodes, spares));
        let ssh = section(ssh, (backend, Backend::Ssh), check, place)?;
        let slurm = section(slurm, (backend, Backend::Slurm), Slurm::check, place)?;
        let kubernetes =
            section(kubernetes, (backend, Backend::Kubernetes), Kubernetes::check, place)?;
        let whole = Self {
            collective,
            sharding,
            deadlines,
            hardware,
            backend,
            ranks,
            nodes,
            spares: cluster.spares,
            interface: cluster.interface,
            preflight: cluster.preflight,
            threads_per_rank: number("threads_per_rank", &cluster.threads_per_rank)?,
            faults: faults.into_inner(),
            ssh,
            slurm,
            kubernetes,
        };
        Ok(whole)
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

    /// The file that means this cluster.
    pub fn to_toml(&self) -> String {
        let Self { backend, ranks, threads_per_rank, sharding, deadlines, .. } = self;
        let mut text = "[cluster]\n".to_owned();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "backend = \"{}\"\nranks = {ranks}", backend.name());
        let _ = writeln!(text, "nodes = {}\nspares = {}", self.nodes, self.spares);
        if let Some(interface) = &self.interface {
            let _ = writeln!(text, "interface = {}", toml::Value::from(interface.as_str()));
        }
        if !self.preflight {
            text += "preflight = false\n";
        }
        let _ = writeln!(text, "threads_per_rank = {threads_per_rank}");
        if self.collective != Carrier::default() {
            let _ = writeln!(text, "collective = \"{}\"", self.collective);
        }
        let Sharding { stage, bucket_mib } = sharding;
        let _ = writeln!(text, "\n[sharding]\nstage = {stage}\nbucket_mib = {bucket_mib}");
        let [join, operation, stall] =
            [deadlines.join, deadlines.operation, deadlines.stall].map(|it| it.as_secs());
        let _ = writeln!(
            text,
            "\n[deadlines]\njoin = {join}\noperation = {operation}\nstall = {stall}"
        );
        if self.hardware != Hardware::default() {
            text += &table("hardware", &self.hardware);
        }
        text += &table("faults", &self.faults);
        match backend {
            Backend::Local => {}
            Backend::Ssh => text += &table("ssh", &self.ssh),
            Backend::Slurm => text += &table("slurm", &self.slurm),
            Backend::Kubernetes => text += &table("kubernetes", &self.kubernetes),
        }
        text
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

fn backend(name: &str) -> Result<Backend, String> {
    Backend::ALL.into_iter().find(|backend| backend.name() == name).ok_or_else(|| {
        let known = Backend::ALL.map(Backend::name).join(", ");
        format!("unknown backend `{name}`; known are: {known}")
    })
}

/// A back end's own section, where the file has it; its values count for that back end only.
fn section<T: Default>(
    given: Option<Spanned<T>>,
    (asked, own): (Backend, Backend),
    check: impl Fn(&T) -> Result<(), String>,
    place: impl Fn(usize, String) -> Error,
) -> Result<T, Error> {
    let at = given.as_ref().map_or(0, |given| given.span().start);
    let value = given.map(Spanned::into_inner).unwrap_or_default();
    if asked == own {
        check(&value).map_err(|message| place(at, message))?;
    }
    Ok(value)
}

/// A section as a file has it.
fn table(name: &str, section: &impl Serialize) -> String {
    let section = toml::Table::try_from(section).unwrap_or_default();
    let whole = toml::Table::from_iter([(name.to_owned(), toml::Value::Table(section))]);
    format!("\n{whole}")
}

fn yes() -> bool {
    true
}

fn one() -> Spanned<usize> {
    Spanned::new(0..0, 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, code: u8, expected: Expect) {
        let error = Cluster::parse(text, Path::new("c.toml")).unwrap_err();
        expected.assert_eq(&error.message);
        assert_eq!(error.code, code);
    }

    #[test]
    fn wrong_files_say_what_and_where() {
        check("", 64, expect!["c.toml:1:1: missing field `cluster`"]);
        check(
            "[cluster]\nbackend = \"local\"\nrank = 2\n",
            64,
            expect!["c.toml:3:1: unknown key `rank`; did you mean `ranks`?"],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 0\n",
            64,
            expect!["c.toml:3:9: `ranks` is 0; it must be between 1 and 1024"],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 5\nnodes = 2\n",
            64,
            expect!["c.toml:3:9: 5 ranks cannot be spread evenly over 2 nodes; 4 or 6 can"],
        );
        check(
            "[cluster]\nbackend = \"lokal\"\nranks = 2\n",
            64,
            expect![
                "c.toml:2:11: unknown backend `lokal`; known are: local, ssh, slurm, kubernetes"
            ],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 2\ncollective = \"mpi\"\n",
            64,
            expect!["c.toml:4:14: unknown collective `mpi`; known are: auto, tcp, nccl"],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 2\n\n[sharding]\nstage = 3\n",
            64,
            expect!["c.toml:5:1: sharding.stage is 3; known are 0, 1 and 2"],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 2\n[deadlines]\nstall = 0\n",
            64,
            expect!["c.toml:5:9: `stall` is 0; it must be between 1 and 604800 seconds"],
        );
        check(
            "[cluster]\nbackend = \"local\"\nranks = 2\n[hardware]\npeak_tflops = 0.0\n",
            64,
            expect![
                "c.toml:5:15: `peak_tflops` is 0; it must be above 0 and at most 1000000, of one rank"
            ],
        );
    }

    #[test]
    fn nccl_needs_gpus() {
        let text = "[cluster]\nbackend = \"local\"\nranks = 2\ncollective = \"nccl\"\n";
        let cluster = Cluster::parse(text, Path::new("c.toml")).unwrap();
        assert!(cluster.check_device("cuda").is_ok());
        let error = cluster.check_device("flex").unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        expect![[r#"the cluster file says collective = "nccl", but run.device is `flex`: NCCL sums on GPUs of NVIDIA's only; set run.device = "cuda", or leave `collective` out"#]]
            .assert_eq(&error.message);
        assert!(Cluster::of_this_machine().check_device("flex").is_ok());
    }

    #[test]
    fn a_written_cluster_is_read_back() {
        let deadlines = Deadlines { operation: Duration::from_secs(5), ..Deadlines::default() };
        let sharding = Sharding { stage: 2, bucket_mib: 7 };
        let figures = [None, Some(312.0), Some(0.05)];
        for (peak_tflops, collective) in figures.into_iter().zip(Carrier::ALL) {
            let cluster = Cluster {
                backend: Backend::Local,
                ranks: 4,
                threads_per_rank: 3,
                collective,
                sharding,
                deadlines,
                hardware: Hardware { peak_tflops, ..Hardware::default() },
                nodes: 2,
                interface: Some("eth0".to_owned()),
                ..Cluster::of_this_machine()
            };
            assert_eq!(Cluster::parse(&cluster.to_toml(), Path::new("c.toml")).unwrap(), cluster);
        }
        let whole = "[cluster]\nbackend = \"local\"\nranks = 2\n[hardware]\npeak_tflops = 312\n";
        let cluster = Cluster::parse(whole, Path::new("c.toml")).unwrap();
        assert_eq!(cluster.hardware.peak_tflops(), Some(312.0));
    }

    #[test]
    fn the_files_of_the_repository_are_right() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/clusters");
        for (name, ranks) in
            [("laptop", 2), ("one-process", 1), ("four-ranks", 4), ("sharded", 2), ("gpus", 8)]
        {
            let cluster = Cluster::load(&folder.join(name).with_extension("toml")).unwrap();
            assert_eq!(cluster.ranks, ranks);
        }
    }
}
