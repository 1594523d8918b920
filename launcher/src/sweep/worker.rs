//! A process that works on a sweep: it reads the log, decides under a lock what follows from it, runs trials,
//! and writes what came of them.

use super::claims::{Claim, Claims, ourselves};
use super::definition::Sweep;
use super::ending::Ending;
use super::log::{Event, Line, Log, read};
use super::metric::steps_done;
use super::slot::{Job, Look, Slot};
use super::space::Point;
use super::state::{Fate, State};
use super::trial::{Setting, name};
use super::{devices, rungs, sampler, telling};
use crate::error::{Error, exit};
use crate::events::milliseconds;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two looks at the runs.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at the log where nothing was to be done.
const IDLE: Duration = Duration::from_millis(500);
/// Between two looks at what was spent.
const WATCH: Duration = Duration::from_secs(5);
/// So many trials that fail before one has come to anything are no accident.
const ACCIDENTS: usize = 3;

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
    let mut worker = Worker {
        setting,
        claims: Claims::open(&setting.folder.claims())?,
        slots: (0..slots).map(|_| None).collect(),
        owner: ourselves(),
        next_look: Instant::now(),
        next_watch: Instant::now(),
    };
    worker.begin()?;
    worker.go_on(stop)
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
    slots: Vec<Option<Slot>>,
    owner: String,
    next_look: Instant,
    next_watch: Instant,
}

/// The log while it is ours, and what it comes to.
struct Held<'a> {
    setting: &'a Setting,
    log: Log,
    state: State,
    _claim: Claim,
}

impl Held<'_> {
    fn add(&mut self, event: Event) -> Result<(), Error> {
        let line = self.log.add(event)?;
        self.state.take(&line, &self.setting.sweep);
        telling::say(&line, self.setting);
        Ok(())
    }
}

impl<'a> Worker<'a> {
    /// The log, and nobody else writes to it until this is dropped.
    fn hold(&mut self) -> Result<Held<'a>, Error> {
        let claim = self.claims.wait("log")?;
        let path = self.setting.folder.log();
        let log = Log::open(&path)?;
        let state = State::of(&read(&path)?, &self.setting.sweep);
        Ok(Held { setting: self.setting, log, state, _claim: claim })
    }

    /// The first line, or a look at whose log it is.
    fn begin(&mut self) -> Result<(), Error> {
        let mut held = self.hold()?;
        match &held.state.begun {
            Some((before, _)) => super::summary::check(before, self.setting),
            None => {
                let version = env!("CARGO_PKG_VERSION").to_owned();
                held.add(Event::Begun { version, sweep: self.setting.sweep.essence() })
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

    /// Notes what ended.
    fn poll(&mut self) -> Result<(), Error> {
        for index in 0..self.slots.len() {
            let Some(slot) = &mut self.slots[index] else { continue };
            match slot.look(self.setting, &mut self.claims)? {
                Look::Busy => continue,
                Look::Taken => {
                    let Job { trial, seed, .. } = slot.job;
                    eprintln!(
                        "warning: trial {trial}, seed {seed}: another process has taken it, having heard nothing of this one for too long"
                    );
                }
                Look::Ended(ending) => {
                    let mut held = self.hold()?;
                    if let Some(slot) = &self.slots[index] {
                        note(&mut held, slot, ending)?;
                    }
                }
            }
            // Its claim goes after its end is in the log.
            self.slots[index] = None;
            self.next_look = Instant::now();
        }
        Ok(())
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
        Ok(spent(self.setting, &state).map(End::Spent))
    }

    /// Gives free slots something to do; whether there is nothing more, for anybody.
    fn fill(&mut self) -> Result<bool, Error> {
        self.next_look = Instant::now() + IDLE;
        let mut held = self.hold()?;
        self.find_lost(&mut held)?;
        give_up(&held.state)?;
        let mut next = 0;
        loop {
            let Some(index) = (next..self.slots.len()).find(|index| self.slots[*index].is_none())
            else {
                return Ok(false);
            };
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
    fn find_lost(&mut self, held: &mut Held<'_>) -> Result<(), Error> {
        let running: Vec<(usize, u64, u64)> =
            held.state.running().map(|(trial, seed, _, since)| (trial, seed, since)).collect();
        for (trial, seed, since) in running {
            let is_ours = |slot: &Slot| slot.job.trial == trial && slot.job.seed == seed;
            if self.slots.iter().flatten().any(is_ours) || !self.claims.is_free(&name(trial, seed))
            {
                continue;
            }
            // As long as its files say that it worked.
            let metrics = self.setting.folder.run(trial, seed).metrics();
            let last = std::fs::metadata(metrics).and_then(|it| it.modified()).ok();
            let last = last.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
            let worked = last.map_or(0, |it| (it.as_millis() as u64).saturating_sub(since));
            held.add(Event::Lost { trial, seed, seconds: worked as f64 / 1000.0 })?;
        }
        Ok(())
    }

    /// A run for a slot: one that waits, or one of a new trial.
    fn next(&mut self, held: &mut Held<'_>, index: usize) -> Result<Option<Slot>, Error> {
        loop {
            for (trial, seed) in held.state.waiting() {
                if let Some(claim) = self.claims.take(&name(trial, seed))? {
                    return self.start(held, (trial, seed), claim, index).map(Some);
                }
            }
            let sweep = &self.setting.sweep;
            let asked = sampler::ask(sweep, &held.state);
            let decided = rungs::decide(sweep, &held.state, asked.is_none());
            if !decided.is_empty() {
                decided.into_iter().try_for_each(|event| held.add(event))?;
                continue;
            }
            let Some(values) = asked else { return Ok(None) };
            if !held.state.waiting().is_empty() {
                // Claims of the dead are buried: the next look finds them free.
                return Ok(None);
            }
            let trial = held.state.trials.len();
            let seed = sweep.seeds.first().copied().unwrap_or_default();
            let recipe = self.setting.recipe(&values, trial, seed);
            held.add(Event::Asked { trial, values })?;
            if let Err(error) = recipe {
                held.add(Event::Infeasible { trial, cause: error.message })?;
            }
        }
    }

    fn start(
        &mut self,
        held: &mut Held<'_>,
        (trial, seed): (usize, u64),
        claim: Claim,
        index: usize,
    ) -> Result<Slot, Error> {
        let own = &held.state.trials[trial];
        let run = own.runs.get(&seed).cloned().unwrap_or_default();
        let until = self.setting.sweep.stop.rungs().get(own.goal).map(|step| (own.goal, *step));
        let failures = run.failures;
        let job = Job { trial, seed, values: own.values.clone(), until, failures };
        let slot = Slot::new(
            self.setting,
            job,
            claim,
            devices::of(self.setting, index, self.slots.len())?,
        )?;
        let attempt = run.attempts + 1;
        let until = until.map(|(_, step)| step);
        let owner = self.owner.clone();
        held.add(Event::Started { trial, seed, attempt, until, owner })?;
        Ok(slot)
    }
}

/// Notes how a run ended.
fn note(held: &mut Held<'_>, slot: &Slot, ending: Ending) -> Result<(), Error> {
    let (sweep, seconds) = (&held.setting.sweep, slot.seconds());
    let Job { trial, seed, until, .. } = slot.job;
    let nothing = |step: String| Event::Failed {
        trial,
        seed,
        code: exit::DATA,
        cause: format!(
            "{} has no value {step}: no benchmark has an annotated object of it",
            sweep.metric
        ),
        again: false,
        seconds,
    };
    match ending {
        Ending::Done => {
            let value = sweep.metric.last(&slot.run_dir, &sweep.phase)?;
            held.add(match value {
                None if !sweep.metric.is_loss() => nothing("at the end".to_owned()),
                value => Event::Finished { trial, seed, value, seconds },
            })
        }
        Ending::Stopped => {
            let came = match until {
                Some((_, step)) => steps_done(&slot.run_dir, &sweep.phase)? >= step,
                None => false,
            };
            let Some((rung, step)) = until.filter(|_| came) else {
                return held.add(Event::Interrupted { trial, seed, seconds });
            };
            let value = sweep.metric.at(&slot.run_dir, &sweep.phase, step)?;
            held.add(match value {
                None if !sweep.metric.is_loss() => nothing(format!("at step {step}")),
                value => Event::Paused { trial, seed, rung, step, value, seconds },
            })
        }
        Ending::Infeasible(cause) => {
            held.add(Event::Interrupted { trial, seed, seconds })?;
            held.add(Event::Infeasible { trial, cause })
        }
        Ending::Failed { code, cause, may_pass } => {
            let again = may_pass && slot.job.failures < sweep.retries;
            held.add(Event::Failed { trial, seed, code, cause, again, seconds })
        }
    }
}

/// What of the budget is used up, if anything is.
fn spent(setting: &Setting, state: &State) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = now.as_millis() as u64;
    let budget = setting.sweep.budget;
    let begun = state.begun.as_ref().and_then(|(_, time)| milliseconds(time)).unwrap_or(now);
    let wall = Duration::from_millis(now.saturating_sub(begun));
    if let Some(limit) = budget.wall.filter(|limit| wall >= *limit) {
        return Some(format!(
            "{} s have passed since it began, the limit is {} s",
            wall.as_secs(),
            limit.as_secs()
        ));
    }
    let at_work: u64 = state.running().map(|(.., since)| now.saturating_sub(since)).sum();
    let seconds = state.seconds + at_work as f64 / 1000.0;
    let hours = seconds * setting.cluster.ranks as f64 / 3600.0;
    let limit = budget.gpu_hours.filter(|limit| hours >= *limit)?;
    Some(format!("{hours:.2} hours of ranks are used, the limit is {limit}"))
}

/// Refuses to go on where trials fail for a reason that is none of theirs.
fn give_up(state: &State) -> Result<(), Error> {
    let mut failed = state.trials.iter().filter_map(|trial| match &trial.fate {
        Fate::Failed { code, cause } => Some((trial.number, *code, cause)),
        _ => None,
    });
    if state.trials.iter().any(|trial| trial.newest().is_some()) {
        return Ok(());
    }
    match failed.nth(ACCIDENTS - 1) {
        None => Ok(()),
        Some((trial, code, cause)) => {
            let message = format!(
                "{ACCIDENTS} trials failed and none came to anything; trial {trial}: {cause}"
            );
            Err(Error::new(code, message)
                .hint("see the folder `logs` of the sweep; mend it, and begin with another --out"))
        }
    }
}
