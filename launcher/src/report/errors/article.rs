//! One sentence: as annotated, as answered, and a list of what is wrong.

use super::letters::shown;
use super::marks::{Mark, line};
use super::{NAME, class, place, sign};
use data_pipeline::errors::{Claim, Finding, Findings, Kind, findings};
use data_pipeline::predictions::Prediction;
use data_pipeline::{Instance, Span, Task};
use std::collections::BTreeMap;

/// Mistakes that are told of a sentence.
const TOLD: usize = 20;
/// Flaws of an answer that are told.
const FLAWS: usize = 5;
/// Characters of a mention in the list.
const TEXT: usize = 120;

/// The sentence, with the attributes that it is filtered by.
pub(in crate::report) fn article(prediction: &Prediction, attributes: &str) -> String {
    let found = findings(prediction);
    let mistakes: Vec<&Finding> =
        found.list.iter().filter(|finding| finding.kind != Kind::Correct).collect();
    let mut notes: String =
        mistakes.iter().take(TOLD).enumerate().map(|(at, it)| note(at + 1, it, &found)).collect();
    if mistakes.len() > TOLD {
        notes += &format!("<li>and {} more</li>", mistakes.len() - TOLD);
    }
    for flaw in prediction.flaws.iter().take(FLAWS) {
        notes += &format!("<li class=\"flaw\" dir=\"auto\">{}</li>", shown(flaw, TEXT));
    }
    if prediction.flaws.len() > FLAWS {
        notes +=
            &format!("<li class=\"flaw\">and {} more flaws</li>", prediction.flaws.len() - FLAWS);
    }
    format!(
        "<article class=\"item\"{attributes}>{}{}{}<ul class=\"notes\">{notes}</ul></article>\n",
        place(prediction),
        side("gold", prediction, &marks(prediction, &found, true)),
        side("model", prediction, &marks(prediction, &found, false)),
    )
}

/// The sentence under a name, with marks.
pub(in crate::report) fn side(name: &str, prediction: &Prediction, marks: &[Mark]) -> String {
    let (text, left) = line(&prediction.sentence, marks);
    let left = match left {
        0 => String::new(),
        left => format!(" <small>{left} not marked</small>"),
    };
    format!(
        "<div class=\"side\"><b>{name}{left}</b><p class=\"text\" dir=\"auto\" lang=\"{}\">{text}</p></div>",
        language(&prediction.language)
    )
}

/// A language code as an attribute: what is none is left out.
fn language(code: &str) -> &str {
    let is_code = (2..=16).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_code { code } else { "" }
}

/// The marks of one side: the annotated objects, or the predicted ones.
pub(in crate::report) fn marks(prediction: &Prediction, found: &Findings, gold: bool) -> Vec<Mark> {
    let mut marks = given(prediction);
    let mut parts: BTreeMap<Vec<Span>, Vec<String>> = BTreeMap::new();
    let mut number = 0;
    for finding in &found.list {
        number += usize::from(finding.kind != Kind::Correct);
        let (claims, list) = if gold {
            (&found.gold, &finding.gold)
        } else {
            (&found.predicted, &finding.predicted)
        };
        for claim in list.iter().map(|at| &claims[*at]) {
            match claim.slots.as_slice() {
                [slot] => marks.extend(slot.places.iter().map(|place| Mark {
                    place: place.clone(),
                    class: class(finding.kind),
                    label: label(finding.kind, claim),
                })),
                [head, tail] if finding.kind != Kind::Correct => {
                    for (slot, side) in [(head, "head"), (tail, "tail")] {
                        if let Some(place) = slot.places.first() {
                            let told = format!("{number} {side}");
                            parts.entry(place.clone()).or_default().push(told);
                        }
                    }
                }
                slots => {
                    for place in slots.iter().filter_map(|slot| slot.places.first()) {
                        parts.entry(place.clone()).or_default();
                    }
                }
            }
        }
    }
    marks.extend(parts.into_iter().map(|(place, told)| relation_part(place, &told)));
    marks
}

/// A mention of relations, with the numbers of the mistakes that it is in.
fn relation_part(place: Vec<Span>, told: &[String]) -> Mark {
    const MOST: usize = 4;
    let class = if told.is_empty() { "correct" } else { "near" };
    let mut label = told.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if told.len() > MOST {
        label.push('…');
    }
    if told.is_empty() {
        label.push('✓');
    }
    Mark { place, class, label }
}

/// The triggers that a model was told.
pub(in crate::report) fn given(prediction: &Prediction) -> Vec<Mark> {
    if prediction.task != Task::Eae {
        return Vec::new();
    }
    let triggers = prediction.gold.iter().filter_map(|instance| match instance {
        Instance::Event(event) => Some(&event.trigger),
        _ => None,
    });
    let places = triggers.map(|trigger| trigger.places().to_vec()).filter(|it| !it.is_empty());
    places.map(|place| Mark { place, class: "given", label: String::new() }).collect()
}

fn label(kind: Kind, claim: &Claim) -> String {
    format!("{} {}", sign(kind), shown(&claim.label, NAME))
}

/// A mistake in words.
fn note(number: usize, finding: &Finding, found: &Findings) -> String {
    let side = |claims: &[Claim], list: &[usize]| -> String {
        let told: Vec<String> = list.iter().map(|at| object(&claims[*at])).collect();
        told.join(" <i>and</i> ")
    };
    let mut told = side(&found.gold, &finding.gold);
    if !finding.gold.is_empty() && !finding.predicted.is_empty() {
        told += " <i>predicted as</i> ";
    }
    told += &side(&found.predicted, &finding.predicted);
    format!(
        "<li class=\"{}\"><b>{number} {} {}</b> {told}</li>",
        class(finding.kind),
        sign(finding.kind),
        finding.kind.words()
    )
}

fn object(claim: &Claim) -> String {
    format!(
        "{} <small><bdi>{}</bdi></small>",
        relation_or_mention(claim),
        shown(&claim.label, NAME)
    )
}

/// The text of an object.
fn relation_or_mention(claim: &Claim) -> String {
    let texts: Vec<String> =
        claim.slots.iter().map(|slot| format!("<bdi>{}</bdi>", shown(slot.text, TEXT))).collect();
    texts.join(" → ")
}
