//! How faithful the translations are: names that stand in them, by stage, model and domain.
//!
//! A function of sentences and transcript: it says nothing of one run, so a second run writes the
//! same bytes.

use super::check::Draft;
use super::config::{Job, Kind};
use super::glossary::Glossary;
use super::items::Items;
use super::stages::{Back, Outcome, verbatim};
use super::transcript::Usage;
use crate::width::{clipped, columns, padded};
use crate::{Sentence, Task};
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
    /// What of them is carried over: the tasks that every source is annotated for.
    pub tasks: Vec<Task>,
    /// Relations and events that are not, as they point at mentions without a place or, beside
    /// entities, without a class.
    pub left_out: usize,
    /// Over the drafts as they are in the end.
    pub total: Faithfulness,
    /// By stage, in the order of the job.
    pub stages: Vec<StageRow>,
    /// By model: the drafts behind each of its answers.
    pub models: BTreeMap<String, Faithfulness>,
    /// By domain, as `total`.
    pub domains: BTreeMap<String, DomainRow>,
    /// Drafts that were translated back; none where the job does not ask for that.
    pub round_trip: Option<RoundTrip>,
    /// Why drafts are not accepted, by kind of fault, over all visits.
    pub faults: BTreeMap<String, usize>,
    /// Names and terms that the glossary knows.
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
    /// What its questions took. A question that an earlier stage asked word for word is its own.
    pub spent: Usage,
}

/// One domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DomainRow {
    /// Over its drafts as they are in the end.
    #[serde(flatten)]
    pub faithfulness: Faithfulness,
    /// Its names and terms that the glossary knows.
    pub glossary_names: usize,
    /// Of those, the ones that are written as it wants.
    pub glossary_hits: usize,
}

/// What came of translating drafts back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RoundTrip {
    /// Drafts that say what the source says.
    pub same: usize,
    /// Drafts that say something else.
    pub other: usize,
    /// Drafts that are kept without an answer, as the reply was none.
    pub unreadable: usize,
    /// What it took.
    pub spent: Usage,
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
    /// Counts `outcomes`, which belong to `items` in order; `spent` is what each stage took.
    pub fn of(
        job: &Job,
        items: &Items,
        outcomes: &[Outcome],
        spent: &BTreeMap<String, Usage>,
    ) -> Self {
        let mut report = Self {
            sentences: items.items.len(),
            tasks: items.tasks.clone(),
            language_known: items.languages.is_ready(),
            in_pieces: items.in_pieces,
            ..Self::default()
        };
        spent.values().for_each(|usage| report.spent.add(*usage));
        let of_stage = |name: &str| spent.get(name).copied().unwrap_or_default();
        if let Some((back, _)) = &job.round_trip {
            let spent = of_stage(&back.name);
            report.round_trip = Some(RoundTrip { spent, ..RoundTrip::default() });
        }
        let mut by_stage: BTreeMap<&str, Faithfulness> = BTreeMap::new();
        for (item, outcome) in items.items.iter().zip(outcomes) {
            let names = item.carried.asked.entities.len();
            let (accepted, found) = (outcome.faults.is_empty(), verbatim(&outcome.draft));
            report.accepted += usize::from(accepted);
            report.left += usize::from(!accepted);
            report.by_hand += usize::from(outcome.by_hand);
            report.total.add(accepted, names, found);
            report.left_out += item.carried.left_out;
            if let Some(counts) = &mut report.round_trip {
                outcome.backs.iter().for_each(|back| counts.add(back));
            }
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
            let (known, hits) = glossary_of(&job.glossary, &item.carried.asked, &outcome.draft);
            report.glossary_names += known;
            report.glossary_hits += hits;
            let domain = report.domains.entry(item.domain.clone()).or_default();
            domain.faithfulness.add(accepted, names, found);
            domain.glossary_names += known;
            domain.glossary_hits += hits;
        }
        for stage in &job.stages {
            report.stages.push(StageRow {
                stage: stage.name.clone(),
                model: stage.model.clone(),
                faithfulness: by_stage.get(stage.name.as_str()).copied().unwrap_or_default(),
                spent: of_stage(&stage.name),
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
        text += &self.table();
        for (fault, count) in &self.faults {
            let _ = writeln!(text, "fault {fault}: {count}");
        }
        glossary_line(&mut text, "glossary", self.glossary_hits, self.glossary_names);
        for (domain, row) in self.domains.iter().filter(|_| self.domains.len() > 1) {
            let what = format!("glossary, domain {domain}");
            glossary_line(&mut text, &what, row.glossary_hits, row.glossary_names);
        }
        if let Some(RoundTrip { same, other, unreadable, .. }) = self.round_trip {
            let _ = writeln!(
                text,
                "translated back: {same} the same, {other} something else, {unreadable} without an answer (kept)"
            );
        }
        let tasks: Vec<String> = self.tasks.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "carried over: {}", tasks.join(", "));
        if self.left_out > 0 {
            let _ = writeln!(text, "relations and events left out: {}", self.left_out);
        }
        if !self.language_known {
            let _ = writeln!(text, "the language of translations was told by its script alone");
        }
        if self.in_pieces > 0 {
            let count = self.in_pieces;
            let _ = writeln!(text, "{count} sentences not translated: a name in pieces");
        }
        for StageRow { stage, spent: usage, .. } in &self.stages {
            let _ = writeln!(text, "{stage}: {}", spent(*usage));
        }
        if let Some(RoundTrip { spent: usage, .. }) = self.round_trip {
            let _ = writeln!(text, "{}: {}", Kind::RoundTrip.name(), spent(usage));
        }
        let _ = writeln!(text, "in all: {}", spent(self.spent));
        text
    }

    /// Names that stand in their sentences, a line each for stages, models and domains.
    fn table(&self) -> String {
        let mut rows: Vec<(String, &Faithfulness)> = Vec::new();
        for StageRow { stage, model, faithfulness, .. } in &self.stages {
            rows.push((format!("{stage} ({model})"), faithfulness));
        }
        for (model, faithfulness) in &self.models {
            rows.push((model.clone(), faithfulness));
        }
        for (domain, DomainRow { faithfulness, .. }) in &self.domains {
            rows.push((format!("domain {domain}"), faithfulness));
        }
        rows.push(("in the end".to_owned(), &self.total));
        let longest = rows.iter().map(|(what, _)| columns(what)).max().unwrap_or_default();
        let width = longest.min(WIDEST);
        let heading = ["drafts", "accepted", "names", "faithfulness"].map(str::to_owned);
        let mut text = format!("\n{}\n", line("", width, &heading));
        for (what, it) in rows {
            let counts = [it.drafts, it.accepted, it.names].map(|count| count.to_string());
            let [drafts, accepted, names] = counts;
            // A stage that nothing came to is neither good nor bad.
            let percent = match it.drafts {
                0 => "–".to_owned(),
                _ => format!("{:.2} %", it.percent),
            };
            text += &line(&what, width, &[drafts, accepted, names, percent]);
            text.push('\n');
        }
        text
    }
}

/// The widest that a name may be, so that a line of the table fits 80 columns.
const WIDEST: usize = 42;

/// One line of the table.
fn line(what: &str, width: usize, [drafts, accepted, names, percent]: &[String; 4]) -> String {
    let what = padded(&clipped(what, width), width);
    format!("{what} {drafts:>7} {accepted:>8} {names:>7} {percent:>12}")
}

impl RoundTrip {
    fn add(&mut self, back: &Back) {
        match back {
            Back::Same => self.same += 1,
            Back::Other(_) => self.other += 1,
            Back::Unreadable => self.unreadable += 1,
        }
    }
}

/// Names and terms of a sentence that the glossary knows, and those that a draft writes as it wants.
fn glossary_of(glossary: &Glossary, asked: &Sentence, draft: &Draft) -> (usize, usize) {
    let (mut known, mut hits) = (0, 0);
    for (entity, name) in asked.entities.iter().zip(&draft.names) {
        if let Some(wanted) = glossary.wanted(&entity.mention.text, &entity.class) {
            known += 1;
            hits += usize::from(wanted == name.text);
        }
    }
    for (_, wanted) in glossary.terms_of(asked) {
        known += 1;
        hits += usize::from(draft.sentence.contains(wanted));
    }
    (known, hits)
}

fn glossary_line(text: &mut String, what: &str, hits: usize, names: usize) {
    if names > 0 {
        let share = 100.0 * hits as f64 / names as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{what}: {hits} of {names} names as it wants ({share:.1} %)");
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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_stage_that_nothing_came_to_has_no_share_and_models_keep_their_names() {
        let row = |stage: &str, model: &str, names: usize, verbatim: usize| {
            let mut faithfulness = Faithfulness::default();
            if names > 0 {
                faithfulness.add(names == verbatim, names, verbatim);
            }
            let (stage, model) = (stage.to_owned(), model.to_owned());
            StageRow { stage, model, faithfulness, spent: Usage::default() }
        };
        let report = Report {
            stages: vec![
                row("translate", "a-small-model", 8, 7),
                row("translate-again", "a-large-model-2024-08-06", 0, 0),
                row("sentence-again", "a model that was given a name without end", 2, 2),
            ],
            ..Report::default()
        };
        expect![[r#"

                                                        drafts accepted   names faithfulness
            translate (a-small-model)                        1        0       8      87.50 %
            translate-again (a-large-model-2024-08-06)       0        0       0            –
            sentence-again (a model that was given a …       1        1       2     100.00 %
            in the end                                       0        0       0            –
        "#]]
        .assert_eq(&report.table());
    }
}
