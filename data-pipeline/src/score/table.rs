//! Scores as a text table that fits a terminal of 80 columns.

use super::{Protocol, Row, Scores, below};
use crate::width::{clipped, columns as width};
use std::fmt::Write;

/// Columns of the terminal.
const WIDTH: usize = 80;
/// A longer name of a dataset is cut before a column is left out.
const LONG_NAME: usize = 24;
/// No name is cut below this.
const MIN_NAME: usize = 14;

/// The scores as aligned text: a block a protocol, sums below a rule, floors and other models'
/// scores beside the F1; below them what else is known of the F1s.
pub fn table(scores: &Scores) -> String {
    let mut text = String::new();
    for protocol in scores.protocols() {
        if !text.is_empty() {
            text.push('\n');
        }
        block(&mut text, scores, protocol);
    }
    text + &below::text(scores)
}

/// One column: what stands above it and in each row.
struct Column {
    cells: Vec<String>,
    left: bool,
    /// Whether a narrow terminal can do without it.
    spare: bool,
}

fn block(text: &mut String, scores: &Scores, protocol: Protocol) {
    let rows: Vec<&Row> = {
        let of_protocol = || scores.rows.iter().filter(|row| row.protocol == protocol);
        let sets = of_protocol().filter(|row| !row.is_summary());
        sets.chain(of_protocol().filter(|row| row.is_summary())).collect()
    };
    let columns = fit(columns(scores, &rows));
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.cells.iter().map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let total = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    for line in 0..=rows.len() {
        let first_sum = line > 1 && rows[line - 1].is_summary() && !rows[line - 2].is_summary();
        if line == 1 || first_sum {
            text.push_str(&"─".repeat(total));
            text.push('\n');
        }
        let mut written = String::new();
        for (column, width) in columns.iter().zip(&widths) {
            pad(&mut written, &column.cells[line], *width, column.left);
            written.push_str("  ");
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "F1 in percent, protocol `{protocol}`, 95 % interval by bootstrap");
    if let Some(defect) = protocol.defect() {
        let _ = writeln!(text, "known defect: {defect}");
    }
}

/// Every column that has something to say.
fn columns(scores: &Scores, rows: &[&Row]) -> Vec<Column> {
    let column = |head: &str, left: bool, spare: bool, cell: &dyn Fn(&Row) -> String| {
        let cells = std::iter::once(head.to_owned()).chain(rows.iter().map(|row| cell(row)));
        Column { cells: cells.collect(), left, spare }
    };
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
    let mut columns = vec![
        column("dataset", true, false, &|row| row.dataset.clone()),
        column("lang", true, false, &|row| row.language.clone()),
        column("task", true, false, &|row| row.task.to_string()),
        column("F1", false, false, &|row| {
            if row.f1.is_none() { "empty".to_owned() } else { number(row.f1) }
        }),
        column("95 %", false, false, &|row| match (row.low, row.high) {
            (Some(low), Some(high)) => format!("{low:.1}–{high:.1}"),
            _ => "–".to_owned(),
        }),
    ];
    if rows.iter().any(|row| scores.floor(row).is_some()) {
        columns.push(column("floor", false, false, &|row| number(scores.floor(row))));
    }
    if rows.iter().any(|row| scores.paper(row).is_some()) {
        columns.push(column("paper", false, true, &|row| number(scores.paper(row))));
    }
    for name in scores.baselines.keys() {
        columns.push(column(name, false, false, &|row| number(scores.baseline(name, row))));
    }
    columns.push(column("prec/rec", false, true, &|row| match (row.precision, row.recall) {
        (Some(precision), Some(recall)) => format!("{precision:.1}/{recall:.1}"),
        _ => "–".to_owned(),
    }));
    columns.push(column("gold", false, true, &|row| row.gold.to_string()));
    columns.push(column("flaws", false, true, &|row| row.flaws.to_string()));
    columns
}

/// Leaves out spare columns from the right, then cuts names, until the table fits.
fn fit(mut columns: Vec<Column>) -> Vec<Column> {
    let width_of = |column: &Column| column.cells.iter().map(|cell| width(cell)).max().unwrap_or(0);
    let excess = |columns: &[Column]| {
        let total: usize = columns.iter().map(|column| width_of(column) + 2).sum();
        (total - 2).saturating_sub(WIDTH)
    };
    let name = |columns: &[Column]| width_of(&columns[0]);
    while excess(&columns) > name(&columns).saturating_sub(LONG_NAME) {
        let Some(spare) = columns.iter().rposition(|column| column.spare) else { break };
        columns.remove(spare);
    }
    let name = name(&columns).saturating_sub(excess(&columns)).max(MIN_NAME);
    for cell in &mut columns[0].cells {
        *cell = clipped(cell, name);
    }
    columns
}

fn pad(line: &mut String, cell: &str, width_wanted: usize, left: bool) {
    let blanks = " ".repeat(width_wanted.saturating_sub(width(cell)));
    if left {
        line.push_str(cell);
        line.push_str(&blanks);
    } else {
        line.push_str(&blanks);
        line.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MEAN, MICRO};
    use super::*;
    use crate::schema::Task;
    use expect_test::{Expect, expect};
    use std::collections::BTreeMap;

    fn row(dataset: &str, language: &str, f1: Option<f64>) -> Row {
        Row {
            dataset: dataset.to_owned(),
            language: language.to_owned(),
            task: Task::Ner,
            protocol: Protocol::Set,
            precision: f1.map(|f1| f1 + 2.0),
            recall: f1.map(|f1| f1 - 2.0),
            f1,
            low: f1.map(|f1| f1 - 3.1),
            high: f1.map(|f1| f1 + 2.9),
            gold: 310,
            predicted: 300,
            correct: 200,
            flaws: 4,
            sentences: 150,
        }
    }

    fn check(scores: &Scores, expected: Expect) {
        let found = table(scores);
        for line in found.lines() {
            assert!(width(line) <= WIDTH, "{} columns: {line}", width(line));
        }
        expected.assert_eq(&found);
    }

    #[test]
    fn a_small_table_shows_everything() {
        let rows = vec![
            row("quickstart-names", "en", Some(66.61)),
            row(MICRO, "all", Some(64.0)),
            row("新闻", "zh", Some(5.0)),
            row("leer", "de", None),
        ];
        check(
            &Scores::from(rows.clone()),
            expect![[r#"
                dataset           lang  task     F1       95 %   prec/rec  gold  flaws
                ──────────────────────────────────────────────────────────────────────
                quickstart-names  en    ner    66.6  63.5–69.5  68.6/64.6   310      4
                新闻              zh    ner     5.0    1.9–7.9    7.0/3.0   310      4
                leer              de    ner   empty          –          –   310      4
                ──────────────────────────────────────────────────────────────────────
                micro             all   ner    64.0  60.9–66.9  66.0/62.0   310      4
                F1 in percent, protocol `set`, 95 % interval by bootstrap
            "#]],
        );
        let mut scores = Scores::from(rows);
        scores.floors.insert("新闻".to_owned(), 3.1);
        let other = vec![row("quickstart-names", "en", Some(0.0))];
        scores.baselines =
            BTreeMap::from([("base".to_owned(), other.clone()), ("untrained".to_owned(), other)]);
        scores.rows.push(Row { protocol: Protocol::Knowcoder2024, ..row("d", "en", Some(101.0)) });
        check(
            &scores,
            expect![[r#"
                dataset           lang  task     F1       95 %  floor  base  untrained
                ──────────────────────────────────────────────────────────────────────
                quickstart-names  en    ner    66.6  63.5–69.5      –   0.0        0.0
                新闻              zh    ner     5.0    1.9–7.9    3.1     –          –
                leer              de    ner   empty          –      –     –          –
                ──────────────────────────────────────────────────────────────────────
                micro             all   ner    64.0  60.9–66.9      –     –          –
                F1 in percent, protocol `set`, 95 % interval by bootstrap

                dataset  lang  task     F1        95 %  base  untrained    prec/rec  gold  flaws
                ────────────────────────────────────────────────────────────────────────────────
                d        en    ner   101.0  97.9–103.9     –          –  103.0/99.0   310      4
                F1 in percent, protocol `knowcoder-2024`, 95 % interval by bootstrap
                known defect: said twice, a right object counts twice: recall can exceed 100
            "#]],
        );
    }

    #[test]
    fn a_long_name_is_cut() {
        let mut scores = Scores::from(vec![
            row("命名实体识别的一个很长很长的数据集名称之测试集合", "zh", Some(66.6)),
            row("a-rather-long-name-of-a-dataset-in-many-languages", "all", Some(66.6)),
            row(MEAN, "all", Some(66.6)),
        ]);
        let rows = scores.rows.clone();
        scores.baselines =
            BTreeMap::from([("base".to_owned(), rows.clone()), ("untrained".to_owned(), rows)]);
        check(
            &scores,
            expect![[r#"
                dataset                             lang  task    F1       95 %  base  untrained
                ────────────────────────────────────────────────────────────────────────────────
                命名实体识别的一个很长很长的数据…   zh    ner   66.6  63.5–69.5  66.6       66.6
                a-rather-long-name-of-a-dataset-i…  all   ner   66.6  63.5–69.5  66.6       66.6
                ────────────────────────────────────────────────────────────────────────────────
                mean of languages                   all   ner   66.6  63.5–69.5  66.6       66.6
                F1 in percent, protocol `set`, 95 % interval by bootstrap
            "#]],
        );
        check(&Scores::default(), expect![[""]]);
    }
}
