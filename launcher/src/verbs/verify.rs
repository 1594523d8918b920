//! `knowcoder plan --verify-gradients`, and the same before a run: whether a step's gradients depend on how it
//! is split.

use super::{Answer, plan};
use crate::cli::{self, VerifyExtent};
use crate::cluster::Cluster;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::events::Events;
use serde_json::{Value, json};
use std::fmt::Write;
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;
use trainer::verify::{Compared, Extent, Own, PhaseGradients, Split, Verification, due, verify};
use trainer::{Recipe, RunDir};

/// The plan, and what the gradients of the first steps say.
pub fn added(
    planned: Answer,
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    extent: VerifyExtent,
) -> Result<Answer, Error> {
    let absent = (0..recipe.phase.len()).find(|index| !plan::is_prepared(recipe, *index, run_dir));
    if let Some(index) = absent {
        let (phase, run_dir) = (&recipe.phase[index].name, run_dir.root().display());
        let message = format!("the shards of phase `{phase}` are not prepared in `{run_dir}`");
        let hint =
            "`knowcoder data prepare RECIPE` makes them; gradients are verified on their rows";
        return Err(Error::new(exit::DECLARATION, message).hint(hint));
    }
    let extent = match extent {
        VerifyExtent::Full => Extent::Full,
        VerifyExtent::Short => Extent::Short,
    };
    let mut display = Display::new();
    // How many there are is known at the end of each phase only.
    let mut told = |phase: &str, split: Split| display.line(&format!("verifying {phase}: {split}"));
    let found = verify(recipe, run_dir, own(cluster), extent, &mut told)?;
    let failure = found.failure();
    let mut text = planned.text + &table(&found);
    let mut json = planned.json;
    if let Value::Object(fields) = &mut json {
        let mut document = serde_json::to_value(&found).unwrap_or_default();
        document["passed"] = json!(failure.is_none());
        document["failure"] = json!(failure);
        document["worst"] = json!(found.worst());
        document["compared"] = json!(found.compared());
        fields.insert("verification".to_owned(), document);
    }
    let code = match failure {
        None => exit::DONE,
        Some(failure) => {
            text.push_str(&format!("error: {failure}\n"));
            exit::BUG
        }
    };
    Ok(Answer { text, json, code })
}

fn own(cluster: &Cluster) -> Own {
    Own { ranks: cluster.ranks, sharding: cluster.sharding }
}

/// Verifies the phases of a run that is about to begin, as `run.verify` says: one that has no checkpoint yet,
/// since its recipe may have changed.
///
/// In a process of its own, so that nothing of it lies on the device when ranks start.
pub fn before(
    args: &cli::Run,
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    events: &mut Events,
) -> Result<(), Error> {
    if due(recipe, run_dir, own(cluster))?.is_empty() {
        return Ok(());
    }
    let transient = |error: io::Error| {
        Error::new(exit::TRANSIENT, format!("failed to start the verification: {error}"))
    };
    let mut command = Command::new(std::env::current_exe().map_err(transient)?);
    command.args(["plan", "--json", "--verify-gradients=short"]).arg(&args.recipe.recipe);
    for set in &args.recipe.sets {
        command.arg("--set").arg(set);
    }
    if let Some(file) = &args.cluster {
        command.arg("--cluster").arg(file);
    }
    command.arg("--run-dir").arg(run_dir.root()).stdin(Stdio::null());
    // What it says beside its answer is for the person at the terminal.
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    die_with_us(&mut command);
    let started = Instant::now();
    let output = command.output().map_err(transient)?;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let verification = &document["verification"];
    if let Some(failure) = verification["failure"].as_str() {
        return Err(Error::new(exit::BUG, failure).hint(
            "please report it; `run.verify = false` trains all the same, `knowcoder plan --verify-gradients` shows all splits",
        ));
    }
    if !output.status.success() || verification["passed"] != json!(true) {
        // It has said why on stderr.
        let code = output.status.code().and_then(|code| u8::try_from(code).ok());
        let code = code.filter(|code| exit::is_known(*code)).unwrap_or(exit::TRANSIENT);
        return Err(Error::new(code, "the gradients could not be verified")
            .hint("`run.verify = false` trains without"));
    }
    let fields = json!({
        "compared": verification["compared"],
        "worst": verification["worst"],
        "seconds": started.elapsed().as_secs_f64(),
    });
    events.record("verified", fields)?;
    let splits = verification["compared"].as_u64().unwrap_or_default();
    let worst = verification["worst"].as_f64().unwrap_or_default();
    Display::new().line(&match splits {
        0 => "gradients are not verified: no split fits the memory beside the plainest; \
              `knowcoder plan --verify-gradients` says what they need"
            .to_owned(),
        splits => format!("gradients are the same in {splits} other split(s), within {worst:.0e}"),
    });
    Ok(())
}

/// The kernel ends the verification when we end.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only `prctl` is called, which is allowed there.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut Command) {}

/// A table for a terminal of 80 columns.
fn table(found: &Verification) -> String {
    if found.phases.is_empty() {
        return "gradients: nothing to verify; `run.verify` says which phases are\n".to_owned();
    }
    let mut text = String::new();
    for phase in &found.phases {
        // Writing to a string cannot fail.
        let _ = rows(&mut text, phase);
    }
    text
}

fn rows(text: &mut String, phase: &PhaseGradients) -> std::fmt::Result {
    let PhaseGradients { phase: name, precision, allowed, samples, splits, left_out, .. } = phase;
    writeln!(
        text,
        "gradients of phase `{name}`: {samples} samples, {precision}, allowed {allowed:.0e}"
    )?;
    writeln!(text, "  ranks ZeRO rows     micro again    loss   total  weight most apart")?;
    for compared in splits {
        let Compared { split, loss_error, error, weight, weight_error, passed, .. } = compared;
        let micro = match split.micro_tokens {
            1 => "single".to_owned(),
            tokens => crate::display::short(tokens as f64),
        };
        let verdict = if *passed { "ok" } else { "FAIL" };
        let exact = if split.exact_shards > 0 { "*" } else { " " };
        writeln!(
            text,
            "  {:>5}{exact}{:>4} {:<7} {micro:>6} {:<5} {} {} {} {:<17} {verdict}",
            split.ranks,
            split.stage,
            if split.grouped { "groups" } else { "apart" },
            if split.recompute { "yes" } else { "no" },
            small(*loss_error),
            small(*error),
            small(*weight_error),
            ending(weight, 17),
        )?;
    }
    for left in left_out {
        writeln!(text, "  left out: {}", left.split)?;
        writeln!(text, "    {}", left.why)?;
    }
    if splits.iter().any(|it| it.split.exact_shards > 0) {
        writeln!(text, "  * with exact shards")?;
    }
    Ok(())
}

/// `1.2e-7` in seven places.
fn small(number: f64) -> String {
    format!("{number:>7.1e}")
}

/// The end of a weight's path, which tells it from others.
fn ending(path: &str, most: usize) -> String {
    let path = path.trim_start_matches("model.layers.").trim_end_matches(".weight");
    let count = path.chars().count();
    if count <= most {
        return path.to_owned();
    }
    "…".chars().chain(path.chars().skip(count + 1 - most)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;
    use trainer::verify::LeftOut;

    fn compared(split: Split, weight_error: f64) -> Compared {
        Compared {
            split,
            tokens: 100,
            loss: 2.0,
            loss_error: 0.0,
            error: weight_error / 10.0,
            weight: "model.layers.11.self_attn.W_pack.lora_A.weight".to_owned(),
            weight_error,
            passed: weight_error <= 1e-5,
        }
    }

    #[test]
    fn a_table_fits_a_terminal_and_names_what_failed() {
        let two = Split {
            ranks: 2,
            stage: 1,
            grouped: true,
            micro_tokens: 4096,
            exact_shards: 4,
            recompute: true,
            ..Split::PLAINEST
        };
        let four = Split { ranks: 4, exact_shards: 0, ..two };
        let found = Verification {
            phases: vec![PhaseGradients {
                phase: "instruction".to_owned(),
                precision: "f32".to_owned(),
                allowed: 1e-5,
                samples: 256,
                trained: 1000,
                splits: vec![compared(Split::PLAINEST, 0.0), compared(two, 0.031)],
                left_out: vec![LeftOut { split: four, why: "it needs about 9.0 GiB".to_owned() }],
            }],
        };
        let text = table(&found);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            gradients of phase `instruction`: 256 samples, f32, allowed 1e-5
              ranks ZeRO rows     micro again    loss   total  weight most apart
                  1    0 apart   single no      0.0e0   0.0e0   0.0e0 …tn.W_pack.lora_A ok
                  2*   1 groups   4.10k yes     0.0e0  3.1e-3  3.1e-2 …tn.W_pack.lora_A FAIL
              left out: 4 ranks, ZeRO 1, groups, 4096 tokens at a time, recomputed
                it needs about 9.0 GiB
              * with exact shards
        "#]]
        .assert_eq(&text);
        expect![[r#"phase `instruction`, 2 ranks, ZeRO 1, 4 exact shards, groups, 4096 tokens at a time, recomputed: the gradient of `model.layers.11.self_attn.W_pack.lora_A.weight` differs by 3.1e-2 of its size from that of one sample at a time, allowed is 1e-5: how a step is split changes what is learned"#]]
            .assert_eq(&found.failure().unwrap());
        assert_eq!(table(&Verification::default()).lines().count(), 1);
    }
}
