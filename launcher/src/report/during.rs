//! F1 by language while phases trained, the worst language foremost.

use super::chart::{Chart, Line, Points, Scale, chart, spark};
use super::files::{Evaluation, Run};
use super::html::{escape, figure, percent};
use super::table::{heads, table};
use std::collections::{BTreeMap, BTreeSet};

/// Languages with a colour of their own; of more, only the worst has one.
const COLOURS: usize = 6;

/// One language of a phase and task.
#[derive(Debug, PartialEq)]
struct Language {
    name: String,
    /// `(step, F1)`, ascending.
    points: Points,
}

/// A chart and a table a phase and task.
pub(super) fn section(run: &Run) -> String {
    let mut blocks: Vec<(&str, &str)> = Vec::new();
    for row in &run.evaluations {
        if !blocks.contains(&(&row.phase, &row.task)) {
            blocks.push((&row.phase, &row.task));
        }
    }
    let blocks: String = blocks.iter().map(|(phase, task)| block(run, phase, task)).collect();
    let Some(first) = run.evaluations.first().filter(|_| !blocks.is_empty()) else {
        return String::new();
    };
    let protocol = match first.protocol.as_str() {
        "" => String::new(),
        protocol => format!(", protocol <code>{}</code>", escape(protocol)),
    };
    format!(
        "<p class=\"note\">F1 in percent{protocol}, on a part of the benchmarks; the objects of a \
         language's sets are counted together.</p>{blocks}"
    )
}

fn block(run: &Run, phase: &str, task: &str) -> String {
    let rows: Vec<&Evaluation> =
        run.evaluations.iter().filter(|row| row.phase == phase && row.task == task).collect();
    let languages = languages(&rows);
    let Some(worst) = languages.first() else { return String::new() };
    let mean = mean(&languages);
    let mut steps = rows.iter().map(|row| row.step as f64).collect::<Vec<_>>();
    if let Some(phase) = run.steps.phases.iter().find(|it| it.name == phase) {
        steps.extend([phase.across().0, phase.across().1]);
    }
    let across = (
        steps.iter().copied().fold(f64::INFINITY, f64::min),
        steps.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let mut value = format!("{} {}", worst.name, percent(worst.last()));
    if languages.len() > 1 {
        value = format!("worst {value} · mean {}", percent(mean.last().map(|(_, f1)| *f1)));
    }
    let figure = chart(Chart {
        title: "F1 by language",
        value,
        lines: lines(&languages, &mean),
        level: None,
        across,
        marks: &[],
        logarithmic: false,
        smooth: false,
    });
    let task =
        if task.is_empty() { String::new() } else { format!("<small>{}</small>", escape(task)) };
    format!(
        "<div class=\"phase\"><h3><bdi>{}</bdi>{task}</h3><div class=\"wide\">{figure}</div>{}</div>",
        escape(phase),
        if languages.len() > 1 { told(&languages, &mean, across) } else { String::new() }
    )
}

/// The languages with F1, the worst at the end first.
fn languages(rows: &[&Evaluation]) -> Vec<Language> {
    let names: BTreeSet<&str> = rows.iter().map(|row| row.language.as_str()).collect();
    let mut languages: Vec<Language> = names
        .into_iter()
        .map(|name| {
            let mut steps: BTreeMap<u64, Vec<&Evaluation>> = BTreeMap::new();
            for row in rows.iter().filter(|row| row.language == name) {
                steps.entry(row.step).or_default().push(row);
            }
            let points = steps
                .into_iter()
                .filter_map(|(step, sets)| Some((step as f64, together(&sets)?)))
                .collect();
            Language { name: name.to_owned(), points }
        })
        .filter(|language| !language.points.is_empty())
        .collect();
    let last = |language: &Language| language.last().unwrap_or_default();
    languages.sort_by(|a, b| last(a).total_cmp(&last(b)).then_with(|| a.name.cmp(&b.name)));
    languages
}

/// F1 of several sets counted together; their mean where the counts are not told.
fn together(sets: &[&Evaluation]) -> Option<f64> {
    let sum = |number: fn(&Evaluation) -> Option<f64>| -> Option<f64> {
        sets.iter().map(|row| number(row)).sum()
    };
    let counts = (sum(|row| row.gold), sum(|row| row.predicted), sum(|row| row.correct));
    let f1 = if let (Some(gold), Some(predicted), Some(correct)) = counts {
        (gold > 0.0).then(|| 200.0 * correct / (gold + predicted))
    } else {
        let told: Vec<f64> = sets.iter().filter_map(|row| row.f1).collect();
        (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64)
    };
    f1.filter(|f1| (0.0..=100.0).contains(f1))
}

/// The mean of the languages at each step that has all of them.
fn mean(languages: &[Language]) -> Points {
    let mut sums: BTreeMap<u64, (usize, f64)> = BTreeMap::new();
    for (step, f1) in languages.iter().flat_map(|language| &language.points) {
        let sum = sums.entry(*step as u64).or_default();
        *sum = (sum.0 + 1, sum.1 + f1);
    }
    let number = languages.len();
    let whole = sums.into_iter().filter(|(_, (told, _))| *told == number);
    whole.map(|(step, (_, sum))| (step as f64, sum / number as f64)).collect()
}

/// The worst language on top, the mean below it, the others in the back.
fn lines(languages: &[Language], mean: &[(f64, f64)]) -> Vec<Line> {
    let coloured = languages.len() <= COLOURS;
    let line = |place: usize, language: &Language| {
        let (name, class) = match (place, coloured) {
            (0, _) => (format!("{}, the worst", language.name), "worst".to_owned()),
            (place, true) => (language.name.clone(), format!("s{place}")),
            // Named in the table, where each has a curve of its own.
            _ => (String::new(), "faint".to_owned()),
        };
        Line { name, note: percent(language.last()), class, points: language.points.clone() }
    };
    let mut lines: Vec<Line> =
        languages.iter().enumerate().map(|(place, it)| line(place, it)).collect();
    if languages.len() > 1 {
        lines.insert(
            1,
            Line {
                name: "mean of languages".into(),
                note: percent(mean.last().map(|(_, f1)| *f1)),
                class: "mean".into(),
                points: mean.to_vec(),
            },
        );
    }
    lines.reverse();
    lines
}

/// A row a language, and one for their mean.
fn told(languages: &[Language], mean: &[(f64, f64)], across: (f64, f64)) -> String {
    let values = languages.iter().flat_map(|language| language.points.iter().map(|(_, y)| *y));
    let scale = Scale::of(values, false);
    let row = |class: &str, name: &str, points: &[(f64, f64)]| {
        let best = points.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let (Some(first), Some(last), Some(best)) = (points.first(), points.last(), best) else {
            return String::new();
        };
        format!(
            "<tr{class}><th scope=\"row\"><bdi>{}</bdi></th><td class=\"curve\">{}</td>\
             <td><b>{:.1}</b></td><td>{:.1}</td><td>{:.1}</td><td>{}</td></tr>",
            escape(name),
            spark(points, &scale, across),
            last.1,
            first.1,
            best.1,
            figure(best.0)
        )
    };
    let mut rows: Vec<String> = Vec::new();
    let sum = row(" class=\"sum\"", "mean of languages", mean);
    rows.extend(Some(sum).filter(|sum| !sum.is_empty()));
    rows.extend(languages.iter().map(|language| row("", &language.name, &language.points)));
    table(&heads(&["language", "F1 by step", "last", "first", "best", "at step"]), &rows)
}

impl Language {
    fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, f1)| *f1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, language: &str, counts: Option<[f64; 3]>, f1: Option<f64>) -> Evaluation {
        let count = |place: usize| counts.map(|counts| counts[place]);
        Evaluation {
            phase: "p".into(),
            step,
            language: language.into(),
            f1,
            gold: count(0),
            predicted: count(1),
            correct: count(2),
            ..Evaluation::default()
        }
    }

    #[test]
    fn sets_of_a_language_are_counted_together() {
        let rows = [
            row(1, "en", Some([10.0, 10.0, 10.0]), Some(100.0)),
            row(1, "en", Some([30.0, 30.0, 0.0]), Some(0.0)),
            row(1, "sw", None, Some(10.0)),
            row(1, "sw", None, Some(20.0)),
            row(1, "yo", Some([0.0, 3.0, 0.0]), None),
            row(2, "sw", None, Some(30.0)),
        ];
        let rows: Vec<&Evaluation> = rows.iter().collect();
        let found = languages(&rows);
        let told: Vec<_> = found.iter().map(|it| (&*it.name, it.points.clone())).collect();
        assert_eq!(
            told,
            [("en", vec![(1.0, 25.0)]), ("sw", vec![(1.0, 15.0), (2.0, 30.0)])],
            "the worst at the end first; a language without gold has no F1"
        );
        assert_eq!(mean(&found), [(1.0, 20.0)], "only steps that have every language");
    }

    #[test]
    fn of_many_languages_only_the_worst_is_emphasised() {
        let many: Vec<Language> = (0..9)
            .map(|i| Language { name: format!("l{i}"), points: vec![(1.0, f64::from(i))] })
            .collect();
        let classes = |languages: &[Language]| -> String {
            let lines = lines(languages, &[(1.0, 4.0)]);
            lines.iter().map(|line| line.class.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(classes(&many[..3]), "s2 s1 mean worst");
        assert_eq!(classes(&many[..1]), "worst");
        assert!(classes(&many).starts_with("faint faint"));
        assert!(classes(&many).ends_with("faint mean worst"));
    }
}
