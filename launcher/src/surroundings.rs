//! A rank's place as another launcher gives it: in the environment of its process.
//!
//! torchrun, its settings in a pod, SLURM and Open MPI each say it in words of their own. They are looked for in this
//! order, and the first that says it is believed: torchrun under `srun` counts processes of its own, and is right.
//! What cannot be true together is refused, since two ranks that take themselves for the same one would spoil a run.

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
        let local_rank = match self.number("LOCAL_RANK")? {
            Some(local_rank) => local_rank,
            // Without it, as PyTorch's operator starts pods, there is one process on each machine.
            None => 0,
        };
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn environment(words: &str) -> Environment {
        let pairs = words.split_whitespace().map(|word| word.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A place in a line, or the sentence and hint.
    fn check(words: &str, expected: Expect) {
        let found = match place(&environment(words)) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Place { by, rank, world, local_rank, rendezvous, restarts })) => {
                format!(
                    "{}: rank {rank} of {world}, here {local_rank}, at `{rendezvous}`, restarts {restarts}",
                    by.name()
                )
            }
            Err(error) => {
                assert_eq!(error.code, exit::DECLARATION);
                let hint = error.hint.map(|hint| format!(" | {hint}"));
                error.message + &hint.unwrap_or_default()
            }
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn torchrun_gives_everything() {
        check(
            "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=node-a MASTER_PORT=29500 TORCHELASTIC_RESTART_COUNT=2",
            expect!["torchrun: rank 5 of 8, here 1, at `node-a:29500`, restarts 2"],
        );
        check("RANK=0 WORLD_SIZE=1", expect!["torchrun: rank 0 of 1, here 0, at ``, restarts 0"]);
        check(
            "RANK=1 WORLD_SIZE=2 MASTER_ADDR=fd00::7 MASTER_PORT=29500",
            expect!["torchrun: rank 1 of 2, here 0, at `[fd00::7]:29500`, restarts 0"],
        );
        // Under `srun`, its own numbers count.
        check(
            "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0",
            expect!["torchrun: rank 5 of 8, here 1, at `a:1`, restarts 0"],
        );
    }

    #[test]
    fn what_torchrun_would_not_say_is_refused() {
        check("RANK=5", expect!["RANK is set, but WORLD_SIZE is not"]);
        check("WORLD_SIZE=5", expect!["WORLD_SIZE is set, but RANK is not"]);
        check("RANK=five WORLD_SIZE=8", expect!["RANK is `five`, expected a number"]);
        check("RANK=-1 WORLD_SIZE=8", expect!["RANK is `-1`, expected a number"]);
        check(
            "RANK=8 WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=1",
            expect!["torchrun gives rank 8 in a world of 8; ranks are counted from 0"],
        );
        check(
            "RANK=0 WORLD_SIZE=0 MASTER_ADDR=a MASTER_PORT=1",
            expect!["torchrun gives a world of 0 ranks"],
        );
        check(
            "RANK=1 WORLD_SIZE=8 LOCAL_RANK=4 LOCAL_WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1",
            expect!["torchrun gives local rank 4, but there are 4 ranks on this machine"],
        );
        check(
            "RANK=1 WORLD_SIZE=8 MASTER_PORT=1",
            expect![
                "torchrun gives several ranks, but MASTER_ADDR is not set | set MASTER_ADDR and MASTER_PORT to where rank 0 can be reached"
            ],
        );
        check(
            "RANK=1 WORLD_SIZE=8 MASTER_ADDR=a",
            expect![
                "torchrun gives several ranks, but MASTER_PORT is not set | set MASTER_ADDR and MASTER_PORT to where rank 0 can be reached"
            ],
        );
        check(
            "RANK=1 WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=70000",
            expect!["MASTER_PORT is `70000`, expected a port between 1 and 65535"],
        );
    }

    #[test]
    fn words_left_over_in_a_shell_are_noticed() {
        check(
            "RANK=0 WORLD_SIZE=1 SLURM_PROCID=2 SLURM_NTASKS=4 SLURM_STEP_ID=0",
            expect![
                "RANK and WORLD_SIZE say rank 0 of 1, SLURM says rank 2 of 4 | unset RANK and WORLD_SIZE, or set them in each process as it is started"
            ],
        );
        check(
            "RANK=0 WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2",
            expect![
                "RANK and WORLD_SIZE say rank 0 of 1, Open MPI says rank 1 of 2 | unset RANK and WORLD_SIZE, or set them in each process as it is started"
            ],
        );
        check(
            "RANK=2 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1 SLURM_PROCID=2 SLURM_NTASKS=4 SLURM_STEP_ID=0",
            expect!["torchrun: rank 2 of 4, here 0, at `a:1`, restarts 0"],
        );
    }

    #[test]
    fn a_pod_has_what_torchrun_would_be_told() {
        check(
            "PET_NNODES=4 PET_NODE_RANK=3 PET_MASTER_ADDR=run-0.run PET_MASTER_PORT=29400",
            expect!["the pod (PET_*): rank 3 of 4, here 0, at `run-0.run:29400`, restarts 0"],
        );
        check(
            "PET_NNODES=2:2 PET_NODE_RANK=1 PET_NPROC_PER_NODE=8 LOCAL_RANK=3 PET_MASTER_ADDR=m PET_MASTER_PORT=29400",
            expect!["the pod (PET_*): rank 11 of 16, here 3, at `m:29400`, restarts 0"],
        );
        check(
            "PET_NNODES=1 PET_NPROC_PER_NODE=1",
            expect!["the pod (PET_*): rank 0 of 1, here 0, at ``, restarts 0"],
        );
        check(
            "PET_NNODES=1:4 PET_NODE_RANK=0",
            expect!["PET_NNODES is `1:4`: the size of a world is fixed while it runs; say 1 or 4"],
        );
        check("PET_NNODES=2", expect!["PET_NNODES is 2, but PET_NODE_RANK is not set"]);
        check(
            "PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=auto",
            expect!["PET_NPROC_PER_NODE is `auto`, expected a number"],
        );
        check(
            "PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=8 PET_MASTER_ADDR=m PET_MASTER_PORT=1",
            expect![
                "PET_NPROC_PER_NODE is 8, but LOCAL_RANK is not set: nobody has started the processes of this node | start `torchrun --no-python knowcoder worker …`, which reads the same variables"
            ],
        );
        check(
            "PET_NNODES=2 PET_NODE_RANK=2 PET_MASTER_ADDR=m PET_MASTER_PORT=1",
            expect!["the pod (PET_*) gives rank 2 in a world of 2; ranks are counted from 0"],
        );
        check(
            "PET_NNODES=2 PET_NODE_RANK=1 PET_MASTER_PORT=1",
            expect![
                "the pod (PET_*) gives several ranks, but PET_MASTER_ADDR is not set | set PET_MASTER_ADDR and PET_MASTER_PORT to where rank 0 can be reached"
            ],
        );
    }

    #[test]
    fn a_task_of_slurm_knows_its_place() {
        check(
            "SLURM_PROCID=5 SLURM_NTASKS=8 SLURM_LOCALID=1 SLURM_STEP_ID=0 SLURM_JOB_ID=4711 SLURM_LAUNCH_NODE_IPADDR=10.0.0.7 SLURM_JOB_NODELIST=n[1-2]",
            expect!["SLURM: rank 5 of 8, here 1, at `10.0.0.7:19711`, restarts 0"],
        );
        check(
            "SLURM_PROCID=5 SLURM_NTASKS=8 SLURM_LOCALID=1 SLURM_STEP_ID=1 SLURM_JOB_ID=4711 SLURM_JOB_NODELIST=gpu[07-08,11] SLURM_RESTART_COUNT=1",
            expect!["SLURM: rank 5 of 8, here 1, at `gpu07:19812`, restarts 1"],
        );
        check(
            "SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0 SLURM_JOB_ID=1 MASTER_ADDR=ib-7 MASTER_PORT=4000 SLURM_LAUNCH_NODE_IPADDR=10.0.0.7",
            expect!["SLURM: rank 1 of 2, here 0, at `ib-7:4000`, restarts 0"],
        );
        check(
            "SLURM_PROCID=0 SLURM_NTASKS=1",
            expect!["SLURM: rank 0 of 1, here 0, at ``, restarts 0"],
        );
        check(
            "SLURM_PROCID=0 SLURM_NTASKS=4",
            expect![
                "this is the script of a SLURM job with 4 tasks, not one of its tasks | start the tasks with `srun knowcoder worker …`"
            ],
        );
        check(
            "SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_ID=0",
            expect![
                "SLURM does not say where rank 0 runs: neither SLURM_LAUNCH_NODE_IPADDR nor a list of nodes is set | export MASTER_ADDR, the name or address of the first node"
            ],
        );
        check(
            "SLURM_PROCID=0 SLURM_STEP_ID=0",
            expect!["SLURM_PROCID is set, but SLURM_NTASKS is not"],
        );
        // Part of the job's tasks; a script without tasks; a shell of `salloc`.
        check(
            "SLURM_PROCID=1 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0 MASTER_ADDR=a MASTER_PORT=1",
            expect!["SLURM: rank 1 of 2, here 0, at `a:1`, restarts 0"],
        );
        check("SLURM_PROCID=0", expect!["nothing"]);
        check("SLURM_NTASKS=4 SLURM_JOB_ID=7", expect!["nothing"]);
    }

    #[test]
    fn a_process_of_open_mpi_knows_its_place() {
        check(
            "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_PORT=4000",
            expect!["Open MPI: rank 1 of 2, here 1, at `127.0.0.1:4000`, restarts 0"],
        );
        check(
            "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_ADDR=node-a OMPI_MCA_ess_base_jobid=30001",
            expect!["Open MPI: rank 3 of 4, here 1, at `node-a:15001`, restarts 0"],
        );
        check(
            "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_SIZE=2",
            expect![
                "Open MPI does not say where rank 0 runs, and MASTER_ADDR is not set | mpirun -x MASTER_ADDR=HOST -x MASTER_PORT=PORT …, HOST being the first host"
            ],
        );
        check(
            "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 MASTER_ADDR=node-a",
            expect![
                "MASTER_PORT is not set, and nothing says a number of this job | set MASTER_PORT to a free port of the machine of rank 0"
            ],
        );
    }

    #[test]
    fn ranks_of_a_machine_are_counted() {
        let of_slurm = "SLURM_PROCID=1 SLURM_NTASKS=16 SLURM_STEP_ID=0 MASTER_ADDR=a MASTER_PORT=1";
        for (words, most) in [
            ("RANK=1 WORLD_SIZE=16 LOCAL_WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=1".to_owned(), 8),
            ("RANK=1 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1".to_owned(), 2),
            ("PET_NNODES=4 PET_NODE_RANK=1 PET_MASTER_ADDR=a PET_MASTER_PORT=1".to_owned(), 1),
            (format!("{of_slurm} SLURM_TASKS_PER_NODE=2,8(x2)"), 8),
            (format!("{of_slurm} SLURM_TASKS_PER_NODE=8(x4) SLURM_STEP_TASKS_PER_NODE=4(x4)"), 4),
            (format!("{of_slurm} SLURM_TASKS_PER_NODE=many"), 16),
            (of_slurm.to_owned(), 16),
        ] {
            let environment = environment(&words);
            let place = place(&environment).unwrap().unwrap();
            assert_eq!(local_world(&environment, &place).unwrap(), most, "{words}");
        }
    }

    #[test]
    fn who_sees_one_device_takes_it() {
        for (visible, found) in
            [(None, 3), (Some(""), 3), (Some("0,1,2,3"), 3), (Some("3"), 0), (Some("GPU-4c1f"), 0)]
        {
            assert_eq!(ordinal(3, visible), found, "{visible:?}");
        }
    }

    #[test]
    fn nothing_is_nothing() {
        check("", expect!["nothing"]);
        check("MASTER_ADDR=a MASTER_PORT=1 LOCAL_RANK=0", expect!["nothing"]);
        assert_eq!(place(&Environment::from([("RANK".into(), " ".into())])).unwrap(), None);
    }

    #[test]
    fn the_first_of_a_list_of_hosts() {
        for (list, first) in [
            ("n1", Some("n1")),
            ("n1,n2", Some("n1")),
            ("n[1-2]", Some("n1")),
            ("gpu[007,009-011],login", Some("gpu007")),
            ("a[01-03,7],b2", Some("a01")),
            ("rack[1-2]node[3-4]", Some("rack1node3")),
            ("rack[1-2]-ib,x", Some("rack1-ib")),
            ("n[", None),
            ("n[]", None),
            ("", None),
        ] {
            assert_eq!(first_host(list).as_deref(), first, "{list}");
        }
    }
}
