//! Languages: their F1 in each task, beside the tokens that the vocabulary makes of a word.

use super::files::Run;
use super::html::{count, escape, percent};
use super::scores::protocols;
use super::table::{heads, table};
use data_pipeline::Task;
use data_pipeline::score::{Language, Scores, languages};
use std::collections::BTreeMap;

/// A row a language, the worst first; nothing where the table of sets says as much.
pub(super) fn section(run: &Run) -> String {
    let scores = &run.scores;
    let has_fertility = !scores.fertility.is_empty();
    if !has_fertility && !has_sums(scores) {
        return String::new();
    }
    let mut languages = languages(scores);
    languages.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
    let has = |task: &Task| languages.iter().any(|it| it.f1.contains_key(task));
    let tasks: Vec<Task> =
        [Task::Ner, Task::Re, Task::Ed, Task::Eae].into_iter().filter(has).collect();
    let titles: Vec<String> = tasks.iter().map(|task| format!("F1 {task}")).collect();
    let mut names = vec!["language"];
    names.extend(titles.iter().map(String::as_str));
    if has_fertility {
        names.extend(["tokens", "words or characters", "tokens a unit"]);
    }
    let rows: Vec<String> = languages
        .iter()
        .map(|it| {
            let f1: String = tasks
                .iter()
                .map(|task| format!("<td>{}</td>", percent(it.f1.get(task).copied())))
                .collect();
            let tokens = if has_fertility { tokens(it) } else { String::new() };
            format!("<tr><th scope=\"row\"><bdi>{}</bdi></th>{f1}{tokens}</tr>", escape(&it.code))
        })
        .collect();
    let fertility = if has_fertility {
        ", and what the run's vocabulary makes of their sentences: tokens a word, or a character where a \
         language writes no spaces"
    } else {
        ""
    };
    format!(
        "<p class=\"note\">The objects of a language's sets counted together, {}{fertility}. The worst \
         first, by the mean of the tasks.</p>{}",
        protocols(scores),
        table(&heads(&names), &rows)
    )
}

/// The mean of the tasks; what has no F1 comes last.
fn mean(language: &Language) -> f64 {
    match language.f1.len() {
        0 => f64::INFINITY,
        tasks => language.f1.values().sum::<f64>() / tasks as f64,
    }
}

fn tokens(language: &Language) -> String {
    match language.fertility {
        Some(found) => format!(
            "<td>{}</td><td>{}</td><td><b>{:.2}</b> a {}</td>",
            count(found.tokens),
            count(found.units),
            found.ratio().unwrap_or_default(),
            found.unit
        ),
        None => "<td>–</td>".repeat(3),
    }
}

/// Whether there are several languages, and one of them has several sets of a task.
fn has_sums(scores: &Scores) -> bool {
    let main = scores.main_protocols();
    let mut sets: BTreeMap<&str, BTreeMap<Task, usize>> = BTreeMap::new();
    for row in scores.rows.iter().filter(|row| main.contains(&(row.task, row.protocol))) {
        if !row.is_summary() && !row.is_chained() && row.gold > 0 {
            *sets.entry(&row.language).or_default().entry(row.task).or_default() += 1;
        }
    }
    sets.len() > 1 && sets.values().flat_map(BTreeMap::values).any(|sets| *sets > 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::corpus::Unit;
    use data_pipeline::score::{Fertility, Protocol, Row, chained};

    fn row(dataset: &str, language: &str, task: Task, correct: usize) -> Row {
        Row {
            dataset: dataset.into(),
            language: language.into(),
            task,
            protocol: Protocol::Set,
            f1: Some(10.0 * correct as f64),
            gold: 10,
            predicted: 10,
            correct,
            sentences: 1,
            ..Row::default()
        }
    }

    fn run(rows: Vec<Row>) -> Run {
        Run { scores: Scores::from(rows), ..Run::default() }
    }

    #[test]
    fn f1_and_fertility_stand_side_by_side() {
        let rows = vec![
            row("d", "en", Task::Ner, 5),
            row("d", "sw", Task::Ner, 5),
            row("d", "sw", Task::Ed, 4),
        ];
        let mut run = run(rows);
        assert_eq!(section(&run), "");
        let fertility = Fertility { tokens: 150, units: 100, unit: Unit::Word };
        run.scores.fertility = [("en".to_owned(), fertility)].into();
        let html = section(&run);
        for part in [
            ">F1 ner<",
            "<bdi>en</bdi></th><td>50.0</td><td>–</td><td>150</td><td>100</td><td><b>1.50</b> a word</td>",
            "<bdi>sw</bdi></th><td>50.0</td><td>40.0</td><td>–</td><td>–</td><td>–</td>",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
        let (sw, en) = (html.find("<bdi>sw</bdi>"), html.find("<bdi>en</bdi>"));
        assert!(sw < en, "45.0 before 50.0: {html}");
    }

    #[test]
    fn sets_of_a_language_come_together() {
        let rows = vec![
            row("a", "en", Task::Ner, 8),
            row("b", "en", Task::Ner, 1),
            row("a", "sw", Task::Ner, 3),
        ];
        let mut run = run(rows);
        let html = section(&run);
        assert!(html.contains("<bdi>en</bdi></th><td>45.0</td></tr>"), "{html}");
        let (sw, en) = (html.find("<bdi>sw</bdi>"), html.find("<bdi>en</bdi>"));
        assert!(sw.is_some() && sw < en, "30.0 before 200 * 9 / 40 = 45.0: {html}");
        assert!(!html.contains("tokens"), "{html}");
        // Arguments of predicted triggers are no part of a language's arguments.
        run.scores.rows.push(row(&chained("b"), "en", Task::Ner, 0));
        assert_eq!(section(&run), html);
        run.scores.rows.pop();
        run.scores.rows.remove(1);
        assert_eq!(section(&run), "", "the table of sets shows as much");
    }
}
