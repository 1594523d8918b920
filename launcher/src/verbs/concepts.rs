//! `knowcoder data concepts`: what original labels mean, and what becomes of them.

use super::Answer;
use super::data::{aligned, data_root, declarations};
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::concepts::{Concepts, Fate, Outcome};
use data_pipeline::corpus::Corpus;
use serde_json::json;
use std::fmt::Write;

/// The width of a terminal.
const COLUMNS: usize = 80;

/// Holds declarations against the map of concepts; ends with 64 where they do not agree.
pub fn concepts(args: &cli::Datasets) -> Result<Answer, Error> {
    let map = Concepts::load(&args.configs.join("concepts"))?;
    let mut faults: Vec<String> = map.faults().iter().map(ToString::to_string).collect();
    let mut corpora = Vec::new();
    let declarations = declarations(&args.configs, &args.datasets)?;
    let data_root = data_root(args, &declarations)?;
    for path in declarations {
        match Corpus::load(&path, &data_root) {
            Ok(corpus) => corpora.push(corpus),
            Err(error) => faults.push(error.to_string()),
        }
    }
    let is_whole = args.datasets.is_empty();
    let mut outcomes = Vec::new();
    for corpus in &corpora {
        faults.extend(map.check(corpus).iter().map(ToString::to_string));
        outcomes.push(map.outcomes(corpus)?);
    }
    // Of a few declarations, nobody can tell what the map has too many.
    if is_whole {
        faults.extend(map.stale(&corpora).iter().map(ToString::to_string));
    }
    let rows: Vec<(&Corpus, &Vec<Outcome>)> = corpora.iter().zip(&outcomes).collect();
    let mut text = summary(&rows);
    if !is_whole {
        for (corpus, outcomes) in &rows {
            show_labels(&mut text, corpus, outcomes);
        }
    }
    let labels: usize = outcomes.iter().map(Vec::len).sum();
    show_faults(&mut text, labels, &map, &faults);
    let documents: Vec<serde_json::Value> = rows
        .iter()
        .map(|(corpus, outcomes)| json!({"dataset": corpus.name(), "labels": outcomes}))
        .collect();
    let json = json!({"concepts": map.len(), "faults": faults, "datasets": documents});
    let code = if faults.is_empty() { exit::DONE } else { exit::DECLARATION };
    Ok(Answer { text, json, code })
}

/// One line a corpus: how many labels have which fate, and how many annotations are lost.
fn summary(rows: &[(&Corpus, &Vec<Outcome>)]) -> String {
    let heading = ["labels of", "all", "kept", "merged", "split", "dropped", "annotations lost"];
    let mut table = vec![heading.map(str::to_owned)];
    for (corpus, outcomes) in rows.iter().filter(|(_, outcomes)| !outcomes.is_empty()) {
        let count = |fate: Fate| outcomes.iter().filter(|it| it.fate == fate).count().to_string();
        table.push([
            clipped(corpus.name(), 24),
            outcomes.len().to_string(),
            count(Fate::Kept),
            count(Fate::Merged),
            count(Fate::Split),
            count(Fate::Dropped),
            lost(outcomes),
        ]);
    }
    aligned(&table)
}

/// `1204 of 9001`, or nothing where the files are not there.
fn lost(outcomes: &[Outcome]) -> String {
    if outcomes.iter().any(|it| it.count.is_none()) {
        return String::new();
    }
    let all: usize = outcomes.iter().filter_map(|it| it.count).sum();
    let dropped = outcomes.iter().filter(|it| it.fate == Fate::Dropped);
    let dropped: usize = dropped.filter_map(|it| it.count).sum();
    format!("{dropped} of {all}")
}

/// Each label of a corpus, with the reason below it if there is one.
fn show_labels(text: &mut String, corpus: &Corpus, outcomes: &[Outcome]) {
    if outcomes.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{}: labels are classes", corpus.name());
        return;
    }
    let _ = writeln!(text, "\n{}", corpus.name());
    for outcome in outcomes {
        let relation = outcome.relation.map_or_else(|| "?".to_owned(), |it| it.to_string());
        let class = outcome.class.as_deref().unwrap_or("-");
        let count = outcome.count.map_or_else(String::new, |count| count.to_string());
        let line = format!(
            "  {} {relation:<8} {} {} {count:>7}",
            padded(&outcome.label, 20),
            padded(&outcome.concepts.join(" "), 25),
            padded(class, 13),
        );
        text.push_str(line.trim_end());
        text.push('\n');
        if let Some(why) = &outcome.why {
            let _ = writeln!(text, "      {}", clipped(why, COLUMNS - 6));
        }
    }
}

fn show_faults(text: &mut String, labels: usize, map: &Concepts, faults: &[String]) {
    let concepts = map.len();
    // Writing to a string cannot fail.
    let _ = match faults.len() {
        0 => writeln!(
            text,
            "\n{labels} labels and {concepts} concepts; the declarations agree with them"
        ),
        count => writeln!(text, "\n{count} faults in the map or the declarations"),
    };
    for fault in faults {
        let _ = writeln!(text, "WRONG  {fault}");
    }
}

/// How many columns a terminal gives a character: Chinese ones take two.
fn width(sign: char) -> usize {
    if matches!(sign, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}')
    {
        2
    } else {
        1
    }
}

/// `text` in at most so many columns.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().map(width).sum::<usize>() <= most {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut short = String::new();
    for sign in text.chars() {
        taken += width(sign);
        if taken >= most {
            break;
        }
        short.push(sign);
    }
    short.push('…');
    short
}

/// `text` in just so many columns.
fn padded(text: &str, columns: usize) -> String {
    let mut text = clipped(text, columns);
    let taken: usize = text.chars().map(width).sum();
    text.push_str(&" ".repeat(columns.saturating_sub(taken)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_a_terminal_does() {
        assert_eq!(padded("ab", 4), "ab  ");
        assert_eq!(padded("地点", 6), "地点  ");
        assert_eq!(clipped("abcdef", 4), "abc…");
        assert_eq!(clipped("地点地点", 5), "地点…");
        assert_eq!(padded("地点地点", 6), "地点… ");
    }

    #[test]
    fn what_is_lost_is_counted_where_files_are_there() {
        let outcome = |fate, count| Outcome {
            label: "x".to_owned(),
            relation: None,
            concepts: Vec::new(),
            class: None,
            fate,
            why: None,
            count,
        };
        let there = [outcome(Fate::Kept, Some(5)), outcome(Fate::Dropped, Some(2))];
        assert_eq!(lost(&there), "2 of 7");
        assert_eq!(lost(&[outcome(Fate::Kept, None)]), "");
    }
}
