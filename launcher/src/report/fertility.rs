//! Languages: their F1 beside the tokens that the vocabulary makes of a word.

use super::files::Run;
use super::html::{count, escape, percent};
use super::scores::protocols;
use super::table::{heads, table};
use data_pipeline::Task;
use data_pipeline::score::languages;

/// A row a language; nothing where no tokens were counted.
pub(super) fn section(run: &Run) -> String {
    let scores = &run.scores;
    if scores.fertility.is_empty() {
        return String::new();
    }
    let languages = languages(scores);
    let has = |task: &Task| languages.iter().any(|it| it.f1.contains_key(task));
    let tasks: Vec<Task> =
        [Task::Ner, Task::Re, Task::Ed, Task::Eae].into_iter().filter(has).collect();
    let titles: Vec<String> = tasks.iter().map(|task| format!("F1 {task}")).collect();
    let mut names = vec!["language"];
    names.extend(titles.iter().map(String::as_str));
    names.extend(["tokens", "words or characters", "tokens a unit"]);
    let rows: Vec<String> = languages
        .iter()
        .map(|it| {
            let f1: String = tasks
                .iter()
                .map(|task| format!("<td>{}</td>", percent(it.f1.get(task).copied())))
                .collect();
            let tokens = match it.fertility {
                Some(found) => format!(
                    "<td>{}</td><td>{}</td><td><b>{:.2}</b> a {}</td>",
                    count(found.tokens),
                    count(found.units),
                    found.ratio().unwrap_or_default(),
                    found.unit
                ),
                None => "<td>–</td>".repeat(3),
            };
            format!("<tr><th scope=\"row\"><bdi>{}</bdi></th>{f1}{tokens}</tr>", escape(&it.code))
        })
        .collect();
    format!(
        "<p class=\"note\">The objects of a language's sets counted together, {}, and \
         what the run's vocabulary makes of their sentences: tokens a word, \
         or a character where a language writes no spaces.</p>{}",
        protocols(scores),
        table(&heads(&names), &rows)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::corpus::Unit;
    use data_pipeline::score::{Fertility, Row, Scores};

    #[test]
    fn f1_and_fertility_stand_side_by_side() {
        let row = |language: &str, task: Task| -> Row {
            serde_json::from_value(serde_json::json!({
                "dataset": "d", "language": language, "task": task, "protocol": "set", "f1": 50.0,
                "gold": 10, "predicted": 10, "correct": 5,
            }))
            .unwrap()
        };
        let rows = vec![row("en", Task::Ner), row("sw", Task::Ner), row("sw", Task::Ed)];
        let mut run = Run { scores: Scores::from(rows), ..Run::default() };
        assert_eq!(section(&run), "");
        let fertility = Fertility { tokens: 150, units: 100, unit: Unit::Word };
        run.scores.fertility = [("en".to_owned(), fertility)].into();
        let html = section(&run);
        for part in [
            ">F1 ner<",
            "<bdi>en</bdi></th><td>50.0</td><td>–</td><td>150</td><td>100</td><td><b>1.50</b> a word</td>",
            "<bdi>sw</bdi></th><td>50.0</td><td>50.0</td><td>–</td><td>–</td><td>–</td>",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
    }
}
