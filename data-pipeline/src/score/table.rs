//! Scores as a text table that fits a terminal of 80 columns.

use super::{Absent, Comparison, Matching, Protocol, Quality, Relations, Row, Scores, below};
use crate::width::{columns as width, shortened};
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
    // Those of the other protocols stand in their blocks.
    let has_rows = scores.protocols();
    absent(&mut text, scores.absent.iter().filter(|it| !has_rows.contains(&it.protocol)));
    text + &below::text(scores)
}

/// The scores of classes as aligned text, a block a protocol; empty without any.
pub fn types(scores: &Scores) -> String {
    let mut text = String::new();
    for protocol in scores.protocols() {
        let rows: Vec<_> = scores.by_type.iter().filter(|row| row.protocol == protocol).collect();
        if rows.is_empty() {
            continue;
        }
        let cells = |head: &str, left, cell: &dyn Fn(&super::TypeRow) -> String| {
            Column::new(head, left, false, rows.iter().map(|row| cell(row)))
        };
        let columns = vec![
            cells("class", true, &|row| row.class.clone()),
            cells("dataset", true, &|row| shortened(&row.dataset, LONG_NAME)),
            cells("lang", true, &|row| row.language.clone()),
            cells("task", true, &|row| row.task.to_string()),
            cells("F1", false, &|row| number(row.f1)),
            Column::new(
                "prec/rec",
                false,
                true,
                rows.iter().map(|row| both(row.precision, row.recall)),
            ),
            cells("gold", false, &|row| row.gold.to_string()),
            cells("said", false, &|row| row.predicted.to_string()),
        ];
        if !text.is_empty() {
            text.push('\n');
        }
        lines(&mut text, fit(columns), |_| false);
        let _ = writeln!(text, "F1 of each class in percent, protocol `{protocol}`");
    }
    text
}

/// Two runs beside each other, a block a protocol, sums below a rule.
pub fn comparisons(found: &[Comparison]) -> String {
    let mut text = String::new();
    let mut rest = found;
    while let Some(first) = rest.first() {
        let protocol = first.protocol;
        let same = rest.iter().take_while(|row| row.protocol == protocol).count();
        let rows: Vec<&Comparison> = {
            let (block, others) = rest.split_at(same);
            rest = others;
            let is_sum = |row: &&Comparison| [super::MICRO, super::MEAN].contains(&&*row.dataset);
            let sets = block.iter().filter(|row| !is_sum(row));
            sets.chain(block.iter().filter(is_sum)).collect()
        };
        let cells = |head: &str, left, spare, cell: &dyn Fn(&Comparison) -> String| {
            Column::new(head, left, spare, rows.iter().map(|row| cell(row)))
        };
        let columns = vec![
            cells("dataset", true, false, &|row| row.dataset.clone()),
            cells("lang", true, false, &|row| row.language.clone()),
            cells("task", true, false, &|row| row.task.to_string()),
            cells("A", false, false, &|row| format!("{:.1}", row.a_f1)),
            cells("B", false, false, &|row| format!("{:.1}", row.b_f1)),
            cells("A-B", false, false, &|row| format!("{:+.1}", row.difference)),
            cells("95 %", false, false, &|row| format!("{:+.1} … {:+.1}", row.low, row.high)),
            cells("p", false, false, &|row| probability(row.p)),
            cells("differ", false, true, &|row| format!("{}/{}", row.differing, row.sentences)),
        ];
        if !text.is_empty() {
            text.push('\n');
        }
        let sets = rows.iter().filter(|row| ![super::MICRO, super::MEAN].contains(&&*row.dataset));
        let sets = sets.count();
        lines(&mut text, fit(columns), |row| row == sets && sets > 0);
        let told = rows.iter().any(|row| row.differing > 0);
        let _ = writeln!(
            text,
            "F1 in percent, protocol `{protocol}`; 95 % interval of the difference by paired\n\
             bootstrap, p by approximate randomization"
        );
        if !told {
            text.push_str("no sentence counts differently\n");
        }
        let quality = |side: fn(&Comparison) -> Quality| -> Quality {
            rows[..sets].iter().map(|row| side(row)).sum()
        };
        for (name, quality) in
            [("A", quality(|row| row.a_quality)), ("B", quality(|row| row.b_quality))]
        {
            if !quality.is_clean() {
                wrapped(&mut text, &format!("{name}: {quality}"));
            }
        }
    }
    text
}

fn probability(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// One column: what stands above it and in each row.
pub(super) struct Column {
    cells: Vec<String>,
    left: bool,
    /// Whether a narrow terminal can do without it.
    spare: bool,
}

impl Column {
    pub(super) fn new(
        head: &str,
        left: bool,
        spare: bool,
        cells: impl Iterator<Item = String>,
    ) -> Self {
        Self { cells: std::iter::once(head.to_owned()).chain(cells).collect(), left, spare }
    }
}

fn block(text: &mut String, scores: &Scores, protocol: Protocol) {
    let rows: Vec<&Row> = {
        let of_protocol = || scores.rows.iter().filter(|row| row.protocol == protocol);
        let sets = of_protocol().filter(|row| !row.is_summary());
        sets.chain(of_protocol().filter(|row| row.is_summary())).collect()
    };
    let sets = rows.iter().filter(|row| !row.is_summary()).count();
    lines(text, fit(columns(scores, &rows)), |row| row == sets && sets > 0);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "F1 in percent, protocol `{protocol}`{}, 95 % interval by bootstrap",
        rows.first().map_or("", |row| form(row))
    );
    beside(text, &rows[..sets]);
    for (name, others) in &scores.baselines {
        let is_shown = |row: &&Row| rows[..sets].iter().any(|set| row.matches(set));
        let quality: Quality = others.iter().filter(is_shown).map(Row::quality).sum();
        if !quality.is_clean() {
            wrapped(text, &format!("{name}: {quality}"));
        }
    }
    if let Some(defect) = protocol.defect() {
        wrapped(text, &format!("known defect: {defect}"));
    }
    absent(text, scores.absent.iter().filter(|it| it.protocol == protocol));
}

/// In which form the protocol was applied, if not in the usual one.
pub(super) fn form(row: &Row) -> &'static str {
    match (row.matching, row.relations) {
        (Matching::Exact, Relations::Boundary) => "",
        (Matching::Head, Relations::Boundary) => ", heads by our rule",
        (Matching::Exact, Relations::Strict) => ", strict",
        (Matching::Head, Relations::Strict) => ", heads by our rule, strict",
    }
}

/// What an F1 does not show, of all sets together.
pub(super) fn beside(text: &mut String, sets: &[&Row]) {
    let quality: Quality = sets.iter().map(|row| row.quality()).sum();
    if !quality.is_clean() {
        let _ = writeln!(text, "{quality}");
    }
}

/// Why there are no rows.
pub(super) fn absent<'a>(text: &mut String, all: impl Iterator<Item = &'a Absent>) {
    for it in all {
        wrapped(text, &it.to_string());
    }
}

/// Adds a sentence in lines that fit the terminal.
pub(super) fn wrapped(text: &mut String, sentence: &str) {
    let mut line = String::new();
    for word in sentence.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = "  ".to_owned();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// Adds the lines of a table, a rule below its head, and one before each row that wants it.
pub(super) fn lines(text: &mut String, columns: Vec<Column>, rule_before: impl Fn(usize) -> bool) {
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.cells.iter().map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let total = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    let count = columns.first().map_or(0, |column| column.cells.len());
    for line in 0..count {
        if line == 1 || line > 1 && rule_before(line - 1) {
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
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.1}"))
}

pub(super) fn both(precision: Option<f64>, recall: Option<f64>) -> String {
    match (precision, recall) {
        (Some(precision), Some(recall)) => format!("{precision:.1}/{recall:.1}"),
        _ => "–".to_owned(),
    }
}

pub(super) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{low:.1}–{high:.1}"),
        _ => "–".to_owned(),
    }
}

/// Every column that has something to say.
fn columns(scores: &Scores, rows: &[&Row]) -> Vec<Column> {
    let column = |head: &str, left: bool, spare: bool, cell: &dyn Fn(&Row) -> String| {
        Column::new(head, left, spare, rows.iter().map(|row| cell(row)))
    };
    let mut columns = vec![
        column("dataset", true, false, &|row| row.dataset.clone()),
        column("lang", true, false, &|row| row.language.clone()),
        column("task", true, false, &|row| row.task.to_string()),
        column("F1", false, false, &|row| {
            if row.f1.is_none() { "empty".to_owned() } else { number(row.f1) }
        }),
        column("95 %", false, false, &|row| interval(row.low, row.high)),
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
    columns.push(column("prec/rec", false, true, &|row| both(row.precision, row.recall)));
    columns.push(column("gold", false, true, &|row| row.gold.to_string()));
    columns.push(column("flaws", false, true, &|row| row.flaws.to_string()));
    type Count = fn(&Row) -> usize;
    let counts: [(&str, Count); 4] = [
        ("unread", |row| row.unread),
        ("invented", |row| row.invented),
        ("outside", |row| row.outside),
        ("cut", |row| row.cut),
    ];
    for (name, count) in counts {
        if rows.iter().any(|row| count(row) > 0) {
            columns.push(column(name, false, true, &|row| count(row).to_string()));
        }
    }
    columns
}

/// Leaves out spare columns from the right, then cuts names, until the table fits.
pub(super) fn fit(mut columns: Vec<Column>) -> Vec<Column> {
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
        *cell = shortened(cell, name);
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
            ..Row::default()
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
    fn what_an_f1_does_not_show_stands_beside_it() {
        let one = Row { unread: 3, invented: 12, cut: 1, ..row("d", "en", Some(66.61)) };
        let mut scores = Scores::from(vec![one, Row { outside: 2, ..row("e", "en", Some(1.0)) }]);
        let task = Task::Re;
        let (dataset, language) = (Some("x".to_owned()), Some("zh".to_owned()));
        let why = "gold names no types of heads and tails".to_owned();
        let protocol = Protocol::Set;
        scores.absent.push(Absent { dataset, language, task, protocol, why });
        check(
            &scores,
            expect![[r#"
                dataset  lang  task    F1       95 %   prec/rec  gold  flaws  unread  invented
                ──────────────────────────────────────────────────────────────────────────────
                d        en    ner   66.6  63.5–69.5  68.6/64.6   310      4       3        12
                e        en    ner    1.0   -2.1–3.9   3.0/-1.0   310      4       0         0
                F1 in percent, protocol `set`, 95 % interval by bootstrap
                answers not read whole: 3; cut: 1; objects invented: 12; classes not offered: 2
                no score of `set` for re of `x` (zh): gold names no types of heads and tails
            "#]],
        );
        // And beside the F1s of other answers to the same: of their sums nothing, it would count twice.
        let free = Row { unread: 2, ..row("d", "en", Some(50.0)) };
        let micro = Row { unread: 2, ..row(MICRO, "all", Some(50.0)) };
        let elsewhere = Row { unread: 7, ..row("x", "en", Some(50.0)) };
        scores.baselines.insert("free".to_owned(), vec![free, micro, elsewhere]);
        let expected = "free: answers not read whole: 2; cut: 0; objects invented: 0; classes not offered: 0\n";
        assert!(table(&scores).replace("\n  ", " ").contains(expected), "{}", table(&scores));
        scores.baselines.clear();
        for row in &mut scores.rows {
            row.protocol = Protocol::Gollie;
            row.matching = Matching::Head;
        }
        check(
            &scores,
            expect![[r#"
                dataset  lang  task    F1       95 %   prec/rec  gold  flaws  unread  invented
                ──────────────────────────────────────────────────────────────────────────────
                d        en    ner   66.6  63.5–69.5  68.6/64.6   310      4       3        12
                e        en    ner    1.0   -2.1–3.9   3.0/-1.0   310      4       0         0
                F1 in percent, protocol `gollie`, heads by our rule, 95 % interval by bootstrap
                answers not read whole: 3; cut: 1; objects invented: 12; classes not offered: 2
                known defect: what is not in the sentence, or oftener than there, is left out
                  before counting: inventions cost nothing, and of gold objects on the same
                  words only as many can be found as the words stand there
                no score of `set` for re of `x` (zh): gold names no types of heads and tails
            "#]],
        );
    }

    #[test]
    fn classes_and_comparisons_fit_the_terminal() {
        let class = |class: &str, f1: Option<f64>| crate::score::TypeRow {
            dataset: "a-rather-long-name-of-a-dataset".into(),
            language: "en".into(),
            task: Task::Ner,
            protocol: Protocol::Set,
            class: class.into(),
            precision: f1,
            recall: f1,
            f1,
            gold: 12,
            predicted: 13,
            correct: 3,
        };
        let mut scores = Scores::from(vec![row("d", "en", Some(66.61))]);
        scores.by_type = vec![class("Person", Some(50.0)), class("ARatherLongNameOfAClass", None)];
        let fits = |text: &str| text.lines().all(|line| width(line) <= WIDTH);
        let found = types(&scores);
        assert!(fits(&found), "{found}");
        expect![[r#"
            class                    dataset                   lang  task    F1  gold  said
            ───────────────────────────────────────────────────────────────────────────────
            Person                   a-rather-lon…f-a-dataset  en    ner   50.0    12    13
            ARatherLongNameOfAClass  a-rather-lon…f-a-dataset  en    ner      –    12    13
            F1 of each class in percent, protocol `set`
        "#]]
        .assert_eq(&found);
        let pair = |dataset: &str, difference: f64| Comparison {
            dataset: dataset.into(),
            language: "en".into(),
            task: Task::Eae,
            protocol: Protocol::StrictSpan,
            a_f1: 50.0 + difference,
            b_f1: 50.0,
            difference,
            low: difference - 1.0,
            high: difference + 1.0,
            p: 0.0005,
            sentences: 20_000,
            differing: 1_234,
            a_quality: Quality::default(),
            b_quality: Quality::default(),
        };
        let found = comparisons(&[
            pair(MICRO, -1.5),
            pair("a-rather-long-name-of-a-dataset-in-many-languages", 12.5),
        ]);
        assert!(fits(&found), "{found}");
        expect![[r#"
            dataset                     lang  task     A     B    A-B           95 %       p
            ────────────────────────────────────────────────────────────────────────────────
            a-rather-long…ny-languages  en    eae   62.5  50.0  +12.5  +11.5 … +13.5  <0.001
            ────────────────────────────────────────────────────────────────────────────────
            micro                       en    eae   48.5  50.0   -1.5    -2.5 … -0.5  <0.001
            F1 in percent, protocol `strict-span`; 95 % interval of the difference by paired
            bootstrap, p by approximate randomization
        "#]]
        .assert_eq(&found);
        let b_quality = Quality { unread: 2, cut: 1, ..Quality::default() };
        // A sum has the counts of its sets.
        let found = comparisons(&[
            Comparison { b_quality, ..pair("d", 1.0) },
            Comparison { b_quality, ..pair(MICRO, 1.0) },
        ]);
        let expected =
            "B: answers not read whole: 2; cut: 1; objects invented: 0; classes not offered: 0\n";
        assert!(found.replace("\n  ", " ").ends_with(&expected), "{found}");
        assert!(!found.contains("A: answers") && fits(&found), "{found}");
        assert_eq!((types(&Scores::default()), comparisons(&[])), (String::new(), String::new()));
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
                命名实体识别的一…集名称之测试集合   zh    ner   66.6  63.5–69.5  66.6       66.6
                a-rather-long-nam…n-many-languages  all   ner   66.6  63.5–69.5  66.6       66.6
                ────────────────────────────────────────────────────────────────────────────────
                mean of languages                   all   ner   66.6  63.5–69.5  66.6       66.6
                F1 in percent, protocol `set`, 95 % interval by bootstrap
            "#]],
        );
        check(&Scores::default(), expect![[""]]);
    }
}
