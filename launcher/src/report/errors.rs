//! What the answers got wrong, on a page of its own beside the report: which types are taken for which
//! others, where mentions begin and end wrongly, what is missed and invented, and sentences that show it.
//!
//! [`data_pipeline::errors`] counts; this shows, a bounded part of it, and says of how much. The report
//! itself has the numbers of each set and a link.

mod article;
mod filter;
mod group;
mod letters;
mod marks;
mod matrix;

use super::table::{heads, table};
use crate::page::html::{count, escape};
use crate::page::{self, Page, Section};
pub(super) use article::{article, given, marks, side};
use data_pipeline::errors::{Analysis, Counts, Kind, SetErrors};
use data_pipeline::score::Set;
use data_pipeline::width::printable;
pub(super) use filter::{Choices, SCRIPT, form};
pub(super) use letters::shown;
pub(super) use marks::Mark;
use std::cmp::Reverse;

/// The page's name in a run directory.
pub(super) const FILE: &str = "errors.html";
/// Bytes of all groups, and of all examples; what is more is left out, and the page says so.
pub(super) const BYTES: usize = 1_500_000;
/// Characters of a name.
pub(super) const NAME: usize = 60;

/// What a page has room for.
pub(super) struct Room {
    left: usize,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { left: BYTES }
    }

    /// Whether there is room for these bytes too; then they take it.
    pub(super) fn has(&mut self, html: &str) -> bool {
        match self.left.checked_sub(html.len()) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// The numbers of each set, for the report; nothing without predictions.
pub(super) fn section(analysis: &Analysis) -> String {
    if analysis.sets.iter().all(|set| set.counts.sentences == 0) {
        return String::new();
    }
    format!(
        "<p><a href=\"{FILE}\">{FILE}</a> beside this page: which types are taken for which, where \
         mentions begin and end wrongly, what is missed and invented most, and {} sentences.</p>{}",
        count(analysis.examples.shown.len()),
        sets(analysis)
    )
}

/// The whole page.
pub(super) fn page(name: &str, run: &[Set], analysis: &Analysis) -> String {
    let choices = Filters::new(analysis);
    let name = &printable(name);
    let page = Page {
        title: format!("{name}: errors"),
        header: page::header("knowcoder errors", name, &[], &tiles(analysis))
            + &form(&[&choices.language, &choices.dataset, &choices.kind, &choices.label]),
        sections: vec![
            Section::new("sets", "Mistakes by set", sets_and_legend(analysis)),
            Section::new("groups", "By task and language", groups(analysis, &choices)),
            Section::new("examples", "Sentences", examples(run, analysis, &choices)),
        ],
        style: include_str!("errors/errors.css"),
        script: SCRIPT,
        empty: "This run has no predictions yet.",
    };
    page.to_html()
}

/// What the page can be filtered by.
struct Filters {
    language: Choices,
    dataset: Choices,
    kind: Choices,
    label: Choices,
}

impl Filters {
    fn new(analysis: &Analysis) -> Self {
        let Analysis { sets, groups, examples } = analysis;
        let kinds = Kind::ALL.into_iter().filter(|kind| {
            *kind != Kind::Correct
                && examples.shown.iter().flat_map(|it| &it.findings).any(|it| it.kind == *kind)
        });
        let told = examples.shown.iter().flat_map(|it| &it.findings);
        let claims = told.flat_map(|it| it.gold.iter().chain(&it.predicted));
        // Those with the most mistakes first, so that what has no choice is rare.
        let mut labels: Vec<(usize, &str)> = groups
            .iter()
            .flat_map(|group| &group.labels.shown)
            .map(|it| (it.mistakes(), it.label.as_str()))
            .collect();
        labels.sort_unstable_by_key(|(mistakes, label)| (Reverse(*mistakes), *label));
        let labels = labels.into_iter().map(|(_, label)| label.to_owned());
        let shown: std::collections::HashSet<&str> = claims.map(|it| it.label.as_str()).collect();
        Self {
            language: Choices::new("l", "language", sets.iter().map(|it| it.language.clone())),
            dataset: Choices::new("d", "dataset", sets.iter().map(|it| it.dataset.clone())),
            kind: Choices::new("k", "mistake", kinds.map(|kind| kind.words().to_owned())),
            label: Choices::new("t", "type", labels.filter(|it| shown.contains(it.as_str()))),
        }
    }
}

fn tiles(analysis: &Analysis) -> String {
    let mut total = Counts::default();
    for set in &analysis.sets {
        total.sentences += set.counts.sentences;
        total.flawless += set.counts.flawless;
        for (kind, number) in &set.counts.kinds {
            *total.kinds.entry(*kind).or_default() += number;
        }
    }
    if total.sentences == 0 {
        return String::new();
    }
    let wrong = total.sentences - total.flawless;
    let share = wrong as f64 / total.sentences as f64 * 100.0;
    let all: usize =
        total.kinds.iter().filter(|(kind, _)| **kind != Kind::Correct).map(|(_, it)| it).sum();
    let part =
        |number: usize| format!("{:.1} % of mistakes", number as f64 / all.max(1) as f64 * 100.0);
    let note = format!("{share:.1} % of {}", count(total.sentences));
    let tile =
        |(_, name, number): (_, &str, usize)| page::tile(name, &count(number), &part(number));
    page::tile("sentences with a mistake", &count(wrong), &note)
        + &mistakes(&total).map(tile).concat()
}

/// The kinds of mistakes that tiles, columns and legend tell apart: a column's head, its name in full, and
/// how many there are.
fn mistakes(counts: &Counts) -> [(&'static str, &'static str, usize); 6] {
    let of = |kind: Kind| counts.of(kind);
    [
        ("✗ type", "wrong type", of(Kind::WrongType)),
        ("⊃ extent", "wrong extent", counts.boundary() + of(Kind::Reversed)),
        ("⊗ both", "wrong type and extent", of(Kind::TypeAndBoundary)),
        ("− missed", "missed", of(Kind::Missed)),
        ("+ invented", "invented", of(Kind::Invented)),
        ("∅ not in text", "not in the text", of(Kind::OutsideText)),
    ]
}

/// What the heads of the table mean.
const LEGEND: &str = "<dl class=\"kinds\">\
    <div><dt>✗ wrong type</dt><dd>the annotated mention, with another type</dd></div>\
    <div><dt>⊃ wrong extent</dt><dd>the right type; the mention is too long (⊃), too short (⊂), shifted \
    (⇢), split (÷) or merged with another (∪); of a relation, head and tail change places (⇄)</dd></div>\
    <div><dt>⊗ both</dt><dd>another type, and the mentions only overlap</dd></div>\
    <div><dt>− missed</dt><dd>annotated, and nothing like it predicted</dd></div>\
    <div><dt>+ invented</dt><dd>predicted, and nothing like it annotated</dd></div>\
    <div><dt>∅ not in the text</dt><dd>predicted, and the sentence does not have the text</dd></div></dl>\
    <p class=\"note\">Objects are compared by surface and count once a sentence, as protocol \
    <code>set</code> does; but a wrong type or extent is one mistake here, where a score counts a miss and \
    an invention. Each object is in one column only.</p>";

fn sets_and_legend(analysis: &Analysis) -> String {
    if analysis.sets.is_empty() { String::new() } else { sets(analysis) + LEGEND }
}

/// A row a set, those with the most mistakes first.
fn sets(analysis: &Analysis) -> String {
    let mut sets: Vec<&SetErrors> = analysis.sets.iter().collect();
    sets.sort_by_key(|set| {
        Reverse(set.counts.predicted + set.counts.gold - 2 * set.counts.of(Kind::Correct))
    });
    let rows: Vec<String> = sets
        .iter()
        .map(|set| {
            let Counts { sentences, flawless, gold, .. } = set.counts;
            let wrong = mistakes(&set.counts).map(|(_, _, number)| number);
            let numbers = [sentences, flawless, gold, set.counts.of(Kind::Correct)];
            let numbers = numbers.into_iter().chain(wrong);
            let cells: String =
                numbers.map(|number| format!("<td>{}</td>", count(number))).collect();
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span> \
                 <span class=\"tag\">{}</span></th>{cells}</tr>",
                shown(&set.dataset, NAME),
                shown(&set.language, NAME),
                set.task
            )
        })
        .collect();
    let kinds = mistakes(&Counts::default()).map(|(head, _, _)| head);
    let names = ["dataset", "sentences", "flawless", "gold", "✓ correct"];
    let names: Vec<&str> = names.into_iter().chain(kinds).collect();
    format!("<div class=\"mistakes\">{}</div>", table(&heads(&names), &rows))
}

fn groups(analysis: &Analysis, choices: &Filters) -> String {
    let mut room = Room::new();
    let mut blocks = String::new();
    let mut shown = 0;
    for group in &analysis.groups {
        let block = group::block(group, &choices.language, shown == 0);
        if room.has(&block) {
            blocks += &block;
            shown += 1;
        }
    }
    if blocks.is_empty() {
        return String::new();
    }
    let all = analysis.groups.len();
    let left = if shown < all {
        format!(
            "<p class=\"note\">{shown} of {all} groups; the others are left out for the size of the \
             page. <code>knowcoder report --json</code> has them.</p>"
        )
    } else {
        String::new()
    };
    left + &blocks
}

/// The sentences, in the order of the sets.
fn examples(run: &[Set], analysis: &Analysis, choices: &Filters) -> String {
    let mut room = Room::new();
    let mut articles = String::new();
    let mut number = 0;
    for example in &analysis.examples.shown {
        let prediction = run.get(example.set).and_then(|set| set.predictions.get(example.row));
        let Some(prediction) = prediction else { continue };
        let told = || example.findings.iter();
        let claims = told().flat_map(|it| it.gold.iter().chain(&it.predicted));
        let attributes = choices.language.attribute([example.language.as_str()])
            + &choices.dataset.attribute([example.dataset.as_str()])
            + &choices.kind.attribute(told().map(|it| it.kind.words()))
            + &choices.label.attribute(claims.map(|it| it.label.as_str()));
        let article = article(prediction, &attributes);
        if room.has(&article) {
            articles += &article;
            number += 1;
        }
    }
    if number == 0 {
        return String::new();
    }
    format!(
        "<p class=\"note\">{} of {} sentences with a mistake, drawn evenly from every set and kind of \
         mistake, not chosen. Each is shown as annotated and as answered.</p>{articles}",
        count(number),
        count(analysis.examples.of)
    )
}

/// The class of a kind's style.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Correct => "correct",
        Kind::WrongType | Kind::TypeAndBoundary => "wrong",
        Kind::Missed => "missed",
        Kind::Invented | Kind::OutsideText => "invented",
        _ => "near",
    }
}

/// What tells a kind without colour.
pub(super) fn sign(kind: Kind) -> &'static str {
    // None is a letter and a mark: where a font lacks it, browsers draw the two, one over the other.
    match kind {
        Kind::Correct => "✓",
        Kind::WrongType => "✗",
        Kind::TooLong => "⊃",
        Kind::TooShort => "⊂",
        Kind::Shifted => "⇢",
        Kind::Split => "÷",
        Kind::Merged => "∪",
        Kind::Rewritten => "≈",
        Kind::Reversed => "⇄",
        Kind::TypeAndBoundary => "⊗",
        Kind::Missed => "−",
        Kind::Invented => "+",
        Kind::OutsideText => "∅",
    }
}

/// Which sentence of which set.
pub(super) fn place(prediction: &data_pipeline::predictions::Prediction) -> String {
    format!(
        "<p class=\"id\"><bdi>{}</bdi> · <bdi>{}</bdi> · {} · <bdi>{}</bdi></p>",
        shown(&prediction.dataset, NAME),
        shown(&prediction.language, NAME),
        escape(&prediction.task.to_string()),
        shown(&prediction.id, 2 * NAME),
    )
}

#[cfg(test)]
mod tests;
