//! The text of a cluster file: read, with places of what is wrong, and written.

use super::hardware::HardwareSection;
use super::{Backend, Cluster, Faults, Hardware, Kubernetes, OnNodeLoss, Slurm, Ssh};
use crate::error::Error;
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

/// An error with its place in the file.
trait Place: Fn(usize, String) -> Error + Copy {}

impl<F: Fn(usize, String) -> Error + Copy> Place for F {}

impl Cluster {
    /// Reads the text of a cluster file; `path` is for errors only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let ClusterFile { cluster, sharding, deadlines, hardware, faults, ssh, slurm, kubernetes } =
            toml::from_str(text).map_err(|error| data_pipeline::Error::toml(path, text, &error))?;
        let place = |at: usize, message: String| -> Error {
            data_pipeline::Error::at(path, text, at, message).into()
        };
        let backend = backend(cluster.backend.get_ref())
            .map_err(|message| place(cluster.backend.span().start, message))?;
        let (ranks, nodes) = cluster.spread(place)?;
        let spares = cluster.spares;
        let of_hosts = |ssh: &Ssh| ssh.check().and_then(|()| ssh.check_nodes(nodes, spares));
        Ok(Self {
            backend,
            ranks,
            nodes,
            spares,
            preflight: cluster.preflight,
            threads_per_rank: count("threads_per_rank", &cluster.threads_per_rank, place)?,
            collective: cluster.carrier(place)?,
            interface: cluster.interface,
            sharding: checked(sharding, Sharding::check, place)?,
            deadlines: deadlines.checked(place)?,
            hardware: hardware.checked(place)?,
            faults: checked(
                faults,
                |faults| faults.check().and_then(|()| possible(faults, backend)),
                place,
            )?,
            ssh: section(ssh, (backend, Backend::Ssh), of_hosts, place)?,
            slurm: section(slurm, (backend, Backend::Slurm), Slurm::check, place)?,
            kubernetes: section(
                kubernetes,
                (backend, Backend::Kubernetes),
                Kubernetes::check,
                place,
            )?,
        })
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

impl ClusterSection {
    /// Ranks and nodes, if each node has as many.
    fn spread(&self, place: impl Place) -> Result<(usize, usize), Error> {
        let (ranks, nodes) =
            (count("ranks", &self.ranks, place)?, count("nodes", &self.nodes, place)?);
        if !ranks.is_multiple_of(nodes) {
            let (below, above) = (ranks / nodes * nodes, (ranks / nodes + 1) * nodes);
            let others =
                if below == 0 { format!("{above}") } else { format!("{below} or {above}") };
            let message =
                format!("{ranks} ranks cannot be spread evenly over {nodes} nodes; {others} can");
            return Err(place(self.ranks.span().start, message));
        }
        Ok((ranks, nodes))
    }

    /// Who carries sums.
    fn carrier(&self, place: impl Place) -> Result<Carrier, Error> {
        let Some(given) = &self.collective else { return Ok(Carrier::default()) };
        Carrier::named(given.get_ref()).ok_or_else(|| {
            let known = Carrier::ALL.map(Carrier::name).join(", ");
            let message = format!("unknown collective `{}`; known are: {known}", given.get_ref());
            place(given.span().start, message)
        })
    }
}

impl DeadlineSection {
    /// The deadlines, the usual ones where the file has none.
    fn checked(self, place: impl Place) -> Result<Deadlines, Error> {
        let usual = Deadlines::default();
        Ok(Deadlines {
            join: seconds("join", self.join, usual.join, place)?,
            operation: seconds("operation", self.operation, usual.operation, place)?,
            stall: seconds("stall", self.stall, usual.stall, place)?,
        })
    }
}

/// A count that a machine can mean.
fn count(name: &str, value: &Spanned<usize>, place: impl Place) -> Result<usize, Error> {
    match *value.get_ref() {
        value if (1..=MOST).contains(&value) => Ok(value),
        other => Err(place(
            value.span().start,
            format!("`{name}` is {other}; it must be between 1 and {MOST}"),
        )),
    }
}

/// A deadline.
fn seconds(
    name: &str,
    given: Option<Spanned<u64>>,
    usual: Duration,
    place: impl Place,
) -> Result<Duration, Error> {
    match given {
        None => Ok(usual),
        Some(given) if (1..=LONGEST).contains(given.get_ref()) => {
            Ok(Duration::from_secs(given.into_inner()))
        }
        Some(given) => Err(place(
            given.span().start,
            format!("`{name}` is {}; it must be between 1 and {LONGEST} seconds", given.get_ref()),
        )),
    }
}

/// Refuses what nobody would do when a node is lost.
fn possible(faults: &Faults, backend: Backend) -> Result<(), String> {
    let can_requeue = matches!(backend, Backend::Slurm | Backend::Kubernetes);
    if faults.on_node_loss != OnNodeLoss::Requeue || can_requeue {
        return Ok(());
    }
    Err(format!(
        "faults.on_node_loss is `requeue`, but nobody starts a job of `{}` again; spare, restart and stop \
         are possible",
        backend.name()
    ))
}

/// A section that counts for every back end.
fn checked<T: Default>(
    given: Option<Spanned<T>>,
    check: impl Fn(&T) -> Result<(), String>,
    place: impl Place,
) -> Result<T, Error> {
    let at = given.as_ref().map_or(0, |given| given.span().start);
    let value = given.map(Spanned::into_inner).unwrap_or_default();
    check(&value).map_err(|message| place(at, message))?;
    Ok(value)
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
    place: impl Place,
) -> Result<T, Error> {
    let check = |value: &T| if asked == own { check(value) } else { Ok(()) };
    checked(given, check, place)
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
