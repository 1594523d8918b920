//! What a plan says of time, money, earlier runs and schedulers.

use super::{Changes, Plan, Script, inputs, scale};
use crate::display::duration;
use crate::estimate::measured::Kept;
use crate::estimate::{Estimate, PhaseEstimate, seconds_text};
use data_pipeline::width::{TERMINAL, clipped, folded};
use std::fmt::Write;

/// Changes that are listed one by one, at most.
const LISTED: usize = 12;

/// Columns of a value, at most: a list of corpora is long.
const VALUE: usize = 60;

/// Everything that is known of it.
pub(super) fn write(text: &mut String, plan: &Plan) -> std::fmt::Result {
    if let Some(estimate) = &plan.estimate {
        write_estimate(text, estimate)?;
    }
    if let Some(kept) = &plan.error {
        write_error(text, kept, plan.error_of.as_deref())?;
    }
    scale::write(text, &plan.scale)?;
    if let Some(changes) = &plan.changes {
        write_changes(text, changes)?;
    }
    write_scripts(text, &plan.rendered)?;
    match &plan.inputs {
        Some(found) => inputs::write(text, found),
        None => Ok(()),
    }
}

/// How far earlier plans were from the truth, of this run or of `other`.
fn write_error(text: &mut String, kept: &Kept, other: Option<&str>) -> std::fmt::Result {
    let sentences = [kept.times(), kept.memories()].concat();
    if sentences.is_empty() {
        return Ok(());
    }
    match other {
        Some(run) => writeln!(text, "measured       in `{run}`")?,
        None => writeln!(text, "measured       so far")?,
    }
    for sentence in sentences {
        paragraph(text, "  ", "    ", &sentence)?;
    }
    Ok(())
}

fn write_estimate(text: &mut String, estimate: &Estimate) -> std::fmt::Result {
    let rates = &estimate.rates;
    writeln!(text, "estimate       for {}, by {}", rates.name, rates.origin)?;
    if estimate.world > 1 {
        writeln!(text, "  sums         by {}", rates.sums)?;
    }
    for phase in &estimate.phases {
        write_phase(text, phase)?;
    }
    if let Some(seconds) = estimate.checkpoint_seconds {
        let next = estimate.next_checkpoint_seconds.filter(|next| *next < seconds);
        let seconds = seconds_text(seconds);
        match next.map(seconds_text) {
            Some(next) => {
                writeln!(text, "  checkpoint   {seconds}, further ones {next}, beside training")?;
            }
            None => writeln!(text, "  checkpoint   {seconds} each, beside training")?,
        }
        if let Some(best) = estimate.best_save_seconds {
            let best = duration(best);
            writeln!(text, "               one every {best} loses least to failures and saving")?;
        }
    }
    if estimate.evaluation_seconds > 0.0 {
        writeln!(text, "  evaluation   about {}", seconds_text(estimate.evaluation_seconds))?;
    }
    match (estimate.hours, estimate.gpu_hours) {
        (Some(hours), Some(all)) => {
            let cost = estimate.cost.map_or(String::new(), |cost| format!(", cost {cost:.0}"));
            let waiting =
                if all > 1.001 * hours * estimate.world as f64 { " and spares" } else { "" };
            let hours = seconds_text(3600.0 * hours);
            let all = match all {
                ..0.1 => seconds_text(3600.0 * all),
                _ => format!("{all:.1} hours"),
            };
            let sentence = format!("about {hours}, {all} of all ranks{waiting}{cost}");
            paragraph(text, "  together     ", "               ", &sentence)
        }
        _ => writeln!(text, "  together     known when the number of steps is"),
    }
}

fn write_phase(text: &mut String, phase: &PhaseEstimate) -> std::fmt::Result {
    let step = &phase.step;
    writeln!(text, "  phase `{}`", phase.phase)?;
    let mfu = step.mfu.map_or(String::new(), |mfu| format!(", MFU {}", percent(mfu)));
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
            writeln!(text, "    together   {steps} steps, about {}", seconds_text(seconds))
        }
        _ => Ok(()),
    }
}

/// A share in percent, with as many digits as say something.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent @ 0.5.. => format!("{percent:.0} %"),
        percent @ 0.005.. => format!("{percent:.2} %"),
        _ => "below 0.01 %".to_owned(),
    }
}

fn write_changes(text: &mut String, changes: &Changes) -> std::fmt::Result {
    let Changes { run, keys } = changes;
    let heading = match keys.is_empty() {
        true => format!("changes        none since `{run}`, which was done"),
        false => format!("changes        since `{run}`, which was done"),
    };
    paragraph(text, "", "  ", &heading)?;
    for [key, before, now] in keys.iter().take(LISTED) {
        let [before, now] = [before, now].map(|value| clipped(value, VALUE));
        paragraph(text, "  ", "    ", &format!("{key}: {before}, now {now}"))?;
    }
    match keys.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(text, "  and {more} more"),
    }
}

/// A sentence within the columns of a terminal, its first line behind `first` and the others behind `rest`.
pub(super) fn paragraph(
    text: &mut String,
    first: &str,
    rest: &str,
    sentence: &str,
) -> std::fmt::Result {
    // Blanks that align columns are a part of the first word.
    let start = sentence.len() - sentence.trim_start_matches(|it| it != ' ').trim_start().len();
    let (heading, words) = sentence.split_at(start);
    let mut items: Vec<String> = words.split(' ').map(str::to_owned).collect();
    if let Some(word) = items.first_mut() {
        word.insert_str(0, heading);
    }
    for (index, line) in folded(&items, " ", TERMINAL - rest.len()).iter().enumerate() {
        writeln!(text, "{}{line}", if index == 0 { first } else { rest })?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::estimate::tests::estimate;
    use expect_test::expect;

    #[test]
    fn what_changed_is_told_within_the_terminal() {
        let mut text = String::new();
        let key = |key: &str, before: &str| [key, before, "nothing"].map(str::to_owned);
        let long = format!("[{}]", vec!["\"conll03:train\""; 20].join(", "));
        let keys = vec![
            key("phase[1].optimizer.learning_rate", "0.0003"),
            key("phase[1].datasets", &long),
        ];
        let run = "runs/knowcoder-x-7b".to_owned();
        write_changes(&mut text, &Changes { run: run.clone(), keys }).unwrap();
        write_changes(&mut text, &Changes { run, keys: Vec::new() }).unwrap();
        expect![[r#"
            changes        since `runs/knowcoder-x-7b`, which was done
              phase[1].optimizer.learning_rate: 0.0003, now nothing
              phase[1].datasets: ["conll03:train", "conll03:train", "conll03:train",
                "conll0…, now nothing
            changes        none since `runs/knowcoder-x-7b`, which was done
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn an_estimate_fits_the_terminal() {
        let mut text = String::new();
        write_estimate(&mut text, &estimate(8)).unwrap();
        assert!(
            text.starts_with("estimate       for h200, by the cluster file's [hardware]\n"),
            "{text}"
        );
        for part in
            ["  phase `instruction`\n", "1000 steps, about ", " hours of all ranks, cost ", "MFU "]
        {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn small_shares_are_not_nothing() {
        assert_eq!(
            [0.42, 0.007, 0.0012, 1e-9].map(percent),
            ["42 %", "1 %", "0.12 %", "below 0.01 %"]
        );
    }

    #[test]
    fn scripts_are_listed_or_shown() {
        let script = |text: Option<&str>| Script {
            file: "job.sbatch".to_owned(),
            lines: 2,
            text: text.map(str::to_owned),
        };
        let mut text = String::new();
        write_scripts(&mut text, &[script(None), script(Some("#!/bin/sh\nsrun x\n"))]).unwrap();
        expect![[r#"
            scheduler      gets, in the run's folder `submit`
              job.sbatch (2 lines)
              job.sbatch (2 lines)
                #!/bin/sh
                srun x
        "#]]
        .assert_eq(&text);
    }
}
