//! The plan of one phase: its rows, what they need, and the choice between them.

use super::PhasePlan;
use super::budget::Budget;
use super::choice::{self, Choice, choose};
use super::needs::{Machine, Needs, Predicted};
use super::shape::{self, worst};
use crate::optimizer::MasterKind;
use crate::recipe::{BatchConfig, MicroTokens, Precision, Recipe, Recompute, Train};
use crate::run::steps;
use crate::sharding::Sharding;
use crate::{Error, RunDir};
use data_pipeline::order::Order;
use data_pipeline::shard::ShardSet;
use model::DecoderConfig;
use model::memory::BatchShape;
use std::collections::BTreeMap;

/// A plan for a phase, and a sentence where it does not fit.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What was chosen, or what holds least.
    pub plan: PhasePlan,
    /// Both values, and what would make it fit.
    pub misfit: Option<String>,
}

/// A phase to be planned.
pub(super) struct Subject<'a> {
    pub recipe: &'a Recipe,
    pub index: usize,
    pub config: &'a DecoderConfig,
    pub machine: Machine,
    pub budget: Option<&'a Budget>,
}

/// What is known of a phase's micro-batches.
struct Rows<'a> {
    shards: Option<(&'a ShardSet, &'a Order)>,
    /// What was laid out already, by size.
    seen: BTreeMap<usize, Largest>,
    shares: usize,
    /// Of these a rank has so many.
    shares_of_rank: usize,
    steps: usize,
}

/// What no micro-batch of a phase is larger than.
#[derive(Clone, Copy)]
struct Largest {
    shape: BatchShape,
    /// Micro-batches that a rank computes in a step, at most.
    count: usize,
    /// Steps that were laid out to find it.
    examined: usize,
}

impl Subject<'_> {
    /// The first choice that fits, or the one that holds least.
    pub fn plan(&self, run_dir: &RunDir) -> Result<Planned, Error> {
        let phase = &self.recipe.phase[self.index];
        let folder = run_dir.prepared(self.index, &phase.name);
        let prepared = folder.join("manifest.json").exists();
        let shards = if prepared { Some(ShardSet::open(&folder)?) } else { None };
        let order = match &shards {
            Some(shards) => Some(Order::new(
                self.recipe.run.seed,
                shards.rows(),
                &phase.mixture(),
                phase.batch.samples,
            )?),
            None => None,
        };
        let known = order.as_ref().map(|order| steps(phase, order));
        let shares = match self.recipe.run.exact_shards {
            0 => self.machine.ranks,
            count => count,
        };
        let rows = &mut Rows {
            shards: shards.as_ref().zip(order.as_ref()),
            seen: BTreeMap::new(),
            shares,
            shares_of_rank: (shares / self.machine.ranks.max(1)).max(1),
            steps: known.unwrap_or(0),
        };
        let needs =
            Needs::new(self.recipe, self.index, self.config, self.machine, shards.as_ref())?;
        let chosen = self.choose(&phase.batch, &needs, self.budget, rows);
        let (choice, misfit) = match chosen {
            Ok(choice) => (choice, None),
            Err(least) => (least, Some(self.misfit(&least, shards.as_ref(), rows)?)),
        };
        let largest = rows.largest(&phase.batch, choice.micro_tokens);
        Ok(Planned { plan: self.chosen(choice, largest, known), misfit })
    }

    /// The same numbers on this machine.
    pub fn again(&self, kept: &PhasePlan) -> Result<Planned, Error> {
        let needs = Needs::new(self.recipe, self.index, self.config, self.machine, None)?;
        // Plans of older versions do not say how many there are, and fewer ranks have more each.
        let several = kept.micro_batches != 1 || self.machine.ranks < kept.ranks;
        let predicted = needs.of(&kept.largest, several, kept.recompute);
        let misfit = self.budget.filter(|it| predicted.total > it.bytes).map(|budget| {
            format!(
                "phase `{}` was begun with micro-batches of {} tokens and {} of {} blocks computed again, which hold {} a rank here, with {} to use ({}); the numbers stay, since other ones would add gradients in another order",
                kept.phase,
                kept.micro_tokens,
                kept.recompute,
                kept.blocks,
                bytes_text(predicted.total),
                bytes_text(budget.bytes),
                budget.origin
            )
        });
        let plan = PhasePlan {
            ranks: self.machine.ranks,
            budget: self.budget.cloned(),
            predicted,
            ..kept.clone()
        };
        Ok(Planned { plan, misfit })
    }

    fn choose(
        &self,
        batch: &BatchConfig,
        needs: &Needs,
        budget: Option<&Budget>,
        rows: &mut Rows<'_>,
    ) -> Result<Choice, Choice> {
        let most = choice::most(&self.recipe.run.device);
        let blocks = self.config.num_hidden_layers;
        let mut of = |micro_tokens, recomputed| {
            let largest = rows.largest(batch, micro_tokens);
            needs.of(&largest.shape, largest.count > 1, recomputed)
        };
        choose(batch, blocks, most, budget.map(|budget| budget.bytes), &mut of)
    }

    fn chosen(&self, choice: Choice, largest: Largest, steps: Option<usize>) -> PhasePlan {
        PhasePlan {
            phase: self.recipe.phase[self.index].name.clone(),
            micro_tokens: choice.micro_tokens,
            recompute: choice.recomputed,
            blocks: self.config.num_hidden_layers,
            ranks: self.machine.ranks,
            budget: self.budget.cloned(),
            largest: largest.shape,
            micro_batches: largest.count,
            examined: largest.examined,
            steps,
            predicted: choice.needs,
            measured_peak: None,
        }
    }

    /// Both values, and each single change that would make it fit.
    fn misfit(
        &self,
        least: &Choice,
        shards: Option<&ShardSet>,
        rows: &mut Rows<'_>,
    ) -> Result<String, Error> {
        let Some(budget) = self.budget else { return Ok(String::new()) };
        let phase = &self.recipe.phase[self.index];
        let mut ways = Vec::new();
        let mut try_out = |way: String, recipe: &Recipe, machine, budget: &Budget| {
            let subject = Subject { recipe, machine, ..*self };
            let needs = Needs::new(recipe, self.index, self.config, machine, shards)?;
            let batch = &recipe.phase[self.index].batch;
            if subject.choose(batch, &needs, Some(budget), rows).is_ok() {
                ways.push(way);
            }
            Ok::<_, Error>(())
        };
        let changed = |change: &dyn Fn(&mut crate::recipe::Phase)| {
            let mut recipe = self.recipe.clone();
            change(&mut recipe.phase[self.index]);
            recipe
        };
        let machine = self.machine;
        if phase.batch.recompute != Recompute::Auto {
            let recipe = changed(&|phase| phase.batch.recompute = Recompute::Auto);
            try_out("batch.recompute = \"auto\"".into(), &recipe, machine, budget)?;
        }
        if phase.batch.micro_tokens != MicroTokens::Auto {
            let recipe = changed(&|phase| phase.batch.micro_tokens = MicroTokens::Auto);
            try_out("batch.micro_tokens = \"auto\"".into(), &recipe, machine, budget)?;
        }
        if phase.train == Train::Full {
            if self.recipe.model.dtype == Precision::Bf16
                && phase.optimizer.master == MasterKind::F32
            {
                // The same bits in two bytes a weight less.
                let recipe = changed(&|phase| phase.optimizer.master = MasterKind::Split);
                try_out("optimizer.master = \"split\"".into(), &recipe, machine, budget)?;
            }
            let recipe = changed(&|phase| phase.train = Train::Lora);
            try_out("train = \"lora\"".into(), &recipe, machine, budget)?;
        }
        for stage in machine.sharding.stage + 1..=2 {
            if machine.ranks > 1 {
                let sharding = Sharding { stage, ..machine.sharding };
                let way = format!("stage = {stage} in the cluster file's [sharding]");
                try_out(way, self.recipe, Machine { sharding, ..machine }, budget)?;
            }
        }
        let on_cpu = self.recipe.run.device == "flex";
        if on_cpu && machine.ranks > 1 && self.recipe.memory.budget_gib.is_none() {
            // The machine is shared by fewer.
            let bytes = budget.bytes * machine.ranks as u64;
            let alone = Budget { bytes, ..budget.clone() };
            try_out(
                "ranks = 1 in the cluster file".into(),
                self.recipe,
                Machine { ranks: 1, ..machine },
                &alone,
            )?;
        }
        let Predicted { weights, gradients, states, total, .. } = least.needs;
        let way = match ways.as_slice() {
            [] => format!(
                "no single setting helps: weights, gradients and states alone hold {}",
                bytes_text(weights + gradients + states)
            ),
            ways => format!("it would fit with {}", ways.join(", or with ")),
        };
        Ok(format!(
            "phase `{}` holds at least {} a rank, with micro-batches of {} tokens and {} of {} blocks computed again; a rank may use {} ({}); {way}",
            phase.name,
            bytes_text(total),
            least.micro_tokens,
            least.recomputed,
            self.config.num_hidden_layers,
            bytes_text(budget.bytes),
            budget.origin,
        ))
    }
}

impl Rows<'_> {
    /// What no micro-batch is larger than.
    fn largest(&mut self, batch: &BatchConfig, micro_tokens: usize) -> Largest {
        if let Some(seen) = self.seen.get(&micro_tokens) {
            return *seen;
        }
        let found = match self.shards {
            Some((shards, order)) => {
                let (lengths, steps) = (shards.lengths(), self.steps);
                match worst(lengths, order, self.shares, 0..steps, micro_tokens) {
                    Some(worst) => Largest {
                        shape: shape::bound(worst, steps, lengths, micro_tokens),
                        count: self.shares_of_rank
                            * shape::most_batches(
                                worst,
                                steps,
                                order.samples(),
                                lengths,
                                micro_tokens,
                            ),
                        examined: worst.examined,
                    },
                    None => Largest { shape: BatchShape::default(), count: 1, examined: steps },
                }
            }
            None => {
                let tokens = batch.max_length * batch.samples;
                let count = self.shares_of_rank * if tokens > micro_tokens { 2 } else { 1 };
                let shape = shape::unprepared(micro_tokens, batch.max_length, batch.samples);
                Largest { shape, count, examined: 0 }
            }
        };
        self.seen.insert(micro_tokens, found);
        found
    }
}

/// `850 B`, `1.5 MiB`, `12.0 GiB`.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
