//! One start of a run: ranks on the nodes of a crew, started together, stopped together.
//!
//! Each rank is the leader of its own process group, so that Ctrl-C reaches it only through us, and
//! it dies with its agent, however that dies. When one fails, the others soon fail too, because it no longer
//! answers them; what is reported is the first cause, and the rest is noise.

mod cause;
mod ending;
mod movement;
mod reports;

pub use cause::{Cause, End};

use crate::crew::{Crew, News};
use crate::display::Display;
use crate::drive::drills::{Act, Drills};
use crate::drive::heard;
use crate::drive::standing::Writer;
use crate::error::Error;
use crate::events::Events;
use crate::interrupt::Interrupts;
use crate::logs::{Collapser, Log};
use crate::message::Failure;
use crate::plan::Worker;
use crate::wire::Order;
use cause::Failed;
use movement::Movement;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often deadlines and waiting lines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long killed ranks may take to be gone: who waits for a dead file server cannot even be killed.
const UNKILLABLE: Duration = Duration::from_secs(15);

/// How long to wait at each stage of an ending.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After the first failure, for the one that caused it to end too.
    pub settle: Duration,
    /// After SIGTERM, until SIGKILL.
    pub terminate: Duration,
    /// After a rank has ended, for the last of its words.
    pub last_words: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(1),
            terminate: Duration::from_secs(5),
            last_words: Duration::from_millis(500),
        }
    }
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Job {
    /// The how-manieth start of the run this is.
    pub generation: u32,
    /// One process each.
    pub workers: Vec<Worker>,
    /// The node of each.
    pub places: Vec<usize>,
    /// Seconds in which nothing moves after which the run is taken to hang; 0: never.
    pub hang: u64,
    /// The file that asks for a stop.
    pub stop: PathBuf,
    /// The folder of `rank-N.log`.
    pub logs: PathBuf,
    /// What each log begins with, such as the time of this start.
    pub heading: String,
    /// How long to wait for what.
    pub patience: Patience,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every rank did everything.
    Done,
    /// The ranks stopped with a checkpoint, as they were asked to.
    Stopped,
    /// The user insisted.
    Killed,
    /// A rank failed.
    Failed(Cause),
}

/// Runs the job to its end, whatever that is.
///
/// To be called from the thread that lives as long as the program: the kernel ends the ranks of an agent in
/// this process when the thread that started them ends.
pub async fn supervise(
    job: &Job,
    crew: &mut Crew,
    interrupts: &mut Interrupts,
    events: &mut Events,
    shown: Shown<'_>,
) -> Result<Ending, Error> {
    let mut watch = Watch::new(job, crew, events, shown)?;
    watch.begin();
    let mut tick = tokio::time::interval(TICK);
    while !watch.alive.is_empty() {
        tokio::select! {
            (node, news) = watch.crew.next() => watch.hear(node, news)?,
            request = interrupts.next() => watch.asked(request)?,
            _ = tick.tick() => watch.look(Instant::now())?,
        }
    }
    watch.end()
}

/// Where it is told how a run stands.
pub struct Shown<'a> {
    /// The terminal.
    pub display: &'a mut Display,
    /// The file for everybody else.
    pub standing: &'a mut Writer,
    /// What somebody wants to go wrong.
    pub drills: &'a mut Drills,
}

/// How far an ending is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The user wants it to stop at the next step.
    Asked,
    /// A rank failed; until then its cause may still show.
    Settling(Instant),
    /// The others were told to end; until then they may do so by themselves.
    Terminating(Instant),
    /// They were killed; until then their agents may say so.
    Killing(Instant),
}

/// What is known of a rank.
struct Rank {
    log: Log,
    last_words: Option<String>,
    failure: Option<Failure>,
}

struct Watch<'a> {
    job: &'a Job,
    crew: &'a mut Crew,
    events: &'a mut Events,
    display: &'a mut Display,
    standing: &'a mut Writer,
    drills: &'a mut Drills,
    movement: Movement,
    ranks: Vec<Rank>,
    alive: Vec<usize>,
    stage: Stage,
    collapser: Collapser,
    /// Failures that were not our doing, in their order.
    failed: Vec<Failed>,
    stop_requested: bool,
    killed: bool,
    /// A rank stopped with a checkpoint.
    stopped: bool,
    /// The last step that was done, as rank 0 said.
    reached: Option<(String, usize)>,
    /// The first rank of a node that was taken away while the ranks ran.
    leaving: Option<usize>,
}

impl<'a> Watch<'a> {
    fn new(
        job: &'a Job,
        crew: &'a mut Crew,
        events: &'a mut Events,
        shown: Shown<'a>,
    ) -> Result<Self, Error> {
        let collapser = Collapser::new(job.workers.len());
        let mut ranks = Vec::new();
        for worker in &job.workers {
            let path = job.logs.join(format!("rank-{}.log", worker.rank));
            let log = Log::open(&path, &job.heading)?;
            ranks.push(Rank { log, last_words: None, failure: None });
        }
        Ok(Self {
            job,
            crew,
            events,
            display: shown.display,
            standing: shown.standing,
            drills: shown.drills,
            movement: Movement::new(job.workers.len()),
            ranks,
            alive: (0..job.workers.len()).collect(),
            stage: Stage::Running,
            collapser,
            failed: Vec::new(),
            stop_requested: false,
            killed: false,
            stopped: false,
            reached: None,
            leaving: None,
        })
    }

    /// Tells each node which ranks it has.
    fn begin(&mut self) {
        let generation = self.job.generation;
        let mut nodes = self.job.places.clone();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            let here = |worker: &&Worker| self.job.places[worker.rank] == node;
            let workers = self.job.workers.iter().filter(here).cloned().collect();
            self.crew.order(node, Order::Start { generation, workers });
        }
        self.standing.began(self.crew, self.job);
    }

    fn hear(&mut self, node: usize, news: News) -> Result<(), Error> {
        heard(self.events, self.crew, node, &news)?;
        match news {
            News::Says(report) => self.take(node, report),
            News::Lost(reason) => self.lost(node, &reason),
            News::Joined(_) | News::Absent(_) => Ok(()),
        }
    }

    /// What is due at `now`.
    fn look(&mut self, now: Instant) -> Result<(), Error> {
        self.show(now);
        for _ in 0..self.display.asked() {
            self.interrupted()?;
        }
        for (node, news) in self.crew.look(now) {
            self.hear(node, news)?;
        }
        for node in self.gone() {
            self.lost(node, "it is not there any more")?;
        }
        self.standing.look(self.crew, now)?;
        self.asked_by_file()?;
        self.drills(now)?;
        if let Some((rank, share)) = self.movement.straggler() {
            self.straggles(rank, share)?;
        }
        // Who was asked to stop may hang as well.
        if matches!(self.stage, Stage::Running | Stage::Asked)
            && let Some(seconds) = self.movement.stands_still(now, self.job.hang)
        {
            self.hangs(seconds)?;
        }
        match self.stage {
            Stage::Settling(until) if now >= until => self.terminate(now)?,
            Stage::Killing(until) if now >= until => self.give_up()?,
            Stage::Terminating(until) if now >= until => {
                self.stage = Stage::Killing(now + UNKILLABLE);
                self.events.record("killing", json!({"ranks": self.alive}))?;
                self.signal(libc::SIGKILL);
            }
            _ => {}
        }
        Ok(())
    }

    /// Nodes that are not there although ranks of theirs should be.
    fn gone(&self) -> Vec<usize> {
        let places = self.alive.iter().map(|rank| self.job.places[*rank]);
        let mut gone: Vec<usize> =
            places.filter(|node| !self.crew.members()[*node].is_connected()).collect();
        gone.sort_unstable();
        gone.dedup();
        gone
    }

    /// What somebody wants to go wrong, to see that it is recovered from.
    fn drills(&mut self, now: Instant) -> Result<(), Error> {
        for drill in self.drills.asked(now, self.alive.last().copied()) {
            let fields =
                json!({"fault": drill.fault, "rank": drill.rank, "seconds": drill.seconds});
            self.events.record("drill", fields)?;
            self.display.line(&format!("a drill: {}", drill.words()));
        }
        for act in self.drills.due(now) {
            match act {
                Act::Signal { rank, signal } => self.send(&[rank], signal),
                Act::Node { rank, order } => {
                    if let Some(node) = self.job.places.get(rank) {
                        self.crew.order(*node, order);
                    }
                }
            }
        }
        Ok(())
    }

    fn show(&mut self, now: Instant) {
        for line in self.collapser.ready(now) {
            self.display.line(&line);
        }
    }

    /// Sends `signal` to the process group of every rank that is alive.
    fn signal(&self, signal: libc::c_int) {
        self.send(&self.alive, signal);
    }

    fn send(&self, ranks: &[usize], signal: libc::c_int) {
        for node in 0..self.crew.members().len() {
            // A drill may name a rank that there is not.
            let here = |rank: &usize| self.job.places.get(*rank) == Some(&node);
            let ranks: Vec<usize> = ranks.iter().copied().filter(here).collect();
            if !ranks.is_empty() {
                self.crew.order(node, Order::Signal { ranks, signal });
            }
        }
    }

    /// The name of a rank's node, where there are several.
    fn node_of(&self, rank: usize) -> Option<String> {
        let members = self.crew.members();
        (members.len() > 1).then(|| members[self.job.places[rank]].name.clone())
    }

    /// Of each node.
    fn node_names(&self) -> Vec<String> {
        self.crew.members().iter().map(|member| member.name.clone()).collect()
    }

    /// Of each rank's node.
    fn names(&self) -> Vec<String> {
        let members = self.crew.members();
        self.job.places.iter().map(|node| members[*node].name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
