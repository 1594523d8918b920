//! A plan for a person.

use super::forecast;
use super::{Phase, Plan, bytes_text, nodes};
use crate::cluster::Backend;
use crate::display::short;
use std::fmt::Write;
use trainer::evaluate::Workload;
use trainer::memory::{PhasePlan, Predicted};
use trainer::recipe::CheckpointConfig;

impl Plan {
    /// The plan for a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    /// Nodes that compute.
    fn working_nodes(&self) -> usize {
        self.nodes.iter().filter(|node| !node.spare).count()
    }

    /// Steps times the timed step; ranks that share cores may take longer. Nothing where the estimate says it.
    fn time(&self, phase: &Phase) -> Option<String> {
        match (phase.steps, phase.seconds_per_step) {
            (Some(steps), Some(seconds)) => {
                let all = std::time::Duration::from_secs_f64(steps as f64 * seconds);
                let all = indicatif::HumanDuration(all);
                Some(format!("about {all}, by a step of {seconds:.2} s timed here"))
            }
            _ if self.estimate.is_some() => None,
            _ => Some(UNKNOWN.to_owned()),
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self { work, ranks, threads_per_rank, .. } = self;
        writeln!(text, "run `{}` on {}", work.name, work.device)?;
        let place = match self.backend == Backend::Local.name() {
            true => "this machine".to_owned(),
            false => format!("{} node(s) of {}", self.working_nodes(), self.backend),
        };
        writeln!(text, "  ranks        {ranks} on {place}, {threads_per_rank} thread(s) each")?;
        nodes::write(text, &self.nodes)?;
        let parameters = work.parameters.map_or(UNKNOWN.to_owned(), |it| short(it as f64));
        writeln!(text, "  parameters   {parameters}")?;
        if let Some(bytes) = self.checkpoint_bytes {
            let next = self.next_checkpoint_bytes.filter(|next| *next < bytes);
            let next = next.map_or(String::new(), |next| {
                format!(", {} each further one of its phase", bytes_text(next))
            });
            writeln!(text, "  checkpoint   {}{next}", bytes_text(bytes))?;
        }
        if let Some(bytes) = self.disk_bytes {
            let kept = rules(&work.checkpoint);
            writeln!(text, "  disk         {} for checkpoints ({kept})", bytes_text(bytes))?;
        }
        for (phase, needs) in work.phases.iter().zip(&self.needs) {
            writeln!(text, "phase `{}`", phase.name)?;
            writeln!(text, "  length       {}", length(phase))?;
            writeln!(text, "  batch        {}", batch(phase.samples, *ranks))?;
            writeln!(
                text,
                "  micro-batch  up to {} tokens a rank, samples of up to {}",
                phase.micro_tokens, phase.max_length
            )?;
            let trainable = phase
                .trainable
                .map_or(UNKNOWN.to_owned(), |it| format!("{} parameters", short(it as f64)));
            writeln!(text, "  trained      {trainable}")?;
            if let Some(time) = self.time(phase) {
                writeln!(text, "  time         {time}")?;
            }
            if let Some(plan) = &phase.memory {
                write_memory(text, plan)?;
            }
            if let Some(bytes) = needs.wire_bytes_per_step {
                writeln!(text, "  wire         {} a rank and step", bytes_text(bytes))?;
            }
            let more = "              ";
            if let Some(bytes) = needs.wire_bytes_without_exact {
                let bytes = bytes_text(bytes);
                writeln!(text, "{more} {bytes} without run.exact_shards = {}", work.exact_shards)?;
            }
            if let Some(bytes) = needs.wire_bytes_per_micro_batch {
                let bytes = bytes_text(bytes);
                writeln!(text, "{more} and {bytes} for each micro-batch but the first")?;
            }
        }
        write_evaluation(text, &work.evaluation)?;
        forecast::write(text, self)?;
        for warning in &self.warnings {
            forecast::paragraph(text, "", "  ", &format!("warning: {warning}"))?;
        }
        Ok(())
    }
}

/// What is asked at the end; nothing where there are no benchmarks.
fn write_evaluation(text: &mut String, work: &Workload) -> std::fmt::Result {
    if work.rounds.is_empty() {
        return Ok(());
    }
    writeln!(text, "evaluation")?;
    for asked in &work.rounds {
        writeln!(
            text,
            "  {:<24} {} benchmark(s), up to {} questions",
            asked.round, asked.benchmarks, asked.questions
        )?;
    }
    writeln!(
        text,
        "  together     up to {} questions, answers of up to {} tokens each",
        work.questions(),
        work.max_new_tokens
    )?;
    match work.undeclared.as_slice() {
        [] => Ok(()),
        names => {
            let names = names.join(", ");
            let sentence = format!("and those of {names}, which do not say how many");
            forecast::paragraph(text, "  ", "    ", &sentence)
        }
    }
}

/// Which checkpoints are kept, in words.
fn rules(config: &CheckpointConfig) -> String {
    let mut rules = format!("{} of each phase are kept", config.keep.max(1));
    if config.keep_every > 0 {
        rules += &format!(", those of every {} steps", config.keep_every);
    }
    if config.keep_best > 0 {
        rules += &format!(", the {} best", config.keep_best);
    }
    rules
}

const UNKNOWN: &str = "known when the data are prepared";

/// What a rank holds, by what it is for, at 80 columns.
fn write_memory(text: &mut String, plan: &PhasePlan) -> std::fmt::Result {
    let Predicted { total, data, program, exchange, .. } = plan.predicted;
    let Predicted { weights, gradients, states, activations, logits, work, .. } = plan.predicted;
    let more = "              ";
    writeln!(text, "  memory       {} a rank", bytes_text(total))?;
    match &plan.budget {
        Some(budget) => {
            writeln!(text, "{more} of {} ({})", bytes_text(budget.bytes), budget.origin)?;
        }
        None => writeln!(text, "{more} of an unknown amount: give memory.budget_gib")?,
    }
    let parts = [
        ("weights", weights),
        ("gradients", gradients),
        ("states", states),
        ("activations", activations),
        ("logits", logits),
        ("work", work),
        ("exchange", exchange),
        ("data", data),
        ("program", program),
    ];
    let parts = parts.into_iter().filter(|(_, bytes)| *bytes > 0);
    let parts: Vec<String> =
        parts.map(|(name, bytes)| format!("{name} {}", bytes_text(bytes))).collect();
    for line in parts.chunks(3) {
        writeln!(text, "{more} {}", line.join(", "))?;
    }
    let largest = &plan.largest;
    let origin = match (plan.examined, plan.steps) {
        (0, _) => "samples of the longest kind; prepare the data to know".to_owned(),
        (examined, Some(steps)) if examined < steps => {
            format!("a bound, by {examined} of {steps} steps")
        }
        (examined, _) => format!("the largest of {examined} steps"),
    };
    let (tokens, targets) = (largest.tokens, largest.targets);
    writeln!(text, "{more} for {tokens} tokens, {targets} with a loss")?;
    writeln!(text, "{more} ({origin})")?;
    writeln!(text, "{more} {} of {} blocks are computed again", plan.recompute, plan.blocks)?;
    match plan.measured_peak {
        Some(peak) => writeln!(text, "  measured     {} a rank at most", bytes_text(peak)),
        None => Ok(()),
    }
}

fn length(phase: &Phase) -> String {
    match (phase.steps, phase.epochs) {
        (Some(steps), Some(epochs)) => format!("{steps} steps, {epochs} epoch(s)"),
        (Some(steps), None) => format!("{steps} steps"),
        (None, Some(epochs)) => format!("{epochs} epoch(s)"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// `256 samples = 2 ranks x 128`, or what that is about.
fn batch(samples: usize, ranks: usize) -> String {
    if samples.is_multiple_of(ranks) {
        format!("{samples} samples = {ranks} rank(s) x {}", samples / ranks)
    } else {
        format!("{samples} samples over {ranks} ranks, about {} each", samples / ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Work;
    use super::*;
    use crate::cluster::Cluster;
    use crate::estimate::tests::estimate;
    use expect_test::expect;
    use trainer::evaluate::Asked;
    use trainer::memory::{BatchShape, Budget};

    fn cluster(ranks: usize) -> Cluster {
        Cluster { ranks, threads_per_rank: 1, ..Cluster::of_this_machine() }
    }

    fn memory() -> PhasePlan {
        let predicted = Predicted {
            weights: 4 << 20,
            gradients: 256 << 10,
            states: 512 << 10,
            activations: 3 << 29,
            logits: 1000,
            work: 1 << 20,
            exchange: 0,
            data: 5 << 20,
            program: 64 << 20,
            total: 1_690_000_000,
        };
        PhasePlan {
            phase: "alignment".to_owned(),
            micro_tokens: 4096,
            recompute: 1,
            blocks: 3,
            ranks: 4,
            budget: Some(Budget {
                bytes: 7 << 30,
                origin: "90 % of what its control group leaves, for 4 rank(s)".to_owned(),
            }),
            largest: BatchShape { tokens: 4090, targets: 811, ..BatchShape::default() },
            micro_batches: 2,
            examined: 256,
            steps: Some(300),
            predicted,
            measured_peak: Some(1_234_567_890),
        }
    }

    #[test]
    fn memory_is_told_within_80_columns() {
        let told = |plan: &PhasePlan| {
            let mut text = String::new();
            write_memory(&mut text, plan).map(|()| text).unwrap_or_default()
        };
        let unprepared =
            PhasePlan { budget: None, examined: 0, steps: None, measured_peak: None, ..memory() };
        let whole = PhasePlan { examined: 300, ..memory() };
        let text = ["phase\n", &told(&unprepared), &told(&whole)].concat();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            phase
              memory       1.6 GiB a rank
                           of an unknown amount: give memory.budget_gib
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (samples of the longest kind; prepare the data to know)
                           1 of 3 blocks are computed again
              memory       1.6 GiB a rank
                           of 7.0 GiB (90 % of what its control group leaves, for 4 rank(s))
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (the largest of 300 steps)
                           1 of 3 blocks are computed again
              measured     1.1 GiB a rank at most
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_plan_shows_its_arithmetic() {
        let phase = |name: &str, samples, trainable: Option<u64>| Phase {
            name: name.to_owned(),
            samples,
            max_length: 512,
            micro_tokens: 4096,
            memory: trainable.map(|_| memory()),
            steps: Some(300),
            epochs: None,
            trainable,
            adapters: true,
            seconds_per_step: trainable.map(|_| 0.5),
        };
        let work = Work {
            name: "quickstart".to_owned(),
            device: "flex".to_owned(),
            parameters: Some(1_000_000),
            checkpoint: CheckpointConfig::default(),
            exact_shards: 0,
            phases: vec![
                phase("alignment", 33, Some(65_536)),
                Phase { steps: None, epochs: Some(2.0), ..phase("instruction", 4, None) },
            ],
            evaluation: Workload {
                rounds: ["final-free", "final", "final-order-1"]
                    .map(|round| Asked { round: round.to_owned(), benchmarks: 2, questions: 150 })
                    .into(),
                undeclared: vec!["ours".to_owned()],
                max_new_tokens: 640,
            },
        };
        let mut plan = Plan::new(work, &cluster(4), 2);
        expect![[r#"
            run `quickstart` on flex
              ranks        4 on this machine, 1 thread(s) each
              parameters   1.00M
              checkpoint   4.6 MiB, 768.0 KiB each further one of its phase
              disk         9.1 MiB for checkpoints (2 of each phase are kept)
            phase `alignment`
              length       300 steps
              batch        33 samples over 4 ranks, about 8 each
              micro-batch  up to 4096 tokens a rank, samples of up to 512
              trained      65.5k parameters
              time         about 3 minutes, by a step of 0.50 s timed here
              memory       1.6 GiB a rank
                           of 7.0 GiB (90 % of what its control group leaves, for 4 rank(s))
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (a bound, by 256 of 300 steps)
                           1 of 3 blocks are computed again
              measured     1.1 GiB a rank at most
              wire         384.0 KiB a rank and step
            phase `instruction`
              length       2 epoch(s)
              batch        4 samples = 4 rank(s) x 1
              micro-batch  up to 4096 tokens a rank, samples of up to 512
              trained      known when the data are prepared
              time         known when the data are prepared
            evaluation
              final-free               2 benchmark(s), up to 150 questions
              final                    2 benchmark(s), up to 150 questions
              final-order-1            2 benchmark(s), up to 150 questions
              together     up to 450 questions, answers of up to 640 tokens each
              and those of ours, which do not say how many
            warning: 4 threads (4 ranks x 1) share 2 cores
        "#]]
        .assert_eq(&plan.text());
        // What an estimate says needs no line that says it is unknown.
        plan.estimate = Some(estimate(8));
        assert!(
            plan.text().contains("timed here") && !plan.text().contains("  time         known")
        );
    }
}
