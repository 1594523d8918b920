//! A rank's place among the others, and what it knows them by.

use crate::cli;
use crate::error::{Error, exit};
use crate::lock::RunLock;
use crate::surroundings::{self, Launcher};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use trainer::RunDir;
use trainer::collective::{CollectiveError, Secret};
use trainer::requests::Requests;
use trainer::run::Outcome;

/// Which rank this is, and what it may rely on.
pub struct Place {
    /// Its number, from 0.
    pub rank: usize,
    /// How many there are.
    pub world: usize,
    /// Its number among those of its machine, as its device counts.
    pub local_rank: usize,
    /// How many its machine has.
    pub local_world: usize,
    /// Where rank 0 listens, `host:port`.
    pub rendezvous: String,
    /// The how-manieth start of the run it belongs to.
    pub generation: u32,
    /// Who else started it, if not a launcher of ours.
    pub by: Option<Launcher>,
}

impl Place {
    /// As the command line says it, or else the environment. A rank of somebody else's launcher holds the run
    /// directory for the others: no launcher of ours does.
    pub fn of(args: &cli::Worker) -> Result<(Self, Option<RunLock>), Error> {
        if let (Some(rank), Some(world), Some(rendezvous)) =
            (args.rank, args.world, &args.rendezvous)
        {
            if rank >= world {
                let message =
                    format!("--rank is {rank} in a world of {world}; ranks are counted from 0");
                return Err(Error::new(exit::USAGE, message));
            }
            let own = Self {
                rank,
                world,
                local_rank: args.local_rank.unwrap_or(rank),
                local_world: args.local_world.map_or(world, |most| most as usize),
                rendezvous: rendezvous.clone(),
                generation: args.generation.unwrap_or(0),
                by: None,
            };
            return Ok((own, None));
        }
        let environment = surroundings::of_process();
        let Some(found) = surroundings::place(&environment)? else {
            let message = "nothing says which rank this is: no --rank, --world and --rendezvous, and no \
                           variables of torchrun, SLURM or Open MPI";
            return Err(Error::new(exit::USAGE, message).hint(
                "`knowcoder run` starts ranks by itself; docs/torchrun.md says how others do",
            ));
        };
        let visible = environment.get("CUDA_VISIBLE_DEVICES").map(String::as_str);
        let own = Self {
            rank: found.rank,
            world: found.world,
            local_world: surroundings::local_world(&environment, &found)?,
            local_rank: surroundings::ordinal(found.local_rank, visible),
            rendezvous: found.rendezvous,
            generation: args.generation.unwrap_or(found.restarts),
            by: Some(found.by),
        };
        let run_dir = RunDir::new(&args.run_dir);
        let lock = (own.rank == 0).then(|| RunLock::take(&run_dir.lock())).transpose()?;
        Ok((own, lock))
    }

    /// The run's directory; fenced where a coordinator counts its starts.
    pub fn run_dir(&self, args: &cli::Worker) -> RunDir {
        let run_dir = RunDir::new(&args.run_dir);
        match args.generation {
            Some(generation) => run_dir.fenced(generation),
            None => run_dir,
        }
    }

    /// What the ranks know each other by: the variable, or the file of the run. Where there is neither and no
    /// launcher of ours to make one, rank 0 does, and the others wait for it, unless they are asked to stop.
    pub fn secret(
        &self,
        args: &cli::Worker,
        requests: Option<&Requests>,
    ) -> Result<Secret, CollectiveError> {
        let path = RunDir::new(&args.run_dir).secret();
        if let Some(text) = std::env::var(SECRET).ok().filter(|text| !text.trim().is_empty()) {
            let wrong = |reason| CollectiveError::Secret { path: SECRET.into(), reason };
            return Secret::parse(&text).map_err(wrong);
        }
        if self.by.is_none() {
            return Secret::load(&path);
        }
        if self.rank == 0 {
            return if path.exists() { Secret::load(&path) } else { Secret::create(&path) };
        }
        let until = Instant::now() + Duration::from_secs(args.join_seconds);
        let stop = RunDir::new(&args.run_dir).stop();
        let is_asked = |requests: &Requests| requests.stop.load(Ordering::Relaxed) || stop.exists();
        loop {
            match Secret::load(&path) {
                Err(_) if requests.is_some_and(is_asked) => {
                    return Err(CollectiveError::Asked { rank: self.rank });
                }
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
                found => return found,
            }
        }
    }

    /// This rank was asked to stop before all had met, and has nothing to save. Where no launcher of ours takes the
    /// request away, rank 0 does, as behind a run that has begun, once the others had time to hear of it.
    pub fn left(&self, run_dir: &RunDir) -> Result<Outcome, trainer::Error> {
        if self.by.is_some() && self.rank == 0 {
            std::thread::sleep(HEARD);
            trainer::requests::remove(&run_dir.stop())?;
        }
        Ok(Outcome::Stopped)
    }
}

/// In which every rank has looked for the file of a request many times.
const HEARD: Duration = Duration::from_secs(2);

/// Names the variable with the secret of the run.
const SECRET: &str = "KNOWCODER_SECRET";
