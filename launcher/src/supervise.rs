//! One start of a run: ranks on the nodes of a crew, started together, stopped together.
//!
//! Each rank is the leader of its own process group, so that Ctrl-C reaches it only through us, and
//! it dies with its agent, however that dies. When one fails, the others soon fail too, because it no longer
//! answers them; what is reported is the first cause, and the rest is noise.

mod cause;
mod movement;

pub use cause::{Cause, End};

use crate::crew::{Crew, Member, News};
use crate::display::Display;
use crate::drive::drills::{Act, Drills};
use crate::drive::heard;
use crate::drive::standing::Writer;
use crate::error::{Error, exit};
use crate::events::Events;
use crate::interrupt::{Interrupts, Request};
use crate::logs::{Collapser, Log};
use crate::message::{
    Checkpoint, EarlyStop, Evaluated, Failure, Incident, Memory, Message, Progress, Resumed,
    Skipped,
};
use crate::plan::Worker;
use crate::standing::State;
use crate::wire::{Order, Report};
use cause::{Failed, first_cause};
use movement::Movement;
use serde_json::{Value, json};
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

    fn take(&mut self, node: usize, report: Report) -> Result<(), Error> {
        // What is left of an earlier start, or of a node that another has replaced, has nothing to say any more.
        let is_ours = |rank: usize, generation: u32| {
            generation == self.job.generation && self.job.places.get(rank) == Some(&node)
        };
        match report {
            Report::Started { rank, generation, .. }
            | Report::Said { rank, generation, .. }
            | Report::Ended { rank, generation, .. }
                if !is_ours(rank, generation) =>
            {
                Ok(())
            }
            Report::Started { rank, process, .. } => {
                self.standing.started(rank, process);
                let node = self.job.places.get(rank);
                let fields = json!({"rank": rank, "process": process, "node": node});
                Ok(self.events.record("rank-started", fields)?)
            }
            Report::Unstarted { reason, .. } => {
                self.signal(libc::SIGKILL);
                Err(Error::new(exit::TRANSIENT, reason))
            }
            // It has ended already.
            Report::Said { rank, .. } | Report::Ended { rank, .. }
                if !self.alive.contains(&rank) =>
            {
                Ok(())
            }
            Report::Said { rank, on_stderr: false, line, .. } => match Message::parse(&line) {
                Some(message) => self.told(rank, message),
                None => {
                    self.said(rank, false, &line);
                    Ok(())
                }
            },
            Report::Said { rank, on_stderr, line, .. } => {
                self.said(rank, on_stderr, &line);
                Ok(())
            }
            Report::Ended { rank, code, signal, out_of_memory, .. } => {
                let end = match (code, signal) {
                    (Some(code), _) => End::Code(code),
                    (None, Some(_)) if out_of_memory || self.found_no_memory(rank) => {
                        End::OutOfMemory
                    }
                    (None, signal) => End::Signal(signal.unwrap_or_default()),
                };
                self.ended(rank, end)
            }
            Report::Leaving => self.leaves(node),
            Report::Joined(_)
            | Report::Port { .. }
            | Report::Cleared { .. }
            | Report::Beat { .. }
            | Report::Probed { .. } => Ok(()),
        }
    }

    /// A node is taken away: all ranks save, and start again without it. With the driver's own goes the run.
    ///
    /// The stage stays: the driver itself may be asked to stop at the same time, which is no second request.
    fn leaves(&mut self, node: usize) -> Result<(), Error> {
        let member = &self.crew.members()[node];
        let rank = self.job.places.iter().position(|place| *place == node);
        if member.is_home && !self.stop_requested {
            self.stop_requested = true;
            self.events.record("stop-requested", json!({"by": "node"}))?;
            self.display.line("the driver's node is taken away: the run saves and ends");
        } else if !member.is_home && rank.is_some() && self.stage == Stage::Running {
            let line = format!("node {} is taken away: all ranks save", member.name);
            self.display.line(&line);
            self.leaving = self.leaving.or(rank);
        }
        if self.stage == Stage::Running && (member.is_home || rank.is_some()) {
            self.signal(libc::SIGTERM);
        }
        Ok(())
    }

    /// With a node, its ranks are gone.
    fn lost(&mut self, node: usize, reason: &str) -> Result<(), Error> {
        let Member { name, is_leaving, .. } = &self.crew.members()[node];
        let end = if *is_leaving { End::Drained } else { End::Lost };
        let words = match is_leaving {
            true => "its agent ended before its ranks did".to_owned(),
            false => format!("node `{name}` was lost: {reason}"),
        };
        let there: Vec<usize> =
            self.alive.iter().copied().filter(|rank| self.job.places[*rank] == node).collect();
        for rank in there {
            self.ranks[rank].last_words = Some(words.clone());
            self.ended(rank, end)?;
        }
        Ok(())
    }

    fn told(&mut self, rank: usize, message: Message) -> Result<(), Error> {
        match &message {
            Message::Failure(failure) => self.ranks[rank].failure = Some(failure.clone()),
            Message::Device(facts) => {
                let mut fields = json!({"rank": rank});
                if let (Some(fields), Ok(Value::Object(facts))) =
                    (fields.as_object_mut(), serde_json::to_value(facts))
                {
                    fields.extend(facts);
                }
                self.events.record("device", fields)?;
            }
            // All ranks are equally far; one of them is enough to watch.
            _ if rank != 0 => {}
            Message::Checkpoint(Checkpoint { path }) => {
                self.events.record("checkpoint", json!({"path": path}))?;
            }
            Message::Resumed(Resumed { phase, step }) => {
                self.events.record("resumed", json!({"phase": phase, "step": step}))?;
            }
            Message::Evaluated(Evaluated { phase, step, f1 }) => {
                let fields = json!({"phase": phase, "step": step, "f1": f1});
                self.events.record("evaluation", fields)?;
            }
            Message::EarlyStop(EarlyStop { phase, step, best, f1, weights }) => {
                let fields = json!({
                    "phase": phase, "step": step, "best": best, "f1": f1, "weights": weights,
                });
                self.events.record("early-stop", fields)?;
            }
            Message::Skipped(Skipped { reason }) => {
                self.events.record("checkpoint-skipped", json!({"reason": reason}))?;
            }
            Message::Incident(Incident { phase, step, reason, course, sample, path, .. }) => {
                let fields = json!({
                    "phase": phase,
                    "step": step,
                    "reason": reason,
                    "course": course,
                    "sample": sample,
                    "path": path,
                });
                self.events.record("incident", fields)?;
            }
            Message::Memory(Memory { phase, predicted, measured }) => {
                let fields = json!({"phase": phase, "predicted": predicted, "measured": measured});
                self.events.record("memory", fields)?;
            }
            Message::Progress(Progress { phase, step, .. }) => {
                self.reached = Some((phase.clone(), *step));
            }
            Message::Loading(_) | Message::Evaluation(_) | Message::Where(_) => {}
        }
        let now = Instant::now();
        self.movement.heard(rank, &message, now);
        self.standing.heard(rank, &message, now);
        if rank == 0 {
            self.display.report(&message, Instant::now());
        }
        Ok(())
    }

    fn said(&mut self, rank: usize, on_stderr: bool, line: &str) {
        let now = Instant::now();
        if let Err(error) = self.ranks[rank].log.write(line) {
            self.display.line(&format!("warning: the log of rank {rank} is cut off: {error}"));
        }
        if line.trim().is_empty() {
            return;
        }
        if on_stderr {
            // Its own verdict is worth more than what comes after it, such as a backtrace.
            let words = &mut self.ranks[rank].last_words;
            let is_verdict = |words: &str| words.starts_with("error: ");
            if is_verdict(line) || !words.as_deref().is_some_and(is_verdict) {
                *words = Some(line.trim().to_owned());
            }
        }
        self.collapser.push(rank, line, now);
        self.show(now);
    }

    /// Whether a rank's last words are those of an allocation that failed: its address space is limited, or the
    /// system gives out no more than it has.
    fn found_no_memory(&self, rank: usize) -> bool {
        let words = self.ranks[rank].last_words.as_deref().unwrap_or_default();
        words.starts_with("memory allocation of ") && words.ends_with(" bytes failed")
    }

    fn ended(&mut self, rank: usize, end: End) -> Result<(), Error> {
        self.alive.retain(|alive| *alive != rank);
        self.standing.ended(rank);
        self.events.record("rank-ended", json!({"rank": rank, "end": end.json()}))?;
        match end {
            End::Code(0) => {}
            End::Code(code) if code == i32::from(exit::STOPPED) => self.stopped = true,
            // What happens after we told them to end is our own doing.
            _ if matches!(self.stage, Stage::Terminating(_) | Stage::Killing(_)) => {}
            _ => {
                let last_words = self.ranks[rank].last_words.clone();
                let culprit = self.ranks[rank].failure.as_ref().and_then(|it| it.culprit);
                let reached = self.reached.clone();
                let node = self.node_of(rank);
                // Who failed by itself kept nobody waiting.
                let names = self.node_names();
                let verdict = culprit
                    .and_then(|_| self.movement.verdict(&self.job.places, &names, Instant::now()));
                let blamed = verdict.as_ref().and_then(|it| it.rank).or(culprit).unwrap_or(rank);
                let stopping = self.stop_requested;
                let cause =
                    Cause { rank, blamed, end, last_words, reached, node, verdict, stopping };
                self.failed.push(Failed { cause, culprit });
                if matches!(self.stage, Stage::Running | Stage::Asked) {
                    self.stage = Stage::Settling(Instant::now() + self.job.patience.settle);
                    self.recovers();
                }
            }
        }
        Ok(())
    }

    /// Says that ranks are being ended because of a failure; what is done about it is said after that.
    fn recovers(&mut self) {
        if !self.stop_requested {
            self.standing.state(State::Recovering);
        }
    }

    fn asked(&mut self, request: Request) -> Result<(), Error> {
        match request {
            Request::Stop => self.interrupted(),
            Request::Save => self.asked_to_save(),
        }
    }

    /// One rank hears of it, and tells the others with its next step: all save after the same step.
    fn asked_to_save(&mut self) -> Result<(), Error> {
        if let Some(&rank) = self.alive.first().filter(|_| self.stage == Stage::Running) {
            self.events.record("save-requested", json!({}))?;
            self.display.line("saving after the next step, and going on");
            self.send(&[rank], libc::SIGUSR2);
        }
        Ok(())
    }

    fn interrupted(&mut self) -> Result<(), Error> {
        let is_ending = matches!(self.stage, Stage::Settling(_) | Stage::Terminating(_));
        if is_ending && !self.stop_requested {
            // It ends already, and is not started again.
            self.stop_requested = true;
            self.events.record("stop-requested", json!({}))?;
            self.display.line("the ranks are ending; they will not be started again");
        } else if self.stage == Stage::Running {
            self.stage = Stage::Asked;
            self.stop_requested = true;
            self.events.record("stop-requested", json!({}))?;
            self.display.line(
                "stopping at the next step or batch of answers; the same command continues \
                 (once more to end at once)",
            );
            self.signal(libc::SIGTERM);
        } else {
            self.stage = Stage::Killing(Instant::now() + UNKILLABLE);
            self.killed = true;
            self.events.record("kill-requested", json!({}))?;
            self.signal(libc::SIGKILL);
        }
        Ok(())
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
        self.standing.look(self.crew, now);
        if !self.stop_requested && self.stage == Stage::Running && self.job.stop.exists() {
            // Ranks see it themselves; who reads of the run shall know why it stopped.
            self.stop_requested = true;
            self.events.record("stop-requested", json!({"by": "file"}))?;
        }
        self.drills(now)?;
        if let Some((rank, share)) = self.movement.straggler() {
            self.straggles(rank, share)?;
        }
        if self.stage == Stage::Running
            && let Some(seconds) = self.movement.stands_still(now, self.job.hang)
        {
            self.hangs(seconds)?;
        }
        match self.stage {
            Stage::Settling(until) if now >= until => {
                self.stage = Stage::Terminating(now + self.job.patience.terminate);
                self.events.record("terminating", json!({"ranks": self.alive}))?;
                self.signal(libc::SIGTERM);
            }
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

    /// The others wait for a rank most of the time; nothing is done but saying so.
    fn straggles(&mut self, rank: usize, share: f64) -> Result<(), Error> {
        let node = self.names()[rank].clone();
        let percent = (100.0 * share).round();
        let fields = json!({"rank": rank, "node": node, "others_wait_percent": percent});
        self.events.record("straggler", fields)?;
        self.display.line(&format!(
            "warning: rank {rank} ({node}) is slow: all others wait for it {percent} % of the time or more"
        ));
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

    /// Ranks that not even SIGKILL ends are left to their nodes, which take no further part.
    fn give_up(&mut self) -> Result<(), Error> {
        let mut nodes: Vec<usize> = self.alive.iter().map(|rank| self.job.places[*rank]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            self.crew.give_up(node);
            self.lost(node, "processes there do not end, not even by SIGKILL")?;
        }
        Ok(())
    }

    /// Nothing has moved for so long, and no rank says so by itself.
    fn hangs(&mut self, seconds: f64) -> Result<(), Error> {
        let verdict = self.movement.verdict(&self.job.places, &self.node_names(), Instant::now());
        let rank = verdict.as_ref().and_then(|it| it.rank).unwrap_or(0);
        let words = format!("nothing has moved for {seconds:.0} s (faults.hang)");
        let cause = Cause {
            rank,
            blamed: rank,
            stopping: false,
            end: End::Hung,
            last_words: Some(words),
            reached: self.reached.clone(),
            node: self.node_of(rank),
            verdict,
        };
        self.failed.push(Failed { cause, culprit: None });
        self.stage = Stage::Terminating(Instant::now() + self.job.patience.terminate);
        self.recovers();
        self.events.record("terminating", json!({"ranks": self.alive}))?;
        self.signal(libc::SIGTERM);
        Ok(())
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

    fn end(mut self) -> Result<Ending, Error> {
        for line in self.collapser.rest() {
            self.display.line(&line);
        }
        self.display.finish();
        let first = first_cause(&self.failed);
        // Who was asked to end before it could listen, or waited for one who was gone, tells nothing new.
        let follows =
            first.is_none_or(|it| it.culprit.is_some() || !matches!(it.cause.end, End::Code(_)));
        let drained = self.drained().filter(|_| follows && (self.stopped || first.is_some()));
        let mut cause = drained.or_else(|| first.map(|failed| failed.cause.clone()));
        if let Some(cause) = &mut cause {
            cause.stopping |= self.stop_requested;
        }
        let ending = match cause {
            _ if self.killed => Ending::Killed,
            // A rank that was asked before it could listen.
            Some(Cause { end: End::Signal(libc::SIGTERM), .. })
                if self.stop_requested && (self.stopped || self.reached.is_none()) =>
            {
                Ending::Stopped
            }
            // Who was asked while all met left, and the others found nobody to meet.
            Some(_) if self.left_before_all_met(first) => Ending::Stopped,
            Some(cause) => Ending::Failed(cause),
            None if self.stopped => Ending::Stopped,
            None => Ending::Done,
        };
        Ok(ending)
    }

    /// Whether a rank only failed because another one had stopped, as asked, before anything was done.
    fn left_before_all_met(&self, first: Option<&Failed>) -> bool {
        let is_witness = first.is_some_and(|it| it.culprit.is_some());
        self.stop_requested && self.stopped && self.reached.is_none() && is_witness
    }

    /// The end of a node that was taken away, unless the run shall end anyway.
    fn drained(&self) -> Option<Cause> {
        let rank = self.leaving.filter(|_| !self.stop_requested && !self.job.stop.exists())?;
        let words = match self.stopped && self.failed.is_empty() {
            true => "its agent was asked to end, and all ranks saved before",
            false => "its agent was asked to end, and was gone before all ranks had saved",
        };
        Some(Cause {
            rank,
            blamed: rank,
            end: End::Drained,
            last_words: Some(words.to_owned()),
            reached: self.reached.clone(),
            node: self.node_of(rank),
            verdict: None,
            stopping: false,
        })
    }
}

#[cfg(test)]
mod tests;
