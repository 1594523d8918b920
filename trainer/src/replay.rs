//! A step that went wrong, again: the whole step as it was, then each of its samples by itself.
//!
//! The whole step is computed by as many ranks as the run had, threads here, with the same shares, seeds
//! and sums: on the same machine and build it gives the same bits. A sample by itself is computed as if
//! the others contributed nothing: its loss, and the norm of what it adds to the step's gradient.
//! Dropout is left out there, since its draws depend on the micro-batch that a sample was in.

use crate::checkpoint::{self, CheckpointInfo};
use crate::collective::{Collective, Deadlines, Solo, TcpRing};
use crate::guard::{Incident, Reason, pulls};
use crate::memory::MemoryPlan;
use crate::network;
use crate::recipe::{LossAverage, Phase, Recipe};
use crate::run::{input, noise_seed, shares};
use crate::sharding::Sharding;
use crate::step::{Found, Objective, SlotLoss, StepInput, StepPart, Stepper};
use crate::{Error, RunDir, device};
use data_pipeline::ledger::sample_hash;
use data_pipeline::loader::{dealt, groups};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use model::Decoder;
use serde::Serialize;
use std::path::Path;

/// What a replay found.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// What was found at the time.
    pub incident: Incident,
    /// The whole step, again.
    pub again: Again,
    /// Its samples by themselves, the worst first.
    pub samples: Vec<Alone>,
}

/// The whole step, again.
#[derive(Clone, Debug, Serialize)]
pub struct Again {
    /// Its loss.
    pub loss: f64,
    /// Global norm of its gradients.
    pub gradient_norm: f64,
    /// Whether all of it is what it was, bit for bit.
    pub repeats: bool,
    /// What is not, with both values.
    pub differences: Vec<String>,
}

/// A sample by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Alone {
    /// Its place in the step.
    pub slot: usize,
    /// Its row in the phase's shards.
    pub row: usize,
    /// Its name.
    pub sample_id: String,
    /// The dataset that it is of.
    pub dataset: String,
    /// The language of its text.
    pub language: String,
    /// What is learned from it.
    pub task: String,
    /// Tokens with a loss.
    pub tokens: u32,
    /// Sum of the loss over them.
    pub loss: f64,
    /// The same for each of them.
    pub loss_per_token: f64,
    /// Norm of what it adds to the gradient of the step.
    pub gradient_norm: f64,
    /// What it has for itself: its prompt without the part that its group shares, and its answer.
    pub text: String,
}

/// Computes the step of the incident in `event` again; `told` hears how many samples are done.
pub fn replay(event: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<Replay, Error> {
    let incident = Incident::load(event)?;
    let event = std::fs::canonicalize(event).map_err(Error::read(event))?;
    let wrong = |message: String| Error::Checkpoint { path: event.clone(), message };
    let run = event.parent().and_then(Path::parent);
    let run = run.ok_or_else(|| wrong("is not in the directory of a run".to_owned()))?;
    let run_dir = RunDir::new(run);
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let recipe = MemoryPlan::chosen(&recipe, &run_dir)?;
    let (name, index) = (&incident.phase, incident.phase_index);
    let phase = recipe.phase.get(index).filter(|phase| phase.name == *name);
    let phase = phase.ok_or_else(|| {
        wrong(format!("belongs to phase `{name}`, which recipe.lock does not have there"))
    })?;
    let state = Incident::state(&event);
    let info = checkpoint::open(&state)?;
    let tokenizer = Tokenizer::load(&state)?;
    let shards = ShardSet::open(&run_dir.prepared(index, name))?;
    let rows = incident.slots.iter().map(|slot| slot.row).collect();
    let step = Step { incident: &incident, recipe: &recipe, phase, shards: &shards, rows };
    step.check(&event)?;
    let decoder = step.decoder(&state, &info)?;
    let found = step.whole(&decoder)?;
    let again = again(&incident, &found);
    let mut samples = Vec::with_capacity(step.rows.len());
    told(0, step.rows.len());
    let mut stepper = Stepper::new(&decoder, &phase.optimizer, Sharding::default(), 0, &mut Solo);
    for slot in 0..step.rows.len() {
        samples.push(step.alone(slot, &decoder, &mut stepper, &tokenizer)?);
        told(slot + 1, step.rows.len());
    }
    worst_first(&mut samples, incident.reason, phase.loss_average);
    Ok(Replay { again, samples, incident })
}

/// The step, and where its rows are.
struct Step<'a> {
    incident: &'a Incident,
    recipe: &'a Recipe,
    phase: &'a Phase,
    shards: &'a ShardSet,
    rows: Vec<usize>,
}

impl Step<'_> {
    /// Refuses shards with other samples than the step had.
    fn check(&self, event: &Path) -> Result<(), Error> {
        let wrong = |message: String| Error::Checkpoint { path: event.to_owned(), message };
        for slot in &self.incident.slots {
            if slot.row >= self.shards.len() {
                return Err(wrong(format!(
                    "its sample `{}` is row {}, but the shards of phase `{}` have only {}; they were prepared anew",
                    slot.sample_id,
                    slot.row,
                    self.incident.phase,
                    self.shards.len()
                )));
            }
            let sample = self.shards.sample(slot.row)?;
            let from = sample.supervised_from as usize;
            let hash = sample_hash(&sample.prefix_ids, &sample.suffix_ids, from);
            let hash = format!("{hash:016x}");
            if hash != slot.sample {
                return Err(wrong(format!(
                    "row {} was `{}` with hash {}, now it is `{}` with hash {hash}; the shards were prepared anew",
                    slot.row, slot.sample_id, slot.sample, sample.sample_id
                )));
            }
        }
        Ok(())
    }

    /// The network before the step.
    fn decoder(&self, state: &Path, info: &CheckpointInfo) -> Result<Decoder, Error> {
        let device = device::of(&self.recipe.run.device, 0)?;
        let mut decoder = checkpoint::load(state, info, &device)?.decoder;
        decoder.convert(network::dtype(self.recipe, &device)?);
        network::set_trained(&mut decoder, self.phase)?;
        Ok(decoder)
    }

    fn objective(&self) -> Objective<'_> {
        let Phase { batch, loss_average, loss, .. } = self.phase;
        Objective { batch, average: *loss_average, loss }
    }

    /// All ranks of the run.
    fn whole(&self, decoder: &Decoder) -> Result<Found, Error> {
        if self.incident.world == 1 {
            return self.rank(decoder, &mut Solo);
        }
        // Threads of one process come to each other as fast as they can compute.
        let day = std::time::Duration::from_secs(86_400);
        let deadlines = Deadlines { operation: day, ..Deadlines::default() };
        let rings = TcpRing::threads(self.incident.world, deadlines)?;
        std::thread::scope(|scope| {
            let rank = |mut ring: TcpRing| {
                let decoder = decoder.clone();
                scope.spawn(move || {
                    let found = self.rank(&decoder, &mut ring);
                    if found.is_err() {
                        ring.abort();
                    }
                    found
                })
            };
            let threads: Vec<_> = rings.into_iter().map(rank).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            let found: Vec<Result<Found, Error>> = threads.into_iter().map(join).collect();
            // All found the same; of errors, the first that is not about another rank.
            let (found, mut errors): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
            errors.sort_by_key(|error| error.as_ref().is_err_and(|it| it.culprit().is_some()));
            let first = errors.into_iter().chain(found).next();
            first.unwrap_or_else(|| Ok(Found::default()))
        })
    }

    /// One rank's part, and the sums over all.
    fn rank(&self, decoder: &Decoder, collective: &mut dyn Collective) -> Result<Found, Error> {
        let Incident { exact_shards, sharding, phase_index, step, .. } = self.incident;
        let shares = shares(*exact_shards, collective.rank(), collective.world());
        let rows = dealt(self.shards, self.rows.clone(), &shares, step - 1)?;
        let input = input(rows, self.recipe, *phase_index, &shares);
        let config = &self.phase.optimizer;
        let mut stepper = Stepper::new(decoder, config, *sharding, *exact_shards, collective);
        stepper.gradients(decoder, input, self.objective(), false, collective)
    }

    /// One sample by itself.
    fn alone(
        &self,
        slot: usize,
        decoder: &Decoder,
        stepper: &mut Stepper,
        tokenizer: &Tokenizer,
    ) -> Result<Alone, Error> {
        let known = &self.incident.slots[slot];
        let mut groups = groups(self.shards, &self.rows, &[slot])?;
        let mut text = String::new();
        for suffix in groups.iter_mut().flat_map(|group| &mut group.suffixes) {
            suffix.slot = 0;
            text = tokenizer.decode(&suffix.ids);
        }
        let lengths = self.shards.lengths();
        let supervised = self.rows.iter().map(|row| u64::from(lengths[*row].supervised)).sum();
        let parts = vec![StepPart { groups, dropout_seed: None }];
        let Incident { phase_index, step, .. } = self.incident;
        let noise_seed = noise_seed(self.recipe.run.seed, *phase_index, step - 1);
        let input = StepInput { parts, samples: 1, supervised, noise_seed };
        let found = stepper.gradients(decoder, input, self.objective(), false, &mut Solo)?;
        let SlotLoss { tokens, loss, .. } = found.slots.first().copied().unwrap_or_default();
        // A mean over samples was divided by this one only.
        let share = match self.phase.loss_average {
            LossAverage::Token => 1.0,
            LossAverage::Sample => 1.0 / self.rows.len() as f64,
        };
        Ok(Alone {
            slot,
            row: known.row,
            sample_id: known.sample_id.clone(),
            dataset: known.dataset.clone(),
            language: known.language.clone(),
            task: known.task.clone(),
            tokens,
            loss: f64::from(loss),
            loss_per_token: f64::from(loss) / f64::from(tokens.max(1)),
            gradient_norm: found.gradient_norm * share,
            text,
        })
    }
}

/// What was found, beside what was found then.
fn again(incident: &Incident, found: &Found) -> Again {
    let mut differences = Vec::new();
    let mut compare = |what: String, then: f64, now: f64| {
        // NaN has many bit patterns, and none of them says anything.
        if then.to_bits() != now.to_bits() && !(then.is_nan() && now.is_nan()) {
            differences.push(format!("{what} was {then}, is {now}"));
        }
    };
    compare("the loss".to_owned(), incident.loss, found.loss);
    compare("the gradients' norm".to_owned(), incident.gradient_norm, found.gradient_norm);
    for (then, now) in incident.slots.iter().zip(&found.slots) {
        compare(format!("the loss of `{}`", then.sample_id), then.loss, f64::from(now.loss));
    }
    let repeats = differences.is_empty();
    Again { loss: found.loss, gradient_norm: found.gradient_norm, repeats, differences }
}

/// Orders samples by what they do to the step: first those whose loss is no number, then those whose
/// gradient is none, then by how much they pull the loss up.
fn worst_first(samples: &mut [Alone], reason: Reason, average: LossAverage) {
    let slots: Vec<SlotLoss> = samples
        .iter()
        .map(|it| SlotLoss { tokens: it.tokens, loss: it.loss as f32, ..SlotLoss::default() })
        .collect();
    let mut pulls = pulls(&slots, average).into_iter();
    let norm = |norm: f64| if norm.is_finite() { norm } else { f64::INFINITY };
    let mut ranked: Vec<([f64; 3], Alone)> = Vec::with_capacity(samples.len());
    for sample in samples.iter() {
        let pull = pulls.next().unwrap_or_default();
        let norm = norm(sample.gradient_norm);
        let broken = f64::from(u8::from(norm.is_infinite()));
        let key = match reason {
            Reason::Gradient => [broken, norm, pull],
            _ if pull.is_infinite() && pull > 0.0 => [2.0, broken, norm],
            _ => [broken, pull, norm],
        };
        ranked.push((key, sample.clone()));
    }
    ranked.sort_by(|(a, _), (b, _)| {
        let pairs = b.iter().zip(a).map(|(b, a)| b.total_cmp(a));
        pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    for (place, (_, sample)) in samples.iter_mut().zip(ranked) {
        *place = sample;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(slot: usize, tokens: u32, loss: f64, gradient_norm: f64) -> Alone {
        Alone {
            slot,
            row: slot,
            sample_id: String::new(),
            dataset: String::new(),
            language: String::new(),
            task: String::new(),
            tokens,
            loss,
            loss_per_token: loss / f64::from(tokens),
            gradient_norm,
            text: String::new(),
        }
    }

    fn check(reason: Reason, samples: &[(u32, f64, f64)], expected: &[usize]) {
        let one = |(slot, (tokens, loss, norm)): (usize, &(u32, f64, f64))| {
            sample(slot, *tokens, *loss, *norm)
        };
        let mut samples: Vec<Alone> = samples.iter().enumerate().map(one).collect();
        worst_first(&mut samples, reason, LossAverage::Token);
        let order: Vec<usize> = samples.iter().map(|sample| sample.slot).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn the_worst_sample_comes_first() {
        // A long one at 6 a token pulls more than a short one at 8.
        let long = [(10, 20.0, 1.0), (2, 16.0, 9.0), (100, 600.0, 2.0), (10, 10.0, 0.1)];
        check(Reason::Spike, &long, &[2, 1, 0, 3]);
        let nan = [(10, 20.0, f64::INFINITY), (5, 90.0, 1.0), (10, f64::NAN, f64::NAN)];
        check(Reason::Loss, &nan, &[2, 0, 1]);
        let gradient = [(10, 90.0, 3.0), (10, 20.0, f64::NAN), (10, 20.0, 7.0)];
        check(Reason::Gradient, &gradient, &[1, 2, 0]);
    }
}
