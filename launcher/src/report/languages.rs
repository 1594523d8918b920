//! Final F1 by language, where languages have several sets.

use super::html::{count, escape, percent};
use super::scores::scale;
use super::table::{heads, table};
use data_pipeline::Task;
use data_pipeline::score::{Protocol, Row, Scores};
use std::collections::BTreeMap;

/// A row a language, the worst first; nothing where each has one set, which the main table shows.
pub(super) fn table_of(scores: &Scores) -> String {
    let protocols = scores.main_protocols();
    protocols.into_iter().map(|(task, protocol)| of_task(scores, protocol, task)).collect()
}

fn of_task(scores: &Scores, protocol: Protocol, task: Task) -> String {
    let mut sets: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    let rows = scores.rows.iter().filter(|row| row.protocol == protocol && row.task == task);
    // Arguments of predicted triggers are no part of a language's arguments.
    for row in rows.filter(|row| !row.is_summary() && !row.is_chained() && row.gold > 0) {
        sets.entry(&row.language).or_default().push(row);
    }
    if sets.len() < 2 || sets.values().all(|rows| rows.len() == 1) {
        return String::new();
    }
    let mut languages: Vec<(Row, usize)> =
        sets.into_values().filter_map(|rows| Some((together(&rows)?, rows.len()))).collect();
    languages
        .sort_by(|(a, _), (b, _)| a.f1.unwrap_or_default().total_cmp(&b.f1.unwrap_or_default()));
    let floors = languages.iter().any(|(row, _)| scores.floor(row).is_some());
    let papers = languages.iter().any(|(row, _)| scores.paper(row).is_some());
    let mut names = vec!["language", "F1", "", "sets", "gold"];
    names.extend(floors.then_some("floor"));
    names.extend(papers.then_some("paper"));
    let cells: Vec<String> = languages
        .iter()
        .map(|(row, sets)| {
            let mut beside = String::new();
            for shown in [floors.then(|| scores.floor(row)), papers.then(|| scores.paper(row))] {
                beside += &shown.map_or(String::new(), |it| format!("<td>{}</td>", percent(it)));
            }
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><b>{}</b></td><td>{}</td><td>{sets}</td>\
                 <td>{}</td>{beside}</tr>",
                escape(&row.language),
                percent(row.f1),
                scale(scores, row),
                count(row.gold)
            )
        })
        .collect();
    let note = if floors || papers {
        " A language with several sets has what is beside it in the table of sets."
    } else {
        ""
    };
    format!(
        "<h3>By language, worst first<small>{task}</small></h3><p class=\"note\">The objects of a \
         language's sets counted together, protocol <code>{protocol}</code>.{note}</p>{}",
        table(&heads(&names), &cells)
    )
}

/// The sets of a language as one row; one alone keeps its name, and with it what is beside it.
fn together(rows: &[&Row]) -> Option<Row> {
    let first = rows.first()?;
    if rows.len() == 1 {
        return Some((*first).clone());
    }
    let sum = |number: fn(&Row) -> usize| rows.iter().map(|row| number(row)).sum::<usize>();
    let (gold, predicted, correct) =
        (sum(|row| row.gold), sum(|row| row.predicted), sum(|row| row.correct));
    Some(Row {
        dataset: String::new(),
        precision: None,
        recall: None,
        f1: Some(200.0 * correct as f64 / (gold + predicted) as f64),
        low: None,
        high: None,
        gold,
        predicted,
        correct,
        ..(*first).clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_pipeline::score::chained;

    fn row(dataset: &str, language: &str, gold: usize, correct: usize) -> Row {
        Row {
            dataset: dataset.into(),
            language: language.into(),
            task: Task::Ner,
            protocol: Protocol::Set,
            precision: None,
            recall: None,
            f1: Some(200.0 * correct as f64 / (gold + 100) as f64),
            low: None,
            high: None,
            gold,
            predicted: 100,
            correct,
            flaws: 0,
            sentences: 1,
            ..Row::default()
        }
    }

    #[test]
    fn sets_of_a_language_come_together_and_one_alone_keeps_its_floor() {
        let rows = vec![row("a", "en", 100, 80), row("b", "en", 300, 20), row("a", "sw", 100, 30)];
        let mut scores = Scores::from(rows);
        scores.floors.insert("a".into(), 12.5);
        let table = table_of(&scores);
        scores.rows.push(row(&chained("b"), "en", 100, 0));
        assert_eq!(table_of(&scores), table);
        scores.rows.pop();
        let (sw, en) = (table.find("<bdi>sw</bdi>"), table.find("<bdi>en</bdi>"));
        assert!(sw.is_some() && sw < en, "30.0 before 200 * 100 / 600 = 33.3: {table}");
        assert!(table.contains("<b>33.3</b>") && table.contains("<td>12.5</td>"), "{table}");
        assert!(table.contains("<td>2</td><td>400</td><td>–</td>"), "{table}");
        scores.rows.remove(1);
        assert_eq!(table_of(&scores), "", "the main table shows as much");
    }
}
