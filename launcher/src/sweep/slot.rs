//! A place where one run at a time is at work: its shards are there or made, it is held against the memory,
//! then it trains.

use super::claims::{Claim, Claims};
use super::company::{Alone, Company};
use super::ending::{self, Begun, Ending};
use super::shards;
use super::space::Point;
use super::trial::{Setting, name};
use crate::cluster::Backend;
use crate::error::{Error, exit};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};
use trainer::{Recipe, RunDir};

/// Which run, and how far.
#[derive(Clone, Debug)]
pub struct Job {
    /// The number of its trial.
    pub trial: usize,
    /// Its seed.
    pub seed: u64,
    /// The values of its trial.
    pub values: Point,
    /// The rung that it goes to, and its step; none: to its end.
    pub until: Option<(usize, usize)>,
    /// How often it failed just before.
    pub failures: usize,
}

/// A run at work.
pub struct Slot {
    /// Which.
    pub job: Job,
    /// Its directory.
    pub run_dir: RunDir,
    claim: Claim,
    recipe: Recipe,
    shards: RunDir,
    hash: String,
    stage: Stage,
    /// GPUs that are its own, where it computes on this machine's.
    devices: Option<String>,
    /// Its newest process.
    begun: Begun,
    /// The others on this machine, where what they take is missing here.
    company: Option<Company>,
    /// Its steps when it was begun.
    steps: Option<(u64, SystemTime)>,
    is_asked: bool,
}

enum Stage {
    /// For its shards, and not before a moment.
    Awaiting(Instant),
    /// They are made here; the claim says so to others.
    Preparing(Child, Claim),
    Training(Child),
}

/// How a run goes.
pub enum Look {
    /// On.
    Busy,
    /// It ended; the slot is free when this is noted.
    Ended(Ending),
    /// Somebody took us for dead and has it now: nothing of it is ours to note.
    Taken,
}

/// After a failure the next attempt waits so long, and longer the more of them there were.
const PATIENCE: Duration = Duration::from_secs(2);

impl Slot {
    /// A run that is ours by `claim`.
    pub fn new(
        setting: &Setting,
        job: Job,
        claim: Claim,
        devices: Option<String>,
    ) -> Result<Self, Error> {
        let recipe = setting.recipe(&job.values, job.trial, job.seed)?;
        let hash = shards::hash(&recipe);
        let from = Instant::now() + PATIENCE * u32::try_from(job.failures).unwrap_or(1);
        let run_dir = setting.folder.run(job.trial, job.seed);
        // On the CPU a rank may use what is free, unless the recipe says how much.
        let is_shared = setting.cluster.backend == Backend::Local
            && recipe.run.device == "flex"
            && recipe.memory.budget_gib.is_none();
        Ok(Self {
            begun: Begun::now(&run_dir),
            run_dir,
            shards: setting.folder.shards(&hash),
            company: is_shared.then(|| Company::new(&name(job.trial, job.seed))),
            job,
            claim,
            recipe,
            hash,
            stage: Stage::Awaiting(from),
            devices,
            steps: None,
            is_asked: false,
        })
    }

    /// Of training, without what it waited for.
    pub fn seconds(&self) -> f64 {
        self.claim.worked().as_secs_f64()
    }

    /// Whether somebody asked it to stop: the sweep, or whoever spoke to the run itself.
    pub fn was_asked_to_stop(&self) -> bool {
        self.is_asked || self.begun.was_asked_to_stop()
    }

    /// Shows that its owner lives; whether the run still is ours, as far as is known.
    pub fn beat(&mut self) -> bool {
        if let Stage::Preparing(_, claim) = &mut self.stage {
            claim.beat();
        }
        self.company.iter_mut().for_each(Company::beat);
        self.claim.beat()
    }

    /// Whether the run still is ours; to be asked before anything is said of it.
    pub fn is_ours(&self) -> Result<bool, Error> {
        self.claim.is_ours().map_err(|error| {
            Error::new(
                exit::TRANSIENT,
                format!(
                    "failed to look who has trial {}, seed {}: {error}",
                    self.job.trial, self.job.seed
                ),
            )
        })
    }

    /// Whether it has a process.
    pub fn has_process(&mut self) -> bool {
        match &mut self.stage {
            Stage::Awaiting(_) => false,
            Stage::Preparing(child, _) | Stage::Training(child) => {
                matches!(child.try_wait(), Ok(None))
            }
        }
    }

    /// Asks the run to stop with a checkpoint, once.
    pub fn ask_to_stop(&mut self) {
        if std::mem::replace(&mut self.is_asked, true) {
            return;
        }
        if let Stage::Preparing(child, _) | Stage::Training(child) = &mut self.stage
            && matches!(child.try_wait(), Ok(None))
        {
            // SAFETY: the process is ours and has not ended, so its number is still its own.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        }
    }

    /// Looks how it goes, and does what is next.
    pub fn look(&mut self, setting: &Setting, claims: &mut Claims) -> Result<Look, Error> {
        if !self.beat() {
            return Ok(Look::Taken);
        }
        match &mut self.stage {
            // It comes to no rung that way, whatever steps an earlier process left.
            Stage::Awaiting(_) if self.is_asked => Ok(Look::Ended(Ending::Interrupted)),
            Stage::Awaiting(from) if Instant::now() < *from => Ok(Look::Busy),
            Stage::Awaiting(_) if shards::are_ready(&self.shards) => self.train(setting, claims),
            Stage::Awaiting(_) => self.prepare(setting, claims),
            Stage::Preparing(child, _) => {
                let Some(status) = child.try_wait().map_err(|error| lost(&error))? else {
                    return Ok(Look::Busy);
                };
                let ending = ending::of(status, &self.begun, &setting.said(&self.preparing()));
                match if self.is_asked { ending.when_asked() } else { ending } {
                    ending if ending.is_locked_out() => Ok(self.wait_for_the_dead()),
                    Ending::Done => {
                        shards::note_ready(&self.shards)?;
                        self.stage = Stage::Awaiting(Instant::now());
                        Ok(Look::Busy)
                    }
                    Ending::Stopped => Ok(Look::Ended(Ending::Interrupted)),
                    ending => Ok(Look::Ended(ending)),
                }
            }
            Stage::Training(child) => {
                let Some(status) = child.try_wait().map_err(|error| lost(&error))? else {
                    self.note_steps();
                    return Ok(Look::Busy);
                };
                self.claim.end_work();
                let ending = ending::of(status, &self.begun, &self.said(setting));
                self.trained(setting, claims, ending)
            }
        }
    }

    /// What follows from the end of a training.
    fn trained(
        &mut self,
        setting: &Setting,
        claims: &mut Claims,
        ending: Ending,
    ) -> Result<Look, Error> {
        let ending = if self.is_asked { ending.when_asked() } else { ending };
        if ending.is_locked_out() {
            return Ok(self.wait_for_the_dead());
        }
        let beside = match &self.company {
            // A plan that others were in the way of may fit by now: what it was refused for is gone with them.
            Some(it) if ending.is_about_the_back_end() && !it.was_alone() => Some(Alone::AtFirst),
            Some(it) if ending.is_out_of_memory() && it.took_some(claims)? => Some(Alone::Always),
            _ => None,
        };
        match beside {
            // It goes on another time.
            Some(_) if self.is_asked => Ok(Look::Ended(Ending::Interrupted)),
            Some(alone) => self.wait_alone(claims, alone),
            None => Ok(Look::Ended(self.judged(setting, ending))),
        }
    }

    /// A file server keeps the lock of a machine that died for longer than its claims last: no failure of the run.
    fn wait_for_the_dead(&mut self) -> Look {
        self.company.iter_mut().for_each(Company::leave);
        self.stage = Stage::Awaiting(Instant::now() + Duration::from_secs(10));
        Look::Busy
    }

    /// Makes the shards, unless somebody else does.
    fn prepare(&mut self, setting: &Setting, claims: &mut Claims) -> Result<Look, Error> {
        let Some(claim) = claims.take(&self.preparing())? else { return Ok(Look::Busy) };
        if shards::are_ready(&self.shards) {
            return Ok(Look::Busy);
        }
        let Job { trial, seed, values, .. } = &self.job;
        let sets = setting.sets(values, *trial, *seed, None);
        let more = ["--run-dir".into(), self.shards.root().into()];
        eprintln!("trial {trial}, seed {seed}: preparing data, for all trials with the same");
        let name = self.preparing();
        self.begun = Begun::now(&self.shards);
        let child = setting.process(&["data", "prepare"], &sets, &more, &name, None)?;
        self.stage = Stage::Preparing(child, claim);
        Ok(Look::Busy)
    }

    /// It did not fit beside others, which says nothing of itself: it is tried again without them.
    fn wait_alone(&mut self, claims: &mut Claims, alone: Alone) -> Result<Look, Error> {
        let Job { trial, seed, .. } = self.job;
        if let Some(company) = &mut self.company {
            if company.has_others(claims)? {
                let what = match alone {
                    Alone::AtFirst => "could not begin",
                    Alone::Always => "ran out of memory",
                };
                eprintln!(
                    "trial {trial}, seed {seed}: {what} beside other runs, and waits for them"
                );
            }
            company.leave_to_be_alone(alone);
        }
        self.stage = Stage::Awaiting(Instant::now());
        Ok(Look::Busy)
    }

    /// Where there are steps that were not there when it was begun, it has the memory that it needs.
    fn note_steps(&mut self) {
        if self.company.is_some() && self.written() != self.steps {
            self.company.iter_mut().for_each(Company::has_settled);
        }
    }

    /// How many bytes of steps there are, and since when.
    fn written(&self) -> Option<(u64, SystemTime)> {
        let file = std::fs::metadata(self.run_dir.metrics()).ok()?;
        Some((file.len(), file.modified().ok()?))
    }

    fn train(&mut self, setting: &Setting, claims: &mut Claims) -> Result<Look, Error> {
        if let Some(company) = &mut self.company
            && !company.enter(claims)?
        {
            return Ok(Look::Busy);
        }
        let is_new = !self.run_dir.root().exists();
        if setting.sweep.plans_memory && is_new {
            match shards::misfit(&self.recipe, &self.shards, &setting.cluster) {
                Ok(None) => {}
                Ok(Some(_)) if self.company.as_ref().is_some_and(|it| !it.was_alone()) => {
                    return self.wait_alone(claims, Alone::AtFirst);
                }
                Ok(Some(why)) => return Ok(Look::Ended(Ending::Infeasible(why))),
                Err(error) => return Ok(Look::Ended(Ending::of_error(error))),
            }
            // Large data take long to plan with: nobody else must have begun meanwhile.
            if !self.is_ours()? {
                return Ok(Look::Taken);
            }
        }
        let Job { trial, seed, values, until, .. } = &self.job;
        let sets = setting.sets(values, *trial, *seed, until.map(|(_, step)| step));
        let more = setting.run_arguments(self.run_dir.root(), self.shards.root());
        let name = name(*trial, *seed);
        (self.begun, self.steps) = (Begun::now(&self.run_dir), self.written());
        let child = setting.process(&["run"], &sets, &more, &name, self.devices.as_deref())?;
        self.claim.begin_work();
        self.stage = Stage::Training(child);
        Ok(Look::Busy)
    }

    /// A run that could not begin to learn may have been refused by its own plan: then the sweep's, which is the same,
    /// refuses it, too. A port that is taken or a device that is missing is a failure.
    fn judged(&self, setting: &Setting, ending: Ending) -> Ending {
        let has_learned = std::fs::metadata(self.run_dir.metrics()).is_ok_and(|it| it.len() > 0);
        if has_learned || !ending.is_about_the_back_end() {
            return ending;
        }
        match shards::misfit(&self.recipe, &self.shards, &setting.cluster) {
            Ok(Some(why)) => Ending::Infeasible(why),
            // The run's own words say more than a plan that cannot be made.
            Ok(None) | Err(_) => ending,
        }
    }

    /// Names the claim and the log of making the shards.
    fn preparing(&self) -> String {
        format!("shards-{}", self.hash)
    }

    fn said(&self, setting: &Setting) -> PathBuf {
        setting.said(&name(self.job.trial, self.job.seed))
    }
}

impl Drop for Slot {
    /// A process does not outlive its slot.
    fn drop(&mut self) {
        if let Stage::Preparing(child, _) | Stage::Training(child) = &mut self.stage {
            // One that is gone already is no failure.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn lost(error: &std::io::Error) -> Error {
    Error::new(exit::TRANSIENT, format!("failed to wait for a run: {error}"))
}

#[cfg(test)]
mod tests;
