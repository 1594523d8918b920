//! What a plan says of time, money, earlier runs and schedulers.

use super::{Changes, Plan, Script, scale};
use crate::display::duration;
use crate::estimate::{Estimate, PhaseEstimate, seconds_text};
use std::fmt::Write;

/// Changes that are listed one by one, at most.
const LISTED: usize = 12;

/// Everything that is known of it.
pub(super) fn write(text: &mut String, plan: &Plan) -> std::fmt::Result {
    if let Some(estimate) = &plan.estimate {
        write_estimate(text, estimate)?;
    }
    for sentence in plan.error.iter().flat_map(|kept| kept.sentences()) {
        writeln!(text, "  so far       {sentence}")?;
    }
    scale::write(text, &plan.scale)?;
    if let Some(changes) = &plan.changes {
        write_changes(text, changes)?;
    }
    write_scripts(text, &plan.rendered)
}

fn write_estimate(text: &mut String, estimate: &Estimate) -> std::fmt::Result {
    let rates = &estimate.rates;
    writeln!(text, "estimate       for {}, by {}", rates.name, rates.origin)?;
    for phase in &estimate.phases {
        write_phase(text, phase)?;
    }
    if let Some(seconds) = estimate.checkpoint_seconds {
        let best = estimate.best_save_seconds.map_or(String::new(), |best| {
            format!(", every {} would lose least to failures", duration(best))
        });
        writeln!(text, "  checkpoint   {} beside training{best}", seconds_text(seconds))?;
    }
    if estimate.evaluation_seconds > 0.0 {
        writeln!(text, "  evaluation   about {}", duration(estimate.evaluation_seconds))?;
    }
    match (estimate.hours, estimate.gpu_hours) {
        (Some(hours), Some(all)) => {
            let cost = estimate.cost.map_or(String::new(), |cost| format!(", cost {cost:.0}"));
            let hours = duration(3600.0 * hours);
            writeln!(text, "  together     about {hours}, {all:.1} hours of all ranks{cost}")
        }
        _ => writeln!(text, "  together     known when the number of steps is"),
    }
}

fn write_phase(text: &mut String, phase: &PhaseEstimate) -> std::fmt::Result {
    let step = &phase.step;
    writeln!(text, "  phase `{}`", phase.phase)?;
    let mfu = step.mfu.map_or(String::new(), |mfu| format!(", MFU {:.0} %", 100.0 * mfu));
    let rate = crate::display::short(step.tokens_per_second);
    writeln!(text, "    step       {}, {rate} tokens/s{mfu}", seconds_text(step.seconds))?;
    let (products, attention, elementwise) = (step.products, step.attention, step.elementwise);
    let [products, attention, elementwise, optimizer, exposed] =
        [products, attention, elementwise, step.optimizer, step.exposed].map(seconds_text);
    let more = "              ";
    writeln!(text, "{more} products {products}, attention {attention}, elementwise {elementwise}")?;
    let sums = seconds_text(step.communication);
    writeln!(text, "{more} update {optimizer}, sums {sums}, of them not hidden {exposed}")?;
    let samples = &phase.samples;
    let origin = if samples.known { "prepared" } else { "assumed until they are prepared" };
    writeln!(
        text,
        "    samples    of {:.0} tokens, {:.0} computed, {:.0} with a loss",
        samples.tokens, samples.computed, samples.targets
    )?;
    writeln!(text, "{more} ({origin})")?;
    match (phase.steps, phase.seconds) {
        (Some(steps), Some(seconds)) => {
            writeln!(text, "    together   {steps} steps, about {}", duration(seconds))
        }
        _ => Ok(()),
    }
}

fn write_changes(text: &mut String, changes: &Changes) -> std::fmt::Result {
    let Changes { run, keys } = changes;
    if keys.is_empty() {
        return writeln!(text, "changes        none since `{run}`, which was done");
    }
    writeln!(text, "changes        since `{run}`, which was done")?;
    for [key, before, now] in keys.iter().take(LISTED) {
        writeln!(text, "  {key}: {before}, now {now}")?;
    }
    match keys.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(text, "  and {more} more"),
    }
}

fn write_scripts(text: &mut String, scripts: &[Script]) -> std::fmt::Result {
    if scripts.is_empty() {
        return Ok(());
    }
    writeln!(text, "scheduler      gets, in the run's folder `submit`")?;
    for Script { file, lines, text: whole } in scripts {
        writeln!(text, "  {file} ({lines} lines)")?;
        for line in whole.iter().flat_map(|whole| whole.lines()) {
            writeln!(text, "    {line}")?;
        }
    }
    Ok(())
}
