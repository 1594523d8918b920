//! How far F1 moves with the order of the classes and the words that describe them.

use super::files::Run;
use super::html::{escape, percent};
use super::scores::protocols;
use super::table::{heads, table};

/// A row a set and what was varied, each task under its main protocol; nothing where all was asked once.
pub(super) fn section(run: &Run) -> String {
    let scores = &run.scores;
    let rows: Vec<String> = scores
        .main_sensitivity()
        .iter()
        .map(|it| {
            let ordinary = scores.rows.iter().find(|row| it.is_of(row)).and_then(|row| row.f1);
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span></th>\
                 <td class=\"left\">{}</td><td class=\"left\">{}</td><td>{}</td><td>{}</td>\
                 <td>{}</td><td>{}</td></tr>",
                escape(&it.dataset),
                escape(&it.language),
                it.task,
                it.varied.rounds(it.rounds),
                percent(ordinary),
                percent(Some(it.mean)),
                percent(Some(it.worst)),
                percent(Some(it.deviation)),
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let names = ["dataset", "task", "asked in", "F1", "mean", "worst", "deviation"];
    format!(
        "<p class=\"note\">The same questions with the classes in other orders, or described in other \
         words; {}. F1 is that of the ordinary prompt, which is one of \
         them; the deviation is the standard deviation.</p>{}",
        protocols(scores),
        table(&heads(&names), &rows)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::score::{Row, Scores, Sensitivity, Varied};

    #[test]
    fn what_was_asked_several_times_has_a_row() {
        let row: Row = serde_json::from_value(serde_json::json!({
            "dataset": "a<b", "language": "en", "task": "ner", "protocol": "set", "f1": 61.04,
            "gold": 9, "predicted": 9, "correct": 5,
        }))
        .unwrap();
        let told = Sensitivity {
            dataset: row.dataset.clone(),
            language: row.language.clone(),
            task: row.task,
            protocol: row.protocol,
            varied: Varied::Order,
            rounds: 5,
            mean: 58.04,
            worst: 40.04,
            deviation: 3.04,
        };
        let mut run = Run { scores: Scores::from(vec![row]), ..Run::default() };
        assert_eq!(section(&run), "");
        run.scores.sensitivity = vec![told];
        let html = section(&run);
        for part in
            ["a&lt;b", "5 orders", "<td>61.0</td><td>58.0</td>", "<td>40.0</td><td>3.0</td>"]
        {
            assert!(html.contains(part), "no {part} in {html}");
        }
    }
}
