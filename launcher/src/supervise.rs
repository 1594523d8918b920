//! Ranks as processes of this machine: started together, stopped together.
//!
//! Each rank is the leader of its own process group, so that Ctrl-C reaches it only through us, and
//! it dies with us, however we die. When one fails, the others soon fail too, because it no longer
//! answers them; what is reported is the first cause, and the rest is noise.

mod cause;
mod process;

pub use cause::{Cause, End};
pub use process::die_with_us;

use crate::display::Display;
use crate::error::{Error, exit};
use crate::events::Events;
use crate::interrupt::{Interrupts, Request};
use crate::logs::{Collapser, Log};
use crate::message::{
    Checkpoint, EarlyStop, Evaluated, Failure, Incident, Memory, Message, Progress, Resumed,
    Skipped,
};
use crate::plan::Worker;
use cause::{Failed, first_cause};
use process::{Happening, follow, start};
use serde_json::{Value, json};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::sync::mpsc;

/// How often deadlines and waiting lines are looked at.
const TICK: Duration = Duration::from_millis(50);

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
    /// The program; for each worker with other arguments.
    pub program: PathBuf,
    /// One process each.
    pub workers: Vec<Worker>,
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
/// To be called from the thread that lives as long as the program: the kernel ends the ranks when
/// the thread that started them ends.
pub async fn supervise(
    job: &Job,
    interrupts: &mut Interrupts,
    events: &mut Events,
    display: &mut Display,
) -> Result<Ending, Error> {
    let (sender, mut happenings) = mpsc::channel(1024);
    let mut watch = Watch::new(job, events, display)?;
    for worker in &job.workers {
        let child = match start(&job.program, worker) {
            Ok(child) => child,
            Err(source) => {
                watch.signal(libc::SIGKILL);
                let message = format!(
                    "failed to start rank {} as `{}`: {source}",
                    worker.rank,
                    job.program.display()
                );
                return Err(Error::new(exit::TRANSIENT, message));
            }
        };
        watch.started(worker.rank, &child)?;
        tokio::spawn(follow(worker.rank, child, sender.clone(), job.patience.last_words));
    }
    let mut tick = tokio::time::interval(TICK);
    while !watch.alive.is_empty() {
        tokio::select! {
            Some(happening) = happenings.recv() => watch.take(happening)?,
            request = interrupts.next() => watch.asked(request)?,
            _ = tick.tick() => watch.look(Instant::now())?,
        }
    }
    watch.end()
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
    Killing,
}

/// What is known of a rank.
struct Rank {
    process: libc::pid_t,
    log: Log,
    last_words: Option<String>,
    failure: Option<Failure>,
}

struct Watch<'a> {
    job: &'a Job,
    events: &'a mut Events,
    display: &'a mut Display,
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
}

impl<'a> Watch<'a> {
    fn new(job: &'a Job, events: &'a mut Events, display: &'a mut Display) -> Result<Self, Error> {
        let collapser = Collapser::new(job.workers.len());
        let mut ranks = Vec::new();
        for worker in &job.workers {
            let path = job.logs.join(format!("rank-{}.log", worker.rank));
            let log = Log::open(&path, &job.heading)?;
            ranks.push(Rank { process: 0, log, last_words: None, failure: None });
        }
        Ok(Self {
            job,
            events,
            display,
            ranks,
            alive: Vec::new(),
            stage: Stage::Running,
            collapser,
            failed: Vec::new(),
            stop_requested: false,
            killed: false,
            stopped: false,
            reached: None,
        })
    }

    fn started(&mut self, rank: usize, child: &Child) -> Result<(), Error> {
        let process = child.id().unwrap_or_default();
        self.ranks[rank].process = process as libc::pid_t;
        self.alive.push(rank);
        Ok(self.events.record("rank-started", json!({"rank": rank, "process": process}))?)
    }

    fn take(&mut self, happening: Happening) -> Result<(), Error> {
        match happening {
            Happening::Said { rank, on_stderr: false, line } => match Message::parse(&line) {
                Some(message) => self.told(rank, message),
                None => {
                    self.said(rank, false, &line);
                    Ok(())
                }
            },
            Happening::Said { rank, on_stderr, line } => {
                self.said(rank, on_stderr, &line);
                Ok(())
            }
            Happening::Ended { rank, status } => self.ended(rank, status),
        }
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

    fn ended(&mut self, rank: usize, status: io::Result<ExitStatus>) -> Result<(), Error> {
        self.alive.retain(|alive| *alive != rank);
        let end = match &status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => End::Code(code),
                (None, signal) => End::Signal(signal.unwrap_or_default()),
            },
            // We lost sight of it: as if it had been taken away.
            Err(_) => End::Signal(0),
        };
        self.events.record("rank-ended", json!({"rank": rank, "end": end.json()}))?;
        match end {
            End::Code(0) => {}
            End::Code(code) if code == i32::from(exit::STOPPED) => self.stopped = true,
            // What happens after we told them to end is our own doing.
            _ if matches!(self.stage, Stage::Terminating(_) | Stage::Killing) => {}
            _ => {
                let last_words = self.ranks[rank].last_words.clone();
                let culprit = self.ranks[rank].failure.as_ref().and_then(|it| it.culprit);
                let reached = self.reached.clone();
                self.failed
                    .push(Failed { cause: Cause { rank, end, last_words, reached }, culprit });
                if matches!(self.stage, Stage::Running | Stage::Asked) {
                    self.stage = Stage::Settling(Instant::now() + self.job.patience.settle);
                }
            }
        }
        Ok(())
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
            // SAFETY: `kill` touches no memory of ours; a group that is gone already is no harm.
            unsafe { libc::kill(-self.ranks[rank].process, libc::SIGUSR2) };
        }
        Ok(())
    }

    fn interrupted(&mut self) -> Result<(), Error> {
        if self.stage == Stage::Running {
            self.stage = Stage::Asked;
            self.stop_requested = true;
            self.events.record("stop-requested", json!({}))?;
            self.display.line(
                "stopping at the next step or batch of answers; the same command continues \
                 (once more to end at once)",
            );
            self.signal(libc::SIGTERM);
        } else {
            self.stage = Stage::Killing;
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
        match self.stage {
            Stage::Settling(until) if now >= until => {
                self.stage = Stage::Terminating(now + self.job.patience.terminate);
                self.events.record("terminating", json!({"ranks": self.alive}))?;
                self.signal(libc::SIGTERM);
            }
            Stage::Terminating(until) if now >= until => {
                self.stage = Stage::Killing;
                self.events.record("killing", json!({"ranks": self.alive}))?;
                self.signal(libc::SIGKILL);
            }
            _ => {}
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
        for &rank in &self.alive {
            // SAFETY: `kill` touches no memory of ours; a group that is gone already is no harm.
            unsafe { libc::kill(-self.ranks[rank].process, signal) };
        }
    }

    fn end(mut self) -> Result<Ending, Error> {
        for line in self.collapser.rest() {
            self.display.line(&line);
        }
        self.display.finish();
        let cause = first_cause(&self.failed).map(|failed| failed.cause.clone());
        let ending = match cause {
            _ if self.killed => Ending::Killed,
            // A rank that was asked before it could listen.
            Some(Cause { end: End::Signal(libc::SIGTERM), .. }) if self.stop_requested => {
                Ending::Stopped
            }
            Some(cause) => Ending::Failed(cause),
            None if self.stopped => Ending::Stopped,
            None => Ending::Done,
        };
        if let Ending::Failed(cause) = &ending {
            let Cause { rank, end, last_words, reached } = cause;
            let mut fields = json!({
                "rank": rank,
                "end": end.json(),
                "exit_code": cause.exit_code(),
                "last_words": last_words,
            });
            if let Some((phase, step)) = reached {
                fields["phase"] = json!(phase);
                fields["step"] = json!(step);
            }
            self.events.record("failed", fields)?;
        }
        Ok(ending)
    }
}

#[cfg(test)]
mod tests;
