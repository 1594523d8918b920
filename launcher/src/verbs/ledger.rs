//! `knowcoder ledger`: whether two runs trained on the same, and whether one trained on what it should.

use super::Answer;
use super::data::aligned;
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::ledger::{Difference, SourceSeen, Stitched, What, difference};
use data_pipeline::width::{clipped, folded};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use trainer::RunDir;
use trainer::ledger::{PhaseProof, phases, prove as prove_run};

/// Columns of the terminal, without the margin of two.
const WIDTH: usize = 78;

/// Columns of a dataset's name, at most.
const NAME: usize = 30;

/// What came of one phase of two runs.
struct PhaseDifference {
    phase: String,
    found: Difference,
    /// Whether this is what was wanted.
    equal: bool,
}

/// Holds the ledgers of two runs against each other.
pub fn diff(args: &cli::LedgerDiff) -> Result<Answer, Error> {
    let mut differences = Vec::new();
    let mut names = BTreeSet::new();
    for run in [&args.a, &args.b] {
        let found = phases(&RunDir::new(run))?;
        names.extend(found.into_iter().filter_map(|(index, path)| {
            Some((index, path.file_name()?.to_string_lossy().into_owned()))
        }));
    }
    let mut steps = [0, 0];
    for (_, phase) in names {
        let open = |run: &Path| Stitched::open(&RunDir::new(run).ledgers().join(&phase));
        let (a, b) = (open(&args.a)?, open(&args.b)?);
        let found = difference(&a, &b, args.tolerance)?;
        steps = [steps[0] + found.steps[0], steps[1] + found.steps[1]];
        // A phase that has begun has a folder before it has a step.
        if found.steps != [0, 0] {
            let equal = found.is_equal() || (args.so_far && found.counts.is_empty());
            differences.push(PhaseDifference { phase, found, equal });
        }
    }
    for (run, steps) in [&args.a, &args.b].into_iter().zip(steps) {
        if steps == 0 {
            return Err(no_ledger(run));
        }
    }
    let equal = differences.iter().all(|difference| difference.equal);
    Ok(Answer {
        text: diff_text(&differences, args.tolerance),
        json: json!({
            "a": args.a,
            "b": args.b,
            "tolerance": args.tolerance,
            "equal": equal,
            "phases": differences.iter().map(diff_document).collect::<Vec<Value>>(),
        }),
        code: if equal { exit::DONE } else { exit::DATA },
    })
}

/// Holds the ledger of a run against its recipe.
pub fn prove(args: &cli::LedgerProve) -> Result<Answer, Error> {
    let run_dir = RunDir::new(&args.run);
    if !run_dir.recipe_lock().is_file() {
        let run = args.run.display();
        let message = format!("`{run}` is not the directory of a run: it has no recipe.lock");
        return Err(Error::new(exit::DECLARATION, message).hint("name one like runs/NAME"));
    }
    let proofs = prove_run(&run_dir)?;
    if proofs.is_empty() {
        return Err(no_ledger(&args.run));
    }
    let proved = proofs.iter().all(|proof| proof.proof.problem_count == 0);
    Ok(Answer {
        text: proof_text(&proofs),
        json: json!({"run": args.run, "proved": proved, "phases": proofs}),
        code: if proved { exit::DONE } else { exit::DATA },
    })
}

fn no_ledger(run: &Path) -> Error {
    let message = format!("`{}` holds no ledger", run.display());
    Error::new(exit::DECLARATION, message)
        .hint("name the directory of a run; the ledger begins with the first checkpoint")
}

fn diff_document(difference: &PhaseDifference) -> Value {
    let mut document = json!(difference.found);
    document["phase"] = json!(difference.phase);
    document["equal"] = json!(difference.equal);
    document
}

fn diff_text(differences: &[PhaseDifference], tolerance: f64) -> String {
    let mut text = String::new();
    for PhaseDifference { phase, found, equal } in differences {
        let [a, b] = found.steps;
        let steps = if a == b { format!("{a} steps") } else { format!("{a} and {b} steps") };
        paragraph(
            &mut text,
            "",
            &format!("phase {phase}: {steps}, {} rows compared", found.compared),
        );
        if let Some(first) = &found.first {
            let [a, b] = &first.values;
            let (step, slot, what) = (first.step, first.slot, name(first.what));
            let first =
                format!("first difference at step {step}, slot {slot}: {what}, {a} and {b}");
            paragraph(&mut text, "  ", &first);
            let counts =
                found.counts.iter().map(|(what, count)| format!("{} {count}", name(*what)));
            let counts = counts.collect::<Vec<String>>().join(", ");
            paragraph(&mut text, "  ", &format!("rows that differ: {counts}"));
        } else if *equal {
            let same = "the same rows, losses at most";
            let apart = found.largest_loss;
            paragraph(
                &mut text,
                "  ",
                &format!("{same} {apart:.1e} apart ({tolerance:.1e} may be)"),
            );
        } else {
            let message = "the steps that both have are the same; --so-far compares no others";
            paragraph(&mut text, "  ", message);
        }
    }
    let equal = differences.iter().all(|difference| difference.equal);
    text.push_str(if equal { "equal\n" } else { "not equal\n" });
    text
}

fn name(what: What) -> &'static str {
    match what {
        What::Slot => "place",
        What::Row => "row",
        What::Sample => "sample",
        What::Tokens => "tokens",
        What::Loss => "loss",
        What::Applied => "applied",
    }
}

fn proof_text(proofs: &[PhaseProof]) -> String {
    let mut text = String::new();
    for PhaseProof { phase, of, proof } in proofs {
        let of = of.map_or(String::new(), |of| format!(" of {of}"));
        let heading = format!(
            "phase {phase}: {}{of} steps, {} rows in {} segment(s)",
            proof.steps, proof.rows, proof.segments
        );
        paragraph(&mut text, "", &heading);
        if !proof.epochs.is_empty() {
            let mut rows = vec![["  epoch", "rows", "seen", "skipped", "again"].map(str::to_owned)];
            rows.extend(proof.epochs.iter().map(|epoch| {
                let cells = [epoch.rows, epoch.seen, epoch.skipped, epoch.again];
                let [rows, seen, skipped, again] = cells.map(|cell| cell.to_string());
                [format!("  {:>5}", epoch.epoch), rows, seen, skipped, again]
            }));
            text.push_str(&aligned(&rows));
        }
        if proof.rows > 0 {
            let headings = ["  dataset", "lang", "task", "wanted", "realised", "rows", "each seen"];
            let mut rows = vec![headings.map(str::to_owned)];
            rows.extend(proof.sources.iter().map(source));
            text.push_str(&aligned(&rows));
        }
        if !proof.left_out.is_empty() {
            let steps: Vec<String> = proof.left_out.iter().map(usize::to_string).collect();
            paragraph(&mut text, "  ", &format!("left out by a guard: step {}", steps.join(", ")));
        }
        for problem in &proof.problems {
            paragraph(&mut text, "  ! ", problem);
        }
        let rest = proof.problem_count - proof.problems.len();
        if rest > 0 {
            paragraph(&mut text, "  ! ", &format!("and {rest} more"));
        }
    }
    let problems: usize = proofs.iter().map(|proof| proof.proof.problem_count).sum();
    // Writing to a string cannot fail.
    let _ = match problems {
        0 => writeln!(text, "proved: every step so far is what the recipe and its shards say"),
        count => writeln!(text, "not proved: {count} problem(s)"),
    };
    text
}

fn source(seen: &SourceSeen) -> [String; 7] {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let times = match (seen.least, seen.most) {
        (least, most) if least == most => format!("{least} x"),
        (least, most) => format!("{least}-{most} x"),
    };
    [
        format!("  {}", clipped(&seen.source.dataset, NAME)),
        seen.source.language.clone(),
        seen.source.task.clone(),
        percent(seen.wanted),
        percent(seen.realised),
        seen.rows.to_string(),
        times,
    ]
}

/// Adds `words` in lines of the terminal's width, the first one behind `begin`.
fn paragraph(text: &mut String, begin: &str, words: &str) {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let mut begin = begin.to_owned();
    for line in folded(&words, " ", WIDTH - begin.len()) {
        let _ = writeln!(text, "{begin}{line}");
        // Those that follow stand below it, a little to the right.
        begin = " ".repeat(begin.len().max(2));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::ledger::{EpochSeen, First, Proof};
    use data_pipeline::shard::RowSource;
    use expect_test::expect;

    fn seen(dataset: &str, shares: (f64, f64), rows: usize, times: (usize, usize)) -> SourceSeen {
        let [dataset, language, task] = [dataset, "en", "ner"].map(str::to_owned);
        let source = RowSource { dataset, language, task };
        let ((wanted, realised), (least, most)) = (shares, times);
        SourceSeen { source, wanted, realised, rows, least, most }
    }

    #[test]
    fn a_proof_fits_the_terminal() {
        let sources = vec![
            seen("wnut17", (0.25, 0.2601), 22, (1, 1)),
            seen(&"long-".repeat(9), (0.75, 0.7399), 62, (0, 2)),
        ];
        let epoch = EpochSeen { epoch: 1, rows: 120, seen: 84, skipped: 1, again: 1 };
        let good = Proof {
            segments: 3,
            steps: 7,
            rows: 84,
            epochs: vec![epoch],
            sources,
            left_out: vec![2, 5],
            ..Proof::default()
        };
        let problem = "step 2, slot 3: row 17 (`quickstart-en/12`) hashed to 00ff00ff00ff00ff, to \
                       0123456789abcdef in its shard";
        let problems = vec![problem.to_owned()];
        let bad = Proof { problems, problem_count: 4, ..Proof::default() };
        let text = proof_text(&[
            PhaseProof { phase: "instruction".to_owned(), of: Some(7), proof: good },
            PhaseProof { phase: "torn".to_owned(), of: None, proof: bad },
        ]);
        expect![[r#"
            phase instruction: 7 of 7 steps, 84 rows in 3 segment(s)
              epoch  rows  seen  skipped  again
                  1   120    84        1      1
              dataset                         lang  task  wanted  realised  rows  each seen
              wnut17                            en   ner  25.0 %    26.0 %    22        1 x
              long-long-long-long-long-long…    en   ner  75.0 %    74.0 %    62      0-2 x
              left out by a guard: step 2, 5
            phase torn: 0 steps, 0 rows in 0 segment(s)
              ! step 2, slot 3: row 17 (`quickstart-en/12`) hashed to 00ff00ff00ff00ff, to
                0123456789abcdef in its shard
              ! and 3 more
            not proved: 4 problem(s)
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_difference_is_told_in_full() {
        let equal = Difference {
            steps: [5, 5],
            compared: 60,
            largest_loss: 3.2e-7,
            ..Difference::default()
        };
        let values = ["12.5", "12.75"].map(str::to_owned);
        let first = First { step: 4, slot: 2, what: What::Loss, values };
        let other = Difference {
            steps: [7, 6],
            compared: 72,
            counts: [(What::Tokens, 1), (What::Loss, 24)].into(),
            first: Some(first),
            largest_loss: 0.02,
        };
        let shorter = Difference { steps: [7, 6], compared: 72, ..Difference::default() };
        let phase = |phase: &str, found: Difference| {
            let equal = found.is_equal();
            PhaseDifference { phase: phase.to_owned(), found, equal }
        };
        let all = [phase("0-a", equal), phase("1-b", other), phase("2-c", shorter)];
        expect![[r#"
            phase 0-a: 5 steps, 60 rows compared
              the same rows, losses at most 3.2e-7 apart (1.0e-4 may be)
            phase 1-b: 7 and 6 steps, 72 rows compared
              first difference at step 4, slot 2: loss, 12.5 and 12.75
              rows that differ: tokens 1, loss 24
            phase 2-c: 7 and 6 steps, 72 rows compared
              the steps that both have are the same; --so-far compares no others
            not equal
        "#]]
        .assert_eq(&diff_text(&all, 1e-4));
        assert_eq!(diff_document(&all[1])["counts"]["loss"], 24);
    }

    #[test]
    fn what_has_no_ledger_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().to_owned();
        let error = prove(&cli::LedgerProve { run: run.clone() }).unwrap_err();
        assert!(error.message.ends_with("is not the directory of a run: it has no recipe.lock"));
        assert_eq!(error.code, exit::DECLARATION);
        let args = cli::LedgerDiff { a: run.clone(), b: run, tolerance: 0.0, so_far: false };
        let error = diff(&args).unwrap_err();
        assert!(error.message.ends_with("holds no ledger"), "{error}");
        assert_eq!(error.code, exit::DECLARATION);
    }
}
