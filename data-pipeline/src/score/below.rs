//! What stands below the table of scores: how far F1 moves with orders and wordings, and languages
//! beside their fertility.

use super::{Scores, languages, table::wrapped};
use crate::schema::Task;
use crate::width::{columns as width, shortened};

/// A longer name of a dataset is cut.
const LONG_NAME: usize = 28;

/// Both blocks, each task under its main protocol, as far as there is something to tell; none is
/// wider than 80 columns.
pub(super) fn text(scores: &Scores) -> String {
    let mut text = String::new();
    sensitivity(&mut text, scores);
    by_language(&mut text, scores);
    text
}

fn sensitivity(text: &mut String, scores: &Scores) {
    let told = scores.main_sensitivity();
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|it| {
            let ordinary = scores.rows.iter().find(|row| it.is_of(row)).and_then(|row| row.f1);
            vec![
                shortened(&it.dataset, LONG_NAME),
                it.language.clone(),
                it.task.to_string(),
                it.varied.rounds(it.rounds),
                number(ordinary),
                number(Some(it.mean)),
                number(Some(it.worst)),
                number(Some(it.deviation)),
            ]
        })
        .collect();
    let head = ["dataset", "lang", "task", "asked in", "F1", "mean", "worst", "dev"];
    if aligned(text, &head, 4, &rows) {
        let sentence = format!(
            "protocol {}; dev: standard deviation. F1 is that of the ordinary prompt",
            protocols(scores)
        );
        wrapped(text, &sentence);
    }
}

/// The main protocol, or those of the tasks where they differ.
fn protocols(scores: &Scores) -> String {
    let main = scores.main_protocols();
    match main.as_slice() {
        [(_, first), rest @ ..] if rest.iter().all(|(_, it)| it == first) => format!("`{first}`"),
        several => {
            let told = several.iter().map(|(task, protocol)| format!("`{protocol}` for {task}"));
            told.collect::<Vec<_>>().join(", ")
        }
    }
}

fn by_language(text: &mut String, scores: &Scores) {
    if scores.fertility.is_empty() {
        return;
    }
    let languages = languages(scores);
    let has = |task: &Task| languages.iter().any(|it| it.f1.contains_key(task));
    let tasks: Vec<Task> =
        [Task::Ner, Task::Re, Task::Ed, Task::Eae].into_iter().filter(has).collect();
    let rows: Vec<Vec<String>> = languages
        .iter()
        .map(|it| {
            let f1 = tasks.iter().map(|task| number(it.f1.get(task).copied()));
            let tokens = it.fertility.and_then(|it| Some((it.ratio()?, it.unit)));
            let tokens =
                tokens.map_or("–".to_owned(), |(ratio, unit)| format!("{ratio:.2} a {unit}"));
            std::iter::once(it.code.clone()).chain(f1).chain([tokens]).collect()
        })
        .collect();
    let heads: Vec<String> = tasks.iter().map(|task| format!("F1 {task}")).collect();
    let head: Vec<&str> = std::iter::once("language")
        .chain(heads.iter().map(String::as_str))
        .chain(["tokens"])
        .collect();
    aligned(text, &head, 1, &rows);
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.1}"))
}

/// A block of text behind an empty line, the first `left` columns to the left; whether there is one.
fn aligned(text: &mut String, head: &[&str], left: usize, rows: &[Vec<String>]) -> bool {
    if rows.is_empty() {
        return false;
    }
    let widest = |place: usize| {
        let cells = rows.iter().map(|row| width(&row[place]));
        cells.chain([width(head[place])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(widest).collect();
    let mut line = |cells: &[&str]| {
        let mut written = String::new();
        for (place, (cell, wanted)) in cells.iter().zip(&widths).enumerate() {
            let blanks = " ".repeat(wanted.saturating_sub(width(cell)));
            match place < left {
                true => written += &format!("{cell}{blanks}  "),
                false => written += &format!("{blanks}{cell}  "),
            }
        }
        text.push_str(written.trim_end());
        text.push('\n');
    };
    line(&[]);
    line(head);
    let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    line(&["─".repeat(rule).as_str()]);
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::{
        Fertility, MICRO, Protocol, Row, Sensitivity, Set, Varied, score, tests::prediction,
    };
    use super::*;
    use crate::corpus::Unit;
    use expect_test::expect;

    #[test]
    fn both_blocks_fit_a_terminal() {
        let set = |dataset: &str, language: &str, task| Set {
            dataset: dataset.into(),
            language: language.into(),
            task,
            predictions: vec![prediction(task, &["P a > b"], &["P a > b"])],
        };
        let name = "a-rather-long-name-of-a-dataset";
        let sets = [set(name, "en", Task::Re), set("新闻", "zh", Task::Re)];
        let mut scores = Scores::from(score(&sets, &[Protocol::Set]));
        assert_eq!(text(&scores), "", "nothing was asked twice");
        let told = |row: &Row, varied, rounds| Sensitivity {
            dataset: row.dataset.clone(),
            language: row.language.clone(),
            task: row.task,
            protocol: row.protocol,
            varied,
            rounds,
            mean: 64.21,
            worst: 5.0,
            deviation: 12.34,
        };
        let told: Vec<Sensitivity> = scores
            .rows
            .iter()
            .filter(|row| row.dataset == MICRO || row.dataset == name)
            .map(|row| told(row, Varied::Order, 24))
            .chain([told(&scores.rows[1], Varied::Paraphrase, 4)])
            .collect();
        scores.sensitivity = told;
        scores.fertility = [
            ("en".to_owned(), Fertility { tokens: 143, units: 100, unit: Unit::Word }),
            ("zh".to_owned(), Fertility { tokens: 121, units: 100, unit: Unit::Character }),
        ]
        .into();
        let found = text(&scores);
        assert!(found.lines().all(|line| width(line) <= 80), "{found}");
        expect![[r#"

            dataset                       lang  task  asked in       F1  mean  worst   dev
            ──────────────────────────────────────────────────────────────────────────────
            a-rather-long-…-of-a-dataset  en    re    24 orders   100.0  64.2    5.0  12.3
            micro                         all   re    24 orders   100.0  64.2    5.0  12.3
            新闻                          zh    re    4 wordings  100.0  64.2    5.0  12.3
            protocol `set`; dev: standard deviation. F1 is that of the ordinary prompt

            language  F1 re            tokens
            ─────────────────────────────────
            en        100.0       1.43 a word
            zh        100.0  1.21 a character
        "#]]
        .assert_eq(&found);
    }

    #[test]
    fn a_task_that_the_first_protocol_does_not_define_is_told_under_the_next() {
        let set = |task, gold: &[&str]| Set {
            dataset: "d".into(),
            language: "en".into(),
            task,
            predictions: vec![prediction(task, gold, gold)],
        };
        let sets = [set(Task::Ner, &["P a"]), set(Task::Re, &["P a > b"])];
        let rows = score(&sets, &[Protocol::B2ner, Protocol::Set]);
        let others = [rows.clone()];
        let sensitivity = super::super::sensitivity(Varied::Order, &rows, &others);
        let fertility = Fertility { tokens: 3, units: 2, unit: Unit::Word };
        let fertility = [("en".to_owned(), fertility)].into();
        let scores = Scores { sensitivity, fertility, ..Scores::from(rows) };
        expect![[r#"

            dataset  lang  task  asked in     F1   mean  worst  dev
            ───────────────────────────────────────────────────────
            d        en    ner   2 orders  100.0  100.0  100.0  0.0
            d        en    re    2 orders  100.0  100.0  100.0  0.0
            protocol `b2ner` for ner, `set` for re; dev: standard deviation. F1 is that of
              the ordinary prompt

            language  F1 ner  F1 re       tokens
            ────────────────────────────────────
            en         100.0  100.0  1.50 a word
        "#]]
        .assert_eq(&text(&scores));
    }
}
