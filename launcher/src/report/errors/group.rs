//! What the mistakes of a task in one language have in common.

use super::filter::Choices;
use super::letters::shown;
use super::{NAME, class, matrix, sign};
use crate::page::html::count;
use data_pipeline::errors::{
    ALL, BoundaryExample, Counts, Edge, Group, Kind, Label, Listed, Surface,
};

/// Types with a row.
const TYPES: usize = 25;
/// Rows of each other list.
const ROWS: usize = 12;
/// Characters of a text in a table.
const TEXT: usize = 80;

/// A block that can be unfolded.
pub(super) fn block(group: &Group, languages: &Choices, open: bool) -> String {
    let language = match group.language.as_str() {
        ALL => "all languages".to_owned(),
        language => format!("<bdi>{}</bdi>", shown(language, NAME)),
    };
    let datasets: String = match group.datasets.len() {
        1 => group.datasets.iter().map(|it| format!(" · <bdi>{}</bdi>", shown(it, NAME))).collect(),
        several => format!(" · {several} datasets"),
    };
    let Counts { sentences, flawless, .. } = group.counts;
    format!(
        "<details class=\"set item\"{attribute}{open}><summary><b>{task} · {language}</b>{bar}\
         <small>{flawless} of {sentences} sentences without a mistake{datasets}</small></summary>\
         {body}</details>",
        attribute = languages.attribute([group.language.as_str()]),
        open = if open { " open" } else { "" },
        task = group.task.to_string().to_uppercase(),
        bar = bar(&group.counts),
        flawless = count(flawless),
        sentences = count(sentences),
        body = matrix::table(group) + &types(&group.labels) + &boundaries(group) + &surfaces(group),
    )
}

/// The kinds as shares of a bar.
fn bar(counts: &Counts) -> String {
    let all: usize = counts.kinds.values().sum();
    let mut parts: Vec<(&str, usize)> = Vec::new();
    for kind in Kind::ALL {
        match parts.iter_mut().find(|(name, _)| *name == class(kind)) {
            Some((_, number)) => *number += counts.of(kind),
            None => parts.push((class(kind), counts.of(kind))),
        }
    }
    let words = |name: &str| {
        match name {
            "wrong" => "of another type",
            "near" => "of wrong extent",
            name => name,
        }
        .to_owned()
    };
    let told: Vec<String> =
        parts.iter().map(|(name, number)| format!("{} {}", count(*number), words(name))).collect();
    let bars: String = parts
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| {
            let share = *number as f64 / all.max(1) as f64 * 100.0;
            format!("<i class=\"{name}\" style=\"width:{share:.2}%\"></i>")
        })
        .collect();
    format!("<span class=\"stack\" role=\"img\" aria-label=\"{}\">{bars}</span>", told.join(", "))
}

fn types(labels: &Listed<Label>) -> String {
    let wrong: Vec<&Label> =
        labels.shown.iter().filter(|it| it.mistakes() > 0).take(TYPES).collect();
    if wrong.is_empty() {
        return String::new();
    }
    let rows: String = wrong
        .iter()
        .map(|it| {
            let numbers =
                [it.gold, it.predicted, it.correct, it.confused, it.near, it.missed, it.invented];
            let cells: String =
                numbers.iter().map(|number| format!("<td>{}</td>", count(*number))).collect();
            format!("<tr><th scope=\"row\"><bdi>{}</bdi></th>{cells}</tr>", shown(&it.label, NAME))
        })
        .collect();
    let names = [
        "type",
        "gold",
        "predicted",
        "✓ correct",
        "✗ other type",
        "⊃ extent",
        "− missed",
        "+ invented",
    ];
    format!(
        "<h4>Types by mistakes</h4>{}<p class=\"note\">{}</p>",
        plain_table("numbers", &names, &rows),
        of(wrong.len(), labels.of, "types")
    )
}

fn boundaries(group: &Group) -> String {
    let counts = &group.counts;
    if counts.boundary() == 0 {
        return String::new();
    }
    let kinds: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_boundary() && counts.of(*kind) > 0)
        .map(|kind| {
            format!(
                "<li class=\"near\"><b>{} {}</b> {}</li>",
                sign(kind),
                kind.words(),
                count(counts.of(kind))
            )
        })
        .collect();
    let shown_rows = group.boundaries.shown.len().min(ROWS);
    let rows: String = group.boundaries.shown.iter().take(ROWS).map(boundary).collect();
    format!(
        "<h4>Extent of mentions</h4><ul class=\"notes\">{}</ul>{}<p class=\"note\">{}, the most frequent \
         first.</p>{}",
        kinds.concat(),
        plain_table("texts", &["gold", "predicted", "", "type", "times"], &rows),
        of(shown_rows, group.boundaries.of, "different ones"),
        edges(&group.edges)
    )
}

fn boundary(it: &BoundaryExample) -> String {
    format!(
        "<tr><td class=\"left wrap\"><bdi>{}</bdi></td><td class=\"left wrap\"><bdi>{}</bdi></td>\
         <td class=\"left\">{} {}</td><td class=\"left\"><bdi>{}</bdi></td><td>{}</td></tr>",
        shown(&it.gold, TEXT),
        shown(&it.predicted, TEXT),
        sign(it.kind),
        it.kind.words(),
        shown(&it.label, NAME),
        count(it.count)
    )
}

fn edges(edges: &Listed<Edge>) -> String {
    if edges.shown.is_empty() {
        return String::new();
    }
    let items: String = edges
        .shown
        .iter()
        .take(ROWS)
        .map(|it| {
            let what = if it.added { "added" } else { "left off" };
            let place = if it.before { "before" } else { "after" };
            // White space alone would show nothing.
            let text: &str = if it.text.trim().is_empty() { "␣" } else { &it.text };
            format!(
                "<li>{what} {place}: <bdi>{}</bdi> <b>{}</b></li>",
                shown(text, TEXT),
                count(it.count)
            )
        })
        .collect();
    format!(
        "<ul class=\"notes\">{items}</ul><p class=\"note\">What was added or left off: {}.</p>",
        of(edges.shown.len().min(ROWS), edges.of, "texts")
    )
}

fn surfaces(group: &Group) -> String {
    let list = |title: &str, surfaces: &Listed<Surface>| {
        if surfaces.shown.is_empty() {
            return String::new();
        }
        let rows: String = surfaces.shown.iter().take(ROWS).map(surface).collect();
        format!(
            "<div><h4>{title}</h4>{}<p class=\"note\">{}.</p></div>",
            plain_table("texts", &["text", "type", "sentences"], &rows),
            of(surfaces.shown.len().min(ROWS), surfaces.of, "different ones"),
        )
    };
    let lists = list("− Missed most", &group.missed) + &list("+ Invented most", &group.invented);
    if lists.is_empty() { lists } else { format!("<div class=\"two\">{lists}</div>") }
}

fn surface(it: &Surface) -> String {
    format!(
        "<tr><th scope=\"row\" class=\"wrap\"><bdi>{}</bdi></th><td class=\"left\"><bdi>{}</bdi></td>\
         <td>{}</td></tr>",
        shown(&it.text, TEXT),
        shown(&it.label, NAME),
        count(it.count)
    )
}

/// A table without folds, of `numbers` or of `texts`.
fn plain_table(class: &str, names: &[&str], rows: &str) -> String {
    format!(
        "<div class=\"scroll\"><table class=\"plain {class}\"><thead><tr>{}</tr></thead><tbody>{rows}</tbody>\
         </table></div>",
        super::heads(names)
    )
}

/// `12 of 340 types`, or `12 types` if that is all; `what` is a plural.
fn of(shown: usize, all: usize, what: &str) -> String {
    let what = if all == 1 { what.trim_end_matches('s') } else { what };
    if shown == all {
        format!("{} {what}", count(all))
    } else {
        format!("{} of {} {what}", count(shown), count(all))
    }
}
