//! Corpora as text of at most 80 columns: a block each, then languages and tasks.

use super::aligned;
use super::bars::{bars, spark};
use super::survey::{CorpusStats, Survey};
use data_pipeline::corpus::{Distribution, SplitStats, TextStats, Unit};
use data_pipeline::width::{TERMINAL, clipped, folded, padded, printable};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Columns of a corpus's name, of a label below it, and of a histogram.
const NAME: usize = 22;
const LABEL: usize = 14;
const SPARK: usize = 20;

/// Classes that are named before the rest is a number.
const CLASSES: usize = 8;

/// What is counted of a split; the first place is the dataset's own.
const HEADINGS: [&str; 8] = ["", "sent.", "empty", "ent.", "rel.", "events", "per sent.", "length"];

/// All of it; histograms with a line a bin if `large`.
pub fn text(survey: &Survey, large: bool, ascii: bool) -> String {
    let drawn = Drawn { large, ascii };
    let mut blocks: Vec<String> = survey.corpora.iter().map(|it| drawn.corpus(it)).collect();
    if survey.corpora.len() > 1 {
        blocks.push(languages(survey));
        blocks.push(tasks(survey));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n")
}

/// How histograms are drawn.
struct Drawn {
    large: bool,
    ascii: bool,
}

impl Drawn {
    fn corpus(&self, corpus: &CorpusStats) -> String {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows[0][0] = clipped(&format!("{} ({})", corpus.name, corpus.language), NAME);
        rows.extend(corpus.splits.iter().map(row));
        let mut text = aligned(&rows);
        let languages = corpus.languages();
        for (language, texts) in &languages {
            if languages.len() > 1 {
                text += &format!("  {language}\n");
            }
            self.texts(&mut text, texts);
        }
        text
    }

    fn texts(&self, text: &mut String, texts: &TextStats) {
        let classes = [
            ("entities", &texts.entities),
            ("relations", &texts.relations),
            ("events", &texts.events),
            ("arguments", &texts.arguments),
        ];
        for (label, counts) in classes.into_iter().filter(|(_, counts)| !counts.is_empty()) {
            said(text, label, &named(counts));
        }
        self.drawn(text, "characters", &texts.characters);
        if let Some(tokens) = &texts.tokens {
            self.drawn(text, "tokens", &tokens.lengths);
            if let (Some(fertility), Some(bytes)) = (tokens.fertility(), tokens.byte_rate()) {
                let sentence = format!(
                    "{fertility:.2} tokens a {}, {:.2} % of the tokens are bytes",
                    tokens.unit,
                    bytes * 100.0
                );
                said(text, "fertility", &[sentence]);
            }
        }
        for (task, objects) in &texts.tasks {
            self.drawn(text, &format!("{task} objects"), objects);
        }
        let shares = [
            (texts.nested_share(), "nested"),
            (texts.discontinuous_share().filter(|share| *share > 0.0), "with gaps"),
        ];
        let shares: Vec<String> = shares
            .into_iter()
            .filter_map(|(share, what)| Some(format!("{:.2} % {what}", share? * 100.0)))
            .collect();
        if !shares.is_empty() {
            said(text, "mentions", &shares);
        }
    }

    /// A histogram behind its label, with the numbers that sum it up.
    fn drawn(&self, text: &mut String, label: &str, values: &Distribution) {
        let ends = (values.least(), values.percentile(50), values.percentile(95), values.most());
        let (Some(least), Some(median), Some(p95), Some(most)) = ends else { return };
        let numbers = format!("{least} to {most}, median {median}, 95 % up to {p95}");
        let label = padded(&format!("  {label}"), LABEL);
        if self.large {
            *text += &format!("{label}{numbers}\n");
            for line in bars(values, self.ascii) {
                *text += &format!("{line}\n");
            }
        } else {
            *text += &format!("{label}{}  {numbers}\n", spark(values, SPARK, self.ascii));
        }
    }
}

/// Items behind their label, in as many lines as they need.
fn said(text: &mut String, label: &str, items: &[String]) {
    let lines = folded(items, ", ", TERMINAL - LABEL);
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        *text += &format!("{}{line}\n", padded(&format!("  {label}"), LABEL));
    }
}

/// Classes with their counts, the most frequent first.
fn named(counts: &BTreeMap<String, usize>) -> Vec<String> {
    let mut sorted: Vec<(&String, &usize)> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| Reverse(**count));
    let mut items: Vec<String> = sorted
        .iter()
        .take(CLASSES)
        .map(|(class, count)| format!("{} {count}", printable(class)))
        .collect();
    if sorted.len() > CLASSES {
        items.push(format!("and {} others", sorted.len() - CLASSES));
    }
    items
}

fn row(split: &SplitStats) -> [String; 8] {
    let SplitStats { split, texts, .. } = split;
    let sum = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>().to_string();
    [
        clipped(&format!("  {split}"), NAME),
        texts.sentences().to_string(),
        texts.empty_sentences.to_string(),
        sum(&texts.entities),
        sum(&texts.relations),
        sum(&texts.events),
        format!("{:.2}", texts.mentions_per_sentence()),
        format!("{:.1}", texts.mentions.mean().unwrap_or_default()),
    ]
}

/// A line a language, and one for all.
fn languages(survey: &Survey) -> String {
    let languages = survey.languages();
    let mut rows = vec![
        ["language", "sets", "sentences", "entities", "chars", "tokens", "fertility", "bytes"]
            .map(str::to_owned),
    ];
    let mut total = TextStats::default();
    for stats in &languages {
        let texts = &stats.texts;
        // Words and characters have no common fertility.
        total.merge(&TextStats { tokens: None, ..texts.clone() });
        let mut row = sums(&stats.language, stats.datasets, texts);
        if let Some(tokens) = &texts.tokens {
            let unit = if tokens.unit == Unit::Word { "word" } else { "char" };
            let fertility = tokens.fertility().map(|it| format!("{it:.2}/{unit}"));
            let bytes = tokens.byte_rate().map(|it| format!("{:.2} %", it * 100.0));
            row[5] = tokens.lengths.sum().to_string();
            (row[6], row[7]) = (fertility.unwrap_or_default(), bytes.unwrap_or_default());
        }
        rows.push(row);
    }
    rows.push(sums("all", survey.corpora.len(), &total));
    if languages.iter().all(|stats| stats.texts.tokens.is_none()) {
        let fewer: Vec<[String; 5]> =
            rows.into_iter().map(|[a, b, c, d, e, ..]| [a, b, c, d, e]).collect();
        return aligned(&fewer);
    }
    aligned(&rows)
}

/// What every language has.
fn sums(name: &str, datasets: usize, texts: &TextStats) -> [String; 8] {
    let mut row = [const { String::new() }; 8];
    row[0] = name.to_owned();
    row[1] = datasets.to_string();
    row[2] = texts.sentences().to_string();
    row[3] = texts.mentions.count().to_string();
    row[4] = texts.characters.mean().map(|mean| format!("{mean:.1}")).unwrap_or_default();
    row
}

/// A line a task.
fn tasks(survey: &Survey) -> String {
    let mut rows =
        vec![["task", "sets", "sentences", "objects", "per sent.", "empty"].map(str::to_owned)];
    for stats in survey.tasks() {
        let (sentences, objects) = (stats.objects.count(), stats.objects.sum());
        let empty = stats.objects.count_of(0) as f64 / sentences.max(1) as f64;
        rows.push([
            stats.task.to_string(),
            stats.datasets.to_string(),
            sentences.to_string(),
            objects.to_string(),
            format!("{:.2}", stats.objects.mean().unwrap_or_default()),
            format!("{:.1} %", empty * 100.0),
        ]);
    }
    aligned(&rows)
}
