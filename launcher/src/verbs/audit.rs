//! `knowcoder data audit`: what is trained on and asked about at once, and who contradicts whom.

use super::Answer;
use super::data::aligned;
use super::run::recipe_of;
use crate::cli;
use crate::error::{Error, exit};
use crate::store;
use data_pipeline::audit::{Conflict, Kind, Overlap};
use data_pipeline::width::folded;
use serde_json::json;
use std::fmt::Write;
use trainer::audit::Audit;

/// Sentences and mentions that are shown of each kind; `--json` has all.
const SHOWN: usize = 3;

/// The width of a terminal.
const COLUMNS: usize = 80;

/// Compares what a recipe trains on with what it asks about; ends with 65 if a leak is not waived.
pub fn audit(args: &cli::Audit) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    trainer::prepare::check(&recipe)?;
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, |_| true))?;
    let audit = trainer::audit::audit(&recipe, &data_root)?;
    let open: Vec<&Overlap> = audit.leaks(&recipe.audit).collect();
    let mut text = String::new();
    show_overlaps(&mut text, &audit);
    show_conflicts(&mut text, &audit.conflicts);
    // Writing to a string cannot fail.
    let _ = match (open.len(), recipe.audit.remove) {
        (0, _) => writeln!(text, "no leak that is not waived"),
        (leaks, true) => {
            writeln!(text, "{leaks} leaks; `remove = true` leaves them out of training")
        }
        (leaks, false) => writeln!(text, "{leaks} leaks; `run` and `data prepare` refuse them"),
    };
    let code = if open.is_empty() || recipe.audit.remove { exit::DONE } else { exit::DATA };
    let json = json!({
        "leaks": open.iter().map(|leak| trainer::audit::waiver_of(leak)).collect::<Vec<_>>(),
        "audit": audit,
    });
    Ok(Answer { text, json, code })
}

fn show_overlaps(text: &mut String, audit: &Audit) {
    let (leaks, others): (Vec<&Overlap>, Vec<&Overlap>) =
        audit.overlaps.iter().partition(|overlap| overlap.is_leak());
    show_table(text, "benchmark sentences in training data", &leaks);
    for leak in &leaks {
        for found in leak.matches.iter().take(SHOWN) {
            let sign = match found.kind {
                Kind::Exact => "=",
                Kind::Near => "~",
                Kind::Translated => "->",
            };
            let share = found.similarity * 100.0;
            let _ = writeln!(text, "  {} {sign} {} ({share:.0} %)", found.id, found.other);
        }
    }
    show_table(text, "repeated within one role", &others);
    if !audit.bridges.is_empty() {
        let _ = writeln!(text, "translations looked up in");
        for line in folded(&audit.bridges, ", ", COLUMNS - 2) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
}

fn show_table(text: &mut String, title: &str, overlaps: &[&Overlap]) {
    if overlaps.is_empty() {
        return;
    }
    let heading = [title, "exact", "near", "transl.", "of"].map(str::to_owned);
    let row = |overlap: &&Overlap| {
        let count = |kind| overlap.count(kind).to_string();
        let place = match overlap.dataset == overlap.other {
            true => format!("{} in itself", overlap.dataset),
            false => format!("{} in {}", overlap.dataset, overlap.other),
        };
        let [exact, near, translated] = [Kind::Exact, Kind::Near, Kind::Translated].map(count);
        [place, exact, near, translated, overlap.sentences.to_string()]
    };
    let rows: Vec<[String; 5]> = std::iter::once(heading).chain(overlaps.iter().map(row)).collect();
    text.push_str(&aligned(&rows));
    text.push('\n');
}

fn show_conflicts(text: &mut String, conflicts: &[Conflict]) {
    if conflicts.is_empty() {
        return;
    }
    let which = match conflicts.len() {
        1 => "1 mention has classes that corpora do not share".to_owned(),
        count if count <= SHOWN => {
            format!("{count} mentions have classes that corpora do not share")
        }
        count => format!(
            "{count} mentions have classes that corpora do not share; {SHOWN} of them, all with --json:"
        ),
    };
    let _ = writeln!(text, "{which}");
    for conflict in conflicts.iter().take(SHOWN) {
        let of = |datasets: &std::collections::BTreeMap<String, usize>| {
            let each = datasets.iter().map(|(dataset, count)| format!("{dataset} {count}"));
            each.collect::<Vec<_>>().join(", ")
        };
        let classes: Vec<String> = conflict
            .classes
            .iter()
            .map(|(class, datasets)| format!("{class} ({})", of(datasets)))
            .collect();
        let _ = writeln!(text, "  `{}`", conflict.mention);
        for line in folded(&classes, ", ", COLUMNS - 4) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text.push('\n');
}
