//! Sentences with what should have been found and what was, evenly spaced over each set.
//!
//! Objects are paired and marked as on the page of errors, which has the sentences with mistakes; these are
//! not chosen.

use super::errors::article;
use super::files::Run;
use super::html::{count, escape};
use data_pipeline::errors::{Analysis, Counts, Kind};
use data_pipeline::predictions::Prediction;
use data_pipeline::score::Set;

/// Sentences shown of each set.
const EXAMPLES: usize = 8;
/// Characters of an answer that are shown.
const LONGEST: usize = 4_000;

/// What the bar of a set is made of: the class on the page, the words, and the kinds.
const PARTS: [(&str, &str, &[Kind]); 5] = [
    ("correct", "correct", &[Kind::Correct]),
    (
        "near",
        "wrong extent",
        &[
            Kind::TooLong,
            Kind::TooShort,
            Kind::Shifted,
            Kind::Split,
            Kind::Merged,
            Kind::Rewritten,
            Kind::Reversed,
        ],
    ),
    ("wrong", "wrong type", &[Kind::WrongType, Kind::TypeAndBoundary]),
    ("missed", "missed", &[Kind::Missed]),
    ("invented", "invented", &[Kind::Invented, Kind::OutsideText]),
];

/// Examples of each set, folded away after the first; `analysis` has the counts of the same sets.
pub(super) fn section(run: &Run, analysis: &Analysis) -> String {
    let sets = run.sets.iter().zip(&analysis.sets);
    let sets: String = sets
        .filter(|(set, _)| !set.predictions.is_empty())
        .enumerate()
        .map(|(place, (set, errors))| set_block(set, &errors.counts, place == 0))
        .collect();
    if sets.is_empty() {
        return sets;
    }
    let legend: String = PARTS
        .iter()
        .map(|(class, words, _)| format!("<li><mark class=\"{class}\">{words}</mark></li>"))
        .collect();
    format!(
        "<ul class=\"legend\">{legend}</ul><p class=\"note\">By surface, as protocol \
         <code>set</code> counts; a wrong type or extent is one mistake. Mistakes are numbered below \
         each sentence. The sentences are evenly spaced over the set, not chosen.</p>{sets}"
    )
}

fn set_block(set: &Set, counts: &Counts, open: bool) -> String {
    let of = |kinds: &[Kind]| kinds.iter().map(|kind| counts.of(*kind)).sum::<usize>();
    let total: usize = PARTS.iter().map(|(_, _, kinds)| of(kinds)).sum();
    let mut bar = String::new();
    let mut words = Vec::new();
    for (class, name, kinds) in PARTS {
        let number = of(kinds);
        let share = number as f64 / total.max(1) as f64 * 100.0;
        if number > 0 {
            bar += &format!("<i class=\"{class}\" style=\"width:{share:.2}%\"></i>");
        }
        words.push(format!("{} {name}", count(number)));
    }
    let shown = EXAMPLES.min(set.predictions.len());
    let sentences: String =
        (0..shown).map(|i| sentence(&set.predictions[i * set.predictions.len() / shown])).collect();
    format!(
        "<details class=\"set\"{open}><summary><b dir=\"auto\">{title}</b>\
         <span class=\"stack\" role=\"img\" aria-label=\"{words}\">{bar}</span>\
         <small>{words} · {whole} of {all} sentences without a mistake</small></summary>\
         <p class=\"note\">{shown} of {all} sentences</p>{sentences}</details>",
        open = if open { " open" } else { "" },
        title = escape(&format!("{} · {} · {}", set.dataset, set.language, set.task)),
        words = words.join(" · "),
        whole = count(counts.flawless),
        all = count(set.predictions.len()),
    )
}

/// One sentence with its marks and mistakes, and the answer as generated.
fn sentence(prediction: &Prediction) -> String {
    let article = article(prediction, "");
    let mut letters = prediction.answer.chars();
    let mut answer: String = letters.by_ref().take(LONGEST).collect();
    if answer.is_empty() {
        return article;
    }
    if letters.next().is_some() {
        answer.push('…');
    }
    format!(
        "{article}<details class=\"answer\"><summary>answer</summary><pre dir=\"auto\">{}</pre></details>",
        escape(&answer)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::errors::class;
    use super::*;
    use data_pipeline::errors::{Limits, analyse};
    use data_pipeline::{Entity, Instance, Mention};
    use std::collections::BTreeSet;

    fn prediction(gold: &[(&str, &str)], predicted: &[(&str, &str)]) -> Prediction {
        let row = serde_json::json!({
            "id": "x", "dataset": "d", "language": "en", "task": "ner",
            "sentence": "Ann met <Bob> in New York.", "gold": [], "predicted": [],
            "answer": "results = [\"<\"]",
        });
        let objects = |list: &[(&str, &str)]| {
            let object = |(class, text): &(&str, &str)| {
                let (class, mention) = ((*class).to_owned(), Mention::surface(*text));
                Instance::Entity(Entity { class, mention })
            };
            list.iter().map(object).collect()
        };
        Prediction {
            gold: objects(gold),
            predicted: objects(predicted),
            ..serde_json::from_value(row).unwrap()
        }
    }

    #[test]
    fn a_boundary_error_is_one_mistake_here_as_on_the_page_of_errors() {
        let gold = [("Person", "Ann"), ("Person", "Bob"), ("City", "New York")];
        let predicted = [("Person", "Ann"), ("Place", "Bob"), ("City", "York"), ("City", "Rome")];
        let sets = Set::group([prediction(&gold, &predicted)]);
        let analysis = analyse(&sets, Limits::default());
        let html = set_block(&sets[0], &analysis.sets[0].counts, true);
        assert!(
            html.contains("1 correct · 1 wrong extent · 1 wrong type · 0 missed · 1 invented"),
            "{html}"
        );
        assert!(html.contains("results = [&quot;&lt;&quot;]") && !html.contains("<Bob>"), "{html}");
    }

    #[test]
    fn what_is_shown_of_a_sentence_is_bounded() {
        let many: Vec<(String, String)> =
            (0..5_000).map(|i| (format!("C{i}"), "Ann".to_owned())).collect();
        let many: Vec<(&str, &str)> =
            many.iter().map(|(class, text)| (class.as_str(), text.as_str())).collect();
        let html = sentence(&prediction(&[("Person", "Bob")], &many));
        assert!(html.len() < 20_000, "{}", html.len());
    }

    #[test]
    fn every_kind_is_in_one_part_under_a_class_of_the_page() {
        let parts: Vec<Kind> =
            PARTS.iter().flat_map(|(_, _, kinds)| kinds.iter().copied()).collect();
        assert_eq!(parts.len(), Kind::ALL.len());
        assert_eq!(parts.iter().collect::<BTreeSet<_>>(), Kind::ALL.iter().collect());
        for (name, _, kinds) in PARTS {
            assert!(kinds.iter().all(|kind| class(*kind) == name), "{name}");
        }
    }
}
