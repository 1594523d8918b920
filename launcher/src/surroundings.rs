//! A rank's place as another launcher gives it: in the environment of its process.
//!
//! torchrun, its settings in a pod, SLURM and Open MPI each say it in words of their own. They are looked for in this
//! order, and the first that says it is believed: torchrun under `srun` counts processes of its own, and is right.
//! What cannot be true together is refused, since two ranks that take themselves for the same one would spoil a run.

#[cfg(test)]
mod tests;

use crate::error::{Error, exit};
use std::collections::BTreeMap;

/// A rank's place in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Who gives it.
    pub by: Launcher,
    /// This rank.
    pub rank: usize,
    /// How many there are.
    pub world: usize,
    /// Its number among those of its machine.
    pub local_rank: usize,
    /// Where rank 0 listens, `host:port`; empty in a world of one.
    pub rendezvous: String,
    /// How often the same ranks were started before.
    pub restarts: u32,
}

/// Who started the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// torchrun, or whoever uses its words.
    Torchrun,
    /// What torchrun would be told, in a pod that runs one process.
    Pod,
    /// `srun`.
    Slurm,
    /// `mpirun` of Open MPI.
    OpenMpi,
}

impl Launcher {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torchrun => "torchrun",
            Self::Pod => "the pod (PET_*)",
            Self::Slurm => "SLURM",
            Self::OpenMpi => "Open MPI",
        }
    }
}

/// Words of the four, by name.
pub type Environment = BTreeMap<String, String>;

/// The port of rank 0 where nobody says one; a job adds its number.
const PORT: u64 = 15_000;

/// So many ports from there on are below those that systems give away by themselves.
const PORTS: u64 = 15_000;

/// The environment of this process, as far as it is text.
pub fn of_process() -> Environment {
    let pairs = std::env::vars_os();
    pairs
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The place that `environment` gives; `None` where it says nothing of one.
pub fn place(environment: &Environment) -> Result<Option<Place>, Error> {
    let words = Words(environment);
    for find in [Words::torchrun, Words::pod, Words::slurm, Words::open_mpi] {
        if let Some(place) = find(&words)? {
            words.check(&place)?;
            return Ok(Some(place));
        }
    }
    Ok(None)
}

struct Words<'a>(&'a Environment);

impl Words<'_> {
    fn torchrun(&self) -> Result<Option<Place>, Error> {
        let Some((rank, world)) = self.pair("RANK", "WORLD_SIZE")? else { return Ok(None) };
        // Without it, as PyTorch's operator starts pods, there is one process on each machine.
        let local_rank = self.number("LOCAL_RANK")?.unwrap_or(0);
        let restarts = self.number("TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0);
        let rendezvous = match world {
            1 => String::new(),
            _ => self.address("MASTER_ADDR", "MASTER_PORT", Launcher::Torchrun)?,
        };
        Ok(Some(Place {
            by: Launcher::Torchrun,
            rank,
            world,
            local_rank,
            rendezvous,
            restarts: restarts as u32,
        }))
    }

    fn pod(&self) -> Result<Option<Place>, Error> {
        let Some(nodes) = self.text("PET_NNODES") else { return Ok(None) };
        let nodes = match nodes.split_once(':') {
            Some((least, most)) if least == most => least,
            Some((least, most)) => {
                return Err(wrong(format!(
                    "PET_NNODES is `{nodes}`: the size of a world is fixed while it runs; say {least} or {most}"
                )));
            }
            None => nodes,
        };
        let nodes = number("PET_NNODES", nodes)?;
        let node = self.number("PET_NODE_RANK")?;
        let each = match self.text("PET_NPROC_PER_NODE") {
            None => 1,
            Some(each) => number("PET_NPROC_PER_NODE", each)?,
        };
        let local_rank = match (each, self.number("LOCAL_RANK")?) {
            (_, Some(local_rank)) => local_rank,
            (1, None) => 0,
            (each, None) => {
                return Err(wrong(format!(
                    "PET_NPROC_PER_NODE is {each}, but LOCAL_RANK is not set: nobody has started the processes of this node"
                ))
                .hint("start `torchrun --no-python knowcoder worker …`, which reads the same variables"));
            }
        };
        let node = match (nodes, node) {
            (_, Some(node)) => node,
            (1, None) => 0,
            (_, None) => {
                return Err(wrong(format!("PET_NNODES is {nodes}, but PET_NODE_RANK is not set")));
            }
        };
        let world = nodes * each;
        let rendezvous = match world {
            1 => String::new(),
            _ => self.address("PET_MASTER_ADDR", "PET_MASTER_PORT", Launcher::Pod)?,
        };
        let rank = node * each + local_rank;
        Ok(Some(Place { by: Launcher::Pod, rank, world, local_rank, rendezvous, restarts: 0 }))
    }

    fn slurm(&self) -> Result<Option<Place>, Error> {
        let Some((rank, world)) = self.task()? else { return Ok(None) };
        let local_rank = self.number("SLURM_LOCALID")?.unwrap_or(0);
        let restarts = self.number("SLURM_RESTART_COUNT")?.unwrap_or(0) as u32;
        let rendezvous = match world {
            1 => String::new(),
            _ => self.of_slurm()?,
        };
        Ok(Some(Place { by: Launcher::Slurm, rank, world, local_rank, rendezvous, restarts }))
    }

    /// Number and count of the tasks of a SLURM step.
    fn task(&self) -> Result<Option<(usize, usize)>, Error> {
        let count = match self.number("SLURM_STEP_NUM_TASKS")? {
            Some(count) => Some(count),
            None => self.number("SLURM_NTASKS")?,
        };
        let is_task = self.text("SLURM_STEP_ID").is_some();
        match (self.number("SLURM_PROCID")?, count) {
            (Some(task), Some(count)) if is_task || count == 1 => Ok(Some((task, count))),
            // The script of a job is a process of its own, in which some of these words are set, too.
            (Some(_), Some(count)) => Err(wrong(format!(
                "this is the script of a SLURM job with {count} tasks, not one of its tasks"
            ))
            .hint("start the tasks with `srun knowcoder worker …`")),
            (Some(_), None) if is_task => {
                Err(wrong("SLURM_PROCID is set, but SLURM_NTASKS is not"))
            }
            // As in a shell of `salloc`.
            _ => Ok(None),
        }
    }

    /// Where rank 0 of a SLURM step listens.
    fn of_slurm(&self) -> Result<String, Error> {
        let first = |list: &str| self.text(list).and_then(first_host);
        let host = self
            .text("MASTER_ADDR")
            .or_else(|| self.text("SLURM_LAUNCH_NODE_IPADDR"))
            .map(str::to_owned)
            .or_else(|| first("SLURM_STEP_NODELIST"))
            .or_else(|| first("SLURM_JOB_NODELIST"));
        let Some(host) = host else {
            return Err(wrong(
                "SLURM does not say where rank 0 runs: neither SLURM_LAUNCH_NODE_IPADDR nor a list of nodes is set",
            )
            .hint("export MASTER_ADDR, the name or address of the first node"));
        };
        let job = self.number("SLURM_JOB_ID")?.unwrap_or(0) as u64;
        // Steps of one job may run side by side.
        let step = self.number("SLURM_STEP_ID")?.unwrap_or(0) as u64;
        self.with_port(&host, Some(job.wrapping_add(step.wrapping_mul(101))))
    }

    fn open_mpi(&self) -> Result<Option<Place>, Error> {
        let Some((rank, world)) = self.pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")? else {
            return Ok(None);
        };
        let local_rank = self.number("OMPI_COMM_WORLD_LOCAL_RANK")?.unwrap_or(0);
        let local_world = self.number("OMPI_COMM_WORLD_LOCAL_SIZE")?;
        let rendezvous = match (world, self.text("MASTER_ADDR")) {
            (1, _) => String::new(),
            (_, Some(host)) => self.with_port(host, self.mpi_job())?,
            // All of them are here.
            (world, None) if local_world == Some(world) => {
                self.with_port("127.0.0.1", self.mpi_job())?
            }
            _ => {
                return Err(wrong(
                    "Open MPI does not say where rank 0 runs, and MASTER_ADDR is not set",
                )
                .hint(
                    "mpirun -x MASTER_ADDR=HOST -x MASTER_PORT=PORT …, HOST being the first host",
                ));
            }
        };
        Ok(Some(Place { by: Launcher::OpenMpi, rank, world, local_rank, rendezvous, restarts: 0 }))
    }

    /// A number that jobs of Open MPI differ in.
    fn mpi_job(&self) -> Option<u64> {
        self.text("OMPI_MCA_ess_base_jobid")?.parse().ok()
    }

    /// How many ranks are on a machine, at most.
    fn local_world(&self, place: &Place) -> Result<usize, Error> {
        let known = match place.by {
            Launcher::Torchrun => self.number("LOCAL_WORLD_SIZE")?,
            Launcher::Pod => self.number("PET_NPROC_PER_NODE")?.or(Some(1)),
            Launcher::Slurm => self
                .text("SLURM_STEP_TASKS_PER_NODE")
                .or_else(|| self.text("SLURM_TASKS_PER_NODE"))
                .and_then(most_tasks),
            Launcher::OpenMpi => self.number("OMPI_COMM_WORLD_LOCAL_SIZE")?,
        };
        Ok(known.unwrap_or(place.world).min(place.world))
    }

    /// What no two of them may say at once.
    fn check(&self, place: &Place) -> Result<(), Error> {
        let Place { by, rank, world, local_rank, .. } = place;
        if *world == 0 {
            return Err(wrong(format!("{} gives a world of 0 ranks", by.name())));
        }
        if rank >= world {
            return Err(wrong(format!(
                "{} gives rank {rank} in a world of {world}; ranks are counted from 0",
                by.name()
            )));
        }
        let most = self.local_world(place)?;
        if *local_rank >= most {
            return Err(wrong(format!(
                "{} gives local rank {local_rank}, but there are {most} ranks on this machine",
                by.name()
            )));
        }
        // Words left over in a shell look like torchrun's, but stay the same in each task.
        let is_torchrun =
            ["LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"].iter().any(|it| self.text(it).is_some());
        if *by != Launcher::Torchrun || is_torchrun {
            return Ok(());
        }
        let is_task = self.text("SLURM_STEP_ID").is_some();
        let slurm = if is_task { self.task()? } else { None };
        let mpi = self.pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")?;
        for (other, found) in [(Launcher::Slurm, slurm), (Launcher::OpenMpi, mpi)] {
            if let Some((there, of)) = found
                && (there, of) != (*rank, *world)
            {
                return Err(wrong(format!(
                    "RANK and WORLD_SIZE say rank {rank} of {world}, {} says rank {there} of {of}",
                    other.name()
                ))
                .hint("unset RANK and WORLD_SIZE, or set them in each process as it is started"));
            }
        }
        Ok(())
    }

    fn address(&self, host: &str, port: &str, by: Launcher) -> Result<String, Error> {
        match (self.text(host), self.text(port)) {
            (Some(address), Some(number)) => Ok(joined(address, port_of(port, number)?)),
            (address, _) => {
                let missing = if address.is_none() { host } else { port };
                Err(wrong(format!("{} gives several ranks, but {missing} is not set", by.name()))
                    .hint(format!("set {host} and {port} to where rank 0 can be reached")))
            }
        }
    }

    /// The host with `MASTER_PORT`, or a port that the number of the job decides.
    fn with_port(&self, host: &str, job: Option<u64>) -> Result<String, Error> {
        match (self.text("MASTER_PORT"), job) {
            (Some(port), _) => Ok(joined(host, port_of("MASTER_PORT", port)?)),
            (None, Some(job)) => Ok(joined(host, (PORT + job % PORTS) as u16)),
            (None, None) => {
                Err(wrong("MASTER_PORT is not set, and nothing says a number of this job")
                    .hint("set MASTER_PORT to a free port of the machine of rank 0"))
            }
        }
    }

    /// Two numbers that go together.
    fn pair(&self, rank: &str, world: &str) -> Result<Option<(usize, usize)>, Error> {
        match (self.number(rank)?, self.number(world)?) {
            (Some(first), Some(second)) => Ok(Some((first, second))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(wrong(format!("{rank} is set, but {world} is not"))),
            (None, Some(_)) => Err(wrong(format!("{world} is set, but {rank} is not"))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<usize>, Error> {
        self.text(name).map(|text| number(name, text)).transpose()
    }

    /// What is empty is not there.
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }
}

fn number(name: &str, text: &str) -> Result<usize, Error> {
    // No world is larger; a product of two fits.
    let known = text.parse().ok().filter(|it| *it <= u32::MAX as usize);
    known.ok_or_else(|| wrong(format!("{name} is `{text}`, expected a number")))
}

fn port_of(name: &str, text: &str) -> Result<u16, Error> {
    let known = text.parse().ok().filter(|port| *port > 0);
    known.ok_or_else(|| wrong(format!("{name} is `{text}`, expected a port between 1 and 65535")))
}

/// `host:port`; numbers of IPv6 in brackets.
fn joined(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// How many ranks of `place`, which `environment` gave, are on a machine, at most.
pub fn local_world(environment: &Environment, place: &Place) -> Result<usize, Error> {
    Words(environment).local_world(place)
}

/// The most tasks of a node in a list as SLURM writes it, such as `8(x3),2`.
fn most_tasks(list: &str) -> Option<usize> {
    let number = |part: &str| part.split('(').next()?.parse::<usize>().ok();
    list.split(',').map(number).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The number of the device of the rank with this number on its machine, where it may see `visible` of them, as
/// `CUDA_VISIBLE_DEVICES` says: who sees one only takes that one.
pub fn ordinal(local_rank: usize, visible: Option<&str>) -> usize {
    match visible.map(str::trim) {
        Some(list) if !list.is_empty() && !list.contains(',') => 0,
        _ => local_rank,
    }
}

/// The first host of a list as SLURM writes it, such as `gpu[07-08,11],login`.
fn first_host(list: &str) -> Option<String> {
    let (name, rest) = match list.find(['[', ',']) {
        Some(end) => list.split_at(end),
        None => (list, ""),
    };
    let Some(inside) = rest.strip_prefix('[') else {
        return (!name.is_empty()).then(|| name.to_owned());
    };
    let (numbers, behind) = inside.split_once(']')?;
    let first = numbers.split([',', '-']).next().filter(|it| !it.is_empty())?;
    // Names may go on behind the number, even with another one.
    let behind = behind.split(',').next().unwrap_or_default();
    match behind {
        "" => Some(format!("{name}{first}")),
        behind => Some(format!("{name}{first}{}", first_host(behind)?)),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(exit::DECLARATION, message)
}
