//! How faithful the translations are: names that stand in them, by stage, model and domain.
//!
//! A function of sentences and transcript: it says nothing of one run, so a second run writes the
//! same bytes.

use super::glossary::Glossary;
use super::items::Item;
use super::stages::{Outcome, verbatim};
use super::transcript::Usage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What became of a job's sentences.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Sentences in all.
    pub sentences: usize,
    /// Sentences that are none of them, as a name of theirs is in pieces.
    #[serde(skip_serializing_if = "is_none")]
    pub in_pieces: usize,
    /// Sentences whose translation passed every check.
    pub accepted: usize,
    /// Of those, the ones that a person annotated.
    pub by_hand: usize,
    /// Sentences that are left to people.
    pub left: usize,
    /// Over the drafts as they are in the end.
    pub total: Faithfulness,
    /// By stage, in the order of the job.
    pub stages: Vec<StageRow>,
    /// By model: the drafts behind each of its answers.
    pub models: BTreeMap<String, Faithfulness>,
    /// By domain, as `total`.
    pub domains: BTreeMap<String, Faithfulness>,
    /// Why drafts are not accepted, by kind of fault, over all visits.
    pub faults: BTreeMap<String, usize>,
    /// Names that the glossary knows.
    pub glossary_names: usize,
    /// Of those, the ones that are written as it wants.
    pub glossary_hits: usize,
    /// Whether the target language could be told from the source's by more than its script.
    pub language_known: bool,
    /// Tokens and money of all questions.
    pub spent: Usage,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How many names stand in their sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Faithfulness {
    /// Drafts.
    pub drafts: usize,
    /// Of those, without a fault.
    pub accepted: usize,
    /// Names of the sources.
    pub names: usize,
    /// Of those, verbatim in the translation.
    pub verbatim: usize,
    /// `verbatim` of `names`, in percent; 100 where there are none.
    pub percent: f64,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRow {
    /// Its name.
    pub stage: String,
    /// Its model.
    pub model: String,
    /// What it made.
    #[serde(flatten)]
    pub faithfulness: Faithfulness,
}

impl Faithfulness {
    fn add(&mut self, accepted: bool, names: usize, verbatim: usize) {
        self.drafts += 1;
        self.accepted += usize::from(accepted);
        self.names += names;
        self.verbatim += verbatim;
        self.percent = match self.names {
            0 => 100.0,
            names => 100.0 * self.verbatim as f64 / names as f64,
        };
    }
}

impl Report {
    /// Counts `outcomes`, which belong to `items` in order.
    pub fn of(
        items: &[Item],
        outcomes: &[Outcome],
        stages: &[(String, String)],
        glossary: &Glossary,
        spent: Usage,
    ) -> Self {
        let mut report = Self { sentences: items.len(), spent, ..Self::default() };
        let mut by_stage: BTreeMap<&str, Faithfulness> = BTreeMap::new();
        for (item, outcome) in items.iter().zip(outcomes) {
            let names = item.sentence.entities.len();
            let (accepted, found) = (outcome.faults.is_empty(), verbatim(&outcome.draft));
            report.accepted += usize::from(accepted);
            report.left += usize::from(!accepted);
            report.by_hand += usize::from(outcome.by_hand);
            report.total.add(accepted, names, found);
            report.domains.entry(item.domain.clone()).or_default().add(accepted, names, found);
            for visit in &outcome.visits {
                let accepted = visit.faults.is_empty();
                let row = by_stage.entry(&visit.stage).or_default();
                row.add(accepted, visit.names, visit.verbatim);
                let model = report.models.entry(visit.model.clone()).or_default();
                model.add(accepted, visit.names, visit.verbatim);
                for fault in &visit.faults {
                    *report.faults.entry(fault.kind().to_owned()).or_default() += 1;
                }
            }
            for (entity, name) in item.sentence.entities.iter().zip(&outcome.draft.names) {
                if let Some(wanted) = glossary.wanted(&entity.mention.text, &entity.class) {
                    report.glossary_names += 1;
                    report.glossary_hits += usize::from(wanted == name.text);
                }
            }
        }
        for (stage, model) in stages {
            let faithfulness = by_stage.get(stage.as_str()).copied().unwrap_or_default();
            report.stages.push(StageRow {
                stage: stage.clone(),
                model: model.clone(),
                faithfulness,
            });
        }
        report
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} sentences: {} accepted ({} by hand), {} left to people",
            self.sentences, self.accepted, self.by_hand, self.left
        );
        let _ = writeln!(
            text,
            "\n{:<32} {:>7} {:>8} {:>7} {:>12}",
            "", "drafts", "accepted", "names", "faithfulness"
        );
        for StageRow { stage, model, faithfulness } in &self.stages {
            row(&mut text, &format!("{stage} ({model})"), faithfulness);
        }
        for (model, faithfulness) in &self.models {
            row(&mut text, model, faithfulness);
        }
        for (domain, faithfulness) in &self.domains {
            row(&mut text, &format!("domain {domain}"), faithfulness);
        }
        row(&mut text, "in the end", &self.total);
        for (fault, count) in &self.faults {
            let _ = writeln!(text, "fault {fault}: {count}");
        }
        if self.glossary_names > 0 {
            let (hits, names) = (self.glossary_hits, self.glossary_names);
            let share = 100.0 * hits as f64 / names as f64;
            let _ = writeln!(text, "glossary: {hits} of {names} names as it wants ({share:.1} %)");
        }
        if !self.language_known {
            let _ = writeln!(text, "the language of translations was told by its script alone");
        }
        if self.in_pieces > 0 {
            let count = self.in_pieces;
            let _ = writeln!(text, "{count} sentences not translated: a name in pieces");
        }
        let _ = writeln!(text, "{}", spent(self.spent));
        text
    }
}

/// `1234 tokens, 0.0123 in money`.
pub fn spent(usage: Usage) -> String {
    let lost = match usage.lost {
        0 => String::new(),
        lost => format!(" (at most {lost} of them in replies that were cut)"),
    };
    format!("{} tokens{lost}, {:.4} in money", usage.tokens(), usage.cost as f64 / 1e9)
}

fn row(text: &mut String, what: &str, it: &Faithfulness) {
    let what: String = what.chars().take(32).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{what:<32} {:>7} {:>8} {:>7} {:>10.2} %",
        it.drafts, it.accepted, it.names, it.percent
    );
}
