//! A process that works on a sweep: it reads the log, decides under a lock what follows from it, runs trials,
//! and writes what came of them.

use super::claims::{Claim, Claims, ourselves};
use super::definition::Sweep;
use super::devices::Devices;
use super::ending::Ending;
use super::held::{Held, Unwritten};
use super::log::{Event, Line, read};
use super::slot::{Job, Look, Slot};
use super::space::Point;
use super::spent::{spent, worked};
use super::state::{Fate, State};
use super::trial::{Setting, name};
use super::{accidents, outcome, rungs, sampler};
use crate::error::{Error, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the runs.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at the log where nothing was to be done.
const IDLE: Duration = Duration::from_millis(500);
/// Between two looks at what was spent.
const WATCH: Duration = Duration::from_secs(5);
/// How long runs may save before an error ends this process.
const SAVING: Duration = Duration::from_secs(120);

/// How the work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// There is nothing more to do.
    Over,
    /// The budget is used; what was at work has a checkpoint.
    Spent(String),
    /// It was asked to stop; what was at work has a checkpoint.
    Stopped,
}

/// Works on a sweep until nothing is left, the budget is used, or `stop` is set.
pub fn work(setting: &Setting, slots: usize, stop: &AtomicBool) -> Result<End, Error> {
    let mut claims = Claims::open(&setting.folder.claims())?;
    let Some(devices) = Devices::reserve(setting, slots, &mut claims, stop)? else {
        return Ok(End::Stopped);
    };
    let mut worker = Worker {
        setting,
        claims,
        devices,
        slots: (0..slots).map(|_| None).collect(),
        owner: ourselves(),
        next_look: Instant::now(),
        next_watch: Instant::now(),
    };
    worker.begin()?;
    let end = worker.go_on(stop);
    if end.is_err() {
        worker.save();
    }
    end
}

/// The first values that a sweep asks for, as long as none has come to anything.
pub fn first(sweep: &Sweep, count: usize) -> Vec<Point> {
    let mut state = State::default();
    while state.trials.len() < count
        && let Some(values) = sampler::ask(sweep, &state)
    {
        let event = Event::Asked { trial: state.trials.len(), values };
        state.take(&Line { time: String::new(), event }, sweep);
    }
    state.trials.into_iter().map(|trial| trial.values).collect()
}

struct Worker<'a> {
    setting: &'a Setting,
    claims: Claims,
    devices: Devices,
    slots: Vec<Option<Slot>>,
    owner: String,
    next_look: Instant,
    next_watch: Instant,
}

impl<'a> Worker<'a> {
    /// The log, and nobody else writes to it until this is dropped.
    fn hold(&mut self) -> Result<Held<'a>, Error> {
        let Self { claims, slots, devices, .. } = self;
        // However long others have it, nobody shall take us for dead.
        let claim = claims.wait("log", || beat(slots, devices))?;
        Held::open(self.setting, claim)
    }

    /// The first line, or a look at whose log it is and at what of it was lost.
    fn begin(&mut self) -> Result<(), Error> {
        loop {
            let mut held = self.hold()?;
            let noted = match &held.state.begun {
                Some((before, _)) => {
                    super::summary::check(before, self.setting)?;
                    self.find_lost(&mut held)
                }
                None => {
                    let version = env!("CARGO_PKG_VERSION").to_owned();
                    held.add(vec![Event::Begun { version, sweep: self.setting.sweep.essence() }])
                }
            };
            match noted {
                Ok(()) => return Ok(()),
                Err(Unwritten::Taken) => {}
                Err(Unwritten::Failed(error)) => return Err(error),
            }
        }
    }

    fn go_on(&mut self, stop: &AtomicBool) -> Result<End, Error> {
        let mut end = None;
        loop {
            self.poll()?;
            if end.is_none() && stop.load(Ordering::Relaxed) {
                eprintln!("stopping: {} run(s) are asked to save", self.busy());
                end = Some(End::Stopped);
            }
            if end.is_none() && Instant::now() >= self.next_watch {
                self.next_watch = Instant::now() + WATCH;
                end = self.watch()?;
            }
            match &end {
                Some(end) if self.busy() == 0 => return Ok(end.clone()),
                Some(_) => self.slots.iter_mut().flatten().for_each(Slot::ask_to_stop),
                None => {
                    let is_free = self.busy() < self.slots.len();
                    if is_free && Instant::now() >= self.next_look && self.fill()? {
                        return Ok(End::Over);
                    }
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn busy(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// What is at work saves before an error ends this process: the next one finds it lost, and its steps not.
    fn save(&mut self) {
        let patience = Instant::now() + SAVING;
        if self.busy() > 0 {
            eprintln!("an error ends the sweep: {} run(s) are asked to save", self.busy());
        }
        while Instant::now() < patience {
            beat(&mut self.slots, &mut self.devices);
            self.slots.iter_mut().flatten().for_each(Slot::ask_to_stop);
            if !self.slots.iter_mut().flatten().any(Slot::has_process) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Notes what ended.
    fn poll(&mut self) -> Result<(), Error> {
        if !self.devices.beat() {
            // Somebody else computes on them.
            self.slots.iter_mut().for_each(|slot| *slot = None);
            let message = "another worker has taken the GPUs of this one, having heard nothing of it for too long";
            return Err(Error::new(exit::TRANSIENT, message));
        }
        for index in 0..self.slots.len() {
            let Some(slot) = &mut self.slots[index] else { continue };
            let Job { trial, seed, .. } = slot.job;
            let is_noted = match slot.look(self.setting, &mut self.claims)? {
                Look::Busy => continue,
                Look::Taken => false,
                Look::Ended(ending) => {
                    let is_noted = self.note(index, &ending)?;
                    if let Ending::DiskFull(cause) = ending {
                        self.slots[index] = None;
                        return Err(full((trial, seed), &cause));
                    }
                    is_noted
                }
            };
            if !is_noted {
                eprintln!(
                    "warning: trial {trial}, seed {seed}: another process has taken it, having heard nothing of this one for too long"
                );
            }
            // Its claim goes after its end is in the log.
            self.slots[index] = None;
            self.next_look = Instant::now();
        }
        Ok(())
    }

    /// Notes how a run ended, unless somebody else has it by now; whether it was ours to note.
    fn note(&mut self, index: usize, ending: &Ending) -> Result<bool, Error> {
        loop {
            let mut held = self.hold()?;
            let Some(slot) = &self.slots[index] else { return Ok(true) };
            if !slot.is_ours()? {
                return Ok(false);
            }
            match held.add(outcome::of(&self.setting.sweep, slot, ending)) {
                Ok(()) => return Ok(true),
                Err(Unwritten::Taken) => {}
                Err(Unwritten::Failed(error)) => return Err(error),
            }
        }
    }

    /// Whether the budget is used, and whether a trial of ours has ended elsewhere.
    fn watch(&mut self) -> Result<Option<End>, Error> {
        let sweep = &self.setting.sweep;
        let state = State::of(&read(&self.setting.folder.log())?, sweep);
        for slot in self.slots.iter_mut().flatten() {
            if state.trials.get(slot.job.trial).is_some_and(|trial| trial.fate != Fate::Open) {
                slot.ask_to_stop();
            }
        }
        Ok(spent(self.setting, &state, &self.claims).map(End::Spent))
    }

    /// Gives free slots something to do; whether there is nothing more, for anybody.
    fn fill(&mut self) -> Result<bool, Error> {
        self.next_look = Instant::now() + IDLE;
        match self.give() {
            Ok(is_over) => Ok(is_over),
            // What followed from the log may not follow from it any more: the next look says.
            Err(Unwritten::Taken) => Ok(false),
            Err(Unwritten::Failed(error)) => Err(error),
        }
    }

    fn give(&mut self) -> Result<bool, Unwritten> {
        let mut held = self.hold()?;
        self.find_lost(&mut held)?;
        accidents::check(&held.state)?;
        let mut next = 0;
        loop {
            let Some(index) = (next..self.slots.len()).find(|index| self.slots[*index].is_none())
            else {
                return Ok(false);
            };
            beat(&mut self.slots, &mut self.devices);
            if let Some(slot) = self.next(&mut held, index)? {
                self.slots[index] = Some(slot);
                next = index + 1;
                continue;
            }
            let is_idle = held.state.waiting().is_empty() && held.state.running().next().is_none();
            return Ok(is_idle && self.busy() == 0);
        }
    }

    /// Runs whose process is gone wait again.
    fn find_lost(&mut self, held: &mut Held<'_>) -> Result<(), Unwritten> {
        let running: Vec<(usize, u64, u64)> =
            held.state.running().map(|(trial, seed, _, since)| (trial, seed, since)).collect();
        for (trial, seed, since) in running {
            let is_ours = |slot: &Slot| slot.job.trial == trial && slot.job.seed == seed;
            if self.slots.iter().flatten().any(is_ours) || !self.claims.is_free(&name(trial, seed))
            {
                continue;
            }
            let worked = worked(self.setting, &self.claims, (trial, seed), since);
            held.add(vec![Event::Lost { trial, seed, seconds: worked.as_secs_f64() }])?;
        }
        Ok(())
    }

    /// A run for a slot: one that waits, or one of a new trial.
    fn next(&mut self, held: &mut Held<'_>, index: usize) -> Result<Option<Slot>, Unwritten> {
        loop {
            if let Some((trial, seed, claim)) = self.take(held)? {
                self.check_sweep(held)?;
                let values = &held.state.trials[trial].values;
                // The recipe itself can be read: these values are none of its.
                if let Err(Error { message: cause, .. }) = self.setting.recipe(values, trial, seed)
                {
                    held.add(vec![Event::Infeasible { trial, cause }])?;
                    continue;
                }
                return self.start(held, (trial, seed), claim, index).map(Some);
            }
            let sweep = &self.setting.sweep;
            let asked = sampler::ask(sweep, &held.state);
            let decided = rungs::decide(sweep, &held.state, asked.is_none());
            if !decided.is_empty() {
                held.add(decided)?;
                continue;
            }
            let Some(values) = asked else { return Ok(None) };
            if !held.state.waiting().is_empty() {
                // Claims of the dead are buried: the next look finds them free.
                return Ok(None);
            }
            let trial = held.state.trials.len();
            held.add(vec![Event::Asked { trial, values }])?;
        }
    }

    /// A run that waits, ours now.
    fn take(&mut self, held: &Held<'_>) -> Result<Option<(usize, u64, Claim)>, Error> {
        for (trial, seed) in held.state.waiting() {
            if let Some(claim) = self.claims.take(&name(trial, seed))? {
                return Ok(Some((trial, seed, claim)));
            }
        }
        Ok(None)
    }

    /// Refuses to train from another recipe than trials before: its file may have changed since this process began.
    fn check_sweep(&self, held: &Held<'_>) -> Result<(), Error> {
        match &held.state.begun {
            Some((before, _)) => super::summary::check(before, self.setting),
            None => Ok(()),
        }
    }

    fn start(
        &mut self,
        held: &mut Held<'_>,
        (trial, seed): (usize, u64),
        claim: Claim,
        index: usize,
    ) -> Result<Slot, Unwritten> {
        let own = &held.state.trials[trial];
        let run = own.runs.get(&seed).cloned().unwrap_or_default();
        let until = self.setting.sweep.stop.rungs().get(own.goal).map(|step| (own.goal, *step));
        let failures = run.failures;
        let job = Job { trial, seed, values: own.values.clone(), until, failures };
        let slot = Slot::new(self.setting, job, claim, self.devices.of(index))?;
        let attempt = run.attempts + 1;
        let until = until.map(|(_, step)| step);
        let owner = self.owner.clone();
        held.add(vec![Event::Started { trial, seed, attempt, until, owner }])?;
        Ok(slot)
    }
}

/// Shows that we live; who finds that something is not ours any more does so when it is looked at.
fn beat(slots: &mut [Option<Slot>], devices: &mut Devices) {
    for slot in slots.iter_mut().flatten() {
        slot.beat();
    }
    devices.beat();
}

/// Why the sweep stops where nothing can be written: all trials would fail, and none for a reason of its own.
fn full((trial, seed): (usize, u64), cause: &str) -> Error {
    let message = format!("trial {trial}, seed {seed}: the disk is full: {cause}");
    Error::new(exit::TRANSIENT, message).hint(
        "make room (checkpoint.keep says how many checkpoints stay); the same command goes on",
    )
}
